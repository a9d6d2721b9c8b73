
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_TOPIC_ID_H_INCLUDED_
#define _NGX_KAFKA_SSE_TOPIC_ID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_metadata.h>


/*
 * Asks Kafka for the ids of topics, which tell one from another of the same
 * name.  librdkafka can do so since 2.3; with an earlier one nothing is asked,
 * and no topic waits for an id.
 */

#if (RD_KAFKA_VERSION >= 0x020300ff)
#define NGX_KAFKA_SSE_TOPIC_ID  1
#else
#define NGX_KAFKA_SSE_TOPIC_ID  0
#endif


#define NGX_KAFKA_SSE_TOPIC_ID_AGAIN  5000     /* ms to the next question */


/* asks, if it is time to, or a topic waits; the answer is an event */

void ngx_kafka_sse_topic_id_ask(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_client_t *client);

/* NGX_DECLINED: the event is no such answer */

ngx_int_t ngx_kafka_sse_topic_id_answer(ngx_kafka_sse_metadata_t *metadata,
    rd_kafka_event_t *event);


#endif /* _NGX_KAFKA_SSE_TOPIC_ID_H_INCLUDED_ */
