
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_grant.h>
#include <worker/ngx_kafka_sse_naming.h>
#include <worker/ngx_kafka_sse_position.h>
#include <worker/ngx_kafka_sse_request.h>
#include <worker/ngx_kafka_sse_word.h>


static ngx_int_t ngx_kafka_sse_naming_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_str_t *value);
static char *ngx_kafka_sse_naming_name(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_str_t *value);
static char *ngx_kafka_sse_naming_pattern(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_str_t *value);
static char *ngx_kafka_sse_naming_topic(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_str_t *value);
static char *ngx_kafka_sse_naming_template(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_naming_dynamic(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_naming_t *naming);
static ngx_int_t ngx_kafka_sse_naming_topic_paths(ngx_conf_t *cf,
    ngx_kafka_sse_topic_t *topic, ngx_kafka_sse_filter_conf_t *filter);


/* kafka_sse topic ... [cluster=name] [topics=n] */

char *
ngx_kafka_sse_naming_topics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char                      *rv;
    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_kafka_sse_naming_t    *naming;
    ngx_http_core_loc_conf_t  *clcf;

    naming = (ngx_kafka_sse_naming_t *) (p + cmd->offset);

    if (naming->topics) {
        return "is duplicate";
    }

    naming->topics = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                      sizeof(ngx_kafka_sse_public_topic_t));
    if (naming->topics == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_kafka_sse_naming_parameter(cf, naming, &value[i]);

        if (rc == NGX_OK) {
            continue;
        }

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (value[i].len && value[i].data[0] == '~') {
            rv = ngx_kafka_sse_naming_pattern(cf, naming, &value[i]);

        } else if (ngx_strlchr(value[i].data, value[i].data + value[i].len,
                               '$'))
        {
            rv = ngx_kafka_sse_naming_name(cf, naming, &value[i]);

        } else {
            rv = ngx_kafka_sse_naming_topic(cf, naming, &value[i]);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (ngx_kafka_sse_naming_is_dynamic(naming)) {

        if (naming->max == 0) {
            naming->max = ngx_max(NGX_KAFKA_SSE_NAMING_TOPICS,
                                  naming->topics->nelts);
        }

        if (naming->topics->nelts > naming->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"topics=%ui\" is less than the %ui topics "
                               "that are named", naming->max,
                               naming->topics->nelts);
            return NGX_CONF_ERROR;
        }

    } else if (naming->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"topics=%ui\", no topic has "
                           "variables or is a regular expression",
                           naming->max);
        return NGX_CONF_ERROR;

    } else if (naming->topics->nelts == 0) {
        return "needs at least one topic";
    }

    naming->file = cf->conf_file->file.name;
    naming->line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_kafka_sse_request_handler;

    return NGX_CONF_OK;
}


/* NGX_DECLINED: it is none, but a topic; NGX_ERROR: it is wrong */

