
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <locale.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_number.h>


#define NONE     NGX_KAFKA_SSE_FIELD_NONE
#define STRING   NGX_KAFKA_SSE_FIELD_STRING
#define NUMBER   NGX_KAFKA_SSE_FIELD_NUMBER
#define BOOLEAN  NGX_KAFKA_SSE_FIELD_BOOLEAN
#define OTHER    NGX_KAFKA_SSE_FIELD_OTHER


typedef struct {
    char        *path;
    ngx_str_t    value;
    ngx_uint_t   type;
    ngx_str_t    expected;
} field_case_t;


static ngx_conf_t  field_conf;


static field_case_t  field_cases[] = {
    { ".a", unit_str("{\"a\":\"x\"}"), STRING, unit_str("x") },
    { ".a", unit_str(" {\t\"a\"\n:\r\"x\" } "), STRING, unit_str("x") },
    { ".a", unit_str("{\"a\":\"\"}"), STRING, unit_str("") },
    { ".a", unit_str("{\"a\":true}"), BOOLEAN, unit_str("true") },
    { ".a", unit_str("{\"a\":false}"), BOOLEAN, unit_str("false") },
    { ".a", unit_str("{\"a\":null}"), NONE, unit_str("") },
    { ".a", unit_str("{\"a\":{}}"), OTHER, unit_str("") },
    { ".a", unit_str("{\"a\":[]}"), OTHER, unit_str("") },
    { ".a", unit_str("{\"a\":[1,{\"a\":2}]}"), OTHER, unit_str("") },
    { ".a", unit_str("{}"), NONE, unit_str("") },
    { ".a", unit_str("[]"), NONE, unit_str("") },
    { ".a", unit_str("\"a\""), NONE, unit_str("") },
    { ".a", unit_str("1"), NONE, unit_str("") },
    { ".a", unit_str("{\"b\":1,\"aa\":2,\"A\":3}"), NONE, unit_str("") },
    { ".a", unit_str("{\"b\":{\"a\":1}}"), NONE, unit_str("") },
    { ".a", unit_str("[{\"a\":1}]"), NONE, unit_str("") },
    { ".a", unit_str("{\"b\":{\"a\":1},\"a\":2}"), NUMBER, unit_str("2") },
    { ".a", unit_str("{\"a\":2,\"b\":{\"a\":1}}"), NUMBER, unit_str("2") },
    { ".a.b.c", unit_str("{\"a\":{\"x\":0,\"b\":{\"c\":7}}}"), NUMBER,
      unit_str("7") },
    { ".a.b", unit_str("{\"a\":1,\"b\":2}"), NONE, unit_str("") },
    { ".a.b", unit_str("{\"a\":[{\"b\":1}]}"), NONE, unit_str("") },
    { ".a-b_C9", unit_str("{\"a-b_C9\":1}"), NUMBER, unit_str("1") },
    { ".n\xc3\xa4me", unit_str("{\"n\\u00e4me\":1}"), NUMBER, unit_str("1") },
    { ".\"a b\"", unit_str("{\"a b\":1}"), NUMBER, unit_str("1") },
    { ".\"\"", unit_str("{\"\":1}"), NUMBER, unit_str("1") },
    { ".\"\"", unit_str("{\"a\":1}"), NONE, unit_str("") },
    { ".\"a\\u0000\"", unit_str("{\"a\":2,\"a\\u0000\":1}"), NUMBER,
      unit_str("1") },
    { ".\"\\ud83d\\ude00\"", unit_str("{\"\xf0\x9f\x98\x80\":1}"), NUMBER,
      unit_str("1") },
    { ".\"a.b\"", unit_str("{\"a\":{\"b\":2},\"a.b\":1}"), NUMBER,
      unit_str("1") },
    { ".\"\\\"\"", unit_str("{\"\\\"\":1}"), NUMBER, unit_str("1") },

    { "[0]", unit_str("[1,2]"), NUMBER, unit_str("1") },
    { "[1]", unit_str("[1,2]"), NUMBER, unit_str("2") },
    { "[2]", unit_str("[1,2]"), NONE, unit_str("") },
    { "[0]", unit_str("{\"0\":1}"), NONE, unit_str("") },
    { ".0", unit_str("[1]"), NONE, unit_str("") },
    { ".0", unit_str("{\"0\":1}"), NUMBER, unit_str("1") },
    { "[0][1]", unit_str("[[],[0,1],[2,3]]"), NONE, unit_str("") },
    { "[1][1]", unit_str("[[],[0,1],[2,3]]"), NUMBER, unit_str("1") },
    { "[2][0]", unit_str("[[],[0,1],[2,3]]"), NUMBER, unit_str("2") },
    { "[1].a[0]", unit_str("[{\"a\":[1]},{\"b\":[2],\"a\":[3]},{\"a\":[4]}]"),
      NUMBER, unit_str("3") },
    { ".a[0].b", unit_str("{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}"), STRING,
      unit_str("x") },
    { ".a[1].b", unit_str("{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}"), STRING,
      unit_str("y") },

    { ".a", unit_str("{\"a\":1,\"a\":2}"), NUMBER, unit_str("2") },
    { ".a", unit_str("{\"a\":1,\"a\":null}"), NONE, unit_str("") },
    { ".a", unit_str("{\"a\":1,\"\\u0061\":3}"), NUMBER, unit_str("3") },
    { ".a", unit_str("{\"a\":\"x\",\"a\":{}}"), OTHER, unit_str("") },
    { ".a.b", unit_str("{\"a\":{\"b\":1},\"a\":{\"b\":2}}"), NUMBER,
      unit_str("2") },
    { ".a.b", unit_str("{\"a\":{\"b\":1},\"a\":{\"c\":2}}"), NONE,
      unit_str("") },
    { ".a.b", unit_str("{\"a\":{\"b\":1},\"a\":2}"), NONE, unit_str("") },
    { ".a[1]", unit_str("{\"a\":[1,2],\"a\":[3]}"), NONE, unit_str("") },
    { ".a[1]", unit_str("{\"a\":[1],\"a\":[3,4]}"), NUMBER, unit_str("4") },

    { ".a", unit_str("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"), STRING,
      unit_str("\"\\/\b\f\n\r\t") },
    { ".a", unit_str("{\"a\":\"x\\u0000y\"}"), STRING, unit_str("x\0y") },
    { ".a", unit_str("{\"a\":\"\\u00E4\\u20ac\\uD83D\\uDE00\\uffff\"}"),
      STRING, unit_str("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf") },
    { ".a", unit_str("{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\x7f\"}"), STRING,
      unit_str("\xc3\xa4\xf0\x9f\x98\x80\x7f") },
    { ".a", unit_str("{\"a\":\"1\"}"), STRING, unit_str("1") },

    { ".a", unit_str("{\"a\":0}"), NUMBER, unit_str("0") },
    { ".a", unit_str("{\"a\":-0}"), NUMBER, unit_str("0") },
    { ".a", unit_str("{\"a\":-0.0}"), NUMBER, unit_str("0") },
    { ".a", unit_str("{\"a\":-17}"), NUMBER, unit_str("-17") },
    { ".a", unit_str("{\"a\":9007199254740993}"), NUMBER,
      unit_str("9007199254740993") },
    { ".a", unit_str("{\"a\":9223372036854775807}"), NUMBER,
      unit_str("9223372036854775807") },
    { ".a", unit_str("{\"a\":-9223372036854775808}"), NUMBER,
      unit_str("-9223372036854775808") },
    { ".a", unit_str("{\"a\":9223372036854775808}"), NUMBER,
      unit_str("9.223372036854776e+18") },
    { ".a", unit_str("{\"a\":-9223372036854775809}"), NUMBER,
      unit_str("-9223372036854775808") },
    { ".a", unit_str("{\"a\":18446744073709551616}"), NUMBER,
      unit_str("1.8446744073709552e+19") },
    { ".a", unit_str("{\"b\":18446744073709551616,\"a\":9007199254740993}"),
      NUMBER, unit_str("9007199254740993") },
    { ".a", unit_str("{\"b\":1e999,\"a\":9007199254740993}"), NUMBER,
      unit_str("9007199254740993") },
    { ".a", unit_str("{\"a\":1e999}"), OTHER, unit_str("") },
    { ".a", unit_str("{\"a\":-1e999}"), OTHER, unit_str("") },
    { ".a", unit_str("{\"a\":1e-999}"), NUMBER, unit_str("0") },
    { ".a", unit_str("{\"a\":0.1}"), NUMBER, unit_str("0.1") },
    { ".a", unit_str("{\"a\":0.10}"), NUMBER, unit_str("0.1") },
    { ".a", unit_str("{\"a\":1E-1}"), NUMBER, unit_str("0.1") },
    { ".a", unit_str("{\"a\":0.30000000000000004}"), NUMBER,
      unit_str("0.30000000000000004") },
    { ".a", unit_str("{\"a\":1.0}"), NUMBER, unit_str("1") },
    { ".a", unit_str("{\"a\":1e3}"), NUMBER, unit_str("1000") },
    { ".a", unit_str("{\"a\":1e17}"), NUMBER,
      unit_str("100000000000000000") },
    { ".a", unit_str("{\"a\":9007199254740993.0}"), NUMBER,
      unit_str("9007199254740992") },
    { ".a", unit_str("{\"a\":1e300}"), NUMBER, unit_str("1e+300") },
    { ".a", unit_str("{\"a\":5e-324}"), NUMBER,
      unit_str("4.94065645841247e-324") },
    { ".a", unit_str("{\"a\":1.7976931348623157e308}"), NUMBER,
      unit_str("1.7976931348623157e+308") },
};


