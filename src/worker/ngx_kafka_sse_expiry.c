
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_expiry.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_EXPIRY_LOOK    500    /* ms between looks, at most */
#define NGX_KAFKA_SSE_EXPIRY_RETRY   100    /* ms until a stream that could not
                                               be warned is tried again */
#define NGX_KAFKA_SSE_EXPIRY_GRACE   1000   /* ms for a client to take what it
                                               had a right to, and the end */


static void ngx_kafka_sse_expiry_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static void ngx_kafka_sse_expiry_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_expiry_t *expiry);
static void ngx_kafka_sse_expiry_wake(ngx_kafka_sse_hub_t *hub);
static void ngx_kafka_sse_expiry_handler(ngx_event_t *ev);
static void ngx_kafka_sse_expiry_due(ngx_kafka_sse_expiry_t *expiry,
    int64_t now);
static ngx_int_t ngx_kafka_sse_expiry_warn(ngx_kafka_sse_stream_t *stream,
    int64_t left);


void
ngx_kafka_sse_expiry_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_rbtree_init(&hub->expiries, &hub->expiries_sentinel,
                    ngx_kafka_sse_expiry_insert);

    /* streams that are left at a graceful shutdown have the drain's timer */

    hub->expire.handler = ngx_kafka_sse_expiry_handler;
    hub->expire.data = hub;
    hub->expire.log = hub->log;
    hub->expire.cancelable = 1;
}


/* by due, as a key has 32 bits on some machines */

static void
ngx_kafka_sse_expiry_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {

        p = (((ngx_kafka_sse_expiry_t *) node)->due
             < ((ngx_kafka_sse_expiry_t *) temp)->due)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


ngx_int_t
ngx_kafka_sse_expiry_set(ngx_kafka_sse_stream_t *stream, int64_t time)
{
    stream->expiry = ngx_pcalloc(stream->request->pool,
                                 sizeof(ngx_kafka_sse_expiry_t));
    if (stream->expiry == NULL) {
        return NGX_ERROR;
    }

    stream->expiry->time = time;
    stream->expiry->stream = stream;

    return NGX_OK;
}


void
ngx_kafka_sse_expiry_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_expiry_t  *expiry;

    expiry = stream->expiry;

    if (expiry == NULL) {
        return;
    }

    /* one that is to be warned already is so when its first bytes are out */

    expiry->due = expiry->time - (int64_t) stream->conf->expiry.warn;

    ngx_kafka_sse_expiry_add(hub, expiry);
    ngx_kafka_sse_expiry_wake(hub);
}


static void
ngx_kafka_sse_expiry_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_expiry_t *expiry)
{
    expiry->listed = 1;
    ngx_rbtree_insert(&hub->expiries, &expiry->node);
}


void
ngx_kafka_sse_expiry_leave(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_expiry_t  *expiry;

    expiry = stream->expiry;

    if (expiry && expiry->listed) {
        expiry->listed = 0;
        ngx_rbtree_delete(&hub->expiries, &expiry->node);
    }
}


/*
 * The timer follows a clock that does not jump, so it never waits for the whole
 * time that is left.
 */

static void
ngx_kafka_sse_expiry_wake(ngx_kafka_sse_hub_t *hub)
{
    int64_t                  left;
    ngx_msec_int_t           set;
    ngx_kafka_sse_expiry_t  *first;

    if (hub->expiries.root == hub->expiries.sentinel) {
        return;
    }

    first = (ngx_kafka_sse_expiry_t *) ngx_rbtree_min(hub->expiries.root,
                                                      hub->expiries.sentinel);

    left = first->due - ngx_kafka_sse_expiry_now();
    left = ngx_max(left, 1);
    left = ngx_min(left, NGX_KAFKA_SSE_EXPIRY_LOOK);

    if (hub->expire.timer_set) {
        set = (ngx_msec_int_t) (hub->expire.timer.key - ngx_current_msec);

        if (set <= left) {
            return;
        }

        ngx_del_timer(&hub->expire);
    }

    ngx_add_timer(&hub->expire, (ngx_msec_t) left);
}


static void
ngx_kafka_sse_expiry_handler(ngx_event_t *ev)
{
    int64_t                  now;
    ngx_kafka_sse_hub_t     *hub;
    ngx_kafka_sse_expiry_t  *first;

    hub = ev->data;
    now = ngx_kafka_sse_expiry_now();

    while (hub->expiries.root != hub->expiries.sentinel) {

        first = (ngx_kafka_sse_expiry_t *)
                    ngx_rbtree_min(hub->expiries.root, hub->expiries.sentinel);

        if (first->due > now) {
            break;
        }

        ngx_rbtree_delete(&hub->expiries, &first->node);

        ngx_kafka_sse_expiry_due(first, now);

        ngx_kafka_sse_expiry_add(hub, first);
    }

    ngx_kafka_sse_expiry_wake(hub);
}


/* what is due next is later than now; nobody leaves in here */

static void
ngx_kafka_sse_expiry_due(ngx_kafka_sse_expiry_t *expiry, int64_t now)
{
    ngx_kafka_sse_stream_t  *stream;

    stream = expiry->stream;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, stream->connection->log, 0,
                   "kafka_sse expiry, ms left: %L, ended: %d",
                   expiry->time - now, expiry->ended);

    if (now < expiry->time) {
        expiry->due = expiry->time;

        if (stream->conf->expiry.warn
            && ngx_kafka_sse_expiry_warn(stream, expiry->time - now)
               == NGX_AGAIN)
        {
            expiry->due = ngx_min(now + NGX_KAFKA_SSE_EXPIRY_RETRY,
                                  expiry->time);
        }

        return;
    }

    expiry->due = now + NGX_KAFKA_SSE_EXPIRY_GRACE;

    if (!expiry->ended) {
        expiry->ended = 1;
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_EXPIRED);
        return;
    }

    /* it takes neither what it had a right to nor the end */

    ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_EXPIRED);
}


/* NGX_AGAIN: an event of its own cannot go out now, the stream may be in the
   middle of another one */

static ngx_int_t
ngx_kafka_sse_expiry_warn(ngx_kafka_sse_stream_t *stream, int64_t left)
{
    u_char     buf[sizeof("event: stream-expire\ndata: \n\n")
                   + NGX_INT64_LEN];
    ngx_str_t  event;

    if (stream->ending || stream->closing) {
        return NGX_OK;
    }

    if (!ngx_kafka_sse_stream_drained(stream)) {
        ngx_kafka_sse_stream_send(stream);      /* what is being gathered */

        if (stream->closing || !ngx_kafka_sse_stream_drained(stream)) {
            return NGX_AGAIN;
        }
    }

    event.data = buf;
    event.len = ngx_sprintf(buf, "event: stream-expire\ndata: %L\n\n",
                            (left + 999) / 1000)
                - buf;

    if (ngx_kafka_sse_stream_pend(stream, &event) != NGX_OK) {
        return NGX_AGAIN;
    }

    ngx_kafka_sse_stream_send(stream);

    return NGX_OK;
}
