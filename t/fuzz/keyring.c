
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is two bytes, a mask of algs and what is done (FUZZ_); the text of
 * a key file; and behind its last NUL, if it has one, a token, or what the file
 * is next.  A signature that is found good is so for this text, this alg and
 * these keys only.
 *
 * Covers worker/ngx_kafka_sse_keyring.c
 * Covers worker/ngx_kafka_sse_key.c
 * Covers worker/ngx_kafka_sse_jwk.c
 * Covers worker/ngx_kafka_sse_pem.c
 * Covers worker/ngx_kafka_sse_signature.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <sys/mman.h>

#include <openssl/err.h>

#include <worker/ngx_kafka_sse_keyring.h>


#define FUZZ_FILE    0x8000        /* the text is read from a file */
#define FUZZ_MEMORY  0x4000        /* at first there is not enough */
#define FUZZ_GONE    0x2000        /* then there is none, or a directory */


static ngx_log_t  fuzz_log;


/* a token of each alg with a signature of ones: none is good */

static void
fuzz_ones(ngx_kafka_sse_keyring_t *ring)
{
    char                   *reason;
    u_char                  signature[256];
    ngx_uint_t              i;
    ngx_kafka_sse_token_t   token;

    static const size_t  lens[] = { 32, 48, 64, 256, 256, 256, 256, 256, 256,
                                    64, 96, 132, 64 };

    memset(signature, 1, sizeof(signature));
    memset(&token, 0, sizeof(token));
    ngx_str_set(&token.input, "e30.e30");
    token.signature.data = signature;

    for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++) {
        token.alg = i;
        token.signature.len = lens[i];
        reason = NULL;

        fuzz_check(ngx_kafka_sse_keyring_verify(ring, &token, &reason,
                                                &fuzz_log)
                   == NGX_DECLINED && reason);
    }
}


static void
fuzz_no_more(ngx_kafka_sse_keyring_t *ring, ngx_kafka_sse_token_t *token)
{
    char  *reason;

    reason = NULL;

    fuzz_check(ngx_kafka_sse_keyring_verify(ring, token, &reason, &fuzz_log)
               == NGX_DECLINED && reason);
}


/* the other ways that it is not good in */

static void
fuzz_good(ngx_kafka_sse_keyring_t *ring, ngx_kafka_sse_token_t *token)
{
    u_char      *input;
    ngx_uint_t   i, algs;

    fuzz_check(ring->algs >> token->alg & 1);

    algs = ring->algs;
    ring->algs &= ~((ngx_uint_t) 1 << token->alg);
    fuzz_no_more(ring, token);
    ring->algs = algs;

    input = token->input.data;
    token->input.data = fuzz_alloc(token->input.len);
    memcpy(token->input.data, input, token->input.len);

    for (i = 0; i < token->input.len; i += 1 + token->input.len / 4) {
        token->input.data[i] ^= 1;
        fuzz_no_more(ring, token);
        token->input.data[i] ^= 1;
    }

    free(token->input.data);
    token->input.data = input;

    for (i = 0; i < token->signature.len; i += 1 + token->signature.len / 4) {
        token->signature.data[i] ^= 1;
        fuzz_no_more(ring, token);
        token->signature.data[i] ^= 1;
    }

    token->signature.len--;
    fuzz_no_more(ring, token);
}


static void
fuzz_token(ngx_kafka_sse_keyring_t *ring, ngx_str_t *text)
{
    char                   *reason;
    ngx_int_t               rc;
    ngx_pool_t             *pool;
    ngx_kafka_sse_token_t   token;

    pool = ngx_create_pool(4096, NULL);

    if (ngx_kafka_sse_token_parse(&token, pool, text, &reason) == NGX_OK) {
        reason = NULL;
        rc = ngx_kafka_sse_keyring_verify(ring, &token, &reason, &fuzz_log);

        if (rc == NGX_OK) {
            fuzz_good(ring, &token);

        } else {
            fuzz_check(rc == NGX_DECLINED && reason);
        }
    }

    ngx_destroy_pool(pool);
}


static void
fuzz_keys(ngx_kafka_sse_keyring_t *ring)
{
    ngx_uint_t            i, hs;
    ngx_kafka_sse_key_t  *key;

    hs = NGX_KAFKA_SSE_KEY_HS;

    fuzz_check(ring->nkeys > 0 && ring->nkeys <= NGX_KAFKA_SSE_KEYS_MAX);

    for (i = 0; i < ring->nkeys; i++) {
        key = &ring->keys[i];

        fuzz_check(key->algs && (key->algs & ~ring->algs) == 0);
        fuzz_check((key->pkey == NULL) == (key->secret.data != NULL));
        fuzz_check((key->pkey == NULL) == ((key->algs & hs) != 0));
        fuzz_check(key->pkey == NULL || (key->algs & hs) == 0);
        fuzz_check(key->pkey || key->secret.len >= 32);
        fuzz_check(key->kid.len <= NGX_KAFKA_SSE_TOKEN_KID);
    }
}