/* no JSON text, or one that is not taken */

static ngx_str_t  field_invalid[] = {
    unit_str(""),
    unit_str(" "),
    unit_str("a"),
    unit_str("{\"a\":1"),
    unit_str("{\"a\":1}}"),
    unit_str("{\"a\":1} 2"),
    unit_str("{\"a\":1,}"),
    unit_str("{\"a\":1,,\"b\":2}"),
    unit_str("{,\"a\":1}"),
    unit_str("{\"a\":1 \"b\":2}"),
    unit_str("{\"a\":1,\"b\"}"),
    unit_str("{\"a\":1,\"b\":}"),
    unit_str("{\"a\":1,b:2}"),
    unit_str("{\"a\":1,1:2}"),
    unit_str("{\"a\":1]"),
    unit_str("{\"a\":1,\"b\":[1}"),
    unit_str("{\"a\":1,\"b\":[1,]}"),
    unit_str("{\"a\":1,\"b\":[,1]}"),
    unit_str("{\"a\":1,\"b\":[1 2]}"),
    unit_str("{\"a\":1,\"b\":01}"),
    unit_str("{\"a\":1,\"b\":-}"),
    unit_str("{\"a\":1,\"b\":+1}"),
    unit_str("{\"a\":1,\"b\":.5}"),
    unit_str("{\"a\":1,\"b\":1.}"),
    unit_str("{\"a\":1,\"b\":1e}"),
    unit_str("{\"a\":1,\"b\":1e+}"),
    unit_str("{\"a\":1,\"b\":0x1}"),
    unit_str("{\"a\":1,\"b\":NaN}"),
    unit_str("{\"a\":1,\"b\":Infinity}"),
    unit_str("{\"a\":1,\"b\":True}"),
    unit_str("{\"a\":1,\"b\":truey}"),
    unit_str("{\"a\":1,\"b\":nul}"),
    unit_str("{\"a\":1,\"b\":'x'}"),
    unit_str("{\"a\":1,\"b\":\"x}"),
    unit_str("{\"a\":1,\"b\":\"\n\"}"),
    unit_str("{\"a\":1,\"b\":\"\x1f\"}"),
    unit_str("{\"a\":1,\"b\":\"\\x\"}"),
    unit_str("{\"a\":1,\"b\":\"\\u12\"}"),
    unit_str("{\"a\":1,\"b\":\"\\u12g4\"}"),
    unit_str("{\"a\":1,\"b\":\"\\ud800\"}"),
    unit_str("{\"a\":1,\"b\":\"\\udc00\"}"),
    unit_str("{\"a\":1,\"b\":\"\\ud800\\ud800\"}"),
    unit_str("{\"a\":1,\"b\":\"\\ud800x\"}"),
    unit_str("{\"a\":1,\"\\ud800\":2}"),
    unit_str("{\"a\":1}\0"),
    unit_str("{\"a\":1,\"b\":\"\0\"}"),
    unit_str("{\"a\":1,\"b\":\"\xff\"}"),
    unit_str("{\"a\":1,\"b\":\"\xed\xa0\x80\"}"),
    unit_str("{\"a\":1,\"b\":\"\xc0\xaf\"}"),
    unit_str("\xef\xbb\xbf{\"a\":1}"),
    unit_str("{\"a\":1}//"),
    unit_str("{\"a\":1\f}"),
};


