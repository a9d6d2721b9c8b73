
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FEED_CHECK_H_INCLUDED_
#define _NGX_KAFKA_SSE_FEED_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_feed_topic.h>


/*
 * Is a topic still the one that it was?  One that is deleted, made again and
 * filled at once looks the same, where librdkafka does not tell a topic's id.
 * So for each partition a record that it had is remembered, and read once
 * more now and then: another one in its place, or none, and it is looked at
 * from its beginning.
 */

#define NGX_KAFKA_SSE_FEED_CHECK   5000    /* ms, from one partition of a topic
                                              to its next one */


/* marks the partition's newest record, if none is marked */

void ngx_kafka_sse_feed_check_mark(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);

/* begins to check one partition of the topic */

void ngx_kafka_sse_feed_check_next(ngx_kafka_sse_feed_topic_t *ft);

/* begins to check this one, if it can be */

void ngx_kafka_sse_feed_check_start(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);

/*
 * While part->checks is set: rec is the first record from the mark on, or
 * NULL if there is none, but the end is above it
 */

void ngx_kafka_sse_feed_check_answer(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, ngx_kafka_sse_record_t *rec);

/*
 * Kafka does not have what we had: the beginning is read, part->moved is set;
 * where there are topic ids, not before Kafka has said that it is the same one
 */

void ngx_kafka_sse_feed_check_doubt(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);

/*
 * While part->moved is set: the first record that there is, or the end.
 * NGX_DONE: it is another topic, or another log, the clients are told and the
 * reader begins anew; NGX_OK: what was above it goes on.
 */

ngx_int_t ngx_kafka_sse_feed_check_beginning(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec);
ngx_int_t ngx_kafka_sse_feed_check_end(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset);


#endif /* _NGX_KAFKA_SSE_FEED_CHECK_H_INCLUDED_ */