static void
fuzz_write(int fd, ngx_str_t *text)
{
    fuzz_check(ftruncate(fd, 0) == 0);
    fuzz_check(pwrite(fd, text->data, text->len, 0) == (ssize_t) text->len);
}


/* in a file the text is the same as here, and what it is next is seen */

static void
fuzz_file(ngx_uint_t what, ngx_str_t *text, ngx_str_t *next, ngx_int_t rc,
    ngx_uint_t nkeys)
{
    int                       fd;
    char                      name[64];
    ngx_int_t                 opened;
    ngx_kafka_sse_keyring_t   ring;

    fd = memfd_create("keys", 0);
    fuzz_check(fd >= 0);

    sprintf(name, "/proc/self/fd/%d", fd);
    fuzz_write(fd, text);

    memset(&ring, 0, sizeof(ring));
    ring.algs = what & ((1 << NGX_KAFKA_SSE_ALG_N) - 1);
    ring.file.data = (u_char *) name;
    ring.file.len = strlen(name);

    opened = ngx_kafka_sse_keyring_open(&ring, &fuzz_log);

    fuzz_check((opened == NGX_OK) == (rc == NGX_OK));
    fuzz_check(opened != NGX_OK || ring.nkeys == nkeys);

    /* a first look is too early, a second one sees the same file */

    ngx_kafka_sse_keyring_look(&ring, &fuzz_log);
    ngx_current_msec += NGX_KAFKA_SSE_KEYRING_LOOK;
    ngx_kafka_sse_keyring_look(&ring, &fuzz_log);

    fuzz_check(opened != NGX_OK || ring.nkeys == nkeys);

    /* no clock is as fast as this */

    fuzz_write(fd, next);
    ring.mtime = 0;

    if (what & FUZZ_GONE) {
        strcpy(name, next->len ? "/" : "!");
    }

    ngx_current_msec += NGX_KAFKA_SSE_KEYRING_LOOK;
    ngx_kafka_sse_keyring_look(&ring, &fuzz_log);

    ngx_current_msec += NGX_KAFKA_SSE_KEYRING_LOOK;
    ngx_kafka_sse_keyring_look(&ring, &fuzz_log);

    fuzz_check(opened != NGX_OK || ring.nkeys);
    fuzz_check(!(what & FUZZ_GONE)
               || (ring.failed == (next->len
                                   ? NGX_KAFKA_SSE_KEYRING_FAILED_TEXT
                                   : NGX_KAFKA_SSE_KEYRING_FAILED_FILE)
                   && (opened != NGX_OK || ring.nkeys == nkeys)));

    ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
    close(fd);

    fuzz_check(ERR_peek_error() == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    reason[128];
    ngx_int_t                 rc;
    ngx_str_t                 text, token;
    ngx_uint_t                what;
    const uint8_t            *nul;
    ngx_kafka_sse_keyring_t   ring;

    if (size < 2) {
        fuzz_check(ngx_kafka_sse_keyring_can()
                   == (1 << NGX_KAFKA_SSE_ALG_N) - 1);
        return 0;
    }

    memset(&ring, 0, sizeof(ring));
    memset(reason, 'x', sizeof(reason));

    what = data[0] << 8 | data[1];
    ring.algs = what & ((1 << NGX_KAFKA_SSE_ALG_N) - 1);

    data += 2;
    size -= 2;

    text.len = size;
    ngx_str_null(&token);

    nul = memrchr(data, '\0', size);

    if (nul) {
        text.len = nul - data;
        token.len = size - text.len - 1;
    }

    text.data = fuzz_alloc(text.len);
    memcpy(text.data, data, text.len);

    token.data = fuzz_alloc(token.len);
    memcpy(token.data, data + size - token.len, token.len);

    if (what & FUZZ_MEMORY) {
        ngx_shim_fail_after = token.len % 8;
        rc = ngx_kafka_sse_keyring_parse(&text, ring.algs, &ring.keys,
                                         &ring.nkeys, reason, sizeof(reason),
                                         &fuzz_log);
        ngx_shim_fail_after = -1;

        if (rc == NGX_OK) {
            ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
        }

        fuzz_check(ERR_peek_error() == 0);
    }

    rc = ngx_kafka_sse_keyring_parse(&text, ring.algs, &ring.keys, &ring.nkeys,
                                     reason, sizeof(reason), &fuzz_log);

    fuzz_check(ERR_peek_error() == 0);

    if (rc == NGX_OK) {
        fuzz_keys(&ring);
        fuzz_ones(&ring);
        fuzz_token(&ring, &token);

    } else {
        fuzz_check(rc == NGX_DECLINED && strlen((char *) reason) > 5
                   && strlen((char *) reason) < sizeof(reason));
    }

    if (what & FUZZ_FILE) {
        fuzz_file(what, &text, &token, rc, ring.nkeys);
    }

    if (rc == NGX_OK) {
        ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);
    }

    fuzz_check(ERR_peek_error() == 0);

    free(token.data);
    free(text.data);

    return 0;
}
