
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is a token, or what a header is before it is base64url, behind a
 * byte that says which: its lowest bit.  What is taken has no second spelling.
 *
 * Covers worker/ngx_kafka_sse_token.c
 * Covers worker/ngx_kafka_sse_base64url.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <jansson.h>

#include <worker/ngx_kafka_sse_base64url.h>
#include <worker/ngx_kafka_sse_token.h>


static u_char *
fuzz_encode(u_char *p, const uint8_t *data, size_t size)
{
    size_t    i;
    uint32_t  word;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";

    for (i = 0; i < size; i += 3) {
        word = data[i] << 16 | (i + 1 < size ? data[i + 1] : 0) << 8
               | (i + 2 < size ? data[i + 2] : 0);

        *p++ = digits[word >> 18];
        *p++ = digits[word >> 12 & 63];

        if (i + 1 < size) {
            *p++ = digits[word >> 6 & 63];
        }

        if (i + 2 < size) {
            *p++ = digits[word & 63];
        }
    }

    return p;
}


static ngx_str_t
fuzz_token(const uint8_t *data, size_t size)
{
    u_char     *p;
    ngx_str_t   text;

    text.data = fuzz_alloc(size * 2 + 16);

    p = fuzz_encode(text.data, data, size);
    p = ngx_cpymem(p, ".e30.AA", 7);
    text.len = p - text.data;

    return text;
}


/* a decoded part, written again, is what was there; returns its end */

static u_char *
fuzz_same(ngx_kafka_sse_token_t *token, u_char *at, ngx_str_t *part)
{
    u_char  *again;
    size_t   len;

    again = fuzz_alloc(part->len * 2 + 4);
    len = fuzz_encode(again, part->data, part->len) - again;

    fuzz_check(at + len <= token->text.data + token->text.len);
    fuzz_check(memcmp(again, at, len) == 0);

    free(again);

    return at + len;
}


/* what another reader of JSON says of a header that has been taken */

static void
fuzz_compare(ngx_kafka_sse_token_t *token)
{
    size_t         len;
    u_char        *p, *header;
    json_t        *root, *kid;
    ngx_str_t      part;
    json_error_t   err;

    part.data = token->text.data;
    part.len = (u_char *) memchr(part.data, '.', token->text.len) - part.data;

    header = fuzz_alloc(ngx_kafka_sse_base64url_len(part.len));
    fuzz_check(ngx_kafka_sse_base64url_decode(header, &len, &part) == NGX_OK);

    part.data = header;
    part.len = len;
    p = fuzz_same(token, token->text.data, &part);
    fuzz_check(*p == '.');
    p = fuzz_same(token, p + 1, &token->payload);
    fuzz_check(p == token->input.data + token->input.len && *p == '.');
    p = fuzz_same(token, p + 1, &token->signature);
    fuzz_check(p == token->text.data + token->text.len);

    /* numbers that it has no room for are not ours to refuse */

    root = json_loadb((char *) header, len, JSON_ALLOW_NUL, &err);

    if (root) {
        fuzz_check(json_is_object(root));
        fuzz_check(json_object_get(root, "crit") == NULL);
        fuzz_check(json_object_get(root, "b64") == NULL);
        fuzz_check(strcmp(json_string_value(json_object_get(root, "alg")),
                          (char *) ngx_kafka_sse_token_algs[token->alg].data)
                   == 0);

        kid = json_object_get(root, "kid");

        fuzz_check((kid == NULL) == (token->kid.data == NULL));
        fuzz_check(kid == NULL
                   || (json_string_length(kid) == token->kid.len
                       && memcmp(json_string_value(kid), token->kid.data,
                                 token->kid.len)
                          == 0));
    }

    json_decref(root);
    free(header);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                   *reason;
    ngx_int_t               rc;
    ngx_str_t               text;
    ngx_pool_t             *pool;
    ngx_kafka_sse_token_t   token;

    if (size == 0) {
        return 0;
    }

    if (data[0] & 1) {
        text = fuzz_token(data + 1, size - 1);

    } else {
        text.len = size - 1;
        text.data = fuzz_alloc(text.len);
        memcpy(text.data, data + 1, text.len);
    }

    pool = ngx_create_pool(4096, NULL);
    reason = NULL;
    rc = ngx_kafka_sse_token_parse(&token, pool, &text, &reason);

    if (rc == NGX_OK) {
        fuzz_check(token.alg < NGX_KAFKA_SSE_ALG_N);
        fuzz_check(token.input.data == text.data);
        fuzz_check(token.text.len == text.len);
        fuzz_check(token.input.len < text.len
                   && text.data[token.input.len] == '.');
        fuzz_check(token.payload.len && token.signature.len);
        fuzz_compare(&token);

    } else {
        fuzz_check(rc == NGX_DECLINED && reason);
    }

    ngx_destroy_pool(pool);
    free(text.data);

    return 0;
}
