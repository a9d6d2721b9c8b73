
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_accept.h>


#define NGX_KAFKA_SSE_ACCEPT_DIGITS  3      /* of a weight, behind its point */


static ngx_int_t ngx_kafka_sse_accept_range(ngx_str_t *in, ngx_uint_t *rank,
    ngx_uint_t *admits);
static ngx_int_t ngx_kafka_sse_accept_parameter(ngx_str_t *in,
    ngx_uint_t *weighed, ngx_uint_t *admits);
static ngx_int_t ngx_kafka_sse_accept_weight(ngx_str_t *text,
    ngx_uint_t *admits);
static ngx_uint_t ngx_kafka_sse_accept_rank(ngx_str_t *type,
    ngx_str_t *subtype);
static void ngx_kafka_sse_accept_skip(ngx_str_t *in);
static ngx_int_t ngx_kafka_sse_accept_token(ngx_str_t *in, ngx_str_t *token);
static ngx_int_t ngx_kafka_sse_accept_quoted(ngx_str_t *in);
static void ngx_kafka_sse_accept_space(ngx_str_t *in);
static ngx_uint_t ngx_kafka_sse_accept_take(ngx_str_t *in, u_char c);
static ngx_uint_t ngx_kafka_sse_accept_is(ngx_str_t *text, char *name,
    size_t len);


void
ngx_kafka_sse_accept_init(ngx_kafka_sse_accept_t *accept)
{
    ngx_memzero(accept, sizeof(ngx_kafka_sse_accept_t));
}


void
ngx_kafka_sse_accept_add(ngx_kafka_sse_accept_t *accept, ngx_str_t *value)
{
    ngx_str_t   in;
    ngx_uint_t  rank, admits;

    in = *value;

    for ( ;; ) {
        ngx_kafka_sse_accept_space(&in);

        if (in.len == 0) {
            return;
        }

        if (ngx_kafka_sse_accept_take(&in, ',')) {
            continue;
        }

        if (ngx_kafka_sse_accept_range(&in, &rank, &admits) != NGX_OK) {
            ngx_kafka_sse_accept_skip(&in);
            continue;
        }

        accept->ranges++;

        if (rank > accept->rank) {
            accept->rank = rank;
            accept->admits = admits;

        } else if (rank && rank == accept->rank) {
            accept->admits |= admits;
        }
    }
}


ngx_uint_t
ngx_kafka_sse_accept_admits(ngx_kafka_sse_accept_t *accept)
{
    return accept->ranges == 0 || accept->admits;
}


/* takes a range up to its "," or the end off *in, unless it is malformed */