static ngx_kafka_sse_path_t *
field_path(const char *text)
{
    ngx_str_t              s;
    ngx_kafka_sse_path_t  *path;

    ngx_shim_message[0] = '\0';

    path = ngx_palloc(field_conf.pool, sizeof(ngx_kafka_sse_path_t));

    s = unit_copy(text, strlen(text));

    if (ngx_kafka_sse_path_compile(&field_conf, path, &s) != NGX_OK) {
        path = NULL;
    }

    memset(s.data, 'x', s.len);
    free(s.data);

    return path;
}


static ngx_array_t *
field_paths(ngx_kafka_sse_path_t *a, ngx_kafka_sse_path_t *b)
{
    ngx_array_t            *paths;
    ngx_kafka_sse_path_t  **path;

    paths = ngx_array_create(field_conf.pool, 2, sizeof(void *));

    path = ngx_array_push(paths);
    *path = a;

    if (b) {
        path = ngx_array_push(paths);
        *path = b;
    }

    return paths;
}


static ngx_uint_t
field_same(ngx_kafka_sse_field_t *field, ngx_uint_t type, ngx_str_t *value)
{
    return field->type == type && field->value.data
           && field->value.len == value->len
           && memcmp(field->value.data, value->data, value->len) == 0;
}


static void
field_test_values(void)
{
    char                     claim[256];
    size_t                   i;
    ngx_str_t                copy;
    ngx_uint_t               same;
    ngx_kafka_sse_path_t    *path, *other;
    ngx_kafka_sse_field_t    field;
    ngx_kafka_sse_record_t   rec;

    other = field_path(".no.such[3]");

    for (i = 0; i < sizeof(field_cases) / sizeof(field_cases[0]); i++) {
        path = field_path(field_cases[i].path);

        copy = unit_copy(field_cases[i].value.data, field_cases[i].value.len);

        memset(&rec, 0xff, sizeof(rec));
        rec.value = copy;

        ngx_kafka_sse_field_extract(&rec, field_paths(other, path), 0);

        same = rec.flags == (NGX_KAFKA_SSE_RECORD_TEXT
                             |NGX_KAFKA_SSE_RECORD_JSON)
               && ngx_kafka_sse_field_check(&rec.fields) == NGX_OK
               && ngx_kafka_sse_field_get(&rec.fields, &other->text, &field)
                  == NGX_OK
               && field.type == NONE
               && ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
                  == NGX_OK
               && field_same(&field, field_cases[i].type,
                             &field_cases[i].expected);

        /* what a worker finds by itself is the same */

        same = same
               && ngx_kafka_sse_field_find(&copy, path, &field) == NGX_OK
               && field_same(&field, field_cases[i].type,
                             &field_cases[i].expected);

        snprintf(claim, sizeof(claim), "%s in %s", field_cases[i].path,
                 field_cases[i].value.data);
        unit_ok(same, claim);

        if (!same) {
            printf("# type %d\n", (int) field.type);
            unit_dump("value", field.value.data, field.value.len);
        }

        free(copy.data);
    }
}


