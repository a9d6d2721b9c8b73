
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Keys, key files and signatures.  t/vectors/signatures.json has keys and
 * tokens, good and bad ones, of each alg; what is here are the key files.
 */


#include <sys/stat.h>

#include <jansson.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_keyring.h>


#define KEYRING_ALL  ((1 << NGX_KAFKA_SSE_ALG_N) - 1)
#define KEYRING_32   "0123456789abcdef0123456789abcdef"


static void keyring_base64url(char *dst, u_char *src, size_t len);


static ngx_log_t    keyring_log;
static char         keyring_dir[] = "/tmp/ngx_kafka_sse_keyring.XXXXXX";
static json_t      *keyring_vectors;


static const char *
keyring_key(const char *name)
{
    return json_string_value(json_object_get(
                             json_object_get(keyring_vectors, "keys"), name));
}


static ngx_uint_t
keyring_algs(const char *names)
{
    size_t       len;
    ngx_uint_t   i, algs;

    for (algs = 0; *names; names += len + (names[len] == ',')) {
        len = strcspn(names, ",");

        for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++) {
            if (ngx_kafka_sse_token_algs[i].len == len
                && memcmp(ngx_kafka_sse_token_algs[i].data, names, len) == 0)
            {
                algs |= 1 << i;
            }
        }
    }

    return algs;
}


/* 0: refused, and reason says why */

static ngx_uint_t
keyring_count(const char *text, size_t len, ngx_uint_t algs, u_char *reason)
{
    ngx_int_t             rc;
    ngx_str_t             s;
    ngx_uint_t            n;
    ngx_kafka_sse_key_t  *keys;

    reason[0] = '\0';
    s = unit_copy(text, len);

    rc = ngx_kafka_sse_keyring_parse(&s, algs, &keys, &n, reason, 128,
                                     &keyring_log);
    free(s.data);

    if (rc != NGX_OK) {
        return 0;
    }

    ngx_kafka_sse_keyring_free(keys, n);

    return n;
}


static void
keyring_has(const char *text, const char *algs, ngx_uint_t expected,
    const char *claim)
{
    u_char      reason[128];
    ngx_uint_t  n;

    n = keyring_count(text, strlen(text), keyring_algs(algs), reason);

    unit_ok(n == expected && ERR_peek_error() == 0, claim);

    if (n != expected) {
        printf("# %d keys: %s\n", (int) n, reason);
    }
}


static void
keyring_refused(const char *text, const char *algs, const char *expected,
    const char *claim)
{
    u_char      reason[128];
    ngx_uint_t  n;

    n = keyring_count(text, strlen(text), keyring_algs(algs), reason);

    unit_ok(n == 0 && strcmp((char *) reason, expected) == 0
            && ERR_peek_error() == 0, claim);

    if (n || strcmp((char *) reason, expected) != 0) {
        printf("# %d keys: %s\n", (int) n, reason);
    }
}


/* NGX_OK: some key of the text is good for the token */

static ngx_int_t
keyring_verify(const char *key, ngx_uint_t algs, const char *token,
    char **reason)
{
    ngx_int_t                 rc;
    ngx_str_t                 text, file;
    ngx_pool_t               *pool;
    u_char                    why[128];
    ngx_kafka_sse_token_t     t;
    ngx_kafka_sse_keyring_t   ring;

    ngx_memzero(&ring, sizeof(ngx_kafka_sse_keyring_t));

    *reason = "the key file";
    ring.algs = algs;
    file = unit_copy(key, strlen(key));

    rc = ngx_kafka_sse_keyring_parse(&file, algs, &ring.keys, &ring.nkeys, why,
                                     sizeof(why), &keyring_log);
    free(file.data);

    if (rc != NGX_OK) {
        return rc;
    }

    pool = ngx_create_pool(4096, NULL);
    text = unit_copy(token, strlen(token));

    rc = ngx_kafka_sse_token_parse(&t, pool, &text, reason);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_keyring_verify(&ring, &t, reason, &keyring_log);
    }

    ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
    ngx_destroy_pool(pool);
    free(text.data);

    return rc;
}


static void
keyring_test_vectors(void)
{
    char          claim[256], *reason;
    size_t        i;
    json_t       *tests, *test;
    ngx_int_t     rc;
    ngx_uint_t    good;

    tests = json_object_get(keyring_vectors, "tests");

    unit_ok(json_array_size(tests) > 600, "there are vectors");

    json_array_foreach(tests, i, test) {
        good = json_is_true(json_object_get(test, "good"));

        rc = keyring_verify(
             keyring_key(json_string_value(json_object_get(test, "key"))),
             keyring_algs(json_string_value(json_object_get(test, "algs"))),
             json_string_value(json_object_get(test, "token")), &reason);

        snprintf(claim, sizeof(claim), "%s is %s",
                 json_string_value(json_object_get(test, "name")),
                 good ? "taken" : "refused");

        unit_ok(rc == (good ? NGX_OK : NGX_DECLINED)
                && ERR_peek_error() == 0, claim);
    }
}


/* the first test of a name with this beginning */

