
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_grant.h>


typedef struct {
    ngx_str_t    pattern;
    ngx_str_t    name;
    ngx_uint_t   match;
} grant_case_t;


static grant_case_t  grant_cases[] = {
    { unit_str("orders"), unit_str("orders"), 1 },
    { unit_str("orders"), unit_str("order"), 0 },
    { unit_str("orders"), unit_str("orders2"), 0 },
    { unit_str("orders"), unit_str("Orders"), 0 },
    { unit_str("orders"), unit_str("orders."), 0 },
    { unit_str("orders.eu"), unit_str("ordersxeu"), 0 },
    { unit_str("*"), unit_str("a"), 1 },
    { unit_str("*"), unit_str("orders-1_x"), 1 },
    { unit_str("*"), unit_str("a.b"), 0 },
    { unit_str("*"), unit_str("a."), 0 },
    { unit_str("*.*"), unit_str("a.b"), 1 },
    { unit_str("*.*"), unit_str("a."), 0 },
    { unit_str("*.*"), unit_str(".b"), 0 },
    { unit_str("*.*"), unit_str("a.b.c"), 0 },
    { unit_str("*.*"), unit_str("a"), 0 },
    { unit_str("orders.*"), unit_str("orders.eu"), 1 },
    { unit_str("orders.*"), unit_str("orders."), 0 },
    { unit_str("orders.*"), unit_str("orders"), 0 },
    { unit_str("orders.*"), unit_str("orders.eu.secret"), 0 },
    { unit_str("orders.*"), unit_str("xorders.eu"), 0 },
    { unit_str("*.eu"), unit_str("orders.eu"), 1 },
    { unit_str("*.eu"), unit_str("orders.eux"), 0 },
    { unit_str("*.eu"), unit_str(".eu"), 0 },
    { unit_str("a*"), unit_str("a"), 0 },
    { unit_str("a*"), unit_str("ab"), 1 },
    { unit_str("a*b"), unit_str("ab"), 0 },
    { unit_str("a*b"), unit_str("abb"), 1 },
    { unit_str("a*b"), unit_str("axbxb"), 1 },
    { unit_str("a*b"), unit_str("axbx"), 0 },
    { unit_str("a*b*c"), unit_str("aXbXbXc"), 1 },
    { unit_str("a*b*c"), unit_str("abc"), 0 },
    { unit_str("a*b*c"), unit_str("axbc"), 0 },
    { unit_str("*a*"), unit_str("aaa"), 1 },
    { unit_str("*a*"), unit_str("aa"), 0 },
    { unit_str("*aab*"), unit_str("aaaabb"), 1 },
    { unit_str("x.*.*-y.z"), unit_str("x.a.b-y.z"), 1 },
    { unit_str("x.*.*-y.z"), unit_str("x.a.b.c-y.z"), 0 },
    { unit_str("a..b"), unit_str("a..b"), 1 },
    { unit_str("a.*.b"), unit_str("a..b"), 0 },
    { unit_str("*"), unit_str("__consumer_offsets"), 0 },
    { unit_str("_*"), unit_str("__consumer_offsets"), 0 },
    { unit_str("*_offsets"), unit_str("__consumer_offsets"), 0 },
    { unit_str("__*"), unit_str("__consumer_offsets"), 1 },
    { unit_str("__consumer_offsets"), unit_str("__consumer_offsets"), 1 },
    { unit_str("*"), unit_str("_x"), 1 },
    { unit_str("*"), unit_str("_"), 1 },
};


typedef struct {
    ngx_str_t    text;
    ngx_uint_t   parts;         /* 0: declined */
    ngx_str_t    value;         /* of each variable */
    ngx_str_t    pattern;       /* len 0: grants nothing */
} grant_template_t;


static grant_template_t  grant_templates[] = {
    { unit_str("orders"), 1, unit_str(""), unit_str("orders") },
    { unit_str("orders.*.x"), 1, unit_str(""), unit_str("orders.*.x") },
    { unit_str("$a"), 1, unit_str("eu"), unit_str("eu") },
    { unit_str("${a}"), 1, unit_str("eu"), unit_str("eu") },
    { unit_str("o.$a.*"), 3, unit_str("eu"), unit_str("o.eu.*") },
    { unit_str("o.${a}_*"), 3, unit_str("eu"), unit_str("o.eu_*") },
    { unit_str("$a$b.$c-d"), 5, unit_str("x"), unit_str("xx.x-d") },
    { unit_str("o.$a"), 2, unit_str("eu.west"), unit_str("o.eu.west") },
    { unit_str("o.$a"), 2, unit_str(""), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("*"), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("e*"), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("eu,us"), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("$b"), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("eu "), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("eu\0"), unit_str("") },
    { unit_str("o.$a"), 2, unit_str("\xc3\xa9"), unit_str("") },
    { unit_str(""), 0, unit_str(""), unit_str("") },
    { unit_str("$"), 0, unit_str(""), unit_str("") },
    { unit_str("a$"), 0, unit_str(""), unit_str("") },
    { unit_str("$-"), 0, unit_str(""), unit_str("") },
    { unit_str("${}"), 0, unit_str(""), unit_str("") },
    { unit_str("${a"), 0, unit_str(""), unit_str("") },
    { unit_str("${a-b}"), 0, unit_str(""), unit_str("") },
    { unit_str("**"), 0, unit_str(""), unit_str("") },
    { unit_str("a.**"), 0, unit_str(""), unit_str("") },
    { unit_str("a b"), 0, unit_str(""), unit_str("") },
    { unit_str("a/b"), 0, unit_str(""), unit_str("") },
    { unit_str("a?"), 0, unit_str(""), unit_str("") },
    { unit_str("a\0"), 0, unit_str(""), unit_str("") },
};


