
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <shared/ngx_kafka_sse_message.h>


#define MESSAGE_HEADERS  "\1\0\0\0\2\0\0\0hvv"
#define MESSAGE_FIELDS   "\2\0\1\0\3\0\0\0.avvv"

#define MESSAGE_HEAD     sizeof(ngx_kafka_sse_message_t)
#define MESSAGE_OURS     NGX_KAFKA_SSE_MESSAGE_VERSION

/* places in an OPEN's body, and in a RECORD's */

#define OPEN_NTOPICS     (MESSAGE_HEAD + 8)
#define OPEN_NAMES       (MESSAGE_HEAD + 12)
#define OPEN_CLUSTER     (MESSAGE_HEAD + 16)
#define OPEN_TOPIC       (OPEN_CLUSTER + 5)

#define RECORD_OFFSET    MESSAGE_HEAD
#define RECORD_KEY       (MESSAGE_HEAD + 20)
#define RECORD_VALUE     (MESSAGE_HEAD + 24)
#define RECORD_HEADERS   (MESSAGE_HEAD + 28)
#define RECORD_FIELDS    (MESSAGE_HEAD + 32)


static ngx_kafka_sse_message_ask_t  message_asks[] = {
    { 0, 3, -1 },
    { 1, 0, 1700000000000 },
    { 1, 255, 0 }
};


static ngx_str_t
message_open(void)
{
    ngx_str_t                     s;
    ngx_kafka_sse_message_open_t  open;

    memset(&open, 0, sizeof(ngx_kafka_sse_message_open_t));

    open.concurrent = 10;
    open.rate = 500;
    ngx_str_set(&open.cluster, "main");
    open.ntopics = 2;
    ngx_str_set(&open.topics[0], "orders");
    ngx_str_set(&open.topics[1], "p");
    open.nasks = 3;
    open.asks = message_asks;

    s.len = ngx_kafka_sse_message_open_len(&open);
    s.data = unit_alloc(s.len);

    ngx_kafka_sse_message_write_open(s.data, 7, &open);

    return s;
}


static void
message_fill(ngx_kafka_sse_record_t *rec)
{
    memset(rec, 0, sizeof(ngx_kafka_sse_record_t));

    rec->offset = 1041;
    rec->timestamp = 1700000000000;
    rec->flags = NGX_KAFKA_SSE_RECORD_TEXT;
    ngx_str_set(&rec->key, "k");
    ngx_str_set(&rec->value, "value");
    ngx_str_set(&rec->headers, MESSAGE_HEADERS);
    ngx_str_set(&rec->fields, MESSAGE_FIELDS);
}


static ngx_str_t
message_record(ngx_kafka_sse_record_t *rec)
{
    ngx_str_t  s;

    s.len = ngx_kafka_sse_message_record_len(rec);
    s.data = unit_alloc(s.len);

    ngx_kafka_sse_message_write_record(s.data, 7, 2, rec);

    return s;
}


/* what becomes of it when the 32 bits at this place are others */

static ngx_int_t
message_patch(ngx_str_t (*make)(void), size_t at, uint32_t value)
{
    ngx_int_t                      rc;
    ngx_str_t                      s;
    ngx_kafka_sse_record_t         rec;
    ngx_kafka_sse_message_t       *m;
    ngx_kafka_sse_message_open_t   open;

    s = make();
    memcpy(s.data + at, &value, sizeof(uint32_t));
    m = (ngx_kafka_sse_message_t *) s.data;

    rc = (m->type == NGX_KAFKA_SSE_MESSAGE_OPEN)
         ? ngx_kafka_sse_message_parse_open(m, &open)
         : ngx_kafka_sse_message_parse_record(m, &rec);

    free(s.data);

    return rc;
}


static ngx_str_t
message_some_record(void)
{
    ngx_kafka_sse_record_t  rec;

    message_fill(&rec);

    return message_record(&rec);
}


/* a copy that ends after len bytes and says so */

