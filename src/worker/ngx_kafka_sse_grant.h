
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_GRANT_H_INCLUDED_
#define _NGX_KAFKA_SSE_GRANT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * kafka_sse_allow: which topics a client may name.  A template is made of
 * literal text, variables, and "*", which is one or more characters but no
 * ".".  With the values of a request it is a pattern: a text of which only the
 * template's own "*" is special, as no value that is not all of a topic's
 * characters makes a pattern.  Pure.
 */

#define NGX_KAFKA_SSE_GRANT_ELEMENTS  64    /* of a list, at most */


typedef struct {
    ngx_str_t    text;          /* with "*"; of a variable "$name" or
                                   "${name}" */
    ngx_uint_t   is_variable;
} ngx_kafka_sse_grant_part_t;


/*
 * Takes a template apart: parts are views of it, pushed to an array of
 * ngx_kafka_sse_grant_part_t.  NGX_DECLINED: it is empty, has other characters
 * than a topic, "*" beside another, a "$" without a name, or could match names
 * of more than Kafka's length only; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_grant_parse(ngx_array_t *parts, ngx_str_t *text);

/*
 * The pattern of n parts with as many values, of which those of variables
 * count, from pool.  NGX_DECLINED: it grants nothing, as a value is empty, has
 * other characters than a topic, or all of it is too long; NGX_ERROR: no
 * memory.
 */

ngx_int_t ngx_kafka_sse_grant_pattern(ngx_kafka_sse_grant_part_t *parts,
    ngx_uint_t n, ngx_str_t *values, ngx_pool_t *pool, ngx_str_t *pattern);

/*
 * Cuts the next element, up to a ",", off a list; 0: there is none.  Elements
 * may be empty.
 */

ngx_uint_t ngx_kafka_sse_grant_element(ngx_str_t *list, ngx_str_t *element);

/*
 * Whether the pattern is one of this name, a valid one.  Kafka's own topics
 * ("__...") are matched by what names their beginning only.
 */

ngx_uint_t ngx_kafka_sse_grant_match(ngx_str_t *pattern, ngx_str_t *name);

/* a topic that is Kafka's own, or one of its tools' */

#define ngx_kafka_sse_grant_is_internal(name)                                 \
    ((name)->len > 1 && (name)->data[0] == '_' && (name)->data[1] == '_')


#endif /* _NGX_KAFKA_SSE_GRANT_H_INCLUDED_ */
