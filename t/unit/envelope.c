
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <shared/ngx_kafka_sse_envelope.h>


#define ENVELOPE_HEADERS  "\1\0\0\0\2\0\0\0hvv"

static const char  envelope_bytes[] =
    "KSE\1" "\3abc" "\6orders"
    "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"
    "\3\0\0\0"
    "\x0a\0\0\0\0\0\0\0"
    "\xff\xff\xff\xff\xff\xff\xff\xff"
    "\2\0\0\0"

    "\x0a\0\0\0\0\0\0\0" "\x00\x68\xe5\xcf\x8b\1\0\0"
    "\1\0\0\0" "\5\0\0\0" "\x0b\0\0\0" "k" "value" ENVELOPE_HEADERS

    "\x0c\0\0\0\0\0\0\0" "\xff\xff\xff\xff\xff\xff\xff\xff"
    "\0\0\0\0" "\xff\xff\xff\xff" "\0\0\0\0";

/* places in it */

#define ENVELOPE_PARTITION  (4 + 4 + 7 + 16)
#define ENVELOPE_FROM       (ENVELOPE_PARTITION + 4)
#define ENVELOPE_END        (ENVELOPE_FROM + 8)
#define ENVELOPE_COUNT      (ENVELOPE_END + 8)
#define ENVELOPE_FIRST      (ENVELOPE_COUNT + 4)
#define ENVELOPE_SECOND     (ENVELOPE_FIRST + 28 + 1 + 5 + 11)

static const char  beacon_bytes[] =
    "KSB\1" "\3abc" "\6orders"
    "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"
    "\2\0\0\0"

    "\3\0\0\0"
    "\x0a\0\0\0\0\0\0\0"
    "\xff\xff\xff\xff\xff\xff\xff\xff"

    "\5\0\0\0"
    "\x0c\0\0\0\0\0\0\0"
    "\x0d\0\0\0\0\0\0\0";

#define BEACON_COUNT        (4 + 4 + 7 + 16)
#define BEACON_FIRST        (BEACON_COUNT + 4)
#define BEACON_SECOND       (BEACON_FIRST + 20)


static void
envelope_fill(ngx_kafka_sse_envelope_t *env, ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t  i;

    memset(env, 0, sizeof(ngx_kafka_sse_envelope_t));
    memset(rec, 0, 2 * sizeof(ngx_kafka_sse_record_t));

    ngx_str_set(&env->cluster_id, "abc");
    ngx_str_set(&env->topic, "orders");

    for (i = 0; i < 16; i++) {
        env->incarnation[i] = (u_char) i;
    }

    env->partition = 3;
    env->from = 10;
    env->end = -1;
    env->count = 2;

    rec[0].offset = 10;
    rec[0].timestamp = 1700000000000;
    rec[0].partition = 3;
    ngx_str_set(&rec[0].key, "k");
    ngx_str_set(&rec[0].value, "value");
    ngx_str_set(&rec[0].headers, ENVELOPE_HEADERS);

    rec[1].offset = 12;
    rec[1].timestamp = -1;
    rec[1].partition = 3;
    ngx_str_set(&rec[1].key, "");
}


static ngx_int_t
envelope_parse(const char *p, size_t len)
{
    ngx_int_t                 rc;
    ngx_str_t                 in;
    ngx_kafka_sse_envelope_t  env;

    in = unit_copy(p, len);
    rc = ngx_kafka_sse_envelope_parse(&env, &in);
    free(in.data);

    return rc;
}


/* parses the bytes above with some of them changed */

#define envelope_patch(at, s)                                                 \
    envelope_parse_patched(at, s, sizeof(s) - 1)


static ngx_int_t
envelope_parse_patched(size_t at, const char *s, size_t len)
{
    char  buf[sizeof(envelope_bytes) - 1];

    memcpy(buf, envelope_bytes, sizeof(buf));
    memcpy(buf + at, s, len);

    return envelope_parse(buf, sizeof(buf));
}


