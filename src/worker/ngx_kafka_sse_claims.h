
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
 * "realm_access.roles".  A member whose own name has dots has the same name as
 * another's path perhaps; then there is neither.
 */

#define NGX_KAFKA_SSE_CLAIMS_DEPTH  16          /* objects in each other whose
                                                   members are claims */
#define NGX_KAFKA_SSE_CLAIMS_TIME   ((int64_t) 1 << 53)
                                                /* s, less than these */

typedef enum {
    NGX_KAFKA_SSE_CLAIM_TEXT = 0,       /* a string, as it is */
    NGX_KAFKA_SSE_CLAIM_OTHER,          /* a number, true, false, as it is
                                           written */
    NGX_KAFKA_SSE_CLAIM_LIST            /* an array of these: its elements
                                           follow, with the same name */
} ngx_kafka_sse_claim_e;


typedef struct {
    ngx_str_t                name;
    ngx_str_t                value;     /* of LIST: elements joined by ",";
                                           data NULL: they have commas */
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
 * numbers (of seconds, with a fraction perhaps, below 2^53, and exp 1 ms after
 * 1970 or later; nbf and iat before that are 0), sub, iss and jti strings, aud
 * a string or an array of strings.  null, what has a NUL or CR or LF in it or
 * in its name, and objects and arrays within arrays are not there; an array
 * with a comma in an element has no joined value.  Copies into pool.
 * NGX_DECLINED and *reason; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_claims_read(ngx_kafka_sse_claims_t *claims,
    ngx_pool_t *pool, ngx_str_t *payload, char **reason);

/*
 * The claim of this name, or NULL.  is_variable: name in any case, and its "_"
 * is any byte that a name of a variable cannot have ("-", ".", ":", "/"), as
 * $kafka_sse_claim_NAME cannot say it otherwise: an exact match wins.  What is
 * ambiguous is not there.
 */

ngx_kafka_sse_claim_t *ngx_kafka_sse_claims_find(
    ngx_kafka_sse_claims_t *claims, ngx_str_t *name, ngx_uint_t is_variable);

/*
 * Whether the claim is, or as a list has, this value, exactly; "scope" and
 * "scp" as one string are lists of words (RFC 8693, 4.2)
 */

ngx_uint_t ngx_kafka_sse_claims_has(ngx_kafka_sse_claims_t *claims,
    ngx_str_t *name, ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_CLAIMS_H_INCLUDED_ */
