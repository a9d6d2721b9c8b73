
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_demand.h>
#include <worker/ngx_kafka_sse_grant.h>
#include <worker/ngx_kafka_sse_percent.h>


/* what a request may say in one condition */

#define NGX_KAFKA_SSE_DEMAND_VALUES     100
#define NGX_KAFKA_SSE_DEMAND_VALUE_LEN  1024    /* bytes */


/* a filter that is being made; all but what is in it is in r->pool */

typedef struct {
    ngx_http_request_t           *request;
    ngx_kafka_sse_filter_conf_t  *conf;
    ngx_kafka_sse_demand_list_pt  is_list;
    ngx_kafka_sse_filter_term_t  *terms;
    ngx_uint_t                    nterms;
    ngx_array_t                  *args;     /* by argument an array of
                                               ngx_str_t; empty: it is absent */
    ngx_uint_t                    never;
    ngx_str_t                    *refused;
} ngx_kafka_sse_demand_t;


static ngx_int_t ngx_kafka_sse_demand_condition(ngx_kafka_sse_demand_t *demand,
    ngx_kafka_sse_condition_t *condition);
static ngx_int_t ngx_kafka_sse_demand_value(ngx_kafka_sse_demand_t *demand,
    ngx_array_t *values, ngx_http_complex_value_t *cv, ngx_uint_t op);
static ngx_int_t ngx_kafka_sse_demand_list(ngx_array_t *values,
    ngx_str_t list);
