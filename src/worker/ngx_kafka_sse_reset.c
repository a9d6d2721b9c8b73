
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_reset.h>


#define NGX_KAFKA_SSE_RESET_BEGIN  "event: stream-reset\ndata: ["
#define NGX_KAFKA_SSE_RESET_RANGE  160      /* without the topic */
#define NGX_KAFKA_SSE_RESET_END    16       /* without the id */


static ngx_int_t ngx_kafka_sse_reset_room(ngx_kafka_sse_reset_t *reset,
    size_t len, ngx_log_t *log);


static ngx_str_t  ngx_kafka_sse_reset_reasons[] = {
    ngx_string("expired"),
    ngx_string("truncated"),
    ngx_string("recreated"),
    ngx_string("too-large"),
    ngx_string("unknown-id"),
    ngx_string("limit")
};


ngx_int_t
ngx_kafka_sse_reset_add(ngx_kafka_sse_reset_t *reset, ngx_str_t *topic,
    int32_t partition, int64_t from, int64_t to, ngx_uint_t reason,
    ngx_log_t *log)
{
    u_char      *p;
    ngx_uint_t   first;

    first = (reset->data == NULL);

    if (ngx_kafka_sse_reset_room(reset, sizeof(NGX_KAFKA_SSE_RESET_BEGIN)
                                        + NGX_KAFKA_SSE_RESET_RANGE
                                        + topic->len, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = reset->last;

    if (first) {
        p = ngx_cpymem(p, NGX_KAFKA_SSE_RESET_BEGIN,
                       sizeof(NGX_KAFKA_SSE_RESET_BEGIN) - 1);

    } else {
        *p++ = ',';
    }

    p = ngx_sprintf(p, "{\"topic\":\"%V\",\"partition\":%D,\"from\":",
                    topic, partition);

    if (from < 0) {
        p = ngx_cpymem(p, "null", 4);

    } else {
        p = ngx_sprintf(p, "%L", from);
    }

    reset->last = ngx_sprintf(p, ",\"to\":%L,\"reason\":\"%V\"}", to,
                              &ngx_kafka_sse_reset_reasons[reason]);

    return NGX_OK;
}


ngx_str_t
ngx_kafka_sse_reset_text(ngx_kafka_sse_reset_t *reset, ngx_str_t *id,
    ngx_log_t *log)
{
    u_char     *p;
    ngx_str_t   text;

    ngx_str_null(&text);

    if (ngx_kafka_sse_reset_room(reset, NGX_KAFKA_SSE_RESET_END + id->len,
                                 log)
        != NGX_OK)
    {
        return text;
    }

    p = reset->last;

    *p++ = ']';
    *p++ = LF;

    if (id->len) {
        p = ngx_sprintf(p, "id: %V\n", id);
    }

    *p++ = LF;

    text.data = reset->data;
    text.len = p - reset->data;

    return text;
}


void
ngx_kafka_sse_reset_free(ngx_kafka_sse_reset_t *reset)
{
    if (reset->data) {
        ngx_free(reset->data);
    }

    ngx_memzero(reset, sizeof(ngx_kafka_sse_reset_t));
}


static ngx_int_t
ngx_kafka_sse_reset_room(ngx_kafka_sse_reset_t *reset, size_t len,
    ngx_log_t *log)
{
    u_char  *p;
    size_t   used, size;

    if ((size_t) (reset->end - reset->last) >= len) {
        return NGX_OK;
    }

    used = reset->last - reset->data;
    size = ngx_max(used + len, 2 * used);

    p = ngx_alloc(size, log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (used) {
        ngx_memcpy(p, reset->data, used);
        ngx_free(reset->data);
    }

    reset->data = p;
    reset->last = p + used;
    reset->end = p + size;

    return NGX_OK;
}
