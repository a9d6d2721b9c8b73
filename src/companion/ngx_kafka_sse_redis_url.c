
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_password.h>
#include <companion/ngx_kafka_sse_redis_tls.h>
#include <companion/ngx_kafka_sse_redis_url.h>


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
static ngx_uint_t ngx_kafka_sse_redis_url_is_address(ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_check(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static char *ngx_kafka_sse_redis_url_check_tls(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static ngx_int_t ngx_kafka_sse_redis_url_name(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static char *ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, in_port_t port);
static char *ngx_kafka_sse_redis_url_userinfo(ngx_kafka_sse_redis_conf_t *redis,
    u_char *p, u_char *last);
static ngx_int_t ngx_kafka_sse_redis_url_unescape(ngx_str_t *dst, u_char *p,
    u_char *last);
static char *ngx_kafka_sse_redis_url_host(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host, in_port_t port);
static in_port_t ngx_kafka_sse_redis_url_port(ngx_conf_t *cf);
static char *ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_text(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *arg, ngx_str_t *name);
static char *ngx_kafka_sse_redis_url_db(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *db);
static char *ngx_kafka_sse_redis_url_prefix(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *prefix);
static char *ngx_kafka_sse_redis_url_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *path);
static char *ngx_kafka_sse_redis_url_sentinel_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *path);
static char *ngx_kafka_sse_redis_url_refuse(ngx_conf_t *cf, char *what,
    ngx_str_t *value);
static char *ngx_kafka_sse_redis_url_refuse_address(ngx_conf_t *cf,
    char *what, ngx_str_t *value);
static u_char *ngx_kafka_sse_redis_url_last(u_char *p, u_char *last, u_char c);


char *
ngx_kafka_sse_redis_url(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t **redisp)
{
    char                        *rv;
    in_port_t                    port;
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

    port = ngx_kafka_sse_redis_url_port(cf);

    for (i = 1; i < cf->args->nelts; i++) {

        if (i == 1 || ngx_kafka_sse_redis_url_is_address(&value[i])) {
            rv = ngx_kafka_sse_redis_url_address(cf, redis, &value[i], port);

            if (rv != NGX_CONF_OK) {
                return ngx_kafka_sse_redis_url_refuse_address(cf, rv,
                                                              &value[i]);
            }

            continue;
        }

        rv = ngx_kafka_sse_redis_url_parameter(cf, redis, &value[i]);

        if (rv != NGX_CONF_OK) {
            return ngx_kafka_sse_redis_url_refuse(cf, rv, &value[i]);
        }
    }

    rv = ngx_kafka_sse_redis_url_check(cf, redis);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (redis->tls && ngx_kafka_sse_redis_tls_create(cf, redis) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_uint_value(redis->db, 0);

    if (redis->prefix.data == NULL) {
        ngx_str_set(&redis->prefix, NGX_KAFKA_SSE_REDIS_PREFIX);
    }

    if (ngx_kafka_sse_redis_url_name(cf, redis) != NGX_OK) {
        return NGX_CONF_ERROR;
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

    if (ngx_kafka_sse_redis_url_address(cf, redis, &url,
                                        NGX_KAFKA_SSE_REDIS_PORT)
        != NGX_CONF_OK
        || ngx_kafka_sse_redis_url_name(cf, redis) != NGX_OK)
    {
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

    if (ngx_array_init(&redis->servers, cf->pool, 1,
                       sizeof(ngx_kafka_sse_redis_server_t))
        != NGX_OK)
    {
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


static ngx_uint_t
ngx_kafka_sse_redis_url_is_address(ngx_str_t *value)
{
    return ngx_kafka_sse_redis_url_has(value, "redis://")
           || ngx_kafka_sse_redis_url_has(value, "rediss://")
           || ngx_kafka_sse_redis_url_has(value, "unix:");
}


/* what the arguments are together */

static char *
ngx_kafka_sse_redis_url_check(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_redis_server_t  *server;

    if (redis->user.len && redis->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "user \"%V\" of Redis has no password",
                           &redis->user);
        return NGX_CONF_ERROR;
    }

    if (redis->sentinel_password.len && redis->sentinel.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sentinel_password_file=\" without "
                           "\"sentinel=\"");
        return NGX_CONF_ERROR;
    }

    server = redis->servers.elts;

    for (i = 0; i < redis->servers.nelts; i++) {
        if (server[i].port == 0
            && (redis->servers.nelts > 1 || redis->sentinel.len))
        {
            return ngx_kafka_sse_redis_url_refuse(cf,
                            "a unix socket with several addresses or Sentinel",
                            &server[i].name);
        }
    }

    return ngx_kafka_sse_redis_url_check_tls(cf, redis);
}


static char *
ngx_kafka_sse_redis_url_check_tls(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    char  *alone, *missing;

    alone = NULL;
    missing = "rediss://";

    if (!redis->tls) {
        alone = redis->ca.len ? "ca="
                : redis->certificate.len ? "certificate="
                : redis->key.len ? "key="
                : redis->expected.len ? "name=" : NULL;

    } else if (redis->certificate.len && redis->key.len == 0) {
        alone = "certificate=";
        missing = "key=";

    } else if (redis->key.len && redis->certificate.len == 0) {
        alone = "key=";
        missing = "certificate=";
    }

    if (alone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%s\" without \"%s\"",
                           alone, missing);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_redis_url_name(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis)
{
    u_char                        *p;
    size_t                         len;
    ngx_uint_t                     i;
    ngx_kafka_sse_redis_server_t  *server;

    server = redis->servers.elts;
    len = 0;

    for (i = 0; i < redis->servers.nelts; i++) {
        len += server[i].name.len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    redis->name.data = p;

    for (i = 0; i < redis->servers.nelts; i++) {
        p = ngx_cpymem(p, server[i].name.data, server[i].name.len);
        *p++ = ' ';
    }

    redis->name.len = len - 1;

    return NGX_OK;
}


static char *
ngx_kafka_sse_redis_url_address(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value, in_port_t port)
{
    char        *rv;
    u_char      *p, *last;
    ngx_str_t    host, db;
    ngx_uint_t   tls;

    if (ngx_kafka_sse_redis_url_has(value, "unix:")) {
        return ngx_kafka_sse_redis_url_host(cf, redis, value, 0);
    }

    tls = ngx_kafka_sse_redis_url_has(value, "rediss://");

    if (!tls && !ngx_kafka_sse_redis_url_has(value, "redis://")) {
        return "neither \"redis://\", \"rediss://\" nor \"unix:\"";
    }

    /* who wants one address to be secret would not want another not to be */

    if (redis->servers.nelts && redis->tls != tls) {
        return "\"redis://\" and \"rediss://\" side by side";
    }

    redis->tls = tls;

    host.data = value->data + sizeof("redis://") - 1 + tls;
    last = value->data + value->len;

    /* a password may hold "@" and "/", a host may not */

    p = ngx_kafka_sse_redis_url_last(host.data, last, '@');

    if (p && redis->servers.nelts) {
        return "user or password not in the first address";
    }

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
        return "unix socket after \"://\"";
    }

    return ngx_kafka_sse_redis_url_host(cf, redis, &host, port);
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
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *host, in_port_t port)
{
    size_t                         len;
    ngx_url_t                      u;
    ngx_kafka_sse_redis_server_t  *server;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *host;
    u.default_port = port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : NGX_CONF_ERROR;
    }

    server = ngx_array_push(&redis->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    server->name = *host;
    server->host = u.host;
    server->port = (u.family == AF_UNIX) ? 0 : u.port;
    server->addrs = u.addrs;
    server->naddrs = u.naddrs;

    if (u.host.len && u.host.data[0] == '[') {
        server->host.data++;
        server->host.len -= 2;
    }

    if (u.no_port) {
        len = host->len + sizeof(":65535") - 1;

        server->name.data = ngx_pnalloc(cf->pool, len);
        if (server->name.data == NULL) {
            return NGX_CONF_ERROR;
        }

        server->name.len = ngx_sprintf(server->name.data, "%V:%d", host,
                                       (int) u.port)
                           - server->name.data;
    }

    return NGX_CONF_OK;
}


/* the port of an address without one; "sentinel=" may follow it */

static in_port_t
ngx_kafka_sse_redis_url_port(ngx_conf_t *cf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_redis_url_has(&value[i], "sentinel=")) {
            return NGX_KAFKA_SSE_REDIS_SENTINEL_PORT;
        }
    }

    return NGX_KAFKA_SSE_REDIS_PORT;
}


static char *
ngx_kafka_sse_redis_url_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *value)
{
    ngx_str_t   arg, *name, *text;
    ngx_uint_t  i;

    /* without a handler the value is taken as it is */

    static struct {
        ngx_str_t   name;
        char     *(*handler)(ngx_conf_t *cf, ngx_kafka_sse_redis_conf_t *redis,
                             ngx_str_t *arg);
        size_t      offset;
    } parameters[] = {
        { ngx_string("user="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, user) },
        { ngx_string("password_file="), ngx_kafka_sse_redis_url_password_file,
          0 },
        { ngx_string("db="), ngx_kafka_sse_redis_url_db, 0 },
        { ngx_string("prefix="), ngx_kafka_sse_redis_url_prefix, 0 },
        { ngx_string("sentinel="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, sentinel) },
        { ngx_string("sentinel_password_file="),
          ngx_kafka_sse_redis_url_sentinel_password_file, 0 },
        { ngx_string("ca="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, ca) },
        { ngx_string("certificate="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, certificate) },
        { ngx_string("key="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, key) },
        { ngx_string("name="), NULL,
          offsetof(ngx_kafka_sse_redis_conf_t, expected) },
        { ngx_null_string, NULL, 0 }
    };

    for (i = 0; parameters[i].name.len; i++) {
        name = &parameters[i].name;

        if (value->len < name->len
            || ngx_strncmp(value->data, name->data, name->len) != 0)
        {
            continue;
        }

        arg.data = value->data + name->len;
        arg.len = value->len - name->len;

        if (parameters[i].handler) {
            return parameters[i].handler(cf, redis, &arg);
        }

        text = (ngx_str_t *) ((u_char *) redis + parameters[i].offset);

        return ngx_kafka_sse_redis_url_text(cf, text, &arg, name);
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
ngx_kafka_sse_redis_url_text(ngx_conf_t *cf, ngx_str_t *text, ngx_str_t *arg,
    ngx_str_t *name)
{
    if (arg->len == 0) {
        return "no value";
    }

    if (text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second \"%V\" in \"%V%V\"", name, name, arg);
        return NGX_CONF_ERROR;
    }

    *text = *arg;

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
    return ngx_kafka_sse_redis_password_read(cf, &redis->password, path);
}


static char *
ngx_kafka_sse_redis_url_sentinel_password_file(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis, ngx_str_t *path)
{
    return ngx_kafka_sse_redis_password_read(cf, &redis->sentinel_password,
                                             path);
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
