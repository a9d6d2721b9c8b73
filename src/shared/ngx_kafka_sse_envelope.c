
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_envelope.h>


#define NGX_KAFKA_SSE_ENVELOPE_MAGIC   "KSE"
#define NGX_KAFKA_SSE_ENVELOPE_BEACON  "KSB"
#define NGX_KAFKA_SSE_ENVELOPE_MAGIC_LEN  3

#define NGX_KAFKA_SSE_ENVELOPE_NULL    0xffffffff    /* the length of a null */

/* what each part has, whatever is in it */

#define NGX_KAFKA_SSE_ENVELOPE_TITLE     (4 + 1 + 1 + 16)
#define NGX_KAFKA_SSE_ENVELOPE_POSITION  (4 + 8 + 8)
#define NGX_KAFKA_SSE_ENVELOPE_COUNT     4
#define NGX_KAFKA_SSE_ENVELOPE_RECORD    (8 + 8 + 4 + 4 + 4)


static u_char *ngx_kafka_sse_envelope_write_title(u_char *dst,
    ngx_kafka_sse_envelope_t *env, char *magic);
static ngx_int_t ngx_kafka_sse_envelope_parse_title(
    ngx_kafka_sse_envelope_t *env, ngx_str_t *in, char *magic);
static ngx_int_t ngx_kafka_sse_envelope_take_position(
    ngx_kafka_sse_envelope_t *env, ngx_str_t *in);
static ngx_int_t ngx_kafka_sse_envelope_parse_head(
    ngx_kafka_sse_envelope_t *env, ngx_str_t *in);
static ngx_int_t ngx_kafka_sse_envelope_check_records(
    ngx_kafka_sse_envelope_t *env);
static ngx_int_t ngx_kafka_sse_envelope_parse_record(
    ngx_kafka_sse_envelope_t *env, ngx_kafka_sse_record_t *rec);
static ngx_int_t ngx_kafka_sse_envelope_take(ngx_str_t *in, size_t len,
    ngx_str_t *out);
