
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_METADATA_H_INCLUDED_
#define _NGX_KAFKA_SSE_METADATA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Watches a cluster's metadata for the reader's sink: which topics there are, with how
 * many partitions, and how many brokers are up.  It comes from librdkafka's
 * statistics, as there is no other way to ask without waiting.
 */

typedef struct {
    ngx_kafka_sse_topic_t           *topic;
    ngx_uint_t                       n;       /* partitions Kafka has */
} ngx_kafka_sse_metadata_topic_t;


/* Part of the reader, who fills in the first block and calls _init(). */

typedef struct {
    ngx_kafka_sse_cluster_t         *cluster;
    ngx_kafka_sse_reader_sink_t     *sink;
    ngx_log_t                       *log;

    ngx_kafka_sse_metadata_topic_t  *topics;
    ngx_uint_t                       ntopics;
    ngx_uint_t                       known;   /* topics with metadata */
    ngx_uint_t                       skip;

    ngx_str_t                        cluster_id;
    u_char                           id[256];

    ngx_uint_t                       brokers; /* that are up */
} ngx_kafka_sse_metadata_t;


ngx_int_t ngx_kafka_sse_metadata_init(ngx_kafka_sse_metadata_t *metadata,
    ngx_pool_t *pool);

/*
 * Takes statistics, librdkafka's JSON, and Kafka's cluster id, NULL if it is
 * not known; tells the sink what has changed.  NGX_DECLINED: these were not
 * looked at.
 */

ngx_int_t ngx_kafka_sse_metadata_update(ngx_kafka_sse_metadata_t *metadata,
    const char *stats, char *id);


#endif /* _NGX_KAFKA_SSE_METADATA_H_INCLUDED_ */
