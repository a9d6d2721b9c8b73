
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_SESSION_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_SESSION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_redis_host.h>
#include <companion/ngx_kafka_sse_redis_queue.h>
#include <companion/ngx_kafka_sse_redis_reader.h>


/*
 * What is said on one connection to Redis: first the greetings, then commands
 * and the messages of the queue.  It has no connection: the link sends what
 * _peek() shows and brings what it receives by _feed().
 *
 * At most one command but PUBLISH is on its way at a time, and it is sent only
 * when no PUBLISH is: so the answers need no list to be told apart.
 */

/* the greetings in their order, and then what follows; PING also comes later */

typedef enum {
    NGX_KAFKA_SSE_REDIS_NONE = 0,
    NGX_KAFKA_SSE_REDIS_AUTH,
    NGX_KAFKA_SSE_REDIS_SELECT,
    NGX_KAFKA_SSE_REDIS_SETNAME,
    NGX_KAFKA_SSE_REDIS_PING,
    NGX_KAFKA_SSE_REDIS_HELLO,       /* is it a cluster? */
    NGX_KAFKA_SSE_REDIS_ROLE,        /* is it the master of the Sentinels? */
    NGX_KAFKA_SSE_REDIS_SUBSCRIBE,
    NGX_KAFKA_SSE_REDIS_SSUBSCRIBE,
    NGX_KAFKA_SSE_REDIS_SENTINEL,    /* where is the master? */
    NGX_KAFKA_SSE_REDIS_PUBLISH,     /* these two are the queue's */
    NGX_KAFKA_SSE_REDIS_SPUBLISH
} ngx_kafka_sse_redis_command_e;


typedef struct ngx_kafka_sse_redis_session_s  ngx_kafka_sse_redis_session_t;


struct ngx_kafka_sse_redis_session_s {

    /* set by the owner of the link; NULL: there is no use for it */

    void                           *data;
    ngx_kafka_sse_redis_queue_t    *queue;
    ngx_uint_t                      sentinel;    /* it is spoken to one */

    /*
     * It is greeted and has no command on its way: the time for the next one.
     * Called when the last one is answered and in turns; NGX_ERROR ends it.
     */
    ngx_int_t                     (*idle)(
                                      ngx_kafka_sse_redis_session_t *session);

    /* it was silent for long: sends a command; NULL: that is PING */
    ngx_int_t                     (*ping)(
                                      ngx_kafka_sse_redis_session_t *session);

    /* the oldest message of the queue was accepted */
    void                          (*accepted)(
                                      ngx_kafka_sse_redis_session_t *session);

    /* a message of the subscription, only lent */
    void                          (*message)(
                                      ngx_kafka_sse_redis_session_t *session,
                                      ngx_str_t *channel, ngx_str_t *payload);

    /* its own */

    ngx_kafka_sse_redis_conf_t     *conf;
    ngx_log_t                      *log;
    ngx_kafka_sse_redis_reader_t    reader;
    ngx_uint_t                      refused;     /* commands that we do without,
                                                    each one's bit: said */

    ngx_kafka_sse_redis_command_e   command;     /* not yet answered */
    ngx_uint_t                      answers;     /* of it to come */
    u_char                         *out;         /* if not yet sent */
    size_t                          out_len;
    size_t                          out_sent;

    ngx_uint_t                      ready;       /* all greetings answered */
    ngx_uint_t                      sharded;     /* a cluster's Pub/Sub */

    /*
     * After NGX_ERROR: it is to be made again at once, at host and port if
     * there is a port; there an empty host is the present one.  Without an
     * error: where the Sentinel has said that the master is.
     */
    ngx_uint_t                      moved;
    ngx_str_t                       host;
    in_port_t                       port;
    u_char                          buf[NGX_KAFKA_SSE_REDIS_HOST];

    ngx_str_t                       error;       /* after NGX_ERROR */
    u_char                          words[512];  /* of the error */
};


/*
 * Begins with the greetings.  What may fail returns NGX_ERROR and says why in
 * session->error; then it is to be closed.
 */

ngx_int_t ngx_kafka_sse_redis_session_open(
    ngx_kafka_sse_redis_session_t *session, ngx_kafka_sse_redis_conf_t *conf,
    ngx_log_t *log);

/* what the queue has sent and was not accepted will be sent again */

void ngx_kafka_sse_redis_session_close(
    ngx_kafka_sse_redis_session_t *session);

/* NGX_DONE if it was closed by what it called */

ngx_int_t ngx_kafka_sse_redis_session_feed(
    ngx_kafka_sse_redis_session_t *session, u_char *buf, size_t len);

#define ngx_kafka_sse_redis_session_is_open(session)                          \
    ((session)->reader.hiredis != NULL)

/* calls idle(), if it is */

ngx_int_t ngx_kafka_sse_redis_session_turn(
    ngx_kafka_sse_redis_session_t *session);

/* sends a command with n arguments; only if none is on its way */

ngx_int_t ngx_kafka_sse_redis_session_command(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *args, ngx_uint_t n);

/* SUBSCRIBE, or SSUBSCRIBE in a cluster */

ngx_int_t ngx_kafka_sse_redis_session_subscribe(
    ngx_kafka_sse_redis_session_t *session, ngx_str_t *channels,
    ngx_uint_t n);

/* sends something to be answered; only if no command is on its way */

ngx_int_t ngx_kafka_sse_redis_session_ping(
    ngx_kafka_sse_redis_session_t *session);

/*
 * What is to be sent next, in up to n buffers; returns how many there are.
 * _sent() then says how many bytes of it were.
 */

ngx_uint_t ngx_kafka_sse_redis_session_peek(
    ngx_kafka_sse_redis_session_t *session, ngx_buf_t *bufs, ngx_uint_t n);
void ngx_kafka_sse_redis_session_sent(ngx_kafka_sse_redis_session_t *session,
    size_t sent);

/* says why in session->error; returns NGX_ERROR */

ngx_int_t ngx_cdecl ngx_kafka_sse_redis_session_error(
    ngx_kafka_sse_redis_session_t *session, const char *fmt, ...);

/* something is being sent or to be answered / is to be answered */

ngx_uint_t ngx_kafka_sse_redis_session_is_busy(
    ngx_kafka_sse_redis_session_t *session);
ngx_uint_t ngx_kafka_sse_redis_session_is_due(
    ngx_kafka_sse_redis_session_t *session);


#endif /* _NGX_KAFKA_SSE_REDIS_SESSION_H_INCLUDED_ */
