
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_filter.h>
#include <worker/ngx_kafka_sse_percent.h>


/* what a request may say in one condition */

#define NGX_KAFKA_SSE_FILTER_VALUES     100
#define NGX_KAFKA_SSE_FILTER_VALUE_LEN  1024    /* bytes */


/* a filter that is being made; all but what is in it is in r->pool */

typedef struct {
    ngx_http_request_t           *request;
    ngx_kafka_sse_filter_conf_t  *conf;
    ngx_kafka_sse_filter_list_pt  is_list;
    ngx_kafka_sse_filter_term_t  *terms;
    ngx_uint_t                    nterms;
    ngx_array_t                  *args;     /* ngx_array_t *, of ngx_str_t, by
                                               argument; NULL: it is absent */
    ngx_uint_t                    never;
    ngx_str_t                    *refused;
} ngx_kafka_sse_filter_make_t;


static ngx_int_t ngx_kafka_sse_filter_condition(
    ngx_kafka_sse_filter_make_t *make, ngx_kafka_sse_condition_t *condition);
static ngx_int_t ngx_kafka_sse_filter_value(ngx_kafka_sse_filter_make_t *make,
    ngx_array_t *values, ngx_http_complex_value_t *cv, ngx_uint_t op);
static ngx_int_t ngx_kafka_sse_filter_list(ngx_kafka_sse_filter_make_t *make,
    ngx_array_t *values, ngx_str_t *list);
