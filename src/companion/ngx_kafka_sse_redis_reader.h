
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_READER_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_READER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Takes replies off what Redis sends: hiredis, with limits.  By itself it
 * takes memory for as many elements as a reply says that it will have, and for
 * 512 MB of it: whoever is at the other end, and everybody who may publish,
 * says how much.
 */

#define NGX_KAFKA_SSE_REDIS_REPLY     16777216     /* bytes; twice what nodes
                                                      publish at most */
#define NGX_KAFKA_SSE_REDIS_ELEMENTS  4096         /* of a reply, in all */


typedef struct {
    struct redisReader   *hiredis;     /* NULL: it is closed */
    size_t                pending;     /* bytes of the reply that is not yet
                                          complete */
    ngx_uint_t            elements;    /* of it */
    char                 *error;
} ngx_kafka_sse_redis_reader_t;


ngx_int_t ngx_kafka_sse_redis_reader_open(
    ngx_kafka_sse_redis_reader_t *reader);

/* safe if it is closed */

void ngx_kafka_sse_redis_reader_close(ngx_kafka_sse_redis_reader_t *reader);

/* buf is copied; on NGX_ERROR reader->error says why */

ngx_int_t ngx_kafka_sse_redis_reader_feed(
    ngx_kafka_sse_redis_reader_t *reader, u_char *buf, size_t len);

/*
 * The next redisReply, which is the caller's.  NGX_AGAIN: there is none yet;
 * NGX_ERROR: nor will there be.
 */

ngx_int_t ngx_kafka_sse_redis_reader_next(
    ngx_kafka_sse_redis_reader_t *reader, void **reply);


#endif /* _NGX_KAFKA_SSE_REDIS_READER_H_INCLUDED_ */
