
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_base64url.h>
#include <worker/ngx_kafka_sse_token.h>


#define TOKEN_HEADER  "eyJhbGciOiJIUzI1NiJ9"            /* {"alg":"HS256"} */


static ngx_pool_t  *token_pool;


static ngx_int_t
token_parse(ngx_kafka_sse_token_t *token, const char *s, size_t len,
    char **reason)
{
    ngx_int_t   rc;
    ngx_str_t   text;

    static ngx_str_t  last;

    /* the last one is a token's who was parsed: it stays until the next */

    free(last.data);

    text = unit_copy(s, len);
    last = text;

    *reason = NULL;
    rc = ngx_kafka_sse_token_parse(token, token_pool, &text, reason);

    return rc;
}


static void
token_refused(const char *s, const char *reason, const char *claim)
{
    char                   *why;
    ngx_int_t               rc;
    ngx_kafka_sse_token_t   token;

    rc = token_parse(&token, s, strlen(s), &why);

    unit_ok(rc == NGX_DECLINED && why && strcmp(why, reason) == 0, claim);

    if (rc != NGX_DECLINED || why == NULL || strcmp(why, reason) != 0) {
        printf("# %d: %s\n", (int) rc, why ? why : "no reason");
    }
}


/* one with this header, zero-terminated; payload {}, signature one zero */

static ngx_str_t
token_of(const char *header, size_t len)
{
    u_char     *p;
    size_t      i, n;
    uint32_t    word;
    ngx_str_t   text;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";

    text.data = unit_alloc(len * 2 + 16);
    p = text.data;

    for (i = 0; i < len; i += 3) {
        n = ngx_min(len - i, 3);
        word = (u_char) header[i] << 16;
        word |= (n > 1) ? (u_char) header[i + 1] << 8 : 0;
        word |= (n > 2) ? (u_char) header[i + 2] : 0;

        *p++ = digits[word >> 18];
        *p++ = digits[word >> 12 & 63];

        if (n > 1) {
            *p++ = digits[word >> 6 & 63];
        }

        if (n > 2) {
            *p++ = digits[word & 63];
        }
    }

    p = ngx_cpymem(p, ".e30.AA", 7);
    *p = '\0';
    text.len = p - text.data;

    return text;
}


static ngx_int_t
token_header(ngx_kafka_sse_token_t *token, const char *header, size_t len,
    char **reason)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = token_of(header, len);
    rc = token_parse(token, (char *) text.data, text.len, reason);

    free(text.data);

    return rc;
}


static void
token_header_refused(const char *header, const char *reason,
    const char *claim)
{
    ngx_str_t  text;

    text = token_of(header, strlen(header));
    token_refused((char *) text.data, reason, claim);

    free(text.data);
}


static void
token_header_is(const char *header, ngx_uint_t alg, const char *kid,
    const char *claim)
{
    char                   *why;
    ngx_int_t               rc;
    ngx_kafka_sse_token_t   token;

    rc = token_header(&token, header, strlen(header), &why);

    if (rc != NGX_OK) {
        unit_ok(0, claim);
        printf("# %s\n", why);
        return;
    }

    if (kid == NULL) {
        unit_ok(token.alg == alg && token.kid.data == NULL, claim);
        return;
    }

    unit_ok(token.alg == alg && token.kid.data
            && token.kid.len == strlen(kid)
            && memcmp(token.kid.data, kid, token.kid.len) == 0, claim);
}


static void
token_test_parts(void)
{
    char                   *why;
    ngx_int_t               rc;
    ngx_kafka_sse_token_t   token;

    static const char  good[] = TOKEN_HEADER ".eyJhIjoxfQ._-8";

    rc = token_parse(&token, good, sizeof(good) - 1, &why);

    unit_ok(rc == NGX_OK, "a token is taken apart");
    unit_is(token.input.data, token.input.len, good, sizeof(good) - 5,
            "what is signed is the text up to the second dot");
    unit_is(token.payload.data, token.payload.len, "{\"a\":1}", 7,
            "its payload is decoded");
    unit_is(token.signature.data, token.signature.len, "\xff\xef", 2,
            "its signature is decoded, by the alphabet of base64url");
    unit_is(token.text.data, token.text.len, good, sizeof(good) - 1,
            "its text is all of it");

    token_refused("", "it has not three parts", "nothing is no token");
    token_refused(".", "it has not three parts", "one dot");
    token_refused("..", "it has not three parts", "two dots");
    token_refused("...", "it has not three parts", "three dots");
    token_refused(TOKEN_HEADER, "it has not three parts", "one part");
    token_refused(TOKEN_HEADER ".e30", "it has not three parts", "two parts");
    token_refused(TOKEN_HEADER ".e30.", "it has not three parts",
                  "no signature, as of \"none\"");
    token_refused(TOKEN_HEADER "..AA", "it has not three parts",
                  "no payload, as of a detached one");
    token_refused(".e30.AA", "it has not three parts", "no header");
    token_refused(TOKEN_HEADER ".e30.AA.", "it has not three parts",
                  "four parts, one empty");
    token_refused(TOKEN_HEADER ".e30.AA.AA", "it has not three parts",
                  "four parts");
    token_refused(TOKEN_HEADER ".e30.AA.AA.AA", "it has not three parts",
                  "five parts, as of JWE");
}


