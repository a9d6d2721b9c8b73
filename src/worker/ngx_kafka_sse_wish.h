
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WISH_H_INCLUDED_
#define _NGX_KAFKA_SSE_WISH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * Which topics a request wants, where it has a say in that: names are checked,
 * then whether they are allowed, then whether there is such a topic; none of
 * these costs anything or tells anything where the one before it fails.
 */

/*
 * The request's selection, held for the caller where it is not the location's
 * own.  NGX_DECLINED; NGX_DONE: the companion is asked, and the request's
 * handler is called once more when it has answered; else what was answered.
 * id: the position that the request brings.
 */

ngx_int_t ngx_kafka_sse_wish_get(ngx_http_request_t *r, ngx_str_t *id,
    ngx_kafka_sse_selection_t **selection);


#endif /* _NGX_KAFKA_SSE_WISH_H_INCLUDED_ */
