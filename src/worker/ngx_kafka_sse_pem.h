
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PEM_H_INCLUDED_
#define _NGX_KAFKA_SSE_PEM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_key.h>


/*
 * Public keys and certificates in PEM, each of which is a key without kid.
 * NGX_DECLINED and *reason: a private key is among them, or what begins as PEM
 * is none.  A certificate is a key: its dates and its issuer are not looked at.
 */

ngx_int_t ngx_kafka_sse_pem_read(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason);

/*
 * Whether the text is a public key or certificate in another form: DER, or
 * base64 of that without PEM's lines, or OpenSSH's.  No one means such a thing
 * to be a secret.
 */

ngx_uint_t ngx_kafka_sse_pem_is_bare(ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_PEM_H_INCLUDED_ */
