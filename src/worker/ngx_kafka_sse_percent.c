
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_percent.h>


u_char *
ngx_kafka_sse_percent_decode(u_char *dst, ngx_str_t *text, ngx_uint_t form)
{
    u_char     *p, *last;
    ngx_int_t   n;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (*p == '%' && last - p > 2) {
            n = ngx_hextoi(p + 1, 2);

            if (n != NGX_ERROR) {
                *dst++ = (u_char) n;
                p += 3;
                continue;
            }
        }

        *dst++ = (form && *p == '+') ? ' ' : *p;
        p++;
    }

    return dst;
}