static ngx_int_t ngx_kafka_sse_filter_add(ngx_array_t *values,
    ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_filter_query(
    ngx_kafka_sse_filter_make_t *make);
static ngx_int_t ngx_kafka_sse_filter_arg(ngx_kafka_sse_filter_make_t *make,
    ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_kafka_sse_filter_is_known(
    ngx_kafka_sse_filter_conf_t *conf, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_filter_decode(ngx_http_request_t *r,
    ngx_str_t *text);
static void ngx_kafka_sse_filter_term(ngx_kafka_sse_filter_make_t *make,
    ngx_kafka_sse_operand_t *operand, ngx_uint_t op, ngx_array_t *values);
static int ngx_libc_cdecl ngx_kafka_sse_filter_cmp(const void *one,
    const void *two);
static size_t ngx_kafka_sse_filter_size(ngx_kafka_sse_filter_term_t *terms,
    ngx_uint_t n);
static ngx_kafka_sse_filter_t *ngx_kafka_sse_filter_build(void *mem,
    ngx_kafka_sse_filter_term_t *terms, ngx_uint_t n);
static u_char *ngx_kafka_sse_filter_text(u_char *p,
    ngx_kafka_sse_filter_term_t *term);
static u_char *ngx_kafka_sse_filter_put(u_char *p, ngx_uint_t n);
static void ngx_kafka_sse_filter_index(ngx_kafka_sse_filter_t *filter);
static ngx_uint_t ngx_kafka_sse_filter_is_true(
    ngx_kafka_sse_filter_term_t *term, ngx_str_t *text);
static ngx_uint_t ngx_kafka_sse_filter_is_in(
    ngx_kafka_sse_filter_term_t *term, ngx_str_t *text);


/* the filter of all that want nothing, in a location */

static ngx_str_t  ngx_kafka_sse_filter_nothing = ngx_string("never");


ngx_int_t
ngx_kafka_sse_filter_get(ngx_http_request_t *r,
    ngx_kafka_sse_filter_conf_t *conf, ngx_kafka_sse_filter_list_pt is_list,
    ngx_kafka_sse_filter_t **filter, ngx_str_t *arg)
{
    void                         *mem;
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_kafka_sse_condition_t    *condition;
    ngx_kafka_sse_filter_make_t   make;

    *filter = NULL;

    n = conf->conditions ? conf->conditions->nelts : 0;
    condition = n ? conf->conditions->elts : NULL;

    if (n == 0 && conf->args == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&make, sizeof(ngx_kafka_sse_filter_make_t));

    make.request = r;
    make.conf = conf;
    make.is_list = is_list;
    make.refused = arg;

    make.terms = ngx_palloc(r->pool,
                            (n + (conf->args ? conf->args->nelts : 0))
                            * sizeof(ngx_kafka_sse_filter_term_t));
    if (make.terms == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rc = ngx_kafka_sse_filter_condition(&make, &condition[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (conf->args) {
        rc = ngx_kafka_sse_filter_query(&make);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (make.never) {
        make.nterms = 0;

    } else if (make.nterms == 0) {
        return NGX_OK;
    }

    mem = ngx_palloc(r->pool, ngx_kafka_sse_filter_size(make.terms,
                                                        make.nterms));
    if (mem == NULL) {
        return NGX_ERROR;
    }

    *filter = ngx_kafka_sse_filter_build(mem, make.terms, make.nterms);

    return NGX_OK;
}


ngx_kafka_sse_filter_t *
ngx_kafka_sse_filter_copy(ngx_kafka_sse_filter_t *filter, ngx_log_t *log)
{
    void  *mem;

    mem = ngx_alloc(ngx_kafka_sse_filter_size(filter->terms, filter->nterms),
                    log);
    if (mem == NULL) {
        return NULL;
    }

    return ngx_kafka_sse_filter_build(mem, filter->terms, filter->nterms);
}


static ngx_int_t
ngx_kafka_sse_filter_condition(ngx_kafka_sse_filter_make_t *make,
    ngx_kafka_sse_condition_t *condition)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, is_own;
    ngx_array_t                  *values;
    ngx_kafka_sse_filter_term_t  *term;
    ngx_http_complex_value_t     *cv;

    values = ngx_array_create(make->request->pool,
                              ngx_max(condition->values.nelts, 1),
                              sizeof(ngx_str_t));
    if (values == NULL) {
        return NGX_ERROR;
    }

    cv = condition->values.elts;
    is_own = 0;

    for (i = 0; i < condition->values.nelts; i++) {
        is_own |= (cv[i].lengths != NULL);
        rc = ngx_kafka_sse_filter_value(make, values, &cv[i], condition->op);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (condition->values.nelts && values->nelts == 0) {
        make->never = 1;
        return NGX_OK;
    }

    term = &make->terms[make->nterms];

    ngx_kafka_sse_filter_term(make, &condition->operand, condition->op,
                              values);

    term->regex = condition->regex;
    term->is_own = is_own;

    return NGX_OK;
}


/* what is made of variables and comes out empty is no value at all */

static ngx_int_t
ngx_kafka_sse_filter_value(ngx_kafka_sse_filter_make_t *make,
    ngx_array_t *values, ngx_http_complex_value_t *cv, ngx_uint_t op)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (cv->lengths == NULL) {
        return ngx_kafka_sse_filter_add(values, &cv->value);
    }

    if (ngx_http_complex_value(make->request, cv, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    if (op == NGX_KAFKA_SSE_FILTER_IN
        && make->is_list(make->request, &cv->value))
    {
        rc = ngx_kafka_sse_filter_list(make, values, &value);

    } else {
        rc = (value.len > NGX_KAFKA_SSE_FILTER_VALUE_LEN)
             ? NGX_DECLINED : ngx_kafka_sse_filter_add(values, &value);
    }

    if (rc == NGX_DECLINED) {
        *make->refused = cv->value;
    }

    return rc;
}


static ngx_int_t
ngx_kafka_sse_filter_list(ngx_kafka_sse_filter_make_t *make,
    ngx_array_t *values, ngx_str_t *list)
{
    u_char      *p, *last;
    ngx_str_t    value;
    ngx_uint_t   n;

    p = list->data;
    last = p + list->len;
    n = 0;

    for ( ;; ) {
        value.data = p;

        while (p < last && *p != ',') {
            p++;
        }

        value.len = p - value.data;

        if (value.len) {

            if (value.len > NGX_KAFKA_SSE_FILTER_VALUE_LEN
                || n++ == NGX_KAFKA_SSE_FILTER_VALUES)
            {
                return NGX_DECLINED;
            }

            if (ngx_kafka_sse_filter_add(values, &value) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (p == last) {
            return NGX_OK;
        }

        p++;
    }
}


static ngx_int_t
ngx_kafka_sse_filter_add(ngx_array_t *values, ngx_str_t *value)
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
ngx_kafka_sse_filter_query(ngx_kafka_sse_filter_make_t *make)
{
    u_char                       *p, *last, *end;
    ngx_int_t                     rc;
    ngx_str_t                     name, value;
    ngx_uint_t                    i;
    ngx_array_t                  *values;
    ngx_kafka_sse_filter_arg_t   *arg;
    ngx_kafka_sse_filter_term_t  *term;

    make->args = ngx_pcalloc(make->request->pool,
                             make->conf->args->nelts * sizeof(ngx_array_t));
    if (make->args == NULL) {
        return NGX_ERROR;
    }

    p = make->request->args.data;
    last = p + make->request->args.len;

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

        rc = ngx_kafka_sse_filter_arg(make, &name, &value);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    arg = make->conf->args->elts;

    for (i = 0; i < make->conf->args->nelts; i++) {
        values = &make->args[i];

        if (values->nelts) {
            term = &make->terms[make->nterms];

            ngx_kafka_sse_filter_term(make, &arg[i].operand,
                                      NGX_KAFKA_SSE_FILTER_IN, values);
            term->is_own = 1;
            term->is_arg = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_filter_arg(ngx_kafka_sse_filter_make_t *make, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_uint_t                   i;
    ngx_array_t                 *values;
    ngx_kafka_sse_filter_arg_t  *arg;

    if (ngx_kafka_sse_filter_decode(make->request, name) != NGX_OK) {
        return NGX_ERROR;
    }

    *make->refused = *name;

    arg = make->conf->args->elts;

    for (i = 0; i < make->conf->args->nelts; i++) {

        if (arg[i].name.len == name->len
            && ngx_memcmp(arg[i].name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    if (i == make->conf->args->nelts) {
        return ngx_kafka_sse_filter_is_known(make->conf, name)
               ? NGX_OK : NGX_DECLINED;
    }

    if (arg[i].is_free) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_filter_decode(make->request, value) != NGX_OK) {
        return NGX_ERROR;
    }

    values = &make->args[i];

    if (values->nelts == NGX_KAFKA_SSE_FILTER_VALUES
        || value->len > NGX_KAFKA_SSE_FILTER_VALUE_LEN)
    {
        return NGX_DECLINED;
    }

    if (values->nalloc == 0
        && ngx_array_init(values, make->request->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_filter_add(values, value);
}


/* as nginx finds $arg_name: letter case does not matter */

static ngx_uint_t
ngx_kafka_sse_filter_is_known(ngx_kafka_sse_filter_conf_t *conf,
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
ngx_kafka_sse_filter_decode(ngx_http_request_t *r, ngx_str_t *text)
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


static void
ngx_kafka_sse_filter_term(ngx_kafka_sse_filter_make_t *make,
    ngx_kafka_sse_operand_t *operand, ngx_uint_t op, ngx_array_t *values)
{
    ngx_str_t                    *v;
    ngx_uint_t                    i, n;
    ngx_kafka_sse_filter_term_t  *term;

    term = &make->terms[make->nterms++];
    ngx_memzero(term, sizeof(ngx_kafka_sse_filter_term_t));

    v = values->elts;
    n = values->nelts;

    term->operand = operand;
    term->op = op;
    term->values = v;
    term->nvalues = n;

    switch (op) {

    case NGX_KAFKA_SSE_FILTER_IN:

        /* equal sets are equal texts */

        ngx_qsort(v, n, sizeof(ngx_str_t), ngx_kafka_sse_filter_cmp);

        for (i = 1, term->nvalues = 1; i < n; i++) {
            if (ngx_kafka_sse_filter_cmp(&v[term->nvalues - 1], &v[i]) != 0) {
                v[term->nvalues++] = v[i];
            }
        }

        if (term->nvalues == 1) {
            term->op = NGX_KAFKA_SSE_FILTER_EQ;
        }

        break;

    case NGX_KAFKA_SSE_FILTER_LT:
    case NGX_KAFKA_SSE_FILTER_LE:
    case NGX_KAFKA_SSE_FILTER_GT:
    case NGX_KAFKA_SSE_FILTER_GE:

        if (ngx_kafka_sse_number_parse(&term->number, v) != NGX_OK) {
            make->never = 1;
        }

        break;
    }
}


static int ngx_libc_cdecl
ngx_kafka_sse_filter_cmp(const void *one, const void *two)
{
    const ngx_str_t *a = one, *b = two;

    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return ngx_memcmp(a->data, b->data, a->len);
}


/* head, terms, values, their bytes, text */

static size_t
ngx_kafka_sse_filter_size(ngx_kafka_sse_filter_term_t *terms, ngx_uint_t n)
{
    size_t      size;
    ngx_uint_t  i, j;

    size = sizeof(ngx_kafka_sse_filter_t)
           + n * sizeof(ngx_kafka_sse_filter_term_t);

    for (i = 0; i < n; i++) {
        size += 3 * sizeof(uint32_t) + terms[i].operand->text.len
                + terms[i].nvalues * (sizeof(ngx_str_t) + sizeof(uint32_t));

        for (j = 0; j < terms[i].nvalues; j++) {
            size += 2 * terms[i].values[j].len;
        }
    }

    return size;
}


/* no terms: it wants nothing */

static ngx_kafka_sse_filter_t *
ngx_kafka_sse_filter_build(void *mem, ngx_kafka_sse_filter_term_t *terms,
    ngx_uint_t n)
{
    u_char                       *p;
    ngx_str_t                    *values;
    ngx_uint_t                    i, j;
    ngx_kafka_sse_filter_t       *filter;
    ngx_kafka_sse_filter_term_t  *term;

    filter = mem;
    term = filter->terms;
    values = (ngx_str_t *) (term + n);
    p = (u_char *) values;

    for (i = 0; i < n; i++) {
        p += terms[i].nvalues * sizeof(ngx_str_t);
    }

    for (i = 0; i < n; i++) {
        term[i] = terms[i];
        term[i].values = values;

        for (j = 0; j < terms[i].nvalues; j++) {
            values->len = terms[i].values[j].len;
            values->data = p;

            p = ngx_cpymem(p, terms[i].values[j].data, values->len);
            values++;
        }
    }

    filter->nterms = n;
    filter->never = (n == 0);
    filter->text.data = p;

    for (i = 0; i < n; i++) {
        if (term[i].is_own) {
            p = ngx_kafka_sse_filter_text(p, &term[i]);
        }
    }

    filter->text.len = p - filter->text.data;

    if (filter->never) {
        filter->text = ngx_kafka_sse_filter_nothing;
    }

    filter->hash = ngx_murmur_hash2(filter->text.data, filter->text.len);

    ngx_kafka_sse_filter_index(filter);

    return filter;
}


/* every length is told before, so no value can look like two */

static u_char *
ngx_kafka_sse_filter_text(u_char *p, ngx_kafka_sse_filter_term_t *term)
{
    ngx_str_t   *operand;
    ngx_uint_t   i;

    operand = &term->operand->text;

    p = ngx_kafka_sse_filter_put(p, term->op);
    p = ngx_kafka_sse_filter_put(p, operand->len);
    p = ngx_cpymem(p, operand->data, operand->len);
    p = ngx_kafka_sse_filter_put(p, term->nvalues);

    for (i = 0; i < term->nvalues; i++) {
        p = ngx_kafka_sse_filter_put(p, term->values[i].len);
        p = ngx_cpymem(p, term->values[i].data, term->values[i].len);
    }

    return p;
}


static u_char *
ngx_kafka_sse_filter_put(u_char *p, ngx_uint_t n)
{
    uint32_t  v;

    v = (uint32_t) n;

    return ngx_cpymem(p, &v, sizeof(uint32_t));
}


/*
 * What clients differ in most is best looked up.  Not a topic: it has other
 * names in other locations, and few of them.
 */

static void
ngx_kafka_sse_filter_index(ngx_kafka_sse_filter_t *filter)
{
    ngx_uint_t                    i, rank, best;
    ngx_kafka_sse_filter_term_t  *term;

    filter->index = NULL;
    best = 0;

    for (i = 0; i < filter->nterms; i++) {
        term = &filter->terms[i];

        if ((term->op != NGX_KAFKA_SSE_FILTER_EQ
             && term->op != NGX_KAFKA_SSE_FILTER_IN)
            || term->operand->type == NGX_KAFKA_SSE_OPERAND_TOPIC)
        {
            continue;
        }

        rank = 1 + term->is_own + term->is_arg;

        if (rank > best) {
            best = rank;
            filter->index = term;
        }
    }
}


ngx_uint_t
ngx_kafka_sse_filter_wants(ngx_kafka_sse_filter_t *filter, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_filter_term_t    *term;
    ngx_kafka_sse_operand_value_t   value;

    if (filter == NULL) {
        return 1;
    }

    if (filter->never) {
        return 0;
    }

    for (i = 0; i < filter->nterms; i++) {
        term = &filter->terms[i];

        ngx_kafka_sse_operand_get(term->operand, topic, rec, &value);

        if (value.text.data == NULL) {
            return 0;
        }

        if (term->op == NGX_KAFKA_SSE_FILTER_EXISTS) {
            continue;
        }

        if (value.is_other
            || !ngx_kafka_sse_filter_is_true(term, &value.text))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_filter_is_true(ngx_kafka_sse_filter_term_t *term,
    ngx_str_t *text)
{
    ngx_int_t               rc;
    ngx_kafka_sse_number_t  number;

    switch (term->op) {

    case NGX_KAFKA_SSE_FILTER_EQ:
        return ngx_kafka_sse_filter_cmp(text, term->values) == 0;

    case NGX_KAFKA_SSE_FILTER_NE:
        return ngx_kafka_sse_filter_cmp(text, term->values) != 0;

    case NGX_KAFKA_SSE_FILTER_IN:
        return ngx_kafka_sse_filter_is_in(term, text);

    case NGX_KAFKA_SSE_FILTER_MATCH:
#if (NGX_PCRE)
        return ngx_regex_exec(term->regex, text, NULL, 0) >= 0;
#else
        return 0;
#endif
    }

    if (ngx_kafka_sse_number_parse(&number, text) != NGX_OK) {
        return 0;
    }

    rc = ngx_kafka_sse_number_compare(&number, &term->number);

    switch (term->op) {

    case NGX_KAFKA_SSE_FILTER_LT:
        return rc < 0;

    case NGX_KAFKA_SSE_FILTER_LE:
        return rc <= 0;

    case NGX_KAFKA_SSE_FILTER_GT:
        return rc > 0;

    default: /* NGX_KAFKA_SSE_FILTER_GE */
        return rc >= 0;
    }
}


static ngx_uint_t
ngx_kafka_sse_filter_is_in(ngx_kafka_sse_filter_term_t *term, ngx_str_t *text)
{
    int         rc;
    ngx_uint_t  low, high, i;

    low = 0;
    high = term->nvalues;

    while (low < high) {
        i = (low + high) / 2;
        rc = ngx_kafka_sse_filter_cmp(text, &term->values[i]);

        if (rc == 0) {
            return 1;
        }

        if (rc < 0) {
            high = i;

        } else {
            low = i + 1;
        }
    }

    return 0;
}
