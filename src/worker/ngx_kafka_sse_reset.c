
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_reset.h>


static ngx_str_t  ngx_kafka_sse_reset_reasons[] = {
    ngx_string("expired"),
    ngx_string("truncated"),
    ngx_string("recreated"),
    ngx_string("too-large"),
    ngx_string("unknown-id")
};


u_char *
ngx_kafka_sse_reset_begin(u_char *p)
{
    return ngx_cpymem(p, "event: stream-reset\ndata: [",
                      sizeof("event: stream-reset\ndata: [") - 1);
}


u_char *
ngx_kafka_sse_reset_range(u_char *p, ngx_str_t *topic, int32_t partition,
    int64_t from, int64_t to, ngx_uint_t reason)
{
    if (p[-1] == '}') {
        *p++ = ',';
    }

    p = ngx_sprintf(p, "{\"topic\":\"%V\",\"partition\":%D,\"from\":",
                    topic, partition);

    if (from < 0) {
        p = ngx_cpymem(p, "null", 4);

    } else {
        p = ngx_sprintf(p, "%L", from);
    }

    return ngx_sprintf(p, ",\"to\":%L,\"reason\":\"%V\"}", to,
                       &ngx_kafka_sse_reset_reasons[reason]);
}


u_char *
ngx_kafka_sse_reset_end(u_char *p, ngx_str_t *id)
{
    *p++ = ']';
    *p++ = LF;

    if (id->len) {
        p = ngx_sprintf(p, "id: %V\n", id);
    }

    *p++ = LF;

    return p;
}