static ngx_int_t
message_cut(ngx_str_t (*make)(void), size_t len)
{
    ngx_int_t                      rc;
    ngx_str_t                      s, cut;
    ngx_kafka_sse_record_t         rec;
    ngx_kafka_sse_message_t       *m;
    ngx_kafka_sse_message_open_t   open;

    s = make();
    cut = unit_copy(s.data, len);
    free(s.data);

    m = (ngx_kafka_sse_message_t *) cut.data;
    m->size = len;

    rc = (m->type == NGX_KAFKA_SSE_MESSAGE_OPEN)
         ? ngx_kafka_sse_message_parse_open(m, &open)
         : ngx_kafka_sse_message_parse_record(m, &rec);

    free(cut.data);

    return rc;
}


static ngx_int_t
message_head(uint32_t size, uint16_t version, size_t len, size_t *need)
{
    ngx_int_t                 rc;
    ngx_str_t                 s;
    ngx_kafka_sse_message_t   head, *m;

    memset(&head, 0, sizeof(ngx_kafka_sse_message_t));
    head.size = size;
    head.version = version;
    head.type = NGX_KAFKA_SSE_MESSAGE_CLOSE;

    s = unit_copy(&head, sizeof(ngx_kafka_sse_message_t));

    if (len > s.len) {
        s.data = realloc(s.data, len);
        memset(s.data + s.len, 0, len - s.len);
    }

    rc = ngx_kafka_sse_message_next(s.data, len, &m, need);
    free(s.data);

    return rc;
}


static void
test_heads(void)
{
    size_t  need;

    unit_ok(message_head(16, MESSAGE_OURS, 16, &need) == NGX_OK,
            "a head alone is a message");
    unit_ok(message_head(16, MESSAGE_OURS, 15, &need) == NGX_AGAIN && need == 0,
            "less than a head is not known to be anything");
    unit_ok(message_head(24, MESSAGE_OURS, 16, &need) == NGX_AGAIN
            && need == 24,
            "a head says how much the message needs");
    unit_ok(message_head(24, MESSAGE_OURS, 40, &need) == NGX_OK,
            "what follows is left alone");
    unit_ok(message_head(16, MESSAGE_OURS - 1, 16, &need) == NGX_DECLINED,
            "another version is known as such");
    unit_ok(message_head(7, MESSAGE_OURS + 1, 16, &need) == NGX_DECLINED,
            "... whatever else it says");
    unit_ok(message_head(8, MESSAGE_OURS, 16, &need) == NGX_ERROR,
            "nothing is smaller than its head");
    unit_ok(message_head(0, MESSAGE_OURS, 16, &need) == NGX_ERROR,
            "... as is nothing");
    unit_ok(message_head(20, MESSAGE_OURS, 24, &need) == NGX_ERROR,
            "a size is a multiple of 8");
    unit_ok(message_head(NGX_KAFKA_SSE_MESSAGE_MAX, MESSAGE_OURS, 16, &need)
            == NGX_AGAIN,
            "the largest message is waited for");
    unit_ok(message_head(NGX_KAFKA_SSE_MESSAGE_MAX + 8, MESSAGE_OURS, 16,
                         &need)
            == NGX_ERROR,
            "a larger one is not");
}