static ngx_int_t
ngx_kafka_sse_naming_parameter(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    ngx_int_t  n;

    if (ngx_strncmp(value->data, "cluster=", 8) == 0) {

        if (naming->cluster_name.len || value->len == 8) {
            return NGX_ERROR;
        }

        naming->cluster_name.len = value->len - 8;
        naming->cluster_name.data = value->data + 8;

        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "topics=", 7) == 0) {

        n = ngx_atoi(value->data + 7, value->len - 7);

        if (naming->max || n < 1 || n > NGX_KAFKA_SSE_POSITION_TOPICS) {
            return NGX_ERROR;
        }

        naming->max = n;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* an argument with variables, whose values may make it a topic's name */

static char *
ngx_kafka_sse_naming_name(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    u_char                       *last;
    ngx_int_t                     rc;
    ngx_array_t                   parts;
    ngx_kafka_sse_grant_part_t   *part;
    ngx_kafka_sse_naming_name_t  *name;

    last = value->data + value->len;

    if (ngx_strlchr(value->data, last, '=')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid topic \"%V\", one with variables has no "
                           "other name", value);
        return NGX_CONF_ERROR;
    }

    if (naming->names == NULL) {
        naming->names = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_kafka_sse_naming_name_t));
        if (naming->names == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    name = ngx_array_push(naming->names);

    if (name == NULL
        || ngx_array_init(&parts, cf->temp_pool, 4,
                          sizeof(ngx_kafka_sse_grant_part_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rc = ngx_strlchr(value->data, last, '*')
         ? NGX_DECLINED : ngx_kafka_sse_grant_parse(&parts, value);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid topic \"%V\", it may have variables and "
                           "what a topic's name has", value);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    part = parts.elts;
    name->is_list = (parts.nelts == 1 && part->is_variable);

    return (ngx_kafka_sse_word_compile(cf, value, &name->value) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* "~regex", or "~*regex" for any case */

#if (NGX_PCRE)

static char *
ngx_kafka_sse_naming_pattern(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    u_char                 errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_t          **regex;
    ngx_regex_compile_t    rc;

    if (naming->patterns == NULL) {
        naming->patterns = ngx_array_create(cf->pool, 2,
                                            sizeof(ngx_regex_t *));
        if (naming->patterns == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    regex = ngx_array_push(naming->patterns);
    if (regex == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.data = value->data + 1;
    rc.pattern.len = value->len - 1;
    rc.pool = cf->pool;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (rc.pattern.len && rc.pattern.data[0] == '*') {
        rc.options = NGX_REGEX_CASELESS;
        rc.pattern.data++;
        rc.pattern.len--;
    }

    if (rc.pattern.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid topic \"%V\", it has no pattern", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid topic \"%V\": %V", value, &rc.err);
        return NGX_CONF_ERROR;
    }

    *regex = rc.regex;

    return NGX_CONF_OK;
}

#else

static char *
ngx_kafka_sse_naming_pattern(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "topic \"%V\" requires an nginx with the PCRE library",
                       value);

    return NGX_CONF_ERROR;
}

#endif


/* "topic" or "public=topic" */

static char *
ngx_kafka_sse_naming_topic(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    u_char                        *p;
    ngx_uint_t                     i;
    ngx_kafka_sse_public_topic_t   topic, *topics;

    topic.public = *value;
    topic.name = *value;
    topic.topic = NULL;

    p = ngx_strlchr(value->data, value->data + value->len, '=');

    if (p) {
        topic.public.len = p - value->data;
        topic.name.data = p + 1;
        topic.name.len = value->data + value->len - topic.name.data;
    }

    if (!ngx_kafka_sse_conf_is_topic(&topic.public)
        || !ngx_kafka_sse_conf_is_topic(&topic.name))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid topic \"%V\", a name has 1 to %d of "
                           "\"A-Z\", \"a-z\", \"0-9\", \".\", \"_\", \"-\"",
                           value, NGX_KAFKA_SSE_TOPIC_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    topics = naming->topics->elts;

    for (i = 0; i < naming->topics->nelts; i++) {
        if ((topics[i].name.len == topic.name.len
             && ngx_memcmp(topics[i].name.data, topic.name.data,
                           topic.name.len)
                == 0)
            || (topics[i].public.len == topic.public.len
                && ngx_memcmp(topics[i].public.data, topic.public.data,
                              topic.public.len)
                   == 0))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate topic \"%V\"", value);
            return NGX_CONF_ERROR;
        }
    }

    if (naming->topics->nelts == NGX_KAFKA_SSE_POSITION_TOPICS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "topic \"%V\" is one too many, a stream has at "
                           "most %d", value, NGX_KAFKA_SSE_POSITION_TOPICS);
        return NGX_CONF_ERROR;
    }

    topics = ngx_array_push(naming->topics);
    if (topics == NULL) {
        return NGX_CONF_ERROR;
    }

    *topics = topic;

    return NGX_CONF_OK;
}


/* kafka_sse_allow template ... */

char *
ngx_kafka_sse_naming_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char                    *rv;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_kafka_sse_naming_t  *naming;

    naming = (ngx_kafka_sse_naming_t *) (p + cmd->offset);

    if (naming->allow == NULL) {
        naming->allow = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                      sizeof(ngx_kafka_sse_naming_template_t));
        if (naming->allow == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_kafka_sse_naming_template(cf, naming, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_naming_template(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_str_t *value)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_kafka_sse_grant_part_t       *part;
    ngx_kafka_sse_naming_template_t  *template;

    template = ngx_array_push(naming->allow);
    if (template == NULL
        || ngx_array_init(&template->parts, cf->pool, 4,
                          sizeof(ngx_kafka_sse_grant_part_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rc = ngx_kafka_sse_grant_parse(&template->parts, value);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid template \"%V\", it may have variables, "
                           "single \"*\", and what a topic's name has", value);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    part = template->parts.elts;

    template->values = ngx_pcalloc(cf->pool,
                                   template->parts.nelts
                                   * sizeof(ngx_http_complex_value_t));
    if (template->values == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < template->parts.nelts; i++) {

        if (!part[i].is_variable) {
            continue;
        }

        if (ngx_kafka_sse_word_compile(cf, &part[i].text,
                                       &template->values[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_sse_naming_resolve(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_naming_t *naming)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_cluster_t        *cluster, **clusters;
    ngx_kafka_sse_public_topic_t   *topics;

    clusters = kmcf->clusters.elts;

    if (naming->cluster_name.len) {
        cluster = ngx_kafka_sse_conf_cluster(kmcf, &naming->cluster_name);

        if (cluster == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown kafka_sse_cluster \"%V\" in %V:%ui",
                          &naming->cluster_name, &naming->file, naming->line);
            return NGX_ERROR;
        }

    } else if (kmcf->clusters.nelts == 1) {
        cluster = clusters[0];

    } else {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"kafka_sse\" needs \"cluster=\" where %ui "
                      "kafka_sse_cluster are configured in %V:%ui",
                      kmcf->clusters.nelts, &naming->file, naming->line);
        return NGX_ERROR;
    }

    naming->cluster = cluster;
    topics = naming->topics->elts;

    for (i = 0; i < naming->topics->nelts; i++) {
        topics[i].topic = ngx_kafka_sse_conf_topic(cf, kmcf, cluster,
                                                   &topics[i].name);
        if (topics[i].topic == NULL) {
            return NGX_ERROR;
        }
    }

    if (!ngx_kafka_sse_naming_is_dynamic(naming)) {
        return NGX_OK;
    }

    return ngx_kafka_sse_naming_dynamic(cf, kmcf, naming);
}


static ngx_int_t
ngx_kafka_sse_naming_dynamic(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_naming_t *naming)
{
    ngx_uint_t                    i;
    ngx_regex_t                 **patterns, **regex;
    ngx_kafka_sse_naming_name_t  *names;

    if (naming->names && naming->allow == NULL) {
        names = naming->names->elts;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "topic \"%V\" needs \"kafka_sse_allow\" in %V:%ui",
                      &names[0].value.value, &naming->file, naming->line);
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_conf_vacant(cf, kmcf, naming->cluster) != NGX_OK) {
        return NGX_ERROR;
    }

    if (naming->patterns == NULL) {
        return NGX_OK;
    }

    if (naming->cluster->patterns == NULL) {
        naming->cluster->patterns = ngx_array_create(cf->pool, 4,
                                                     sizeof(ngx_regex_t *));
        if (naming->cluster->patterns == NULL) {
            return NGX_ERROR;
        }
    }

    patterns = naming->patterns->elts;

    for (i = 0; i < naming->patterns->nelts; i++) {

        regex = ngx_array_push(naming->cluster->patterns);
        if (regex == NULL) {
            return NGX_ERROR;
        }

        *regex = patterns[i];
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_naming_paths(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_kafka_sse_filter_conf_t *filter)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_topic_t         **all;
    ngx_kafka_sse_public_topic_t   *topics;

    if (ngx_kafka_sse_naming_is_dynamic(naming)) {
        all = naming->cluster->topics.elts;

        for (i = 0; i < naming->cluster->topics.nelts; i++) {
            if (ngx_kafka_sse_naming_topic_paths(cf, all[i], filter)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    topics = naming->topics->elts;

    for (i = 0; i < naming->topics->nelts; i++) {
        if (ngx_kafka_sse_naming_topic_paths(cf, topics[i].topic, filter)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_naming_topic_paths(ngx_conf_t *cf, ngx_kafka_sse_topic_t *topic,
    ngx_kafka_sse_filter_conf_t *filter)
{
    if (topic->paths == NULL) {
        topic->paths = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (topic->paths == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_kafka_sse_filter_conf_paths(filter, topic->paths);
}


ngx_int_t
ngx_kafka_sse_naming_know(ngx_conf_t *cf, ngx_kafka_sse_naming_t *naming,
    ngx_kafka_sse_filter_conf_t *filter)
{
    ngx_uint_t                        i;
    ngx_kafka_sse_naming_name_t      *names;
    ngx_kafka_sse_naming_template_t  *templates;

    if (naming->names) {
        names = naming->names->elts;

        for (i = 0; i < naming->names->nelts; i++) {
            if (ngx_kafka_sse_filter_conf_know(cf, filter, &names[i].value, 1)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (naming->allow) {
        templates = naming->allow->elts;

        for (i = 0; i < naming->allow->nelts; i++) {
            if (ngx_kafka_sse_filter_conf_know(cf, filter, templates[i].values,
                                               templates[i].parts.nelts)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* Kafka's own topics are for those only who name them */

#if (NGX_PCRE)

ngx_uint_t
ngx_kafka_sse_naming_matches(ngx_array_t *patterns, ngx_str_t *name)
{
    ngx_uint_t     i;
    ngx_regex_t  **regex;

    if (patterns == NULL || ngx_kafka_sse_grant_is_internal(name)) {
        return 0;
    }

    regex = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        if (ngx_regex_exec(regex[i], name, NULL, 0) >= 0) {
            return 1;
        }
    }

    return 0;
}

#else

ngx_uint_t
ngx_kafka_sse_naming_matches(ngx_array_t *patterns, ngx_str_t *name)
{
    return 0;
}

#endif
