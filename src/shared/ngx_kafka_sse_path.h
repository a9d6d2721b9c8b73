
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PATH_H_INCLUDED_
#define _NGX_KAFKA_SSE_PATH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The way to a value in a JSON text, one or more steps: ".name" of letters,
 * digits, "_", "-" and what is not ASCII, ."any name" with JSON's escapes, or
 * "[n]", the n-th element of an array, from 0.
 */

typedef struct {
    ngx_str_t      name;        /* of a member; data NULL: an element */
    ngx_uint_t     index;       /* of that */
} ngx_kafka_sse_step_t;


typedef struct {
    ngx_str_t      text;        /* two that say the same have the same */
    ngx_array_t    steps;       /* of ngx_kafka_sse_step_t */
} ngx_kafka_sse_path_t;


/*
 * Compiles *text; what is kept is in cf->pool.  NGX_ERROR after logging what
 * is wrong and at which character of *text.
 */

ngx_int_t ngx_kafka_sse_path_compile(ngx_conf_t *cf,
    ngx_kafka_sse_path_t *path, ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_PATH_H_INCLUDED_ */
