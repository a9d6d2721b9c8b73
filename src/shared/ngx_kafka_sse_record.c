
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>


#define NGX_KAFKA_SSE_RECORD_NULL   0xffffffff    /* the length of a null */

#define NGX_KAFKA_SSE_RECORD_ONES   0x0101010101010101ull
#define NGX_KAFKA_SSE_RECORD_HIGHS  0x8080808080808080ull


static uint32_t ngx_kafka_sse_record_get_len(u_char *p);
static u_char *ngx_kafka_sse_record_put_len(u_char *dst, uint32_t len);
static size_t ngx_kafka_sse_record_utf8_len(u_char *p, u_char *last);


ngx_int_t
ngx_kafka_sse_record_next_header(ngx_str_t *headers, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char    *p;
    size_t     left;
    uint32_t   nlen, vlen;

    if (headers->len == 0) {
        return NGX_DONE;
    }

    if (headers->len < 8) {
        return NGX_ERROR;
    }

    p = headers->data;
    left = headers->len - 8;

    nlen = ngx_kafka_sse_record_get_len(p);
    vlen = ngx_kafka_sse_record_get_len(p + 4);
    p += 8;

    if (nlen > left) {
        return NGX_ERROR;
    }

    name->len = nlen;
    name->data = p;
    p += nlen;
    left -= nlen;

    if (vlen == NGX_KAFKA_SSE_RECORD_NULL) {
        ngx_str_null(value);

    } else {
        if (vlen > left) {
            return NGX_ERROR;
        }

        value->len = vlen;
        value->data = p;
        p += vlen;
        left -= vlen;
    }

    headers->len = left;
    headers->data = p;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_record_check_headers(ngx_str_t *headers)
{
    ngx_int_t  rc;
    ngx_str_t  rest, name, value;

    rest = *headers;

    do {
        rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    } while (rc == NGX_OK);

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


u_char *
ngx_kafka_sse_record_add_header(u_char *dst, ngx_str_t *name, ngx_str_t *value)
{
    dst = ngx_kafka_sse_record_put_len(dst, name->len);

    if (value->data == NULL) {
        dst = ngx_kafka_sse_record_put_len(dst, NGX_KAFKA_SSE_RECORD_NULL);
        return ngx_cpymem(dst, name->data, name->len);
    }

    dst = ngx_kafka_sse_record_put_len(dst, value->len);
    dst = ngx_cpymem(dst, name->data, name->len);

    return ngx_cpymem(dst, value->data, value->len);
}


ngx_uint_t
ngx_kafka_sse_record_is_text(ngx_str_t *value)
{
    u_char    *p, *last;
    size_t     n;
    uint64_t   w;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        /* 8 bytes at once, if all of them are ASCII and none is NUL */

        if (last - p >= 8) {
            ngx_memcpy(&w, p, 8);

            if (((w | (w - NGX_KAFKA_SSE_RECORD_ONES))
                 & NGX_KAFKA_SSE_RECORD_HIGHS)
                == 0)
            {
                p += 8;
                continue;
            }
        }

        n = ngx_kafka_sse_record_utf8_len(p, last);
        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


static uint32_t
ngx_kafka_sse_record_get_len(u_char *p)
{
    return (uint32_t) p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0];
}


static u_char *
ngx_kafka_sse_record_put_len(u_char *dst, uint32_t len)
{
    *dst++ = (u_char) len;
    *dst++ = (u_char) (len >> 8);
    *dst++ = (u_char) (len >> 16);
    *dst++ = (u_char) (len >> 24);

    return dst;
}


/*
 * The length of the character at p, 0 if it is NUL or not valid.  These are
 * the byte ranges of RFC 3629, section 4: only the second byte's range
 * depends on the first, and so leaves out what is overlong, a surrogate or
 * above U+10FFFF.
 */

static size_t
ngx_kafka_sse_record_utf8_len(u_char *p, u_char *last)
{
    u_char  c, min, max;
    size_t  i, n;

    c = *p;

    if (c < 0x80) {
        return c != '\0';
    }

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    n = (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;

    if ((size_t) (last - p) < n) {
        return 0;
    }

    min = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
    max = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;

    if (p[1] < min || p[1] > max) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }

    return n;
}
