
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_VARIABLES_H_INCLUDED_
#define _NGX_KAFKA_SSE_VARIABLES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The variables of a request that is a stream, for logs: nginx logs it when it
 * ends.  Not found where there is no stream.  Those of a record are in
 * ngx_kafka_sse_template.h.
 */

ngx_int_t ngx_kafka_sse_variables_add(ngx_conf_t *cf);


#endif /* _NGX_KAFKA_SSE_VARIABLES_H_INCLUDED_ */
