
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_claims.h>


static ngx_pool_t              *claims_pool;
static ngx_kafka_sse_claims_t   claims;


static ngx_int_t
claims_read(const char *s, size_t len, char **reason)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    *reason = "";

    text = unit_copy(s, len);
    rc = ngx_kafka_sse_claims_read(&claims, claims_pool, &text, reason);

    /* nothing of it is pointed to */

    memset(text.data, 'x', text.len);
    free(text.data);

    return rc;
}


static void
claims_load(const char *s)
{
    char  *reason;

    if (claims_read(s, strlen(s), &reason) != NGX_OK) {
        printf("# refused: %s\n", reason);
        claims.list.nelts = 0;
    }
}


static void
claims_refused(const char *s, const char *reason, const char *claim)
{
    char       *why;
    ngx_int_t   rc;

    rc = claims_read(s, strlen(s), &why);

    unit_ok(rc == NGX_DECLINED && strcmp(why, reason) == 0, claim);

    if (rc != NGX_DECLINED || strcmp(why, reason) != 0) {
        printf("# %d: %s\n", (int) rc, why);
    }
}


static ngx_kafka_sse_claim_t *
claims_find(const char *name, ngx_uint_t is_variable)
{
    ngx_str_t  s;

    s.data = (u_char *) name;
    s.len = strlen(name);

    return ngx_kafka_sse_claims_find(&claims, &s, is_variable);
}


static void
claims_is(const char *name, const char *value, ngx_kafka_sse_claim_e type,
    const char *claim)
{
    ngx_kafka_sse_claim_t  *found;

    found = claims_find(name, 0);

    if (found == NULL || found->type != type) {
        unit_ok(0, claim);
        return;
    }

    if (value == NULL) {
        unit_ok(found->value.data == NULL && found->value.len == 0, claim);
        return;
    }

    unit_is(found->value.data, found->value.len, value, strlen(value), claim);
}


static ngx_uint_t
claims_has(const char *name, const char *value)
{
    ngx_str_t  n, v;

    n.data = (u_char *) name;
    n.len = strlen(name);
    v.data = (u_char *) value;
    v.len = strlen(value);

    return ngx_kafka_sse_claims_has(&claims, &n, &v);
}


static void
claims_exp(const char *number, int64_t ms, const char *claim)
{
    char        text[2048], *why;
    ngx_int_t   rc;

    snprintf(text, sizeof(text), "{\"exp\":%s}", number);
    rc = claims_read(text, strlen(text), &why);

    unit_ok(rc == NGX_OK && claims.exp == ms, claim);

    if (rc != NGX_OK || claims.exp != ms) {
        printf("# exp %s: %d %lld %s\n", number, (int) rc,
               (long long) claims.exp, why);
    }
}


