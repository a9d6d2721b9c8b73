
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REQUEST_H_INCLUDED_
#define _NGX_KAFKA_SSE_REQUEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The content handler of "kafka_sse": refuses the request, or makes a stream
 * of it, puts that into the hub and sends the header.
 */

ngx_int_t ngx_kafka_sse_request_handler(ngx_http_request_t *r);

/* 503, with the time after which to come back */

ngx_int_t ngx_kafka_sse_request_busy(ngx_http_request_t *r, char *code,
    char *message);

/*
 * The same for who brings a position: a stream that ends, so that its client
 * comes back with it.  (An EventSource would not after a 503.)
 */

ngx_int_t ngx_kafka_sse_request_put_off(ngx_http_request_t *r);


#endif /* _NGX_KAFKA_SSE_REQUEST_H_INCLUDED_ */
