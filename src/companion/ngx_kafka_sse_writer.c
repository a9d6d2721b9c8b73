
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_consumer.h>
#include <companion/ngx_kafka_sse_denial.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_look.h>
#include <companion/ngx_kafka_sse_reader.h>
#include <companion/ngx_kafka_sse_redis.h>
#include <companion/ngx_kafka_sse_replay.h>
#include <companion/ngx_kafka_sse_writer.h>


/* ms */

#define NGX_KAFKA_SSE_WRITER_TICK    50
#define NGX_KAFKA_SSE_WRITER_BEACON  500


typedef struct {
    ngx_kafka_sse_cluster_t         *conf;
    ngx_kafka_sse_reader_t          *reader;
    ngx_kafka_sse_redis_t           *redis;      /* NULL: it is off */
    ngx_kafka_sse_consumer_t        *consumer;   /* NULL: the feed is not
                                                    ready, or there is no
                                                    Redis */
    ngx_kafka_sse_cluster_sh_t      *sh;
} ngx_kafka_sse_writer_cluster_t;


struct ngx_kafka_sse_writer_s {
    ngx_cycle_t                     *cycle;
    ngx_kafka_sse_main_conf_t       *conf;
    ngx_kafka_sse_node_sh_t         *node;
    ngx_uint_t                       generation;

    ngx_kafka_sse_feed_t            *feed;
    ngx_kafka_sse_looks_t           *looks;
    ngx_kafka_sse_replays_t         *replays;
    ngx_kafka_sse_writer_cluster_t  *clusters;
    ngx_uint_t                       nclusters;
    ngx_str_t                        instance;   /* of nginx, see there */

    ngx_event_t                      tick;
    ngx_msec_t                       beacon;     /* when it was */
    ngx_msec_t                       look;       /* when the feed had one */
    unsigned                         draining:1;
};


static ngx_int_t ngx_kafka_sse_writer_clusters(ngx_kafka_sse_writer_t *writer);
static ngx_int_t ngx_kafka_sse_writer_cluster(ngx_kafka_sse_writer_t *writer,
    ngx_kafka_sse_writer_cluster_t *cluster);
static ngx_int_t ngx_kafka_sse_writer_instance(ngx_kafka_sse_writer_t *writer);
static void ngx_kafka_sse_writer_tick_handler(ngx_event_t *ev);
static void ngx_kafka_sse_writer_join(ngx_kafka_sse_writer_t *writer);
static ngx_kafka_sse_consumer_t *ngx_kafka_sse_writer_consumer(
    ngx_kafka_sse_writer_t *writer, ngx_kafka_sse_writer_cluster_t *cluster);
static void ngx_kafka_sse_writer_beacon(ngx_kafka_sse_writer_t *writer);
static void ngx_kafka_sse_writer_report(ngx_kafka_sse_writer_t *writer);
static void ngx_kafka_sse_writer_report_denials(
    ngx_kafka_sse_cluster_sh_t *sh, ngx_kafka_sse_denials_t *denials);
static void ngx_kafka_sse_writer_report_redis(ngx_kafka_sse_writer_t *writer);


ngx_kafka_sse_writer_t *
ngx_kafka_sse_writer_create(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_uint_t generation)
{
    ngx_log_t               *log;
    ngx_pool_t              *pool;
    ngx_kafka_sse_writer_t  *writer;

    pool = cycle->pool;
    log = cycle->log;

    writer = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_writer_t));
    if (writer == NULL) {
        return NULL;
    }

    writer->cycle = cycle;
    writer->conf = kmcf;
    writer->node = ngx_kafka_sse_zone_node(kmcf);
    writer->generation = generation;

    if (ngx_kafka_sse_writer_instance(writer) != NGX_OK) {
        return NULL;
    }

    ngx_kafka_sse_looks_adopt(kmcf, log);

    writer->feed = ngx_kafka_sse_feed_create(pool, kmcf, log);
    if (writer->feed == NULL) {
        return NULL;
    }

    writer->looks = ngx_kafka_sse_looks_create(pool, kmcf, writer->feed, log);
    if (writer->looks == NULL) {
        return NULL;
    }

    if (ngx_kafka_sse_writer_clusters(writer) != NGX_OK) {
        return NULL;
    }

    writer->replays = ngx_kafka_sse_replays_create(pool, kmcf, writer->looks,
                                                   log);
    if (writer->replays == NULL) {
        return NULL;
    }

    writer->tick.handler = ngx_kafka_sse_writer_tick_handler;
    writer->tick.data = writer;
    writer->tick.log = log;

    ngx_add_timer(&writer->tick, 1);

    return writer;
}


