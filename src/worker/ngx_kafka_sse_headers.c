
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_headers.h>
#include <worker/ngx_kafka_sse_quote.h>


/* one header of a record, on its way to a JSON object without equal names */

typedef struct {
    ngx_str_t    name;          /* as it stands in the JSON string */
    ngx_str_t    value;
    ngx_uint_t   i;             /* its place in the record */
} ngx_kafka_sse_header_t;


static void ngx_kafka_sse_headers_collect(ngx_kafka_sse_header_t *hdr,
    ngx_uint_t n, ngx_str_t *headers);
static u_char *ngx_kafka_sse_headers_values(u_char *dst,
    ngx_kafka_sse_header_t *hdr, ngx_uint_t n);
static void ngx_kafka_sse_headers_sort(ngx_kafka_sse_header_t *hdr,
    ngx_uint_t n);
static void ngx_kafka_sse_headers_sift(ngx_kafka_sse_header_t *hdr,
    ngx_uint_t i, ngx_uint_t n);
static ngx_int_t ngx_kafka_sse_headers_cmp(ngx_kafka_sse_header_t *one,
    ngx_kafka_sse_header_t *two);
static ngx_int_t ngx_kafka_sse_headers_cmp_names(ngx_kafka_sse_header_t *one,
    ngx_kafka_sse_header_t *two);


u_char *
ngx_kafka_sse_headers_write(u_char *dst, ngx_str_t *headers)
{
    u_char                  *p;
    ngx_str_t                rest, name, value;
    ngx_uint_t               i, j, n;
    ngx_kafka_sse_header_t  *hdr;

    if (headers->len == 0) {
        return dst;
    }

    n = 0;
    p = dst;
    rest = *headers;

    while (ngx_kafka_sse_record_next_header(&rest, &name, &value) == NGX_OK) {
        p += NGX_KAFKA_SSE_QUOTE_LEN * (name.len + value.len) + 24;
        n++;
    }

    hdr = (ngx_kafka_sse_header_t *) ngx_align_ptr(p, sizeof(ngx_uint_t));

    ngx_kafka_sse_headers_collect(hdr, n, headers);
    ngx_kafka_sse_headers_sort(hdr, n);

    for (i = 0; i < n; i = j) {

        j = i + 1;

        while (j < n
               && ngx_kafka_sse_headers_cmp_names(&hdr[i], &hdr[j]) == 0)
        {
            j++;
        }

        if (i) {
            *dst++ = ',';
        }

        *dst++ = '"';
        dst = ngx_cpymem(dst, hdr[i].name.data, hdr[i].name.len);
        *dst++ = '"';
        *dst++ = ':';

        dst = ngx_kafka_sse_headers_values(dst, &hdr[i], j - i);
    }

    return dst;
}


/* the names are written behind the n structs */

static void
ngx_kafka_sse_headers_collect(ngx_kafka_sse_header_t *hdr, ngx_uint_t n,
    ngx_str_t *headers)
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

        p = ngx_kafka_sse_quote_name(p, &name);

        hdr[i].name.len = p - hdr[i].name.data;
    }
}


static u_char *
ngx_kafka_sse_headers_values(u_char *dst, ngx_kafka_sse_header_t *hdr,
    ngx_uint_t n)
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
            dst = ngx_cpymem(dst, "null", sizeof("null") - 1);

        } else if (ngx_kafka_sse_record_is_text(value)) {
            dst = ngx_kafka_sse_quote_string(dst, value);

        } else {
            dst = ngx_cpymem(dst, "{\"base64\":", sizeof("{\"base64\":") - 1);
            dst = ngx_kafka_sse_quote_base64(dst, value);
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
ngx_kafka_sse_headers_sort(ngx_kafka_sse_header_t *hdr, ngx_uint_t n)
{
    ngx_uint_t              i;
    ngx_kafka_sse_header_t  tmp;

    for (i = n / 2; i > 0; i--) {
        ngx_kafka_sse_headers_sift(hdr, i - 1, n);
    }

    for (i = n; i > 1; i--) {
        tmp = hdr[0];
        hdr[0] = hdr[i - 1];
        hdr[i - 1] = tmp;

        ngx_kafka_sse_headers_sift(hdr, 0, i - 1);
    }
}


static void
ngx_kafka_sse_headers_sift(ngx_kafka_sse_header_t *hdr, ngx_uint_t i,
    ngx_uint_t n)
{
    ngx_uint_t              child;
    ngx_kafka_sse_header_t  tmp;

    tmp = hdr[i];

    while (2 * i + 1 < n) {
        child = 2 * i + 1;

        if (child + 1 < n
            && ngx_kafka_sse_headers_cmp(&hdr[child], &hdr[child + 1]) < 0)
        {
            child++;
        }

        if (ngx_kafka_sse_headers_cmp(&tmp, &hdr[child]) >= 0) {
            break;
        }

        hdr[i] = hdr[child];
        i = child;
    }

    hdr[i] = tmp;
}


static ngx_int_t
ngx_kafka_sse_headers_cmp(ngx_kafka_sse_header_t *one,
    ngx_kafka_sse_header_t *two)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_headers_cmp_names(one, two);

    return rc ? rc : (ngx_int_t) (one->i - two->i);
}


static ngx_int_t
ngx_kafka_sse_headers_cmp_names(ngx_kafka_sse_header_t *one,
    ngx_kafka_sse_header_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->name.data, two->name.data,
                    ngx_min(one->name.len, two->name.len));

    return rc ? rc : (ngx_int_t) (one->name.len - two->name.len);
}
