
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


static ngx_kafka_sse_redis_conf_t *ngx_kafka_sse_redis_url_create(
    ngx_conf_t *cf);
static char *ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_authority(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *shown);
static char *ngx_kafka_sse_redis_url_userinfo(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *info, ngx_str_t *shown);
static ngx_int_t ngx_kafka_sse_redis_url_unescape(ngx_conf_t *cf,
    ngx_str_t *dst, u_char *p, u_char *last);
static char *ngx_kafka_sse_redis_url_host(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host, ngx_str_t *shown);
static ngx_int_t ngx_kafka_sse_redis_url_shown(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *shown);
static u_char *ngx_kafka_sse_redis_url_last(u_char *p, u_char *last, u_char c);

static char *ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_unknown(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_user(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *user);
static char *ngx_kafka_sse_redis_url_db(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *db);
static char *ngx_kafka_sse_redis_url_prefix(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *prefix);
static char *ngx_kafka_sse_redis_url_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *path);
static ssize_t ngx_kafka_sse_redis_url_read(ngx_conf_t *cf, ngx_str_t *path,
    u_char *buf, size_t size);
static char *ngx_kafka_sse_redis_url_duplicate(ngx_conf_t *cf, char *name,
    ngx_str_t *value);


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

    rv = ngx_kafka_sse_redis_url_address(cf, redis, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_kafka_sse_redis_url_parameter(cf, redis, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
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

    *redisp = redis;

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
ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value)
{
    ngx_str_t  rest, shown;

    if (ngx_kafka_sse_redis_url_shown(cf, value, &shown) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_redis_url_has(value, "redis://")) {
        rest.data = value->data + sizeof("redis://") - 1;
        rest.len = value->len - (sizeof("redis://") - 1);

        return ngx_kafka_sse_redis_url_authority(cf, redis, &rest, &shown);
    }

    if (ngx_kafka_sse_redis_url_has(value, "unix:")) {
        return ngx_kafka_sse_redis_url_host(cf, redis, value, &shown);
    }

    if (ngx_kafka_sse_redis_url_has(value, "rediss://")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "TLS to Redis is not supported yet, in \"%V\"",
                           &shown);
        return NGX_CONF_ERROR;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"kafka_sse_redis off\" is not supported yet");
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid address of Redis \"%V\", use "
                       "\"redis://host:port\" or \"unix:path\"",
                       &shown);
    return NGX_CONF_ERROR;
}


/* value is what follows "redis://", shown the whole without the password */

static char *
ngx_kafka_sse_redis_url_authority(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *shown)
{
    char       *rv;
    u_char     *p, *last;
    ngx_str_t   info, host, db;

    last = value->data + value->len;

    host = *value;

    /* a password may hold "@" and "/", a host may not */

    p = ngx_kafka_sse_redis_url_last(value->data, last, '@');

    if (p) {
        info.data = value->data;
        info.len = p - value->data;

        rv = ngx_kafka_sse_redis_url_userinfo(cf, redis, &info, shown);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        host.data = p + 1;
        host.len = last - host.data;
    }

    p = ngx_strlchr(host.data, last, '/');

    if (p) {
        host.len = p - host.data;

        db.data = p + 1;
        db.len = last - db.data;

        if (db.len) {
            rv = ngx_kafka_sse_redis_url_db(cf, redis, shown, &db);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
        }
    }

    if (ngx_kafka_sse_redis_url_has(&host, "unix:")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid host in \"%V\", a unix socket is "
                           "\"unix:path\"", shown);
        return NGX_CONF_ERROR;
    }

    return ngx_kafka_sse_redis_url_host(cf, redis, &host, shown);
}


static char *
ngx_kafka_sse_redis_url_userinfo(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *info, ngx_str_t *shown)
{
    u_char  *p, *last;

    last = info->data + info->len;

    p = ngx_strlchr(info->data, last, ':');

    if (info->len == 0 || (p && p + 1 == last)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no password before \"@\" in \"%V\"", shown);
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_redis_url_unescape(cf, &redis->user, info->data,
                                         p ? p : last)
        != NGX_OK
        || (p && ngx_kafka_sse_redis_url_unescape(cf, &redis->password,
                                                  p + 1, last)
                 != NGX_OK))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid percent-encoding before \"@\" in \"%V\"",
                           shown);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* ngx_unescape_uri() lets what is no percent-encoding pass */

static ngx_int_t
ngx_kafka_sse_redis_url_unescape(ngx_conf_t *cf, ngx_str_t *dst, u_char *p,
    u_char *last)
{
    u_char     *d;
    ngx_int_t   c;

    if (p == last) {
        return NGX_OK;
    }

    d = ngx_pnalloc(cf->pool, last - p);
    if (d == NULL) {
        return NGX_ERROR;
    }

    dst->data = d;

    while (p < last) {

        if (*p != '%') {
            *d++ = *p++;
            continue;
        }

        if (last - p < 3) {
            return NGX_ERROR;
        }

        c = ngx_hextoi(p + 1, 2);
        if (c == NGX_ERROR) {
            return NGX_ERROR;
        }

        *d++ = (u_char) c;
        p += 3;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


/* "host", "host:port", "[address]:port" or "unix:path" */

static char *
ngx_kafka_sse_redis_url_host(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host, ngx_str_t *shown)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *host;
    u.default_port = NGX_KAFKA_SSE_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        if (u.err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"", u.err,
                               shown);
        }

        return NGX_CONF_ERROR;
    }

    redis->addr = &u.addrs[0];
    redis->name = *host;

    if (!u.no_port) {
        return NGX_CONF_OK;
    }

    redis->name.data = ngx_pnalloc(cf->pool,
                                   host->len + sizeof(":65535") - 1);
    if (redis->name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->name.len = ngx_sprintf(redis->name.data, "%V:%d", host,
                                  NGX_KAFKA_SSE_REDIS_PORT)
                      - redis->name.data;

    return NGX_CONF_OK;
}


