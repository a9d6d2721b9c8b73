
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_position.h>


#define position_declined(s, claim)                                           \
    unit_ok(position_parse(s, sizeof(s) - 1) == NGX_DECLINED, claim)
#define position_parsed(s, claim)                                             \
    unit_ok(position_parse(s, sizeof(s) - 1) == NGX_OK, claim)
#define position_bytes(s)  position_parse_bytes(s, sizeof(s) - 1)


static ngx_int_t
position_parse(const char *s, size_t len)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_kafka_sse_position_t  position;

    text = unit_copy(s, len);
    rc = ngx_kafka_sse_position_parse(&position, &text);
    free(text.data);

    return rc;
}


/* "1." and base64url; to be freed */

static ngx_str_t
position_encode(const void *bytes, size_t len)
{
    size_t         i;
    u_char        *p;
    uint32_t       bits;
    ngx_str_t      text;
    ngx_uint_t     nbits;
    const u_char  *in;

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    in = bytes;
    text.len = 2 + (len * 8 + 5) / 6;
    text.data = unit_alloc(text.len);

    p = text.data;
    *p++ = '1';
    *p++ = '.';

    bits = 0;
    nbits = 0;

    for (i = 0; i < len; i++) {
        bits = (bits & 0xff) << 8 | in[i];

        for (nbits += 8; nbits >= 6; nbits -= 6) {
            *p++ = digits[bits >> (nbits - 6) & 0x3f];
        }
    }

    if (nbits) {
        *p++ = digits[bits << (6 - nbits) & 0x3f];
    }

    return text;
}


static ngx_int_t
position_parse_bytes(const char *s, size_t len)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_kafka_sse_position_t  position;

    text = position_encode(s, len);
    rc = ngx_kafka_sse_position_parse(&position, &text);
    free(text.data);

    return rc;
}


static void
position_test_write(void)
{
    u_char                          *p, buf[256];
    int64_t                          a[2], b[1];
    ngx_str_t                        text;
    ngx_kafka_sse_position_t         position;
    ngx_kafka_sse_position_topic_t   topics[3];

    a[0] = 0;
    a[1] = INT64_MAX;
    b[0] = 128;

    topics[0].tag = 0x01020304;
    topics[0].n = 2;
    topics[0].next = a;

    topics[1].tag = 0;
    topics[1].n = 0;
    topics[1].next = NULL;

    topics[2].tag = 0xfffffffe;
    topics[2].n = 1;
    topics[2].next = b;

    p = ngx_kafka_sse_position_write(buf, topics, 1);
    unit_is(buf, p - buf, "1.AQIDBAIA__________9_", 22,
            "a topic is its tag, its partitions and the next offsets");

    p = ngx_kafka_sse_position_write(buf, topics, 3);
    unit_is(buf, p - buf, "1.AQIDBAIA__________9______gGAAQ", 32,
            "a topic without partitions is left out");

    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_OK
            && position.ntopics == 2
            && position.topics[0].tag == 0x01020304
            && position.topics[0].n == 2
            && position.topics[0].next[0] == 0
            && position.topics[0].next[1] == INT64_MAX
            && position.topics[1].tag == 0xfffffffe
            && position.topics[1].n == 1
            && position.topics[1].next[0] == 128,
            "a position is parsed as it was written");
    free(text.data);

    p = ngx_kafka_sse_position_write(buf, &topics[1], 1);
    unit_is(buf, p - buf, "1.", 2, "with no topic left the text is \"1.\"");

    p = ngx_kafka_sse_position_write(buf, NULL, 0);
    unit_is(buf, p - buf, "1.", 2, "without topics the text is \"1.\"");

    text = unit_copy("1.", 2);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_OK
            && position.ntopics == 0, "\"1.\" is a position without topics");
    free(text.data);
}


