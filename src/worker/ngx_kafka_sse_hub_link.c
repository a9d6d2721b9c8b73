
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <worker/ngx_kafka_sse_hub_link.h>
#include <worker/ngx_kafka_sse_query.h>
#include <worker/ngx_kafka_sse_rewind.h>


/* ms to the next attempt */

#define NGX_KAFKA_SSE_HUB_LINK_CONNECT      50
#define NGX_KAFKA_SSE_HUB_LINK_FOREIGN      1000   /* at first, then longer */
#define NGX_KAFKA_SSE_HUB_LINK_FOREIGN_MAX  30000


static ngx_uint_t ngx_kafka_sse_hub_link_is_wanted(ngx_kafka_sse_hub_t *hub);
static void ngx_kafka_sse_hub_link_connect_handler(ngx_event_t *ev);
static void ngx_kafka_sse_hub_link_message(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);
static void ngx_kafka_sse_hub_link_foreign(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);
static void ngx_kafka_sse_hub_link_closed(ngx_kafka_sse_link_t *link);


void
ngx_kafka_sse_hub_link_init(ngx_kafka_sse_hub_t *hub)
{
    hub->link.data = hub;
    hub->link.message = ngx_kafka_sse_hub_link_message;
    hub->link.foreign = ngx_kafka_sse_hub_link_foreign;
    hub->link.closed = ngx_kafka_sse_hub_link_closed;
    hub->link.log = hub->log;

    hub->connect.handler = ngx_kafka_sse_hub_link_connect_handler;
    hub->connect.data = hub;
    hub->connect.log = hub->log;
    hub->connect.cancelable = 1;
}


void
ngx_kafka_sse_hub_link_exit(ngx_kafka_sse_hub_t *hub)
{
    ngx_free(hub->link.in.data);
    ngx_free(hub->link.out.data);
}


void
ngx_kafka_sse_hub_link_connect(ngx_kafka_sse_hub_t *hub)
{
    ngx_fd_t  fd;

    if (hub->link.connection || hub->connect.timer_set) {
        return;
    }

    fd = ngx_kafka_sse_zone_link_connect(hub->node);

    if (fd == -1 || ngx_kafka_sse_link_open(&hub->link, fd) != NGX_OK) {

        if (fd == -1 && ngx_errno != NGX_EAGAIN) {
            ngx_log_error(NGX_LOG_ALERT, hub->log, ngx_errno,
                          "kafka_sse: connect() to the companion failed");
        }

        ngx_add_timer(&hub->connect, NGX_KAFKA_SSE_HUB_LINK_CONNECT);
        return;
    }

    ngx_kafka_sse_rewind_connected(hub);
    ngx_kafka_sse_query_connected(hub);
}


static ngx_uint_t
ngx_kafka_sse_hub_link_is_wanted(ngx_kafka_sse_hub_t *hub)
{
    return !ngx_queue_empty(&hub->asking) || !ngx_queue_empty(&hub->queries);
}


static void
ngx_kafka_sse_hub_link_connect_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_hub_t  *hub;

    hub = ev->data;

    if (ngx_kafka_sse_hub_link_is_wanted(hub)) {
        ngx_kafka_sse_hub_link_connect(hub);
    }
}


static void
ngx_kafka_sse_hub_link_message(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_hub_t  *hub;

    hub = link->data;
    hub->connect_delay = 0;

    if (m->type == NGX_KAFKA_SSE_MESSAGE_SEEN) {
        ngx_kafka_sse_query_message(hub, m);

    } else {
        ngx_kafka_sse_rewind_message(hub, m);
    }
}


/*
 * The companion is of another configuration, which has loaded another image of
 * this module.  There may be one of ours again.
 */

static void
ngx_kafka_sse_hub_link_foreign(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_hub_t  *hub;

    hub = link->data;

    if (hub->connect_delay) {
        hub->connect_delay = ngx_min(2 * hub->connect_delay,
                                     NGX_KAFKA_SSE_HUB_LINK_FOREIGN_MAX);
        return;
    }

    hub->connect_delay = NGX_KAFKA_SSE_HUB_LINK_FOREIGN;

    ngx_log_error(NGX_LOG_WARN, hub->log, 0,
                  "kafka_sse: the companion is of another version of this "
                  "module, what only Kafka has is not sent: its link has "
                  "version %ui, ours has %d", (ngx_uint_t) m->version,
                  NGX_KAFKA_SSE_MESSAGE_VERSION);
}


static void
ngx_kafka_sse_hub_link_closed(ngx_kafka_sse_link_t *link)
{
    ngx_kafka_sse_hub_t  *hub;

    hub = link->data;

    ngx_kafka_sse_query_lost(hub);

    if (ngx_kafka_sse_hub_link_is_wanted(hub) && !hub->connect.timer_set) {
        ngx_add_timer(&hub->connect, hub->connect_delay
                                     ? hub->connect_delay
                                     : NGX_KAFKA_SSE_HUB_LINK_CONNECT);
    }
}
