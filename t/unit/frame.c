
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "json.h"
#include "ngx_shim.h"
#include "sse.h"

#include <worker/ngx_kafka_sse_frame.h>


#define TEXT  NGX_KAFKA_SSE_RECORD_TEXT
#define JSON  NGX_KAFKA_SSE_RECORD_JSON

#define frame_str(str, s)                                                     \
    (str)->len = sizeof(s) - 1; (str)->data = (u_char *) s

#define frame_is(expected, claim)                                             \
    frame_check(expected, sizeof(expected) - 1, claim)

#define frame_value(s, f)                                                     \
    frame_str(&rec.value, s); rec.flags = (f)

#define frame_data_is(value, expected, claim)                                 \
    frame_check_data(value, sizeof(value) - 1, expected,                      \
                     sizeof(expected) - 1, claim)


static ngx_conf_t               frame_conf;
static ngx_kafka_sse_frame_t    frame;
static ngx_kafka_sse_record_t   rec;
static u_char                   frame_headers[4096];


static void
frame_reset(ngx_uint_t data)
{
    memset(&frame, 0, sizeof(frame));
    memset(&rec, 0, sizeof(rec));

    frame_str(&frame.cluster, "main");
    frame_str(&frame.topic, "orders");
    frame_str(&frame.id, "1.AQIDBAEF");
    frame.data = data;

    rec.offset = 1041;
    rec.timestamp = 1700000000123;
    rec.partition = 3;
    frame_str(&rec.key, "k1");
    frame_value("v", TEXT);
}


static void
frame_check(const char *expected, size_t elen, const char *claim)
{
    u_char  *p, *buf;
    size_t   len;

    len = ngx_kafka_sse_frame_len(&frame, &rec);
    buf = unit_alloc(len);
    p = ngx_kafka_sse_frame_write(buf, &frame, &rec);

    unit_is(buf, p - buf, expected, elen, claim);

    if ((size_t) (p - buf) > len) {
        unit_ok(0, "the length is large enough");
    }

    free(buf);
}


static void
frame_check_data(const char *value, size_t len, const char *expected,
    size_t elen, const char *claim)
{
    u_char     *p, *buf;
    ngx_str_t   in;

    in = unit_copy(value, len);
    buf = unit_alloc(elen);

    p = ngx_kafka_sse_frame_data(buf, &in);
    unit_is(buf, p - buf, expected, elen, claim);

    free(buf);
    free(in.data);
}


static ngx_kafka_sse_template_t *
frame_template(const char *s)
{
    ngx_str_t                         text;
    static ngx_kafka_sse_template_t   template;

    text.data = (u_char *) s;
    text.len = strlen(s);

    if (ngx_kafka_sse_template_compile(&frame_conf, &template, &text)
        != NGX_CONF_OK)
    {
        abort();
    }

    return &template;
}


/* adds a header to the record; a value of NULL is null */

static void
frame_add_header(const char *n, const char *v)
{
    u_char     *p;
    ngx_str_t   name, value;

    name.data = (u_char *) n;
    name.len = strlen(n);
    value.data = (u_char *) v;
    value.len = v ? strlen(v) : 0;

    p = ngx_kafka_sse_record_add_header(frame_headers + rec.headers.len,
                                        &name, &value);

    rec.headers.data = frame_headers;
    rec.headers.len = p - frame_headers;
}


