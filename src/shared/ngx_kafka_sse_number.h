
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_NUMBER_H_INCLUDED_
#define _NGX_KAFKA_SSE_NUMBER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A decimal number in a text: "-3", "0.1", "1e300".  An integer of 64 bits is
 * exact, all else is the nearest double.  Whatever the locale, the point is a
 * point.
 */

typedef struct {
    ngx_uint_t     is_integer;
    int64_t        integer;         /* if it is one */
    double         real;            /* if not */
} ngx_kafka_sse_number_t;


/* bytes that _write() writes at most */

#define NGX_KAFKA_SSE_NUMBER_LEN  32


/* NGX_OK, or NGX_DECLINED: the text is no number, or one too large or long */

ngx_int_t ngx_kafka_sse_number_parse(ngx_kafka_sse_number_t *number,
    ngx_str_t *text);

/* -1, 0 or 1, as a is less than, equal to or more than b; exact */

ngx_int_t ngx_kafka_sse_number_compare(ngx_kafka_sse_number_t *a,
    ngx_kafka_sse_number_t *b);

/*
 * Writes a number in the one form that all texts of it have: a whole number of
 * 64 bits as that, "-3", also "-3.0" and "-3e0"; all else as the shortest text
 * of the nearest double, "0.1", "1e+300".  Returns the end; NULL: it is none,
 * or beyond a double.
 */

u_char *ngx_kafka_sse_number_write(u_char *dst, ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_NUMBER_H_INCLUDED_ */
