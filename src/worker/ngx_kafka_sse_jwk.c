
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <jansson.h>

#include <openssl/crypto.h>

#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_base64url.h>
#include <worker/ngx_kafka_sse_jwk.h>


static ngx_int_t ngx_kafka_sse_jwk_set(ngx_str_t *text, ngx_array_t *list,
    char **reason);
static ngx_int_t ngx_kafka_sse_jwk_list(ngx_kafka_sse_json_t *json,
    ngx_array_t *list);
static ngx_int_t ngx_kafka_sse_jwk_key(ngx_kafka_sse_keys_t *keys,
    ngx_str_t *text, char **reason);
static ngx_uint_t ngx_kafka_sse_jwk_is_private(json_t *jwk);
static ngx_int_t ngx_kafka_sse_jwk_make(ngx_kafka_sse_keys_t *keys,
    json_t *jwk, ngx_kafka_sse_key_t *key, char **reason);
static ngx_uint_t ngx_kafka_sse_jwk_is_other(json_t *jwk);
static ngx_int_t ngx_kafka_sse_jwk_material(ngx_kafka_sse_keys_t *keys,
    json_t *jwk, ngx_kafka_sse_key_t *key, char **reason);
static ngx_int_t ngx_kafka_sse_jwk_kid(ngx_kafka_sse_keys_t *keys,
    json_t *jwk, ngx_kafka_sse_key_t *key, char **reason);
static ngx_uint_t ngx_kafka_sse_jwk_algs(json_t *jwk);
static ngx_int_t ngx_kafka_sse_jwk_bytes(ngx_kafka_sse_keys_t *keys,
    json_t *jwk, char *name, ngx_str_t *bytes, char **reason);
static ngx_uint_t ngx_kafka_sse_jwk_is(json_t *value, char *word);


