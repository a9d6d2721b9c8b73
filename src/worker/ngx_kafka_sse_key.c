
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <worker/ngx_kafka_sse_key.h>


#define NGX_KAFKA_SSE_KEY_COORDINATE  66      /* bytes, of P-521 */


typedef struct {
    char         *crv;           /* RFC 7518, 6.2.1.1; RFC 8037, 2 */
    char         *name;          /* OpenSSL's */
    size_t        len;           /* of a coordinate, or of x */
    ngx_uint_t    alg;
} ngx_kafka_sse_key_curve_t;


static EVP_PKEY *ngx_kafka_sse_key_make(char *type, OSSL_PARAM_BLD *build);
static ngx_int_t ngx_kafka_sse_key_check(EVP_PKEY *pkey, ngx_uint_t *algs,
    char **reason);
static ngx_int_t ngx_kafka_sse_key_check_rsa(EVP_PKEY *pkey, char **reason);
static ngx_int_t ngx_kafka_sse_key_check_ec(EVP_PKEY *pkey, ngx_uint_t *algs,
    char **reason);
static ngx_int_t ngx_kafka_sse_key_check_okp(EVP_PKEY *pkey,
    ngx_kafka_sse_key_curve_t *curve, char **reason);
static ngx_uint_t ngx_kafka_sse_key_is_small(u_char *x, size_t len);
static ngx_kafka_sse_key_curve_t *ngx_kafka_sse_key_curve(
    ngx_kafka_sse_key_curve_t *curve, ngx_str_t *crv);


static ngx_kafka_sse_key_curve_t  ngx_kafka_sse_key_ec_curves[] = {
    { "P-256", "prime256v1", 32, NGX_KAFKA_SSE_ALG_ES256 },
    { "P-384", "secp384r1", 48, NGX_KAFKA_SSE_ALG_ES384 },
    { "P-521", "secp521r1", 66, NGX_KAFKA_SSE_ALG_ES512 },
    { NULL, NULL, 0, 0 }
};


static ngx_kafka_sse_key_curve_t  ngx_kafka_sse_key_okp_curves[] = {
    { "Ed25519", "ED25519", 32, NGX_KAFKA_SSE_ALG_EDDSA },
    { "Ed448", "ED448", 57, NGX_KAFKA_SSE_ALG_EDDSA },
    { NULL, NULL, 0, 0 }
};


ngx_int_t
ngx_kafka_sse_key_secret(ngx_kafka_sse_key_t *key, ngx_str_t *secret,
    char **reason, ngx_log_t *log)
{
    ngx_uint_t  alg;

    for (alg = NGX_KAFKA_SSE_ALG_HS256; alg <= NGX_KAFKA_SSE_ALG_HS512; alg++) {
        if (secret->len >= ngx_kafka_sse_key_secret_min(alg)) {
            key->algs |= 1 << alg;
        }
    }

    if (key->algs == 0) {
        *reason = "a secret of less than 32 bytes";
        return NGX_DECLINED;
    }

    key->secret.data = ngx_alloc(secret->len, log);
    if (key->secret.data == NULL) {
        return NGX_ERROR;
    }

    key->secret.len = secret->len;
    ngx_memcpy(key->secret.data, secret->data, secret->len);

    return NGX_OK;
}


size_t
ngx_kafka_sse_key_secret_min(ngx_uint_t alg)
{
    return (alg == NGX_KAFKA_SSE_ALG_HS256) ? 32
           : (alg == NGX_KAFKA_SSE_ALG_HS384) ? 48 : 64;
}


ngx_int_t
ngx_kafka_sse_key_rsa(ngx_kafka_sse_key_t *key, ngx_str_t *n, ngx_str_t *e,
    char **reason)
{
    BIGNUM          *bn, *be;
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *build;

    if (n->len > NGX_KAFKA_SSE_KEY_RSA_MAX / 8 + 1
        || e->len > NGX_KAFKA_SSE_KEY_RSA_MAX / 8 + 1)
    {
        *reason = "an RSA key of more than 16384 bits";
        return NGX_DECLINED;
    }

    pkey = NULL;
    bn = BN_bin2bn(n->data, (int) n->len, NULL);
    be = BN_bin2bn(e->data, (int) e->len, NULL);
    build = OSSL_PARAM_BLD_new();

    if (bn && be && build
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
    {
        pkey = ngx_kafka_sse_key_make("RSA", build);
    }

    OSSL_PARAM_BLD_free(build);
    BN_free(be);
    BN_free(bn);

    return ngx_kafka_sse_key_public(key, pkey, reason);
}


ngx_int_t
ngx_kafka_sse_key_ec(ngx_kafka_sse_key_t *key, ngx_str_t *crv, ngx_str_t *x,
    ngx_str_t *y, char **reason)
{
    u_char                     *p;
    u_char                      point[1 + 2 * NGX_KAFKA_SSE_KEY_COORDINATE];
    EVP_PKEY                   *pkey;
    OSSL_PARAM_BLD             *build;
    ngx_kafka_sse_key_curve_t  *curve;

    curve = ngx_kafka_sse_key_curve(ngx_kafka_sse_key_ec_curves, crv);

    if (curve == NULL) {
        *reason = "an elliptic curve that no alg uses";
        return NGX_DECLINED;
    }

    if (x->len != curve->len || y->len != curve->len) {
        *reason = "a point that is not on its curve";
        return NGX_DECLINED;
    }

    p = point;
    *p++ = 4;                                 /* uncompressed: SEC 1, 2.3.3 */
    p = ngx_cpymem(p, x->data, x->len);
    p = ngx_cpymem(p, y->data, y->len);

    pkey = NULL;
    build = OSSL_PARAM_BLD_new();

    if (build
        && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                           curve->name, 0)
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, p - point))
    {
        pkey = ngx_kafka_sse_key_make("EC", build);
    }

    OSSL_PARAM_BLD_free(build);

    if (pkey == NULL) {
        *reason = "a point that is not on its curve";
        return NGX_DECLINED;
    }

    return ngx_kafka_sse_key_public(key, pkey, reason);
}


