
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


static ngx_kafka_sse_topic_t *ngx_kafka_sse_conf_add(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster);


ngx_kafka_sse_topic_t *
ngx_kafka_sse_conf_topic(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_kafka_sse_topic_t  *topic;

    topic = ngx_kafka_sse_conf_find(cluster, name);
    if (topic) {
        return topic;
    }

    topic = ngx_kafka_sse_conf_add(cf, kmcf, cluster);

    if (topic) {
        topic->name = *name;
    }

    return topic;
}


/* a topic without a name */

static ngx_kafka_sse_topic_t *
ngx_kafka_sse_conf_add(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_kafka_sse_topic_t   *topic, **t;

    topic = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_topic_t));
    if (topic == NULL) {
        return NULL;
    }

    topic->cluster = cluster;

    t = ngx_array_push(&cluster->topics);
    if (t == NULL) {
        return NULL;
    }

    *t = topic;

    t = ngx_array_push(&kmcf->topics);
    if (t == NULL) {
        return NULL;
    }

    *t = topic;

    return topic;
}


ngx_int_t
ngx_kafka_sse_conf_vacant(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t              i;
    ngx_kafka_sse_topic_t  *topic;

    if (cluster->is_dynamic) {
        return NGX_OK;
    }

    cluster->is_dynamic = 1;

    for (i = 0; i < cluster->dynamic; i++) {
        topic = ngx_kafka_sse_conf_add(cf, kmcf, cluster);
        if (topic == NULL) {
            return NGX_ERROR;
        }

        topic->is_dynamic = 1;
        topic->name.data = ngx_pnalloc(cf->pool,
                                       NGX_KAFKA_SSE_TOPIC_NAME_MAX + 1);
        if (topic->name.data == NULL) {
            return NGX_ERROR;
        }

        topic->name.data[0] = '\0';
    }

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_conf_taken(ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t               i, n;
    ngx_kafka_sse_topic_t  **topics;

    n = 0;
    topics = cluster->topics.elts;

    for (i = 0; i < cluster->topics.nelts; i++) {
        n += (topics[i]->is_dynamic && topics[i]->name.len);
    }

    return n;
}


ngx_kafka_sse_topic_t *
ngx_kafka_sse_conf_find(ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;

    topics = cluster->topics.elts;

    for (i = 0; i < cluster->topics.nelts; i++) {
        if (topics[i]->name.len == name->len
            && ngx_memcmp(topics[i]->name.data, name->data, name->len) == 0)
        {
            return topics[i];
        }
    }

    return NULL;
}


ngx_kafka_sse_topic_t *
ngx_kafka_sse_conf_take(ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_str_t               none;
    ngx_kafka_sse_topic_t  *topic;

    topic = ngx_kafka_sse_conf_find(cluster, name);
    if (topic) {
        return topic;
    }

    ngx_str_null(&none);

    topic = ngx_kafka_sse_conf_find(cluster, &none);
    if (topic == NULL) {
        return NULL;
    }

    ngx_memcpy(topic->name.data, name->data, name->len);
    topic->name.data[name->len] = '\0';
    topic->name.len = name->len;

    return topic;
}


ngx_uint_t
ngx_kafka_sse_conf_is_topic(ngx_str_t *name)
{
    size_t  i;

    if (name->len == 0 || name->len > NGX_KAFKA_SSE_TOPIC_NAME_MAX) {
        return 0;
    }

    if (name->data[0] == '.'
        && (name->len == 1 || (name->len == 2 && name->data[1] == '.')))
    {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (!ngx_kafka_sse_conf_is_topic_char(name->data[i])) {
            return 0;
        }
    }

    return 1;
}


ngx_kafka_sse_cluster_t *
ngx_kafka_sse_conf_cluster(ngx_kafka_sse_main_conf_t *kmcf, ngx_str_t *name)
{
    ngx_uint_t                 i;
    ngx_kafka_sse_cluster_t  **clusters;

    clusters = kmcf->clusters.elts;

    for (i = 0; i < kmcf->clusters.nelts; i++) {
        if (clusters[i]->name.len == name->len
            && ngx_memcmp(clusters[i]->name.data, name->data, name->len) == 0)
        {
            return clusters[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_kafka_sse_conf_msec(ngx_conf_t *cf, ngx_str_t *value, ngx_msec_t *msec)
{
    *msec = value->len ? (ngx_msec_t) ngx_parse_time(value, 0)
                       : (ngx_msec_t) NGX_ERROR;

    if (*msec == (ngx_msec_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\"", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_kafka_sse_conf_drain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    ngx_str_t  *value;

    if (kmcf->drain != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &kmcf->drain) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


uint32_t
ngx_kafka_sse_conf_subscription(ngx_kafka_sse_cluster_t *cluster)
{
    uint32_t                 sum;
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;

    sum = ngx_murmur_hash2(cluster->brokers.data, cluster->brokers.len)
          ^ ngx_murmur_hash2(cluster->group_id.data, cluster->group_id.len);

    topics = cluster->topics.elts;

    /* what is named while we run comes and goes, and its members with it */

    for (i = 0; i < cluster->topics.nelts; i++) {
        if (!topics[i]->is_dynamic) {
            sum += ngx_murmur_hash2(topics[i]->name.data,
                                    topics[i]->name.len);
        }
    }

    return sum;
}


uint32_t
ngx_kafka_sse_conf_subscriptions(ngx_kafka_sse_main_conf_t *kmcf)
{
    uint32_t                   sum;
    ngx_uint_t                 i;
    ngx_kafka_sse_cluster_t  **clusters;

    sum = 0;

    if (kmcf->redis->off) {
        return sum;
    }

    clusters = kmcf->clusters.elts;

    for (i = 0; i < kmcf->clusters.nelts; i++) {
        sum += ngx_kafka_sse_conf_subscription(clusters[i]);
    }

    return sum;
}
