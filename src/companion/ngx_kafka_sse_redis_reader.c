
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis_reader.h>


#define NGX_KAFKA_SSE_REDIS_MAX_IDLE  131072     /* bytes of the parser's buffer
                                                    that it keeps */

#if (HIREDIS_MAJOR > 0)
typedef size_t  ngx_kafka_sse_redis_reader_len_t;
#else
typedef int     ngx_kafka_sse_redis_reader_len_t;
#endif


static void *ngx_kafka_sse_redis_reader_array(const redisReadTask *task,
    ngx_kafka_sse_redis_reader_len_t n);


/* those of hiredis itself, with an array of ours; made once */

static redisReplyObjectFunctions   ngx_kafka_sse_redis_reader_own;
static redisReplyObjectFunctions  *ngx_kafka_sse_redis_reader_default;


ngx_int_t
ngx_kafka_sse_redis_reader_open(ngx_kafka_sse_redis_reader_t *reader)
{
    redisReader  *hiredis;

    hiredis = redisReaderCreate();
    if (hiredis == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_reader_default = hiredis->fn;
    ngx_kafka_sse_redis_reader_own = *hiredis->fn;
    ngx_kafka_sse_redis_reader_own.createArray =
                                              ngx_kafka_sse_redis_reader_array;

    hiredis->fn = &ngx_kafka_sse_redis_reader_own;
    hiredis->privdata = reader;

    /* what a large message has left behind is freed before the next read */

    hiredis->maxbuf = NGX_KAFKA_SSE_REDIS_MAX_IDLE;

    reader->hiredis = hiredis;
    reader->pending = 0;
    reader->elements = 0;
    reader->error = NULL;

    return NGX_OK;
}


void
ngx_kafka_sse_redis_reader_close(ngx_kafka_sse_redis_reader_t *reader)
{
    if (reader->hiredis) {
        redisReaderFree(reader->hiredis);
        reader->hiredis = NULL;
    }
}


ngx_int_t
ngx_kafka_sse_redis_reader_feed(ngx_kafka_sse_redis_reader_t *reader,
    u_char *buf, size_t len)
{
    if (redisReaderFeed(reader->hiredis, (char *) buf, len) != REDIS_OK) {
        reader->error = reader->hiredis->errstr;
        return NGX_ERROR;
    }

    reader->pending += len;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_reader_next(ngx_kafka_sse_redis_reader_t *reader,
    void **reply)
{
    redisReader  *hiredis;

    hiredis = reader->hiredis;

    if (redisReaderGetReply(hiredis, reply) != REDIS_OK) {

        if (reader->error == NULL) {
            reader->error = hiredis->errstr;
        }

        return NGX_ERROR;
    }

    if (*reply) {
        reader->pending = hiredis->len - hiredis->pos;
        reader->elements = 0;

        return NGX_OK;
    }

    if (reader->pending > NGX_KAFKA_SSE_REDIS_REPLY) {
        reader->error = "a reply of more than 16 MB";
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* every object but the first is an element: so this bounds them all */

static void *
ngx_kafka_sse_redis_reader_array(const redisReadTask *task,
    ngx_kafka_sse_redis_reader_len_t n)
{
    ngx_kafka_sse_redis_reader_t  *reader;

    reader = task->privdata;

    if ((size_t) n > NGX_KAFKA_SSE_REDIS_ELEMENTS - reader->elements) {
        reader->error = "a reply of more than 4096 elements";
        return NULL;
    }

    reader->elements += n;

    return ngx_kafka_sse_redis_reader_default->createArray(task, n);
}
