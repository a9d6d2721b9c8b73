
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_safe_uri.h>
#include <worker/ngx_kafka_sse_stream.h>
#include <worker/ngx_kafka_sse_variables.h>


/* the value, len 0: none; what it points to lives as long as the request */

typedef ngx_str_t (*ngx_kafka_sse_variables_get_pt)(
    ngx_kafka_sse_stream_t *stream);


static ngx_int_t ngx_kafka_sse_variables_handler(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_sse_variables_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_sse_variables_subject(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_kafka_sse_variables_find(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *name, ngx_uint_t is_variable);
static ngx_int_t ngx_kafka_sse_variables_safe_uri(ngx_http_request_t *r,
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


/* those of any request */

static ngx_http_variable_t  ngx_kafka_sse_request_variables[] = {

    { ngx_string("kafka_sse_subject"), NULL, ngx_kafka_sse_variables_subject,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_sse_claim_"), NULL, ngx_kafka_sse_variables_claim,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("kafka_sse_safe_uri"), NULL, ngx_kafka_sse_variables_safe_uri,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_kafka_sse_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t       *var, *rv;
    ngx_kafka_sse_variable_t  *v;

    for (v = ngx_kafka_sse_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_kafka_sse_variables_handler;
        var->data = (uintptr_t) v;
    }

    for (rv = ngx_kafka_sse_request_variables; rv->name.len; rv++) {

        var = ngx_http_add_variable(cf, &rv->name, rv->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = rv->get_handler;
        var->data = rv->data;
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


static ngx_int_t
ngx_kafka_sse_variables_subject(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    static ngx_str_t  sub = ngx_string("sub");

    ngx_kafka_sse_variables_find(r, v, &sub, 0);

    return NGX_OK;
}


/* data is the whole name of the variable */

static ngx_int_t
ngx_kafka_sse_variables_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  *name = (ngx_str_t *) data;

    ngx_str_t  claim;

    claim.data = name->data + sizeof("kafka_sse_claim_") - 1;
    claim.len = name->len - (sizeof("kafka_sse_claim_") - 1);

    ngx_kafka_sse_variables_find(r, v, &claim, 1);

    return NGX_OK;
}


/* the claims live as long as the request, so the value is theirs */

static void
ngx_kafka_sse_variables_find(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *name, ngx_uint_t is_variable)
{
    ngx_kafka_sse_claim_t   *claim;
    ngx_kafka_sse_claims_t  *claims;

    claims = ngx_kafka_sse_access_claims(r);

    claim = claims ? ngx_kafka_sse_claims_find(claims, name, is_variable)
                   : NULL;

    if (claim == NULL || claim->value.data == NULL) {
        v->not_found = 1;
        return;
    }

    v->len = claim->value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = claim->value.data;
}


static ngx_int_t
ngx_kafka_sse_variables_safe_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                      len;
    ngx_str_t                  *uri;
    ngx_kafka_sse_main_conf_t  *kmcf;

    uri = &r->unparsed_uri;

    if (uri->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    kmcf = ngx_http_get_module_main_conf(r, ngx_kafka_sse_module);

    v->data = uri->data;
    v->len = uri->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    len = ngx_kafka_sse_safe_uri(NULL, uri, &kmcf->secret_args);

    if (len == 0) {
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, len);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_kafka_sse_safe_uri(v->data, uri, &kmcf->secret_args);

    return NGX_OK;
}
