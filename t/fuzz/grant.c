
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is a template, a value for its variables and a name.  What a
 * template with a value matches is what a slow matcher without segments says,
 * which knows which "*" are the template's own.
 *
 * Covers worker/ngx_kafka_sse_grant.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_grant.h>


#define FUZZ_PARTS  16


static ngx_uint_t fuzz_is_topic(ngx_str_t *s);
static ngx_uint_t fuzz_match(u_char *p, u_char *last, u_char *n, u_char *end);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t                    rc;
    ngx_str_t                    text, value, name, pattern, list, element;
    ngx_str_t                    values[FUZZ_PARTS];
    ngx_uint_t                   i, n, elements;
    ngx_pool_t                  *pool;
    ngx_array_t                 *parts;
    ngx_kafka_sse_grant_part_t  *part;

    text = fuzz_take(&data, &size);
    value = fuzz_take(&data, &size);

    name.data = (u_char *) data;
    name.len = ngx_min(size, 40);

    /* elements of a list make up the list */

    list = value;
    n = 0;

    for (elements = 0; ngx_kafka_sse_grant_element(&list, &element);
         elements++)
    {
        n += element.len;
    }

    fuzz_check(n + elements == value.len + 1);

    pool = ngx_create_pool(1024, NULL);
    parts = ngx_array_create(pool, 4, sizeof(ngx_kafka_sse_grant_part_t));

    rc = ngx_kafka_sse_grant_parse(parts, &text);

    if (rc != NGX_OK || parts->nelts > FUZZ_PARTS) {
        goto done;
    }

    part = parts->elts;
    n = 0;

    for (i = 0; i < parts->nelts; i++) {
        fuzz_check(part[i].text.data == text.data + n);
        fuzz_check(part[i].text.len > 0);

        n += part[i].text.len;
        values[i] = value;
    }

    fuzz_check(n == text.len);

    rc = ngx_kafka_sse_grant_pattern(part, parts->nelts, values, pool,
                                     &pattern);

    if (rc != NGX_OK) {
        goto done;
    }

    for (i = 0; i < parts->nelts; i++) {
        fuzz_check(!part[i].is_variable || fuzz_is_topic(&value));
    }

    if (pattern.len > 40 || !fuzz_is_topic(&name)) {
        goto done;
    }

    n = fuzz_match(pattern.data, pattern.data + pattern.len,
                   name.data, name.data + name.len);

    if (ngx_kafka_sse_grant_is_internal(&name)
        && !ngx_kafka_sse_grant_is_internal(&pattern))
    {
        n = 0;
    }

    fuzz_check(ngx_kafka_sse_grant_match(&pattern, &name) == n);

done:

    ngx_destroy_pool(pool);

    return 0;
}


static ngx_uint_t
fuzz_is_topic(ngx_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789._-", s->data[i]) == NULL
            || s->data[i] == '\0')
        {
            return 0;
        }
    }

    return s->len != 0;
}


/* all ends of each "*" at once: can[i] is whether p up to here is name[0..i) */

static ngx_uint_t
fuzz_match(u_char *p, u_char *last, u_char *n, u_char *end)
{
    size_t  i, len;
    u_char  can[64], next[64];

    len = end - n;

    memset(can, 0, sizeof(can));
    can[0] = 1;

    for ( /* void */ ; p < last; p++) {
        memset(next, 0, sizeof(next));

        for (i = 0; i < len; i++) {
            if (*p == '*') {
                next[i + 1] = n[i] != '.' && (can[i] || next[i]);

            } else {
                next[i + 1] = n[i] == *p && can[i];
            }
        }

        memcpy(can, next, sizeof(can));
    }

    return can[len];
}
