
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_memo.h>
#include <worker/ngx_kafka_sse_operand.h>


static char  memo_text[] = "{\"a\":\"one\",\"b\":[1,2],\"c\":\"\\u0041\"}";
static char  memo_other[] = "{\"a\":\"two\",\"b\":\"xy\",\"c\":\"\\u0042\"}";


static ngx_conf_t               memo_conf;
static ngx_kafka_sse_operand_t  memo_operands[4];


static ngx_kafka_sse_record_t
memo_record(char *buf, char *text)
{
    ngx_kafka_sse_record_t  rec;

    memset(&rec, 0, sizeof(rec));

    /* as long as any other */

    rec.value.data = (u_char *) buf;
    rec.value.len = sprintf(buf, "%-60s", text);

    return rec;
}


static ngx_uint_t
memo_is(ngx_uint_t i, ngx_kafka_sse_record_t *rec, const char *expected)
{
    ngx_kafka_sse_operand_value_t  value;

    ngx_kafka_sse_operand_get(&memo_operands[i], NULL, rec, &value);

    if (expected == NULL) {
        return value.text.data == NULL;
    }

    return value.text.data && value.text.len == strlen(expected)
           && memcmp(value.text.data, expected, value.text.len) == 0;
}


/* what the record says meanwhile is seen by those alone who read it again */

static void
memo_test_once(void)
{
    char                    buf[64];
    ngx_kafka_sse_record_t  rec;

    rec = memo_record(buf, memo_text);

    ngx_kafka_sse_memo_begin(&rec);

    unit_ok(memo_is(0, &rec, "one") && memo_is(2, &rec, "A"),
            "what is not among the fields is looked for");

    (void) memo_record(buf, memo_other);

    unit_ok(memo_is(0, &rec, "one") && memo_is(2, &rec, "A"),
            "the next one does not read the record again");
    unit_ok(memo_is(1, &rec, "xy"), "... unless it looks for something else");
    unit_ok(memo_is(3, &rec, NULL), "... also for what is not there");

    (void) memo_record(buf, "{\"d\":\"late\",\"b\":0}");

    unit_ok(memo_is(3, &rec, NULL) && memo_is(1, &rec, "xy"),
            "that is remembered as well");

    ngx_kafka_sse_memo_end();
    ngx_kafka_sse_memo_begin(&rec);

    unit_ok(memo_is(3, &rec, "late") && memo_is(0, &rec, NULL),
            "nothing is once the record is done with");

    ngx_kafka_sse_memo_end();
}


static void
memo_test_other(void)
{
    char                    buf[64], other_buf[64];
    ngx_kafka_sse_record_t  rec, other;

    rec = memo_record(buf, memo_text);
    other = memo_record(other_buf, memo_other);

    ngx_kafka_sse_memo_begin(&rec);

    unit_ok(memo_is(0, &rec, "one") && memo_is(0, &other, "two")
            && memo_is(0, &rec, "one"),
            "another record is another");

    ngx_kafka_sse_memo_end();

    unit_ok(memo_is(0, &other, "two"), "without one at hand, too");
}


static void
memo_test_memory(void)
{
    char                    buf[64];
    ngx_kafka_sse_record_t  rec;

    rec = memo_record(buf, memo_text);

    ngx_kafka_sse_memo_begin(&rec);

    ngx_shim_fail_after = 0;

    unit_ok(memo_is(0, &rec, "one") && memo_is(2, &rec, "A")
            && memo_is(0, &rec, "one"),
            "without memory each one looks for itself");

    ngx_shim_fail_after = -1;

    ngx_kafka_sse_memo_end();
}


int
main(void)
{
    size_t      i;
    ngx_str_t   text;

    static char  *texts[] = { "json:.a", "json:.b", "json:.c", "json:.d" };

    memo_conf.pool = ngx_create_pool(4096, NULL);

    for (i = 0; i < 4; i++) {
        text.data = (u_char *) texts[i];
        text.len = strlen(texts[i]);

        if (ngx_kafka_sse_operand_compile(&memo_conf, &memo_operands[i], &text)
            != NGX_OK)
        {
            abort();
        }
    }

    memo_test_once();
    memo_test_other();
    memo_test_memory();

    ngx_destroy_pool(memo_conf.pool);

    return unit_done();
}
