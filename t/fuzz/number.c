
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is two numbers, the first one behind a byte with its length.  Their
 * values and order are those that 113 bits have, of which a double needs 53 and
 * an integer 64; and each has one written form, which is its value's.
 *
 * Covers shared/ngx_kafka_sse_number.c
 */


#include "fuzz.h"

#include <math.h>
#include <regex.h>

#include <shared/ngx_kafka_sse_number.h>


/* NULL: it is no number, or too long for one */

static char *
fuzz_text(ngx_str_t *in)
{
    char  *text;

    static regex_t     regex;
    static ngx_uint_t  compiled;

    if (!compiled) {
        compiled = 1;
        fuzz_check(regcomp(&regex,
                           "^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?$",
                           REG_EXTENDED|REG_NOSUB)
                   == 0);
    }

    if (in->len >= 512 || (in->len && memchr(in->data, '\0', in->len))) {
        return NULL;
    }

    text = strndup((char *) in->data, in->len);

    if (regexec(&regex, text, 0, NULL, 0) == 0) {
        return text;
    }

    free(text);

    return NULL;
}


/* as the other reader has it, which says whether it is one */

static ngx_uint_t
fuzz_value(ngx_str_t *in, ngx_kafka_sse_number_t *number, __float128 *value)
{
    char        *text;
    double       real;
    ngx_int_t    rc;
    long long    integer;
    ngx_uint_t   is_integer;

    rc = ngx_kafka_sse_number_parse(number, in);
    text = fuzz_text(in);

    if (text == NULL) {
        fuzz_check(rc == NGX_DECLINED);
        return 0;
    }

    errno = 0;
    integer = strtoll(text, NULL, 10);
    is_integer = (errno == 0 && strpbrk(text, ".eE") == NULL);
    real = strtod(text, NULL);

    free(text);

    fuzz_check((rc == NGX_OK) == (is_integer || !isinf(real)));

    if (rc != NGX_OK) {
        return 0;
    }

    fuzz_check(!number->is_integer == !is_integer);
    fuzz_check(is_integer ? number->integer == integer
                          : number->real == real);

    *value = is_integer ? (__float128) integer : (__float128) real;

    return 1;
}


static ngx_str_t
fuzz_write(ngx_str_t *in, u_char *buf)
{
    u_char     *p;
    ngx_str_t   out;

    p = ngx_kafka_sse_number_write(buf, in);
    fuzz_check(p != NULL && p - buf <= NGX_KAFKA_SSE_NUMBER_LEN);

    out.data = buf;
    out.len = p - buf;

    return out;
}


static void
fuzz_forms(ngx_str_t *one, ngx_str_t *two, ngx_uint_t same)
{
    u_char                  *bufs[3];
    __float128               before, after;
    ngx_str_t                a, b, again;
    ngx_uint_t               i;
    ngx_kafka_sse_number_t   number;

    for (i = 0; i < 3; i++) {
        bufs[i] = fuzz_alloc(NGX_KAFKA_SSE_NUMBER_LEN);
    }

    a = fuzz_write(one, bufs[0]);
    b = fuzz_write(two, bufs[1]);

    fuzz_check(same == (a.len == b.len && memcmp(a.data, b.data, a.len) == 0));

    again = fuzz_write(&a, bufs[2]);
    fuzz_check(again.len == a.len && memcmp(again.data, a.data, a.len) == 0);

    fuzz_check(fuzz_value(one, &number, &before)
               && fuzz_value(&a, &number, &after) && before == after);

    for (i = 0; i < 3; i++) {
        free(bufs[i]);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   buf[NGX_KAFKA_SSE_NUMBER_LEN];
    ngx_str_t                one, two;
    __float128               x, y;
    ngx_uint_t               has_one, has_two;
    ngx_kafka_sse_number_t   a, b;

    one = fuzz_take(&data, &size);
    two.data = (u_char *) data;
    two.len = size;

    has_one = fuzz_value(&one, &a, &x);
    has_two = fuzz_value(&two, &b, &y);

    fuzz_check(has_one || ngx_kafka_sse_number_write(buf, &one) == NULL);
    fuzz_check(has_two || ngx_kafka_sse_number_write(buf, &two) == NULL);

    if (!has_one || !has_two) {
        return 0;
    }

    fuzz_check(ngx_kafka_sse_number_compare(&a, &b) == (x > y) - (x < y));
    fuzz_check(ngx_kafka_sse_number_compare(&b, &a) == (y > x) - (y < x));

    fuzz_forms(&one, &two, x == y);

    return 0;
}
