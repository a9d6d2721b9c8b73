
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_THREAD_H_INCLUDED_
#define _NGX_KAFKA_SSE_THREAD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A thread for a call that waits for the network.  It touches nothing of
 * nginx, its log neither, and nobody waits for its end: so what it uses lasts
 * until it is done, or as long as the process.
 */

typedef void *(*ngx_kafka_sse_thread_pt)(void *data);


/* NGX_ERROR after logging why not */

ngx_int_t ngx_kafka_sse_thread_start(ngx_kafka_sse_thread_pt thread,
    void *data, ngx_log_t *log);


#endif /* _NGX_KAFKA_SSE_THREAD_H_INCLUDED_ */
