
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_INQUIRY_H_INCLUDED_
#define _NGX_KAFKA_SSE_INQUIRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_client.h>


/*
 * Why has a topic no partitions: is it not there, or may we not know of it?
 * The statistics do not tell, and librdkafka has only a call that waits for
 * the network, so a thread makes it, for one topic at a time.
 */

typedef struct ngx_kafka_sse_inquiry_s  ngx_kafka_sse_inquiry_t;


/*
 * To be called again and again, with *inquiry NULL at first: NGX_OK, Kafka
 * says that there is no such topic, or nothing against it; NGX_DECLINED:
 * we need Describe; NGX_AGAIN: there is no answer yet.
 */

ngx_int_t ngx_kafka_sse_inquiry(ngx_kafka_sse_inquiry_t **inquiry,
    ngx_kafka_sse_client_t *client, ngx_kafka_sse_topic_t *topic);


#endif /* _NGX_KAFKA_SSE_INQUIRY_H_INCLUDED_ */
