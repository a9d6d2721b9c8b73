
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the template, the topic and the key, each behind a byte with
 * its length, and packed headers.
 *
 * Covers worker/ngx_kafka_sse_template.c
 * Covers worker/ngx_kafka_sse_operand.c
 */


#include "fuzz.h"
#include "json.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_template.h>


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

    ngx_shim_message[0] = '\0';
    conf.pool = ngx_create_pool(4096, NULL);

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