static void
field_test_invalid(void)
{
    size_t                   i;
    ngx_str_t                copy;
    ngx_uint_t               found;
    ngx_array_t             *paths;
    ngx_kafka_sse_path_t    *path;
    ngx_kafka_sse_field_t    field;
    ngx_kafka_sse_record_t   rec;

    found = 0;
    path = field_path(".a");
    paths = field_paths(path, NULL);

    for (i = 0; i < sizeof(field_invalid) / sizeof(ngx_str_t); i++) {
        copy = unit_copy(field_invalid[i].data, field_invalid[i].len);

        memset(&rec, 0, sizeof(rec));
        rec.value = copy;

        ngx_kafka_sse_field_extract(&rec, paths, 1);

        if ((rec.flags & NGX_KAFKA_SSE_RECORD_JSON)
            || ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
               != NGX_OK
            || field.type != NONE
            || field.value.len != 0
            || ngx_kafka_sse_field_find(&copy, path, &field) != NGX_OK
            || field.type != NONE)
        {
            found++;
            unit_dump("taken", copy.data, copy.len);
        }

        free(copy.data);
    }

    unit_ok(found == 0, "in what is not JSON nothing is found");

    memset(&rec, 0, sizeof(rec));
    ngx_kafka_sse_field_extract(&rec, paths, 1);

    unit_ok(rec.flags == 0
            && ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
               == NGX_OK
            && field.type == NONE
            && ngx_kafka_sse_field_find(&rec.value, path, &field) == NGX_OK
            && field.type == NONE,
            "in a null value nothing is found");
}


