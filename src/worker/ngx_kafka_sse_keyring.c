
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include <worker/ngx_kafka_sse_jwk.h>
#include <worker/ngx_kafka_sse_keyring.h>
#include <worker/ngx_kafka_sse_pem.h>
#include <worker/ngx_kafka_sse_signature.h>


static ngx_int_t ngx_kafka_sse_keyring_text(ngx_kafka_sse_keys_t *keys,
    ngx_str_t *text, char **reason);
static ngx_int_t ngx_kafka_sse_keyring_secret(ngx_kafka_sse_keys_t *keys,
    ngx_str_t *text, char **reason);
static char *ngx_kafka_sse_keyring_none(ngx_kafka_sse_keys_t *keys);
static ngx_int_t ngx_kafka_sse_keyring_read(ngx_kafka_sse_keyring_t *ring,
    ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_keyring_file(ngx_kafka_sse_keyring_t *ring,
    ngx_fd_t fd, ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_keyring_take(ngx_kafka_sse_keyring_t *ring,
    ngx_str_t *text, ngx_log_t *log);
static void ngx_kafka_sse_keyring_refused(ngx_kafka_sse_keyring_t *ring,
    char *reason, ngx_log_t *log);
static void ngx_kafka_sse_keyring_failed(ngx_kafka_sse_keyring_t *ring,
    char *what, ngx_log_t *log);
static void ngx_kafka_sse_keyring_seen(ngx_kafka_sse_keyring_t *ring,
    ngx_file_info_t *fi);
static ngx_uint_t ngx_kafka_sse_keyring_is_seen(ngx_kafka_sse_keyring_t *ring,
    ngx_file_info_t *fi);
static ngx_uint_t ngx_kafka_sse_keyring_has_kid(ngx_kafka_sse_keyring_t *ring,
    ngx_str_t *kid);
static ngx_uint_t ngx_kafka_sse_keyring_is_kid(ngx_str_t *a, ngx_str_t *b);


ngx_int_t
ngx_kafka_sse_keyring_parse(ngx_str_t *text, ngx_uint_t algs,
    ngx_kafka_sse_key_t **result, ngx_uint_t *n, u_char *reason, size_t size,
    ngx_log_t *log)
{
    char                  *why;
    ngx_int_t              rc;
    ngx_kafka_sse_keys_t   keys;

    ngx_memzero(&keys, sizeof(ngx_kafka_sse_keys_t));

    keys.algs = algs;
    keys.log = log;

    keys.keys = ngx_alloc(NGX_KAFKA_SSE_KEYS_MAX
                          * sizeof(ngx_kafka_sse_key_t), log);
    if (keys.keys == NULL) {
        return NGX_ERROR;
    }

    keys.pool = ngx_create_pool(4096, log);

    if (keys.pool == NULL) {
        ngx_free(keys.keys);
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_keyring_text(&keys, text, &why);

    ngx_destroy_pool(keys.pool);

    if (rc == NGX_OK && keys.n == 0) {
        why = ngx_kafka_sse_keyring_none(&keys);
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        *result = keys.keys;
        *n = keys.n;
        return NGX_OK;
    }

    ngx_kafka_sse_keyring_free(keys.keys, keys.n);

    if (rc == NGX_DECLINED) {
        (void) ngx_cpystrn(reason, (u_char *) why, size);
    }

    return rc;
}


void
ngx_kafka_sse_keyring_free(ngx_kafka_sse_key_t *keys, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (keys == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        ngx_kafka_sse_key_free(&keys[i]);
    }

    ngx_free(keys);
}


ngx_int_t
ngx_kafka_sse_keyring_open(ngx_kafka_sse_keyring_t *ring, ngx_log_t *log)
{
    ring->keys = NULL;
    ring->nkeys = 0;
    ring->failed = 0;
    ring->looked = ngx_current_msec;

    return ngx_kafka_sse_keyring_read(ring, log);
}


void
ngx_kafka_sse_keyring_look(ngx_kafka_sse_keyring_t *ring, ngx_log_t *log)
{
    ngx_file_info_t  fi;

    if (ngx_current_msec - ring->looked < NGX_KAFKA_SSE_KEYRING_LOOK) {
        return;
    }

    ring->looked = ngx_current_msec;

    /* of what a symbolic link points to: this is how Kubernetes changes it */

    if (ngx_file_info(ring->file.data, &fi) == NGX_FILE_ERROR) {
        ngx_kafka_sse_keyring_failed(ring, ngx_file_info_n, log);
        return;
    }

    if (ngx_kafka_sse_keyring_is_seen(ring, &fi)
        && ring->failed != NGX_KAFKA_SSE_KEYRING_FAILED_FILE)
    {
        return;
    }

    if (ngx_kafka_sse_keyring_read(ring, log) == NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "kafka_sse: key file \"%V\" has changed, keys: %ui",
                      &ring->file, ring->nkeys);
    }
}


ngx_int_t
ngx_kafka_sse_keyring_verify(ngx_kafka_sse_keyring_t *ring,
    ngx_kafka_sse_token_t *token, char **reason, ngx_log_t *log)
{
    ngx_str_t            *kid;
    ngx_uint_t            i, tries, by_kid;
    ngx_kafka_sse_key_t  *key;

    if (!(ring->algs >> token->alg & 1)) {
        *reason = "its \"alg\" is not allowed";
        return NGX_DECLINED;
    }

    kid = &token->kid;
    by_kid = kid->data && ngx_kafka_sse_keyring_has_kid(ring, kid);
    tries = 0;

    for (i = 0; i < ring->nkeys; i++) {
        key = &ring->keys[i];

        if (!(key->algs >> token->alg & 1)
            || (by_kid && !ngx_kafka_sse_keyring_is_kid(&key->kid, kid))
            || (!by_kid && kid->data && key->kid.data))
        {
            continue;
        }

        if (tries++ == NGX_KAFKA_SSE_KEYRING_TRIES) {
            *reason = "none of the first keys for it has signed it";
            return NGX_DECLINED;
        }

        if (ngx_kafka_sse_signature_verify(key, token) == NGX_OK) {
            ngx_log_debug2(NGX_LOG_DEBUG_HTTP, log, 0,
                           "kafka_sse token %V verified by key %ui",
                           &ngx_kafka_sse_token_algs[token->alg], i);
            return NGX_OK;
        }
    }

    *reason = tries ? "its signature is not good" : "there is no key for it";

    return NGX_DECLINED;
}


ngx_uint_t
ngx_kafka_sse_keyring_can(void)
{
    return ngx_kafka_sse_signature_algs();
}


/*
 * What begins like a set of keys, or has PEM in it, is never taken for a
 * secret, even if it is broken: everybody knows the text of a public key.
 */

static ngx_int_t
ngx_kafka_sse_keyring_text(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    if (text->len >= 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    while (p < last && (*p == ' ' || *p == '\t' || *p == CR || *p == LF)) {
        p++;
    }

    if (p == last) {
        *reason = "it is empty";
        return NGX_DECLINED;
    }

    if (*p == '{' || *p == '[') {
        return ngx_kafka_sse_jwk_read(keys, text, reason);
    }

    if (ngx_strlcasestrn(p, last, (u_char *) "-----BEGIN",
                         sizeof("-----BEGIN") - 2))
    {
        return ngx_kafka_sse_pem_read(keys, text, reason);
    }

    return ngx_kafka_sse_keyring_secret(keys, text, reason);
}


static ngx_int_t
ngx_kafka_sse_keyring_secret(ngx_kafka_sse_keys_t *keys, ngx_str_t *text,
    char **reason)
{
    ngx_int_t             rc;
    ngx_str_t             secret;
    ngx_uint_t            alg;
    ngx_kafka_sse_key_t   key;

    if (ngx_kafka_sse_pem_is_bare(text)) {
        *reason = "it is a public key, but neither in PEM nor a JWK";
        return NGX_DECLINED;
    }

    secret = *text;

    if (secret.data[secret.len - 1] == LF) {
        secret.len--;

        if (secret.len && secret.data[secret.len - 1] == CR) {
            secret.len--;
        }
    }

    for (alg = NGX_KAFKA_SSE_ALG_HS256; alg <= NGX_KAFKA_SSE_ALG_HS512; alg++) {

        if ((keys->algs >> alg & 1)
            && secret.len < ngx_kafka_sse_key_secret_min(alg))
        {
            *reason = (alg == NGX_KAFKA_SSE_ALG_HS256)
                      ? "a secret for HS256 has 32 bytes at least"
                      : (alg == NGX_KAFKA_SSE_ALG_HS384)
                      ? "a secret for HS384 has 48 bytes at least"
                      : "a secret for HS512 has 64 bytes at least";
            return NGX_DECLINED;
        }
    }

    if (!(keys->algs & NGX_KAFKA_SSE_KEY_HS)) {
        *reason = "it is a secret, and no HS alg is allowed";
        return NGX_DECLINED;
    }

    ngx_memzero(&key, sizeof(ngx_kafka_sse_key_t));

    rc = ngx_kafka_sse_key_secret(&key, &secret, reason, keys->log);

    return ngx_kafka_sse_key_add(keys, &key, rc, reason);
}


static char *
ngx_kafka_sse_keyring_none(ngx_kafka_sse_keys_t *keys)
{
    if (keys->left) {
        return keys->left;
    }

    return keys->seen ? "none of its keys is for an allowed alg"
                      : "it has no keys";
}


static ngx_int_t
ngx_kafka_sse_keyring_read(ngx_kafka_sse_keyring_t *ring, ngx_log_t *log)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    /* a FIFO would let us wait */

    fd = ngx_open_file(ring->file.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_kafka_sse_keyring_failed(ring, ngx_open_file_n, log);
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_keyring_file(ring, fd, log);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &ring->file);
    }

    return rc;
}


static ngx_int_t
ngx_kafka_sse_keyring_file(ngx_kafka_sse_keyring_t *ring, ngx_fd_t fd,
    ngx_log_t *log)
{
    size_t            room;
    ssize_t           n;
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_file_info_t   fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_kafka_sse_keyring_failed(ring, ngx_fd_info_n, log);
        return NGX_ERROR;
    }

    /* before it is read: what is written meanwhile is found by the next look */

    ngx_kafka_sse_keyring_seen(ring, &fi);

    if (!ngx_is_file(&fi)
        || ngx_file_size(&fi) > NGX_KAFKA_SSE_KEYRING_FILE)
    {
        ngx_kafka_sse_keyring_refused(ring, "it is no file, or one of more "
                                            "than 1 megabyte", log);
        return NGX_ERROR;
    }

    room = (size_t) ngx_file_size(&fi);

    text.data = ngx_alloc(room + 1, log);
    if (text.data == NULL) {
        ring->failed = NGX_KAFKA_SSE_KEYRING_FAILED_FILE;
        return NGX_ERROR;
    }

    text.len = 0;

    do {
        n = ngx_read_fd(fd, text.data + text.len, room - text.len);
        text.len += (n > 0) ? (size_t) n : 0;
    } while (n > 0 && text.len < room);

    if (n < 0) {
        ngx_kafka_sse_keyring_failed(ring, ngx_read_fd_n, log);
        rc = NGX_ERROR;

    } else {
        rc = ngx_kafka_sse_keyring_take(ring, &text, log);
    }

    OPENSSL_cleanse(text.data, room + 1);
    ngx_free(text.data);

    return rc;
}


