
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_envelope.h>
#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_flags.h>
#include <companion/ngx_kafka_sse_reader.h>
#include <companion/ngx_kafka_sse_redis.h>


/* what a node that starts reads of each partition's past */

#define NGX_KAFKA_SSE_FEED_HISTORY  1000       /* records */

#define NGX_KAFKA_SSE_FEED_SHARE    (1024 * 1024)   /* bytes that a reader
                                                       takes in a turn */


/*
 * A partition is "live" while Redis brings its records, and "tails" while the
 * reader does: from "held" on until what its owner publishes is where we are,
 * or we are at the end of the partition and at everything that was announced
 * meanwhile, and its owner is alive.
 */

typedef struct {
    int64_t                        goal;       /* end of what was announced */
    int64_t                        was;        /* "held" at the last look */
    ngx_msec_t                     heard;      /* when its owner was, by the
                                                  present subscription; 0:
                                                  never */
    ngx_kafka_sse_partition_sh_t  *sh;         /* held is there */
    unsigned                       tails:1;
    unsigned                       begun:1;    /* has reached the end once */
    unsigned                       moved:1;    /* Kafka does not have "held",
                                                  it says: what comes next
                                                  shows where it goes on */
} ngx_kafka_sse_feed_partition_t;


typedef struct {
    ngx_kafka_sse_topic_t            *topic;
    ngx_kafka_sse_reader_t           *reader;
    ngx_kafka_sse_redis_t            *redis;   /* NULL: it is off */
    ngx_kafka_sse_topic_sh_t         *sh;      /* NULL: no metadata yet */
    ngx_uint_t                        index;   /* in the shared table */
    ngx_uint_t                        n;       /* partitions known here */
    ngx_kafka_sse_feed_partition_t   *partitions;
    unsigned                          known:1;      /* metadata has come */
    unsigned                          started:1;    /* said so in the ring */
    unsigned                          wanted:1;     /* its channel is */
    unsigned                          subscribed:1; /* its channel is */
    unsigned                          refused:1;    /* too many partitions */
} ngx_kafka_sse_feed_topic_t;


struct ngx_kafka_sse_feed_s {
    ngx_kafka_sse_main_conf_t        *conf;
    ngx_kafka_sse_ring_sh_t          *ring;
    ngx_kafka_sse_node_sh_t          *node;
    ngx_kafka_sse_reader_sink_t       sink;
    ngx_kafka_sse_feed_topic_t       *topics;  /* as in conf->topics */
    ngx_event_t                       wake;
    ngx_pool_t                       *pool;
    ngx_log_t                        *log;
};


static ngx_kafka_sse_feed_topic_t *ngx_kafka_sse_feed_topic(
    ngx_kafka_sse_feed_t *feed, ngx_kafka_sse_topic_t *topic);
static ngx_kafka_sse_feed_partition_t *ngx_kafka_sse_feed_partition(
    ngx_kafka_sse_feed_t *feed, ngx_kafka_sse_topic_t *topic,
    int32_t partition, ngx_kafka_sse_feed_topic_t **ft);
static ngx_int_t ngx_kafka_sse_feed_enter(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_str_t *cluster_id,
    u_char incarnation[16], ngx_uint_t n);
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
static ngx_uint_t ngx_kafka_sse_feed_hears(
    ngx_kafka_sse_feed_partition_t *part);
static ngx_uint_t ngx_kafka_sse_feed_reached(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_feed_partition_t *part, int64_t from, int64_t end);
static void ngx_kafka_sse_feed_tail(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);
static void ngx_kafka_sse_feed_live(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);
static void ngx_kafka_sse_feed_start(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft);
static void ngx_kafka_sse_feed_beacon(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload);
static void ngx_kafka_sse_feed_bad(ngx_kafka_sse_feed_t *feed,
    ngx_str_t *channel);
static void ngx_kafka_sse_feed_gap(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_envelope_t *env,
    int64_t end);
