
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is when a stream ends, as a URL says it.  What is taken has the
 * form of a number, and is its value in ms, rounded down.
 *
 * Covers worker/ngx_kafka_sse_expiry_time.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_expiry_time.h>


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i, whole, fraction;
    int64_t      time;
    ngx_int_t    rc;
    ngx_str_t    text;
    char         digits[16];

    text.len = size;
    text.data = fuzz_alloc(size);
    memcpy(text.data, data, size);

    time = -1;
    rc = ngx_kafka_sse_expiry_time_parse(&text, &time);

    for (i = 0; i < size && isdigit(data[i]); i++) { /* void */ }

    whole = i;
    fraction = 0;

    if (i < size && data[i] == '.') {
        for (i++; i < size && isdigit(data[i]); i++) {
            fraction++;
        }
    }

    if (whole == 0 || whole > 12 || i < size
        || (fraction == 0 && whole < size))
    {
        fuzz_check(rc == NGX_ERROR);

    } else {
        memset(digits, '0', sizeof(digits));
        memcpy(digits, data, whole);
        memcpy(digits + whole, data + whole + 1, ngx_min(fraction, 3));
        digits[whole + 3] = '\0';

        fuzz_check(rc == NGX_OK && time == strtoll(digits, NULL, 10));
    }

    free(text.data);

    return 0;
}
