
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PACE_H_INCLUDED_
#define _NGX_KAFKA_SSE_PACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/*
 * How turns follow one another.  Where a turn takes longer than it is to the
 * next record, the next one would begin at once: a worker would be at work all
 * the time, with few records in each send.  So a long turn is followed by a
 * rest, in which more comes together and the core has time for others.
 */

typedef struct {
    uint64_t                    began;      /* us; the turn under way */
    ngx_event_t                 rest;       /* its timer is set: no turn */
    ngx_event_t                *turn;       /* posted when it is over */
} ngx_kafka_sse_pace_t;


void ngx_kafka_sse_pace_init(ngx_kafka_sse_pace_t *pace, ngx_event_t *turn,
    ngx_log_t *log);

/* NGX_OK: a turn begins; NGX_AGAIN: not now, one follows after the rest */

ngx_int_t ngx_kafka_sse_pace_begin(ngx_kafka_sse_pace_t *pace);

/*
 * The end of a turn that has left nothing to do.  NGX_OK: it was short;
 * NGX_AGAIN: a rest follows, and then a turn.
 */

ngx_int_t ngx_kafka_sse_pace_end(ngx_kafka_sse_pace_t *pace);

/* us of some monotonic clock */

uint64_t ngx_kafka_sse_pace_clock(void);


#endif /* _NGX_KAFKA_SSE_PACE_H_INCLUDED_ */
