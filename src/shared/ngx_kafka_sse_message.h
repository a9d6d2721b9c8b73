
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_MESSAGE_H_INCLUDED_
#define _NGX_KAFKA_SSE_MESSAGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * What a worker and the companion say to each other on the link.  A worker
 * asks for what is no longer in the ring: a "replay" of some partitions.
 *
 *     worker      OPEN     these partitions; a place in the line
 *     companion   OFFSETS  it is your turn: where each begins and ends
 *     worker      READ     from these offsets, so many bytes ("credit")
 *     companion   RECORD   ... END at the end of a partition, each time
 *     worker      CREDIT   so many bytes more; STOP, this partition will do
 *     worker      CLOSE    the place is free
 *
 * And for topics whose names are the clients':
 *
 *     worker      LOOK     is there such a topic?
 *     companion   SEEN     yes, and it is in the shared table; or why not
 *
 * Both ends are processes of one nginx, so bytes are in the machine's order.
 * A message is a head and a body, and its size is a multiple of 8.
 */

#define NGX_KAFKA_SSE_MESSAGE_VERSION   3

#define NGX_KAFKA_SSE_MESSAGE_OPEN      1
#define NGX_KAFKA_SSE_MESSAGE_READ      2       /* n: entries of read_t */
#define NGX_KAFKA_SSE_MESSAGE_CREDIT    3       /* n: bytes */
#define NGX_KAFKA_SSE_MESSAGE_STOP      4       /* n: ask */
#define NGX_KAFKA_SSE_MESSAGE_CLOSE     5
#define NGX_KAFKA_SSE_MESSAGE_LOOK      6       /* body: the topic */

#define NGX_KAFKA_SSE_MESSAGE_OFFSETS   16      /* n: entries of offsets_t */
#define NGX_KAFKA_SSE_MESSAGE_RECORD    17      /* n: ask */
#define NGX_KAFKA_SSE_MESSAGE_END       18      /* n: ask; body: int64_t */
#define NGX_KAFKA_SSE_MESSAGE_GONE      19      /* n: ask; see below */
#define NGX_KAFKA_SSE_MESSAGE_REFUSED   20      /* n: ..REFUSED_.. */
#define NGX_KAFKA_SSE_MESSAGE_SEEN      21      /* n: ..SEEN_.. */


/*
 * GONE: Kafka does not have the offset that this ask wanted next; it is read
 * no further.  Who wants to know what there is opens another replay.
 */

#define NGX_KAFKA_SSE_REFUSED_TOPIC     1       /* not of this configuration */
#define NGX_KAFKA_SSE_REFUSED_VERSION   2       /* after another image of this
                                                   module has been loaded */


/*
 * SEEN: the topic is in the shared table, with its partitions, and is being
 * fed; it has started, unless that takes seconds.  Or Kafka does not
 * have it; or this node has as many topics as it can; or Kafka does not say.
 */

#define NGX_KAFKA_SSE_SEEN_YES          0
#define NGX_KAFKA_SSE_SEEN_ABSENT       1
#define NGX_KAFKA_SSE_SEEN_FULL         2
#define NGX_KAFKA_SSE_SEEN_AWAY         3


/* of one OPEN: as many as a position can have */

#define NGX_KAFKA_SSE_MESSAGE_TOPICS    64
#define NGX_KAFKA_SSE_MESSAGE_ASKS      256

/* a record is refused by Kafka long before */

#define NGX_KAFKA_SSE_MESSAGE_MAX       (1024 * 1024 * 1024)


typedef struct {
    uint32_t     size;          /* bytes, this head included */
    uint16_t     type;
    uint16_t     version;
    uint32_t     replay;        /* its number, or the look's; the worker gives
                                   it, and each one only once per connection */
    uint32_t     n;
} ngx_kafka_sse_message_t;


/*
 * A partition of an OPEN.  Later messages name it by its place there, from 0:
 * that is what they call an ask.
 */

typedef struct {
    uint32_t     topic;         /* place in open->topics */
    int32_t      partition;
    int64_t      time;          /* ms since the epoch: OFFSETS shall say where
                                   the first record of this time or later is;
                                   -1: do not look */
} ngx_kafka_sse_message_ask_t;


/* a view: strings and asks point into the message, or are the caller's */

