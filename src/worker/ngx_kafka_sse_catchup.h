
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CATCHUP_H_INCLUDED_
#define _NGX_KAFKA_SSE_CATCHUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * A private group on its way to the hub: from Kafka, if it has no place in the
 * ring, then along the ring, as fast as its clients go.  Lets it go on by a
 * bounded piece.  Returns 1 if it can go on at once, 0 if it waits for the
 * hub, for Kafka or for its clients, or has joined the public group (and is
 * freed).
 */

ngx_uint_t ngx_kafka_sse_catchup_advance(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);


#endif /* _NGX_KAFKA_SSE_CATCHUP_H_INCLUDED_ */
