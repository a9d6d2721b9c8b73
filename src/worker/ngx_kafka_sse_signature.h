
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_SIGNATURE_H_INCLUDED_
#define _NGX_KAFKA_SSE_SIGNATURE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_key.h>
#include <worker/ngx_kafka_sse_token.h>


/*
 * A token's signature by one key, whose algs have the token's (RFC 7518, 3 and
 * RFC 8037, 3.1): by OpenSSL, which has the key at hand.  NGX_OK, or
 * NGX_DECLINED: it is not good.
 */

ngx_int_t ngx_kafka_sse_signature_verify(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token);

/* a mask of the algs that this OpenSSL has */

ngx_uint_t ngx_kafka_sse_signature_algs(void);


#endif /* _NGX_KAFKA_SSE_SIGNATURE_H_INCLUDED_ */