static void
claims_test_values(void)
{
    claims_load("{\"sub\":\"alice\",\"n\":12,\"t\":true,\"f\":false,"
                "\"z\":null,\"o\":{},\"e\":\"\",\"u\":\"\\u00e4\\/\\\"\"}");

    claims_is("sub", "alice", NGX_KAFKA_SSE_CLAIM_TEXT, "a string");
    claims_is("n", "12", NGX_KAFKA_SSE_CLAIM_OTHER, "a number");
    claims_is("t", "true", NGX_KAFKA_SSE_CLAIM_OTHER, "true");
    claims_is("f", "false", NGX_KAFKA_SSE_CLAIM_OTHER, "false");
    claims_is("e", "", NGX_KAFKA_SSE_CLAIM_TEXT, "an empty string is there");
    claims_is("u", "\xc3\xa4/\"", NGX_KAFKA_SSE_CLAIM_TEXT,
              "escapes mean what they say");
    unit_ok(claims_find("z", 0) == NULL, "null is not there");
    unit_ok(claims_find("o", 0) == NULL, "an empty object is not there");
    unit_ok(claims_find("su", 0) == NULL && claims_find("subs", 0) == NULL
            && claims_find("", 0) == NULL, "a part of a name is no name");
    unit_ok(claims_find("SUB", 0) == NULL, "a name has its case");
    unit_ok(claims.exp == 0 && claims.nbf == 0 && claims.iat == 0,
            "no times are 0");

    claims_load("{\"a\":9007199254740993,\"b\":18446744073709551615,"
                "\"c\":1e400,\"d\":-0,\"e\":1.50,\"f\":-12.5E+3,"
                "\"g\":123456789012345678901234567890}");

    claims_is("a", "9007199254740993", NGX_KAFKA_SSE_CLAIM_OTHER,
              "a number above 2^53 is the one that is written");
    claims_is("b", "18446744073709551615", NGX_KAFKA_SSE_CLAIM_OTHER,
              "a number of 64 bits, too");
    claims_is("c", "1e400", NGX_KAFKA_SSE_CLAIM_OTHER,
              "one beyond a double, too");
    claims_is("d", "-0", NGX_KAFKA_SSE_CLAIM_OTHER, "and -0");
    claims_is("e", "1.50", NGX_KAFKA_SSE_CLAIM_OTHER, "a fraction");
    claims_is("f", "-12.5E+3", NGX_KAFKA_SSE_CLAIM_OTHER, "an exponent");
    claims_is("g", "123456789012345678901234567890",
              NGX_KAFKA_SSE_CLAIM_OTHER, "a number of 30 digits");
    unit_ok(claims_has("b", "18446744073709551615")
            && !claims_has("b", "18446744073709551614"),
            "large numbers that differ in one are two");

    claims_load("{\"a\":\"x\\u0000y\",\"b\":\"x\\ny\",\"c\":\"x\\ry\","
                "\"d\\n\":\"y\",\"e\":\"\\u0000\",\"f\":[\"a\\n\",\"b\"],"
                "\"g\\u0000\":{\"h\":1},\"i\":\"tab\\t\"}");

    unit_ok(claims_find("a", 0) == NULL, "a string with NUL is not there");
    unit_ok(claims_find("b", 0) == NULL, "nor one with LF");
    unit_ok(claims_find("c", 0) == NULL, "nor one with CR");
    unit_ok(claims_find("e", 0) == NULL, "nor one that is a NUL");
    unit_ok(claims_find("d\n", 0) == NULL, "nor what has LF in its name");
    claims_is("f", "b", NGX_KAFKA_SSE_CLAIM_LIST,
              "an element with LF is not in the list");
    claims_is("i", "tab\t", NGX_KAFKA_SSE_CLAIM_TEXT, "a TAB is a character");
    unit_ok(claims.list.nelts == 3, "nothing of these is there otherwise");
}


static void
claims_test_lists(void)
{
    ngx_kafka_sse_claim_t  *claim;

    claims_load("{\"r\":[\"a\",7,true,\"b c\"],\"after\":\"x\",\"e\":[],"
                "\"c\":[\"a,b\",\"c\"],\"n\":[null,[\"in\"],{\"x\":\"in\"},"
                "\"y\"],\"one\":[\"\"],\"two\":[\"\",\"\"]}");

    claims_is("r", "a,7,true,b c", NGX_KAFKA_SSE_CLAIM_LIST,
              "a list is its elements, joined");

    claim = claims_find("r", 0);
    unit_ok(claim && claim->n == 4 && claim[1].type == NGX_KAFKA_SSE_CLAIM_TEXT
            && claim[2].type == NGX_KAFKA_SSE_CLAIM_OTHER
            && claim[4].name.len == 1 && claim[4].name.data[0] == 'r',
            "its elements follow, with its name");

    unit_ok(claims_has("r", "a") && claims_has("r", "7")
            && claims_has("r", "true") && claims_has("r", "b c"),
            "a list has its elements");
    unit_ok(!claims_has("r", "a,7") && !claims_has("r", "b")
            && !claims_has("r", "") && !claims_has("r", "a,7,true,b c")
            && !claims_has("r", "x"), "and nothing else");
    claims_is("after", "x", NGX_KAFKA_SSE_CLAIM_TEXT,
              "what follows a list is found");
    claims_is("e", "", NGX_KAFKA_SSE_CLAIM_LIST, "an empty list");
    unit_ok(!claims_has("e", ""), "has nothing");
    claims_is("c", NULL, NGX_KAFKA_SSE_CLAIM_LIST,
              "a comma in an element: there is no joined value");
    unit_ok(claims_has("c", "a,b") && !claims_has("c", "a"),
            "but the elements are there");
    claims_is("n", "y", NGX_KAFKA_SSE_CLAIM_LIST,
              "null, arrays and objects in a list are not there");
    unit_ok(!claims_has("n", "in"), "nor what is in them");
    claims_is("one", "", NGX_KAFKA_SSE_CLAIM_LIST, "one empty element");
    unit_ok(claims_has("one", ""), "which it has");
    claims_is("two", ",", NGX_KAFKA_SSE_CLAIM_LIST, "two empty elements");
}


