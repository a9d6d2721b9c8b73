
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <jansson.h>

#include <companion/ngx_kafka_sse_flags.h>


ngx_uint_t
ngx_kafka_sse_flags(ngx_kafka_sse_main_conf_t *conf, ngx_str_t *value)
{
    json_t      *json;
    ngx_uint_t   flags;

    if (value->data == NULL || !ngx_kafka_sse_record_is_text(value)) {
        return 0;
    }

    flags = NGX_KAFKA_SSE_RECORD_TEXT;

    if (conf->cloudevents) {
        json = json_loadb((char *) value->data, value->len, JSON_DECODE_ANY,
                          NULL);
        if (json) {
            flags |= NGX_KAFKA_SSE_RECORD_JSON;
            json_decref(json);
        }
    }

    return flags;
}
