
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_route.h>


ngx_int_t
ngx_kafka_sse_redis_route_init(ngx_kafka_sse_redis_route_t *route,
    ngx_array_t *servers, ngx_pool_t *pool, ngx_log_t *log)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_redis_server_t  *server;

    route->log = log;
    route->host = &route->sent;

    if (servers == NULL) {
        return NGX_OK;
    }

    route->servers = ngx_pcalloc(pool, servers->nelts
                                       * sizeof(ngx_kafka_sse_redis_host_t));
    if (route->servers == NULL) {
        return NGX_ERROR;
    }

    server = servers->elts;
    route->n = servers->nelts;

    for (i = 0; i < route->n; i++) {
        ngx_kafka_sse_redis_host_init(&route->servers[i], &server[i], log);
    }

    route->host = &route->servers[0];

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_route_send(ngx_kafka_sse_redis_route_t *route,
    ngx_str_t *host, in_port_t port)
{
    u_char     buf[NGX_KAFKA_SSE_REDIS_HOST];
    ngx_str_t  same;

    if (host->len == 0) {

        /* it may be copied onto itself */

        (void) ngx_cpystrn(buf, route->host->host, NGX_KAFKA_SSE_REDIS_HOST);

        same.data = buf;
        same.len = ngx_strlen(buf);
        host = &same;
    }

    if (ngx_kafka_sse_redis_host_is(route->host, host, port)) {
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_redis_host_set(&route->sent, host, port, route->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    route->host = &route->sent;

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_redis_route_fail(ngx_kafka_sse_redis_route_t *route)
{
    if (!ngx_kafka_sse_redis_host_is_tried(route->host)) {
        return 0;
    }

    if (route->n == 0) {
        return 1;
    }

    /* who was sent in vain asks again, and not in a circle without a pause */

    if (route->host == &route->sent) {
        route->host = &route->servers[route->i];
        return 1;
    }

    route->i = (route->i + 1) % route->n;
    route->host = &route->servers[route->i];

    return route->i == 0;
}