ngx_int_t
ngx_kafka_sse_jwk_read(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason)
{
    ngx_int_t     rc;
    ngx_str_t    *item;
    ngx_uint_t    i;
    ngx_array_t   list;

    if (ngx_array_init(&list, keys->pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_jwk_set(text, &list, reason);
    item = list.elts;

    for (i = 0; rc == NGX_OK && i < list.nelts; i++) {
        rc = ngx_kafka_sse_jwk_key(keys, &item[i], reason);
    }

    return rc;
}


/*
 * Where each key of the set is in the text; so that one which a reader of
 * trees refuses is left out, and does not take the others with it.
 */

static ngx_int_t
ngx_kafka_sse_jwk_set(ngx_str_t *text, ngx_array_t *list, char **reason)
{
    ngx_int_t              rc;
    ngx_str_t             *item;
    ngx_uint_t             is_set;
    ngx_kafka_sse_json_t   json;

    static ngx_str_t  keys = ngx_string("keys");

    *reason = "it begins as JSON, and is no JWK set and no JWK";

    is_set = 0;
    ngx_kafka_sse_json_init(&json, text);

    if (!ngx_kafka_sse_record_is_text(text)
        || ngx_kafka_sse_json_next(&json) != NGX_OK
        || json.type != NGX_KAFKA_SSE_JSON_OBJECT)
    {
        return NGX_DECLINED;
    }

    for ( ;; ) {
        rc = ngx_kafka_sse_json_next(&json);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            return NGX_DECLINED;
        }

        if (json.depth != 1 || json.type != NGX_KAFKA_SSE_JSON_NAME
            || !ngx_kafka_sse_json_same(&json, &keys))
        {
            continue;
        }

        if (is_set) {
            *reason = "it has \"keys\" twice";
            return NGX_DECLINED;
        }

        is_set = 1;
        rc = ngx_kafka_sse_jwk_list(&json, list);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!is_set) {
        item = ngx_array_push(list);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = *text;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_jwk_list(ngx_kafka_sse_json_t *json, ngx_array_t *list)
{
    ngx_str_t  *item;

    if (ngx_kafka_sse_json_next(json) != NGX_OK
        || json->type != NGX_KAFKA_SSE_JSON_ARRAY)
    {
        return NGX_DECLINED;
    }

    for ( ;; ) {

        if (ngx_kafka_sse_json_next(json) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (json->depth == 1) {
            return NGX_OK;
        }

        if (json->type != NGX_KAFKA_SSE_JSON_OBJECT) {
            return NGX_DECLINED;
        }

        item = ngx_array_push(list);
        if (item == NULL) {
            return NGX_ERROR;
        }

        item->data = json->text.data;

        do {
            if (ngx_kafka_sse_json_next(json) != NGX_OK) {
                return NGX_DECLINED;
            }

        } while (json->depth > 2);

        item->len = json->pos - item->data;
    }
}


static ngx_int_t
ngx_kafka_sse_jwk_key(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason)
{
    json_t               *jwk;
    ngx_int_t             rc;
    json_error_t          err;
    ngx_kafka_sse_key_t   key;

    ngx_memzero(&key, sizeof(ngx_kafka_sse_key_t));

    jwk = json_loadb((char *) text->data, text->len, JSON_REJECT_DUPLICATES,
                     &err);

    if (jwk == NULL) {
        *reason = "a JWK that has a member twice, or a number that is none";
        return ngx_kafka_sse_key_add(keys, &key, NGX_DECLINED, reason);
    }

    if (ngx_kafka_sse_jwk_is_private(jwk)) {
        *reason = "it has a private key, tokens are verified with the public "
                  "one";
        rc = NGX_DECLINED;

    } else {
        rc = ngx_kafka_sse_jwk_make(keys, jwk, &key, reason);
        rc = ngx_kafka_sse_key_add(keys, &key, rc, reason);
    }

    json_decref(jwk);

    return rc;
}


/* RFC 7518, 6.2.2, 6.3.2; a key of "oct" is as secret, but has to be here */

static ngx_uint_t
ngx_kafka_sse_jwk_is_private(json_t *jwk)
{
    ngx_uint_t  i;

    static char  *names[] = { "d", "p", "q", "dp", "dq", "qi", "oth" };

    if (ngx_kafka_sse_jwk_is(json_object_get(jwk, "kty"), "oct")) {
        return 0;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_object_get(jwk, names[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_kafka_sse_jwk_make(ngx_kafka_sse_keys_t *keys, json_t *jwk,
    ngx_kafka_sse_key_t *key, char **reason)
{
    ngx_int_t   rc;
    ngx_uint_t  algs;

    /* not for us, without a word: a set has other keys, too */

    algs = ngx_kafka_sse_jwk_algs(jwk);

    if (algs == 0 || ngx_kafka_sse_jwk_is_other(jwk)) {
        return NGX_OK;
    }

    rc = ngx_kafka_sse_jwk_kid(keys, jwk, key, reason);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_kafka_sse_jwk_material(keys, jwk, key, reason);

    if (rc == NGX_OK && key->algs && (key->algs & algs) == 0) {
        *reason = "a JWK whose \"alg\" is not one of its kind";
        return NGX_DECLINED;
    }

    key->algs &= algs;

    return rc;
}


/* RFC 7517, 4.2 and 4.3 */

static ngx_uint_t
ngx_kafka_sse_jwk_is_other(json_t *jwk)
{
    size_t   i;
    json_t  *use, *ops, *op;

    use = json_object_get(jwk, "use");

    if (use && !ngx_kafka_sse_jwk_is(use, "sig")) {
        return 1;
    }

    ops = json_object_get(jwk, "key_ops");

    if (ops == NULL) {
        return 0;
    }

    json_array_foreach(ops, i, op) {
        if (ngx_kafka_sse_jwk_is(op, "verify")) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_kafka_sse_jwk_material(ngx_kafka_sse_keys_t *keys, json_t *jwk,
    ngx_kafka_sse_key_t *key, char **reason)
{
    json_t     *kty;
    ngx_int_t   rc;
    ngx_str_t   a, b, crv;

    kty = json_object_get(jwk, "kty");

    if (!json_is_string(kty)) {
        *reason = "a JWK without \"kty\"";
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_jwk_is(kty, "oct")) {
        rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "k", &a, reason);

        if (rc == NGX_OK) {
            rc = ngx_kafka_sse_key_secret(key, &a, reason, keys->log);
            OPENSSL_cleanse(a.data, a.len);
        }

        return rc;
    }

    if (ngx_kafka_sse_jwk_is(kty, "RSA")) {
        rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "n", &a, reason);

        if (rc == NGX_OK) {
            rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "e", &b, reason);
        }

        return (rc == NGX_OK) ? ngx_kafka_sse_key_rsa(key, &a, &b, reason)
                              : rc;
    }

    crv.data = (u_char *) json_string_value(json_object_get(jwk, "crv"));
    crv.len = json_string_length(json_object_get(jwk, "crv"));

    if (ngx_kafka_sse_jwk_is(kty, "EC")) {
        rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "x", &a, reason);

        if (rc == NGX_OK) {
            rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "y", &b, reason);
        }

        return (rc == NGX_OK) ? ngx_kafka_sse_key_ec(key, &crv, &a, &b, reason)
                              : rc;
    }

    if (ngx_kafka_sse_jwk_is(kty, "OKP")) {
        rc = ngx_kafka_sse_jwk_bytes(keys, jwk, "x", &a, reason);

        return (rc == NGX_OK) ? ngx_kafka_sse_key_okp(key, &crv, &a, reason)
                              : rc;
    }

    /* of a kind that is not known yet */

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_jwk_kid(ngx_kafka_sse_keys_t *keys, json_t *jwk,
    ngx_kafka_sse_key_t *key, char **reason)
{
    json_t  *kid;

    kid = json_object_get(jwk, "kid");

    if (kid == NULL) {
        return NGX_OK;
    }

    if (!json_is_string(kid)
        || json_string_length(kid) > NGX_KAFKA_SSE_TOKEN_KID)
    {
        *reason = "a JWK whose \"kid\" is no string or too long";
        return NGX_DECLINED;
    }

    key->kid.len = json_string_length(kid);
    key->kid.data = ngx_alloc(key->kid.len + 1, keys->log);

    if (key->kid.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(key->kid.data, json_string_value(kid), key->kid.len);

    return NGX_OK;
}


/* what its own "alg" allows; RFC 9864 names the two of EdDSA by their curve */

static ngx_uint_t
ngx_kafka_sse_jwk_algs(json_t *jwk)
{
    json_t     *alg;
    ngx_int_t   n;
    ngx_str_t   name;

    alg = json_object_get(jwk, "alg");

    if (alg == NULL) {
        return (1 << NGX_KAFKA_SSE_ALG_N) - 1;
    }

    if (ngx_kafka_sse_jwk_is(alg, "Ed25519")
        || ngx_kafka_sse_jwk_is(alg, "Ed448"))
    {
        return 1 << NGX_KAFKA_SSE_ALG_EDDSA;
    }

    name.data = (u_char *) json_string_value(alg);
    name.len = json_string_length(alg);

    n = ngx_kafka_sse_token_alg(&name);

    return (n == NGX_ERROR) ? 0 : 1 << n;
}


static ngx_int_t
ngx_kafka_sse_jwk_bytes(ngx_kafka_sse_keys_t *keys, json_t *jwk, char *name,
    ngx_str_t *bytes, char **reason)
{
    json_t     *value;
    ngx_str_t   text;

    *reason = "a JWK whose key is not there or not base64url";

    value = json_object_get(jwk, name);

    if (!json_is_string(value) || json_string_length(value) == 0) {
        return NGX_DECLINED;
    }

    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    bytes->data = ngx_pnalloc(keys->pool,
                              ngx_kafka_sse_base64url_len(text.len));
    if (bytes->data == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_base64url_decode(bytes->data, &bytes->len, &text);
}


static ngx_uint_t
ngx_kafka_sse_jwk_is(json_t *value, char *word)
{
    return json_is_string(value)
           && ngx_strcmp(json_string_value(value), word) == 0;
}
