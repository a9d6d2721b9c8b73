
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_QUERY_H_INCLUDED_
#define _NGX_KAFKA_SSE_QUERY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * Topics that a request has named and nobody before it: the companion is asked
 * whether there is one, see message.h, once for all requests of the worker that
 * wait for the same.
 */

#define NGX_KAFKA_SSE_QUERY_PATIENCE  10000   /* ms that a request waits */
#define NGX_KAFKA_SSE_QUERY_MAX       1000    /* topics asked for at a time */


/*
 * What a request waited for: NGX_KAFKA_SSE_SEEN_...; _AWAY: or time is up.  The
 * request is the handler's again, which finalizes it.
 */

typedef void (*ngx_kafka_sse_query_pt)(ngx_http_request_t *r,
    ngx_uint_t answer);


void ngx_kafka_sse_query_init(ngx_kafka_sse_hub_t *hub);

/*
 * The request, whose caller returns NGX_DONE, waits for the topic of this name,
 * a valid one.  A patient one goes on waiting where Kafka does not say.
 * NGX_BUSY: too many others are asked for; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_query_wait(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name, ngx_http_request_t *r,
    ngx_uint_t is_patient, ngx_kafka_sse_query_pt handler);

/*
 * The link is lost, and no answer comes; it is up, and what is asked is asked
 * again; a SEEN has come
 */

void ngx_kafka_sse_query_lost(ngx_kafka_sse_hub_t *hub);
void ngx_kafka_sse_query_connected(ngx_kafka_sse_hub_t *hub);
void ngx_kafka_sse_query_message(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_message_t *m);


#endif /* _NGX_KAFKA_SSE_QUERY_H_INCLUDED_ */
