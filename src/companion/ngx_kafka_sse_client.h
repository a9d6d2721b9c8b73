
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CLIENT_H_INCLUDED_
#define _NGX_KAFKA_SSE_CLIENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <librdkafka/rdkafka.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>
#include <companion/ngx_kafka_sse_bell.h>
#include <companion/ngx_kafka_sse_denial.h>
#include <companion/ngx_kafka_sse_property.h>


/*
 * A librdkafka client, for its two owners, the consumer and the reader: made
 * from the cluster's configuration, its one queue of events brought into
 * nginx's event loop, its log and its errors into nginx's log.
 */


/*
 * One event of the queue; it is destroyed when the handler has returned.
 * NGX_DECLINED: not for the owner, so an error goes to the log.
 */

typedef ngx_int_t (*ngx_kafka_sse_client_event_pt)(void *data,
    rd_kafka_event_t *event);

/* the queue is empty, or this turn's share of it has been taken */

typedef void (*ngx_kafka_sse_client_turn_pt)(void *data);


#define NGX_KAFKA_SSE_CLIENT_ERRORS  8

#define NGX_KAFKA_SSE_CLIENT_STATS   "5000"   /* ms between statistics of
                                                 those who need few */


typedef struct {
    rd_kafka_resp_err_t             code;
    ngx_msec_t                      last;     /* when it was last reported */
} ngx_kafka_sse_client_error_t;


/*
 * Part of its owner, who fills in the first block and calls _open().  Lives
 * until _close(), or as long as the process.
 */

typedef struct ngx_kafka_sse_client_s {
    ngx_kafka_sse_cluster_t        *cluster;
    char                           *role;     /* for the log */
    ngx_uint_t                      level;    /* of "no connection" errors */
    size_t                          share;    /* bytes it takes in a turn */
    ngx_log_t                      *log;
    void                           *data;
    ngx_kafka_sse_client_event_pt   event;
    ngx_kafka_sse_client_turn_pt    turn;

    rd_kafka_t                     *rk;
    rd_kafka_queue_t               *queue;    /* of everything */
    ngx_kafka_sse_bell_t            bell;     /* librdkafka rings it */
    ngx_event_t                     next;     /* go on in the loop's next
                                                 turn */
    size_t                          taken;    /* bytes in this turn, the
                                                 owner counts */
    size_t                          events;   /* since the queue was empty */
    size_t                          bytes;

    u_char                         *headers;  /* of the present record */
    size_t                          size;     /* bytes at headers */

    ngx_kafka_sse_client_error_t    said[NGX_KAFKA_SSE_CLIENT_ERRORS];
    u_char                          reason[256];  /* of the last failure */
    uint64_t                        errors;

    ngx_kafka_sse_denials_t        *denials;  /* of its cluster */
    ngx_uint_t                      bit;      /* its own there */
    u_char                          certificate[256];   /* of a broker: why it
                                                 is refused, until that is
                                                 said; or empty */

    unsigned                        down:1;   /* all brokers; it was said */
    unsigned                        hold:1;   /* the owner takes no more */
    unsigned                        drained:1;  /* a long queue has just
                                                 become empty */
} ngx_kafka_sse_client_t;


/*
 * Makes the client, see ngx_kafka_sse_property_conf().  Events come from the
 * event loop only, none before _open() has returned.
 */

ngx_int_t ngx_kafka_sse_client_open(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_property_t *defaults, ngx_kafka_sse_property_t *own);

/* takes no more events until _resume(); for less than max.poll.interval.ms */

void ngx_kafka_sse_client_hold(ngx_kafka_sse_client_t *client);
void ngx_kafka_sse_client_resume(ngx_kafka_sse_client_t *client);

/*
 * Makes librdkafka's threads look whether these partitions can be fetched
 * again.  By themselves they do so once a second: after a pause, and up to 2.1
 * after their queue was full.  For the owner, when it resumes partitions and
 * when its turn finds the queue drained.
 */

void ngx_kafka_sse_client_nudge(ngx_kafka_sse_client_t *client,
    rd_kafka_topic_partition_list_t *list);

/*
 * librdkafka's queue may be full of what it drops when it is taken, as its
 * partition is read no more: so once it is empty, it counts as drained
 */

void ngx_kafka_sse_client_dropped(ngx_kafka_sse_client_t *client);

/*
 * The client's events end at once, its threads and connections later: a thread
 * of its own waits for them.  The owner has given back what it has of
 * librdkafka's before.
 */

void ngx_kafka_sse_client_close(ngx_kafka_sse_client_t *client);

/* a handle of the topic, whose rd_kafka_topic_opaque() is data */

rd_kafka_topic_t *ngx_kafka_sse_client_topic(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_topic_t *topic, void *data);

/*
 * Makes a record of a message.  Key and value are librdkafka's, the packed
 * headers the client's, until the next call.
 */

ngx_int_t ngx_kafka_sse_client_record(ngx_kafka_sse_client_t *client,
    const rd_kafka_message_t *msg, ngx_kafka_sse_record_t *rec);

/* the high watermark as of the last fetch, -1 if there was none */

int64_t ngx_kafka_sse_client_end(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_topic_t *topic, int32_t partition);

/*
 * Counts an error and says it, unless it lately has been said.  topic is the
 * one that it is of, or NULL.
 */

void ngx_kafka_sse_client_error(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code, const char *text, const char *topic);

/* the same of what a call has returned, which is given back; NULL: it went */

void ngx_kafka_sse_client_failed(ngx_kafka_sse_client_t *client,
    rd_kafka_error_t *error);

/* at least one broker is connected; said if it was not */

void ngx_kafka_sse_client_up(ngx_kafka_sse_client_t *client);


#endif /* _NGX_KAFKA_SSE_CLIENT_H_INCLUDED_ */