static void ngx_kafka_sse_feed_take(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_envelope_t *env);
static int64_t ngx_kafka_sse_feed_envelope_end(ngx_kafka_sse_envelope_t *env);
static ngx_kafka_sse_feed_topic_t *ngx_kafka_sse_feed_addressee(
    ngx_kafka_sse_feed_t *feed, ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_envelope_t *env);
static void ngx_kafka_sse_feed_append(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_record_t *rec);
static void ngx_kafka_sse_feed_move(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, int32_t partition, int64_t to,
    ngx_uint_t reason);
static void ngx_kafka_sse_feed_wake_handler(ngx_event_t *ev);


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
    ngx_uint_t               i;
    ngx_kafka_sse_feed_t    *feed;
    ngx_kafka_sse_topic_t  **topics;

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
        feed->topics[i].topic = topics[i];
    }

    feed->conf = kmcf;
    feed->ring = ngx_kafka_sse_zone_ring(kmcf);
    feed->node = ngx_kafka_sse_zone_node(kmcf);
    feed->pool = pool;
    feed->log = log;

    feed->wake.handler = ngx_kafka_sse_feed_wake_handler;
    feed->wake.data = feed;
    feed->wake.log = log;

    feed->sink.data = feed;
    feed->sink.role = "reader";
    feed->sink.defaults = ngx_kafka_sse_feed_defaults;
    feed->sink.share = NGX_KAFKA_SSE_FEED_SHARE;
    feed->sink.record = ngx_kafka_sse_feed_record;
    feed->sink.eof = ngx_kafka_sse_feed_eof;
    feed->sink.out_of_range = ngx_kafka_sse_feed_out_of_range;
    feed->sink.metadata = ngx_kafka_sse_feed_metadata;

    ngx_kafka_sse_ring_recover(feed->ring);

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
    ngx_uint_t                   i;
    ngx_kafka_sse_feed_topic_t  *ft;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];

        if (ft->topic->cluster == cluster
            && (!ft->known || (ft->n && !ft->started)))
        {
            return 0;
        }
    }

    return 1;
}


int64_t
ngx_kafka_sse_feed_held(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_partition(feed, topic, partition, &ft);

    return part ? part->sh->held : NGX_KAFKA_SSE_NO_OFFSET;
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


static ngx_kafka_sse_feed_partition_t *
ngx_kafka_sse_feed_partition(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_topic_t *topic, int32_t partition,
    ngx_kafka_sse_feed_topic_t **ft)
{
    *ft = ngx_kafka_sse_feed_topic(feed, topic);

    if (partition < 0 || (ngx_uint_t) partition >= (*ft)->n) {
        return NULL;
    }

    return &(*ft)->partitions[partition];
}


static void
ngx_kafka_sse_feed_metadata(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_str_t *cluster_id,
    u_char incarnation[16], ngx_uint_t n)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_uint_t                       p, running;
    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

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

        ft->known = 1;
        return;
    }

    /* what is first seen while we run begins at its beginning */

    running = ft->known;
    ft->known = 1;

    if (ngx_kafka_sse_feed_enter(feed, ft, cluster_id, incarnation, n)
        != NGX_OK)
    {
        return;
    }

    if (n != ft->n) {
        ngx_log_error(NGX_LOG_NOTICE, feed->log, 0,
                      "kafka_sse: topic \"%V\" in cluster \"%V\" has %ui "
                      "partitions, Kafka cluster id \"%V\"",
                      &topic->name, &topic->cluster->name, n, cluster_id);
    }

    if (ft->n == 0 && running && !ft->sh->started) {
        ft->sh->born = 1;
    }

    for (p = ft->n; p < n; p++) {
        part = &ft->partitions[p];
        part->sh = &ft->sh->partitions[p];
        part->goal = -1;

        if (part->sh->held == NGX_KAFKA_SSE_NO_OFFSET && running) {
            part->sh->held = 0;
        }
    }

    for (p = ft->n, ft->n = ngx_max(ft->n, n); p < n; p++) {
        ngx_kafka_sse_feed_tail(ft, p);
    }

    ft->sh->n = ft->n;

    /* workers may have missed that it started: a writer was killed then */

    ft->started = 0;
    ngx_kafka_sse_feed_start(feed, ft);
}


