
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_json.h>


/* what may come next */

#define NGX_KAFKA_SSE_JSON_WANT_VALUE    0
#define NGX_KAFKA_SSE_JSON_WANT_ELEMENT  1    /* or "]" */
#define NGX_KAFKA_SSE_JSON_WANT_NAME     2
#define NGX_KAFKA_SSE_JSON_WANT_MEMBER   3    /* a name, or "}" */
#define NGX_KAFKA_SSE_JSON_WANT_MORE     4    /* ",", an end, or nothing */


static void ngx_kafka_sse_json_space(ngx_kafka_sse_json_t *json);
static ngx_int_t ngx_kafka_sse_json_value(ngx_kafka_sse_json_t *json);
static ngx_int_t ngx_kafka_sse_json_name(ngx_kafka_sse_json_t *json);
static ngx_int_t ngx_kafka_sse_json_open(ngx_kafka_sse_json_t *json,
    ngx_uint_t type);
static ngx_int_t ngx_kafka_sse_json_close(ngx_kafka_sse_json_t *json);
static ngx_int_t ngx_kafka_sse_json_word(ngx_kafka_sse_json_t *json,
    ngx_uint_t type, char *word, size_t len);
static ngx_int_t ngx_kafka_sse_json_number(ngx_kafka_sse_json_t *json);
static u_char *ngx_kafka_sse_json_digits(u_char *p, u_char *last);
static ngx_int_t ngx_kafka_sse_json_string(ngx_kafka_sse_json_t *json,
    ngx_uint_t type);
static size_t ngx_kafka_sse_json_escape(u_char *p, u_char *last);
static ngx_int_t ngx_kafka_sse_json_hex(u_char *p);
static u_char *ngx_kafka_sse_json_character(u_char *dst, u_char **src);


void
ngx_kafka_sse_json_init(ngx_kafka_sse_json_t *json, ngx_str_t *text)
{
    json->pos = text->data;
    json->last = text->data + text->len;
    json->depth = 0;
    json->expect = NGX_KAFKA_SSE_JSON_WANT_VALUE;
}


ngx_int_t
ngx_kafka_sse_json_next(ngx_kafka_sse_json_t *json)
{
    u_char  c;

    ngx_kafka_sse_json_space(json);

    if (json->pos == json->last) {
        return (json->expect == NGX_KAFKA_SSE_JSON_WANT_MORE
                && json->depth == 0)
               ? NGX_DONE : NGX_ERROR;
    }

    c = *json->pos;

    if (json->expect == NGX_KAFKA_SSE_JSON_WANT_MORE) {

        if (c != ',' || json->depth == 0) {
            return ngx_kafka_sse_json_close(json);
        }

        json->pos++;
        json->expect = ngx_kafka_sse_json_in_array(json, json->depth)
                       ? NGX_KAFKA_SSE_JSON_WANT_VALUE
                       : NGX_KAFKA_SSE_JSON_WANT_NAME;

        ngx_kafka_sse_json_space(json);

        if (json->pos == json->last) {
            return NGX_ERROR;
        }

    } else if ((json->expect == NGX_KAFKA_SSE_JSON_WANT_ELEMENT && c == ']')
               || (json->expect == NGX_KAFKA_SSE_JSON_WANT_MEMBER && c == '}'))
    {
        return ngx_kafka_sse_json_close(json);
    }

    if (json->expect == NGX_KAFKA_SSE_JSON_WANT_NAME
        || json->expect == NGX_KAFKA_SSE_JSON_WANT_MEMBER)
    {
        return ngx_kafka_sse_json_name(json);
    }

    return ngx_kafka_sse_json_value(json);
}


ngx_uint_t
ngx_kafka_sse_json_in_array(ngx_kafka_sse_json_t *json, ngx_uint_t depth)
{
    depth--;

    return !(json->objects[depth / 64] >> depth % 64 & 1);
}


u_char *
ngx_kafka_sse_json_unescape(u_char *dst, ngx_str_t *text)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        dst = ngx_kafka_sse_json_character(dst, &p);
    }

    return dst;
}


ngx_str_t
ngx_kafka_sse_json_plain(ngx_kafka_sse_json_t *json)
{
    ngx_str_t  text;

    text = json->text;

    if (json->escaped) {
        text.len = ngx_kafka_sse_json_unescape(text.data, &json->text)
                   - text.data;
    }

    return text;
}


