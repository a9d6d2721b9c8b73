
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_JWK_H_INCLUDED_
#define _NGX_KAFKA_SSE_JWK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_key.h>


/*
 * A JWK set, or a single JWK (RFC 7517).  A key that is not for signatures, or
 * not understood, is left out, as the RFC advises (5), and so is one that is
 * broken; a private one is NGX_DECLINED and *reason for all of the file.
 * Several keys may have the same kid (4.5).
 */

ngx_int_t ngx_kafka_sse_jwk_read(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason);


#endif /* _NGX_KAFKA_SSE_JWK_H_INCLUDED_ */