static void
field_test_flags(void)
{
    ngx_kafka_sse_record_t  rec;

    memset(&rec, 0xff, sizeof(rec));
    ngx_str_set(&rec.value, "{}");
    ngx_kafka_sse_field_extract(&rec, NULL, 0);
    unit_ok(rec.flags == NGX_KAFKA_SSE_RECORD_TEXT && rec.fields.len == 0,
            "what nobody wants is not read");

    ngx_kafka_sse_field_extract(&rec, NULL, 1);
    unit_ok(rec.flags == (NGX_KAFKA_SSE_RECORD_TEXT|NGX_KAFKA_SSE_RECORD_JSON)
            && rec.fields.len == 0,
            "JSON is recognized without paths");

    ngx_str_set(&rec.value, "{");
    ngx_kafka_sse_field_extract(&rec, NULL, 1);
    unit_ok(rec.flags == NGX_KAFKA_SSE_RECORD_TEXT, "text need not be JSON");

    ngx_str_set(&rec.value, "\"\xff\"");
    ngx_kafka_sse_field_extract(&rec, NULL, 1);
    unit_ok(rec.flags == 0, "what is not UTF-8 is neither text nor JSON");

    ngx_str_set(&rec.value, "");
    ngx_kafka_sse_field_extract(&rec, NULL, 1);
    unit_ok(rec.flags == NGX_KAFKA_SSE_RECORD_TEXT,
            "an empty value is text and no JSON");

    ngx_str_null(&rec.value);
    ngx_kafka_sse_field_extract(&rec, NULL, 1);
    unit_ok(rec.flags == 0, "a null value is no text");
}


/* depth arrays or objects around a number */

static ngx_str_t
field_deep(ngx_uint_t depth, ngx_uint_t objects)
{
    u_char      *p;
    ngx_str_t    s;
    ngx_uint_t   i;

    s.data = unit_alloc(depth * 6 + 1);
    p = s.data;

    for (i = 0; i < depth; i++) {
        p = ngx_cpymem(p, objects ? "{\"a\":" : "[", objects ? 5 : 1);
    }

    *p++ = '7';

    for (i = 0; i < depth; i++) {
        *p++ = objects ? '}' : ']';
    }

    s.len = p - s.data;

    return s;
}


static void
field_test_depth(void)
{
    char                   *text;
    ngx_str_t               value;
    ngx_uint_t              i, wrong;
    ngx_kafka_sse_path_t   *path;
    ngx_kafka_sse_field_t   field;

    for (i = 0; i < 4; i++) {
        text = (char *) unit_alloc(3 * 2048 + 1);
        text[0] = '\0';

        while (strlen(text) < (i % 2 ? 2 : 3) * (i < 2 ? 2000 : 2048)) {
            strcpy(text + strlen(text), i % 2 ? ".a" : "[0]");
        }

        value = field_deep(i < 2 ? 2000 : 2048, i % 2);
        path = field_path(text);

        unit_ok(ngx_kafka_sse_field_find(&value, path, &field) == NGX_OK
                && field.type == NUMBER,
                i < 2 ? "a number is found at depth 2,000"
                      : "a number is found at depth 2,048");

        free(value.data);
        free(text);
    }

    wrong = 0;
    path = field_path(".a");

    for (i = 2049; i < 1000000; i *= 10) {
        value = field_deep(i, i & 1);

        wrong += ngx_kafka_sse_field_find(&value, path, &field) != NGX_OK
                 || field.type != NONE;
        free(value.data);
    }

    unit_ok(wrong == 0, "what is deeper is not read");
}


