
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_message.h>


#define NGX_KAFKA_SSE_MESSAGE_NULL  0xffffffff


/* the fixed part of OPEN; names follow, each behind its length, then asks */

typedef struct {
    uint32_t     concurrent;
    uint32_t     rate;
    uint32_t     ntopics;
    uint32_t     names;         /* bytes of the names, with padding */
} ngx_kafka_sse_message_open_head_t;


static void ngx_kafka_sse_message_write_head(u_char *p, size_t len,
    ngx_uint_t type, uint32_t replay, uint32_t n);
static size_t ngx_kafka_sse_message_names_len(
    ngx_kafka_sse_message_open_t *open);
static u_char *ngx_kafka_sse_message_write_name(u_char *p, ngx_str_t *name);
static u_char *ngx_kafka_sse_message_parse_name(u_char *p, u_char *last,
    ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_message_take(u_char **p, u_char *last,
    uint32_t len, ngx_str_t *s);


size_t
ngx_kafka_sse_message_look_len(ngx_kafka_sse_message_look_t *look)
{
    return ngx_align(sizeof(ngx_kafka_sse_message_t)
                     + 1 + look->cluster.len + 1 + look->topic.len, 8);
}


void
ngx_kafka_sse_message_write_look(u_char *p, uint32_t number,
    ngx_kafka_sse_message_look_t *look)
{
    size_t   len;
    u_char  *last;

    len = ngx_kafka_sse_message_look_len(look);
    last = p + len;

    ngx_kafka_sse_message_write_head(p, len, NGX_KAFKA_SSE_MESSAGE_LOOK,
                                     number, 0);
    p += sizeof(ngx_kafka_sse_message_t);

    p = ngx_kafka_sse_message_write_name(p, &look->cluster);
    p = ngx_kafka_sse_message_write_name(p, &look->topic);

    ngx_memzero(p, last - p);
}


size_t
ngx_kafka_sse_message_open_len(ngx_kafka_sse_message_open_t *open)
{
    return sizeof(ngx_kafka_sse_message_t)
           + sizeof(ngx_kafka_sse_message_open_head_t)
           + ngx_kafka_sse_message_names_len(open)
           + open->nasks * sizeof(ngx_kafka_sse_message_ask_t);
}


static size_t
ngx_kafka_sse_message_names_len(ngx_kafka_sse_message_open_t *open)
{
    size_t      len;
    ngx_uint_t  i;

    len = 1 + open->cluster.len;

    for (i = 0; i < open->ntopics; i++) {
        len += 1 + open->topics[i].len;
    }

    return ngx_align(len, 8);
}


void
ngx_kafka_sse_message_write_open(u_char *p, uint32_t replay,
    ngx_kafka_sse_message_open_t *open)
{
    u_char                             *last;
    size_t                              names;
    ngx_uint_t                          i;
    ngx_kafka_sse_message_open_head_t   head;

    names = ngx_kafka_sse_message_names_len(open);

    ngx_kafka_sse_message_write_head(p, ngx_kafka_sse_message_open_len(open),
                                     NGX_KAFKA_SSE_MESSAGE_OPEN, replay,
                                     open->nasks);
    p += sizeof(ngx_kafka_sse_message_t);

    head.concurrent = open->concurrent;
    head.rate = open->rate;
    head.ntopics = open->ntopics;
    head.names = names;

    p = ngx_cpymem(p, &head, sizeof(ngx_kafka_sse_message_open_head_t));

    last = p + names;

    p = ngx_kafka_sse_message_write_name(p, &open->cluster);

    for (i = 0; i < open->ntopics; i++) {
        p = ngx_kafka_sse_message_write_name(p, &open->topics[i]);
    }

    ngx_memzero(p, last - p);

    ngx_memcpy(last, open->asks,
               open->nasks * sizeof(ngx_kafka_sse_message_ask_t));
}


static u_char *
ngx_kafka_sse_message_write_name(u_char *p, ngx_str_t *name)
{
    *p++ = (u_char) name->len;

    return ngx_cpymem(p, name->data, name->len);
}


size_t
ngx_kafka_sse_message_record_len(ngx_kafka_sse_record_t *rec)
{
    size_t  len;

    len = sizeof(ngx_kafka_sse_message_t)
          + sizeof(ngx_kafka_sse_message_record_t)
          + rec->key.len + rec->value.len + rec->headers.len
          + rec->fields.len;

    return ngx_align(len, 8);
}


void
ngx_kafka_sse_message_write_record(u_char *p, uint32_t replay, uint32_t ask,
    ngx_kafka_sse_record_t *rec)
{
    u_char                          *last;
    size_t                           len;
    ngx_kafka_sse_message_record_t   r;

    len = ngx_kafka_sse_message_record_len(rec);
    last = p + len;

    ngx_kafka_sse_message_write_head(p, len, NGX_KAFKA_SSE_MESSAGE_RECORD,
                                     replay, ask);
    p += sizeof(ngx_kafka_sse_message_t);

    r.offset = rec->offset;
    r.timestamp = rec->timestamp;
    r.flags = rec->flags;
    r.key_len = rec->key.data ? rec->key.len : NGX_KAFKA_SSE_MESSAGE_NULL;
    r.value_len = rec->value.data ? rec->value.len
                                  : NGX_KAFKA_SSE_MESSAGE_NULL;
    r.headers_len = rec->headers.len;
    r.fields_len = rec->fields.len;
    r.unused = 0;

    p = ngx_cpymem(p, &r, sizeof(ngx_kafka_sse_message_record_t));

    if (rec->key.len) {
        p = ngx_cpymem(p, rec->key.data, rec->key.len);
    }

    if (rec->value.len) {
        p = ngx_cpymem(p, rec->value.data, rec->value.len);
    }

    if (rec->headers.len) {
        p = ngx_cpymem(p, rec->headers.data, rec->headers.len);
    }

    if (rec->fields.len) {
        p = ngx_cpymem(p, rec->fields.data, rec->fields.len);
    }

    ngx_memzero(p, last - p);
}


void
ngx_kafka_sse_message_write(u_char *p, ngx_uint_t type, uint32_t replay,
    uint32_t n, void *body, size_t len)
{
    ngx_kafka_sse_message_write_head(p, sizeof(ngx_kafka_sse_message_t) + len,
                                     type, replay, n);

    if (len) {
        ngx_memcpy(p + sizeof(ngx_kafka_sse_message_t), body, len);
    }
}


static void
ngx_kafka_sse_message_write_head(u_char *p, size_t len, ngx_uint_t type,
    uint32_t replay, uint32_t n)
{
    ngx_kafka_sse_message_t  m;

    m.size = (uint32_t) len;
    m.type = (uint16_t) type;
    m.version = NGX_KAFKA_SSE_MESSAGE_VERSION;
    m.replay = replay;
    m.n = n;

    ngx_memcpy(p, &m, sizeof(ngx_kafka_sse_message_t));
}


ngx_int_t
ngx_kafka_sse_message_next(u_char *data, size_t len,
    ngx_kafka_sse_message_t **m, size_t *need)
{
    ngx_kafka_sse_message_t  *msg;

    *need = 0;

    if (len < sizeof(ngx_kafka_sse_message_t)) {
        return NGX_AGAIN;
    }

    msg = (ngx_kafka_sse_message_t *) data;

    if (msg->version != NGX_KAFKA_SSE_MESSAGE_VERSION) {
        *m = msg;
        return NGX_DECLINED;
    }

    if (msg->size < sizeof(ngx_kafka_sse_message_t)
        || msg->size % 8
        || msg->size > NGX_KAFKA_SSE_MESSAGE_MAX)
    {
        return NGX_ERROR;
    }

    if (msg->size > len) {
        *need = msg->size;
        return NGX_AGAIN;
    }

    *m = msg;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_message_parse_look(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_message_look_t *look)
{
    u_char  *p, *last;

    p = ngx_kafka_sse_message_body(m);
    last = p + ngx_kafka_sse_message_body_len(m);

    p = ngx_kafka_sse_message_parse_name(p, last, &look->cluster);

    if (p) {
        p = ngx_kafka_sse_message_parse_name(p, last, &look->topic);
    }

    return (p && last - p < 8) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_kafka_sse_message_parse_open(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_message_open_t *open)
{
    u_char                             *p, *names;
    size_t                              len;
    ngx_uint_t                          i;
    ngx_kafka_sse_message_open_head_t   head;

    p = ngx_kafka_sse_message_body(m);
    len = ngx_kafka_sse_message_body_len(m);

    if (len < sizeof(ngx_kafka_sse_message_open_head_t)) {
        return NGX_DECLINED;
    }

    ngx_memcpy(&head, p, sizeof(ngx_kafka_sse_message_open_head_t));

    p += sizeof(ngx_kafka_sse_message_open_head_t);
    len -= sizeof(ngx_kafka_sse_message_open_head_t);

    if (head.names > len || head.names % 8
        || head.ntopics == 0 || head.ntopics > NGX_KAFKA_SSE_MESSAGE_TOPICS
        || m->n == 0 || m->n > NGX_KAFKA_SSE_MESSAGE_ASKS
        || len - head.names != m->n * sizeof(ngx_kafka_sse_message_ask_t))
    {
        return NGX_DECLINED;
    }

    names = p;
    p += head.names;

    names = ngx_kafka_sse_message_parse_name(names, p, &open->cluster);

    for (i = 0; names && i < head.ntopics; i++) {
        names = ngx_kafka_sse_message_parse_name(names, p, &open->topics[i]);
    }

    if (names == NULL) {
        return NGX_DECLINED;
    }

    open->concurrent = head.concurrent;
    open->rate = head.rate;
    open->ntopics = head.ntopics;
    open->nasks = m->n;
    open->asks = (ngx_kafka_sse_message_ask_t *) p;

    for (i = 0; i < open->nasks; i++) {
        if (open->asks[i].topic >= open->ntopics
            || open->asks[i].partition < 0)
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* returns where the next one is, NULL if this one is not all there */

static u_char *
ngx_kafka_sse_message_parse_name(u_char *p, u_char *last, ngx_str_t *name)
{
    if (p == last || *p > last - p - 1) {
        return NULL;
    }

    name->len = *p++;
    name->data = p;

    return p + name->len;
}


ngx_int_t
ngx_kafka_sse_message_parse_record(ngx_kafka_sse_message_t *m,
    ngx_kafka_sse_record_t *rec)
{
    u_char                          *p, *last;
    ngx_kafka_sse_message_record_t   r;

    p = ngx_kafka_sse_message_body(m);
    last = p + ngx_kafka_sse_message_body_len(m);

    if ((size_t) (last - p) < sizeof(ngx_kafka_sse_message_record_t)) {
        return NGX_DECLINED;
    }

    ngx_memcpy(&r, p, sizeof(ngx_kafka_sse_message_record_t));
    p += sizeof(ngx_kafka_sse_message_record_t);

    if (ngx_kafka_sse_message_take(&p, last, r.key_len, &rec->key) != NGX_OK
        || ngx_kafka_sse_message_take(&p, last, r.value_len, &rec->value)
           != NGX_OK
        || ngx_kafka_sse_message_take(&p, last, r.headers_len, &rec->headers)
           != NGX_OK
        || ngx_kafka_sse_message_take(&p, last, r.fields_len, &rec->fields)
           != NGX_OK
        || last - p >= 8 || r.offset < 0)
    {
        return NGX_DECLINED;
    }

    rec->offset = r.offset;
    rec->timestamp = r.timestamp;
    rec->flags = r.flags;

    return (ngx_kafka_sse_record_check_headers(&rec->headers) == NGX_OK
            && ngx_kafka_sse_field_check(&rec->fields) == NGX_OK)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_kafka_sse_message_take(u_char **p, u_char *last, uint32_t len,
    ngx_str_t *s)
{
    if (len == NGX_KAFKA_SSE_MESSAGE_NULL) {
        ngx_str_null(s);
        return NGX_OK;
    }

    if (len > (size_t) (last - *p)) {
        return NGX_DECLINED;
    }

    s->data = *p;
    s->len = len;
    *p += len;

    return NGX_OK;
}


void *
ngx_kafka_sse_message_entries(ngx_kafka_sse_message_t *m, size_t size)
{
    return ngx_kafka_sse_message_body_len(m) / size == m->n
           && ngx_kafka_sse_message_body_len(m) % size == 0
           ? ngx_kafka_sse_message_body(m) : NULL;
}
