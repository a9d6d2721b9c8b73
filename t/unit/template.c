
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "json.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_template.h>


#define template_is(text, expected, claim)                                    \
    template_check(text, sizeof(text) - 1, expected, sizeof(expected) - 1,    \
                   claim)


static ngx_conf_t              template_conf;
static ngx_str_t               template_topic = ngx_string("orders");
static ngx_kafka_sse_record_t  template_record;
static u_char                  template_headers[1024];


static char *
template_compile(ngx_kafka_sse_template_t *template, const char *s, size_t len)
{
    char       *rv;
    ngx_str_t   text;

    ngx_shim_message[0] = '\0';

    text = unit_copy(s, len);
    rv = ngx_kafka_sse_template_compile(&template_conf, template, &text);

    memset(text.data, 'x', text.len);
    free(text.data);

    return rv;
}


static void
template_check(const char *s, size_t len, const char *expected, size_t elen,
    const char *claim)
{
    u_char                    *p, *buf;
    size_t                     room;
    ngx_kafka_sse_template_t   template;

    if (template_compile(&template, s, len) != NGX_CONF_OK) {
        unit_ok(0, claim);
        printf("# %s\n", ngx_shim_message);
        return;
    }

    room = ngx_kafka_sse_template_len(&template, &template_topic,
                                      &template_record);
    buf = unit_alloc(room);
    p = ngx_kafka_sse_template_write(buf, &template, &template_topic,
                                     &template_record);

    unit_is(buf, p - buf, expected, elen, claim);
    free(buf);
}


static void
template_refused(const char *s, const char *message, const char *claim)
{
    char                      *rv;
    ngx_kafka_sse_template_t   template;

    rv = template_compile(&template, s, strlen(s));

    unit_ok(rv == NGX_CONF_ERROR && strcmp(ngx_shim_message, message) == 0,
            claim);

    if (strcmp(ngx_shim_message, message) != 0) {
        printf("# \"%s\"\n", ngx_shim_message);
    }
}


static void
template_fill(void)
{
    u_char      *p;
    ngx_uint_t   i;
    ngx_str_t    name, value;

    static const char  *headers[] = {
        "type", "first", "Content-Type", "text/html", "type", "last",
        "X_Y", "under", "x-n\xc3\xa4me", "v", "evil", "a\r\ndata: b\n\nc",
        "NULL", NULL, "empty", "", "bad", "\xff" "a\xe2\x82" "b\xed\xa0\x80"
    };

    p = template_headers;

    for (i = 0; i < sizeof(headers) / sizeof(char *); i += 2) {
        name.data = (u_char *) headers[i];
        name.len = strlen(headers[i]);
        value.data = (u_char *) headers[i + 1];
        value.len = headers[i + 1] ? strlen(headers[i + 1]) : 0;

        p = ngx_kafka_sse_record_add_header(p, &name, &value);
    }

    template_record.offset = 1041;
    template_record.timestamp = 1700000000123;
    template_record.partition = 3;
    ngx_str_set(&template_record.key, "k1");
    ngx_str_set(&template_record.value, "v");
    template_record.headers.data = template_headers;
    template_record.headers.len = p - template_headers;
}


static void
template_test_values(void)
{
    template_is("", "", "an empty template writes nothing");
    template_is("update", "update", "a literal is written");
    template_is("$kafka_sse_topic", "orders", "the topic is written");
    template_is("$kafka_sse_partition", "3", "the partition is written");
    template_is("$kafka_sse_offset", "1041", "the offset is written");
    template_is("$kafka_sse_key", "k1", "the key is written");
    template_is("$kafka_sse_timestamp", "1700000000123",
                "the timestamp is written in ms");
    template_is("a-$kafka_sse_topic-${kafka_sse_key}z", "a-orders-k1z",
                "literals stand around variables");
    template_is("$kafka_sse_topic$kafka_sse_key${kafka_sse_topic}",
                "ordersk1orders", "variables stand side by side");
    template_is("}{a}", "}{a}", "braces without $ are literal");

    template_is("$kafka_sse_header_content_type", "text/html",
                "a header is found without regard to case and with _ for -");
    template_is("${kafka_sse_header_CONTENT_TYPE}", "text/html",
                "the case in the configuration does not matter, either");
    template_is("$kafka_sse_header_x_y", "under",
                "_ in a header's name is matched");
    template_is("$kafka_sse_header_type", "last", "the last header wins");
    template_is("$kafka_sse_header_none", "",
                "a header that is not there is empty");
    template_is("$kafka_sse_header_typ", "",
                "the beginning of a header's name does not match");
    template_is("$kafka_sse_header_null", "", "a null header is empty");
    template_is("$kafka_sse_header_empty", "", "an empty header is empty");
}


static void
template_test_clean(void)
{
    template_is("$kafka_sse_header_evil", "adata: bc",
                "CR and LF of a record are left out");
    template_is("$kafka_sse_header_bad", "?a??b???",
                "bytes that are not UTF-8 are written as ?");
    template_is("a\r\nb\nc\0d\xff\xc3\xa4", "abcd?\xc3\xa4",
                "literals are cleaned, too");

    template_record.key = unit_copy("\xc3", 1);
    template_is("$kafka_sse_key", "?", "a character cut at the end is ?");
    free(template_record.key.data);

    template_record.key = unit_copy("a\0b\x7f\xe2\x80\xa8\xf0\x9f\x98\x80",
                                    11);
    template_is("$kafka_sse_key", "ab\x7f\xe2\x80\xa8\xf0\x9f\x98\x80",
                "NUL is left out, other characters are kept");
    free(template_record.key.data);

    ngx_str_null(&template_record.key);
    template_is("[$kafka_sse_key]", "[]", "a null key is empty");

    ngx_str_set(&template_record.key, "");
    template_is("[$kafka_sse_key]", "[]", "an empty key is empty");

    template_record.timestamp = -1;
    template_is("[$kafka_sse_timestamp]", "[]",
                "a timestamp that is not there is empty");

    template_record.timestamp = INT64_MIN;
    template_record.offset = INT64_MAX;
    template_record.partition = INT32_MAX;
    template_is("$kafka_sse_timestamp,$kafka_sse_offset,$kafka_sse_partition",
                "-9223372036854775808,9223372036854775807,2147483647",
                "the longest numbers have their room");

    template_record.headers.len = 11;
    template_is("[$kafka_sse_header_type]", "[]",
                "malformed headers are not there");

    template_record.headers.len = 0;
    template_record.headers.data = NULL;
    template_is("[$kafka_sse_header_type]", "[]",
                "a record without headers has none");

    template_fill();
}


