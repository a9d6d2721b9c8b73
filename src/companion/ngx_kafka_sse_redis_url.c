
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_url.h>


#define NGX_KAFKA_SSE_REDIS_PASSWORD   4096     /* bytes; those of cloud
                                                   services are tokens */

#define ngx_kafka_sse_redis_url_has(value, text)                              \
    ((value)->len >= sizeof(text) - 1                                         \
     && ngx_strncmp((value)->data, text, sizeof(text) - 1) == 0)


/*
 * What returns char * returns NGX_CONF_OK, NGX_CONF_ERROR if it has logged
 * why, or what is wrong, for ngx_kafka_sse_redis_url_refuse() to log.
 */

static ngx_kafka_sse_redis_conf_t *ngx_kafka_sse_redis_url_create(
    ngx_conf_t *cf);
static char *ngx_kafka_sse_redis_url_off(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static char *ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_userinfo(ngx_kafka_sse_redis_conf_t *redis,
    u_char *p, u_char *last);
static ngx_int_t ngx_kafka_sse_redis_url_unescape(ngx_str_t *dst, u_char *p,
    u_char *last);
static char *ngx_kafka_sse_redis_url_host(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host);
static char *ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_user(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *user);
static char *ngx_kafka_sse_redis_url_db(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *db);
static char *ngx_kafka_sse_redis_url_prefix(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *prefix);
static char *ngx_kafka_sse_redis_url_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *path);
static ssize_t ngx_kafka_sse_redis_url_read(ngx_conf_t *cf, ngx_str_t *path,
    u_char *buf, size_t size);
