
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_memo.h>
#include <worker/ngx_kafka_sse_operand.h>


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   type;
} ngx_kafka_sse_operand_variable_t;


static ngx_int_t ngx_kafka_sse_operand_json(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *path);
static ngx_int_t ngx_kafka_sse_operand_name(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *rest, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_operand_variable(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *name);
static void ngx_kafka_sse_operand_header(ngx_str_t *wanted,
    ngx_kafka_sse_record_t *rec, ngx_str_t *value);
static void ngx_kafka_sse_operand_field(ngx_kafka_sse_operand_t *operand,
    ngx_kafka_sse_record_t *rec, ngx_kafka_sse_operand_value_t *value);
static ngx_uint_t ngx_kafka_sse_operand_same_name(ngx_str_t *wanted,
    ngx_str_t *name);
static u_char ngx_kafka_sse_operand_fold(u_char c);


static ngx_kafka_sse_operand_variable_t  ngx_kafka_sse_operand_variables[] = {
    { ngx_string("kafka_sse_topic"), NGX_KAFKA_SSE_OPERAND_TOPIC },
    { ngx_string("kafka_sse_partition"), NGX_KAFKA_SSE_OPERAND_PARTITION },
    { ngx_string("kafka_sse_offset"), NGX_KAFKA_SSE_OPERAND_OFFSET },
    { ngx_string("kafka_sse_key"), NGX_KAFKA_SSE_OPERAND_KEY },
    { ngx_string("kafka_sse_timestamp"), NGX_KAFKA_SSE_OPERAND_TIMESTAMP },
    { ngx_null_string, 0 }
};


static ngx_str_t  ngx_kafka_sse_operand_header_prefix =
    ngx_string("kafka_sse_header_");


ngx_int_t
ngx_kafka_sse_operand_compile(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *text)
{
    ngx_str_t  rest;

    rest = *text;

    if (rest.len >= 5 && ngx_strncmp(rest.data, "json:", 5) == 0) {
        rest.data += 5;
        rest.len -= 5;

        return ngx_kafka_sse_operand_json(cf, operand, &rest);
    }

    if (rest.len && rest.data[0] == '$') {

        if (ngx_kafka_sse_operand_take(cf, operand, text, &rest) != NGX_OK) {
            return NGX_ERROR;
        }

        if (rest.len == 0) {
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown operand \"%V\", it must be a record variable "
                       "or \"json:\" with a path", text);

    return NGX_ERROR;
}


ngx_int_t
ngx_kafka_sse_operand_take(ngx_conf_t *cf, ngx_kafka_sse_operand_t *operand,
    ngx_str_t *text, ngx_str_t *rest)
{
    ngx_str_t  name;

    if (ngx_kafka_sse_operand_name(cf, text, rest, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_operand_variable(cf, operand, &name);
}


static ngx_int_t
ngx_kafka_sse_operand_json(ngx_conf_t *cf, ngx_kafka_sse_operand_t *operand,
    ngx_str_t *path)
{
    u_char  *p;

    ngx_memzero(operand, sizeof(ngx_kafka_sse_operand_t));

    if (ngx_kafka_sse_path_compile(cf, &operand->path, path) != NGX_OK) {
        return NGX_ERROR;
    }

    operand->type = NGX_KAFKA_SSE_OPERAND_JSON;
    operand->text.len = 5 + operand->path.text.len;

    p = ngx_pnalloc(cf->pool, operand->text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    operand->text.data = p;

    p = ngx_cpymem(p, "json:", 5);
    ngx_memcpy(p, operand->path.text.data, operand->path.text.len);

    return NGX_OK;
}


/* takes "$name" or "${name}" off *rest, the end of *text */

static ngx_int_t
ngx_kafka_sse_operand_name(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *rest, ngx_str_t *name)
{
    u_char      c, *p, *last;
    ngx_uint_t  bracket;

    p = rest->data + 1;
    last = rest->data + rest->len;

    bracket = (p < last && *p == '{');
    p += bracket;

    name->data = p;

    while (p < last) {
        c = *p;

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '_')
        {
            break;
        }

        p++;
    }

    name->len = p - name->data;

    if (bracket) {

        if (p == last || *p != '}') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the closing bracket in \"%V\" variable "
                               "is missing", name);
            return NGX_ERROR;
        }

        p++;
    }

    if (name->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name in \"%V\"", text);
        return NGX_ERROR;
    }

    rest->data = p;
    rest->len = last - p;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_operand_variable(ngx_conf_t *cf,
    ngx_kafka_sse_operand_t *operand, ngx_str_t *name)
{
    u_char                            *p;
    size_t                             i;
    ngx_str_t                         *prefix;
    ngx_kafka_sse_operand_variable_t  *var;

    ngx_memzero(operand, sizeof(ngx_kafka_sse_operand_t));

    for (var = ngx_kafka_sse_operand_variables; var->name.len; var++) {

        if (name->len == var->name.len
            && ngx_strncmp(name->data, var->name.data, name->len) == 0)
        {
            operand->type = var->type;
            break;
        }
    }

    prefix = &ngx_kafka_sse_operand_header_prefix;

    if (var->name.len == 0) {

        if (name->len <= prefix->len
            || ngx_strncmp(name->data, prefix->data, prefix->len) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown record variable \"$%V\"", name);
            return NGX_ERROR;
        }

        operand->type = NGX_KAFKA_SSE_OPERAND_HEADER;
    }

    operand->text.len = 1 + name->len;
    operand->text.data = ngx_pnalloc(cf->pool, operand->text.len);
    if (operand->text.data == NULL) {
        return NGX_ERROR;
    }

    p = operand->text.data;
    *p++ = '$';

    for (i = 0; i < name->len; i++) {
        *p++ = ngx_kafka_sse_operand_fold(name->data[i]);
    }

    if (operand->type == NGX_KAFKA_SSE_OPERAND_HEADER) {
        operand->header.len = name->len - prefix->len;
        operand->header.data = p - operand->header.len;
    }

    return NGX_OK;
}


void
ngx_kafka_sse_operand_get(ngx_kafka_sse_operand_t *operand, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec, ngx_kafka_sse_operand_value_t *value)
{
    u_char  *p;

    value->is_other = 0;
    value->text.data = value->buf;

    switch (operand->type) {

    case NGX_KAFKA_SSE_OPERAND_TOPIC:
        value->text = *topic;
        return;

    case NGX_KAFKA_SSE_OPERAND_KEY:
        value->text = rec->key;
        return;

    case NGX_KAFKA_SSE_OPERAND_HEADER:
        ngx_kafka_sse_operand_header(&operand->header, rec, &value->text);
        return;

    case NGX_KAFKA_SSE_OPERAND_JSON:
        ngx_kafka_sse_operand_field(operand, rec, value);
        return;

    case NGX_KAFKA_SSE_OPERAND_PARTITION:
        p = ngx_sprintf(value->text.data, "%D", rec->partition);
        break;

    case NGX_KAFKA_SSE_OPERAND_OFFSET:
        p = ngx_sprintf(value->text.data, "%L", rec->offset);
        break;

    default: /* NGX_KAFKA_SSE_OPERAND_TIMESTAMP */

        if (rec->timestamp == -1) {
            ngx_str_null(&value->text);
            return;
        }

        p = ngx_sprintf(value->text.data, "%L", rec->timestamp);
        break;
    }

    value->text.len = p - value->text.data;
}


static void
ngx_kafka_sse_operand_header(ngx_str_t *wanted, ngx_kafka_sse_record_t *rec,
    ngx_str_t *value)
{
    ngx_str_t  headers, name, last;

    ngx_str_null(value);
    headers = rec->headers;

    while (ngx_kafka_sse_record_next_header(&headers, &name, &last)
           == NGX_OK)
    {
        if (ngx_kafka_sse_operand_same_name(wanted, &name)) {
            *value = last;
        }
    }
}


/* one that the companion has not looked for is looked for here */

static void
ngx_kafka_sse_operand_field(ngx_kafka_sse_operand_t *operand,
    ngx_kafka_sse_record_t *rec, ngx_kafka_sse_operand_value_t *value)
{
    ngx_kafka_sse_field_t  field;

    ngx_str_null(&value->text);

    if (ngx_kafka_sse_field_get(&rec->fields, &operand->path.text, &field)
        != NGX_OK
        && ngx_kafka_sse_memo_find(rec, &operand->path, &field) != NGX_OK)
    {
        return;
    }

    if (field.type == NGX_KAFKA_SSE_FIELD_NONE) {
        return;
    }

    value->text = field.value;
    value->is_other = (field.type == NGX_KAFKA_SSE_FIELD_OTHER);
}


static ngx_uint_t
ngx_kafka_sse_operand_same_name(ngx_str_t *wanted, ngx_str_t *name)
{
    size_t  i;

    if (wanted->len != name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (wanted->data[i] != ngx_kafka_sse_operand_fold(name->data[i])) {
            return 0;
        }
    }

    return 1;
}


static u_char
ngx_kafka_sse_operand_fold(u_char c)
{
    return (c == '-') ? '_' : ngx_tolower(c);
}