static const char *
keyring_token(const char *begin)
{
    size_t   i;
    json_t  *test;

    json_array_foreach(json_object_get(keyring_vectors, "tests"), i, test) {
        if (strncmp(json_string_value(json_object_get(test, "name")), begin,
                    strlen(begin))
            == 0)
        {
            return json_string_value(json_object_get(test, "token"));
        }
    }

    abort();
}


static void
keyring_test_secret(void)
{
    u_char      reason[128];
    char       *why;
    ngx_uint_t  i;

    static const char  *keys[] = {
        "-----BEGIN PUBLIC KEY-----", "-----BEGIN",
        "text first\n-----BEGIN CERTIFICATE-----\nMIIB\n",
        "-----begin rsa public key-----", "{", "{}", "[", "[1]",
        "  {\"k\":\"x\"}", "\n\n[", "\xef\xbb\xbf{}",
        "{\"kty\":\"oct\"", "{ not JSON but as long as a secret is, and more }"
    };

    keyring_has(KEYRING_32, "HS256", 1, "a secret of 32 bytes");
    keyring_has(KEYRING_32 "\n", "HS256", 1, "with a line end");
    keyring_has(KEYRING_32 "\r\n", "HS256", 1, "with another");

    keyring_refused("0123456789abcdef0123456789abcde\n", "HS256",
                    "a secret for HS256 has 32 bytes at least",
                    "31 bytes and a line end are too few");
    keyring_refused("0123456789abcdef0123456789abcd\r\n", "HS256",
                    "a secret for HS256 has 32 bytes at least",
                    "CR LF is one line end");
    keyring_has("0123456789abcdef0123456789abcde\n\n", "HS256", 1,
                "but of two one belongs to the secret");
    keyring_refused(KEYRING_32, "HS256,HS384",
                    "a secret for HS384 has 48 bytes at least",
                    "32 bytes for HS384");
    keyring_refused(KEYRING_32 KEYRING_32 + 1, "HS512",
                    "a secret for HS512 has 64 bytes at least",
                    "63 bytes for HS512");
    keyring_has(KEYRING_32 KEYRING_32, "HS256,HS384,HS512", 1,
                "64 bytes are for all");
    keyring_refused(KEYRING_32, "RS256,ES256,PS256,EdDSA",
                    "it is a secret, and no HS alg is allowed",
                    "a secret is for HS only");

    keyring_refused("", "HS256", "it is empty", "an empty file");
    keyring_refused(" \r\n\t\n", "HS256", "it is empty", "one of white space");
    unit_ok(keyring_count("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                          "\0\0\0\0\0\0\0", 32, 1, reason) == 1,
            "bytes are bytes, NUL too");

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char  text[256];

        snprintf(text, sizeof(text), "%s%s", keys[i], KEYRING_32 KEYRING_32);
        unit_ok(keyring_count(text, strlen(text), KEYRING_ALL, reason) == 0,
                "what begins as JSON, or has PEM in it, is no secret");
    }

    keyring_refused("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvbW1lbnRjb21tZW50",
                    "HS256",
                    "it is a public key, but neither in PEM nor a JWK",
                    "nor is an OpenSSH key");

    /* what each of the others is good for */

    unit_ok(keyring_verify(keyring_key("oct"), KEYRING_ALL,
                           keyring_token("HS384: good"), &why)
            == NGX_OK, "all algs may be allowed: the key says which are its");
    unit_ok(keyring_verify(keyring_key("rsa"), KEYRING_ALL,
                           keyring_token("HS384: good"), &why)
            == NGX_DECLINED && strcmp(why, "there is no key for it") == 0,
            "a token of HS finds no key where there are public ones");
    unit_ok(keyring_verify(keyring_key("oct"), KEYRING_ALL,
                           keyring_token("RS256: good"), &why)
            == NGX_DECLINED && strcmp(why, "there is no key for it") == 0,
            "a token of RS finds none where there is a secret");
    unit_ok(keyring_verify(keyring_key("oct"),
                           keyring_algs("HS256,HS512"),
                           keyring_token("HS384: good"), &why)
            == NGX_DECLINED && strcmp(why, "its \"alg\" is not allowed") == 0,
            "an alg that is not allowed is not tried");
}


/* DER, and base64 of it, of a key that is otherwise in PEM */

static void
keyring_test_bare(void)
{
    char      *text;
    BIO       *bio;
    u_char     reason[128], *der;
    int        len;
    size_t     i, n;
    EVP_PKEY  *pkey;

    static const char  *names[] = { "rsa-pem", "p256-pem", "ed25519-pem" };

    for (i = 0; i < 3; i++) {
        bio = BIO_new_mem_buf(keyring_key(names[i]), -1);
        pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        der = NULL;
        len = i2d_PUBKEY(pkey, &der);

        unit_ok(keyring_count((char *) der, len, KEYRING_ALL, reason) == 0
                && strncmp((char *) reason, "it is a public key", 18) == 0,
                "a public key in DER is no secret");

        text = (char *) unit_alloc(len * 2 + 4);
        n = EVP_EncodeBlock((u_char *) text, der, len);

        unit_ok(keyring_count(text, n, KEYRING_ALL, reason) == 0
                && strncmp((char *) reason, "it is a public key", 18) == 0,
                "nor is one in base64 without PEM's lines");

        free(text);
        OPENSSL_free(der);
        EVP_PKEY_free(pkey);
        BIO_free(bio);
    }
}


