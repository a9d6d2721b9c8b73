
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CONSUMER_H_INCLUDED_
#define _NGX_KAFKA_SSE_CONSUMER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_redis.h>


/*
 * The cluster's consumer group member: takes the records of the partitions
 * that the group gives this node, puts them into envelopes and publishes
 * them; commits what Redis has accepted.
 *
 * It starts a partition where its own feed is ("held"), not where the group
 * last committed: the feed has read Kafka up to there by itself, and so has,
 * or will have, the feed of every other node.
 */

typedef struct ngx_kafka_sse_consumer_s  ngx_kafka_sse_consumer_t;


typedef struct {
    ngx_uint_t    assigned;      /* partitions owned now */
    uint64_t      consumed;      /* records, since the start */
    uint64_t      envelopes;     /* published, since the start */
    uint64_t      commits;       /* that Kafka acknowledged */
    uint64_t      errors;        /* that librdkafka reported */
    ngx_uint_t    fenced;        /* another member has this one's id */
} ngx_kafka_sse_consumer_state_t;


/*
 * Starts a librdkafka client and joins the group, subscribed to all topics of
 * the cluster that are configured; if there are none, to one that has started.
 * instance is the static member id (group.instance.id) unless a property gives
 * another.  Only ever after the companion's fork.  Returns NULL after logging
 * why not.
 */

ngx_kafka_sse_consumer_t *ngx_kafka_sse_consumer_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *instance, ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log);

/*
 * Begins to stop: takes no more records, waits until Redis has accepted what
 * was published, commits, and with leave set leaves the group, so that others
 * take over at once (without, a static member's partitions wait for it).
 * _stopped() is then 1 as soon as this is done; the caller has a deadline.
 */

void ngx_kafka_sse_consumer_stop(ngx_kafka_sse_consumer_t *consumer,
    ngx_uint_t leave);
ngx_uint_t ngx_kafka_sse_consumer_stopped(ngx_kafka_sse_consumer_t *consumer);

/* subscribes to what has started meanwhile; to be called now and then */

void ngx_kafka_sse_consumer_topics(ngx_kafka_sse_consumer_t *consumer);

/* says where our partitions are; to be called twice a second */

void ngx_kafka_sse_consumer_beacon(ngx_kafka_sse_consumer_t *consumer);

/*
 * The position up to which this node itself has published a partition that
 * it owns, or NGX_KAFKA_SSE_NO_OFFSET
 */

int64_t ngx_kafka_sse_consumer_published(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_topic_t *topic, int32_t partition);

ngx_kafka_sse_consumer_state_t *ngx_kafka_sse_consumer_state(
    ngx_kafka_sse_consumer_t *consumer);


#endif /* _NGX_KAFKA_SSE_CONSUMER_H_INCLUDED_ */