static void
claims_test_paths(void)
{
    char      text[4096], path[256], *p;
    unsigned  i, n;

    claims_load("{\"realm_access\":{\"roles\":[\"admin\",\"user\"],"
                "\"deep\":{\"er\":\"x\"}},\"https://example.com/org\":\"o\","
                "\"a.b\":\"top\",\"c\":{\"d.e\":\"mid\"},\"\":\"empty\","
                "\"x\":{\"\":\"y\"}}");

    claims_is("realm_access.roles", "admin,user", NGX_KAFKA_SSE_CLAIM_LIST,
              "a nested list has a path");
    unit_ok(claims_has("realm_access.roles", "admin"),
            "which has its elements");
    claims_is("realm_access.deep.er", "x", NGX_KAFKA_SSE_CLAIM_TEXT,
              "and deeper ones");
    claims_is("https://example.com/org", "o", NGX_KAFKA_SSE_CLAIM_TEXT,
              "a name that is a URL is a name");
    claims_is("a.b", "top", NGX_KAFKA_SSE_CLAIM_TEXT, "a name with a dot");
    claims_is("c.d.e", "mid", NGX_KAFKA_SSE_CLAIM_TEXT,
              "a name with a dot in an object");
    claims_is("", "empty", NGX_KAFKA_SSE_CLAIM_TEXT, "an empty name");
    claims_is("x.", "y", NGX_KAFKA_SSE_CLAIM_TEXT, "one in an object");

    claims_load("{\"a.b\":\"top\",\"a\":{\"b\":\"nested\"},\"c\":\"x\"}");
    unit_ok(claims_find("a.b", 0) == NULL,
            "of a name and a path that are the same there is neither");
    claims_is("c", "x", NGX_KAFKA_SSE_CLAIM_TEXT, "the others are there");

    claims_load("{\"a\":{\"b\":[1,2]},\"a.b\":3}");
    unit_ok(claims_find("a.b", 0) == NULL && !claims_has("a.b", "3")
            && !claims_has("a.b", "1"), "of a list and a name, too");

    for (n = 15; n < 17; n++) {
        p = text;

        for (i = 0; i < n; i++) {
            p += sprintf(p, "{\"a\":");
            memcpy(path + 2 * i, "a.", 2);
        }

        path[2 * n - 1] = '\0';
        p += sprintf(p, "\"v\"");
        memset(p, '}', n);
        p[n] = '\0';

        claims_load(text);
        unit_ok((claims_find(path, 0) != NULL) == (n <= 16),
                "16 objects in each other are looked into");
    }

    p = text + sprintf(text, "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
                       "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
                       "{\"a\":{\"a\":{\"a\":{\"a\":\"v\"}}}}}}}}}}}}}}}},"
                       "\"b\":1}");
    claims_load(text);
    unit_ok(claims.list.nelts == 1 && claims_find("b", 0),
            "17 are not, and do no harm");
}