static void
token_test_base64url(void)
{
    u_char       dst[16];
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_uint_t   i, c, n;

    static const char  *bad[] = {
        "e30=", "e30==", "e3 0", " e30", "e30 ", "e30\n", "e3\n0", "e3\r\n0",
        "e30\t", "e+8", "e/8", "e*0", "e30\xc3", "e", "e30e3", "e31", "e3",
        "e3A=", "=", "e30e3x", "====", "e30e30="
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = unit_copy(bad[i], strlen(bad[i]));
        rc = ngx_kafka_sse_base64url_decode(dst, &len, &text);
        free(text.data);

        unit_ok(rc == NGX_DECLINED,
                "what is not exactly base64url is refused");
    }

    /* each byte in each place of a quantum: 64 are digits */

    for (n = 0; n < 4; n++) {

        for (c = 0, i = 0; c < 256; c++) {
            text = unit_copy("AAAA", 4);
            text.data[n] = (u_char) c;
            i += ngx_kafka_sse_base64url_decode(dst, &len, &text) == NGX_OK;
            free(text.data);
        }

        unit_ok(i == 64, "64 bytes are digits, and no other");
    }

    /* one text for one value: of two digits 4 bits are left, of three 2 */

    for (c = 0, i = 0, n = 0; c < 256; c++) {
        text = unit_copy("AA", 2);
        text.data[1] = (u_char) c;
        i += ngx_kafka_sse_base64url_decode(dst, &len, &text) == NGX_OK;
        free(text.data);

        text = unit_copy("AAA", 3);
        text.data[2] = (u_char) c;
        n += ngx_kafka_sse_base64url_decode(dst, &len, &text) == NGX_OK;
        free(text.data);
    }

    unit_ok(i == 4, "of two digits' bits the last four are zero");
    unit_ok(n == 16, "of three digits' bits the last two are zero");

    ngx_str_set(&text, "-_-_");
    rc = ngx_kafka_sse_base64url_decode(dst, &len, &text);
    unit_ok(rc == NGX_OK && len == 3 && memcmp(dst, "\xfb\xff\xbf", 3) == 0,
            "\"-\" is 62 and \"_\" is 63");

    token_refused("e30=.e30.AA", "a part is not base64url",
                  "padding in the header");
    token_refused(TOKEN_HEADER ".e30=.AA", "a part is not base64url",
                  "padding in the payload");
    token_refused(TOKEN_HEADER ".e30.AA==", "a part is not base64url",
                  "padding in the signature");
    token_refused(TOKEN_HEADER ".e30.AA*", "a part is not base64url",
                  "a star in the signature");
    token_refused(TOKEN_HEADER ".e30.AB", "a part is not base64url",
                  "stray bits in the signature");
    token_refused(TOKEN_HEADER ".e30.AA\n", "a part is not base64url",
                  "a line end behind the signature");
    token_refused(" " TOKEN_HEADER ".e30.AA", "a part is not base64url",
                  "a space before the header");
}


static void
token_test_size(void)
{
    char                   *why;
    u_char                 *text;
    ngx_int_t               rc;
    ngx_kafka_sse_token_t   token;

    text = unit_alloc(NGX_KAFKA_SSE_TOKEN_MAX + 4);
    memset(text, 'A', NGX_KAFKA_SSE_TOKEN_MAX + 4);
    memcpy(text, TOKEN_HEADER ".e30.", sizeof(TOKEN_HEADER ".e30.") - 1);

    /* 26 before the signature: 8166 digits, of a length that base64 has */

    rc = token_parse(&token, (char *) text, NGX_KAFKA_SSE_TOKEN_MAX, &why);
    unit_ok(rc == NGX_OK && token.signature.len > 6000,
            "a token of 8192 bytes is read");

    rc = token_parse(&token, (char *) text, NGX_KAFKA_SSE_TOKEN_MAX + 1, &why);
    unit_ok(rc == NGX_DECLINED && strcmp(why, "it is too long") == 0,
            "a token of 8193 bytes is not");

    free(text);
}


