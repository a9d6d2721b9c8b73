
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FLAGS_H_INCLUDED_
#define _NGX_KAFKA_SSE_FLAGS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * What a record's value is, NGX_KAFKA_SSE_RECORD_...: found out once per node,
 * and not by every worker for every group
 */

ngx_uint_t ngx_kafka_sse_flags(ngx_kafka_sse_main_conf_t *conf,
    ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_FLAGS_H_INCLUDED_ */