/* the topic's row in the shared table, and room for its partitions here */

static ngx_int_t
ngx_kafka_sse_feed_enter(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_str_t *cluster_id,
    u_char incarnation[16], ngx_uint_t n)
{
    ngx_int_t  index;
    ngx_str_t  known;

    if (ft->partitions == NULL) {
        ft->partitions = ngx_pcalloc(feed->pool,
                                     NGX_KAFKA_SSE_PARTITIONS_MAX
                                     * sizeof(ngx_kafka_sse_feed_partition_t));
        if (ft->partitions == NULL) {
            return NGX_ERROR;
        }
    }

    if (ft->sh == NULL) {
        index = ngx_kafka_sse_topics_add(feed->ring->table, ft->topic);

        if (index < 0) {
            ngx_log_error(NGX_LOG_ERR, feed->log, 0,
                          "kafka_sse: zone \"%V\" has no room for topic "
                          "\"%V\" beside those of earlier configurations, it "
                          "is not served until nginx is restarted",
                          &feed->conf->ring_name, &ft->topic->name);
            return NGX_ERROR;
        }

        ft->index = index;
        ft->sh = &feed->ring->table->topics[index];
    }

    known = ngx_kafka_sse_topics_str(ft->sh->cluster_id);

    if (known.len != cluster_id->len
        || ngx_memcmp(known.data, cluster_id->data, known.len) != 0)
    {
        if (known.len) {
            ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                          "kafka_sse: cluster \"%V\" was Kafka cluster \"%V\" "
                          "and is \"%V\" now, topic \"%V\" starts anew",
                          &ft->topic->cluster->name, &known, cluster_id,
                          &ft->topic->name);
        }

        ngx_kafka_sse_topics_reset(ft->sh, cluster_id, incarnation);
    }

    return ngx_kafka_sse_feed_want(feed, ft, cluster_id);
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
    ngx_uint_t                   i, p;
    ngx_kafka_sse_feed_topic_t  *ft;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];

        if (ft->topic->cluster != cluster || !ft->wanted || ft->subscribed) {
            continue;
        }

        ft->subscribed = 1;

        /* the end that counts is one that is reached from now on */

        for (p = 0; p < ft->n; p++) {
            ngx_kafka_sse_feed_tail(ft, p);
        }
    }
}


void
ngx_kafka_sse_feed_unsubscribed(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster)
{
    ngx_uint_t                   i, p;
    ngx_kafka_sse_feed_topic_t  *ft;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];

        if (ft->topic->cluster != cluster) {
            continue;
        }

        ft->subscribed = 0;

        for (p = 0; p < ft->n; p++) {
            ft->partitions[p].heard = 0;

            if (!ft->partitions[p].tails) {
                ngx_kafka_sse_feed_tail(ft, p);
            }
        }
    }
}


void
ngx_kafka_sse_feed_look(ngx_kafka_sse_feed_t *feed)
{
    ngx_uint_t                       i, p, n;
    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    for (i = 0; i < feed->conf->topics.nelts; i++) {
        ft = &feed->topics[i];
        n = 0;

        for (p = 0; p < ft->n; p++) {
            part = &ft->partitions[p];
            part->was = part->sh->held;

            if (!part->tails && !ngx_kafka_sse_feed_hears(part)) {
                ngx_kafka_sse_feed_tail(ft, p);
                n++;
            }
        }

        if (n) {
            ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                          "kafka_sse: Redis has brought nothing of %ui "
                          "partitions of topic \"%V\" for %d ms, reading "
                          "Kafka", n, &ft->topic->name,
                          NGX_KAFKA_SSE_FEED_AWAY);
        }
    }
}


