
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_stream.h>
#include <worker/ngx_kafka_sse_variables.h>


/* the value, len 0: none; what it points to lives as long as the request */

typedef ngx_str_t (*ngx_kafka_sse_variables_get_pt)(
    ngx_kafka_sse_stream_t *stream);


static ngx_int_t ngx_kafka_sse_variables_handler(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t ngx_kafka_sse_variables_resume(
    ngx_kafka_sse_stream_t *stream);
static ngx_str_t ngx_kafka_sse_variables_records(
    ngx_kafka_sse_stream_t *stream);
static ngx_str_t ngx_kafka_sse_variables_last_id(
    ngx_kafka_sse_stream_t *stream);
static ngx_str_t ngx_kafka_sse_variables_close_reason(
    ngx_kafka_sse_stream_t *stream);
static ngx_str_t ngx_kafka_sse_variables_lag(ngx_kafka_sse_stream_t *stream);
static ngx_str_t ngx_kafka_sse_variables_number(
    ngx_kafka_sse_stream_t *stream, uint64_t n);


typedef struct {
    ngx_str_t                        name;
    ngx_kafka_sse_variables_get_pt   get;
} ngx_kafka_sse_variable_t;


static ngx_kafka_sse_variable_t  ngx_kafka_sse_variables[] = {

    { ngx_string("kafka_sse_resume"), ngx_kafka_sse_variables_resume },
    { ngx_string("kafka_sse_records"), ngx_kafka_sse_variables_records },
    { ngx_string("kafka_sse_last_id"), ngx_kafka_sse_variables_last_id },
    { ngx_string("kafka_sse_close_reason"),
      ngx_kafka_sse_variables_close_reason },
    { ngx_string("kafka_sse_lag"), ngx_kafka_sse_variables_lag },

    { ngx_null_string, NULL }
};


ngx_int_t
ngx_kafka_sse_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t       *var;
    ngx_kafka_sse_variable_t  *v;

    for (v = ngx_kafka_sse_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_kafka_sse_variables_handler;
        var->data = (uintptr_t) v;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_variables_handler(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                  value;
    ngx_kafka_sse_stream_t    *stream;
    ngx_kafka_sse_variable_t  *variable;

    variable = (ngx_kafka_sse_variable_t *) data;
    stream = ngx_http_get_module_ctx(r, ngx_kafka_sse_module);

    ngx_str_null(&value);

    if (stream) {
        value = variable->get(stream);
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = value.data;

    return NGX_OK;
}


static ngx_str_t
ngx_kafka_sse_variables_resume(ngx_kafka_sse_stream_t *stream)
{
    return ngx_kafka_sse_stream_resumes[stream->resume];
}


static ngx_str_t
ngx_kafka_sse_variables_records(ngx_kafka_sse_stream_t *stream)
{
    return ngx_kafka_sse_variables_number(stream,
                                      ngx_kafka_sse_stream_records(stream));
}


/*
 * The position of a log's end is known, that of a place in it is not: a stream
 * that is cut before it has read all has none.
 */

static ngx_str_t
ngx_kafka_sse_variables_last_id(ngx_kafka_sse_stream_t *stream)
{
    ngx_str_t  id;

    ngx_str_null(&id);

    if (!ngx_kafka_sse_stream_drained(stream)) {
        return id;
    }

    if (stream->ending) {
        return stream->end_id;
    }

    if (stream->group) {
        id = ngx_kafka_sse_group_position(stream->group,
                                          stream->request->pool);
    }

    return id;
}


static ngx_str_t
ngx_kafka_sse_variables_close_reason(ngx_kafka_sse_stream_t *stream)
{
    return ngx_kafka_sse_close_reasons[stream->reason];
}


static ngx_str_t
ngx_kafka_sse_variables_lag(ngx_kafka_sse_stream_t *stream)
{
    return ngx_kafka_sse_variables_number(stream,
                                      ngx_kafka_sse_stream_unsent(stream));
}


static ngx_str_t
ngx_kafka_sse_variables_number(ngx_kafka_sse_stream_t *stream, uint64_t n)
{
    ngx_str_t  text;

    text.len = 0;
    text.data = ngx_pnalloc(stream->request->pool, NGX_INT64_LEN);

    if (text.data) {
        text.len = ngx_sprintf(text.data, "%uL", n) - text.data;
    }

    return text;
}
