
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_RESUME_H_INCLUDED_
#define _NGX_KAFKA_SSE_RESUME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * A stream that brings a position is normally ahead of the hub on some
 * partitions and behind on others: nodes interleave partitions differently.
 * So it goes on in a private group, from its own place in the ring, until its
 * position is the hub's.  What the ring does not have, or no longer, is read
 * from Kafka before, see rewind.h.
 */

/*
 * Finds where the stream's position, or the start it asks for, is and puts the
 * stream into a private group there, or into the public group if the position
 * is the hub's already.  What cannot be had becomes one "stream-reset" event.
 * NGX_OK; NGX_AGAIN if a topic that the position may speak of has not
 * started; NGX_ERROR.
 */

ngx_int_t ngx_kafka_sse_resume_place(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/* makes a position that no topic has: the client is told that it is unknown */

void ngx_kafka_sse_resume_unknown(ngx_kafka_sse_position_t *position);


#endif /* _NGX_KAFKA_SSE_RESUME_H_INCLUDED_ */
