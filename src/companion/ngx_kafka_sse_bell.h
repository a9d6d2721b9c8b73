
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_BELL_H_INCLUDED_
#define _NGX_KAFKA_SSE_BELL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/*
 * How another thread calls the event loop: an eventfd, which is one of the
 * loop's connections.  Having rung several times is having rung once.
 */

typedef void (*ngx_kafka_sse_bell_pt)(void *data);


/* Part of its owner, who fills in the first block and calls _open(). */

typedef struct {
    void                   *data;
    ngx_kafka_sse_bell_pt   handler;       /* in the event loop */
    ngx_log_t              *log;

    ngx_connection_t       *connection;    /* NULL: it is not open */
    int                     fd;            /* of it */
} ngx_kafka_sse_bell_t;


/* NGX_ERROR after logging why not */

ngx_int_t ngx_kafka_sse_bell_open(ngx_kafka_sse_bell_t *bell);

/* by any thread, while it is open */

void ngx_kafka_sse_bell_ring(ngx_kafka_sse_bell_t *bell);

/*
 * Safe for one that is not open.  Nobody rings any more, as the descriptor may
 * be somebody else's next.
 */

void ngx_kafka_sse_bell_close(ngx_kafka_sse_bell_t *bell);


#endif /* _NGX_KAFKA_SSE_BELL_H_INCLUDED_ */
