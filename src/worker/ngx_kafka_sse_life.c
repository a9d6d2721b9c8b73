
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_expiry.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_life.h>
#include <worker/ngx_kafka_sse_stream.h>


/* a client that is too far behind is given up after so many ms without taking
   anything */

#define NGX_KAFKA_SSE_LIFE_PATIENCE  1000


static void ngx_kafka_sse_life_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream, ngx_msec_t beat);
static ngx_msec_t ngx_kafka_sse_life_duration(ngx_kafka_sse_loc_conf_t *klcf);
static ngx_msec_t ngx_kafka_sse_life_beat(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_life_wake(ngx_kafka_sse_hub_t *hub, ngx_msec_t at);
static void ngx_kafka_sse_life_wheel_handler(ngx_event_t *ev);
static void ngx_kafka_sse_life_due(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_life_ends_handler(ngx_event_t *ev);
static void ngx_kafka_sse_life_finish(ngx_kafka_sse_stream_t *stream);


void
ngx_kafka_sse_life_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_kafka_sse_wheel_init(&hub->wheel, ngx_current_msec);
    ngx_queue_init(&hub->ends);
    ngx_queue_init(&hub->late);

    ngx_kafka_sse_expiry_init(hub);

    /* streams that are left at a graceful shutdown have the drain's timer */

    hub->beat.handler = ngx_kafka_sse_life_wheel_handler;
    hub->beat.data = hub;
    hub->beat.log = hub->log;
    hub->beat.cancelable = 1;

    hub->end.handler = ngx_kafka_sse_life_ends_handler;
    hub->end.data = hub;
    hub->end.log = hub->log;
}


void
ngx_kafka_sse_life_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    stream->spread = ngx_random() & 0xff;
    stream->sent = ngx_current_msec;
    stream->limit = ngx_current_msec
                    + ngx_kafka_sse_life_duration(stream->conf);

    ngx_kafka_sse_life_add(hub, stream, ngx_kafka_sse_life_beat(stream));
    ngx_kafka_sse_expiry_begin(hub, stream);
}


/* the next look: at the heartbeat, or at the end if that is first */

static void
ngx_kafka_sse_life_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream, ngx_msec_t beat)
{
    ngx_msec_t  due;

    due = NGX_TIMER_INFINITE;

    if (stream->conf->heartbeat) {
        due = beat;
    }

    if (stream->conf->max_duration) {
        due = ngx_min(due, stream->limit);
    }

    if (due == NGX_TIMER_INFINITE) {
        return;
    }

    stream->listed = 1;
    ngx_kafka_sse_wheel_add(&hub->wheel, &stream->look, due);
    ngx_kafka_sse_life_wake(hub, due);
}


/* the jitter keeps streams that began together from ending together */

static ngx_msec_t
ngx_kafka_sse_life_duration(ngx_kafka_sse_loc_conf_t *klcf)
{
    ngx_msec_t  jitter;

    jitter = klcf->max_duration / 100 * klcf->max_duration_jitter
             + klcf->max_duration % 100 * klcf->max_duration_jitter / 100;

    return klcf->max_duration - (jitter ? ngx_random() % (jitter + 1) : 0);
}


/*
 * When a stream that is sent nothing from now on gets its heartbeat: in the
 * last fifth of the time, so that streams which all were sent a record at once
 * do not beat at once, and a slot before its end, as the wheel may be late.
 */

static ngx_msec_t
ngx_kafka_sse_life_beat(ngx_kafka_sse_stream_t *stream)
{
    ngx_msec_t  time, spread;

    time = stream->conf->heartbeat;
    spread = time / 5;
    time -= spread;
    spread -= ngx_min(spread, NGX_KAFKA_SSE_WHEEL_SLOT);

    return stream->sent + time + spread * stream->spread / 256;
}


/* the wheel's timer goes off at this time or before */

static void
ngx_kafka_sse_life_wake(ngx_kafka_sse_hub_t *hub, ngx_msec_t at)
{
    ngx_msec_int_t  left;

    if (hub->beat.timer_set) {

        if ((ngx_msec_int_t) (hub->beat.timer.key - at) <= 0) {
            return;
        }

        ngx_del_timer(&hub->beat);
    }

    left = (ngx_msec_int_t) (at - ngx_current_msec);

    ngx_add_timer(&hub->beat, (ngx_msec_t) ngx_max(left, 1));
}


