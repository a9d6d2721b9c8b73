
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_payload.h>


/* what RFC 7519, 4.1 says that a claim is */

#define NGX_KAFKA_SSE_PAYLOAD_ANY      0
#define NGX_KAFKA_SSE_PAYLOAD_STRING   1
#define NGX_KAFKA_SSE_PAYLOAD_STRINGS  2      /* or one string */
#define NGX_KAFKA_SSE_PAYLOAD_TIME     3


typedef struct {
    char                     *name;
    ngx_uint_t                want;
} ngx_kafka_sse_payload_registered_t;


typedef struct {
    ngx_str_t                 name;
    ngx_uint_t                object;      /* it is a member of this one */
} ngx_kafka_sse_payload_member_t;


typedef struct {
    ngx_kafka_sse_json_t      json;
    ngx_kafka_sse_claims_t   *claims;
    ngx_pool_t               *pool;
    char                     *reason;

    ngx_array_t               members;     /* of all objects */
    ngx_uint_t                nobjects;
    uint32_t                  objects[NGX_KAFKA_SSE_JSON_DEPTH + 1];
                                           /* by depth: which one is open */

    ngx_str_t                 paths[NGX_KAFKA_SSE_CLAIMS_DEPTH + 1];
                                           /* by depth: of the member at hand;
                                              data NULL: it is not there */
    ngx_uint_t                want;        /* of the member of depth 1 */
    ngx_uint_t                list;        /* depth of an array that is a
                                              claim, or 0 */
    ngx_uint_t                list_index;
    ngx_uint_t                skip;        /* depth of what is not looked
                                              into, or 0 */
} ngx_kafka_sse_payload_reader_t;


