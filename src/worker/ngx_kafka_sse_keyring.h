
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_KEYRING_H_INCLUDED_
#define _NGX_KAFKA_SSE_KEYRING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_key.h>
#include <worker/ngx_kafka_sse_token.h>


/*
 * The keys of one kafka_sse_jwt_key_file: a JWK set or a single JWK, public
 * keys or certificates in PEM, or else a secret, whose bytes are the file's
 * without one line end.  Which of these it is follows from what it begins
 * with, or for PEM has in it; a private key is refused.  An RSA key has 2048
 * bits or more, a secret as many as the digest of each allowed alg that uses
 * it (RFC 7518, 3.2).
 *
 * A keyring belongs to the configuration and to each process: it is read at
 * "nginx -t" and at start, by the master, and again by a worker that finds its
 * file changed.  A worker may not be allowed to read what the master was: then
 * it keeps what it has, and says so.
 */

typedef struct {
    ngx_str_t                file;      /* zero-terminated, absolute */
    ngx_uint_t               algs;      /* 1 << ngx_kafka_sse_alg_e: allowed */
    ngx_kafka_sse_key_t     *keys;      /* ngx_alloc(), replaced as a whole;
                                           freed by who owns the keyring */
    ngx_uint_t               nkeys;

    /* what the file was when it was read last, whether it was of use or not */

    ngx_file_uniq_t          uniq;
    time_t                   mtime;     /* with its nanoseconds: */
    long                     nsec;
    off_t                    size;
    ngx_msec_t               looked;    /* ngx_current_msec of the last look */
    ngx_uint_t               failed;    /* ..FAILED_: logged */
} ngx_kafka_sse_keyring_t;


#define NGX_KAFKA_SSE_KEYRING_LOOK  1000    /* ms between looks at a file */
#define NGX_KAFKA_SSE_KEYRING_FILE  (1024 * 1024)   /* bytes at most */
#define NGX_KAFKA_SSE_KEYRING_TRIES 8               /* keys for one token */

#define NGX_KAFKA_SSE_KEYRING_FAILED_TEXT  1        /* it was no use */
#define NGX_KAFKA_SSE_KEYRING_FAILED_FILE  2        /* it could not be read, or
                                                       there was no memory:
                                                       tried at each look */


/*
 * Parses the text of a key file.  NGX_OK: *keys and *n are made, by
 * ngx_alloc(); NGX_DECLINED and reason, zero-terminated, which never quotes a
 * secret: no key of it can verify any of algs.  Keys of another use, of unknown
 * kinds, or that fit no alg of algs are left out, and so are, with a warning,
 * broken and weak ones.  Pure, but for OpenSSL.
 */

ngx_int_t ngx_kafka_sse_keyring_parse(ngx_str_t *text, ngx_uint_t algs,
    ngx_kafka_sse_key_t **keys, ngx_uint_t *n, u_char *reason, size_t size,
    ngx_log_t *log);
void ngx_kafka_sse_keyring_free(ngx_kafka_sse_key_t *keys, ngx_uint_t n);

/* reads ring->file for the first time; NGX_ERROR after logging why not */

ngx_int_t ngx_kafka_sse_keyring_open(ngx_kafka_sse_keyring_t *ring,
    ngx_log_t *log);

/*
 * Looks whether the file is another one, at most once a second, and reads it
 * if it is.  What is of no use, or has gone, is logged once, and the keys
 * stay as they are.
 */

void ngx_kafka_sse_keyring_look(ngx_kafka_sse_keyring_t *ring,
    ngx_log_t *log);

/*
 * Whether the token's signature is good: its alg is allowed, and there is a key
 * that fits the alg (its kind, curve, size and own "alg", "use" and "key_ops").
 * Which ones are tried, in the file's order and 8 at most: for a token with a
 * kid the keys that have it; those that have none if no key has it; for one
 * without kid all.  NGX_OK; NGX_DECLINED and *reason.
 */

ngx_int_t ngx_kafka_sse_keyring_verify(ngx_kafka_sse_keyring_t *ring,
    ngx_kafka_sse_token_t *token, char **reason, ngx_log_t *log);

/* a mask of what the OpenSSL at hand can verify at all */

ngx_uint_t ngx_kafka_sse_keyring_can(void);


#endif /* _NGX_KAFKA_SSE_KEYRING_H_INCLUDED_ */