static void
claims_test_variable(void)
{
    ngx_kafka_sse_claim_t  *claim;

    claims_load("{\"tenant-id\":\"t\",\"realm\":{\"Name\":\"r\"},"
                "\"a_b\":\"exact\",\"a-b\":\"other\",\"c-d\":1,\"c.d\":2,"
                "\"urn:x/y\":\"u\",\"UPPER\":\"p\",\"list-x\":[\"1\",\"2\"]}");

    claim = claims_find("tenant_id", 1);
    unit_ok(claim && claim->value.data[0] == 't', "_ finds -");

    claim = claims_find("realm_name", 1);
    unit_ok(claim && claim->value.data[0] == 'r',
            "_ finds the dot of a path, and small letters large ones");

    claim = claims_find("a_b", 1);
    unit_ok(claim && claim->value.len == 5, "an exact match wins");

    unit_ok(claims_find("c_d", 1) == NULL, "what is ambiguous is not there");

    claim = claims_find("urn_x_y", 1);
    unit_ok(claim && claim->value.data[0] == 'u',
            "_ finds what no variable can have in its name");

    claim = claims_find("upper", 1);
    unit_ok(claim && claim->value.data[0] == 'p', "case does not matter");

    claim = claims_find("list_x", 1);
    unit_ok(claim && claim->type == NGX_KAFKA_SSE_CLAIM_LIST,
            "a list and its elements are one");

    unit_ok(claims_find("tenant_i_", 1) == NULL,
            "_ does not find a letter");
    unit_ok(claims_find("tenant_id", 0) == NULL,
            "but for a variable it finds itself only");
}


static void
claims_test_scope(void)
{
    claims_load("{\"scope\":\"read write:orders  x\",\"scp\":\"a b\","
                "\"other\":\"a b\",\"o\":{\"scope\":\"a b\"}}");

    unit_ok(claims_has("scope", "read") && claims_has("scope", "write:orders")
            && claims_has("scope", "x"), "scope is a list of words");
    unit_ok(!claims_has("scope", "rea") && !claims_has("scope", "write")
            && !claims_has("scope", "read write:orders")
            && !claims_has("scope", "") && !claims_has("scope", " "),
            "of whole ones");
    unit_ok(claims_has("scp", "a") && claims_has("scp", "b"), "so is scp");
    unit_ok(!claims_has("other", "a") && claims_has("other", "a b")
            && !claims_has("o.scope", "a"), "nothing else is");

    claims_load("{\"scope\":[\"read\",\"a b\"],\"scp\":\"\"}");
    unit_ok(claims_has("scope", "read") && claims_has("scope", "a b")
            && !claims_has("scope", "a"), "a scope that is an array is one");
    unit_ok(!claims_has("scp", ""), "an empty scope has nothing");
}