static ngx_int_t
envelope_parse_beacon(const char *p, size_t len)
{
    ngx_int_t                 rc;
    ngx_str_t                 in;
    ngx_kafka_sse_envelope_t  env;

    in = unit_copy(p, len);
    rc = ngx_kafka_sse_envelope_parse_beacon(&env, &in);
    free(in.data);

    return rc;
}


#define envelope_patch_beacon(at, s)                                          \
    envelope_parse_patched_beacon(at, s, sizeof(s) - 1)


static ngx_int_t
envelope_parse_patched_beacon(size_t at, const char *s, size_t len)
{
    char  buf[sizeof(beacon_bytes) - 1];

    memcpy(buf, beacon_bytes, sizeof(buf));
    memcpy(buf + at, s, len);

    return envelope_parse_beacon(buf, sizeof(buf));
}


static ngx_uint_t
envelope_is_beacon(const char *p, size_t len)
{
    ngx_str_t   in;
    ngx_uint_t  is;

    in = unit_copy(p, len);
    is = ngx_kafka_sse_envelope_is_beacon(&in);
    free(in.data);

    return is;
}


static ngx_uint_t
envelope_same_str(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->data == NULL) == (b->data == NULL)
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static ngx_uint_t
envelope_same_record(ngx_kafka_sse_record_t *a, ngx_kafka_sse_record_t *b)
{
    return a->offset == b->offset
           && a->timestamp == b->timestamp
           && a->partition == b->partition
           && envelope_same_str(&a->key, &b->key)
           && envelope_same_str(&a->value, &b->value)
           && a->headers.len == b->headers.len
           && (a->headers.len == 0
               || memcmp(a->headers.data, b->headers.data, a->headers.len)
                  == 0);
}


static void
envelope_test_write(void)
{
    u_char                    *p, buf[512];
    size_t                     len;
    ngx_kafka_sse_record_t     rec[2];
    ngx_kafka_sse_envelope_t   env;

    envelope_fill(&env, rec);

    p = ngx_kafka_sse_envelope_write_head(buf, &env);

    unit_ok((size_t) (p - buf) == ngx_kafka_sse_envelope_head_len(&env),
            "the head has the length that was told");

    len = p - buf;
    p = ngx_kafka_sse_envelope_write_record(p, &rec[0]);

    unit_ok((size_t) (p - buf) - len
            == ngx_kafka_sse_envelope_record_len(&rec[0]),
            "a record has the length that was told");

    p = ngx_kafka_sse_envelope_write_record(p, &rec[1]);

    unit_is(buf, p - buf, envelope_bytes, sizeof(envelope_bytes) - 1,
            "an envelope is written as documented");
}


static void
envelope_test_parse(void)
{
    ngx_int_t                 rc;
    ngx_str_t                 in;
    ngx_kafka_sse_record_t    want[2], rec;
    ngx_kafka_sse_envelope_t  env, expected;

    envelope_fill(&expected, want);
    memset(&env, 0xa5, sizeof(env));
    memset(&rec, 0xa5, sizeof(rec));

    in = unit_copy(envelope_bytes, sizeof(envelope_bytes) - 1);
    rc = ngx_kafka_sse_envelope_parse(&env, &in);

    unit_ok(rc == NGX_OK
            && envelope_same_str(&env.cluster_id, &expected.cluster_id)
            && envelope_same_str(&env.topic, &expected.topic)
            && memcmp(env.incarnation, expected.incarnation, 16) == 0
            && env.partition == 3 && env.from == 10 && env.end == -1
            && env.count == 2, "a head is parsed");

    rc = ngx_kafka_sse_envelope_next(&env, &rec);
    unit_ok(rc == NGX_OK && envelope_same_record(&rec, &want[0]),
            "a record is parsed");
    unit_ok(rec.flags == 0, "a parsed record has no flags");

    rc = ngx_kafka_sse_envelope_next(&env, &rec);
    unit_ok(rc == NGX_OK && envelope_same_record(&rec, &want[1]),
            "an empty key and a null value are told apart");

    unit_ok(ngx_kafka_sse_envelope_next(&env, &rec) == NGX_DONE
            && ngx_kafka_sse_envelope_next(&env, &rec) == NGX_DONE,
            "the last record is followed by NGX_DONE, again and again");

    free(in.data);
}


