
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <librdkafka/rdkafka.h>

#include <companion/ngx_kafka_sse_property.h>


static ngx_int_t ngx_kafka_sse_property_fill(rd_kafka_conf_t *conf,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_property_t *own,
    char *role, ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_property_set(rd_kafka_conf_t *conf,
    ngx_kafka_sse_property_t *property, ngx_kafka_sse_cluster_t *cluster,
    char *role, ngx_log_t *log);


/* what the consumer and the reader want */

static ngx_kafka_sse_property_t  ngx_kafka_sse_property_defaults[] = {
    { "client.id", "ngx_kafka_sse" },
    { "isolation.level", "read_committed" },
    { "socket.nagle.disable", "true" },
    { "socket.keepalive.enable", "true" },

    /* once Kafka is back we want to know it soon: 10 s by default */
    { "reconnect.backoff.max.ms", "1000" },

    /* new topics and partitions are noticed by this: 5 minutes by default */
    { "topic.metadata.refresh.interval.ms", "2000" },

    /* of records that wait for us: 64M by default */
    { "queued.max.messages.kbytes", "16384" },

    /* the wait after the queue was full: 1 s by default, not before 2.2 */
    { "fetch.queue.backoff.ms", "5" },

    { NULL, NULL }
};


static ngx_kafka_sse_property_t  ngx_kafka_sse_property_own[] = {
    { "log.queue", "true" },
    { "auto.offset.reset", "error" },
    { NULL, NULL }
};


/* where clients name topics: one that is deleted must not come back by that */

static ngx_kafka_sse_property_t  ngx_kafka_sse_property_dynamic[] = {
    { "allow.auto.create.topics", "false" },
    { NULL, NULL }
};


/* beside those that librdkafka itself does not let set by name */

static char  *ngx_kafka_sse_property_refused[] = {
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.protocol",
    "enable.auto.commit",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "offset.store.method",
    "auto.offset.reset",
    "enable.partition.eof",
    "statistics.interval.ms",
    "enabled_events",
    "log.queue",
    "log.thread.name",
    "internal.termination.signal",
    NULL
};


ngx_int_t
ngx_kafka_sse_property_check(char *name, char *value, char *err, size_t size)
{
    char                **refused;
    size_t                len;
    ngx_int_t             rc;
    rd_kafka_conf_t      *conf;

    for (refused = ngx_kafka_sse_property_refused; *refused; refused++) {
        if (ngx_strcmp(*refused, name) == 0) {
            (void) ngx_snprintf((u_char *) err, size,
                                "\"%s\" is set by the module%Z", name);
            return NGX_ERROR;
        }
    }

    conf = rd_kafka_conf_new();

    rc = (rd_kafka_conf_set(conf, name, value, err, size)
          == RD_KAFKA_CONF_OK)
         ? NGX_OK : NGX_ERROR;

    rd_kafka_conf_destroy(conf);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    /* what librdkafka would open only when it starts */

    len = ngx_strlen(name);

    if (ngx_strncmp(name, "ssl.", 4) == 0
        && len > sizeof(".location") - 1
        && ngx_strcmp(name + len - (sizeof(".location") - 1), ".location")
           == 0
        && ngx_strcmp(value, "probe") != 0
        && access(value, R_OK) == -1)
    {
        (void) ngx_snprintf((u_char *) err, size, "%s%Z", strerror(ngx_errno));
        return NGX_ERROR;
    }

    return NGX_OK;
}


rd_kafka_conf_t *
ngx_kafka_sse_property_conf(ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_property_t *defaults, ngx_kafka_sse_property_t *own,
    char *role, ngx_log_t *log)
{
    rd_kafka_conf_t  *conf;

    conf = rd_kafka_conf_new();

    /* an older librdkafka does without a default it does not know */

    (void) ngx_kafka_sse_property_set(conf, ngx_kafka_sse_property_defaults,
                                      cluster, role, log);
    (void) ngx_kafka_sse_property_set(conf, defaults, cluster, role, log);

    if (ngx_kafka_sse_property_fill(conf, cluster, own, role, log) != NGX_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }

    return conf;
}


static ngx_int_t
ngx_kafka_sse_property_fill(rd_kafka_conf_t *conf,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_property_t *own,
    char *role, ngx_log_t *log)
{
    ngx_uint_t                 i;
    ngx_keyval_t              *kv;
    ngx_kafka_sse_property_t   brokers[2];

    kv = cluster->properties.elts;

    for (i = 0; i < cluster->properties.nelts; i++) {
        if (rd_kafka_conf_set(conf, (char *) kv[i].key.data,
                              (char *) kv[i].value.data, NULL, 0)
            != RD_KAFKA_CONF_OK)
        {
            /* the value may be a secret */

            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "kafka_sse: no %s for cluster \"%V\": librdkafka "
                          "no longer accepts property \"%V\"",
                          role, &cluster->name, &kv[i].key);
            return NGX_ERROR;
        }
    }

    ngx_memzero(brokers, sizeof(brokers));
    brokers[0].name = "bootstrap.servers";
    brokers[0].value = (char *) cluster->brokers.data;

    if (ngx_kafka_sse_property_set(conf, brokers, cluster, role, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_property_set(conf, ngx_kafka_sse_property_own, cluster,
                                   role, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (cluster->is_dynamic
        && ngx_kafka_sse_property_set(conf, ngx_kafka_sse_property_dynamic,
                                      cluster, role, log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_property_set(conf, own, cluster, role, log);
}


static ngx_int_t
ngx_kafka_sse_property_set(rd_kafka_conf_t *conf,
    ngx_kafka_sse_property_t *property, ngx_kafka_sse_cluster_t *cluster,
    char *role, ngx_log_t *log)
{
    char  err[256];

    for ( /* void */ ; property->name; property++) {

        switch (rd_kafka_conf_set(conf, property->name, property->value,
                                  err, sizeof(err)))
        {
        case RD_KAFKA_CONF_OK:
        case RD_KAFKA_CONF_UNKNOWN:
            break;

        default:
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "kafka_sse: no %s for cluster \"%V\": %s",
                          role, &cluster->name, err);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