static void
test_open(void)
{
    size_t                         len, need;
    ngx_str_t                      s;
    ngx_uint_t                     refused;
    ngx_kafka_sse_message_t       *m;
    ngx_kafka_sse_message_open_t   open;

    s = message_open();

    unit_ok(s.len % 8 == 0
            && ngx_kafka_sse_message_next(s.data, s.len, &m, &need) == NGX_OK
            && m->type == NGX_KAFKA_SSE_MESSAGE_OPEN && m->replay == 7,
            "an OPEN is a message");
    unit_ok(ngx_kafka_sse_message_parse_open(m, &open) == NGX_OK
            && open.concurrent == 10 && open.rate == 500
            && open.ntopics == 2 && open.nasks == 3,
            "an OPEN is read as it was written");
    unit_is(open.cluster.data, open.cluster.len, "main", 4, "... its cluster");
    unit_is(open.topics[0].data, open.topics[0].len, "orders", 6,
            "... its first topic");
    unit_is(open.topics[1].data, open.topics[1].len, "p", 1, "... its second");
    unit_is((u_char *) open.asks, 3 * sizeof(ngx_kafka_sse_message_ask_t),
            (char *) message_asks, sizeof(message_asks), "... its asks");

    refused = 1;

    for (len = MESSAGE_HEAD; len < s.len; len += 8) {
        refused &= (message_cut(message_open, len) == NGX_DECLINED);
    }

    unit_ok(refused, "an OPEN that ends anywhere else is refused");

    unit_ok(message_patch(message_open, 12, 0) == NGX_DECLINED,
            "... one without asks");
    unit_ok(message_patch(message_open, 12, 2) == NGX_DECLINED
            && message_patch(message_open, 12, 4) == NGX_DECLINED,
            "... of another number of asks than it has");
    unit_ok(message_patch(message_open, 12, 257) == NGX_DECLINED
            && message_patch(message_open, 12, 0xffffffff) == NGX_DECLINED,
            "... of too many");
    unit_ok(message_patch(message_open, OPEN_NTOPICS, 0) == NGX_DECLINED
            && message_patch(message_open, OPEN_NTOPICS, 65) == NGX_DECLINED
            && message_patch(message_open, OPEN_NTOPICS, 0xffffffff)
               == NGX_DECLINED,
            "... of no topic or too many");
    unit_ok(message_patch(message_open, OPEN_NTOPICS, 1) == NGX_DECLINED,
            "... whose asks name a topic that it does not have");
    unit_ok(message_patch(message_open, OPEN_NAMES, 8) == NGX_DECLINED
            && message_patch(message_open, OPEN_NAMES, 24) == NGX_DECLINED
            && message_patch(message_open, OPEN_NAMES, 0xfffffff8)
               == NGX_DECLINED
            && message_patch(message_open, OPEN_NAMES, 15) == NGX_DECLINED,
            "... whose names have another length");

    s.data[OPEN_CLUSTER] = 15;
    unit_ok(ngx_kafka_sse_message_parse_open(m, &open) == NGX_DECLINED,
            "... whose cluster leaves no room for its topics");
    s.data[OPEN_CLUSTER] = 255;
    unit_ok(ngx_kafka_sse_message_parse_open(m, &open) == NGX_DECLINED,
            "... or is longer than all names");
    s.data[OPEN_CLUSTER] = 4;
    s.data[OPEN_TOPIC] = 11;
    unit_ok(ngx_kafka_sse_message_parse_open(m, &open) == NGX_DECLINED,
            "... whose topic is too long");
    s.data[OPEN_TOPIC] = 6;

    unit_ok(message_patch(message_open, s.len - 16, 2) == NGX_DECLINED,
            "... whose last ask is of no topic");
    unit_ok(message_patch(message_open, s.len - 12, 0xffffffff)
            == NGX_DECLINED,
            "... or of a negative partition");

    free(s.data);
}


