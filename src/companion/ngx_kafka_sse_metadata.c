
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <jansson.h>

#include <companion/ngx_kafka_sse_complaint.h>
#include <companion/ngx_kafka_sse_metadata.h>


/* until all topics are known all statistics are read, then every 4th */

#define NGX_KAFKA_SSE_METADATA_SKIP     4

#define NGX_KAFKA_SSE_METADATA_UNKNOWN  ((ngx_uint_t) -1)

#define NGX_KAFKA_SSE_METADATA_DENIED   5000     /* ms to the next question */


static ngx_uint_t ngx_kafka_sse_metadata_brokers(json_t *root);
static ngx_uint_t ngx_kafka_sse_metadata_partitions(json_t *root,
    ngx_kafka_sse_topic_t *topic);
static ngx_uint_t ngx_kafka_sse_metadata_cluster_id(
    ngx_kafka_sse_metadata_t *metadata, char *id);
static void ngx_kafka_sse_metadata_none(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_metadata_topic_t *mt);
static void ngx_kafka_sse_metadata_topic(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_metadata_topic_t *mt, ngx_uint_t n);


ngx_int_t
ngx_kafka_sse_metadata_init(ngx_kafka_sse_metadata_t *metadata,
    ngx_pool_t *pool)
{
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;

    metadata->cluster_id.data = metadata->id;

    topics = metadata->cluster->topics.elts;
    metadata->ntopics = metadata->cluster->topics.nelts;

    metadata->topics = ngx_pcalloc(pool, metadata->ntopics
                                  * sizeof(ngx_kafka_sse_metadata_topic_t));
    if (metadata->topics == NULL) {
        return NGX_ERROR;
    }

    metadata->names = ngx_palloc(pool, metadata->ntopics * sizeof(char *));
    if (metadata->names == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < metadata->ntopics; i++) {
        metadata->topics[i].topic = topics[i];
        metadata->topics[i].n = NGX_KAFKA_SSE_METADATA_UNKNOWN;
        metadata->named += (topics[i]->name.len != 0);
    }

    return NGX_OK;
}


void
ngx_kafka_sse_metadata_enter(ngx_kafka_sse_metadata_t *metadata)
{
    metadata->named++;
}


ngx_int_t
ngx_kafka_sse_metadata_update(ngx_kafka_sse_metadata_t *metadata,
    const char *stats, char *id)
{
    json_t                          *root;
    ngx_uint_t                       i, n, changed;
    json_error_t                     err;
    ngx_kafka_sse_metadata_topic_t  *mt;

    if (metadata->known == metadata->named
        && ++metadata->skip < NGX_KAFKA_SSE_METADATA_SKIP)
    {
        return NGX_DECLINED;
    }

    metadata->skip = 0;

    root = json_loads(stats, 0, &err);
    if (root == NULL) {
        ngx_log_error(NGX_LOG_ALERT, metadata->log, 0,
                      "kafka_sse: statistics are not JSON: %s", err.text);
        return NGX_DECLINED;
    }

    metadata->brokers = ngx_kafka_sse_metadata_brokers(root);

    changed = ngx_kafka_sse_metadata_cluster_id(metadata, id);

    for (i = 0; i < metadata->ntopics && metadata->cluster_id.len; i++) {
        mt = &metadata->topics[i];

        if (mt->topic->name.len == 0) {
            continue;
        }

        n = ngx_kafka_sse_metadata_partitions(root, mt->topic);

        if (n == NGX_KAFKA_SSE_METADATA_UNKNOWN) {
            continue;
        }

        if (n && mt->denied) {
            mt->denied = 0;
            ngx_kafka_sse_complaint_allowed(metadata->client,
                                            &mt->topic->name);
        }

        if (n == 0 && (changed || mt->n || mt->waits)) {
            ngx_kafka_sse_metadata_none(metadata, mt);

        } else if (n && (changed || n != mt->n)) {

            /* the feed is told when its id is known, see topic_id */

            mt->waits = 1;
            mt->next = n;
            metadata->ask = 1;
        }
    }

    json_decref(root);

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_metadata_exists(ngx_kafka_sse_metadata_topic_t *mt)
{
    return mt->waits || (mt->n && mt->n != NGX_KAFKA_SSE_METADATA_UNKNOWN);
}


void
ngx_kafka_sse_metadata_id(ngx_kafka_sse_metadata_t *metadata,
    const char *name, u_char id[16])
{
    ngx_uint_t                       i;
    ngx_kafka_sse_metadata_topic_t  *mt;

    for (i = 0; i < metadata->ntopics; i++) {
        mt = &metadata->topics[i];

        if (!ngx_kafka_sse_metadata_exists(mt)
            || ngx_strcmp(mt->topic->name.data, name) != 0)
        {
            continue;
        }

        ngx_memcpy(mt->id, id, sizeof(mt->id));

        ngx_kafka_sse_metadata_topic(metadata, mt,
                                     mt->waits ? mt->next : mt->n);
        mt->waits = 0;
    }
}


void
ngx_kafka_sse_metadata_no_ids(ngx_kafka_sse_metadata_t *metadata)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_metadata_topic_t  *mt;

    metadata->ask = 0;

    for (i = 0; i < metadata->ntopics; i++) {
        mt = &metadata->topics[i];

        if (mt->waits) {
            mt->waits = 0;
            ngx_kafka_sse_metadata_topic(metadata, mt, mt->next);
        }
    }
}


