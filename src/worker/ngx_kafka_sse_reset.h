
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
 * It is written in three parts.  A topic's name needs no escaping: it holds
 * letters, digits, ".", "_" and "-" only.
 */

#define NGX_KAFKA_SSE_REASON_EXPIRED     0      /* as NGX_KAFKA_SSE_MOVE_... */
#define NGX_KAFKA_SSE_REASON_TRUNCATED   1
#define NGX_KAFKA_SSE_REASON_RECREATED   2
#define NGX_KAFKA_SSE_REASON_TOO_LARGE   3
#define NGX_KAFKA_SSE_REASON_UNKNOWN_ID  4


/* room for the event around the ranges, and for one range, without names */

#define NGX_KAFKA_SSE_RESET_LEN          64     /* and the id */
#define NGX_KAFKA_SSE_RESET_RANGE_LEN    160    /* and the topic */


u_char *ngx_kafka_sse_reset_begin(u_char *p);

/* from < 0: not known, written as null */

u_char *ngx_kafka_sse_reset_range(u_char *p, ngx_str_t *topic,
    int32_t partition, int64_t from, int64_t to, ngx_uint_t reason);

/* id->len 0: none */

u_char *ngx_kafka_sse_reset_end(u_char *p, ngx_str_t *id);


#endif /* _NGX_KAFKA_SSE_RESET_H_INCLUDED_ */
