
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ANSWER_H_INCLUDED_
#define _NGX_KAFKA_SSE_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_rewind.h>


/*
 * What Kafka says to a rewind: where the partitions begin and end, as many as
 * there are asks; a record; the end of a partition.  The group's position
 * moves, and its clients get what there is, or are told.
 */

void ngx_kafka_sse_answer_offsets(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_offsets_t *offsets);
void ngx_kafka_sse_answer_record(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_answer_end(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask, int64_t offset);


#endif /* _NGX_KAFKA_SSE_ANSWER_H_INCLUDED_ */
