
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_POSITION_H_INCLUDED_
#define _NGX_KAFKA_SSE_POSITION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A position is the next offset of every partition of a stream's topics.
 * Written out it is the SSE "id":
 *
 *     "1." base64url( for each topic: 4 bytes tag, big-endian;
 *                     varint number of partitions; varint next offsets )
 *
 * Varints are LEB128, shortest form only.  Only A-Z a-z 0-9 . _ - are used:
 * browsers may preflight a Last-Event-ID that holds other bytes.  No padding.
 *
 * By hand it may be written as
 *
 *     orders@0:1042,1:88;payments@0:7
 *
 * with the topics' public names, and partitions left out.
 */

#define NGX_KAFKA_SSE_POSITION_TOPICS      64     /* of one stream */
#define NGX_KAFKA_SSE_POSITION_PARTITIONS  256    /* of one stream */
#define NGX_KAFKA_SSE_POSITION_TEXT_MAX    4096   /* bytes, at these limits */

#define NGX_KAFKA_SSE_POSITION_NONE        (-1)


typedef struct {
    uint32_t     tag;           /* of Kafka cluster, topic and incarnation */
    ngx_uint_t   n;             /* partitions */
    int64_t     *next;          /* n next offsets; ..POSITION_NONE: not said,
                                   in what was written by hand */
    ngx_str_t    name;          /* written by hand: it, and no tag; a view of
                                   the text */
} ngx_kafka_sse_position_topic_t;


typedef struct {
    ngx_uint_t                       ntopics;
    ngx_kafka_sse_position_topic_t   topics[NGX_KAFKA_SSE_POSITION_TOPICS];
    int64_t                          next[NGX_KAFKA_SSE_POSITION_PARTITIONS];
} ngx_kafka_sse_position_t;


/* the longest text of a position with these numbers of topics, partitions */

size_t ngx_kafka_sse_position_len(ngx_uint_t ntopics, ngx_uint_t partitions);

/*
 * Writes the text at dst, where the caller has made room for
 * ngx_kafka_sse_position_len() bytes, and returns its end.  A topic without
 * partitions is left out; with none left the text is "1.".
 */

u_char *ngx_kafka_sse_position_write(u_char *dst,
    ngx_kafka_sse_position_topic_t *topics, ngx_uint_t ntopics);

/*
 * Parses what a client sent, strictly: version, alphabet, no padding, no
 * stray bits or bytes, shortest varints that fit an int64, every topic with
 * partitions, none twice, the limits above.  NGX_OK or NGX_DECLINED, and
 * then *position is not to be used.
 */

ngx_int_t ngx_kafka_sse_position_parse(ngx_kafka_sse_position_t *position,
    ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_POSITION_H_INCLUDED_ */
