
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <worker/ngx_kafka_sse_web_origin.h>


/* a text that is refused, what the reason speaks of, and what is proposed */

typedef struct {
    char  *text;
    char  *reason;
    char  *guess;       /* NULL: nothing good can be proposed */
} web_origin_bad_t;


static char  *web_origin_good[] = {
    "https://shop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example:80",
    "http://shop.example:443",
    "http://localhost",
    "http://localhost:3000",
    "http://127.0.0.1:8080",
    "https://255.255.255.255",
    "https://[::1]",
    "https://[::]",
    "https://[2001:db8::1]:8443",
    "https://[2001:db8:0:1:1:1:1:1]",
    "https://[1::1:0:0:1]",
    "https://[1:0:0:1::1]",
    "https://[::ffff:102:304]",
    "https://xn--bcher-kva.example",
    "https://my_shop.example",
    "https://1.example",
    "https://a.b.c.d.e.example",
    "https://0xg.example.0xg",
    "https://*.shop.example",
    "https://*.shop.example:8443",
    "http://*.localhost:3000",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://0b6b4b1e-7a4f-4d8b-9d0a-1c2d3e4f5a6b",
    "capacitor://localhost",
};


static web_origin_bad_t  web_origin_bad[] = {
    { "", "scheme", NULL },
    { "null", "sandbox", NULL },
    { "*", "scheme", NULL },
    { "shop.example", "scheme", NULL },
    { "://shop.example", "scheme", NULL },
    { "1https://shop.example", "scheme", NULL },
    { "ht_tp://shop.example", "scheme", NULL },
    { "https:/shop.example", "scheme", NULL },
    { "https://", "host", NULL },
    { "https://shop.example/", "slash", "https://shop.example" },
    { "https://shop.example/a/b", "path", "https://shop.example" },
    { "https://shop.example?a", "path", "https://shop.example" },
    { "https://shop.example#a", "path", "https://shop.example" },
    { "https://Shop.example", "lower case", "https://shop.example" },
    { "HTTPS://shop.example", "lower case", "https://shop.example" },
    { "https://shop.example:443", "leaves out", "https://shop.example" },
    { "http://shop.example:80", "leaves out", "http://shop.example" },
    { "HTTPS://user@Shop.example.:443/x", "user", "https://shop.example" },
    { "https://user@shop.example", "user", "https://shop.example" },
    { "https://shop.example@evil", "user", "https://evil" },
    { "https://u:p@shop.example", "user", "https://shop.example" },
    { "https://b\xc3\xbc" "cher.example", "punycode", NULL },
    { "https://shop.example.", "dot", "https://shop.example" },
    { "https://shop..example", "empty label", NULL },
    { "https://.shop.example", "empty label", NULL },
    { "https://shop.example:", "port", NULL },
    { "https://shop.example:0", "port", NULL },
    { "https://shop.example:08443", "port", NULL },
    { "https://shop.example:65536", "port", NULL },
    { "https://shop.example:99999999999999999999", "port", NULL },
    { "https://shop.example:84a", "port", NULL },
    { "https://:8443", "host", NULL },
    { "https://a.example:1:2", "characters", NULL },
    { "https://a.example,https://b.example", "path", NULL },
    { "https://a.example;", "characters", NULL },
    { "https://shop%2eexample", "characters", NULL },
    { "https://a b.example", "space", NULL },
    { "https://a.example\t", "space", NULL },
    { "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      ".example", "63", NULL },
    { "https://127.1", "IPv4", NULL },
    { "https://127.0.0.01", "IPv4", NULL },
    { "https://127.0.0.256", "IPv4", NULL },
    { "https://shop.0x7f", "IPv4", NULL },
    { "https://2130706433", "IPv4", NULL },
    { "https://111.111.111.1111", "IPv4", NULL },
    { "https://[::1", "IPv6", NULL },
    { "https://[]", "IPv6", NULL },
    { "https://[", "IPv6", NULL },
    { "https://[0::1]", "IPv6", NULL },
    { "https://[::0001]", "IPv6", NULL },
    { "https://[2001:DB8::1]", "lower case", "https://[2001:db8::1]" },
    { "https://[2001:db8::1:1:1:1:1]", "IPv6", NULL },
    { "https://[::ffff:1.2.3.4]", "IPv6", NULL },
    { "https://[fe80::1%25eth0]", "IPv6", NULL },
    { "https://[::1]x", "IPv6", NULL },
    { "https://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
      "IPv6", NULL },
    { "https://*", "wildcard", NULL },
    { "https://*.com", "top-level", NULL },
    { "https://*shop.example", "wildcard", NULL },
    { "https://a*.shop.example", "wildcard", NULL },
    { "https://a.*.example", "wildcard", NULL },
    { "https://*.*.example", "second", NULL },
    { "https://*.", "host", NULL },
    { "https://*..example", "empty label", NULL },
    { "https://*.1.2.3.4", "address", NULL },
    { "https://*.127.0.0.1", "address", NULL },
    { "https://*.[::1]", "address", NULL },
    { "https://*.shop.example/", "slash", "https://*.shop.example" },
    { "https://*.shop.example.", "dot", "https://*.shop.example" },
    { "*://shop.example", "scheme", NULL },
    { "https://shop.example:*", "port", NULL },
    { "file://", "scheme", NULL },
    { "wss://shop.example", "scheme", NULL },
    { "data://x", "scheme", NULL },
    { "https", "scheme", NULL },
    { "shop.example/x", "scheme", NULL },
};


/* what a browser or somebody else may send; name: what it is */

typedef struct {
    char       *name;
    ngx_str_t   value;
} web_origin_value_t;


#define LABEL_20    "aaaaaaaaaaaaaaaaaaaa"
#define LABEL_60    LABEL_20 LABEL_20 LABEL_20


/* neither "https://shop.example" nor any of its subdomains */

static web_origin_value_t  web_origin_none[] = {
    { "empty", unit_str("") },
    { "null", unit_str("null") },
    { "a star", unit_str("*") },
    { "a longer name behind", unit_str("https://shop.example.evil.io") },
    { "a longer name before", unit_str("https://evilshop.example") },
    { "a hyphen before", unit_str("https://evil-shop.example") },
    { "upper case", unit_str("https://Shop.example") },
    { "an upper-case scheme", unit_str("HTTPS://shop.example") },
    { "another port", unit_str("https://shop.example:8443") },
    { "the default port", unit_str("https://shop.example:443") },
    { "an empty port", unit_str("https://shop.example:") },
    { "http for https", unit_str("http://shop.example") },
    { "a trailing dot", unit_str("https://shop.example.") },
    { "a trailing slash", unit_str("https://shop.example/") },
    { "a path", unit_str("https://shop.example/x") },
    { "an empty label", unit_str("https://.shop.example") },
    { "a subdomain of a subdomain", unit_str("https://a.b.shop.example") },
    { "another host behind a user", unit_str("https://shop.example@evil") },
    { "a user", unit_str("https://user@shop.example") },
    { "a space before", unit_str(" https://shop.example") },
    { "a space behind", unit_str("https://shop.example ") },
    { "a tab behind", unit_str("https://shop.example\t") },
    { "a newline behind", unit_str("https://shop.example\n") },
    { "NUL behind", unit_str("https://shop.example\0") },
    { "NUL and more behind", unit_str("https://shop.example\0.evil.io") },
    { "two of it", unit_str("https://shop.example https://shop.example") },
    { "it and another", unit_str("https://shop.example, https://evil.io") },
    { "another and it", unit_str("https://evil.io,https://shop.example") },
    { "a punycode look-alike", unit_str("https://xn--shp-fmc.example") },
    { "a unicode look-alike", unit_str("https://sh\xd0\xbep.example") },
    { "a fullwidth stop", unit_str("https://shop\xef\xbc\x8e" "example") },
    { "a percent-encoded stop", unit_str("https://shop.example%2eevil.io") },
    { "brackets", unit_str("https://[shop.example]") },
    { "an IPv6 address", unit_str("https://[::1]") },
    { "one character less", unit_str("https://shop.exampl") },
    { "the scheme alone", unit_str("https://") },
    { "the host alone", unit_str("shop.example") },
    { "no slashes", unit_str("https:shop.example") },
    { "a backslash", unit_str("https:\\\\shop.example") },
    { "a subdomain at another port", unit_str("https://a.shop.example:8443") },
    { "a subdomain by http", unit_str("http://a.shop.example") },
    { "an upper-case subdomain", unit_str("https://A.shop.example") },
    { "a subdomain with a trailing dot", unit_str("https://a.shop.example.") },
    { "a subdomain of another", unit_str("https://a.shop.example.evil.io") },
    { "an underscore as subdomain", unit_str("https://_.shop.example") },
    { "an underscore in a subdomain", unit_str("https://a_b.shop.example") },
    { "a hyphen as subdomain", unit_str("https://-.shop.example") },
    { "a hyphen first", unit_str("https://-a.shop.example") },
    { "a hyphen last", unit_str("https://a-.shop.example") },
    { "a star as subdomain", unit_str("https://*.shop.example") },
    { "a user as subdomain", unit_str("https://a@.shop.example") },
    { "a slash as subdomain", unit_str("https://evil.io/.shop.example") },
    { "a query as subdomain", unit_str("https://evil.io?.shop.example") },
    { "a port as subdomain", unit_str("https://evil:1.shop.example") },
    { "a brace in a subdomain", unit_str("https://evil{.shop.example") },
    { "a space in a subdomain", unit_str("https://a b.shop.example") },
    { "NUL in a subdomain", unit_str("https://a\0.shop.example") },
    { "unicode in a subdomain", unit_str("https://\xc3\xa4.shop.example") },
    { "a subdomain of 64 characters",
      unit_str("https://" LABEL_60 "aaaa.shop.example") },
    { "a subdomain of 300 characters",
      unit_str("https://" LABEL_60 LABEL_60 LABEL_60 LABEL_60 LABEL_60
               ".shop.example") },
};


static char  *web_origin_subdomains[] = {
    "https://a.shop.example",
    "https://www.shop.example",
    "https://a-b.shop.example",
    "https://1.shop.example",
    "https://xn--bcher-kva.shop.example",
    "https://" LABEL_60 "aaa.shop.example",
};


static ngx_uint_t
web_origin_parse(ngx_kafka_sse_web_origin_t *origin, char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return ngx_kafka_sse_web_origin_parse(origin, &s) == NULL;
}


static ngx_uint_t
web_origin_match(ngx_kafka_sse_web_origin_t *origin, const void *p, size_t len)
{
    ngx_str_t   s;
    ngx_uint_t  rc;

    s = unit_copy(p, len);
    rc = ngx_kafka_sse_web_origin_match(origin, &s);

    free(s.data);

    return rc;
}


static void
web_origin_accepted(void)
{
    char                        claim[128], *text;
    ngx_uint_t                  i, ok;
    ngx_kafka_sse_web_origin_t  origin;

    for (i = 0; i < sizeof(web_origin_good) / sizeof(char *); i++) {
        text = web_origin_good[i];

        ok = web_origin_parse(&origin, text);

        if (strchr(text, '*') == NULL) {
            ok = ok && web_origin_match(&origin, text, strlen(text));

        } else {
            ok = ok && !web_origin_match(&origin, text, strlen(text));
        }

        snprintf(claim, sizeof(claim), "\"%s\" is an origin", text);
        unit_ok(ok, claim);
    }
}


static void
web_origin_refused(void)
{
    char                        claim[256], *reason;
    u_char                     *dst;
    ngx_str_t                   s, guess;
    ngx_uint_t                  i;
    web_origin_bad_t           *bad;
    ngx_kafka_sse_web_origin_t  origin;

    for (i = 0; i < sizeof(web_origin_bad) / sizeof(web_origin_bad_t); i++) {
        bad = &web_origin_bad[i];

        s = unit_copy(bad->text, strlen(bad->text));
        reason = ngx_kafka_sse_web_origin_parse(&origin, &s);

        snprintf(claim, sizeof(claim), "\"%s\" is none: %s", bad->text,
                 bad->reason);
        unit_ok(reason && strstr(reason, bad->reason) != NULL, claim);

        if (reason && strstr(reason, bad->reason) == NULL) {
            printf("# got %s\n", reason);
        }

        dst = unit_alloc(s.len);
        guess.data = dst;
        guess.len = ngx_kafka_sse_web_origin_guess(dst, &s) - dst;

        if (bad->guess) {
            snprintf(claim, sizeof(claim), "... \"%s\" was meant", bad->guess);
            unit_is(guess.data, guess.len, bad->guess, strlen(bad->guess),
                    claim);
            unit_ok(ngx_kafka_sse_web_origin_parse(&origin, &guess) == NULL,
                    "... which is one");

        } else {
            unit_ok(ngx_kafka_sse_web_origin_parse(&origin, &guess) != NULL,
                    "... and nobody knows what was meant");
        }

        free(dst);
        free(s.data);
    }
}


static void
web_origin_matched(void)
{
    char                         claim[256], *text;
    ngx_uint_t                   i;
    web_origin_value_t          *none;
    ngx_kafka_sse_web_origin_t   one, subdomain;

    (void) web_origin_parse(&one, "https://shop.example");
    (void) web_origin_parse(&subdomain, "https://*.shop.example");

    text = "https://shop.example";

    unit_ok(web_origin_match(&one, text, strlen(text)), "the origin itself");
    unit_ok(!web_origin_match(&subdomain, text, strlen(text)),
            "no subdomain is not one");

    for (i = 0; i < sizeof(web_origin_subdomains) / sizeof(char *); i++) {
        text = web_origin_subdomains[i];

        snprintf(claim, sizeof(claim), "%.40s is a subdomain", text);
        unit_ok(web_origin_match(&subdomain, text, strlen(text)), claim);

        snprintf(claim, sizeof(claim), "... and not the origin");
        unit_ok(!web_origin_match(&one, text, strlen(text)), claim);
    }

    for (i = 0; i < sizeof(web_origin_none) / sizeof(web_origin_value_t); i++) {
        none = &web_origin_none[i];

        snprintf(claim, sizeof(claim), "not the origin: %s", none->name);
        unit_ok(!web_origin_match(&one, none->value.data, none->value.len),
                claim);

        snprintf(claim, sizeof(claim), "no subdomain: %s", none->name);
        unit_ok(!web_origin_match(&subdomain, none->value.data,
                                  none->value.len),
                claim);
    }

    text = "https://a.shop.example:8443";
    (void) web_origin_parse(&subdomain, "https://*.shop.example:8443");

    unit_ok(web_origin_match(&subdomain, text, strlen(text)),
            "a wildcard with a port takes this port");
    unit_ok(!web_origin_match(&subdomain, text, strlen(text) - 5),
            "... and not the default one");
}


/* one byte more, less or another: never the same origin */

static void
web_origin_mutated(void)
{
    u_char                      c, text[64];
    size_t                      at, len;
    ngx_uint_t                  n, wrong;
    ngx_kafka_sse_web_origin_t  one;

    static char  origin[] = "https://shop.example:8443";

    (void) web_origin_parse(&one, origin);

    wrong = 0;

    for (n = 0; n < 100000; n++) {
        len = sizeof(origin) - 1;
        memcpy(text, origin, len);

        at = unit_below(len);
        c = (u_char) unit_below(256);

        switch (unit_below(3)) {

        case 0:
            if (text[at] == c) {
                continue;
            }

            text[at] = c;
            break;

        case 1:
            memmove(text + at + 1, text + at, len - at);
            text[at] = c;
            len++;
            break;

        default:
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
        }

        wrong += web_origin_match(&one, text, len);
    }

    unit_ok(wrong == 0, "nothing that differs in one byte is the same");
}


int
main(void)
{
    web_origin_accepted();
    web_origin_refused();
    web_origin_matched();
    web_origin_mutated();

    return unit_done();
}
