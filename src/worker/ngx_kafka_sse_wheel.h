
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WHEEL_H_INCLUDED_
#define _NGX_KAFKA_SSE_WHEEL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * What many entries are due at, with one timer for all: a ring of slots, each
 * a list of those that are due in it.  An entry that is due in a later round
 * is looked at once in each before.  All times are ms, of one clock.
 */

#define NGX_KAFKA_SSE_WHEEL_SLOT   100      /* ms: so late it may be taken */
#define NGX_KAFKA_SSE_WHEEL_SLOTS  512


/* its owner's; it may be taken out at any time, by ngx_queue_remove() */

typedef struct {
    ngx_queue_t    queue;
    ngx_msec_t     due;
} ngx_kafka_sse_wheel_entry_t;


typedef struct {
    ngx_queue_t    slots[NGX_KAFKA_SSE_WHEEL_SLOTS];
    ngx_queue_t    ready;                   /* of slots that were come to */
    ngx_uint_t     turned;                  /* number of the last of these */
} ngx_kafka_sse_wheel_t;


void ngx_kafka_sse_wheel_init(ngx_kafka_sse_wheel_t *wheel, ngx_msec_t now);

void ngx_kafka_sse_wheel_add(ngx_kafka_sse_wheel_t *wheel,
    ngx_kafka_sse_wheel_entry_t *entry, ngx_msec_t due);

/* takes out one that is due, never before its time; NULL: none is */

ngx_kafka_sse_wheel_entry_t *ngx_kafka_sse_wheel_take(
    ngx_kafka_sse_wheel_t *wheel, ngx_msec_t now);

/* when to _take() again at the latest; NGX_TIMER_INFINITE: never */

ngx_msec_t ngx_kafka_sse_wheel_next(ngx_kafka_sse_wheel_t *wheel);


#endif /* _NGX_KAFKA_SSE_WHEEL_H_INCLUDED_ */
