
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_filter.h>


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
ngx_kafka_sse_filter_term(ngx_kafka_sse_filter_term_t *term,
    ngx_kafka_sse_operand_t *operand, ngx_uint_t op, ngx_array_t *values)
{
    ngx_str_t   *v;
    ngx_uint_t   i, n;

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

        return ngx_kafka_sse_number_parse(&term->number, v);
    }

    return NGX_OK;
}


ngx_kafka_sse_filter_t *
ngx_kafka_sse_filter_create(ngx_pool_t *pool,
    ngx_kafka_sse_filter_term_t *terms, ngx_uint_t n)
{
    void  *mem;

    mem = ngx_palloc(pool, ngx_kafka_sse_filter_size(terms, n));

    return mem ? ngx_kafka_sse_filter_build(mem, terms, n) : NULL;
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
