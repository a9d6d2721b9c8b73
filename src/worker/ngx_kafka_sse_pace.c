
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <worker/ngx_kafka_sse_pace.h>


#define NGX_KAFKA_SSE_PACE_LONG      2000   /* us of a turn */
#define NGX_KAFKA_SSE_PACE_FRACTION  8      /* of it is the rest */
#define NGX_KAFKA_SSE_PACE_MAX       50     /* ms */


static void ngx_kafka_sse_pace_rest_handler(ngx_event_t *ev);


void
ngx_kafka_sse_pace_init(ngx_kafka_sse_pace_t *pace, ngx_event_t *turn,
    ngx_log_t *log)
{
    pace->turn = turn;

    pace->rest.handler = ngx_kafka_sse_pace_rest_handler;
    pace->rest.data = pace;
    pace->rest.log = log;
    pace->rest.cancelable = 1;
}


ngx_int_t
ngx_kafka_sse_pace_begin(ngx_kafka_sse_pace_t *pace)
{
    if (pace->rest.timer_set) {
        return NGX_AGAIN;
    }

    pace->began = ngx_kafka_sse_pace_clock();

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_pace_end(ngx_kafka_sse_pace_t *pace)
{
    uint64_t    took;
    ngx_msec_t  rest;

    took = ngx_kafka_sse_pace_clock() - pace->began;

    if (took < NGX_KAFKA_SSE_PACE_LONG) {
        return NGX_OK;
    }

    rest = took / 1000 / NGX_KAFKA_SSE_PACE_FRACTION + 1;
    rest = ngx_min(rest, NGX_KAFKA_SSE_PACE_MAX);

    /* nginx's time is that of the turn's begin */

    ngx_time_update();
    ngx_add_timer(&pace->rest, rest);

    return NGX_AGAIN;
}


static void
ngx_kafka_sse_pace_rest_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_pace_t *pace = ev->data;

    ngx_post_event(pace->turn, &ngx_posted_events);
}


uint64_t
ngx_kafka_sse_pace_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
