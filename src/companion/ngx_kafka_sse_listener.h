
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LISTENER_H_INCLUDED_
#define _NGX_KAFKA_SSE_LISTENER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>


/*
 * Accepts the workers' links.  The socket is every process's, so it stays open
 * whatever happens here: who connects while nobody accepts waits in the kernel
 * for the next companion.
 */

/* a worker has connected, the socket is the handler's */

typedef void (*ngx_kafka_sse_listener_pt)(void *data, ngx_fd_t fd);


/* Part of its owner, who fills in the first block and calls _open(). */

typedef struct {
    void                       *data;
    ngx_kafka_sse_listener_pt   handler;
    ngx_kafka_sse_node_sh_t    *node;
    ngx_log_t                  *log;

    ngx_connection_t           *connection;    /* NULL: it is not open */
    ngx_event_t                 again;         /* after an error */
} ngx_kafka_sse_listener_t;


/* who came before is accepted in the next turn; NGX_ERROR: it was logged */

ngx_int_t ngx_kafka_sse_listener_open(ngx_kafka_sse_listener_t *listener);

/* nobody is accepted any more; safe for one that is not open */

void ngx_kafka_sse_listener_close(ngx_kafka_sse_listener_t *listener);


#endif /* _NGX_KAFKA_SSE_LISTENER_H_INCLUDED_ */
