
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


ngx_kafka_sse_topic_t *
ngx_kafka_sse_conf_topic(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t   *topic, **topics, **t;

    topics = cluster->topics.elts;

    for (i = 0; i < cluster->topics.nelts; i++) {
        if (topics[i]->name.len == name->len
            && ngx_memcmp(topics[i]->name.data, name->data, name->len) == 0)
        {
            return topics[i];
        }
    }

    topic = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_topic_t));
    if (topic == NULL) {
        return NULL;
    }

    topic->name = *name;
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

    for (i = 0; i < cluster->topics.nelts; i++) {
        sum += ngx_murmur_hash2(topics[i]->name.data, topics[i]->name.len);
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
