
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_queue.h>


#define NGX_KAFKA_SSE_REDIS_PUBLISH   "*3" CRLF "$7" CRLF "PUBLISH" CRLF
#define NGX_KAFKA_SSE_REDIS_SPUBLISH  "*3" CRLF "$8" CRLF "SPUBLISH" CRLF

/* room for the longer one; the shorter one ends where it ends */

#define NGX_KAFKA_SSE_REDIS_HEAD  (sizeof(NGX_KAFKA_SSE_REDIS_SPUBLISH) - 1)


typedef struct {
    ngx_queue_t     queue;
    ngx_str_t       channel;       /* within data */
    u_char         *start;         /* within data */
    size_t          len;           /* from there */
    u_char          data[1];       /* as it is sent */
} ngx_kafka_sse_redis_message_t;


#define ngx_kafka_sse_redis_message(q)                                        \
    ngx_queue_data(q, ngx_kafka_sse_redis_message_t, queue)


static void ngx_kafka_sse_redis_queue_head(ngx_kafka_sse_redis_queue_t *queue,
    ngx_kafka_sse_redis_message_t *msg);


void
ngx_kafka_sse_redis_queue_init(ngx_kafka_sse_redis_queue_t *queue)
{
    ngx_memzero(queue, sizeof(ngx_kafka_sse_redis_queue_t));

    ngx_queue_init(&queue->messages);

    queue->sending = ngx_queue_sentinel(&queue->messages);
    queue->limit = NGX_KAFKA_SSE_REDIS_NO_LIMIT;
}


void
ngx_kafka_sse_redis_queue_shard(ngx_kafka_sse_redis_queue_t *queue,
    ngx_uint_t sharded)
{
    u_char                         *end;
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_message_t  *msg;

    if (queue->sharded == sharded) {
        return;
    }

    queue->sharded = sharded;

    for (q = ngx_queue_head(&queue->messages);
         q != ngx_queue_sentinel(&queue->messages);
         q = ngx_queue_next(q))
    {
        msg = ngx_kafka_sse_redis_message(q);

        end = msg->start + msg->len;
        queue->bytes_published -= msg->len;

        ngx_kafka_sse_redis_queue_head(queue, msg);

        msg->len = end - msg->start;
        queue->bytes_published += msg->len;
    }
}


static void
ngx_kafka_sse_redis_queue_head(ngx_kafka_sse_redis_queue_t *queue,
    ngx_kafka_sse_redis_message_t *msg)
{
    size_t   len;
    char    *head;

    if (queue->sharded) {
        head = NGX_KAFKA_SSE_REDIS_SPUBLISH;
        len = sizeof(NGX_KAFKA_SSE_REDIS_SPUBLISH) - 1;

    } else {
        head = NGX_KAFKA_SSE_REDIS_PUBLISH;
        len = sizeof(NGX_KAFKA_SSE_REDIS_PUBLISH) - 1;
    }

    msg->start = msg->data + NGX_KAFKA_SSE_REDIS_HEAD - len;

    ngx_memcpy(msg->start, head, len);
}


ngx_int_t
ngx_kafka_sse_redis_queue_push(ngx_kafka_sse_redis_queue_t *queue,
    ngx_str_t *channel, u_char *payload, size_t len, ngx_log_t *log)
{
    u_char                         *p;
    size_t                          size;
    ngx_kafka_sse_redis_message_t  *msg;

    size = NGX_KAFKA_SSE_REDIS_HEAD
           + sizeof("$" CRLF CRLF "$" CRLF CRLF) - 1
           + 2 * NGX_SIZE_T_LEN + channel->len + len;

    msg = ngx_alloc(offsetof(ngx_kafka_sse_redis_message_t, data) + size, log);
    if (msg == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_queue_head(queue, msg);

    p = ngx_sprintf(msg->data + NGX_KAFKA_SSE_REDIS_HEAD, "$%uz" CRLF,
                    channel->len);

    msg->channel.len = channel->len;
    msg->channel.data = p;

    p = ngx_cpymem(p, channel->data, channel->len);
    p = ngx_sprintf(p, CRLF "$%uz" CRLF, len);
    p = ngx_cpymem(p, payload, len);
    *p++ = CR;
    *p++ = LF;

    msg->len = p - msg->start;

    ngx_queue_insert_tail(&queue->messages, &msg->queue);

    if (queue->sending == ngx_queue_sentinel(&queue->messages)) {
        queue->sending = &msg->queue;
    }

    queue->published++;
    queue->bytes_published += msg->len;

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_redis_queue_peek(ngx_kafka_sse_redis_queue_t *queue,
    ngx_buf_t *bufs, ngx_uint_t n)
{
    size_t                          offset;
    uint64_t                        bytes;
    ngx_uint_t                      i;
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_message_t  *msg;

    q = queue->sending;
    offset = queue->offset;
    bytes = queue->bytes_sent;

    for (i = 0; i < n && q != ngx_queue_sentinel(&queue->messages); i++) {

        if (offset == 0 && bytes >= queue->limit) {
            break;
        }

        msg = ngx_kafka_sse_redis_message(q);

        bufs[i].pos = msg->start + offset;
        bufs[i].last = msg->start + msg->len;

        bytes += msg->len - offset;
        offset = 0;

        q = ngx_queue_next(q);
    }

    return i;
}


void
ngx_kafka_sse_redis_queue_sent(ngx_kafka_sse_redis_queue_t *queue, size_t sent)
{
    size_t                          left;
    ngx_kafka_sse_redis_message_t  *msg;

    queue->bytes_sent += sent;

    while (sent) {
        msg = ngx_kafka_sse_redis_message(queue->sending);

        left = msg->len - queue->offset;

        if (sent < left) {
            queue->offset += sent;
            return;
        }

        sent -= left;

        queue->sending = ngx_queue_next(queue->sending);
        queue->offset = 0;
    }
}


ngx_str_t *
ngx_kafka_sse_redis_queue_channel(ngx_kafka_sse_redis_queue_t *queue)
{
    ngx_kafka_sse_redis_message_t  *msg;

    msg = ngx_kafka_sse_redis_message(ngx_queue_head(&queue->messages));

    return &msg->channel;
}


void
ngx_kafka_sse_redis_queue_accept(ngx_kafka_sse_redis_queue_t *queue)
{
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_message_t  *msg;

    q = ngx_queue_head(&queue->messages);
    ngx_queue_remove(q);

    msg = ngx_kafka_sse_redis_message(q);

    queue->accepted++;
    queue->bytes_accepted += msg->len;

    ngx_free(msg);
}


void
ngx_kafka_sse_redis_queue_rewind(ngx_kafka_sse_redis_queue_t *queue)
{
    queue->sending = ngx_queue_head(&queue->messages);
    queue->offset = 0;
    queue->bytes_sent = queue->bytes_accepted;
}
