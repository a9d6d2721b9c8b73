
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* Tokens in the headers Authorization and Cookie. */


#include "unit.h"

#include <worker/ngx_kafka_sse_credential.h>


typedef struct {
    char  *claim;
    char  *value;
    char  *text;            /* NULL: none */
} credential_case_t;


static credential_case_t  headers[] = {
    { "Bearer and a token", "Bearer a.b.c", "a.b.c" },
    { "a scheme has no case", "bEARER a", "a" },
    { "several spaces", "Bearer   a", "a" },
    { "what is behind the token is not cut off", "Bearer a b ", "a b " },
    { "a scheme alone has an empty token", "Bearer", "" },
    { "... with spaces, too", "Bearer  ", "" },
    { "another scheme", "Basic dTpw", NULL },
    { "a scheme that begins so", "Bearers a", NULL },
    { "a tab is no space", "Bearer\ta", NULL },
    { "less than a scheme", "Beare", NULL },
    { "nothing", "", NULL },
    { NULL, NULL, NULL }
};


static credential_case_t  cookies[] = {
    { "a cookie", "kafka_sse_token=a.b.c", "a.b.c" },
    { "among others", "a=1; kafka_sse_token=x; b=2", "x" },
    { "without a space", "a=1;kafka_sse_token=x;b=2", "x" },
    { "behind tabs", "a=1;\t \tkafka_sse_token=x", "x" },
    { "a semicolon at the end", "kafka_sse_token=x;", "x" },
    { "an equals sign is the token's", "kafka_sse_token=x==", "x==" },
    { "the same twice", "kafka_sse_token=x; kafka_sse_token=x", "x" },
    { "an empty one", "kafka_sse_token=", "" },
    { "a name has a case", "Kafka_sse_token=x", NULL },
    { "a longer name", "kafka_sse_token2=x", NULL },
    { "a name that ends so", "xkafka_sse_token=x", NULL },
    { "a name without a value", "kafka_sse_token", NULL },
    { "a value that looks like one", "a=kafka_sse_token=x", NULL },
    { "nothing", "", NULL },
    { "separators", " ;\t;; ", NULL },
    { NULL, NULL, NULL }
};


static void
credential_is(ngx_str_t *text, char *expected, char *claim)
{
    if (expected == NULL) {
        unit_ok(text->data == NULL, claim);
        return;
    }

    unit_is(text->data, text->len, expected, strlen(expected), claim);
}


int
main(void)
{
    ngx_int_t           rc;
    ngx_str_t           value, text, other;
    credential_case_t  *test;

    for (test = headers; test->claim; test++) {
        value = unit_copy(test->value, strlen(test->value));
        ngx_str_null(&text);

        rc = ngx_kafka_sse_credential_header(&value, &text);

        credential_is(&text, test->text, test->claim);
        unit_ok(rc == (test->text ? NGX_OK : NGX_DECLINED), "... as it says");

        free(value.data);
    }

    for (test = cookies; test->claim; test++) {
        value = unit_copy(test->value, strlen(test->value));
        ngx_str_null(&text);

        rc = ngx_kafka_sse_credential_cookie(&value, &text);

        credential_is(&text, test->text, test->claim);
        unit_ok(rc == NGX_OK, "... as it says");

        free(value.data);
    }

    /* of several headers */

    ngx_str_null(&text);
    value = unit_copy("kafka_sse_token=x; a=1", 22);
    other = unit_copy("b=2; kafka_sse_token=y", 22);

    (void) ngx_kafka_sse_credential_cookie(&value, &text);

    unit_ok(ngx_kafka_sse_credential_cookie(&value, &text) == NGX_OK,
            "the same cookie in two headers");
    unit_ok(ngx_kafka_sse_credential_cookie(&other, &text) == NGX_DECLINED,
            "different cookies in two headers");
    credential_is(&text, "x", "... of which the first one stays");

    free(value.data);
    free(other.data);

    return unit_done();
}
