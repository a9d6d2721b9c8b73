
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the query of two requests, each behind a byte with its length,
 * and a record's value; the location has a list by variable, and arguments.
 * Two filters with one text want the same.
 *
 * Covers worker/ngx_kafka_sse_filter.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_filter.h>


static ngx_conf_t                   filter_conf;
static ngx_kafka_sse_filter_conf_t  filter_location;


static void
filter_directive(char **words, ngx_uint_t n, ngx_uint_t args)
{
    ngx_str_t      *word;
    ngx_uint_t      i;
    ngx_command_t   cmd;

    memset(&cmd, 0, sizeof(cmd));

    filter_conf.args = ngx_array_create(filter_conf.pool, 4,
                                        sizeof(ngx_str_t));

    for (i = 0; i < n; i++) {
        word = ngx_array_push(filter_conf.args);
        word->data = (u_char *) words[i];
        word->len = strlen(words[i]);
    }

    fuzz_check((args ? ngx_kafka_sse_filter_conf_args(&filter_conf, &cmd,
                                                      &filter_location)
                     : ngx_kafka_sse_filter_conf_condition(&filter_conf, &cmd,
                                                           &filter_location))
               == NGX_CONF_OK);
}


static void
filter_location_init(void)
{
    static char  *in[] = { "", "json:.k", "in", "$list", "a" };
    static char  *more[] = { "", "json:.n", ">=", "$number" };
    static char  *args[] = { "", "a=json:.a", "b=json:.b", "c" };

    filter_conf.pool = ngx_create_pool(4096, NULL);

    filter_directive(in, 5, 0);
    filter_directive(more, 4, 0);
    filter_directive(args, 4, 1);

    fuzz_check(ngx_kafka_sse_filter_conf_know_own(&filter_conf,
                                                  &filter_location)
               == NGX_OK);
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

    rc = ngx_kafka_sse_filter_get(r, &filter_location, &filter, &arg);

    fuzz_check(rc == NGX_OK || rc == NGX_DECLINED);
    fuzz_check(rc == NGX_OK || arg.data != NULL);
    fuzz_check(rc == NGX_DECLINED || filter != NULL);

    if (rc != NGX_OK) {
        return NULL;
    }

    filter = ngx_kafka_sse_filter_copy(filter, NULL);
    fuzz_check(filter != NULL);

    return filter;
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
        filter_location_init();
    }

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    ngx_str_set(&topic, "orders");

    one = fuzz_take(&data, &size);
    two = fuzz_take(&data, &size);
    rec.value.data = (u_char *) data;
    rec.value.len = size;

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

        ngx_shim_fail_after = 0;
        (void) ngx_kafka_sse_filter_wants(a, &topic, &rec);
        ngx_shim_fail_after = -1;
    }

    free(a);
    free(b);

    return 0;
}
