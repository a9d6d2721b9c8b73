
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_bell.h>

#include <sys/eventfd.h>


static void ngx_kafka_sse_bell_read_handler(ngx_event_t *rev);


ngx_int_t
ngx_kafka_sse_bell_open(ngx_kafka_sse_bell_t *bell)
{
    ngx_connection_t  *c;

    bell->fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (bell->fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, bell->log, ngx_errno,
                      "kafka_sse: eventfd() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(bell->fd, bell->log);
    if (c == NULL) {
        (void) close(bell->fd);
        return NGX_ERROR;
    }

    c->data = bell;
    c->log = bell->log;
    c->read->log = bell->log;
    c->write->log = bell->log;
    c->read->handler = ngx_kafka_sse_bell_read_handler;
    c->read->channel = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    bell->connection = c;

    return NGX_OK;
}


void
ngx_kafka_sse_bell_ring(ngx_kafka_sse_bell_t *bell)
{
    uint64_t  one;

    one = 1;

    /* an eventfd's counter does not get full */

    (void) !write(bell->fd, &one, sizeof(uint64_t));
}


void
ngx_kafka_sse_bell_close(ngx_kafka_sse_bell_t *bell)
{
    if (bell->connection) {
        ngx_close_connection(bell->connection);
        bell->connection = NULL;
    }
}


static void
ngx_kafka_sse_bell_read_handler(ngx_event_t *rev)
{
    uint64_t               n;
    ngx_connection_t      *c;
    ngx_kafka_sse_bell_t  *bell;

    c = rev->data;
    bell = c->data;

    if (read(c->fd, &n, sizeof(uint64_t)) == -1 && ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, bell->log, ngx_errno,
                      "kafka_sse: read() of an eventfd failed");
    }

    bell->handler(bell->data);
}