static ngx_int_t
ngx_kafka_sse_accept_range(ngx_str_t *in, ngx_uint_t *rank,
    ngx_uint_t *admits)
{
    ngx_str_t   type, subtype;
    ngx_uint_t  weighed;

    *admits = 1;
    weighed = 0;

    if (ngx_kafka_sse_accept_token(in, &type) != NGX_OK
        || !ngx_kafka_sse_accept_take(in, '/')
        || ngx_kafka_sse_accept_token(in, &subtype) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for ( ;; ) {
        ngx_kafka_sse_accept_space(in);

        if (!ngx_kafka_sse_accept_take(in, ';')) {
            break;
        }

        ngx_kafka_sse_accept_space(in);

        if (ngx_kafka_sse_accept_parameter(in, &weighed, admits) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    if (in->len && in->data[0] != ',') {
        return NGX_DECLINED;
    }

    *rank = ngx_kafka_sse_accept_rank(&type, &subtype);

    return NGX_OK;
}


/* an empty one, "text/html;;q=1", is allowed; the first weight counts */

static ngx_int_t
ngx_kafka_sse_accept_parameter(ngx_str_t *in, ngx_uint_t *weighed,
    ngx_uint_t *admits)
{
    ngx_str_t  name, value;

    if (in->len == 0 || in->data[0] == ';' || in->data[0] == ',') {
        return NGX_OK;
    }

    if (ngx_kafka_sse_accept_token(in, &name) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (!ngx_kafka_sse_accept_take(in, '=')) {

        /* what once could follow a weight need not have a value */

        return *weighed ? NGX_OK : NGX_DECLINED;
    }

    if (in->len && in->data[0] == '"') {
        ngx_str_null(&value);

        if (ngx_kafka_sse_accept_quoted(in) != NGX_OK) {
            return NGX_DECLINED;
        }

    } else if (ngx_kafka_sse_accept_token(in, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (*weighed || !ngx_kafka_sse_accept_is(&name, "q", 1)) {
        return NGX_OK;
    }

    *weighed = 1;

    return ngx_kafka_sse_accept_weight(&value, admits);
}


/* "0", "0.5", "1.000"; more digits than three are a mistake */

static ngx_int_t
ngx_kafka_sse_accept_weight(ngx_str_t *text, ngx_uint_t *admits)
{
    u_char      c;
    ngx_uint_t  i, one;

    if (text->len == 0
        || text->len > 2 + NGX_KAFKA_SSE_ACCEPT_DIGITS
        || (text->data[0] != '0' && text->data[0] != '1')
        || (text->len > 1 && text->data[1] != '.'))
    {
        return NGX_DECLINED;
    }

    one = (text->data[0] == '1');
    *admits = one;

    for (i = 2; i < text->len; i++) {
        c = text->data[i];

        if (c < '0' || c > (one ? '0' : '9')) {
            return NGX_DECLINED;
        }

        *admits |= (c != '0');
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_accept_rank(ngx_str_t *type, ngx_str_t *subtype)
{
    if (ngx_kafka_sse_accept_is(type, "text", 4)) {

        if (ngx_kafka_sse_accept_is(subtype, "event-stream", 12)) {
            return 3;
        }

        return ngx_kafka_sse_accept_is(subtype, "*", 1) ? 2 : 0;
    }

    return ngx_kafka_sse_accept_is(type, "*", 1)
           && ngx_kafka_sse_accept_is(subtype, "*", 1);
}


/* what is malformed ends at the next comma, in quotes or not */

static void
ngx_kafka_sse_accept_skip(ngx_str_t *in)
{
    while (in->len && in->data[0] != ',') {
        in->data++;
        in->len--;
    }
}


static ngx_int_t
ngx_kafka_sse_accept_token(ngx_str_t *in, ngx_str_t *token)
{
    u_char  c;

    token->data = in->data;

    while (in->len) {
        c = in->data[0];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9')
            && (c == '\0' || ngx_strchr("!#$%&'*+-.^_`|~", c) == NULL))
        {
            break;
        }

        in->data++;
        in->len--;
    }

    token->len = in->data - token->data;

    return token->len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_kafka_sse_accept_quoted(ngx_str_t *in)
{
    u_char  *p, *last;

    last = in->data + in->len;

    for (p = in->data + 1; p < last && *p != '"'; p++) {

        if (*p == '\\' && ++p == last) {
            break;
        }
    }

    if (p == last) {
        return NGX_DECLINED;
    }

    in->data = p + 1;
    in->len = last - in->data;

    return NGX_OK;
}


static void
ngx_kafka_sse_accept_space(ngx_str_t *in)
{
    while (in->len && (in->data[0] == ' ' || in->data[0] == '\t')) {
        in->data++;
        in->len--;
    }
}


static ngx_uint_t
ngx_kafka_sse_accept_take(ngx_str_t *in, u_char c)
{
    if (in->len == 0 || in->data[0] != c) {
        return 0;
    }

    in->data++;
    in->len--;

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_accept_is(ngx_str_t *text, char *name, size_t len)
{
    return text->len == len
           && ngx_strncasecmp(text->data, (u_char *) name, len) == 0;
}
