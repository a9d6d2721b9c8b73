
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ENVELOPE_H_INCLUDED_
#define _NGX_KAFKA_SSE_ENVELOPE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>


/*
 * An envelope is a batch of records of one partition on its way through
 * Redis.  All integers are little-endian.
 *
 *     4   "KSE" and the version, 1
 *     1   length of the Kafka cluster id, then its bytes
 *     1   length of the topic, then its bytes
 *    16   incarnation: the topic id, all zeros if it is not known
 *     4   partition
 *     8   from: the position after the previous published record
 *     8   end: the partition's high watermark as the publisher last saw it,
 *         -1 if it did not
 *     4   number of records, then for each:
 *         8   offset            8   timestamp, ms, -1: none
 *         4   key length        4   value length   (0xffffffff: null)
 *         4   headers length
 *         key, value, packed headers
 *
 * Nothing follows the last record.  Offsets strictly increase and the first
 * is at or above "from".
 */

/*
 * A beacon says where the owner of partitions is, twice a second, so that a
 * lost last envelope, and a lost owner, are noticed.  One for each topic:
 *
 *     as above up to the incarnation, but "KSB"
 *     4   number of positions, then for each:
 *         4   partition
 *         8   from: of the next envelope
 *         8   end: as above
 */

#define NGX_KAFKA_SSE_ENVELOPE_VERSION   1
#define NGX_KAFKA_SSE_ENVELOPE_MAX       (1024 * 1024)  /* or one record */


typedef struct {
    ngx_str_t    cluster_id;
    ngx_str_t    topic;
    u_char       incarnation[16];
    int32_t      partition;
    int64_t      from;
    int64_t      end;
    uint32_t     count;         /* records, all of them parsed or written */

    u_char      *pos;           /* parse: the next record */
    u_char      *last;          /* parse: the end of the input */
} ngx_kafka_sse_envelope_t;


/* bytes of the envelope's head */

size_t ngx_kafka_sse_envelope_head_len(ngx_kafka_sse_envelope_t *env);

/* bytes of one record in an envelope */

size_t ngx_kafka_sse_envelope_record_len(ngx_kafka_sse_record_t *rec);

/*
 * Both write at dst, where the caller has made room, and return the end.
 * The head is written last or again when count is known: its length depends
 * on the two names only.
 */

u_char *ngx_kafka_sse_envelope_write_head(u_char *dst,
    ngx_kafka_sse_envelope_t *env);
u_char *ngx_kafka_sse_envelope_write_record(u_char *dst,
    ngx_kafka_sse_record_t *rec);

/*
 * Parses the head of *in, which comes from the network and may be anything,
 * and checks every record, so that nothing of a bad envelope is used.
 * NGX_OK; NGX_DECLINED: another version; NGX_ERROR: malformed.
 * The names, and the records of _next(), point into the input.
 */

ngx_int_t ngx_kafka_sse_envelope_parse(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *in);

/* the next record (without flags): NGX_OK, or NGX_DONE after the last */

ngx_int_t ngx_kafka_sse_envelope_next(ngx_kafka_sse_envelope_t *env,
    ngx_kafka_sse_record_t *rec);

/*
 * The same for a beacon: count is the number of positions, partition, from and
 * end are those of each.  Whether *in is a beacon at all says _is_beacon();
 * _parse_beacon() returns what _parse() does, _next_position() takes the next
 * one into env, NGX_OK or NGX_DONE.
 */

size_t ngx_kafka_sse_envelope_beacon_len(ngx_kafka_sse_envelope_t *env);
u_char *ngx_kafka_sse_envelope_write_beacon(u_char *dst,
    ngx_kafka_sse_envelope_t *env);
u_char *ngx_kafka_sse_envelope_write_position(u_char *dst,
    ngx_kafka_sse_envelope_t *env);

ngx_uint_t ngx_kafka_sse_envelope_is_beacon(ngx_str_t *in);
ngx_int_t ngx_kafka_sse_envelope_parse_beacon(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *in);
ngx_int_t ngx_kafka_sse_envelope_next_position(ngx_kafka_sse_envelope_t *env);

/*
 * The topic's channel in Redis, "prefix:{cluster-id}:topic".  The room at dst
 * is the three lengths + 4.  Returns the end.
 */

u_char *ngx_kafka_sse_envelope_channel(u_char *dst, ngx_str_t *prefix,
    ngx_str_t *cluster_id, ngx_str_t *topic);

/*
 * Whether this is the channel of what was parsed: who may publish on one has
 * no word on another
 */

ngx_uint_t ngx_kafka_sse_envelope_is_of(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *prefix, ngx_str_t *channel);


#endif /* _NGX_KAFKA_SSE_ENVELOPE_H_INCLUDED_ */
