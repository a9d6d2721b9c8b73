
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_demand.h>


static ngx_conf_t              filter_conf;
static ngx_str_t               filter_topic = ngx_string("orders");
static ngx_kafka_sse_record_t  filter_record;
static u_char                  filter_headers[1024];


/* a directive of words between single spaces; 1 if it is taken */

static ngx_uint_t
filter_directive(ngx_kafka_sse_filter_conf_t *conf, const char *words,
    ngx_uint_t args)
{
    char           *rv;
    u_char         *p, *last;
    ngx_str_t      *word;
    ngx_command_t   cmd;

    ngx_shim_message[0] = '\0';

    memset(&cmd, 0, sizeof(cmd));

    filter_conf.args = ngx_array_create(filter_conf.pool, 4,
                                        sizeof(ngx_str_t));
    word = ngx_array_push(filter_conf.args);
    ngx_str_set(word, "directive");

    p = ngx_pnalloc(filter_conf.pool, strlen(words) + 1);
    last = ngx_cpymem(p, words, strlen(words));

    for ( ;; ) {
        word = ngx_array_push(filter_conf.args);
        word->data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word->len = p - word->data;

        if (p == last) {
            break;
        }

        p++;
    }

    rv = args ? ngx_kafka_sse_filter_conf_args(&filter_conf, &cmd, conf)
              : ngx_kafka_sse_filter_conf_condition(&filter_conf, &cmd, conf);

    return rv == NGX_CONF_OK;
}


/* conditions, one in each of the words that are given, up to a NULL */

static void
filter_compile(ngx_kafka_sse_filter_conf_t *conf, const char *words, ...)
{
    va_list  args;

    memset(conf, 0, sizeof(ngx_kafka_sse_filter_conf_t));

    va_start(args, words);

    for ( /* void */ ; words; words = va_arg(args, const char *)) {

        if (!filter_directive(conf, words, 0)) {
            printf("# %s\n", ngx_shim_message);
            unit_ok(0, words);
        }
    }

    va_end(args);
}


/* what has "single" in its name is no list; a word without "$" is not asked */

static ngx_uint_t
filter_is_list(ngx_http_request_t *r, ngx_str_t *word)
{
    if (memchr(word->data, '$', word->len) == NULL) {
        unit_ok(0, "only words with variables are looked at");
    }

    return memmem(word->data, word->len, "single", 6) == NULL;
}


