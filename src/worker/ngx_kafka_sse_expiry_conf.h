
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_EXPIRY_CONF_H_INCLUDED_
#define _NGX_KAFKA_SSE_EXPIRY_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* when streams of a location end by the wall clock; Unix time in ms */

#define NGX_KAFKA_SSE_EXPIRY_WARN  30000    /* ms */


/* kafka_sse_expires */

typedef struct {
    ngx_http_complex_value_t    *time;      /* NULL: the token's alone */
    ngx_msec_t                   warn;      /* 0: no warning */
} ngx_kafka_sse_expiry_conf_t;


/* kafka_sse_expires [time] [warn=time] */

char *ngx_kafka_sse_expiry_conf_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

void ngx_kafka_sse_expiry_conf_init(ngx_kafka_sse_expiry_conf_t *conf);
void ngx_kafka_sse_expiry_conf_merge(ngx_kafka_sse_expiry_conf_t *prev,
    ngx_kafka_sse_expiry_conf_t *conf);

/*
 * What the directive says for a request; 0: it has no end.  NGX_DECLINED: that
 * is no time, which has been logged; NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_expiry_conf_get(ngx_http_request_t *r,
    ngx_kafka_sse_expiry_conf_t *conf, int64_t *time);

/* the wall clock, as nginx looked at it last */

int64_t ngx_kafka_sse_expiry_now(void);


#endif /* _NGX_KAFKA_SSE_EXPIRY_CONF_H_INCLUDED_ */