static void
grant_template(grant_template_t *t)
{
    char          claim[256];
    ngx_int_t     rc;
    ngx_str_t     text, value, pattern, values[8];
    ngx_uint_t    i;
    ngx_pool_t   *pool;
    ngx_array_t  *parts;

    pool = ngx_create_pool(4096, NULL);
    parts = ngx_array_create(pool, 1, sizeof(ngx_kafka_sse_grant_part_t));

    text = unit_copy(t->text.data, t->text.len);
    value = unit_copy(t->value.data, t->value.len);

    rc = ngx_kafka_sse_grant_parse(parts, &text);

    snprintf(claim, sizeof(claim), "template \"%s\" with \"%s\"",
             t->text.data, t->value.data);

    if (t->parts == 0) {
        unit_ok(rc == NGX_DECLINED, claim);
        goto done;
    }

    if (rc != NGX_OK || parts->nelts != t->parts) {
        unit_ok(0, claim);
        goto done;
    }

    for (i = 0; i < parts->nelts; i++) {
        values[i] = value;
    }

    rc = ngx_kafka_sse_grant_pattern(parts->elts, parts->nelts, values, pool,
                                     &pattern);

    if (t->pattern.len == 0) {
        unit_ok(rc == NGX_DECLINED, claim);

    } else if (rc != NGX_OK) {
        unit_ok(0, claim);

    } else {
        unit_is(pattern.data, pattern.len, (char *) t->pattern.data,
                t->pattern.len, claim);
    }

done:

    free(text.data);
    free(value.data);
    ngx_destroy_pool(pool);
}


static void
grant_elements(char *text, ngx_uint_t n, char *last)
{
    char        claim[256];
    ngx_str_t   list, element;
    ngx_uint_t  i;

    list.len = strlen(text);
    list.data = (u_char *) text;
    ngx_str_null(&element);

    for (i = 0; ngx_kafka_sse_grant_element(&list, &element); i++) { }

    snprintf(claim, sizeof(claim), "list \"%s\"", text);

    unit_ok(i == n && element.len == strlen(last)
            && memcmp(element.data, last, element.len) == 0, claim);
}


static void
grant_long(void)
{
    u_char        buf[600];
    ngx_str_t     text, value, pattern;
    ngx_pool_t   *pool;
    ngx_array_t  *parts;

    pool = ngx_create_pool(4096, NULL);
    parts = ngx_array_create(pool, 1, sizeof(ngx_kafka_sse_grant_part_t));

    memset(buf, 'x', sizeof(buf));

    text.data = buf;
    text.len = 249;
    unit_ok(ngx_kafka_sse_grant_parse(parts, &text) == NGX_OK,
            "a template is as long as a name");

    text.len = 250;
    parts->nelts = 0;
    unit_ok(ngx_kafka_sse_grant_parse(parts, &text) == NGX_DECLINED,
            "and no longer");

    text.data = (u_char *) "$a";
    text.len = 2;
    parts->nelts = 0;
    unit_ok(ngx_kafka_sse_grant_parse(parts, &text) == NGX_OK, "a variable");

    value.data = buf;
    value.len = 249;
    unit_ok(ngx_kafka_sse_grant_pattern(parts->elts, 1, &value, pool, &pattern)
            == NGX_OK, "a value is as long as a name");

    value.len = 250;
    unit_ok(ngx_kafka_sse_grant_pattern(parts->elts, 1, &value, pool, &pattern)
            == NGX_DECLINED, "a longer one grants nothing");

    ngx_destroy_pool(pool);
}


int
main(void)
{
    char         claim[256];
    ngx_str_t    pattern, name;
    ngx_uint_t   i;

    for (i = 0; i < sizeof(grant_cases) / sizeof(grant_case_t); i++) {
        pattern = unit_copy(grant_cases[i].pattern.data,
                            grant_cases[i].pattern.len);
        name = unit_copy(grant_cases[i].name.data, grant_cases[i].name.len);

        snprintf(claim, sizeof(claim), "\"%s\" %s \"%s\"",
                 grant_cases[i].pattern.data,
                 grant_cases[i].match ? "is for" : "is not for",
                 grant_cases[i].name.data);

        unit_ok(ngx_kafka_sse_grant_match(&pattern, &name)
                == grant_cases[i].match, claim);

        free(pattern.data);
        free(name.data);
    }

    for (i = 0; i < sizeof(grant_templates) / sizeof(grant_template_t); i++) {
        grant_template(&grant_templates[i]);
    }

    grant_elements("", 1, "");
    grant_elements("a", 1, "a");
    grant_elements("a,b", 2, "b");
    grant_elements("a,", 2, "");
    grant_elements(",", 2, "");
    grant_elements(",,b", 3, "b");

    grant_long();

    return unit_done();
}
