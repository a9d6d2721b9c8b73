
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_RING_H_INCLUDED_
#define _NGX_KAFKA_SSE_RING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>
#include <shared/ngx_kafka_sse_topics.h>


/*
 * The newest records of all topics, in shared memory.  One writer: the
 * companion that holds the writer lock.  Any number of readers, no lock: a
 * place in the ring is the number of bytes written before it since the zone
 * was made (64 bits, never reused); a reader copies an entry and then checks
 * that tail has not passed it.
 *
 * An append changes the partition's row in the table of topics, too.  So that
 * both are always seen, or found after a kill -9, in one state, seq is odd
 * while an append is under way and intent says what to restore.
 */

#define NGX_KAFKA_SSE_RING_PAD      0     /* up to the end of the memory */
#define NGX_KAFKA_SSE_RING_RECORD   1
#define NGX_KAFKA_SSE_RING_MOVE     2     /* the partition's position goes from
                                             "from" to "offset" without records;
                                             flags: the reason */
#define NGX_KAFKA_SSE_RING_TOPIC    3     /* the topic has started: value holds
                                             an int64 for each partition, its
                                             position here and now; flags: the
                                             topic's tag */

/* reasons of a move, as they are told to clients */

#define NGX_KAFKA_SSE_MOVE_EXPIRED    0
#define NGX_KAFKA_SSE_MOVE_TRUNCATED  1
#define NGX_KAFKA_SSE_MOVE_RECREATED  2
#define NGX_KAFKA_SSE_MOVE_TOO_LARGE  3
#define NGX_KAFKA_SSE_MOVE_REASONS    4


typedef struct {
    uint32_t                       size;       /* bytes, a multiple of 8 */
    uint16_t                       type;
    uint16_t                       topic;      /* index in the table */
    int32_t                        partition;
    uint32_t                       flags;
    uint32_t                       key_len;    /* 0xffffffff: null */
    uint32_t                       value_len;  /* 0xffffffff: null */
    uint32_t                       headers_len;
    uint32_t                       fields_len; /* 0 in entries of before */
    int64_t                        from;
    int64_t                        offset;
    int64_t                        timestamp;
    uint64_t                       prev;       /* place of the partition's
                                                  previous entry, 0: none */
} ngx_kafka_sse_ring_entry_t;


typedef struct {
    ngx_atomic_t                   seq;        /* odd: append under way */
    ngx_atomic_t                   head;       /* place of the next entry */
    ngx_atomic_t                   tail;       /* place of the oldest entry */
    ngx_atomic_t                   armed;      /* a worker sleeps */
    size_t                         size;       /* bytes at data */
    u_char                        *data;       /* slab; as long as the zone */

    struct {
        uint64_t                   head;       /* where the append writes */
        uint32_t                   topic;
        int32_t                    partition;
        int64_t                    held;       /* before the append */
        uint64_t                   last;
    } intent;

    ngx_kafka_sse_topics_sh_t     *table;      /* slab; as long as the zone */
} ngx_kafka_sse_ring_sh_t;


/* the largest entry that a ring takes, in bytes with its head */

#define ngx_kafka_sse_ring_max(ring)   ((ring)->size / 8)


/* sets up a ring at size bytes of data, a multiple of 8 */

void ngx_kafka_sse_ring_init(ngx_kafka_sse_ring_sh_t *ring, u_char *data,
    size_t size, ngx_kafka_sse_topics_sh_t *table);

/*
 * For a new writer: takes back, or completes, the append that the writer
 * before it was killed in
 */

void ngx_kafka_sse_ring_recover(ngx_kafka_sse_ring_sh_t *ring);

/*
 * Append one entry, the oldest ones leave.  A record larger than
 * ngx_kafka_sse_ring_max() is refused with NGX_DECLINED, nothing else fails.
 * _record() and _move() set the partition's "held" to the next offset.
 * _topic() tells that the topic has started, or, as long as it has no
 * partitions, that it is another one now and will start.
 */

ngx_int_t ngx_kafka_sse_ring_append_record(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic, int64_t from, ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_ring_append_move(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic, int32_t partition, int64_t from, int64_t to,
    ngx_uint_t reason);
void ngx_kafka_sse_ring_append_topic(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic);

/*
 * Reads the head of the entry at place.  NGX_OK; NGX_DECLINED if the writer
 * has overwritten it.  place must be below the head that this reader saw.
 */

ngx_int_t ngx_kafka_sse_ring_peek(ngx_kafka_sse_ring_sh_t *ring,
    uint64_t place, ngx_kafka_sse_ring_entry_t *entry);

/*
 * After a peek: copies the entry's body to buf, which has room for entry->size
 * bytes, and makes rec a view of it.  NGX_OK or NGX_DECLINED as above.
 */

ngx_int_t ngx_kafka_sse_ring_copy(ngx_kafka_sse_ring_sh_t *ring,
    uint64_t place, ngx_kafka_sse_ring_entry_t *entry, u_char *buf,
    ngx_kafka_sse_record_t *rec);

/* the same without a copy, for the writer: the entry stays until it appends */

void ngx_kafka_sse_ring_view_record(ngx_kafka_sse_ring_sh_t *ring,
    uint64_t place, ngx_kafka_sse_ring_entry_t *entry,
    ngx_kafka_sse_record_t *rec);

/*
 * A consistent look at the table: _begin() returns seq, or 1 (odd) if an append
 * is under way for too long (its writer was killed: there will be a wake-up);
 * what was read in between holds if _same() is then true.
 */

ngx_uint_t ngx_kafka_sse_ring_look_begin(ngx_kafka_sse_ring_sh_t *ring);
ngx_uint_t ngx_kafka_sse_ring_look_same(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t seq);


#endif /* _NGX_KAFKA_SSE_RING_H_INCLUDED_ */
