
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_expiry_time.h>


/* what is no time has -1 */

typedef struct {
    char       *text;
    int64_t     time;
} expiry_case_t;


static expiry_case_t  cases[] = {
    { "0", 0 },
    { "1", 1000 },
    { "0001", 1000 },
    { "1795339800", 1795339800000 },
    { "1795339800.5", 1795339800500 },
    { "1795339800.123", 1795339800123 },
    { "1795339800.1239999", 1795339800123 },
    { "1795339800.0001", 1795339800000 },
    { "999999999999", 999999999999000 },
    { "1000000000000", -1 },
    { "99999999999999999999", -1 },
    { "", -1 },
    { ".", -1 },
    { ".5", -1 },
    { "5.", -1 },
    { "5.5.", -1 },
    { "5,5", -1 },
    { "-5", -1 },
    { "+5", -1 },
    { " 5", -1 },
    { "5 ", -1 },
    { "5s", -1 },
    { "5.5s", -1 },
    { "1e9", -1 },
    { "0x10", -1 },
    { "never", -1 },
    { NULL, 0 }
};


int
main(void)
{
    char            claim[64];
    int64_t         time;
    ngx_int_t       rc;
    ngx_str_t       text;
    expiry_case_t  *test;

    for (test = cases; test->text; test++) {
        text = unit_copy(test->text, strlen(test->text));

        time = -2;
        rc = ngx_kafka_sse_expiry_time_parse(&text, &time);

        snprintf(claim, sizeof(claim), "\"%s\" is %s", test->text,
                 test->time == -1 ? "no time" : "its ms");

        unit_ok(test->time == -1 ? rc == NGX_ERROR
                                 : rc == NGX_OK && time == test->time, claim);

        free(text.data);
    }

    return unit_done();
}
