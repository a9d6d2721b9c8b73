
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_OPERAND_H_INCLUDED_
#define _NGX_KAFKA_SSE_OPERAND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * What of a record a filter looks at, or a template writes: a record variable,
 * $kafka_sse_topic, _partition, _offset, _key, _timestamp (ms) or _header_NAME,
 * also as ${...}; or, in a filter only, a field of its value, "json:" and a
 * path.  A header name is matched without regard to case, "-" as "_", the last
 * one of several wins.
 */

#define NGX_KAFKA_SSE_OPERAND_TOPIC      0    /* its public name */
#define NGX_KAFKA_SSE_OPERAND_PARTITION  1
#define NGX_KAFKA_SSE_OPERAND_OFFSET     2
#define NGX_KAFKA_SSE_OPERAND_KEY        3
#define NGX_KAFKA_SSE_OPERAND_TIMESTAMP  4    /* ms since the epoch */
#define NGX_KAFKA_SSE_OPERAND_HEADER     5
#define NGX_KAFKA_SSE_OPERAND_JSON       6


/* in cf->pool; two that look at the same have the same text */

typedef struct {
    ngx_uint_t              type;
    ngx_str_t               text;       /* "$kafka_sse_key", "json:.a.b" */
    ngx_str_t               header;     /* its name, folded */
    ngx_kafka_sse_path_t    path;       /* of JSON */
} ngx_kafka_sse_operand_t;


/* an operand's value in one record; what is null is not there */

typedef struct {
    ngx_str_t               text;       /* data NULL: not there */
    ngx_uint_t              is_other;   /* it is there, but has no text: an
                                           object, an array */
    u_char                  buf[NGX_INT64_LEN];
} ngx_kafka_sse_operand_value_t;


/*
 * Compiles a word of the configuration.  NGX_ERROR after logging what is wrong:
 * an unknown variable, an unclosed "${", a path that is none.
 */

ngx_int_t ngx_kafka_sse_operand_compile(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *text);

/* the same with a variable that *rest, the end of *text, begins with */

ngx_int_t ngx_kafka_sse_operand_take(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *text, ngx_str_t *rest);

/*
 * The value for this record; a view of the record, of the operand or of value
 * itself.  A field that the companion has not looked for is looked for here,
 * see memo.h, and is then in static memory up to the next call.
 */

void ngx_kafka_sse_operand_get(ngx_kafka_sse_operand_t *operand,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec,
    ngx_kafka_sse_operand_value_t *value);


#endif /* _NGX_KAFKA_SSE_OPERAND_H_INCLUDED_ */