static void
frame_test_data(void)
{
    frame_data_is("", "data: \n", "an empty value is an empty line");
    frame_data_is("a", "data: a\n", "a value is a line");
    frame_data_is("a\nb", "data: a\ndata: b\n", "LF inside a value is one "
                  "line end");
    frame_data_is("a\rb", "data: a\ndata: b\n", "CR inside a value is one "
                  "line end");
    frame_data_is("a\r\nb", "data: a\ndata: b\n",
                  "CR LF inside a value is one line end");
    frame_data_is("a\n\rb", "data: a\ndata: \ndata: b\n",
                  "LF CR inside a value is two line ends");
    frame_data_is("a\r\r\nb", "data: a\ndata: \ndata: b\n",
                  "CR CR LF inside a value is two line ends");
    frame_data_is("a\n\nb", "data: a\ndata: \ndata: b\n",
                  "an empty line inside a value is kept");
    frame_data_is("\n", "data: \ndata: \n", "LF alone is two empty lines");
    frame_data_is("\r", "data: \ndata: \n", "CR alone is two empty lines");
    frame_data_is("\r\n", "data: \ndata: \n",
                  "CR LF alone is two empty lines");
    frame_data_is("a\n", "data: a\ndata: \n", "a last LF is kept");
    frame_data_is("a\r", "data: a\ndata: \n", "a last CR is kept");
    frame_data_is("\ra\nb\r\nc\rd\n", "data: \ndata: a\ndata: b\ndata: c\n"
                  "data: d\ndata: \n", "line ends may be mixed");
    frame_data_is("a\r\nb\r\nc\r\n", "data: a\ndata: b\ndata: c\ndata: \n",
                  "CR LF may be all line ends");
    frame_data_is(" a", "data:  a\n", "a space in front is kept");
    frame_data_is("x\n\nevent: y\nid: z\n\n",
                  "data: x\ndata: \ndata: event: y\ndata: id: z\n"
                  "data: \ndata: \n", "a value adds no field and no event");
    frame_data_is("a\xe2\x80\xa8" "b\xc2\x85" "c",
                  "data: a\xe2\x80\xa8" "b\xc2\x85" "c\n",
                  "U+2028 and U+0085 are no line ends");
}


static void
frame_test_value(void)
{
    frame_reset(NGX_KAFKA_SSE_DATA_VALUE);
    frame_is("id: 1.AQIDBAEF\ndata: v\n\n", "a value is an event with id");

    frame.id.len = 0;
    frame_is("data: v\n\n", "without id there is no id line");

    frame_reset(NGX_KAFKA_SSE_DATA_VALUE);
    frame_value("", TEXT);
    frame_is("id: 1.AQIDBAEF\ndata: \n\n", "an empty value is an event");

    frame_value("a\r\nb", TEXT);
    frame_is("id: 1.AQIDBAEF\ndata: a\ndata: b\n\n",
             "a value of two lines is one event");

    frame_value("{\"a\":1}", TEXT|JSON);
    frame_is("id: 1.AQIDBAEF\ndata: {\"a\":1}\n\n",
             "JSON is a value like others");

    frame_value("\xff\0", 0);
    frame.event = frame_template("mine");
    frame_is("id: 1.AQIDBAEF\nevent: binary\ndata: {\"topic\":\"orders\","
             "\"partition\":3,\"offset\":1041,\"timestamp\":1700000000123,"
             "\"key\":\"k1\",\"headers\":{},\"value\":\"/wA=\","
             "\"encoding\":\"base64\"}\n\n",
             "a value that is not text is \"binary\", whatever the name");
}


static void
frame_test_delete(void)
{
    frame_reset(NGX_KAFKA_SSE_DATA_VALUE);
    ngx_str_null(&rec.value);
    rec.flags = 0;
    frame.event = frame_template("mine");

    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: k1\n\n",
             "a tombstone is \"delete\" with its key, whatever the name");

    frame_str(&rec.key, "k\n1");
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: k\ndata: 1\n\n",
             "LF in the key of a tombstone is a line end");

    frame_str(&rec.key, "k\xff");
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: \n\n",
             "a tombstone whose key is not text has empty data");

    frame_str(&rec.key, "k\0");
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: \n\n",
             "NUL in a key is not text");

    ngx_str_null(&rec.key);
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: \n\n",
             "a tombstone without key has empty data");

    frame.data = NGX_KAFKA_SSE_DATA_ENVELOPE;
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: {\"topic\":\"orders\","
             "\"partition\":3,\"offset\":1041,\"timestamp\":1700000000123,"
             "\"key\":null,\"headers\":{},\"value\":null}\n\n",
             "a tombstone as envelope is \"delete\", null stays null");

    frame.data = NGX_KAFKA_SSE_DATA_CLOUDEVENTS;
    frame_str(&rec.key, "k1");
    frame_is("id: 1.AQIDBAEF\nevent: delete\ndata: {\"specversion\":\"1.0\","
             "\"id\":\"3:1041\",\"source\":\"/kafka/main/orders\","
             "\"type\":\"mine\",\"subject\":\"k1\","
             "\"time\":\"2023-11-14T22:13:20.123Z\"}\n\n",
             "a tombstone as CloudEvent is \"delete\" without data");
}


