
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PROPERTY_FILE_H_INCLUDED_
#define _NGX_KAFKA_SSE_PROPERTY_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a value from a file into cf->pool, zero-terminated, without the line
 * end that it may have at its end.  NGX_ERROR after logging what is wrong with
 * the file: never what is in it.  name is zero-terminated.
 */

ngx_int_t ngx_kafka_sse_property_file_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_PROPERTY_FILE_H_INCLUDED_ */
