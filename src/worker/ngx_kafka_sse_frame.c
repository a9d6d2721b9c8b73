
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_frame.h>


/*
 * Upper bounds.  A byte of text may become 7 as data (LF: a line end and a
 * new "data: "), 6 in a JSON string ("\u0000", which is also more than base64
 * takes) and 3 in a path ("%00").  FIXED is for all names, numbers and
 * punctuation that do not depend on the record.
 */

#define NGX_KAFKA_SSE_FRAME_FIXED     512
#define NGX_KAFKA_SSE_FRAME_IN_DATA   7
#define NGX_KAFKA_SSE_FRAME_IN_JSON   6
#define NGX_KAFKA_SSE_FRAME_IN_PATH   3

#define NGX_KAFKA_SSE_FRAME_MAX_TIME  253402300799999  /* the end of 9999 */

#define NGX_KAFKA_SSE_FRAME_LOWS      0x7f7f7f7f7f7f7f7full
#define NGX_KAFKA_SSE_FRAME_HIGHS     0x8080808080808080ull
#define NGX_KAFKA_SSE_FRAME_ALL(c)    ((c) * 0x0101010101010101ull)


#define ngx_kafka_sse_frame_put(dst, s)                                       \
    ngx_cpymem(dst, s, sizeof(s) - 1)


/* one header of a record, on its way to a JSON object without equal names */

typedef struct {
    ngx_str_t    name;          /* as it stands in the JSON string */
    ngx_str_t    value;
    ngx_uint_t   i;             /* its place in the record */
} ngx_kafka_sse_frame_header_t;


/*
 * Headers are sorted to find equal names: what a record holds must not cost
 * the square of its size.  This is done in the room behind the JSON that they
 * become.  Per header, which takes 8 bytes + name + value in the record: 6 and
 * 6 times its name, 6 times its value, 24 bytes of punctuation, 40 of the
 * struct; so 12 times what it takes in the record is enough.
 */

#define NGX_KAFKA_SSE_FRAME_HEADERS_ROOM  12


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
static u_char *ngx_kafka_sse_frame_headers(u_char *dst, ngx_str_t *headers);
static void ngx_kafka_sse_frame_collect_headers(
    ngx_kafka_sse_frame_header_t *hdr, ngx_uint_t n, ngx_str_t *headers);
static u_char *ngx_kafka_sse_frame_header_values(u_char *dst,
    ngx_kafka_sse_frame_header_t *hdr, ngx_uint_t n);
static void ngx_kafka_sse_frame_sort_headers(
    ngx_kafka_sse_frame_header_t *hdr, ngx_uint_t n);
static void ngx_kafka_sse_frame_sift_header(ngx_kafka_sse_frame_header_t *hdr,
    ngx_uint_t i, ngx_uint_t n);
static ngx_int_t ngx_kafka_sse_frame_cmp_headers(
    ngx_kafka_sse_frame_header_t *one, ngx_kafka_sse_frame_header_t *two);
static ngx_int_t ngx_kafka_sse_frame_cmp_names(
    ngx_kafka_sse_frame_header_t *one, ngx_kafka_sse_frame_header_t *two);
static u_char *ngx_kafka_sse_frame_string(u_char *dst, ngx_str_t *text);
static u_char *ngx_kafka_sse_frame_base64(u_char *dst, ngx_str_t *bytes);
static u_char *ngx_kafka_sse_frame_name(u_char *dst, ngx_str_t *name);
static u_char *ngx_kafka_sse_frame_escape(u_char *dst, ngx_str_t *text);
static u_char *ngx_kafka_sse_frame_escape_char(u_char *dst, u_char c);
static ngx_inline ngx_uint_t ngx_kafka_sse_frame_plain(uint64_t w);
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
    return NGX_KAFKA_SSE_FRAME_IN_JSON * (frame->topic.len + rec->key.len
                                          + rec->value.len)
           + NGX_KAFKA_SSE_FRAME_HEADERS_ROOM * rec->headers.len;
}