/* strings that are too long for the block, and those that just fit */

static void
field_test_long(void)
{
    size_t                   len;
    ngx_str_t                value;
    ngx_kafka_sse_path_t    *path, *other;
    ngx_kafka_sse_field_t    field;
    ngx_kafka_sse_record_t   rec;

    path = field_path(".a");
    other = field_path(".b");
    len = NGX_KAFKA_SSE_FIELD_MAX;

    value.len = len + sizeof("{\"a\":\"\",\"b\":2}") - 1;
    value.data = unit_alloc(value.len + 1);
    memset(value.data, 'x', value.len + 1);
    memcpy(value.data, "{\"a\":\"", 6);
    memcpy(value.data + 6 + len, "\",\"b\":2}", 8);

    memset(&rec, 0, sizeof(rec));
    rec.value = value;

    ngx_kafka_sse_field_extract(&rec, field_paths(path, other), 0);

    unit_ok(ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
            == NGX_OK && field.type == STRING && field.value.len == len,
            "a string of 1,024 bytes is in the block");

    memcpy(value.data + 6 + len, "x\",\"b\":2}", 9);
    rec.value.len++;

    ngx_kafka_sse_field_extract(&rec, field_paths(path, other), 0);

    unit_ok(ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
            == NGX_DECLINED, "a longer one is not");
    unit_ok(ngx_kafka_sse_field_get(&rec.fields, &other->text, &field)
            == NGX_OK && field.type == NUMBER, "... but others are");
    unit_ok(ngx_kafka_sse_field_find(&rec.value, path, &field) == NGX_OK
            && field.type == STRING && field.value.len == len + 1
            && field.value.data[len] == 'x',
            "... and it is found in the record");

    free(value.data);

    value.len = 1024 * 1024;
    value.data = unit_alloc(value.len);
    memset(value.data, 'x', value.len);
    value.data[0] = '[';
    value.data[1] = '"';
    value.data[value.len - 2] = '"';
    value.data[value.len - 1] = ']';

    unit_ok(ngx_kafka_sse_field_find(&value, field_path("[0]"), &field)
            == NGX_OK && field.value.len == value.len - 4,
            "a huge one, too");

    memset(value.data + 1, '9', value.len - 2);

    unit_ok(ngx_kafka_sse_field_find(&value, field_path("[0]"), &field)
            == NGX_OK && field.type == OTHER,
            "a number of a million digits is there, and has no value");

    free(value.data);
}


static void
field_test_memory(void)
{
    ngx_array_t             *paths;
    ngx_kafka_sse_path_t    *path, **p;
    ngx_kafka_sse_field_t    field;
    ngx_kafka_sse_record_t   rec;
    ngx_uint_t               i;

    paths = field_paths(field_path(".a"), NULL);

    for (i = 0; i < 500; i++) {
        p = ngx_array_push(paths);
        *p = field_path(".b[1].c");
    }

    path = field_path(".a");

    for (i = 0; i < 2; i++) {
        memset(&rec, 0, sizeof(rec));
        ngx_str_set(&rec.value, "{\"a\":1}");

        ngx_shim_fail_after = i;
        ngx_kafka_sse_field_extract(&rec, paths, 1);
        ngx_shim_fail_after = -1;

        unit_ok((rec.flags & NGX_KAFKA_SSE_RECORD_JSON)
                && ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
                   == NGX_DECLINED,
                "without memory nobody has looked");
    }

    ngx_kafka_sse_field_extract(&rec, paths, 1);

    unit_ok(ngx_kafka_sse_field_get(&rec.fields, &path->text, &field)
            == NGX_OK && field.type == NUMBER,
            "with memory the next record is read again");
}


