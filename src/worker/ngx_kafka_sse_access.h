
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ACCESS_H_INCLUDED_
#define _NGX_KAFKA_SSE_ACCESS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_claims.h>


/*
 * Who asks: a request's token, found, verified and kept once per request, by
 * the access phase or by the first variable that is read before it.  What is
 * kept survives internal redirects: it is found by a cleanup of r->main's pool.
 */

/*
 * The verified claims of the request, or NULL: the token is not there or not
 * good, or not what the location requires.  A location without kafka_sse_jwt
 * has those that another one of the same request has verified, or NULL.  Lives
 * as long as the request.
 */

ngx_kafka_sse_claims_t *ngx_kafka_sse_access_claims(ngx_http_request_t *r);

/* the access phase: NGX_DECLINED where there is no kafka_sse_jwt */

ngx_int_t ngx_kafka_sse_access_handler(ngx_http_request_t *r);

/*
 * Takes back what asked the client for a token, WWW-Authenticate: where a
 * request is served that was refused, another module has let it in (satisfy
 * any).  nginx itself takes back what was set last, which may be another one's.
 */

void ngx_kafka_sse_access_withdraw(ngx_http_request_t *r);

/*
 * When the stream has to end: Unix time in ms, of kafka_sse_expires or of the
 * token, whatever is first; 0: it has not.  NGX_DECLINED: kafka_sse_expires is
 * no time, NGX_ERROR.
 */

ngx_int_t ngx_kafka_sse_access_expires(ngx_http_request_t *r, int64_t *time);


#endif /* _NGX_KAFKA_SSE_ACCESS_H_INCLUDED_ */
