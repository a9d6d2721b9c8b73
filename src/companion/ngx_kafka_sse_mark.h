
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_MARK_H_INCLUDED_
#define _NGX_KAFKA_SSE_MARK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_ring.h>


/*
 * A mark is what one record looked like.  Another record at its offset means
 * that the topic is not the one that it was, or not the same any more.
 */

void ngx_kafka_sse_mark_none(ngx_kafka_sse_mark_t *mark);
void ngx_kafka_sse_mark_set(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_record_t *rec);

/* the partition's newest entry in our own ring; none, if it is no record */

void ngx_kafka_sse_mark_newest(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_ring_sh_t *ring, ngx_kafka_sse_partition_sh_t *sh);

ngx_uint_t ngx_kafka_sse_mark_is_same(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_record_t *rec);


#define ngx_kafka_sse_mark_is_set(mark)  ((mark)->offset >= 0)


#endif /* _NGX_KAFKA_SSE_MARK_H_INCLUDED_ */