static void
field_test_block(void)
{
    size_t                   i;
    ngx_str_t                block, copy;
    ngx_uint_t               wrong;
    ngx_kafka_sse_path_t    *path;
    ngx_kafka_sse_field_t    field;
    ngx_kafka_sse_record_t   rec;

    path = field_path(".b");

    memset(&rec, 0, sizeof(rec));
    ngx_str_set(&rec.value, "{\"a\":\"x\",\"b\":\"y\"}");
    ngx_kafka_sse_field_extract(&rec, field_paths(field_path(".a"), path), 0);

    block = unit_copy(rec.fields.data, rec.fields.len);
    wrong = 0;

    for (i = 0; i < block.len; i++) {
        copy = unit_copy(block.data, i);

        /* one field of the two is a block, too */

        wrong += (ngx_kafka_sse_field_check(&copy) == NGX_OK)
                 != (i == 0 || i == block.len / 2);
        wrong += ngx_kafka_sse_field_get(&copy, &path->text, &field)
                 != ((i == 0 || i == block.len / 2) ? NGX_DECLINED
                                                    : NGX_ERROR);
        free(copy.data);
    }

    unit_ok(wrong == 0, "a block that is cut is malformed");

    block.data[2] = OTHER + 1;
    unit_ok(ngx_kafka_sse_field_check(&block) == NGX_ERROR,
            "a block with another type is malformed");

    free(block.data);
}


static void
field_test_paths(void)
{
    size_t  i;

    static struct {
        char  *path;
        char  *text;
    } same[] = {
        { ".\"a\"", ".a" },
        { ".\"\\u0061\".b", ".a.b" },
        { ".a[007]", ".a[7]" },
        { ".\"a b\"", ".\"a b\"" },
        { ".\"\\u0020\"", ".\" \"" },
        { ".\"\\n\\\"\\\\\"", ".\"\\u000a\\\"\\\\\"" },
        { ".\"\"", ".\"\"" },
        { "[0]", "[0]" },
    };

    static struct {
        char  *path;
        char  *message;
    } wrong[] = {
        { "", "invalid path \"\", \".\" or \"[\" is expected at character 1" },
        { "a", "invalid path \"a\", \".\" or \"[\" is expected at "
               "character 1" },
        { ".", "invalid path \".\", a name is expected at character 2" },
        { ".a..b", "invalid path \".a..b\", a name is expected at "
                   "character 4" },
        { ".a.", "invalid path \".a.\", a name is expected at character 4" },
        { ".\xc3\xa4$", "invalid path \".\xc3\xa4$\", \".\" or \"[\" is "
                        "expected at character 3" },
        { ".a b", "invalid path \".a b\", \".\" or \"[\" is expected at "
                  "character 3" },
        { ".a[", "invalid path \".a[\", a number is expected at "
                 "character 4" },
        { ".a[]", "invalid path \".a[]\", a number is expected at "
                  "character 4" },
        { ".a[-1]", "invalid path \".a[-1]\", a number is expected at "
                    "character 4" },
        { ".a[1", "invalid path \".a[1\", \"]\" is expected at "
                  "character 5" },
        { ".a[1x]", "invalid path \".a[1x]\", \"]\" is expected at "
                    "character 5" },
        { ".a[99999999999999999999]", "invalid path "
          "\".a[99999999999999999999]\", a number is expected at "
          "character 4" },
        { ".\"a", "invalid path \".\"a\", no JSON string begins at "
                  "character 2" },
        { ".\"\\x\"", "invalid path \".\"\\x\"\", no JSON string begins at "
                      "character 2" },
        { ".\"a\"b", "invalid path \".\"a\"b\", \".\" or \"[\" is expected "
                     "at character 5" },
        { ".\xff", "invalid path \".\xff\", it is not UTF-8" },
    };

    ngx_kafka_sse_path_t  *path;

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        path = field_path(same[i].path);
        unit_is(path->text.data, path->text.len, same[i].text,
                strlen(same[i].text), same[i].path);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        path = field_path(wrong[i].path);
        unit_is((u_char *) ngx_shim_message, strlen(ngx_shim_message),
                wrong[i].message, strlen(wrong[i].message),
                wrong[i].message);
        unit_ok(path == NULL, "... and is refused");
    }

    for (i = 0; i < 100; i++) {
        ngx_shim_fail_after = 1 + i;
        path = field_path(".a.\"b c\"[1].d");

        if (path) {
            break;
        }
    }

    ngx_shim_fail_after = -1;

    unit_ok(i > 3 && i < 100, "each allocation may fail");
}