static ngx_int_t
ngx_kafka_sse_keyring_take(ngx_kafka_sse_keyring_t *ring, ngx_str_t *text,
    ngx_log_t *log)
{
    u_char                reason[128];
    ngx_int_t             rc;
    ngx_uint_t            n;
    ngx_kafka_sse_key_t  *keys;

    rc = ngx_kafka_sse_keyring_parse(text, ring->algs, &keys, &n, reason,
                                     sizeof(reason), log);

    if (rc == NGX_DECLINED) {
        ngx_kafka_sse_keyring_refused(ring, (char *) reason, log);
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ring->failed = NGX_KAFKA_SSE_KEYRING_FAILED_FILE;
        return NGX_ERROR;
    }

    ngx_kafka_sse_keyring_free(ring->keys, ring->nkeys);

    ring->keys = keys;
    ring->nkeys = n;
    ring->failed = 0;

    return NGX_OK;
}


static void
ngx_kafka_sse_keyring_refused(ngx_kafka_sse_keyring_t *ring, char *reason,
    ngx_log_t *log)
{
    ngx_uint_t  level;

    ring->failed = NGX_KAFKA_SSE_KEYRING_FAILED_TEXT;
    level = ring->keys ? NGX_LOG_ERR : NGX_LOG_EMERG;

    ngx_log_error(level, log, 0, "kafka_sse: key file \"%V\" is of no use: "
                  "%s%s", &ring->file, reason,
                  ring->keys ? ", the old keys stay" : "");
}


