
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * An event stream as a browser reads it: the HTML Standard, "Parsing an event
 * stream" and "Interpreting an event stream".
 */


#ifndef _SSE_H_INCLUDED_
#define _SSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_uint_t   events;        /* dispatched */
    ngx_uint_t   lines;         /* "data" fields of the last one */
    ngx_uint_t   fields;        /* that are neither id, event nor data */
    ngx_str_t    id;            /* the last event ID; into the input */
    ngx_str_t    event;         /* of the last event; into the input */
    ngx_str_t    data;          /* of the last event; to be freed */
    ngx_uint_t   rest;          /* 1: the input ends within an event */
} sse_t;


static ngx_inline ngx_uint_t
sse_is(ngx_str_t *s, const char *name)
{
    return s->len == strlen(name) && memcmp(s->data, name, s->len) == 0;
}


static ngx_inline void
sse_field(sse_t *sse, ngx_str_t *line, ngx_str_t *type, ngx_str_t *data,
    ngx_uint_t *lines)
{
    u_char     *colon;
    ngx_str_t   name, value;

    colon = line->len ? memchr(line->data, ':', line->len) : NULL;

    name = *line;
    ngx_str_null(&value);

    if (colon) {
        name.len = colon - line->data;
        value.data = colon + 1;
        value.len = line->len - name.len - 1;

        if (value.len && value.data[0] == ' ') {
            value.data++;
            value.len--;
        }
    }

    if (sse_is(&name, "event")) {
        *type = value;

    } else if (sse_is(&name, "data")) {
        memcpy(data->data + data->len, value.data, value.len);
        data->len += value.len;
        data->data[data->len++] = '\n';
        (*lines)++;

    } else if (sse_is(&name, "id")) {

        if (value.len == 0 || memchr(value.data, '\0', value.len) == NULL) {
            sse->id = value;
        }

    } else {
        sse->fields++;
    }
}


static ngx_inline void
sse_parse(sse_t *sse, u_char *p, size_t len)
{
    u_char      *last;
    ngx_str_t    line, type, data;
    ngx_uint_t   lines;

    memset(sse, 0, sizeof(sse_t));
    ngx_str_null(&type);

    data.len = 0;
    data.data = malloc(len + 1);
    sse->data.data = malloc(len + 1);

    if (data.data == NULL || sse->data.data == NULL) {
        abort();
    }

    last = p + len;
    lines = 0;

    while (p < last) {
        line.data = p;

        while (p < last && *p != '\r' && *p != '\n') {
            p++;
        }

        line.len = p - line.data;

        if (p == last) {
            sse->rest = 1;
            break;
        }

        p += (*p == '\r' && last - p > 1 && p[1] == '\n') ? 2 : 1;

        if (line.len) {
            sse->rest = 1;
            sse_field(sse, &line, &type, &data, &lines);
            continue;
        }

        sse->rest = 0;

        if (data.len) {
            sse->events++;
            sse->lines = lines;
            sse->event = type;
            sse->data.len = data.len - 1;
            memcpy(sse->data.data, data.data, data.len - 1);
        }

        data.len = 0;
        lines = 0;
        ngx_str_null(&type);
    }

    free(data.data);
}


static ngx_inline void
sse_free(sse_t *sse)
{
    free(sse->data.data);
}


/* text as its reader gets it back: CR and CR LF are LF; to be freed */

static ngx_inline ngx_str_t
sse_normalize(ngx_str_t *text)
{
    size_t     i;
    ngx_str_t  out;

    out.len = 0;
    out.data = malloc(text->len + 1);

    if (out.data == NULL) {
        abort();
    }

    for (i = 0; i < text->len; i++) {

        if (text->data[i] != '\r') {
            out.data[out.len++] = text->data[i];
            continue;
        }

        out.data[out.len++] = '\n';

        if (i + 1 < text->len && text->data[i + 1] == '\n') {
            i++;
        }
    }

    return out;
}


#endif /* _SSE_H_INCLUDED_ */
