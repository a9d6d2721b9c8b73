
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_prometheus.h>


#define NGX_KAFKA_SSE_PROMETHEUS_BUF  16384

/* of a sample, beside its names and values: quotes, braces, a number */

#define NGX_KAFKA_SSE_PROMETHEUS_MORE  128


typedef struct {
    ngx_pool_t                *pool;
    ngx_chain_t               *out;
    ngx_chain_t               *last;
    off_t                      len;         /* of all buffers before last */
} ngx_kafka_sse_prometheus_t;


static ngx_int_t ngx_kafka_sse_prometheus_metric(
    ngx_kafka_sse_prometheus_t *prom, ngx_kafka_sse_fact_subject_t *subject,
    ngx_kafka_sse_fact_t *fact, ngx_array_t *rows);
static ngx_int_t ngx_kafka_sse_prometheus_sample(
    ngx_kafka_sse_prometheus_t *prom, ngx_kafka_sse_fact_subject_t *subject,
    ngx_kafka_sse_fact_t *fact, ngx_kafka_sse_fact_row_t *row);
static u_char *ngx_kafka_sse_prometheus_label(u_char *p, u_char separator,
    char *name, ngx_str_t *value);
static ngx_buf_t *ngx_kafka_sse_prometheus_room(
    ngx_kafka_sse_prometheus_t *prom, size_t len);
static ngx_uint_t ngx_kafka_sse_prometheus_is_counter(char *metric);


ngx_chain_t *
ngx_kafka_sse_prometheus(ngx_pool_t *pool,
    ngx_array_t rows[NGX_KAFKA_SSE_SUBJECTS], off_t *len)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_fact_t          *fact;
    ngx_kafka_sse_prometheus_t     prom;
    ngx_kafka_sse_fact_subject_t  *subject;

    ngx_memzero(&prom, sizeof(ngx_kafka_sse_prometheus_t));
    prom.pool = pool;

    for (i = 0; i < NGX_KAFKA_SSE_SUBJECTS; i++) {
        subject = &ngx_kafka_sse_fact_subjects[i];

        for (fact = subject->facts; fact->name; fact++) {

            if (fact->metric
                && rows[i].nelts
                && ngx_kafka_sse_prometheus_metric(&prom, subject, fact,
                                                   &rows[i])
                   != NGX_OK)
            {
                return NULL;
            }
        }
    }

    *len = prom.len + ngx_buf_size(prom.last->buf);

    return prom.out;
}


/* the format wants all samples of a metric in one piece, below its head */

static ngx_int_t
ngx_kafka_sse_prometheus_metric(ngx_kafka_sse_prometheus_t *prom,
    ngx_kafka_sse_fact_subject_t *subject, ngx_kafka_sse_fact_t *fact,
    ngx_array_t *rows)
{
    ngx_buf_t                 *b;
    ngx_uint_t                 i;
    ngx_kafka_sse_fact_row_t  *row;

    b = ngx_kafka_sse_prometheus_room(prom, 2 * ngx_strlen(fact->metric)
                                            + ngx_strlen(fact->help)
                                            + NGX_KAFKA_SSE_PROMETHEUS_MORE);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->last,
                          "# HELP kafka_sse_%s %s\n# TYPE kafka_sse_%s %s\n",
                          fact->metric, fact->help, fact->metric,
                          ngx_kafka_sse_prometheus_is_counter(fact->metric)
                          ? "counter" : "gauge");

    row = rows->elts;

    for (i = 0; i < rows->nelts; i++) {
        if (ngx_kafka_sse_prometheus_sample(prom, subject, fact, &row[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_prometheus_sample(ngx_kafka_sse_prometheus_t *prom,
    ngx_kafka_sse_fact_subject_t *subject, ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row)
{
    u_char                      *p, separator;
    size_t                       len;
    ngx_buf_t                   *b;
    ngx_uint_t                   i;
    ngx_kafka_sse_fact_value_t   value;

    value = ngx_kafka_sse_fact_value(fact, row);

    if (value.type == NGX_KAFKA_SSE_FACT_UNKNOWN) {
        return NGX_OK;
    }

    len = ngx_strlen(fact->metric) + ngx_strlen(fact->name)
          + 2 * value.text.len + NGX_KAFKA_SSE_PROMETHEUS_MORE;

    for (i = 0; i < NGX_KAFKA_SSE_FACT_LABELS && subject->labels[i]; i++) {
        len += ngx_strlen(subject->labels[i]) + 2 * row->labels[i].len;
    }

    b = ngx_kafka_sse_prometheus_room(prom, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(b->last, "kafka_sse_%s", fact->metric);
    separator = '{';

    for (i = 0; i < NGX_KAFKA_SSE_FACT_LABELS && subject->labels[i]; i++) {
        p = ngx_kafka_sse_prometheus_label(p, separator, subject->labels[i],
                                           &row->labels[i]);
        separator = ',';
    }

    if (value.type == NGX_KAFKA_SSE_FACT_TEXT) {
        p = ngx_kafka_sse_prometheus_label(p, separator, fact->name,
                                           &value.text);
        separator = ',';
        value.number = 1;
    }

    if (separator == ',') {
        *p++ = '}';
    }

    b->last = ngx_sprintf(p, " %L\n", value.number);

    return NGX_OK;
}


static u_char *
ngx_kafka_sse_prometheus_label(u_char *p, u_char separator, char *name,
    ngx_str_t *value)
{
    u_char  c;
    size_t  i;

    p = ngx_sprintf(p, "%c%s=\"", separator, name);

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if (c == LF) {
            *p++ = '\\';
            c = 'n';

        } else if (c == '\\' || c == '"') {
            *p++ = '\\';
        }

        *p++ = c;
    }

    *p++ = '"';

    return p;
}


/* a buffer with room for len bytes behind its last */

static ngx_buf_t *
ngx_kafka_sse_prometheus_room(ngx_kafka_sse_prometheus_t *prom, size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (prom->last
        && (size_t) (prom->last->buf->end - prom->last->buf->last) >= len)
    {
        return prom->last->buf;
    }

    b = ngx_create_temp_buf(prom->pool,
                            ngx_max(len, NGX_KAFKA_SSE_PROMETHEUS_BUF));
    cl = ngx_alloc_chain_link(prom->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    if (prom->last) {
        prom->len += ngx_buf_size(prom->last->buf);
        prom->last->next = cl;

    } else {
        prom->out = cl;
    }

    prom->last = cl;

    return b;
}


/* by Prometheus' own convention */

static ngx_uint_t
ngx_kafka_sse_prometheus_is_counter(char *metric)
{
    size_t  len;

    len = ngx_strlen(metric);

    return len > 6 && ngx_strcmp(metric + len - 6, "_total") == 0;
}
