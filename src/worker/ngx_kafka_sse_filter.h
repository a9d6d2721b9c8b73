
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FILTER_H_INCLUDED_
#define _NGX_KAFKA_SSE_FILTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_number.h>
#include <worker/ngx_kafka_sse_filter_conf.h>
#include <worker/ngx_kafka_sse_operand.h>


/*
 * What one client wants: the conditions of its location with the values that
 * its request gave them.  One piece of memory; two filters of a location are
 * the same if their text is.
 */

typedef struct {
    ngx_kafka_sse_operand_t *operand;   /* the configuration's */
    ngx_uint_t               op;        /* an IN of one value is EQ */
    void                    *regex;     /* ngx_regex_t, the configuration's */
    ngx_uint_t               nvalues;
    ngx_str_t               *values;    /* of IN: sorted, each once */
    ngx_kafka_sse_number_t   number;    /* the value, of LT, LE, GT and GE */
    unsigned                 is_own:1;  /* the request has a say in values */
    unsigned                 is_arg:1;  /* of kafka_sse_filter_args */
} ngx_kafka_sse_filter_term_t;


typedef struct {
    ngx_str_t                    text;  /* unique in the location; len 0: the
                                           request has no say */
    uint32_t                     hash;  /* of text */
    ngx_uint_t                   never; /* wants nothing: a value that has to
                                           come from the request is empty */
    ngx_kafka_sse_filter_term_t *index; /* the term that is looked up by its
                                           values, EQ or IN; NULL: none */
    ngx_uint_t                   nterms;
    ngx_kafka_sse_filter_term_t  terms[1];
} ngx_kafka_sse_filter_t;


/*
 * A term of ngx_str_t values, which it sorts, and which become its own with
 * the filter.  NGX_DECLINED: no record can meet it, as a value is no number.
 */

ngx_int_t ngx_kafka_sse_filter_term(ngx_kafka_sse_filter_term_t *term,
    ngx_kafka_sse_operand_t *operand, ngx_uint_t op, ngx_array_t *values);

/* of these terms, in pool; without any it wants nothing; NULL: no memory */

ngx_kafka_sse_filter_t *ngx_kafka_sse_filter_create(ngx_pool_t *pool,
    ngx_kafka_sse_filter_term_t *terms, ngx_uint_t n);

/* a copy by ngx_alloc() that outlives the request; NULL: no memory */

ngx_kafka_sse_filter_t *ngx_kafka_sse_filter_copy(
    ngx_kafka_sse_filter_t *filter, ngx_log_t *log);

/* whether a record is wanted; NULL wants all; topic is the public name */

ngx_uint_t ngx_kafka_sse_filter_wants(ngx_kafka_sse_filter_t *filter,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec);


#endif /* _NGX_KAFKA_SSE_FILTER_H_INCLUDED_ */
