
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_companion.h>
#include <companion/ngx_kafka_sse_consumer.h>
#include <companion/ngx_kafka_sse_denial.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_look.h>
#include <companion/ngx_kafka_sse_reader.h>
#include <companion/ngx_kafka_sse_redis.h>
#include <companion/ngx_kafka_sse_replay.h>

#include <sys/prctl.h>


/* times in ms */

#define NGX_KAFKA_SSE_LOCK_INTERVAL     20
#define NGX_KAFKA_SSE_TICK              50
#define NGX_KAFKA_SSE_BEACON            500
#define NGX_KAFKA_SSE_DRAIN             2500
#define NGX_KAFKA_SSE_TERMINATE         800     /* nginx kills after 1 s */
#define NGX_KAFKA_SSE_SOON              5000    /* an end this soon after the
                                                   start is a failure of it */
#define NGX_KAFKA_SSE_BACKOFF_MIN       100
#define NGX_KAFKA_SSE_BACKOFF_MAX       5000


typedef struct {
    ngx_kafka_sse_cluster_t      *conf;
    ngx_kafka_sse_reader_t       *reader;
    ngx_kafka_sse_redis_t        *redis;       /* NULL: it is off */
    ngx_kafka_sse_consumer_t     *consumer;    /* NULL: the feed is not ready,
                                                  or there is no Redis */
    ngx_kafka_sse_cluster_sh_t   *sh;
} ngx_kafka_sse_companion_cluster_t;


/* the companion process; there is one in its memory */

typedef struct {
    ngx_cycle_t                        *cycle;
    ngx_kafka_sse_main_conf_t          *conf;
    ngx_kafka_sse_node_sh_t            *node;
    ngx_uint_t                          generation;

    ngx_kafka_sse_feed_t               *feed;      /* NULL: not the writer */
    ngx_kafka_sse_looks_t              *looks;
    ngx_kafka_sse_replays_t            *replays;
    ngx_kafka_sse_companion_cluster_t  *clusters;
    ngx_uint_t                          nclusters;
    ngx_str_t                           instance;  /* of nginx, see there */

    ngx_event_t                         begin;     /* after the backoff, and
                                                      until the lock is ours */
    ngx_event_t                         tick;
    ngx_event_t                         others;    /* managers of nginx's own */
    ngx_msec_t                          deadline;  /* of the drain */
    ngx_msec_t                          beacon;    /* when it was */
    ngx_msec_t                          look;      /* when the feed had one */
    unsigned                            draining:1;
} ngx_kafka_sse_companion_t;


static ngx_msec_t ngx_kafka_sse_companion_manager(void *data);
static ngx_int_t ngx_kafka_sse_companion_init(ngx_kafka_sse_companion_t *com,
    ngx_cycle_t *cycle);
