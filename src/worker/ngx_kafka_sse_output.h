
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_OUTPUT_H_INCLUDED_
#define _NGX_KAFKA_SSE_OUTPUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_stream.h>


/*
 * How a stream's bytes leave: a direct stream's by c->send, all others' through
 * the filters, which keep our one buf until it is sent.  What is returned is
 * NGX_OK: all of it is with the kernel; NGX_AGAIN: not all; NGX_ERROR.
 */

/* room for a chunk's size in hex and CR LF, before a piece of the stream */

#define NGX_KAFKA_SSE_OUTPUT_CHUNK  (2 * sizeof(size_t) + 2)


/* sends stream->pending, in chunk framing if the stream has it */

ngx_int_t ngx_kafka_sse_output_pending(ngx_kafka_sse_stream_t *stream);

/* sends a piece of the log, at which the cursor is */

ngx_int_t ngx_kafka_sse_output_log(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);

/* n is what c->send() has returned for len bytes of the log */

ngx_int_t ngx_kafka_sse_output_taken(ngx_kafka_sse_stream_t *stream,
    ssize_t n, size_t len);

/* a write event: sends what the filters, or who is below them, still have */

ngx_int_t ngx_kafka_sse_output_go_on(ngx_kafka_sse_stream_t *stream);


#endif /* _NGX_KAFKA_SSE_OUTPUT_H_INCLUDED_ */