typedef struct {
    uint32_t                       concurrent;  /* wait while so many replays
                                                   of this node are open */
    uint32_t                       rate;        /* records/s, 0: no limit */
    ngx_str_t                      cluster;     /* as configured */
    ngx_uint_t                     ntopics;
    ngx_str_t                      topics[NGX_KAFKA_SSE_MESSAGE_TOPICS];
                                                /* Kafka's names */
    ngx_uint_t                     nasks;
    ngx_kafka_sse_message_ask_t   *asks;
} ngx_kafka_sse_message_open_t;


typedef struct {
    int64_t      low;           /* the first offset that Kafka has */
    int64_t      high;          /* its end for a reader of the cluster's
                                   isolation level */
    int64_t      at;            /* for the ask's time: high if there is no
                                   record so late; -1 if not asked for */
} ngx_kafka_sse_message_offsets_t;

/* all are -1 if Kafka has been saying for 10 s that it has no such partition */


typedef struct {
    uint32_t     ask;
    uint32_t     unused;
    int64_t      from;
} ngx_kafka_sse_message_read_t;


typedef struct {
    int64_t      offset;
    int64_t      timestamp;
    uint32_t     flags;         /* NGX_KAFKA_SSE_RECORD_... */
    uint32_t     key_len;       /* 0xffffffff: null */
    uint32_t     value_len;     /* 0xffffffff: null */
    uint32_t     headers_len;
    uint32_t     fields_len;
    uint32_t     unused;
} ngx_kafka_sse_message_record_t;


#define ngx_kafka_sse_message_body(m)                                         \
    ((u_char *) (m) + sizeof(ngx_kafka_sse_message_t))
#define ngx_kafka_sse_message_body_len(m)                                     \
    ((m)->size - sizeof(ngx_kafka_sse_message_t))


/* of a LOOK; views, or the caller's */

typedef struct {
    ngx_str_t    cluster;       /* as configured */
    ngx_str_t    topic;         /* Kafka's name; whoever parses it checks it */
} ngx_kafka_sse_message_look_t;


/* bytes of these messages, heads included */

size_t ngx_kafka_sse_message_look_len(ngx_kafka_sse_message_look_t *look);
size_t ngx_kafka_sse_message_open_len(ngx_kafka_sse_message_open_t *open);
size_t ngx_kafka_sse_message_record_len(ngx_kafka_sse_record_t *rec);

/*
 * Write a whole message at p, where the caller has made room for len bytes,
 * which is what the functions above or the size of the parts say
 */

void ngx_kafka_sse_message_write_look(u_char *p, uint32_t number,
    ngx_kafka_sse_message_look_t *look);
void ngx_kafka_sse_message_write_open(u_char *p, uint32_t replay,
    ngx_kafka_sse_message_open_t *open);
void ngx_kafka_sse_message_write_record(u_char *p, uint32_t replay,
    uint32_t ask, ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_message_write(u_char *p, ngx_uint_t type, uint32_t replay,
    uint32_t n, void *body, size_t len);

/*
 * Looks at the head of what has come.  NGX_OK: *m is a whole message of this
 * version; NGX_AGAIN: len bytes are not all of it, and *need says how many it
 * has if that is known, else 0; NGX_DECLINED: *m is one of another version, of
 * which only the head is understood; NGX_ERROR: this cannot be a message.  data
 * is aligned to 8 bytes.
 */

ngx_int_t ngx_kafka_sse_message_next(u_char *data, size_t len,
    ngx_kafka_sse_message_t **m, size_t *need);

/*
 * Check a message of its type and make a view of it: every length and index is
 * checked.  NGX_OK or NGX_DECLINED.  The partition of a record is not set:
 * the ask says it.
 */

ngx_int_t ngx_kafka_sse_message_parse_look(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_message_look_t *look);
ngx_int_t ngx_kafka_sse_message_parse_open(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_message_open_t *open);
ngx_int_t ngx_kafka_sse_message_parse_record(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_record_t *rec);

/* the n entries of size bytes each that the body is, or NULL */

void *ngx_kafka_sse_message_entries(ngx_kafka_sse_message_t *m, size_t size);


#endif /* _NGX_KAFKA_SSE_MESSAGE_H_INCLUDED_ */
