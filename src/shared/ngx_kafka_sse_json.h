
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_JSON_H_INCLUDED_
#define _NGX_KAFKA_SSE_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a JSON text (RFC 8259) token by token, where it stands: it allocates
 * nothing, and does not call itself, however deep the text is.  What it reads
 * is valid UTF-8; whoever calls has looked.
 */

#define NGX_KAFKA_SSE_JSON_DEPTH   2048   /* objects and arrays in each other */


#define NGX_KAFKA_SSE_JSON_OBJECT  0      /* begins */
#define NGX_KAFKA_SSE_JSON_ARRAY   1      /* begins */
#define NGX_KAFKA_SSE_JSON_CLOSE   2      /* the end of either */
#define NGX_KAFKA_SSE_JSON_NAME    3      /* of a member, whose value follows */
#define NGX_KAFKA_SSE_JSON_STRING  4
#define NGX_KAFKA_SSE_JSON_NUMBER  5
#define NGX_KAFKA_SSE_JSON_TRUE    6
#define NGX_KAFKA_SSE_JSON_FALSE   7
#define NGX_KAFKA_SSE_JSON_NULL    8


typedef struct {
    u_char         *pos;        /* behind the token */
    u_char         *last;
    ngx_uint_t      type;       /* of the token */
    ngx_str_t       text;       /* of it as it stands there; of a name or
                                   string without quotes */
    ngx_uint_t      escaped;    /* a name or string: text has escapes */
    ngx_uint_t      depth;      /* objects and arrays that are open behind
                                   the token */
    ngx_uint_t      expect;
    uint64_t        objects[NGX_KAFKA_SSE_JSON_DEPTH / 64];
                                /* by depth, a bit: it is no array */
} ngx_kafka_sse_json_t;


void ngx_kafka_sse_json_init(ngx_kafka_sse_json_t *json, ngx_str_t *text);

/*
 * The next token: NGX_OK; NGX_DONE: there is none, and the text is valid;
 * NGX_ERROR: it is not, or too deep.
 */

ngx_int_t ngx_kafka_sse_json_next(ngx_kafka_sse_json_t *json);

/* whether what is open at this depth, 1 .. json->depth, is an array */

ngx_uint_t ngx_kafka_sse_json_in_array(ngx_kafka_sse_json_t *json,
    ngx_uint_t depth);

/*
 * Writes the text of a name or string without its escapes, which is never
 * longer, and returns the end.
 */

u_char *ngx_kafka_sse_json_unescape(u_char *dst, ngx_str_t *text);

/*
 * The text of the name or string at hand without its escapes, which are
 * resolved where they stand: what json reads is the caller's to write to.
 */

ngx_str_t ngx_kafka_sse_json_plain(ngx_kafka_sse_json_t *json);

/* whether the text of a name or string is this one, without its escapes */

ngx_uint_t ngx_kafka_sse_json_same(ngx_kafka_sse_json_t *json,
    ngx_str_t *name);


#endif /* _NGX_KAFKA_SSE_JSON_H_INCLUDED_ */
