
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_BEARER_H_INCLUDED_
#define _NGX_KAFKA_SSE_BEARER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_jwt.h>


/*
 * Where a request has its token: in the header Authorization, in a cookie, or
 * where kafka_sse_jwt says.  The text is the request's own.  NGX_DECLINED:
 * there is none; 401 and *reason: it cannot be told which one it is; NGX_ERROR:
 * no memory.
 */

ngx_int_t ngx_kafka_sse_bearer_get(ngx_http_request_t *r,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_str_t *text, char **reason);


#endif /* _NGX_KAFKA_SSE_BEARER_H_INCLUDED_ */
