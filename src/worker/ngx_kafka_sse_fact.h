
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FACT_H_INCLUDED_
#define _NGX_KAFKA_SSE_FACT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * What the status tells, in whatever format.  A subject (a cluster, say) is a
 * table of facts and has rows, one for each cluster.  A fact is one line in its
 * table in ngx_kafka_sse_fact.c; the formats know no fact by name.
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
                                               partition, worker: its number */
    ngx_str_t                   labels[NGX_KAFKA_SSE_FACT_LABELS];
} ngx_kafka_sse_fact_row_t;


typedef enum {
    NGX_KAFKA_SSE_FACT_UNKNOWN = 0,
    NGX_KAFKA_SSE_FACT_NUMBER,
    NGX_KAFKA_SSE_FACT_BOOLEAN,             /* number is 0 or 1 */
    NGX_KAFKA_SSE_FACT_TEXT
} ngx_kafka_sse_fact_type_e;


typedef struct {
    ngx_kafka_sse_fact_type_e   type;
    int64_t                     number;
    ngx_str_t                   text;
} ngx_kafka_sse_fact_value_t;


typedef struct {
    char                       *name;       /* of the JSON member */
    char                       *metric;     /* behind "kafka_sse_"; a counter
                                               ends in "_total"; NULL: it is
                                               a label */
    char                       *help;
    size_t                      offset;     /* of a 64-bit number in the row,
                                               where there is no get */
    void                      (*get)(ngx_kafka_sse_fact_row_t *row,
                                     ngx_kafka_sse_fact_value_t *value);
} ngx_kafka_sse_fact_t;


typedef struct {
    char                       *labels[NGX_KAFKA_SSE_FACT_LABELS];  /* names */
    ngx_kafka_sse_fact_t       *facts;      /* up to a name that is NULL */
} ngx_kafka_sse_fact_subject_t;


extern ngx_kafka_sse_fact_subject_t  ngx_kafka_sse_fact_subjects[];


/*
 * Collects the rows of all subjects: rows has one array of
 * ngx_kafka_sse_fact_row_t for each.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_fact_rows(ngx_kafka_sse_hub_t *hub, ngx_pool_t *pool,
    ngx_array_t rows[NGX_KAFKA_SSE_SUBJECTS]);

ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_value(ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row);


#endif /* _NGX_KAFKA_SSE_FACT_H_INCLUDED_ */
