
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * A URI as a log shows it.  What is shown has nothing more to hide, and no byte
 * of a value that is hidden by its plain name.
 */

#include "fuzz.h"

#include <worker/ngx_kafka_sse_safe_uri.h>


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char       *dst, *again;
    size_t        len;
    ngx_str_t     uri, shown;
    ngx_array_t   args;

    static ngx_str_t  known[] = { ngx_string("pass") };

    ngx_memzero(&args, sizeof(ngx_array_t));

    args.elts = known;
    args.nelts = 1;

    uri.data = (u_char *) data;
    uri.len = size;

    len = ngx_kafka_sse_safe_uri(NULL, &uri, &args);

    if (len == 0) {
        return 0;
    }

    dst = fuzz_alloc(len);
    again = fuzz_alloc(len);

    fuzz_check(ngx_kafka_sse_safe_uri(dst, &uri, &args) == len);

    shown.data = dst;
    shown.len = len;

    fuzz_check(ngx_kafka_sse_safe_uri(NULL, &shown, &args) == len);
    fuzz_check(ngx_kafka_sse_safe_uri(again, &shown, &args) == len);
    fuzz_check(memcmp(dst, again, len) == 0);

    free(dst);
    free(again);

    return 0;
}
