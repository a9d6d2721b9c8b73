
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is an origin as it is configured, and a value that is sent.  One
 * that is accepted is its own best guess; a value that matches is an origin
 * itself, and one that a slow comparison finds, too.
 *
 * Covers worker/ngx_kafka_sse_web_origin.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_web_origin.h>


/* head, one label of at most 63 letters, digits and hyphens, tail */

static ngx_uint_t
web_origin_like(ngx_str_t *text, ngx_str_t *value)
{
    size_t   i, j;
    u_char  *label;

    for (i = 0; i < text->len && text->data[i] != '*'; i++) {
        if (i >= value->len || value->data[i] != text->data[i]) {
            return 0;
        }
    }

    if (i == text->len) {
        return value->len == text->len;
    }

    label = value->data + i;

    for (j = i; j < value->len; j++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", value->data[j])
            == NULL || value->data[j] == '\0')
        {
            break;
        }
    }

    return j > i
           && j - i <= 63
           && label[0] != '-'
           && value->data[j - 1] != '-'
           && value->len - j == text->len - i - 1
           && memcmp(value->data + j, text->data + i + 1, value->len - j) == 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                      *buf;
    ngx_str_t                    text, value, guess;
    ngx_uint_t                   matches;
    ngx_kafka_sse_web_origin_t   origin, other;

    text = fuzz_take(&data, &size);

    value.data = (u_char *) data;
    value.len = size;

    buf = fuzz_alloc(text.len);
    guess.data = buf;
    guess.len = ngx_kafka_sse_web_origin_guess(buf, &text) - buf;

    fuzz_check(guess.len <= text.len);

    if (ngx_kafka_sse_web_origin_parse(&origin, &text) != NULL) {
        free(buf);
        return 0;
    }

    fuzz_check(guess.len == text.len
               && memcmp(guess.data, text.data, text.len) == 0);

    free(buf);

    matches = ngx_kafka_sse_web_origin_match(&origin, &value);

    fuzz_check(matches == web_origin_like(&text, &value));

    if (matches) {
        fuzz_check(ngx_kafka_sse_web_origin_parse(&other, &value) == NULL);
        fuzz_check(other.tail.len == 0);
        fuzz_check(ngx_kafka_sse_web_origin_match(&other, &value));
    }

    fuzz_check(ngx_kafka_sse_web_origin_match(&origin, &text)
               == (origin.tail.len == 0));

    return 0;
}
