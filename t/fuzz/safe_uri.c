
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is what a directive says, whose arguments are secret from then on,
 * behind its length, and a URI as a log shows it.  What is shown has nothing
 * more to hide, and whoever decodes it finds no value of such an argument.
 *
 * Covers worker/ngx_kafka_sse_safe_uri.c
 */


#include "fuzz.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_safe_uri.h>


#define URI_NAMES  64


/* what is at p, decoded; *n: its bytes */

static int
uri_char(const u_char *p, size_t len, size_t *n)
{
    char  hex[3];

    if (len > 2 && p[0] == '%' && isxdigit(p[1]) && isxdigit(p[2])) {
        hex[0] = p[1];
        hex[1] = p[2];
        hex[2] = '\0';
        *n = 3;

        return strtol(hex, NULL, 16);
    }

    *n = 1;

    return *p;
}


/* the name with its "=" at p: where its value begins, or NULL */

static const u_char *
uri_name(const u_char *p, const u_char *last, ngx_str_t *name)
{
    int     c;
    size_t  i, n;

    for (i = 0; i <= name->len; i++) {

        if (p == last) {
            return NULL;
        }

        c = uri_char(p, last - p, &n);
        p += n;

        if (i == name->len) {
            return (c == '=') ? p : NULL;
        }

        if (ngx_tolower(c) != ngx_tolower(name->data[i])) {
            return NULL;
        }
    }

    return NULL;
}


static void
uri_is_safe(const u_char *p, size_t len, ngx_str_t *names, ngx_uint_t n)
{
    int            c;
    size_t         k;
    ngx_uint_t     i;
    const u_char  *last, *value;

    last = p + len;

    while (p < last) {
        c = uri_char(p, last - p, &k);
        p += k;

        if (c != '?' && c != '&' && c != ';') {
            continue;
        }

        for (i = 0; i < n; i++) {
            value = uri_name(p, last, &names[i]);

            if (value) {
                fuzz_check(last - value >= 3 && memcmp(value, "***", 3) == 0);

                value += 3;
                fuzz_check(value == last || *value == '&' || *value == ' ');
            }
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char       *dst, *again;
    size_t        len;
    ngx_int_t     rc;
    ngx_str_t     directive, uri, shown, *name, names[URI_NAMES];
    ngx_uint_t    i;
    ngx_pool_t   *pool;
    ngx_array_t   args;

    static ngx_str_t  known[] = {
        ngx_string("token"), ngx_string("access_token"), ngx_string("jwt")
    };

    directive = fuzz_take(&data, &size);

    pool = ngx_create_pool(4096, NULL);
    fuzz_check(ngx_array_init(&args, pool, 1, sizeof(ngx_str_t)) == NGX_OK);

    ngx_shim_fail_after = size == 1 ? 0 : -1;
    rc = ngx_kafka_sse_safe_uri_args(&args, &directive);
    ngx_shim_fail_after = -1;

    fuzz_check(rc == NGX_OK || (rc == NGX_ERROR && size == 1));

    name = args.elts;
    memcpy(names, known, sizeof(known));

    for (i = 0; i < args.nelts; i++) {
        fuzz_check(name[i].data - directive.data >= 5);
        fuzz_check(strncasecmp((char *) name[i].data - 4, "arg_", 4) == 0);
        fuzz_check(name[i].data + name[i].len
                   <= directive.data + directive.len);

        if (i < URI_NAMES - 3) {
            names[3 + i] = name[i];
        }
    }

    i = ngx_min(3 + args.nelts, URI_NAMES);

    uri.data = (u_char *) data;
    uri.len = size;

    len = ngx_kafka_sse_safe_uri(NULL, &uri, &args);

    if (len == 0) {

        /* nothing to hide, not even what is hidden already */

        uri_is_safe(data, size, names, i);
        ngx_destroy_pool(pool);
        return 0;
    }

    dst = fuzz_alloc(len);
    again = fuzz_alloc(len);

    fuzz_check(ngx_kafka_sse_safe_uri(dst, &uri, &args) == len);

    shown.data = dst;
    shown.len = len;

    uri_is_safe(dst, len, names, i);

    fuzz_check(ngx_kafka_sse_safe_uri(NULL, &shown, &args) == len);
    fuzz_check(ngx_kafka_sse_safe_uri(again, &shown, &args) == len);
    fuzz_check(memcmp(dst, again, len) == 0);

    free(dst);
    free(again);

    ngx_destroy_pool(pool);

    return 0;
}