static void
position_test_limits(void)
{
    u_char                          *p, *buf;
    size_t                           len;
    int64_t                          next[260];
    ngx_str_t                        text;
    ngx_uint_t                       i;
    ngx_kafka_sse_position_t         position;
    ngx_kafka_sse_position_topic_t   topics[65];

    for (i = 0; i < 260; i++) {
        next[i] = (int64_t) 1 << 31;
    }

    topics[0].tag = 0xffffffff;
    topics[0].n = 16;
    topics[0].next = next;

    buf = unit_alloc(ngx_kafka_sse_position_len(1, 16));
    p = ngx_kafka_sse_position_write(buf, topics, 1);
    unit_ok(p - buf <= 128, "16 partitions up to 2^31 take 128 characters");
    printf("# they take %d\n", (int) (p - buf));
    free(buf);

    for (i = 0; i < 260; i++) {
        next[i] = INT64_MAX;
    }

    for (i = 0; i < 65; i++) {
        topics[i].tag = i;
        topics[i].n = 4;
        topics[i].next = next + 4 * i;
    }

    len = ngx_kafka_sse_position_len(64, 256);
    buf = unit_alloc(len);
    p = ngx_kafka_sse_position_write(buf, topics, 64);
    unit_ok((size_t) (p - buf) <= len, "the longest position has its room");
    printf("# the longest takes %d of %d\n", (int) (p - buf), (int) len);

    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_OK
            && position.ntopics == 64 && position.topics[63].n == 4
            && position.topics[63].next[3] == INT64_MAX,
            "64 topics and 256 partitions are parsed");
    free(text.data);
    free(buf);

    buf = unit_alloc(ngx_kafka_sse_position_len(65, 65));

    for (i = 0; i < 65; i++) {
        topics[i].n = 1;
    }

    p = ngx_kafka_sse_position_write(buf, topics, 65);
    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_DECLINED,
            "65 topics are declined");
    free(text.data);
    free(buf);

    buf = unit_alloc(ngx_kafka_sse_position_len(2, 257));

    topics[0].n = 256;
    topics[0].next = next;

    p = ngx_kafka_sse_position_write(buf, topics, 1);
    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_OK
            && position.topics[0].n == 256,
            "256 partitions of one topic are parsed");
    free(text.data);

    topics[0].n = 257;

    p = ngx_kafka_sse_position_write(buf, topics, 1);
    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_DECLINED,
            "257 partitions of one topic are declined");
    free(text.data);

    topics[0].n = 200;
    topics[1].n = 57;
    topics[1].next = next;

    p = ngx_kafka_sse_position_write(buf, topics, 2);
    text = unit_copy(buf, p - buf);
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_DECLINED,
            "257 partitions of two topics are declined");
    free(text.data);
    free(buf);

    text.len = 1024 * 1024;
    text.data = unit_alloc(text.len);
    memset(text.data, 'A', text.len);
    text.data[0] = '1';
    text.data[1] = '.';
    unit_ok(ngx_kafka_sse_position_parse(&position, &text) == NGX_DECLINED,
            "a text of 1 MB is declined");
    free(text.data);
}


