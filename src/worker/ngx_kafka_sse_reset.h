
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_RESET_H_INCLUDED_
#define _NGX_KAFKA_SSE_RESET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The "stream-reset" event tells a client what it will not get:
 *
 *     event: stream-reset
 *     id: the position after it
 *     data: [{"topic","partition","from","to","reason"},...]
 *
 * A topic's name needs no escaping: it holds letters, digits, ".", "_" and "-"
 * only.
 */

#define NGX_KAFKA_SSE_REASON_EXPIRED     0      /* as NGX_KAFKA_SSE_MOVE_... */
#define NGX_KAFKA_SSE_REASON_TRUNCATED   1
#define NGX_KAFKA_SSE_REASON_RECREATED   2
#define NGX_KAFKA_SSE_REASON_TOO_LARGE   3
#define NGX_KAFKA_SSE_REASON_UNKNOWN_ID  4
#define NGX_KAFKA_SSE_REASON_LIMIT       5


/* an event to which ranges are added; zeroed, it has none */

typedef struct {
    u_char      *data;          /* ngx_alloc() */
    u_char      *last;
    u_char      *end;
} ngx_kafka_sse_reset_t;


/* from < 0: not known, written as null.  NGX_ERROR: no memory */

ngx_int_t ngx_kafka_sse_reset_add(ngx_kafka_sse_reset_t *reset,
    ngx_str_t *topic, int32_t partition, int64_t from, int64_t to,
    ngx_uint_t reason, ngx_log_t *log);

/*
 * Completes the event; id->len 0: without one.  The text is the reset's, up
 * to _free().  data == NULL: there was no memory.
 */

ngx_str_t ngx_kafka_sse_reset_text(ngx_kafka_sse_reset_t *reset,
    ngx_str_t *id, ngx_log_t *log);

/* no ranges again */

void ngx_kafka_sse_reset_free(ngx_kafka_sse_reset_t *reset);


#endif /* _NGX_KAFKA_SSE_RESET_H_INCLUDED_ */
