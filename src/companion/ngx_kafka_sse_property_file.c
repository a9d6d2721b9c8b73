
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_property_file.h>


#define NGX_KAFKA_SSE_PROPERTY_FILE_MAX  (1024 * 1024)


static ngx_int_t ngx_kafka_sse_property_file_value(ngx_conf_t *cf,
    ngx_file_t *file, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_property_file_wrong(ngx_conf_t *cf,
    ngx_file_t *file, char *what);


ngx_int_t
ngx_kafka_sse_property_file_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_int_t   rc;
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    /* not to wait for the writer of a pipe */

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_property_file_value(cf, &file, value);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", name);
    }

    return rc;
}


static ngx_int_t
ngx_kafka_sse_property_file_value(ngx_conf_t *cf, ngx_file_t *file,
    ngx_str_t *value)
{
    size_t           size;
    ssize_t          n;
    ngx_file_info_t  fi;

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &file->name);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        return ngx_kafka_sse_property_file_wrong(cf, file, "is not a file");
    }

    if (ngx_file_size(&fi) > NGX_KAFKA_SSE_PROPERTY_FILE_MAX) {
        return ngx_kafka_sse_property_file_wrong(cf, file,
                                                 "is larger than 1 MiB");
    }

    size = ngx_file_size(&fi);

    value->data = ngx_pnalloc(cf->pool, size + 1);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_file(file, value->data, size, 0);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_file_n " \"%V\" failed", &file->name);
        return NGX_ERROR;
    }

    if (ngx_strlchr(value->data, value->data + n, '\0')) {
        return ngx_kafka_sse_property_file_wrong(cf, file,
                                                 "holds a zero byte");
    }

    if (n && value->data[n - 1] == LF) {
        n--;

        if (n && value->data[n - 1] == CR) {
            n--;
        }
    }

    if (n == 0) {
        return ngx_kafka_sse_property_file_wrong(cf, file, "is empty");
    }

    value->data[n] = '\0';
    value->len = n;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_property_file_wrong(ngx_conf_t *cf, ngx_file_t *file,
    char *what)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "file \"%V\" of \"property_file\" %s", &file->name,
                       what);

    return NGX_ERROR;
}
