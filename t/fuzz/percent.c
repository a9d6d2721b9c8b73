
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the text.  What is encoded in full is decoded to itself, what
 * is decoded is never longer, and a naive reader says the same.
 *
 * Covers worker/ngx_kafka_sse_percent.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_percent.h>


/* strtol() takes a sign or a space before the digits, so they are looked at */

static size_t
fuzz_naive(u_char *dst, ngx_str_t *text, ngx_uint_t form)
{
    char    hex[3];
    size_t  i, n;

    for (i = 0, n = 0; i < text->len; n++) {

        if (text->data[i] == '%' && i + 2 < text->len
            && isxdigit(text->data[i + 1]) && isxdigit(text->data[i + 2]))
        {
            memcpy(hex, &text->data[i + 1], 2);
            hex[2] = '\0';
            dst[n] = (u_char) strtol(hex, NULL, 16);
            i += 3;
            continue;
        }

        dst[n] = text->data[i++];

        if (form && dst[n] == '+') {
            dst[n] = ' ';
        }
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char      *buf, *naive;
    size_t       i, len;
    ngx_str_t    text, full;
    ngx_uint_t   form;

    text.data = (u_char *) data;
    text.len = size;

    buf = fuzz_alloc(size);
    naive = fuzz_alloc(size);
    full.data = fuzz_alloc(3 * size + 1);
    full.len = 3 * size;

    for (i = 0; i < size; i++) {
        sprintf((char *) full.data + 3 * i, "%%%02x", data[i]);
    }

    for (form = 0; form < 2; form++) {
        len = ngx_kafka_sse_percent_decode(buf, &text, form) - buf;

        fuzz_check(len <= size);
        fuzz_check(len == fuzz_naive(naive, &text, form));
        fuzz_check(memcmp(buf, naive, len) == 0);

        len = ngx_kafka_sse_percent_decode(buf, &full, form) - buf;

        fuzz_check(len == size && memcmp(buf, data, size) == 0);
    }

    /* in place */

    len = ngx_kafka_sse_percent_decode(full.data, &full, 0) - full.data;
    fuzz_check(len == size && memcmp(full.data, data, size) == 0);

    free(buf);
    free(naive);
    free(full.data);

    return 0;
}
