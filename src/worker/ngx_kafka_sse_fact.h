
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FACT_H_INCLUDED_
#define _NGX_KAFKA_SSE_FACT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_fact_row.h>


/*
 * What the status tells, in whatever format.  A subject (a cluster, say) is a
 * table of facts and has rows, one for each cluster.  A fact is one line in its
 * table in ngx_kafka_sse_fact.c; the formats know no fact by name.
 */

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


typedef ngx_kafka_sse_fact_value_t (*ngx_kafka_sse_fact_pt)(
    ngx_kafka_sse_fact_row_t *row);


typedef struct {
    char                       *name;       /* of the JSON member */
    char                       *metric;     /* behind "kafka_sse_"; a counter
                                               ends in "_total"; NULL: it is
                                               a label */
    char                       *help;
    size_t                      offset;     /* of a 64-bit number in the row,
                                               where there is no get */
    ngx_kafka_sse_fact_pt       get;
} ngx_kafka_sse_fact_t;


typedef struct {
    char                       *labels[NGX_KAFKA_SSE_FACT_LABELS];  /* names */
    ngx_kafka_sse_fact_t       *facts;      /* up to a name that is NULL */
} ngx_kafka_sse_fact_subject_t;


extern ngx_kafka_sse_fact_subject_t  ngx_kafka_sse_fact_subjects[];


/* what it is of this row; a text is good up to the next call */

ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_value(ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row);


#endif /* _NGX_KAFKA_SSE_FACT_H_INCLUDED_ */
