
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


static ngx_int_t ngx_kafka_sse_stream_check(ngx_http_request_t *r,
    ngx_str_t *id);
static ngx_uint_t ngx_kafka_sse_stream_accepts(ngx_http_request_t *r);
static void ngx_kafka_sse_stream_last_event_id(ngx_http_request_t *r,
    ngx_str_t *id);
static ngx_kafka_sse_stream_t *ngx_kafka_sse_stream_create(
    ngx_http_request_t *r, ngx_str_t *id);
static ngx_uint_t ngx_kafka_sse_stream_is_direct(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_stream_join(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *id);
static ngx_int_t ngx_kafka_sse_stream_send_header(ngx_http_request_t *r,
    ngx_uint_t resume);
static ngx_int_t ngx_kafka_sse_stream_settle(ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_stream_watch(ngx_http_request_t *r);
static ngx_str_t ngx_kafka_sse_stream_retry(ngx_kafka_sse_stream_t *stream,
    ngx_pool_t *pool);
static void ngx_kafka_sse_stream_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_stream_send_log(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_int_t ngx_kafka_sse_stream_lend(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_int_t ngx_kafka_sse_stream_returned(
    ngx_kafka_sse_stream_t *stream, ngx_int_t rc);
static void ngx_kafka_sse_stream_block(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_post(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_timer_handler(ngx_event_t *ev);
static void ngx_kafka_sse_stream_finish(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_stream_cleanup(void *data);


static ngx_str_t  ngx_kafka_sse_stream_heartbeat = ngx_string(":\n\n");


static char  *ngx_kafka_sse_stream_resumes[] = {
    "fresh", "exact", "replay", "reset"
};


ngx_int_t
ngx_kafka_sse_stream_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                id;
    ngx_kafka_sse_stream_t  *stream;

    ngx_kafka_sse_stream_last_event_id(r, &id);

    rc = ngx_kafka_sse_stream_check(r, &id);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_HEAD) {
        return ngx_kafka_sse_stream_send_header(r, NGX_KAFKA_SSE_RESUME_FRESH);
    }

    stream = ngx_kafka_sse_stream_create(r, &id);
    if (stream == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_kafka_sse_stream_join(stream, &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_sse_stream_send_header(r, stream->resume);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (ngx_kafka_sse_stream_settle(stream) != NGX_OK
        || ngx_kafka_sse_stream_watch(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->main->count++;

    if (stream->conf->heartbeat) {
        ngx_add_timer(&stream->heartbeat, stream->conf->heartbeat);
    }

    ngx_kafka_sse_stream_send(stream);

    if (ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node)) {
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    return NGX_DONE;
}


/* NGX_DECLINED: nothing is wrong with the request, else what was answered */

static ngx_int_t
ngx_kafka_sse_stream_check(ngx_http_request_t *r, ngx_str_t *id)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        if (ngx_kafka_sse_refusal_header(r, "Allow", "GET, HEAD") != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_NOT_ALLOWED,
                                          "method-not-allowed",
                                          "a stream is read by GET");
    }

    if (!ngx_kafka_sse_stream_accepts(r)) {
        return ngx_kafka_sse_refusal_send(r, 406, "not-acceptable",
                                          "only text/event-stream is served");
    }

    /* who has a position comes back for it, and is never refused for load */

    if (ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node) && id->len == 0) {
        if (ngx_kafka_sse_refusal_header(r, "Retry-After", "5") != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                          "feed-stopped",
                                          "this node has no feed of records");
    }

    return NGX_DECLINED;
}


/*
 * A request without Accept takes anything (RFC 9110, 12.5.1).  Quality values
 * other than zero do not matter: there is nothing else to choose.
 */

static ngx_uint_t
ngx_kafka_sse_stream_accepts(ngx_http_request_t *r)
{
    u_char           *p, *last, *end, *q;
    size_t            len;
    ngx_uint_t        i, seen;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    seen = 0;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != 6
            || ngx_strncasecmp(h[i].key.data, (u_char *) "accept", 6) != 0)
        {
            continue;
        }

        seen = 1;
        p = h[i].value.data;
        last = p + h[i].value.len;

        while (p < last) {
            while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
                p++;
            }

            end = ngx_strlchr(p, last, ',');
            if (end == NULL) {
                end = last;
            }

            for (len = 0; p + len < end && p[len] != ';' && p[len] != ' '
                          && p[len] != '\t'; len++)
            {
                /* the media range */
            }

            if ((len == 3 && ngx_strncmp(p, "*/*", 3) == 0)
                || (len == 6 && ngx_strncasecmp(p, (u_char *) "text/*", 6) == 0)
                || (len == 17
                    && ngx_strncasecmp(p, (u_char *) "text/event-stream", 17)
                       == 0))
            {
                q = ngx_strlcasestrn(p + len, end, (u_char *) "q=0", 3 - 1);

                while (q && q + 3 < end && (q[3] == '.' || q[3] == '0')) {
                    q++;
                }

                if (q == NULL || (q + 3 < end && q[3] >= '1' && q[3] <= '9')) {
                    return 1;
                }
            }

            p = end;
        }
    }

    return !seen;
}


/* the header that browsers send on reconnecting, or else the argument */

static void
ngx_kafka_sse_stream_last_event_id(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].value.len
            && h[i].key.len == sizeof("Last-Event-ID") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Last-Event-ID",
                               sizeof("Last-Event-ID") - 1)
               == 0)
        {
            *id = h[i].value;
            return;
        }
    }

    if (ngx_http_arg(r, (u_char *) "lastEventId",
                     sizeof("lastEventId") - 1, id)
        != NGX_OK)
    {
        ngx_str_null(id);
    }
}


