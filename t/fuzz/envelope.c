
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * the input is the message; one that is parsed is written the same
 *
 * Covers shared/ngx_kafka_sse_envelope.c
 * Covers shared/ngx_kafka_sse_record.c
 */


#include "fuzz.h"

#include <shared/ngx_kafka_sse_envelope.h>


static void
fuzz_headers(ngx_str_t *headers)
{
    u_char     *p, *buf;
    ngx_int_t   rc;
    ngx_str_t   rest, name, value;

    buf = fuzz_alloc(headers->len);
    p = buf;
    rest = *headers;

    for ( ;; ) {
        rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);

        if (rc != NGX_OK) {
            break;
        }

        fuzz_check(value.data || value.len == 0);
        p = ngx_kafka_sse_record_add_header(p, &name, &value);
    }

    fuzz_check((rc == NGX_DONE)
               == (ngx_kafka_sse_record_check_headers(headers) == NGX_OK));
    fuzz_check((size_t) (p - buf) == headers->len - rest.len);
    fuzz_check(p == buf || memcmp(buf, headers->data, p - buf) == 0);

    free(buf);
}


/* it is of its own channel, and of no other */

static void
fuzz_channel(ngx_kafka_sse_envelope_t *env)
{
    u_char     *p, *last;
    ngx_str_t   prefix, channel;

    ngx_str_set(&prefix, "p:q");

    channel.data = fuzz_alloc(prefix.len + env->cluster_id.len
                              + env->topic.len + 4);
    last = ngx_kafka_sse_envelope_channel(channel.data, &prefix,
                                          &env->cluster_id, &env->topic);
    channel.len = last - channel.data;

    fuzz_check(ngx_kafka_sse_envelope_is_of(env, &prefix, &channel));

    for (p = channel.data; p < last; p++) {
        (*p)++;
        fuzz_check(!ngx_kafka_sse_envelope_is_of(env, &prefix, &channel));
        (*p)--;
    }

    channel.len--;
    fuzz_check(!ngx_kafka_sse_envelope_is_of(env, &prefix, &channel));

    free(channel.data);
}


static void
fuzz_beacon(ngx_str_t *in)
{
    u_char                    *p, *buf;
    uint32_t                   i;
    ngx_kafka_sse_envelope_t   env;

    if (ngx_kafka_sse_envelope_parse_beacon(&env, in) != NGX_OK) {
        return;
    }

    fuzz_channel(&env);

    fuzz_check(ngx_kafka_sse_envelope_is_beacon(in));
    fuzz_check(ngx_kafka_sse_envelope_beacon_len(&env) == in->len);

    buf = fuzz_alloc(in->len);
    p = ngx_kafka_sse_envelope_write_beacon(buf, &env);

    for (i = 0; i < env.count; i++) {
        fuzz_check(ngx_kafka_sse_envelope_next_position(&env) == NGX_OK);
        fuzz_check(env.partition >= 0 && env.from >= 0 && env.end >= -1);

        p = ngx_kafka_sse_envelope_write_position(p, &env);
    }

    fuzz_check(ngx_kafka_sse_envelope_next_position(&env) == NGX_DONE);
    fuzz_check((size_t) (p - buf) == in->len
               && memcmp(buf, in->data, in->len) == 0);

    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    *p, *buf;
    int64_t                    next;
    uint32_t                   i;
    ngx_str_t                  in;
    ngx_kafka_sse_record_t     rec;
    ngx_kafka_sse_envelope_t   env;

    in.data = (u_char *) data;
    in.len = size;

    fuzz_headers(&in);
    fuzz_beacon(&in);

    if (ngx_kafka_sse_envelope_parse(&env, &in) != NGX_OK) {
        return 0;
    }

    fuzz_channel(&env);

    fuzz_check(!ngx_kafka_sse_envelope_is_beacon(&in));

    buf = fuzz_alloc(size);
    p = ngx_kafka_sse_envelope_write_head(buf, &env);

    fuzz_check((size_t) (p - buf) == ngx_kafka_sse_envelope_head_len(&env));

    next = env.from;

    for (i = 0; i < env.count; i++) {
        fuzz_check(ngx_kafka_sse_envelope_next(&env, &rec) == NGX_OK);
        fuzz_check(rec.offset >= next && rec.partition == env.partition);
        fuzz_check(ngx_kafka_sse_envelope_record_len(&rec)
                   <= size - (p - buf));

        fuzz_headers(&rec.headers);
        (void) ngx_kafka_sse_record_is_text(&rec.value);

        p = ngx_kafka_sse_envelope_write_record(p, &rec);
        next = rec.offset + 1;
    }

    fuzz_check(ngx_kafka_sse_envelope_next(&env, &rec) == NGX_DONE);
    fuzz_check((size_t) (p - buf) == size && memcmp(buf, data, size) == 0);

    free(buf);

    return 0;
}
