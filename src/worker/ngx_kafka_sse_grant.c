
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <worker/ngx_kafka_sse_grant.h>


static ngx_int_t ngx_kafka_sse_grant_variable(ngx_str_t *rest,
    ngx_str_t *text);
static ngx_uint_t ngx_kafka_sse_grant_literal(ngx_str_t *text);
static ngx_uint_t ngx_kafka_sse_grant_is_name(u_char c);
static ngx_uint_t ngx_kafka_sse_grant_segment(u_char *p, u_char *last,
    u_char *name, u_char *end);


ngx_int_t
ngx_kafka_sse_grant_parse(ngx_array_t *parts, ngx_str_t *text)
{
    u_char                      *p, *last;
    size_t                       len;
    ngx_str_t                    rest;
    ngx_kafka_sse_grant_part_t  *part;

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    len = 0;
    rest = *text;
    last = text->data + text->len;

    while (rest.len) {

        part = ngx_array_push(parts);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->is_variable = (rest.data[0] == '$');

        if (part->is_variable) {
            if (ngx_kafka_sse_grant_variable(&rest, &part->text) != NGX_OK) {
                return NGX_DECLINED;
            }

            len++;
            continue;
        }

        for (p = rest.data; p < last && *p != '$'; p++) { /* void */ }

        part->text.data = rest.data;
        part->text.len = p - rest.data;

        if (!ngx_kafka_sse_grant_literal(&part->text)) {
            return NGX_DECLINED;
        }

        len += part->text.len;

        rest.data = p;
        rest.len = last - p;
    }

    return (len <= NGX_KAFKA_SSE_TOPIC_NAME_MAX) ? NGX_OK : NGX_DECLINED;
}


/* "$name" or "${name}", cut off the rest */

static ngx_int_t
ngx_kafka_sse_grant_variable(ngx_str_t *rest, ngx_str_t *text)
{
    u_char      *p, *last, *name;
    ngx_uint_t   braced;

    p = rest->data + 1;
    last = rest->data + rest->len;

    braced = (p < last && *p == '{');
    p += braced;
    name = p;

    while (p < last && ngx_kafka_sse_grant_is_name(*p)) {
        p++;
    }

    if (p == name || (braced && (p == last || *p != '}'))) {
        return NGX_DECLINED;
    }

    p += braced;

    text->data = rest->data;
    text->len = p - rest->data;

    rest->data = p;
    rest->len = last - p;

    return NGX_OK;
}


/* whether it is a topic's characters, and "*" that stand alone */

static ngx_uint_t
ngx_kafka_sse_grant_literal(ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '*') {
            if (i && text->data[i - 1] == '*') {
                return 0;
            }

        } else if (!ngx_kafka_sse_conf_is_topic_char(text->data[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_grant_is_name(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}


ngx_int_t
ngx_kafka_sse_grant_pattern(ngx_kafka_sse_grant_part_t *parts, ngx_uint_t n,
    ngx_str_t *values, ngx_pool_t *pool, ngx_str_t *pattern)
{
    size_t       len, k;
    u_char      *p;
    ngx_str_t   *text;
    ngx_uint_t   i;

    len = 0;

    for (i = 0; i < n; i++) {

        if (!parts[i].is_variable) {
            len += parts[i].text.len;
            continue;
        }

        text = &values[i];

        if (text->len == 0 || text->len > NGX_KAFKA_SSE_TOPIC_NAME_MAX) {
            return NGX_DECLINED;
        }

        for (k = 0; k < text->len; k++) {
            if (!ngx_kafka_sse_conf_is_topic_char(text->data[k])) {
                return NGX_DECLINED;
            }
        }

        len += text->len;
    }

    if (len > NGX_KAFKA_SSE_TOPIC_NAME_MAX) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    pattern->len = len;
    pattern->data = p;

    for (i = 0; i < n; i++) {
        text = parts[i].is_variable ? &values[i] : &parts[i].text;
        p = ngx_cpymem(p, text->data, text->len);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_grant_element(ngx_str_t *list, ngx_str_t *element)
{
    u_char  *p, *last;

    if (list->data == NULL) {
        return 0;
    }

    last = list->data + list->len;

    for (p = list->data; p < last && *p != ','; p++) { /* void */ }

    element->data = list->data;
    element->len = p - list->data;

    if (p == last) {
        ngx_str_null(list);
        return 1;
    }

    list->data = p + 1;
    list->len = last - list->data;

    return 1;
}


/* "*" is no ".", so both have as many segments, and each is for itself */

ngx_uint_t
ngx_kafka_sse_grant_match(ngx_str_t *pattern, ngx_str_t *name)
{
    u_char  *p, *last, *n, *end, *next, *stop;

    if (ngx_kafka_sse_grant_is_internal(name)
        && !ngx_kafka_sse_grant_is_internal(pattern))
    {
        return 0;
    }

    p = pattern->data;
    last = p + pattern->len;
    n = name->data;
    end = n + name->len;

    for ( ;; ) {
        for (next = p; next < last && *next != '.'; next++) { /* void */ }
        for (stop = n; stop < end && *stop != '.'; stop++) { /* void */ }

        if (!ngx_kafka_sse_grant_segment(p, next, n, stop)) {
            return 0;
        }

        if (next == last || stop == end) {
            return next == last && stop == end;
        }

        p = next + 1;
        n = stop + 1;
    }
}


/* the last "*" takes one character more when what follows it does not fit */

static ngx_uint_t
ngx_kafka_sse_grant_segment(u_char *p, u_char *last, u_char *name,
    u_char *end)
{
    u_char  *star, *taken;

    star = NULL;
    taken = NULL;

    while (name < end) {

        if (p < last && *p == '*') {
            star = p++;
            taken = name++;
            continue;
        }

        if (p < last && *p == *name) {
            p++;
            name++;
            continue;
        }

        if (star == NULL) {
            return 0;
        }

        p = star + 1;
        name = ++taken + 1;
    }

    /* each "*" that is left lacks a character */

    return p == last;
}
