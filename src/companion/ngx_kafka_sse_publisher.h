
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PUBLISHER_H_INCLUDED_
#define _NGX_KAFKA_SSE_PUBLISHER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>
#include <companion/ngx_kafka_sse_redis.h>


/*
 * The partitions that are ours, and how far each of them is: records go into
 * the partition's open envelope, envelopes to Redis, and what is there is
 * remembered until Redis has accepted it.  It knows nothing of librdkafka.
 */

typedef struct ngx_kafka_sse_publisher_topic_s  ngx_kafka_sse_publisher_topic_t;


/* made when it first is ours, kept as long as the process lives */

typedef struct {
    ngx_kafka_sse_publisher_topic_t       *topic;
    int32_t                                partition;

    int64_t                                next;       /* below are
                                                          duplicates */
    int64_t                                from;       /* of the next
                                                          envelope */
    int64_t                                published;
    int64_t                                accepted;   /* by Redis */
    int64_t                                committed;  /* the assignment's:
                                                          Kafka was asked to */
    int64_t                                end;        /* the consumer's:
                                                          Kafka's, as the
                                                          envelope began */

    u_char                                *envelope;   /* under construction */
    u_char                                *last;
    u_char                                *limit;
    uint32_t                               count;      /* its records */
    ngx_queue_t                            queue;      /* in publisher->open */

    ngx_queue_t                            link;       /* in publisher->owned */
    unsigned                               owned:1;
} ngx_kafka_sse_publisher_partition_t;


struct ngx_kafka_sse_publisher_topic_s {
    ngx_kafka_sse_topic_t                 *topic;
    ngx_str_t                              channel;
    u_char                                 incarnation[16]; /* the
                                                          assignment's */
    ngx_kafka_sse_publisher_partition_t  **partitions;
    ngx_uint_t                             size;   /* entries at partitions */
};


/* what was published and not yet seen to be accepted */

typedef struct {
    uint64_t                               seq;
    int64_t                                next;
    ngx_kafka_sse_publisher_partition_t   *partition;
} ngx_kafka_sse_publisher_sent_t;


/* Part of the consumer, who fills in the first block and calls _init(). */

typedef struct {
    ngx_kafka_sse_redis_t                 *redis;
    ngx_str_t                              prefix;     /* of the channels */
    ngx_log_t                             *log;

    ngx_kafka_sse_publisher_topic_t       *topics;     /* as the cluster's */
    ngx_uint_t                             ntopics;
    ngx_str_t                              cluster_id;
    u_char                                 id[256];

    ngx_queue_t                            owned;      /* partitions */
    ngx_uint_t                             n;          /* how many */
    ngx_queue_t                            open;       /* those with an
                                                          envelope */

    ngx_kafka_sse_publisher_sent_t        *sent;       /* a ring */
    size_t                                 size;       /* entries, 2^n */
    size_t                                 head;       /* counts for ever */
    size_t                                 tail;

    uint64_t                               envelopes;  /* published */
} ngx_kafka_sse_publisher_t;


ngx_int_t ngx_kafka_sse_publisher_init(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_cluster_t *cluster, ngx_pool_t *pool);

/* Kafka's, before anything is published; the first one stays */

void ngx_kafka_sse_publisher_set_cluster_id(
    ngx_kafka_sse_publisher_t *publisher, char *id);

/* NULL: the topic is not of this cluster, or the partition not ours */

ngx_kafka_sse_publisher_topic_t *ngx_kafka_sse_publisher_topic(
    ngx_kafka_sse_publisher_t *publisher, const char *name);
ngx_kafka_sse_publisher_partition_t *ngx_kafka_sse_publisher_partition(
    ngx_kafka_sse_publisher_topic_t *topic, int32_t partition);
ngx_kafka_sse_publisher_partition_t *ngx_kafka_sse_publisher_find(
    ngx_kafka_sse_publisher_t *publisher, const char *name,
    int32_t partition);

/*
 * From now on the partition is ours, and begins at next; NGX_ERROR if there is
 * no memory.  What is no longer ours is published first.
 */

ngx_int_t ngx_kafka_sse_publisher_own(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, int32_t partition, int64_t next);
void ngx_kafka_sse_publisher_disown(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part);
void ngx_kafka_sse_publisher_disown_all(ngx_kafka_sse_publisher_t *publisher);

/*
 * Goes on at the partition's beginning, and says nothing of what was before
 * it: "from" will be the first record, so that the feeds see a gap and ask
 * Kafka themselves.
 */

void ngx_kafka_sse_publisher_restart(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part);

/*
 * The next record of a partition.  One that is too large for Redis is left
 * out, and one that there is no memory for, with what is in its envelope;
 * "from" of the next envelope, or beacon, is then after it, so that the nodes
 * see a gap and read it from Kafka.
 */

void ngx_kafka_sse_publisher_add(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_publisher_leave_out(
    ngx_kafka_sse_publisher_partition_t *part, int64_t offset);

/* publishes all open envelopes */

void ngx_kafka_sse_publisher_flush(ngx_kafka_sse_publisher_t *publisher);

/* says for each topic where our partitions are, unless Redis is away */

void ngx_kafka_sse_publisher_beacon(ngx_kafka_sse_publisher_t *publisher);

/*
 * Asks Redis how far it is: NGX_OK, or NGX_AGAIN if not all that was published
 * is accepted
 */

ngx_int_t ngx_kafka_sse_publisher_accept(ngx_kafka_sse_publisher_t *publisher);

/* as ngx_kafka_sse_consumer_published() */

int64_t ngx_kafka_sse_publisher_published(
    ngx_kafka_sse_publisher_t *publisher, ngx_kafka_sse_topic_t *topic,
    int32_t partition);


#endif /* _NGX_KAFKA_SSE_PUBLISHER_H_INCLUDED_ */
