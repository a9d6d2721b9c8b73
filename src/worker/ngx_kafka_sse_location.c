
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_choice.h>
#include <worker/ngx_kafka_sse_location.h>


/* lag is measured in chunks of the log, a socket's buffer has a least size */

#define NGX_KAFKA_SSE_LAG_MIN         (64 * 1024)
#define NGX_KAFKA_SSE_BUFFER_MIN      (4 * 1024)
#define NGX_KAFKA_SSE_BUFFER_MAX      (1024 * 1024 * 1024)


static ngx_int_t ngx_kafka_sse_location_size(ngx_str_t *value, size_t skip,
    size_t min, size_t max, size_t *size);
static ngx_int_t ngx_kafka_sse_location_know(ngx_conf_t *cf,
    ngx_kafka_sse_loc_conf_t *klcf);
static ngx_int_t ngx_kafka_sse_location_know_jwt(ngx_conf_t *cf,
    ngx_kafka_sse_loc_conf_t *klcf);


/* kafka_sse_heartbeat time | off */

char *
ngx_kafka_sse_location_heartbeat(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t  *value;

    if (klcf->heartbeat != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        klcf->heartbeat = 0;
        return NGX_CONF_OK;
    }

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &klcf->heartbeat) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (klcf->heartbeat == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\", it must be more than 0, or "
                           "\"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* kafka_sse_retry time [jitter=time] */

char *
ngx_kafka_sse_location_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t  *value, s;

    if (klcf->retry != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &klcf->retry) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    klcf->retry_jitter = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "jitter=", 7) == 0) {
        s.data = value[2].data + 7;
        s.len = value[2].len - 7;

        klcf->retry_jitter = ngx_parse_time(&s, 0);

        if (s.len && klcf->retry_jitter != (ngx_msec_t) NGX_ERROR) {
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\"", &value[2]);
    return NGX_CONF_ERROR;
}


/* kafka_sse_flush time */

char *
ngx_kafka_sse_location_flush(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t  *value;

    if (klcf->flush != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &klcf->flush) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* kafka_sse_slow [lag=size] [buffer=size | off] */

char *
ngx_kafka_sse_location_slow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t   *value;
    ngx_int_t    rc;
    ngx_uint_t   i;

    if (klcf->lag != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "lag=", 4) == 0
            && klcf->lag == NGX_CONF_UNSET_SIZE)
        {
            rc = ngx_kafka_sse_location_size(&value[i], 4,
                                             NGX_KAFKA_SSE_LAG_MIN,
                                             NGX_MAX_SIZE_T_VALUE,
                                             &klcf->lag);

        } else if (ngx_strcmp(value[i].data, "buffer=off") == 0
                   && klcf->buffer == NGX_CONF_UNSET_SIZE)
        {
            klcf->buffer = 0;
            rc = NGX_OK;

        } else if (ngx_strncmp(value[i].data, "buffer=", 7) == 0
                   && klcf->buffer == NGX_CONF_UNSET_SIZE)
        {
            rc = ngx_kafka_sse_location_size(&value[i], 7,
                                             NGX_KAFKA_SSE_BUFFER_MIN,
                                             NGX_KAFKA_SSE_BUFFER_MAX,
                                             &klcf->buffer);

        } else {
            rc = NGX_DECLINED;
        }

        if (rc == NGX_OK) {
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid size \"%V\", \"lag\" has at least "
                               "64k, \"buffer\" has 4k to 1g or is \"off\"",
                               &value[i]);
        }

        return NGX_CONF_ERROR;
    }

    ngx_conf_init_size_value(klcf->lag, NGX_KAFKA_SSE_LAG_DEFAULT);
    ngx_conf_init_size_value(klcf->buffer, NGX_KAFKA_SSE_BUFFER_DEFAULT);

    return NGX_CONF_OK;
}


/* the size in a parameter, behind skip bytes of name; NGX_ERROR: not valid */

static ngx_int_t
ngx_kafka_sse_location_size(ngx_str_t *value, size_t skip, size_t min,
    size_t max, size_t *size)
{
    ssize_t    n;
    ngx_str_t  s;

    s.data = value->data + skip;
    s.len = value->len - skip;

    n = ngx_parse_size(&s);

    if (n == NGX_ERROR || (size_t) n < min || (size_t) n > max) {
        return NGX_ERROR;
    }

    *size = n;

    return NGX_OK;
}


/* kafka_sse_max_duration time [jitter=percent] */

char *
ngx_kafka_sse_location_max_duration(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    size_t      len;
    ngx_int_t   jitter;
    ngx_str_t  *value;

    if (klcf->max_duration != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &klcf->max_duration) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    klcf->max_duration_jitter = NGX_KAFKA_SSE_JITTER_DEFAULT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "jitter=", 7) == 0) {
        len = value[2].len - 7;

        if (len && value[2].data[value[2].len - 1] == '%') {
            len--;
        }

        jitter = ngx_atoi(value[2].data + 7, len);

        if (jitter != NGX_ERROR && jitter <= 100) {
            klcf->max_duration_jitter = jitter;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", it must be \"jitter=\" "
                       "with a percentage", &value[2]);
    return NGX_CONF_ERROR;
}


