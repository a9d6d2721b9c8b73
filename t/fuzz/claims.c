
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* The input is a payload.  What jansson finds at its top has to be there. */


#include "fuzz.h"
#include "ngx_shim.h"

#include <jansson.h>

#include <worker/ngx_kafka_sse_claims.h>


static ngx_uint_t
fuzz_is_line(const char *s, size_t len)
{
    return memchr(s, '\0', len) == NULL && memchr(s, '\r', len) == NULL
           && memchr(s, '\n', len) == NULL;
}


/* an ambiguous name is not found, so the list itself is looked at */

static ngx_uint_t
fuzz_has(ngx_kafka_sse_claims_t *claims, const char *name, const char *value,
    size_t len)
{
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim;

    claim = claims->list.elts;

    for (i = 0; i < claims->list.nelts; i++) {
        if (claim[i].type == NGX_KAFKA_SSE_CLAIM_TEXT
            && claim[i].name.len == strlen(name)
            && memcmp(claim[i].name.data, name, claim[i].name.len) == 0
            && claim[i].value.len == len
            && memcmp(claim[i].value.data, value, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
fuzz_compare(ngx_kafka_sse_claims_t *claims, const uint8_t *data, size_t size)
{
    json_t        *root, *value;
    const char    *name;
    json_error_t   err;

    root = json_loadb((char *) data, size, JSON_ALLOW_NUL, &err);

    if (root == NULL) {
        return;         /* numbers that it has no room for */
    }

    fuzz_check(json_is_object(root));

    json_object_foreach(root, name, value) {

        if (json_is_string(value)
            && fuzz_is_line(name, strlen(name))
            && fuzz_is_line(json_string_value(value),
                            json_string_length(value)))
        {
            fuzz_check(fuzz_has(claims, name, json_string_value(value),
                                json_string_length(value)));
        }
    }

    value = json_object_get(root, "exp");
    fuzz_check((value == NULL) == (claims->exp == 0));

    if (json_is_integer(value)) {
        fuzz_check(json_integer_value(value) * 1000 == claims->exp);

    } else if (value) {
        fuzz_check(claims->exp / 1000.0 <= json_real_value(value) * 1.0000001
                   && claims->exp / 1000.0 + 0.0011
                      >= json_real_value(value) * 0.9999999);
    }

    json_decref(root);
}


static void
fuzz_walk(ngx_kafka_sse_claims_t *claims)
{
    ngx_uint_t              i, k;
    ngx_kafka_sse_claim_t  *claim, *found;

    claim = claims->list.elts;

    for (i = 0; i < claims->list.nelts; i += 1 + claim[i].n) {

        fuzz_check(fuzz_is_line((char *) claim[i].name.data,
                                claim[i].name.len));
        fuzz_check(fuzz_is_line((char *) claim[i].value.data,
                                claim[i].value.len));
        fuzz_check(claim[i].type == NGX_KAFKA_SSE_CLAIM_LIST
                   || claim[i].n == 0);
        fuzz_check(i + claim[i].n < claims->list.nelts);

        found = ngx_kafka_sse_claims_find(claims, &claim[i].name, 0);
        fuzz_check(found == NULL || found == &claim[i]);

        (void) ngx_kafka_sse_claims_find(claims, &claim[i].name, 1);

        for (k = 1; k <= claim[i].n; k++) {
            fuzz_check(claim[i + k].type != NGX_KAFKA_SSE_CLAIM_LIST);
            fuzz_check(claim[i + k].name.len == claim[i].name.len);
            fuzz_check(found == NULL
                       || ngx_kafka_sse_claims_has(claims, &claim[i].name,
                                                   &claim[i + k].value));
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                    *reason;
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_pool_t              *pool;
    ngx_kafka_sse_claims_t   claims;

    text.len = size;
    text.data = fuzz_alloc(size);
    memcpy(text.data, data, size);

    pool = ngx_create_pool(4096, NULL);
    reason = NULL;
    rc = ngx_kafka_sse_claims_read(&claims, pool, &text, &reason);

    free(text.data);

    if (rc == NGX_OK) {
        fuzz_check(claims.exp >= 0 && claims.nbf >= 0 && claims.iat >= 0);
        fuzz_check(claims.exp / 1000 < NGX_KAFKA_SSE_CLAIMS_TIME);
        fuzz_walk(&claims);
        fuzz_compare(&claims, data, size);

    } else {
        fuzz_check(rc == NGX_DECLINED && reason);
    }

    ngx_destroy_pool(pool);

    return 0;
}