static void
ngx_kafka_sse_life_wheel_handler(ngx_event_t *ev)
{
    ngx_msec_t                    next;
    ngx_kafka_sse_hub_t          *hub;
    ngx_kafka_sse_stream_t       *stream;
    ngx_kafka_sse_wheel_entry_t  *entry;

    hub = ev->data;

    for ( ;; ) {
        entry = ngx_kafka_sse_wheel_take(&hub->wheel, ngx_current_msec);
        if (entry == NULL) {
            break;
        }

        stream = ngx_queue_data(entry, ngx_kafka_sse_stream_t, look);
        stream->listed = 0;

        ngx_kafka_sse_life_due(hub, stream);
    }

    next = ngx_kafka_sse_wheel_next(&hub->wheel);

    if (next != NGX_TIMER_INFINITE) {
        ngx_kafka_sse_life_wake(hub, next);
    }
}


/* records that were sent meanwhile have not moved it: it goes on from them */

static void
ngx_kafka_sse_life_due(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_msec_t  beat;

    if (stream->conf->max_duration && stream->limit <= ngx_current_msec) {
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_LIMIT);
    }

    if (stream->ending || stream->closing) {
        return;
    }

    beat = ngx_kafka_sse_life_beat(stream);

    if (stream->conf->heartbeat && beat <= ngx_current_msec) {

        if (ngx_kafka_sse_stream_drained(stream)) {
            ngx_kafka_sse_stream_beat(stream);

        } else {
            ngx_kafka_sse_stream_send(stream);  /* what is being gathered */
        }

        if (stream->closing) {
            return;
        }

        beat = ngx_kafka_sse_life_beat(stream);

        if (beat <= ngx_current_msec) {

            /* blocked: there is no silence to break */

            beat = ngx_current_msec + stream->conf->heartbeat;
        }
    }

    ngx_kafka_sse_life_add(hub, stream, beat);
}


void
ngx_kafka_sse_life_end(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    if (stream->posted) {
        return;
    }

    ngx_kafka_sse_life_leave(stream);

    stream->posted = 1;
    stream->listed = 1;
    ngx_queue_insert_tail(&hub->ends, &stream->look.queue);

    ngx_post_event(&hub->end, &ngx_posted_events);
}


void
ngx_kafka_sse_life_leave(ngx_kafka_sse_stream_t *stream)
{
    if (stream->listed) {
        stream->listed = 0;
        ngx_queue_remove(&stream->look.queue);
    }
}


/* the end of one may take others with it: those of its HTTP/2 connection */

static void
ngx_kafka_sse_life_ends_handler(ngx_event_t *ev)
{
    ngx_queue_t             *q;
    ngx_connection_t        *c;
    ngx_kafka_sse_hub_t     *hub;
    ngx_kafka_sse_stream_t  *stream;

    hub = ev->data;

    while (!ngx_queue_empty(&hub->ends)) {
        q = ngx_queue_head(&hub->ends);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, look.queue);

        ngx_kafka_sse_life_leave(stream);
        stream->posted = 0;

        if (stream->closing || ngx_kafka_sse_stream_drained(stream)) {
            c = stream->request->connection;

            ngx_kafka_sse_life_finish(stream);
            ngx_http_run_posted_requests(c);
        }
    }
}


/* the stream's last act: it leaves the hub, and the request is nginx's again */

static void
ngx_kafka_sse_life_finish(ngx_kafka_sse_stream_t *stream)
{
    u_char              *p;
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = stream->request;

    if (stream->closing) {

        /* TLS cannot say goodbye in the middle of a write */

        if (stream->direct && stream->blocked) {
            r->connection->error = 1;
        }

        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b = ngx_create_temp_buf(r->pool, NGX_KAFKA_SSE_STREAM_RETRY_LEN + 64);

    if (b == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    p = ngx_kafka_sse_stream_retry(stream->conf, b->pos);
    p = ngx_sprintf(p, "event: stream-end\ndata: %V\n\n",
                    &ngx_kafka_sse_close_reasons[stream->reason]);

    b->last = p;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub, stream);

    rc = ngx_http_output_filter(r, &out);

    ngx_http_finalize_request(r, rc);
}


void
ngx_kafka_sse_life_look(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t             *q, *next;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&hub->late);
         q != ngx_queue_sentinel(&hub->late);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, behind);

        if (ngx_kafka_sse_stream_lag(stream) <= stream->conf->lag) {
            stream->late = 0;
            ngx_queue_remove(q);

        } else if (ngx_current_msec - stream->sent
                   >= NGX_KAFKA_SSE_LIFE_PATIENCE)
        {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
        }
    }
}
