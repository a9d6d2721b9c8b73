
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_QUEUE_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_QUEUE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The PUBLISH commands that Redis has not accepted yet, the oldest first, as
 * the bytes that are sent.  Redis accepts them in the order they were sent in;
 * what a broken connection had sent in vain is sent again.  For a cluster they
 * are SPUBLISH commands.
 */

#define NGX_KAFKA_SSE_REDIS_NO_LIMIT  ((uint64_t) -1)


typedef struct {
    ngx_queue_t     messages;
    ngx_queue_t    *sending;       /* the first of them that is not sent
                                      entirely, or the sentinel */
    size_t          offset;        /* bytes of it sent */

    /* of all messages ever; no number of bytes is below the next one */

    uint64_t        published;     /* messages */
    uint64_t        accepted;      /* messages */
    uint64_t        bytes_published;
    uint64_t        bytes_sent;
    uint64_t        bytes_accepted;

    uint64_t        limit;         /* of bytes_sent: there no message begins */

    ngx_uint_t      sharded;       /* as SPUBLISH */
} ngx_kafka_sse_redis_queue_t;


void ngx_kafka_sse_redis_queue_init(ngx_kafka_sse_redis_queue_t *queue);

/*
 * How messages are published from now on, those that wait, too; only when none
 * is on its way
 */

void ngx_kafka_sse_redis_queue_shard(ngx_kafka_sse_redis_queue_t *queue,
    ngx_uint_t sharded);

/* adds a copy of the message */

ngx_int_t ngx_kafka_sse_redis_queue_push(ngx_kafka_sse_redis_queue_t *queue,
    ngx_str_t *channel, u_char *payload, size_t len, ngx_log_t *log);

/*
 * What is to be sent next, in up to n buffers; returns how many there are.
 * _sent() then says how many bytes of it were.
 */

ngx_uint_t ngx_kafka_sse_redis_queue_peek(ngx_kafka_sse_redis_queue_t *queue,
    ngx_buf_t *bufs, ngx_uint_t n);
void ngx_kafka_sse_redis_queue_sent(ngx_kafka_sse_redis_queue_t *queue,
    size_t sent);

/* the oldest message was sent: an answer is due */

#define ngx_kafka_sse_redis_queue_is_due(queue)                               \
    ((queue)->sending != ngx_queue_head(&(queue)->messages))

/* the channel of the oldest message, of which there is one */

ngx_str_t *ngx_kafka_sse_redis_queue_channel(
    ngx_kafka_sse_redis_queue_t *queue);

/* the oldest message was accepted: forgets it */

void ngx_kafka_sse_redis_queue_accept(ngx_kafka_sse_redis_queue_t *queue);

/* nothing is on its way any more: the oldest message is sent next */

void ngx_kafka_sse_redis_queue_rewind(ngx_kafka_sse_redis_queue_t *queue);


#endif /* _NGX_KAFKA_SSE_REDIS_QUEUE_H_INCLUDED_ */
