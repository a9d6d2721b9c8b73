
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WORKER_H_INCLUDED_
#define _NGX_KAFKA_SSE_WORKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * A worker's life with its hub: woken by the companion, watching whether that
 * and the master live, and draining its streams when it shuts down.
 */

ngx_int_t ngx_kafka_sse_worker_init(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf);


#endif /* _NGX_KAFKA_SSE_WORKER_H_INCLUDED_ */
