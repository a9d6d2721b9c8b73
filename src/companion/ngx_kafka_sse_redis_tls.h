
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_TLS_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_redis_session.h>


/*
 * TLS on a connection to Redis, by nginx's own: the certificate of Redis must
 * be one that a CA of ours has signed, and be for the host that was asked for.
 * There is no way to do without.
 */

typedef struct {
    ngx_log_t    log;           /* the connection's: from what nginx says into
                                   it we know why something failed */
    ngx_str_t    name;          /* to be in the certificate, zero-terminated */

    u_char      *buf;           /* what is being written: OpenSSL wants to see
                                   the same bytes again until it takes them */
    u_char      *pos;
    u_char      *last;

    ngx_str_t    reason;        /* of the failure; len 0: not known */
    u_char       words[512];
} ngx_kafka_sse_redis_tls_t;


/*
 * Makes redis->ssl, with the certificates and the key that the configuration
 * names: only the master may be able to read them.  What is wrong is logged.
 */

ngx_int_t ngx_kafka_sse_redis_tls_create(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);


#if (NGX_SSL)

/* pool outlives it, and so does log, where what nginx logs goes on to */

ngx_int_t ngx_kafka_sse_redis_tls_init(ngx_kafka_sse_redis_tls_t *tls,
    ngx_pool_t *pool, ngx_log_t *log);

/*
 * On a connection that has just been made to this host, whose log is that of
 * tls; host is zero-terminated and stays until the connection is closed.
 * NGX_AGAIN: handler is called when the handshake is over.
 */

ngx_int_t ngx_kafka_sse_redis_tls_handshake(ngx_kafka_sse_redis_tls_t *tls,
    ngx_kafka_sse_redis_conf_t *conf, ngx_connection_t *c, ngx_str_t *host,
    ngx_connection_handler_pt handler);

/* whether it was successful, and we are where we wanted to be */

ngx_int_t ngx_kafka_sse_redis_tls_verify(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c);

/*
 * Writes what the session has to say, a piece of it.  NGX_DONE: that is
 * nothing; NGX_AGAIN: not now.
 */

ngx_int_t ngx_kafka_sse_redis_tls_write(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c, ngx_kafka_sse_redis_session_t *session);

/* before the connection is closed, whatever it was doing; never waits */

void ngx_kafka_sse_redis_tls_close(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c);

#endif


#endif /* _NGX_KAFKA_SSE_REDIS_TLS_H_INCLUDED_ */