static void
keyring_test_pem(void)
{
    char     *text, *why;
    u_char    reason[128];

    static const char  private[] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "-----END PRIVATE KEY-----\n";

    keyring_has(keyring_key("rsa-pem"), "RS256", 1, "an RSA key in PEM");
    keyring_has(keyring_key("p521-pem"), "ES512", 1, "one of P-521");
    keyring_has(keyring_key("ed448-pem"), "EdDSA", 1, "one of Ed448");
    keyring_has(keyring_key("rsa-cert"), "PS384", 1,
                "a certificate, past its date");
    keyring_refused(keyring_key("rsa-pem"), "ES256,HS256,EdDSA",
                    "none of its keys is for an allowed alg",
                    "a key that no allowed alg uses");
    keyring_refused(keyring_key("secp256k1-pem"), "ES256",
                    "an elliptic curve that no alg uses", "another curve");

    text = (char *) unit_alloc(65536);

    snprintf(text, 65536, "a comment\n%s\nanother\n%s%s",
             keyring_key("rsa-pem"), keyring_key("p256-pem"),
             keyring_key("rsa-cert"));
    keyring_has(text, "RS256,ES256", 3, "several, with text between");
    keyring_has(text, "ES256", 1, "of which one fits");
    unit_ok(keyring_verify(text, KEYRING_ALL, keyring_token("ES256: good"),
                           &why)
            == NGX_OK, "the one that fits is found");

    snprintf(text, 65536, "%s%s", keyring_key("rsa-pem"), private);
    keyring_refused(text, "RS256,EdDSA", "it has a private key, tokens are "
                    "verified with the public one", "a private key");

    keyring_refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                    "-----END ENCRYPTED PRIVATE KEY-----\n", "RS256",
                    "it has a private key, tokens are "
                    "verified with the public one", "an encrypted one");
    keyring_refused("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"
                    "-----END RSA PRIVATE KEY-----\n", "RS256",
                    "it has a private key, tokens are "
                    "verified with the public one", "one of RSA's own form");
    keyring_refused("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"
                    "-----END OPENSSH PRIVATE KEY-----\n", "EdDSA",
                    "it has a private key, tokens are "
                    "verified with the public one", "one of OpenSSH's");
    keyring_refused("-----BEGIN PUBLIC KEY-----\nAAAA\n"
                    "-----END PUBLIC KEY-----\n", "RS256",
                    "a key that OpenSSL does not take", "no key in it");
    keyring_refused("-----BEGIN PUBLIC KEY-----\n!!!!\n"
                    "-----END PUBLIC KEY-----\n", "RS256",
                    "it has a broken block of PEM", "no base64 in it");
    keyring_refused("-----BEGIN PUBLIC KEY-----\nAAAA\n", "RS256",
                    "it has a broken block of PEM", "no end");
    keyring_refused("-----BEGIN X509 CRL-----\nAAAA\n"
                    "-----END X509 CRL-----\n", "RS256",
                    "it has no keys", "something else");

    /* a broken one is left out, and told */

    snprintf(text, 65536, "%s%s", keyring_key("secp256k1-pem"),
             keyring_key("p256-pem"));
    ngx_shim_message[0] = '\0';
    unit_ok(keyring_count(text, strlen(text), KEYRING_ALL, reason) == 1
            && strcmp(ngx_shim_message, "kafka_sse: key 1 of a key file is "
                      "left out: an elliptic curve that no alg uses") == 0,
            "one that must not be used is left out, with a word");

    free(text);
}


