
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is a payload.  What jansson finds in it has to be there, and
 * nothing else; each claim is found by its name, and has its own values.
 *
 * Covers worker/ngx_kafka_sse_claims.c
 * Covers worker/ngx_kafka_sse_payload.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <jansson.h>

#include <worker/ngx_kafka_sse_claims.h>


#define FUZZ_PATH  8192


static ngx_uint_t
fuzz_is_line(const char *s, size_t len)
{
    return memchr(s, '\0', len) == NULL && memchr(s, '\r', len) == NULL
           && memchr(s, '\n', len) == NULL;
}


static ngx_uint_t
fuzz_is_space(const char *s, size_t len)
{
    return len == 0 || memchr(s, ' ', len) != NULL;
}


static ngx_uint_t
fuzz_is(ngx_str_t *s, const char *text, size_t len)
{
    return s->len == len && memcmp(s->data, text, len) == 0;
}


/* an ambiguous name is not found, so the list itself is looked at */

static ngx_kafka_sse_claim_t *
fuzz_find(ngx_kafka_sse_claims_t *claims, const char *name, ngx_uint_t type,
    const char *value, size_t len)
{
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim;

    claim = claims->list.elts;

    for (i = 0; i < claims->list.nelts; i++) {
        if (claim[i].type == type
            && fuzz_is(&claim[i].name, name, strlen(name))
            && (value == NULL || fuzz_is(&claim[i].value, value, len)))
        {
            return &claim[i];
        }
    }

    return NULL;
}


/* how many claims the value makes; numbers are written in many ways */

static ngx_uint_t
fuzz_scalar(ngx_kafka_sse_claims_t *claims, const char *path, json_t *value)
{
    switch (json_typeof(value)) {

    case JSON_STRING:

        if (!fuzz_is_line(json_string_value(value),
                          json_string_length(value)))
        {
            return 0;
        }

        fuzz_check(fuzz_find(claims, path, NGX_KAFKA_SSE_CLAIM_TEXT,
                             json_string_value(value),
                             json_string_length(value)));
        return 1;

    case JSON_TRUE:
        fuzz_check(fuzz_find(claims, path, NGX_KAFKA_SSE_CLAIM_OTHER, "true",
                             4));
        return 1;

    case JSON_FALSE:
        fuzz_check(fuzz_find(claims, path, NGX_KAFKA_SSE_CLAIM_OTHER, "false",
                             5));
        return 1;

    case JSON_INTEGER:
    case JSON_REAL:
        fuzz_check(fuzz_find(claims, path, NGX_KAFKA_SSE_CLAIM_OTHER, NULL,
                             0));
        return 1;

    default:
        return 0;
    }
}


static ngx_uint_t
fuzz_object(ngx_kafka_sse_claims_t *claims, const char *parent,
    json_t *object, ngx_uint_t depth)
{
    char         path[FUZZ_PATH];
    size_t       i;
    json_t      *value, *element;
    ngx_uint_t   n;
    const char  *name;

    n = 0;

    json_object_foreach(object, name, value) {

        if (!fuzz_is_line(name, strlen(name))) {
            continue;
        }

        fuzz_check(snprintf(path, FUZZ_PATH, "%s%s%s", parent ? parent : "",
                            parent ? "." : "", name)
                   < FUZZ_PATH);

        if (json_is_object(value)) {
            if (depth < NGX_KAFKA_SSE_CLAIMS_DEPTH) {
                n += fuzz_object(claims, path, value, depth + 1);
            }

        } else if (!json_is_array(value)) {
            n += fuzz_scalar(claims, path, value);

        } else if (depth < NGX_KAFKA_SSE_CLAIMS_DEPTH) {
            fuzz_check(fuzz_find(claims, path, NGX_KAFKA_SSE_CLAIM_LIST, NULL,
                                 0));
            n++;

            json_array_foreach(value, i, element) {
                n += fuzz_scalar(claims, path, element);
            }
        }
    }

    return n;
}


static void
fuzz_compare(ngx_kafka_sse_claims_t *claims, const uint8_t *data, size_t size)
{
    json_t        *root, *value;
    json_error_t   err;

    root = json_loadb((char *) data, size,
                      JSON_ALLOW_NUL|JSON_REJECT_DUPLICATES, &err);

    if (root == NULL) {
        return;         /* numbers and names that it has no room for */
    }

    fuzz_check(json_is_object(root));
    fuzz_check(fuzz_object(claims, NULL, root, 1) == claims->list.nelts);

    value = json_object_get(root, "exp");
    fuzz_check((value == NULL) == (claims->exp == 0));

    if (json_is_integer(value)) {
        fuzz_check(json_integer_value(value) * 1000 == claims->exp);

    } else if (value) {
        fuzz_check(claims->exp / 1000.0 <= json_real_value(value) * 1.0000001
                   && claims->exp / 1000.0 + 0.0011
                      >= json_real_value(value) * 0.9999999);
    }

    value = json_object_get(root, "sub");
    fuzz_check(value == NULL || json_is_string(value));

    json_decref(root);
}


