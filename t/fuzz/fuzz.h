
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define fuzz_check(condition)                                                 \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ngx_inline u_char *
fuzz_alloc(size_t len)
{
    u_char  *p;

    p = malloc(len ? len : 1);
    if (p == NULL) {
        abort();
    }

    return p;
}


/* takes up to 255 bytes, as many as the first one says, off the input */

static ngx_inline ngx_str_t
fuzz_take(const uint8_t **data, size_t *size)
{
    ngx_str_t  s;

    s.len = 0;
    s.data = (u_char *) *data;

    if (*size == 0) {
        return s;
    }

    s.len = ngx_min(**data, *size - 1);
    s.data++;

    *data += 1 + s.len;
    *size -= 1 + s.len;

    return s;
}


#endif /* _FUZZ_H_INCLUDED_ */
