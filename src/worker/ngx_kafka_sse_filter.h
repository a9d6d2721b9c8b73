
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FILTER_H_INCLUDED_
#define _NGX_KAFKA_SSE_FILTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_operand.h>


#define NGX_KAFKA_SSE_FILTER_EQ       0
#define NGX_KAFKA_SSE_FILTER_NE       1
#define NGX_KAFKA_SSE_FILTER_LT       2
#define NGX_KAFKA_SSE_FILTER_LE       3
#define NGX_KAFKA_SSE_FILTER_GT       4
#define NGX_KAFKA_SSE_FILTER_GE       5
#define NGX_KAFKA_SSE_FILTER_IN       6
#define NGX_KAFKA_SSE_FILTER_MATCH    7     /* ~ and ~* */
#define NGX_KAFKA_SSE_FILTER_EXISTS   8


/*
 * kafka_sse_filter and kafka_sse_filter_args of a location.  Conditions of an
 * inner level replace those of the outer one, as with nginx's own arrays.
 */

typedef struct {
    ngx_array_t             *conditions;    /* ngx_kafka_sse_condition_t;
                                               NULL: none */
    ngx_array_t             *args;          /* ngx_kafka_sse_filter_arg_t;
                                               NULL: the client has no say */
} ngx_kafka_sse_filter_conf_t;


/*
 * What one client wants: the conditions of its location with the values that
 * its request gave them.  One piece of memory; two filters of a location are
 * the same if their text is.
 */

typedef struct {
    ngx_kafka_sse_operand_t *operand;   /* the configuration's */
    ngx_uint_t               op;
    void                    *regex;     /* ngx_regex_t, the configuration's */
    ngx_uint_t               nvalues;
    ngx_str_t               *values;
    unsigned                 is_own:1;  /* the request has a say in values */
} ngx_kafka_sse_filter_term_t;


typedef struct {
    ngx_str_t                    text;  /* unique in the location */
    uint32_t                     hash;  /* of text */
    ngx_uint_t                   never; /* wants nothing: a value that has to
                                           come from the request is empty */
    ngx_kafka_sse_filter_term_t *index; /* the term that is looked up by its
                                           values, EQ or IN; NULL: none */
    ngx_uint_t                   nterms;
    ngx_kafka_sse_filter_term_t  terms[1];
} ngx_kafka_sse_filter_t;


/* parsers of the directives */

char *ngx_kafka_sse_filter_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_filter_args_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

/* takes over from the outer level what this one does not say */

void ngx_kafka_sse_filter_merge(ngx_kafka_sse_filter_conf_t *prev,
    ngx_kafka_sse_filter_conf_t *conf);

/*
 * Adds the JSON paths that the filters name to those of a topic (an array of
 * ngx_kafka_sse_path_t *, each text once).  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_filter_paths(ngx_kafka_sse_filter_conf_t *conf,
    ngx_array_t *paths);

/*
 * The request's filter, in its pool; *filter is NULL where the location has
 * none and the client wants none.  NGX_OK; NGX_DECLINED: *arg is the name of
 * an argument that no directive of the location knows, or its value is too
 * much; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_filter_get(ngx_http_request_t *r,
    ngx_kafka_sse_filter_conf_t *conf, ngx_kafka_sse_filter_t **filter,
    ngx_str_t *arg);

/* a copy by ngx_alloc() that outlives the request; NULL: no memory */

ngx_kafka_sse_filter_t *ngx_kafka_sse_filter_copy(
    ngx_kafka_sse_filter_t *filter, ngx_log_t *log);

/* whether a record is wanted; NULL wants all; topic is the public name */

ngx_uint_t ngx_kafka_sse_filter_wants(ngx_kafka_sse_filter_t *filter,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec);


#endif /* _NGX_KAFKA_SSE_FILTER_H_INCLUDED_ */
