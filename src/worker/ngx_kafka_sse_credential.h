
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CREDENTIAL_H_INCLUDED_
#define _NGX_KAFKA_SSE_CREDENTIAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the token in the value of a header, of which the text is a view */

/* Authorization (RFC 6750, 2.1); NGX_DECLINED: another scheme */

ngx_int_t ngx_kafka_sse_credential_header(ngx_str_t *value,
    ngx_str_t *text);

/*
 * Cookie (RFC 6265, 4.2.1): "kafka_sse_token".  The text is that of the headers
 * before this one, data NULL: none has it.  NGX_DECLINED: this one has another,
 * which is different; the text stays.
 */

ngx_int_t ngx_kafka_sse_credential_cookie(ngx_str_t *value,
    ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_CREDENTIAL_H_INCLUDED_ */
