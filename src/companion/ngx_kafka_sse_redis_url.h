
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_URL_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


#define NGX_KAFKA_SSE_REDIS_PORT           6379
#define NGX_KAFKA_SSE_REDIS_SENTINEL_PORT  26379
#define NGX_KAFKA_SSE_REDIS_URL            "redis://127.0.0.1:6379"
#define NGX_KAFKA_SSE_REDIS_PREFIX         "kafka_sse"


/*
 * Parses the arguments of "kafka_sse_redis", cf->args:
 *
 *     redis://[user:password@]host[:port][/db] [redis://host[:port] ...]
 *     or  unix:path
 *     [user=name] [password_file=path] [db=number] [prefix=text]
 *     [sentinel=name [sentinel_password_file=path]]
 *     [ca=path] [certificate=path key=path] [name=text]
 *
 * or "off" alone.  With rediss:// all is said over TLS, and the last line is
 * for it alone.  user= and db= are for a unix socket, whose address has no
 * place for them; user and password in the URL may be percent-encoded; a
 * password alone is ":password@"; of several addresses the first has them for
 * all.  Password both in the URL and in a file, a user without a password, a
 * part twice, a prefix with white space, control characters or braces: refused
 * with the value in quotes (never the password).  Allocates *redis from
 * cf->pool.
 */

char *ngx_kafka_sse_redis_url(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t **redis);

/* the address and prefix that hold when nothing is configured */

ngx_int_t ngx_kafka_sse_redis_url_default(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t **redis);


#endif /* _NGX_KAFKA_SSE_REDIS_URL_H_INCLUDED_ */
