
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <worker/ngx_kafka_sse_signature.h>


typedef struct {
    char         *type;             /* of the key, for OpenSSL */
    char         *digest;           /* NULL: the signature has its own */
    size_t        half;             /* bytes of r, and of s */
    ngx_uint_t    is_pss;
} ngx_kafka_sse_signature_alg_t;


static ngx_int_t ngx_kafka_sse_signature_hmac(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md);
static ngx_int_t ngx_kafka_sse_signature_public(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md, ngx_str_t *signature);
static ngx_int_t ngx_kafka_sse_signature_pair(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md, size_t half);
static int ngx_kafka_sse_signature_der(u_char **der, ngx_str_t *pair);
static const EVP_MD *ngx_kafka_sse_signature_md(ngx_uint_t alg);


static ngx_kafka_sse_signature_alg_t  ngx_kafka_sse_signature_table[] = {
    { "HMAC", "SHA256", 0, 0 },
    { "HMAC", "SHA384", 0, 0 },
    { "HMAC", "SHA512", 0, 0 },
    { "RSA", "SHA256", 0, 0 },
    { "RSA", "SHA384", 0, 0 },
    { "RSA", "SHA512", 0, 0 },
    { "RSA", "SHA256", 0, 1 },
    { "RSA", "SHA384", 0, 1 },
    { "RSA", "SHA512", 0, 1 },
    { "EC", "SHA256", 32, 0 },
    { "EC", "SHA384", 48, 0 },
    { "EC", "SHA512", 66, 0 },
    { "ED25519", NULL, 0, 0 }
};


ngx_int_t
ngx_kafka_sse_signature_verify(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token)
{
    size_t         half;
    ngx_int_t      rc;
    const EVP_MD  *md;

    if (!(key->algs >> token->alg & 1)) {
        return NGX_DECLINED;
    }

    md = ngx_kafka_sse_signature_md(token->alg);
    half = ngx_kafka_sse_signature_table[token->alg].half;

    if (key->pkey == NULL) {
        rc = ngx_kafka_sse_signature_hmac(key, token, md);

    } else if (half) {
        rc = ngx_kafka_sse_signature_pair(key, token, md, half);

    } else if (token->signature.len != (size_t) EVP_PKEY_get_size(key->pkey)) {
        rc = NGX_DECLINED;

    } else {
        rc = ngx_kafka_sse_signature_public(key, token, md, &token->signature);
    }

    /* an error that is left here would be taken for one of a connection */

    ERR_clear_error();

    return rc;
}


ngx_uint_t
ngx_kafka_sse_signature_algs(void)
{
    EVP_MD                         *md;
    ngx_uint_t                      i, algs, has;
    EVP_PKEY_CTX                   *ctx;
    ngx_kafka_sse_signature_alg_t  *alg;

    algs = 0;
    alg = ngx_kafka_sse_signature_table;

    for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++, alg++) {

        ctx = EVP_PKEY_CTX_new_from_name(NULL, alg->type, NULL);
        has = (ctx != NULL);
        EVP_PKEY_CTX_free(ctx);

        if (alg->digest) {
            md = EVP_MD_fetch(NULL, alg->digest, NULL);
            has = has && md;
            EVP_MD_free(md);
        }

        algs |= has << i;
    }

    ERR_clear_error();

    return algs;
}


static ngx_int_t
ngx_kafka_sse_signature_hmac(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md)
{
    u_char        mac[EVP_MAX_MD_SIZE];
    unsigned int  len;

    if (key->secret.data == NULL || md == NULL
        || HMAC(md, key->secret.data, (int) key->secret.len,
                token->input.data, token->input.len, mac, &len)
           == NULL)
    {
        return NGX_DECLINED;
    }

    return (token->signature.len == len
            && CRYPTO_memcmp(token->signature.data, mac, len) == 0)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_kafka_sse_signature_public(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md, ngx_str_t *signature)
{
    int            rc;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    rc = EVP_DigestVerifyInit(ctx, &pctx, md, NULL, key->pkey);

    /* MGF1 with the same hash, the salt as long as it is (RFC 7518, 3.5) */

    if (rc == 1 && ngx_kafka_sse_signature_table[token->alg].is_pss) {
        rc = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, md) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    if (rc == 1) {
        rc = EVP_DigestVerify(ctx, signature->data, signature->len,
                              token->input.data, token->input.len);
    }

    EVP_MD_CTX_free(ctx);

    return (rc == 1) ? NGX_OK : NGX_DECLINED;
}


/*
 * r and s, of the curve's bytes each (RFC 7518, 3.4); OpenSSL wants them in
 * DER, and refuses what is not in 1 .. n - 1
 */

static ngx_int_t
ngx_kafka_sse_signature_pair(ngx_kafka_sse_key_t *key,
    ngx_kafka_sse_token_t *token, const EVP_MD *md, size_t half)
{
    int         len;
    ngx_int_t   rc;
    ngx_str_t   der;

    if (token->signature.len != 2 * half) {
        return NGX_DECLINED;
    }

    len = ngx_kafka_sse_signature_der(&der.data, &token->signature);

    if (len <= 0) {
        return NGX_DECLINED;
    }

    der.len = (size_t) len;

    rc = ngx_kafka_sse_signature_public(key, token, md, &der);

    OPENSSL_free(der.data);

    return rc;
}


static int
ngx_kafka_sse_signature_der(u_char **der, ngx_str_t *pair)
{
    int         len, half;
    BIGNUM     *r, *s;
    ECDSA_SIG  *sig;

    len = 0;
    *der = NULL;
    half = (int) pair->len / 2;

    r = BN_bin2bn(pair->data, half, NULL);
    s = BN_bin2bn(pair->data + half, half, NULL);
    sig = ECDSA_SIG_new();

    if (r == NULL || s == NULL || sig == NULL
        || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);

    } else {
        len = i2d_ECDSA_SIG(sig, der);
    }

    ECDSA_SIG_free(sig);

    return len;
}


static const EVP_MD *
ngx_kafka_sse_signature_md(ngx_uint_t alg)
{
    char  *digest;

    digest = ngx_kafka_sse_signature_table[alg].digest;

    return (digest == NULL) ? NULL
           : (digest[3] == '2') ? EVP_sha256()
           : (digest[3] == '3') ? EVP_sha384() : EVP_sha512();
}