static ngx_int_t ngx_kafka_sse_demand_add(ngx_array_t *values,
    ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_demand_query(ngx_kafka_sse_demand_t *demand);
static ngx_int_t ngx_kafka_sse_demand_arg(ngx_kafka_sse_demand_t *demand,
    ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_kafka_sse_demand_is_known(
    ngx_kafka_sse_filter_conf_t *conf, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_demand_decode(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_kafka_sse_filter_term_t *ngx_kafka_sse_demand_term(
    ngx_kafka_sse_demand_t *demand, ngx_kafka_sse_operand_t *operand,
    ngx_uint_t op, ngx_array_t *values);


ngx_int_t
ngx_kafka_sse_demand_get(ngx_http_request_t *r,
    ngx_kafka_sse_filter_conf_t *conf, ngx_kafka_sse_demand_list_pt is_list,
    ngx_kafka_sse_filter_t **filter, ngx_str_t *arg)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i, n;
    ngx_kafka_sse_demand_t      demand;
    ngx_kafka_sse_condition_t  *condition;

    *filter = NULL;

    n = conf->conditions ? conf->conditions->nelts : 0;
    condition = n ? conf->conditions->elts : NULL;

    if (n == 0 && conf->args == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&demand, sizeof(ngx_kafka_sse_demand_t));

    demand.request = r;
    demand.conf = conf;
    demand.is_list = is_list;
    demand.refused = arg;

    demand.terms = ngx_palloc(r->pool,
                              (n + (conf->args ? conf->args->nelts : 0))
                              * sizeof(ngx_kafka_sse_filter_term_t));
    if (demand.terms == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rc = ngx_kafka_sse_demand_condition(&demand, &condition[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (conf->args) {
        rc = ngx_kafka_sse_demand_query(&demand);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (demand.never) {
        demand.nterms = 0;

    } else if (demand.nterms == 0) {
        return NGX_OK;
    }

    *filter = ngx_kafka_sse_filter_create(r->pool, demand.terms, demand.nterms);

    return *filter ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_kafka_sse_demand_condition(ngx_kafka_sse_demand_t *demand,
    ngx_kafka_sse_condition_t *condition)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, is_own;
    ngx_array_t                  *values;
    ngx_kafka_sse_filter_term_t  *term;
    ngx_http_complex_value_t     *cv;

    values = ngx_array_create(demand->request->pool,
                              ngx_max(condition->values.nelts, 1),
                              sizeof(ngx_str_t));
    if (values == NULL) {
        return NGX_ERROR;
    }

    cv = condition->values.elts;
    is_own = 0;

    for (i = 0; i < condition->values.nelts; i++) {
        is_own |= (cv[i].lengths != NULL);
        rc = ngx_kafka_sse_demand_value(demand, values, &cv[i], condition->op);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (condition->values.nelts && values->nelts == 0) {
        demand->never = 1;
        return NGX_OK;
    }

    term = ngx_kafka_sse_demand_term(demand, &condition->operand,
                                             condition->op, values);

    term->regex = condition->regex;
    term->is_own = is_own;

    return NGX_OK;
}


/* what is made of variables and comes out empty is no value at all */

static ngx_int_t
ngx_kafka_sse_demand_value(ngx_kafka_sse_demand_t *demand,
    ngx_array_t *values, ngx_http_complex_value_t *cv, ngx_uint_t op)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (cv->lengths == NULL) {
        return ngx_kafka_sse_demand_add(values, &cv->value);
    }

    if (ngx_http_complex_value(demand->request, cv, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    if (op == NGX_KAFKA_SSE_FILTER_IN
        && demand->is_list(demand->request, &cv->value))
    {
        rc = ngx_kafka_sse_demand_list(values, value);

    } else {
        rc = (value.len > NGX_KAFKA_SSE_DEMAND_VALUE_LEN)
             ? NGX_DECLINED : ngx_kafka_sse_demand_add(values, &value);
    }

    if (rc == NGX_DECLINED) {
        *demand->refused = cv->value;
    }

    return rc;
}


static ngx_int_t
ngx_kafka_sse_demand_list(ngx_array_t *values, ngx_str_t list)
{
    ngx_str_t   value;
    ngx_uint_t  n;

    n = 0;

    while (ngx_kafka_sse_grant_element(&list, &value)) {

        if (value.len == 0) {
            continue;
        }

        if (value.len > NGX_KAFKA_SSE_DEMAND_VALUE_LEN
            || n++ == NGX_KAFKA_SSE_DEMAND_VALUES)
        {
            return NGX_DECLINED;
        }

        if (ngx_kafka_sse_demand_add(values, &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_demand_add(ngx_array_t *values, ngx_str_t *value)
{
    ngx_str_t  *v;

    v = ngx_array_push(values);
    if (v == NULL) {
        return NGX_ERROR;
    }

    *v = *value;

    return NGX_OK;
}


/* the arguments of the request, and a term for each that is a condition */

static ngx_int_t
ngx_kafka_sse_demand_query(ngx_kafka_sse_demand_t *demand)
{
    u_char                       *p, *last, *end;
    ngx_int_t                     rc;
    ngx_str_t                     name, value;
    ngx_uint_t                    i;
    ngx_array_t                  *values;
    ngx_kafka_sse_filter_arg_t   *arg;
    ngx_kafka_sse_filter_term_t  *term;

    demand->args = ngx_pcalloc(demand->request->pool,
                               demand->conf->args->nelts
                               * sizeof(ngx_array_t));
    if (demand->args == NULL) {
        return NGX_ERROR;
    }

    p = demand->request->args.data;
    last = p + demand->request->args.len;

    for ( /* void */ ; p < last; p = end + 1) {

        for (end = p; end < last && *end != '&'; end++) { /* void */ }

        if (end == p) {
            continue;
        }

        name.data = p;

        while (p < end && *p != '=') {
            p++;
        }

        name.len = p - name.data;

        p += (p < end);

        value.data = p;
        value.len = end - p;

        rc = ngx_kafka_sse_demand_arg(demand, &name, &value);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    arg = demand->conf->args->elts;

    for (i = 0; i < demand->conf->args->nelts; i++) {
        values = &demand->args[i];

        if (values->nelts) {
            term = ngx_kafka_sse_demand_term(demand, &arg[i].operand,
                                             NGX_KAFKA_SSE_FILTER_IN, values);
            term->is_own = 1;
            term->is_arg = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_demand_arg(ngx_kafka_sse_demand_t *demand, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_uint_t                   i;
    ngx_array_t                 *values;
    ngx_kafka_sse_filter_arg_t  *arg;

    if (ngx_kafka_sse_demand_decode(demand->request, name) != NGX_OK) {
        return NGX_ERROR;
    }

    *demand->refused = *name;

    arg = demand->conf->args->elts;

    for (i = 0; i < demand->conf->args->nelts; i++) {

        if (arg[i].name.len == name->len
            && ngx_memcmp(arg[i].name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    if (i == demand->conf->args->nelts) {
        return ngx_kafka_sse_demand_is_known(demand->conf, name)
               ? NGX_OK : NGX_DECLINED;
    }

    if (arg[i].is_free) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_demand_decode(demand->request, value) != NGX_OK) {
        return NGX_ERROR;
    }

    values = &demand->args[i];

    if (values->nelts == NGX_KAFKA_SSE_DEMAND_VALUES
        || value->len > NGX_KAFKA_SSE_DEMAND_VALUE_LEN)
    {
        return NGX_DECLINED;
    }

    if (values->nalloc == 0
        && ngx_array_init(values, demand->request->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_demand_add(values, value);
}


/* as nginx finds $arg_name: letter case does not matter */

static ngx_uint_t
ngx_kafka_sse_demand_is_known(ngx_kafka_sse_filter_conf_t *conf,
    ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = conf->known->elts;

    for (i = 0; i < conf->known->nelts; i++) {

        if (known[i].len == name->len
            && ngx_strncasecmp(known[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_kafka_sse_demand_decode(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, ngx_max(text->len, 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_kafka_sse_percent_decode(p, text, 1) - p;
    text->data = p;

    return NGX_OK;
}


static ngx_kafka_sse_filter_term_t *
ngx_kafka_sse_demand_term(ngx_kafka_sse_demand_t *demand,
    ngx_kafka_sse_operand_t *operand, ngx_uint_t op, ngx_array_t *values)
{
    ngx_kafka_sse_filter_term_t  *term;

    term = &demand->terms[demand->nterms++];

    if (ngx_kafka_sse_filter_term(term, operand, op, values) != NGX_OK) {
        demand->never = 1;
    }

    return term;
}
