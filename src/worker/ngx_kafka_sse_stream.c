
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_life.h>
#include <worker/ngx_kafka_sse_output.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_STREAM_PIECE  (64 * 1024)    /* bytes of one send */
#define NGX_KAFKA_SSE_STREAM_SLICE  (256 * 1024)   /* bytes in a row */

/* a client that is so many times further behind than it may is given up at
   once */

#define NGX_KAFKA_SSE_STREAM_BURST  8


static void ngx_kafka_sse_stream_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_stream_tune(ngx_kafka_sse_stream_t *stream);
static ngx_inline ngx_uint_t ngx_kafka_sse_stream_is_plain(
    ngx_kafka_sse_stream_t *stream);
static ngx_inline void ngx_kafka_sse_stream_prefetch(ngx_queue_t *q);
static ngx_uint_t ngx_kafka_sse_stream_slow(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_went(ngx_kafka_sse_stream_t *stream,
    ngx_int_t rc);
static void ngx_kafka_sse_stream_clear(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_block(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_part(void *data);
static void ngx_kafka_sse_stream_cleanup(void *data);


ngx_str_t  ngx_kafka_sse_stream_resumes[] = {
    ngx_string("fresh"),
    ngx_string("exact"),
    ngx_string("replay"),
    ngx_string("reset")
};


/* one text for all, by framing */

static ngx_str_t  ngx_kafka_sse_stream_heartbeats[] = {
    ngx_string(":\n\n"),
    ngx_string("3" CRLF ":\n\n" CRLF)
};


ngx_kafka_sse_stream_t *
ngx_kafka_sse_stream_create(ngx_http_request_t *r,
    ngx_kafka_sse_selection_t *selection)
{
    size_t                          size;
    ngx_pool_cleanup_t             *cln;
    ngx_http_cleanup_t             *end;
    ngx_kafka_sse_stream_t         *stream;
    ngx_kafka_sse_stream_chosen_t  *chosen;

    size = selection->refs ? sizeof(ngx_kafka_sse_stream_chosen_t)
                           : sizeof(ngx_kafka_sse_stream_t);

    stream = ngx_pcalloc(r->pool, size);
    if (stream == NULL) {
        return NULL;
    }

    stream->request = r;
    stream->connection = r->connection;
    stream->conf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    end = ngx_http_cleanup_add(r, 0);

    if (cln == NULL || end == NULL) {
        return NULL;
    }

    cln->handler = ngx_kafka_sse_stream_cleanup;
    cln->data = stream;

    end->handler = ngx_kafka_sse_stream_part;
    end->data = stream;

    if (selection->refs) {
        chosen = (ngx_kafka_sse_stream_chosen_t *) stream;
        chosen->selection = selection;
        ngx_kafka_sse_selection_hold(selection);
    }

    ngx_http_set_ctx(r, stream, ngx_kafka_sse_module);

    return stream;
}


ngx_kafka_sse_selection_t *
ngx_kafka_sse_stream_selection(ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_selection_t      *selection;
    ngx_kafka_sse_stream_chosen_t  *chosen;

    if (!ngx_kafka_sse_naming_is_dynamic(&stream->conf->naming)) {
        return &stream->conf->selection;
    }

    chosen = (ngx_kafka_sse_stream_chosen_t *) stream;

    selection = ngx_kafka_sse_selection_renew(ngx_kafka_sse_hub,
                                              chosen->selection);
    if (selection) {
        chosen->selection = selection;
    }

    return chosen->selection;
}


ngx_int_t
ngx_kafka_sse_stream_watch(ngx_kafka_sse_stream_t *stream)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = stream->request;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_kafka_sse_stream_write_handler;

    /* the socket of HTTP/2 is not this stream's alone, that of HTTP/3 UDP */

    if (r->http_version < NGX_HTTP_VERSION_20
        && ngx_kafka_sse_stream_tune(stream) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_sse_life_begin(ngx_kafka_sse_hub, stream);

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0);
}


static ngx_int_t
ngx_kafka_sse_stream_tune(ngx_kafka_sse_stream_t *stream)
{
    int                        size;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = stream->connection;

    /* nginx itself does it for TLS, HTTP/2 and kept connections only */

    clcf = ngx_http_get_module_loc_conf(stream->request, ngx_http_core_module);

    if (clcf->tcp_nodelay && ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what the kernel holds for a slow client is no lag, but it is memory */

    size = (int) stream->conf->buffer;

    if (size
        && setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, (const void *) &size,
                      sizeof(int))
           == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, c->log, ngx_socket_errno,
                      "kafka_sse: setsockopt(SO_SNDBUF, %d) failed", size);
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_stream_pend_id(ngx_kafka_sse_stream_t *stream, ngx_str_t *id)
{
    ngx_str_t  extra;

    static u_char  buf[sizeof("id: \n\n") + NGX_KAFKA_SSE_POSITION_TEXT_MAX];

    extra.data = buf;
    extra.len = 0;

    if (id->len) {
        extra.len = ngx_sprintf(buf, "id: %V\n\n", id) - buf;
    }

    return ngx_kafka_sse_stream_pend(stream, &extra);
}


/* once it is sent, nothing of it is left: most streams have no other piece */

ngx_int_t
ngx_kafka_sse_stream_pend(ngx_kafka_sse_stream_t *stream, ngx_str_t *extra)
{
    u_char  *p;
    size_t   len;

    if (stream->begun && extra->len == 0) {
        return NGX_OK;
    }

    len = sizeof(ngx_buf_t) + NGX_KAFKA_SSE_OUTPUT_CHUNK
          + NGX_KAFKA_SSE_STREAM_RETRY_LEN + sizeof(":\n\n") + extra->len
          + sizeof(CRLF);

    p = ngx_alloc(len, stream->connection->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_free(stream->piece);

    stream->piece = p;
    p += sizeof(ngx_buf_t) + NGX_KAFKA_SSE_OUTPUT_CHUNK;
    stream->pending.data = p;

    if (!stream->begun) {
        p = ngx_kafka_sse_stream_retry(stream->conf, p);
        p = ngx_cpymem(p, ":\n\n", sizeof(":\n\n") - 1);
    }

    p = ngx_cpymem(p, extra->data, extra->len);

    stream->pending.len = p - stream->pending.data;
    stream->framed = 0;
    stream->begun = 1;
    stream->clear = 0;

    return NGX_OK;
}


/* the jitter keeps clients that were cut together from coming back together */

u_char *
ngx_kafka_sse_stream_retry(ngx_kafka_sse_loc_conf_t *conf, u_char *p)
{
    ngx_msec_t  ms;

    ms = conf->retry;

    if (conf->retry_jitter) {
        ms += ngx_random() % (conf->retry_jitter + 1);
    }

    return ngx_sprintf(p, "retry: %M\n", ms);
}


/* a group with a filter has more to say than that the client is connected */

void
ngx_kafka_sse_stream_beat(ngx_kafka_sse_stream_t *stream)
{
    if (ngx_kafka_sse_group_heartbeat(ngx_kafka_sse_hub, stream->group)) {
        return;
    }

    stream->pending = ngx_kafka_sse_stream_heartbeats[
                          stream->direct ? stream->framing
                                         : NGX_KAFKA_SSE_FRAMING_RAW];
    stream->framed = 1;
    stream->clear = 0;

    ngx_kafka_sse_stream_send(stream);
}


void
ngx_kafka_sse_stream_placed(ngx_kafka_sse_stream_t *stream)
{
    ngx_free(stream->position);
    stream->position = NULL;
}


ngx_uint_t
ngx_kafka_sse_stream_drained(ngx_kafka_sse_stream_t *stream)
{
    return stream->pending.len == 0
           && !stream->lent
           && !stream->blocked
           && ngx_kafka_sse_stream_unsent(stream) == 0;
}


size_t
ngx_kafka_sse_stream_unsent(ngx_kafka_sse_stream_t *stream)
{
    uint64_t  end;

    if (stream->group == NULL) {
        return stream->left;
    }

    end = stream->ending ? stream->end : stream->group->log.end;

    return (end > stream->cursor.pos) ? end - stream->cursor.pos : 0;
}


uint64_t
ngx_kafka_sse_stream_records(ngx_kafka_sse_stream_t *stream)
{
    if (stream->group == NULL || stream->ending) {
        return stream->records;
    }

    return stream->records + (stream->group->records - stream->joined_at);
}


/*
 * Most streams have all that was sent before and want what was appended since,
 * which is in one piece: for them it is one send, and no more than one line of
 * memory of ours is looked at.  The others, and those whose client does not
 * take all of it, are _send()'s.
 */

void
ngx_kafka_sse_stream_send_all(ngx_kafka_sse_group_t *group)
{
    ssize_t                  n;
    ngx_str_t                fresh;
    ngx_queue_t             *q, *next;
    ngx_connection_t        *c;
    ngx_kafka_sse_stream_t  *stream;

    fresh = ngx_kafka_sse_log_fresh(&group->log);

    if (fresh.len > NGX_KAFKA_SSE_STREAM_PIECE || group->is_private) {
        fresh.len = 0;
    }

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);

        if (next != ngx_queue_sentinel(&group->streams)) {
            ngx_kafka_sse_stream_prefetch(next);
        }

        if (fresh.len == 0
            || !ngx_kafka_sse_stream_is_plain(stream)
            || stream->cursor.chunk
            || stream->cursor.pos != group->log.settled)
        {
            ngx_kafka_sse_stream_send(stream);
            continue;
        }

        c = stream->connection;

        n = c->send(c, fresh.data, fresh.len);

        if (n == (ssize_t) fresh.len) {
            stream->cursor.pos = group->log.end;
            stream->sent = ngx_current_msec;
            continue;
        }

        (void) ngx_kafka_sse_cursor_peek(&stream->cursor, &group->log);

        ngx_kafka_sse_stream_went(stream,
                        ngx_kafka_sse_output_taken(stream, n, fresh.len));

        ngx_kafka_sse_stream_send(stream);
    }
}


static ngx_inline ngx_uint_t
ngx_kafka_sse_stream_is_plain(ngx_kafka_sse_stream_t *stream)
{
    return stream->direct
           && stream->clear
           && !stream->blocked
           && !stream->ending
           && !stream->closing;
}


/*
 * While the kernel is busy with one stream, the memory of the next arrives,
 * and of the one after it what tells where that is.
 */

static ngx_inline void
ngx_kafka_sse_stream_prefetch(ngx_queue_t *q)
{
    ngx_connection_t        *c;
    ngx_kafka_sse_stream_t  *stream;

    stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);
    c = stream->connection;

    __builtin_prefetch(c);
    __builtin_prefetch(&c->sent);
    __builtin_prefetch(ngx_queue_next(q));
}


void
ngx_kafka_sse_stream_send(ngx_kafka_sse_stream_t *stream)
{
    size_t     slice;
    ngx_int_t  rc;
    ngx_str_t  piece;

    slice = 0;
    ngx_str_null(&piece);

    for ( ;; ) {

        /* even a blocked stream takes up its place in what was appended */

        if (stream->group) {
            piece = ngx_kafka_sse_cursor_peek(&stream->cursor,
                                              &stream->group->log);
            piece.len = ngx_min(piece.len,
                                ngx_kafka_sse_stream_unsent(stream));
        }

        if (stream->blocked || stream->closing) {
            break;
        }

        if (stream->pending.len) {
            rc = ngx_kafka_sse_output_pending(stream);

        } else if (piece.len && slice < NGX_KAFKA_SSE_STREAM_SLICE) {
            piece.len = ngx_min(piece.len, NGX_KAFKA_SSE_STREAM_PIECE);
            slice += piece.len;
            rc = ngx_kafka_sse_output_log(stream, &piece);

        } else if (piece.len) {
            stream->blocked = 1;
            ngx_post_event(stream->connection->write,
                           &ngx_posted_next_events);
            break;

        } else {
            break;
        }

        ngx_kafka_sse_stream_went(stream, rc);
    }

    if (stream->closing) {
        return;
    }

    if (stream->blocked && ngx_kafka_sse_stream_slow(stream)) {
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
        return;
    }

    if (!ngx_kafka_sse_stream_drained(stream)) {
        return;
    }

    ngx_kafka_sse_stream_clear(stream);

    if (stream->ending) {
        ngx_kafka_sse_life_end(ngx_kafka_sse_hub, stream);
        return;
    }

    if (slice && stream->group && stream->group->is_private) {
        ngx_kafka_sse_hub_post(ngx_kafka_sse_hub);
    }
}


static void
ngx_kafka_sse_stream_went(ngx_kafka_sse_stream_t *stream, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_CLIENT);
        return;
    }

    stream->sent = ngx_current_msec;

    if (rc == NGX_AGAIN) {
        ngx_kafka_sse_stream_block(stream);
    }
}


