
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_APPENDER_H_INCLUDED_
#define _NGX_KAFKA_SSE_APPENDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>


/*
 * The feed's way into the ring: looks at a record's value, tells of what
 * the ring does not take, and wakes the workers at the end of the turn.
 */

typedef struct {
    ngx_kafka_sse_main_conf_t        *conf;
    ngx_kafka_sse_ring_sh_t          *ring;
    ngx_kafka_sse_node_sh_t          *node;
    ngx_event_t                       wake;
    ngx_log_t                        *log;
} ngx_kafka_sse_appender_t;


/* takes up the ring where the writer before us left it */

void ngx_kafka_sse_appender_init(ngx_kafka_sse_appender_t *appender,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log);

/*
 * index is the topic's in the shared table.  Each of these goes on from where
 * the partition is: its "held".
 */

void ngx_kafka_sse_appender_record(ngx_kafka_sse_appender_t *appender,
    ngx_kafka_sse_topic_t *topic, ngx_uint_t index,
    ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_appender_move(ngx_kafka_sse_appender_t *appender,
    ngx_uint_t index, int32_t partition, int64_t to, ngx_uint_t reason);
void ngx_kafka_sse_appender_topic(ngx_kafka_sse_appender_t *appender,
    ngx_uint_t index);


#endif /* _NGX_KAFKA_SSE_APPENDER_H_INCLUDED_ */
