
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * A strict reader of JSON, independent of what it tests: RFC 8259, valid
 * UTF-8, no name twice in an object.
 */


#ifndef _JSON_H_INCLUDED_
#define _JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define JSON_NAMES  1024        /* of one object that are compared */


static u_char *json_value(u_char *p, u_char *last, ngx_uint_t depth);


/* 0: not valid UTF-8; by decoding, where the module looks at byte ranges */

static ngx_inline size_t
json_utf8(u_char *p, u_char *last)
{
    size_t    i, n;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (*p < 0x80) {
        return 1;
    }

    if ((*p & 0xe0) == 0xc0) {
        n = 2;
        c = *p & 0x1f;

    } else if ((*p & 0xf0) == 0xe0) {
        n = 3;
        c = *p & 0x0f;

    } else if ((*p & 0xf8) == 0xf0) {
        n = 4;
        c = *p & 0x07;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return n;
}


static ngx_inline ngx_uint_t
json_is_text(u_char *p, size_t len)
{
    size_t   n;
    u_char  *last;

    for (last = p + len; p < last; p += n) {
        n = (*p == '\0') ? 0 : json_utf8(p, last);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


static ngx_inline u_char *
json_space(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
        p++;
    }

    return p;
}


/* p is behind the quote; the end behind the other one, or NULL */

static ngx_inline u_char *
json_string(u_char *p, u_char *last)
{
    size_t      n;
    ngx_uint_t  i;

    while (p < last) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p < 0x20) {
            return NULL;
        }

        if (*p != '\\') {
            n = json_utf8(p, last);

            if (n == 0) {
                return NULL;
            }

            p += n;
            continue;
        }

        if (++p == last || memchr("\"\\/bfnrtu", *p, 9) == NULL) {
            return NULL;
        }

        if (*p++ == 'u') {

            for (i = 0; i < 4; i++) {
                if (p == last || !isxdigit(*p)) {
                    return NULL;
                }

                p++;
            }
        }
    }

    return NULL;
}


static ngx_inline u_char *
json_object(u_char *p, u_char *last, ngx_uint_t depth)
{
    ngx_str_t   names[JSON_NAMES];
    ngx_uint_t  i, n;

    n = 0;
    p = json_space(p, last);

    if (p < last && *p == '}') {
        return p + 1;
    }

    for ( ;; ) {
        p = json_space(p, last);

        if (p == last || *p++ != '"') {
            return NULL;
        }

        names[n].data = p;
        p = json_string(p, last);

        if (p == NULL) {
            return NULL;
        }

        names[n].len = p - names[n].data;

        for (i = 0; i < n; i++) {
            if (names[i].len == names[n].len
                && memcmp(names[i].data, names[n].data, names[n].len) == 0)
            {
                return NULL;
            }
        }

        if (n < JSON_NAMES - 1) {
            n++;
        }

        p = json_space(p, last);

        if (p == last || *p++ != ':') {
            return NULL;
        }

        p = json_value(p, last, depth);

        if (p == NULL) {
            return NULL;
        }

        p = json_space(p, last);

        if (p == last || (*p != ',' && *p != '}')) {
            return NULL;
        }

        if (*p++ == '}') {
            return p;
        }
    }
}


static ngx_inline u_char *
json_array(u_char *p, u_char *last, ngx_uint_t depth)
{
    p = json_space(p, last);

    if (p < last && *p == ']') {
        return p + 1;
    }

    for ( ;; ) {
        p = json_value(p, last, depth);

        if (p == NULL) {
            return NULL;
        }

        p = json_space(p, last);

        if (p == last || (*p != ',' && *p != ']')) {
            return NULL;
        }

        if (*p++ == ']') {
            return p;
        }
    }
}