static size_t
ngx_kafka_sse_frame_cloudevent_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec)
{
    size_t  len;

    len = NGX_KAFKA_SSE_FRAME_IN_PATH * (frame->cluster.len
                                         + frame->topic.len)
          + NGX_KAFKA_SSE_FRAME_IN_JSON * (rec->key.len + rec->value.len);

    /* the type: as it is, and what it becomes in front of that */

    if (frame->event) {
        len += (NGX_KAFKA_SSE_FRAME_IN_JSON + 1)
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
    dst = ngx_kafka_sse_frame_name(dst, &frame->topic);
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
        dst = ngx_kafka_sse_frame_string(dst, &rec->key);

    } else {
        dst = ngx_kafka_sse_frame_base64(dst, &rec->key);
        dst = ngx_kafka_sse_frame_put(dst, ",\"key_encoding\":\"base64\"");
    }

    dst = ngx_kafka_sse_frame_put(dst, ",\"headers\":{");
    dst = ngx_kafka_sse_frame_headers(dst, &rec->headers);
    dst = ngx_kafka_sse_frame_put(dst, "},\"value\":");

    if (rec->value.data == NULL) {
        dst = ngx_kafka_sse_frame_put(dst, "null");

    } else if (rec->flags & NGX_KAFKA_SSE_RECORD_TEXT) {
        dst = ngx_kafka_sse_frame_string(dst, &rec->value);

    } else {
        dst = ngx_kafka_sse_frame_base64(dst, &rec->value);
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
        dst = ngx_kafka_sse_frame_string(dst, &rec->key);
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
        type.data = dst + NGX_KAFKA_SSE_FRAME_IN_JSON * len;

        p = ngx_kafka_sse_template_write(type.data, frame->event,
                                         &frame->topic, rec);
        type.len = p - type.data;

        if (type.len) {
            return ngx_kafka_sse_frame_escape(dst, &type);
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
        return ngx_kafka_sse_frame_string(dst, &rec->value);
    }

    dst = ngx_kafka_sse_frame_put(dst, "\"application/octet-stream\","
                                       "\"data_base64\":");

    return ngx_kafka_sse_frame_base64(dst, &rec->value);
}


/* writes the members of the "headers" object, in the order of their names */

static u_char *
ngx_kafka_sse_frame_headers(u_char *dst, ngx_str_t *headers)
{
    u_char                        *p;
    ngx_str_t                      rest, name, value;
    ngx_uint_t                     i, j, n;
    ngx_kafka_sse_frame_header_t  *hdr;

    if (headers->len == 0) {
        return dst;
    }

    n = 0;
    p = dst;
    rest = *headers;

    while (ngx_kafka_sse_record_next_header(&rest, &name, &value) == NGX_OK) {
        p += NGX_KAFKA_SSE_FRAME_IN_JSON * (name.len + value.len) + 24;
        n++;
    }

    hdr = (ngx_kafka_sse_frame_header_t *)
              ngx_align_ptr(p, sizeof(ngx_uint_t));

    ngx_kafka_sse_frame_collect_headers(hdr, n, headers);
    ngx_kafka_sse_frame_sort_headers(hdr, n);

    for (i = 0; i < n; i = j) {

        j = i + 1;

        while (j < n && ngx_kafka_sse_frame_cmp_names(&hdr[i], &hdr[j]) == 0) {
            j++;
        }

        if (i) {
            *dst++ = ',';
        }

        *dst++ = '"';
        dst = ngx_cpymem(dst, hdr[i].name.data, hdr[i].name.len);
        *dst++ = '"';
        *dst++ = ':';

        dst = ngx_kafka_sse_frame_header_values(dst, &hdr[i], j - i);
    }

    return dst;
}


/* the names are written behind the n structs */

static void
ngx_kafka_sse_frame_collect_headers(ngx_kafka_sse_frame_header_t *hdr,
    ngx_uint_t n, ngx_str_t *headers)
{
    u_char      *p;
    ngx_str_t    rest, name;
    ngx_uint_t   i;

    p = (u_char *) &hdr[n];
    rest = *headers;

    for (i = 0; i < n; i++) {

        (void) ngx_kafka_sse_record_next_header(&rest, &name, &hdr[i].value);

        hdr[i].i = i;
        hdr[i].name.data = p;

        p = ngx_kafka_sse_frame_name(p, &name);

        hdr[i].name.len = p - hdr[i].name.data;
    }
}


static u_char *
ngx_kafka_sse_frame_header_values(u_char *dst,
    ngx_kafka_sse_frame_header_t *hdr, ngx_uint_t n)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (n > 1) {
        *dst++ = '[';
    }

    for (i = 0; i < n; i++) {
        value = &hdr[i].value;

        if (i) {
            *dst++ = ',';
        }

        if (value->data == NULL) {
            dst = ngx_kafka_sse_frame_put(dst, "null");

        } else if (ngx_kafka_sse_record_is_text(value)) {
            dst = ngx_kafka_sse_frame_string(dst, value);

        } else {
            dst = ngx_kafka_sse_frame_put(dst, "{\"base64\":");
            dst = ngx_kafka_sse_frame_base64(dst, value);
            *dst++ = '}';
        }
    }

    if (n > 1) {
        *dst++ = ']';
    }

    return dst;
}


/* heapsort: in place, and no record makes it slow */

static void
ngx_kafka_sse_frame_sort_headers(ngx_kafka_sse_frame_header_t *hdr,
    ngx_uint_t n)
{
    ngx_uint_t                    i;
    ngx_kafka_sse_frame_header_t  tmp;

    for (i = n / 2; i > 0; i--) {
        ngx_kafka_sse_frame_sift_header(hdr, i - 1, n);
    }

    for (i = n; i > 1; i--) {
        tmp = hdr[0];
        hdr[0] = hdr[i - 1];
        hdr[i - 1] = tmp;

        ngx_kafka_sse_frame_sift_header(hdr, 0, i - 1);
    }
}


