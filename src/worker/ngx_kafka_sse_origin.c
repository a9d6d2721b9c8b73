
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_choice.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_origin.h>
#include <worker/ngx_kafka_sse_word.h>


#define NGX_KAFKA_SSE_ORIGIN_CONCURRENT  16


static ngx_int_t ngx_kafka_sse_origin_replay_value(ngx_str_t *value,
    ngx_kafka_sse_replay_conf_t *replay);
static ngx_int_t ngx_kafka_sse_origin_number(ngx_str_t *value, size_t skip,
    ngx_uint_t *n);
static ngx_int_t ngx_kafka_sse_origin_default(ngx_conf_t *cf,
    ngx_kafka_sse_origin_t *conf);


/* kafka_sse_start latest | earliest | -N | time | variable */

char *
ngx_kafka_sse_origin_start(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t                 *value;
    ngx_kafka_sse_start_t      start;
    ngx_http_complex_value_t  *cv;

    if (klcf->origin.start != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL
        || ngx_kafka_sse_word_compile(cf, &value[1], cv) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (cv->lengths == NULL
        && ngx_kafka_sse_start_parse(&start, &value[1]) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid start \"%V\", it must be \"latest\", "
                           "\"earliest\", \"-N\", ms since the epoch, or an "
                           "ISO 8601 time", &value[1]);
        return NGX_CONF_ERROR;
    }

    klcf->origin.start = cv;

    if (cv->lengths == NULL && start.kind == NGX_KAFKA_SSE_START_LATEST) {
        klcf->origin.start = NULL;
    }

    return NGX_CONF_OK;
}


/* kafka_sse_since variable ... | off */

char *
ngx_kafka_sse_origin_since(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (klcf->origin.since != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        klcf->origin.since = NULL;
        return NGX_CONF_OK;
    }

    klcf->origin.since = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                          sizeof(ngx_http_complex_value_t));
    if (klcf->origin.since == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_kafka_sse_choice_add(cf, klcf->origin.since, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        cv = klcf->origin.since->elts;

        if (cv[i - 1].lengths == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\", it has no variable",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* kafka_sse_replay on [concurrent=n] [max=records | off] [rate=n/s] | off */

char *
ngx_kafka_sse_origin_replay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_kafka_sse_replay_conf_t  *replay;

    replay = &klcf->replay;

    if (replay->on != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    replay->concurrent = NGX_KAFKA_SSE_ORIGIN_CONCURRENT;
    replay->rate = 0;
    replay->max = 0;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        replay->on = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        replay->on = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be \"on\" with "
                           "parameters, or \"off\" alone", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_origin_replay_value(&value[i], replay) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_origin_replay_value(ngx_str_t *value,
    ngx_kafka_sse_replay_conf_t *replay)
{
    ngx_str_t  s;

    s = *value;

    if (ngx_strncmp(s.data, "concurrent=", 11) == 0) {
        return ngx_kafka_sse_origin_number(&s, 11, &replay->concurrent);
    }

    if (ngx_strcmp(s.data, "max=off") == 0) {
        replay->max = 0;
        return NGX_OK;
    }

    if (ngx_strncmp(s.data, "max=", 4) == 0) {
        return ngx_kafka_sse_origin_number(&s, 4, &replay->max);
    }

    if (ngx_strncmp(s.data, "rate=", 5) == 0 && s.len > 7
        && ngx_strcmp(s.data + s.len - 2, "/s") == 0)
    {
        s.len -= 2;
        return ngx_kafka_sse_origin_number(&s, 5, &replay->rate);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_kafka_sse_origin_number(ngx_str_t *value, size_t skip, ngx_uint_t *n)
{
    ngx_int_t  rc;

    rc = ngx_atoi(value->data + skip, value->len - skip);

    if (rc <= 0 || rc > NGX_MAX_INT32_VALUE) {
        return NGX_DECLINED;
    }

    *n = rc;

    return NGX_OK;
}


char *
ngx_kafka_sse_origin_merge(ngx_conf_t *cf, ngx_kafka_sse_origin_t *prev,
    ngx_kafka_sse_origin_t *conf, ngx_kafka_sse_replay_conf_t *replay_prev,
    ngx_kafka_sse_replay_conf_t *replay)
{
    ngx_conf_merge_ptr_value(conf->start, prev->start, NULL);

    if (conf->since == NGX_CONF_UNSET_PTR) {

        if (prev->since == NGX_CONF_UNSET_PTR
            && ngx_kafka_sse_origin_default(cf, prev) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        conf->since = prev->since;
    }

    if (replay->on == NGX_CONF_UNSET) {

        if (replay_prev->on == NGX_CONF_UNSET) {
            replay_prev->on = 1;
            replay_prev->concurrent = NGX_KAFKA_SSE_ORIGIN_CONCURRENT;
        }

        *replay = *replay_prev;
    }

    if (!replay->on && conf->start) {
        return "\"kafka_sse_start\" other than \"latest\" needs "
               "\"kafka_sse_replay on\"";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_origin_default(ngx_conf_t *cf, ngx_kafka_sse_origin_t *conf)
{
    static ngx_str_t  since = ngx_string("$arg_since");

    conf->since = ngx_array_create(cf->pool, 1,
                                   sizeof(ngx_http_complex_value_t));
    if (conf->since == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_choice_add(cf, conf->since, &since);
}


ngx_int_t
ngx_kafka_sse_origin_get(ngx_http_request_t *r,
    ngx_kafka_sse_origin_t *origin, ngx_kafka_sse_start_t *start,
    ngx_uint_t *chosen, ngx_str_t *value)
{
    ngx_memzero(start, sizeof(ngx_kafka_sse_start_t));
    ngx_str_null(value);

    if (origin->since
        && ngx_kafka_sse_choice_get(r, origin->since, value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *chosen = (value->len != 0);

    if (value->len == 0 && origin->start
        && ngx_http_complex_value(r, origin->start, value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return value->len ? ngx_kafka_sse_start_parse(start, value) : NGX_OK;
}