static void
frame_test_event(void)
{
    ngx_uint_t  i;

    static const char  *reserved[] = {
        "error", "open", "delete", "binary", "snapshot-end", "stream-reset", "stream-expire",
        "stream-end"
    };

    frame_reset(NGX_KAFKA_SSE_DATA_VALUE);

    frame.event = frame_template("order-${kafka_sse_key}");
    frame_is("id: 1.AQIDBAEF\nevent: order-k1\ndata: v\n\n",
             "the configured event name is written");

    frame.event = frame_template("$kafka_sse_header_type");
    frame_is("id: 1.AQIDBAEF\ndata: v\n\n",
             "an empty event name writes no event line");

    frame_add_header("type", "a\ndata: b\r\n\r\nc");
    frame_is("id: 1.AQIDBAEF\nevent: adata: bc\ndata: v\n\n",
             "an event name adds no field and no event");

    for (i = 0; i < sizeof(reserved) / sizeof(char *); i++) {
        rec.headers.len = 0;
        frame_add_header("type", reserved[i]);
        frame_is("id: 1.AQIDBAEF\ndata: v\n\n",
                 "a record does not name itself like our own events");
    }

    rec.headers.len = 0;
    frame_add_header("type", "errors");
    frame_is("id: 1.AQIDBAEF\nevent: errors\ndata: v\n\n",
             "a name that begins like one of them is not one");
}


static void
frame_test_envelope(void)
{
    frame_reset(NGX_KAFKA_SSE_DATA_ENVELOPE);
    frame.event = frame_template("mine");

    frame_is("id: 1.AQIDBAEF\nevent: mine\ndata: {\"topic\":\"orders\","
             "\"partition\":3,\"offset\":1041,\"timestamp\":1700000000123,"
             "\"key\":\"k1\",\"headers\":{},\"value\":\"v\"}\n\n",
             "an envelope has all members in order");

    frame.event = NULL;
    frame.id.len = 0;
    frame_str(&frame.topic, "o\"r\\d\n\xff");
    rec.timestamp = -1;
    rec.offset = INT64_MAX;
    rec.partition = INT32_MAX;
    ngx_str_null(&rec.key);
    frame_value("", TEXT);
    frame_is("data: {\"topic\":\"o\\\"r\\\\d\\n?\",\"partition\":2147483647,"
             "\"offset\":9223372036854775807,\"timestamp\":null,\"key\":null,"
             "\"headers\":{},\"value\":\"\"}\n\n",
             "no timestamp is null, a null key is null, an empty value empty");

    frame_reset(NGX_KAFKA_SSE_DATA_ENVELOPE);
    frame.id.len = 0;
    rec.timestamp = 0;
    frame_str(&rec.key, "\x80");
    frame_value("a\"b\\c\r\nd\te\x01\x1f\x7f\xe2\x80\xa8/<", TEXT);
    frame_is("data: {\"topic\":\"orders\",\"partition\":3,\"offset\":1041,"
             "\"timestamp\":0,\"key\":\"gA==\",\"key_encoding\":\"base64\","
             "\"headers\":{},\"value\":\"a\\\"b\\\\c\\r\\nd\\te\\u0001\\u001f"
             "\x7f\xe2\x80\xa8/<\"}\n\n",
             "a value is escaped, a key that is not text is base64");

    frame_value("\xc0\x80", 0);
    frame_str(&rec.key, "");
    frame_is("data: {\"topic\":\"orders\",\"partition\":3,\"offset\":1041,"
             "\"timestamp\":0,\"key\":\"\",\"headers\":{},"
             "\"value\":\"wIA=\",\"encoding\":\"base64\"}\n\n",
             "a value that is not text is base64, an empty key empty");

    frame_value("0123456789\"0123456\\012345\n0123456789012345", TEXT);
    frame_is("data: {\"topic\":\"orders\",\"partition\":3,\"offset\":1041,"
             "\"timestamp\":0,\"key\":\"\",\"headers\":{},"
             "\"value\":\"0123456789\\\"0123456\\\\012345\\n"
             "0123456789012345\"}\n\n",
             "escapes stand between bytes that are copied 8 at once");
}


