
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CHOICE_H_INCLUDED_
#define _NGX_KAFKA_SSE_CHOICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * What a client says, in one of several places: a header, an argument.  An
 * array of ngx_http_complex_value_t, of which the first one counts that is not
 * empty.
 */

/* adds a value; what is wrong with it is logged */

ngx_int_t ngx_kafka_sse_choice_add(ngx_conf_t *cf, ngx_array_t *values,
    ngx_str_t *value);

/*
 * The value that counts, len 0 if all are empty.  What is percent-encoded, as
 * an argument may be, is decoded, if that is printable ASCII.  NGX_ERROR: no
 * memory.
 */

ngx_int_t ngx_kafka_sse_choice_get(ngx_http_request_t *r, ngx_array_t *values,
    ngx_str_t *value);

/* the same for one value that a client says */

ngx_int_t ngx_kafka_sse_choice_decode(ngx_http_request_t *r,
    ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_CHOICE_H_INCLUDED_ */
