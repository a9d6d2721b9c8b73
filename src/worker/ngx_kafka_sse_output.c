
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_output.h>


static void ngx_kafka_sse_output_frame(ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_output_filter(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_buf_t *ngx_kafka_sse_output_lend(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece);
static ngx_int_t ngx_kafka_sse_output_returned(
    ngx_kafka_sse_stream_t *stream, ngx_int_t rc);
static void ngx_kafka_sse_output_release(ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_output_wake(ngx_kafka_sse_stream_t *stream);


ngx_int_t
ngx_kafka_sse_output_pending(ngx_kafka_sse_stream_t *stream)
{
    ssize_t              n;
    ngx_str_t            piece;
    ngx_chain_t          out;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = stream->request;
    c = stream->connection;

    if (!stream->direct) {
        piece = stream->pending;
        stream->pending.len = 0;

        return ngx_kafka_sse_output_filter(stream, &piece);
    }

    ngx_kafka_sse_output_frame(stream);

    if (r->out || c->buffered) {

        /*
         * In one piece with the header, which waits in the write filter.  That
         * keeps a buf no longer than it takes to send it.
         */

        stream->buf = (ngx_buf_t *) stream->piece;
        ngx_memzero(stream->buf, sizeof(ngx_buf_t));

        piece = stream->pending;
        stream->pending.len = 0;

        out.buf = ngx_kafka_sse_output_lend(stream, &piece);
        out.next = NULL;

        return ngx_kafka_sse_output_returned(stream,
                                             ngx_http_write_filter(r, &out));
    }

    n = c->send(c, stream->pending.data, stream->pending.len);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (n == NGX_AGAIN || n == 0) {
        return NGX_AGAIN;
    }

    stream->pending.data += n;
    stream->pending.len -= n;

    ngx_kafka_sse_output_release(stream);

    return (stream->pending.len && !c->write->ready) ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
ngx_kafka_sse_output_log(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *piece)
{
    ngx_connection_t  *c;

    c = stream->connection;

    if (!stream->direct) {
        stream->borrowed = piece->len;
        return ngx_kafka_sse_output_filter(stream, piece);
    }

    if (stream->request->out || c->buffered) {
        return NGX_AGAIN;
    }

    return ngx_kafka_sse_output_taken(stream,
                                      c->send(c, piece->data, piece->len),
                                      piece->len);
}


ngx_int_t
ngx_kafka_sse_output_taken(ngx_kafka_sse_stream_t *stream, ssize_t n,
    size_t len)
{
    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (n == NGX_AGAIN || n == 0) {
        return NGX_AGAIN;
    }

    ngx_kafka_sse_cursor_advance(&stream->cursor, &stream->group->log, n);

    return ((size_t) n < len && !stream->connection->write->ready)
           ? NGX_AGAIN : NGX_OK;
}


/* sends a piece through the filters, which keep our one buf until it is sent */

static ngx_int_t
ngx_kafka_sse_output_filter(ngx_kafka_sse_stream_t *stream, ngx_str_t *piece)
{
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = stream->request;

    if (stream->buf == NULL) {
        stream->buf = ngx_calloc_buf(r->pool);
        if (stream->buf == NULL) {
            return NGX_ERROR;
        }
    }

    out.buf = ngx_kafka_sse_output_lend(stream, piece);
    out.next = NULL;

    return ngx_kafka_sse_output_returned(stream,
                                         ngx_http_output_filter(r, &out));
}


static ngx_buf_t *
ngx_kafka_sse_output_lend(ngx_kafka_sse_stream_t *stream, ngx_str_t *piece)
{
    ngx_buf_t  *b;

    b = stream->buf;

    b->tag = (ngx_buf_tag_t) &ngx_kafka_sse_module;
    b->start = piece->data;
    b->pos = piece->data;
    b->last = piece->data + piece->len;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    stream->lent = 1;

    return b;
}


/* after the filters have run: is the buf ours again? */

static ngx_int_t
ngx_kafka_sse_output_returned(ngx_kafka_sse_stream_t *stream, ngx_int_t rc)
{
    if (rc == NGX_ERROR || stream->connection->error) {
        return NGX_ERROR;
    }

    if (stream->buf->pos != stream->buf->last) {
        return NGX_AGAIN;
    }

    stream->lent = 0;

    ngx_kafka_sse_output_release(stream);

    if (stream->borrowed) {
        ngx_kafka_sse_cursor_advance(&stream->cursor, &stream->group->log,
                                     stream->borrowed);
        stream->borrowed = 0;
    }

    if (stream->request->buffered || stream->connection->buffered) {
        return NGX_AGAIN;
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_output_release(ngx_kafka_sse_stream_t *stream)
{
    if (stream->pending.len || stream->piece == NULL) {
        return;
    }

    if (stream->direct) {
        stream->buf = NULL;
    }

    ngx_free(stream->piece);
    stream->piece = NULL;
}


/* chunk framing around a piece that goes past the filters */

static void
ngx_kafka_sse_output_frame(ngx_kafka_sse_stream_t *stream)
{
    u_char     *p;
    size_t      len;
    ngx_str_t  *pending;
    u_char      size[NGX_KAFKA_SSE_OUTPUT_CHUNK];

    if (stream->framed) {
        return;
    }

    stream->framed = 1;

    if (stream->framing != NGX_KAFKA_SSE_FRAMING_CHUNKED) {
        return;
    }

    pending = &stream->pending;

    p = pending->data + pending->len;
    *p++ = CR;
    *p++ = LF;

    len = ngx_sprintf(size, "%xz" CRLF, pending->len) - size;

    pending->data -= len;
    ngx_memcpy(pending->data, size, len);
    pending->len = p - pending->data;
}


ngx_int_t
ngx_kafka_sse_output_go_on(ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = stream->request;

    rc = ngx_kafka_sse_output_wake(stream);

    if (stream->lent) {
        return ngx_kafka_sse_output_returned(stream, rc);
    }

    if (rc != NGX_ERROR && (r->out || r->connection->buffered)) {
        return NGX_AGAIN;
    }

    return rc;
}


/*
 * What the filters hold, and what is below them: gzip that has passed on all it
 * had does not ask whether TLS has sent it, and there is no other write event.
 */

static ngx_int_t
ngx_kafka_sse_output_wake(ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = stream->request;
    c = r->connection;

    if (stream->direct) {
        return ngx_http_write_filter(r, NULL);
    }

    rc = ngx_http_output_filter(r, NULL);

    if (rc != NGX_ERROR
        && c->write->ready
        && !c->write->delayed
        && (c->buffered & NGX_LOWLEVEL_BUFFERED))
    {
        return ngx_http_write_filter(r, NULL);
    }

    return rc;
}