/* numbers by themselves: not only those of JSON */

static void
field_test_numbers(void)
{
    size_t                  i;
    ngx_str_t               a, b;
    ngx_uint_t              wrong;
    ngx_kafka_sse_number_t  one, two;

    static char  *ascending[] = {
        "-1e300", "-9223372036854775809e1", "-9223372036854775808",
        "-9007199254740993", "-9007199254740992", "-1.5", "-1", "-0.1",
        "0", "1e-300", "0.1", "0.10000000000000002", "1", "1.5", "2",
        "00010", "9007199254740992", "9007199254740993", "9007199254740994.0",
        "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "1e300"
    };

    static char  *none[] = {
        "", "-", "+1", " 1", "1 ", "1.", ".1", "1e", "1e+", "1.e1", "0x10",
        "inf", "nan", "1,000", "1e999", "-1e999", "1_000", "--1", "1-"
    };

    wrong = 0;

    for (i = 0; i + 1 < sizeof(ascending) / sizeof(char *); i++) {
        a = unit_copy(ascending[i], strlen(ascending[i]));
        b = unit_copy(ascending[i + 1], strlen(ascending[i + 1]));

        if (ngx_kafka_sse_number_parse(&one, &a) != NGX_OK
            || ngx_kafka_sse_number_parse(&two, &b) != NGX_OK
            || ngx_kafka_sse_number_compare(&one, &two) != -1
            || ngx_kafka_sse_number_compare(&two, &one) != 1
            || ngx_kafka_sse_number_compare(&one, &one) != 0)
        {
            wrong++;
            printf("# %s, %s\n", ascending[i], ascending[i + 1]);
        }

        free(a.data);
        free(b.data);
    }

    unit_ok(wrong == 0, "numbers are in order");

    ngx_str_set(&a, "-0.0");
    ngx_str_set(&b, "0");
    (void) ngx_kafka_sse_number_parse(&one, &a);
    (void) ngx_kafka_sse_number_parse(&two, &b);
    unit_ok(ngx_kafka_sse_number_compare(&one, &two) == 0, "-0.0 is 0");

    wrong = 0;

    for (i = 0; i < sizeof(none) / sizeof(char *); i++) {
        a = unit_copy(none[i], strlen(none[i]));

        if (ngx_kafka_sse_number_parse(&one, &a) != NGX_DECLINED) {
            wrong++;
            printf("# \"%s\" is taken\n", none[i]);
        }

        free(a.data);
    }

    unit_ok(wrong == 0, "what is no number is declined");
}


/* with a comma for a point, if this machine has such a locale */

static void
field_test_locale(void)
{
    ngx_str_t              value;
    ngx_kafka_sse_field_t  field;

    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL
        && setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
    {
        printf("# no locale with a comma here\n");
        return;
    }

    ngx_str_set(&value, "[1.25e-7]");

    unit_ok(ngx_kafka_sse_field_find(&value, field_path("[0]"), &field)
            == NGX_OK && field.value.len == 8
            && memcmp(field.value.data, "1.25e-07", 8) == 0,
            "the locale does not matter");

    (void) setlocale(LC_NUMERIC, "C");
}


int
main(void)
{
    field_conf.pool = ngx_create_pool(4096, NULL);

    field_test_paths();
    field_test_values();
    field_test_invalid();
    field_test_flags();
    field_test_depth();
    field_test_long();
    field_test_memory();
    field_test_block();
    field_test_numbers();
    field_test_locale();

    ngx_destroy_pool(field_conf.pool);

    return unit_done();
}
