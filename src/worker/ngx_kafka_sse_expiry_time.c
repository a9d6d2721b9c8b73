
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_expiry_time.h>


ngx_int_t
ngx_kafka_sse_expiry_time_parse(ngx_str_t *text, int64_t *time)
{
    u_char      *p, *last;
    int64_t      ms;
    ngx_uint_t   digits;

    p = text->data;
    last = p + text->len;
    ms = 0;

    /* 12 digits are some 30,000 years */

    for (digits = 0; p < last && *p >= '0' && *p <= '9'; p++, digits++) {

        if (digits == 12) {
            return NGX_ERROR;
        }

        ms = ms * 10 + (*p - '0') * 1000;
    }

    if (digits == 0) {
        return NGX_ERROR;
    }

    *time = ms;

    if (p == last) {
        return NGX_OK;
    }

    if (*p++ != '.' || p == last) {
        return NGX_ERROR;
    }

    for (ms = 100; p < last && *p >= '0' && *p <= '9'; p++, ms /= 10) {
        *time += (*p - '0') * ms;
    }

    return (p == last) ? NGX_OK : NGX_ERROR;
}
