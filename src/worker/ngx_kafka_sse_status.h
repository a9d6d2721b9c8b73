
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_STATUS_H_INCLUDED_
#define _NGX_KAFKA_SSE_STATUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* kafka_sse_status [json | prometheus] */

char *ngx_kafka_sse_status_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_KAFKA_SSE_STATUS_H_INCLUDED_ */