/* whether the partition's owner is alive, and Redis between it and us */

static ngx_uint_t
ngx_kafka_sse_feed_hears(ngx_kafka_sse_feed_partition_t *part)
{
    return part->heard
           && ngx_current_msec - part->heard < NGX_KAFKA_SSE_FEED_AWAY;
}


/*
 * Whether the partition's owner, who has published up to end and goes on from
 * "from", is where we are; it may be behind by what the reader has brought
 * since the last look: a backlog that is published after an outage is not.
 */

static ngx_uint_t
ngx_kafka_sse_feed_reached(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_feed_partition_t *part, int64_t from, int64_t end)
{
    return ft->subscribed && part->begun && !part->moved
           && from <= part->sh->held && end >= part->was;
}


/* the reader takes the partition over, from where we are */

static void
ngx_kafka_sse_feed_tail(ngx_kafka_sse_feed_topic_t *ft, int32_t partition)
{
    int64_t                          held;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];
    held = part->sh->held;

    part->tails = 1;
    part->was = held;
    part->sh->tailing = 1;

    if (held == NGX_KAFKA_SSE_NO_OFFSET) {
        ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition, 0,
                                   NGX_KAFKA_SSE_FEED_HISTORY);
        return;
    }

    if (held == 0) {
        /* its first records may be gone, and nobody had a right to them */

        held = NGX_KAFKA_SSE_READER_BEGINNING;
    }

    ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition, held, 0);
}


static void
ngx_kafka_sse_feed_live(ngx_kafka_sse_feed_topic_t *ft, int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    part->tails = 0;
    part->goal = -1;
    part->sh->tailing = 0;

    ngx_kafka_sse_reader_stop(ft->reader, ft->topic, partition);
}


/* tells the workers once that all partitions have a position */

static void
ngx_kafka_sse_feed_start(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t  p;

    if (ft->started) {
        return;
    }

    for (p = 0; p < ft->n; p++) {
        if (ft->partitions[p].sh->held == NGX_KAFKA_SSE_NO_OFFSET
            || (!ft->partitions[p].begun && !ft->sh->started
                && !ft->sh->born))
        {
            return;
        }
    }

    ft->started = 1;

    ngx_kafka_sse_ring_append_topic(feed->ring, ft->index);
    ngx_post_event(&feed->wake, &ngx_posted_events);

    ngx_log_error(NGX_LOG_NOTICE, feed->log, 0,
                  "kafka_sse: topic \"%V\" is served", &ft->topic->name);
}


static void
ngx_kafka_sse_feed_record(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_kafka_sse_record_t *rec, int64_t end)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_partition(feed, topic, rec->partition, &ft);

    if (part == NULL || !part->tails) {
        return;
    }

    if (part->sh->held == NGX_KAFKA_SSE_NO_OFFSET) {
        part->sh->held = rec->offset;
    }

    part->sh->end = end;

    if (rec->offset < part->sh->held) {
        part->sh->duplicates++;
        return;
    }

    if (part->moved) {
        part->moved = 0;

        if (rec->offset > part->sh->held) {
            ngx_kafka_sse_feed_move(feed, ft, rec->partition, rec->offset,
                                    NGX_KAFKA_SSE_MOVE_EXPIRED);
        }
    }

    ngx_kafka_sse_feed_append(feed, ft, rec);
}


