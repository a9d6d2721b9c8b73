
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_LINK_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_LINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_redis_queue.h>


/*
 * A connection to Redis that is made again whenever it is lost: it connects,
 * greets, sends commands and the messages of its queue, and notices when
 * Redis has gone silent.  The only one that includes hiredis, whose reader
 * parses the replies.
 *
 * At most one command but PUBLISH is on its way at a time, and it is sent only
 * when no PUBLISH is: so the answers need no list to be told apart.
 */

#define NGX_KAFKA_SSE_REDIS_BUFS     64      /* in one write */
#define NGX_KAFKA_SSE_REDIS_REASONS  8       /* logged in one outage */


/* in the order of a new connection; the last two also come later */

typedef enum {
    NGX_KAFKA_SSE_REDIS_NONE = 0,
    NGX_KAFKA_SSE_REDIS_CONNECT,
    NGX_KAFKA_SSE_REDIS_AUTH,
    NGX_KAFKA_SSE_REDIS_SELECT,
    NGX_KAFKA_SSE_REDIS_SETNAME,
    NGX_KAFKA_SSE_REDIS_PING,
    NGX_KAFKA_SSE_REDIS_SUBSCRIBE
} ngx_kafka_sse_redis_command_e;


typedef struct ngx_kafka_sse_redis_link_s  ngx_kafka_sse_redis_link_t;


struct ngx_kafka_sse_redis_link_s {
    void                           *data;        /* the owner */
    struct redisReader             *reader;      /* as long as connected */
    u_char                         *out;         /* command, if not yet sent */

    /* ident must be after 3 pointers */
    ngx_int_t                       ident;

    size_t                          out_len;
    size_t                          out_sent;

    ngx_kafka_sse_redis_command_e   command;     /* not yet answered */
    ngx_uint_t                      answers;     /* of it to come */

    /* set by the owner; NULL: it has no use for it */

    char                           *doing;       /* for the log */
    ngx_kafka_sse_redis_queue_t    *queue;       /* to publish */

    /*
     * It is greeted and no command is on its way: the time for the next one.
     * Called when the last one was answered and in each turn asked for.
     */
    void                          (*idle)(ngx_kafka_sse_redis_link_t *link);

    /* the oldest message of the queue was accepted */
    void                          (*accepted)(
                                           ngx_kafka_sse_redis_link_t *link);

    /* a message of the subscription, only lent */
    void                          (*message)(ngx_kafka_sse_redis_link_t *link,
                                           ngx_str_t *channel,
                                           ngx_str_t *payload);

    /* a connection, or the attempt to make one, failed */
    void                          (*lost)(ngx_kafka_sse_redis_link_t *link);

    /* its own */

    ngx_kafka_sse_redis_conf_t     *conf;
    ngx_log_t                      *log;
    ngx_log_t                       quiet;       /* nginx' for connections */
    ngx_event_t                     timer;
    ngx_event_t                     post;        /* write in the next turn */
    ngx_peer_connection_t           peer;

    ngx_msec_t                      since;       /* the last word heard, or
                                                    the wait began */
    ngx_msec_t                      backoff;
    ngx_msec_t                      down;        /* since when, if failing */
    ngx_uint_t                      losses;      /* of what was up */

    uint32_t                        reasons[NGX_KAFKA_SSE_REDIS_REASONS];
    ngx_uint_t                      nreasons;    /* logged while failing */

    u_char                         *buf;         /* of one read */
    ngx_buf_t                       bufs[NGX_KAFKA_SSE_REDIS_BUFS];
    ngx_chain_t                     chain[NGX_KAFKA_SSE_REDIS_BUFS];

    unsigned                        ready:1;     /* all greetings answered */
    unsigned                        up:1;        /* it has proved its use */
    unsigned                        failing:1;
};


/* after the owner's fields; pool and conf outlive it */

ngx_int_t ngx_kafka_sse_redis_link_init(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_conf_t *conf, ngx_pool_t *pool, ngx_log_t *log);
void ngx_kafka_sse_redis_link_connect(ngx_kafka_sse_redis_link_t *link);

/*
 * Asks for a turn, in which idle() is called and what is there is written.
 * Nothing is written where it is asked for: what one turn of the event loop
 * brings leaves in one piece, and who asked cannot find the connection gone.
 */

void ngx_kafka_sse_redis_link_post(ngx_kafka_sse_redis_link_t *link);

/* sends a command with n arguments, from idle() only; the link may be lost */

void ngx_kafka_sse_redis_link_command(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *args, ngx_uint_t n);

/* the owner has seen it work: forgets what went wrong before */

void ngx_kafka_sse_redis_link_up(ngx_kafka_sse_redis_link_t *link);

/* if it waits for its next attempt: that is now */

void ngx_kafka_sse_redis_link_hurry(ngx_kafka_sse_redis_link_t *link);

/* for good, unless _connect() is called; lost() is not */

void ngx_kafka_sse_redis_link_close(ngx_kafka_sse_redis_link_t *link);


#endif /* _NGX_KAFKA_SSE_REDIS_LINK_H_INCLUDED_ */