static void
frame_test_headers(void)
{
    frame_reset(NGX_KAFKA_SSE_DATA_ENVELOPE);
    frame.id.len = 0;
    rec.timestamp = 0;
    ngx_str_null(&rec.key);

#define FRAME_HEAD                                                            \
    "data: {\"topic\":\"orders\",\"partition\":3,\"offset\":1041,"            \
    "\"timestamp\":0,\"key\":null,\"headers\":{"
#define FRAME_TAIL  "},\"value\":\"v\"}\n\n"

    frame_add_header("type", "order");
    frame_is(FRAME_HEAD "\"type\":\"order\"" FRAME_TAIL,
             "a header is a member");

    frame_add_header("a\"\n", "b\\\r\n");
    frame_is(FRAME_HEAD "\"a\\\"\\n\":\"b\\\\\\r\\n\",\"type\":\"order\""
             FRAME_TAIL, "headers are escaped and in the order of names");

    rec.headers.len = 0;
    frame_add_header("b", "2");
    frame_add_header("a", NULL);
    frame_add_header("b", "1");
    frame_add_header("c", "");
    frame_add_header("b", NULL);
    frame_add_header("b", "\xff");
    frame_add_header("", "e");
    frame_is(FRAME_HEAD "\"\":\"e\",\"a\":null,"
             "\"b\":[\"2\",\"1\",null,{\"base64\":\"/w==\"}],\"c\":\"\""
             FRAME_TAIL, "a name that repeats has an array, in order");

    rec.headers.len = 0;
    frame_add_header("b", "\x80");
    frame_is(FRAME_HEAD "\"b\":{\"base64\":\"gA==\"}" FRAME_TAIL,
             "a header value that is not text is base64");

    rec.headers.len = 0;
    frame_add_header("a\xff", "1");
    frame_add_header("a\xfe", "2");
    frame_add_header("a?", "3");
    frame_is(FRAME_HEAD "\"a?\":[\"1\",\"2\",\"3\"]" FRAME_TAIL,
             "names that become the same name are one member");

    rec.headers.len = 0;
    frame_add_header("n\xc3\xa4\xe2\x82", "1");
    frame_is(FRAME_HEAD "\"n\xc3\xa4??\":\"1\"" FRAME_TAIL,
             "of a name that is not text the text is kept");

    rec.headers.data = (u_char *) "\1\0\0\0\1\0\0\0\0x\1\0\0";
    rec.headers.len = 13;
    frame_is(FRAME_HEAD "\"\\u0000\":\"x\"" FRAME_TAIL,
             "malformed headers end the headers");
}


