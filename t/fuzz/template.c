
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the template, the topic and the key, each behind a byte with
 * its length, and packed headers.  The template is an operand of a filter, too,
 * and the topic a record's value.
 *
 * Covers worker/ngx_kafka_sse_template.c
 * Covers worker/ngx_kafka_sse_operand.c
 */


#include "fuzz.h"
#include "json.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_template.h>


/* the one text of an operand is an operand, and its own one text */

static void
fuzz_operand(ngx_conf_t *cf, ngx_str_t *text, ngx_str_t *topic,
    ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_operand_t        operand, again;
    ngx_kafka_sse_operand_value_t  value, value_again;

    ngx_shim_message[0] = '\0';

    if (ngx_kafka_sse_operand_compile(cf, &operand, text) != NGX_OK) {
        fuzz_check(ngx_shim_message[0] != '\0');
        return;
    }

    fuzz_check(ngx_kafka_sse_operand_compile(cf, &again, &operand.text)
               == NGX_OK);
    fuzz_check(again.type == operand.type
               && again.text.len == operand.text.len
               && memcmp(again.text.data, operand.text.data, again.text.len)
                  == 0);

    ngx_kafka_sse_operand_get(&operand, topic, rec, &value);

    if (operand.type != NGX_KAFKA_SSE_OPERAND_JSON) {
        ngx_kafka_sse_operand_get(&again, topic, rec, &value_again);

        fuzz_check(value.text.len == value_again.text.len
                   && memcmp(value.text.data, value_again.text.data,
                             value.text.len)
                      == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    *p, *buf;
    size_t                     len;
    ngx_str_t                  text, topic;
    ngx_conf_t                 conf;
    ngx_kafka_sse_record_t     rec;
    ngx_kafka_sse_template_t   template;

    memset(&conf, 0, sizeof(conf));
    memset(&rec, 0, sizeof(rec));

    text = fuzz_take(&data, &size);
    topic = fuzz_take(&data, &size);
    rec.key = fuzz_take(&data, &size);
    rec.headers.data = (u_char *) data;
    rec.headers.len = size;
    rec.offset = INT64_MAX;
    rec.timestamp = INT64_MIN;
    rec.partition = INT32_MIN;

    conf.pool = ngx_create_pool(4096, NULL);

    rec.value = topic;
    fuzz_operand(&conf, &text, &topic, &rec);

    rec.timestamp = -1;
    fuzz_operand(&conf, &text, &topic, &rec);
    rec.timestamp = INT64_MIN;

    ngx_shim_message[0] = '\0';

    if (ngx_kafka_sse_template_compile(&conf, &template, &text)
        != NGX_CONF_OK)
    {
        fuzz_check(ngx_shim_message[0] != '\0');
        ngx_destroy_pool(conf.pool);
        return 0;
    }

    len = ngx_kafka_sse_template_len(&template, &topic, &rec);
    buf = fuzz_alloc(len);
    p = ngx_kafka_sse_template_write(buf, &template, &topic, &rec);

    fuzz_check((size_t) (p - buf) <= len);
    fuzz_check(json_is_text(buf, p - buf));
    fuzz_check(memchr(buf, '\r', p - buf) == NULL);
    fuzz_check(memchr(buf, '\n', p - buf) == NULL);

    free(buf);
    ngx_destroy_pool(conf.pool);

    return 0;
}
