
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_base64url.h>
#include <worker/ngx_kafka_sse_token.h>


/* members of a header whose names are compared with each other */

#define NGX_KAFKA_SSE_TOKEN_MEMBERS  64


typedef struct {
    ngx_kafka_sse_json_t    json;
    ngx_str_t               names[NGX_KAFKA_SSE_TOKEN_MEMBERS];
    ngx_uint_t              n;
    ngx_uint_t              has_alg;
} ngx_kafka_sse_token_header_t;


static ngx_int_t ngx_kafka_sse_token_split(ngx_str_t *text, ngx_str_t *parts);
static ngx_int_t ngx_kafka_sse_token_decode(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *part);
static ngx_int_t ngx_kafka_sse_token_header(ngx_kafka_sse_token_t *token,
    ngx_str_t *text, char **reason);
static char *ngx_kafka_sse_token_member(ngx_kafka_sse_token_t *token,
    ngx_kafka_sse_token_header_t *header);
static char *ngx_kafka_sse_token_value(ngx_kafka_sse_token_t *token,
    ngx_kafka_sse_token_header_t *header, ngx_str_t *name);
static ngx_uint_t ngx_kafka_sse_token_is(ngx_str_t *name, char *word);


ngx_str_t  ngx_kafka_sse_token_algs[] = {
    ngx_string("HS256"),
    ngx_string("HS384"),
    ngx_string("HS512"),
    ngx_string("RS256"),
    ngx_string("RS384"),
    ngx_string("RS512"),
    ngx_string("PS256"),
    ngx_string("PS384"),
    ngx_string("PS512"),
    ngx_string("ES256"),
    ngx_string("ES384"),
    ngx_string("ES512"),
    ngx_string("EdDSA"),
    ngx_null_string
};