static void
frame_test_cloudevent(void)
{
#define FRAME_CE                                                              \
    "data: {\"specversion\":\"1.0\",\"id\":\"3:1041\","                       \
    "\"source\":\"/kafka/main/orders\",\"type\":\"kafka.record\""

    frame_reset(NGX_KAFKA_SSE_DATA_CLOUDEVENTS);

    frame_is("id: 1.AQIDBAEF\n" FRAME_CE ",\"subject\":\"k1\","
             "\"time\":\"2023-11-14T22:13:20.123Z\","
             "\"datacontenttype\":\"text/plain\",\"data\":\"v\"}\n\n",
             "text is a CloudEvent with a string");

    frame.id.len = 0;
    ngx_str_null(&rec.key);
    rec.timestamp = -1;
    frame_value("{\r\n \"a\":\n1\r}", TEXT|JSON);
    frame_is(FRAME_CE ",\"datacontenttype\":\"application/json\","
             "\"data\":{   \"a\": 1 }}\n\n",
             "JSON is a CloudEvent on one line, without subject and time");

    frame_str(&rec.key, "");
    frame_value("\xff\xff\xff", 0);
    frame_is(FRAME_CE ",\"datacontenttype\":\"application/octet-stream\","
             "\"data_base64\":\"////\"}\n\n",
             "other values are base64, an empty key is no subject");

    frame_str(&rec.key, "\xff");
    frame_value("", TEXT);
    frame_is(FRAME_CE ",\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "a key that is not text is no subject");

    rec.timestamp = 0;
    frame_is(FRAME_CE ",\"time\":\"1970-01-01T00:00:00.000Z\","
             "\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "the time may be the epoch");

    rec.timestamp = 253402300799999;
    frame_is(FRAME_CE ",\"time\":\"9999-12-31T23:59:59.999Z\","
             "\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "the time may be the end of the year 9999");

    rec.timestamp = 253402300800000;
    frame_is(FRAME_CE ",\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "a time after the year 9999 is left out");

    rec.timestamp = -2;
    frame_is(FRAME_CE ",\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "a time before the epoch is left out");

    rec.timestamp = -1;
    frame_str(&frame.cluster, "m/\"a\xff");
    frame_str(&frame.topic, "o r\\d\n");
    frame.event = frame_template("$kafka_sse_header_type");
    frame_add_header("type", "\"\\\t\x01");
    frame_is("event: \"\\\t\x01\n"
             "data: {\"specversion\":\"1.0\",\"id\":\"3:1041\","
             "\"source\":\"/kafka/m%2F%22a%FF/o%20r%5Cd%0A\","
             "\"type\":\"\\\"\\\\\\t\\u0001\","
             "\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "the source is path-escaped, the event name is the type");

    rec.headers.len = 0;
    frame_str(&frame.cluster, "main");
    frame_str(&frame.topic, "orders");
    frame_is(FRAME_CE ",\"datacontenttype\":\"text/plain\",\"data\":\"\"}\n\n",
             "with an empty event name the type is \"kafka.record\"");
}


/*
 * A byte that becomes most in each place, with and without the event name and
 * the headers, whose room would hide that another is too small.
 */

static void
frame_test_worst(void)
{
    u_char      *p, *buf, worst[3] = { '\n', '\x01', '\xff' };
    size_t       i, len, longer;
    ngx_str_t    value, block;
    ngx_uint_t   data, with;

    longer = 0;

    for (i = 0; i < 3; i++) {

        value.len = 10000;
        value.data = unit_alloc(value.len);
        memset(value.data, worst[i], value.len);

        block.len = 8 + 2 * value.len;
        block.data = unit_alloc(block.len);
        (void) ngx_kafka_sse_record_add_header(block.data, &value, &value);

        for (data = 0; data < 3; data++) {

            for (with = 0; with < 8; with++) {
                frame_reset(data);
                frame.topic = value;
                frame.cluster = value;
                rec.timestamp = INT64_MIN + 1;
                rec.offset = INT64_MAX;
                rec.partition = INT32_MAX;
                rec.key = value;
                rec.value = value;
                rec.flags = json_is_text(value.data, value.len) ? TEXT : 0;

                if (with & 1) {
                    frame.event = frame_template("$kafka_sse_key"
                                                 "$kafka_sse_timestamp");
                }

                if (with & 2) {
                    rec.headers = block;
                }

                if (with & 4) {
                    ngx_str_null(&rec.value);
                }

                len = ngx_kafka_sse_frame_len(&frame, &rec);
                buf = unit_alloc(len);
                p = ngx_kafka_sse_frame_write(buf, &frame, &rec);
                longer += (size_t) (p - buf) > len;

                free(buf);
            }
        }

        free(block.data);
        free(value.data);
    }

    unit_ok(longer == 0, "the longest frames have their room");
}


/* 100,000 headers: a sort that took the square would take minutes */

static void
frame_test_many_headers(void)
{
    u_char      *p, *buf;
    size_t       len;
    clock_t      start;
    ngx_str_t    name, value;
    ngx_uint_t   i;

    frame_reset(NGX_KAFKA_SSE_DATA_ENVELOPE);

    rec.headers.len = 100000 * (8 + 6);
    rec.headers.data = unit_alloc(rec.headers.len);
    p = rec.headers.data;

    for (i = 0; i < 100000; i++) {
        snprintf((char *) frame_headers, 8, "%06d", (int) (i * 7919 % 100000));
        name.data = frame_headers;
        name.len = 6;
        ngx_str_null(&value);
        p = ngx_kafka_sse_record_add_header(p, &name, &value);
    }

    len = ngx_kafka_sse_frame_len(&frame, &rec);
    buf = unit_alloc(len);

    start = clock();
    p = ngx_kafka_sse_frame_write(buf, &frame, &rec);

    unit_ok((clock() - start) / (CLOCKS_PER_SEC / 1000) < 2000
            && (size_t) (p - buf) <= len,
            "100,000 headers are written within 2 seconds");

    free(buf);
    free(rec.headers.data);
}


/* what a browser makes of a frame, against what the record holds */

static ngx_uint_t
frame_check_client(u_char *buf, size_t len)
{
    sse_t        sse;
    ngx_str_t    raw, text, expected;
    ngx_uint_t   wrong, binary;

    sse_parse(&sse, buf, len);

    wrong = sse.events != 1 || sse.rest != 0 || sse.fields != 0
            || sse.id.len != frame.id.len
            || (sse.id.len && memcmp(sse.id.data, frame.id.data, sse.id.len));

    binary = rec.value.data && !(rec.flags & TEXT);

    if (rec.value.data == NULL) {
        wrong |= !sse_is(&sse.event, "delete");

    } else if (frame.data == NGX_KAFKA_SSE_DATA_VALUE) {
        wrong |= binary != sse_is(&sse.event, "binary");
    }

    if (frame.data == NGX_KAFKA_SSE_DATA_VALUE && !binary) {
        ngx_str_set(&text, "");

        if (rec.value.data) {
            text = rec.value;

        } else if (json_is_text(rec.key.data, rec.key.len)) {
            text = rec.key;
        }

        expected = sse_normalize(&text);

        wrong |= expected.len != sse.data.len
                 || memcmp(expected.data, sse.data.data, sse.data.len) != 0;

        free(expected.data);
        sse_free(&sse);

        return wrong;
    }

    if (sse.lines != 1 || !json_valid(sse.data.data, sse.data.len)) {
        sse_free(&sse);
        return 1;
    }

    if (frame.data == NGX_KAFKA_SSE_DATA_CLOUDEVENTS) {

        if (rec.value.data == NULL) {
            wrong |= json_member(sse.data.data, sse.data.len, "data", &raw);

        } else {
            wrong |= !json_member(sse.data.data, sse.data.len,
                                  binary ? "data_base64" : "data", &raw);
        }

    } else {
        wrong |= !json_member(sse.data.data, sse.data.len, "value", &raw);
    }

    if (!wrong && rec.value.data) {
        text = binary ? json_decode_base64(&raw) : json_decode(&raw);

        wrong |= text.len != rec.value.len
                 || memcmp(text.data, rec.value.data, text.len) != 0;

        free(text.data);
    }

    sse_free(&sse);

    return wrong;
}


static void
frame_test_random(void)
{
    u_char      *p, *buf;
    size_t       len;
    ngx_str_t    name, value;
    ngx_uint_t   i, j, n, wrong, longer;

    longer = 0;
    wrong = 0;

    for (i = 0; i < 60000; i++) {
        frame_reset(unit_below(3));

        rec.value = unit_random_str(120);
        rec.key = unit_random_str(20);

        rec.flags = json_is_text(rec.value.data, rec.value.len) ? TEXT : 0;

        if (unit_below(8) == 0) {
            free(rec.value.data);
            ngx_str_null(&rec.value);
            rec.flags = 0;
        }

        if (unit_below(8) == 0) {
            free(rec.key.data);
            ngx_str_null(&rec.key);
        }

        rec.timestamp = (int64_t) unit_random() - 1;
        rec.offset = unit_random();

        n = unit_below(12);
        rec.headers.data = unit_alloc(n * (8 + 4 + 20));
        p = rec.headers.data;

        for (j = 0; j < n; j++) {
            name = unit_random_str(4);
            value = unit_random_str(20);
            p = ngx_kafka_sse_record_add_header(p, &name, &value);
            free(name.data);
            free(value.data);
        }

        rec.headers.len = p - rec.headers.data;

        frame.topic = unit_random_str(10);
        frame.cluster = unit_random_str(10);

        if (unit_below(2)) {
            frame.event = frame_template("$kafka_sse_key$kafka_sse_header_a");
        }

        if (unit_below(4) == 0) {
            frame.id.len = 0;
        }

        len = ngx_kafka_sse_frame_len(&frame, &rec);
        buf = unit_alloc(len);
        p = ngx_kafka_sse_frame_write(buf, &frame, &rec);

        longer += (size_t) (p - buf) > len;

        if (frame_check_client(buf, p - buf)) {
            if (wrong++ < 3) {
                unit_dump("wrong", buf, p - buf);
            }
        }

        free(buf);
        free(rec.headers.data);
        free(rec.value.data);
        free(rec.key.data);
        free(frame.topic.data);
        free(frame.cluster.data);
    }

    unit_ok(longer == 0, "no random frame is longer than told");
    unit_ok(wrong == 0, "a client reads each random frame as one event with "
            "the record's value");
}


int
main(void)
{
    frame_conf.pool = ngx_create_pool(4096, NULL);

    frame_test_data();
    frame_test_value();
    frame_test_delete();
    frame_test_event();
    frame_test_envelope();
    frame_test_headers();
    frame_test_cloudevent();
    frame_test_worst();
    frame_test_many_headers();
    frame_test_random();

    ngx_destroy_pool(frame_conf.pool);

    return unit_done();
}
