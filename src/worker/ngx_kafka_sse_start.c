
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_start.h>


#define NGX_KAFKA_SSE_START_DIGITS  15      /* of a number: year 33658 in ms */
#define NGX_KAFKA_SSE_START_DAY     86400


static ngx_int_t ngx_kafka_sse_start_number(u_char *p, size_t len,
    int64_t *n);
static ngx_int_t ngx_kafka_sse_start_time(ngx_str_t *text, int64_t *ms);
static ngx_int_t ngx_kafka_sse_start_clock(ngx_str_t *text, int64_t *ms);
static ngx_int_t ngx_kafka_sse_start_fraction(ngx_str_t *text, int64_t *ms);
static ngx_int_t ngx_kafka_sse_start_zone(ngx_str_t *text, int64_t *ms);
static ngx_int_t ngx_kafka_sse_start_field(ngx_str_t *text, size_t len,
    u_char end, int64_t min, int64_t max, int64_t *n);
static int64_t ngx_kafka_sse_start_days(int64_t y, int64_t m, int64_t d);


ngx_int_t
ngx_kafka_sse_start_parse(ngx_kafka_sse_start_t *start, ngx_str_t *text)
{
    ngx_str_t  s;

    start->value = 0;

    if (text->len == 6 && ngx_strncmp(text->data, "latest", 6) == 0) {
        start->kind = NGX_KAFKA_SSE_START_LATEST;
        return NGX_OK;
    }

    if (text->len == 8 && ngx_strncmp(text->data, "earliest", 8) == 0) {
        start->kind = NGX_KAFKA_SSE_START_EARLIEST;
        return NGX_OK;
    }

    if (text->len && text->data[0] == '-') {
        start->kind = NGX_KAFKA_SSE_START_BACK;
        return ngx_kafka_sse_start_number(text->data + 1, text->len - 1,
                                          &start->value);
    }

    start->kind = NGX_KAFKA_SSE_START_TIME;

    if (ngx_kafka_sse_start_number(text->data, text->len, &start->value)
        == NGX_OK)
    {
        return NGX_OK;
    }

    s = *text;

    return ngx_kafka_sse_start_time(&s, &start->value);
}


static ngx_int_t
ngx_kafka_sse_start_number(u_char *p, size_t len, int64_t *n)
{
    size_t  i;

    if (len == 0 || len > NGX_KAFKA_SSE_START_DIGITS) {
        return NGX_DECLINED;
    }

    *n = 0;

    for (i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return NGX_DECLINED;
        }

        *n = *n * 10 + (p[i] - '0');
    }

    return NGX_OK;
}


/* each step takes what it has read off *text */

static ngx_int_t
ngx_kafka_sse_start_time(ngx_str_t *text, int64_t *ms)
{
    int64_t  y, m, d;

    static int64_t  days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (ngx_kafka_sse_start_field(text, 4, '-', 1970, 9999, &y) != NGX_OK
        || ngx_kafka_sse_start_field(text, 2, '-', 1, 12, &m) != NGX_OK
        || ngx_kafka_sse_start_field(text, 2, 0, 1, days[m - 1], &d) != NGX_OK
        || (m == 2 && d == 29
            && (y % 4 || (y % 100 == 0 && y % 400))))
    {
        return NGX_DECLINED;
    }

    *ms = ngx_kafka_sse_start_days(y, m, d) * NGX_KAFKA_SSE_START_DAY * 1000;

    if (text->len == 0) {
        return NGX_OK;
    }

    return ngx_kafka_sse_start_clock(text, ms);
}


/* the seconds and their fraction may be left out, the zone may not */

static ngx_int_t
ngx_kafka_sse_start_clock(ngx_str_t *text, int64_t *ms)
{
    int64_t  h, min, s;

    if (text->data[0] != 'T' && text->data[0] != 't' && text->data[0] != ' ') {
        return NGX_DECLINED;
    }

    text->data++;
    text->len--;
    s = 0;

    if (ngx_kafka_sse_start_field(text, 2, ':', 0, 23, &h) != NGX_OK
        || ngx_kafka_sse_start_field(text, 2, 0, 0, 59, &min) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (text->len && text->data[0] == ':') {
        text->data++;
        text->len--;

        /* 60 is a leap second */

        if (ngx_kafka_sse_start_field(text, 2, 0, 0, 60, &s) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (text->len && text->data[0] == '.') {
            text->data++;
            text->len--;

            if (ngx_kafka_sse_start_fraction(text, ms) != NGX_OK) {
                return NGX_DECLINED;
            }
        }
    }

    *ms += ((h * 60 + min) * 60 + s) * 1000;

    return ngx_kafka_sse_start_zone(text, ms);
}


/* what is less than a ms is cut off */

static ngx_int_t
ngx_kafka_sse_start_fraction(ngx_str_t *text, int64_t *ms)
{
    int64_t  scale;

    if (text->len == 0 || text->data[0] < '0' || text->data[0] > '9') {
        return NGX_DECLINED;
    }

    scale = 100;

    while (text->len && text->data[0] >= '0' && text->data[0] <= '9') {
        *ms += (text->data[0] - '0') * scale;
        scale /= 10;
        text->data++;
        text->len--;
    }

    return NGX_OK;
}


/* "Z" or "+hh:mm"; a "+" that came as a space was not escaped in a query */

static ngx_int_t
ngx_kafka_sse_start_zone(ngx_str_t *text, int64_t *ms)
{
    u_char   sign;
    int64_t  h, min;

    if (text->len == 1 && (text->data[0] == 'Z' || text->data[0] == 'z')) {
        return NGX_OK;
    }

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    sign = text->data[0];

    if (sign != '+' && sign != '-' && sign != ' ') {
        return NGX_DECLINED;
    }

    text->data++;
    text->len--;

    if (ngx_kafka_sse_start_field(text, 2, ':', 0, 23, &h) != NGX_OK
        || ngx_kafka_sse_start_field(text, 2, 0, 0, 59, &min) != NGX_OK
        || text->len)
    {
        return NGX_DECLINED;
    }

    *ms += (sign == '-' ? 1 : -1) * (h * 60 + min) * 60000;

    return *ms >= 0 ? NGX_OK : NGX_DECLINED;
}


/* len digits, and the end that has to follow, if it is not 0 */

static ngx_int_t
ngx_kafka_sse_start_field(ngx_str_t *text, size_t len, u_char end,
    int64_t min, int64_t max, int64_t *n)
{
    if (text->len < len + (end != 0)
        || ngx_kafka_sse_start_number(text->data, len, n) != NGX_OK
        || *n < min || *n > max
        || (end && text->data[len] != end))
    {
        return NGX_DECLINED;
    }

    len += (end != 0);

    text->data += len;
    text->len -= len;

    return NGX_OK;
}


/* days since 1970-01-01 of the Gregorian calendar; a year ends with February */

static int64_t
ngx_kafka_sse_start_days(int64_t y, int64_t m, int64_t d)
{
    if (m <= 2) {
        m += 12;
        y--;
    }

    return 365 * y + y / 4 - y / 100 + y / 400
           + (153 * (m - 3) + 2) / 5 + d - 719469;
}
