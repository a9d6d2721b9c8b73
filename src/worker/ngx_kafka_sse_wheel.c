
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <worker/ngx_kafka_sse_wheel.h>


static ngx_queue_t *ngx_kafka_sse_wheel_slot(ngx_kafka_sse_wheel_t *wheel,
    ngx_uint_t n);


void
ngx_kafka_sse_wheel_init(ngx_kafka_sse_wheel_t *wheel, ngx_msec_t now)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_SSE_WHEEL_SLOTS; i++) {
        ngx_queue_init(&wheel->slots[i]);
    }

    ngx_queue_init(&wheel->ready);

    wheel->turned = now / NGX_KAFKA_SSE_WHEEL_SLOT;
}


/* the slot begins when the entry is due, or after that */

void
ngx_kafka_sse_wheel_add(ngx_kafka_sse_wheel_t *wheel,
    ngx_kafka_sse_wheel_entry_t *entry, ngx_msec_t due)
{
    ngx_uint_t  n;

    n = due / NGX_KAFKA_SSE_WHEEL_SLOT + (due % NGX_KAFKA_SSE_WHEEL_SLOT != 0);
    n = ngx_max(n, wheel->turned + 1);

    entry->due = due;
    ngx_queue_insert_tail(ngx_kafka_sse_wheel_slot(wheel, n), &entry->queue);
}


ngx_kafka_sse_wheel_entry_t *
ngx_kafka_sse_wheel_take(ngx_kafka_sse_wheel_t *wheel, ngx_msec_t now)
{
    ngx_uint_t                    last;
    ngx_queue_t                  *q;
    ngx_kafka_sse_wheel_entry_t  *entry;

    last = now / NGX_KAFKA_SSE_WHEEL_SLOT;

    /* after a round all slots have been come to */

    if (last > wheel->turned + NGX_KAFKA_SSE_WHEEL_SLOTS) {
        wheel->turned = last - NGX_KAFKA_SSE_WHEEL_SLOTS;
    }

    for ( ;; ) {

        while (!ngx_queue_empty(&wheel->ready)) {
            q = ngx_queue_head(&wheel->ready);
            entry = ngx_queue_data(q, ngx_kafka_sse_wheel_entry_t, queue);

            ngx_queue_remove(q);

            if (entry->due <= now) {
                return entry;
            }

            ngx_kafka_sse_wheel_add(wheel, entry, entry->due);
        }

        if (wheel->turned >= last) {
            return NULL;
        }

        wheel->turned++;
        q = ngx_kafka_sse_wheel_slot(wheel, wheel->turned);

        if (!ngx_queue_empty(q)) {
            ngx_queue_add(&wheel->ready, q);
            ngx_queue_init(q);
        }
    }
}


ngx_msec_t
ngx_kafka_sse_wheel_next(ngx_kafka_sse_wheel_t *wheel)
{
    ngx_uint_t  n;

    n = wheel->turned;

    if (!ngx_queue_empty(&wheel->ready)) {
        return n * NGX_KAFKA_SSE_WHEEL_SLOT;
    }

    for (n++; n <= wheel->turned + NGX_KAFKA_SSE_WHEEL_SLOTS; n++) {
        if (!ngx_queue_empty(ngx_kafka_sse_wheel_slot(wheel, n))) {
            return n * NGX_KAFKA_SSE_WHEEL_SLOT;
        }
    }

    return NGX_TIMER_INFINITE;
}


static ngx_queue_t *
ngx_kafka_sse_wheel_slot(ngx_kafka_sse_wheel_t *wheel, ngx_uint_t n)
{
    return &wheel->slots[n % NGX_KAFKA_SSE_WHEEL_SLOTS];
}
