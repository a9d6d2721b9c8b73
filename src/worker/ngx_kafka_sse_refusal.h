
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REFUSAL_H_INCLUDED_
#define _NGX_KAFKA_SSE_REFUSAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* adds a response header of constant strings */

ngx_int_t ngx_kafka_sse_refusal_header(ngx_http_request_t *r, char *name,
    char *value);

/*
 * Answers with the status and {"error":code,"message":message}, both of which
 * need no escaping.  Returns what a content handler returns.
 */

ngx_int_t ngx_kafka_sse_refusal_send(ngx_http_request_t *r, ngx_uint_t status,
    char *code, char *message);

/* 405: only GET and HEAD are served */

ngx_int_t ngx_kafka_sse_refusal_not_allowed(ngx_http_request_t *r);


#endif /* _NGX_KAFKA_SSE_REFUSAL_H_INCLUDED_ */
