
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_choice.h>
#include <worker/ngx_kafka_sse_percent.h>
#include <worker/ngx_kafka_sse_word.h>


ngx_int_t
ngx_kafka_sse_choice_add(ngx_conf_t *cf, ngx_array_t *values,
    ngx_str_t *value)
{
    ngx_http_complex_value_t  *cv;

    cv = ngx_array_push(values);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_word_compile(cf, value, cv);
}


ngx_int_t
ngx_kafka_sse_choice_get(ngx_http_request_t *r, ngx_array_t *values,
    ngx_str_t *value)
{
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    cv = values->elts;

    ngx_str_null(value);

    for (i = 0; i < values->nelts; i++) {

        if (ngx_http_complex_value(r, &cv[i], value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value->len) {
            return ngx_kafka_sse_choice_decode(r, value);
        }
    }

    return NGX_OK;
}


/* what is not printable stays as it came, and is refused as that */

ngx_int_t
ngx_kafka_sse_choice_decode(ngx_http_request_t *r, ngx_str_t *value)
{
    size_t     i;
    ngx_str_t  text;

    if (ngx_strlchr(value->data, value->data + value->len, '%') == NULL) {
        return NGX_OK;
    }

    text.data = ngx_pnalloc(r->pool, value->len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_kafka_sse_percent_decode(text.data, value, 0) - text.data;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return NGX_OK;
        }
    }

    *value = text;

    return NGX_OK;
}
