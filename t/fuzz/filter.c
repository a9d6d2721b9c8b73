
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is which location; the query of two requests, with values of two
 * variables before it, and the record's key and headers, each behind a byte
 * with its length; and the record's value.  Two filters with one text want the
 * same.  What one wants a naive reader says, too, and an index finds it.
 *
 * Covers worker/ngx_kafka_sse_filter.c
 * Covers worker/ngx_kafka_sse_demand.c
 * Covers worker/ngx_kafka_sse_memo.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <math.h>

#include <worker/ngx_kafka_sse_demand.h>
#include <worker/ngx_kafka_sse_memo.h>


#define FILTER_WORDS  8


/* kafka_sse_filter, and kafka_sse_filter_args if the first one is "args" */

static char  *filter_directives[][4][FILTER_WORDS] = {
    {
        { "", "json:.k", "in", "$list", "a" },
        { "", "json:.n", ">=", "$number" },
        { "args", "a=json:.a", "b=json:.b", "c" }
    },
    {
        { "", "json:.a", "=", "$list" },
        { "", "$kafka_sse_key", "!=", "$number" }
    },
    {
        { "", "json:.n", "<", "$number" },
        { "", "json:.s", "~*", "^A+$" }
    },
    {
        { "", "json:.n", "<=", "5" },
        { "", "json:.n", ">", "-5e0" },
        { "", "$kafka_sse_header_h", "exists" }
    },
    {
        { "args", "p=$kafka_sse_partition", "o=$kafka_sse_offset",
          "t=$kafka_sse_timestamp", "k=$kafka_sse_key", "T=$kafka_sse_topic",
          "h=$kafka_sse_header_x_y" }
    },
    {
        { "", "json:.k[1].\"\"", "in", "x", "$list", "1.5", "$number" }
    },
    { { NULL } }
};


#define FILTER_LOCATIONS                                                      \
    (sizeof(filter_directives) / sizeof(filter_directives[0]))


static ngx_conf_t                    filter_conf;
static ngx_kafka_sse_filter_conf_t   filter_locations[FILTER_LOCATIONS];
static ngx_kafka_sse_filter_conf_t  *filter_location;


static void
filter_directive(ngx_kafka_sse_filter_conf_t *location, char **words)
{
    ngx_str_t      *word;
    ngx_uint_t      i, args;
    ngx_command_t   cmd;

    memset(&cmd, 0, sizeof(cmd));
    args = (strcmp(words[0], "args") == 0);

    filter_conf.args = ngx_array_create(filter_conf.pool, 4,
                                        sizeof(ngx_str_t));

    for (i = 0; i < FILTER_WORDS && words[i]; i++) {
        word = ngx_array_push(filter_conf.args);
        word->data = (u_char *) words[i];
        word->len = strlen(words[i]);
    }

    fuzz_check((args ? ngx_kafka_sse_filter_conf_args(&filter_conf, &cmd,
                                                      location)
                     : ngx_kafka_sse_filter_conf_condition(&filter_conf, &cmd,
                                                           location))
               == NGX_CONF_OK);
}


static void
filter_locations_init(void)
{
    ngx_uint_t  i, j;

    filter_conf.pool = ngx_create_pool(4096, NULL);

    for (i = 0; i < FILTER_LOCATIONS; i++) {
        for (j = 0; j < 4 && filter_directives[i][j][0]; j++) {
            filter_directive(&filter_locations[i], filter_directives[i][j]);
        }

        fuzz_check(ngx_kafka_sse_filter_conf_know_own(&filter_conf,
                                                      &filter_locations[i])
                   == NGX_OK);

        /* as for what other directives name, here nothing */

        fuzz_check(ngx_kafka_sse_filter_conf_know(&filter_conf,
                                                  &filter_locations[i], NULL,
                                                  0)
                   == NGX_OK);
    }
}


/* what is remembered of a record is what is there, without memory as well */