static void
keyring_test_weak(void)
{
    char           *text, *pem;
    long            len;
    BIO            *bio;
    size_t          i;
    BIGNUM         *e;
    EVP_PKEY       *pkey;
    EVP_PKEY_CTX   *ctx;

    /* a key that RSA does without: 1024 bits */

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    e = BN_new();
    BN_set_word(e, 65537);
    EVP_PKEY_keygen_init(ctx);
    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e);
    EVP_PKEY_generate(ctx, &pkey);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, pkey);
    len = BIO_get_mem_data(bio, &pem);

    text = (char *) unit_alloc(65536);
    snprintf(text, 65536, "%.*s", (int) len, pem);
    keyring_refused(text, "RS256", "an RSA key of less than 2048 bits",
                    "an RSA key of 1024 bits");

    BN_free(e);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(ctx);

    /* n of the good key with other exponents */

    {
        const char  *n, *end;

        n = strstr(keyring_key("rsa"), "\"n\": \"") + 6;
        end = strchr(n, '"');

        static const struct {
            const char  *e;
            const char  *claim;
        } exponents[] = {
            { "AQ", "an exponent of 1" },
            { "AA", "an exponent of 0" },
            { "Ag", "an exponent of 2" },
            { "AQAA", "an even exponent" }
        };

        for (i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
            snprintf(text, 65536,
                     "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%s\"}",
                     (int) (end - n), n, exponents[i].e);
            keyring_refused(text, "RS256", "an RSA key whose exponent is even, "
                            "1 or too large", exponents[i].claim);
        }

        snprintf(text, 65536, "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%.*s\"}",
                 (int) (end - n), n, (int) (end - n), n);
        keyring_refused(text, "RS256", "an RSA key whose exponent is even, "
                        "1 or too large", "an exponent as large as n");

        snprintf(text, 65536, "{\"kty\":\"RSA\",\"n\":\"AA%.*s\","
                 "\"e\":\"AAAAAQAB\"}", (int) (end - n - 2), n);
        keyring_has(text, "RS256", 0, "digits that are no whole bytes");

        snprintf(text, 65536, "{\"kty\":\"RSA\",\"n\":\"AAAA%.*s\","
                 "\"e\":\"AQAB\"}", (int) (end - n), n);
        keyring_has(text, "RS256", 1, "zeros in front of n, as some write");

        snprintf(text, 65536, "{\"kty\":\"RSA\",\"n\":\"%.*s\","
                 "\"e\":\"AQAB\"}", 200, n);
        keyring_refused(text, "RS256", "an RSA key of less than 2048 bits",
                        "the first 1200 bits of n");

        snprintf(text, 65536, "{\"kty\":\"RSA\",\"n\":\"%.*sA\","
                 "\"e\":\"AQAB\"}", 340, n);
        keyring_has(text, "RS256", 0, "an even n");
    }

    i = sprintf(text, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    memset(text + i, '_', 4096);
    memcpy(text + i + 4096, "\"}", 3);
    keyring_refused(text, "RS256", "an RSA key of more than 16384 bits",
                    "an RSA key of 24576 bits");

    /* points that are not where they should be */

    keyring_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
                    "ES256", "a point that is not on its curve", "(0, 0)");
    keyring_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\",\"y\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
                    "ES256", "a point that is not on its curve", "(1, 1)");
    keyring_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
                    "ES256", "a point that is not on its curve",
                    "a coordinate that is too short");

    static const char  *small[] = {
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
        "7P_______________________________________38",
        "7f_______________________________________38",
        "7v________________________________________8",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"
    };

    for (i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        snprintf(text, 65536, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                 "\"x\":\"%s\"}", small[i]);
        keyring_refused(text, "EdDSA", "a point of small order",
                        "a point of small order of Ed25519");
    }

    snprintf(text, 65536, "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%076d\"}",
             0);
    memset(strstr(text, "\"x\":\"") + 5, 'A', 76);
    keyring_refused(text, "EdDSA", "a point of small order",
                    "one of Ed448, of zeros");
    memcpy(strstr(text, "\"x\":\"") + 5, "AQ", 2);
    keyring_refused(text, "EdDSA", "a point of small order",
                    "and the neutral one");
    memcpy(strstr(text, "\"x\":\"") + 5,
           "_v____________________________________"
           "7___________________________________8A", 76);
    keyring_refused(text, "EdDSA", "a point of small order",
                    "and the one of order 2");

    keyring_refused("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
                    "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
                    "EdDSA", "an Edwards curve that no alg uses", "X25519");
    keyring_refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAA\"}",
                    "EdDSA", "a point that is not on its curve",
                    "three bytes for a point");
    keyring_refused("{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"AA\","
                    "\"y\":\"AA\"}", "ES256",
                    "an elliptic curve that no alg uses", "p-256 is no P-256");
    keyring_refused("{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}", "ES256",
                    "an elliptic curve that no alg uses", "no crv");

    free(text);
}


#define KEYRING_K  "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\""