ngx_uint_t
ngx_kafka_sse_json_same(ngx_kafka_sse_json_t *json, ngx_str_t *name)
{
    u_char  *p, *last, *n, *end, c[4];
    size_t   len;

    if (!json->escaped) {
        return json->text.len == name->len
               && ngx_memcmp(json->text.data, name->data, name->len) == 0;
    }

    p = json->text.data;
    last = p + json->text.len;
    n = name->data;
    end = n + name->len;

    while (p < last) {
        len = ngx_kafka_sse_json_character(c, &p) - c;

        if ((size_t) (end - n) < len || ngx_memcmp(n, c, len) != 0) {
            return 0;
        }

        n += len;
    }

    return n == end;
}


static void
ngx_kafka_sse_json_space(ngx_kafka_sse_json_t *json)
{
    u_char  c;

    while (json->pos < json->last) {
        c = *json->pos;

        if (c != ' ' && c != LF && c != CR && c != '\t') {
            return;
        }

        json->pos++;
    }
}


static ngx_int_t
ngx_kafka_sse_json_value(ngx_kafka_sse_json_t *json)
{
    json->expect = NGX_KAFKA_SSE_JSON_WANT_MORE;

    switch (*json->pos) {

    case '{':
        return ngx_kafka_sse_json_open(json, NGX_KAFKA_SSE_JSON_OBJECT);

    case '[':
        return ngx_kafka_sse_json_open(json, NGX_KAFKA_SSE_JSON_ARRAY);

    case '"':
        return ngx_kafka_sse_json_string(json, NGX_KAFKA_SSE_JSON_STRING);

    case 't':
        return ngx_kafka_sse_json_word(json, NGX_KAFKA_SSE_JSON_TRUE,
                                       "true", 4);

    case 'f':
        return ngx_kafka_sse_json_word(json, NGX_KAFKA_SSE_JSON_FALSE,
                                       "false", 5);

    case 'n':
        return ngx_kafka_sse_json_word(json, NGX_KAFKA_SSE_JSON_NULL,
                                       "null", 4);

    default:
        return ngx_kafka_sse_json_number(json);
    }
}


/* the colon is taken, too */

