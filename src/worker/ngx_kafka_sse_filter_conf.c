
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_number.h>
#include <worker/ngx_kafka_sse_filter_conf.h>
#include <worker/ngx_kafka_sse_safe_uri.h>


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   op;
} ngx_kafka_sse_filter_op_t;


static ngx_int_t ngx_kafka_sse_filter_conf_op(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition);
static ngx_int_t ngx_kafka_sse_filter_conf_regex(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition);
static ngx_int_t ngx_kafka_sse_filter_conf_value(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_filter_conf_arg(ngx_conf_t *cf,
    ngx_array_t *args, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_filter_conf_path(ngx_array_t *paths,
    ngx_kafka_sse_operand_t *operand);


static ngx_kafka_sse_filter_op_t  ngx_kafka_sse_filter_ops[] = {
    { ngx_string("="), NGX_KAFKA_SSE_FILTER_EQ },
    { ngx_string("!="), NGX_KAFKA_SSE_FILTER_NE },
    { ngx_string("<"), NGX_KAFKA_SSE_FILTER_LT },
    { ngx_string("<="), NGX_KAFKA_SSE_FILTER_LE },
    { ngx_string(">"), NGX_KAFKA_SSE_FILTER_GT },
    { ngx_string(">="), NGX_KAFKA_SSE_FILTER_GE },
    { ngx_string("in"), NGX_KAFKA_SSE_FILTER_IN },
    { ngx_string("~"), NGX_KAFKA_SSE_FILTER_MATCH },
    { ngx_string("~*"), NGX_KAFKA_SSE_FILTER_MATCH },
    { ngx_string("exists"), NGX_KAFKA_SSE_FILTER_EXISTS },
    { ngx_null_string, 0 }
};


/* kafka_sse_filter operand op value ... */

char *
ngx_kafka_sse_filter_conf_condition(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_kafka_sse_condition_t    *condition;
    ngx_kafka_sse_filter_conf_t  *filter;

    filter = (ngx_kafka_sse_filter_conf_t *) (p + cmd->offset);
    value = cf->args->elts;

    if (filter->conditions == NULL) {
        filter->conditions = ngx_array_create(cf->pool, 2,
                                          sizeof(ngx_kafka_sse_condition_t));
        if (filter->conditions == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    condition = ngx_array_push(filter->conditions);
    if (condition == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(condition, sizeof(ngx_kafka_sse_condition_t));

    if (ngx_kafka_sse_operand_compile(cf, &condition->operand, &value[1])
        != NGX_OK
        || ngx_kafka_sse_filter_conf_op(cf, condition) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (condition->op == NGX_KAFKA_SSE_FILTER_EXISTS) {
        return NGX_CONF_OK;
    }

    if (condition->op == NGX_KAFKA_SSE_FILTER_MATCH) {
        return (ngx_kafka_sse_filter_conf_regex(cf, condition) == NGX_OK)
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_array_init(&condition->values, cf->pool, cf->args->nelts - 3,
                       sizeof(ngx_http_complex_value_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_filter_conf_value(cf, condition, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* the operator, and whether as many values follow as it takes */

static ngx_int_t
ngx_kafka_sse_filter_conf_op(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition)
{
    ngx_str_t                  *value;
    ngx_uint_t                  max;
    ngx_kafka_sse_filter_op_t  *op;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no operator follows \"%V\"", &value[1]);
        return NGX_ERROR;
    }

    for (op = ngx_kafka_sse_filter_ops; op->name.len; op++) {

        if (value[2].len == op->name.len
            && ngx_strncmp(value[2].data, op->name.data, op->name.len) == 0)
        {
            break;
        }
    }

    if (op->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown operator \"%V\", it must be one of "
                           "=, !=, <, <=, >, >=, in, ~, ~* and exists",
                           &value[2]);
        return NGX_ERROR;
    }

    condition->op = op->op;

    max = (op->op == NGX_KAFKA_SSE_FILTER_EXISTS) ? 3
          : (op->op == NGX_KAFKA_SSE_FILTER_IN) ? cf->args->nelts : 4;

    if (cf->args->nelts == 3 && op->op != NGX_KAFKA_SSE_FILTER_EXISTS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no value follows \"%V\"", &value[2]);
        return NGX_ERROR;
    }

    if (cf->args->nelts > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it is one too many",
                           &value[max]);
        return NGX_ERROR;
    }

    return NGX_OK;
}


#if (NGX_PCRE)

static ngx_int_t
ngx_kafka_sse_filter_conf_regex(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition)
{
    size_t                i;
    u_char                c, errstr[NGX_MAX_CONF_ERRSTR];
    ngx_str_t            *value;
    ngx_regex_compile_t   rc;

    value = cf->args->elts;

    /* "$" ends a pattern or an alternative, so a name cannot follow it */

    for (i = 0; i + 1 < value[3].len; i++) {
        c = value[3].data[i + 1];

        if (value[3].data[i] == '$'
            && (c == '{' || (ngx_tolower(c) >= 'a' && ngx_tolower(c) <= 'z'))
            && (i == 0 || value[3].data[i - 1] != '\\'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid pattern \"%V\", it cannot have "
                               "variables", &value[3]);
            return NGX_ERROR;
        }
    }

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern = value[3];
    rc.pool = cf->pool;
    rc.options = (value[2].len == 2) ? NGX_REGEX_CASELESS : 0;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid pattern \"%V\": %V", &value[3], &rc.err);
        return NGX_ERROR;
    }

    condition->regex = rc.regex;

    return NGX_OK;
}

#else

static ngx_int_t
ngx_kafka_sse_filter_conf_regex(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the operator \"%V\" requires an nginx with the PCRE "
                       "library", &value[2]);

    return NGX_ERROR;
}

#endif


static ngx_int_t
ngx_kafka_sse_filter_conf_value(ngx_conf_t *cf,
    ngx_kafka_sse_condition_t *condition, ngx_str_t *value)
{
    ngx_kafka_sse_number_t             number;
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_array_push(&condition->values);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (condition->op) {

    case NGX_KAFKA_SSE_FILTER_LT:
    case NGX_KAFKA_SSE_FILTER_LE:
    case NGX_KAFKA_SSE_FILTER_GT:
    case NGX_KAFKA_SSE_FILTER_GE:

        if (cv->lengths == NULL
            && ngx_kafka_sse_number_parse(&number, value) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\", it must be a decimal "
                               "number", value);
            return NGX_ERROR;
        }

        break;
    }

    return NGX_OK;
}


/* kafka_sse_filter_args name[=operand] ... */

char *
ngx_kafka_sse_filter_conf_args(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_kafka_sse_filter_conf_t  *filter;

    filter = (ngx_kafka_sse_filter_conf_t *) (p + cmd->offset);

    if (filter->args) {
        return "is duplicate";
    }

    filter->args = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                    sizeof(ngx_kafka_sse_filter_arg_t));
    if (filter->args == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_filter_conf_arg(cf, filter->args, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_filter_conf_arg(ngx_conf_t *cf, ngx_array_t *args,
    ngx_str_t *value)
{
    u_char                      *p, *last;
    ngx_str_t                    name, operand;
    ngx_uint_t                   i;
    ngx_kafka_sse_filter_arg_t  *arg;

    last = value->data + value->len;

    p = ngx_strlchr(value->data, last, '=');
    if (p == NULL) {
        p = last;
    }

    name.data = value->data;
    name.len = p - value->data;

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be the name of "
                           "an argument, \"=\" and an operand", value);
        return NGX_ERROR;
    }

    arg = args->elts;

    for (i = 0; i < args->nelts; i++) {
        if (arg[i].name.len == name.len
            && ngx_memcmp(arg[i].name.data, name.data, name.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate argument \"%V\"", &name);
            return NGX_ERROR;
        }
    }

    arg = ngx_array_push(args);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(arg, sizeof(ngx_kafka_sse_filter_arg_t));

    arg->name = name;
    arg->is_free = (p == last);

    if (arg->is_free) {
        return NGX_OK;
    }

    operand.data = p + 1;
    operand.len = last - p - 1;

    return ngx_kafka_sse_operand_compile(cf, &arg->operand, &operand);
}


void
ngx_kafka_sse_filter_conf_merge(ngx_kafka_sse_filter_conf_t *prev,
    ngx_kafka_sse_filter_conf_t *conf)
{
    if (conf->conditions == NULL) {
        conf->conditions = prev->conditions;
    }

    if (conf->args == NULL) {
        conf->args = prev->args;
    }
}


ngx_int_t
ngx_kafka_sse_filter_conf_know(ngx_conf_t *cf,
    ngx_kafka_sse_filter_conf_t *conf, ngx_http_complex_value_t *values,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    if (conf->args == NULL) {
        return NGX_OK;
    }

    if (conf->known == NULL) {
        conf->known = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (conf->known == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {
        if (ngx_kafka_sse_safe_uri_args(conf->known, &values[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_filter_conf_know_own(ngx_conf_t *cf,
    ngx_kafka_sse_filter_conf_t *conf)
{
    ngx_uint_t                  i;
    ngx_kafka_sse_condition_t  *condition;

    if (conf->conditions == NULL) {
        return NGX_OK;
    }

    condition = conf->conditions->elts;

    for (i = 0; i < conf->conditions->nelts; i++) {
        if (ngx_kafka_sse_filter_conf_know(cf, conf, condition[i].values.elts,
                                           condition[i].values.nelts)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_filter_conf_paths(ngx_kafka_sse_filter_conf_t *conf,
    ngx_array_t *paths)
{
    ngx_uint_t                   i;
    ngx_kafka_sse_condition_t   *condition;
    ngx_kafka_sse_filter_arg_t  *arg;

    if (conf->conditions) {
        condition = conf->conditions->elts;

        for (i = 0; i < conf->conditions->nelts; i++) {
            if (ngx_kafka_sse_filter_conf_path(paths, &condition[i].operand)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (conf->args) {
        arg = conf->args->elts;

        for (i = 0; i < conf->args->nelts; i++) {
            if (!arg[i].is_free
                && ngx_kafka_sse_filter_conf_path(paths, &arg[i].operand)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_filter_conf_path(ngx_array_t *paths,
    ngx_kafka_sse_operand_t *operand)
{
    ngx_str_t              *text;
    ngx_uint_t              i;
    ngx_kafka_sse_path_t  **path;

    if (operand->type != NGX_KAFKA_SSE_OPERAND_JSON) {
        return NGX_OK;
    }

    path = paths->elts;
    text = &operand->path.text;

    for (i = 0; i < paths->nelts; i++) {
        if (path[i]->text.len == text->len
            && ngx_memcmp(path[i]->text.data, text->data, text->len) == 0)
        {
            return NGX_OK;
        }
    }

    path = ngx_array_push(paths);
    if (path == NULL) {
        return NGX_ERROR;
    }

    *path = &operand->path;

    return NGX_OK;
}
