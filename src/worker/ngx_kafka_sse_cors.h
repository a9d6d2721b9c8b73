
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CORS_H_INCLUDED_
#define _NGX_KAFKA_SSE_CORS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Which pages of other origins may read what a location with kafka_sse answers
 * (Fetch Standard, 3.3): a preflight is answered before anybody asks who it is,
 * and every answer of the location says whose page may read it, errors and
 * what an error_page makes of them, too.
 */

typedef struct {
    ngx_array_t    origins;         /* ngx_kafka_sse_web_origin_t */
    unsigned       any:1;           /* "*", then there are no origins */
    unsigned       credentials:1;
} ngx_kafka_sse_cors_t;


/* kafka_sse_cors origin ... [credentials] | off */

char *ngx_kafka_sse_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* for each configuration: the header filter, and the phases where it is used */

void ngx_kafka_sse_cors_filter_init(void);
ngx_int_t ngx_kafka_sse_cors_init(ngx_conf_t *cf);


#endif /* _NGX_KAFKA_SSE_CORS_H_INCLUDED_ */