static void
claims_test_times(void)
{
    unsigned  i;

    static const char  *bad[] = {
        "\"1\"", "\"\"", "null", "true", "false", "[]", "[1]", "{}",
        "{\"a\":1}", "1e30", "1e400", "9007199254740992",
        "99999999999999999999999999", "9.1e15", "1E+300"
    };

    static const char  *early[] = {
        "0", "-0", "0.0", "0e9", "-1", "-1.5", "-1e30", "0.0009", "1e-4",
        "1e-400", "0.00000000000000000000000000000000001"
    };

    claims_exp("1", 1000, "a second");
    claims_exp("1700000000", 1700000000000, "a time of our days");
    claims_exp("1700000000.5", 1700000000500, "a fraction");
    claims_exp("1700000000.999999", 1700000000999, "is rounded down");
    claims_exp("0.001", 1, "a millisecond");
    claims_exp("0.0019", 1, "is the least");
    claims_exp("1.7e9", 1700000000000, "an exponent");
    claims_exp("1.7E+9", 1700000000000, "with a sign");
    claims_exp("17000000000000e-4", 1700000000000, "a negative one");
    claims_exp("0.0000017e15", 1700000000000, "zeros first");
    claims_exp("1700000000.1", 1700000000100,
               "a decimal fraction is exact, as no double is");
    claims_exp("4102444800.0070000000000000000000000001", 4102444800007,
               "more digits than a number has");
    claims_exp("9007199254740991.999", 9007199254740991999, "below 2^53");
    claims_exp("100000000000000000000000000e-17", 1000000000000,
               "27 digits and an exponent");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char         text[128];
        ngx_uint_t   k;

        static const char  *names[] = { "exp", "nbf", "iat" };

        for (k = 0; k < 3; k++) {
            snprintf(text, sizeof(text), "{\"%s\":%s}", names[k], bad[i]);
            claims_refused(text, "its \"exp\", \"nbf\" or \"iat\" is no time",
                           "what is no time of seconds is refused");
        }
    }

    for (i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        char  text[128];

        snprintf(text, sizeof(text), "{\"exp\":%s}", early[i]);
        claims_refused(text, "its \"exp\" is not after 1970",
                       "an exp before 1970 is past");

        snprintf(text, sizeof(text), "{\"nbf\":%s,\"iat\":%s}", early[i],
                 early[i]);
        claims_load(text);
        unit_ok(claims.list.nelts == 2 && claims.nbf == 0 && claims.iat == 0,
                "an nbf or iat before 1970 is past, too, which is good");
    }

    claims_load("{\"exp\":3,\"nbf\":2.5,\"iat\":1e0,\"x\":{\"exp\":\"no\"}}");
    unit_ok(claims.exp == 3000 && claims.nbf == 2500 && claims.iat == 1000,
            "each has its time");
    claims_is("nbf", "2.5", NGX_KAFKA_SSE_CLAIM_OTHER, "and is a claim");
    claims_is("x.exp", "no", NGX_KAFKA_SSE_CLAIM_TEXT,
              "a nested one is no time");
}


static void
claims_test_types(void)
{
    char      text[128];
    unsigned  i, k;

    static const char  *others[] = {
        "1", "null", "true", "{}", "{\"a\":1}", "1.5"
    };

    static const char  *strings[] = { "sub", "iss", "jti" };
    static const char  *auds[] = { "{\"aud\":%s}", "{\"aud\":[\"a\",%s]}" };

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {

        for (k = 0; k < 3; k++) {
            snprintf(text, sizeof(text), "{\"%s\":%s}", strings[k], others[i]);
            claims_refused(text,
                           "its \"sub\", \"iss\" or \"jti\" is no string",
                           "sub, iss and jti are strings");
        }

        for (k = 0; k < 2; k++) {
            snprintf(text, sizeof(text), auds[k], others[i]);
            claims_refused(text,
                           "its \"aud\" is no string and no array of strings",
                           "aud is a string or an array of strings");
        }
    }

    claims_refused("{\"sub\":[\"a\"]}",
                   "its \"sub\", \"iss\" or \"jti\" is no string",
                   "sub is no array");
    claims_refused("{\"aud\":[[\"a\"]]}",
                   "its \"aud\" is no string and no array of strings",
                   "aud is no array of arrays");

    claims_load("{\"aud\":[]}");
    unit_ok(claims.list.nelts == 1 && !claims_has("aud", ""),
            "an empty aud is for nobody");
    claims_load("{\"aud\":\"a\",\"x\":{\"sub\":1,\"aud\":{}},\"y\":[1]}");
    unit_ok(claims_has("aud", "a") && claims_find("x.sub", 0),
            "types are asked of the payload's own members");
    claims_load("{\"aud\":[\"a\",\"b\"],\"y\":1}");
    unit_ok(claims_has("aud", "a") && claims_has("aud", "b")
            && !claims_has("aud", "a,b") && claims_has("y", "1"),
            "aud of several");
}