static ngx_int_t ngx_kafka_sse_envelope_take_name(ngx_str_t *in,
    ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_envelope_take_nullable(ngx_str_t *in,
    uint32_t len, ngx_str_t *out);
static uint64_t ngx_kafka_sse_envelope_get(u_char *p, ngx_uint_t bytes);
static u_char *ngx_kafka_sse_envelope_put(u_char *dst, uint64_t n,
    ngx_uint_t bytes);


size_t
ngx_kafka_sse_envelope_head_len(ngx_kafka_sse_envelope_t *env)
{
    return NGX_KAFKA_SSE_ENVELOPE_TITLE + env->cluster_id.len + env->topic.len
           + NGX_KAFKA_SSE_ENVELOPE_POSITION + NGX_KAFKA_SSE_ENVELOPE_COUNT;
}


size_t
ngx_kafka_sse_envelope_record_len(ngx_kafka_sse_record_t *rec)
{
    return NGX_KAFKA_SSE_ENVELOPE_RECORD + rec->key.len + rec->value.len
           + rec->headers.len;
}


u_char *
ngx_kafka_sse_envelope_write_head(u_char *dst, ngx_kafka_sse_envelope_t *env)
{
    dst = ngx_kafka_sse_envelope_write_title(dst, env,
                                             NGX_KAFKA_SSE_ENVELOPE_MAGIC);
    dst = ngx_kafka_sse_envelope_write_position(dst, env);

    return ngx_kafka_sse_envelope_put(dst, env->count, 4);
}


size_t
ngx_kafka_sse_envelope_beacon_len(ngx_kafka_sse_envelope_t *env)
{
    return NGX_KAFKA_SSE_ENVELOPE_TITLE + env->cluster_id.len + env->topic.len
           + NGX_KAFKA_SSE_ENVELOPE_COUNT
           + env->count * NGX_KAFKA_SSE_ENVELOPE_POSITION;
}


u_char *
ngx_kafka_sse_envelope_write_beacon(u_char *dst,
    ngx_kafka_sse_envelope_t *env)
{
    dst = ngx_kafka_sse_envelope_write_title(dst, env,
                                             NGX_KAFKA_SSE_ENVELOPE_BEACON);

    return ngx_kafka_sse_envelope_put(dst, env->count, 4);
}


u_char *
ngx_kafka_sse_envelope_write_position(u_char *dst,
    ngx_kafka_sse_envelope_t *env)
{
    dst = ngx_kafka_sse_envelope_put(dst, env->partition, 4);
    dst = ngx_kafka_sse_envelope_put(dst, env->from, 8);

    return ngx_kafka_sse_envelope_put(dst, env->end, 8);
}


static u_char *
ngx_kafka_sse_envelope_write_title(u_char *dst, ngx_kafka_sse_envelope_t *env,
    char *magic)
{
    dst = ngx_cpymem(dst, magic, NGX_KAFKA_SSE_ENVELOPE_MAGIC_LEN);
    *dst++ = NGX_KAFKA_SSE_ENVELOPE_VERSION;

    *dst++ = (u_char) env->cluster_id.len;
    dst = ngx_cpymem(dst, env->cluster_id.data, env->cluster_id.len);

    *dst++ = (u_char) env->topic.len;
    dst = ngx_cpymem(dst, env->topic.data, env->topic.len);

    return ngx_cpymem(dst, env->incarnation, 16);
}


u_char *
ngx_kafka_sse_envelope_write_record(u_char *dst, ngx_kafka_sse_record_t *rec)
{
    dst = ngx_kafka_sse_envelope_put(dst, rec->offset, 8);
    dst = ngx_kafka_sse_envelope_put(dst, rec->timestamp, 8);

    dst = ngx_kafka_sse_envelope_put(dst, rec->key.data
                                          ? rec->key.len
                                          : NGX_KAFKA_SSE_ENVELOPE_NULL, 4);
    dst = ngx_kafka_sse_envelope_put(dst, rec->value.data
                                          ? rec->value.len
                                          : NGX_KAFKA_SSE_ENVELOPE_NULL, 4);
    dst = ngx_kafka_sse_envelope_put(dst, rec->headers.len, 4);

    dst = ngx_cpymem(dst, rec->key.data, rec->key.len);
    dst = ngx_cpymem(dst, rec->value.data, rec->value.len);

    return ngx_cpymem(dst, rec->headers.data, rec->headers.len);
}


ngx_int_t
ngx_kafka_sse_envelope_parse(ngx_kafka_sse_envelope_t *env, ngx_str_t *in)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_envelope_parse_head(env, in);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_kafka_sse_envelope_check_records(env);
}


ngx_int_t
ngx_kafka_sse_envelope_next(ngx_kafka_sse_envelope_t *env,
    ngx_kafka_sse_record_t *rec)
{
    if (env->pos == env->last) {
        return NGX_DONE;
    }

    return ngx_kafka_sse_envelope_parse_record(env, rec);
}


u_char *
ngx_kafka_sse_envelope_channel(u_char *dst, ngx_str_t *prefix,
    ngx_str_t *cluster_id, ngx_str_t *topic)
{
    dst = ngx_cpymem(dst, prefix->data, prefix->len);
    *dst++ = ':';
    *dst++ = '{';
    dst = ngx_cpymem(dst, cluster_id->data, cluster_id->len);
    *dst++ = '}';
    *dst++ = ':';

    return ngx_cpymem(dst, topic->data, topic->len);
}


ngx_uint_t
ngx_kafka_sse_envelope_is_of(ngx_kafka_sse_envelope_t *env, ngx_str_t *prefix,
    ngx_str_t *channel)
{
    u_char  *p, buf[sizeof(":{}") - 1 + 255];
    size_t   len;

    /* the lengths of the names are bytes of the input */

    p = buf;
    *p++ = ':';
    *p++ = '{';
    p = ngx_cpymem(p, env->cluster_id.data, env->cluster_id.len);
    *p++ = '}';
    len = p - buf;

    return channel->len == prefix->len + len + 1 + env->topic.len
           && ngx_memcmp(channel->data, prefix->data, prefix->len) == 0
           && ngx_memcmp(channel->data + prefix->len, buf, len) == 0
           && channel->data[prefix->len + len] == ':'
           && ngx_memcmp(channel->data + prefix->len + len + 1,
                         env->topic.data, env->topic.len)
              == 0;
}


