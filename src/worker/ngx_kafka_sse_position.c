
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <worker/ngx_kafka_sse_base64url.h>
#include <worker/ngx_kafka_sse_position.h>


#define NGX_KAFKA_SSE_POSITION_VERSION      "1."
#define NGX_KAFKA_SSE_POSITION_VERSION_LEN                                    \
    (sizeof(NGX_KAFKA_SSE_POSITION_VERSION) - 1)

#define NGX_KAFKA_SSE_POSITION_VARINT       9     /* 63 bits, 7 in a byte */
#define NGX_KAFKA_SSE_POSITION_HEAD         (4 + 5)  /* tag and partitions */

/* a longer one, before base64url, is beyond the limits of a stream */

#define NGX_KAFKA_SSE_POSITION_MAX                                            \
    (NGX_KAFKA_SSE_POSITION_TOPICS * NGX_KAFKA_SSE_POSITION_HEAD              \
     + NGX_KAFKA_SSE_POSITION_PARTITIONS * NGX_KAFKA_SSE_POSITION_VARINT)


/* base64url on its way out: written byte by byte, so without a buffer */

typedef struct {
    u_char      *dst;
    uint32_t     bits;          /* the lowest nbits are not written yet */
    ngx_uint_t   nbits;         /* 0, 2 or 4 */
} ngx_kafka_sse_position_base64_t;


static ngx_inline void ngx_kafka_sse_position_put(
    ngx_kafka_sse_position_base64_t *b64, u_char c);
static ngx_inline void ngx_kafka_sse_position_put_varint(
    ngx_kafka_sse_position_base64_t *b64, uint64_t n);
static ngx_int_t ngx_kafka_sse_position_parse_topic(
    ngx_kafka_sse_position_t *position, ngx_str_t *in, ngx_uint_t used);
static ngx_int_t ngx_kafka_sse_position_parse_varint(ngx_str_t *in,
    uint64_t *n);
static ngx_int_t ngx_kafka_sse_position_read(
    ngx_kafka_sse_position_t *position, ngx_str_t *text);
static ngx_int_t ngx_kafka_sse_position_read_topic(
    ngx_kafka_sse_position_t *position, ngx_str_t *in, ngx_uint_t used);
static ngx_int_t ngx_kafka_sse_position_read_offset(
    ngx_kafka_sse_position_topic_t *topic, ngx_str_t *in, ngx_uint_t max);
static ngx_int_t ngx_kafka_sse_position_read_number(ngx_str_t *in,
    int64_t max, int64_t *n);


static u_char  ngx_kafka_sse_position_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


size_t
ngx_kafka_sse_position_len(ngx_uint_t ntopics, ngx_uint_t partitions)
{
    size_t  len;

    len = ntopics * NGX_KAFKA_SSE_POSITION_HEAD
          + partitions * NGX_KAFKA_SSE_POSITION_VARINT;

    return NGX_KAFKA_SSE_POSITION_VERSION_LEN + (len * 4 + 2) / 3;
}


u_char *
ngx_kafka_sse_position_write(u_char *dst,
    ngx_kafka_sse_position_topic_t *topics, ngx_uint_t ntopics)
{
    ngx_uint_t                        i, j;
    ngx_kafka_sse_position_topic_t   *topic;
    ngx_kafka_sse_position_base64_t   b64;

    b64.dst = ngx_cpymem(dst, NGX_KAFKA_SSE_POSITION_VERSION,
                         NGX_KAFKA_SSE_POSITION_VERSION_LEN);
    b64.bits = 0;
    b64.nbits = 0;

    for (i = 0; i < ntopics; i++) {
        topic = &topics[i];

        if (topic->n == 0) {
            continue;
        }

        ngx_kafka_sse_position_put(&b64, (u_char) (topic->tag >> 24));
        ngx_kafka_sse_position_put(&b64, (u_char) (topic->tag >> 16));
        ngx_kafka_sse_position_put(&b64, (u_char) (topic->tag >> 8));
        ngx_kafka_sse_position_put(&b64, (u_char) topic->tag);

        ngx_kafka_sse_position_put_varint(&b64, topic->n);

        for (j = 0; j < topic->n; j++) {
            ngx_kafka_sse_position_put_varint(&b64, topic->next[j]);
        }
    }

    if (b64.nbits) {
        *b64.dst++ = ngx_kafka_sse_position_digits[
                                     b64.bits << (6 - b64.nbits) & 0x3f];
    }

    return b64.dst;
}


