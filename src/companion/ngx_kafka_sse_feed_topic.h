
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FEED_TOPIC_H_INCLUDED_
#define _NGX_KAFKA_SSE_FEED_TOPIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_appender.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_history.h>
#include <companion/ngx_kafka_sse_mark.h>


/* nothing of a partition for so long, in ms: Redis or its owner is away */

#define NGX_KAFKA_SSE_FEED_AWAY   2000

/*
 * Whoever may publish on Redis may say anything.  So an envelope takes us no
 * further than so many offsets: no envelope has more records, and where the
 * offsets have a larger hole Kafka knows better.  After a gap Kafka is read for
 * so many ms at least, and the log has one line on gaps of a topic in so many.
 */

#define NGX_KAFKA_SSE_FEED_JUMP   1000000
#define NGX_KAFKA_SSE_FEED_REPAIR 250
#define NGX_KAFKA_SSE_FEED_GAP    10000


/*
 * A partition is "live" while Redis brings its records, and "tails" while the
 * reader does: from "held" on until what its owner publishes is where we are,
 * or we are at the end of the partition and at everything that was announced
 * meanwhile, and its owner is alive.
 */

typedef struct {
    int64_t                        goal;       /* end of what was announced */
    int64_t                        was;        /* "held" at the last look */
    ngx_msec_t                     heard;      /* when its owner was, by the
                                                  present subscription; 0:
                                                  never */
    ngx_msec_t                     gap;        /* when the last one was; 0:
                                                  never */
    ngx_kafka_sse_partition_sh_t  *sh;         /* held is there */
    ngx_kafka_sse_history_t        history;    /* until it has begun */
    unsigned                       tails:1;
    unsigned                       begun:1;    /* has reached the end once */
    unsigned                       repairs:1;  /* it tails to fill a gap */

    /* is the topic still the one that it was? */

    ngx_kafka_sse_mark_t           newest;     /* after the check that is under
                                                  way: the mark, if all is
                                                  well */
    ngx_msec_t                     behind;     /* since when its owner is; 0:
                                                  it is not */
    unsigned                       checks:1;   /* the mark is being read */
    unsigned                       waits:1;    /* in doubt, for the topic's
                                                  id */
    unsigned                       moved:1;    /* Kafka does not have "held",
                                                  it says, or has not the
                                                  mark: its beginning is being
                                                  read, to see */
    unsigned                       differs:1;  /* another record is there */
    unsigned                       looked:1;   /* the beginning has been seen */
} ngx_kafka_sse_feed_partition_t;


/* Part of the feed, who fills in the first block. */

typedef struct {
    ngx_kafka_sse_topic_t            *topic;
    ngx_kafka_sse_reader_t           *reader;
    ngx_kafka_sse_redis_t            *redis;   /* NULL: it is off */
    ngx_kafka_sse_appender_t         *appender;
    ngx_kafka_sse_history_room_t     *room;
    ngx_log_t                        *log;

    ngx_kafka_sse_topic_sh_t         *sh;      /* NULL: no metadata yet */
    ngx_uint_t                        index;   /* in the shared table */
    ngx_uint_t                        n;       /* partitions known here */
    ngx_kafka_sse_feed_partition_t   *partitions;
    ngx_msec_t                        checked; /* when one of them was */
    ngx_uint_t                        turn;    /* whose it is next */
    ngx_msec_t                        said;    /* when a gap was; 0: never */
    ngx_uint_t                        unsaid;  /* gaps since then */
    unsigned                          known:1;      /* metadata has come */
    unsigned                          gone:1;       /* Kafka did not have it,
                                                       since its last check */
    unsigned                          confirmed:1;  /* its id has just come:
                                                       it is the same one */
    unsigned                          started:1;    /* said so in the ring */
    unsigned                          wanted:1;     /* its channel is */
    unsigned                          subscribed:1; /* its channel is */
    unsigned                          refused:1;    /* too many partitions */
    unsigned                          denied:1;     /* may not be read, and has
                                                       not started */
} ngx_kafka_sse_feed_topic_t;


/*
 * The topic exists in this Kafka cluster: gives it its row in the shared
 * table, and room for its partitions from pool.  NGX_ERROR: it has none, which
 * is logged.
 */

ngx_int_t ngx_kafka_sse_feed_topic_enter(ngx_kafka_sse_feed_topic_t *ft,
    ngx_pool_t *pool, ngx_str_t *cluster_id, u_char incarnation[16]);

/*
 * It has n partitions, which may be as many as before.  With running set, what
 * is new in it was made while we were looking, so it begins at its beginning.
 */

void ngx_kafka_sse_feed_topic_grow(ngx_kafka_sse_feed_topic_t *ft,
    ngx_uint_t n, ngx_uint_t running);

/* Kafka tells its id, which has not changed */

void ngx_kafka_sse_feed_topic_confirm(ngx_kafka_sse_feed_topic_t *ft);

/* whether the topic's id is known; if not, there are its records only */

ngx_uint_t ngx_kafka_sse_feed_topic_has_id(ngx_kafka_sse_feed_topic_t *ft);

/* whether it may be the one with this id: one that is not known equals any */

ngx_uint_t ngx_kafka_sse_feed_topic_is(ngx_kafka_sse_feed_topic_t *ft,
    u_char incarnation[16]);

/* it does not exist any more: what comes under its name may be another one */

void ngx_kafka_sse_feed_topic_gone(ngx_kafka_sse_feed_topic_t *ft);

/* the partition, or NULL if it is not known */

ngx_kafka_sse_feed_partition_t *ngx_kafka_sse_feed_topic_partition(
    ngx_kafka_sse_feed_topic_t *ft, int32_t partition);

/* the reader takes the partition over, from where we are */

void ngx_kafka_sse_feed_topic_tail(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);

/* its position goes elsewhere, clients are told why */

void ngx_kafka_sse_feed_topic_move(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t to, ngx_uint_t reason);

/* as in feed.h: what the reader and the subscription have to say */

void ngx_kafka_sse_feed_topic_record(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec, int64_t end);
void ngx_kafka_sse_feed_topic_eof(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset);
void ngx_kafka_sse_feed_topic_out_of_range(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);
void ngx_kafka_sse_feed_topic_subscribed(ngx_kafka_sse_feed_topic_t *ft);
void ngx_kafka_sse_feed_topic_unsubscribed(ngx_kafka_sse_feed_topic_t *ft);

/* how many partitions are read from Kafka though they have begun */

ngx_uint_t ngx_kafka_sse_feed_topic_look(ngx_kafka_sse_feed_topic_t *ft);

/*
 * The partition's owner has published the records from "from" up to end; none,
 * if these are the same; high is Kafka's end, or -1.  NGX_OK: its records are
 * wanted, for _take(); NGX_DECLINED: Kafka has them when we want them.
 */

ngx_int_t ngx_kafka_sse_feed_topic_announced(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t from, int64_t end, int64_t high);
void ngx_kafka_sse_feed_topic_take(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec);


#endif /* _NGX_KAFKA_SSE_FEED_TOPIC_H_INCLUDED_ */