static ngx_int_t
ngx_kafka_sse_json_name(ngx_kafka_sse_json_t *json)
{
    if (*json->pos != '"'
        || ngx_kafka_sse_json_string(json, NGX_KAFKA_SSE_JSON_NAME) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_sse_json_space(json);

    if (json->pos == json->last || *json->pos != ':') {
        return NGX_ERROR;
    }

    json->pos++;
    json->expect = NGX_KAFKA_SSE_JSON_WANT_VALUE;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_json_open(ngx_kafka_sse_json_t *json, ngx_uint_t type)
{
    uint64_t     bit;
    ngx_uint_t   i;

    if (json->depth == NGX_KAFKA_SSE_JSON_DEPTH) {
        return NGX_ERROR;
    }

    i = json->depth / 64;
    bit = (uint64_t) 1 << json->depth % 64;

    if (type == NGX_KAFKA_SSE_JSON_OBJECT) {
        json->objects[i] |= bit;
        json->expect = NGX_KAFKA_SSE_JSON_WANT_MEMBER;

    } else {
        json->objects[i] &= ~bit;
        json->expect = NGX_KAFKA_SSE_JSON_WANT_ELEMENT;
    }

    json->type = type;
    json->text.data = json->pos++;
    json->text.len = 1;
    json->depth++;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_json_close(ngx_kafka_sse_json_t *json)
{
    if (json->depth == 0
        || *json->pos != (ngx_kafka_sse_json_in_array(json, json->depth)
                          ? ']' : '}'))
    {
        return NGX_ERROR;
    }

    json->type = NGX_KAFKA_SSE_JSON_CLOSE;
    json->text.data = json->pos++;
    json->text.len = 1;
    json->depth--;
    json->expect = NGX_KAFKA_SSE_JSON_WANT_MORE;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_json_word(ngx_kafka_sse_json_t *json, ngx_uint_t type,
    char *word, size_t len)
{
    if ((size_t) (json->last - json->pos) < len
        || ngx_memcmp(json->pos, word, len) != 0)
    {
        return NGX_ERROR;
    }

    json->type = type;
    json->text.data = json->pos;
    json->text.len = len;
    json->pos += len;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_json_number(ngx_kafka_sse_json_t *json)
{
    u_char  *p, *last, *digits;

    p = json->pos;
    last = json->last;

    if (*p == '-') {
        p++;
    }

    digits = p;
    p = ngx_kafka_sse_json_digits(p, last);

    if (p == digits || (*digits == '0' && p - digits > 1)) {
        return NGX_ERROR;
    }

    if (p < last && *p == '.') {
        digits = p + 1;
        p = ngx_kafka_sse_json_digits(digits, last);

        if (p == digits) {
            return NGX_ERROR;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        digits = p;
        p = ngx_kafka_sse_json_digits(p, last);

        if (p == digits) {
            return NGX_ERROR;
        }
    }

    json->type = NGX_KAFKA_SSE_JSON_NUMBER;
    json->text.data = json->pos;
    json->text.len = p - json->pos;
    json->pos = p;

    return NGX_OK;
}


static u_char *
ngx_kafka_sse_json_digits(u_char *p, u_char *last)
{
    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}


static ngx_int_t
ngx_kafka_sse_json_string(ngx_kafka_sse_json_t *json, ngx_uint_t type)
{
    u_char  *p, *last;
    size_t   n;

    last = json->last;

    json->type = type;
    json->escaped = 0;
    json->text.data = json->pos + 1;

    for (p = json->text.data; p < last && *p != '"'; /* void */ ) {

        if (*p < 0x20) {
            return NGX_ERROR;
        }

        if (*p != '\\') {
            p++;
            continue;
        }

        n = ngx_kafka_sse_json_escape(p, last);

        if (n == 0) {
            return NGX_ERROR;
        }

        json->escaped = 1;
        p += n;
    }

    if (p == last) {
        return NGX_ERROR;
    }

    json->text.len = p - json->text.data;
    json->pos = p + 1;

    return NGX_OK;
}


/*
 * The length of the escape at p, 0 if it is not valid.  Two that are halves of
 * one character (RFC 8259, 7) are one; a half alone is no text.
 */

static size_t
ngx_kafka_sse_json_escape(u_char *p, u_char *last)
{
    ngx_int_t  n;

    if (last - p < 2) {
        return 0;
    }

    switch (p[1]) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;

    case 'u':
        break;

    default:
        return 0;
    }

    n = (last - p < 6) ? NGX_ERROR : ngx_kafka_sse_json_hex(p + 2);

    if (n == NGX_ERROR || (n >= 0xdc00 && n <= 0xdfff)) {
        return 0;
    }

    if (n < 0xd800 || n > 0xdbff) {
        return 6;
    }

    n = (last - p < 12 || p[6] != '\\' || p[7] != 'u')
        ? NGX_ERROR : ngx_kafka_sse_json_hex(p + 8);

    return (n >= 0xdc00 && n <= 0xdfff) ? 12 : 0;
}


static ngx_int_t
ngx_kafka_sse_json_hex(u_char *p)
{
    u_char      c;
    ngx_int_t   n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < 4; i++) {
        c = p[i] | 0x20;

        if (p[i] >= '0' && p[i] <= '9') {
            n = n * 16 + (p[i] - '0');

        } else if (c >= 'a' && c <= 'f') {
            n = n * 16 + (c - 'a' + 10);

        } else {
            return NGX_ERROR;
        }
    }

    return n;
}


/* one byte, or what one escape says, of a text that has been read */

static u_char *
ngx_kafka_sse_json_character(u_char *dst, u_char **src)
{
    u_char      *p;
    ngx_uint_t   n;

    static const u_char  from[] = "bfnrt";
    static const u_char  to[] = "\b\f\n\r\t";

    p = *src;

    if (*p != '\\') {
        *dst++ = *p;
        *src = p + 1;
        return dst;
    }

    if (p[1] != 'u') {
        for (n = 0; from[n] && from[n] != p[1]; n++) { /* void */ }

        *dst++ = from[n] ? to[n] : p[1];
        *src = p + 2;
        return dst;
    }

    n = ngx_kafka_sse_json_hex(p + 2);
    *src = p + 6;

    if (n < 0x80) {
        *dst++ = (u_char) n;
        return dst;
    }

    if (n < 0x800) {
        *dst++ = (u_char) (0xc0 | n >> 6);
        *dst++ = (u_char) (0x80 | (n & 0x3f));
        return dst;
    }

    if (n < 0xd800 || n > 0xdbff) {
        *dst++ = (u_char) (0xe0 | n >> 12);
        *dst++ = (u_char) (0x80 | (n >> 6 & 0x3f));
        *dst++ = (u_char) (0x80 | (n & 0x3f));
        return dst;
    }

    n = 0x10000 + ((n - 0xd800) << 10)
        + (ngx_kafka_sse_json_hex(p + 8) - 0xdc00);
    *src = p + 12;

    *dst++ = (u_char) (0xf0 | n >> 18);
    *dst++ = (u_char) (0x80 | (n >> 12 & 0x3f));
    *dst++ = (u_char) (0x80 | (n >> 6 & 0x3f));
    *dst++ = (u_char) (0x80 | (n & 0x3f));

    return dst;
}
