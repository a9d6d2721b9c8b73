
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_DEMAND_H_INCLUDED_
#define _NGX_KAFKA_SSE_DEMAND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_filter.h>


/*
 * What a request demands of records: the conditions of its location, with the
 * values that it gives them, and those that its arguments make.
 */

/*
 * Whether what this word of the configuration says for the request is split at
 * ",", see ngx_kafka_sse_word_is_list()
 */

typedef ngx_uint_t (*ngx_kafka_sse_demand_list_pt)(ngx_http_request_t *r,
    ngx_str_t *word);


/*
 * The request's filter, in its pool; *filter is NULL where the location has
 * none and the client wants none.  NGX_OK; NGX_DECLINED: *arg is the name of
 * an argument that no directive of the location knows, or its value is too
 * much; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_demand_get(ngx_http_request_t *r,
    ngx_kafka_sse_filter_conf_t *conf, ngx_kafka_sse_demand_list_pt is_list,
    ngx_kafka_sse_filter_t **filter, ngx_str_t *arg);


#endif /* _NGX_KAFKA_SSE_DEMAND_H_INCLUDED_ */
