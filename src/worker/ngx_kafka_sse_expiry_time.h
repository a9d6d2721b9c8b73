
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_EXPIRY_TIME_H_INCLUDED_
#define _NGX_KAFKA_SSE_EXPIRY_TIME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* seconds, with a fraction or none, as ms, rounded down; NGX_ERROR: no such */

ngx_int_t ngx_kafka_sse_expiry_time_parse(ngx_str_t *text, int64_t *time);


#endif /* _NGX_KAFKA_SSE_EXPIRY_TIME_H_INCLUDED_ */