static void
envelope_test_malformed(void)
{
    size_t      i;
    ngx_uint_t  wrong;

    wrong = 0;

    for (i = 0; i < sizeof(envelope_bytes) - 1; i++) {
        wrong += envelope_parse(envelope_bytes, i) != NGX_ERROR;
    }

    unit_ok(wrong == 0, "an envelope cut at any byte is malformed");

    unit_ok(envelope_parse(envelope_bytes, sizeof(envelope_bytes))
            == NGX_ERROR, "a byte after the last record is malformed");

    unit_ok(envelope_patch(0, "kSE") == NGX_ERROR
            && envelope_patch(2, "F") == NGX_ERROR,
            "another magic is malformed");
    unit_ok(envelope_patch(3, "\2") == NGX_DECLINED
            && envelope_patch(3, "\0") == NGX_DECLINED,
            "another version is declined");
    unit_ok(envelope_parse("KSE\2", 4) == NGX_DECLINED,
            "nothing behind another version is looked at");

    unit_ok(envelope_patch(4, "\xff") == NGX_ERROR,
            "a cluster id beyond the end is malformed");
    unit_ok(envelope_patch(8, "\xff") == NGX_ERROR,
            "a topic beyond the end is malformed");

    unit_ok(envelope_patch(ENVELOPE_PARTITION, "\xff\xff\xff\xff")
            == NGX_ERROR, "a negative partition is malformed");
    unit_ok(envelope_patch(ENVELOPE_FROM, "\xff\xff\xff\xff\xff\xff\xff\xff")
            == NGX_ERROR, "a negative from is malformed");
    unit_ok(envelope_patch(ENVELOPE_END, "\xfe") == NGX_ERROR,
            "an end below -1 is malformed");

    unit_ok(envelope_patch(ENVELOPE_COUNT, "\1") == NGX_ERROR,
            "a count that is too small is malformed");
    unit_ok(envelope_patch(ENVELOPE_COUNT, "\3") == NGX_ERROR,
            "a count that is too large is malformed");
    unit_ok(envelope_patch(ENVELOPE_COUNT, "\xff\xff\xff\xff") == NGX_ERROR,
            "the largest count is malformed");

    unit_ok(envelope_patch(ENVELOPE_FIRST, "\x09") == NGX_ERROR,
            "an offset below from is malformed");
    unit_ok(envelope_patch(ENVELOPE_FIRST + 7, "\x80") == NGX_ERROR,
            "a negative first offset is malformed");
    unit_ok(envelope_patch(ENVELOPE_SECOND + 7, "\x80") == NGX_ERROR,
            "a negative second offset is malformed");
    unit_ok(envelope_patch(ENVELOPE_SECOND, "\x0a") == NGX_ERROR,
            "an offset twice is malformed");
    unit_ok(envelope_patch(ENVELOPE_FIRST, "\x0d") == NGX_ERROR,
            "offsets that decrease are malformed");
    unit_ok(envelope_patch(ENVELOPE_SECOND,
                           "\xff\xff\xff\xff\xff\xff\xff\x7f")
            == NGX_ERROR, "an offset without a next one is malformed");
    unit_ok(envelope_patch(ENVELOPE_SECOND,
                           "\xfe\xff\xff\xff\xff\xff\xff\x7f")
            == NGX_OK, "the largest offset with a next one is parsed");

    unit_ok(envelope_patch(ENVELOPE_FIRST + 16, "\xfe\xff\xff\xff")
            == NGX_ERROR, "a key of 4 GB is malformed");
    unit_ok(envelope_patch(ENVELOPE_FIRST + 20, "\xfe\xff\xff\xff")
            == NGX_ERROR, "a value of 4 GB is malformed");
    unit_ok(envelope_patch(ENVELOPE_FIRST + 24, "\xff\xff\xff\xff")
            == NGX_ERROR, "headers are never null");
    unit_ok(envelope_patch(ENVELOPE_FIRST + 16,
                           "\xf0\xff\xff\xff\x21\0\0\0")
            == NGX_ERROR, "lengths whose sum overflows are malformed");
    unit_ok(envelope_patch(ENVELOPE_FIRST + 20, "\4\0\0\0\x0c\0\0\0")
            == NGX_ERROR, "malformed headers make an envelope malformed");
}


