
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <ngx_event.h>

#include <worker/ngx_kafka_sse_wheel.h>


#define WHEEL_ENTRIES  5000
#define WHEEL_TIME     (10 * 60 * 1000)     /* ms */
#define WHEEL_FAR      (3 * 60 * 1000)


typedef struct {
    ngx_kafka_sse_wheel_entry_t   entry;    /* first */
    ngx_uint_t                    listed;
} wheel_entry_t;


static ngx_kafka_sse_wheel_t  wheel;
static wheel_entry_t          entries[WHEEL_ENTRIES];


static ngx_uint_t
wheel_takes(ngx_msec_t now)
{
    ngx_uint_t  n;

    for (n = 0; ngx_kafka_sse_wheel_take(&wheel, now); n++) { /* void */ }

    return n;
}


static void
wheel_one(void)
{
    ngx_msec_t                   start, round;
    ngx_kafka_sse_wheel_entry_t  one, two;

    start = 1234567;
    round = NGX_KAFKA_SSE_WHEEL_SLOT * NGX_KAFKA_SSE_WHEEL_SLOTS;

    ngx_kafka_sse_wheel_init(&wheel, start);

    unit_ok(ngx_kafka_sse_wheel_next(&wheel) == NGX_TIMER_INFINITE,
            "an empty wheel is never due");
    unit_ok(wheel_takes(start + round) == 0, "... and has nothing to take");

    ngx_kafka_sse_wheel_init(&wheel, start);
    ngx_kafka_sse_wheel_add(&wheel, &one, start + 1000);

    unit_ok(wheel_takes(start + 999) == 0,
            "an entry is not taken before its time");
    unit_ok(wheel_takes(start + 1000 + NGX_KAFKA_SSE_WHEEL_SLOT) == 1,
            "... but a slot after it");
    unit_ok(wheel_takes(start + 2 * round) == 0, "... and once");

    start += 2 * round;
    ngx_kafka_sse_wheel_add(&wheel, &one, start - 5000);

    unit_ok(wheel_takes(start + NGX_KAFKA_SSE_WHEEL_SLOT) == 1,
            "what was due before is taken in the next slot");

    ngx_kafka_sse_wheel_add(&wheel, &one, start + 1000);
    ngx_kafka_sse_wheel_add(&wheel, &two, start + 1000);
    ngx_queue_remove(&one.queue);

    unit_ok(ngx_kafka_sse_wheel_take(&wheel, start + 1200) == &two
            && wheel_takes(start + 1200) == 0,
            "what was taken out is not taken");

    ngx_kafka_sse_wheel_add(&wheel, &one, start + 100 * round);

    unit_ok(ngx_kafka_sse_wheel_take(&wheel, start + 200 * round) == &one,
            "an entry is found after many rounds without a look");

    start += 200 * round;
    ngx_kafka_sse_wheel_add(&wheel, &one, start + round);

    unit_ok(wheel_takes(start + round - 1) == 0
            && wheel_takes(start + round + NGX_KAFKA_SSE_WHEEL_SLOT) == 1,
            "an entry may be due a whole round later");
}


/*
 * As streams do: each is added again when it is taken, some are taken out.
 * The wheel is looked at when it says so, or later.
 */

static void
wheel_many(void)
{
    ngx_msec_t      now, end, next;
    ngx_uint_t      i, early, late, never, sleeps, taken, unknown;
    wheel_entry_t  *e;

    now = 987654321;
    end = now + WHEEL_TIME;

    ngx_kafka_sse_wheel_init(&wheel, now);

    for (i = 0; i < WHEEL_ENTRIES; i++) {
        ngx_kafka_sse_wheel_add(&wheel, &entries[i].entry,
                                now + unit_below(WHEEL_FAR));
        entries[i].listed = 1;
    }

    early = late = never = sleeps = taken = unknown = 0;

    while (now < end) {

        while ((e = (wheel_entry_t *) ngx_kafka_sse_wheel_take(&wheel, now))) {

            taken++;
            unknown += !e->listed;
            early += (e->entry.due > now);
            late += (now - e->entry.due > 2 * NGX_KAFKA_SSE_WHEEL_SLOT);
            e->listed = 0;

            if (taken % 7) {
                ngx_kafka_sse_wheel_add(&wheel, &e->entry,
                                        now + unit_below(WHEEL_FAR));
                e->listed = 1;
            }
        }

        e = &entries[unit_below(WHEEL_ENTRIES)];

        if (e->listed) {
            ngx_queue_remove(&e->entry.queue);
            ngx_kafka_sse_wheel_add(&wheel, &e->entry,
                                    now + unit_below(WHEEL_FAR));
        }

        next = ngx_kafka_sse_wheel_next(&wheel);

        if (next == NGX_TIMER_INFINITE) {
            break;
        }

        sleeps += (next > now);
        now = ngx_max(next, now) + unit_below(NGX_KAFKA_SSE_WHEEL_SLOT);
    }

    for (i = 0; i < WHEEL_ENTRIES; i++) {
        never += entries[i].listed
                 && entries[i].entry.due + 2 * NGX_KAFKA_SSE_WHEEL_SLOT < now;
    }

    unit_ok(taken > WHEEL_ENTRIES, "many entries are taken");
    unit_ok(early == 0, "none before its time");
    unit_ok(late == 0, "none later than the slot it was looked at in");
    unit_ok(never == 0, "none is forgotten");
    unit_ok(unknown == 0, "none twice");
    unit_ok(sleeps > 0, "the wheel says when to look");
}


int
main(void)
{
    wheel_one();
    wheel_many();

    return unit_done();
}
