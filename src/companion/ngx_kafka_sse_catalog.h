
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CATALOG_H_INCLUDED_
#define _NGX_KAFKA_SSE_CATALOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_reader.h>


/*
 * Which topics a cluster has, as far as our principal may know.  librdkafka's
 * statistics tell only of topics that it has been asked about, and its call
 * for all of them waits for the network, so a thread makes it.  It asks for
 * all, never for one by name: so it makes none.
 */

#define NGX_KAFKA_SSE_CATALOG_AGAIN  1000      /* ms between two questions */


typedef struct ngx_kafka_sse_catalog_s  ngx_kafka_sse_catalog_t;


typedef struct {
    ngx_str_t       name;
    ngx_uint_t      n;           /* partitions */
    ngx_uint_t      is_new;      /* the list before this one lacked it */
} ngx_kafka_sse_catalog_topic_t;


/* there is a new list */

typedef void (*ngx_kafka_sse_catalog_pt)(void *data);


/*
 * The first list is asked for later.  The reader's client is used, for as long
 * as the process lives.  NULL after logging why not.
 */

ngx_kafka_sse_catalog_t *ngx_kafka_sse_catalog_create(ngx_pool_t *pool,
    ngx_kafka_sse_reader_t *reader, ngx_kafka_sse_catalog_pt handler,
    void *data, ngx_log_t *log);

/* asks Kafka, unless it has not answered yet or was asked just now */

void ngx_kafka_sse_catalog_refresh(ngx_kafka_sse_catalog_t *catalog);

/*
 * Whether there is such a topic, for somebody who has wanted to know since
 * then, in ms.  A list that was asked for a second before that will not do; one
 * that was asked for before that and does not have it will do only in a hurry:
 * it may have been made just now.  NGX_OK, NGX_DECLINED, or NGX_AGAIN: Kafka is
 * being asked, or will be.
 */

ngx_int_t ngx_kafka_sse_catalog_find(ngx_kafka_sse_catalog_t *catalog,
    ngx_str_t *name, ngx_msec_t since, ngx_uint_t hurry,
    ngx_kafka_sse_catalog_topic_t **topic);

/* the newest list, in the order of names; it lasts up to the next one */

ngx_kafka_sse_catalog_topic_t *ngx_kafka_sse_catalog_topics(
    ngx_kafka_sse_catalog_t *catalog, ngx_uint_t *n);


#endif /* _NGX_KAFKA_SSE_CATALOG_H_INCLUDED_ */
