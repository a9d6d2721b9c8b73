
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LIFE_H_INCLUDED_
#define _NGX_KAFKA_SSE_LIFE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * What happens to streams by time and not by records: heartbeats,
 * kafka_sse_max_duration, giving up who takes nothing, and the end.  A stream
 * has no timer and no event: it is in the hub's wheel or, when it is to end,
 * in the hub's ends, or in neither.
 */

void ngx_kafka_sse_life_init(ngx_kafka_sse_hub_t *hub);

/* the stream's time begins now; what its location limits it to is chosen */

void ngx_kafka_sse_life_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/* the stream ends when the event loop comes to it, out of any loop */

void ngx_kafka_sse_life_end(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/* its request is gone; safe for a stream that never began */

void ngx_kafka_sse_life_leave(ngx_kafka_sse_stream_t *stream);

/* once a second: gives up clients that are too far behind and take nothing */

void ngx_kafka_sse_life_look(ngx_kafka_sse_hub_t *hub);


#endif /* _NGX_KAFKA_SSE_LIFE_H_INCLUDED_ */
