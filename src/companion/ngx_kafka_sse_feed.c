
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_envelope.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_feed_topic.h>
#include <companion/ngx_kafka_sse_redis.h>


#define NGX_KAFKA_SSE_FEED_SHARE    (1024 * 1024)   /* bytes that a reader
                                                       takes in a turn */


struct ngx_kafka_sse_feed_s {
    ngx_kafka_sse_main_conf_t        *conf;
    ngx_kafka_sse_reader_sink_t       sink;
    ngx_kafka_sse_feed_topic_t       *topics;  /* as in conf->topics */
    ngx_kafka_sse_appender_t          appender;
    ngx_kafka_sse_history_room_t      room;
    ngx_msec_t                        looked;  /* when it did; 0: not yet */
    ngx_pool_t                       *pool;
    ngx_log_t                        *log;
};


static ngx_kafka_sse_feed_topic_t *ngx_kafka_sse_feed_topic(
    ngx_kafka_sse_feed_t *feed, ngx_kafka_sse_topic_t *topic);
static void ngx_kafka_sse_feed_denied(void *data,
    ngx_kafka_sse_topic_t *topic);
static ngx_int_t ngx_kafka_sse_feed_want(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_str_t *cluster_id);
static void ngx_kafka_sse_feed_metadata(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_str_t *cluster_id,
    u_char incarnation[16], ngx_uint_t n);
static void ngx_kafka_sse_feed_record(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_kafka_sse_record_t *rec, int64_t end);
static void ngx_kafka_sse_feed_eof(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset);
static void ngx_kafka_sse_feed_out_of_range(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition);
static void ngx_kafka_sse_feed_beacon(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload);
static void ngx_kafka_sse_feed_bad(ngx_kafka_sse_feed_t *feed,
    ngx_str_t *channel);
static int64_t ngx_kafka_sse_feed_envelope_end(ngx_kafka_sse_envelope_t *env);
static ngx_kafka_sse_feed_topic_t *ngx_kafka_sse_feed_addressee(
    ngx_kafka_sse_feed_t *feed, ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_envelope_t *env);


/* it is for catching up, so a new partition must not wait for a long poll */

static ngx_kafka_sse_property_t  ngx_kafka_sse_feed_defaults[] = {
    { "fetch.wait.max.ms", "100" },
    { "fetch.error.backoff.ms", "100" },
    { NULL, NULL }
};


ngx_kafka_sse_feed_t *
ngx_kafka_sse_feed_create(ngx_pool_t *pool, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_log_t *log)
{
    ngx_uint_t                   i;
    ngx_kafka_sse_feed_t        *feed;
    ngx_kafka_sse_topic_t      **topics;
    ngx_kafka_sse_feed_topic_t  *ft;

    feed = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_feed_t));
    if (feed == NULL) {
        return NULL;
    }

    feed->topics = ngx_pcalloc(pool, kmcf->topics.nelts
                                     * sizeof(ngx_kafka_sse_feed_topic_t));
    if (feed->topics == NULL) {
        return NULL;
    }

    topics = kmcf->topics.elts;

    for (i = 0; i < kmcf->topics.nelts; i++) {
        ft = &feed->topics[i];

        ft->topic = topics[i];
        ft->appender = &feed->appender;
        ft->room = &feed->room;
        ft->log = log;
    }

    feed->conf = kmcf;
    feed->pool = pool;
    feed->log = log;

    feed->sink.data = feed;
    feed->sink.role = "reader";
    feed->sink.defaults = ngx_kafka_sse_feed_defaults;
    feed->sink.share = NGX_KAFKA_SSE_FEED_SHARE;
    feed->sink.record = ngx_kafka_sse_feed_record;
    feed->sink.eof = ngx_kafka_sse_feed_eof;
    feed->sink.out_of_range = ngx_kafka_sse_feed_out_of_range;
    feed->sink.metadata = ngx_kafka_sse_feed_metadata;
    feed->sink.denied = ngx_kafka_sse_feed_denied;

    ngx_kafka_sse_appender_init(&feed->appender, kmcf, log);

    /* the other half is for what comes while the past is sent */

    feed->room.left = feed->appender.ring->size / 2;

    return feed;
}


