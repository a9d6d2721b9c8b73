
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_path.h>
#include <shared/ngx_kafka_sse_record.h>


static ngx_int_t ngx_kafka_sse_path_name(ngx_conf_t *cf, ngx_str_t *text,
    u_char **p, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_path_quoted(ngx_conf_t *cf, ngx_str_t *text,
    u_char **p, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_path_index(ngx_conf_t *cf, ngx_str_t *text,
    u_char **p, ngx_uint_t *index);
static ngx_int_t ngx_kafka_sse_path_refuse(ngx_conf_t *cf, ngx_str_t *text,
    u_char *p, char *what);
static ngx_int_t ngx_kafka_sse_path_canonical(ngx_conf_t *cf,
    ngx_kafka_sse_path_t *path);
static ngx_uint_t ngx_kafka_sse_path_is_plain(u_char c);
static u_char *ngx_kafka_sse_path_quote(u_char *dst, ngx_str_t *name);


ngx_int_t
ngx_kafka_sse_path_compile(ngx_conf_t *cf, ngx_kafka_sse_path_t *path,
    ngx_str_t *text)
{
    u_char                *p, *last;
    ngx_int_t              rc;
    ngx_kafka_sse_step_t  *step;

    if (!ngx_kafka_sse_record_is_text(text)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\", it is not UTF-8", text);
        return NGX_ERROR;
    }

    if (ngx_array_init(&path->steps, cf->pool, 2,
                       sizeof(ngx_kafka_sse_step_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = text->data;
    last = p + text->len;

    do {
        step = ngx_array_push(&path->steps);
        if (step == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(step, sizeof(ngx_kafka_sse_step_t));

        if (p < last && *p == '.') {
            p++;
            rc = (p < last && *p == '"')
                 ? ngx_kafka_sse_path_quoted(cf, text, &p, &step->name)
                 : ngx_kafka_sse_path_name(cf, text, &p, &step->name);

        } else if (p < last && *p == '[') {
            p++;
            rc = ngx_kafka_sse_path_index(cf, text, &p, &step->index);

        } else {
            rc = ngx_kafka_sse_path_refuse(cf, text, p,
                                            "\".\" or \"[\" is expected");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

    } while (p < last);

    return ngx_kafka_sse_path_canonical(cf, path);
}


static ngx_int_t
ngx_kafka_sse_path_name(ngx_conf_t *cf, ngx_str_t *text, u_char **p,
    ngx_str_t *name)
{
    u_char  *start, *last;

    start = *p;
    last = text->data + text->len;

    while (*p < last && ngx_kafka_sse_path_is_plain(**p)) {
        (*p)++;
    }

    if (*p == start) {
        return ngx_kafka_sse_path_refuse(cf, text, start,
                                          "a name is expected");
    }

    name->len = *p - start;
    name->data = ngx_pnalloc(cf->pool, name->len);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name->data, start, name->len);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_path_quoted(ngx_conf_t *cf, ngx_str_t *text, u_char **p,
    ngx_str_t *name)
{
    ngx_str_t             rest;
    ngx_kafka_sse_json_t  json;

    rest.data = *p;
    rest.len = text->data + text->len - *p;

    ngx_kafka_sse_json_init(&json, &rest);

    if (ngx_kafka_sse_json_next(&json) != NGX_OK) {
        return ngx_kafka_sse_path_refuse(cf, text, *p,
                                          "no JSON string begins");
    }

    /* not NULL, also of "" */

    name->data = ngx_pnalloc(cf->pool, json.text.len + 1);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    name->len = ngx_kafka_sse_json_unescape(name->data, &json.text)
                - name->data;
    *p = json.pos;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_path_index(ngx_conf_t *cf, ngx_str_t *text, u_char **p,
    ngx_uint_t *index)
{
    u_char     *start, *last;
    ngx_int_t   n;

    start = *p;
    last = text->data + text->len;

    while (*p < last && **p >= '0' && **p <= '9') {
        (*p)++;
    }

    n = ngx_atoi(start, *p - start);

    if (n == NGX_ERROR) {
        return ngx_kafka_sse_path_refuse(cf, text, start,
                                          "a number is expected");
    }

    if (*p == last || **p != ']') {
        return ngx_kafka_sse_path_refuse(cf, text, *p,
                                          "\"]\" is expected");
    }

    (*p)++;
    *index = n;

    return NGX_OK;
}


/* characters are counted from 1, and are not bytes */

static ngx_int_t
ngx_kafka_sse_path_refuse(ngx_conf_t *cf, ngx_str_t *text, u_char *p,
    char *what)
{
    u_char      *c;
    ngx_uint_t   n;

    n = 1;

    for (c = text->data; c < p; c++) {
        n += (*c & 0xc0) != 0x80;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid path \"%V\", %s at character %ui",
                       text, what, n);

    return NGX_ERROR;
}


/* a name that needs no quotes has none */

static ngx_int_t
ngx_kafka_sse_path_canonical(ngx_conf_t *cf, ngx_kafka_sse_path_t *path)
{
    u_char                *p;
    size_t                 len;
    ngx_uint_t             i;
    ngx_kafka_sse_step_t  *steps;

    steps = path->steps.elts;
    len = 0;

    for (i = 0; i < path->steps.nelts; i++) {
        len += steps[i].name.data ? 3 + 6 * steps[i].name.len
                                  : 2 + NGX_INT_T_LEN;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->text.data = p;

    for (i = 0; i < path->steps.nelts; i++) {
        p = steps[i].name.data
            ? ngx_kafka_sse_path_quote(p, &steps[i].name)
            : ngx_sprintf(p, "[%ui]", steps[i].index);
    }

    path->text.len = p - path->text.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_path_is_plain(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_' || c == '-' || c >= 0x80;
}


static u_char *
ngx_kafka_sse_path_quote(u_char *dst, ngx_str_t *name)
{
    u_char  *p, *last;

    p = name->data;
    last = p + name->len;

    *dst++ = '.';

    while (p < last && ngx_kafka_sse_path_is_plain(*p)) {
        p++;
    }

    if (p == last && name->len) {
        return ngx_cpymem(dst, name->data, name->len);
    }

    *dst++ = '"';

    for (p = name->data; p < last; p++) {

        if (*p < 0x20) {
            dst = ngx_sprintf(dst, "\\u%04xi", (ngx_uint_t) *p);
            continue;
        }

        if (*p == '"' || *p == '\\') {
            *dst++ = '\\';
        }

        *dst++ = *p;
    }

    *dst++ = '"';

    return dst;
}