static char *ngx_kafka_sse_redis_url_refuse(ngx_conf_t *cf, char *what,
    ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_refuse_address(ngx_conf_t *cf,
    char *what, ngx_str_t *value);
static u_char *ngx_kafka_sse_redis_url_last(u_char *p, u_char *last, u_char c);


char *
ngx_kafka_sse_redis_url(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t **redisp)
{
    char                        *rv;
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_kafka_sse_redis_conf_t  *redis;

    value = cf->args->elts;

    redis = ngx_kafka_sse_redis_url_create(cf);
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    *redisp = redis;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return ngx_kafka_sse_redis_url_off(cf, redis);
    }

    rv = ngx_kafka_sse_redis_url_address(cf, redis, &value[1]);
    if (rv != NGX_CONF_OK) {
        return ngx_kafka_sse_redis_url_refuse_address(cf, rv, &value[1]);
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_kafka_sse_redis_url_parameter(cf, redis, &value[i]);
        if (rv != NGX_CONF_OK) {
            return ngx_kafka_sse_redis_url_refuse(cf, rv, &value[i]);
        }
    }

    if (redis->user.len && redis->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "user \"%V\" of Redis has no password",
                           &redis->user);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_uint_value(redis->db, 0);

    if (redis->prefix.data == NULL) {
        ngx_str_set(&redis->prefix, NGX_KAFKA_SSE_REDIS_PREFIX);
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_sse_redis_url_default(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t **redisp)
{
    ngx_str_t                    url;
    ngx_kafka_sse_redis_conf_t  *redis;

    redis = ngx_kafka_sse_redis_url_create(cf);
    if (redis == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&url, NGX_KAFKA_SSE_REDIS_URL);

    if (ngx_kafka_sse_redis_url_address(cf, redis, &url) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    redis->db = 0;
    ngx_str_set(&redis->prefix, NGX_KAFKA_SSE_REDIS_PREFIX);

    *redisp = redis;

    return NGX_OK;
}


static ngx_kafka_sse_redis_conf_t *
ngx_kafka_sse_redis_url_create(ngx_conf_t *cf)
{
    ngx_kafka_sse_redis_conf_t  *redis;

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_redis_conf_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->db = NGX_CONF_UNSET_UINT;

    return redis;
}


static char *
ngx_kafka_sse_redis_url_off(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts > 2) {
        return ngx_kafka_sse_redis_url_refuse(cf, "something after \"off\"",
                                              &value[2]);
    }

    redis->off = 1;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value)
{
    char       *rv;
    u_char     *p, *last;
    ngx_str_t   host, db;

    if (ngx_kafka_sse_redis_url_has(value, "unix:")) {
        return ngx_kafka_sse_redis_url_host(cf, redis, value);
    }

    if (ngx_kafka_sse_redis_url_has(value, "rediss://")) {
        return "TLS is not supported yet,";
    }

    if (!ngx_kafka_sse_redis_url_has(value, "redis://")) {
        return "neither \"redis://\" nor \"unix:\"";
    }

    host.data = value->data + sizeof("redis://") - 1;
    last = value->data + value->len;

    /* a password may hold "@" and "/", a host may not */

    p = ngx_kafka_sse_redis_url_last(host.data, last, '@');

    if (p) {
        rv = ngx_kafka_sse_redis_url_userinfo(redis, host.data, p);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        host.data = p + 1;
    }

    p = ngx_strlchr(host.data, last, '/');

    host.len = (p ? p : last) - host.data;

    if (p && p + 1 != last) {
        db.data = p + 1;
        db.len = last - db.data;

        rv = ngx_kafka_sse_redis_url_db(cf, redis, &db);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (ngx_kafka_sse_redis_url_has(&host, "unix:")) {
        return "unix socket after \"redis://\"";
    }

    return ngx_kafka_sse_redis_url_host(cf, redis, &host);
}


/* decodes it where it stands */

static char *
ngx_kafka_sse_redis_url_userinfo(ngx_kafka_sse_redis_conf_t *redis, u_char *p,
    u_char *last)
{
    u_char  *colon;

    colon = ngx_strlchr(p, last, ':');

    if (p == last || (colon && colon + 1 == last)) {
        return "no password before \"@\"";
    }

    if (ngx_kafka_sse_redis_url_unescape(&redis->user, p, colon ? colon : last)
        != NGX_OK
        || (colon && ngx_kafka_sse_redis_url_unescape(&redis->password,
                                                      colon + 1, last)
                     != NGX_OK))
    {
        return "invalid percent-encoding before \"@\"";
    }

    return NGX_CONF_OK;
}


/* ngx_unescape_uri() lets what is no percent-encoding pass */

static ngx_int_t
ngx_kafka_sse_redis_url_unescape(ngx_str_t *dst, u_char *p, u_char *last)
{
    u_char     *d;
    ngx_int_t   c;

    d = p;
    dst->data = d;

    while (p < last) {
        c = *p++;

        if (c == '%') {
            c = (last - p < 2) ? NGX_ERROR : ngx_hextoi(p, 2);
            if (c == NGX_ERROR) {
                return NGX_ERROR;
            }

            p += 2;
        }

        *d++ = (u_char) c;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


/* "host", "host:port", "[address]:port" or "unix:path" */

static char *
ngx_kafka_sse_redis_url_host(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host)
{
    size_t      len;
    ngx_str_t  *name;
    ngx_url_t   u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *host;
    u.default_port = NGX_KAFKA_SSE_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : NGX_CONF_ERROR;
    }

    redis->addr = &u.addrs[0];

    name = &redis->name;
    *name = *host;

    if (u.no_port) {
        len = host->len + sizeof(":65535") - 1;

        name->data = ngx_pnalloc(cf->pool, len);
        if (name->data == NULL) {
            return NGX_CONF_ERROR;
        }

        name->len = ngx_sprintf(name->data, "%V:%d", host,
                                NGX_KAFKA_SSE_REDIS_PORT)
                    - name->data;
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value)
{
    ngx_str_t   arg, *name;
    ngx_uint_t  i;

    static struct {
        ngx_str_t   name;
        char     *(*handler)(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
                             ngx_str_t *arg);
    } parameters[] = {
        { ngx_string("user="), ngx_kafka_sse_redis_url_user },
        { ngx_string("password_file="), ngx_kafka_sse_redis_url_password_file },
        { ngx_string("db="), ngx_kafka_sse_redis_url_db },
        { ngx_string("prefix="), ngx_kafka_sse_redis_url_prefix },
        { ngx_null_string, NULL }
    };

    for (i = 0; parameters[i].name.len; i++) {
        name = &parameters[i].name;

        if (value->len >= name->len
            && ngx_strncmp(value->data, name->data, name->len) == 0)
        {
            arg.data = value->data + name->len;
            arg.len = value->len - name->len;

            return parameters[i].handler(cf, redis, &arg);
        }
    }

    if (ngx_kafka_sse_redis_url_has(value, "password=")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"password=\", "
                           "use \"password_file=\"");
        return NGX_CONF_ERROR;
    }

    return "unknown parameter";
}


static char *
ngx_kafka_sse_redis_url_user(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
    ngx_str_t *user)
{
    if (redis->user.len) {
        return "duplicate user";
    }

    if (user->len == 0) {
        return "no user";
    }

    redis->user = *user;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_db(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
    ngx_str_t *db)
{
    ngx_int_t  n;

    if (redis->db != NGX_CONF_UNSET_UINT) {
        return "duplicate db";
    }

    n = ngx_atoi(db->data, db->len);
    if (n == NGX_ERROR) {
        return "invalid db number";
    }

    redis->db = n;

    return NGX_CONF_OK;
}


/* braces are ours: a channel is prefix:{cluster id}:topic */

static char *
ngx_kafka_sse_redis_url_prefix(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *prefix)
{
    u_char      c;
    ngx_uint_t  i;

    if (redis->prefix.len) {
        return "duplicate prefix";
    }

    if (prefix->len == 0) {
        return "no prefix";
    }

    for (i = 0; i < prefix->len; i++) {
        c = prefix->data[i];

        if (c <= ' ' || c == 0x7f || c == '{' || c == '}') {
            return "white space, control character or brace";
        }
    }

    redis->prefix = *prefix;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *path)
{
    u_char   *buf;
    ssize_t   n;

    if (redis->password.len) {
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

    n = ngx_kafka_sse_redis_url_read(cf, path, buf,
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
        return ngx_kafka_sse_redis_url_refuse(cf, "no password", path);
    }

    redis->password.data = buf;
    redis->password.len = n;

    return NGX_CONF_OK;
}


/* the file may be a pipe, so its size is known at its end only */

static ssize_t
ngx_kafka_sse_redis_url_read(ngx_conf_t *cf, ngx_str_t *path, u_char *buf,
    size_t size)
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
        (void) ngx_kafka_sse_redis_url_refuse(cf, "too long a password", path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return n ? NGX_ERROR : (ssize_t) len;
}


static char *
ngx_kafka_sse_redis_url_refuse(ngx_conf_t *cf, char *what, ngx_str_t *value)
{
    if (what != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"", what, value);
    }

    return NGX_CONF_ERROR;
}


/*
 * Whatever may be a password becomes "***": what stands before "@"; and where
 * "@" was forgotten, all behind a ":" that is not before a port.
 */

static char *
ngx_kafka_sse_redis_url_refuse_address(ngx_conf_t *cf, char *what,
    ngx_str_t *value)
{
    u_char  *p, *end, *last, *slash;

    if (what == NGX_CONF_ERROR || ngx_kafka_sse_redis_url_has(value, "unix:"))
    {
        return ngx_kafka_sse_redis_url_refuse(cf, what, value);
    }

    last = value->data + value->len;

    p = ngx_strnstr(value->data, "://", value->len);
    p = p ? p + sizeof("://") - 1 : value->data;

    end = ngx_kafka_sse_redis_url_last(p, last, '@');

    if (end == NULL) {
        end = last;

        p = (*p == '[') ? NULL : ngx_kafka_sse_redis_url_last(p, last, ':');
        if (p == NULL) {
            return ngx_kafka_sse_redis_url_refuse(cf, what, value);
        }

        p++;
        slash = ngx_strlchr(p, last, '/');

        if (ngx_atoi(p, (slash ? slash : last) - p) != NGX_ERROR) {
            return ngx_kafka_sse_redis_url_refuse(cf, what, value);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%*s***%*s\"", what,
                       (size_t) (p - value->data), value->data,
                       (size_t) (last - end), end);

    return NGX_CONF_ERROR;
}


static u_char *
ngx_kafka_sse_redis_url_last(u_char *p, u_char *last, u_char c)
{
    while (p < last) {
        if (*--last == c) {
            return last;
        }
    }

    return NULL;
}
