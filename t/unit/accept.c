
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_accept.h>


static ngx_str_t  accept_admitted[] = {
    unit_str(""),
    unit_str("  "),
    unit_str(",,"),
    unit_str("text/event-stream"),
    unit_str("TEXT/Event-Stream"),
    unit_str("*/*"),
    unit_str("text/*"),
    unit_str(" text/event-stream\t"),
    unit_str("text/html, text/event-stream"),
    unit_str("text/html,,text/event-stream"),
    unit_str("text/html;level=1, */*;q=0.001"),
    unit_str("text/event-stream;q=0.5"),
    unit_str("text/event-stream; Q=1.000"),
    unit_str("text/event-stream;q=1."),
    unit_str("text/event-stream ; charset=utf-8 ; q=0.1"),
    unit_str("text/event-stream;charset=\"a,b;q=0\""),
    unit_str("text/event-stream;charset=\"\\\"\";q=1"),
    unit_str("text/html;a=\"text/event-stream;q=0\", */*"),
    unit_str("text/event-stream;eq=0"),
    unit_str("text/event-stream;;q=1;"),
    unit_str("text/event-stream;q=1;q=0"),
    unit_str("text/event-stream;q=1;old"),
    unit_str("text/event-stream, */*;q=0"),
    unit_str("*/*;q=0, text/event-stream"),
    unit_str("text/*;q=0, text/event-stream;q=0.1, */*"),
    unit_str("text/event-stream;q=0, text/event-stream;q=1"),
    unit_str("text/event-stream;q=x, */*"),
    unit_str("@, */*"),
};


static ngx_str_t  accept_refused[] = {
    unit_str("text/html"),
    unit_str("text/event-stream;q=0"),
    unit_str("text/event-stream;q=0."),
    unit_str("text/event-stream;q=0.000"),
    unit_str("text/event-stream;q=0;foo=1"),
    unit_str("text/event-stream;q=0, */*"),
    unit_str("*/*, text/event-stream;q=0"),
    unit_str("text/*;q=0, */*"),
    unit_str("text/event-streams, text/html"),
    unit_str("text/eventstream"),
    unit_str("application/json, text/html;q=0.9"),
    unit_str("*/event-stream"),
    unit_str("application/*"),
    unit_str("text/html;a=\"text/event-stream\""),
    unit_str("text/html;a=\", text/event-stream\""),
};


static ngx_str_t  accept_malformed[] = {
    unit_str("text"),
    unit_str("text/"),
    unit_str("/event-stream"),
    unit_str("text /event-stream"),
    unit_str("text/event-stream text/event-stream"),
    unit_str("text/event-stream\0"),
    unit_str("text/event-stream;q=2"),
    unit_str("text/event-stream;q=1.001"),
    unit_str("text/event-stream;q=0.0001"),
    unit_str("text/event-stream;q=00"),
    unit_str("text/event-stream;q=-1"),
    unit_str("text/event-stream;q="),
    unit_str("text/event-stream;q=\"1\""),
    unit_str("text/event-stream;q"),
    unit_str("text/event-stream;a"),
    unit_str("text/event-stream;a=\"b"),
    unit_str("text/event-stream;a=\"b\\"),
    unit_str("text/event-stream;=b"),
};


static ngx_uint_t
accept_add(ngx_kafka_sse_accept_t *accept, ngx_str_t *text)
{
    ngx_str_t  copy;

    copy = unit_copy(text->data, text->len);
    ngx_kafka_sse_accept_add(accept, &copy);
    free(copy.data);

    return ngx_kafka_sse_accept_admits(accept);
}


static void
accept_test_all(ngx_str_t *texts, size_t n, ngx_uint_t admitted,
    const char *verb)
{
    char                     claim[128];
    size_t                   i;
    ngx_kafka_sse_accept_t   accept;

    for (i = 0; i < n; i++) {
        ngx_kafka_sse_accept_init(&accept);

        snprintf(claim, sizeof(claim), "\"%s\" %s", texts[i].data, verb);
        unit_ok(accept_add(&accept, &texts[i]) == admitted, claim);
    }
}


/* it is not there: alone it takes anything, beside another that one counts */

static void
accept_test_malformed(void)
{
    char                     claim[128];
    size_t                   i;
    ngx_uint_t               alone, beside;
    ngx_kafka_sse_accept_t   accept;

    static ngx_str_t  html = unit_str("text/html");

    for (i = 0; i < sizeof(accept_malformed) / sizeof(ngx_str_t); i++) {
        ngx_kafka_sse_accept_init(&accept);
        alone = accept_add(&accept, &accept_malformed[i]);
        beside = accept_add(&accept, &html);

        snprintf(claim, sizeof(claim), "\"%s\" is no range",
                 accept_malformed[i].data);
        unit_ok(alone && !beside, claim);
    }
}


static void
accept_test_lines(void)
{
    ngx_kafka_sse_accept_t  accept;

    static ngx_str_t  html = unit_str("text/html");
    static ngx_str_t  ours = unit_str("text/event-stream");
    static ngx_str_t  never = unit_str("text/event-stream;q=0");
    static ngx_str_t  all = unit_str("*/*");

    ngx_kafka_sse_accept_init(&accept);
    unit_ok(ngx_kafka_sse_accept_admits(&accept), "no header takes anything");

    accept_add(&accept, &html);
    unit_ok(accept_add(&accept, &ours), "a second line counts, too");

    ngx_kafka_sse_accept_init(&accept);
    accept_add(&accept, &never);
    unit_ok(!accept_add(&accept, &all),
            "what one line refuses a wildcard in another does not admit");
}


int
main(void)
{
    accept_test_all(accept_admitted,
                    sizeof(accept_admitted) / sizeof(ngx_str_t), 1,
                    "admits it");
    accept_test_all(accept_refused,
                    sizeof(accept_refused) / sizeof(ngx_str_t), 0,
                    "does not");
    accept_test_malformed();
    accept_test_lines();

    return unit_done();
}
