
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WEB_ORIGIN_H_INCLUDED_
#define _NGX_KAFKA_SSE_WEB_ORIGIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A web origin (RFC 6454), "https://shop.example", as it is configured: what
 * pages' requests say in their header Origin.  A browser writes one origin in
 * one way only (section 6.2, and the URL Standard for its host), so it is
 * compared byte by byte.  A "*." before the host is one label, any of letters,
 * digits and hyphens.
 */

typedef struct {
    ngx_str_t    head;    /* all of it, or what stands before the "*" */
    ngx_str_t    tail;    /* what stands behind the "*"; len 0: there is none */
} ngx_kafka_sse_web_origin_t;


/*
 * NULL: it is one, and points into the text.  Else why no browser would ever
 * send it, or why it would be too much.
 */

char *ngx_kafka_sse_web_origin_parse(ngx_kafka_sse_web_origin_t *origin,
    ngx_str_t *text);

/*
 * Writes the origin of what may be the address of a page, and returns its end;
 * dst has room for text->len bytes.  Whether it is good is for _parse() to say.
 */

u_char *ngx_kafka_sse_web_origin_guess(u_char *dst, ngx_str_t *text);

/* whether what a browser has sent is the origin, or one that it stands for */

ngx_uint_t ngx_kafka_sse_web_origin_match(ngx_kafka_sse_web_origin_t *origin,
    ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_WEB_ORIGIN_H_INCLUDED_ */
