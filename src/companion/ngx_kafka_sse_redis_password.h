
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_PASSWORD_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_PASSWORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a password from a file, without the line end that it may end with.
 * *path becomes the full one.  NGX_CONF_OK; what is wrong with the parameter;
 * or NGX_CONF_ERROR, with the reason logged.
 */

char *ngx_kafka_sse_redis_password_read(ngx_conf_t *cf, ngx_str_t *password,
    ngx_str_t *path);


#endif /* _NGX_KAFKA_SSE_REDIS_PASSWORD_H_INCLUDED_ */