ngx_int_t
ngx_kafka_sse_key_okp(ngx_kafka_sse_key_t *key, ngx_str_t *crv, ngx_str_t *x,
    char **reason)
{
    EVP_PKEY                   *pkey;
    ngx_kafka_sse_key_curve_t  *curve;

    curve = ngx_kafka_sse_key_curve(ngx_kafka_sse_key_okp_curves, crv);

    if (curve == NULL) {
        *reason = "an Edwards curve that no alg uses";
        return NGX_DECLINED;
    }

    if (x->len != curve->len) {
        *reason = "a point that is not on its curve";
        return NGX_DECLINED;
    }

    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, curve->name, NULL, x->data,
                                          x->len);
    ERR_clear_error();

    return ngx_kafka_sse_key_public(key, pkey, reason);
}


ngx_int_t
ngx_kafka_sse_key_public(ngx_kafka_sse_key_t *key, EVP_PKEY *pkey,
    char **reason)
{
    ngx_int_t  rc;

    if (pkey == NULL) {
        *reason = "a key that OpenSSL does not take";
        return NGX_DECLINED;
    }

    rc = ngx_kafka_sse_key_check(pkey, &key->algs, reason);

    /* an error that is left here would be taken for one of a connection */

    ERR_clear_error();

    if (rc != NGX_OK) {
        EVP_PKEY_free(pkey);
        return rc;
    }

    key->pkey = pkey;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_key_add(ngx_kafka_sse_keys_t *keys, ngx_kafka_sse_key_t *key,
    ngx_int_t rc, char **reason)
{
    if (keys->seen++ == NGX_KAFKA_SSE_KEYS_MAX) {
        *reason = "there are more than 256 keys";
        ngx_kafka_sse_key_free(key);
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, keys->log, 0,
                      "kafka_sse: key %ui of a key file is left out: %s",
                      keys->seen, *reason);

        keys->left = *reason;
        rc = NGX_OK;

    } else if (rc == NGX_OK) {
        key->algs &= keys->algs;

        if (key->algs) {
            keys->keys[keys->n++] = *key;
            return NGX_OK;
        }
    }

    ngx_kafka_sse_key_free(key);

    return rc;
}


void
ngx_kafka_sse_key_free(ngx_kafka_sse_key_t *key)
{
    if (key->secret.data) {
        OPENSSL_cleanse(key->secret.data, key->secret.len);
        ngx_free(key->secret.data);
    }

    if (key->kid.data) {
        ngx_free(key->kid.data);
    }

    EVP_PKEY_free(key->pkey);
}


static EVP_PKEY *
ngx_kafka_sse_key_make(char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(build);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params == NULL || ctx == NULL
        || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    ERR_clear_error();

    return pkey;
}


static ngx_int_t
ngx_kafka_sse_key_check(EVP_PKEY *pkey, ngx_uint_t *algs, char **reason)
{
    ngx_kafka_sse_key_curve_t  *curve;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *algs = NGX_KAFKA_SSE_KEY_RS | NGX_KAFKA_SSE_KEY_PS;
        return ngx_kafka_sse_key_check_rsa(pkey, reason);
    }

    /* a key that says that it is for PSS (RFC 4055, 1.2) is for nothing else */

    if (EVP_PKEY_is_a(pkey, "RSA-PSS")) {
        *algs = NGX_KAFKA_SSE_KEY_PS;
        return ngx_kafka_sse_key_check_rsa(pkey, reason);
    }

    if (EVP_PKEY_is_a(pkey, "EC")) {
        return ngx_kafka_sse_key_check_ec(pkey, algs, reason);
    }

    for (curve = ngx_kafka_sse_key_okp_curves; curve->name; curve++) {
        if (EVP_PKEY_is_a(pkey, curve->name)) {
            *algs = 1 << curve->alg;
            return ngx_kafka_sse_key_check_okp(pkey, curve, reason);
        }
    }

    *reason = "a key of a kind that no alg uses";
    return NGX_DECLINED;
}


