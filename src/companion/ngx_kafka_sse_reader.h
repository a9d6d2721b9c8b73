
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_READER_H_INCLUDED_
#define _NGX_KAFKA_SSE_READER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>
#include <companion/ngx_kafka_sse_property.h>


/*
 * Reads partitions of one cluster from a given offset: no group, no commit,
 * never an automatic reset.  For the feed it also watches the cluster's
 * metadata.
 */

typedef struct ngx_kafka_sse_reader_s  ngx_kafka_sse_reader_t;

#define NGX_KAFKA_SSE_READER_BEGINNING   (-2)


typedef struct {
    ngx_uint_t    connected;     /* brokers that are up */
    ngx_uint_t    reading;       /* partitions being read now */
} ngx_kafka_sse_reader_state_t;


/*
 * Whom it reads for: the feed, or the rides.  It is the owner's, and lives as
 * long as the reader.
 */

typedef struct {
    void                      *data;          /* of the handlers */
    char                      *role;          /* for the log */
    ngx_kafka_sse_property_t  *defaults;      /* librdkafka's, for this use */
    size_t                     share;         /* bytes to take in a turn */

    /* a record that was asked for; the bytes are only lent */

    void                     (*record)(void *data,
                                  ngx_kafka_sse_topic_t *topic,
                                  ngx_kafka_sse_record_t *rec, int64_t end);

    /* the end of the partition has been reached: offset is the next */

    void                     (*eof)(void *data, ngx_kafka_sse_topic_t *topic,
                                  int32_t partition, int64_t offset);

    /*
     * What was asked for is not in Kafka any more (or not yet); this partition
     * is read no further
     */

    void                     (*out_of_range)(void *data,
                                  ngx_kafka_sse_topic_t *topic,
                                  int32_t partition);

    /*
     * There is (new) metadata of a topic.  cluster_id is Kafka's; incarnation
     * is the topic id, zeros if it is not known; n is the number of
     * partitions, 0 while the topic does not exist.  Called when one of these
     * is first known and when it changes.  NULL: it is not watched.
     */

    void                     (*metadata)(void *data,
                                  ngx_kafka_sse_topic_t *topic,
                                  ngx_str_t *cluster_id,
                                  u_char incarnation[16], ngx_uint_t n);

    /*
     * There is no ACL by which the topic, or what was asked for of it, may be
     * read.  It is tried on, and all else comes once there is.  NULL: the
     * sink waits anyway.
     */

    void                     (*denied)(void *data,
                                  ngx_kafka_sse_topic_t *topic);
} ngx_kafka_sse_reader_sink_t;


/*
 * Starts a librdkafka client, so only ever after the companion's fork (its
 * threads do not survive one).  Returns NULL after logging why not.
 */

ngx_kafka_sse_reader_t *ngx_kafka_sse_reader_create(ngx_pool_t *pool,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_reader_sink_t *sink,
    ngx_log_t *log);

/*
 * Begins to read a partition: at offset, at NGX_KAFKA_SSE_READER_BEGINNING,
 * or, if tail is not 0, tail records before its end.  The sink gets
 * the records in order, and its eof() each time the end is reached, until
 * _stop().  After _stop() has returned, nothing more of this partition comes
 * from what was begun before.  Starting what is being read is a restart.
 */

void ngx_kafka_sse_reader_start(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset,
    ngx_uint_t tail);
void ngx_kafka_sse_reader_stop(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition);

/*
 * A topic that was vacant has its name: its metadata is watched from now on;
 * also where it has been.  NGX_ERROR: it cannot be, which is logged.
 */

ngx_int_t ngx_kafka_sse_reader_enter(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic);

/* whether Kafka has the topic, as far as its metadata is known */

ngx_uint_t ngx_kafka_sse_reader_exists(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic);

/* 1: calls no handler and takes nothing, until 0; for some seconds at most */

void ngx_kafka_sse_reader_hold(ngx_kafka_sse_reader_t *reader,
    ngx_uint_t hold);

ngx_kafka_sse_reader_state_t *ngx_kafka_sse_reader_state(
    ngx_kafka_sse_reader_t *reader);

/* the client that it stands on, of the same connections */

struct ngx_kafka_sse_client_s *ngx_kafka_sse_reader_client(
    ngx_kafka_sse_reader_t *reader);


#endif /* _NGX_KAFKA_SSE_READER_H_INCLUDED_ */
