
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PAYLOAD_H_INCLUDED_
#define _NGX_KAFKA_SSE_PAYLOAD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_claims.h>


/* reads a payload into empty claims, see ngx_kafka_sse_claims_read() */

ngx_int_t ngx_kafka_sse_payload_read(ngx_kafka_sse_claims_t *claims,
    ngx_pool_t *pool, ngx_str_t *payload, char **reason);


#endif /* _NGX_KAFKA_SSE_PAYLOAD_H_INCLUDED_ */
