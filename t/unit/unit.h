
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * What every unit program needs: claims printed as TAP, a random generator
 * that gives the same numbers in each run, and copies of exactly the size of
 * their contents, so that AddressSanitizer sees the first byte too many.
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define unit_str(s)  { sizeof(s) - 1, (u_char *) s }


static ngx_uint_t  unit_tests;
static ngx_uint_t  unit_failures;
static uint64_t    unit_seed = 88172645463325252ull;


static ngx_inline void
unit_ok(ngx_uint_t passed, const char *claim)
{
    unit_tests++;

    if (!passed) {
        unit_failures++;
    }

    printf("%sok %d - %s\n", passed ? "" : "not ", (int) unit_tests, claim);
}


/* what a failed test got, printable */

static ngx_inline void
unit_dump(const char *what, u_char *p, size_t len)
{
    size_t  i;

    printf("# %s: \"", what);

    for (i = 0; i < len && i < 2000; i++) {

        if (p[i] >= 0x20 && p[i] < 0x7f) {
            putchar(p[i]);

        } else {
            printf("\\x%02x", p[i]);
        }
    }

    printf("\"\n");
}


static ngx_inline void
unit_is(u_char *got, size_t len, const char *expected, size_t elen,
    const char *claim)
{
    ngx_uint_t  same;

    same = (len == elen && memcmp(got, expected, len) == 0);

    unit_ok(same, claim);

    if (!same) {
        unit_dump("got     ", got, len);
        unit_dump("expected", (u_char *) expected, elen);
    }
}


static ngx_inline int
unit_done(void)
{
    printf("1..%d\n", (int) unit_tests);

    return unit_failures != 0;
}


static ngx_inline uint64_t
unit_random(void)
{
    unit_seed ^= unit_seed << 13;
    unit_seed ^= unit_seed >> 7;
    unit_seed ^= unit_seed << 17;

    return unit_seed * 2685821657736338717ull >> 16;
}


/* 0 .. n - 1 */

static ngx_inline ngx_uint_t
unit_below(ngx_uint_t n)
{
    return unit_random() % n;
}


/* never NULL, also for 0 bytes */

static ngx_inline u_char *
unit_alloc(size_t len)
{
    u_char  *p;

    p = malloc(len);

    if (p == NULL && len == 0) {
        p = malloc(1);
    }

    if (p == NULL) {
        abort();
    }

    return p;
}


static ngx_inline ngx_str_t
unit_copy(const void *p, size_t len)
{
    ngx_str_t  s;

    s.len = len;
    s.data = unit_alloc(len);

    if (len) {
        memcpy(s.data, p, len);
    }

    return s;
}


/* bytes that meet the branches of a parser of text, one kind per string */

static ngx_inline ngx_str_t
unit_random_str(size_t max)
{
    size_t      i, n, len;
    ngx_str_t   s;
    ngx_uint_t  kind;

    static const char  *pieces[] = {
        "a", "bcdefghijkl", "\r", "\n", "\r\n", "\"", "\\", "\t", " ", ":",
        "data: ", "\n\ndata: x", "\x7f", "\x01", "\x1f", "\xc3\xa4",
        "\xe2\x82\xac", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
        "\xed\xa0\x80", "\xc0\xaf", "\xe0\x80\x80", "\xf4\x90\x80\x80",
        "\xf5", "\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98"
    };

    max = unit_below(max + 1);
    s.data = unit_alloc(max);
    s.len = 0;

    /* 0: plain, 1: with line ends and escapes, 2: with UTF-8, 3: anything */

    kind = unit_below(4);

    for ( ;; ) {

        if (kind == 3 && unit_below(3) == 0) {

            if (s.len == max) {
                break;
            }

            s.data[s.len++] = (u_char) unit_below(256);
            continue;
        }

        n = (kind == 0) ? 2 : (kind == 1) ? 15 : (kind == 2) ? 20 : 29;
        i = unit_below(n);
        len = strlen(pieces[i]);

        if (s.len + len > max) {
            break;
        }

        memcpy(s.data + s.len, pieces[i], len);
        s.len += len;
    }

    /* the rest of the room would hide a read behind the end */

    s.data = realloc(s.data, s.len ? s.len : 1);

    if (s.data == NULL) {
        abort();
    }

    return s;
}


#endif /* _UNIT_H_INCLUDED_ */
