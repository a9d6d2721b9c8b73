
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FEED_H_INCLUDED_
#define _NGX_KAFKA_SSE_FEED_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>
#include <shared/ngx_kafka_sse_topics.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * The feed fills the ring.  For each partition it keeps "held", the next
 * offset it wants, and takes records from two hands: the envelopes that Redis
 * brings, and the reader, which reads Kafka itself where the feed must catch
 * up (at start, after a gap, after Redis was away).  Calls come from the
 * companion's event loop only.
 */

typedef struct ngx_kafka_sse_feed_s    ngx_kafka_sse_feed_t;
typedef struct ngx_kafka_sse_redis_s   ngx_kafka_sse_redis_t;


/*
 * Made by the companion that has just taken the writer lock: takes up the ring
 * where the writer before it left it.  NULL if there is no memory.
 */

ngx_kafka_sse_feed_t *ngx_kafka_sse_feed_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log);

/* for the readers of all clusters */

ngx_kafka_sse_reader_sink_t *ngx_kafka_sse_feed_sink(
    ngx_kafka_sse_feed_t *feed);

/*
 * Whom it asks about the topics of a cluster; both before the event loop runs.
 * Without a Redis all partitions are read from Kafka for good.
 */

void ngx_kafka_sse_feed_set_redis(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_redis_t *redis);
void ngx_kafka_sse_feed_set_reader(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_reader_t *reader);

/*
 * 1 once the metadata of all topics that are configured in the cluster is known
 * and those that exist and may be read have started: from then on this node may
 * own partitions.  Where none is configured, once one has started.
 */

ngx_uint_t ngx_kafka_sse_feed_ready(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster);

/* whether the topic may not be read, and so has not started */

ngx_uint_t ngx_kafka_sse_feed_is_denied(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic);

/*
 * A topic that was vacant has its name, and exists in Kafka: it is fed from now
 * on.  With born set it was made while we were looking, so it begins at its
 * beginning.
 */

ngx_int_t ngx_kafka_sse_feed_add(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, ngx_uint_t born);

/*
 * Whether the topic exists and its row is in the shared table, with its
 * partitions; and whether it has started, so that streams may begin
 */

ngx_uint_t ngx_kafka_sse_feed_has(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic);
ngx_uint_t ngx_kafka_sse_feed_started(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic);


/* a message of the subscription; payload may be anything, it is only lent */

void ngx_kafka_sse_feed_envelope(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload);

/*
 * To be called every NGX_KAFKA_SSE_FEED_LOOK ms: a partition of which Redis has
 * brought neither envelope nor beacon for too long is read from Kafka,
 * whatever the cause is.
 */

#define NGX_KAFKA_SSE_FEED_LOOK   250

void ngx_kafka_sse_feed_look(ngx_kafka_sse_feed_t *feed);

/* all channels of a cluster have been subscribed / the subscription is lost */

void ngx_kafka_sse_feed_subscribed(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster);
void ngx_kafka_sse_feed_unsubscribed(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster);

/*
 * The next offset that the feed wants of a partition, or
 * NGX_KAFKA_SSE_NO_OFFSET if it has not begun with it
 */

int64_t ngx_kafka_sse_feed_held(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, int32_t partition);

/* the topic's id as the feed knows it, for envelopes; zeros: it does not */

void ngx_kafka_sse_feed_incarnation(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, u_char incarnation[16]);


#endif /* _NGX_KAFKA_SSE_FEED_H_INCLUDED_ */
