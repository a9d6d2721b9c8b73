
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_field.h>
#include <companion/ngx_kafka_sse_appender.h>


static void ngx_kafka_sse_appender_wake(ngx_kafka_sse_appender_t *appender);
static void ngx_kafka_sse_appender_wake_handler(ngx_event_t *ev);


void
ngx_kafka_sse_appender_init(ngx_kafka_sse_appender_t *appender,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log)
{
    appender->conf = kmcf;
    appender->ring = ngx_kafka_sse_zone_ring(kmcf);
    appender->node = ngx_kafka_sse_zone_node(kmcf);
    appender->log = log;

    appender->wake.handler = ngx_kafka_sse_appender_wake_handler;
    appender->wake.data = appender;
    appender->wake.log = log;

    ngx_kafka_sse_ring_recover(appender->ring);
}


void
ngx_kafka_sse_appender_record(ngx_kafka_sse_appender_t *appender,
    ngx_kafka_sse_topic_t *topic, ngx_uint_t index,
    ngx_kafka_sse_record_t *rec)
{
    int64_t                    held;
    ngx_str_t                  name;
    ngx_kafka_sse_ring_sh_t   *ring;
    ngx_kafka_sse_topic_sh_t  *sh;

    ring = appender->ring;
    sh = &ring->table->topics[index];
    name = ngx_kafka_sse_topics_str(sh->name);

    held = sh->partitions[rec->partition].held;

    ngx_kafka_sse_field_extract(rec, topic->paths,
                                appender->conf->cloudevents);

    if (ngx_kafka_sse_ring_append_record(ring, index, held, rec) == NGX_OK) {
        ngx_log_debug4(NGX_LOG_DEBUG_EVENT, appender->log, 0,
                       "kafka_sse ring append %V/%D:%L from %L",
                       &name, rec->partition, rec->offset, held);

    } else {
        ngx_log_error(NGX_LOG_WARN, appender->log, 0,
                      "kafka_sse: %V/%D:%L of %uz bytes is too large for "
                      "zone \"%V\", whose largest is %uz, clients are told",
                      &name, rec->partition, rec->offset,
                      rec->key.len + rec->value.len + rec->headers.len
                      + rec->fields.len,
                      &appender->conf->ring_name,
                      ngx_kafka_sse_ring_max(ring));

        appender->node->too_large++;
        appender->node->moves[NGX_KAFKA_SSE_MOVE_TOO_LARGE]++;

        ngx_kafka_sse_ring_append_move(ring, index, rec->partition, held,
                                       rec->offset + 1,
                                       NGX_KAFKA_SSE_MOVE_TOO_LARGE);
    }

    ngx_kafka_sse_appender_wake(appender);
}


void
ngx_kafka_sse_appender_move(ngx_kafka_sse_appender_t *appender,
    ngx_uint_t index, int32_t partition, int64_t to, ngx_uint_t reason)
{
    int64_t  held;

    held = appender->ring->table->topics[index].partitions[partition].held;

    appender->node->moves[reason]++;

    ngx_kafka_sse_ring_append_move(appender->ring, index, partition, held, to,
                                   reason);

    ngx_kafka_sse_appender_wake(appender);
}


void
ngx_kafka_sse_appender_topic(ngx_kafka_sse_appender_t *appender,
    ngx_uint_t index)
{
    ngx_kafka_sse_ring_append_topic(appender->ring, index);

    ngx_kafka_sse_appender_wake(appender);
}


static void
ngx_kafka_sse_appender_wake(ngx_kafka_sse_appender_t *appender)
{
    if (!appender->wake.posted) {
        ngx_post_event(&appender->wake, &ngx_posted_events);
    }
}


static void
ngx_kafka_sse_appender_wake_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_appender_t  *appender = ev->data;

    ngx_kafka_sse_zone_wake(appender->ring, appender->node);
}
