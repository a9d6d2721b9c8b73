
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_READER_H_INCLUDED_
#define _NGX_KAFKA_SSE_READER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_feed.h>


/*
 * Reads partitions of one cluster from a given offset: no group, no commit,
 * never an automatic reset.  It also watches the cluster's metadata, for
 * which it tells the feed.
 */

#define NGX_KAFKA_SSE_READER_BEGINNING   (-2)


typedef struct {
    ngx_uint_t    connected;     /* brokers that are up */
    ngx_uint_t    reading;       /* partitions being read now */
    uint64_t      records;       /* read since the start */
} ngx_kafka_sse_reader_state_t;


/*
 * Starts a librdkafka client, so only ever after the companion's fork (its
 * threads do not survive one).  Returns NULL after logging why not.
 */

ngx_kafka_sse_reader_t *ngx_kafka_sse_reader_create(ngx_pool_t *pool,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_feed_t *feed,
    ngx_log_t *log);

/*
 * Begins to read a partition: at offset, at NGX_KAFKA_SSE_READER_BEGINNING,
 * or, if tail is not 0, tail records before its end.  The feed gets
 * the records in order, and its _eof() each time the end is reached, until
 * _stop().  After _stop() has returned, nothing more of this partition comes
 * from what was begun before.  Starting what is being read is a restart.
 */

void ngx_kafka_sse_reader_start(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset,
    ngx_uint_t tail);
void ngx_kafka_sse_reader_stop(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition);

ngx_kafka_sse_reader_state_t *ngx_kafka_sse_reader_state(
    ngx_kafka_sse_reader_t *reader);

/*
 * Stops calling the feed.  The client's threads end with the process: waiting
 * for them could take as long as Kafka does not answer.
 */

void ngx_kafka_sse_reader_close(ngx_kafka_sse_reader_t *reader);


#endif /* _NGX_KAFKA_SSE_READER_H_INCLUDED_ */
