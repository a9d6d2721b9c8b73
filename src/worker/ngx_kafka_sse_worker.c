
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_life.h>
#include <worker/ngx_kafka_sse_stream.h>
#include <worker/ngx_kafka_sse_worker.h>


#define NGX_KAFKA_SSE_WORKER_TICK        1000       /* ms */
#define NGX_KAFKA_SSE_WORKER_DRAIN_STEP  50         /* ms */


static ngx_int_t ngx_kafka_sse_worker_init_wake(ngx_kafka_sse_hub_t *hub,
    ngx_cycle_t *cycle);
static void ngx_kafka_sse_worker_init_timers(ngx_kafka_sse_hub_t *hub);
static void ngx_kafka_sse_worker_wake_handler(ngx_event_t *ev);
static void ngx_kafka_sse_worker_tick_handler(ngx_event_t *ev);
static void ngx_kafka_sse_worker_end_all(ngx_kafka_sse_hub_t *hub,
    ngx_uint_t reason);
static void ngx_kafka_sse_worker_drain(ngx_kafka_sse_hub_t *hub);
static void ngx_kafka_sse_worker_drain_handler(ngx_event_t *ev);


ngx_int_t
ngx_kafka_sse_worker_init(ngx_cycle_t *cycle, ngx_kafka_sse_main_conf_t *kmcf)
{
    ngx_kafka_sse_hub_t  *hub;

    hub = ngx_kafka_sse_hub_create(cycle, kmcf);
    if (hub == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_worker_init_wake(hub, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_worker_init_timers(hub);

    /* what came before the wake-up was registered */

    ngx_kafka_sse_hub_post(hub);

    ngx_kafka_sse_hub = hub;

    return NGX_OK;
}


/*
 * The eventfd is the node's, not ours: it is never read, and "channel" keeps
 * nginx from taking it for a forgotten client when the worker exits.  "idle"
 * makes nginx call the handler with c->close set when a graceful shutdown
 * begins, which is the only sign of it.
 */

static ngx_int_t
ngx_kafka_sse_worker_init_wake(ngx_kafka_sse_hub_t *hub, ngx_cycle_t *cycle)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(hub->node->wake_fd, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = hub;
    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_kafka_sse_worker_wake_handler;
    c->read->channel = 1;
    c->write->channel = 1;
    c->idle = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    hub->wake = c;

    return NGX_OK;
}


static void
ngx_kafka_sse_worker_init_timers(ngx_kafka_sse_hub_t *hub)
{
    hub->drain.handler = ngx_kafka_sse_worker_drain_handler;
    hub->drain.data = hub;
    hub->drain.log = hub->log;

    hub->tick.handler = ngx_kafka_sse_worker_tick_handler;
    hub->tick.data = hub;
    hub->tick.log = hub->log;
    hub->tick.cancelable = 1;

    ngx_add_timer(&hub->tick, NGX_KAFKA_SSE_WORKER_TICK);
}


static void
ngx_kafka_sse_worker_wake_handler(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_kafka_sse_hub_t  *hub;

    c = ev->data;
    hub = c->data;

    if (c->close) {
        c->close = 0;
        c->idle = 0;
        ngx_kafka_sse_worker_drain(hub);
        return;
    }

    ngx_kafka_sse_hub_post(hub);
}


/*
 * Once a second: is the companion alive, is the master?  Workers whose master
 * was killed would serve a feed that nobody restarts.
 */

static void
ngx_kafka_sse_worker_tick_handler(ngx_event_t *ev)
{
    ngx_uint_t            stale;
    ngx_kafka_sse_hub_t  *hub;

    hub = ev->data;

    if (getppid() != ngx_parent && !ngx_exiting) {
        ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                      "kafka_sse: the master process %P is gone, "
                      "shutting down", ngx_parent);
        ngx_quit = 1;
    }

    stale = ngx_kafka_sse_zone_stale(hub->node);

    if (stale && !hub->stale) {
        ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                      "kafka_sse: the companion process has been silent for "
                      "%d s, %ui streams end",
                      NGX_KAFKA_SSE_STALE / 1000, hub->nstreams);

        ngx_kafka_sse_worker_end_all(hub, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    hub->stale = stale;

    ngx_kafka_sse_life_look(hub);

    if (ngx_kafka_sse_backlog_look(hub)
        || !hub->synced || hub->retry || !ngx_queue_empty(&hub->privates))
    {
        ngx_kafka_sse_hub_post(hub);
    }

    ngx_add_timer(&hub->tick, NGX_KAFKA_SSE_WORKER_TICK);
}


static void
ngx_kafka_sse_worker_end_all(ngx_kafka_sse_hub_t *hub, ngx_uint_t reason)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&hub->streams);
         q != ngx_queue_sentinel(&hub->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, all);
        ngx_kafka_sse_stream_end(stream, reason);
    }
}


/*
 * A graceful shutdown: streams end one by one, so that their clients do not
 * come back all at once, and before worker_shutdown_timeout would cut them.
 */

static void
ngx_kafka_sse_worker_drain(ngx_kafka_sse_hub_t *hub)
{
    ngx_msec_t        time;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);
    time = hub->conf->drain;

    if (ccf->shutdown_timeout && time > ccf->shutdown_timeout / 4 * 3) {
        time = ccf->shutdown_timeout / 4 * 3;
    }

    hub->draining = 1;
    hub->drain_end = ngx_current_msec + time;

    ngx_kafka_sse_worker_drain_handler(&hub->drain);
}


static void
ngx_kafka_sse_worker_drain_handler(ngx_event_t *ev)
{
    ngx_uint_t               i, n;
    ngx_queue_t             *q;
    ngx_msec_int_t           left;
    ngx_kafka_sse_hub_t     *hub;
    ngx_kafka_sse_stream_t  *stream;

    hub = ev->data;

    if (hub->nstreams == 0) {
        return;
    }

    left = (ngx_msec_int_t) (hub->drain_end - ngx_current_msec);
    left = ngx_max(left, 1);

    /* from the head, where those are that do not end yet */

    n = (hub->nstreams * NGX_KAFKA_SSE_WORKER_DRAIN_STEP + left - 1) / left;
    n = ngx_min(n, hub->nstreams);

    for (i = 0; i < n; i++) {
        q = ngx_queue_head(&hub->streams);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, all);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&hub->streams, q);

        if (stream->ending && left == 1) {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_DRAIN);

        } else {
            ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_DRAIN);
        }
    }

    ngx_add_timer(&hub->drain, NGX_KAFKA_SSE_WORKER_DRAIN_STEP);
}