static void
keyring_test_jwk(void)
{
    size_t       i, len;
    char        *text, *p;

    static const char  left[] =
        "a JWK that has a member twice, or a number that is none";
    static const char  digits[] =
        "a JWK whose key is not there or not base64url";
    static const char  none[] = "none of its keys is for an allowed alg";
    static const char  json[] =
        "it begins as JSON, and is no JWK set and no JWK";
    static const char  private[] = "it has a private key, tokens are verified "
                                   "with the public one";

    static const char  *good[] = {
        "{\"kty\":\"oct\"," KEYRING_K "}",
        "{" KEYRING_K ",\"kty\":\"oct\",\"alg\":\"HS256\",\"use\":\"sig\"}",
        "{\"kty\":\"oct\"," KEYRING_K ",\"key_ops\":[\"sign\",\"verify\"]}",
        "{\"kty\":\"oct\"," KEYRING_K ",\"kid\":\"\",\"x5t\":1,\"d\":1}",
        " {\"keys\" : [ {\"kty\":\"oct\"," KEYRING_K "} ] , \"x\" : 1 } \n",
        "{\"keys\":[{\"kty\":\"NEW\",\"z\":1},{\"kty\":\"oct\"," KEYRING_K
            "}]}",
        "{\"keys\":[{\"kty\":\"oct\"," KEYRING_K ",\"use\":\"enc\"},"
            "{\"kty\":\"oct\"," KEYRING_K "}]}",
        "{\"keys\":[{\"kty\":\"oct\"," KEYRING_K ",\"kty\":\"oct\"},"
            "{\"kty\":\"oct\"," KEYRING_K "}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"?\"},"
            "{\"kty\":\"oct\"," KEYRING_K "}]}",
        "{\"keys\":[{\"kty\":\"oct\"," KEYRING_K ",\"n\":1e999},"
            "{\"kty\":\"oct\"," KEYRING_K "}]}",
        "{\"x\":{\"keys\":1},\"keys\":[{\"kty\":\"oct\"," KEYRING_K "}]}"
    };

    static const struct {
        const char  *text;
        const char  *reason;
    } bad[] = {
        { "{}", "a JWK without \"kty\"" },
        { "{\"kty\":1}", "a JWK without \"kty\"" },
        { "{\"keys\":[]}", "it has no keys" },
        { "{\"keys\":{}}", json },
        { "{\"keys\":[1]}", json },
        { "{\"keys\":[[]]}", json },
        { "{\"keys\":null}", json },
        { "{\"keys\":[{\"kty\":\"oct\"}],\"keys\":[]}",
          "it has \"keys\" twice" },
        { "[{\"kty\":\"oct\"," KEYRING_K "}]", json },
        { "{\"kty\":\"oct\"," KEYRING_K "}x", json },
        { "{\"kty\":\"oct\"," KEYRING_K "", json },
        { "{\"kty\":\"oct\"," KEYRING_K "}{}", json },
        { "{\"kty\":\"oct\",\"k\":\"\xff\"}", json },
        { "{\"kty\":\"oct\"," KEYRING_K "," KEYRING_K "}", left },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"x\":{\"a\":1,\"a\":1}}", left },
        { "{\"kty\":\"oct\"}", digits },
        { "{\"kty\":\"oct\",\"k\":\"\"}", digits },
        { "{\"kty\":\"oct\",\"k\":[]}", digits },
        { "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlh"
          "YmNkZWY=\"}", digits },
        { "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlh"
          "YmNkZW+\"}", digits },
        { "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlh"
          "YmNkZWZ\"}", digits },
        { "{\"kty\":\"oct\",\"k\":\"MDEy\"}",
          "a secret of less than 32 bytes" },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"use\":\"enc\"}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"use\":1}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"key_ops\":[\"sign\"]}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"key_ops\":\"verify\"}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"key_ops\":[]}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":\"none\"}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":\"A256KW\"}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":1}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":null}", none },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":\"RS256\"}",
          "a JWK whose \"alg\" is not one of its kind" },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"alg\":\"HS512\"}",
          "a JWK whose \"alg\" is not one of its kind" },
        { "{\"kty\":\"oct\"," KEYRING_K ",\"kid\":7}",
          "a JWK whose \"kid\" is no string or too long" },
        { "{\"kty\":\"NEW\"," KEYRING_K "}", none },
        { "{\"kty\":\"OCT\"," KEYRING_K "}", none },
        { "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\",\"d\":\"AQ\"}",
          private },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":1}", private },
        { "{\"kty\":\"OKP\",\"d\":null}", private },
        { "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\",\"p\":\"AQ\"}",
          private },
        { "{\"keys\":[{\"kty\":\"oct\"," KEYRING_K "},{\"kty\":\"RSA\","
          "\"use\":\"enc\",\"qi\":\"AQ\"}]}", private },
        { "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", digits },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\"}", digits },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\"}", digits },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", digits }
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        keyring_has(good[i], "HS256", 1, "a JWK, or a set with one for us");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        keyring_refused(bad[i].text, "HS256,RS256,ES256,EdDSA", bad[i].reason,
                        "what is no key for us, and why");
    }

    text = (char *) unit_alloc(65536);

    for (len = 256; len < 258; len++) {
        p = text + sprintf(text, "{\"kty\":\"oct\"," KEYRING_K ",\"kid\":\"");
        memset(p, 'k', len);
        strcpy(p + len, "\"}");
        keyring_has(text, "HS256", len == 256, "a kid has 256 bytes at most");
    }

    for (len = 256; len < 258; len++) {
        p = text + sprintf(text, "{\"keys\":[");

        for (i = 0; i < len; i++) {
            p += sprintf(p, "%s{\"kty\":\"oct\"," KEYRING_K "}", i ? "," : "");
        }

        strcpy(p, "]}");

        if (len == 256) {
            keyring_has(text, "HS256", 256, "a set of 256 keys");

        } else {
            keyring_refused(text, "HS256", "there are more than 256 keys",
                            "one of 257 is refused");
        }
    }

    for (i = 0; i < 30000; i++) {
        text[i] = '[';
    }

    text[0] = '{';
    memcpy(text + 1, "\"keys\":", 7);
    text[i] = '\0';
    keyring_refused(text, "HS256", json, "depth does no harm");

    free(text);
}


/* of HS256, signed with the secret of "oct", whose bytes are 1, 2, .. 80 */