/*
 * What OpenSSL asks of a key before it is used is the form only: with e = 1
 * whoever knows the padding has a signature.
 */

static ngx_int_t
ngx_kafka_sse_key_check_rsa(EVP_PKEY *pkey, char **reason)
{
    BIGNUM     *n, *e;
    ngx_int_t   bits;

    n = NULL;
    e = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1
        || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
    {
        *reason = "a key that OpenSSL does not take";
        goto done;
    }

    bits = BN_num_bits(n);
    *reason = NULL;

    if (bits < NGX_KAFKA_SSE_KEY_RSA_MIN) {
        *reason = "an RSA key of less than 2048 bits";

    } else if (bits > NGX_KAFKA_SSE_KEY_RSA_MAX) {
        *reason = "an RSA key of more than 16384 bits";

    } else if (!BN_is_odd(n)) {
        *reason = "an RSA key with an even modulus";

    } else if (!BN_is_odd(e) || BN_is_one(e) || BN_cmp(e, n) >= 0) {
        *reason = "an RSA key whose exponent is even, 1 or too large";
    }

done:

    BN_free(e);
    BN_free(n);

    return *reason ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_key_check_ec(EVP_PKEY *pkey, ngx_uint_t *algs, char **reason)
{
    int                         rc;
    char                        name[64];
    EVP_PKEY_CTX               *ctx;
    ngx_kafka_sse_key_curve_t  *curve;

    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name,
                                       sizeof(name), NULL)
        != 1)
    {
        name[0] = '\0';
    }

    for (curve = ngx_kafka_sse_key_ec_curves; curve->name; curve++) {
        if (ngx_strcmp(curve->name, name) == 0) {
            break;
        }
    }

    if (curve->name == NULL) {
        *reason = "an elliptic curve that no alg uses";
        return NGX_DECLINED;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    rc = ctx ? EVP_PKEY_public_check(ctx) : 0;
    EVP_PKEY_CTX_free(ctx);

    if (rc != 1) {
        *reason = "a point that is not on its curve";
        return NGX_DECLINED;
    }

    *algs = 1 << curve->alg;

    return NGX_OK;
}


/*
 * Points of an order of 8 or less: for such a key anyone finds signatures that
 * are good for many messages, and OpenSSL takes them.  A key of zeros is one.
 */

static ngx_int_t
ngx_kafka_sse_key_check_okp(EVP_PKEY *pkey, ngx_kafka_sse_key_curve_t *curve,
    char **reason)
{
    size_t  len;
    u_char  x[57];

    len = sizeof(x);

    if (EVP_PKEY_get_raw_public_key(pkey, x, &len) != 1 || len != curve->len) {
        *reason = "a key that OpenSSL does not take";
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_key_is_small(x, len)) {
        *reason = "a point of small order";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * Encodings of y (RFC 8032, 5.1.2 and 5.2.2) whatever the sign of x: 0, 1, -1,
 * and of Ed25519 also p and p + 1, for 0 and 1, and two of order 8.  Those near
 * p differ in their first byte only.
 */

static ngx_uint_t
ngx_kafka_sse_key_is_small(u_char *x, size_t len)
{
    u_char  first;

    static const u_char  zeros[56];
    static const u_char  near25519[31] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f
    };
    static const u_char  near448[56] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00
    };
    static const u_char  order8[2][32] = {
        { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0,
          0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
          0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
          0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
        { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
          0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
          0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
          0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a }
    };

    x[len - 1] &= 0x7f;
    first = x[0];

    if (first <= 1 && ngx_memcmp(&x[1], zeros, len - 1) == 0) {
        return 1;
    }

    if (len == 57) {
        return first == 0xfe && ngx_memcmp(&x[1], near448, 56) == 0;
    }

    return (first >= 0xec && first <= 0xee
            && ngx_memcmp(&x[1], near25519, 31) == 0)
           || ngx_memcmp(x, order8[0], 32) == 0
           || ngx_memcmp(x, order8[1], 32) == 0;
}


static ngx_kafka_sse_key_curve_t *
ngx_kafka_sse_key_curve(ngx_kafka_sse_key_curve_t *curve, ngx_str_t *crv)
{
    for ( /* void */ ; curve->crv; curve++) {
        if (ngx_strlen(curve->crv) == crv->len
            && ngx_memcmp(curve->crv, crv->data, crv->len) == 0)
        {
            return curve;
        }
    }

    return NULL;
}
