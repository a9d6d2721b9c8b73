
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_EXPIRY_H_INCLUDED_
#define _NGX_KAFKA_SSE_EXPIRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * Streams whose right ends at some time of the wall clock: they are warned
 * before, and ended within a second after it, wherever the clock jumps.  They
 * are in a tree by what is due next, which is looked at twice a second.
 *
 * All times are Unix time in ms.
 */

/* of one stream, in its request's pool */

struct ngx_kafka_sse_expiry_s {
    ngx_rbtree_node_t            node;      /* in the hub's expiries */
    int64_t                      due;       /* the next step */
    int64_t                      time;      /* when the right ends */
    ngx_kafka_sse_stream_t      *stream;
    unsigned                     listed:1;  /* in the tree */
    unsigned                     ended:1;   /* has been told to end */
};


void ngx_kafka_sse_expiry_init(ngx_kafka_sse_hub_t *hub);

/* the stream is to end at this time; NGX_ERROR: no memory */

ngx_int_t ngx_kafka_sse_expiry_set(ngx_kafka_sse_stream_t *stream,
    int64_t time);

/* its time begins to count; for a stream without one nothing happens */

void ngx_kafka_sse_expiry_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/* safe for a stream that never began, and twice */

void ngx_kafka_sse_expiry_leave(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);


#endif /* _NGX_KAFKA_SSE_EXPIRY_H_INCLUDED_ */
