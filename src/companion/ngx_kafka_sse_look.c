
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_catalog.h>
#include <companion/ngx_kafka_sse_look.h>


#define NGX_KAFKA_SSE_LOOKS_START    3000      /* ms for a topic to start */
#define NGX_KAFKA_SSE_LOOKS_MAX      1024      /* that wait, of all workers */
#define NGX_KAFKA_SSE_LOOKS_MANY     512       /* who comes then waits less */

/* times in ms */

#define NGX_KAFKA_SSE_LOOKS_TIMEOUT  5000
#define NGX_KAFKA_SSE_LOOKS_STEP     10        /* between looks at those that
                                                  wait */
#define NGX_KAFKA_SSE_LOOKS_PATTERN  5000      /* between catalogs, if no
                                                  property says otherwise */

#define NGX_KAFKA_SSE_LOOKS_METADATA  "topic.metadata.refresh.interval.ms"


typedef struct {
    ngx_kafka_sse_looks_t        *looks;
    ngx_kafka_sse_cluster_t      *conf;
    ngx_kafka_sse_catalog_t      *catalog;     /* NULL: it is not dynamic */
    ngx_msec_t                    interval;    /* for its patterns */
    ngx_event_t                   again;       /* ... the next catalog */
    unsigned                      full:1;      /* it was said */
    unsigned                      wide:1;      /* it was said that a topic has
                                                  too many partitions */
} ngx_kafka_sse_looks_cluster_t;


struct ngx_kafka_sse_looks_s {
    ngx_kafka_sse_main_conf_t      *conf;
    ngx_kafka_sse_feed_t           *feed;
    ngx_kafka_sse_topics_sh_t      *table;
    ngx_kafka_sse_looks_cluster_t  *clusters;  /* as in conf->clusters */
    ngx_queue_t                     waiting;
    ngx_uint_t                      n;         /* there */
    ngx_event_t                     step;
    ngx_pool_t                     *pool;
    ngx_log_t                      *log;
};


/* one that waits: for the catalog, then for its topic's row in the table */

typedef struct {
    ngx_queue_t                     queue;
    ngx_kafka_sse_link_t           *link;
    uint32_t                        number;
    ngx_msec_t                      since;     /* it has come */
    ngx_kafka_sse_looks_cluster_t  *cluster;
    ngx_kafka_sse_topic_t          *topic;     /* NULL: Kafka is being asked */
    ngx_str_t                       name;
    u_char                          data[1];   /* the name's */
} ngx_kafka_sse_look_t;


static ngx_kafka_sse_looks_cluster_t *ngx_kafka_sse_looks_cluster(
    ngx_kafka_sse_looks_t *looks, ngx_str_t *name);
static ngx_kafka_sse_look_t *ngx_kafka_sse_look_create(
    ngx_kafka_sse_looks_cluster_t *cluster, ngx_str_t *name, ngx_log_t *log);
static void ngx_kafka_sse_look_free(ngx_kafka_sse_look_t *look);
static ngx_int_t ngx_kafka_sse_look_see(ngx_kafka_sse_look_t *look);
static ngx_int_t ngx_kafka_sse_look_answer(ngx_kafka_sse_link_t *link,
    uint32_t number, ngx_int_t seen);
static void ngx_kafka_sse_looks_step_handler(ngx_event_t *ev);
static ngx_int_t ngx_kafka_sse_looks_take(
    ngx_kafka_sse_looks_cluster_t *cluster,
    ngx_kafka_sse_catalog_topic_t *found, ngx_uint_t born,
    ngx_kafka_sse_topic_t **topic);
static ngx_uint_t ngx_kafka_sse_looks_has_room(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name);
static ngx_msec_t ngx_kafka_sse_looks_interval(
    ngx_kafka_sse_cluster_t *cluster);
static void ngx_kafka_sse_looks_again_handler(ngx_event_t *ev);
static void ngx_kafka_sse_looks_catalog(void *data);
#if (NGX_PCRE)
static void ngx_kafka_sse_looks_patterns(
    ngx_kafka_sse_looks_cluster_t *cluster);
static ngx_uint_t ngx_kafka_sse_looks_match(ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *name);
static ngx_uint_t ngx_kafka_sse_looks_is_internal(ngx_str_t *name);
static ngx_uint_t ngx_kafka_sse_looks_is_meant(ngx_regex_t *pattern,
    ngx_str_t *name);
