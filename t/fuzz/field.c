
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is two paths, each behind a byte with its length, and a value.
 * What is found in it is what jansson finds, which makes a tree of it; and the
 * value is a block of fields, too, most often a malformed one.
 *
 * Covers shared/ngx_kafka_sse_field.c
 * Covers shared/ngx_kafka_sse_path.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <jansson.h>
#include <math.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_number.h>


/* jansson counts a number in an array as a level, too */

#define FIELD_DEPTH  (NGX_KAFKA_SSE_JSON_DEPTH - 2)


static ngx_uint_t
field_is_deep(ngx_str_t *value)
{
    size_t      i;
    ngx_uint_t  n;

    for (i = 0, n = 0; i < value->len; i++) {
        n += (value->data[i] == '[' || value->data[i] == '{');
    }

    return n >= FIELD_DEPTH;
}


/* a number that is no double, or has 64 bits and more, is one for us alone */

static json_t *
field_load(ngx_str_t *value, ngx_uint_t *differs)
{
    json_t        *json;
    json_error_t   error;

    json = json_loadb((char *) value->data, value->len,
                      JSON_DECODE_ANY|JSON_ALLOW_NUL, &error);

    if (json == NULL) {
        *differs = (json_error_code(&error) == json_error_numeric_overflow
                    || json_error_code(&error)
                       == json_error_null_byte_in_key);
    }

    return json;
}


static json_t *
field_walk(json_t *json, ngx_kafka_sse_path_t *path)
{
    char                  *name;
    ngx_uint_t             i;
    ngx_kafka_sse_step_t  *steps;

    steps = path->steps.elts;

    for (i = 0; json && i < path->steps.nelts; i++) {

        if (steps[i].name.data == NULL) {
            json = json_array_get(json, steps[i].index);
            continue;
        }

        if (memchr(steps[i].name.data, 0, steps[i].name.len)) {
            return NULL;
        }

        name = strndup((char *) steps[i].name.data, steps[i].name.len);
        json = json_object_get(json, name);
        free(name);
    }

    return json;
}


static void
field_compare(ngx_kafka_sse_field_t *field, json_t *json)
{
    ngx_str_t                text;
    ngx_kafka_sse_number_t   number;
    u_char                   buf[NGX_KAFKA_SSE_NUMBER_LEN], *p;

    text = field->value;

    switch (json ? json_typeof(json) : JSON_NULL) {

    case JSON_NULL:
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_NONE);
        fuzz_check(text.len == 0);
        break;

    case JSON_STRING:
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_STRING);
        fuzz_check(text.len == json_string_length(json));
        fuzz_check(memcmp(text.data, json_string_value(json), text.len)
                   == 0);
        break;

    case JSON_TRUE:
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_BOOLEAN);
        fuzz_check(text.len == 4 && memcmp(text.data, "true", 4) == 0);
        break;

    case JSON_FALSE:
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_BOOLEAN);
        fuzz_check(text.len == 5 && memcmp(text.data, "false", 5) == 0);
        break;

    case JSON_INTEGER:
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_NUMBER);
        fuzz_check(ngx_kafka_sse_number_parse(&number, &text) == NGX_OK);
        fuzz_check(number.is_integer);
        fuzz_check(number.integer == json_integer_value(json));
        break;

    case JSON_REAL:

        /* a lexeme too long to be a number for us */

        if (field->type == NGX_KAFKA_SSE_FIELD_OTHER) {
            fuzz_check(text.len == 0);
            break;
        }

        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_NUMBER);
        fuzz_check(text.len < NGX_KAFKA_SSE_NUMBER_LEN);
        fuzz_check(ngx_kafka_sse_number_parse(&number, &text) == NGX_OK);
        fuzz_check((number.is_integer ? (double) number.integer : number.real)
                   == json_real_value(json));

        /* written again it is the same */

        p = ngx_kafka_sse_number_write(buf, &text);
        fuzz_check(p != NULL && (size_t) (p - buf) == text.len);
        fuzz_check(memcmp(buf, text.data, text.len) == 0);
        break;

    default: /* JSON_OBJECT, JSON_ARRAY */
        fuzz_check(field->type == NGX_KAFKA_SSE_FIELD_OTHER);
        fuzz_check(text.len == 0);
        break;
    }
}


