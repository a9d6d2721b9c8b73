
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PERCENT_H_INCLUDED_
#define _NGX_KAFKA_SSE_PERCENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Decodes what a client has percent-encoded (RFC 3986, 2.1); form: as forms
 * do, "+" is a space.  A "%" that begins nothing is itself; ngx_unescape_uri()
 * drops it, and maybe what follows, and so makes words of what is none.  Writes
 * as many bytes as there are at most, also in place; returns the end.
 */

u_char *ngx_kafka_sse_percent_decode(u_char *dst, ngx_str_t *text,
    ngx_uint_t form);


#endif /* _NGX_KAFKA_SSE_PERCENT_H_INCLUDED_ */