ngx_uint_t
ngx_kafka_sse_envelope_is_beacon(ngx_str_t *in)
{
    return in->len > NGX_KAFKA_SSE_ENVELOPE_MAGIC_LEN
           && ngx_memcmp(in->data, NGX_KAFKA_SSE_ENVELOPE_BEACON,
                         NGX_KAFKA_SSE_ENVELOPE_MAGIC_LEN)
              == 0;
}


ngx_int_t
ngx_kafka_sse_envelope_parse_beacon(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *in)
{
    ngx_int_t                 rc;
    ngx_str_t                 rest, fixed;
    ngx_kafka_sse_envelope_t  each;

    rest = *in;

    rc = ngx_kafka_sse_envelope_parse_title(env, &rest,
                                            NGX_KAFKA_SSE_ENVELOPE_BEACON);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_kafka_sse_envelope_take(&rest, NGX_KAFKA_SSE_ENVELOPE_COUNT,
                                    &fixed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    env->count = (uint32_t) ngx_kafka_sse_envelope_get(fixed.data, 4);

    if (rest.len % NGX_KAFKA_SSE_ENVELOPE_POSITION
        || rest.len / NGX_KAFKA_SSE_ENVELOPE_POSITION != env->count)
    {
        return NGX_ERROR;
    }

    env->pos = rest.data;
    env->last = rest.data + rest.len;

    while (rest.len) {
        if (ngx_kafka_sse_envelope_take_position(&each, &rest) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_envelope_next_position(ngx_kafka_sse_envelope_t *env)
{
    ngx_str_t  rest;

    rest.data = env->pos;
    rest.len = env->last - env->pos;

    if (rest.len == 0) {
        return NGX_DONE;
    }

    (void) ngx_kafka_sse_envelope_take_position(env, &rest);

    env->pos = rest.data;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_envelope_parse_head(ngx_kafka_sse_envelope_t *env, ngx_str_t *in)
{
    ngx_int_t  rc;
    ngx_str_t  rest, fixed;

    rest = *in;

    rc = ngx_kafka_sse_envelope_parse_title(env, &rest,
                                            NGX_KAFKA_SSE_ENVELOPE_MAGIC);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_kafka_sse_envelope_take_position(env, &rest) != NGX_OK
        || ngx_kafka_sse_envelope_take(&rest, NGX_KAFKA_SSE_ENVELOPE_COUNT,
                                       &fixed)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    env->count = (uint32_t) ngx_kafka_sse_envelope_get(fixed.data, 4);

    env->pos = rest.data;
    env->last = rest.data + rest.len;

    return NGX_OK;
}


/* takes what says whose this is off *in */

static ngx_int_t
ngx_kafka_sse_envelope_parse_title(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *in, char *magic)
{
    size_t     len;
    ngx_str_t  fixed;

    len = NGX_KAFKA_SSE_ENVELOPE_MAGIC_LEN;

    if (ngx_kafka_sse_envelope_take(in, len + 1, &fixed) != NGX_OK
        || ngx_memcmp(fixed.data, magic, len) != 0)
    {
        return NGX_ERROR;
    }

    if (fixed.data[len] != NGX_KAFKA_SSE_ENVELOPE_VERSION) {
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_envelope_take_name(in, &env->cluster_id) != NGX_OK
        || ngx_kafka_sse_envelope_take_name(in, &env->topic) != NGX_OK
        || ngx_kafka_sse_envelope_take(in, 16, &fixed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(env->incarnation, fixed.data, 16);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_envelope_take_position(ngx_kafka_sse_envelope_t *env,
    ngx_str_t *in)
{
    ngx_str_t  fixed;

    if (ngx_kafka_sse_envelope_take(in, NGX_KAFKA_SSE_ENVELOPE_POSITION,
                                    &fixed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    env->partition = (int32_t) ngx_kafka_sse_envelope_get(fixed.data, 4);
    env->from = (int64_t) ngx_kafka_sse_envelope_get(fixed.data + 4, 8);
    env->end = (int64_t) ngx_kafka_sse_envelope_get(fixed.data + 12, 8);

    if (env->partition < 0 || env->from < 0 || env->end < -1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* reads all records once and leaves env at the first one */

static ngx_int_t
ngx_kafka_sse_envelope_check_records(ngx_kafka_sse_envelope_t *env)
{
    u_char                  *first;
    int64_t                  next;
    uint32_t                 i;
    ngx_kafka_sse_record_t   rec;

    first = env->pos;
    next = env->from;

    for (i = 0; i < env->count; i++) {

        if (ngx_kafka_sse_envelope_parse_record(env, &rec) != NGX_OK) {
            return NGX_ERROR;
        }

        /* the position after a record is an int64, too */

        if (rec.offset < next || rec.offset == INT64_MAX) {
            return NGX_ERROR;
        }

        next = rec.offset + 1;

        if (ngx_kafka_sse_record_check_headers(&rec.headers) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (env->pos != env->last) {
        return NGX_ERROR;
    }

    env->pos = first;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_envelope_parse_record(ngx_kafka_sse_envelope_t *env,
    ngx_kafka_sse_record_t *rec)
{
    u_char     *p;
    uint32_t    klen, vlen, hlen;
    ngx_str_t   rest, fixed;

    rest.data = env->pos;
    rest.len = env->last - env->pos;

    if (ngx_kafka_sse_envelope_take(&rest, NGX_KAFKA_SSE_ENVELOPE_RECORD,
                                    &fixed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = fixed.data;

    rec->offset = (int64_t) ngx_kafka_sse_envelope_get(p, 8);
    rec->timestamp = (int64_t) ngx_kafka_sse_envelope_get(p + 8, 8);
    rec->partition = env->partition;
    rec->flags = 0;

    ngx_str_null(&rec->fields);

    klen = (uint32_t) ngx_kafka_sse_envelope_get(p + 16, 4);
    vlen = (uint32_t) ngx_kafka_sse_envelope_get(p + 20, 4);
    hlen = (uint32_t) ngx_kafka_sse_envelope_get(p + 24, 4);

    if (ngx_kafka_sse_envelope_take_nullable(&rest, klen, &rec->key) != NGX_OK
        || ngx_kafka_sse_envelope_take_nullable(&rest, vlen, &rec->value)
           != NGX_OK
        || ngx_kafka_sse_envelope_take(&rest, hlen, &rec->headers) != NGX_OK)
    {
        return NGX_ERROR;
    }

    env->pos = rest.data;

    return NGX_OK;
}


/* takes len bytes off *in */

static ngx_int_t
ngx_kafka_sse_envelope_take(ngx_str_t *in, size_t len, ngx_str_t *out)
{
    if (in->len < len) {
        return NGX_ERROR;
    }

    out->len = len;
    out->data = in->data;

    in->len -= len;
    in->data += len;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_envelope_take_name(ngx_str_t *in, ngx_str_t *name)
{
    ngx_str_t  len;

    if (ngx_kafka_sse_envelope_take(in, 1, &len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_envelope_take(in, len.data[0], name);
}


static ngx_int_t
ngx_kafka_sse_envelope_take_nullable(ngx_str_t *in, uint32_t len,
    ngx_str_t *out)
{
    if (len == NGX_KAFKA_SSE_ENVELOPE_NULL) {
        ngx_str_null(out);
        return NGX_OK;
    }

    return ngx_kafka_sse_envelope_take(in, len, out);
}


static uint64_t
ngx_kafka_sse_envelope_get(u_char *p, ngx_uint_t bytes)
{
    uint64_t  n;

    n = 0;

    while (bytes) {
        n = n << 8 | p[--bytes];
    }

    return n;
}


static u_char *
ngx_kafka_sse_envelope_put(u_char *dst, uint64_t n, ngx_uint_t bytes)
{
    while (bytes--) {
        *dst++ = (u_char) n;
        n >>= 8;
    }

    return dst;
}
