
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_SHIM_H_INCLUDED_
#define _NGX_SHIM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The last message of ngx_conf_log_error() or ngx_log_error(), NUL-terminated,
 * empty: none; and how many the latter has written
 */

extern char       ngx_shim_message[512];
extern ngx_uint_t ngx_shim_messages;

/* allocations until one fails; -1: none does */

extern ngx_int_t  ngx_shim_fail_after;

/* nginx's variables and their values; the last one has no name */

typedef struct {
    char       *name;
    ngx_str_t   value;
} ngx_shim_value_t;


extern ngx_shim_value_t  *ngx_shim_values;


#endif /* _NGX_SHIM_H_INCLUDED_ */
