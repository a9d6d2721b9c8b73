
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_TOKEN_H_INCLUDED_
#define _NGX_KAFKA_SSE_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A JSON Web Token as a client sends it: JWS in compact serialization (RFC
 * 7515, 7519), taken apart strictly, before any library or key sees it.
 */

#define NGX_KAFKA_SSE_TOKEN_MAX    8192    /* bytes of its text */
#define NGX_KAFKA_SSE_TOKEN_KID    256     /* bytes of its "kid" */


/* what kafka_sse_jwt_alg can name; the place of its bit in a mask */

typedef enum {
    NGX_KAFKA_SSE_ALG_HS256 = 0,
    NGX_KAFKA_SSE_ALG_HS384,
    NGX_KAFKA_SSE_ALG_HS512,
    NGX_KAFKA_SSE_ALG_RS256,
    NGX_KAFKA_SSE_ALG_RS384,
    NGX_KAFKA_SSE_ALG_RS512,
    NGX_KAFKA_SSE_ALG_PS256,
    NGX_KAFKA_SSE_ALG_PS384,
    NGX_KAFKA_SSE_ALG_PS512,
    NGX_KAFKA_SSE_ALG_ES256,
    NGX_KAFKA_SSE_ALG_ES384,
    NGX_KAFKA_SSE_ALG_ES512,
    NGX_KAFKA_SSE_ALG_EDDSA,               /* Ed25519 and Ed448 */
    NGX_KAFKA_SSE_ALG_N
} ngx_kafka_sse_alg_e;


/* names, in this order; what stands in a header is one of these exactly */

extern ngx_str_t  ngx_kafka_sse_token_algs[];

/* the alg of this name, or NGX_ERROR */

ngx_int_t ngx_kafka_sse_token_alg(ngx_str_t *name);


typedef struct {
    ngx_str_t             text;            /* all of it, the caller's */
    ngx_str_t             input;           /* what is signed, a view of it */
    ngx_str_t             payload;         /* JSON, decoded */
    ngx_str_t             signature;       /* decoded */
    ngx_kafka_sse_alg_e   alg;
    ngx_str_t             kid;             /* data NULL: none */
} ngx_kafka_sse_token_t;


/*
 * Takes a token apart; what it decodes is in pool.  NGX_DECLINED, and *reason
 * is a few constant words for the log, if it is not exactly this: at most
 * ..TOKEN_MAX bytes; three parts, none of them empty; base64url without
 * padding, white space, foreign or stray bits; a header that is one JSON
 * object in UTF-8 of at most 64 members, none of them twice, whose "alg" is a
 * string of the list above (never "none"), "kid" a string of at most 256 bytes
 * if there is one, "typ" a string if there is one, and that has no "crit" and
 * no "b64"; "jwk", "jku", "x5u", "x5c" and others are not looked at.  The
 * payload is only decoded: it is read when its signature has been found good,
 * by _claims.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_token_parse(ngx_kafka_sse_token_t *token,
    ngx_pool_t *pool, ngx_str_t *text, char **reason);


#endif /* _NGX_KAFKA_SSE_TOKEN_H_INCLUDED_ */
