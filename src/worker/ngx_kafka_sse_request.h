
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


#endif /* _NGX_KAFKA_SSE_REQUEST_H_INCLUDED_ */
