
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ASSIGNMENT_H_INCLUDED_
#define _NGX_KAFKA_SSE_ASSIGNMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_publisher.h>


/*
 * What the group has assigned to the consumer, as Kafka sees it: rebalances,
 * where a partition begins, what is committed of it, whether it is paused.
 * The partitions themselves are the publisher's.
 *
 * Part of the consumer, who fills in the first block.
 */

typedef struct {
    ngx_kafka_sse_client_t        *client;
    ngx_kafka_sse_publisher_t     *publisher;
    ngx_kafka_sse_feed_t          *feed;
    ngx_log_t                     *log;

    ngx_uint_t                     committing;  /* not yet answered */
    uint64_t                       commits;     /* that Kafka acknowledged */

    unsigned                       paused:1;
} ngx_kafka_sse_assignment_t;


/* an RD_KAFKA_EVENT_REBALANCE */

void ngx_kafka_sse_assignment_rebalance(
    ngx_kafka_sse_assignment_t *assignment, rd_kafka_event_t *event);

/*
 * Kafka has nothing at tp->offset: the records there have expired, or the
 * topic was made anew.  Goes on at the partition's beginning.
 */

void ngx_kafka_sse_assignment_restart(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_t *tp, const char *text);

/* commits what Redis has accepted */

void ngx_kafka_sse_assignment_commit(ngx_kafka_sse_assignment_t *assignment);

/*
 * An RD_KAFKA_EVENT_OFFSET_COMMIT.  NGX_AGAIN: it failed, what it was for is
 * in the next one; NGX_DECLINED: another member has our id.
 */

ngx_int_t ngx_kafka_sse_assignment_committed(
    ngx_kafka_sse_assignment_t *assignment, rd_kafka_event_t *event);

/*
 * What Kafka has given us already of topics that we did not know, or that had
 * not started, and now have: it is ours from now on
 */

void ngx_kafka_sse_assignment_late(ngx_kafka_sse_assignment_t *assignment);

/* takes over what the feed has learnt of the topics' ids */

void ngx_kafka_sse_assignment_look(ngx_kafka_sse_assignment_t *assignment);

/*
 * No records come of what is paused, nor of what is assigned meanwhile.
 * Pausing makes librdkafka forget what it has fetched.
 */

void ngx_kafka_sse_assignment_pause(ngx_kafka_sse_assignment_t *assignment);
void ngx_kafka_sse_assignment_resume(ngx_kafka_sse_assignment_t *assignment);

/* see ngx_kafka_sse_client_nudge() */

void ngx_kafka_sse_assignment_nudge(ngx_kafka_sse_assignment_t *assignment);


#endif /* _NGX_KAFKA_SSE_ASSIGNMENT_H_INCLUDED_ */