/* once, until it can be read again: what is then there is another file */

static void
ngx_kafka_sse_keyring_failed(ngx_kafka_sse_keyring_t *ring, char *what,
    ngx_log_t *log)
{
    char        *stay;
    ngx_err_t    err;
    ngx_uint_t   level;

    err = ngx_errno;

    if (ring->failed == NGX_KAFKA_SSE_KEYRING_FAILED_FILE) {
        return;
    }

    ring->failed = NGX_KAFKA_SSE_KEYRING_FAILED_FILE;

    level = ring->keys ? NGX_LOG_ERR : NGX_LOG_EMERG;
    stay = ring->keys ? ", the old keys stay" : "";

    if (ring->keys && err == NGX_EACCES) {
        stay = ", the old keys stay; let the user or group of nginx's workers "
               "read it, or reload nginx when it has changed";
    }

    ngx_log_error(level, log, err, "kafka_sse: %s key file \"%V\" failed%s",
                  what, &ring->file, stay);
}


static void
ngx_kafka_sse_keyring_seen(ngx_kafka_sse_keyring_t *ring,
    ngx_file_info_t *fi)
{
    ring->uniq = ngx_file_uniq(fi);
    ring->mtime = ngx_file_mtime(fi);
    ring->nsec = fi->st_mtim.tv_nsec;
    ring->size = ngx_file_size(fi);
}


static ngx_uint_t
ngx_kafka_sse_keyring_is_seen(ngx_kafka_sse_keyring_t *ring,
    ngx_file_info_t *fi)
{
    return ring->uniq == ngx_file_uniq(fi)
           && ring->mtime == ngx_file_mtime(fi)
           && ring->nsec == fi->st_mtim.tv_nsec
           && ring->size == ngx_file_size(fi);
}


static ngx_uint_t
ngx_kafka_sse_keyring_has_kid(ngx_kafka_sse_keyring_t *ring, ngx_str_t *kid)
{
    ngx_uint_t  i;

    for (i = 0; i < ring->nkeys; i++) {
        if (ngx_kafka_sse_keyring_is_kid(&ring->keys[i].kid, kid)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_kafka_sse_keyring_is_kid(ngx_str_t *a, ngx_str_t *b)
{
    return a->data && a->len == b->len
           && ngx_memcmp(a->data, b->data, b->len) == 0;
}
