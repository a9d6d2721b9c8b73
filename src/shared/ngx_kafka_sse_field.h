
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FIELD_H_INCLUDED_
#define _NGX_KAFKA_SSE_FIELD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_path.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * A field is what a path finds in the JSON text that a record's value is.  The
 * companion looks once per record and node, for all paths that filters of the
 * topic name, and what it found travels with the record in rec->fields.
 *
 * Of several members of one name the last one counts.
 *
 * Packed, one after the other: uint16 length of the path's text, uint16 type,
 * uint32 length of the value, both in the machine's order, then the text and
 * the value.  A path that finds nothing is there, too, with type NONE: so it
 * is known that somebody has looked.  A string of more than ..FIELD_MAX bytes
 * is not there: who wants it looks for it in the record's value.
 */

#define NGX_KAFKA_SSE_FIELD_NONE     0    /* nothing there, or null, or the
                                             record's value is not JSON */
#define NGX_KAFKA_SSE_FIELD_STRING   1    /* value: its bytes */
#define NGX_KAFKA_SSE_FIELD_NUMBER   2    /* value: see number.h */
#define NGX_KAFKA_SSE_FIELD_BOOLEAN  3    /* value: "true" or "false" */
#define NGX_KAFKA_SSE_FIELD_OTHER    4    /* it exists: an object, an array, a
                                             number beyond a double */

#define NGX_KAFKA_SSE_FIELD_MAX      1024


typedef struct {
    ngx_uint_t     type;        /* NGX_KAFKA_SSE_FIELD_... */
    ngx_str_t      value;       /* a view, data is not NULL */
} ngx_kafka_sse_field_t;


/*
 * Looks at the record's value once: sets rec->flags, and rec->fields for these
 * paths (of ngx_kafka_sse_path_t *, NULL: none).  It is read as JSON only if
 * there are paths, or if json says that JSON is to be recognized.  The fields
 * are in static memory up to the next call, of this or of _find().  Never
 * fails: without memory a record has no fields, and who wants them looks for
 * them in its value.
 */

void ngx_kafka_sse_field_extract(ngx_kafka_sse_record_t *rec,
    ngx_array_t *paths, ngx_uint_t json);

/*
 * NGX_OK: the field, of any type, as a view into *fields; NGX_DECLINED: nobody
 * has looked for it, as the record is from before the configuration that names
 * this path, or it is too long; NGX_ERROR: the block is malformed.
 */

ngx_int_t ngx_kafka_sse_field_get(ngx_str_t *fields, ngx_str_t *path,
    ngx_kafka_sse_field_t *field);

/*
 * Looks for one path in a record's value, of any length, which is then in
 * static memory up to the next call, of this or of _extract().  NGX_OK, or
 * NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_field_find(ngx_str_t *value,
    ngx_kafka_sse_path_t *path, ngx_kafka_sse_field_t *field);

/* NGX_OK if the block is well-formed, else NGX_ERROR */

ngx_int_t ngx_kafka_sse_field_check(ngx_str_t *fields);


#endif /* _NGX_KAFKA_SSE_FIELD_H_INCLUDED_ */
