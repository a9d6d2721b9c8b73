
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is two header lines, the first one behind a byte with its length.
 * Their order does not matter, nor whether they are one; and without quotes a
 * naive reader, which cuts at each "," and ";", says the same.
 *
 * Covers worker/ngx_kafka_sse_accept.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_accept.h>


static ngx_uint_t
fuzz_admits(ngx_str_t *one, ngx_str_t *two)
{
    ngx_kafka_sse_accept_t  accept;

    ngx_kafka_sse_accept_init(&accept);
    ngx_kafka_sse_accept_add(&accept, one);

    if (two) {
        ngx_kafka_sse_accept_add(&accept, two);
    }

    return ngx_kafka_sse_accept_admits(&accept);
}


static char *
fuzz_trim(char *p)
{
    size_t  len;

    p += strspn(p, " \t");

    for (len = strlen(p); len && strchr(" \t", p[len - 1]); len--) {
        p[len - 1] = '\0';
    }

    return p;
}


static ngx_uint_t
fuzz_is_token(const char *p)
{
    return *p && strspn(p, "!#$%&'*+-.^_`|~0123456789"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz") == strlen(p);
}


/* 1000 times the weight; -1: it is none */

static int
fuzz_weight(const char *p)
{
    char    *end;
    double   d;

    if (strspn(p, "0123456789.") != strlen(p) || *p == '.' || *p == '\0'
        || (strchr(p, '.') ? strcspn(p, ".") != 1 || strlen(p) > 5
                           : strlen(p) != 1)
        || (strchr(p, '.') && strchr(strchr(p, '.') + 1, '.')))
    {
        return -1;
    }

    d = strtod(p, &end);

    return (d > 1) ? -1 : (int) (d * 1000 + 0.5);
}


/* the rank and weight of one range, 0: it is not ours, -1: malformed */

static int
fuzz_range(char *p, int *weight)
{
    int    rank, weighed;
    char  *next, *value;

    next = strchr(p, ';');

    if (next) {
        *next++ = '\0';
    }

    p = fuzz_trim(p);

    value = strchr(p, '/');

    if (value == NULL) {
        return -1;
    }

    *value++ = '\0';

    if (!fuzz_is_token(p) || !fuzz_is_token(value)) {
        return -1;
    }

    if (strcasecmp(p, "text") == 0) {
        rank = (strcasecmp(value, "event-stream") == 0) ? 3
               : (strcmp(value, "*") == 0) ? 2 : 0;

    } else {
        rank = (strcmp(p, "*") == 0 && strcmp(value, "*") == 0);
    }

    *weight = 1000;
    weighed = 0;

    while (next) {
        p = next;
        next = strchr(p, ';');

        if (next) {
            *next++ = '\0';
        }

        p = fuzz_trim(p);

        if (*p == '\0') {
            continue;
        }

        value = strchr(p, '=');

        if (value) {
            *value++ = '\0';
        }

        if (!fuzz_is_token(p) || (value && !fuzz_is_token(value))
            || (value == NULL && !weighed))
        {
            return -1;
        }

        if (!weighed && strcasecmp(p, "q") == 0) {
            weighed = 1;
            *weight = fuzz_weight(value);

            if (*weight == -1) {
                return -1;
            }
        }
    }

    return rank;
}


static ngx_uint_t
fuzz_naive(ngx_str_t *line)
{
    int          rank, best, weight, n;
    char        *text, *p, *next;
    ngx_uint_t   admits;

    text = strndup((char *) line->data, line->len);

    best = 0;
    admits = 0;
    n = 0;

    for (p = text; p; p = next) {
        next = strchr(p, ',');

        if (next) {
            *next++ = '\0';
        }

        if (*fuzz_trim(p) == '\0') {
            continue;
        }

        rank = fuzz_range(p, &weight);

        n += (rank >= 0);

        if (rank > best) {
            best = rank;
            admits = (weight > 0);

        } else if (rank > 0 && rank == best) {
            admits |= (weight > 0);
        }
    }

    free(text);

    return n == 0 || admits;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t   one, two, both;
    ngx_uint_t  admits;

    one = fuzz_take(&data, &size);
    two.data = (u_char *) data;
    two.len = size;

    admits = fuzz_admits(&one, &two);

    fuzz_check(admits == fuzz_admits(&two, &one));

    if (memchr(one.data, '"', one.len) || memchr(two.data, '"', two.len)
        || memchr(one.data, '\0', one.len) || memchr(two.data, '\0', two.len))
    {
        return 0;
    }

    both.len = one.len + 1 + two.len;
    both.data = fuzz_alloc(both.len);

    memcpy(both.data, one.data, one.len);
    both.data[one.len] = ',';
    memcpy(both.data + one.len + 1, two.data, two.len);

    fuzz_check(admits == fuzz_admits(&both, NULL));
    fuzz_check(admits == fuzz_naive(&both));

    free(both.data);

    return 0;
}
