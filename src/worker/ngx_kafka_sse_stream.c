
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_STREAM_PIECE  (64 * 1024)    /* bytes of one send */
#define NGX_KAFKA_SSE_STREAM_SLICE  (256 * 1024)   /* bytes in a row */

/* a client that is too far behind: it is given up after so many ms without
   taking anything, or when it is so many times as far behind */

#define NGX_KAFKA_SSE_STREAM_PATIENCE  1000
#define NGX_KAFKA_SSE_STREAM_BURST     8


static ngx_str_t ngx_kafka_sse_stream_retry(ngx_kafka_sse_stream_t *stream,
    ngx_pool_t *pool);
static void ngx_kafka_sse_stream_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_stream_tune(ngx_kafka_sse_stream_t *stream);
static ngx_uint_t ngx_kafka_sse_stream_slow(ngx_kafka_sse_stream_t *stream);
static size_t ngx_kafka_sse_stream_lag(ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_stream_send_log(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_int_t ngx_kafka_sse_stream_lend(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_int_t ngx_kafka_sse_stream_returned(
    ngx_kafka_sse_stream_t *stream, ngx_int_t rc);
static void ngx_kafka_sse_stream_block(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_post(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_schedule(ngx_kafka_sse_stream_t *stream,
    ngx_msec_t silent);
static ngx_msec_t ngx_kafka_sse_stream_duration(
    ngx_kafka_sse_loc_conf_t *klcf);
static ngx_msec_int_t ngx_kafka_sse_stream_left(
    ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_timer_handler(ngx_event_t *ev);
static void ngx_kafka_sse_stream_finish(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_cleanup(void *data);


ngx_str_t  ngx_kafka_sse_stream_resumes[] = {
    ngx_string("fresh"),
    ngx_string("exact"),
    ngx_string("replay"),
    ngx_string("reset")
};


static ngx_str_t  ngx_kafka_sse_stream_heartbeat = ngx_string(":\n\n");


ngx_kafka_sse_stream_t *
ngx_kafka_sse_stream_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_kafka_sse_stream_t  *stream;

    stream = ngx_pcalloc(r->pool, sizeof(ngx_kafka_sse_stream_t));
    if (stream == NULL) {
        return NULL;
    }

    stream->request = r;
    stream->conf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);
    stream->sent = ngx_current_msec;
    stream->limit = ngx_current_msec
                    + ngx_kafka_sse_stream_duration(stream->conf);

    stream->heartbeat.handler = ngx_kafka_sse_stream_timer_handler;
    stream->heartbeat.data = stream;
    stream->heartbeat.log = r->connection->log;

    stream->buf = ngx_calloc_buf(r->pool);
    if (stream->buf == NULL) {
        return NULL;
    }

    stream->buf->tag = (ngx_buf_tag_t) &ngx_kafka_sse_module;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_kafka_sse_stream_cleanup;
    cln->data = stream;

    ngx_http_set_ctx(r, stream, ngx_kafka_sse_module);

    return stream;
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

    ngx_kafka_sse_stream_schedule(stream, 0);

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

    c = stream->request->connection;

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


ngx_int_t
ngx_kafka_sse_stream_pend(ngx_kafka_sse_stream_t *stream, ngx_str_t *extra)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   retry;

    if (stream->begun && extra->len == 0) {
        return NGX_OK;
    }

    ngx_str_null(&retry);

    if (!stream->begun) {
        retry = ngx_kafka_sse_stream_retry(stream, stream->request->pool);
        if (retry.data == NULL) {
            return NGX_ERROR;
        }
    }

    len = retry.len + ngx_kafka_sse_stream_heartbeat.len + extra->len;

    p = ngx_pnalloc(stream->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    stream->pending.data = p;

    if (!stream->begun) {
        p = ngx_cpymem(p, retry.data, retry.len);
        p = ngx_cpymem(p, ngx_kafka_sse_stream_heartbeat.data,
                       ngx_kafka_sse_stream_heartbeat.len);
    }

    p = ngx_cpymem(p, extra->data, extra->len);

    stream->pending.len = p - stream->pending.data;
    stream->begun = 1;

    return NGX_OK;
}


/* the jitter keeps clients that were cut together from coming back together */

static ngx_str_t
ngx_kafka_sse_stream_retry(ngx_kafka_sse_stream_t *stream, ngx_pool_t *pool)
{
    ngx_str_t   retry;
    ngx_msec_t  ms;

    ms = stream->conf->retry;

    if (stream->conf->retry_jitter) {
        ms += ngx_random() % (stream->conf->retry_jitter + 1);
    }

    retry.len = 0;
    retry.data = ngx_pnalloc(pool, sizeof("retry: \n") + NGX_INT64_LEN);

    if (retry.data) {
        retry.len = ngx_sprintf(retry.data, "retry: %M\n", ms) - retry.data;
    }

    return retry;
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
        return 0;
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
            rc = ngx_kafka_sse_stream_lend(stream, &stream->pending);
            stream->pending.len = 0;

        } else if (piece.len && slice < NGX_KAFKA_SSE_STREAM_SLICE) {
            piece.len = ngx_min(piece.len, NGX_KAFKA_SSE_STREAM_PIECE);
            slice += piece.len;
            rc = ngx_kafka_sse_stream_send_log(stream, &piece);

        } else if (piece.len) {
            stream->blocked = 1;
            ngx_post_event(stream->request->connection->write,
                           &ngx_posted_next_events);
            break;

        } else {
            break;
        }

        if (rc == NGX_ERROR) {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_CLIENT);
            return;
        }

        stream->sent = ngx_current_msec;

        if (rc == NGX_AGAIN) {
            ngx_kafka_sse_stream_block(stream);
        }
    }

    if (ngx_kafka_sse_stream_slow(stream)) {
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
        return;
    }

    if (!ngx_kafka_sse_stream_drained(stream)) {
        return;
    }

    if (stream->ending) {
        ngx_kafka_sse_stream_post(stream);
        return;
    }

    if (slice && stream->group && stream->group->is_private) {
        ngx_kafka_sse_hub_post(ngx_kafka_sse_hub);
    }
}


/*
 * A burst is more than the limit at once, for clients that are not slow, too:
 * who takes something of it may be some times as far behind.  Who does not is
 * looked at again, see _look().
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

static size_t
ngx_kafka_sse_stream_lag(ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_group_t  *group;

    group = stream->group;

    if (!stream->blocked
        || stream->request->connection->write->posted
        || group == NULL
        || group->is_private)
    {
        return 0;
    }

    return ngx_kafka_sse_cursor_lag(&stream->cursor, &group->log);
}


void
ngx_kafka_sse_stream_look(ngx_kafka_sse_hub_t *hub)
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
                   >= NGX_KAFKA_SSE_STREAM_PATIENCE)
        {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
        }
    }
}


/* NGX_OK: all of the piece is with the kernel; NGX_AGAIN: not all; NGX_ERROR */

static ngx_int_t
ngx_kafka_sse_stream_send_log(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece)
{
    ssize_t              n;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = stream->request;
    c = r->connection;

    if (!stream->direct) {
        stream->borrowed = piece->len;
        return ngx_kafka_sse_stream_lend(stream, piece);
    }

    if (r->out || c->buffered) {
        return NGX_AGAIN;
    }

    n = c->send(c, piece->data, piece->len);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (n == NGX_AGAIN || n == 0) {
        return NGX_AGAIN;
    }

    ngx_kafka_sse_cursor_advance(&stream->cursor, &stream->group->log, n);

    return ((size_t) n < piece->len && !c->write->ready) ? NGX_AGAIN : NGX_OK;
}


/* sends a piece through the filters, which keep our one buf until it is sent */

static ngx_int_t
ngx_kafka_sse_stream_lend(ngx_kafka_sse_stream_t *stream, ngx_str_t *piece)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = stream->buf;

    b->start = piece->data;
    b->pos = piece->data;
    b->last = piece->data + piece->len;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    stream->lent = 1;

    return ngx_kafka_sse_stream_returned(stream,
                              ngx_http_output_filter(stream->request, &out));
}


/* after the filters have run: is the buf ours again? */

static ngx_int_t
ngx_kafka_sse_stream_returned(ngx_kafka_sse_stream_t *stream, ngx_int_t rc)
{
    if (rc == NGX_ERROR || stream->request->connection->error) {
        return NGX_ERROR;
    }

    if (stream->buf->pos != stream->buf->last) {
        return NGX_AGAIN;
    }

    stream->lent = 0;

    if (stream->borrowed) {
        ngx_kafka_sse_cursor_advance(&stream->cursor, &stream->group->log,
                                     stream->borrowed);
        stream->borrowed = 0;
    }

    if (stream->request->buffered || stream->request->connection->buffered) {
        return NGX_AGAIN;
    }

    return NGX_OK;
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
    ngx_event_t             *wev;
    ngx_kafka_sse_stream_t  *stream;

    stream = ngx_http_get_module_ctx(r, ngx_kafka_sse_module);
    wev = r->connection->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "kafka_sse: client timed out");
        r->connection->timedout = 1;
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
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
        rc = ngx_http_output_filter(r, NULL);

        if (stream->lent) {
            rc = ngx_kafka_sse_stream_returned(stream, rc);

        } else if (rc != NGX_ERROR && (r->out || r->connection->buffered)) {
            rc = NGX_AGAIN;
        }

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

    ngx_kafka_sse_stream_post(stream);
}


/* the timer's event carries the end, too: it is the stream's only own event */

static void
ngx_kafka_sse_stream_post(ngx_kafka_sse_stream_t *stream)
{
    ngx_post_event(&stream->heartbeat, &ngx_posted_events);
}


/* one timer for two things: the next heartbeat, or the end if that is first */

static void
ngx_kafka_sse_stream_schedule(ngx_kafka_sse_stream_t *stream, ngx_msec_t silent)
{
    ngx_msec_t      time;
    ngx_msec_int_t  left;

    time = 0;

    if (stream->conf->heartbeat) {
        time = stream->conf->heartbeat - silent;
    }

    if (stream->conf->max_duration && !stream->ending) {
        left = ngx_max(ngx_kafka_sse_stream_left(stream), 1);
        time = time ? ngx_min(time, (ngx_msec_t) left) : (ngx_msec_t) left;
    }

    if (time) {
        ngx_add_timer(&stream->heartbeat, time);
    }
}


/* the jitter keeps streams that began together from ending together */

static ngx_msec_t
ngx_kafka_sse_stream_duration(ngx_kafka_sse_loc_conf_t *klcf)
{
    ngx_msec_t  jitter;

    jitter = klcf->max_duration / 100 * klcf->max_duration_jitter
             + klcf->max_duration % 100 * klcf->max_duration_jitter / 100;

    return klcf->max_duration - (jitter ? ngx_random() % (jitter + 1) : 0);
}


static ngx_msec_int_t
ngx_kafka_sse_stream_left(ngx_kafka_sse_stream_t *stream)
{
    return (ngx_msec_int_t) (stream->limit - ngx_current_msec);
}


static void
ngx_kafka_sse_stream_timer_handler(ngx_event_t *ev)
{
    ngx_msec_t               silent;
    ngx_connection_t        *c;
    ngx_kafka_sse_stream_t  *stream;

    stream = ev->data;
    c = stream->request->connection;

    if (stream->closing
        || (stream->ending && ngx_kafka_sse_stream_drained(stream)))
    {
        ngx_kafka_sse_stream_finish(stream);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (!ev->timedout) {
        return;
    }

    ev->timedout = 0;

    if (stream->conf->max_duration && ngx_kafka_sse_stream_left(stream) <= 0) {
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_LIMIT);
    }

    silent = ngx_current_msec - stream->sent;

    if (stream->conf->heartbeat
        && silent >= stream->conf->heartbeat
        && !stream->ending)
    {
        /* what is being gathered is as good */

        if (!ngx_kafka_sse_stream_drained(stream)) {
            ngx_kafka_sse_stream_send(stream);

        } else if (!ngx_kafka_sse_group_heartbeat(ngx_kafka_sse_hub,
                                                  stream->group))
        {
            stream->pending = ngx_kafka_sse_stream_heartbeat;
            ngx_kafka_sse_stream_send(stream);
        }

        silent = 0;
    }

    if (silent >= stream->conf->heartbeat) {
        silent = 0;             /* blocked: there is no silence to break */
    }

    ngx_kafka_sse_stream_schedule(stream, silent);
}


/* the stream's last act: it leaves the hub, and the request is nginx's again */

static void
ngx_kafka_sse_stream_finish(ngx_kafka_sse_stream_t *stream)
{
    u_char              *p;
    ngx_int_t            rc;
    ngx_str_t            retry;
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

    retry = ngx_kafka_sse_stream_retry(stream, r->pool);
    b = ngx_create_temp_buf(r->pool, retry.len + 64);

    if (retry.data == NULL || b == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    p = ngx_cpymem(b->pos, retry.data, retry.len);
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


/* however the request ends, also before the stream has joined the hub */

static void
ngx_kafka_sse_stream_cleanup(void *data)
{
    ngx_kafka_sse_stream_t *stream = data;

    if (stream->heartbeat.timer_set) {
        ngx_del_timer(&stream->heartbeat);
    }

    if (stream->heartbeat.posted) {
        ngx_delete_posted_event(&stream->heartbeat);
    }

    ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub, stream);
}
