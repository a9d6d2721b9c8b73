
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_BASE64URL_H_INCLUDED_
#define _NGX_KAFKA_SSE_BASE64URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Base64url as JOSE wants it (RFC 7515, 2), and positions are written: without
 * padding, white space and foreign characters, and so that each text has one
 * form only: what is left over of the last character's bits is zero.  nginx's
 * own decoder is lenient in all of these.
 */

/* of a text of this length; one of a length that none has gets too many */

#define ngx_kafka_sse_base64url_len(len)  ((len) / 4 * 3 + (len) % 4)


/* writes at dst and sets *len; NGX_DECLINED: it is not base64url */

ngx_int_t ngx_kafka_sse_base64url_decode(u_char *dst, size_t *len,
    ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_BASE64URL_H_INCLUDED_ */