static void
filter_memo(ngx_kafka_sse_filter_t *filter, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t                       i, k, wants;
    ngx_kafka_sse_filter_term_t     *term;
    ngx_kafka_sse_operand_value_t    value, again;

    wants = ngx_kafka_sse_filter_wants(filter, topic, rec);

    for (i = 0; i < 3; i++) {
        ngx_kafka_sse_memo_begin(rec);
        ngx_shim_fail_after = (i == 2) ? 0 : -1;

        fuzz_check(i == 2
                   || ngx_kafka_sse_filter_wants(filter, topic, rec) == wants);

        ngx_shim_fail_after = -1;
        fuzz_check(ngx_kafka_sse_filter_wants(filter, topic, rec) == wants);

        for (k = 0; k < filter->nterms; k++) {
            term = &filter->terms[k];

            ngx_kafka_sse_operand_get(term->operand, topic, rec, &value);
            ngx_kafka_sse_operand_get(term->operand, topic, rec, &again);

            fuzz_check(value.text.len == again.text.len
                       && (value.text.data == NULL)
                          == (again.text.data == NULL)
                       && memcmp(value.text.data, again.text.data,
                                 value.text.len)
                          == 0);
        }

        ngx_kafka_sse_memo_end();
    }
}


/* "$list" is one, whatever else stands behind "in" is one value */

static ngx_uint_t
filter_is_list(ngx_http_request_t *r, ngx_str_t *word)
{
    fuzz_check(word->data[0] == '$');

    return word->len == 5 && memcmp(word->data, "$list", 5) == 0;
}


/* what is no list is a value as it came */

static void
filter_check_single(ngx_kafka_sse_filter_t *filter, ngx_str_t *single)
{
    ngx_uint_t                    i, n;
    ngx_kafka_sse_filter_term_t  *term;

    term = filter->terms;

    if (filter_location != &filter_locations[5] || single->len == 0) {
        return;
    }

    fuzz_check(filter->nterms == 1);

    for (i = 0, n = 0; i < term->nvalues; i++) {
        n += (term->values[i].len == single->len
              && memcmp(term->values[i].data, single->data, single->len) == 0);
    }

    fuzz_check(n == 1);
}


/* a query, up to a ";" the list, up to another one the number */

static ngx_kafka_sse_filter_t *
filter_get(ngx_http_request_t *r, ngx_str_t text)
{
    u_char                  *p, *last;
    ngx_int_t                rc;
    ngx_str_t                arg;
    ngx_kafka_sse_filter_t  *filter;

    static ngx_shim_value_t  values[] = {
        { "list", ngx_null_string },
        { "number", ngx_null_string },
        { NULL, ngx_null_string }
    };

    ngx_uint_t  i;

    last = text.data + text.len;
    ngx_shim_values = values;

    for (i = 0; i < 2; i++) {
        p = ngx_strlchr(text.data, last, ';');
        if (p == NULL) {
            p = last;
        }

        values[i].value.data = text.data;
        values[i].value.len = p - text.data;

        text.data = (p < last) ? p + 1 : last;
    }

    r->args.data = text.data;
    r->args.len = last - text.data;

    ngx_str_null(&arg);
    filter = NULL;

    ngx_shim_fail_after = r->args.len % 16;
    (void) ngx_kafka_sse_demand_get(r, filter_location, filter_is_list,
                                    &filter, &arg);
    ngx_shim_fail_after = -1;

    ngx_str_null(&arg);

    rc = ngx_kafka_sse_demand_get(r, filter_location, filter_is_list, &filter,
                                  &arg);

    fuzz_check(rc == NGX_OK || rc == NGX_DECLINED);
    fuzz_check(rc == NGX_OK || arg.data != NULL);

    if (rc != NGX_OK || filter == NULL) {
        return NULL;
    }

    filter_check_single(filter, &values[1].value);

    filter = ngx_kafka_sse_filter_copy(filter, NULL);
    fuzz_check(filter != NULL);

    return filter;
}


