
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_listener.h>


#define NGX_KAFKA_SSE_LISTENER_AGAIN  500      /* ms, after an error */


static void ngx_kafka_sse_listener_read_handler(ngx_event_t *rev);
static void ngx_kafka_sse_listener_again_handler(ngx_event_t *ev);
static void ngx_kafka_sse_listener_accept(ngx_kafka_sse_listener_t *listener);


ngx_int_t
ngx_kafka_sse_listener_open(ngx_kafka_sse_listener_t *listener)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(listener->node->link_fd, listener->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = listener;
    c->log = listener->log;
    c->read->log = listener->log;
    c->write->log = listener->log;
    c->read->handler = ngx_kafka_sse_listener_read_handler;
    c->read->channel = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    listener->connection = c;

    listener->again.handler = ngx_kafka_sse_listener_again_handler;
    listener->again.data = listener;
    listener->again.log = listener->log;

    /* who came before us */

    ngx_post_event(c->read, &ngx_posted_next_events);

    return NGX_OK;
}


void
ngx_kafka_sse_listener_close(ngx_kafka_sse_listener_t *listener)
{
    ngx_connection_t  *c;

    c = listener->connection;

    if (c == NULL) {
        return;
    }

    listener->connection = NULL;

    if (listener->again.timer_set) {
        ngx_del_timer(&listener->again);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);

    ngx_free_connection(c);
}


static void
ngx_kafka_sse_listener_read_handler(ngx_event_t *rev)
{
    ngx_connection_t  *c;

    c = rev->data;

    ngx_kafka_sse_listener_accept(c->data);
}


static void
ngx_kafka_sse_listener_again_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_listener_accept(ev->data);
}


static void
ngx_kafka_sse_listener_accept(ngx_kafka_sse_listener_t *listener)
{
    ngx_fd_t  fd;

    for ( ;; ) {

        fd = ngx_kafka_sse_zone_link_accept(listener->node, listener->log);

        if (fd != -1) {
            ngx_log_debug1(NGX_LOG_DEBUG_EVENT, listener->log, 0,
                           "kafka_sse link accept fd:%d", fd);

            listener->handler(listener->data, fd);
            continue;
        }

        if (ngx_errno == NGX_EAGAIN) {
            return;
        }

        if (ngx_errno == NGX_EINTR || ngx_errno == NGX_ECONNABORTED) {
            continue;
        }

        ngx_log_error(NGX_LOG_ERR, listener->log, ngx_errno,
                      "kafka_sse: accept() of a worker's link failed");

        if (!listener->again.timer_set) {
            ngx_add_timer(&listener->again, NGX_KAFKA_SSE_LISTENER_AGAIN);
        }

        return;
    }
}
