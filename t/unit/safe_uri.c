
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_safe_uri.h>


typedef struct {
    char       *claim;
    char       *uri;
    char       *shown;      /* NULL: as it is */
} safe_uri_case_t;


static safe_uri_case_t  cases[] = {
    { "without a query nothing is hidden", "/orders", NULL },
    { "nor in an empty one", "/orders?", NULL },
    { "other arguments are shown", "/orders?a=1&b=2", NULL },
    { "a token is not", "/orders?token=a.b.c", "/orders?token=***" },
    { "nor one of three bytes", "/?token=abc", "/?token=***" },
    { "nor an empty one", "/?token=&a=1", "/?token=***&a=1" },
    { "what follows it is", "/?token=x&a=1", "/?token=***&a=1" },
    { "what precedes it is", "/?a=1&token=x", "/?a=1&token=***" },
    { "each of several", "/?token=x&token=y&a", "/?token=***&token=***&a" },
    { "in any case", "/?ToKeN=x&ACCESS_token=y",
      "/?ToKeN=***&ACCESS_token=***" },
    { "jwt", "/?jwt=x", "/?jwt=***" },
    { "an argument of the configuration", "/?pass=x&PASS2=y&a=z",
      "/?pass=***&PASS2=***&a=z" },
    { "a name that is encoded", "/?t%6fk%65N=x", "/?t%6fk%65N=***" },
    { "an equals sign that is encoded", "/?token%3Dx&a", "/?token%3D***&a" },
    { "a value that is encoded", "/?token=%61%26b&a", "/?token=***&a" },
    { "a value with other separators", "/?token=a;b?c=d&e",
      "/?token=***&e" },
    { "behind a semicolon", "/?a=1;token=x", "/?a=1;token=***" },
    { "behind an encoded ampersand", "/?a=1%26token=x",
      "/?a=1%26token=***" },
    { "in the value of another one", "/?next=/x?token=y&a",
      "/?next=/x?token=***&a" },
    { "... that is encoded", "/?next=%2Fx%3Ftoken%3Dy%26a&b",
      "/?next=%2Fx%3Ftoken%3D***&b" },
    { "a longer name is another one", "/?tokens=x&xtoken=y&token2=z", NULL },
    { "so is a shorter one", "/?toke=x&t=y&=z", NULL },
    { "a name alone has no value", "/?token", NULL },
    { "... before another one", "/?token&a=x", NULL },
    { "a path is no argument", "/token=x/a", NULL },
    { "what is cut in an escape is as it is", "/?token%3", NULL },
    { "... in a value, too", "/?token=%3", "/?token=***" },
    { "what is no escape is as it is", "/?tok%zzen=x&t%6=y", NULL },
    { "the rest of a request line is shown", "GET /?token=x HTTP/1.1",
      "GET /?token=*** HTTP/1.1" },
    { NULL, NULL, NULL }
};


static void
safe_uri_check(safe_uri_case_t *test, ngx_array_t *args)
{
    u_char     *dst;
    size_t      len;
    ngx_str_t   uri;

    uri = unit_copy(test->uri, strlen(test->uri));

    len = ngx_kafka_sse_safe_uri(NULL, &uri, args);

    if (test->shown == NULL) {
        unit_ok(len == 0, test->claim);
        free(uri.data);
        return;
    }

    dst = unit_alloc(len);

    if (ngx_kafka_sse_safe_uri(dst, &uri, args) != len) {
        len = 0;
    }

    unit_is(dst, len, test->shown, strlen(test->shown), test->claim);

    free(dst);
    free(uri.data);
}


int
main(void)
{
    ngx_str_t        *name;
    ngx_pool_t       *pool;
    ngx_uint_t        i;
    ngx_array_t       args, *names;
    safe_uri_case_t  *test;

    static ngx_str_t  known[] = { ngx_string("pass"), ngx_string("Pass2") };
    static ngx_str_t  text = ngx_string("${arg_a}b$Arg_c_1-$http_d$arg_");
    static char      *is[] = { "a", "c_1" };

    ngx_memzero(&args, sizeof(ngx_array_t));

    args.elts = known;
    args.nelts = 2;

    for (test = cases; test->claim; test++) {
        safe_uri_check(test, &args);
    }

    pool = ngx_create_pool(1024, NULL);
    names = ngx_array_create(pool, 1, sizeof(ngx_str_t));

    unit_ok(ngx_kafka_sse_safe_uri_args(names, &text) == NGX_OK
            && names->nelts == 2,
            "a text names the arguments in it, and no others");

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        unit_is(name[i].data, name[i].len, is[i], strlen(is[i]),
                "... each with its name");
    }

    ngx_destroy_pool(pool);

    return unit_done();
}
