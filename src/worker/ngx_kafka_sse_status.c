
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_fact.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_prometheus.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_status.h>

#include <jansson.h>


#define NGX_KAFKA_SSE_STATUS_JSON        "application/json"
#define NGX_KAFKA_SSE_STATUS_PROMETHEUS                                       \
    "text/plain; version=0.0.4; charset=utf-8"


static ngx_int_t ngx_kafka_sse_status_json_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_status_prometheus_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_status_begin(ngx_http_request_t *r,
    ngx_array_t *rows);
static ngx_int_t ngx_kafka_sse_status_send(ngx_http_request_t *r,
    ngx_chain_t *out, off_t len);
static json_t *ngx_kafka_sse_status_json(ngx_array_t *rows);
static json_t *ngx_kafka_sse_status_list(ngx_uint_t subject,
    ngx_array_t *rows);
static json_t *ngx_kafka_sse_status_topics(ngx_array_t *rows);
static json_t *ngx_kafka_sse_status_streams(ngx_array_t *rows);
static json_t *ngx_kafka_sse_status_object(ngx_uint_t subject,
    ngx_kafka_sse_fact_row_t *row);
static json_t *ngx_kafka_sse_status_value(ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row);


char *
ngx_kafka_sse_status_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t                 *value;
    ngx_http_handler_pt        handler;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (cf->args->nelts == 1 || ngx_strcmp(value[1].data, "json") == 0) {
        handler = ngx_kafka_sse_status_json_handler;

    } else if (ngx_strcmp(value[1].data, "prometheus") == 0) {
        handler = ngx_kafka_sse_status_prometheus_handler;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown format \"%V\", it must be \"json\" or "
                           "\"prometheus\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another handler of this location";
    }

    clcf->handler = handler;
    klcf->is_status = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_status_json_handler(ngx_http_request_t *r)
{
    char         *text;
    size_t        len;
    json_t       *root;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_array_t   rows[NGX_KAFKA_SSE_SUBJECTS];
    ngx_chain_t   out;

    rc = ngx_kafka_sse_status_begin(r, rows);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    root = ngx_kafka_sse_status_json(rows);
    if (root == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = json_dumps(root, JSON_INDENT(1));

    json_decref(root);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = ngx_strlen(text);
    b = ngx_create_temp_buf(r->pool, len + 1);

    if (b) {
        b->last = ngx_cpymem(b->last, text, len);
        *b->last++ = LF;
    }

    free(text);

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node)
                            ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, NGX_KAFKA_SSE_STATUS_JSON);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return ngx_kafka_sse_status_send(r, &out, len + 1);
}


/* always 200: Prometheus does not look at the numbers of any other answer */

static ngx_int_t
ngx_kafka_sse_status_prometheus_handler(ngx_http_request_t *r)
{
    off_t         len;
    ngx_int_t     rc;
    ngx_array_t   rows[NGX_KAFKA_SSE_SUBJECTS];
    ngx_chain_t  *out;

    rc = ngx_kafka_sse_status_begin(r, rows);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    out = ngx_kafka_sse_prometheus(r->pool, rows, &len);
    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, NGX_KAFKA_SSE_STATUS_PROMETHEUS);
    r->headers_out.content_type_len = sizeof("text/plain") - 1;

    return ngx_kafka_sse_status_send(r, out, len);
}


/* NGX_DECLINED: the rows are there, else what was answered */

