
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_link.h>


#define NGX_KAFKA_SSE_LINK_READ   (64 * 1024)      /* room for each recv() */
#define NGX_KAFKA_SSE_LINK_SLICE  (256 * 1024)     /* read in one turn */
#define NGX_KAFKA_SSE_LINK_KEEP   (1024 * 1024)    /* of a buffer, if empty */


static void ngx_kafka_sse_link_read_handler(ngx_event_t *rev);
static void ngx_kafka_sse_link_more_handler(ngx_event_t *ev);
static void ngx_kafka_sse_link_read(ngx_kafka_sse_link_t *link);
static ngx_int_t ngx_kafka_sse_link_messages(ngx_kafka_sse_link_t *link,
    size_t *need);
static void ngx_kafka_sse_link_write_handler(ngx_event_t *wev);
static void ngx_kafka_sse_link_flush_handler(ngx_event_t *ev);
static void ngx_kafka_sse_link_send(ngx_kafka_sse_link_t *link);
static ngx_int_t ngx_kafka_sse_link_room(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_link_buf_t *b, size_t len);
static void ngx_kafka_sse_link_emptied(ngx_kafka_sse_link_buf_t *b);
static void ngx_kafka_sse_link_free(ngx_kafka_sse_link_buf_t *b);


ngx_int_t
ngx_kafka_sse_link_open(ngx_kafka_sse_link_t *link, ngx_fd_t fd)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, link->log);
    if (c == NULL) {
        (void) ngx_close_socket(fd);
        return NGX_ERROR;
    }

    c->data = link;
    c->log = link->log;
    c->read->log = link->log;
    c->write->log = link->log;
    c->read->handler = ngx_kafka_sse_link_read_handler;
    c->write->handler = ngx_kafka_sse_link_write_handler;
    c->recv = ngx_recv;
    c->send = ngx_send;
    c->log_error = NGX_ERROR_ALERT;

    /* not a client that a worker on its way out has forgotten */

    c->read->channel = 1;
    c->write->channel = 1;

    if (ngx_add_conn(c) != NGX_OK) {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    c->write->ready = 1;

    link->connection = c;

    link->flush.handler = ngx_kafka_sse_link_flush_handler;
    link->flush.data = link;
    link->flush.log = link->log;

    link->more.handler = ngx_kafka_sse_link_more_handler;
    link->more.data = link;
    link->more.log = link->log;

    return NGX_OK;
}


void
ngx_kafka_sse_link_close(ngx_kafka_sse_link_t *link)
{
    if (link->connection == NULL) {
        return;
    }

    ngx_close_connection(link->connection);
    link->connection = NULL;

    if (link->flush.posted) {
        ngx_delete_posted_event(&link->flush);
    }

    if (link->more.posted) {
        ngx_delete_posted_event(&link->more);
    }

    ngx_kafka_sse_link_free(&link->in);
    ngx_kafka_sse_link_free(&link->out);
}


void
ngx_kafka_sse_link_fail(ngx_kafka_sse_link_t *link)
{
    ngx_kafka_sse_link_close(link);

    link->closed(link);
}


static void
ngx_kafka_sse_link_read_handler(ngx_event_t *rev)
{
    ngx_connection_t  *c;

    c = rev->data;

    ngx_kafka_sse_link_read(c->data);
}


static void
ngx_kafka_sse_link_more_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_link_read(ev->data);
}


static void
ngx_kafka_sse_link_read(ngx_kafka_sse_link_t *link)
{
    size_t                     need, slice;
    ssize_t                    n;
    ngx_connection_t          *c;
    ngx_kafka_sse_link_buf_t  *b;

    c = link->connection;
    b = &link->in;
    need = 0;

    for (slice = 0; slice < NGX_KAFKA_SSE_LINK_SLICE; slice += n) {

        if (ngx_kafka_sse_link_room(link, b,
                                    ngx_max(need, NGX_KAFKA_SSE_LINK_READ))
            != NGX_OK)
        {
            ngx_kafka_sse_link_fail(link);
            return;
        }

        n = c->recv(c, b->data + b->last, b->size - b->last);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_kafka_sse_link_fail(link);
            }

            return;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_kafka_sse_link_fail(link);
            return;
        }

        b->last += n;

        if (ngx_kafka_sse_link_messages(link, &need) != NGX_OK) {
            ngx_log_error(NGX_LOG_ALERT, link->log, 0,
                          "kafka_sse: what came on the link is no message, "
                          "it is closed");
            ngx_kafka_sse_link_fail(link);
            return;
        }

        if (link->connection != c) {
            return;             /* the handler has closed it */
        }
    }

    ngx_post_event(&link->more, &ngx_posted_next_events);
}


