
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_RECORD_H_INCLUDED_
#define _NGX_KAFKA_SSE_RECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * What depends on the record only is found out once per node, by the feed,
 * and travels in these flags.
 */

#define NGX_KAFKA_SSE_RECORD_TEXT  0x01  /* value: valid UTF-8 without NUL */
#define NGX_KAFKA_SSE_RECORD_JSON  0x02  /* value: one valid JSON text */


/*
 * One Kafka record.  A view: the bytes belong to whoever made it (librdkafka's
 * message, an envelope, a copy of a ring entry) and live as long as that does.
 *
 * A null key or value has data == NULL; an empty one has data != NULL, len 0.
 *
 * headers is packed, in the same form everywhere: for each header, in order,
 * uint32 name length, uint32 value length (0xffffffff: a null value), both
 * little-endian, then the bytes of the name and of the value.
 */

typedef struct {
    int64_t      offset;
    int64_t      timestamp;     /* ms since the epoch, -1: none */
    ngx_str_t    key;
    ngx_str_t    value;
    ngx_str_t    headers;       /* packed; len 0: none */
    ngx_str_t    fields;        /* packed, see field.h; len 0: none.  The
                                   companion finds them out, once per node */
    int32_t      partition;
    ngx_uint_t   flags;         /* NGX_KAFKA_SSE_RECORD_... */
} ngx_kafka_sse_record_t;


/*
 * Takes the next header off *headers, a packed block that is consumed.
 * A null value has data == NULL.  NGX_OK, NGX_DONE at the end, NGX_ERROR if
 * the block is malformed.
 */

ngx_int_t ngx_kafka_sse_record_next_header(ngx_str_t *headers,
    ngx_str_t *name, ngx_str_t *value);

/* NGX_OK if the block is well-formed, else NGX_ERROR */

ngx_int_t ngx_kafka_sse_record_check_headers(ngx_str_t *headers);

/* writes one packed header; the room is 8 + both lengths; returns the end */

u_char *ngx_kafka_sse_record_add_header(u_char *dst, ngx_str_t *name,
    ngx_str_t *value);

/*
 * 1 if value may be sent as text: valid UTF-8 (RFC 3629: no overlong forms,
 * no surrogates, at most U+10FFFF) without NUL, which a browser's event
 * stream parser would replace or drop
 */

ngx_uint_t ngx_kafka_sse_record_is_text(ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_RECORD_H_INCLUDED_ */