static void ngx_kafka_sse_companion_follow_master(void);
static ngx_msec_t ngx_kafka_sse_companion_backoff(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_cycle(ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_others_handler(ngx_event_t *ev);
static void ngx_kafka_sse_companion_begin_handler(ngx_event_t *ev);
static ngx_int_t ngx_kafka_sse_companion_begin(ngx_kafka_sse_companion_t *com);
static ngx_int_t ngx_kafka_sse_companion_begin_clusters(
    ngx_kafka_sse_companion_t *com);
static ngx_int_t ngx_kafka_sse_companion_instance(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_tick_handler(ngx_event_t *ev);
static void ngx_kafka_sse_companion_join(ngx_kafka_sse_companion_t *com);
static ngx_kafka_sse_consumer_t *ngx_kafka_sse_companion_consumer(
    ngx_kafka_sse_companion_t *com,
    ngx_kafka_sse_companion_cluster_t *cluster);
static void ngx_kafka_sse_companion_beacon(ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_report(ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_report_denials(
    ngx_kafka_sse_cluster_sh_t *sh, ngx_kafka_sse_denials_t *denials);
static void ngx_kafka_sse_companion_report_redis(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_drain(ngx_kafka_sse_companion_t *com,
    ngx_msec_t time);
static ngx_uint_t ngx_kafka_sse_companion_drained(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_exit(ngx_kafka_sse_companion_t *com);


ngx_int_t
ngx_kafka_sse_companion_register(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf)
{
    ngx_path_t   *path, **slot;

    path = ngx_pcalloc(cycle->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&cycle->paths);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    /* the name is for messages only: paths have been created by now */

    ngx_str_set(&path->name, "kafka_sse companion");
    path->manager = ngx_kafka_sse_companion_manager;
    path->data = kmcf;
    path->conf_file = cycle->conf_file.data;

    *slot = path;

    return NGX_OK;
}


/* runs once, in the process that the master has made for it; never returns */

static ngx_msec_t
ngx_kafka_sse_companion_manager(void *data)
{
    ngx_kafka_sse_main_conf_t *kmcf = data;

    ngx_kafka_sse_companion_t  *com;

    ngx_setproctitle("kafka_sse companion process");

    com = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_kafka_sse_companion_t));

    if (com) {
        com->conf = kmcf;

        if (ngx_kafka_sse_companion_init(com, (ngx_cycle_t *) ngx_cycle)
            == NGX_OK)
        {
            ngx_kafka_sse_companion_cycle(com);
        }
    }

    /* exit status 2 would tell the master never to start it again */

    _exit(1);
}


static ngx_int_t
ngx_kafka_sse_companion_init(ngx_kafka_sse_companion_t *com,
    ngx_cycle_t *cycle)
{
    com->cycle = cycle;
    com->node = ngx_kafka_sse_zone_node(com->conf);
    com->generation = com->node->generation;

    if (ngx_kafka_sse_companion_instance(com) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_companion_follow_master();

    com->begin.handler = ngx_kafka_sse_companion_begin_handler;
    com->begin.data = com;
    com->begin.log = cycle->log;

    com->tick.handler = ngx_kafka_sse_companion_tick_handler;
    com->tick.data = com;
    com->tick.log = cycle->log;

    com->others.handler = ngx_kafka_sse_companion_others_handler;
    com->others.data = com;
    com->others.log = cycle->log;

    ngx_add_timer(&com->begin, ngx_kafka_sse_companion_backoff(com));
    ngx_add_timer(&com->others, 1);

    return NGX_OK;
}


/*
 * A master that is killed takes us along; its end of the channel closes, too,
 * but nginx does not act on that.  The signal is lost if the master died
 * before we asked for it, so look once more.
 */

static void
ngx_kafka_sse_companion_follow_master(void)
{
    if (prctl(PR_SET_PDEATHSIG, ngx_signal_value(NGX_SHUTDOWN_SIGNAL)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "prctl(PR_SET_PDEATHSIG) failed");
    }

    if (getppid() != ngx_parent) {
        ngx_quit = 1;
    }
}


/*
 * The master respawns at once, however often: what ends soon after its start
 * waits before the next one, longer each time.  The first failure is free: a
 * process that was killed by hand is back in milliseconds.
 */

static ngx_msec_t
ngx_kafka_sse_companion_backoff(ngx_kafka_sse_companion_t *com)
{
    ngx_msec_t                delay;
    ngx_kafka_sse_node_sh_t  *node;

    node = com->node;

    if (node->tried != com->generation || node->clean) {
        node->failures = 0;

    } else if (ngx_current_msec - node->born < NGX_KAFKA_SSE_SOON) {
        node->failures++;

    } else {
        node->failures = 1;
    }

    node->tried = com->generation;
    node->clean = 0;
    node->born = ngx_current_msec;

    if (node->failures < 3) {
        return 1;
    }

    delay = NGX_KAFKA_SSE_BACKOFF_MIN << ngx_min(node->failures - 3, 6);
    delay = ngx_min(delay, NGX_KAFKA_SSE_BACKOFF_MAX);
    node->born += delay;

    ngx_log_error(NGX_LOG_ERR, com->cycle->log, 0,
                  "kafka_sse: the companion process has ended %uA times soon "
                  "after its start, the next start in %M ms",
                  node->failures, delay);

    return delay;
}


/* nginx's own loop would exit without our drain, hence this one */

static void
ngx_kafka_sse_companion_cycle(ngx_kafka_sse_companion_t *com)
{
    ngx_cycle_t  *cycle;

    cycle = com->cycle;

    for ( ;; ) {

        if (ngx_quit && !com->draining) {
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                          "gracefully shutting down");
            ngx_setproctitle("kafka_sse companion process is shutting down");
            ngx_kafka_sse_companion_drain(com, NGX_KAFKA_SSE_DRAIN);
        }

        if (ngx_terminate) {
            ngx_terminate = 0;
            ngx_kafka_sse_companion_drain(com, NGX_KAFKA_SSE_TERMINATE);
        }

        if (com->draining && ngx_kafka_sse_companion_drained(com)) {
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "exiting");
            ngx_kafka_sse_companion_exit(com);
        }

        if (ngx_reopen) {
            ngx_reopen = 0;
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "reopening logs");
            ngx_reopen_files(cycle, -1);
        }

        ngx_process_events_and_timers(cycle);
    }
}


/* proxy_cache and its like share this process */

static void
ngx_kafka_sse_companion_others_handler(ngx_event_t *ev)
{
    ngx_uint_t                  i, n;
    ngx_msec_t                  next;
    ngx_path_t                **path;
    ngx_kafka_sse_companion_t  *com;

    com = ev->data;

    next = 60 * 60 * 1000;
    n = 0;

    path = com->cycle->paths.elts;

    for (i = 0; i < com->cycle->paths.nelts; i++) {

        if (path[i]->manager == NULL
            || path[i]->manager == ngx_kafka_sse_companion_manager)
        {
            continue;
        }

        n++;
        next = ngx_min(next, path[i]->manager(path[i]->data));

        ngx_time_update();
    }

    if (n) {
        ngx_add_timer(ev, ngx_max(next, 1));
    }
}


static void
ngx_kafka_sse_companion_begin_handler(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_kafka_sse_companion_t  *com;

    com = ev->data;

    if (com->draining) {
        return;
    }

    rc = ngx_kafka_sse_zone_lock(com->node);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(ev, NGX_KAFKA_SSE_LOCK_INTERVAL);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "kafka_sse: fcntl() of the writer lock failed");
        _exit(1);
    }

    if (ngx_kafka_sse_companion_begin(com) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                      "kafka_sse: the companion process could not start");
        _exit(1);
    }
}