static void
envelope_test_empty(void)
{
    u_char                    *p, buf[64];
    ngx_str_t                  in;
    ngx_kafka_sse_record_t     rec;
    ngx_kafka_sse_envelope_t   env, parsed;

    memset(&env, 0, sizeof(env));
    env.from = INT64_MAX;
    env.end = INT64_MAX;

    p = ngx_kafka_sse_envelope_write_head(buf, &env);
    in = unit_copy(buf, p - buf);

    unit_ok(ngx_kafka_sse_envelope_parse(&parsed, &in) == NGX_OK
            && parsed.from == INT64_MAX && parsed.count == 0,
            "an envelope without names and records is parsed");
    unit_ok(ngx_kafka_sse_envelope_next(&parsed, &rec) == NGX_DONE,
            "an envelope without records has none");

    free(in.data);

    ngx_str_null(&in);
    unit_ok(ngx_kafka_sse_envelope_parse(&parsed, &in) == NGX_ERROR,
            "no bytes are malformed");
}


static void
envelope_test_beacon(void)
{
    u_char                    *p, buf[512];
    ngx_int_t                  rc;
    ngx_str_t                  in;
    ngx_kafka_sse_record_t     rec[2];
    ngx_kafka_sse_envelope_t   env, parsed;

    envelope_fill(&env, rec);

    p = ngx_kafka_sse_envelope_write_beacon(buf, &env);
    p = ngx_kafka_sse_envelope_write_position(p, &env);

    env.partition = 5;
    env.from = 12;
    env.end = 13;

    p = ngx_kafka_sse_envelope_write_position(p, &env);

    unit_is(buf, p - buf, beacon_bytes, sizeof(beacon_bytes) - 1,
            "a beacon is written as documented");
    unit_ok((size_t) (p - buf) == ngx_kafka_sse_envelope_beacon_len(&env),
            "a beacon has the length that was told");

    memset(&parsed, 0xa5, sizeof(parsed));

    in = unit_copy(beacon_bytes, sizeof(beacon_bytes) - 1);
    rc = ngx_kafka_sse_envelope_parse_beacon(&parsed, &in);

    unit_ok(rc == NGX_OK
            && envelope_same_str(&parsed.cluster_id, &env.cluster_id)
            && envelope_same_str(&parsed.topic, &env.topic)
            && memcmp(parsed.incarnation, env.incarnation, 16) == 0
            && parsed.count == 2, "a beacon is parsed");

    rc = ngx_kafka_sse_envelope_next_position(&parsed);
    unit_ok(rc == NGX_OK && parsed.partition == 3 && parsed.from == 10
            && parsed.end == -1, "its first position is parsed");

    rc = ngx_kafka_sse_envelope_next_position(&parsed);
    unit_ok(rc == NGX_OK && parsed.partition == 5 && parsed.from == 12
            && parsed.end == 13, "its second position is parsed");

    unit_ok(ngx_kafka_sse_envelope_next_position(&parsed) == NGX_DONE
            && ngx_kafka_sse_envelope_next_position(&parsed) == NGX_DONE,
            "the last position is followed by NGX_DONE, again and again");

    free(in.data);

    env.count = 0;
    p = ngx_kafka_sse_envelope_write_beacon(buf, &env);
    in = unit_copy(buf, p - buf);

    unit_ok(in.len == ngx_kafka_sse_envelope_beacon_len(&env)
            && ngx_kafka_sse_envelope_parse_beacon(&parsed, &in) == NGX_OK
            && ngx_kafka_sse_envelope_next_position(&parsed) == NGX_DONE,
            "a beacon without positions has none");

    free(in.data);
}