static ngx_int_t
ngx_kafka_sse_status_begin(ngx_http_request_t *r, ngx_array_t *rows)
{
    ngx_int_t  rc;

    ngx_kafka_sse_access_withdraw(r);

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_kafka_sse_refusal_not_allowed(r);
    }

    if (ngx_kafka_sse_hub == NULL) {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_NOT_FOUND,
                                          "not-configured",
                                          "no location has kafka_sse");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_kafka_sse_fact_row_collect(ngx_kafka_sse_hub, r->pool, rows)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_kafka_sse_status_send(ngx_http_request_t *r, ngx_chain_t *out, off_t len)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    for (cl = out; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    r->headers_out.content_length_n = len;

    if (ngx_kafka_sse_refusal_header(r, "Cache-Control", "no-store")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


/*
 * json_pack() takes over what "o" is given, also when it fails, and fails if
 * one of them is NULL: there is one place to check
 */

static json_t *
ngx_kafka_sse_status_json(ngx_array_t *rows)
{
    /* clang-tidy does not see that _fact_row_collect() fills them all */
    /* NOLINTBEGIN(clang-analyzer-core.CallAndMessage) */
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
               "companion", ngx_kafka_sse_status_object(
                                NGX_KAFKA_SSE_SUBJECT_COMPANION,
                                rows[NGX_KAFKA_SSE_SUBJECT_COMPANION].elts),
               "redis", ngx_kafka_sse_status_object(
                                NGX_KAFKA_SSE_SUBJECT_REDIS,
                                rows[NGX_KAFKA_SSE_SUBJECT_REDIS].elts),
               "clusters", ngx_kafka_sse_status_list(
                                NGX_KAFKA_SSE_SUBJECT_CLUSTER, rows),
               "topics", ngx_kafka_sse_status_topics(rows),
               "ring", ngx_kafka_sse_status_object(
                                NGX_KAFKA_SSE_SUBJECT_RING,
                                rows[NGX_KAFKA_SSE_SUBJECT_RING].elts),
               "replays", ngx_kafka_sse_status_object(
                                NGX_KAFKA_SSE_SUBJECT_REPLAYS,
                                rows[NGX_KAFKA_SSE_SUBJECT_REPLAYS].elts),
               "streams", ngx_kafka_sse_status_streams(rows));
    /* NOLINTEND(clang-analyzer-core.CallAndMessage) */
}


static json_t *
ngx_kafka_sse_status_list(ngx_uint_t subject, ngx_array_t *rows)
{
    json_t                    *list;
    ngx_uint_t                 i;
    ngx_kafka_sse_fact_row_t  *row;

    list = json_array();
    row = rows[subject].elts;

    for (i = 0; i < rows[subject].nelts; i++) {
        json_array_append_new(list,
                              ngx_kafka_sse_status_object(subject, &row[i]));
    }

    return list;
}


static json_t *
ngx_kafka_sse_status_topics(ngx_array_t *rows)
{
    json_t                    *list, *topic, *partitions;
    ngx_uint_t                 i, p;
    ngx_kafka_sse_fact_row_t  *row, *partition;

    list = json_array();
    row = rows[NGX_KAFKA_SSE_SUBJECT_TOPIC].elts;
    partition = rows[NGX_KAFKA_SSE_SUBJECT_PARTITION].elts;

    for (i = 0; i < rows[NGX_KAFKA_SSE_SUBJECT_TOPIC].nelts; i++) {
        topic = ngx_kafka_sse_status_object(NGX_KAFKA_SSE_SUBJECT_TOPIC,
                                            &row[i]);
        partitions = json_array();

        for (p = 0; p < row[i].n; p++) {
            json_array_append_new(partitions,
                ngx_kafka_sse_status_object(NGX_KAFKA_SSE_SUBJECT_PARTITION,
                                            partition++));
        }

        json_object_set_new(topic, "partitions", partitions);
        json_array_append_new(list, topic);
    }

    return list;
}


static json_t *
ngx_kafka_sse_status_streams(ngx_array_t *rows)
{
    json_t                    *streams, *closed;
    ngx_uint_t                 i;
    ngx_kafka_sse_fact_row_t  *row;

    streams = ngx_kafka_sse_status_object(NGX_KAFKA_SSE_SUBJECT_STREAMS,
                                    rows[NGX_KAFKA_SSE_SUBJECT_STREAMS].elts);
    closed = json_object();
    row = rows[NGX_KAFKA_SSE_SUBJECT_CLOSED].elts;

    for (i = 0; i < rows[NGX_KAFKA_SSE_SUBJECT_CLOSED].nelts; i++) {
        json_object_set_new(closed, (char *) row[i].labels[0].data,
            ngx_kafka_sse_status_value(
                ngx_kafka_sse_fact_subjects[NGX_KAFKA_SSE_SUBJECT_CLOSED].facts,
                &row[i]));
    }

    json_object_set_new(streams, "closed", closed);
    json_object_set_new(streams, "workers",
                        ngx_kafka_sse_status_list(NGX_KAFKA_SSE_SUBJECT_WORKER,
                                                  rows));

    return streams;
}


static json_t *
ngx_kafka_sse_status_object(ngx_uint_t subject, ngx_kafka_sse_fact_row_t *row)
{
    json_t                *object;
    ngx_kafka_sse_fact_t  *fact;

    object = json_object();

    for (fact = ngx_kafka_sse_fact_subjects[subject].facts; fact->name; fact++)
    {
        json_object_set_new(object, fact->name,
                            ngx_kafka_sse_status_value(fact, row));
    }

    return object;
}


/* what is not known is null */

static json_t *
ngx_kafka_sse_status_value(ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_fact_value_t  value;

    value = ngx_kafka_sse_fact_value(fact, row);

    switch (value.type) {

    case NGX_KAFKA_SSE_FACT_NUMBER:
        return json_integer(value.number);

    case NGX_KAFKA_SSE_FACT_BOOLEAN:
        return json_boolean(value.number);

    case NGX_KAFKA_SSE_FACT_TEXT:
        return json_stringn((char *) value.text.data, value.text.len);

    default:
        return json_null();
    }
}
