
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is a name, behind a byte with its length, and a JSON text.  Its
 * tokens, written again, are a text that reads the same; whether it is valid
 * and what its strings are, jansson says, too; and a name is the same as its
 * bytes, written with whatever escapes.
 *
 * Covers shared/ngx_kafka_sse_json.c
 */


#include "fuzz.h"

#include <jansson.h>

#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_record.h>


/* each of its bytes as an escape, where that is possible */

static u_char *
fuzz_escape(u_char *p, u_char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        p += (text[i] < 0x80) ? sprintf((char *) p, "\\u%04X", text[i])
                              : (*p = text[i], 1);
    }

    return p;
}


static void
fuzz_string(ngx_kafka_sse_json_t *json, ngx_str_t *name)
{
    u_char                *buf, *plain, *p;
    size_t                 len;
    json_t                *string;
    ngx_str_t              text, decoded;
    ngx_kafka_sse_json_t   again;

    plain = fuzz_alloc(json->text.len);
    len = ngx_kafka_sse_json_unescape(plain, &json->text) - plain;

    fuzz_check(len <= json->text.len);
    fuzz_check(json->escaped || len == json->text.len);

    /* with its quotes */

    string = json_loadb((char *) json->text.data - 1, json->text.len + 2,
                        JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);

    fuzz_check(json_is_string(string) && json_string_length(string) == len);
    fuzz_check(memcmp(json_string_value(string), plain, len) == 0);

    json_decref(string);

    decoded.data = plain;
    decoded.len = len;

    fuzz_check(ngx_kafka_sse_json_same(json, &decoded));
    fuzz_check(ngx_kafka_sse_json_same(json, name)
               == (name->len == len && memcmp(name->data, plain, len) == 0));

    buf = fuzz_alloc(6 * len + 2);

    p = buf;
    *p++ = '"';
    p = fuzz_escape(p, plain, len);
    *p++ = '"';

    text.data = buf;
    text.len = p - buf;

    ngx_kafka_sse_json_init(&again, &text);
    fuzz_check(ngx_kafka_sse_json_next(&again) == NGX_OK);
    fuzz_check(ngx_kafka_sse_json_same(&again, &decoded));

    if (len) {
        decoded.len--;
        fuzz_check(!ngx_kafka_sse_json_same(&again, &decoded));
    }

    fuzz_check(ngx_kafka_sse_json_next(&again) == NGX_DONE);

    free(plain);
    free(buf);
}


/* writes the text without its white space; returns its length, or 0 */

static size_t
fuzz_read(u_char *dst, ngx_str_t *text, ngx_str_t *name)
{
    u_char                *p;
    ngx_int_t              rc;
    ngx_uint_t             comma, depth, string;
    ngx_kafka_sse_json_t   json;

    p = dst;
    comma = 0;
    depth = 0;

    ngx_kafka_sse_json_init(&json, text);

    while ((rc = ngx_kafka_sse_json_next(&json)) == NGX_OK) {

        fuzz_check(json.pos >= text->data && json.pos <= json.last);
        fuzz_check(json.text.data >= text->data
                   && json.text.data + json.text.len <= json.pos);
        fuzz_check(json.depth <= NGX_KAFKA_SSE_JSON_DEPTH);
        fuzz_check(json.depth + 1 >= depth && json.depth <= depth + 1);

        depth = json.depth;
        string = (json.type == NGX_KAFKA_SSE_JSON_NAME
                  || json.type == NGX_KAFKA_SSE_JSON_STRING);

        if (string) {
            fuzz_string(&json, name);
        }

        if (comma && json.type != NGX_KAFKA_SSE_JSON_CLOSE) {
            *p++ = ',';
        }

        if (string) {
            *p++ = '"';
        }

        p = ngx_cpymem(p, json.text.data, json.text.len);

        if (string) {
            *p++ = '"';
        }

        if (json.type == NGX_KAFKA_SSE_JSON_NAME) {
            *p++ = ':';
        }

        comma = (json.type != NGX_KAFKA_SSE_JSON_NAME
                 && json.type != NGX_KAFKA_SSE_JSON_OBJECT
                 && json.type != NGX_KAFKA_SSE_JSON_ARRAY);
    }

    fuzz_check(rc == NGX_ERROR || json.depth == 0);

    return (rc == NGX_DONE) ? p - dst : 0;
}


/*
 * Whether jansson can say: it has fewer levels, as it counts a number in an
 * array as one, and neither numbers beyond 64 bits and doubles nor names with
 * a NUL.
 */

static ngx_int_t
fuzz_is_valid(ngx_str_t *text)
{
    size_t         i;
    json_t        *json;
    ngx_uint_t     n;
    json_error_t   error;

    for (i = 0, n = 0; i < text->len; i++) {
        n += (text->data[i] == '[' || text->data[i] == '{');
    }

    if (n >= NGX_KAFKA_SSE_JSON_DEPTH - 2) {
        return NGX_AGAIN;
    }

    json = json_loadb((char *) text->data, text->len,
                      JSON_DECODE_ANY|JSON_ALLOW_NUL, &error);

    if (json) {
        json_decref(json);
        return NGX_OK;
    }

    return (json_error_code(&error) == json_error_numeric_overflow
            || json_error_code(&error) == json_error_null_byte_in_key)
           ? NGX_AGAIN : NGX_DECLINED;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char     *one, *two;
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   name, text;

    name = fuzz_take(&data, &size);
    text.data = (u_char *) data;
    text.len = size;

    if (!ngx_kafka_sse_record_is_text(&text)) {
        return 0;
    }

    one = fuzz_alloc(2 * size);
    len = fuzz_read(one, &text, &name);

    rc = fuzz_is_valid(&text);
    fuzz_check(rc == NGX_AGAIN || (len != 0) == (rc == NGX_OK));

    if (len) {
        fuzz_check(len <= size);

        two = fuzz_alloc(2 * len);
        text.data = one;
        text.len = len;

        fuzz_check(fuzz_read(two, &text, &name) == len);
        fuzz_check(memcmp(one, two, len) == 0);

        free(two);
    }

    free(one);

    return 0;
}
