
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FACT_ROW_H_INCLUDED_
#define _NGX_KAFKA_SSE_FACT_ROW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * Of what the status tells: a subject (clusters, say) has a row for each that
 * there is.  Rows are collected for each request, and hold views of shared
 * memory.
 */

#define NGX_KAFKA_SSE_SUBJECT_COMPANION   0     /* one row */
#define NGX_KAFKA_SSE_SUBJECT_REDIS       1     /* one row */
#define NGX_KAFKA_SSE_SUBJECT_CLUSTER     2
#define NGX_KAFKA_SSE_SUBJECT_TOPIC       3
#define NGX_KAFKA_SSE_SUBJECT_PARTITION   4     /* in the order of topics */
#define NGX_KAFKA_SSE_SUBJECT_RING        5     /* one row */
#define NGX_KAFKA_SSE_SUBJECT_REPLAYS     6     /* one row */
#define NGX_KAFKA_SSE_SUBJECT_STREAMS     7     /* one row */
#define NGX_KAFKA_SSE_SUBJECT_CLOSED      8     /* by reason */
#define NGX_KAFKA_SSE_SUBJECT_WORKER      9
#define NGX_KAFKA_SSE_SUBJECTS            10

#define NGX_KAFKA_SSE_FACT_LABELS         3


typedef struct {
    void                       *sh;         /* what offsets count from */
    ngx_uint_t                  n;          /* topic: its partitions;
                                               partition, worker: its number;
                                               streams: those that are open */
    ngx_str_t                   labels[NGX_KAFKA_SSE_FACT_LABELS];
} ngx_kafka_sse_fact_row_t;


/*
 * Collects the rows of all subjects: rows has one array of
 * ngx_kafka_sse_fact_row_t for each.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_fact_row_collect(ngx_kafka_sse_hub_t *hub,
    ngx_pool_t *pool, ngx_array_t rows[NGX_KAFKA_SSE_SUBJECTS]);


#endif /* _NGX_KAFKA_SSE_FACT_ROW_H_INCLUDED_ */
