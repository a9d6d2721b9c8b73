
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PLACE_H_INCLUDED_
#define _NGX_KAFKA_SSE_PLACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * Where a private group's position is: in the ring, in Kafka, or nowhere, and
 * then its clients are to be told.
 */

/*
 * Begins topics that have started, and partitions that are new, since the last
 * look.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_place_grow(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);

/* where a partition begins for who has no position in it */

int64_t ngx_kafka_sse_place_fresh(ngx_kafka_sse_member_t *member,
    ngx_uint_t partition);

/*
 * Finds the group's place in the ring, group->next: that of the oldest entry
 * of those that it does not have.  *lost is the number of partitions for which
 * the ring does not reach back; if Kafka is not to be asked, they move up to
 * what it has.  NGX_OK; NGX_AGAIN: an append is under way, the hub tries again
 * soon; NGX_ERROR.
 */

ngx_int_t ngx_kafka_sse_place_locate(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t *lost);

/*
 * Walks back along the partition's entries, to the first at or above want, but
 * not below the place limit.  *found is where it is, *oldest the position
 * before it; the hub's, where there is no such entry.  NGX_OK or NGX_AGAIN.
 */

ngx_int_t ngx_kafka_sse_place_walk(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t want,
    uint64_t limit, uint64_t *found, int64_t *oldest);

/*
 * The position of a partition at the hub's cursor, of a topic whose entries the
 * hub has not looked at.  NGX_OK; NGX_AGAIN: an append is under way, or the
 * writer is about to pass the hub.
 */

ngx_int_t ngx_kafka_sse_place_at(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_topic_sh_t *sh, int32_t partition, int64_t *next);

/* adds a range to what the group's clients are to be told */

ngx_int_t ngx_kafka_sse_place_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t from,
    int64_t to, ngx_uint_t reason);

/* the group's position is the hub's; it is ahead of it on some partition */

ngx_uint_t ngx_kafka_sse_place_is_equal(ngx_kafka_sse_group_t *group);
ngx_uint_t ngx_kafka_sse_place_is_ahead(ngx_kafka_sse_group_t *group);


#endif /* _NGX_KAFKA_SSE_PLACE_H_INCLUDED_ */
