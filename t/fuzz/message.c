
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is what has come on a link, of which a version is counted from the
 * present one; what is parsed is written the same.
 *
 * Covers shared/ngx_kafka_sse_message.c
 */


#include "fuzz.h"

#include <shared/ngx_kafka_sse_message.h>


static void
fuzz_look(ngx_kafka_sse_message_t *m)
{
    u_char                        *buf;
    size_t                         len;
    ngx_kafka_sse_message_look_t   look, again;

    if (ngx_kafka_sse_message_parse_look(m, &look) != NGX_OK) {
        return;
    }

    len = ngx_kafka_sse_message_look_len(&look);
    fuzz_check(len == m->size);

    buf = fuzz_alloc(len);
    ngx_kafka_sse_message_write_look(buf, m->replay, &look);

    fuzz_check(ngx_kafka_sse_message_parse_look((ngx_kafka_sse_message_t *)
                                                buf, &again)
               == NGX_OK);
    fuzz_check(again.cluster.len == look.cluster.len
               && memcmp(again.cluster.data, look.cluster.data,
                         look.cluster.len)
                  == 0);
    fuzz_check(again.topic.len == look.topic.len
               && memcmp(again.topic.data, look.topic.data, look.topic.len)
                  == 0);

    free(buf);
}


/* entries, which are the same when they are written again */

static void
fuzz_entries(ngx_kafka_sse_message_t *m, size_t size)
{
    void     *entries;
    size_t    len;
    u_char   *buf;

    entries = ngx_kafka_sse_message_entries(m, size);

    if (entries == NULL) {
        return;
    }

    len = m->n * size;
    fuzz_check(sizeof(ngx_kafka_sse_message_t) + len == m->size);

    buf = fuzz_alloc(m->size);
    ngx_kafka_sse_message_write(buf, m->type, m->replay, m->n, entries, len);

    fuzz_check(memcmp(buf, m, m->size) == 0);

    free(buf);
}


static void
fuzz_open(ngx_kafka_sse_message_t *m)
{
    u_char                        *buf;
    size_t                         len;
    ngx_uint_t                     i;
    ngx_kafka_sse_message_open_t   open, again;

    if (ngx_kafka_sse_message_parse_open(m, &open) != NGX_OK) {
        return;
    }

    for (i = 0; i < open.nasks; i++) {
        fuzz_check(open.asks[i].topic < open.ntopics);
        fuzz_check(open.asks[i].partition >= 0);
    }

    /* names may have been padded with more than is needed */

    len = ngx_kafka_sse_message_open_len(&open);
    fuzz_check(len <= m->size);

    buf = fuzz_alloc(len);
    ngx_kafka_sse_message_write_open(buf, m->replay, &open);

    fuzz_check(ngx_kafka_sse_message_parse_open((ngx_kafka_sse_message_t *)
                                                buf, &again)
               == NGX_OK);
    fuzz_check(again.nasks == open.nasks && again.ntopics == open.ntopics);
    fuzz_check(memcmp(again.asks, open.asks,
                      open.nasks * sizeof(ngx_kafka_sse_message_ask_t))
               == 0);

    for (i = 0; i < open.ntopics; i++) {
        fuzz_check(again.topics[i].len == open.topics[i].len
                   && memcmp(again.topics[i].data, open.topics[i].data,
                             open.topics[i].len)
                      == 0);
    }

    free(buf);
}


static void
fuzz_record(ngx_kafka_sse_message_t *m)
{
    u_char                  *buf;
    size_t                   len;
    ngx_kafka_sse_record_t   rec, again;

    if (ngx_kafka_sse_message_parse_record(m, &rec) != NGX_OK) {
        return;
    }

    fuzz_check(rec.offset >= 0);

    len = ngx_kafka_sse_message_record_len(&rec);
    fuzz_check(len == m->size);

    buf = fuzz_alloc(len);
    ngx_kafka_sse_message_write_record(buf, m->replay, m->n, &rec);

    fuzz_check(ngx_kafka_sse_message_parse_record((ngx_kafka_sse_message_t *)
                                                  buf, &again)
               == NGX_OK);
    fuzz_check(again.offset == rec.offset && again.flags == rec.flags
               && again.timestamp == rec.timestamp);
    fuzz_check((again.key.data == NULL) == (rec.key.data == NULL)
               && (again.value.data == NULL) == (rec.value.data == NULL));
    fuzz_check(again.key.len == rec.key.len
               && again.value.len == rec.value.len
               && again.headers.len == rec.headers.len
               && again.fields.len == rec.fields.len);

    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   *buf;
    size_t                    len, need;
    ngx_int_t                 rc;
    ngx_kafka_sse_message_t  *m;

    for ( /* void */ ; size; data += len, size -= len) {

        buf = fuzz_alloc(size);
        memcpy(buf, data, size);

        if (size >= sizeof(ngx_kafka_sse_message_t)) {
            m = (ngx_kafka_sse_message_t *) buf;
            m->version += NGX_KAFKA_SSE_MESSAGE_VERSION;
        }

        rc = ngx_kafka_sse_message_next(buf, size, &m, &need);

        fuzz_check(rc != NGX_AGAIN || need == 0 || need > size);

        if (rc != NGX_OK) {
            free(buf);
            break;
        }

        len = m->size;

        fuzz_check(len >= sizeof(ngx_kafka_sse_message_t)
                   && len % 8 == 0 && len <= size);

        /* a copy of its size, so that a byte behind its end is seen */

        m = (ngx_kafka_sse_message_t *) fuzz_alloc(len);
        memcpy(m, buf, len);
        free(buf);

        fuzz_look(m);
        fuzz_open(m);
        fuzz_record(m);
        fuzz_entries(m, sizeof(ngx_kafka_sse_message_read_t));
        fuzz_entries(m, sizeof(ngx_kafka_sse_message_offsets_t));

        free(m);
    }

    return 0;
}