/* all is with the kernel: what is appended next may go there at once */

static void
ngx_kafka_sse_stream_clear(ngx_kafka_sse_stream_t *stream)
{
    ngx_connection_t  *c;

    c = stream->connection;

    if (stream->clear
        || !stream->direct
        || stream->request->out
        || c->buffered)
    {
        return;
    }

    stream->clear = 1;

#if (NGX_HTTP_SSL)

    /* nginx's own 16 KB (ssl_buffer_size), for what goes by the filters */

    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }

#endif
}


/*
 * A burst is more than the limit at once, for clients that are not slow, too:
 * who takes something of it may be some times as far behind.  Who does not is
 * looked at again, see life_look().
 */

static ngx_uint_t
ngx_kafka_sse_stream_slow(ngx_kafka_sse_stream_t *stream)
{
    size_t  lag;

    lag = ngx_kafka_sse_stream_lag(stream);

    if (lag > stream->conf->lag && !stream->late) {
        stream->late = 1;
        ngx_queue_insert_tail(&ngx_kafka_sse_hub->late, &stream->behind);
    }

    return lag / NGX_KAFKA_SSE_STREAM_BURST > stream->conf->lag;
}


/*
 * Only who waits for the client can be slow: a stream whose write event is
 * posted has had its share of a turn.  Only who is sent what all are sent can
 * be too slow: a private group is paced by its client.
 */

