
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <locale.h>
#include <math.h>

#include <shared/ngx_kafka_sse_number.h>


#define NGX_KAFKA_SSE_NUMBER_MAX   512    /* a longer text is no number */

#define NGX_KAFKA_SSE_NUMBER_2_63  9223372036854775808.0


static ngx_int_t ngx_kafka_sse_number_scan(ngx_str_t *text,
    ngx_uint_t *is_integer);
static ngx_int_t ngx_kafka_sse_number_integer(ngx_str_t *text,
    int64_t *integer);
static ngx_int_t ngx_kafka_sse_number_mixed(int64_t integer, double real);
static double ngx_kafka_sse_number_real(ngx_str_t *text);
static u_char *ngx_kafka_sse_number_shortest(u_char *dst, double d);
static locale_t ngx_kafka_sse_number_enter(void);


ngx_int_t
ngx_kafka_sse_number_parse(ngx_kafka_sse_number_t *number, ngx_str_t *text)
{
    ngx_uint_t  is_integer;

    if (ngx_kafka_sse_number_scan(text, &is_integer) != NGX_OK) {
        return NGX_DECLINED;
    }

    number->is_integer = is_integer
                         && ngx_kafka_sse_number_integer(text,
                                                         &number->integer)
                            == NGX_OK;

    if (number->is_integer) {
        return NGX_OK;
    }

    number->real = ngx_kafka_sse_number_real(text);

    return isinf(number->real) ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_kafka_sse_number_compare(ngx_kafka_sse_number_t *a,
    ngx_kafka_sse_number_t *b)
{
    if (a->is_integer && b->is_integer) {
        return (a->integer > b->integer) - (a->integer < b->integer);
    }

    if (a->is_integer) {
        return ngx_kafka_sse_number_mixed(a->integer, b->real);
    }

    if (b->is_integer) {
        return -ngx_kafka_sse_number_mixed(b->integer, a->real);
    }

    return (a->real > b->real) - (a->real < b->real);
}


/* an integer above 2^53 need not be a double */

static ngx_int_t
ngx_kafka_sse_number_mixed(int64_t integer, double real)
{
    int64_t  whole;

    if (real >= NGX_KAFKA_SSE_NUMBER_2_63) {
        return -1;
    }

    if (real < -NGX_KAFKA_SSE_NUMBER_2_63) {
        return 1;
    }

    whole = (int64_t) real;

    if (integer != whole) {
        return (integer > whole) ? 1 : -1;
    }

    return ((double) whole > real) - ((double) whole < real);
}


u_char *
ngx_kafka_sse_number_write(u_char *dst, ngx_str_t *text)
{
    double      d;
    int64_t     integer;
    ngx_uint_t  is_integer;

    if (ngx_kafka_sse_number_scan(text, &is_integer) != NGX_OK) {
        return NULL;
    }

    if (is_integer
        && ngx_kafka_sse_number_integer(text, &integer) == NGX_OK)
    {
        return ngx_sprintf(dst, "%L", integer);
    }

    d = ngx_kafka_sse_number_real(text);

    if (isinf(d)) {
        return NULL;
    }

    /* 1e3 is 1000, and -0.0 is 0 */

    if (d >= -NGX_KAFKA_SSE_NUMBER_2_63 && d < NGX_KAFKA_SSE_NUMBER_2_63
        && d == (double) (int64_t) d)
    {
        return ngx_sprintf(dst, "%L", (int64_t) d);
    }

    return ngx_kafka_sse_number_shortest(dst, d);
}


/* the form only: [-]digits[.digits][e[+|-]digits] */

static ngx_int_t
ngx_kafka_sse_number_scan(ngx_str_t *text, ngx_uint_t *is_integer)
{
    u_char  *p, *last, *digits;

    if (text->len >= NGX_KAFKA_SSE_NUMBER_MAX) {
        return NGX_DECLINED;
    }

    p = text->data;
    last = p + text->len;

    if (p < last && *p == '-') {
        p++;
    }

    for (digits = p; p < last && *p >= '0' && *p <= '9'; p++) { /* void */ }

    if (p == digits) {
        return NGX_DECLINED;
    }

    *is_integer = (p == last);

    if (p < last && *p == '.') {
        p++;

        for (digits = p; p < last && *p >= '0' && *p <= '9'; p++) {
            /* void */
        }

        if (p == digits) {
            return NGX_DECLINED;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        for (digits = p; p < last && *p >= '0' && *p <= '9'; p++) {
            /* void */
        }

        if (p == digits) {
            return NGX_DECLINED;
        }
    }

    return (p == last) ? NGX_OK : NGX_DECLINED;
}


/* what has been scanned; NGX_DECLINED: more than 64 bits */

static ngx_int_t
ngx_kafka_sse_number_integer(ngx_str_t *text, int64_t *integer)
{
    u_char      *p, *last;
    uint64_t     n, max;
    ngx_uint_t   negative, digit;

    p = text->data;
    last = p + text->len;

    negative = (*p == '-');
    p += negative;

    max = (uint64_t) INT64_MAX + negative;

    for (n = 0; p < last; p++) {
        digit = *p - '0';

        if (n > (max - digit) / 10) {
            return NGX_DECLINED;
        }

        n = n * 10 + digit;
    }

    *integer = negative ? (int64_t) (0 - n) : (int64_t) n;

    return NGX_OK;
}


/* infinite if it is too large */

static double
ngx_kafka_sse_number_real(ngx_str_t *text)
{
    char      buf[NGX_KAFKA_SSE_NUMBER_MAX];
    double    d;
    locale_t  old;

    ngx_memcpy(buf, text->data, text->len);
    buf[text->len] = '\0';

    old = ngx_kafka_sse_number_enter();

    d = strtod(buf, NULL);

    (void) uselocale(old);

    return d;
}


static u_char *
ngx_kafka_sse_number_shortest(u_char *dst, double d)
{
    int       digits;
    char      buf[NGX_KAFKA_SSE_NUMBER_LEN];
    locale_t  old;

    old = ngx_kafka_sse_number_enter();

    for (digits = 15; digits <= 17; digits++) {
        (void) snprintf(buf, sizeof(buf), "%.*g", digits, d);

        if (strtod(buf, NULL) == d) {
            break;
        }
    }

    (void) uselocale(old);

    return ngx_cpymem(dst, buf, ngx_strlen(buf));
}


/* this thread's locale is C's until uselocale() is called with the result */

static locale_t
ngx_kafka_sse_number_enter(void)
{
    static locale_t  c;

    if (c == (locale_t) 0) {
        c = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
    }

    return uselocale(c);
}
