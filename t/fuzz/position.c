
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the text; a position that is parsed has one text only, unless
 * it was written by hand
 *
 * Covers worker/ngx_kafka_sse_position.c
 */


#include "fuzz.h"

#include <worker/ngx_kafka_sse_position.h>


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    *p, *buf;
    size_t                     len;
    ngx_str_t                  text;
    ngx_uint_t                 i, j, n, by_hand;
    ngx_kafka_sse_position_t   position;

    text.data = (u_char *) data;
    text.len = size;

    if (ngx_kafka_sse_position_parse(&position, &text) != NGX_OK) {
        return 0;
    }

    fuzz_check(position.ntopics <= NGX_KAFKA_SSE_POSITION_TOPICS);

    n = 0;
    by_hand = 0;

    for (i = 0; i < position.ntopics; i++) {
        fuzz_check(position.topics[i].n > 0);

        by_hand |= position.topics[i].name.len;

        for (j = 0; j < position.topics[i].n; j++) {
            fuzz_check(position.topics[i].next[j]
                       >= (by_hand ? NGX_KAFKA_SSE_POSITION_NONE : 0));
        }

        n += position.topics[i].n;
    }

    fuzz_check(n <= NGX_KAFKA_SSE_POSITION_PARTITIONS);

    if (by_hand) {
        return 0;
    }

    len = ngx_kafka_sse_position_len(position.ntopics, n);
    buf = fuzz_alloc(len);
    p = ngx_kafka_sse_position_write(buf, position.topics, position.ntopics);

    fuzz_check((size_t) (p - buf) <= len);
    fuzz_check((size_t) (p - buf) == size && memcmp(buf, data, size) == 0);

    free(buf);

    return 0;
}