static void
ngx_kafka_sse_frame_sift_header(ngx_kafka_sse_frame_header_t *hdr,
    ngx_uint_t i, ngx_uint_t n)
{
    ngx_uint_t                    child;
    ngx_kafka_sse_frame_header_t  tmp;

    tmp = hdr[i];

    while (2 * i + 1 < n) {
        child = 2 * i + 1;

        if (child + 1 < n
            && ngx_kafka_sse_frame_cmp_headers(&hdr[child], &hdr[child + 1])
               < 0)
        {
            child++;
        }

        if (ngx_kafka_sse_frame_cmp_headers(&tmp, &hdr[child]) >= 0) {
            break;
        }

        hdr[i] = hdr[child];
        i = child;
    }

    hdr[i] = tmp;
}


static ngx_int_t
ngx_kafka_sse_frame_cmp_headers(ngx_kafka_sse_frame_header_t *one,
    ngx_kafka_sse_frame_header_t *two)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_frame_cmp_names(one, two);

    return rc ? rc : (ngx_int_t) (one->i - two->i);
}


static ngx_int_t
ngx_kafka_sse_frame_cmp_names(ngx_kafka_sse_frame_header_t *one,
    ngx_kafka_sse_frame_header_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->name.data, two->name.data,
                    ngx_min(one->name.len, two->name.len));

    return rc ? rc : (ngx_int_t) (one->name.len - two->name.len);
}


static u_char *
ngx_kafka_sse_frame_string(u_char *dst, ngx_str_t *text)
{
    *dst++ = '"';
    dst = ngx_kafka_sse_frame_escape(dst, text);
    *dst++ = '"';

    return dst;
}


static u_char *
ngx_kafka_sse_frame_base64(u_char *dst, ngx_str_t *bytes)
{
    ngx_str_t  out;

    *dst++ = '"';

    out.data = dst;
    ngx_encode_base64(&out, bytes);
    dst += out.len;

    *dst++ = '"';

    return dst;
}


/* escapes a name: that it is text is likely, but nobody has seen to it */

static u_char *
ngx_kafka_sse_frame_name(u_char *dst, ngx_str_t *name)
{
    u_char     c, *p, *last;
    size_t     n;
    ngx_str_t  character;

    if (ngx_kafka_sse_record_is_text(name)) {
        return ngx_kafka_sse_frame_escape(dst, name);
    }

    p = name->data;
    last = p + name->len;

    while (p < last) {
        c = *p;

        n = (c < 0x80) ? 1 : (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;
        character.len = ngx_min(n, (size_t) (last - p));
        character.data = p;

        if (c == '\0' || ngx_kafka_sse_record_is_text(&character)) {
            dst = ngx_kafka_sse_frame_escape(dst, &character);
            p += n;

        } else {
            *dst++ = '?';
            p++;
        }
    }

    return dst;
}


/* escapes valid UTF-8 for a JSON string; what it writes is one line */

static u_char *
ngx_kafka_sse_frame_escape(u_char *dst, ngx_str_t *text)
{
    u_char    c, *p, *last;
    uint64_t  w;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        /* most bytes are plain, so 8 at once */

        while (last - p >= 8) {
            ngx_memcpy(&w, p, 8);

            if (!ngx_kafka_sse_frame_plain(w)) {
                break;
            }

            ngx_memcpy(dst, &w, 8);
            p += 8;
            dst += 8;
        }

        while (p < last) {
            c = *p++;

            if (c < 0x20 || c == '"' || c == '\\') {
                dst = ngx_kafka_sse_frame_escape_char(dst, c);
                break;
            }

            *dst++ = c;
        }
    }

    return dst;
}


static u_char *
ngx_kafka_sse_frame_escape_char(u_char *dst, u_char c)
{
    static u_char  hex[] = "0123456789abcdef";

    *dst++ = '\\';

    switch (c) {

    case LF:
        *dst++ = 'n';
        break;

    case CR:
        *dst++ = 'r';
        break;

    case '\t':
        *dst++ = 't';
        break;

    case '"':
    case '\\':
        *dst++ = c;
        break;

    default:
        dst = ngx_kafka_sse_frame_put(dst, "u00");
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0xf];
        break;
    }

    return dst;
}


/*
 * 1 if none of the 8 bytes has to be escaped.  The lower 7 bits of a byte plus
 * 0x7f carry into its highest bit unless they are 0, plus 0x60 unless they are
 * below 0x20; no carry leaves a byte.
 */

static ngx_inline ngx_uint_t
ngx_kafka_sse_frame_plain(uint64_t w)
{
    uint64_t  control, quote, slash;

    quote = w ^ NGX_KAFKA_SSE_FRAME_ALL('"');
    slash = w ^ NGX_KAFKA_SSE_FRAME_ALL('\\');

    control = ((w & NGX_KAFKA_SSE_FRAME_LOWS) + NGX_KAFKA_SSE_FRAME_ALL(0x60))
              | w;
    quote |= (quote & NGX_KAFKA_SSE_FRAME_LOWS) + NGX_KAFKA_SSE_FRAME_LOWS;
    slash |= (slash & NGX_KAFKA_SSE_FRAME_LOWS) + NGX_KAFKA_SSE_FRAME_LOWS;

    return (control & quote & slash & NGX_KAFKA_SSE_FRAME_HIGHS)
           == NGX_KAFKA_SSE_FRAME_HIGHS;
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
