
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WORD_H_INCLUDED_
#define _NGX_KAFKA_SSE_WORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * A word of the configuration with variables, as it was written: whether a ","
 * in what it says for a request stands between values, or is a part of one.
 * Who has a claim "bob,alice" is neither bob nor alice.
 */

/* compiles it; what is wrong with it is logged */

ngx_int_t ngx_kafka_sse_word_compile(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_complex_value_t *cv);

/* whether it is "$kafka_sse_claim_name", and that a list in the token */

ngx_uint_t ngx_kafka_sse_word_is_list_claim(ngx_http_request_t *r,
    ngx_str_t *word);

/*
 * Whether it may be split: no variable of it is a claim, or it is one, alone,
 * that is a list.  A claim with text around it is never split.
 */

ngx_uint_t ngx_kafka_sse_word_is_list(ngx_http_request_t *r, ngx_str_t *word);


#endif /* _NGX_KAFKA_SSE_WORD_H_INCLUDED_ */