#endif


void
ngx_kafka_sse_looks_adopt(ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log)
{
    ngx_str_t                   name;
    ngx_uint_t                  i, left;
    ngx_kafka_sse_cluster_t    *cluster;
    ngx_kafka_sse_topic_sh_t   *sh;
    ngx_kafka_sse_topics_sh_t  *table;

    left = 0;
    table = ngx_kafka_sse_zone_ring(kmcf)->table;

    for (i = 0; i < table->n; i++) {
        sh = &table->topics[i];

        if (!sh->dynamic) {
            continue;
        }

        name = ngx_kafka_sse_topics_str(sh->cluster);
        cluster = ngx_kafka_sse_conf_cluster(kmcf, &name);

        if (cluster == NULL || !cluster->is_dynamic) {
            continue;
        }

        name = ngx_kafka_sse_topics_str(sh->name);

        if (ngx_kafka_sse_conf_take(cluster, &name) == NULL) {
            left++;
        }
    }

    if (left) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "kafka_sse: %ui topics that clients named before are "
                      "more than dynamic_topics admits, they are not served "
                      "any more", left);
    }
}


ngx_kafka_sse_looks_t *
ngx_kafka_sse_looks_create(ngx_pool_t *pool, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_looks_t           *looks;
    ngx_kafka_sse_cluster_t        **conf;

    looks = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_looks_t));
    if (looks == NULL) {
        return NULL;
    }

    looks->clusters = ngx_pcalloc(pool, kmcf->clusters.nelts
                                  * sizeof(ngx_kafka_sse_looks_cluster_t));
    if (looks->clusters == NULL) {
        return NULL;
    }

    conf = kmcf->clusters.elts;

    for (i = 0; i < kmcf->clusters.nelts; i++) {
        looks->clusters[i].looks = looks;
        looks->clusters[i].conf = conf[i];
    }

    looks->conf = kmcf;
    looks->feed = feed;
    looks->table = ngx_kafka_sse_zone_ring(kmcf)->table;
    looks->pool = pool;
    looks->log = log;

    ngx_queue_init(&looks->waiting);

    looks->step.handler = ngx_kafka_sse_looks_step_handler;
    looks->step.data = looks;
    looks->step.log = log;

    return looks;
}


ngx_int_t
ngx_kafka_sse_looks_add(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_cluster_t *conf, ngx_kafka_sse_reader_t *reader)
{
    ngx_kafka_sse_looks_cluster_t  *cluster;

    cluster = ngx_kafka_sse_looks_cluster(looks, &conf->name);

    cluster->catalog = ngx_kafka_sse_catalog_create(looks->pool, reader,
                                                  ngx_kafka_sse_looks_catalog,
                                                  cluster, looks->log);
    if (cluster->catalog == NULL) {
        return NGX_ERROR;
    }

    cluster->interval = ngx_kafka_sse_looks_interval(conf);

    cluster->again.handler = ngx_kafka_sse_looks_again_handler;
    cluster->again.data = cluster;
    cluster->again.log = looks->log;

    if (conf->patterns) {
        ngx_add_timer(&cluster->again, 1);
    }

    return NGX_OK;
}


