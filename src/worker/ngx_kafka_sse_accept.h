
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ACCEPT_H_INCLUDED_
#define _NGX_KAFKA_SSE_ACCEPT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Whether "text/event-stream" is what a client's Accept admits (RFC 9110,
 * 12.5.1).  Of the ranges that include it the most specific one counts, and of
 * its weight only whether it is zero: there is nothing else to choose.  A range
 * that is malformed is as if it were not there; a header without any range
 * takes anything, as no header does.
 */

typedef struct {
    ngx_uint_t     ranges;      /* well-formed ones */
    ngx_uint_t     rank;        /* of the most specific one that includes us;
                                   0: none has */
    ngx_uint_t     admits;      /* its weight is not zero */
} ngx_kafka_sse_accept_t;


void ngx_kafka_sse_accept_init(ngx_kafka_sse_accept_t *accept);

/* one header line of maybe several */

void ngx_kafka_sse_accept_add(ngx_kafka_sse_accept_t *accept,
    ngx_str_t *value);

ngx_uint_t ngx_kafka_sse_accept_admits(ngx_kafka_sse_accept_t *accept);


#endif /* _NGX_KAFKA_SSE_ACCEPT_H_INCLUDED_ */