static ngx_kafka_sse_stream_t *
ngx_kafka_sse_stream_create(ngx_http_request_t *r, ngx_str_t *id)
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

    stream->direct = ngx_kafka_sse_stream_is_direct(r);
    stream->framing = (stream->direct && r->http_version > NGX_HTTP_VERSION_10)
                      ? NGX_KAFKA_SSE_FRAMING_CHUNKED
                      : NGX_KAFKA_SSE_FRAMING_RAW;

    return stream;
}


/*
 * Whether the log's bytes can go to the socket as they are: HTTP/1.x, and
 * nobody wants to see or to slow down the body.  What the header filters then
 * decide otherwise is seen in _send_header().
 */

static ngx_uint_t
ngx_kafka_sse_stream_is_direct(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return r == r->main
           && r->http_version < NGX_HTTP_VERSION_20
           && r->http_version >= NGX_HTTP_VERSION_10
           && clcf->chunked_transfer_encoding
           && clcf->limit_rate == NULL
           && r->limit_rate == 0;
}


static ngx_int_t
ngx_kafka_sse_stream_join(ngx_kafka_sse_stream_t *stream, ngx_str_t *id)
{
    stream->resume = NGX_KAFKA_SSE_RESUME_FRESH;

    if (id->len) {
        stream->position = ngx_palloc(stream->request->pool,
                                      sizeof(ngx_kafka_sse_position_t));
        if (stream->position == NULL) {
            return NGX_ERROR;
        }

        stream->resume = NGX_KAFKA_SSE_RESUME_REPLAY;

        if (ngx_kafka_sse_position_parse(stream->position, id) != NGX_OK) {

            ngx_log_error(NGX_LOG_INFO, stream->request->connection->log, 0,
                          "kafka_sse: client sent invalid position \"%V\"",
                          id);

            ngx_kafka_sse_resume_unknown(stream->position);
            stream->resume = NGX_KAFKA_SSE_RESUME_RESET;
        }
    }

    return ngx_kafka_sse_hub_join(ngx_kafka_sse_hub, stream);
}


static ngx_int_t
ngx_kafka_sse_stream_send_header(ngx_http_request_t *r, ngx_uint_t resume)
{
    r->keepalive = 0;
    r->allow_ranges = 0;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    if (ngx_kafka_sse_refusal_header(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "X-Accel-Buffering", "no")
           != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "Kafka-SSE-Resume",
                                        ngx_kafka_sse_stream_resumes[resume])
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


/*
 * The header filters have decided by now how the body is framed, and whether
 * some filter wants it.  If that is not what the stream was put into a group
 * for, it moves; nothing has been appended for it yet.
 */

static ngx_int_t
ngx_kafka_sse_stream_settle(ngx_kafka_sse_stream_t *stream)
{
    ngx_http_request_t     *r;
    ngx_kafka_sse_group_t  *group;

    r = stream->request;

    if (!stream->direct
        || (!r->filter_need_in_memory
            && !r->filter_need_temporary
            && r->headers_out.content_encoding == NULL
            && r->chunked
               == (stream->framing == NGX_KAFKA_SSE_FRAMING_CHUNKED)))
    {
        return NGX_OK;
    }

    stream->direct = 0;
    stream->framing = NGX_KAFKA_SSE_FRAMING_RAW;

    if (stream->group == NULL
        || stream->group->framing == NGX_KAFKA_SSE_FRAMING_RAW)
    {
        return NGX_OK;
    }

    if (stream->group->is_private) {
        stream->group->framing = NGX_KAFKA_SSE_FRAMING_RAW;
        return NGX_OK;
    }

    group = ngx_kafka_sse_group_get(ngx_kafka_sse_hub, stream->conf,
                                    stream->framing);
    if (group == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_group_leave(stream->group, stream);
    ngx_kafka_sse_group_join(group, stream);

    return NGX_OK;
}


/* from now on we are told when the client leaves, or takes more */

static ngx_int_t
ngx_kafka_sse_stream_watch(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_kafka_sse_stream_write_handler;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0);
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
           && (stream->group == NULL
               || stream->cursor.pos == stream->group->log.end);
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

    if (stream->group
        && ngx_kafka_sse_cursor_lag(&stream->cursor, &stream->group->log)
           > stream->conf->lag)
    {
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

    stream->ending = 1;
    stream->reason = reason;

    if (ngx_kafka_sse_stream_drained(stream)) {
        ngx_kafka_sse_stream_post(stream);
    }
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

    silent = ngx_current_msec - stream->sent;

    if (silent >= stream->conf->heartbeat
        && ngx_kafka_sse_stream_drained(stream))
    {
        stream->pending = ngx_kafka_sse_stream_heartbeat;
        ngx_kafka_sse_stream_send(stream);
        silent = 0;
    }

    if (silent >= stream->conf->heartbeat) {
        silent = 0;             /* blocked: there is no silence to break */
    }

    ngx_add_timer(ev, stream->conf->heartbeat - silent);
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
