
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_OFFSETS_H_INCLUDED_
#define _NGX_KAFKA_SSE_OFFSETS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Asks Kafka where partitions begin and end, and where a time is.  librdkafka
 * has only calls for this that wait for the network, so a thread of its own
 * makes them, one per cluster; calls and answers are the event loop's.
 */

typedef struct ngx_kafka_sse_offsets_s  ngx_kafka_sse_offsets_t;
typedef struct ngx_kafka_sse_lookup_s   ngx_kafka_sse_lookup_t;


typedef struct {
    ngx_kafka_sse_topic_t      *topic;
    int64_t                     time;      /* ms since the epoch, -1: do not
                                              look */
    int64_t                     low;       /* what Kafka says; all three are */
    int64_t                     high;      /* -1 if it has been saying for   */
    int64_t                     at;        /* long that there is none such   */
    int32_t                     partition;
    int                         error;     /* librdkafka's */
} ngx_kafka_sse_lookup_ask_t;


typedef void (*ngx_kafka_sse_lookup_pt)(ngx_kafka_sse_lookup_t *lookup);


/*
 * One look-up; its owner fills in the first block.  While it is asked for the
 * thread has it.
 */

struct ngx_kafka_sse_lookup_s {
    void                       *data;
    ngx_kafka_sse_lookup_pt     handler;   /* all asks are answered */
    ngx_uint_t                  n;

    ngx_queue_t                 queue;
    ngx_kafka_sse_offsets_t    *offsets;   /* NULL: not asked for */
    ngx_msec_t                  unknown;   /* since when Kafka answers that it
                                              does not know some, 0: no */
    unsigned                    asked:1;   /* the thread has it */
    unsigned                    given_up:1;

    ngx_kafka_sse_lookup_ask_t  asks[1];   /* n */
};


/* NULL after logging why not */

ngx_kafka_sse_offsets_t *ngx_kafka_sse_offsets_create(ngx_pool_t *pool,
    ngx_kafka_sse_reader_t *reader, ngx_log_t *log);

/* room for n asks; NULL: no memory */

ngx_kafka_sse_lookup_t *ngx_kafka_sse_offsets_lookup(ngx_uint_t n,
    ngx_log_t *log);

/* until Kafka has answered, however long that takes; then the handler */

void ngx_kafka_sse_offsets_ask(ngx_kafka_sse_offsets_t *offsets,
    ngx_kafka_sse_lookup_t *lookup);

/* at any time; then no handler is called */

void ngx_kafka_sse_offsets_free(ngx_kafka_sse_lookup_t *lookup);


#endif /* _NGX_KAFKA_SSE_OFFSETS_H_INCLUDED_ */