/* hands over the messages that are whole; *need: bytes of the next one */

static ngx_int_t
ngx_kafka_sse_link_messages(ngx_kafka_sse_link_t *link, size_t *need)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_kafka_sse_message_t   *m;
    ngx_kafka_sse_link_buf_t  *b;

    c = link->connection;
    b = &link->in;

    for ( ;; ) {

        rc = ngx_kafka_sse_message_next(b->data + b->pos, b->last - b->pos,
                                        &m, need);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            link->foreign(link, m);
            ngx_kafka_sse_link_send(link);

            if (link->connection == c) {
                ngx_kafka_sse_link_fail(link);
            }

            return NGX_OK;
        }

        if (rc == NGX_AGAIN) {
            if (b->pos == b->last) {
                ngx_kafka_sse_link_emptied(b);
            }

            return NGX_OK;
        }

        b->pos += m->size;

        link->message(link, m);

        if (link->connection != c) {
            return NGX_OK;
        }
    }
}


static void
ngx_kafka_sse_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_kafka_sse_link_send(c->data);
}


static void
ngx_kafka_sse_link_flush_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_link_send(ev->data);
}


static void
ngx_kafka_sse_link_send(ngx_kafka_sse_link_t *link)
{
    ssize_t                    n;
    ngx_connection_t          *c;
    ngx_kafka_sse_link_buf_t  *b;

    c = link->connection;
    b = &link->out;

    while (b->pos < b->last) {

        n = c->send(c, b->data + b->pos, b->last - b->pos);

        if (n == NGX_ERROR) {
            ngx_kafka_sse_link_fail(link);
            return;
        }

        if (n == NGX_AGAIN) {
            if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
                ngx_kafka_sse_link_fail(link);
            }

            return;
        }

        b->pos += n;
    }

    ngx_kafka_sse_link_emptied(b);
}


u_char *
ngx_kafka_sse_link_reserve(ngx_kafka_sse_link_t *link, size_t len)
{
    u_char  *p;

    if (link->connection == NULL
        || ngx_kafka_sse_link_room(link, &link->out, len) != NGX_OK)
    {
        return NULL;
    }

    p = link->out.data + link->out.last;
    link->out.last += len;

    if (!link->flush.posted) {
        ngx_post_event(&link->flush, &ngx_posted_events);
    }

    return p;
}


ngx_int_t
ngx_kafka_sse_link_write(ngx_kafka_sse_link_t *link, ngx_uint_t type,
    uint32_t replay, uint32_t n, void *body, size_t len)
{
    u_char  *p;

    p = ngx_kafka_sse_link_reserve(link, sizeof(ngx_kafka_sse_message_t)
                                         + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_message_write(p, type, replay, n, body, len);

    return NGX_OK;
}


/* len bytes behind what is there, which moves to the front if it must */

static ngx_int_t
ngx_kafka_sse_link_room(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_link_buf_t *b, size_t len)
{
    u_char  *p;
    size_t   left, size;

    left = b->last - b->pos;

    if (b->size - b->last >= len) {
        return NGX_OK;
    }

    p = b->data;
    size = b->size;

    if (size < left + len) {
        size = ngx_max(2 * size, ngx_align(left + len, 4096));

        p = ngx_alloc(size, link->log);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    if (left) {
        ngx_memmove(p, b->data + b->pos, left);
    }

    if (p != b->data && b->data) {
        ngx_free(b->data);
    }

    b->data = p;
    b->size = size;
    b->pos = 0;
    b->last = left;

    return NGX_OK;
}


static void
ngx_kafka_sse_link_emptied(ngx_kafka_sse_link_buf_t *b)
{
    b->pos = 0;
    b->last = 0;

    if (b->size > NGX_KAFKA_SSE_LINK_KEEP) {
        ngx_kafka_sse_link_free(b);
    }
}


static void
ngx_kafka_sse_link_free(ngx_kafka_sse_link_buf_t *b)
{
    if (b->data) {
        ngx_free(b->data);
    }

    ngx_memzero(b, sizeof(ngx_kafka_sse_link_buf_t));
}
