
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is two bytes, a mask of algs, and the text of a key file.  A token
 * is then tried with the keys that it has: none may be good for it.
 */


#include <openssl/err.h>

#include "fuzz.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_keyring.h>


static void
fuzz_verify(ngx_kafka_sse_keyring_t *ring, ngx_log_t *log)
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

        fuzz_check(ngx_kafka_sse_keyring_verify(ring, &token, &reason, log)
                   == NGX_DECLINED);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    reason[128];
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_log_t                 log;
    ngx_uint_t                i, hs;
    ngx_kafka_sse_keyring_t   ring;

    if (size < 2) {
        return 0;
    }

    memset(&log, 0, sizeof(log));
    memset(&ring, 0, sizeof(ring));
    memset(reason, 'x', sizeof(reason));

    ring.algs = (data[0] << 8 | data[1]) & ((1 << NGX_KAFKA_SSE_ALG_N) - 1);

    text.len = size - 2;
    text.data = fuzz_alloc(text.len);
    memcpy(text.data, data + 2, text.len);

    rc = ngx_kafka_sse_keyring_parse(&text, ring.algs, &ring.keys, &ring.nkeys,
                                     reason, sizeof(reason), &log);

    fuzz_check(ERR_peek_error() == 0);

    hs = NGX_KAFKA_SSE_KEY_HS;

    if (rc == NGX_OK) {
        fuzz_check(ring.nkeys > 0 && ring.nkeys <= NGX_KAFKA_SSE_KEYS_MAX);

        for (i = 0; i < ring.nkeys; i++) {
            fuzz_check(ring.keys[i].algs
                       && (ring.keys[i].algs & ~ring.algs) == 0);
            fuzz_check((ring.keys[i].pkey == NULL)
                       == (ring.keys[i].secret.data != NULL));
            fuzz_check((ring.keys[i].pkey == NULL)
                       == ((ring.keys[i].algs & hs) != 0));
            fuzz_check(ring.keys[i].pkey == NULL
                       || (ring.keys[i].algs & hs) == 0);
        }

        fuzz_verify(&ring, &log);
        ngx_kafka_sse_keyring_free(ring.keys, ring.nkeys);

    } else {
        fuzz_check(rc == NGX_DECLINED && strlen((char *) reason) > 5
                   && strlen((char *) reason) < sizeof(reason));
    }

    fuzz_check(ERR_peek_error() == 0);

    free(text.data);

    return 0;
}
