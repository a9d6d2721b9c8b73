
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_START_H_INCLUDED_
#define _NGX_KAFKA_SSE_START_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* where a stream begins that brings no position */

#define NGX_KAFKA_SSE_START_LATEST    0
#define NGX_KAFKA_SSE_START_EARLIEST  1
#define NGX_KAFKA_SSE_START_BACK      2     /* so many offsets before the end
                                               of each partition */
#define NGX_KAFKA_SSE_START_TIME      3     /* at the first record of this
                                               time or later */


typedef struct {
    ngx_uint_t    kind;
    int64_t       value;        /* _BACK: offsets; _TIME: ms since the epoch */
} ngx_kafka_sse_start_t;


/*
 * Parses "latest", "earliest", "-N", a time in ms since the epoch, or one of
 * RFC 3339's form of ISO 8601: "2026-11-22T09:30:00.5Z", "...+01:00"; a date
 * alone is its beginning in UTC.  NGX_OK or NGX_DECLINED.
 */

ngx_int_t ngx_kafka_sse_start_parse(ngx_kafka_sse_start_t *start,
    ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_START_H_INCLUDED_ */
