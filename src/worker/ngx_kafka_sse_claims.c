
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_claims.h>
#include <worker/ngx_kafka_sse_payload.h>


static ngx_kafka_sse_claim_t *ngx_kafka_sse_claims_only(
    ngx_kafka_sse_claims_t *claims, ngx_str_t *name, ngx_uint_t is_variable);
static ngx_uint_t ngx_kafka_sse_claims_same(ngx_str_t *claim, ngx_str_t *name,
    ngx_uint_t is_variable);
static ngx_uint_t ngx_kafka_sse_claims_has_word(ngx_str_t *text,
    ngx_str_t *word);
static ngx_uint_t ngx_kafka_sse_claims_is(ngx_str_t *name, char *word);


ngx_int_t
ngx_kafka_sse_claims_read(ngx_kafka_sse_claims_t *claims, ngx_pool_t *pool,
    ngx_str_t *payload, char **reason)
{
    ngx_memzero(claims, sizeof(ngx_kafka_sse_claims_t));

    if (ngx_array_init(&claims->list, pool, 16, sizeof(ngx_kafka_sse_claim_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_payload_read(claims, pool, payload, reason);
}


ngx_kafka_sse_claim_t *
ngx_kafka_sse_claims_find(ngx_kafka_sse_claims_t *claims, ngx_str_t *name,
    ngx_uint_t is_variable)
{
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim;

    if (!is_variable) {
        return ngx_kafka_sse_claims_only(claims, name, 0);
    }

    claim = claims->list.elts;

    for (i = 0; i < claims->list.nelts; i++) {
        if (ngx_kafka_sse_claims_same(&claim[i].name, name, 0)) {
            return ngx_kafka_sse_claims_only(claims, name, 0);
        }
    }

    return ngx_kafka_sse_claims_only(claims, name, 1);
}


ngx_uint_t
ngx_kafka_sse_claims_has(ngx_kafka_sse_claims_t *claims, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim;

    claim = ngx_kafka_sse_claims_find(claims, name, 0);

    if (claim == NULL) {
        return 0;
    }

    if (claim->type == NGX_KAFKA_SSE_CLAIM_LIST) {

        for (i = 1; i <= claim->n; i++) {
            if (ngx_kafka_sse_claims_same(&claim[i].value, value, 0)) {
                return 1;
            }
        }

        return 0;
    }

    if (claim->type == NGX_KAFKA_SSE_CLAIM_TEXT
        && (ngx_kafka_sse_claims_is(name, "scope")
            || ngx_kafka_sse_claims_is(name, "scp")))
    {
        return ngx_kafka_sse_claims_has_word(&claim->value, value);
    }

    return ngx_kafka_sse_claims_same(&claim->value, value, 0);
}


/* the claim, if one and no other is of this name */

static ngx_kafka_sse_claim_t *
ngx_kafka_sse_claims_only(ngx_kafka_sse_claims_t *claims, ngx_str_t *name,
    ngx_uint_t is_variable)
{
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim, *found;

    claim = claims->list.elts;
    found = NULL;

    for (i = 0; i < claims->list.nelts; i += 1 + claim[i].n) {

        if (!ngx_kafka_sse_claims_same(&claim[i].name, name, is_variable)) {
            continue;
        }

        if (found) {
            return NULL;
        }

        found = &claim[i];
    }

    return found;
}


static ngx_uint_t
ngx_kafka_sse_claims_same(ngx_str_t *claim, ngx_str_t *name,
    ngx_uint_t is_variable)
{
    u_char  c, *p, *n, *last;

    if (claim->len != name->len) {
        return 0;
    }

    if (!is_variable) {
        return ngx_memcmp(claim->data, name->data, name->len) == 0;
    }

    n = name->data;
    last = claim->data + claim->len;

    for (p = claim->data; p < last; p++, n++) {

        c = ngx_tolower(*p);

        if (c == ngx_tolower(*n)) {
            continue;
        }

        /* what no name of a variable can have */

        if (*n != '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_claims_has_word(ngx_str_t *text, ngx_str_t *word)
{
    u_char  *p, *end, *last;

    p = text->data;
    last = p + text->len;

    if (word->len == 0) {
        return 0;
    }

    for ( ;; ) {
        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) == word->len
            && ngx_memcmp(p, word->data, word->len) == 0)
        {
            return 1;
        }

        if (end == last) {
            return 0;
        }

        p = end + 1;
    }
}


static ngx_uint_t
ngx_kafka_sse_claims_is(ngx_str_t *name, char *word)
{
    return name->len == ngx_strlen(word)
           && ngx_memcmp(name->data, word, name->len) == 0;
}