static ngx_inline u_char *
json_number(u_char *p, u_char *last)
{
    u_char  *digits;

    if (p < last && *p == '-') {
        p++;
    }

    if (p == last || !isdigit(*p)) {
        return NULL;
    }

    if (*p++ != '0') {
        while (p < last && isdigit(*p)) {
            p++;
        }
    }

    if (p < last && *p == '.') {

        for (digits = ++p; p < last && isdigit(*p); p++) { /* void */ }

        if (p == digits) {
            return NULL;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        for (digits = p; p < last && isdigit(*p); p++) { /* void */ }

        if (p == digits) {
            return NULL;
        }
    }

    return p;
}


/* the end of the value at p, or NULL */

static ngx_inline u_char *
json_value(u_char *p, u_char *last, ngx_uint_t depth)
{
    p = json_space(p, last);

    if (p == last || depth == 16) {
        return NULL;
    }

    switch (*p) {

    case '{':
        return json_object(p + 1, last, depth + 1);

    case '[':
        return json_array(p + 1, last, depth + 1);

    case '"':
        return json_string(p + 1, last);

    case 't':
        return (last - p >= 4 && memcmp(p, "true", 4) == 0) ? p + 4 : NULL;

    case 'f':
        return (last - p >= 5 && memcmp(p, "false", 5) == 0) ? p + 5 : NULL;

    case 'n':
        return (last - p >= 4 && memcmp(p, "null", 4) == 0) ? p + 4 : NULL;
    }

    return json_number(p, last);
}


static ngx_inline ngx_uint_t
json_valid(u_char *p, size_t len)
{
    u_char  *last;

    last = p + len;
    p = json_value(p, last, 0);

    return p != NULL && json_space(p, last) == last;
}


/* a member of a valid object, raw; 0: there is none of this name */

static ngx_inline ngx_uint_t
json_member(u_char *p, size_t len, const char *name, ngx_str_t *value)
{
    u_char  *last, *start, *end;

    last = p + len;
    p = json_space(p, last) + 1;

    while (p < last) {
        p = json_space(p, last);

        if (*p != '"') {
            break;
        }

        start = p + 1;
        end = json_string(start, last);

        p = json_space(end, last) + 1;
        p = json_space(p, last);

        value->data = p;
        p = json_value(p, last, 0);
        value->len = p - value->data;

        if ((size_t) (end - 1 - start) == strlen(name)
            && memcmp(start, name, strlen(name)) == 0)
        {
            return 1;
        }

        p = json_space(p, last) + 1;
    }

    return 0;
}


/* decodes a valid string, quotes included, without surrogates; to be freed */

static ngx_inline ngx_str_t
json_decode(ngx_str_t *raw)
{
    char        hex[5];
    u_char     *p, *last;
    ngx_str_t   out;

    out.len = 0;
    out.data = malloc(raw->len + 1);

    if (out.data == NULL) {
        abort();
    }

    p = raw->data + 1;
    last = raw->data + raw->len - 1;

    while (p < last) {

        if (*p != '\\') {
            out.data[out.len++] = *p++;
            continue;
        }

        switch (p[1]) {

        case 'n':
            out.data[out.len++] = '\n';
            break;

        case 'r':
            out.data[out.len++] = '\r';
            break;

        case 't':
            out.data[out.len++] = '\t';
            break;

        case 'b':
            out.data[out.len++] = '\b';
            break;

        case 'f':
            out.data[out.len++] = '\f';
            break;

        case 'u':
            memcpy(hex, p + 2, 4);
            hex[4] = '\0';
            out.data[out.len++] = (u_char) strtol(hex, NULL, 16);
            p += 4;
            break;

        default:
            out.data[out.len++] = p[1];
            break;
        }

        p += 2;
    }

    return out;
}


/* decodes base64 in quotes; to be freed */

static ngx_inline ngx_str_t
json_decode_base64(ngx_str_t *raw)
{
    size_t       i;
    uint32_t     bits;
    ngx_str_t    out;
    const char  *digit;
    ngx_uint_t   nbits;

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    out.len = 0;
    out.data = malloc(raw->len + 1);

    if (out.data == NULL) {
        abort();
    }

    bits = 0;
    nbits = 0;

    for (i = 1; i < raw->len - 1 && raw->data[i] != '='; i++) {
        digit = memchr(digits, raw->data[i], 64);

        if (digit == NULL) {
            break;
        }

        bits = bits << 6 | (uint32_t) (digit - digits);
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            out.data[out.len++] = (u_char) (bits >> nbits);
        }
    }

    return out;
}


#endif /* _JSON_H_INCLUDED_ */
