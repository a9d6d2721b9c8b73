
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_quote.h>


#define NGX_KAFKA_SSE_QUOTE_LOWS      0x7f7f7f7f7f7f7f7full
#define NGX_KAFKA_SSE_QUOTE_HIGHS     0x8080808080808080ull
#define NGX_KAFKA_SSE_QUOTE_ALL(c)    ((c) * 0x0101010101010101ull)


static u_char *ngx_kafka_sse_quote_char(u_char *dst, u_char c);
static ngx_inline ngx_uint_t ngx_kafka_sse_quote_plain(uint64_t w);


u_char *
ngx_kafka_sse_quote_string(u_char *dst, ngx_str_t *text)
{
    *dst++ = '"';
    dst = ngx_kafka_sse_quote_text(dst, text);
    *dst++ = '"';

    return dst;
}


u_char *
ngx_kafka_sse_quote_base64(u_char *dst, ngx_str_t *bytes)
{
    ngx_str_t  out;

    *dst++ = '"';

    out.data = dst;
    ngx_encode_base64(&out, bytes);
    dst += out.len;

    *dst++ = '"';

    return dst;
}


u_char *
ngx_kafka_sse_quote_name(u_char *dst, ngx_str_t *name)
{
    u_char     c, *p, *last;
    size_t     n;
    ngx_str_t  character;

    if (ngx_kafka_sse_record_is_text(name)) {
        return ngx_kafka_sse_quote_text(dst, name);
    }

    p = name->data;
    last = p + name->len;

    while (p < last) {
        c = *p;

        n = (c < 0x80) ? 1 : (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;
        character.len = ngx_min(n, (size_t) (last - p));
        character.data = p;

        if (c == '\0' || ngx_kafka_sse_record_is_text(&character)) {
            dst = ngx_kafka_sse_quote_text(dst, &character);
            p += n;

        } else {
            *dst++ = '?';
            p++;
        }
    }

    return dst;
}


u_char *
ngx_kafka_sse_quote_text(u_char *dst, ngx_str_t *text)
{
    u_char    c, *p, *last;
    uint64_t  w;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        /* most bytes are plain, so 8 at once */

        while (last - p >= 8) {
            ngx_memcpy(&w, p, 8);

            if (!ngx_kafka_sse_quote_plain(w)) {
                break;
            }

            ngx_memcpy(dst, &w, 8);
            p += 8;
            dst += 8;
        }

        while (p < last) {
            c = *p++;

            if (c < 0x20 || c == '"' || c == '\\') {
                dst = ngx_kafka_sse_quote_char(dst, c);
                break;
            }

            *dst++ = c;
        }
    }

    return dst;
}


static u_char *
ngx_kafka_sse_quote_char(u_char *dst, u_char c)
{
    static u_char  hex[] = "0123456789abcdef";

    *dst++ = '\\';

    switch (c) {

    case LF:
        *dst++ = 'n';
        break;

    case CR:
        *dst++ = 'r';
        break;

    case '\t':
        *dst++ = 't';
        break;

    case '"':
    case '\\':
        *dst++ = c;
        break;

    default:
        *dst++ = 'u';
        *dst++ = '0';
        *dst++ = '0';
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0xf];
        break;
    }

    return dst;
}


/*
 * 1 if none of the 8 bytes has to be escaped.  The lower 7 bits of a byte plus
 * 0x7f carry into its highest bit unless they are 0, plus 0x60 unless they are
 * below 0x20; no carry leaves a byte.
 */

static ngx_inline ngx_uint_t
ngx_kafka_sse_quote_plain(uint64_t w)
{
    uint64_t  control, quote, slash;

    quote = w ^ NGX_KAFKA_SSE_QUOTE_ALL('"');
    slash = w ^ NGX_KAFKA_SSE_QUOTE_ALL('\\');

    control = ((w & NGX_KAFKA_SSE_QUOTE_LOWS) + NGX_KAFKA_SSE_QUOTE_ALL(0x60))
              | w;
    quote |= (quote & NGX_KAFKA_SSE_QUOTE_LOWS) + NGX_KAFKA_SSE_QUOTE_LOWS;
    slash |= (slash & NGX_KAFKA_SSE_QUOTE_LOWS) + NGX_KAFKA_SSE_QUOTE_LOWS;

    return (control & quote & slash & NGX_KAFKA_SSE_QUOTE_HIGHS)
           == NGX_KAFKA_SSE_QUOTE_HIGHS;
}
