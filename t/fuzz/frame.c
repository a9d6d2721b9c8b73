
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is a byte of switches; topic, cluster, event name and key, each
 * behind a byte with its length; two bytes for the length of the packed
 * headers, and they; the value.  What is written is read as a browser does.
 *
 * Covers worker/ngx_kafka_sse_frame.c
 * Covers worker/ngx_kafka_sse_headers.c
 * Covers worker/ngx_kafka_sse_quote.c
 */


#include "fuzz.h"
#include "json.h"
#include "ngx_shim.h"
#include "sse.h"

#include <worker/ngx_kafka_sse_frame.h>


#define FUZZ_DATA           0x03
#define FUZZ_NULL_KEY       0x04
#define FUZZ_NULL_VALUE     0x08
#define FUZZ_NO_ID          0x10
#define FUZZ_NO_EVENT       0x20
#define FUZZ_NO_TIMESTAMP   0x40
#define FUZZ_JSON           0x80


/* the bytes that a member of the JSON object stands for, or none */

static void
fuzz_check_member(sse_t *sse, const char *name, ngx_uint_t base64,
    ngx_str_t *expected)
{
    ngx_str_t  raw, got;

    fuzz_check(json_member(sse->data.data, sse->data.len, name, &raw));

    if (expected->data == NULL) {
        fuzz_check(sse_is(&raw, "null"));
        return;
    }

    fuzz_check(raw.len >= 2 && raw.data[0] == '"');

    got = base64 ? json_decode_base64(&raw) : json_decode(&raw);

    fuzz_check(got.len == expected->len
               && memcmp(got.data, expected->data, got.len) == 0);

    free(got.data);
}


static void
fuzz_check_value(sse_t *sse, ngx_kafka_sse_record_t *rec)
{
    ngx_str_t  text, expected;

    ngx_str_set(&text, "");

    if (rec->value.data) {
        text = rec->value;

    } else if (json_is_text(rec->key.data, rec->key.len)) {
        text = rec->key;
    }

    expected = sse_normalize(&text);

    fuzz_check(sse->data.len == expected.len);
    fuzz_check(memcmp(sse->data.data, expected.data, expected.len) == 0);

    free(expected.data);
}


static void
fuzz_check_envelope(sse_t *sse, ngx_kafka_sse_record_t *rec)
{
    ngx_str_t   raw;
    ngx_uint_t  base64;

    fuzz_check(sse->lines == 1);
    fuzz_check(json_valid(sse->data.data, sse->data.len));

    base64 = json_member(sse->data.data, sse->data.len, "encoding", &raw);
    fuzz_check(base64 == (rec->value.data
                          && !(rec->flags & NGX_KAFKA_SSE_RECORD_TEXT)));
    fuzz_check_member(sse, "value", base64, &rec->value);

    base64 = json_member(sse->data.data, sse->data.len, "key_encoding", &raw);
    fuzz_check_member(sse, "key", base64, &rec->key);

    fuzz_check(json_member(sse->data.data, sse->data.len, "headers", &raw));
    fuzz_check(raw.data[0] == '{');
}


static void
fuzz_check_cloudevent(sse_t *sse, ngx_kafka_sse_record_t *rec)
{
    ngx_str_t  raw;

    fuzz_check(sse->lines == 1);
    fuzz_check(json_valid(sse->data.data, sse->data.len));
    fuzz_check(json_member(sse->data.data, sse->data.len, "type", &raw));
    fuzz_check(raw.len > 2);

    if (rec->value.data == NULL) {
        fuzz_check(!json_member(sse->data.data, sse->data.len, "data", &raw));

    } else if (rec->flags & NGX_KAFKA_SSE_RECORD_JSON) {
        fuzz_check(json_member(sse->data.data, sse->data.len, "data", &raw));

    } else if (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT) {
        fuzz_check_member(sse, "data", 0, &rec->value);

    } else {
        fuzz_check_member(sse, "data_base64", 1, &rec->value);
    }
}


static void
fuzz_check_frame(ngx_kafka_sse_frame_t *frame, ngx_kafka_sse_record_t *rec,
    u_char *buf, size_t len)
{
    sse_t  sse;

    sse_parse(&sse, buf, len);

    fuzz_check(sse.events == 1 && sse.rest == 0 && sse.fields == 0);
    fuzz_check(sse.id.len == frame->id.len);
    fuzz_check(!sse_is(&sse.event, "error") && !sse_is(&sse.event, "open"));
    fuzz_check(rec->value.data || sse_is(&sse.event, "delete"));

    if (frame->data == NGX_KAFKA_SSE_DATA_CLOUDEVENTS) {
        fuzz_check_cloudevent(&sse, rec);

    } else if (frame->data == NGX_KAFKA_SSE_DATA_VALUE
               && (rec->value.data == NULL
                   || (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT)))
    {
        fuzz_check_value(&sse, rec);

    } else {
        fuzz_check_envelope(&sse, rec);
    }

    sse_free(&sse);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    *p, *buf;
    size_t                     len;
    ngx_str_t                  text;
    ngx_uint_t                 switches;
    ngx_conf_t                 conf;
    ngx_kafka_sse_frame_t      frame;
    ngx_kafka_sse_record_t     rec;
    ngx_kafka_sse_template_t   template;

    if (size == 0) {
        return 0;
    }

    memset(&conf, 0, sizeof(conf));
    memset(&frame, 0, sizeof(frame));
    memset(&rec, 0, sizeof(rec));

    switches = *data++;
    size--;

    frame.data = (switches & FUZZ_DATA) % 3;
    frame.topic = fuzz_take(&data, &size);
    frame.cluster = fuzz_take(&data, &size);
    text = fuzz_take(&data, &size);
    rec.key = fuzz_take(&data, &size);

    if (size >= 2) {
        rec.headers.data = (u_char *) data + 2;
        rec.headers.len = ngx_min((size_t) (data[0] | data[1] << 8),
                                  size - 2);

        data += 2 + rec.headers.len;
        size -= 2 + rec.headers.len;
    }

    rec.value.data = (u_char *) data;
    rec.value.len = size;
    rec.offset = INT64_MAX;
    rec.partition = INT32_MAX;
    rec.timestamp = (switches & FUZZ_NO_TIMESTAMP) ? -1
                                                   : (int64_t) size << 36;

    if (switches & FUZZ_NULL_KEY) {
        ngx_str_null(&rec.key);
    }

    if (switches & FUZZ_NULL_VALUE) {
        ngx_str_null(&rec.value);
    }

    if (!(switches & FUZZ_NO_ID)) {
        ngx_str_set(&frame.id, "1.AQIDBAEF");
    }

    if (rec.value.data && json_is_text(rec.value.data, rec.value.len)) {
        rec.flags |= NGX_KAFKA_SSE_RECORD_TEXT;

        if ((switches & FUZZ_JSON)
            && json_valid(rec.value.data, rec.value.len))
        {
            rec.flags |= NGX_KAFKA_SSE_RECORD_JSON;
        }
    }

    conf.pool = ngx_create_pool(4096, NULL);

    if (!(switches & FUZZ_NO_EVENT)
        && ngx_kafka_sse_template_compile(&conf, &template, &text)
           == NGX_CONF_OK)
    {
        frame.event = &template;
    }

    len = ngx_kafka_sse_frame_len(&frame, &rec);
    buf = fuzz_alloc(len);
    p = ngx_kafka_sse_frame_write(buf, &frame, &rec);

    fuzz_check((size_t) (p - buf) <= len);
    fuzz_check_frame(&frame, &rec, buf, p - buf);

    free(buf);
    ngx_destroy_pool(conf.pool);

    return 0;
}