static ngx_int_t ngx_kafka_sse_payload_next(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_name(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_path(
    ngx_kafka_sse_payload_reader_t *reader, ngx_str_t *name);
static ngx_uint_t ngx_kafka_sse_payload_want(ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_payload_check(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_time(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_ms(int64_t *ms, ngx_str_t *text);
static ngx_int_t ngx_kafka_sse_payload_open(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_close(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_join(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_scalar(
    ngx_kafka_sse_payload_reader_t *reader);
static ngx_int_t ngx_kafka_sse_payload_add(
    ngx_kafka_sse_payload_reader_t *reader, ngx_kafka_sse_claim_e type,
    ngx_str_t *value);
static ngx_uint_t ngx_kafka_sse_payload_is_line(ngx_str_t *text);
static ngx_uint_t ngx_kafka_sse_payload_is(ngx_str_t *a, ngx_str_t *b);


static ngx_kafka_sse_payload_registered_t
    ngx_kafka_sse_payload_registered[] =
{
    { "iss", NGX_KAFKA_SSE_PAYLOAD_STRING },
    { "sub", NGX_KAFKA_SSE_PAYLOAD_STRING },
    { "aud", NGX_KAFKA_SSE_PAYLOAD_STRINGS },
    { "exp", NGX_KAFKA_SSE_PAYLOAD_TIME },
    { "nbf", NGX_KAFKA_SSE_PAYLOAD_TIME },
    { "iat", NGX_KAFKA_SSE_PAYLOAD_TIME },
    { "jti", NGX_KAFKA_SSE_PAYLOAD_STRING },
    { NULL, 0 }
};


/*
 * Read token by token, as a number is wanted as it is written: in a library's
 * double two large ids are one, and "too big" is no reason to refuse a token
 * whose sub is in order.
 */

ngx_int_t
ngx_kafka_sse_payload_read(ngx_kafka_sse_claims_t *claims, ngx_pool_t *pool,
    ngx_str_t *payload, char **reason)
{
    ngx_int_t                       rc;
    ngx_str_t                       text;
    ngx_kafka_sse_payload_reader_t  *reader;

    reader = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_payload_reader_t));
    text.data = ngx_pnalloc(pool, payload->len + 1);

    if (reader == NULL || text.data == NULL
        || ngx_array_init(&reader->members, pool, 16,
                          sizeof(ngx_kafka_sse_payload_member_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.len = payload->len;
    ngx_memcpy(text.data, payload->data, payload->len);

    reader->claims = claims;
    reader->pool = pool;
    reader->reason = "its payload is no JSON object";

    ngx_kafka_sse_json_init(&reader->json, &text);

    if (!ngx_kafka_sse_record_is_text(&text)
        || ngx_kafka_sse_json_next(&reader->json) != NGX_OK
        || reader->json.type != NGX_KAFKA_SSE_JSON_OBJECT)
    {
        *reason = reader->reason;
        return NGX_DECLINED;
    }

    do {
        rc = ngx_kafka_sse_payload_next(reader);
    } while (rc == NGX_OK);

    if (rc == NGX_DECLINED) {
        *reason = reader->reason;
    }

    return (rc == NGX_DONE) ? NGX_OK : rc;
}


static ngx_int_t
ngx_kafka_sse_payload_next(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_json_next(&reader->json);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DONE : NGX_DECLINED;
    }

    switch (reader->json.type) {

    case NGX_KAFKA_SSE_JSON_NAME:
        return ngx_kafka_sse_payload_name(reader);

    case NGX_KAFKA_SSE_JSON_OBJECT:
    case NGX_KAFKA_SSE_JSON_ARRAY:
        return ngx_kafka_sse_payload_open(reader);

    case NGX_KAFKA_SSE_JSON_CLOSE:
        return ngx_kafka_sse_payload_close(reader);

    default:
        return ngx_kafka_sse_payload_scalar(reader);
    }
}


/*
 * A name twice is refused at any depth: readers differ in which of the two
 * they take, and what another service has checked must be what we see.
 */

static ngx_int_t
ngx_kafka_sse_payload_name(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_str_t                       name;
    ngx_uint_t                      i, object;
    ngx_kafka_sse_payload_member_t  *member;

    name = ngx_kafka_sse_json_plain(&reader->json);

    object = reader->objects[reader->json.depth];
    member = reader->members.elts;

    for (i = 0; i < reader->members.nelts; i++) {
        if (member[i].object == object
            && ngx_kafka_sse_payload_is(&member[i].name, &name))
        {
            reader->reason = "its payload has a member twice";
            return NGX_DECLINED;
        }
    }

    member = ngx_array_push(&reader->members);
    if (member == NULL) {
        return NGX_ERROR;
    }

    member->name = name;
    member->object = object;

    if (reader->skip) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_payload_path(reader, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (reader->json.depth == 1) {
        reader->want = ngx_kafka_sse_payload_want(&name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_payload_path(ngx_kafka_sse_payload_reader_t *reader,
    ngx_str_t *name)
{
    u_char      *p;
    ngx_str_t   *path, *parent;
    ngx_uint_t   depth;

    depth = reader->json.depth;
    path = &reader->paths[depth];
    ngx_str_null(path);

    if (!ngx_kafka_sse_payload_is_line(name)) {
        return NGX_OK;
    }

    if (depth == 1) {
        *path = *name;
        return NGX_OK;
    }

    parent = &reader->paths[depth - 1];

    if (parent->data == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(reader->pool, parent->len + 1 + name->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;
    path->len = parent->len + 1 + name->len;

    p = ngx_cpymem(p, parent->data, parent->len);
    *p++ = '.';
    ngx_memcpy(p, name->data, name->len);

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_payload_want(ngx_str_t *name)
{
    ngx_kafka_sse_payload_registered_t  *claim;

    for (claim = ngx_kafka_sse_payload_registered; claim->name; claim++) {
        if (ngx_strlen(claim->name) == name->len
            && ngx_memcmp(claim->name, name->data, name->len) == 0)
        {
            return claim->want;
        }
    }

    return NGX_KAFKA_SSE_PAYLOAD_ANY;
}


/* what begins at the value of a member of depth 1, or at an element of it */

static ngx_int_t
ngx_kafka_sse_payload_check(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_uint_t  type;

    type = reader->json.type;

    switch (reader->want) {

    case NGX_KAFKA_SSE_PAYLOAD_STRING:

        if (type == NGX_KAFKA_SSE_JSON_STRING) {
            return NGX_OK;
        }

        reader->reason = "its \"sub\", \"iss\" or \"jti\" is no string";
        return NGX_DECLINED;

    case NGX_KAFKA_SSE_PAYLOAD_STRINGS:

        if (type == NGX_KAFKA_SSE_JSON_STRING
            || (type == NGX_KAFKA_SSE_JSON_ARRAY && reader->list == 0))
        {
            return NGX_OK;
        }

        reader->reason = "its \"aud\" is no string and no array of strings";
        return NGX_DECLINED;

    case NGX_KAFKA_SSE_PAYLOAD_TIME:
        return ngx_kafka_sse_payload_time(reader);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_kafka_sse_payload_time(ngx_kafka_sse_payload_reader_t *reader)
{
    int64_t                ms;
    ngx_kafka_sse_json_t  *json;

    json = &reader->json;

    if (json->type != NGX_KAFKA_SSE_JSON_NUMBER
        || ngx_kafka_sse_payload_ms(&ms, &json->text) != NGX_OK)
    {
        reader->reason = "its \"exp\", \"nbf\" or \"iat\" is no time";
        return NGX_DECLINED;
    }

    /* nbf and iat of 0, as some write for none, and earlier ones, are past */

    switch (reader->paths[1].data[0]) {

    case 'e':

        if (ms == 0) {
            reader->reason = "its \"exp\" is not after 1970";
            return NGX_DECLINED;
        }

        reader->claims->exp = ms;
        break;

    case 'n':
        reader->claims->nbf = ms;
        break;

    default:
        reader->claims->iat = ms;
        break;
    }

    return NGX_OK;
}


/*
 * Decimal digits as they are, so that neither 1700000000.1 nor 17e8 depends on
 * what a double can hold.  The text is a JSON number.  0: less than 1 ms.
 */

static ngx_int_t
ngx_kafka_sse_payload_ms(int64_t *ms, ngx_str_t *text)
{
    u_char     *p, *last, digits[20];
    int64_t     value;
    ngx_int_t   e, shift, point;
    ngx_uint_t  n, minus, nothing;

    p = text->data;
    last = p + text->len;

    minus = (*p == '-');
    p += minus;

    shift = 3;              /* value = 0.digits * 10^(n + shift) ms */
    point = 0;
    n = 0;
    nothing = 1;

    for ( /* void */ ; p < last && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            point = 1;
            continue;
        }

        shift -= point;

        if (*p == '0' && nothing) {
            continue;
        }

        nothing = 0;

        if (n < sizeof(digits)) {
            digits[n++] = *p;

        } else {
            shift++;
        }
    }

    e = 0;
    point = 0;

    if (p < last) {
        p++;
        point = (*p == '-');
        p += (*p == '-' || *p == '+');

        for ( /* void */ ; p < last; p++) {
            if (e < 1000000) {
                e = e * 10 + (*p - '0');
            }
        }
    }

    shift += point ? -e : e;
    *ms = 0;

    if (nothing || minus || (ngx_int_t) n + shift <= 0) {
        return NGX_OK;
    }

    /* 2^53 s are 19 digits of ms */

    if ((ngx_int_t) n + shift > 19) {
        return NGX_DECLINED;
    }

    value = 0;

    for (e = 0; e < (ngx_int_t) n + shift; e++) {

        if (value >= NGX_KAFKA_SSE_CLAIMS_TIME * 100) {
            return NGX_DECLINED;
        }

        value = value * 10 + (e < (ngx_int_t) n ? digits[e] - '0' : 0);
    }

    if (value >= NGX_KAFKA_SSE_CLAIMS_TIME * 1000) {
        return NGX_DECLINED;
    }

    *ms = value;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_payload_open(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_str_t              empty;
    ngx_uint_t             depth;
    ngx_kafka_sse_json_t  *json;

    json = &reader->json;
    depth = json->depth;

    reader->objects[depth] = ++reader->nobjects;

    if (reader->skip) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_payload_check(reader) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (reader->list || depth > NGX_KAFKA_SSE_CLAIMS_DEPTH
        || reader->paths[depth - 1].data == NULL)
    {
        reader->skip = depth;
        return NGX_OK;
    }

    if (json->type == NGX_KAFKA_SSE_JSON_OBJECT) {
        return NGX_OK;
    }

    ngx_str_set(&empty, "");

    reader->list = depth;
    reader->list_index = reader->claims->list.nelts;

    return ngx_kafka_sse_payload_add(reader, NGX_KAFKA_SSE_CLAIM_LIST, &empty);
}


static ngx_int_t
ngx_kafka_sse_payload_close(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_uint_t  depth;

    depth = reader->json.depth + 1;         /* of what is closed */

    if (reader->skip) {

        if (reader->skip == depth) {
            reader->skip = 0;
        }

        return NGX_OK;
    }

    if (reader->list == depth) {
        reader->list = 0;
        return ngx_kafka_sse_payload_join(reader);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_payload_join(ngx_kafka_sse_payload_reader_t *reader)
{
    u_char                 *p;
    size_t                  len;
    ngx_uint_t              i;
    ngx_kafka_sse_claim_t  *claim;

    claim = reader->claims->list.elts;
    claim += reader->list_index;
    claim->n = reader->claims->list.nelts - reader->list_index - 1;

    len = 0;

    for (i = 1; i <= claim->n; i++) {

        if (ngx_strlchr(claim[i].value.data,
                        claim[i].value.data + claim[i].value.len, ','))
        {
            ngx_str_null(&claim->value);
            return NGX_OK;
        }

        len += claim[i].value.len + 1;
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(reader->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    claim->value.data = p;
    claim->value.len = len - 1;

    for (i = 1; i <= claim->n; i++) {
        p = ngx_cpymem(p, claim[i].value.data, claim[i].value.len);
        *p++ = ',';
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_payload_scalar(ngx_kafka_sse_payload_reader_t *reader)
{
    ngx_str_t              value;
    ngx_kafka_sse_json_t  *json;

    json = &reader->json;

    if (reader->skip) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_payload_check(reader) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (json->type == NGX_KAFKA_SSE_JSON_NULL
        || reader->paths[reader->list ? reader->list - 1 : json->depth].data
           == NULL)
    {
        return NGX_OK;
    }

    if (json->type != NGX_KAFKA_SSE_JSON_STRING) {
        return ngx_kafka_sse_payload_add(reader, NGX_KAFKA_SSE_CLAIM_OTHER,
                                        &json->text);
    }

    value = ngx_kafka_sse_json_plain(json);

    if (!ngx_kafka_sse_payload_is_line(&value)) {
        return NGX_OK;
    }

    return ngx_kafka_sse_payload_add(reader, NGX_KAFKA_SSE_CLAIM_TEXT, &value);
}


static ngx_int_t
ngx_kafka_sse_payload_add(ngx_kafka_sse_payload_reader_t *reader,
    ngx_kafka_sse_claim_e type, ngx_str_t *value)
{
    ngx_uint_t              depth;
    ngx_kafka_sse_claim_t  *claim;

    claim = ngx_array_push(&reader->claims->list);
    if (claim == NULL) {
        return NGX_ERROR;
    }

    depth = reader->list ? reader->list - 1 : reader->json.depth;

    claim->name = reader->paths[depth];
    claim->value = *value;
    claim->type = type;
    claim->n = 0;

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_payload_is_line(ngx_str_t *text)
{
    u_char  *p, *last;

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {
        if (*p == '\0' || *p == CR || *p == LF) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_payload_is(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}