static const char *
keyring_with_kid(const char *kid)
{
    u_char        mac[EVP_MAX_MD_SIZE], secret[80];
    char          header[64];
    unsigned int  i, len;

    static char  token[512];

    for (i = 0; i < sizeof(secret); i++) {
        secret[i] = (u_char) (i + 1);
    }

    sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);

    keyring_base64url(token, (u_char *) header, strlen(header));
    strcat(token, ".e30");

    HMAC(EVP_sha256(), secret, sizeof(secret), (u_char *) token,
         strlen(token), mac, &len);

    strcat(token, ".");
    keyring_base64url(token + strlen(token), mac, len);

    return token;
}


static void
keyring_base64url(char *dst, u_char *src, size_t len)
{
    char  *p;

    EVP_EncodeBlock((u_char *) dst, src, (int) len);

    for (p = dst; *p; p++) {
        if (*p == '=') {
            *p = '\0';
            break;
        }

        *p = (*p == '+') ? '-' : (*p == '/') ? '_' : *p;
    }
}


static void
keyring_test_kid(void)
{
    char        *set, *why, token[1024];
    const char  *data;
    ngx_uint_t   i, n;

    /* the token has no kid: {"alg":"HS256"} */

    data = keyring_token("HS256: good");
    snprintf(token, sizeof(token), "%s", data);

    const char  *k = strstr(keyring_key("oct"), "\"k\"");
    int          len = (int) strlen(k) - 1;

    set = (char *) unit_alloc(65536);

    snprintf(set, 65536, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\","
             KEYRING_K "},{\"kty\":\"oct\",\"kid\":\"b\",%.*s}]}", len, k);
    unit_ok(keyring_verify(set, 1, token, &why) == NGX_OK,
            "a token without kid is tried with all keys");

    unit_ok(keyring_verify(set, 1, keyring_with_kid("b"), &why) == NGX_OK,
            "one with kid by the key that has it");
    unit_ok(keyring_verify(set, 1, keyring_with_kid("a"), &why)
            == NGX_DECLINED && why
            && strcmp(why, "its signature is not good") == 0,
            "and by no other");
    unit_ok(keyring_verify(set, 1, keyring_with_kid("c"), &why)
            == NGX_DECLINED && why
            && strcmp(why, "there is no key for it") == 0,
            "a kid that no key has");

    snprintf(set, 65536, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\","
             KEYRING_K "},{\"kty\":\"oct\",\"kid\":\"a\",%.*s},"
             "{\"kty\":\"oct\"," KEYRING_K "}]}", len, k);
    unit_ok(keyring_verify(set, 1, keyring_with_kid("a"), &why) == NGX_OK,
            "of several keys of one kid all are tried");
    unit_ok(keyring_verify(set, 1, keyring_with_kid("c"), &why)
            == NGX_DECLINED && why
            && strcmp(why, "its signature is not good") == 0,
            "for a kid that no key has, the keys without");

    snprintf(set, 65536, "{\"keys\":[{\"kty\":\"oct\",%.*s},"
             "%.*s,\"kid\":\"c\"}]}", len, k,
             (int) strlen(keyring_key("ed25519")) - 1, keyring_key("ed25519"));
    unit_ok(keyring_verify(set, KEYRING_ALL, keyring_with_kid("c"), &why)
            == NGX_DECLINED && why
            && strcmp(why, "there is no key for it") == 0,
            "but not if a key of another kind has it");

    /* 8 keys are tried, and no more */

    for (n = 7; n < 9; n++) {
        char  *p = set + sprintf(set, "{\"keys\":[");

        for (i = 0; i < n; i++) {
            p += sprintf(p, "{\"kty\":\"oct\"," KEYRING_K "},");
        }

        sprintf(p, "{\"kty\":\"oct\",%.*s}]}", len, k);

        unit_ok(keyring_verify(set, 1, token, &why)
                == (n == 7 ? NGX_OK : NGX_DECLINED),
                n == 7 ? "the eighth key is tried" : "the ninth is not");
    }

    unit_ok(why && strcmp(why, "none of the first keys for it has signed it")
                   == 0, "which is told");

    /* keys of another kind do not count */

    {
        char  *p = set + sprintf(set, "{\"keys\":[");

        for (i = 0; i < 20; i++) {
            p += sprintf(p, "%s,", keyring_key("ed25519"));
        }

        sprintf(p, "{\"kty\":\"oct\",%.*s}]}", len, k);

        unit_ok(keyring_verify(set, KEYRING_ALL, token, &why) == NGX_OK,
                "keys that do not fit are not counted");
    }

    free(set);
}


/* a file that is what a test says, then looked at again after so many ms */

static void
keyring_write(const char *name, const char *text, time_t mtime)
{
    char              path[256];
    FILE             *file;
    struct timespec   times[2];

    snprintf(path, sizeof(path), "%s/%s", keyring_dir, name);

    file = fopen(path, "w");
    if (file == NULL || fwrite(text, 1, strlen(text), file) != strlen(text)) {
        abort();
    }

    fclose(file);

    times[0].tv_sec = times[1].tv_sec = mtime;
    times[0].tv_nsec = times[1].tv_nsec = 0;

    if (utimensat(AT_FDCWD, path, times, 0) != 0) {
        abort();
    }
}