static void
ngx_kafka_sse_feed_eof(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_partition(feed, topic, partition, &ft);

    if (part == NULL || !part->tails) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "kafka_sse feed end of %V/%D:%L", &topic->name, partition,
                   offset);

    if (part->moved) {
        part->moved = 0;

        if (offset < part->sh->held) {

            /* all that there is was below "held": it is not what we had */

            ngx_kafka_sse_feed_move(feed, ft, partition, 0,
                                    NGX_KAFKA_SSE_MOVE_TRUNCATED);
            ngx_kafka_sse_feed_tail(ft, partition);
            return;
        }

        if (offset > part->sh->held) {
            ngx_kafka_sse_feed_move(feed, ft, partition, offset,
                                    NGX_KAFKA_SSE_MOVE_EXPIRED);
        }
    }

    /*
     * Past the last record there may be transaction markers; "held" stays
     * before them, as on every other node
     */

    if (part->sh->held == NGX_KAFKA_SSE_NO_OFFSET) {
        part->sh->held = offset;
    }

    part->sh->end = ngx_max(part->sh->end, offset);
    part->begun = 1;

    ngx_kafka_sse_feed_start(feed, ft);

    if (ft->subscribed && offset >= part->goal
        && ngx_kafka_sse_feed_hears(part))
    {
        ngx_kafka_sse_feed_live(ft, partition);
    }
}


static void
ngx_kafka_sse_feed_out_of_range(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_feed_t *feed = data;

    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_partition(feed, topic, partition, &ft);

    if (part == NULL || !part->tails) {
        return;
    }

    /* what is there is looked at, before anybody is told anything */

    part->moved = (part->sh->held != NGX_KAFKA_SSE_NO_OFFSET);

    ngx_kafka_sse_reader_start(ft->reader, topic, partition,
                               NGX_KAFKA_SSE_READER_BEGINNING, 0);
}


void
ngx_kafka_sse_feed_envelope(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload)
{
    int64_t                          end;
    ngx_kafka_sse_envelope_t         env;
    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    if (ngx_kafka_sse_envelope_is_beacon(payload)) {
        ngx_kafka_sse_feed_beacon(feed, cluster, channel, payload);
        return;
    }

    feed->node->envelopes_received++;

    if (ngx_kafka_sse_envelope_parse(&env, payload) != NGX_OK) {
        ngx_kafka_sse_feed_bad(feed, channel);
        return;
    }

    ft = ngx_kafka_sse_feed_addressee(feed, cluster, &env);

    if (ft == NULL || (ngx_uint_t) env.partition >= ft->n
        || env.count == 0)
    {
        return;                 /* Kafka has it when we want it */
    }

    part = &ft->partitions[env.partition];
    end = ngx_kafka_sse_feed_envelope_end(&env);

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "kafka_sse feed envelope %V/%D:%L up to %L",
                   &ft->topic->name, env.partition, env.from, end);

    part->heard = ngx_current_msec;

    if (part->tails) {

        if (!ngx_kafka_sse_feed_reached(ft, part, env.from, end)) {
            part->goal = ngx_max(part->goal, end);
            return;
        }

        ngx_kafka_sse_feed_live(ft, env.partition);
    }

    part->sh->end = ngx_max(part->sh->end, env.end);

    if (env.from > part->sh->held) {
        ngx_kafka_sse_feed_gap(feed, ft, &env, end);
        return;
    }

    ngx_kafka_sse_feed_take(feed, ft, &env);
}


/* "held" never moves by a beacon; one that is ahead of it is a gap */

static void
ngx_kafka_sse_feed_beacon(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_kafka_sse_envelope_t         env;
    ngx_kafka_sse_feed_topic_t      *ft;
    ngx_kafka_sse_feed_partition_t  *part;

    if (ngx_kafka_sse_envelope_parse_beacon(&env, payload) != NGX_OK) {
        ngx_kafka_sse_feed_bad(feed, channel);
        return;
    }

    ft = ngx_kafka_sse_feed_addressee(feed, cluster, &env);
    if (ft == NULL) {
        return;
    }

    while (ngx_kafka_sse_envelope_next_position(&env) == NGX_OK) {

        if ((ngx_uint_t) env.partition >= ft->n) {
            continue;
        }

        part = &ft->partitions[env.partition];
        part->heard = ngx_current_msec;
        part->sh->end = ngx_max(part->sh->end, env.end);

        if (!part->tails) {
            if (env.from > part->sh->held) {
                ngx_kafka_sse_feed_gap(feed, ft, &env, env.from);
            }

        } else if (ngx_kafka_sse_feed_reached(ft, part, env.from, env.from)) {
            ngx_kafka_sse_feed_live(ft, env.partition);

        } else {
            part->goal = ngx_max(part->goal, env.from);
        }
    }
}