/* bootstrap brokers count until it is known which they are */

static ngx_uint_t
ngx_kafka_sse_metadata_brokers(json_t *root)
{
    json_t      *broker;
    ngx_uint_t   n, bootstrap;
    const char  *key, *state;

    n = 0;
    bootstrap = 0;

    json_object_foreach(json_object_get(root, "brokers"), key, broker) {

        state = json_string_value(json_object_get(broker, "state"));

        if (state == NULL
            || (ngx_strcmp(state, "UP") != 0
                && ngx_strcmp(state, "UPDATE") != 0))
        {
            continue;
        }

        if (json_integer_value(json_object_get(broker, "nodeid")) < 0) {
            bootstrap++;

        } else {
            n++;
        }
    }

    return n ? n : bootstrap;
}


/*
 * The number of partitions.  Without a metadata_age Kafka has not yet said
 * anything of this topic; a partition that is "unknown" is not in Kafka.
 */

static ngx_uint_t
ngx_kafka_sse_metadata_partitions(json_t *root, ngx_kafka_sse_topic_t *topic)
{
    json_t      *object, *partition;
    ngx_uint_t   n;
    const char  *key;

    object = json_object_get(json_object_get(root, "topics"),
                             (char *) topic->name.data);

    if (json_integer_value(json_object_get(object, "metadata_age")) == 0) {
        return NGX_KAFKA_SSE_METADATA_UNKNOWN;
    }

    n = 0;

    json_object_foreach(json_object_get(object, "partitions"), key, partition)
    {
        if (json_is_false(json_object_get(partition, "unknown"))
            && json_integer_value(json_object_get(partition, "partition")) >= 0)
        {
            n++;
        }
    }

    return n;
}


/* 1: it has become known, or another */

static ngx_uint_t
ngx_kafka_sse_metadata_cluster_id(ngx_kafka_sse_metadata_t *metadata, char *id)
{
    size_t  len;

    if (id == NULL) {
        return 0;
    }

    len = ngx_min(ngx_strlen(id), sizeof(metadata->id) - 1);

    if (len == metadata->cluster_id.len
        && ngx_memcmp(id, metadata->id, len) == 0)
    {
        return 0;
    }

    if (metadata->cluster_id.len) {
        ngx_log_error(NGX_LOG_WARN, metadata->log, 0,
                      "kafka_sse: cluster \"%V\" had the id \"%V\", "
                      "now it has \"%s\"",
                      &metadata->cluster->name, &metadata->cluster_id, id);
    }

    ngx_memcpy(metadata->id, id, len);
    metadata->cluster_id.len = len;

    return 1;
}


/* a topic that is denied is none that is not there: it may be, and be old */

static void
ngx_kafka_sse_metadata_none(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_metadata_topic_t *mt)
{
    if (mt->denied
        && ngx_current_msec - mt->asked < NGX_KAFKA_SSE_METADATA_DENIED)
    {
        return;
    }

    switch (ngx_kafka_sse_inquiry(&metadata->inquiry, metadata->client,
                                  mt->topic))
    {

    case NGX_AGAIN:
        return;

    case NGX_DECLINED:
        mt->denied = 1;
        mt->asked = ngx_current_msec;

        ngx_kafka_sse_client_error(metadata->client,
                               RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                               "no metadata", (char *) mt->topic->name.data);

        metadata->sink->denied(metadata->sink->data, mt->topic);
        return;

    default:
        mt->denied = 0;
        mt->waits = 0;
        ngx_kafka_sse_metadata_topic(metadata, mt, 0);
        return;
    }
}


static void
ngx_kafka_sse_metadata_topic(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_metadata_topic_t *mt, ngx_uint_t n)
{
    if (mt->n == NGX_KAFKA_SSE_METADATA_UNKNOWN) {
        metadata->known++;
    }

    mt->n = n;

    metadata->sink->metadata(metadata->sink->data, mt->topic,
                             &metadata->cluster_id, mt->id, n);
}
