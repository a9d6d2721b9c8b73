
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_SENTINEL_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_SENTINEL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_redis_link.h>


/*
 * Asks one of the Sentinels where the master is: once a second, and when a
 * connection to the master is lost.  So a master that was replaced is left,
 * even if it still answers us.
 */

typedef struct {
    ngx_kafka_sse_redis_link_t    link;

    /* set by the owner: called with each answer, host is only lent */

    void                         *data;
    void                        (*told)(void *data, ngx_str_t *host,
                                        in_port_t port);
} ngx_kafka_sse_redis_sentinel_t;


/* after the owner's fields; connects and asks */

ngx_int_t ngx_kafka_sse_redis_sentinel_init(
    ngx_kafka_sse_redis_sentinel_t *sentinel,
    ngx_kafka_sse_redis_conf_t *conf, ngx_pool_t *pool, ngx_log_t *log);

/* asks now, if it can */

void ngx_kafka_sse_redis_sentinel_ask(
    ngx_kafka_sse_redis_sentinel_t *sentinel);


#endif /* _NGX_KAFKA_SSE_REDIS_SENTINEL_H_INCLUDED_ */