static void
token_test_header(void)
{
    char                   *why, *header;
    size_t                  len;
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_kafka_sse_token_t   token;

    static const char  *algs[] = {
        "none", "None", "NONE", "nOnE", "", "hs256", "Hs256", "HS256 ",
        " HS256", "HS2567", "HS25", "HS1", "HS0", "RS1", "ES256K", "Ed25519",
        "EDDSA", "eddsa", "PS257", "RSA-OAEP", "dir", "A256KW", "HS256\\u0000",
        "HS256,RS256", "PBES2-HS256+A128KW", "*"
    };

    static const char  *others[] = {
        "null", "true", "1", "256", "[]", "[\"HS256\"]", "{}",
        "{\"HS256\":1}", "[[[[\"HS256\"]]]]"
    };

    for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++) {
        header = (char *) unit_alloc(64);
        len = sprintf(header, "{\"alg\":\"%s\"}",
                      ngx_kafka_sse_token_algs[i].data);
        rc = token_header(&token, header, len, &why);

        unit_ok(rc == NGX_OK && token.alg == i, "an alg of RFC 7518 is known");
        free(header);
    }

    for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        header = (char *) unit_alloc(64);
        sprintf(header, "{\"alg\":\"%s\"}", algs[i]);
        token_header_refused(header, "its \"alg\" is unknown",
                             "no other alg is");
        free(header);
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        header = (char *) unit_alloc(64);
        sprintf(header, "{\"alg\":%s}", others[i]);
        token_header_refused(header, "its \"alg\" is no string",
                             "an alg is a string");

        sprintf(header, "{\"alg\":\"HS256\",\"kid\":%s}", others[i]);
        token_header_refused(header, "its \"kid\" is no string",
                             "a kid is a string");

        sprintf(header, "{\"alg\":\"HS256\",\"typ\":%s}", others[i]);
        token_header_refused(header, "its \"typ\" is no string",
                             "a typ is a string");

        sprintf(header, "{\"alg\":\"HS256\",\"crit\":%s}", others[i]);
        token_header_refused(header, "its header has \"crit\"",
                             "no crit is taken");

        sprintf(header, "{\"alg\":\"HS256\",\"b64\":%s}", others[i]);
        token_header_refused(header, "its header has \"b64\"",
                             "no b64 is taken");
        free(header);
    }

    token_header_refused("{}", "its header has no \"alg\"", "no alg");
    token_header_refused("{\"ALG\":\"HS256\"}", "its header has no \"alg\"",
                         "a member in another case is another one");
    token_header_refused("{\"x\":{\"alg\":\"HS256\"}}",
                         "its header has no \"alg\"",
                         "an alg within another member is none");
    token_header_refused("{\"\\u0061lg\":\"HS256\",\"alg\":\"HS256\"}",
                         "its header has a member twice",
                         "an escape does not hide that alg is there twice");
    token_header_refused("{\"alg\":\"none\",\"alg\":\"HS256\"}",
                         "its \"alg\" is unknown", "alg twice, none first");
    token_header_refused("{\"alg\":\"HS256\",\"alg\":\"none\"}",
                         "its header has a member twice",
                         "alg twice, none second");
    token_header_refused("{\"alg\":\"HS256\",\"x\":1,\"x\":1}",
                         "its header has a member twice", "another one twice");
    token_header_refused("{\"alg\":\"HS256\",\"cri\\u0074\":[]}",
                         "its header has \"crit\"", "crit with an escape");

    token_header_is("{\"alg\":\"HS256\"}", NGX_KAFKA_SSE_ALG_HS256, NULL,
                    "no kid");
    token_header_is("{\"alg\":\"ES384\",\"kid\":\"\"}",
                    NGX_KAFKA_SSE_ALG_ES384, "", "an empty kid is one");
    token_header_is("{\"kid\":\"k\\u00e4\\n\",\"alg\":\"\\u0050S256\"}",
                    NGX_KAFKA_SSE_ALG_PS256, "k\xc3\xa4\n",
                    "escapes in alg and kid mean what they say");
    token_header_is(" {\n\"typ\" : \"at+jwt\" , \"alg\" : \"EdDSA\" }\r\n",
                    NGX_KAFKA_SSE_ALG_EDDSA, NULL,
                    "white space around JSON is JSON");
    token_header_is("{\"alg\":\"RS256\",\"jwk\":{\"alg\":\"none\",\"crit\":1,"
                    "\"kid\":7},\"x5c\":[\"\"],\"jku\":\"http://x\"}",
                    NGX_KAFKA_SSE_ALG_RS256, NULL,
                    "keys that a token brings are not looked at");

    static const char  *broken[] = {
        "[]", "null", "1", "\"x\"", "", " ", "{", "}", "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}}", "{\"alg\":\"HS256\"}{}", "{\"alg\":\"HS256\",}",
        "{'alg':'HS256'}", "{alg:\"HS256\"}", "\xef\xbb\xbf{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\xff\"}", "[{\"alg\":\"HS256\"}]",
        "{\"alg\":\"HS256\" \"kid\":\"a\"}", "{\"alg\":}", "{\"alg\"}",
        "{\"alg\":\"HS256\",\"x\":01}", "{\"alg\":\"HS256\",\"x\":\"\\ud800\"}",
        "{\"alg\":\"HS256\",\"x\":NaN}", "{\"alg\":\"HS256\"}//",
        "{\"alg\":\"HS256\",\"kid\":\"\xc0\xaf\"}",
        "{\"alg\":\"HS256\",\"x\":[1}"
    };

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {

        if (broken[i][0] == '\0') {
            continue;                       /* an empty part is none */
        }

        token_header_refused(broken[i], "its header is no JSON object",
                             "a header that is no JSON object");
    }

    rc = token_header(&token, "{\"alg\":\"HS256\",\"kid\":\"a\0b\"}", 27, &why);
    unit_ok(rc == NGX_DECLINED, "a NUL in a header is no JSON");
}


