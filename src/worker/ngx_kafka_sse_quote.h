
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_QUOTE_H_INCLUDED_
#define _NGX_KAFKA_SSE_QUOTE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * What a JSON string says, on one line.  Each function writes at dst, where the
 * caller has made room, and returns the end.
 */

/* bytes that a byte may become, "\u0000", which is more than base64 takes */

#define NGX_KAFKA_SSE_QUOTE_LEN  6


/* valid UTF-8 in quotes; bytes as base64 in quotes */

u_char *ngx_kafka_sse_quote_string(u_char *dst, ngx_str_t *text);
u_char *ngx_kafka_sse_quote_base64(u_char *dst, ngx_str_t *bytes);

/* valid UTF-8 without quotes */

u_char *ngx_kafka_sse_quote_text(u_char *dst, ngx_str_t *text);

/*
 * The same of a name: that it is text is likely, but nobody has seen to it.
 * What is not becomes "?".
 */

u_char *ngx_kafka_sse_quote_name(u_char *dst, ngx_str_t *name);


#endif /* _NGX_KAFKA_SSE_QUOTE_H_INCLUDED_ */
