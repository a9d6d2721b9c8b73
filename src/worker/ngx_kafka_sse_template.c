
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_template.h>


#define NGX_KAFKA_SSE_TEMPLATE_LITERAL    0
#define NGX_KAFKA_SSE_TEMPLATE_TOPIC      1
#define NGX_KAFKA_SSE_TEMPLATE_PARTITION  2
#define NGX_KAFKA_SSE_TEMPLATE_OFFSET     3
#define NGX_KAFKA_SSE_TEMPLATE_KEY        4
#define NGX_KAFKA_SSE_TEMPLATE_TIMESTAMP  5
#define NGX_KAFKA_SSE_TEMPLATE_HEADER     6


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   type;
} ngx_kafka_sse_template_variable_t;


static ngx_int_t ngx_kafka_sse_template_add_literal(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *text);
static ngx_int_t ngx_kafka_sse_template_add_variable(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_template_take_name(ngx_conf_t *cf,
    ngx_str_t *text, ngx_str_t *rest, ngx_str_t *name);
static ngx_kafka_sse_template_part_t *ngx_kafka_sse_template_add(
    ngx_conf_t *cf, ngx_kafka_sse_template_t *template, ngx_uint_t type,
    size_t len);
static u_char *ngx_kafka_sse_template_header(u_char *dst, ngx_str_t *wanted,
    ngx_kafka_sse_record_t *rec);
static ngx_uint_t ngx_kafka_sse_template_same_name(ngx_str_t *wanted,
    ngx_str_t *name);
static u_char ngx_kafka_sse_template_fold(u_char c);
static u_char *ngx_kafka_sse_template_clean(u_char *dst, ngx_str_t *text);


static ngx_kafka_sse_template_variable_t
    ngx_kafka_sse_template_variables[] =
{
    { ngx_string("kafka_sse_topic"), NGX_KAFKA_SSE_TEMPLATE_TOPIC },
    { ngx_string("kafka_sse_partition"), NGX_KAFKA_SSE_TEMPLATE_PARTITION },
    { ngx_string("kafka_sse_offset"), NGX_KAFKA_SSE_TEMPLATE_OFFSET },
    { ngx_string("kafka_sse_key"), NGX_KAFKA_SSE_TEMPLATE_KEY },
    { ngx_string("kafka_sse_timestamp"), NGX_KAFKA_SSE_TEMPLATE_TIMESTAMP },
    { ngx_null_string, 0 }
};


static ngx_str_t  ngx_kafka_sse_template_header_prefix =
    ngx_string("kafka_sse_header_");


char *
ngx_kafka_sse_template_compile(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   rest, name;

    template->parts = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_kafka_sse_template_part_t));
    if (template->parts == NULL) {
        return NGX_CONF_ERROR;
    }

    rest = *text;
    last = text->data + text->len;

    while (rest.len) {

        p = ngx_strlchr(rest.data, last, '$');
        if (p == NULL) {
            p = last;
        }

        name.data = rest.data;
        name.len = p - rest.data;

        if (name.len
            && ngx_kafka_sse_template_add_literal(cf, template, &name)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        rest.data = p;
        rest.len = last - p;

        if (rest.len == 0) {
            break;
        }

        if (ngx_kafka_sse_template_take_name(cf, text, &rest, &name) != NGX_OK
            || ngx_kafka_sse_template_add_variable(cf, template, &name)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


size_t
ngx_kafka_sse_template_len(ngx_kafka_sse_template_t *template,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec)
{
    size_t                          len;
    ngx_uint_t                      i;
    ngx_kafka_sse_template_part_t  *part;

    len = 0;
    part = template->parts->elts;

    for (i = 0; i < template->parts->nelts; i++) {

        switch (part[i].type) {

        case NGX_KAFKA_SSE_TEMPLATE_LITERAL:
            len += part[i].text.len;
            break;

        case NGX_KAFKA_SSE_TEMPLATE_TOPIC:
            len += topic->len;
            break;

        case NGX_KAFKA_SSE_TEMPLATE_KEY:
            len += rec->key.len;
            break;

        case NGX_KAFKA_SSE_TEMPLATE_HEADER:
            len += rec->headers.len;
            break;

        default: /* a number */
            len += NGX_INT64_LEN;
            break;
        }
    }

    return len;
}


u_char *
ngx_kafka_sse_template_write(u_char *dst, ngx_kafka_sse_template_t *template,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_template_part_t  *part;

    part = template->parts->elts;

    for (i = 0; i < template->parts->nelts; i++) {

        switch (part[i].type) {

        case NGX_KAFKA_SSE_TEMPLATE_LITERAL:
            dst = ngx_cpymem(dst, part[i].text.data, part[i].text.len);
            break;

        case NGX_KAFKA_SSE_TEMPLATE_TOPIC:
            dst = ngx_kafka_sse_template_clean(dst, topic);
            break;

        case NGX_KAFKA_SSE_TEMPLATE_PARTITION:
            dst = ngx_sprintf(dst, "%D", rec->partition);
            break;

        case NGX_KAFKA_SSE_TEMPLATE_OFFSET:
            dst = ngx_sprintf(dst, "%L", rec->offset);
            break;

        case NGX_KAFKA_SSE_TEMPLATE_KEY:
            dst = ngx_kafka_sse_template_clean(dst, &rec->key);
            break;

        case NGX_KAFKA_SSE_TEMPLATE_TIMESTAMP:
            if (rec->timestamp != -1) {
                dst = ngx_sprintf(dst, "%L", rec->timestamp);
            }

            break;

        default: /* NGX_KAFKA_SSE_TEMPLATE_HEADER */
            dst = ngx_kafka_sse_template_header(dst, &part[i].text, rec);
            break;
        }
    }

    return dst;
}


static ngx_int_t
ngx_kafka_sse_template_add_literal(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *text)
{
    u_char                         *last;
    ngx_kafka_sse_template_part_t  *part;

    part = ngx_kafka_sse_template_add(cf, template,
                                      NGX_KAFKA_SSE_TEMPLATE_LITERAL,
                                      text->len);
    if (part == NULL) {
        return NGX_ERROR;
    }

    /* cleaned here, so that writing it is one copy */

    last = ngx_kafka_sse_template_clean(part->text.data, text);
    part->text.len = last - part->text.data;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_template_add_variable(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *name)
{
    size_t                              i;
    ngx_str_t                           header, *prefix;
    ngx_kafka_sse_template_part_t      *part;
    ngx_kafka_sse_template_variable_t  *var;

    for (var = ngx_kafka_sse_template_variables; var->name.len; var++) {

        if (name->len == var->name.len
            && ngx_strncmp(name->data, var->name.data, name->len) == 0)
        {
            part = ngx_kafka_sse_template_add(cf, template, var->type, 0);

            return part ? NGX_OK : NGX_ERROR;
        }
    }

    prefix = &ngx_kafka_sse_template_header_prefix;

    if (name->len <= prefix->len
        || ngx_strncmp(name->data, prefix->data, prefix->len) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown record variable \"$%V\"", name);
        return NGX_ERROR;
    }

    header.data = name->data + prefix->len;
    header.len = name->len - prefix->len;

    part = ngx_kafka_sse_template_add(cf, template,
                                      NGX_KAFKA_SSE_TEMPLATE_HEADER,
                                      header.len);
    if (part == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < header.len; i++) {
        part->text.data[i] = ngx_kafka_sse_template_fold(header.data[i]);
    }

    return NGX_OK;
}


/* takes "$name" or "${name}" off *rest, the end of *text */

static ngx_int_t
ngx_kafka_sse_template_take_name(ngx_conf_t *cf, ngx_str_t *text,
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


/* a new part with room for len bytes of text */

static ngx_kafka_sse_template_part_t *
ngx_kafka_sse_template_add(ngx_conf_t *cf, ngx_kafka_sse_template_t *template,
    ngx_uint_t type, size_t len)
{
    ngx_kafka_sse_template_part_t  *part;

    part = ngx_array_push(template->parts);
    if (part == NULL) {
        return NULL;
    }

    part->type = type;
    part->text.len = len;
    part->text.data = NULL;

    if (len) {
        part->text.data = ngx_pnalloc(cf->pool, len);
        if (part->text.data == NULL) {
            return NULL;
        }
    }

    return part;
}


static u_char *
ngx_kafka_sse_template_header(u_char *dst, ngx_str_t *wanted,
    ngx_kafka_sse_record_t *rec)
{
    ngx_str_t  headers, name, value, found;

    ngx_str_null(&found);
    headers = rec->headers;

    while (ngx_kafka_sse_record_next_header(&headers, &name, &value)
           == NGX_OK)
    {
        if (ngx_kafka_sse_template_same_name(wanted, &name)) {
            found = value;
        }
    }

    return ngx_kafka_sse_template_clean(dst, &found);
}


static ngx_uint_t
ngx_kafka_sse_template_same_name(ngx_str_t *wanted, ngx_str_t *name)
{
    size_t  i;

    if (wanted->len != name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (wanted->data[i] != ngx_kafka_sse_template_fold(name->data[i])) {
            return 0;
        }
    }

    return 1;
}


static u_char
ngx_kafka_sse_template_fold(u_char c)
{
    return (c == '-') ? '_' : ngx_tolower(c);
}


static u_char *
ngx_kafka_sse_template_clean(u_char *dst, ngx_str_t *text)
{
    u_char     c, *p, *last;
    size_t     n;
    ngx_str_t  character;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        c = *p;

        if (c < 0x80) {
            p++;

            if (c != CR && c != LF && c != '\0') {
                *dst++ = c;
            }

            continue;
        }

        n = (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;
        character.len = ngx_min(n, (size_t) (last - p));
        character.data = p;

        if (ngx_kafka_sse_record_is_text(&character)) {
            dst = ngx_cpymem(dst, p, n);
            p += n;

        } else {
            *dst++ = '?';
            p++;
        }
    }

    return dst;
}
