
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_cluster.h>
#include <companion/ngx_kafka_sse_property.h>
#include <companion/ngx_kafka_sse_property_file.h>
#include <companion/ngx_kafka_sse_security.h>


#define NGX_KAFKA_SSE_CLUSTER_PORT      ":9092"
#define NGX_KAFKA_SSE_CLUSTER_GROUP_ID  "ngx_kafka_sse"

/* librdkafka's words */

#define NGX_KAFKA_SSE_CLUSTER_UNKNOWN   "No such configuration property"

/* vacant topics; the shared table has 256, and some are configured */

#define NGX_KAFKA_SSE_CLUSTER_DYNAMIC      64
#define NGX_KAFKA_SSE_CLUSTER_DYNAMIC_MAX  240


static char *ngx_kafka_sse_cluster_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_kafka_sse_cluster_brokers(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);
static ngx_int_t ngx_kafka_sse_cluster_check_broker(ngx_str_t *broker,
    ngx_uint_t *port);
static char *ngx_kafka_sse_cluster_group_id(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);
static char *ngx_kafka_sse_cluster_dynamic(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);
static char *ngx_kafka_sse_cluster_property(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);
static char *ngx_kafka_sse_cluster_property_file(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);
static ngx_keyval_t *ngx_kafka_sse_cluster_add_property(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name);


char *
ngx_kafka_sse_cluster_block(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf)
{
    char                      *rv;
    ngx_str_t                 *value;
    ngx_conf_t                 save;
    ngx_kafka_sse_cluster_t   *cluster, **c;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "cluster name \"\" is empty");
        return NGX_CONF_ERROR;
    }

    cluster = ngx_kafka_sse_conf_cluster(kmcf, &value[1]);

    if (cluster) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate cluster \"%V\", first in %V:%ui",
                           &value[1], &cluster->file, cluster->line);
        return NGX_CONF_ERROR;
    }

    cluster = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_cluster_t));
    if (cluster == NULL) {
        return NGX_CONF_ERROR;
    }

    cluster->name = value[1];
    cluster->file = cf->conf_file->file.name;
    cluster->line = cf->conf_file->line;

    if (ngx_array_init(&cluster->properties, cf->pool, 4,
                       sizeof(ngx_keyval_t))
        != NGX_OK
        || ngx_array_init(&cluster->topics, cf->pool, 4,
                          sizeof(ngx_kafka_sse_topic_t *))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_kafka_sse_cluster_line;
    cf->handler_conf = (void *) cluster;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cluster->brokers.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"brokers\" in cluster \"%V\"",
                           &cluster->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_security_check(cf, cluster) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cluster->group_id.len == 0) {
        ngx_str_set(&cluster->group_id, NGX_KAFKA_SSE_CLUSTER_GROUP_ID);
    }

    if (cluster->dynamic == 0) {
        cluster->dynamic = NGX_KAFKA_SSE_CLUSTER_DYNAMIC;
    }

    c = ngx_array_push(&kmcf->clusters);
    if (c == NULL) {
        return NGX_CONF_ERROR;
    }

    *c = cluster;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_cluster_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_kafka_sse_cluster_t *cluster = conf;

    ngx_str_t   *value;
    ngx_uint_t   n;

    value = cf->args->elts;
    n = cf->args->nelts;

    if (ngx_strcmp(value[0].data, "brokers") == 0) {
        if (n > 1) {
            return ngx_kafka_sse_cluster_brokers(cf, cluster);
        }

    } else if (ngx_strcmp(value[0].data, "group_id") == 0) {
        if (n == 2) {
            return ngx_kafka_sse_cluster_group_id(cf, cluster);
        }

    } else if (ngx_strcmp(value[0].data, "dynamic_topics") == 0) {
        if (n == 2) {
            return ngx_kafka_sse_cluster_dynamic(cf, cluster);
        }

    } else if (ngx_strcmp(value[0].data, "property") == 0) {
        if (n == 3) {
            return ngx_kafka_sse_cluster_property(cf, cluster);
        }

    } else if (ngx_strcmp(value[0].data, "property_file") == 0) {
        if (n == 3) {
            return ngx_kafka_sse_cluster_property_file(cf, cluster);
        }

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown \"%V\" in cluster \"%V\"",
                           &value[0], &cluster->name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid number of arguments in \"%V\" "
                       "of cluster \"%V\"", &value[0], &cluster->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_kafka_sse_cluster_brokers(ngx_conf_t *cf, ngx_kafka_sse_cluster_t *cluster)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *value;
    ngx_uint_t   i, port;

    if (cluster->brokers.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"brokers\" in cluster \"%V\"",
                           &cluster->name);
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_kafka_sse_cluster_check_broker(&value[i], &port) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid broker \"%V\" in cluster \"%V\", "
                               "it must be \"host:port\" or "
                               "\"[IPv6 address]:port\"",
                               &value[i], &cluster->name);
            return NGX_CONF_ERROR;
        }

        len += value[i].len + sizeof(NGX_KAFKA_SSE_CLUSTER_PORT ",") - 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    cluster->brokers.data = p;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);

        (void) ngx_kafka_sse_cluster_check_broker(&value[i], &port);

        if (port == 0) {
            p = ngx_cpymem(p, NGX_KAFKA_SSE_CLUSTER_PORT,
                           sizeof(NGX_KAFKA_SSE_CLUSTER_PORT) - 1);
        }

        *p++ = ',';
    }

    /* the last comma becomes the zero that librdkafka wants */

    *--p = '\0';
    cluster->brokers.len = p - cluster->brokers.data;

    return NGX_CONF_OK;
}


