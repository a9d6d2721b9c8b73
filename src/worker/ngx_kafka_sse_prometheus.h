
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PROMETHEUS_H_INCLUDED_
#define _NGX_KAFKA_SSE_PROMETHEUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_fact.h>


/*
 * All facts in Prometheus' text format, version 0.0.4, as a chain of buffers
 * from pool; len is their length.  A text is a sample of value 1 with the text
 * as a label, what is unknown is left out.  NULL: no memory.
 */

ngx_chain_t *ngx_kafka_sse_prometheus(ngx_pool_t *pool,
    ngx_array_t rows[NGX_KAFKA_SSE_SUBJECTS], off_t *len);


#endif /* _NGX_KAFKA_SSE_PROMETHEUS_H_INCLUDED_ */
