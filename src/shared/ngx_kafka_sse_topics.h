
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_TOPICS_H_INCLUDED_
#define _NGX_KAFKA_SSE_TOPICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * The table of topics in the shared zone.  It only grows: an index given once
 * means the same topic for all generations of processes that use the zone.
 * Only the companion that holds the writer lock writes.
 */

#define NGX_KAFKA_SSE_TOPICS_MAX       256
#define NGX_KAFKA_SSE_PARTITIONS_MAX   256     /* of one topic */

#define NGX_KAFKA_SSE_NO_OFFSET        (-1001)


/* what a record looked like: by this the topic is known again */

typedef struct {
    int64_t                         offset;    /* < 0: none */
    int64_t                         timestamp;
    uint64_t                        crc;       /* of key and value */
} ngx_kafka_sse_mark_t;


/* written inside a ring append or with the ring's sequence odd, see ring.h */

typedef struct {
    int64_t                         held;      /* the next offset wanted, or
                                                  NGX_KAFKA_SSE_NO_OFFSET */
    uint64_t                        last;      /* ring place of the newest
                                                  entry, 0: none */
    int64_t                         end;       /* high watermark, -1: unknown */
    uint64_t                        records;   /* appended */
    uint64_t                        gaps;      /* found */
    uint64_t                        duplicates;
    uint64_t                        tailing;   /* 1: read from Kafka directly */
    uint64_t                        repaired;  /* appended to fill a gap */
    ngx_kafka_sse_mark_t            mark;      /* the companion's only */
} ngx_kafka_sse_partition_sh_t;


typedef struct {
    u_char                          name[256];      /* length first */
    u_char                          cluster[256];   /* length first */
    u_char                          cluster_id[256];/* length first */
    u_char                          incarnation[16];
    uint32_t                        tag;       /* in positions */
    uint32_t                        former;    /* that of the topic which was
                                                  here before, 0: none */
    uint32_t                        n;         /* partitions, 0: not known */
    uint32_t                        started;   /* streams may begin */
    uint32_t                        born;      /* made while we were running:
                                                  its beginning is 0 */
    uint32_t                        dynamic;   /* not of the configuration: its
                                                  name is a client's, or was
                                                  found by a pattern */
    ngx_kafka_sse_partition_sh_t    partitions[NGX_KAFKA_SSE_PARTITIONS_MAX];
} ngx_kafka_sse_topic_sh_t;


typedef struct {
    ngx_atomic_t                    n;
    ngx_uint_t                      max;       /* that fit into the zone */
    ngx_kafka_sse_topic_sh_t        topics[1];
} ngx_kafka_sse_topics_sh_t;


/* the topic's index, or -1 if the table does not have it (yet) */

ngx_int_t ngx_kafka_sse_topics_find(ngx_kafka_sse_topics_sh_t *table,
    ngx_kafka_sse_topic_t *topic);

/* finds the topic or adds it; -1 if the table is full.  The writer only. */

ngx_int_t ngx_kafka_sse_topics_add(ngx_kafka_sse_topics_sh_t *table,
    ngx_kafka_sse_topic_t *topic);

/*
 * Forgets what is known of a topic and sets what it is now: the Kafka cluster
 * and incarnation, from which follows its tag.  The writer only.
 */

void ngx_kafka_sse_topics_reset(ngx_kafka_sse_topic_sh_t *sh,
    ngx_str_t *cluster_id, u_char incarnation[16]);

/* a view of a string whose first byte is its length */

static ngx_inline ngx_str_t
ngx_kafka_sse_topics_str(u_char *s)
{
    ngx_str_t  str;

    str.len = s[0];
    str.data = s + 1;

    return str;
}


#endif /* _NGX_KAFKA_SSE_TOPICS_H_INCLUDED_ */
