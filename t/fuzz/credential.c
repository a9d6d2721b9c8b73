
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the values of headers, each behind its length: Authorization,
 * and up to three of Cookie.  What is found is what somebody finds who cuts
 * them into pieces.
 *
 * Covers worker/ngx_kafka_sse_credential.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_credential.h>


#define CREDENTIAL_COOKIES  3


static void
credential_header(ngx_str_t *value)
{
    size_t      n;
    ngx_int_t   rc;
    ngx_str_t   text;

    ngx_str_null(&text);
    rc = ngx_kafka_sse_credential_header(value, &text);

    for (n = 0; n < value->len && value->data[n] != ' '; n++) { /* void */ }

    if (n != 6 || strncasecmp((char *) value->data, "bearer", 6) != 0) {
        fuzz_check(rc == NGX_DECLINED && text.data == NULL);
        return;
    }

    while (n < value->len && value->data[n] == ' ') {
        n++;
    }

    fuzz_check(rc == NGX_OK && text.data == value->data + n);
    fuzz_check(text.len == value->len - n);
}


/* *first: the token so far; NGX_DECLINED: there are two */

static ngx_int_t
credential_slow(ngx_str_t *value, ngx_str_t *first)
{
    size_t      i, begin, len;
    ngx_uint_t  differs;

    static const char  name[] = "kafka_sse_token=";

    differs = 0;
    len = sizeof(name) - 1;

    for (i = 0, begin = 0; i <= value->len; i++) {

        if (i < value->len && value->data[i] != ';') {
            continue;
        }

        while (begin < i
               && (value->data[begin] == ' ' || value->data[begin] == '\t'))
        {
            begin++;
        }

        if (i - begin >= len
            && memcmp(value->data + begin, name, len) == 0)
        {
            begin += len;

            if (first->data == NULL) {
                first->data = value->data + begin;
                first->len = i - begin;

            } else if (first->len != i - begin
                       || memcmp(first->data, value->data + begin, first->len)
                          != 0)
            {
                differs = 1;
            }
        }

        begin = i + 1;
    }

    return differs ? NGX_DECLINED : NGX_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t   rc;
    ngx_str_t   value, copy[CREDENTIAL_COOKIES], text, slow;
    ngx_uint_t  i, n;

    value = fuzz_take(&data, &size);
    credential_header(&value);

    ngx_str_null(&text);
    ngx_str_null(&slow);

    for (n = 0; n < CREDENTIAL_COOKIES && size; n++) {
        value = fuzz_take(&data, &size);

        /* each in a room of its own, for the sanitizer to see */

        copy[n].len = value.len;
        copy[n].data = fuzz_alloc(value.len);
        memcpy(copy[n].data, value.data, value.len);

        rc = ngx_kafka_sse_credential_cookie(&copy[n], &text);

        fuzz_check(rc == credential_slow(&copy[n], &slow));
        fuzz_check((text.data == NULL) == (slow.data == NULL));
        fuzz_check(text.data == NULL
                   || (text.len == slow.len
                       && memcmp(text.data, slow.data, text.len) == 0));
    }

    for (i = 0; i < n; i++) {
        free(copy[i].data);
    }

    return 0;
}
