
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_base64url.h>


static ngx_int_t ngx_kafka_sse_base64url_bits(u_char c);


ngx_int_t
ngx_kafka_sse_base64url_decode(u_char *dst, size_t *len, ngx_str_t *text)
{
    u_char      *p, *last, *start;
    uint32_t     word;
    ngx_int_t    bits;
    ngx_uint_t   n;

    if (text->len % 4 == 1) {
        return NGX_DECLINED;
    }

    start = dst;
    word = 0;
    n = 0;              /* bits in word that are not written yet */

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {

        bits = ngx_kafka_sse_base64url_bits(*p);

        if (bits == NGX_ERROR) {
            return NGX_DECLINED;
        }

        word = word << 6 | (uint32_t) bits;
        n += 6;

        if (n >= 8) {
            n -= 8;
            *dst++ = (u_char) (word >> n);
        }
    }

    if (word & ((1u << n) - 1)) {
        return NGX_DECLINED;
    }

    *len = dst - start;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_base64url_bits(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return (c == '-') ? 62 : (c == '_') ? 63 : NGX_ERROR;
}