static void
envelope_test_malformed_beacon(void)
{
    size_t      i;
    ngx_uint_t  wrong;

    wrong = 0;

    for (i = 0; i < sizeof(beacon_bytes) - 1; i++) {
        wrong += envelope_parse_beacon(beacon_bytes, i) != NGX_ERROR;
    }

    unit_ok(wrong == 0, "a beacon cut at any byte is malformed");

    unit_ok(envelope_parse_beacon(beacon_bytes, sizeof(beacon_bytes))
            == NGX_ERROR, "a byte after the last position is malformed");

    unit_ok(envelope_patch_beacon(3, "\2") == NGX_DECLINED
            && envelope_patch_beacon(3, "\0") == NGX_DECLINED
            && envelope_parse_beacon("KSB\2", 4) == NGX_DECLINED,
            "a beacon of another version is declined");

    unit_ok(envelope_patch_beacon(BEACON_COUNT, "\1") == NGX_ERROR
            && envelope_patch_beacon(BEACON_COUNT, "\3") == NGX_ERROR,
            "a wrong number of positions is malformed");

    /* 20 times this is 40 in 32 bits */

    unit_ok(envelope_patch_beacon(BEACON_COUNT, "\x02\0\0\x40") == NGX_ERROR
            && envelope_patch_beacon(BEACON_COUNT, "\xff\xff\xff\xff")
               == NGX_ERROR, "a number whose product overflows is malformed");

    unit_ok(envelope_patch_beacon(BEACON_FIRST + 3, "\x80") == NGX_ERROR
            && envelope_patch_beacon(BEACON_SECOND + 3, "\x80") == NGX_ERROR,
            "a negative partition in a beacon is malformed");
    unit_ok(envelope_patch_beacon(BEACON_FIRST + 4 + 7, "\x80") == NGX_ERROR
            && envelope_patch_beacon(BEACON_SECOND + 4 + 7, "\x80")
               == NGX_ERROR, "a negative from in a beacon is malformed");
    unit_ok(envelope_patch_beacon(BEACON_FIRST + 12, "\xfe") == NGX_ERROR
            && envelope_patch_beacon(BEACON_SECOND + 12 + 7, "\x80")
               == NGX_ERROR, "an end below -1 in a beacon is malformed");

    unit_ok(envelope_parse_beacon(envelope_bytes, sizeof(envelope_bytes) - 1)
            == NGX_ERROR, "an envelope is no beacon");
    unit_ok(envelope_parse(beacon_bytes, sizeof(beacon_bytes) - 1)
            == NGX_ERROR, "a beacon is no envelope");

    unit_ok(envelope_is_beacon(beacon_bytes, sizeof(beacon_bytes) - 1)
            && envelope_is_beacon("KSB\2", 4)
            && !envelope_is_beacon("KSB", 3)
            && !envelope_is_beacon("", 0)
            && !envelope_is_beacon(envelope_bytes, sizeof(envelope_bytes) - 1),
            "the magic tells a beacon from an envelope");
}


static void
envelope_test_channel(void)
{
    u_char                    *p, *buf;
    ngx_str_t                  prefix, cluster_id, topic, channel;
    ngx_kafka_sse_envelope_t   env;

    ngx_str_set(&prefix, "kafka_sse");
    ngx_str_set(&cluster_id, "MkU3OEVBNTcwNTJENDM2Qg");
    ngx_str_set(&topic, "orders");

    buf = unit_alloc(9 + 22 + 6 + 4);
    p = ngx_kafka_sse_envelope_channel(buf, &prefix, &cluster_id, &topic);

    unit_is(buf, p - buf, "kafka_sse:{MkU3OEVBNTcwNTJENDM2Qg}:orders",
            9 + 22 + 6 + 4, "the channel is prefix, cluster id in {}, topic");

    ngx_memzero(&env, sizeof(env));
    env.cluster_id = cluster_id;
    env.topic = topic;

    channel.data = buf;
    channel.len = p - buf;

    unit_ok(ngx_kafka_sse_envelope_is_of(&env, &prefix, &channel),
            "an envelope is of its channel");

    env.topic.len--;
    unit_ok(!ngx_kafka_sse_envelope_is_of(&env, &prefix, &channel),
            "... and not of that of another topic");

    env.topic.len++;
    env.cluster_id.len--;
    unit_ok(!ngx_kafka_sse_envelope_is_of(&env, &prefix, &channel),
            "... nor of another cluster");

    prefix.len = 0;
    unit_ok(!ngx_kafka_sse_envelope_is_of(&env, &prefix, &channel),
            "... nor of another prefix");

    free(buf);
}


