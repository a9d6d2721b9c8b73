
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_safe_uri.h>


#define NGX_KAFKA_SSE_SAFE_URI_MASK  "***"


static ngx_uint_t ngx_kafka_sse_safe_uri_char(u_char **p, u_char *last);
static ngx_int_t ngx_kafka_sse_safe_uri_digit(u_char c);
static u_char *ngx_kafka_sse_safe_uri_secret(u_char *p, u_char *last,
    ngx_array_t *args);
static u_char *ngx_kafka_sse_safe_uri_match(u_char *p, u_char *last,
    ngx_str_t *name);


static ngx_str_t  ngx_kafka_sse_safe_uri_names[] = {
    ngx_string("token"),
    ngx_string("access_token"),
    ngx_string("jwt"),
    ngx_null_string
};


size_t
ngx_kafka_sse_safe_uri(u_char *dst, ngx_str_t *uri, ngx_array_t *args)
{
    u_char      *p, *value, *next, *last;
    size_t       len;
    ngx_uint_t   c, found;

    len = 0;
    found = 0;
    p = uri->data;
    last = p + uri->len;

    /* nothing begins before the first separator */

    while (p < last) {
        next = p;
        c = ngx_kafka_sse_safe_uri_char(&next, last);

        value = (c == '?' || c == '&' || c == ';')
                ? ngx_kafka_sse_safe_uri_secret(next, last, args) : NULL;

        if (value) {
            next = value;
        }

        if (dst) {
            dst = ngx_cpymem(dst, p, next - p);
        }

        len += next - p;
        p = next;

        if (value == NULL) {
            continue;
        }

        if (dst) {
            dst = ngx_cpymem(dst, NGX_KAFKA_SSE_SAFE_URI_MASK,
                             sizeof(NGX_KAFKA_SSE_SAFE_URI_MASK) - 1);
        }

        len += sizeof(NGX_KAFKA_SSE_SAFE_URI_MASK) - 1;
        found = 1;

        while (p < last && *p != '&' && *p != ' ') {
            p++;
        }
    }

    return found ? len : 0;
}


/* the next character, decoded, if it is percent-encoded; p < last */

static ngx_uint_t
ngx_kafka_sse_safe_uri_char(u_char **p, u_char *last)
{
    u_char     *s;
    ngx_int_t   high, low;

    s = *p;

    if (*s == '%' && last - s > 2) {
        high = ngx_kafka_sse_safe_uri_digit(s[1]);
        low = ngx_kafka_sse_safe_uri_digit(s[2]);

        if (high >= 0 && low >= 0) {
            *p = s + 3;
            return high * 16 + low;
        }
    }

    *p = s + 1;

    return *s;
}


static ngx_int_t
ngx_kafka_sse_safe_uri_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* where the value begins, if a name that may hold a token is at p; or NULL */

static u_char *
ngx_kafka_sse_safe_uri_secret(u_char *p, u_char *last, ngx_array_t *args)
{
    u_char      *value;
    ngx_str_t   *name;
    ngx_uint_t   i;

    for (name = ngx_kafka_sse_safe_uri_names; name->len; name++) {
        value = ngx_kafka_sse_safe_uri_match(p, last, name);
        if (value) {
            return value;
        }
    }

    name = args->elts;

    for (i = 0; i < args->nelts; i++) {
        value = ngx_kafka_sse_safe_uri_match(p, last, &name[i]);
        if (value) {
            return value;
        }
    }

    return NULL;
}


static u_char *
ngx_kafka_sse_safe_uri_match(u_char *p, u_char *last, ngx_str_t *name)
{
    size_t      i;
    ngx_uint_t  c;

    for (i = 0; i < name->len; i++) {

        if (p == last) {
            return NULL;
        }

        c = ngx_kafka_sse_safe_uri_char(&p, last);

        if (ngx_tolower(c) != ngx_tolower(name->data[i])) {
            return NULL;
        }
    }

    return (p < last && ngx_kafka_sse_safe_uri_char(&p, last) == '=') ? p
                                                                      : NULL;
}


/* the text has been compiled, so a "${" is closed */

ngx_int_t
ngx_kafka_sse_safe_uri_args(ngx_array_t *names, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t  *name;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (*p++ != '$') {
            continue;
        }

        if (p < last && *p == '{') {
            p++;
        }

        if (last - p < 5 || ngx_strncasecmp(p, (u_char *) "arg_", 4) != 0) {
            continue;
        }

        p += 4;

        name = ngx_array_push(names);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->data = p;

        while (p < last && (*p == '_' || (*p >= '0' && *p <= '9')
                            || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')))
        {
            p++;
        }

        name->len = p - name->data;
    }

    return NGX_OK;
}