/* by the name of a variable, where each sign has become "_" */

static void
fuzz_variable(ngx_kafka_sse_claims_t *claims, ngx_kafka_sse_claim_t *claim,
    ngx_kafka_sse_claim_t *found)
{
    size_t                  i;
    ngx_str_t               name;
    ngx_kafka_sse_claim_t  *other;

    name.len = claim->name.len;
    name.data = fuzz_alloc(name.len);

    for (i = 0; i < name.len; i++) {
        name.data[i] = ngx_toupper(claim->name.data[i]);

        if (!isalnum(name.data[i])) {
            name.data[i] = '_';
        }
    }

    other = ngx_kafka_sse_claims_find(claims, &name, 1);

    fuzz_check(other == NULL || other->name.len == name.len);

    for (i = 0; other && i < name.len; i++) {
        fuzz_check(ngx_toupper(other->name.data[i]) == name.data[i]
                   || (name.data[i] == '_' && !isalnum(other->name.data[i])));
    }

    free(name.data);

    /* one that is there by its own name is that one */

    fuzz_check(ngx_kafka_sse_claims_find(claims, &claim->name, 1) == found);
}


static void
fuzz_values(ngx_kafka_sse_claims_t *claims, ngx_kafka_sse_claim_t *claim,
    ngx_kafka_sse_claim_t *found)
{
    ngx_str_t   value;
    ngx_uint_t  is_words;

    is_words = claim->type == NGX_KAFKA_SSE_CLAIM_TEXT
               && (fuzz_is(&claim->name, "scope", 5)
                   || fuzz_is(&claim->name, "scp", 3));

    value = claim->value;

    if (claim->type == NGX_KAFKA_SSE_CLAIM_LIST) {
        ngx_str_set(&value, "no element has\ntwo lines");

        fuzz_check(!ngx_kafka_sse_claims_has(claims, &claim->name, &value));
        return;
    }

    if (!is_words) {
        fuzz_check(ngx_kafka_sse_claims_has(claims, &claim->name, &value)
                   == (found != NULL));
        return;
    }

    /* a word of a scope is one, and a scope of many words is none of them */

    if (fuzz_is_space((char *) value.data, value.len)) {
        fuzz_check(!ngx_kafka_sse_claims_has(claims, &claim->name, &value));
    }

    for (value.len = 0;
         value.len < claim->value.len && value.data[value.len] != ' ';
         value.len++)
    {
        /* void */
    }

    fuzz_check(ngx_kafka_sse_claims_has(claims, &claim->name, &value)
               == (found != NULL && value.len > 0));
}


static void
fuzz_walk(ngx_kafka_sse_claims_t *claims)
{
    ngx_str_t               none;
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

        fuzz_variable(claims, &claim[i], found);
        fuzz_values(claims, &claim[i], found);

        for (k = 1; k <= claim[i].n; k++) {
            fuzz_check(claim[i + k].type != NGX_KAFKA_SSE_CLAIM_LIST);
            fuzz_check(claim[i + k].name.len == claim[i].name.len);
            fuzz_check(found == NULL
                       || ngx_kafka_sse_claims_has(claims, &claim[i].name,
                                                   &claim[i + k].value));
        }
    }

    ngx_str_set(&none, "no claim is named\nso");
    fuzz_check(ngx_kafka_sse_claims_find(claims, &none, 0) == NULL);
    fuzz_check(!ngx_kafka_sse_claims_has(claims, &none, &none));
}


/* without memory it neither ends, nor says that the payload is wrong */

static void
fuzz_without_memory(ngx_str_t *text, ngx_int_t expected)
{
    char                    *reason;
    ngx_int_t                rc;
    ngx_pool_t              *pool;
    ngx_kafka_sse_claims_t   claims;

    pool = ngx_create_pool(4096, NULL);

    ngx_shim_fail_after = text->len % 16;
    rc = ngx_kafka_sse_claims_read(&claims, pool, text, &reason);
    ngx_shim_fail_after = -1;

    fuzz_check(rc == expected || rc == NGX_ERROR);

    ngx_destroy_pool(pool);
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

    fuzz_without_memory(&text, rc);
    free(text.data);

    if (rc == NGX_OK) {
        fuzz_check(claims.exp >= 0 && claims.nbf >= 0 && claims.iat >= 0);
        fuzz_check(claims.exp / 1000 < NGX_KAFKA_SSE_CLAIMS_TIME);
        fuzz_check(claims.nbf / 1000 < NGX_KAFKA_SSE_CLAIMS_TIME);
        fuzz_check(claims.iat / 1000 < NGX_KAFKA_SSE_CLAIMS_TIME);
        fuzz_walk(&claims);
        fuzz_compare(&claims, data, size);

    } else {
        fuzz_check(rc == NGX_DECLINED && reason);
    }

    ngx_destroy_pool(pool);

    return 0;
}
