
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_HUB_LINK_H_INCLUDED_
#define _NGX_KAFKA_SSE_HUB_LINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * The worker's end of the link to the companion: it connects when a rewind or a
 * query has something to ask, and tells them when it is up, when it is lost,
 * and what is answered.  What they ask is numbered in one row.
 */

void ngx_kafka_sse_hub_link_init(ngx_kafka_sse_hub_t *hub);

/* connects, if the link is not up; what is asked is then sent */

void ngx_kafka_sse_hub_link_connect(ngx_kafka_sse_hub_t *hub);

/* on the worker's way out, when it has no event loop any more */

void ngx_kafka_sse_hub_link_exit(ngx_kafka_sse_hub_t *hub);


#endif /* _NGX_KAFKA_SSE_HUB_LINK_H_INCLUDED_ */
