
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_password.h>


#define NGX_KAFKA_SSE_REDIS_PASSWORD   4096     /* bytes; those of cloud
                                                   services are tokens */


static ssize_t ngx_kafka_sse_redis_password_load(ngx_conf_t *cf,
    ngx_str_t *path, u_char *buf, size_t size);


char *
ngx_kafka_sse_redis_password_read(ngx_conf_t *cf, ngx_str_t *password,
    ngx_str_t *path)
{
    u_char   *buf;
    ssize_t   n;

    if (password->len) {
        return "duplicate password";
    }

    if (path->len == 0) {
        return "no path";
    }

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    buf = ngx_pnalloc(cf->pool, NGX_KAFKA_SSE_REDIS_PASSWORD);
    if (buf == NULL) {
        return NGX_CONF_ERROR;
    }

    n = ngx_kafka_sse_redis_password_load(cf, path, buf,
                                          NGX_KAFKA_SSE_REDIS_PASSWORD);
    if (n == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (n && buf[n - 1] == LF) {
        n--;

        if (n && buf[n - 1] == CR) {
            n--;
        }
    }

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no password in \"%V\"", path);
        return NGX_CONF_ERROR;
    }

    password->data = buf;
    password->len = n;

    return NGX_CONF_OK;
}


/* the file may be a pipe, so its size is known at its end only */

static ssize_t
ngx_kafka_sse_redis_password_load(ngx_conf_t *cf, ngx_str_t *path,
    u_char *buf, size_t size)
{
    size_t    len;
    ssize_t   n;
    ngx_fd_t  fd;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    len = 0;

    do {
        n = ngx_read_fd(fd, buf + len, size - len);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", path);
            break;
        }

        len += n;

    } while (n && len < size);

    if (n > 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too long a password in \"%V\"", path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return n ? NGX_ERROR : (ssize_t) len;
}
