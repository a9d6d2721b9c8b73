
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_HISTORY_H_INCLUDED_
#define _NGX_KAFKA_SSE_HISTORY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * What a node that starts takes of a partition's past.  How much there is, is
 * known at its end only, so the newest records are kept here until the reader
 * is there, and go into the ring together: never more than the ring has room
 * for, and what comes first is the oldest that is wanted.
 */

typedef struct {
    ngx_queue_t     records;
    ngx_uint_t      n;
    size_t          size;          /* that they take in the ring, in bytes */
    int64_t         next;          /* after the last one that was read, kept
                                      or not; NGX_KAFKA_SSE_NO_OFFSET: none */
    unsigned        reading:1;
} ngx_kafka_sse_history_t;


/* one for all partitions: what they have not taken is shared by the others */

typedef struct {
    size_t          left;          /* bytes of the ring */
    ngx_uint_t      partitions;    /* that read their past */
} ngx_kafka_sse_history_room_t;


/* begins, also anew; the memory is zeros at first */

void ngx_kafka_sse_history_begin(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_room_t *room);

/*
 * The next record of the partition, of which a copy is kept; the oldest ones
 * go until what is left is within conf and this partition's part of the room
 */

void ngx_kafka_sse_history_add(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_conf_t *conf, ngx_kafka_sse_history_room_t *room,
    ngx_kafka_sse_record_t *rec, ngx_log_t *log);

/* takes its part of the room: what there is goes into the ring now */

void ngx_kafka_sse_history_end(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_room_t *room);

/* the oldest record, or NULL; it is ours until it is dropped */

ngx_kafka_sse_record_t *ngx_kafka_sse_history_first(
    ngx_kafka_sse_history_t *history);
void ngx_kafka_sse_history_drop(ngx_kafka_sse_history_t *history);

/* kafka_sse_history [records=n] [bytes=size] [age=time] */

char *ngx_kafka_sse_history_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_KAFKA_SSE_HISTORY_H_INCLUDED_ */