/* kafka_sse_last_event_id variable ... */

char *
ngx_kafka_sse_location_last_event_id(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (klcf->last_event_id != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    klcf->last_event_id = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                           sizeof(ngx_http_complex_value_t));
    if (klcf->last_event_id == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_choice_add(cf, klcf->last_event_id, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_array_t *
ngx_kafka_sse_location_default_id(ngx_conf_t *cf)
{
    ngx_uint_t    i;
    ngx_array_t  *values;

    static ngx_str_t  names[] = {
        ngx_string("$http_last_event_id"),
        ngx_string("$arg_lastEventId")
    };

    values = ngx_array_create(cf->pool, 2, sizeof(ngx_http_complex_value_t));
    if (values == NULL) {
        return NULL;
    }

    for (i = 0; i < 2; i++) {
        if (ngx_kafka_sse_choice_add(cf, values, &names[i]) != NGX_OK) {
            return NULL;
        }
    }

    return values;
}


/* kafka_sse_event string */

char *
ngx_kafka_sse_location_event(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    ngx_str_t  *value;

    if (klcf->event != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        klcf->event = NULL;
        return NGX_CONF_OK;
    }

    klcf->event = ngx_palloc(cf->pool, sizeof(ngx_kafka_sse_template_t));
    if (klcf->event == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_kafka_sse_template_compile(cf, klcf->event, &value[1]);
}


ngx_int_t
ngx_kafka_sse_location_resolve(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf)
{
    ngx_uint_t                   i;
    ngx_kafka_sse_loc_conf_t   **locations;
    ngx_kafka_sse_selection_t   *selection;

    locations = kmcf->locations.elts;

    for (i = 0; i < kmcf->locations.nelts; i++) {
        if (ngx_kafka_sse_naming_resolve(cf, kmcf, &locations[i]->naming)
            != NGX_OK
            || ngx_kafka_sse_location_know(cf, locations[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }

        selection = &locations[i]->selection;
        selection->conf = locations[i];
        selection->n = locations[i]->naming.topics->nelts;
        selection->topics = locations[i]->naming.topics->elts;
    }

    for (i = 0; i < kmcf->locations.nelts; i++) {
        if (ngx_kafka_sse_naming_paths(cf, &locations[i]->naming,
                                       &locations[i]->filter)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* query arguments that other directives than kafka_sse_filter_args name */

static ngx_int_t
ngx_kafka_sse_location_know(ngx_conf_t *cf, ngx_kafka_sse_loc_conf_t *klcf)
{
    ngx_array_t  *since;

    since = klcf->origin.since;

    if (ngx_kafka_sse_filter_conf_know_own(cf, &klcf->filter) != NGX_OK
        || ngx_kafka_sse_naming_know(cf, &klcf->naming, &klcf->filter)
           != NGX_OK
        || ngx_kafka_sse_filter_conf_know(cf, &klcf->filter,
                                          klcf->last_event_id->elts,
                                          klcf->last_event_id->nelts)
           != NGX_OK
        || ngx_kafka_sse_filter_conf_know(cf, &klcf->filter,
                                          klcf->origin.start,
                                          klcf->origin.start ? 1 : 0)
           != NGX_OK
        || ngx_kafka_sse_filter_conf_know(cf, &klcf->filter,
                                          since ? since->elts : NULL,
                                          since ? since->nelts : 0)
           != NGX_OK
        || ngx_kafka_sse_filter_conf_know(cf, &klcf->filter,
                                          klcf->expiry.time,
                                          klcf->expiry.time ? 1 : 0)
           != NGX_OK
        || ngx_kafka_sse_location_know_jwt(cf, klcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what is asked of a token names arguments, too */

static ngx_int_t
ngx_kafka_sse_location_know_jwt(ngx_conf_t *cf,
    ngx_kafka_sse_loc_conf_t *klcf)
{
    ngx_uint_t                    i;
    ngx_kafka_sse_jwt_require_t  *require;

    if (!ngx_kafka_sse_jwt_is_on(&klcf->jwt)) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_filter_conf_know(cf, &klcf->filter, klcf->jwt.token,
                                       klcf->jwt.token ? 1 : 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (klcf->jwt.require == NULL) {
        return NGX_OK;
    }

    require = klcf->jwt.require->elts;

    for (i = 0; i < klcf->jwt.require->nelts; i++) {
        if (ngx_kafka_sse_filter_conf_know(cf, &klcf->filter,
                                           &require[i].value, 1)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