static ngx_int_t
filter_get(ngx_kafka_sse_filter_conf_t *conf, const char *args,
    ngx_kafka_sse_filter_t **filter, ngx_str_t *arg)
{
    static ngx_http_request_t  r;

    if (r.pool == NULL) {
        r.pool = filter_conf.pool;
    }

    r.args.data = (u_char *) args;
    r.args.len = strlen(args);

    ngx_str_null(arg);

    if (ngx_kafka_sse_filter_conf_know_own(&filter_conf, conf) != NGX_OK
        || ngx_kafka_sse_filter_conf_know(&filter_conf, conf, NULL, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_demand_get(&r, conf, filter_is_list, filter, arg);
}


/* whether the record is wanted by who sends these arguments; 2: refused */

static ngx_uint_t
filter_wants(ngx_kafka_sse_filter_conf_t *conf, const char *args)
{
    ngx_str_t                arg;
    ngx_kafka_sse_filter_t  *filter;

    if (filter_get(conf, args, &filter, &arg) != NGX_OK) {
        return 2;
    }

    return ngx_kafka_sse_filter_wants(filter, &filter_topic, &filter_record);
}


/* the filter's text, or the argument that is refused */

static ngx_str_t
filter_text(ngx_kafka_sse_filter_conf_t *conf, const char *args)
{
    ngx_str_t                arg;
    ngx_kafka_sse_filter_t  *filter;

    if (filter_get(conf, args, &filter, &arg) != NGX_OK) {
        return arg;
    }

    if (filter == NULL) {
        ngx_str_set(&arg, "all");
        return arg;
    }

    return filter->text;
}


static ngx_uint_t
filter_same(ngx_kafka_sse_filter_conf_t *conf, const char *a, const char *b)
{
    ngx_str_t  one, two;

    one = filter_text(conf, a);
    two = filter_text(conf, b);

    return one.len == two.len && memcmp(one.data, two.data, one.len) == 0;
}


static void
filter_fill(void)
{
    u_char      *p;
    ngx_uint_t   i;
    ngx_str_t    name, value;

    static const char  *headers[] = {
        "type", "first", "Content-Type", "text/html", "type", "last",
        "gone", "there", "gone", NULL, "empty", "", "size", "042"
    };

    p = filter_headers;

    for (i = 0; i < sizeof(headers) / sizeof(char *); i += 2) {
        name.data = (u_char *) headers[i];
        name.len = strlen(headers[i]);
        value.data = (u_char *) headers[i + 1];
        value.len = headers[i + 1] ? strlen(headers[i + 1]) : 0;

        p = ngx_kafka_sse_record_add_header(p, &name, &value);
    }

    memset(&filter_record, 0, sizeof(filter_record));

    filter_record.offset = 1041;
    filter_record.timestamp = 1700000000123;
    filter_record.partition = 3;
    ngx_str_set(&filter_record.key, "k1");
    ngx_str_set(&filter_record.value,
                "{\"account\":\"4711\",\"amount\":12.50,\"n\":42,\"ok\":true,"
                "\"no\":null,\"o\":{\"x\":[\"a\",\"b\"]},\"empty\":\"\","
                "\"text\":\"a b&c=d%,\xc3\xa4\",\"big\":9007199254740993}");
    filter_record.headers.data = filter_headers;
    filter_record.headers.len = p - filter_headers;
}


static void
filter_test_semantics(void)
{
    size_t                       i;
    ngx_uint_t                   wanted;
    ngx_kafka_sse_filter_conf_t  conf;

    static struct {
        char        *condition;
        ngx_uint_t   wanted;
    } cases[] = {
        { "$kafka_sse_key = k1", 1 },
        { "$kafka_sse_key = k", 0 },
        { "$kafka_sse_key = K1", 0 },
        { "${kafka_sse_key} = k1", 1 },
        { "$kafka_sse_key != k1", 0 },
        { "$kafka_sse_key != k2", 1 },
        { "$kafka_sse_key exists", 1 },
        { "$kafka_sse_topic = orders", 1 },
        { "$kafka_sse_topic = shop.orders", 0 },
        { "$kafka_sse_partition = 3", 1 },
        { "$kafka_sse_partition = 03", 0 },
        { "$kafka_sse_partition in 1 2 3", 1 },
        { "$kafka_sse_partition < 3", 0 },
        { "$kafka_sse_partition <= 3", 1 },
        { "$kafka_sse_offset >= 1041", 1 },
        { "$kafka_sse_offset > 1041", 0 },
        { "$kafka_sse_offset > 1040.5", 1 },
        { "$kafka_sse_timestamp >= 1.7e12", 1 },
        { "$kafka_sse_timestamp < 1700000000123", 0 },

        { "$kafka_sse_header_type = last", 1 },
        { "$kafka_sse_header_type = first", 0 },
        { "$kafka_sse_header_content_type ~ html$", 1 },
        { "$kafka_sse_header_CONTENT_TYPE ~ ^text/", 1 },
        { "$kafka_sse_header_content_type ~ HTML", 0 },
        { "$kafka_sse_header_content_type ~* HTML", 1 },
        { "$kafka_sse_header_gone exists", 0 },
        { "$kafka_sse_header_gone != x", 0 },
        { "$kafka_sse_header_none exists", 0 },
        { "$kafka_sse_header_none != x", 0 },
        { "$kafka_sse_header_empty exists", 1 },
        { "$kafka_sse_header_empty != x", 1 },
        { "$kafka_sse_header_size = 42", 0 },
        { "$kafka_sse_header_size < 43", 1 },
        { "$kafka_sse_header_size >= 42", 1 },
        { "$kafka_sse_header_type < 43", 0 },
        { "$kafka_sse_header_type >= 43", 0 },

        { "json:.account = 4711", 1 },
        { "json:.account = 4712", 0 },
        { "json:.account > 4710", 1 },
        { "json:.account in 1 4711", 1 },
        { "json:.account in 1 2 4711 4712 4713 5 6", 1 },
        { "json:.account in 1 2 4712 4713 5 6", 0 },
        { "json:.amount = 12.5", 1 },
        { "json:.amount = 12.50", 0 },
        { "json:.amount >= 12.50", 1 },
        { "json:.amount < 12.51", 1 },
        { "json:.n = 42", 1 },
        { "json:.n = 42.0", 0 },
        { "json:.n <= 42.0", 1 },
        { "json:.n ~ ^4", 1 },
        { "json:.ok = true", 1 },
        { "json:.ok != false", 1 },
        { "json:.ok > 0", 0 },
        { "json:.ok exists", 1 },
        { "json:.no exists", 0 },
        { "json:.no != x", 0 },
        { "json:.no = null", 0 },
        { "json:.none exists", 0 },
        { "json:.none ~ .*", 0 },
        { "json:.o exists", 1 },
        { "json:.o != x", 0 },
        { "json:.o ~ .*", 0 },
        { "json:.o < 1", 0 },
        { "json:.o in x", 0 },
        { "json:.o.x exists", 1 },
        { "json:.o.x[1] = b", 1 },
        { "json:.o.x[2] exists", 0 },
        { "json:.empty exists", 1 },
        { "json:.empty != x", 1 },
        { "json:.big = 9007199254740993", 1 },
        { "json:.big = 9007199254740992", 0 },
        { "json:.big > 9007199254740992", 1 },
        { "json:.big > 9007199254740992.0", 1 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        filter_compile(&conf, cases[i].condition, NULL);
        wanted = filter_wants(&conf, "account=1&x");
        unit_ok(wanted == cases[i].wanted, cases[i].condition);
    }

    filter_compile(&conf, "json:.n = 42", "$kafka_sse_key = k1",
                   "json:.ok exists", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "conditions that are all true");

    filter_compile(&conf, "json:.n = 42", "$kafka_sse_key = k2",
                   "json:.ok exists", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "conditions of which one is false");

    memset(&conf, 0, sizeof(conf));
    unit_ok(filter_wants(&conf, "a=1&b") == 1, "without conditions all is "
            "wanted, and arguments are nobody's business");
}


static void
filter_test_null(void)
{
    ngx_kafka_sse_filter_conf_t  conf;

    ngx_str_null(&filter_record.key);
    filter_record.timestamp = -1;
    ngx_str_null(&filter_record.value);
    filter_record.headers.len = 0;

    filter_compile(&conf, "$kafka_sse_key exists", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "a null key is not there");

    filter_compile(&conf, "$kafka_sse_key != x", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "... and is not unequal");

    filter_compile(&conf, "$kafka_sse_timestamp < 1", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "no timestamp is not there");

    filter_compile(&conf, "json:.a exists", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "in a null value nothing is there");

    filter_compile(&conf, "$kafka_sse_header_type exists", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "without headers none is there");

    ngx_str_set(&filter_record.key, "");
    filter_compile(&conf, "$kafka_sse_key exists", "$kafka_sse_key != x",
                   NULL);
    unit_ok(filter_wants(&conf, "") == 1, "an empty key is there");

    filter_fill();
}


/* the companion's fields are believed; those of others are looked for */

static void
filter_test_fields(void)
{
    ngx_array_t                  *paths;
    ngx_kafka_sse_filter_conf_t   conf, other;

    filter_compile(&conf, "json:.n = 43", "json:.account exists",
                   "json:.\"n\" exists", "$kafka_sse_key exists", NULL);
    filter_compile(&other, "json:.n exists", "json:.ok exists", NULL);
    unit_ok(filter_directive(&other, "x=json:.big y=$kafka_sse_key z", 1),
            "arguments are taken");

    paths = ngx_array_create(filter_conf.pool, 1, sizeof(void *));

    unit_ok(ngx_kafka_sse_filter_conf_paths(&conf, paths) == NGX_OK
            && paths->nelts == 2, "each path is looked for once");
    unit_ok(ngx_kafka_sse_filter_conf_paths(&other, paths) == NGX_OK
            && paths->nelts == 4, "... those of arguments, too");

    filter_record.value.data = unit_copy("{\"n\":43,\"account\":\"x\"}",
                                         22).data;
    filter_record.value.len = 22;
    ngx_kafka_sse_field_extract(&filter_record, paths, 0);
    ngx_str_set(&filter_record.value, "{\"n\":44}");

    unit_ok(filter_wants(&conf, "") == 1, "a field of the block is taken");

    filter_compile(&conf, "json:.n2 = 5", NULL);
    ngx_str_set(&filter_record.value, "{\"n\":44,\"n2\":5}");

    unit_ok(filter_wants(&conf, "") == 1,
            "one that is not in it is looked for");

    filter_record.fields.len--;
    filter_compile(&conf, "json:.n2 = 5", NULL);

    unit_ok(filter_wants(&conf, "") == 1,
            "a block that is malformed does not count");

    filter_fill();
}


static void
filter_test_values(void)
{
    size_t                        i;
    char                          list[4096];
    ngx_str_t                     arg;
    ngx_kafka_sse_filter_t       *filter;
    ngx_kafka_sse_filter_conf_t   conf;

    static u_char  longest[1025];

    static ngx_shim_value_t  values[] = {
        { "claim_account", ngx_string("4711") },
        { "claim_list", ngx_string("1,,4711,2,4711") },
        { "claim_other", ngx_string("2,4711,1") },
        { "claim_single", ngx_string("2,4711,1") },
        { "claim_comma", ngx_string(",") },
        { "claim_text", ngx_string("many") },
        { "claim_number", ngx_string("41.5") },
        { "claim_nul", { 3, (u_char *) "k\0001" } },
        { "claim_longest", { 1024, longest } },
        { "claim_long", { 1025, longest } },
        { "claim_values", { 0, NULL } },
        { NULL, ngx_null_string }
    };

    ngx_shim_values = values;

    filter_compile(&conf, "json:.account = $claim_account", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "a variable is a value");

    filter_compile(&conf, "json:.account = 4${claim_account}", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "text and a variable are one value");

    filter_compile(&conf, "json:.account != 4$claim_account", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "... which is another one");

    filter_compile(&conf, "$kafka_sse_key != $claim_none", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "who has no claim gets nothing");

    filter_compile(&conf, "$kafka_sse_key exists",
                   "$kafka_sse_key in $claim_none $claim_comma", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "nothing is in an empty list");

    (void) filter_get(&conf, "", &filter, &arg);
    unit_ok(filter && filter->never && filter->nterms == 0
            && filter->index == NULL && filter->text.len,
            "... and its filter wants nothing");

    filter_compile(&conf, "$kafka_sse_key in $claim_none k1", NULL);
    unit_ok(filter_wants(&conf, "") == 1,
            "an empty list beside a word is no value");

    filter_compile(&conf, "$kafka_sse_header_empty in $claim_list", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "nothing between commas is no value");

    filter_compile(&conf, "json:.account in $claim_list", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "a variable may be a list");

    (void) filter_get(&conf, "", &filter, &arg);
    unit_ok(filter && filter->terms[0].nvalues == 3
            && filter->index == &filter->terms[0]
            && filter->terms[0].op == NGX_KAFKA_SSE_FILTER_IN,
            "... whose values are there once");

    filter_compile(&conf, "json:.account in $claim_single", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "what is no list is not split");

    (void) filter_get(&conf, "", &filter, &arg);
    unit_ok(filter && filter->terms[0].nvalues == 1
            && filter->terms[0].op == NGX_KAFKA_SSE_FILTER_EQ
            && filter->terms[0].values[0].len == 8, "... but one value");

    filter_compile(&conf, "json:.text in $claim_list $claim_single", NULL);
    ngx_str_set(&filter_record.value, "{\"text\":\"2,4711,1\"}");
    unit_ok(filter_wants(&conf, "") == 1, "... also beside a list");
    filter_fill();

    filter_compile(&conf, "json:.account = $claim_list", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "a list is none where one value is");

    filter_compile(&conf, "json:.text in a,4711 $claim_account", NULL);
    ngx_str_set(&filter_record.value, "{\"text\":\"a,4711\"}");
    unit_ok(filter_wants(&conf, "") == 1, "a word without variables is none");
    filter_fill();

    filter_compile(&conf, "json:.n > $claim_number", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "a variable may be a number");

    filter_compile(&conf, "json:.n > $claim_text", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "a variable that is none is never");

    filter_compile(&conf, "json:.n < $claim_text", NULL);
    unit_ok(filter_wants(&conf, "") == 0, "... more or less");

    filter_compile(&conf, "$kafka_sse_key = $claim_nul", NULL);
    filter_record.key.data = (u_char *) "k\0001";
    filter_record.key.len = 3;
    unit_ok(filter_wants(&conf, "") == 1, "NUL is a byte as others");
    filter_record.key.data = (u_char *) "k\0002";
    unit_ok(filter_wants(&conf, "") == 0, "... that ends nothing");
    filter_fill();

    memset(longest, 'x', sizeof(longest));

    filter_compile(&conf, "json:.n != $claim_longest", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "a value of 1,024 bytes is taken");

    filter_compile(&conf, "json:.n != $claim_long", NULL);
    unit_ok(filter_get(&conf, "", &filter, &arg) == NGX_DECLINED
            && arg.len == 11 && memcmp(arg.data, "$claim_long", 11) == 0,
            "a longer one is refused, and named");

    filter_compile(&conf, "json:.n in $claim_long", NULL);
    unit_ok(filter_wants(&conf, "") == 2, "... in a list, too");

    for (i = 0; i < 101; i++) {
        snprintf(list + 3 * i, 4, "%02d,", (int) i % 100);
    }

    values[10].value.data = (u_char *) list;
    values[10].value.len = 3 * 100 - 1;

    filter_compile(&conf, "json:.n in $claim_values", NULL);
    unit_ok(filter_wants(&conf, "") == 1, "100 values are taken");

    values[10].value.len = 3 * 100;
    unit_ok(filter_wants(&conf, "") == 1, "... and nothing behind them");

    values[10].value.len = 3 * 101 - 1;
    unit_ok(filter_wants(&conf, "") == 2, "101 are refused");
}


static void
filter_test_args(void)
{
    char                         *many;
    size_t                        i, len;
    ngx_str_t                     arg;
    ngx_kafka_sse_filter_t       *filter;
    ngx_kafka_sse_filter_conf_t   conf;

    static struct {
        char        *args;
        ngx_uint_t   wanted;
    } cases[] = {
        { "", 1 },
        { "account=4711", 1 },
        { "account=4712", 0 },
        { "account=4712&account=4711", 1 },
        { "account=4711&account=4711", 1 },
        { "account=4711&key=k1", 1 },
        { "account=4711&key=k2", 0 },
        { "&&account=4711&", 1 },
        { "account=%34711", 1 },
        { "ac%63ount=4711", 1 },
        { "ac%63ount=4712", 0 },
        { "account=", 0 },
        { "account", 0 },
        { "empty=", 1 },
        { "empty", 1 },
        { "empty=x", 0 },
        { "text=a+b%26c%3dd%25,%C3%A4", 1 },
        { "text=a%20b%26c%3Dd%,%c3%a4", 1 },
        { "text=a%20b%26c=d%,%c3%a4", 1 },
        { "text=a%20b%26c%3dd%2,%c3%a4", 0 },
        { "text=a%20b&c=d%,%c3%a4", 2 },
        { "none=x", 0 },
        { "none=", 0 },
        { "token=x", 1 },
        { "token=x&token=y&token", 1 },
        { "TOKEN=x", 2 },
        { "Account=4711", 2 },
        { "since=1", 1 },
        { "SINCE=1", 1 },
        { "sin%63e=1", 1 },
        { "sinc=1", 2 },
        { "sincee=1", 2 },
        { "claim=x", 1 },
        { "other=1", 2 },
        { "account=4711&other", 2 },
        { "=x", 2 },
        { "%00=x", 2 },
    };

    static ngx_http_complex_value_t  others[] = {
        { ngx_string("1.${arg_since}.$http_x$arg_"), NULL, NULL, NULL, { 0 } },
        { ngx_string("$"), NULL, NULL, NULL, { 0 } },
    };

    filter_compile(&conf, "json:.n in 42 $arg_claim", NULL);
    unit_ok(filter_directive(&conf, "account=json:.account key=$kafka_sse_key "
                             "empty=json:.empty text=json:.text "
                             "none=json:.none token", 1)
            && ngx_kafka_sse_filter_conf_know(&filter_conf, &conf, others, 2)
               == NGX_OK,
            "arguments are taken");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_ok(filter_wants(&conf, cases[i].args) == cases[i].wanted,
                cases[i].args);
    }

    unit_ok(filter_same(&conf, "account=4711&other=5", "other=1")
            && filter_text(&conf, "%6fther=1").len == 5,
            "the argument that is refused is named");

    many = (char *) unit_alloc(4096);
    len = 0;

    for (i = 0; i < 101; i++) {
        len += sprintf(many + len, "account=%d&", (int) i + 4711);

        if (i == 99) {
            unit_ok(filter_wants(&conf, many) == 1,
                    "an argument may be there 100 times");
        }
    }

    arg = filter_text(&conf, many);
    unit_ok(arg.len == 7 && memcmp(arg.data, "account", 7) == 0,
            "101 times are refused");

    memset(many, 'x', 4096);
    memcpy(many, "key=", 4);
    many[4 + 1024] = '\0';
    unit_ok(filter_wants(&conf, many) == 0, "1,024 bytes are taken");

    many[4 + 1024] = 'x';
    many[4 + 1025] = '\0';
    unit_ok(filter_wants(&conf, many) == 2, "1,025 are refused");

    memset(many, 'x', 4096);
    memcpy(many, "token=", 6);
    many[3000] = '\0';
    unit_ok(filter_wants(&conf, many) == 1, "what is for others may be longer");

    free(many);

    /* without conditions */

    memset(&conf, 0, sizeof(conf));
    unit_ok(filter_directive(&conf, "account=json:.account", 1),
            "arguments alone are taken");
    unit_ok(filter_get(&conf, "", &filter, &arg) == NGX_OK && filter == NULL,
            "who wants all has no filter");
    unit_ok(filter_wants(&conf, "account=1") == 0
            && filter_wants(&conf, "account=4711") == 1
            && filter_wants(&conf, "x=1") == 2,
            "who names something has one");
}


static void
filter_test_text(void)
{
    ngx_str_t                     text;
    ngx_kafka_sse_filter_t       *filter;
    ngx_kafka_sse_filter_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    (void) filter_directive(&conf, "a=json:.a b=json:.b", 1);

    unit_ok(filter_same(&conf, "a=1&a=2&a=3", "a=3&a=1&a=2&a=1"),
            "equal sets are one filter");
    unit_ok(filter_same(&conf, "a=1&a=1", "a=1"), "... of one value, too");
    unit_ok(filter_same(&conf, "a=1&b=2", "b=2&a=1"),
            "the order of arguments does not matter");
    unit_ok(!filter_same(&conf, "a=1", "b=1"), "other operands differ");
    unit_ok(!filter_same(&conf, "a=12", "a=1&a=2"), "one value is not two");
    unit_ok(!filter_same(&conf, "a=1", "a=1&b="), "an empty value is one");
    unit_ok(!filter_same(&conf, "a=x&b=y", "a=xy&b="),
            "no byte moves to another value");
    unit_ok(!filter_same(&conf, "a=%00%00%00%00&a=", "a=%00%00%00&a=%00"),
            "NUL is no end");

    filter_compile(&conf, "$kafka_sse_key = k1", "json:.n > 1", NULL);
    (void) filter_get(&conf, "", &filter, &text);
    unit_ok(filter && filter->text.len == 0 && filter->text.data
            && filter->index == &filter->terms[0],
            "constants are no part of the text");

    filter_compile(&conf, "$kafka_sse_key = $arg_k", "json:.n > $arg_n", NULL);
    unit_ok(filter_same(&conf, "", "x"), "nothing is the same for all");
}


static void
filter_test_index(void)
{
    size_t                        i;
    ngx_str_t                     arg;
    ngx_kafka_sse_filter_t       *filter;
    ngx_kafka_sse_filter_conf_t   conf;

    static ngx_shim_value_t  values[] = {
        { "v", ngx_string("1") },
        { NULL, ngx_null_string }
    };

    static struct {
        char        *conditions[3];
        char        *args;
        ngx_int_t    index;
    } cases[] = {
        { { "json:.a = 1", "json:.b = $v", NULL }, "c=1", 2 },
        { { "json:.a = 1", "json:.b = $v", NULL }, "", 1 },
        { { "json:.a = 1", "json:.b in $v 2", NULL }, "", 1 },
        { { "json:.a in 1 2", "json:.b != $v", NULL }, "", 0 },
        { { "json:.a in 1 2", "json:.b = $v", NULL }, "c=1&c=2", 2 },
        { { "json:.a > 1", "json:.b exists", NULL }, "", -1 },
        { { "json:.a ~ 1", "json:.b < $v", NULL }, "", -1 },
        { { "$kafka_sse_topic = $v", "json:.b = 1", NULL }, "", 1 },
        { { "$kafka_sse_topic = $v", "$kafka_sse_topic in a b", NULL }, "",
          -1 },
        { { "$kafka_sse_topic = $v", "json:.b = 1", NULL }, "t=1", 1 },
    };

    ngx_shim_values = values;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        filter_compile(&conf, cases[i].conditions[0], cases[i].conditions[1],
                       NULL);
        (void) filter_directive(&conf, "c=json:.c t=$kafka_sse_topic", 1);
        (void) filter_get(&conf, cases[i].args, &filter, &arg);

        unit_ok(filter && filter->index
                          == (cases[i].index < 0
                              ? NULL : &filter->terms[cases[i].index]),
                cases[i].conditions[0]);
    }
}


/* the copy has all it needs, but for the configuration */

static void
filter_test_copy(void)
{
    ngx_uint_t                    i;
    ngx_str_t                     arg;
    ngx_http_request_t            r;
    ngx_kafka_sse_filter_t       *filter, *copy;
    ngx_kafka_sse_filter_conf_t   conf;

    filter_compile(&conf, "$kafka_sse_key ~ ^k", "json:.n >= 42",
                   "$kafka_sse_partition in 3 4 5", "json:.o exists", NULL);
    (void) filter_directive(&conf, "account=json:.account ok=json:.ok", 1);
    (void) ngx_kafka_sse_filter_conf_know(&filter_conf, &conf, NULL, 0);

    memset(&r, 0, sizeof(r));
    r.pool = ngx_create_pool(4096, NULL);
    r.args = unit_copy("account=4712&account=4711", 25);

    (void) ngx_kafka_sse_demand_get(&r, &conf, filter_is_list, &filter, &arg);

    ngx_shim_fail_after = 0;
    unit_ok(ngx_kafka_sse_filter_copy(filter, NULL) == NULL,
            "without memory there is no copy");
    ngx_shim_fail_after = -1;

    copy = ngx_kafka_sse_filter_copy(filter, NULL);

    unit_ok(copy && copy->hash == filter->hash
            && copy->text.len == filter->text.len
            && memcmp(copy->text.data, filter->text.data, copy->text.len) == 0
            && filter->index == &filter->terms[4]
            && copy->index == &copy->terms[4], "a copy is the same");

    memset(r.args.data, 'x', r.args.len);
    free(r.args.data);
    ngx_destroy_pool(r.pool);

    unit_ok(ngx_kafka_sse_filter_wants(copy, &filter_topic, &filter_record),
            "... and outlives the request");

    ngx_shim_fail_after = 0;
    unit_ok(ngx_kafka_sse_filter_wants(copy, &filter_topic, &filter_record),
            "nothing is allocated to look at a record");
    ngx_shim_fail_after = -1;

    free(copy);

    filter_compile(&conf, "$kafka_sse_key = $none", NULL);
    r.pool = ngx_create_pool(4096, NULL);
    (void) ngx_kafka_sse_demand_get(&r, &conf, filter_is_list, &filter, &arg);
    copy = ngx_kafka_sse_filter_copy(filter, NULL);
    ngx_destroy_pool(r.pool);

    unit_ok(copy->never && copy->text.len
            && !ngx_kafka_sse_filter_wants(copy, &filter_topic,
                                           &filter_record),
            "a copy that wants nothing wants nothing");
    free(copy);

    /* the request's memory may end anywhere */

    filter_compile(&conf, "$kafka_sse_key = k1", "json:.n in $v $v", NULL);
    (void) filter_directive(&conf, "account=json:.account", 1);
    (void) ngx_kafka_sse_filter_conf_know(&filter_conf, &conf, NULL, 0);
    ngx_str_set(&r.args, "account=4712&account=47%31%31&account=x");

    for (i = 0; i < 100; i++) {
        r.pool = ngx_create_pool(4096, NULL);

        ngx_shim_fail_after = i;

        if (ngx_kafka_sse_demand_get(&r, &conf, filter_is_list, &filter,
                                     &arg)
            != NGX_ERROR)
        {
            break;
        }

        ngx_destroy_pool(r.pool);
    }

    ngx_shim_fail_after = -1;
    ngx_destroy_pool(r.pool);

    unit_ok(i > 8 && i < 100, "each allocation may fail");
}


static void
filter_test_refused(void)
{
    size_t                       i;
    ngx_kafka_sse_filter_conf_t  conf;

    static struct {
        char        *words;
        ngx_uint_t   args;
        char        *message;
    } cases[] = {
        { "key = 1", 0, "unknown operand \"key\", it must be a record "
          "variable or \"json:\" with a path" },
        { "$kafka_sse_keys = 1", 0,
          "unknown record variable \"$kafka_sse_keys\"" },
        { "$kafka_sse_key- = 1", 0, "unknown operand \"$kafka_sse_key-\", it "
          "must be a record variable or \"json:\" with a path" },
        { "$kafka_sse_key$kafka_sse_key = 1", 0, "unknown operand "
          "\"$kafka_sse_key$kafka_sse_key\", it must be a record variable or "
          "\"json:\" with a path" },
        { "${kafka_sse_key = 1", 0, "the closing bracket in "
          "\"kafka_sse_key\" variable is missing" },
        { "$ = 1", 0, "invalid variable name in \"$\"" },
        { "json: = 1", 0, "invalid path \"\", \".\" or \"[\" is expected at "
          "character 1" },
        { "json:.a..b = 1", 0, "invalid path \".a..b\", a name is expected "
          "at character 4" },
        { "json:.a", 0, "no operator follows \"json:.a\"" },
        { "json:.a ==", 0, "unknown operator \"==\", it must be one of "
          "=, !=, <, <=, >, >=, in, ~, ~* and exists" },
        { "json:.a IN 1", 0, "unknown operator \"IN\", it must be one of "
          "=, !=, <, <=, >, >=, in, ~, ~* and exists" },
        { "json:.a =", 0, "no value follows \"=\"" },
        { "json:.a in", 0, "no value follows \"in\"" },
        { "json:.a ~", 0, "no value follows \"~\"" },
        { "json:.a = 1 2", 0, "invalid value \"2\", it is one too many" },
        { "json:.a ~ a b", 0, "invalid value \"b\", it is one too many" },
        { "json:.a exists 1", 0, "invalid value \"1\", it is one too many" },
        { "json:.a < x", 0,
          "invalid value \"x\", it must be a decimal number" },
        { "json:.a >= 0x1", 0,
          "invalid value \"0x1\", it must be a decimal number" },
        { "json:.a ~ a(b", 0, "invalid pattern \"a(b\": bad expression" },
        { "json:.a ~ ^$arg_a", 0,
          "invalid pattern \"^$arg_a\", it cannot have variables" },
        { "json:.a ~ ${arg_a}", 0,
          "invalid pattern \"${arg_a}\", it cannot have variables" },

        { "=json:.a", 1, "invalid parameter \"=json:.a\", it must be the name "
          "of an argument, \"=\" and an operand" },
        { "a=", 1, "unknown operand \"\", it must be a record variable or "
          "\"json:\" with a path" },
        { "a=b", 1, "unknown operand \"b\", it must be a record variable or "
          "\"json:\" with a path" },
        { "a=json:.b b=json:b", 1, "invalid path \"b\", \".\" or \"[\" is "
          "expected at character 1" },
        { "a=json:.b c a=json:.c", 1, "duplicate argument \"a\"" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&conf, 0, sizeof(conf));

        unit_ok(!filter_directive(&conf, cases[i].words, cases[i].args),
                cases[i].words);
        unit_is((u_char *) ngx_shim_message, strlen(ngx_shim_message),
                cases[i].message, strlen(cases[i].message),
                "... and says why");
    }

    memset(&conf, 0, sizeof(conf));
    unit_ok(filter_directive(&conf, "json:.a ~ a$|b\\$c|$[d]", 0),
            "a pattern may have $");
}


int
main(void)
{
    filter_conf.pool = ngx_create_pool(4096, NULL);

    filter_fill();
    filter_test_semantics();
    filter_test_null();
    filter_test_fields();
    filter_test_values();
    filter_test_args();
    filter_test_text();
    filter_test_index();
    filter_test_copy();
    filter_test_refused();

    ngx_destroy_pool(filter_conf.pool);

    return unit_done();
}