ngx_kafka_sse_reader_sink_t *
ngx_kafka_sse_feed_sink(ngx_kafka_sse_feed_t *feed)
{
    return &feed->sink;
}


void
ngx_kafka_sse_feed_set_redis(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_redis_t *redis)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        if (feed->topics[i].topic->cluster == cluster) {
            feed->topics[i].redis = redis;
        }
    }
}


void
ngx_kafka_sse_feed_set_reader(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_reader_t *reader)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        if (feed->topics[i].topic->cluster == cluster) {
            feed->topics[i].reader = reader;
        }
    }
}


ngx_uint_t
ngx_kafka_sse_feed_ready(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t                   i, n;
    ngx_kafka_sse_feed_topic_t  *ft;

    n = 0;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];

        if (ft->topic->cluster != cluster) {
            continue;
        }

        if (ft->topic->is_dynamic) {
            n += ft->started;
            continue;
        }

        if (!ft->denied && (!ft->known || (ft->n && !ft->started))) {
            return 0;
        }

        n++;
    }

    return n != 0;
}


ngx_uint_t
ngx_kafka_sse_feed_has(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_feed_topic_t  *ft;

    ft = ngx_kafka_sse_feed_topic(feed, topic);

    return ft->sh && ft->n && ngx_kafka_sse_reader_exists(ft->reader, topic);
}


ngx_uint_t
ngx_kafka_sse_feed_started(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic)
{
    return ngx_kafka_sse_feed_topic(feed, topic)->started;
}


ngx_int_t
ngx_kafka_sse_feed_add(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, ngx_uint_t born)
{
    ngx_kafka_sse_feed_topic_t  *ft;

    ft = ngx_kafka_sse_feed_topic(feed, topic);

    if (born) {
        ft->known = 1;
    }

    return ngx_kafka_sse_reader_enter(ft->reader, topic);
}


ngx_uint_t
ngx_kafka_sse_feed_is_denied(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic)
{
    return ngx_kafka_sse_feed_topic(feed, topic)->denied;
}


int64_t
ngx_kafka_sse_feed_held(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_topic_partition(
                               ngx_kafka_sse_feed_topic(feed, topic),
                               partition);

    return part ? part->sh->held : NGX_KAFKA_SSE_NO_OFFSET;
}


void
ngx_kafka_sse_feed_incarnation(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, u_char incarnation[16])
{
    ngx_kafka_sse_feed_topic_t  *ft;

    ft = ngx_kafka_sse_feed_topic(feed, topic);

    if (ft->sh) {
        ngx_memcpy(incarnation, ft->sh->incarnation, 16);
    }
}


static ngx_kafka_sse_feed_topic_t *
ngx_kafka_sse_feed_topic(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        if (feed->topics[i].topic == topic) {
            break;
        }
    }

    return &feed->topics[i];
}


static void
ngx_kafka_sse_feed_metadata(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_str_t *cluster_id,
    u_char incarnation[16], ngx_uint_t n)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_uint_t                   running;
    ngx_kafka_sse_feed_topic_t  *ft;

    ft = ngx_kafka_sse_feed_topic(feed, topic);

    if (n > NGX_KAFKA_SSE_PARTITIONS_MAX) {
        if (!ft->refused) {
            ft->refused = 1;
            ngx_log_error(NGX_LOG_ERR, feed->log, 0,
                          "kafka_sse: topic \"%V\" has %ui partitions, at "
                          "most %d are supported, it is not served",
                          &topic->name, n, NGX_KAFKA_SSE_PARTITIONS_MAX);
        }

        n = 0;
    }

    if (n == 0) {
        if (!ft->known && !ft->refused) {
            ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                          "kafka_sse: topic \"%V\" does not exist in cluster "
                          "\"%V\", waiting for it",
                          &topic->name, &topic->cluster->name);
        }

        ngx_kafka_sse_feed_topic_gone(ft);

        /* one that was found did exist: some broker does not know it yet */

        if (!topic->is_dynamic) {
            ft->known = 1;
        }

        return;
    }

    /* what is first seen while we run begins at its beginning */

    running = ft->known;
    ft->known = 1;

    if (ngx_kafka_sse_feed_topic_enter(ft, feed->pool, cluster_id, incarnation)
        != NGX_OK
        || ngx_kafka_sse_feed_want(feed, ft, cluster_id) != NGX_OK)
    {
        return;
    }

    if (n == ft->n && !ft->gone && ft->started) {
        ngx_kafka_sse_feed_topic_confirm(ft);
        return;
    }

    if (n != ft->n) {
        ngx_log_error(NGX_LOG_NOTICE, feed->log, 0,
                      "kafka_sse: topic \"%V\" in cluster \"%V\" has %ui "
                      "partitions, Kafka cluster id \"%V\"",
                      &topic->name, &topic->cluster->name, n, cluster_id);
    }

    ngx_kafka_sse_feed_topic_grow(ft, n, running);
}