static ngx_uint_t
filter_naive_term(ngx_kafka_sse_filter_term_t *term, ngx_str_t *text)
{
    double                   a, b;
    ngx_uint_t               i, found;
    ngx_kafka_sse_number_t   number;

    found = 0;

    for (i = 0; i < term->nvalues; i++) {
        found |= (term->values[i].len == text->len
                  && memcmp(term->values[i].data, text->data, text->len) == 0);
    }

    switch (term->op) {

    case NGX_KAFKA_SSE_FILTER_EQ:
    case NGX_KAFKA_SSE_FILTER_IN:
        return found;

    case NGX_KAFKA_SSE_FILTER_NE:
        return !found;

    case NGX_KAFKA_SSE_FILTER_MATCH:
        for (i = 0; i < text->len && text->data[i]; i++) {
            if ((text->data[i] | 0x20) != 'a') {
                return 0;
            }
        }

        return i > 0;
    }

    if (ngx_kafka_sse_number_parse(&number, text) != NGX_OK) {
        return 0;
    }

    a = number.is_integer ? (double) number.integer : number.real;
    b = term->number.is_integer ? (double) term->number.integer
                                : term->number.real;

    /* what doubles cannot tell apart, the target "number" looks at */

    if (fabs(a) > 1e15 || fabs(b) > 1e15) {
        return NGX_ERROR;
    }

    switch (term->op) {

    case NGX_KAFKA_SSE_FILTER_LT:
        return a < b;

    case NGX_KAFKA_SSE_FILTER_LE:
        return a <= b;

    case NGX_KAFKA_SSE_FILTER_GT:
        return a > b;

    default:
        return a >= b;
    }
}


static void
filter_check(ngx_kafka_sse_filter_t *filter, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t                      i, wants, known, is;
    ngx_kafka_sse_filter_term_t    *term;
    ngx_kafka_sse_operand_value_t   value;

    wants = !filter->never;
    known = 1;

    for (i = 0; i < filter->nterms; i++) {
        term = &filter->terms[i];

        ngx_kafka_sse_operand_get(term->operand, topic, rec, &value);

        is = value.text.data != NULL;

        if (is && term->op != NGX_KAFKA_SSE_FILTER_EXISTS) {
            is = value.is_other ? 0 : filter_naive_term(term, &value.text);
        }

        if (is == (ngx_uint_t) NGX_ERROR) {
            known = 0;
            continue;
        }

        wants = wants && is;

        /* who is found by its index only is not missed */

        fuzz_check(term != filter->index || is
                   || !ngx_kafka_sse_filter_wants(filter, topic, rec));
    }

    if (known || !wants) {
        fuzz_check(wants == ngx_kafka_sse_filter_wants(filter, topic, rec));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t                one, two, topic;
    ngx_uint_t               same;
    ngx_http_request_t       r;
    ngx_kafka_sse_filter_t  *a, *b;
    ngx_kafka_sse_record_t   rec;

    if (filter_conf.pool == NULL) {
        filter_locations_init();
    }

    if (size == 0) {
        return 0;
    }

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    ngx_str_set(&topic, "orders");

    filter_location = &filter_locations[*data++ % FILTER_LOCATIONS];
    size--;

    one = fuzz_take(&data, &size);
    two = fuzz_take(&data, &size);
    rec.key = fuzz_take(&data, &size);
    rec.headers = fuzz_take(&data, &size);
    rec.value.data = (u_char *) data;
    rec.value.len = size;
    rec.timestamp = (int64_t) rec.key.len - 1;
    rec.offset = rec.headers.len;
    rec.partition = (int32_t) one.len;

    r.pool = ngx_create_pool(4096, NULL);
    a = filter_get(&r, one);
    b = filter_get(&r, two);
    ngx_destroy_pool(r.pool);

    if (a && b) {
        same = a->text.len == b->text.len
               && memcmp(a->text.data, b->text.data, a->text.len) == 0;

        fuzz_check(!same || (a->hash == b->hash && a->never == b->never
                             && a->nterms == b->nterms));
        fuzz_check(!same
                   || ngx_kafka_sse_filter_wants(a, &topic, &rec)
                      == ngx_kafka_sse_filter_wants(b, &topic, &rec));
    }

    if (a) {
        filter_check(a, &topic, &rec);
        filter_memo(a, &topic, &rec);

        ngx_shim_fail_after = 0;
        (void) ngx_kafka_sse_filter_wants(a, &topic, &rec);
        ngx_shim_fail_after = -1;
    }

    fuzz_check(ngx_kafka_sse_filter_wants(NULL, &topic, &rec));

    free(a);
    free(b);

    return 0;
}
