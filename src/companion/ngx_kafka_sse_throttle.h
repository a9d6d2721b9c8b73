
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_THROTTLE_H_INCLUDED_
#define _NGX_KAFKA_SSE_THROTTLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_assignment.h>
#include <companion/ngx_kafka_sse_redis.h>


/*
 * Lets the consumer wait while Redis has much to accept, or is away.
 *
 * Part of the consumer, who fills in the first block.
 */

typedef struct {
    ngx_kafka_sse_assignment_t    *assignment;
    ngx_kafka_sse_redis_t         *redis;
    ngx_log_t                     *log;

    ngx_event_t                    event;
    ngx_msec_t                     since;      /* Redis is full */
} ngx_kafka_sse_throttle_t;


/* looks how much that is, after each turn; by a timer while it is too much */

void ngx_kafka_sse_throttle_look(ngx_kafka_sse_throttle_t *throttle);

/* looks no more; what is paused stays so */

void ngx_kafka_sse_throttle_stop(ngx_kafka_sse_throttle_t *throttle);


#endif /* _NGX_KAFKA_SSE_THROTTLE_H_INCLUDED_ */
