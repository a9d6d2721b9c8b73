
/*
 * Copyright (C) the ngx_kafka_sse authors
 */

#include "tls.h"


static void
tls_die(const char *what)
{
    errno = 0;
    die("%s: %s", what, ERR_error_string(ERR_peek_last_error(), NULL));
}


static SSL_CTX *
tls_context(const SSL_METHOD *method)
{
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(method);

    if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION)
        || !SSL_CTX_set_ciphersuites(ctx, TLS_CIPHER))
    {
        tls_die("TLS 1.3 with " TLS_CIPHER);
    }

    /* what is left is sent from another place, see floor's log */

    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                          |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);

    return ctx;
}


SSL_CTX *
tls_client(const char *certificate)
{
    SSL_CTX  *ctx;

    ctx = tls_context(TLS_client_method());

    if (SSL_CTX_load_verify_locations(ctx, certificate, NULL) != 1) {
        tls_die(certificate);
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    /* a system call for all that is there, not two for each TLS record */

    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, 64 * 1024);

    return ctx;
}


SSL_CTX *
tls_server(const char *certificate, const char *key)
{
    SSL_CTX  *ctx;

    ctx = tls_context(TLS_server_method());

    if (SSL_CTX_use_certificate_file(ctx, certificate, SSL_FILETYPE_PEM) != 1) {
        tls_die(certificate);
    }

    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        tls_die(key);
    }

    return ctx;
}


SSL *
tls_open(SSL_CTX *ctx, int fd)
{
    SSL  *ssl;

    ssl = SSL_new(ctx);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        tls_die("TLS connection");
    }

    return ssl;
}


static ssize_t
tls_result(SSL *ssl, int rc)
{
    int  err;

    err = SSL_get_error(ssl, rc);

    switch (err) {

    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return 0;
    }

    tls_die("TLS");

    return -1;
}


ssize_t
tls_handshake(SSL *ssl)
{
    int  rc;

    rc = SSL_do_handshake(ssl);

    return rc == 1 ? 1 : tls_result(ssl, rc);
}


ssize_t
tls_recv(SSL *ssl, char *buf, size_t size)
{
    int  n;

    n = SSL_read(ssl, buf, size);

    return n > 0 ? n : tls_result(ssl, n);
}


ssize_t
tls_send(SSL *ssl, const char *buf, size_t len)
{
    int  n;

    n = SSL_write(ssl, buf, len);

    return n > 0 ? n : tls_result(ssl, n);
}