/* port is 0 if there is none */

static ngx_int_t
ngx_kafka_sse_cluster_check_broker(ngx_str_t *broker, ngx_uint_t *port)
{
    u_char     *p, *last, *host;
    ngx_int_t   n;
#if (NGX_HAVE_INET6)
    u_char      addr[16];
#endif

    *port = 0;

    p = broker->data;
    last = p + broker->len;

    if (p < last && *p == '[') {
        host = p + 1;

        p = ngx_strlchr(host, last, ']');
        if (p == NULL) {
            return NGX_ERROR;
        }

#if (NGX_HAVE_INET6)
        if (ngx_inet6_addr(host, p - host, addr) != NGX_OK) {
            return NGX_ERROR;
        }
#endif

        p++;

    } else {
        host = p;

        while (p < last
               && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                   || (*p >= '0' && *p <= '9')
                   || *p == '.' || *p == '-' || *p == '_'))
        {
            p++;
        }

        if (p == host) {
            return NGX_ERROR;
        }
    }

    if (p == last) {
        return NGX_OK;
    }

    if (*p++ != ':') {
        return NGX_ERROR;
    }

    n = ngx_atoi(p, last - p);
    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    *port = n;

    return NGX_OK;
}


static char *
ngx_kafka_sse_cluster_group_id(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_str_t  *value;

    if (cluster->group_id.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"group_id\" in cluster \"%V\"",
                           &cluster->name);
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "group_id \"\" of cluster \"%V\" is empty",
                           &cluster->name);
        return NGX_CONF_ERROR;
    }

    cluster->group_id = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_cluster_dynamic(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    if (cluster->dynamic) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"dynamic_topics\" in cluster \"%V\"",
                           &cluster->name);
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_KAFKA_SSE_CLUSTER_DYNAMIC_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid dynamic_topics \"%V\" of cluster \"%V\", "
                           "it must be 1 to %d", &value[1], &cluster->name,
                           NGX_KAFKA_SSE_CLUSTER_DYNAMIC_MAX);
        return NGX_CONF_ERROR;
    }

    cluster->dynamic = n;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_cluster_property(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster)
{
    char           err[512];
    ngx_str_t     *value;
    ngx_keyval_t  *kv;

    value = cf->args->elts;

    kv = ngx_kafka_sse_cluster_add_property(cf, cluster, &value[1]);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    kv->value = value[2];

    if (ngx_kafka_sse_security_is_path(&kv->key, &kv->value)
        && ngx_conf_full_name(cf->cycle, &kv->value, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_property_check((char *) kv->key.data,
                                     (char *) kv->value.data, err, sizeof(err))
        == NGX_OK)
    {
        if (ngx_kafka_sse_security_is_secret(&kv->key)) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "property \"%V\" of cluster \"%V\" is a secret "
                               "in the configuration itself, \"property_file\" "
                               "reads it from a file",
                               &kv->key, &cluster->name);
        }

        return NGX_CONF_OK;
    }

    /* a name that is none may be that of a secret, misspelled */

    if (ngx_kafka_sse_security_is_secret(&kv->key)
        || ngx_strncmp(err, NGX_KAFKA_SSE_CLUSTER_UNKNOWN,
                       sizeof(NGX_KAFKA_SSE_CLUSTER_UNKNOWN) - 1)
           == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid property \"%V\" of cluster \"%V\": %s",
                           &kv->key, &cluster->name,
                           (ngx_kafka_sse_security_is_secret(&kv->key)
                            && ngx_strstr(err, kv->value.data))
                           ? "the value is refused" : err);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid property \"%V\" \"%V\" "
                           "of cluster \"%V\": %s",
                           &kv->key, &kv->value, &cluster->name, err);
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_kafka_sse_cluster_property_file(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster)
{
    char           err[512], other[512];
    ngx_str_t     *value, name;
    ngx_keyval_t  *kv;

    value = cf->args->elts;

    kv = ngx_kafka_sse_cluster_add_property(cf, cluster, &value[1]);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    name = value[2];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_property_file_read(cf, &name, &kv->value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_sse_property_check((char *) kv->key.data,
                                     (char *) kv->value.data, err, sizeof(err))
        == NGX_OK)
    {
        return NGX_CONF_OK;
    }

    /*
     * The reason may quote the value, which is a secret.  If it is the same
     * for any value, then it is about the name.
     */

    (void) ngx_kafka_sse_property_check((char *) kv->key.data, "", err,
                                        sizeof(err));

    if (ngx_kafka_sse_property_check((char *) kv->key.data, " ", other,
                                     sizeof(other))
        == NGX_OK
        || ngx_strcmp(err, other) != 0)
    {
        (void) ngx_cpystrn((u_char *) err, (u_char *) "the value is refused",
                           sizeof(err));
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid property \"%V\" of cluster \"%V\" "
                       "in file \"%V\": %s",
                       &kv->key, &cluster->name, &name, err);

    return NGX_CONF_ERROR;
}


static ngx_keyval_t *
ngx_kafka_sse_cluster_add_property(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = cluster->properties.elts;

    for (i = 0; i < cluster->properties.nelts; i++) {
        if (ngx_strcmp(kv[i].key.data, name->data) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate property \"%V\" of cluster \"%V\"",
                               name, &cluster->name);
            return NULL;
        }
    }

    kv = ngx_array_push(&cluster->properties);
    if (kv == NULL) {
        return NULL;
    }

    kv->key = *name;
    ngx_str_null(&kv->value);

    return kv;
}