size_t
ngx_kafka_sse_stream_lag(ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_group_t  *group;

    group = stream->group;

    if (!stream->blocked
        || stream->connection->write->posted
        || group == NULL
        || group->is_private)
    {
        return 0;
    }

    return ngx_kafka_sse_cursor_lag(&stream->cursor, &group->log);
}


/* waits until the client can take more, for send_timeout at most */

static void
ngx_kafka_sse_stream_block(ngx_kafka_sse_stream_t *stream)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = stream->request;
    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    stream->blocked = 1;

    if (!wev->delayed && !wev->timer_set) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
    }
}


static void
ngx_kafka_sse_stream_write_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               timedout;
    ngx_event_t             *wev;
    ngx_kafka_sse_stream_t  *stream;

    stream = ngx_http_get_module_ctx(r, ngx_kafka_sse_module);
    wev = r->connection->write;
    timedout = wev->timedout;

#if (NGX_HTTP_V2)

    /* the connection below has a time of its own */

    if (r->stream) {
        timedout |= r->stream->connection->connection->timedout;
    }

#endif

    if (timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "kafka_sse: client timed out");
        r->connection->timedout = 1;
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
        return;
    }

    /* the timer is that of limit_rate, and nothing goes out until it is over */

    if (wev->delayed) {
        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
        }

        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    if (!stream->blocked) {
        return;
    }

    stream->blocked = 0;

    if (stream->lent || r->out || r->buffered || r->connection->buffered) {
        rc = ngx_kafka_sse_output_go_on(stream);

        if (rc == NGX_ERROR) {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_CLIENT);
            return;
        }

        if (rc == NGX_AGAIN) {
            ngx_kafka_sse_stream_block(stream);
        }
    }

    ngx_kafka_sse_stream_send(stream);
}