static void
keyring_path(char *dst, const char *name)
{
    sprintf(dst, "%s/%s", keyring_dir, name);
}


/* how many lines are written by looks over 5 s */

static ngx_uint_t
keyring_looks(ngx_kafka_sse_keyring_t *ring)
{
    ngx_uint_t  i, before;

    before = ngx_shim_messages;

    for (i = 0; i < 50; i++) {
        ngx_current_msec += 100;
        ngx_kafka_sse_keyring_look(ring, &keyring_log);
    }

    return ngx_shim_messages - before;
}


static void
keyring_test_look(void)
{
    char                      file[256], other[256], link[256];
    ngx_int_t                 i;
    ngx_uint_t                before;
    struct timespec           times[2];
    ngx_kafka_sse_key_t      *keys;
    ngx_kafka_sse_keyring_t   ring;

    ngx_memzero(&ring, sizeof(ngx_kafka_sse_keyring_t));
    keyring_path(file, "keys");
    ring.algs = KEYRING_ALL;
    ring.file.data = (u_char *) file;
    ring.file.len = strlen(file);

    before = ngx_shim_messages;
    unit_ok(ngx_kafka_sse_keyring_open(&ring, &keyring_log) == NGX_ERROR
            && ngx_shim_messages == before + 1
            && strstr(ngx_shim_message, "open() key file \"") != NULL,
            "a file that is not there is said");

    keyring_write("keys", keyring_key("rsa"), 1000);
    unit_ok(ngx_kafka_sse_keyring_open(&ring, &keyring_log) == NGX_OK
            && ring.nkeys == 1, "a file is read");

    keys = ring.keys;
    unit_ok(keyring_looks(&ring) == 0 && ring.keys == keys,
            "it is not read again while it stays");

    keyring_write("keys", keyring_key("p256"), 1001);
    ngx_kafka_sse_keyring_look(&ring, &keyring_log);
    unit_ok(ring.keys == keys, "nor looked at more than once a second");
    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES256),
            "a change is read, and said once");

    /* the same mtime, another size; the same of both, another inode */

    keyring_write("keys", keyring_key("p384"), 1001);
    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES384),
            "another size is a change");

    times[0].tv_sec = times[1].tv_sec = 1001;
    times[0].tv_nsec = times[1].tv_nsec = 1;
    unit_ok(utimensat(AT_FDCWD, file, times, 0) == 0
            && keyring_looks(&ring) == 1, "and so is a nanosecond");
    times[0].tv_nsec = times[1].tv_nsec = 0;
    unit_ok(utimensat(AT_FDCWD, file, times, 0) == 0
            && keyring_looks(&ring) == 1, "back, too");

    keyring_write("new", keyring_key("p384"), 1001);
    keyring_path(other, "new");
    keys = ring.keys;
    unit_ok(rename(other, file) == 0 && keyring_looks(&ring) == 1,
            "another file of the same size and time is one");

    /* no use: the old keys stay, one line for each change */

    keyring_write("keys", "{", 1002);
    keys = ring.keys;
    unit_ok(keyring_looks(&ring) == 1 && ring.keys == keys
            && strstr(ngx_shim_message, "of no use: it begins as JSON, and is "
                      "no JWK set and no JWK, the old keys stay") != NULL,
            "a bad file is said once, the keys stay");
    unit_ok(keyring_looks(&ring) == 0 && ring.keys == keys, "and not again");

    keyring_write("keys", "[", 1003);
    unit_ok(keyring_looks(&ring) == 1 && ring.keys == keys,
            "another bad one is said");

    keyring_write("keys", "", 1004);
    unit_ok(keyring_looks(&ring) == 1 && ring.keys == keys,
            "an empty one, too");

    keyring_write("keys", keyring_key("ed25519"), 1005);
    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_EDDSA),
            "a good one is taken");

    /* gone, and back */

    keys = ring.keys;
    unlink(file);
    unit_ok(keyring_looks(&ring) == 1 && ring.keys == keys
            && strstr(ngx_shim_message, "the old keys stay") != NULL,
            "a file that has gone is said once, the keys stay");
    keyring_write("keys", keyring_key("rsa"), 1005);
    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_RS256),
            "when it is back it is read");

    /* what is no file, or too large */

    keys = ring.keys;
    unlink(file);
    unit_ok(mkdir(file, 0700) == 0 && keyring_looks(&ring) == 1
            && ring.keys == keys, "a directory is no file");
    rmdir(file);
    unit_ok(mkfifo(file, 0600) == 0 && keyring_looks(&ring) == 1
            && ring.keys == keys, "a FIFO is none, and does not stop us");
    unlink(file);

    keyring_write("keys", "x", 1006);
    unit_ok(truncate(file, NGX_KAFKA_SSE_KEYRING_FILE + 1) == 0
            && keyring_looks(&ring) == 1 && ring.keys == keys,
            "more than 1 megabyte is too much");

    /* what there was no memory for is not forgotten */

    keyring_write("keys", keyring_key("p256"), 1007);
    keyring_looks(&ring);
    keys = ring.keys;
    keyring_write("keys", keyring_key("p384"), 1008);

    for (i = 0; i < 4; i++) {
        ngx_shim_fail_after = i;
        ngx_current_msec += NGX_KAFKA_SSE_KEYRING_LOOK;
        ngx_kafka_sse_keyring_look(&ring, &keyring_log);
        ngx_shim_fail_after = -1;

        unit_ok(ring.keys == keys, "without memory the old keys stay");
    }

    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES384),
            "with it the new ones are read");

    /* as Kubernetes does it: a link to a directory is another one */

    unlink(file);
    keyring_path(link, "data");
    keyring_path(other, "one");
    mkdir(other, 0700);
    keyring_path(other, "two");
    mkdir(other, 0700);
    keyring_write("one/keys", keyring_key("p256"), 2000);
    keyring_write("two/keys", keyring_key("p384"), 2000);
    keyring_path(file, "data/keys");
    ring.file.len = strlen(file);

    unit_ok(symlink("one", link) == 0 && keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES256),
            "a link is followed");

    keyring_path(other, "swap");
    unit_ok(symlink("two", other) == 0 && rename(other, link) == 0
            && keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES384),
            "and its change is seen");

    ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
}


