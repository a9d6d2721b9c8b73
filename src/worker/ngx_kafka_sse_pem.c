
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <worker/ngx_kafka_sse_pem.h>


static ngx_int_t ngx_kafka_sse_pem_block(ngx_kafka_sse_keys_t *keys,
    char *name, u_char *data, long len, char **reason);
static EVP_PKEY *ngx_kafka_sse_pem_certificate(const u_char *data, long len);
static ngx_uint_t ngx_kafka_sse_pem_is_der(const u_char *data, long len);


ngx_int_t
ngx_kafka_sse_pem_read(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason)
{
    BIO            *bio;
    char           *name, *header;
    long            len;
    u_char         *data;
    ngx_int_t       rc;
    unsigned long   err;

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    if (bio == NULL) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        ERR_clear_error();

        if (PEM_read_bio(bio, &name, &header, &data, &len) != 1) {
            err = ERR_peek_last_error();
            rc = NGX_OK;

            if (ERR_GET_REASON(err) != PEM_R_NO_START_LINE) {
                *reason = "it has a broken block of PEM";
                rc = NGX_DECLINED;
            }

            break;
        }

        rc = ngx_kafka_sse_pem_block(keys, name, data, len, reason);

        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t) len);

        if (rc != NGX_OK) {
            break;
        }
    }

    BIO_free(bio);
    ERR_clear_error();

    return rc;
}


static ngx_int_t
ngx_kafka_sse_pem_block(ngx_kafka_sse_keys_t *keys, char *name, u_char *data,
    long len, char **reason)
{
    size_t                n;
    EVP_PKEY             *pkey;
    ngx_int_t             rc;
    const u_char         *p;
    ngx_kafka_sse_key_t   key;

    p = data;
    n = ngx_strlen(name);

    /* of any kind, encrypted or not: it is not to be where nginx reads */

    if (n >= sizeof("PRIVATE KEY") - 1
        && ngx_strcmp(name + n - (sizeof("PRIVATE KEY") - 1), "PRIVATE KEY")
           == 0)
    {
        *reason = "it has a private key, tokens are verified with the public "
                  "one";
        return NGX_DECLINED;
    }

    if (ngx_strcmp(name, "PUBLIC KEY") == 0) {
        pkey = d2i_PUBKEY(NULL, &p, len);

    } else if (ngx_strcmp(name, "RSA PUBLIC KEY") == 0) {
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len);

    } else if (ngx_strcmp(name, "CERTIFICATE") == 0
               || ngx_strcmp(name, "X509 CERTIFICATE") == 0
               || ngx_strcmp(name, "TRUSTED CERTIFICATE") == 0)
    {
        pkey = ngx_kafka_sse_pem_certificate(data, len);

    } else {
        return NGX_OK;
    }

    ERR_clear_error();
    ngx_memzero(&key, sizeof(ngx_kafka_sse_key_t));

    rc = ngx_kafka_sse_key_public(&key, pkey, reason);

    return ngx_kafka_sse_key_add(keys, &key, rc, reason);
}


static EVP_PKEY *
ngx_kafka_sse_pem_certificate(const u_char *data, long len)
{
    X509      *cert;
    EVP_PKEY  *pkey;

    cert = d2i_X509(NULL, &data, len);
    pkey = cert ? X509_get_pubkey(cert) : NULL;
    X509_free(cert);

    return pkey;
}


ngx_uint_t
ngx_kafka_sse_pem_is_bare(ngx_str_t *text)
{
    int               len, more;
    u_char           *data;
    ngx_uint_t        is;
    EVP_ENCODE_CTX   *ctx;

    if ((text->len > 4 && ngx_memcmp(text->data, "ssh-", 4) == 0)
        || (text->len > 6 && ngx_memcmp(text->data, "ecdsa-", 6) == 0))
    {
        return 1;
    }

    if (ngx_kafka_sse_pem_is_der(text->data, (long) text->len)) {
        return 1;
    }

    is = 0;
    data = OPENSSL_malloc(text->len + 64);
    ctx = EVP_ENCODE_CTX_new();

    if (data && ctx) {
        EVP_DecodeInit(ctx);

        if (EVP_DecodeUpdate(ctx, data, &len, text->data, (int) text->len) >= 0
            && EVP_DecodeFinal(ctx, data + len, &more) == 1)
        {
            is = ngx_kafka_sse_pem_is_der(data, len + more);
        }
    }

    EVP_ENCODE_CTX_free(ctx);
    OPENSSL_clear_free(data, text->len + 64);
    ERR_clear_error();

    return is;
}


static ngx_uint_t
ngx_kafka_sse_pem_is_der(const u_char *data, long len)
{
    EVP_PKEY      *pkey;
    const u_char  *p;

    /* each is a SEQUENCE: most secrets need not be tried */

    if (len < 2 || data[0] != 0x30) {
        return 0;
    }

    p = data;
    pkey = d2i_PUBKEY(NULL, &p, len);

    if (pkey == NULL) {
        p = data;
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len);
    }

    if (pkey == NULL) {
        pkey = ngx_kafka_sse_pem_certificate(data, len);
    }

    EVP_PKEY_free(pkey);
    ERR_clear_error();

    return pkey != NULL;
}