static void
ngx_kafka_sse_feed_bad(ngx_kafka_sse_feed_t *feed, ngx_str_t *channel)
{
    if (feed->node->envelopes_bad++ == 0) {
        ngx_log_error(NGX_LOG_ERR, feed->log, 0,
                      "kafka_sse: what Redis brought on channel \"%V\" is no "
                      "envelope of version %d, it is dropped, and so are "
                      "others, counted", channel,
                      NGX_KAFKA_SSE_ENVELOPE_VERSION);
    }
}


/* what lies between is read from Kafka, and what comes meanwhile, too */

static void
ngx_kafka_sse_feed_gap(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_envelope_t *env,
    int64_t end)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[env->partition];

    ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                  "kafka_sse: gap in %V/%D, %L is wanted and %L came, "
                  "reading Kafka", &ft->topic->name, env->partition,
                  part->sh->held, env->from);

    part->sh->gaps++;
    part->goal = end;

    ngx_kafka_sse_feed_tail(ft, env->partition);
}


static void
ngx_kafka_sse_feed_take(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_envelope_t *env)
{
    ngx_kafka_sse_record_t           rec;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[env->partition];

    while (ngx_kafka_sse_envelope_next(env, &rec) == NGX_OK) {

        if (rec.offset < part->sh->held) {
            part->sh->duplicates++;
            continue;
        }

        ngx_kafka_sse_feed_append(feed, ft, &rec);
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
            && ngx_memcmp(id.data, env->cluster_id.data, id.len) == 0)
        {
            return ft;
        }
    }

    return NULL;
}


static void
ngx_kafka_sse_feed_append(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_record_t *rec)
{
    int64_t  held;

    held = ft->partitions[rec->partition].sh->held;
    rec->flags = ngx_kafka_sse_flags(feed->conf, &rec->value);

    if (ngx_kafka_sse_ring_append_record(feed->ring, ft->index, held, rec)
        == NGX_OK)
    {
        ngx_log_debug4(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                       "kafka_sse ring append %V/%D:%L from %L",
                       &ft->topic->name, rec->partition, rec->offset, held);

    } else {
        ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                      "kafka_sse: %V/%D:%L of %uz bytes is too large for "
                      "zone \"%V\", whose largest is %uz, clients are told",
                      &ft->topic->name, rec->partition, rec->offset,
                      rec->key.len + rec->value.len + rec->headers.len,
                      &feed->conf->ring_name,
                      ngx_kafka_sse_ring_max(feed->ring));

        feed->node->too_large++;

        ngx_kafka_sse_ring_append_move(feed->ring, ft->index, rec->partition,
                                       held, rec->offset + 1,
                                       NGX_KAFKA_SSE_MOVE_TOO_LARGE);
    }

    if (!feed->wake.posted) {
        ngx_post_event(&feed->wake, &ngx_posted_events);
    }
}


static void
ngx_kafka_sse_feed_move(ngx_kafka_sse_feed_t *feed,
    ngx_kafka_sse_feed_topic_t *ft, int32_t partition, int64_t to,
    ngx_uint_t reason)
{
    int64_t  held;

    held = ft->partitions[partition].sh->held;

    ngx_log_error(NGX_LOG_WARN, feed->log, 0,
                  "kafka_sse: Kafka does not have %V/%D:%L any more, going "
                  "on at %L, clients are told",
                  &ft->topic->name, partition, held, to);

    ngx_kafka_sse_ring_append_move(feed->ring, ft->index, partition, held, to,
                                   reason);

    ngx_post_event(&feed->wake, &ngx_posted_events);
}


static void
ngx_kafka_sse_feed_wake_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_feed_t  *feed = ev->data;

    ngx_kafka_sse_zone_wake(feed->ring, feed->node);
}
