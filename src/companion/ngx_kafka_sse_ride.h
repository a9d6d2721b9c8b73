
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_RIDE_H_INCLUDED_
#define _NGX_KAFKA_SSE_RIDE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Reads Kafka for many who want records of the same partitions, each from
 * another offset.  A partition is read at one place at a time, a "ride", and
 * the records last read, the "window", are kept: whoever wants what comes next
 * or is in the window rides along.  Others wait until the ride comes to their
 * place or, in their turn, begins there.
 */

typedef struct ngx_kafka_sse_rides_s        ngx_kafka_sse_rides_t;
typedef struct ngx_kafka_sse_ride_s         ngx_kafka_sse_ride_t;
typedef struct ngx_kafka_sse_ride_record_s  ngx_kafka_sse_ride_record_t;


/* somebody's wish for one partition; part of its owner, who fills in data */

typedef struct {
    void                         *data;
    ngx_kafka_sse_ride_t         *ride;     /* NULL: it wants nothing */
    ngx_queue_t                   queue;
    ngx_kafka_sse_ride_record_t  *rec;      /* next one in the window; NULL:
                                               it has had all of it */
    int64_t                       next;     /* the offset it wants */
    int64_t                       told;     /* the end it was told last */
} ngx_kafka_sse_rider_t;


/* none of these may call _board() or _leave() */

typedef struct {
    ngx_uint_t                  (*ready)(ngx_kafka_sse_rider_t *rider);
                                            /* may it be given a record? */
    void                        (*record)(ngx_kafka_sse_rider_t *rider,
                                    ngx_kafka_sse_record_t *rec);
    void                        (*end)(ngx_kafka_sse_rider_t *rider,
                                    int64_t offset);
    void                        (*gone)(ngx_kafka_sse_rider_t *rider);
                                            /* Kafka does not have its next
                                               offset; it has left the ride */
} ngx_kafka_sse_rider_handlers_t;


/*
 * Those of a cluster.  Makes a reader, so only after the companion's fork.
 * NULL after logging why not.
 */

ngx_kafka_sse_rides_t *ngx_kafka_sse_rides_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_rider_handlers_t *handlers, ngx_log_t *log);

ngx_kafka_sse_reader_t *ngx_kafka_sse_rides_reader(
    ngx_kafka_sse_rides_t *rides);

/*
 * The rider gets all from this offset on, in order, and is told each time it
 * is at the end, until it leaves.  partition is one that the shared table of
 * topics has room for.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_ride_board(ngx_kafka_sse_rides_t *rides,
    ngx_kafka_sse_rider_t *rider, ngx_kafka_sse_topic_t *topic,
    int32_t partition, int64_t from);

/* safe for one that is not there */

void ngx_kafka_sse_ride_leave(ngx_kafka_sse_rider_t *rider);

/* the rider was not ready and is now */

void ngx_kafka_sse_ride_wake(ngx_kafka_sse_rider_t *rider);


#endif /* _NGX_KAFKA_SSE_RIDE_H_INCLUDED_ */