/* a worker is not root: what the master has read it may not be able to */

static void
keyring_test_unprivileged(void)
{
    char                      file[256];
    ngx_kafka_sse_key_t      *keys;
    ngx_kafka_sse_keyring_t   ring;

    if (geteuid() != 0) {
        unit_ok(1, "# SKIP not root: a file that cannot be read");
        return;
    }

    ngx_memzero(&ring, sizeof(ngx_kafka_sse_keyring_t));
    keyring_path(file, "secret");
    ring.algs = KEYRING_ALL;
    ring.file.data = (u_char *) file;
    ring.file.len = strlen(file);

    keyring_write("secret", keyring_key("rsa"), 1000);
    chmod(keyring_dir, 0755);
    chmod(file, 0600);

    unit_ok(ngx_kafka_sse_keyring_open(&ring, &keyring_log) == NGX_OK,
            "root reads it");
    keys = ring.keys;

    if (seteuid(65534) != 0) {
        abort();
    }

    unit_ok(keyring_looks(&ring) == 0, "nothing is said while it stays");

    if (seteuid(0) != 0) {
        abort();
    }

    keyring_write("secret", keyring_key("p256"), 1001);

    if (seteuid(65534) != 0) {
        abort();
    }

    unit_ok(keyring_looks(&ring) == 1 && ring.keys == keys
            && strstr(ngx_shim_message, "let the user or group of nginx's "
                      "workers read it, or reload nginx") != NULL,
            "a change that cannot be read is said once, with what helps");

    if (seteuid(0) != 0) {
        abort();
    }

    /* neither time nor size change by this */

    chmod(file, 0644);

    if (seteuid(65534) != 0) {
        abort();
    }

    unit_ok(keyring_looks(&ring) == 1
            && (ring.keys->algs & 1 << NGX_KAFKA_SSE_ALG_ES256),
            "what helps is seen");

    if (seteuid(0) != 0) {
        abort();
    }

    ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
}


static void
keyring_test_memory(void)
{
    u_char                reason[128];
    ngx_int_t             i, rc;
    ngx_str_t             text;
    ngx_uint_t            n;
    ngx_kafka_sse_key_t  *keys;

    text.data = (u_char *) "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\","
                           KEYRING_K "}]}";
    text.len = strlen((char *) text.data);

    for (i = 0; i < 10; i++) {
        ngx_shim_fail_after = i;
        rc = ngx_kafka_sse_keyring_parse(&text, 1, &keys, &n, reason, 128,
                                         &keyring_log);
        ngx_shim_fail_after = -1;

        if (rc == NGX_OK) {
            ngx_kafka_sse_keyring_free(keys, n);
            break;
        }

        unit_ok(rc == NGX_ERROR, "no memory is an error, not a bad file");
    }

    unit_ok(i >= 4 && i < 10, "each allocation has failed once");
}


int
main(void)
{
    char          path[4096], *slash;
    json_error_t  err;

    keyring_log.log_level = NGX_LOG_NOTICE;

    snprintf(path, sizeof(path), "%s", __FILE__);
    slash = strrchr(path, '/');
    snprintf(slash, sizeof(path) - (slash - path),
             "/../vectors/signatures.json");

    keyring_vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &err);

    if (keyring_vectors == NULL || mkdtemp(keyring_dir) == NULL) {
        printf("# %s: %s\n", path, err.text);
        return 2;
    }

    unit_ok(ngx_kafka_sse_keyring_can() == KEYRING_ALL,
            "OpenSSL verifies all that there is");

    keyring_test_vectors();
    keyring_test_secret();
    keyring_test_bare();
    keyring_test_pem();
    keyring_test_weak();
    keyring_test_jwk();
    keyring_test_kid();
    keyring_test_look();
    keyring_test_unprivileged();
    keyring_test_memory();

    snprintf(path, sizeof(path), "rm -rf '%s'", keyring_dir);

    if (system(path) != 0) {
        abort();
    }

    json_decref(keyring_vectors);

    return unit_done();
}