static void
claims_test_json(void)
{
    char       *why;
    unsigned    i;
    ngx_int_t   rc;

    static const char  *bad[] = {
        "", "[]", "null", "1", "\"x\"", "true", "{", "}", "{}x", "{}{}",
        "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":\"\xff\"}",
        "\xef\xbb\xbf{}", "{\"a\":\"\\ud800\"}", "{\"a\":+1}", "{\"a\":.5}",
        "{\"a\":NaN}", "{\"exp\":}", "{\"exp\"", "{\"a\":[1}", "// {}"
    };

    static const char  *twice[] = {
        "{\"a\":1,\"a\":1}", "{\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"sub\":\"a\",\"s\\u0075b\":\"b\"}", "{\"o\":{\"a\":1,\"a\":2}}",
        "{\"l\":[{\"a\":1,\"a\":2}]}", "{\"l\":[[{\"a\":1,\"a\":2}]]}",
        "{\"o\":{},\"o\":{}}", "{\"\":1,\"\":2}",
        "{\"exp\":9e9,\"exp\":1}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        claims_refused(bad[i], "its payload is no JSON object",
                       "what is no JSON object is refused");
    }

    for (i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        claims_refused(twice[i], "its payload has a member twice",
                       "a member twice is refused, however deep");
    }

    rc = claims_read("{\"a\":\"x\0y\"}", 11, &why);
    unit_ok(rc == NGX_DECLINED, "a NUL is no JSON");

    claims_load("{\"a\":{\"x\":1},\"b\":{\"x\":1},\"c\":[{\"x\":1},{\"x\":1}],"
                "\"x\":1}");
    unit_ok(claims.list.nelts == 4, "a name may be in several objects");

    claims_load(" \t\r\n{ \"a\" : [ 1 , 2 ] } ");
    claims_is("a", "1,2", NGX_KAFKA_SSE_CLAIM_LIST, "white space is JSON's");
}


static void
claims_test_depth(void)
{
    char       *text, *why;
    size_t      n;
    ngx_int_t   rc;

    static const size_t  depths[] = { 1, 15, 16, 17, 100, 2046, 2047, 2048,
                                      100000 };

    for (n = 0; n < sizeof(depths) / sizeof(depths[0]); n++) {
        size_t  i, d = depths[n];

        text = (char *) unit_alloc(d * 7 + 32);

        memcpy(text, "{\"a\":", 5);
        memset(text + 5, '[', d);
        memset(text + 5 + d, ']', d);
        memcpy(text + 5 + 2 * d, "}", 2);

        rc = claims_read(text, strlen(text), &why);
        unit_ok(rc == (d < 2048 ? NGX_OK : NGX_DECLINED),
                "arrays in each other, to the end of what is read");

        for (i = 0; i < d; i++) {
            memcpy(text + i * 5, "{\"a\":", 5);
        }

        memcpy(text + i * 5, "1", 1);
        memset(text + i * 5 + 1, '}', d);
        text[i * 5 + 1 + d] = '\0';

        rc = claims_read(text, strlen(text), &why);
        unit_ok(rc == (d <= 2048 ? NGX_OK : NGX_DECLINED),
                "objects in each other, too");

        free(text);
    }
}


static void
claims_test_memory(void)
{
    char       *why;
    ngx_int_t   i, rc;

    static const char  text[] =
        "{\"a\":{\"b\":[\"x\",\"y\"]},\"c\":1,\"d\":2,\"e\":3,\"f\":4,\"g\":5,"
        "\"h\":6,\"i\":7,\"j\":8,\"k\":9,\"l\":10,\"m\":11,\"n\":12,\"o\":13,"
        "\"p\":14,\"q\":15,\"r\":16,\"s\":17}";

    for (i = 0; i < 20; i++) {
        ngx_shim_fail_after = i;
        rc = claims_read(text, sizeof(text) - 1, &why);
        ngx_shim_fail_after = -1;

        if (rc == NGX_OK) {
            break;
        }

        unit_ok(rc == NGX_ERROR, "no memory is an error, not a bad token");
    }

    unit_ok(i >= 6 && i < 20, "each allocation has failed once");
}


int
main(void)
{
    claims_pool = ngx_create_pool(4096, NULL);

    claims_test_values();
    claims_test_lists();
    claims_test_paths();
    claims_test_variable();
    claims_test_scope();
    claims_test_times();
    claims_test_types();
    claims_test_json();
    claims_test_depth();
    claims_test_memory();

    ngx_destroy_pool(claims_pool);

    return unit_done();
}