static void
field_check_paths(ngx_conf_t *conf, ngx_str_t *texts, ngx_str_t *value)
{
    u_char                  *block;
    json_t                  *json;
    ngx_int_t                rc;
    ngx_uint_t               i, n, differs;
    ngx_array_t             *paths;
    ngx_kafka_sse_path_t     path[2], again, **p;
    ngx_kafka_sse_field_t    field, found;
    ngx_kafka_sse_record_t   rec;

    paths = ngx_array_create(conf->pool, 2, sizeof(void *));

    for (i = 0, n = 0; i < 2; i++) {
        ngx_shim_message[0] = '\0';

        if (ngx_kafka_sse_path_compile(conf, &path[n], &texts[i]) != NGX_OK) {
            fuzz_check(ngx_shim_message[0] != '\0');
            continue;
        }

        /* the one form of a path is a path, and its own one form */

        fuzz_check(ngx_kafka_sse_path_compile(conf, &again, &path[n].text)
                   == NGX_OK);
        fuzz_check(again.text.len == path[n].text.len
                   && memcmp(again.text.data, path[n].text.data,
                             again.text.len) == 0);
        fuzz_check(again.steps.nelts == path[n].steps.nelts);

        p = ngx_array_push(paths);
        *p = &path[n++];
    }

    memset(&rec, 0, sizeof(rec));
    rec.value = *value;

    ngx_kafka_sse_field_extract(&rec, paths, 1);

    fuzz_check(ngx_kafka_sse_field_check(&rec.fields) == NGX_OK);

    block = fuzz_alloc(rec.fields.len);
    memcpy(block, rec.fields.data, rec.fields.len);
    rec.fields.data = block;

    /* jansson takes some NULs for white space */

    differs = 0;
    json = (rec.flags & NGX_KAFKA_SSE_RECORD_TEXT)
           ? field_load(value, &differs) : NULL;
    differs |= field_is_deep(value);

    if (!differs) {
        fuzz_check((json != NULL)
                   == !!(rec.flags & NGX_KAFKA_SSE_RECORD_JSON));
    }

    for (i = 0; i < n; i++) {
        rc = ngx_kafka_sse_field_get(&rec.fields, &path[i].text, &field);

        fuzz_check(ngx_kafka_sse_field_find(value, &path[i], &found)
                   == NGX_OK);

        if (rc == NGX_OK) {
            fuzz_check(field.type == found.type
                       && field.value.len == found.value.len
                       && memcmp(field.value.data, found.value.data,
                                 found.value.len) == 0);

        } else {
            fuzz_check(rc == NGX_DECLINED
                       && value->len > NGX_KAFKA_SSE_FIELD_MAX);
        }

        if (!differs) {
            field_compare(&found, json ? field_walk(json, &path[i]) : NULL);
        }
    }

    json_decref(json);
    free(block);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t              texts[2], value;
    ngx_conf_t             conf;
    ngx_kafka_sse_field_t  field;

    memset(&conf, 0, sizeof(conf));
    conf.pool = ngx_create_pool(4096, NULL);

    texts[0] = fuzz_take(&data, &size);
    texts[1] = fuzz_take(&data, &size);
    value.data = (u_char *) data;
    value.len = size;

    field_check_paths(&conf, texts, &value);

    if (ngx_kafka_sse_field_get(&value, &texts[0], &field) == NGX_OK) {
        fuzz_check(field.type <= NGX_KAFKA_SSE_FIELD_OTHER);
        fuzz_check(field.value.data >= value.data
                   && field.value.data + field.value.len
                      <= value.data + value.len);
    }

    if (ngx_kafka_sse_field_check(&value) == NGX_OK) {
        fuzz_check(ngx_kafka_sse_field_get(&value, &texts[0], &field)
                   != NGX_ERROR);
    }

    ngx_destroy_pool(conf.pool);

    return 0;
}
