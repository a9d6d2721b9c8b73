
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_percent.h>


typedef struct {
    ngx_str_t    text;
    ngx_str_t    decoded;
    ngx_str_t    form;
} percent_case_t;


static percent_case_t  percent_cases[] = {
    { unit_str(""), unit_str(""), unit_str("") },
    { unit_str("plain"), unit_str("plain"), unit_str("plain") },
    { unit_str("%41%6a%6A"), unit_str("Ajj"), unit_str("Ajj") },
    { unit_str("a+b%2Bc"), unit_str("a+b+c"), unit_str("a b+c") },
    { unit_str("%2541"), unit_str("%41"), unit_str("%41") },
    { unit_str("%00%ff"), unit_str("\0\xff"), unit_str("\0\xff") },
    { unit_str("%"), unit_str("%"), unit_str("%") },
    { unit_str("%4"), unit_str("%4"), unit_str("%4") },
    { unit_str("%%41"), unit_str("%A"), unit_str("%A") },
    { unit_str("%latest"), unit_str("%latest"), unit_str("%latest") },
    { unit_str("lat%zzest"), unit_str("lat%zzest"), unit_str("lat%zzest") },
    { unit_str("%4z%z4"), unit_str("%4z%z4"), unit_str("%4z%z4") },
};


int
main(void)
{
    char             claim[64];
    size_t           i;
    u_char          *last;
    ngx_str_t        copy, out;
    percent_case_t  *c;

    for (i = 0; i < sizeof(percent_cases) / sizeof(percent_case_t); i++) {
        c = &percent_cases[i];

        copy = unit_copy(c->text.data, c->text.len);
        out = unit_copy(c->text.data, c->text.len);

        snprintf(claim, sizeof(claim), "\"%s\"", c->text.data);
        last = ngx_kafka_sse_percent_decode(out.data, &copy, 0);
        unit_is(out.data, last - out.data, (char *) c->decoded.data,
                c->decoded.len, claim);

        snprintf(claim, sizeof(claim), "\"%s\" of a form, in place",
                 c->text.data);
        last = ngx_kafka_sse_percent_decode(copy.data, &copy, 1);
        unit_is(copy.data, last - copy.data, (char *) c->form.data,
                c->form.len, claim);

        free(copy.data);
        free(out.data);
    }

    return unit_done();
}