static ngx_int_t
ngx_kafka_sse_writer_clusters(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t                        i, n;
    ngx_kafka_sse_cluster_t         **conf;
    ngx_kafka_sse_cluster_sh_t       *sh;
    ngx_kafka_sse_writer_cluster_t   *cluster;

    conf = writer->conf->clusters.elts;
    n = writer->conf->clusters.nelts;

    writer->clusters = ngx_pcalloc(writer->cycle->pool,
                                   n * sizeof(ngx_kafka_sse_writer_cluster_t));
    if (writer->clusters == NULL) {
        return NGX_ERROR;
    }

    writer->node->nclusters = 0;

    for (i = 0; i < n; i++) {

        if (conf[i]->topics.nelts == 0) {
            continue;           /* nobody listens to it */
        }

        sh = &writer->node->clusters[writer->nclusters];
        cluster = &writer->clusters[writer->nclusters++];

        ngx_memzero(sh, sizeof(ngx_kafka_sse_cluster_sh_t));
        sh->name[0] = (u_char) conf[i]->name.len;
        ngx_memcpy(sh->name + 1, conf[i]->name.data, conf[i]->name.len);

        cluster->conf = conf[i];
        cluster->sh = sh;

        if (ngx_kafka_sse_writer_cluster(writer, cluster) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    writer->node->nclusters = writer->nclusters;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_writer_cluster(ngx_kafka_sse_writer_t *writer,
    ngx_kafka_sse_writer_cluster_t *cluster)
{
    ngx_log_t                   *log;
    ngx_pool_t                  *pool;
    ngx_kafka_sse_feed_t        *feed;
    ngx_kafka_sse_cluster_t     *conf;
    ngx_kafka_sse_redis_conf_t  *redis;

    pool = writer->cycle->pool;
    log = writer->cycle->log;
    feed = writer->feed;
    conf = cluster->conf;
    redis = writer->conf->redis;

    cluster->reader = ngx_kafka_sse_reader_create(pool, conf,
                                                ngx_kafka_sse_feed_sink(feed),
                                                log);
    if (cluster->reader == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_feed_set_reader(feed, conf, cluster->reader);

    if (conf->is_dynamic
        && ngx_kafka_sse_looks_add(writer->looks, conf, cluster->reader)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (redis->off) {
        return NGX_OK;
    }

    cluster->redis = ngx_kafka_sse_redis_create(pool, redis, conf, feed, log);
    if (cluster->redis == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_feed_set_redis(feed, conf, cluster->redis);

    return NGX_OK;
}


/*
 * By this Kafka knows this nginx again, after a reload or a crash, and lets it
 * have its partitions back at once.  It has to be another one for each nginx
 * of a host, and the same one for all of its processes.
 */

static ngx_int_t
ngx_kafka_sse_writer_instance(ngx_kafka_sse_writer_t *writer)
{
    u_char           *p;
    uint32_t          hash;
    ngx_str_t        *host;
    ngx_cycle_t      *cycle;
    ngx_core_conf_t  *ccf;

    cycle = writer->cycle;
    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    host = &cycle->hostname;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, cycle->prefix.data, cycle->prefix.len);
    ngx_crc32_update(&hash, cycle->conf_file.data, cycle->conf_file.len);
    ngx_crc32_update(&hash, ccf->pid.data, ccf->pid.len);
    ngx_crc32_final(hash);

    p = ngx_pnalloc(cycle->pool,
                    sizeof("ngx-kafka-sse--00000000") + host->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    writer->instance.data = p;
    writer->instance.len = ngx_sprintf(p, "ngx-kafka-sse-%V-%08xD", host,
                                       hash)
                           - p;

    return NGX_OK;
}


static void
ngx_kafka_sse_writer_tick_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_writer_t  *writer;

    writer = ev->data;

    if (!writer->draining) {
        ngx_kafka_sse_writer_join(writer);
    }

    if (ngx_current_msec - writer->look >= NGX_KAFKA_SSE_FEED_LOOK) {
        writer->look = ngx_current_msec;
        ngx_kafka_sse_feed_look(writer->feed);
    }

    if (ngx_current_msec - writer->beacon >= NGX_KAFKA_SSE_WRITER_BEACON) {
        writer->beacon = ngx_current_msec;
        ngx_kafka_sse_writer_beacon(writer);
    }

    ngx_kafka_sse_writer_report(writer);

    ngx_add_timer(ev, NGX_KAFKA_SSE_WRITER_TICK);
}


/*
 * A cluster whose feed has caught up gets its group member, and that the topics
 * that start later
 */

static void
ngx_kafka_sse_writer_join(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_writer_cluster_t  *cluster;

    for (i = 0; i < writer->nclusters; i++) {
        cluster = &writer->clusters[i];

        if (cluster->consumer) {
            ngx_kafka_sse_consumer_topics(cluster->consumer);
            continue;
        }

        if (cluster->redis == NULL
            || !ngx_kafka_sse_feed_ready(writer->feed, cluster->conf))
        {
            continue;
        }

        cluster->consumer = ngx_kafka_sse_writer_consumer(writer, cluster);
        if (cluster->consumer == NULL) {
            _exit(1);
        }
    }
}


/*
 * The member's id says what it subscribes to, too: Kafka gives a static member
 * that comes back what it had, without looking at what it now wants.
 */

static ngx_kafka_sse_consumer_t *
ngx_kafka_sse_writer_consumer(ngx_kafka_sse_writer_t *writer,
    ngx_kafka_sse_writer_cluster_t *cluster)
{
    u_char     *p;
    ngx_str_t   instance;

    p = ngx_pnalloc(writer->cycle->pool,
                    writer->instance.len + sizeof("-00000000"));
    if (p == NULL) {
        return NULL;
    }

    instance.data = p;
    instance.len = ngx_sprintf(p, "%V-%08xD%Z", &writer->instance,
                               ngx_kafka_sse_conf_subscription(cluster->conf))
                   - p - 1;

    return ngx_kafka_sse_consumer_create(writer->cycle->pool, writer->conf,
                                         cluster->conf, &instance,
                                         cluster->redis, writer->feed,
                                         writer->cycle->log);
}


static void
ngx_kafka_sse_writer_beacon(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t  i;

    for (i = 0; i < writer->nclusters; i++) {
        if (writer->clusters[i].consumer) {
            ngx_kafka_sse_consumer_beacon(writer->clusters[i].consumer);
        }
    }
}


/* what the status tells; the heartbeat says that this loop is running */

static void
ngx_kafka_sse_writer_report(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_cluster_sh_t      *sh;
    ngx_kafka_sse_reader_state_t    *reader;
    ngx_kafka_sse_consumer_state_t  *consumer;
    ngx_kafka_sse_writer_cluster_t  *cluster;

    writer->node->heartbeat = ngx_current_msec;

    ngx_kafka_sse_writer_report_redis(writer);

    for (i = 0; i < writer->nclusters; i++) {
        cluster = &writer->clusters[i];
        sh = cluster->sh;

        reader = ngx_kafka_sse_reader_state(cluster->reader);
        sh->brokers = reader->connected;
        sh->reading = reader->reading;

        ngx_kafka_sse_writer_report_denials(sh, cluster->conf->denials);

        if (cluster->conf->is_dynamic) {
            sh->dynamic = ngx_kafka_sse_conf_taken(cluster->conf);
            sh->dynamic_limit = cluster->conf->dynamic;
        }

        if (cluster->consumer == NULL) {
            continue;
        }

        consumer = ngx_kafka_sse_consumer_state(cluster->consumer);
        sh->joined = 1;
        sh->fenced = consumer->fenced;
        sh->assigned = consumer->assigned;
        sh->consumed = consumer->consumed;
        sh->envelopes = consumer->envelopes;
        sh->commits = consumer->commits;
        sh->errors = consumer->errors;
    }
}


/* ASCII only, as a worker may see two texts at once */

static void
ngx_kafka_sse_writer_report_denials(ngx_kafka_sse_cluster_sh_t *sh,
    ngx_kafka_sse_denials_t *denials)
{
    size_t  len;

    sh->authentication_errors =
                            denials->n[ngx_kafka_sse_denial_authentication];
    sh->tls_errors = denials->n[ngx_kafka_sse_denial_tls];
    sh->authorization_errors = denials->n[ngx_kafka_sse_denial_authorization];
    sh->denials = denials->nelts;

    len = denials->reason
          ? ngx_min(ngx_strlen(denials->reason), sizeof(sh->denied) - 1) : 0;

    sh->denied[0] = (u_char) len;

    if (len) {
        ngx_memcpy(&sh->denied[1], denials->reason, len);
    }
}


/* of all clusters together: each has connections of its own */

static void
ngx_kafka_sse_writer_report_redis(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t                    i;
    ngx_kafka_sse_node_sh_t      *node;
    ngx_kafka_sse_redis_state_t   sum, *redis;

    ngx_memzero(&sum, sizeof(ngx_kafka_sse_redis_state_t));

    sum.connected = !writer->conf->redis->off;
    sum.subscribed = !writer->conf->redis->off;

    for (i = 0; i < writer->nclusters; i++) {

        if (writer->clusters[i].redis == NULL) {
            continue;
        }

        redis = ngx_kafka_sse_redis_state(writer->clusters[i].redis);

        sum.connected &= redis->connected;
        sum.subscribed &= redis->subscribed;
        sum.reconnects += redis->reconnects;
        sum.queued += redis->queued;
    }

    node = writer->node;

    node->redis_connected = sum.connected;
    node->redis_subscribed = sum.subscribed;
    node->redis_reconnects = sum.reconnects;
    node->redis_queued = sum.queued;
}


void
ngx_kafka_sse_writer_drain(ngx_kafka_sse_writer_t *writer)
{
    ngx_uint_t                i, leave;
    ngx_kafka_sse_node_sh_t  *node;

    node = writer->node;
    writer->draining = 1;

    /* the workers go to the next one, if there will be one */

    if (node->generation != writer->generation) {
        ngx_kafka_sse_replays_close(writer->replays);
    }

    leave = (node->generation == writer->generation
             || node->subscriptions
                != ngx_kafka_sse_conf_subscriptions(writer->conf));

    for (i = 0; i < writer->nclusters; i++) {
        if (writer->clusters[i].consumer) {
            ngx_kafka_sse_consumer_stop(writer->clusters[i].consumer, leave);
        }
    }
}


ngx_uint_t
ngx_kafka_sse_writer_is_drained(ngx_kafka_sse_writer_t *writer)
{
    int64_t                           published;
    ngx_uint_t                        i, t, p;
    ngx_kafka_sse_topic_t           **topics;
    ngx_kafka_sse_writer_cluster_t   *cluster;

    for (i = 0; i < writer->nclusters; i++) {
        cluster = &writer->clusters[i];

        if (cluster->consumer == NULL) {
            continue;
        }

        if (!ngx_kafka_sse_consumer_stopped(cluster->consumer)) {
            return 0;
        }

        topics = cluster->conf->topics.elts;

        for (t = 0; t < cluster->conf->topics.nelts; t++) {
            for (p = 0; p < NGX_KAFKA_SSE_PARTITIONS_MAX; p++) {

                published = ngx_kafka_sse_consumer_published(cluster->consumer,
                                                             topics[t], p);

                if (published > ngx_kafka_sse_feed_held(writer->feed,
                                                        topics[t], p))
                {
                    return 0;
                }
            }
        }
    }

    return 1;
}