static void
token_test_limits(void)
{
    char                   *why, *p, *header;
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_kafka_sse_token_t   token;

    header = (char *) unit_alloc(16384);

    for (i = 256; i < 258; i++) {
        p = header + sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"");
        memset(p, 'k', i);
        strcpy(p + i, "\"}");
        rc = token_header(&token, header, strlen(header), &why);

        unit_ok(rc == (i == 256 ? NGX_OK : NGX_DECLINED),
                i == 256 ? "a kid of 256 bytes is read"
                         : "a kid of 257 bytes is not");
    }

    for (i = 63; i < 65; i++) {
        p = header + sprintf(header, "{\"alg\":\"HS256\"");

        for (rc = 0; rc < (ngx_int_t) i; rc++) {
            p += sprintf(p, ",\"x%d\":{\"y\":[%d]}", (int) rc, (int) rc);
        }

        strcpy(p, "}");
        rc = token_header(&token, header, strlen(header), &why);

        unit_ok(rc == (i == 63 ? NGX_OK : NGX_DECLINED),
                i == 63 ? "64 members are read" : "65 members are not");
    }

    for (i = 2000; i < 2100; i += 90) {
        p = header + sprintf(header, "{\"alg\":\"HS256\",\"x\":");
        memset(p, '[', i);
        memset(p + i, ']', i);
        strcpy(p + 2 * i, "}");
        rc = token_header(&token, header, strlen(header), &why);

        unit_ok(rc == (i == 2000 ? NGX_OK : NGX_DECLINED),
                i == 2000 ? "arrays in each other do no harm"
                          : "and there is an end to it");
    }

    free(header);
}


static void
token_test_memory(void)
{
    char                   *why;
    ngx_int_t               i, rc;
    ngx_kafka_sse_token_t   token;

    for (i = 0; i < 3; i++) {
        ngx_shim_fail_after = i;
        rc = token_parse(&token, TOKEN_HEADER ".e30.AA",
                         sizeof(TOKEN_HEADER ".e30.AA") - 1, &why);
        ngx_shim_fail_after = -1;

        unit_ok(rc == NGX_ERROR, "no memory is an error, not a bad token");
    }
}


int
main(void)
{
    token_pool = ngx_create_pool(4096, NULL);

    token_test_parts();
    token_test_base64url();
    token_test_size();
    token_test_header();
    token_test_limits();
    token_test_memory();

    ngx_destroy_pool(token_pool);

    return unit_done();
}