/*
 * The others of its cluster are not to wait for it.  What has started goes on
 * where it is, once it is allowed again.
 */

static void
ngx_kafka_sse_feed_denied(void *data, ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_t  *ft;

    ft = ngx_kafka_sse_feed_topic(feed, topic);

    ft->denied = !ft->started;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "kafka_sse feed is denied \"%V\", started:%ui",
                   &topic->name, (ngx_uint_t) ft->started);
}


static ngx_int_t
ngx_kafka_sse_feed_want(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_str_t *cluster_id)
{
    u_char     *p;
    ngx_str_t   channel, *prefix;

    if (ft->wanted || ft->redis == NULL) {
        return NGX_OK;
    }

    prefix = &feed->conf->redis->prefix;

    p = ngx_pnalloc(feed->pool, prefix->len + cluster_id->len
                                + ft->topic->name.len + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    channel.data = p;
    channel.len = ngx_kafka_sse_envelope_channel(p, prefix, cluster_id,
                                                 &ft->topic->name)
                  - p;

    ft->wanted = 1;

    return ngx_kafka_sse_redis_subscribe(ft->redis, &channel);
}


void
ngx_kafka_sse_feed_subscribed(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        if (feed->topics[i].topic->cluster == cluster) {
            ngx_kafka_sse_feed_topic_subscribed(&feed->topics[i]);
        }
    }
}


void
ngx_kafka_sse_feed_unsubscribed(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        if (feed->topics[i].topic->cluster == cluster) {
            ngx_kafka_sse_feed_topic_unsubscribed(&feed->topics[i]);
        }
    }
}


void
ngx_kafka_sse_feed_look(ngx_kafka_sse_feed_t *feed)
{
    ngx_uint_t  i, alone;

    alone = 0;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        alone += ngx_kafka_sse_feed_topic_look(&feed->topics[i]);
    }

    if (alone && feed->looked) {
        feed->appender.node->kafka_alone += ngx_current_msec - feed->looked;
    }

    feed->looked = ngx_current_msec;
}


static void
ngx_kafka_sse_feed_record(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_kafka_sse_record_t *rec, int64_t end)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_record(ngx_kafka_sse_feed_topic(feed, topic),
                                    rec, end);
}


static void
ngx_kafka_sse_feed_eof(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_eof(ngx_kafka_sse_feed_topic(feed, topic),
                                 partition, offset);
}


static void
ngx_kafka_sse_feed_out_of_range(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_out_of_range(
                                ngx_kafka_sse_feed_topic(feed, topic),
                                partition);
}


