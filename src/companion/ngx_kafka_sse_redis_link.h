
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
#include <companion/ngx_kafka_sse_redis_route.h>
#include <companion/ngx_kafka_sse_redis_session.h>
#include <companion/ngx_kafka_sse_redis_tls.h>


/*
 * A connection to Redis that is made again whenever it is lost, with a new
 * session each time.  It notices when Redis has gone silent, tries again after
 * ever longer pauses, and logs each reason once.
 */

#define NGX_KAFKA_SSE_REDIS_BUFS     64      /* in one write */
#define NGX_KAFKA_SSE_REDIS_REASONS  8       /* logged in one outage */


typedef struct ngx_kafka_sse_redis_link_s  ngx_kafka_sse_redis_link_t;


struct ngx_kafka_sse_redis_link_s {
    ngx_kafka_sse_redis_conf_t     *conf;
    ngx_log_t                      *log;
    u_char                         *buf;         /* of one read */

    /* ident must be after 3 pointers */
    ngx_int_t                       ident;

    /* set by the owner */

    char                           *doing;       /* for the log, with what */
    ngx_kafka_sse_redis_session_t   session;     /* the owner's fields of it */

    /* a connection, or the attempt to make one, failed; may be NULL */
    void                          (*lost)(ngx_kafka_sse_redis_link_t *link);

    /* its own */

    ngx_log_t                       quiet;       /* the connection's */
    ngx_kafka_sse_redis_tls_t       tls;         /* if it is by TLS */
    ngx_event_t                     timer;
    ngx_event_t                     post;        /* write in the next turn */
    ngx_peer_connection_t           peer;
    ngx_kafka_sse_redis_route_t     route;
    ngx_uint_t                      redirects;   /* since it was up */

    ngx_msec_t                      since;       /* the last word heard, or
                                                    the wait began */
    ngx_msec_t                      backoff;
    ngx_msec_t                      down;        /* since when, if failing */
    ngx_uint_t                      losses;      /* of what was up */

    uint32_t                        reasons[NGX_KAFKA_SSE_REDIS_REASONS];
    ngx_uint_t                      nreasons;    /* logged while failing */

    ngx_buf_t                       bufs[NGX_KAFKA_SSE_REDIS_BUFS];
    ngx_chain_t                     chain[NGX_KAFKA_SSE_REDIS_BUFS];

    unsigned                        up:1;        /* it has proved its use */
    unsigned                        failing:1;
};


/*
 * After the owner's fields; pool and conf outlive it.  servers are those of
 * conf, or NULL: then it does nothing before it is sent somewhere.
 */

ngx_int_t ngx_kafka_sse_redis_link_init(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_conf_t *conf, ngx_array_t *servers, ngx_pool_t *pool,
    ngx_log_t *log);
void ngx_kafka_sse_redis_link_connect(ngx_kafka_sse_redis_link_t *link);

/*
 * From now on it connects there; a connection to another place is closed.
 * NGX_DECLINED if it did so already.
 */

ngx_int_t ngx_kafka_sse_redis_link_send_to(ngx_kafka_sse_redis_link_t *link,
    ngx_str_t *host, in_port_t port);

/*
 * Asks for a turn, in which an idle session goes on and what is there is
 * written.  Nothing is written where it is asked for: what one turn of the
 * event loop brings leaves in one piece, and who asked cannot find the
 * connection gone.
 */

void ngx_kafka_sse_redis_link_post(ngx_kafka_sse_redis_link_t *link);

/* the owner has seen it work: forgets what went wrong before */

void ngx_kafka_sse_redis_link_up(ngx_kafka_sse_redis_link_t *link);

/* if it waits for its next attempt: that is now */

void ngx_kafka_sse_redis_link_hurry(ngx_kafka_sse_redis_link_t *link);


#endif /* _NGX_KAFKA_SSE_REDIS_LINK_H_INCLUDED_ */
