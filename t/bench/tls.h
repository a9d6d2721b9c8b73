
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * TLS 1.3 by OpenSSL, as recv() and send() are: -1 and EAGAIN where it has to
 * wait, 0 at the end.  One cipher suite, so that all do the same work.
 */

#ifndef _TLS_H_INCLUDED_
#define _TLS_H_INCLUDED_


#include "bench.h"

#include <openssl/err.h>
#include <openssl/ssl.h>


#define TLS_CIPHER  "TLS_AES_128_GCM_SHA256"


SSL_CTX *tls_client(const char *certificate);
SSL_CTX *tls_server(const char *certificate, const char *key);
SSL *tls_open(SSL_CTX *ctx, int fd);

/* 1 when it is done, 0 at the end */
ssize_t tls_handshake(SSL *ssl);

ssize_t tls_recv(SSL *ssl, char *buf, size_t size);
ssize_t tls_send(SSL *ssl, const char *buf, size_t len);


#endif /* _TLS_H_INCLUDED_ */
