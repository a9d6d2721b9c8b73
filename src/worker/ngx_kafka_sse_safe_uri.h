
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_SAFE_URI_H_INCLUDED_
#define _NGX_KAFKA_SSE_SAFE_URI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A request's URI as a log may show it: the value of an argument that may hold
 * a token is "***".  It ends at "&" only, as it does for nginx; a name begins
 * behind "?", "&" or ";", also where these are percent-encoded or in the value
 * of another argument, is matched in any case, and may be percent-encoded.
 */

/*
 * Writes the URI to dst, or only counts if that is NULL, and returns its
 * length; 0: nothing is to be hidden, it can be shown as it is.  args: of
 * ngx_str_t, besides "token", "access_token" and "jwt".
 */

size_t ngx_kafka_sse_safe_uri(u_char *dst, ngx_str_t *uri, ngx_array_t *args);

/* adds to names, of ngx_str_t, that of each $arg_NAME in a directive's text */

ngx_int_t ngx_kafka_sse_safe_uri_args(ngx_array_t *names, ngx_str_t *text);


#endif /* _NGX_KAFKA_SSE_SAFE_URI_H_INCLUDED_ */
