
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_start.h>


typedef struct {
    ngx_str_t    text;
    ngx_uint_t   kind;
    int64_t      value;
} start_case_t;


static start_case_t  start_cases[] = {
    { unit_str("latest"), NGX_KAFKA_SSE_START_LATEST, 0 },
    { unit_str("earliest"), NGX_KAFKA_SSE_START_EARLIEST, 0 },
    { unit_str("-0"), NGX_KAFKA_SSE_START_BACK, 0 },
    { unit_str("-100"), NGX_KAFKA_SSE_START_BACK, 100 },
    { unit_str("-999999999999999"), NGX_KAFKA_SSE_START_BACK,
      999999999999999 },
    { unit_str("0"), NGX_KAFKA_SSE_START_TIME, 0 },
    { unit_str("1795339800123"), NGX_KAFKA_SSE_START_TIME, 1795339800123 },
    { unit_str("1970-01-01"), NGX_KAFKA_SSE_START_TIME, 0 },
    { unit_str("1970-01-01T00:00Z"), NGX_KAFKA_SSE_START_TIME, 0 },
    { unit_str("2026-11-22T09:30:00Z"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2026-11-22t09:30:00z"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2026-11-22 09:30:00Z"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2026-11-22T09:30:00.5Z"), NGX_KAFKA_SSE_START_TIME,
      1795339800500 },
    { unit_str("2026-11-22T09:30:00.123999Z"), NGX_KAFKA_SSE_START_TIME,
      1795339800123 },
    { unit_str("2026-11-22T10:30:00+01:00"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2026-11-22T10:30:00 01:00"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2026-11-22T05:00:00-04:30"), NGX_KAFKA_SSE_START_TIME,
      1795339800000 },
    { unit_str("2024-02-29"), NGX_KAFKA_SSE_START_TIME, 1709164800000 },
    { unit_str("2000-02-29"), NGX_KAFKA_SSE_START_TIME, 951782400000 },
    { unit_str("9999-12-31T23:59:60Z"), NGX_KAFKA_SSE_START_TIME,
      253402300800000 },
};


static ngx_str_t  start_declined[] = {
    unit_str(""),
    unit_str("Latest"),
    unit_str("latest "),
    unit_str("earliest\0"),
    unit_str("-"),
    unit_str("--1"),
    unit_str("-1.5"),
    unit_str("+1"),
    unit_str("1e3"),
    unit_str("9999999999999999"),
    unit_str("-9999999999999999"),
    unit_str("1969-12-31"),
    unit_str("2026-13-01"),
    unit_str("2026-00-01"),
    unit_str("2026-11-31"),
    unit_str("2026-11-00"),
    unit_str("2025-02-29"),
    unit_str("2100-02-29"),
    unit_str("2026-1-22"),
    unit_str("2026-11-22T"),
    unit_str("2026-11-22T09"),
    unit_str("2026-11-22T09:30"),
    unit_str("2026-11-22T09:30:00"),
    unit_str("2026-11-22T09:30:"),
    unit_str("2026-11-22T09:30:00."),
    unit_str("2026-11-22T09:30:00.Z"),
    unit_str("2026-11-22T09:30.5Z"),
    unit_str("2026-11-22T24:00:00Z"),
    unit_str("2026-11-22T09:60:00Z"),
    unit_str("2026-11-22T09:30:61Z"),
    unit_str("2026-11-22T09:30:00Zz"),
    unit_str("2026-11-22T09:30:00+1:00"),
    unit_str("2026-11-22T09:30:00+0100"),
    unit_str("2026-11-22T09:30:00+24:00"),
    unit_str("2026-11-22T09:30:00+01:00x"),
    unit_str("1970-01-01T00:00:00+01:00"),
    unit_str("2026/11/22"),
};


static void
start_test_taken(void)
{
    char                   claim[64];
    ngx_str_t              copy;
    ngx_uint_t             i, same;
    ngx_kafka_sse_start_t  start;

    for (i = 0; i < sizeof(start_cases) / sizeof(start_cases[0]); i++) {
        copy = unit_copy(start_cases[i].text.data, start_cases[i].text.len);

        same = ngx_kafka_sse_start_parse(&start, &copy) == NGX_OK
               && start.kind == start_cases[i].kind
               && start.value == start_cases[i].value;

        snprintf(claim, sizeof(claim), "\"%s\" is a start",
                 start_cases[i].text.data);
        unit_ok(same, claim);

        if (!same) {
            printf("# kind %d, value %lld\n", (int) start.kind,
                   (long long) start.value);
        }

        free(copy.data);
    }
}


static void
start_test_declined(void)
{
    ngx_str_t              copy;
    ngx_uint_t             i, taken;
    ngx_kafka_sse_start_t  start;

    taken = 0;

    for (i = 0; i < sizeof(start_declined) / sizeof(ngx_str_t); i++) {
        copy = unit_copy(start_declined[i].data, start_declined[i].len);

        if (ngx_kafka_sse_start_parse(&start, &copy) == NGX_OK) {
            taken++;
            unit_dump("taken", copy.data, copy.len);
        }

        free(copy.data);
    }

    unit_ok(taken == 0, "what is no start is declined");
}


int
main(void)
{
    start_test_taken();
    start_test_declined();

    return unit_done();
}
