
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FIELD_H_INCLUDED_
#define _NGX_KAFKA_SSE_FIELD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>


/*
 * A field is what a path finds in the JSON text that a record's value is.  The
 * companion looks once per record and node, for all paths that filters of the
 * topic name, and what it found travels with the record in rec->fields.
 *
 * A path is one or more steps: ".name", ."any name" with JSON's escapes, or
 * "[n]", the n-th element of an array, from 0.
 *
 * Packed, one after the other: uint16 length of the path's text, uint16 type,
 * uint32 length of the value, both in the machine's order, then the text and
 * the value.  A path that finds nothing is there, too, with type NONE: so it
 * is known that somebody has looked.
 */

#define NGX_KAFKA_SSE_FIELD_NONE     0    /* nothing there, or null, or the
                                             record's value is not JSON */
#define NGX_KAFKA_SSE_FIELD_STRING   1    /* value: its bytes */
#define NGX_KAFKA_SSE_FIELD_NUMBER   2    /* value: decimal; an integer of 64
                                             bits exactly, "-3"; all else as
                                             the shortest text of the nearest
                                             double, "0.1", "1e+300" */
#define NGX_KAFKA_SSE_FIELD_BOOLEAN  3    /* value: "true" or "false" */
#define NGX_KAFKA_SSE_FIELD_OTHER    4    /* an object or array: it exists */


typedef struct {
    ngx_str_t      text;        /* as configured */
    ngx_array_t    steps;       /* of ngx_kafka_sse_step_t */
} ngx_kafka_sse_path_t;


typedef struct {
    ngx_uint_t     type;        /* NGX_KAFKA_SSE_FIELD_... */
    ngx_str_t      value;       /* a view into rec->fields */
} ngx_kafka_sse_field_t;


/*
 * Compiles *text, which begins at "."; what is kept is in cf->pool.  NGX_ERROR
 * after logging what is wrong and at which character of *text.
 */

ngx_int_t ngx_kafka_sse_field_compile(ngx_conf_t *cf,
    ngx_kafka_sse_path_t *path, ngx_str_t *text);

/*
 * Looks at the record's value once: sets rec->flags, and rec->fields for these
 * paths (of ngx_kafka_sse_path_t *, NULL: none).  It is parsed only if there
 * are paths, or if json says that JSON is to be recognized.  The fields are in
 * static memory up to the next call.  Never fails: what cannot be parsed, or
 * not for lack of memory, has no fields.
 */

void ngx_kafka_sse_field_extract(ngx_kafka_sse_record_t *rec,
    ngx_array_t *paths, ngx_uint_t json);

/*
 * NGX_OK: the field, of any type; NGX_DECLINED: nobody has looked for it, as
 * the record is from before the configuration that names this path; NGX_ERROR:
 * the block is malformed.
 */

ngx_int_t ngx_kafka_sse_field_get(ngx_str_t *fields, ngx_str_t *path,
    ngx_kafka_sse_field_t *field);

/* NGX_OK if the block is well-formed, else NGX_ERROR */

ngx_int_t ngx_kafka_sse_field_check(ngx_str_t *fields);


#endif /* _NGX_KAFKA_SSE_FIELD_H_INCLUDED_ */