ngx_int_t
ngx_kafka_sse_position_parse(ngx_kafka_sse_position_t *position,
    ngx_str_t *text)
{
    ngx_str_t                        in, src;
    ngx_uint_t                       used;
    ngx_kafka_sse_position_topic_t  *topic;
    u_char                           buf[NGX_KAFKA_SSE_POSITION_MAX];

    if (ngx_strlchr(text->data, text->data + text->len, '@')) {
        return ngx_kafka_sse_position_read(position, text);
    }

    if (text->len < NGX_KAFKA_SSE_POSITION_VERSION_LEN
        || ngx_memcmp(text->data, NGX_KAFKA_SSE_POSITION_VERSION,
                      NGX_KAFKA_SSE_POSITION_VERSION_LEN)
           != 0)
    {
        return NGX_DECLINED;
    }

    src.data = text->data + NGX_KAFKA_SSE_POSITION_VERSION_LEN;
    src.len = text->len - NGX_KAFKA_SSE_POSITION_VERSION_LEN;

    in.data = buf;

    if (ngx_kafka_sse_base64url_len(src.len) > sizeof(buf)
        || ngx_kafka_sse_base64url_decode(buf, &in.len, &src) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    position->ntopics = 0;
    used = 0;

    while (in.len) {

        if (ngx_kafka_sse_position_parse_topic(position, &in, used) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        topic = &position->topics[position->ntopics++];
        used += topic->n;
    }

    return NGX_OK;
}


static ngx_inline void
ngx_kafka_sse_position_put(ngx_kafka_sse_position_base64_t *b64, u_char c)
{
    b64->bits = b64->bits << 8 | c;
    b64->nbits += 2;

    *b64->dst++ = ngx_kafka_sse_position_digits[
                                           b64->bits >> b64->nbits & 0x3f];

    if (b64->nbits == 6) {
        *b64->dst++ = ngx_kafka_sse_position_digits[b64->bits & 0x3f];
        b64->nbits = 0;
    }
}


static ngx_inline void
ngx_kafka_sse_position_put_varint(ngx_kafka_sse_position_base64_t *b64,
    uint64_t n)
{
    while (n >= 0x80) {
        ngx_kafka_sse_position_put(b64, (u_char) (n | 0x80));
        n >>= 7;
    }

    ngx_kafka_sse_position_put(b64, (u_char) n);
}


/* the topic after the ones we have, which use the first so many offsets */

static ngx_int_t
ngx_kafka_sse_position_parse_topic(ngx_kafka_sse_position_t *position,
    ngx_str_t *in, ngx_uint_t used)
{
    u_char                          *p;
    uint64_t                         n;
    ngx_uint_t                       i;
    ngx_kafka_sse_position_topic_t  *topic;

    if (position->ntopics == NGX_KAFKA_SSE_POSITION_TOPICS || in->len < 4) {
        return NGX_DECLINED;
    }

    topic = &position->topics[position->ntopics];

    p = in->data;
    topic->tag = (uint32_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];

    in->data += 4;
    in->len -= 4;

    for (i = 0; i < position->ntopics; i++) {
        if (position->topics[i].tag == topic->tag) {
            return NGX_DECLINED;
        }
    }

    if (ngx_kafka_sse_position_parse_varint(in, &n) != NGX_OK
        || n == 0
        || n > NGX_KAFKA_SSE_POSITION_PARTITIONS - used)
    {
        return NGX_DECLINED;
    }

    topic->n = (ngx_uint_t) n;
    topic->next = &position->next[used];
    ngx_str_null(&topic->name);

    for (i = 0; i < topic->n; i++) {

        if (ngx_kafka_sse_position_parse_varint(in, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        topic->next[i] = (int64_t) n;
    }

    return NGX_OK;
}


/* takes one varint, which fits an int64, off *in */

static ngx_int_t
ngx_kafka_sse_position_parse_varint(ngx_str_t *in, uint64_t *n)
{
    u_char      c;
    ngx_uint_t  i;

    *n = 0;

    for (i = 0; i < in->len && i < NGX_KAFKA_SSE_POSITION_VARINT; i++) {
        c = in->data[i];
        *n |= (uint64_t) (c & 0x7f) << (7 * i);

        if (c & 0x80) {
            continue;
        }

        if (c == 0 && i > 0) {

            /* not the shortest form */

            return NGX_DECLINED;
        }

        in->data += i + 1;
        in->len -= i + 1;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* what was written by hand */

static ngx_int_t
ngx_kafka_sse_position_read(ngx_kafka_sse_position_t *position,
    ngx_str_t *text)
{
    ngx_str_t   in;
    ngx_uint_t  used;

    in = *text;
    used = 0;
    position->ntopics = 0;

    for ( ;; ) {

        if (ngx_kafka_sse_position_read_topic(position, &in, used) != NGX_OK) {
            return NGX_DECLINED;
        }

        used += position->topics[position->ntopics++].n;

        if (in.len == 0) {
            return NGX_OK;
        }

        /* a ";" */

        in.data++;
        in.len--;
    }
}


static ngx_int_t
ngx_kafka_sse_position_read_topic(ngx_kafka_sse_position_t *position,
    ngx_str_t *in, ngx_uint_t used)
{
    u_char                          *p;
    ngx_uint_t                       i, max;
    ngx_kafka_sse_position_topic_t  *topic, *t;

    p = ngx_strlchr(in->data, in->data + in->len, '@');

    if (p == NULL || p == in->data
        || position->ntopics == NGX_KAFKA_SSE_POSITION_TOPICS)
    {
        return NGX_DECLINED;
    }

    topic = &position->topics[position->ntopics];

    topic->tag = 0;
    topic->n = 0;
    topic->next = &position->next[used];
    topic->name.data = in->data;
    topic->name.len = p - in->data;

    for (i = 0; i < topic->name.len; i++) {
        if (!ngx_kafka_sse_conf_is_topic_char(topic->name.data[i])) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < position->ntopics; i++) {
        t = &position->topics[i];

        if (t->name.len == topic->name.len
            && ngx_memcmp(t->name.data, topic->name.data, t->name.len) == 0)
        {
            return NGX_DECLINED;
        }
    }

    max = NGX_KAFKA_SSE_POSITION_PARTITIONS - used;

    do {
        in->len -= p + 1 - in->data;
        in->data = p + 1;

        if (ngx_kafka_sse_position_read_offset(topic, in, max) != NGX_OK) {
            return NGX_DECLINED;
        }

        p = in->data;

    } while (in->len && *p == ',');

    return (in->len == 0 || *p == ';') ? NGX_OK : NGX_DECLINED;
}


/* "partition:offset" */

static ngx_int_t
ngx_kafka_sse_position_read_offset(ngx_kafka_sse_position_topic_t *topic,
    ngx_str_t *in, ngx_uint_t max)
{
    int64_t  partition, offset;

    if (max == 0
        || ngx_kafka_sse_position_read_number(in, max - 1, &partition)
           != NGX_OK
        || in->len == 0 || *in->data != ':')
    {
        return NGX_DECLINED;
    }

    in->data++;
    in->len--;

    if (ngx_kafka_sse_position_read_number(in, NGX_MAX_OFF_T_VALUE - 1,
                                           &offset)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    while (topic->n <= (ngx_uint_t) partition) {
        topic->next[topic->n++] = NGX_KAFKA_SSE_POSITION_NONE;
    }

    if (topic->next[partition] != NGX_KAFKA_SSE_POSITION_NONE) {
        return NGX_DECLINED;
    }

    topic->next[partition] = offset;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_position_read_number(ngx_str_t *in, int64_t max, int64_t *n)
{
    u_char  c;
    size_t  i;

    *n = 0;

    for (i = 0; i < in->len; i++) {
        c = in->data[i];

        if (c < '0' || c > '9') {
            break;
        }

        c -= '0';

        if (c > max || *n > (max - c) / 10) {
            return NGX_DECLINED;
        }

        *n = *n * 10 + c;
    }

    in->data += i;
    in->len -= i;

    return i ? NGX_OK : NGX_DECLINED;
}
