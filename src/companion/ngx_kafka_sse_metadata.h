
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_METADATA_H_INCLUDED_
#define _NGX_KAFKA_SSE_METADATA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_inquiry.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Watches a cluster's metadata for the reader's sink: which topics there are,
 * with how many partitions, and how many brokers are up.  It comes from
 * librdkafka's statistics, as there is no other way to ask without waiting.
 */

typedef struct {
    ngx_kafka_sse_topic_t           *topic;
    ngx_uint_t                       n;       /* partitions Kafka has */
    ngx_uint_t                       next;    /* while it waits: will be n */
    u_char                           id[16];  /* Kafka's; zeros: not known */
    unsigned                         waits:1; /* for its id */
    unsigned                         denied:1;/* there is no ACL by which we
                                                 could know */
    ngx_msec_t                       asked;   /* ... when that was said */
} ngx_kafka_sse_metadata_topic_t;


/* Part of the reader, who fills in the first block and calls _init(). */

typedef struct {
    ngx_kafka_sse_cluster_t         *cluster;
    ngx_kafka_sse_reader_sink_t     *sink;
    ngx_kafka_sse_client_t          *client;  /* the reader's */
    ngx_log_t                       *log;

    ngx_kafka_sse_metadata_topic_t  *topics;
    ngx_uint_t                       ntopics;
    ngx_uint_t                       named;   /* topics that are not vacant */
    ngx_uint_t                       known;   /* ... with metadata */
    ngx_uint_t                       skip;

    ngx_kafka_sse_inquiry_t         *inquiry;

    ngx_str_t                        cluster_id;
    u_char                           id[256];

    ngx_uint_t                       brokers; /* that are up */

    const char                     **names;   /* topic_id's: room for those
                                                 that it asks for */
    ngx_msec_t                       asked;   /* topic_id's: when it did */
    unsigned                         asking:1;/* ... and has no answer yet */
    unsigned                         ask:1;   /* a topic waits */
} ngx_kafka_sse_metadata_t;


ngx_int_t ngx_kafka_sse_metadata_init(ngx_kafka_sse_metadata_t *metadata,
    ngx_pool_t *pool);

/* one of its topics, which was vacant, has a name */

void ngx_kafka_sse_metadata_enter(ngx_kafka_sse_metadata_t *metadata);

/*
 * Takes statistics, librdkafka's JSON, and Kafka's cluster id, NULL if it is
 * not known; tells the sink what has changed.  NGX_DECLINED: these were not
 * looked at.
 */

ngx_int_t ngx_kafka_sse_metadata_update(ngx_kafka_sse_metadata_t *metadata,
    const char *stats, char *id);

/* whether Kafka has the topic, as far as is known */

ngx_uint_t ngx_kafka_sse_metadata_exists(ngx_kafka_sse_metadata_topic_t *mt);

/*
 * The id of the topic of this name, zeros if Kafka does not tell it; the feed
 * is told each time: that it is the same one, too.  Or no ids are to be had.
 */

void ngx_kafka_sse_metadata_id(ngx_kafka_sse_metadata_t *metadata,
    const char *name, u_char id[16]);
void ngx_kafka_sse_metadata_no_ids(ngx_kafka_sse_metadata_t *metadata);


#endif /* _NGX_KAFKA_SSE_METADATA_H_INCLUDED_ */
