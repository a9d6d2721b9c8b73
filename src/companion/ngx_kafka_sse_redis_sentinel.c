
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_sentinel.h>


static ngx_int_t ngx_kafka_sse_redis_sentinel_ping(
    ngx_kafka_sse_redis_session_t *session);
static ngx_int_t ngx_kafka_sse_redis_sentinel_idle(
    ngx_kafka_sse_redis_session_t *session);


ngx_int_t
ngx_kafka_sse_redis_sentinel_init(ngx_kafka_sse_redis_sentinel_t *sentinel,
    ngx_kafka_sse_redis_conf_t *conf, ngx_pool_t *pool, ngx_log_t *log)
{
    ngx_kafka_sse_redis_link_t  *link;

    link = &sentinel->link;

    link->doing = "asking Sentinel";
    link->session.data = sentinel;
    link->session.sentinel = 1;
    link->session.idle = ngx_kafka_sse_redis_sentinel_idle;
    link->session.ping = ngx_kafka_sse_redis_sentinel_ping;

    if (ngx_kafka_sse_redis_link_init(link, conf, &conf->servers, pool, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_link_connect(link);

    return NGX_OK;
}


void
ngx_kafka_sse_redis_sentinel_ask(ngx_kafka_sse_redis_sentinel_t *sentinel)
{
    ngx_kafka_sse_redis_session_t  *session;

    session = &sentinel->link.session;

    /* what fails here for lack of memory is asked again in a second */

    if (session->ready
        && session->command == NGX_KAFKA_SSE_REDIS_NONE
        && ngx_kafka_sse_redis_session_ping(session) == NGX_OK)
    {
        ngx_kafka_sse_redis_link_post(&sentinel->link);
    }
}


/* the link does so after a second of silence */

static ngx_int_t
ngx_kafka_sse_redis_sentinel_ping(ngx_kafka_sse_redis_session_t *session)
{
    ngx_str_t  args[2];

    ngx_str_set(&args[0], "GET-MASTER-ADDR-BY-NAME");
    args[1] = session->conf->sentinel;

    return ngx_kafka_sse_redis_session_command(session,
                                               NGX_KAFKA_SSE_REDIS_SENTINEL,
                                               args, 2);
}


static ngx_int_t
ngx_kafka_sse_redis_sentinel_idle(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_sentinel_t  *sentinel;

    sentinel = session->data;

    if (session->port == 0) {
        return ngx_kafka_sse_redis_sentinel_ping(session);
    }

    if (!sentinel->link.up) {
        ngx_kafka_sse_redis_link_up(&sentinel->link);
    }

    sentinel->told(sentinel->data, &session->host, session->port);

    return NGX_OK;
}