static ngx_kafka_sse_looks_cluster_t *
ngx_kafka_sse_looks_cluster(ngx_kafka_sse_looks_t *looks, ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_cluster_t        *conf;

    conf = ngx_kafka_sse_conf_cluster(looks->conf, name);

    for (i = 0; conf && i < looks->conf->clusters.nelts; i++) {
        if (looks->clusters[i].conf == conf) {
            return &looks->clusters[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_kafka_sse_look(ngx_kafka_sse_looks_t *looks, ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m)
{
    ngx_int_t                        seen;
    ngx_kafka_sse_look_t            *look;
    ngx_kafka_sse_message_look_t     msg;
    ngx_kafka_sse_looks_cluster_t   *cluster;

    if (ngx_kafka_sse_message_parse_look(m, &msg) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, looks->log, 0,
                   "kafka_sse look %uD for topic \"%V\" of cluster \"%V\"",
                   m->replay, &msg.topic, &msg.cluster);

    cluster = ngx_kafka_sse_looks_cluster(looks, &msg.cluster);

    /* a worker of another generation may know more clusters than we do */

    if (cluster == NULL || cluster->catalog == NULL
        || !ngx_kafka_sse_conf_is_topic(&msg.topic))
    {
        return ngx_kafka_sse_look_answer(link, m->replay,
                                         NGX_KAFKA_SSE_SEEN_ABSENT);
    }

    if (looks->n == NGX_KAFKA_SSE_LOOKS_MAX) {
        return ngx_kafka_sse_look_answer(link, m->replay,
                                         NGX_KAFKA_SSE_SEEN_AWAY);
    }

    look = ngx_kafka_sse_look_create(cluster, &msg.topic, looks->log);
    if (look == NULL) {
        return NGX_ERROR;
    }

    look->link = link;
    look->number = m->replay;

    seen = ngx_kafka_sse_look_see(look);

    if (seen != NGX_AGAIN) {
        ngx_kafka_sse_look_free(look);
        return ngx_kafka_sse_look_answer(link, m->replay, seen);
    }

    if (!looks->step.timer_set) {
        ngx_add_timer(&looks->step, NGX_KAFKA_SSE_LOOKS_STEP);
    }

    return NGX_OK;
}


static ngx_kafka_sse_look_t *
ngx_kafka_sse_look_create(ngx_kafka_sse_looks_cluster_t *cluster,
    ngx_str_t *name, ngx_log_t *log)
{
    ngx_kafka_sse_look_t   *look;
    ngx_kafka_sse_looks_t  *looks;

    look = ngx_calloc(sizeof(ngx_kafka_sse_look_t) + name->len, log);
    if (look == NULL) {
        return NULL;
    }

    look->cluster = cluster;
    look->since = ngx_current_msec;
    look->name.len = name->len;
    look->name.data = look->data;
    ngx_memcpy(look->data, name->data, name->len);

    looks = cluster->looks;

    ngx_queue_insert_tail(&looks->waiting, &look->queue);
    looks->n++;

    return look;
}


static void
ngx_kafka_sse_look_free(ngx_kafka_sse_look_t *look)
{
    ngx_queue_remove(&look->queue);
    look->cluster->looks->n--;
    ngx_free(look);
}


void
ngx_kafka_sse_looks_forget(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_link_t *link)
{
    ngx_queue_t           *q, *next;
    ngx_kafka_sse_look_t  *look;

    for (q = ngx_queue_head(&looks->waiting);
         q != ngx_queue_sentinel(&looks->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        look = ngx_queue_data(q, ngx_kafka_sse_look_t, queue);

        if (look->link == link) {
            ngx_kafka_sse_look_free(look);
        }
    }
}


/* ..SEEN_.., or NGX_AGAIN */

static ngx_int_t
ngx_kafka_sse_look_see(ngx_kafka_sse_look_t *look)
{
    ngx_int_t                       rc;
    ngx_kafka_sse_feed_t           *feed;
    ngx_kafka_sse_topic_t          *topic;
    ngx_kafka_sse_looks_cluster_t  *cluster;
    ngx_kafka_sse_catalog_topic_t  *found;

    cluster = look->cluster;
    feed = cluster->looks->feed;

    topic = ngx_kafka_sse_conf_find(cluster->conf, &look->name);

    /*
     * What is produced after the answer is for the client, so the topic has to
     * have started; but a partition without a leader is not waited for
     */

    if (topic && ngx_kafka_sse_feed_has(feed, topic)
        && (ngx_kafka_sse_feed_started(feed, topic)
            || ngx_current_msec - look->since > NGX_KAFKA_SSE_LOOKS_START))
    {
        return NGX_KAFKA_SSE_SEEN_YES;
    }

    if (look->topic) {
        return NGX_AGAIN;
    }

    rc = ngx_kafka_sse_catalog_find(cluster->catalog, &look->name,
                                    look->since,
                                    cluster->looks->n
                                    > NGX_KAFKA_SSE_LOOKS_MANY, &found);
    if (rc != NGX_OK) {
        return (rc == NGX_AGAIN) ? NGX_AGAIN : NGX_KAFKA_SSE_SEEN_ABSENT;
    }

    rc = ngx_kafka_sse_looks_take(cluster, found, 0, &look->topic);

    switch (rc) {

    case NGX_OK:
        return NGX_AGAIN;

    case NGX_DECLINED:
        return NGX_KAFKA_SSE_SEEN_FULL;

    default:
        return NGX_KAFKA_SSE_SEEN_ABSENT;
    }
}


static ngx_int_t
ngx_kafka_sse_look_answer(ngx_kafka_sse_link_t *link, uint32_t number,
    ngx_int_t seen)
{
    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "kafka_sse look %uD is answered by %i", number, seen);

    return ngx_kafka_sse_link_write(link, NGX_KAFKA_SSE_MESSAGE_SEEN, number,
                                    seen, NULL, 0);
}


/* all that wait: what they wait for is seen here, not told */

static void
ngx_kafka_sse_looks_step_handler(ngx_event_t *ev)
{
    uint32_t                number;
    ngx_int_t               seen;
    ngx_queue_t            *q, *next;
    ngx_kafka_sse_link_t   *link;
    ngx_kafka_sse_look_t   *look;
    ngx_kafka_sse_looks_t  *looks;

    looks = ev->data;

    for (q = ngx_queue_head(&looks->waiting);
         q != ngx_queue_sentinel(&looks->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        look = ngx_queue_data(q, ngx_kafka_sse_look_t, queue);

        seen = ngx_kafka_sse_look_see(look);

        if (seen == NGX_AGAIN) {

            if (ngx_current_msec - look->since < NGX_KAFKA_SSE_LOOKS_TIMEOUT) {
                continue;
            }

            seen = NGX_KAFKA_SSE_SEEN_AWAY;
        }

        link = look->link;
        number = look->number;

        ngx_kafka_sse_look_free(look);

        if (link->connection
            && ngx_kafka_sse_look_answer(link, number, seen) != NGX_OK)
        {
            /* its owner frees it later, and has us forget it */

            ngx_kafka_sse_link_fail(link);
        }
    }

    if (looks->n) {
        ngx_add_timer(ev, NGX_KAFKA_SSE_LOOKS_STEP);
    }
}


/*
 * Gives a topic that Kafka has to the feed.  NGX_DECLINED: there are as many
 * as there can be; NGX_ERROR: it cannot be served.  Both are said, once.
 */

static ngx_int_t
ngx_kafka_sse_looks_take(ngx_kafka_sse_looks_cluster_t *cluster,
    ngx_kafka_sse_catalog_topic_t *found, ngx_uint_t born,
    ngx_kafka_sse_topic_t **topic)
{
    ngx_kafka_sse_looks_t    *looks;
    ngx_kafka_sse_cluster_t  *conf;

    conf = cluster->conf;
    looks = cluster->looks;

    if (found->n > NGX_KAFKA_SSE_PARTITIONS_MAX) {
        if (!cluster->wide) {
            cluster->wide = 1;
            ngx_log_error(NGX_LOG_WARN, looks->log, 0,
                          "kafka_sse: topic \"%V\" has %ui partitions, at "
                          "most %d are supported, it and its like are not "
                          "served", &found->name, found->n,
                          NGX_KAFKA_SSE_PARTITIONS_MAX);
        }

        return NGX_ERROR;
    }

    *topic = NULL;

    if (ngx_kafka_sse_looks_has_room(looks, conf, &found->name)) {
        *topic = ngx_kafka_sse_conf_take(conf, &found->name);
    }

    if (*topic == NULL) {
        if (!cluster->full) {
            cluster->full = 1;
            ngx_log_error(NGX_LOG_ERR, looks->log, 0,
                          "kafka_sse: cluster \"%V\" has %ui topics that are "
                          "not configured, there is no room for \"%V\" and "
                          "further ones: more are for dynamic_topics, or a "
                          "larger kafka_sse_zone, and a restart of nginx",
                          &conf->name, ngx_kafka_sse_conf_taken(conf),
                          &found->name);
        }

        return NGX_DECLINED;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, looks->log, 0,
                   "kafka_sse look takes topic \"%V\" of %ui partitions, "
                   "born:%ui", &found->name, found->n, born);

    return ngx_kafka_sse_feed_add(looks->feed, *topic, born);
}


/*
 * In the cluster, and in the shared table, where there must be rows for all
 * that have a name and no row yet
 */

static ngx_uint_t
ngx_kafka_sse_looks_has_room(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_uint_t               i, n;
    ngx_kafka_sse_topic_t    topic, **topics;

    if (ngx_kafka_sse_conf_find(cluster, name)) {
        return 1;
    }

    if (ngx_kafka_sse_conf_taken(cluster) == cluster->dynamic) {
        return 0;
    }

    topic.cluster = cluster;
    topic.name = *name;

    if (ngx_kafka_sse_topics_find(looks->table, &topic) >= 0) {
        return 1;
    }

    n = looks->table->n;
    topics = looks->conf->topics.elts;

    for (i = 0; i < looks->conf->topics.nelts; i++) {
        n += (topics[i]->name.len
              && ngx_kafka_sse_topics_find(looks->table, topics[i]) < 0);
    }

    return n < looks->table->max;
}


static ngx_msec_t
ngx_kafka_sse_looks_interval(ngx_kafka_sse_cluster_t *cluster)
{
    ngx_int_t      msec;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = cluster->properties.elts;

    for (i = 0; i < cluster->properties.nelts; i++) {

        if (ngx_strcmp(kv[i].key.data, NGX_KAFKA_SSE_LOOKS_METADATA) != 0) {
            continue;
        }

        msec = ngx_atoi(kv[i].value.data, kv[i].value.len);

        if (msec > 0) {
            return ngx_max(msec, NGX_KAFKA_SSE_CATALOG_AGAIN);
        }
    }

    return NGX_KAFKA_SSE_LOOKS_PATTERN;
}


static void
ngx_kafka_sse_looks_again_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_looks_cluster_t  *cluster;

    cluster = ev->data;

    ngx_kafka_sse_catalog_refresh(cluster->catalog);

    ngx_add_timer(ev, cluster->interval);
}


/* patterns first: what was made just now is known as such only here */

static void
ngx_kafka_sse_looks_catalog(void *data)
{
    ngx_kafka_sse_looks_cluster_t *cluster = data;

#if (NGX_PCRE)
    if (cluster->conf->patterns) {
        ngx_kafka_sse_looks_patterns(cluster);
    }
#endif

    if (cluster->looks->step.timer_set) {
        ngx_kafka_sse_looks_step_handler(&cluster->looks->step);
    }
}


#if (NGX_PCRE)

static void
ngx_kafka_sse_looks_patterns(ngx_kafka_sse_looks_cluster_t *cluster)
{
    ngx_uint_t                      i, n;
    ngx_kafka_sse_topic_t          *topic;
    ngx_kafka_sse_catalog_topic_t  *list;

    list = ngx_kafka_sse_catalog_topics(cluster->catalog, &n);

    for (i = 0; i < n; i++) {
        if (ngx_kafka_sse_conf_is_topic(&list[i].name)
            && ngx_kafka_sse_conf_find(cluster->conf, &list[i].name) == NULL
            && ngx_kafka_sse_looks_match(cluster->conf, &list[i].name))
        {
            if (ngx_kafka_sse_looks_take(cluster, &list[i], list[i].is_new,
                                         &topic)
                == NGX_DECLINED)
            {
                return;
            }
        }
    }
}


static ngx_uint_t
ngx_kafka_sse_looks_match(ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_uint_t     i, internal;
    ngx_regex_t  **patterns;

    internal = ngx_kafka_sse_looks_is_internal(name);
    patterns = cluster->patterns->elts;

    for (i = 0; i < cluster->patterns->nelts; i++) {
        if (ngx_regex_exec(patterns[i], name, NULL, 0) >= 0
            && (!internal || ngx_kafka_sse_looks_is_meant(patterns[i], name)))
        {
            return 1;
        }
    }

    return 0;
}


/* Kafka's own, and what its tools keep for themselves */

static ngx_uint_t
ngx_kafka_sse_looks_is_internal(ngx_str_t *name)
{
    return name->len >= 2 && name->data[0] == '_' && name->data[1] == '_';
}


/*
 * Whether a pattern that matches an internal name begins with "^__": then it
 * matches neither with something before the name, nor with one "_" less
 */

static ngx_uint_t
ngx_kafka_sse_looks_is_meant(ngx_regex_t *pattern, ngx_str_t *name)
{
    u_char     data[NGX_KAFKA_SSE_TOPIC_NAME_MAX + 1];
    ngx_str_t  other;

    data[0] = 'x';
    ngx_memcpy(data + 1, name->data, name->len);

    other.data = data;
    other.len = name->len + 1;

    if (ngx_regex_exec(pattern, &other, NULL, 0) >= 0) {
        return 0;
    }

    data[0] = '_';
    data[1] = 'x';
    other.len = name->len;

    return ngx_regex_exec(pattern, &other, NULL, 0) < 0;
}

#endif