ngx_int_t
ngx_kafka_sse_token_parse(ngx_kafka_sse_token_t *token, ngx_pool_t *pool,
    ngx_str_t *text, char **reason)
{
    ngx_int_t  rc;
    ngx_str_t  header, parts[3];

    ngx_memzero(token, sizeof(ngx_kafka_sse_token_t));

    if (text->len > NGX_KAFKA_SSE_TOKEN_MAX) {
        *reason = "it is too long";
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_token_split(text, parts) != NGX_OK) {
        *reason = "it has not three parts";
        return NGX_DECLINED;
    }

    rc = ngx_kafka_sse_token_decode(pool, &header, &parts[0]);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_token_header(token, &header, reason);

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_kafka_sse_token_decode(pool, &token->payload, &parts[1]);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_token_decode(pool, &token->signature, &parts[2]);
    }

    if (rc != NGX_OK) {
        *reason = "a part is not base64url";
        return rc;
    }

    token->text = *text;
    token->input.data = text->data;
    token->input.len = parts[1].data + parts[1].len - text->data;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_token_alg(ngx_str_t *name)
{
    ngx_uint_t   i;
    ngx_str_t   *alg;

    alg = ngx_kafka_sse_token_algs;

    for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++) {
        if (alg[i].len == name->len
            && ngx_memcmp(alg[i].data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_kafka_sse_token_split(ngx_str_t *text, ngx_str_t *parts)
{
    u_char      *p, *dot, *last;
    ngx_uint_t   i;

    p = text->data;
    last = p + text->len;

    for (i = 0; i < 3; i++) {
        dot = ngx_strlchr(p, last, '.');

        if ((dot == NULL) != (i == 2)) {
            return NGX_DECLINED;
        }

        if (dot == NULL) {
            dot = last;
        }

        if (p == dot) {
            return NGX_DECLINED;
        }

        parts[i].data = p;
        parts[i].len = dot - p;

        p = dot + 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_token_decode(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *part)
{
    dst->data = ngx_pnalloc(pool, ngx_kafka_sse_base64url_len(part->len));
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_base64url_decode(dst->data, &dst->len, part);
}


/* text is ours: its escapes are resolved where they stand */

static ngx_int_t
ngx_kafka_sse_token_header(ngx_kafka_sse_token_t *token, ngx_str_t *text,
    char **reason)
{
    ngx_int_t                      rc;
    ngx_kafka_sse_json_t          *json;
    ngx_kafka_sse_token_header_t   header;

    header.n = 0;
    header.has_alg = 0;

    json = &header.json;
    ngx_kafka_sse_json_init(json, text);

    if (!ngx_kafka_sse_record_is_text(text)
        || ngx_kafka_sse_json_next(json) != NGX_OK
        || json->type != NGX_KAFKA_SSE_JSON_OBJECT)
    {
        *reason = "its header is no JSON object";
        return NGX_DECLINED;
    }

    for ( ;; ) {
        rc = ngx_kafka_sse_json_next(json);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            *reason = "its header is no JSON object";
            return NGX_DECLINED;
        }

        if (json->depth == 1 && json->type == NGX_KAFKA_SSE_JSON_NAME) {
            *reason = ngx_kafka_sse_token_member(token, &header);

            if (*reason) {
                return NGX_DECLINED;
            }
        }
    }

    if (!header.has_alg) {
        *reason = "its header has no \"alg\"";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static char *
ngx_kafka_sse_token_member(ngx_kafka_sse_token_t *token,
    ngx_kafka_sse_token_header_t *header)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    name = ngx_kafka_sse_json_plain(&header->json);

    for (i = 0; i < header->n; i++) {
        if (header->names[i].len == name.len
            && ngx_memcmp(header->names[i].data, name.data, name.len) == 0)
        {
            return "its header has a member twice";
        }
    }

    if (header->n == NGX_KAFKA_SSE_TOKEN_MEMBERS) {
        return "its header has too many members";
    }

    header->names[header->n++] = name;

    if (ngx_kafka_sse_json_next(&header->json) != NGX_OK) {
        return "its header is no JSON object";
    }

    return ngx_kafka_sse_token_value(token, header, &name);
}


/* the first of the value has been read; the rest of it is the caller's */

static char *
ngx_kafka_sse_token_value(ngx_kafka_sse_token_t *token,
    ngx_kafka_sse_token_header_t *header, ngx_str_t *name)
{
    ngx_int_t   alg;
    ngx_str_t   value;
    ngx_uint_t  is_string;

    /* what its issuer says must be understood, is not (RFC 7515, 4.1.11) */

    if (ngx_kafka_sse_token_is(name, "crit")) {
        return "its header has \"crit\"";
    }

    if (ngx_kafka_sse_token_is(name, "b64")) {
        return "its header has \"b64\"";
    }

    is_string = (header->json.type == NGX_KAFKA_SSE_JSON_STRING);

    if (ngx_kafka_sse_token_is(name, "alg")) {

        if (!is_string) {
            return "its \"alg\" is no string";
        }

        value = ngx_kafka_sse_json_plain(&header->json);
        alg = ngx_kafka_sse_token_alg(&value);

        if (alg == NGX_ERROR) {
            return "its \"alg\" is unknown";
        }

        token->alg = alg;
        header->has_alg = 1;
        return NULL;
    }

    if (ngx_kafka_sse_token_is(name, "kid")) {

        if (!is_string) {
            return "its \"kid\" is no string";
        }

        token->kid = ngx_kafka_sse_json_plain(&header->json);

        if (token->kid.len > NGX_KAFKA_SSE_TOKEN_KID) {
            return "its \"kid\" is too long";
        }

        return NULL;
    }

    /*
     * any type: "JWT", "at+jwt" (RFC 9068), none: what else its issuer signs
     * differs by audience and claims
     */

    if (ngx_kafka_sse_token_is(name, "typ") && !is_string) {
        return "its \"typ\" is no string";
    }

    return NULL;
}


static ngx_uint_t
ngx_kafka_sse_token_is(ngx_str_t *name, char *word)
{
    return name->len == ngx_strlen(word)
           && ngx_memcmp(name->data, word, name->len) == 0;
}
