
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CLAIMS_H_INCLUDED_
#define _NGX_KAFKA_SSE_CLAIMS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * What a token claims, once its signature has been found good.  One array in
 * a pool, of the payload's members; a nested object's are named by a path,
 * "realm_access.roles".
 */

typedef enum {
    NGX_KAFKA_SSE_CLAIM_TEXT = 0,       /* a string, as it is */
    NGX_KAFKA_SSE_CLAIM_OTHER,          /* a number, true, false, as text */
    NGX_KAFKA_SSE_CLAIM_LIST            /* an array of these: its elements
                                           follow, with the same name */
} ngx_kafka_sse_claim_e;


typedef struct {
    ngx_str_t                name;
    ngx_str_t                value;     /* of LIST: elements joined by "," */
    ngx_kafka_sse_claim_e    type;
    ngx_uint_t               n;         /* of LIST: elements that follow */
} ngx_kafka_sse_claim_t;


typedef struct {
    ngx_array_t              list;      /* of ngx_kafka_sse_claim_t */
    int64_t                  exp;       /* Unix time in ms, rounded down;
                                           0: it has none */
    int64_t                  nbf;
    int64_t                  iat;
} ngx_kafka_sse_claims_t;


/*
 * Reads a payload: one JSON object in UTF-8, no member twice, exp, nbf and iat
 * numbers (of seconds, with a fraction perhaps, 0 < n < 2^53), sub, iss and
 * jti strings, aud a string or an array of strings.  What has a NUL or CR or LF
 * in it is not there, and an array with a comma in an element has no joined
 * value.  Copies into pool.  NGX_DECLINED and *reason; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_claims_read(ngx_kafka_sse_claims_t *claims,
    ngx_pool_t *pool, ngx_str_t *payload, char **reason);

/* the claim of this name, or NULL; name in any case, "-" and "." for "_" if
   is_variable, as $kafka_sse_claim_NAME cannot say it otherwise: an exact
   match wins, and what is then ambiguous is not there */

ngx_kafka_sse_claim_t *ngx_kafka_sse_claims_find(
    ngx_kafka_sse_claims_t *claims, ngx_str_t *name, ngx_uint_t is_variable);

/*
 * Whether the claim is, or as a list has, this value, exactly; "scope" and
 * "scp" as one string are lists of words (RFC 8693, 4.2)
 */

ngx_uint_t ngx_kafka_sse_claims_has(ngx_kafka_sse_claims_t *claims,
    ngx_str_t *name, ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_CLAIMS_H_INCLUDED_ */
