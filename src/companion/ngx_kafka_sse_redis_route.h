
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_ROUTE_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_ROUTE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_redis_host.h>


/*
 * Where a link connects to: the servers of the configuration in turn, or where
 * it was sent to, by a node of a Redis Cluster (MOVED) or by a Sentinel, as
 * long as that is of use.
 */

typedef struct {
    ngx_kafka_sse_redis_host_t   *host;      /* now */
    ngx_kafka_sse_redis_host_t    sent;      /* name.len 0: not yet */
    ngx_kafka_sse_redis_host_t   *servers;
    ngx_uint_t                    n;         /* 0: it can only be sent */
    ngx_uint_t                    i;         /* of these */
    ngx_log_t                    *log;
} ngx_kafka_sse_redis_route_t;


/* servers may be NULL */

ngx_int_t ngx_kafka_sse_redis_route_init(ngx_kafka_sse_redis_route_t *route,
    ngx_array_t *servers, ngx_pool_t *pool, ngx_log_t *log);

/*
 * It goes there from now on; an empty host is the present one.  NGX_DECLINED
 * if that is where it goes already, NGX_ERROR if there is no way to it.
 */

ngx_int_t ngx_kafka_sse_redis_route_send(ngx_kafka_sse_redis_route_t *route,
    ngx_str_t *host, in_port_t port);

/*
 * The address there was of no use: takes the next one.  Returns 1 if it has
 * been everywhere.
 */

ngx_uint_t ngx_kafka_sse_redis_route_fail(ngx_kafka_sse_redis_route_t *route);


#endif /* _NGX_KAFKA_SSE_REDIS_ROUTE_H_INCLUDED_ */
