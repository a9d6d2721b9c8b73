
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* the source itself: its clock is ours, and so are nginx's timers */

#include <ngx_config.h>

static int pace_gettime(clockid_t id, struct timespec *ts);

#define clock_gettime      pace_gettime
#define ngx_rbtree_insert  pace_timer_add
#define ngx_rbtree_delete  pace_timer_del

#include "../../src/worker/ngx_kafka_sse_pace.c"

#include "unit.h"


ngx_rbtree_t                  ngx_event_timer_rbtree;
ngx_queue_t                   ngx_posted_events;

static uint64_t               pace_us;      /* now */
static ngx_uint_t             pace_timers;


static int
pace_gettime(clockid_t id, struct timespec *ts)
{
    ts->tv_sec = pace_us / 1000000;
    ts->tv_nsec = pace_us % 1000000 * 1000;

    return id == CLOCK_MONOTONIC ? 0 : -1;
}


void
ngx_time_update(void)
{
    ngx_current_msec = pace_us / 1000;
}


void
pace_timer_add(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    pace_timers++;
}


void
pace_timer_del(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    pace_timers--;
}


/* one turn of so many us; the rest that follows, in ms, 0: none */

static ngx_msec_t
pace_turn(ngx_kafka_sse_pace_t *pace, uint64_t us)
{
    ngx_time_update();

    if (ngx_kafka_sse_pace_begin(pace) != NGX_OK) {
        return (ngx_msec_t) -1;
    }

    pace_us += us;

    if (ngx_kafka_sse_pace_end(pace) == NGX_OK) {
        return 0;
    }

    return pace->rest.timer.key - pace_us / 1000;
}


/* as nginx does when the timer is over */

static void
pace_rest(ngx_kafka_sse_pace_t *pace, ngx_msec_t rest)
{
    pace_us += rest * 1000;
    pace->rest.timer_set = 0;
    pace_timers = 0;
    pace->rest.handler(&pace->rest);
}


int
main(void)
{
    ngx_msec_t            rest;
    ngx_uint_t            i;
    ngx_log_t             log;
    ngx_event_t           turn;
    ngx_kafka_sse_pace_t  pace;

    static struct {
        uint64_t     us;
        ngx_msec_t   rest;
    } turns[] = {
        { 0, 0 }, { 1999, 0 }, { 2000, 1 }, { 7999, 1 }, { 8000, 2 },
        { 50000, 7 }, { 392000, 50 }, { 5000000, 50 }
    };

    memset(&pace, 0, sizeof(ngx_kafka_sse_pace_t));
    memset(&turn, 0, sizeof(ngx_event_t));
    memset(&log, 0, sizeof(ngx_log_t));

    turn.log = &log;

    ngx_queue_init(&ngx_posted_events);
    pace_us = 7000000123;

    ngx_kafka_sse_pace_init(&pace, &turn, &log);

    for (i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        rest = pace_turn(&pace, turns[i].us);

        unit_ok(rest == turns[i].rest, "after a turn comes a rest of an "
                "eighth of it, none after a short one, never a long one");

        if (rest == 0) {
            unit_ok(pace_timers == 0, "no timer where there is no rest");
            continue;
        }

        unit_ok(pace_timers == 1 && pace_turn(&pace, 1) == (ngx_msec_t) -1,
                "there is no turn during the rest");
        unit_ok(!turn.posted, "nor is one posted");

        pace_rest(&pace, rest);

        unit_ok(turn.posted, "when it is over there is one");

        turn.posted = 0;
        ngx_queue_init(&ngx_posted_events);
    }

    unit_ok(pace.rest.cancelable, "a rest keeps no worker from leaving");

    return unit_done();
}
