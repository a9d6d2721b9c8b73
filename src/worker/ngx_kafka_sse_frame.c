
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_frame.h>
#include <worker/ngx_kafka_sse_headers.h>
#include <worker/ngx_kafka_sse_quote.h>


/*
 * Upper bounds.  A byte of text may become 7 as data (LF: a line end and a new
 * "data: ") and 3 in a path ("%00"); in JSON, see _quote.h.  FIXED is for all
 * names, numbers and punctuation that do not depend on the record.
 */

#define NGX_KAFKA_SSE_FRAME_FIXED     512
#define NGX_KAFKA_SSE_FRAME_IN_DATA   7
#define NGX_KAFKA_SSE_FRAME_IN_PATH   3

#define NGX_KAFKA_SSE_FRAME_MAX_TIME  253402300799999  /* the end of 9999 */


#define ngx_kafka_sse_frame_put(dst, s)                                       \
    ngx_cpymem(dst, s, sizeof(s) - 1)


static size_t ngx_kafka_sse_frame_envelope_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec);
static size_t ngx_kafka_sse_frame_cloudevent_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_event(u_char *dst,
    ngx_kafka_sse_frame_t *frame, ngx_kafka_sse_record_t *rec);
static ngx_uint_t ngx_kafka_sse_frame_reserved(ngx_str_t *name);
static u_char *ngx_kafka_sse_frame_value(u_char *dst,
    ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_envelope(u_char *dst,
    ngx_kafka_sse_frame_t *frame, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_cloudevent(u_char *dst,
    ngx_kafka_sse_frame_t *frame, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_cloudevent_type(u_char *dst,
    ngx_kafka_sse_frame_t *frame, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_cloudevent_time(u_char *dst,
    int64_t timestamp);
static u_char *ngx_kafka_sse_frame_cloudevent_data(u_char *dst,
    ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_frame_one_line(u_char *dst, ngx_str_t *json);


/*
 * A name that comes out of a record must not pass for one that tells about
 * the stream, nor fire the handlers of EventSource itself.
 */

static ngx_str_t  ngx_kafka_sse_frame_reserved_names[] = {
    ngx_string("error"),
    ngx_string("open"),
    ngx_string("delete"),
    ngx_string("binary"),
    ngx_string("snapshot-end"),
    ngx_string("stream-reset"),
    ngx_string("stream-expire"),
    ngx_string("stream-end"),
    ngx_null_string
};


size_t
ngx_kafka_sse_frame_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    size_t  len;

    len = NGX_KAFKA_SSE_FRAME_FIXED + frame->id.len;

    if (frame->event) {
        len += ngx_kafka_sse_template_len(frame->event, &frame->topic, rec);
    }

    switch (frame->data) {

    case NGX_KAFKA_SSE_DATA_ENVELOPE:
        return len + ngx_kafka_sse_frame_envelope_len(frame, rec);

    case NGX_KAFKA_SSE_DATA_CLOUDEVENTS:
        return len + ngx_kafka_sse_frame_cloudevent_len(frame, rec);
    }

    if (rec->value.data == NULL) {
        return len + NGX_KAFKA_SSE_FRAME_IN_DATA * rec->key.len;
    }

    if (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT) {
        return len + NGX_KAFKA_SSE_FRAME_IN_DATA * rec->value.len;
    }

    return len + ngx_kafka_sse_frame_envelope_len(frame, rec);
}


u_char *
ngx_kafka_sse_frame_write(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    if (frame->id.len) {
        dst = ngx_kafka_sse_frame_put(dst, "id: ");
        dst = ngx_cpymem(dst, frame->id.data, frame->id.len);
        *dst++ = LF;
    }

    dst = ngx_kafka_sse_frame_event(dst, frame, rec);

    switch (frame->data) {

    case NGX_KAFKA_SSE_DATA_ENVELOPE:
        dst = ngx_kafka_sse_frame_envelope(dst, frame, rec);
        break;

    case NGX_KAFKA_SSE_DATA_CLOUDEVENTS:
        dst = ngx_kafka_sse_frame_cloudevent(dst, frame, rec);
        break;

    default: /* NGX_KAFKA_SSE_DATA_VALUE */

        if (rec->value.data == NULL
            || (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT))
        {
            dst = ngx_kafka_sse_frame_value(dst, rec);

        } else {
            dst = ngx_kafka_sse_frame_envelope(dst, frame, rec);
        }

        break;
    }

    *dst++ = LF;

    return dst;
}


u_char *
ngx_kafka_sse_frame_data(u_char *dst, ngx_str_t *value)
{
    u_char  *p, *cr, *lf, *end, *last;

    p = value->data;
    last = p + value->len;

    dst = ngx_kafka_sse_frame_put(dst, "data: ");

    if (value->len == 0) {
        *dst++ = LF;
        return dst;
    }

    /* the next of each kind is looked for only when the last one is behind */

    cr = memchr(p, CR, last - p);
    lf = memchr(p, LF, last - p);

    while (cr || lf) {

        end = (cr == NULL || (lf && lf < cr)) ? lf : cr;

        dst = ngx_cpymem(dst, p, end - p);
        dst = ngx_kafka_sse_frame_put(dst, "\ndata: ");

        p = end + 1;

        if (end == cr) {

            if (lf == p) {
                p++;
            }

            cr = memchr(p, CR, last - p);
        }

        if (lf && lf < p) {
            lf = memchr(p, LF, last - p);
        }
    }

    dst = ngx_cpymem(dst, p, last - p);
    *dst++ = LF;

    return dst;
}


static size_t
ngx_kafka_sse_frame_envelope_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    return NGX_KAFKA_SSE_QUOTE_LEN * (frame->topic.len + rec->key.len
                                      + rec->value.len)
           + NGX_KAFKA_SSE_HEADERS_LEN * rec->headers.len;
}


static size_t
ngx_kafka_sse_frame_cloudevent_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    size_t  len;

    len = NGX_KAFKA_SSE_FRAME_IN_PATH * (frame->cluster.len
                                         + frame->topic.len)
          + NGX_KAFKA_SSE_QUOTE_LEN * (rec->key.len + rec->value.len);

    /* the type: as it is, and what it becomes in front of that */

    if (frame->event) {
        len += (NGX_KAFKA_SSE_QUOTE_LEN + 1)
               * ngx_kafka_sse_template_len(frame->event, &frame->topic, rec);
    }

    return len;
}


static u_char *
ngx_kafka_sse_frame_event(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    u_char     *p;
    ngx_str_t   name;

    if (rec->value.data == NULL) {
        return ngx_kafka_sse_frame_put(dst, "event: delete\n");
    }

    if (frame->data == NGX_KAFKA_SSE_DATA_VALUE
        && !(rec->flags & NGX_KAFKA_SSE_RECORD_TEXT))
    {
        return ngx_kafka_sse_frame_put(dst, "event: binary\n");
    }

    if (frame->event == NULL) {
        return dst;
    }

    name.data = ngx_kafka_sse_frame_put(dst, "event: ");
    p = ngx_kafka_sse_template_write(name.data, frame->event, &frame->topic,
                                     rec);
    name.len = p - name.data;

    if (name.len == 0 || ngx_kafka_sse_frame_reserved(&name)) {
        return dst;
    }

    *p++ = LF;

    return p;
}


static ngx_uint_t
ngx_kafka_sse_frame_reserved(ngx_str_t *name)
{
    ngx_str_t  *reserved;

    for (reserved = ngx_kafka_sse_frame_reserved_names;
         reserved->len;
         reserved++)
    {
        if (name->len == reserved->len
            && ngx_memcmp(name->data, reserved->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* a tombstone has no value: what was deleted is its key */

static u_char *
ngx_kafka_sse_frame_value(u_char *dst, ngx_kafka_sse_record_t *rec)
{
    ngx_str_t  empty;

    if (rec->value.data) {
        return ngx_kafka_sse_frame_data(dst, &rec->value);
    }

    if (ngx_kafka_sse_record_is_text(&rec->key)) {
        return ngx_kafka_sse_frame_data(dst, &rec->key);
    }

    ngx_str_null(&empty);

    return ngx_kafka_sse_frame_data(dst, &empty);
}


static u_char *
ngx_kafka_sse_frame_envelope(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    dst = ngx_kafka_sse_frame_put(dst, "data: {\"topic\":\"");
    dst = ngx_kafka_sse_quote_name(dst, &frame->topic);
    dst = ngx_sprintf(dst, "\",\"partition\":%D,\"offset\":%L,\"timestamp\":",
                      rec->partition, rec->offset);

    if (rec->timestamp == -1) {
        dst = ngx_kafka_sse_frame_put(dst, "null");

    } else {
        dst = ngx_sprintf(dst, "%L", rec->timestamp);
    }

    dst = ngx_kafka_sse_frame_put(dst, ",\"key\":");

    if (rec->key.data == NULL) {
        dst = ngx_kafka_sse_frame_put(dst, "null");

    } else if (ngx_kafka_sse_record_is_text(&rec->key)) {
        dst = ngx_kafka_sse_quote_string(dst, &rec->key);

    } else {
        dst = ngx_kafka_sse_quote_base64(dst, &rec->key);
        dst = ngx_kafka_sse_frame_put(dst, ",\"key_encoding\":\"base64\"");
    }

    dst = ngx_kafka_sse_frame_put(dst, ",\"headers\":{");
    dst = ngx_kafka_sse_headers_write(dst, &rec->headers);
    dst = ngx_kafka_sse_frame_put(dst, "},\"value\":");

    if (rec->value.data == NULL) {
        dst = ngx_kafka_sse_frame_put(dst, "null");

    } else if (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT) {
        dst = ngx_kafka_sse_quote_string(dst, &rec->value);

    } else {
        dst = ngx_kafka_sse_quote_base64(dst, &rec->value);
        dst = ngx_kafka_sse_frame_put(dst, ",\"encoding\":\"base64\"");
    }

    return ngx_kafka_sse_frame_put(dst, "}\n");
}


static u_char *
ngx_kafka_sse_frame_cloudevent(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    dst = ngx_sprintf(dst, "data: {\"specversion\":\"1.0\",\"id\":\"%D:%L\","
                      "\"source\":\"/kafka/", rec->partition, rec->offset);

    dst = (u_char *) ngx_escape_uri(dst, frame->cluster.data,
                                    frame->cluster.len,
                                    NGX_ESCAPE_URI_COMPONENT);
    *dst++ = '/';
    dst = (u_char *) ngx_escape_uri(dst, frame->topic.data, frame->topic.len,
                                    NGX_ESCAPE_URI_COMPONENT);

    dst = ngx_kafka_sse_frame_put(dst, "\",\"type\":\"");
    dst = ngx_kafka_sse_frame_cloudevent_type(dst, frame, rec);
    *dst++ = '"';

    if (rec->key.len && ngx_kafka_sse_record_is_text(&rec->key)) {
        dst = ngx_kafka_sse_frame_put(dst, ",\"subject\":");
        dst = ngx_kafka_sse_quote_string(dst, &rec->key);
    }

    dst = ngx_kafka_sse_frame_cloudevent_time(dst, rec->timestamp);
    dst = ngx_kafka_sse_frame_cloudevent_data(dst, rec);

    return ngx_kafka_sse_frame_put(dst, "}\n");
}


static u_char *
ngx_kafka_sse_frame_cloudevent_type(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   type;

    if (frame->event) {

        /* written behind the room that it takes once it is escaped */

        len = ngx_kafka_sse_template_len(frame->event, &frame->topic, rec);
        type.data = dst + NGX_KAFKA_SSE_QUOTE_LEN * len;

        p = ngx_kafka_sse_template_write(type.data, frame->event,
                                         &frame->topic, rec);
        type.len = p - type.data;

        if (type.len) {
            return ngx_kafka_sse_quote_text(dst, &type);
        }
    }

    return ngx_kafka_sse_frame_put(dst, "kafka.record");
}


static u_char *
ngx_kafka_sse_frame_cloudevent_time(u_char *dst, int64_t timestamp)
{
    ngx_tm_t  tm;

    /* RFC 3339 knows four digits of the year, ngx_gmtime() none before 1970 */

    if (timestamp < 0 || timestamp > NGX_KAFKA_SSE_FRAME_MAX_TIME) {
        return dst;
    }

    ngx_gmtime((time_t) (timestamp / 1000), &tm);

    return ngx_sprintf(dst,
                       ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       (int) (timestamp % 1000));
}


static u_char *
ngx_kafka_sse_frame_cloudevent_data(u_char *dst, ngx_kafka_sse_record_t *rec)
{
    if (rec->value.data == NULL) {
        return dst;
    }

    dst = ngx_kafka_sse_frame_put(dst, ",\"datacontenttype\":");

    if (rec->flags & NGX_KAFKA_SSE_RECORD_JSON) {
        dst = ngx_kafka_sse_frame_put(dst, "\"application/json\",\"data\":");
        return ngx_kafka_sse_frame_one_line(dst, &rec->value);
    }

    if (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT) {
        dst = ngx_kafka_sse_frame_put(dst, "\"text/plain\",\"data\":");
        return ngx_kafka_sse_quote_string(dst, &rec->value);
    }

    dst = ngx_kafka_sse_frame_put(dst, "\"application/octet-stream\","
                                       "\"data_base64\":");

    return ngx_kafka_sse_quote_base64(dst, &rec->value);
}


/* outside its strings, where none can be, a line end in JSON is a space */

static u_char *
ngx_kafka_sse_frame_one_line(u_char *dst, ngx_str_t *json)
{
    u_char  *p, *last;

    last = ngx_cpymem(dst, json->data, json->len);

    for (p = dst; (p = memchr(p, LF, last - p)) != NULL; /* void */) {
        *p++ = ' ';
    }

    for (p = dst; (p = memchr(p, CR, last - p)) != NULL; /* void */) {
        *p++ = ' ';
    }

    return last;
}
