
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_expiry_conf.h>
#include <worker/ngx_kafka_sse_expiry_time.h>
#include <worker/ngx_kafka_sse_word.h>


/* kafka_sse_expires [time] [warn=time] */

char *
ngx_kafka_sse_expiry_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t                    *value, s;
    ngx_uint_t                    i;
    ngx_kafka_sse_expiry_conf_t  *expiry;

    expiry = (ngx_kafka_sse_expiry_conf_t *) (p + cmd->offset);

    if (expiry->time != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    expiry->time = NULL;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "warn=", 5) == 0
            && expiry->warn == NGX_CONF_UNSET_MSEC)
        {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            expiry->warn = ngx_parse_time(&s, 0);

            if (s.len && expiry->warn != (ngx_msec_t) NGX_ERROR) {
                continue;
            }

        } else if (i == 1
                   && (value[i].len == 0
                       || ngx_strlchr(value[i].data,
                                      value[i].data + value[i].len, '$')))
        {
            expiry->time = ngx_palloc(cf->pool,
                                      sizeof(ngx_http_complex_value_t));
            if (expiry->time == NULL) {
                return NGX_CONF_ERROR;
            }

            if (ngx_kafka_sse_word_compile(cf, &value[i], expiry->time)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be a variable "
                           "with seconds since 1970, or \"warn=\" with a time",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_msec_value(expiry->warn, NGX_KAFKA_SSE_EXPIRY_WARN);

    return NGX_CONF_OK;
}


void
ngx_kafka_sse_expiry_conf_init(ngx_kafka_sse_expiry_conf_t *conf)
{
    conf->time = NGX_CONF_UNSET_PTR;
    conf->warn = NGX_CONF_UNSET_MSEC;
}


void
ngx_kafka_sse_expiry_conf_merge(ngx_kafka_sse_expiry_conf_t *prev,
    ngx_kafka_sse_expiry_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->time, prev->time, NULL);
    ngx_conf_merge_msec_value(conf->warn, prev->warn,
                              NGX_KAFKA_SSE_EXPIRY_WARN);
}


ngx_int_t
ngx_kafka_sse_expiry_conf_get(ngx_http_request_t *r,
    ngx_kafka_sse_expiry_conf_t *conf, int64_t *time)
{
    ngx_str_t  text;

    *time = 0;

    if (conf->time == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, conf->time, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_expiry_time_parse(&text, time) != NGX_OK) {
        text.len = ngx_min(text.len, 64);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "kafka_sse: kafka_sse_expires is \"%V\", which is no "
                      "time in seconds since 1970", &text);

        return NGX_DECLINED;
    }

    /* 0 means "never", and what was over in 1970 is over */

    *time = ngx_max(*time, 1);

    return NGX_OK;
}


int64_t
ngx_kafka_sse_expiry_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}