static void
position_test_declined(void)
{
    position_parsed("1.AQIDBAEF", "a good text is parsed");
    position_parsed("1.AQIDBAEFCQgHBgEA", "two topics are parsed");

    position_declined("", "an empty text is declined");
    position_declined("1", "a version without dot is declined");
    position_declined("2.AQIDBAEF", "another version is declined");
    position_declined("AQIDBAEF", "a text without version is declined");
    position_declined(" 1.AQIDBAEF", "a space in front is declined");
    position_declined("1.AQIDBAEF ", "a space at the end is declined");
    position_declined("1.AQIDBAEF\0", "NUL at the end is declined");
    position_declined("1.AQ DBAEF", "a space within is declined");
    position_declined("1.AQ+DBAEF", "\"+\" of plain base64 is declined");
    position_declined("1.AQ/DBAEF", "\"/\" of plain base64 is declined");
    position_declined("1.AQ.DBAEF", "a second dot is declined");
    position_declined("1.AQ\xc3\xa4" "BAEF", "a byte above 0x7f is declined");
    position_declined("1.AQIDBAH-AQ==", "padding is declined");
    position_declined("1.AQIDBAEF=", "padding behind whole bytes is declined");
    position_declined("1.AQIDBAEFA", "one digit of 4 is declined");
    position_declined("1.AQIDBAGAAR", "stray bits behind a byte are declined");
    position_parsed("1.AQIDBAGAAQ", "the same without stray bits is parsed");
    position_declined("1.AQIDBAKAAQF",
                      "stray bits behind two bytes are declined");
    position_parsed("1.AQIDBAKAAQE",
                    "and that without stray bits is parsed");

    unit_ok(position_bytes("\1\2\3") == NGX_DECLINED,
            "a part of a tag is declined");
    unit_ok(position_bytes("\1\2\3\4") == NGX_DECLINED,
            "a tag alone is declined");
    unit_ok(position_bytes("\1\2\3\4\0") == NGX_DECLINED,
            "a topic without partitions is declined");
    unit_ok(position_bytes("\1\2\3\4\2\5") == NGX_DECLINED,
            "an offset that is missing is declined");
    unit_ok(position_bytes("\1\2\3\4\1\5\6") == NGX_DECLINED,
            "a byte too many is declined");
    unit_ok(position_bytes("\1\2\3\4\1\x85") == NGX_DECLINED,
            "a cut varint is declined");
    unit_ok(position_bytes("\1\2\3\4\1\x85\0") == NGX_DECLINED,
            "a varint longer than needed is declined");
    unit_ok(position_bytes("\1\2\3\4\1\x80\0") == NGX_DECLINED,
            "a long zero is declined");
    unit_ok(position_bytes("\1\2\3\4\x81\0\5") == NGX_DECLINED,
            "a long number of partitions is declined");
    unit_ok(position_bytes("\1\2\3\4\x81") == NGX_DECLINED,
            "a cut number of partitions is declined");
    unit_ok(position_bytes("\1\2\3\4\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
            == NGX_DECLINED, "the largest number of partitions is declined");

    unit_ok(position_bytes("\1\2\3\4\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
            == NGX_OK, "the offset 2^63 - 1 is parsed");
    unit_ok(position_bytes("\1\2\3\4\1"
                           "\x80\x80\x80\x80\x80\x80\x80\x80\x80\1")
            == NGX_DECLINED, "the offset 2^63 is declined");
    unit_ok(position_bytes("\1\2\3\4\1"
                           "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")
            == NGX_DECLINED, "the offset 2^64 - 1 is declined");
    unit_ok(position_bytes("\1\2\3\4\1"
                           "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1")
            == NGX_DECLINED, "a varint beyond 64 bits is declined");

    unit_ok(position_bytes("\1\2\3\4\1\5\1\2\3\5\1\5") == NGX_OK,
            "two tags are parsed");
    unit_ok(position_bytes("\1\2\3\4\1\5\1\2\3\4\1\5") == NGX_DECLINED,
            "a tag twice is declined");
}


static ngx_uint_t
position_same(ngx_kafka_sse_position_t *position,
    ngx_kafka_sse_position_topic_t *topics, ngx_uint_t ntopics)
{
    ngx_uint_t  i;

    if (position->ntopics != ntopics) {
        return 0;
    }

    for (i = 0; i < ntopics; i++) {
        if (position->topics[i].tag != topics[i].tag
            || position->topics[i].n != topics[i].n
            || memcmp(position->topics[i].next, topics[i].next,
                      topics[i].n * sizeof(int64_t))
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


static void
position_test_random(void)
{
    u_char                          *p;
    int64_t                          next[256];
    ngx_str_t                        text, again;
    ngx_uint_t                       i, j, k, n, used, ntopics;
    ngx_uint_t                       differ, longer, alphabet, accepted;
    ngx_kafka_sse_position_t         position;
    ngx_kafka_sse_position_topic_t   topics[64];

    differ = 0;
    longer = 0;
    alphabet = 0;
    accepted = 0;

    for (i = 0; i < 20000; i++) {
        ntopics = unit_below(5);
        used = 0;

        for (j = 0; j < ntopics; j++) {
            n = 1 + unit_below(20);
            topics[j].tag = (uint32_t) unit_random() << 4 | j;
            topics[j].n = n;
            topics[j].next = next + used;

            for (k = 0; k < n; k++) {
                next[used++] = unit_random() >> unit_below(48)
                               << unit_below(16);
            }
        }

        text.len = ngx_kafka_sse_position_len(ntopics, used);
        text.data = unit_alloc(text.len);
        p = ngx_kafka_sse_position_write(text.data, topics, ntopics);

        longer += p > text.data + text.len;
        text.len = p - text.data;

        for (j = 0; j < text.len; j++) {
            alphabet += !isalnum(text.data[j]) && text.data[j] != '.'
                        && text.data[j] != '_' && text.data[j] != '-';
        }

        differ += ngx_kafka_sse_position_parse(&position, &text) != NGX_OK
                  || !position_same(&position, topics, ntopics);

        /* what a change of one character leaves canonical, or is declined */

        again = unit_copy(text.data, text.len);
        again.data[unit_below(text.len)] = "Aa0-_.+=\n\x80"[unit_below(10)];

        if (ngx_kafka_sse_position_parse(&position, &again) == NGX_OK) {
            accepted++;

            p = ngx_kafka_sse_position_write(text.data, position.topics,
                                             position.ntopics);

            differ += (size_t) (p - text.data) != again.len
                      || memcmp(text.data, again.data, again.len) != 0;
        }

        free(again.data);
        free(text.data);
    }

    unit_ok(longer == 0, "no random position is longer than told");
    unit_ok(alphabet == 0, "a position needs no CORS preflight");
    unit_ok(differ == 0, "random positions are parsed as they were written");
    unit_ok(accepted > 0, "some of them are others once a character changes");
}


/* what a person writes */

static void
position_test_by_hand(void)
{
    ngx_str_t                        copy;
    ngx_uint_t                       i, taken;
    ngx_kafka_sse_position_t         position;
    ngx_kafka_sse_position_topic_t  *t;

    static ngx_str_t  text = unit_str("orders@0:1042,3:88;a.b-c_d@1:0");

    static ngx_str_t  declined[] = {
        unit_str("@"),
        unit_str("orders@"),
        unit_str("@0:1"),
        unit_str("orders@0"),
        unit_str("orders@0:"),
        unit_str("orders@:1"),
        unit_str("orders@0:1,"),
        unit_str("orders@0:1;"),
        unit_str("orders@0:1;;a@0:1"),
        unit_str("orders@0:1,0:2"),
        unit_str("orders@0:1;orders@1:1"),
        unit_str("orders@0:-1"),
        unit_str("orders@-1:1"),
        unit_str("orders@0:1 "),
        unit_str("orders@256:1"),
        unit_str("orders@200:1;a@100:1"),
        unit_str("orders@0:9223372036854775807"),
        unit_str("orders@0:99999999999999999999"),
        unit_str("orders@0:1@1:1"),
    };

    copy = unit_copy(text.data, text.len);

    unit_ok(ngx_kafka_sse_position_parse(&position, &copy) == NGX_OK
            && position.ntopics == 2, "a position written by hand is parsed");

    t = &position.topics[0];

    unit_ok(t->name.len == 6 && memcmp(t->name.data, "orders", 6) == 0
            && t->n == 4 && t->next[0] == 1042 && t->next[3] == 88
            && t->next[1] == NGX_KAFKA_SSE_POSITION_NONE
            && t->next[2] == NGX_KAFKA_SSE_POSITION_NONE,
            "its partitions are there, and what was left out is known");

    t = &position.topics[1];

    unit_ok(t->name.len == 7 && t->n == 2 && t->next[1] == 0,
            "so is its second topic");

    free(copy.data);

    taken = 0;

    for (i = 0; i < sizeof(declined) / sizeof(ngx_str_t); i++) {
        copy = unit_copy(declined[i].data, declined[i].len);

        if (ngx_kafka_sse_position_parse(&position, &copy) == NGX_OK) {
            taken++;
            unit_dump("taken", copy.data, copy.len);
        }

        free(copy.data);
    }

    unit_ok(taken == 0, "what is malformed is declined");

    copy = unit_copy((u_char *) "a@0:9223372036854775806", 23);
    unit_ok(ngx_kafka_sse_position_parse(&position, &copy) == NGX_OK
            && position.next[0] == 9223372036854775806,
            "the largest offset fits");
    free(copy.data);
}


int
main(void)
{
    position_test_write();
    position_test_limits();
    position_test_declined();
    position_test_random();
    position_test_by_hand();

    return unit_done();
}