static void
envelope_test_random(void)
{
    u_char                    *p;
    size_t                     len;
    int64_t                    offset;
    ngx_str_t                  in, name, value;
    ngx_uint_t                 i, j, wrong, accepted;
    ngx_kafka_sse_record_t     recs[8], rec;
    ngx_kafka_sse_envelope_t   env, parsed;

    wrong = 0;
    accepted = 0;

    for (i = 0; i < 20000; i++) {
        memset(&env, 0, sizeof(env));
        memset(recs, 0, sizeof(recs));

        env.cluster_id = unit_random_str(30);
        env.topic = unit_random_str(250);
        env.partition = (int32_t) (unit_random() & 0x7fffffff);
        env.from = unit_random() >> unit_below(48);
        env.end = env.from - 1;
        env.count = unit_below(9);

        len = ngx_kafka_sse_envelope_head_len(&env);
        offset = env.from;

        for (j = 0; j < env.count; j++) {
            offset += unit_below(3);

            recs[j].offset = offset++;
            recs[j].timestamp = unit_below(2) ? -1 : (int64_t) unit_random();
            recs[j].partition = env.partition;

            if (unit_below(4)) {
                recs[j].key = unit_random_str(20);
            }

            if (unit_below(4)) {
                recs[j].value = unit_random_str(100);
            }

            if (unit_below(2)) {
                name = unit_random_str(10);
                value = unit_random_str(10);
                recs[j].headers.len = 8 + name.len + value.len;
                recs[j].headers.data = unit_alloc(recs[j].headers.len);
                (void) ngx_kafka_sse_record_add_header(recs[j].headers.data,
                                                       &name, &value);
                free(name.data);
                free(value.data);
            }

            len += ngx_kafka_sse_envelope_record_len(&recs[j]);
        }

        in.len = len;
        in.data = unit_alloc(len);

        p = ngx_kafka_sse_envelope_write_head(in.data, &env);

        for (j = 0; j < env.count; j++) {
            p = ngx_kafka_sse_envelope_write_record(p, &recs[j]);
        }

        wrong += p != in.data + len
                 || ngx_kafka_sse_envelope_parse(&parsed, &in) != NGX_OK
                 || !envelope_same_str(&parsed.topic, &env.topic)
                 || !envelope_same_str(&parsed.cluster_id, &env.cluster_id)
                 || parsed.partition != env.partition
                 || parsed.from != env.from
                 || parsed.end != env.end
                 || parsed.count != env.count;

        for (j = 0; j < env.count; j++) {
            wrong += ngx_kafka_sse_envelope_next(&parsed, &rec) != NGX_OK
                     || !envelope_same_record(&rec, &recs[j]);
        }

        wrong += ngx_kafka_sse_envelope_next(&parsed, &rec) != NGX_DONE;

        /* a wrong byte somewhere: any answer, but no byte out of bounds */

        in.data[unit_below(len)] = (u_char) unit_random();

        if (ngx_kafka_sse_envelope_parse(&parsed, &in) == NGX_OK) {
            accepted++;

            for (j = 0; j < parsed.count; j++) {
                wrong += ngx_kafka_sse_envelope_next(&parsed, &rec) != NGX_OK;
            }

            wrong += ngx_kafka_sse_envelope_next(&parsed, &rec) != NGX_DONE;
        }

        for (j = 0; j < env.count; j++) {
            free(recs[j].key.data);
            free(recs[j].value.data);
            free(recs[j].headers.data);
        }

        free(env.cluster_id.data);
        free(env.topic.data);
        free(in.data);
    }

    unit_ok(wrong == 0, "random envelopes are parsed as they were written");
    unit_ok(accepted > 0, "some of them hold wrong bytes that do not show");
}


int
main(void)
{
    envelope_test_write();
    envelope_test_parse();
    envelope_test_malformed();
    envelope_test_empty();
    envelope_test_beacon();
    envelope_test_malformed_beacon();
    envelope_test_channel();
    envelope_test_random();

    return unit_done();
}