/*
 * The address for the log.  Whatever may be a password becomes "***": what
 * stands before "@"; and where "@" was forgotten, a port that is no number.
 */

static ngx_int_t
ngx_kafka_sse_redis_url_shown(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *shown)
{
    u_char  *p, *end, *last, *start;

    *shown = *value;

    last = value->data + value->len;

    if (ngx_kafka_sse_redis_url_has(value, "unix:")) {
        return NGX_OK;
    }

    p = ngx_strnstr(value->data, "://", value->len);
    start = p ? p + sizeof("://") - 1 : value->data;

    p = start;
    end = ngx_kafka_sse_redis_url_last(start, last, '@');

    if (end == NULL) {
        p = ngx_kafka_sse_redis_url_last(start, last, ':');
        if (p == NULL || *start == '[') {
            return NGX_OK;
        }

        p++;

        end = ngx_strlchr(p, last, '/');
        if (end == NULL) {
            end = last;
        }

        if (ngx_atoi(p, end - p) != NGX_ERROR) {
            return NGX_OK;
        }

        end = last;
    }

    shown->data = ngx_pnalloc(cf->pool, value->len + sizeof("***") - 1);
    if (shown->data == NULL) {
        return NGX_ERROR;
    }

    shown->len = ngx_sprintf(shown->data, "%*s***%*s",
                             (size_t) (p - value->data), value->data,
                             (size_t) (last - end), end)
                 - shown->data;

    return NGX_OK;
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


static char *
ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value)
{
    ngx_str_t   arg;
    ngx_uint_t  i;

    static struct {
        ngx_str_t   name;
        char     *(*handler)(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
                             ngx_str_t *value, ngx_str_t *arg);
    } parameters[] = {
        { ngx_string("user="), ngx_kafka_sse_redis_url_user },
        { ngx_string("password_file="), ngx_kafka_sse_redis_url_password_file },
        { ngx_string("db="), ngx_kafka_sse_redis_url_db },
        { ngx_string("prefix="), ngx_kafka_sse_redis_url_prefix },
        { ngx_null_string, NULL }
    };

    for (i = 0; parameters[i].name.len; i++) {

        if (value->len < parameters[i].name.len
            || ngx_strncmp(value->data, parameters[i].name.data,
                           parameters[i].name.len)
               != 0)
        {
            continue;
        }

        arg.data = value->data + parameters[i].name.len;
        arg.len = value->len - parameters[i].name.len;

        return parameters[i].handler(cf, redis, value, &arg);
    }

    return ngx_kafka_sse_redis_url_unknown(cf, value);
}


static char *
ngx_kafka_sse_redis_url_unknown(ngx_conf_t *cf, ngx_str_t *value)
{
    if (ngx_kafka_sse_redis_url_has(value, "sentinel=")
        || ngx_kafka_sse_redis_url_has(value, "ca=")
        || ngx_kafka_sse_redis_url_has(value, "certificate=")
        || ngx_kafka_sse_redis_url_has(value, "key="))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" is not supported yet", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_redis_url_has(value, "password=")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"password=\", "
                           "use \"password_file=\"");
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);
    return NGX_CONF_ERROR;
}


static char *
ngx_kafka_sse_redis_url_user(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
    ngx_str_t *value, ngx_str_t *user)
{
    if (redis->user.len) {
        return ngx_kafka_sse_redis_url_duplicate(cf, "user", value);
    }

    if (user->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no user in \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    redis->user = *user;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_db(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
    ngx_str_t *value, ngx_str_t *db)
{
    ngx_int_t  n;

    if (redis->db != NGX_CONF_UNSET_UINT) {
        return ngx_kafka_sse_redis_url_duplicate(cf, "db", value);
    }

    n = ngx_atoi(db->data, db->len);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid db number in \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    redis->db = n;

    return NGX_CONF_OK;
}


/* braces are ours: a channel is prefix:{cluster id}:topic */

static char *
ngx_kafka_sse_redis_url_prefix(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *prefix)
{
    u_char      c;
    ngx_uint_t  i;

    if (redis->prefix.len) {
        return ngx_kafka_sse_redis_url_duplicate(cf, "prefix", value);
    }

    if (prefix->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no prefix in \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < prefix->len; i++) {
        c = prefix->data[i];

        if (c <= ' ' || c == 0x7f || c == '{' || c == '}') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "white space, control character or brace "
                               "in \"%V\"", value);
            return NGX_CONF_ERROR;
        }
    }

    redis->prefix = *prefix;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_redis_url_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, ngx_str_t *path)
{
    u_char   *buf;
    ssize_t   n;

    if (redis->password.len) {
        return ngx_kafka_sse_redis_url_duplicate(cf, "password", value);
    }

    if (path->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no path in \"%V\"", value);
        return NGX_CONF_ERROR;
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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no password in \"%V\"", path);
        return NGX_CONF_ERROR;
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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password in \"%V\" is too long", path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return n ? NGX_ERROR : (ssize_t) len;
}


static char *
ngx_kafka_sse_redis_url_duplicate(ngx_conf_t *cf, char *name,
    ngx_str_t *value)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate %s in \"%V\"", name,
                       value);
    return NGX_CONF_ERROR;
}
