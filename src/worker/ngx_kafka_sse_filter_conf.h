
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FILTER_CONF_H_INCLUDED_
#define _NGX_KAFKA_SSE_FILTER_CONF_H_INCLUDED_


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


/* kafka_sse_filter operand op value ... */

typedef struct {
    ngx_kafka_sse_operand_t  operand;
    ngx_uint_t               op;
    void                    *regex;         /* ngx_regex_t, of MATCH */
    ngx_array_t              values;        /* ngx_http_complex_value_t, of all
                                               but MATCH and EXISTS */
} ngx_kafka_sse_condition_t;


/* one of kafka_sse_filter_args */

typedef struct {
    ngx_str_t                name;
    ngx_uint_t               is_free;       /* it is for others: no operand */
    ngx_kafka_sse_operand_t  operand;
} ngx_kafka_sse_filter_arg_t;


/*
 * kafka_sse_filter and kafka_sse_filter_args of a location.  Conditions of an
 * inner level replace those of the outer one, as with nginx's own arrays.
 */

typedef struct {
    ngx_array_t             *conditions;    /* ngx_kafka_sse_condition_t;
                                               NULL: none */
    ngx_array_t             *args;          /* ngx_kafka_sse_filter_arg_t;
                                               NULL: the client has no say */
    ngx_array_t             *known;         /* ngx_str_t, arguments that other
                                               directives name; if args */
} ngx_kafka_sse_filter_conf_t;


/* parsers of the directives; cmd->offset is that of the filter's conf */

char *ngx_kafka_sse_filter_conf_condition(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_filter_conf_args(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* takes over from the outer level what this one does not say */

void ngx_kafka_sse_filter_conf_merge(ngx_kafka_sse_filter_conf_t *prev,
    ngx_kafka_sse_filter_conf_t *conf);

/*
 * Once the whole configuration is read: the arguments that these values of the
 * location name ("$arg_name") may be sent, too; and so for those of the
 * conditions.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_filter_conf_know(ngx_conf_t *cf,
    ngx_kafka_sse_filter_conf_t *conf, ngx_http_complex_value_t *values,
    ngx_uint_t n);
ngx_int_t ngx_kafka_sse_filter_conf_know_own(ngx_conf_t *cf,
    ngx_kafka_sse_filter_conf_t *conf);

/*
 * Adds the JSON paths that the filters name to those of a topic (an array of
 * ngx_kafka_sse_path_t *, each text once).  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_filter_conf_paths(ngx_kafka_sse_filter_conf_t *conf,
    ngx_array_t *paths);


#endif /* _NGX_KAFKA_SSE_FILTER_CONF_H_INCLUDED_ */
