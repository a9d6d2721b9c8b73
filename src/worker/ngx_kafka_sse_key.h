
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_KEY_H_INCLUDED_
#define _NGX_KAFKA_SSE_KEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_token.h>


/*
 * One key, which verifies and cannot sign, or a secret.  What it is decides
 * which algs it may verify, so that no token can have a public key taken for a
 * secret.
 */

typedef struct ngx_kafka_sse_key_s      ngx_kafka_sse_key_t;


struct ngx_kafka_sse_key_s {
    ngx_uint_t            algs;        /* 1 << ngx_kafka_sse_alg_e */
    ngx_str_t             kid;         /* ngx_alloc(); data NULL: none */
    ngx_str_t             secret;      /* ngx_alloc(), or else: */
    struct evp_pkey_st   *pkey;        /* OpenSSL's */
};


/* what a key file has given so far */

typedef struct {
    ngx_kafka_sse_key_t  *keys;        /* room for NGX_KAFKA_SSE_KEYS_MAX */
    ngx_uint_t            n;
    ngx_uint_t            algs;        /* what is allowed */
    ngx_uint_t            seen;        /* keys, with those that are left out */
    char                 *left;        /* why the last one was, or NULL */
    ngx_pool_t           *pool;        /* for the time of reading */
    ngx_log_t            *log;
} ngx_kafka_sse_keys_t;


#define NGX_KAFKA_SSE_KEYS_MAX      256


#define NGX_KAFKA_SSE_KEY_RSA_MIN   2048     /* bits; RFC 7518, 3.3 */
#define NGX_KAFKA_SSE_KEY_RSA_MAX   16384    /* bits; OpenSSL's own limit */


/* sets of algs */

#define NGX_KAFKA_SSE_KEY_HS                                                  \
    (1 << NGX_KAFKA_SSE_ALG_HS256 | 1 << NGX_KAFKA_SSE_ALG_HS384              \
     | 1 << NGX_KAFKA_SSE_ALG_HS512)
#define NGX_KAFKA_SSE_KEY_RS                                                  \
    (1 << NGX_KAFKA_SSE_ALG_RS256 | 1 << NGX_KAFKA_SSE_ALG_RS384              \
     | 1 << NGX_KAFKA_SSE_ALG_RS512)
#define NGX_KAFKA_SSE_KEY_PS                                                  \
    (1 << NGX_KAFKA_SSE_ALG_PS256 | 1 << NGX_KAFKA_SSE_ALG_PS384              \
     | 1 << NGX_KAFKA_SSE_ALG_PS512)


/*
 * Each makes a key of its parts, or finds why it must not be used:
 * NGX_DECLINED and *reason, a few constant words.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_key_secret(ngx_kafka_sse_key_t *key,
    ngx_str_t *secret, char **reason, ngx_log_t *log);
ngx_int_t ngx_kafka_sse_key_rsa(ngx_kafka_sse_key_t *key, ngx_str_t *n,
    ngx_str_t *e, char **reason);

/* crv as in a JWK; x and y as bytes, whose number must be the curve's */

ngx_int_t ngx_kafka_sse_key_ec(ngx_kafka_sse_key_t *key, ngx_str_t *crv,
    ngx_str_t *x, ngx_str_t *y, char **reason);
ngx_int_t ngx_kafka_sse_key_okp(ngx_kafka_sse_key_t *key, ngx_str_t *crv,
    ngx_str_t *x, char **reason);

/* of any kind; pkey is the key's then, or else freed */

ngx_int_t ngx_kafka_sse_key_public(ngx_kafka_sse_key_t *key,
    struct evp_pkey_st *pkey, char **reason);

/*
 * Enters a key that has been made, or says that it is left out if rc is
 * NGX_DECLINED or it can verify nothing that is allowed; *reason of
 * NGX_DECLINED: too many.
 */

ngx_int_t ngx_kafka_sse_key_add(ngx_kafka_sse_keys_t *keys,
    ngx_kafka_sse_key_t *key, ngx_int_t rc, char **reason);

void ngx_kafka_sse_key_free(ngx_kafka_sse_key_t *key);

/* the least secret that an alg of HS may have, in bytes: its digest's */

size_t ngx_kafka_sse_key_secret_min(ngx_uint_t alg);


#endif /* _NGX_KAFKA_SSE_KEY_H_INCLUDED_ */