/* we are the writer */

static ngx_int_t
ngx_kafka_sse_companion_begin(ngx_kafka_sse_companion_t *com)
{
    ngx_log_t                *log;
    ngx_kafka_sse_node_sh_t  *node;

    node = com->node;
    log = com->cycle->log;

    if (node->served == com->generation) {
        node->restarts++;
    }

    node->served = com->generation;
    node->pid = ngx_pid;
    node->started = ngx_time();
    node->clean = 0;
    node->heartbeat = ngx_current_msec;

    ngx_kafka_sse_looks_adopt(com->conf, log);

    com->feed = ngx_kafka_sse_feed_create(com->cycle->pool, com->conf, log);
    if (com->feed == NULL) {
        return NGX_ERROR;
    }

    com->looks = ngx_kafka_sse_looks_create(com->cycle->pool, com->conf,
                                            com->feed, log);
    if (com->looks == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_companion_begin_clusters(com) != NGX_OK) {
        return NGX_ERROR;
    }

    com->replays = ngx_kafka_sse_replays_create(com->cycle->pool, com->conf,
                                                com->looks, log);
    if (com->replays == NULL) {
        return NGX_ERROR;
    }

    ngx_add_timer(&com->tick, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_companion_begin_clusters(ngx_kafka_sse_companion_t *com)
{
    ngx_uint_t                          i, n;
    ngx_kafka_sse_cluster_t           **conf;
    ngx_kafka_sse_cluster_sh_t         *sh;
    ngx_kafka_sse_companion_cluster_t  *cluster;

    conf = com->conf->clusters.elts;
    n = com->conf->clusters.nelts;

    com->clusters = ngx_pcalloc(com->cycle->pool,
                                n * sizeof(ngx_kafka_sse_companion_cluster_t));
    if (com->clusters == NULL) {
        return NGX_ERROR;
    }

    com->node->nclusters = 0;

    for (i = 0; i < n; i++) {

        if (conf[i]->topics.nelts == 0) {
            continue;           /* nobody listens to it */
        }

        sh = &com->node->clusters[com->nclusters];
        cluster = &com->clusters[com->nclusters++];

        ngx_memzero(sh, sizeof(ngx_kafka_sse_cluster_sh_t));
        sh->name[0] = (u_char) conf[i]->name.len;
        ngx_memcpy(sh->name + 1, conf[i]->name.data, conf[i]->name.len);

        cluster->conf = conf[i];
        cluster->sh = sh;
        cluster->reader = ngx_kafka_sse_reader_create(com->cycle->pool,
                                            conf[i],
                                            ngx_kafka_sse_feed_sink(com->feed),
                                            com->cycle->log);
        if (cluster->reader == NULL) {
            return NGX_ERROR;
        }

        ngx_kafka_sse_feed_set_reader(com->feed, conf[i], cluster->reader);

        if (conf[i]->is_dynamic
            && ngx_kafka_sse_looks_add(com->looks, conf[i], cluster->reader)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (com->conf->redis->off) {
            continue;
        }

        cluster->redis = ngx_kafka_sse_redis_create(com->cycle->pool,
                                                    com->conf->redis, conf[i],
                                                    com->feed,
                                                    com->cycle->log);
        if (cluster->redis == NULL) {
            return NGX_ERROR;
        }

        ngx_kafka_sse_feed_set_redis(com->feed, conf[i], cluster->redis);
    }

    com->node->nclusters = com->nclusters;

    return NGX_OK;
}


/*
 * By this Kafka knows this nginx again, after a reload or a crash, and lets it
 * have its partitions back at once.  It has to be another one for each nginx
 * of a host, and the same one for all of its processes.
 */

static ngx_int_t
ngx_kafka_sse_companion_instance(ngx_kafka_sse_companion_t *com)
{
    u_char           *p;
    uint32_t          hash;
    ngx_str_t        *host;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(com->cycle->conf_ctx,
                                           ngx_core_module);
    host = &com->cycle->hostname;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, com->cycle->prefix.data, com->cycle->prefix.len);
    ngx_crc32_update(&hash, com->cycle->conf_file.data,
                     com->cycle->conf_file.len);
    ngx_crc32_update(&hash, ccf->pid.data, ccf->pid.len);
    ngx_crc32_final(hash);

    p = ngx_pnalloc(com->cycle->pool,
                    sizeof("ngx-kafka-sse--00000000") + host->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    com->instance.data = p;
    com->instance.len = ngx_sprintf(p, "ngx-kafka-sse-%V-%08xD", host, hash)
                        - p;

    return NGX_OK;
}


static void
ngx_kafka_sse_companion_tick_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_companion_t  *com;

    com = ev->data;

    if (!com->draining) {
        ngx_kafka_sse_companion_join(com);
    }

    if (ngx_current_msec - com->look >= NGX_KAFKA_SSE_FEED_LOOK) {
        com->look = ngx_current_msec;
        ngx_kafka_sse_feed_look(com->feed);
    }

    if (ngx_current_msec - com->beacon >= NGX_KAFKA_SSE_BEACON) {
        com->beacon = ngx_current_msec;
        ngx_kafka_sse_companion_beacon(com);
    }

    ngx_kafka_sse_companion_report(com);

    ngx_add_timer(ev, NGX_KAFKA_SSE_TICK);
}


/*
 * A cluster whose feed has caught up gets its group member, and that the topics
 * that start later
 */

static void
ngx_kafka_sse_companion_join(ngx_kafka_sse_companion_t *com)
{
    ngx_uint_t                          i;
    ngx_kafka_sse_companion_cluster_t  *cluster;

    for (i = 0; i < com->nclusters; i++) {
        cluster = &com->clusters[i];

        if (cluster->consumer) {
            ngx_kafka_sse_consumer_topics(cluster->consumer);
            continue;
        }

        if (cluster->redis == NULL
            || !ngx_kafka_sse_feed_ready(com->feed, cluster->conf))
        {
            continue;
        }

        cluster->consumer = ngx_kafka_sse_companion_consumer(com, cluster);
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
ngx_kafka_sse_companion_consumer(ngx_kafka_sse_companion_t *com,
    ngx_kafka_sse_companion_cluster_t *cluster)
{
    u_char     *p;
    ngx_str_t   instance;

    p = ngx_pnalloc(com->cycle->pool, com->instance.len + sizeof("-00000000"));
    if (p == NULL) {
        return NULL;
    }

    instance.data = p;
    instance.len = ngx_sprintf(p, "%V-%08xD%Z", &com->instance,
                               ngx_kafka_sse_conf_subscription(cluster->conf))
                   - p - 1;

    return ngx_kafka_sse_consumer_create(com->cycle->pool, com->conf,
                                         cluster->conf, &instance,
                                         cluster->redis, com->feed,
                                         com->cycle->log);
}


static void
ngx_kafka_sse_companion_beacon(ngx_kafka_sse_companion_t *com)
{
    ngx_uint_t  i;

    for (i = 0; i < com->nclusters; i++) {
        if (com->clusters[i].consumer) {
            ngx_kafka_sse_consumer_beacon(com->clusters[i].consumer);
        }
    }
}


/* what the status tells; the heartbeat says that this loop is running */

static void
ngx_kafka_sse_companion_report(ngx_kafka_sse_companion_t *com)
{
    ngx_uint_t                          i;
    ngx_kafka_sse_node_sh_t            *node;
    ngx_kafka_sse_cluster_sh_t         *sh;
    ngx_kafka_sse_reader_state_t       *reader;
    ngx_kafka_sse_consumer_state_t     *consumer;
    ngx_kafka_sse_companion_cluster_t  *cluster;

    node = com->node;
    node->heartbeat = ngx_current_msec;

    ngx_kafka_sse_companion_report_redis(com);

    for (i = 0; i < com->nclusters; i++) {
        cluster = &com->clusters[i];
        sh = cluster->sh;

        reader = ngx_kafka_sse_reader_state(cluster->reader);
        sh->brokers = reader->connected;
        sh->reading = reader->reading;

        ngx_kafka_sse_companion_report_denials(sh, cluster->conf->denials);

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
ngx_kafka_sse_companion_report_denials(ngx_kafka_sse_cluster_sh_t *sh,
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
ngx_kafka_sse_companion_report_redis(ngx_kafka_sse_companion_t *com)
{
    ngx_uint_t                    i;
    ngx_kafka_sse_node_sh_t      *node;
    ngx_kafka_sse_redis_state_t   sum, *redis;

    ngx_memzero(&sum, sizeof(ngx_kafka_sse_redis_state_t));

    sum.connected = !com->conf->redis->off;
    sum.subscribed = !com->conf->redis->off;

    for (i = 0; i < com->nclusters; i++) {

        if (com->clusters[i].redis == NULL) {
            continue;
        }

        redis = ngx_kafka_sse_redis_state(com->clusters[i].redis);

        sum.connected &= redis->connected;
        sum.subscribed &= redis->subscribed;
        sum.reconnects += redis->reconnects;
        sum.queued += redis->queued;
    }

    node = com->node;

    node->redis_connected = sum.connected;
    node->redis_subscribed = sum.subscribed;
    node->redis_reconnects = sum.reconnects;
    node->redis_queued = sum.queued;
}


/*
 * We stop taking records, but go on appending what Redis still brings.  After
 * a reload that wants the same topics the next companion takes our place in
 * the group; otherwise we leave it, so that nobody need wait for us.
 */

static void
ngx_kafka_sse_companion_drain(ngx_kafka_sse_companion_t *com, ngx_msec_t time)
{
    ngx_uint_t  i, leave;

    com->deadline = ngx_current_msec + time;

    if (com->draining) {
        return;
    }

    com->draining = 1;

    /* the workers go to the next one, if there will be one */

    if (com->replays && com->node->generation != com->generation) {
        ngx_kafka_sse_replays_close(com->replays);
    }

    leave = (com->node->generation == com->generation
             || com->node->subscriptions
                != ngx_kafka_sse_conf_subscriptions(com->conf));

    for (i = 0; i < com->nclusters; i++) {
        if (com->clusters[i].consumer) {
            ngx_kafka_sse_consumer_stop(com->clusters[i].consumer, leave);
        }
    }
}


/* all that we published is committed, and in our own ring */

static ngx_uint_t
ngx_kafka_sse_companion_drained(ngx_kafka_sse_companion_t *com)
{
    int64_t                             published;
    ngx_uint_t                          i, t, p;
    ngx_kafka_sse_topic_t             **topics;
    ngx_kafka_sse_companion_cluster_t  *cluster;

    if ((ngx_msec_int_t) (com->deadline - ngx_current_msec) <= 0) {
        ngx_log_error(NGX_LOG_WARN, com->cycle->log, 0,
                      "kafka_sse: Kafka or Redis did not answer in time, "
                      "exiting without");
        return 1;
    }

    for (i = 0; i < com->nclusters; i++) {
        cluster = &com->clusters[i];

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

                if (published > ngx_kafka_sse_feed_held(com->feed, topics[t],
                                                        p))
                {
                    return 0;
                }
            }
        }
    }

    return 1;
}


/*
 * Not exit(): librdkafka's threads still run, and what exit() tears down may
 * be in their hands.  Waiting for them could take as long as Kafka hangs.
 */

static void
ngx_kafka_sse_companion_exit(ngx_kafka_sse_companion_t *com)
{
    if (com->feed) {
        com->node->clean = 1;
    }

    _exit(0);
}