static void
template_test_refused(void)
{
    ngx_uint_t                 i;
    ngx_kafka_sse_template_t   template;

    template_refused("a$", "invalid variable name in \"a$\"",
                     "$ at the end is refused");
    template_refused("a$ b", "invalid variable name in \"a$ b\"",
                     "a bare $ is refused");
    template_refused("$$", "invalid variable name in \"$$\"",
                     "$$ is refused");
    template_refused("${}", "invalid variable name in \"${}\"",
                     "an empty name in braces is refused");
    template_refused("a${kafka_sse_key", "the closing bracket in "
                     "\"kafka_sse_key\" variable is missing",
                     "an unclosed ${ is refused");
    template_refused("${kafka_sse_key b}", "the closing bracket in "
                     "\"kafka_sse_key\" variable is missing",
                     "a name with a space is refused");
    template_refused("${", "the closing bracket in \"\" variable is missing",
                     "${ at the end is refused");
    template_refused("a$foo", "unknown record variable \"$foo\"",
                     "another variable is refused");
    template_refused("$kafka_sse_topics",
                     "unknown record variable \"$kafka_sse_topics\"",
                     "a longer name is refused");
    template_refused("$kafka_sse_to-",
                     "unknown record variable \"$kafka_sse_to\"",
                     "a shorter name is refused");
    template_refused("$kafka_sse_value",
                     "unknown record variable \"$kafka_sse_value\"",
                     "the value is refused");
    template_refused("$kafka_sse_header_",
                     "unknown record variable \"$kafka_sse_header_\"",
                     "a header without name is refused");
    template_refused("$KAFKA_SSE_KEY",
                     "unknown record variable \"$KAFKA_SSE_KEY\"",
                     "names of variables are in lower case");

    for (i = 0; i < 100; i++) {
        ngx_shim_fail_after = i;

        if (template_compile(&template,
                             "a$kafka_sse_key-${kafka_sse_header_x}", 37)
            == NGX_CONF_OK)
        {
            break;
        }
    }

    ngx_shim_fail_after = -1;

    unit_ok(i > 4 && i < 100, "each allocation may fail");
}


/* random templates of pieces, some of them wrong; random records */

static void
template_test_random(void)
{
    u_char                    *p, *buf;
    size_t                     len, room;
    ngx_str_t                  topic, key, name, value;
    ngx_uint_t                 i, j, longer, dirty, compiled;
    char                       text[512];
    ngx_kafka_sse_record_t     rec;
    ngx_kafka_sse_template_t   template;

    static const char  *pieces[] = {
        "$kafka_sse_topic", "${kafka_sse_key}", "$kafka_sse_offset",
        "$kafka_sse_header_a", "${kafka_sse_header_b_c}", "-", "a",
        "\n", "\xff", "\xc3\xa4", "$kafka_sse_timestamp", "}", ".", " ",
        "$", "${"
    };

    longer = 0;
    dirty = 0;
    compiled = 0;

    for (i = 0; i < 20000; i++) {
        len = 0;

        for (j = unit_below(8); j; j--) {
            p = (u_char *) pieces[unit_below(unit_below(4) ? 14 : 16)];
            memcpy(text + len, p, strlen((char *) p));
            len += strlen((char *) p);
        }

        if (template_compile(&template, text, len) != NGX_CONF_OK) {
            dirty += ngx_shim_message[0] == '\0';
            continue;
        }

        compiled++;

        topic = unit_random_str(10);
        key = unit_random_str(30);
        value = unit_random_str(30);
        ngx_str_set(&name, "A");

        memset(&rec, 0, sizeof(rec));
        rec.key = key;
        rec.offset = unit_random();
        rec.timestamp = unit_random();
        rec.headers.len = 9 + value.len;
        rec.headers.data = unit_alloc(rec.headers.len);
        (void) ngx_kafka_sse_record_add_header(rec.headers.data, &name,
                                               &value);

        room = ngx_kafka_sse_template_len(&template, &topic, &rec);
        buf = unit_alloc(room);
        p = ngx_kafka_sse_template_write(buf, &template, &topic, &rec);

        longer += (size_t) (p - buf) > room;
        dirty += !json_is_text(buf, p - buf)
                 || memchr(buf, '\n', p - buf) != NULL
                 || memchr(buf, '\r', p - buf) != NULL;

        free(buf);
        free(rec.headers.data);
        free(value.data);
        free(key.data);
        free(topic.data);
    }

    unit_ok(compiled > 1000, "many random templates are compiled");
    unit_ok(longer == 0, "nothing is longer than told");
    unit_ok(dirty == 0, "what is written is UTF-8 without CR, LF and NUL");
}


int
main(void)
{
    template_conf.pool = ngx_create_pool(4096, NULL);

    template_fill();
    template_test_values();
    template_test_clean();
    template_test_refused();
    template_test_random();

    ngx_destroy_pool(template_conf.pool);

    return unit_done();
}