static void
test_record(void)
{
    size_t                    len, need;
    ngx_str_t                 s;
    ngx_uint_t                refused;
    ngx_kafka_sse_record_t    rec, got;
    ngx_kafka_sse_message_t  *m;

    message_fill(&rec);
    s = message_record(&rec);

    unit_ok(ngx_kafka_sse_message_next(s.data, s.len, &m, &need) == NGX_OK
            && m->type == NGX_KAFKA_SSE_MESSAGE_RECORD
            && m->replay == 7 && m->n == 2,
            "a RECORD is a message");

    memset(&got, 0, sizeof(ngx_kafka_sse_record_t));

    unit_ok(ngx_kafka_sse_message_parse_record(m, &got) == NGX_OK
            && got.offset == 1041 && got.timestamp == 1700000000000
            && got.flags == NGX_KAFKA_SSE_RECORD_TEXT,
            "a RECORD is read as it was written");
    unit_is(got.key.data, got.key.len, "k", 1, "... its key");
    unit_is(got.value.data, got.value.len, "value", 5, "... its value");
    unit_is(got.headers.data, got.headers.len, MESSAGE_HEADERS,
            sizeof(MESSAGE_HEADERS) - 1, "... its headers");
    unit_is(got.fields.data, got.fields.len, MESSAGE_FIELDS,
            sizeof(MESSAGE_FIELDS) - 1, "... its fields");

    refused = 1;

    for (len = MESSAGE_HEAD; len < s.len; len += 8) {
        refused &= (message_cut(message_some_record, len) == NGX_DECLINED);
    }

    unit_ok(refused, "a RECORD that ends anywhere else is refused");
    free(s.data);

    unit_ok(message_patch(message_some_record, RECORD_OFFSET + 4, 0x80000000)
            == NGX_DECLINED,
            "... one of a negative offset");
    unit_ok(message_patch(message_some_record, RECORD_KEY, 100)
            == NGX_DECLINED
            && message_patch(message_some_record, RECORD_KEY, 0xfffffffe)
               == NGX_DECLINED,
            "... whose key is too long");
    unit_ok(message_patch(message_some_record, RECORD_VALUE, 100)
            == NGX_DECLINED
            && message_patch(message_some_record, RECORD_VALUE, 0xfffffffe)
               == NGX_DECLINED,
            "... whose value is");
    unit_ok(message_patch(message_some_record, RECORD_HEADERS, 100)
            == NGX_DECLINED
            && message_patch(message_some_record, RECORD_HEADERS, 10)
               == NGX_DECLINED,
            "... whose headers are not whole");
    unit_ok(message_patch(message_some_record, RECORD_FIELDS, 100)
            == NGX_DECLINED
            && message_patch(message_some_record, RECORD_FIELDS, 12)
               == NGX_DECLINED,
            "... whose fields are not whole");
    unit_ok(message_patch(message_some_record, RECORD_VALUE, 0xffffffff)
            == NGX_DECLINED,
            "... with bytes that are nobody's");

    message_fill(&rec);
    ngx_str_null(&rec.key);
    ngx_str_set(&rec.value, "");
    ngx_str_null(&rec.headers);
    ngx_str_null(&rec.fields);
    rec.offset = 0;
    rec.timestamp = -1;
    s = message_record(&rec);

    unit_ok(ngx_kafka_sse_message_parse_record((ngx_kafka_sse_message_t *)
                                               s.data, &got) == NGX_OK
            && got.key.data == NULL && got.key.len == 0
            && got.value.data && got.value.len == 0
            && got.headers.len == 0 && got.fields.len == 0
            && got.offset == 0 && got.timestamp == -1,
            "null stays null, and empty is not");
    free(s.data);
}


static void
test_entries(void)
{
    u_char                        *buf;
    ngx_kafka_sse_message_t       *m;
    ngx_kafka_sse_message_read_t   reads[2], *got;

    reads[0].ask = 1;
    reads[0].unused = 0;
    reads[0].from = 17;
    reads[1].ask = 0;
    reads[1].unused = 0;
    reads[1].from = 0;

    buf = unit_alloc(MESSAGE_HEAD + sizeof(reads));
    m = (ngx_kafka_sse_message_t *) buf;

    ngx_kafka_sse_message_write(buf, NGX_KAFKA_SSE_MESSAGE_READ, 7, 2, reads,
                                sizeof(reads));

    got = ngx_kafka_sse_message_entries(m,
                                        sizeof(ngx_kafka_sse_message_read_t));

    unit_ok(got && got[0].ask == 1 && got[0].from == 17 && got[1].ask == 0,
            "entries are read as they were written");

    m->n = 1;
    unit_ok(ngx_kafka_sse_message_entries(m, 16) == NULL,
            "fewer entries than the body has are refused");
    m->n = 3;
    unit_ok(ngx_kafka_sse_message_entries(m, 16) == NULL, "... and more");
    m->n = 0xffffffff;
    unit_ok(ngx_kafka_sse_message_entries(m, 16) == NULL,
            "... and more than anything has");
    m->n = 2;
    m->size = MESSAGE_HEAD + 24;
    unit_ok(ngx_kafka_sse_message_entries(m, 16) == NULL,
            "... and one that is not whole");

    free(buf);
}


int
main(void)
{
    test_heads();
    test_open();
    test_record();
    test_entries();

    return unit_done();
}
