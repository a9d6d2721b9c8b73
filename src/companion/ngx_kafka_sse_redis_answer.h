
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_ANSWER_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_session.h>


/*
 * What the session learns from answers: whether it is a cluster, whether it is
 * a master, where the master is, and where to go on.
 */

struct redisReply;


ngx_int_t ngx_kafka_sse_redis_answer_hello(
    ngx_kafka_sse_redis_session_t *session, struct redisReply *reply);
ngx_int_t ngx_kafka_sse_redis_answer_role(
    ngx_kafka_sse_redis_session_t *session, struct redisReply *reply);
ngx_int_t ngx_kafka_sse_redis_answer_master(
    ngx_kafka_sse_redis_session_t *session, struct redisReply *reply);

/* an error, which may say that it has moved */

void ngx_kafka_sse_redis_answer_moved(
    ngx_kafka_sse_redis_session_t *session, struct redisReply *reply);


#endif /* _NGX_KAFKA_SSE_REDIS_ANSWER_H_INCLUDED_ */
