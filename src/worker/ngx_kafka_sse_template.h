
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_TEMPLATE_H_INCLUDED_
#define _NGX_KAFKA_SSE_TEMPLATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_operand.h>


/*
 * A string with record variables, see operand.h.  nginx's own complex values
 * are not used: they are evaluated for a request, this once for all streams of
 * a group.
 */

typedef struct {
    ngx_uint_t                is_literal;
    ngx_str_t                 literal;
    ngx_kafka_sse_operand_t   operand;      /* if it is none */
} ngx_kafka_sse_template_part_t;


typedef struct {
    ngx_array_t  *parts;        /* of ngx_kafka_sse_template_part_t */
} ngx_kafka_sse_template_t;


/*
 * Compiles *text; what it keeps is in cf->pool.  Returns NGX_CONF_OK or
 * NGX_CONF_ERROR after logging which part is wrong: an unknown variable, an
 * unclosed "${", a bare "$".
 */

char *ngx_kafka_sse_template_compile(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *text);

/* an upper bound of the bytes that _write() writes */

size_t ngx_kafka_sse_template_len(ngx_kafka_sse_template_t *template,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec);

/*
 * Writes the value for this record and returns the end.  What the record
 * does not have is empty.  CR, LF and NUL, with which a record could forge
 * other fields of the event stream, are left out; bytes that are not valid
 * UTF-8 are written as "?".
 */

u_char *ngx_kafka_sse_template_write(u_char *dst,
    ngx_kafka_sse_template_t *template, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec);


#endif /* _NGX_KAFKA_SSE_TEMPLATE_H_INCLUDED_ */
