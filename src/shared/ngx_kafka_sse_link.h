
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LINK_H_INCLUDED_
#define _NGX_KAFKA_SSE_LINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_message.h>


/*
 * One end of the link between a worker and the companion: a unix socket in
 * the event loop, with messages in both directions.  What is written is sent
 * at the end of the turn.  It has no limit of its own: what is under way is
 * limited by credit, see message.h.
 */

typedef struct ngx_kafka_sse_link_s  ngx_kafka_sse_link_t;


/* one message; it is gone when the handler returns, which may close the link */

typedef void (*ngx_kafka_sse_link_message_pt)(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);

/*
 * A message of another version: only its head is understood.  What the handler
 * writes is sent, then the link is closed, as below.
 */

typedef void (*ngx_kafka_sse_link_foreign_pt)(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);

/* the other end has left, or has said nonsense (logged); the link is closed */

typedef void (*ngx_kafka_sse_link_closed_pt)(ngx_kafka_sse_link_t *link);


typedef struct {
    u_char                         *data;       /* ngx_alloc(), aligned to 8 */
    size_t                          pos;        /* of what is left in it */
    size_t                          last;
    size_t                          size;
} ngx_kafka_sse_link_buf_t;


/* part of its owner, who fills in the first block and calls _open() */

struct ngx_kafka_sse_link_s {
    void                           *data;
    ngx_kafka_sse_link_message_pt   message;
    ngx_kafka_sse_link_foreign_pt   foreign;
    ngx_kafka_sse_link_closed_pt    closed;
    ngx_log_t                      *log;

    ngx_connection_t               *connection; /* NULL: not open */
    ngx_kafka_sse_link_buf_t        in;
    ngx_kafka_sse_link_buf_t        out;
    ngx_event_t                     flush;
    ngx_event_t                     more;       /* go on reading */
};


/*
 * Takes over a connected, non-blocking socket.  NGX_ERROR: it is closed,
 * which has been logged; neither handler is called.
 */

ngx_int_t ngx_kafka_sse_link_open(ngx_kafka_sse_link_t *link, ngx_fd_t fd);

/* without the closed handler; safe for one that is not open */

void ngx_kafka_sse_link_close(ngx_kafka_sse_link_t *link);

/* ... and with it: as if the other end had left */

void ngx_kafka_sse_link_fail(ngx_kafka_sse_link_t *link);

/*
 * Room for a message of len bytes, which the caller writes whole before it
 * does anything else with the link.  NULL: no memory, or not open.
 */

u_char *ngx_kafka_sse_link_reserve(ngx_kafka_sse_link_t *link, size_t len);

/* writes a short message; the same errors are NGX_ERROR */

ngx_int_t ngx_kafka_sse_link_write(ngx_kafka_sse_link_t *link,
    ngx_uint_t type, uint32_t replay, uint32_t n, void *body, size_t len);


#endif /* _NGX_KAFKA_SSE_LINK_H_INCLUDED_ */