void
ngx_kafka_sse_stream_end(ngx_kafka_sse_stream_t *stream, ngx_uint_t reason)
{
    if (stream->ending || stream->closing) {
        return;
    }

    /* what is appended from now on is not for this stream */

    if (stream->group) {
        stream->end = stream->group->log.end;
        stream->end_id = ngx_kafka_sse_group_position(stream->group,
                                                      stream->request->pool);
        stream->records = ngx_kafka_sse_stream_records(stream);
    }

    stream->ending = 1;
    stream->reason = reason;

    /* what is gathered for it goes at once; if that is all, it is posted */

    ngx_kafka_sse_stream_send(stream);
}


void
ngx_kafka_sse_stream_close(ngx_kafka_sse_stream_t *stream, ngx_uint_t reason)
{
    if (stream->closing) {
        return;
    }

    stream->closing = 1;
    stream->reason = reason;

    ngx_kafka_sse_life_end(ngx_kafka_sse_hub, stream);
}


/*
 * The request is over, but HTTP/2 keeps it until the connection has taken the
 * frames that are queued, and these point into the log.  Only their chunk stays
 * for so long: the stream that holds up what is appended has left.  One that
 * has been sent everything does so in the end, its position is for the log.
 */

static void
ngx_kafka_sse_stream_part(void *data)
{
    ngx_kafka_sse_stream_t *stream = data;

    if (!stream->joined || ngx_kafka_sse_stream_drained(stream)) {
        return;
    }

    stream->left = ngx_kafka_sse_stream_unsent(stream);

    if (stream->borrowed) {
        stream->pinned = ngx_kafka_sse_cursor_pin(&stream->cursor);
    }

    ngx_kafka_sse_life_leave(stream);
    ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub, stream);
}


/* however the request ends, also before the stream has joined the hub */

static void
ngx_kafka_sse_stream_cleanup(void *data)
{
    ngx_kafka_sse_stream_t *stream = data;

    ngx_kafka_sse_stream_chosen_t  *chosen;

    ngx_kafka_sse_life_leave(stream);

    if (stream->pinned) {
        ngx_kafka_sse_chunk_unpin(stream->pinned);
    }

    ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub, stream);

    if (ngx_kafka_sse_naming_is_dynamic(&stream->conf->naming)) {
        chosen = (ngx_kafka_sse_stream_chosen_t *) stream;
        ngx_kafka_sse_selection_release(ngx_kafka_sse_hub, chosen->selection);
    }

    ngx_free(stream->piece);
    ngx_free(stream->position);
}