void
ngx_kafka_sse_feed_envelope(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload)
{
    int64_t                      end;
    ngx_kafka_sse_record_t       rec;
    ngx_kafka_sse_envelope_t     env;
    ngx_kafka_sse_feed_topic_t  *ft;

    if (ngx_kafka_sse_envelope_is_beacon(payload)) {
        ngx_kafka_sse_feed_beacon(feed, cluster, channel, payload);
        return;
    }

    feed->appender.node->envelopes_received++;

    if (ngx_kafka_sse_envelope_parse(&env, payload) != NGX_OK
        || (env.count > 1 && payload->len > NGX_KAFKA_SSE_ENVELOPE_MAX)
        || !ngx_kafka_sse_envelope_is_of(&env, &feed->conf->redis->prefix,
                                         channel))
    {
        ngx_kafka_sse_feed_bad(feed, channel);
        return;
    }

    ft = ngx_kafka_sse_feed_addressee(feed, cluster, &env);

    if (ft == NULL || env.count == 0) {

        /* Kafka has it when we want it */

        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                       "kafka_sse feed drops an envelope of %V, records:%uD",
                       channel, env.count);
        return;
    }

    end = ngx_kafka_sse_feed_envelope_end(&env);

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "kafka_sse feed envelope %V/%D:%L up to %L",
                   &ft->topic->name, env.partition, env.from, end);

    if (ngx_kafka_sse_feed_topic_announced(ft, env.partition, env.from, end,
                                           env.end)
        != NGX_OK)
    {
        return;
    }

    while (ngx_kafka_sse_envelope_next(&env, &rec) == NGX_OK) {
        ngx_kafka_sse_feed_topic_take(ft, &rec);
    }
}


/* "held" never moves by a beacon; one that is ahead of it is a gap */

static void
ngx_kafka_sse_feed_beacon(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_kafka_sse_envelope_t     env;
    ngx_kafka_sse_feed_topic_t  *ft;

    if (ngx_kafka_sse_envelope_parse_beacon(&env, payload) != NGX_OK
        || env.count > NGX_KAFKA_SSE_PARTITIONS_MAX
        || !ngx_kafka_sse_envelope_is_of(&env, &feed->conf->redis->prefix,
                                         channel))
    {
        ngx_kafka_sse_feed_bad(feed, channel);
        return;
    }

    ft = ngx_kafka_sse_feed_addressee(feed, cluster, &env);
    if (ft == NULL) {
        return;
    }

    while (ngx_kafka_sse_envelope_next_position(&env) == NGX_OK) {
        (void) ngx_kafka_sse_feed_topic_announced(ft, env.partition, env.from,
                                                  env.from, env.end);
    }
}


static void
ngx_kafka_sse_feed_bad(ngx_kafka_sse_feed_t *feed, ngx_str_t *channel)
{
    if (feed->appender.node->envelopes_bad++ == 0) {
        ngx_log_error(NGX_LOG_ERR, feed->log, 0,
                      "kafka_sse: what Redis brought on channel \"%V\" is no "
                      "envelope of version %d for it, it is dropped, and so "
                      "are others, counted", channel,
                      NGX_KAFKA_SSE_ENVELOPE_VERSION);
    }
}


/* the position after the envelope; its records are left to be read */

static int64_t
ngx_kafka_sse_feed_envelope_end(ngx_kafka_sse_envelope_t *env)
{
    int64_t                   end;
    ngx_kafka_sse_record_t    rec;
    ngx_kafka_sse_envelope_t  copy;

    end = env->from;
    copy = *env;

    while (ngx_kafka_sse_envelope_next(&copy, &rec) == NGX_OK) {
        end = rec.offset + 1;
    }

    return end;
}


static ngx_kafka_sse_feed_topic_t *
ngx_kafka_sse_feed_addressee(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_envelope_t *env)
{
    ngx_str_t                    id;
    ngx_uint_t                   i;
    ngx_kafka_sse_feed_topic_t  *ft;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];

        if (ft->sh == NULL
            || ft->topic->cluster != cluster
            || ft->topic->name.len != env->topic.len
            || ngx_memcmp(ft->topic->name.data, env->topic.data,
                          env->topic.len)
               != 0)
        {
            continue;
        }

        id = ngx_kafka_sse_topics_str(ft->sh->cluster_id);

        if (id.len == env->cluster_id.len
            && ngx_memcmp(id.data, env->cluster_id.data, id.len) == 0
            && ngx_kafka_sse_feed_topic_is(ft, env->incarnation))
        {
            return ft;
        }
    }

    return NULL;
}
