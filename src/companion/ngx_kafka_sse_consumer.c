
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_consumer.h>
#include <shared/ngx_kafka_sse_envelope.h>


#define NGX_KAFKA_SSE_CONSUMER_COMMIT  500      /* ms between commits */
#define NGX_KAFKA_SSE_CONSUMER_FENCED  30000    /* ms to the next attempt */

/*
 * Redis has this many bytes to accept: we take no more, until it is down to
 * low.  Pausing makes librdkafka forget what it has fetched, so first we only
 * leave its queue alone, for as many ms.
 */

#define NGX_KAFKA_SSE_CONSUMER_HIGH    (8 * 1024 * 1024)
#define NGX_KAFKA_SSE_CONSUMER_LOW     (4 * 1024 * 1024)
#define NGX_KAFKA_SSE_CONSUMER_HOLD    500

#define NGX_KAFKA_SSE_CONSUMER_TICK    20       /* ms between looks */


typedef struct ngx_kafka_sse_consumer_topic_s  ngx_kafka_sse_consumer_topic_t;


/* made when it is first assigned, kept as long as the process lives */

typedef struct {
    ngx_kafka_sse_consumer_topic_t  *topic;
    int32_t                          partition;

    int64_t                          next;       /* below are duplicates */
    int64_t                          from;       /* of the next envelope */
    int64_t                          published;
    int64_t                          accepted;   /* by Redis */
    int64_t                          committed;  /* Kafka was asked to */

    u_char                          *envelope;   /* under construction */
    u_char                          *last;
    u_char                          *end;
    uint32_t                         count;      /* its records */
    ngx_queue_t                      queue;      /* in consumer->open */

    unsigned                         owned:1;
} ngx_kafka_sse_consumer_partition_t;


struct ngx_kafka_sse_consumer_topic_s {
    ngx_kafka_sse_topic_t                *topic;
    char                                 *name;
    rd_kafka_topic_t                     *rkt;
    ngx_str_t                             channel;

    ngx_kafka_sse_consumer_partition_t  **partitions;
    ngx_uint_t                            size;   /* entries at partitions */
};


/* what was published and not yet seen to be accepted */

typedef struct {
    uint64_t                              seq;
    int64_t                               next;
    ngx_kafka_sse_consumer_partition_t   *partition;
} ngx_kafka_sse_consumer_sent_t;


typedef enum {
    ngx_kafka_sse_consumer_running = 0,
    ngx_kafka_sse_consumer_fenced,
    ngx_kafka_sse_consumer_publishing,   /* what follows is _stop()'s way */
    ngx_kafka_sse_consumer_committing,
    ngx_kafka_sse_consumer_leaving,
    ngx_kafka_sse_consumer_closing,
    ngx_kafka_sse_consumer_done
} ngx_kafka_sse_consumer_step_e;


struct ngx_kafka_sse_consumer_s {
    ngx_kafka_sse_client_t                client;
    ngx_kafka_sse_cluster_t              *cluster;
    ngx_kafka_sse_redis_t                *redis;
    ngx_kafka_sse_feed_t                 *feed;
    ngx_str_t                             prefix;
    char                                 *instance;
    ngx_log_t                            *log;

    ngx_kafka_sse_consumer_topic_t       *topics;
    ngx_uint_t                            ntopics;
    ngx_str_t                             cluster_id;
    u_char                                id[256];

    ngx_queue_t                           open;      /* partitions with an
                                                        envelope */

    ngx_kafka_sse_consumer_sent_t        *sent;      /* a ring */
    size_t                                size;      /* entries, 2^n */
    size_t                                head;      /* counts for ever */
    size_t                                tail;

    ngx_uint_t                            commits;   /* not yet answered */
    ngx_event_t                           commit;
    ngx_event_t                           throttle;
    ngx_event_t                           step_event;

    ngx_kafka_sse_consumer_step_e         step;
    ngx_msec_t                            since;     /* Redis is full */
    ngx_kafka_sse_consumer_state_t        state;

    unsigned                              full:1;    /* Redis is */
    unsigned                              paused:1;
    unsigned                              leave:1;
};


static ngx_int_t ngx_kafka_sse_consumer_init_topics(
    ngx_kafka_sse_consumer_t *consumer, ngx_pool_t *pool);
static ngx_int_t ngx_kafka_sse_consumer_open(
    ngx_kafka_sse_consumer_t *consumer);
static ngx_int_t ngx_kafka_sse_consumer_subscribe(
    ngx_kafka_sse_consumer_t *consumer);
static ngx_int_t ngx_kafka_sse_consumer_event(void *data,
    rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_turn(void *data);
static ngx_int_t ngx_kafka_sse_consumer_error(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_set_fenced(
    ngx_kafka_sse_consumer_t *consumer, const char *text);
static void ngx_kafka_sse_consumer_reopen(ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_out_of_range(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_topic_partition_t *tp,
    const char *text);

static void ngx_kafka_sse_consumer_rebalance(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_assign(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_list_t *list);
static void ngx_kafka_sse_consumer_take(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_t *tp);
static void ngx_kafka_sse_consumer_revoke(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_list_t *list);
static ngx_uint_t ngx_kafka_sse_consumer_incremental(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_failed(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_error_t *error);
static void ngx_kafka_sse_consumer_cluster_id(
    ngx_kafka_sse_consumer_t *consumer);
static rd_kafka_topic_partition_list_t *ngx_kafka_sse_consumer_owned(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_disown(ngx_kafka_sse_consumer_t *consumer);

static ngx_kafka_sse_consumer_topic_t *ngx_kafka_sse_consumer_topic(
    ngx_kafka_sse_consumer_t *consumer, const char *name);
static ngx_kafka_sse_consumer_partition_t *ngx_kafka_sse_consumer_partition(
    ngx_kafka_sse_consumer_topic_t *ct, int32_t partition);
static ngx_kafka_sse_consumer_partition_t *
    ngx_kafka_sse_consumer_add_partition(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_topic_t *ct, int32_t partition);

static void ngx_kafka_sse_consumer_record(ngx_kafka_sse_consumer_t *consumer,
    const rd_kafka_message_t *msg);
static ngx_int_t ngx_kafka_sse_consumer_add(
    ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_consumer_room(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp, size_t len);
static void ngx_kafka_sse_consumer_discard(
    ngx_kafka_sse_consumer_partition_t *cp);
static void ngx_kafka_sse_consumer_flush(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp);
static void ngx_kafka_sse_consumer_head(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_topic_t *ct, ngx_kafka_sse_envelope_t *env);
static ngx_int_t ngx_kafka_sse_consumer_channel(
    ngx_kafka_sse_consumer_t *consumer, ngx_kafka_sse_consumer_topic_t *ct);

static ngx_int_t ngx_kafka_sse_consumer_push(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_pop(ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_commit_handler(ngx_event_t *ev);
static void ngx_kafka_sse_consumer_commit(ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_commit_partition(
    ngx_kafka_sse_consumer_partition_t *cp,
    rd_kafka_topic_partition_list_t *list);
static void ngx_kafka_sse_consumer_committed(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_event_t *event);

static void ngx_kafka_sse_consumer_throttle(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_throttle_handler(ngx_event_t *ev);
static void ngx_kafka_sse_consumer_pause(ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_step_handler(ngx_event_t *ev);
static ngx_uint_t ngx_kafka_sse_consumer_is_member(
    ngx_kafka_sse_consumer_t *consumer);


static ngx_kafka_sse_client_property_t  ngx_kafka_sse_consumer_own[] = {
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    { "enable.partition.eof", "false" },
    { "statistics.interval.ms", "0" },
    { NULL, NULL }
};


/* beside those that librdkafka itself does not let set by name */

static char  *ngx_kafka_sse_consumer_refused[] = {
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
ngx_kafka_sse_consumer_check_property(char *name, char *value, char *err,
    size_t size)
{
    char                **refused;
    size_t                len;
    ngx_int_t             rc;
    rd_kafka_conf_t      *conf;

    for (refused = ngx_kafka_sse_consumer_refused; *refused; refused++) {
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


ngx_kafka_sse_consumer_t *
ngx_kafka_sse_consumer_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *instance, ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log)
{
    u_char                    *p;
    ngx_kafka_sse_client_t    *client;
    ngx_kafka_sse_consumer_t  *consumer;

    consumer = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_consumer_t));
    if (consumer == NULL) {
        return NULL;
    }

    p = ngx_pnalloc(pool, instance->len + 1);
    if (p == NULL) {
        return NULL;
    }

    (void) ngx_cpystrn(p, instance->data, instance->len + 1);

    consumer->instance = (char *) p;
    consumer->cluster = cluster;
    consumer->redis = redis;
    consumer->feed = feed;
    consumer->prefix = kmcf->redis->prefix;
    consumer->log = log;
    consumer->cluster_id.data = consumer->id;

    ngx_queue_init(&consumer->open);

    consumer->commit.handler = ngx_kafka_sse_consumer_commit_handler;
    consumer->commit.data = consumer;
    consumer->commit.log = log;

    consumer->throttle.handler = ngx_kafka_sse_consumer_throttle_handler;
    consumer->throttle.data = consumer;
    consumer->throttle.log = log;

    consumer->step_event.handler = ngx_kafka_sse_consumer_step_handler;
    consumer->step_event.data = consumer;
    consumer->step_event.log = log;

    client = &consumer->client;

    client->cluster = cluster;
    client->role = "consumer";
    client->log = log;
    client->data = consumer;
    client->event = ngx_kafka_sse_consumer_event;
    client->turn = ngx_kafka_sse_consumer_turn;

    /* the reader, which has the same brokers, says it as an error */

    client->level = NGX_LOG_WARN;

    if (ngx_kafka_sse_consumer_init_topics(consumer, pool) != NGX_OK) {
        return NULL;
    }

    if (ngx_kafka_sse_consumer_open(consumer) != NGX_OK) {
        return NULL;
    }

    return consumer;
}


static ngx_int_t
ngx_kafka_sse_consumer_init_topics(ngx_kafka_sse_consumer_t *consumer,
    ngx_pool_t *pool)
{
    u_char                          *name;
    ngx_uint_t                       i;
    ngx_kafka_sse_topic_t          **topics;
    ngx_kafka_sse_consumer_topic_t  *ct;

    topics = consumer->cluster->topics.elts;
    consumer->ntopics = consumer->cluster->topics.nelts;

    ct = ngx_pcalloc(pool, consumer->ntopics
                           * sizeof(ngx_kafka_sse_consumer_topic_t));
    if (ct == NULL) {
        return NGX_ERROR;
    }

    consumer->topics = ct;

    for (i = 0; i < consumer->ntopics; i++) {
        name = ngx_pnalloc(pool, topics[i]->name.len + 1);
        if (name == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(name, topics[i]->name.data,
                           topics[i]->name.len + 1);

        ct[i].topic = topics[i];
        ct[i].name = (char *) name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_consumer_open(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_client_property_t  defaults[6], own[6];

    ngx_memzero(defaults, sizeof(defaults));

    defaults[0].name = "group.instance.id";
    defaults[0].value = consumer->instance;
    defaults[1].name = "partition.assignment.strategy";
    defaults[1].value = "cooperative-sticky";
    defaults[2].name = "fetch.wait.max.ms";
    defaults[2].value = "200";
    defaults[3].name = "fetch.error.backoff.ms";
    defaults[3].value = "100";

    /* by its answer a member learns of a rebalance: 3 s by default */

    defaults[4].name = "heartbeat.interval.ms";
    defaults[4].value = "1000";

    ngx_memcpy(own, ngx_kafka_sse_consumer_own,
               sizeof(ngx_kafka_sse_consumer_own));

    ngx_memzero(&own[4], 2 * sizeof(ngx_kafka_sse_client_property_t));

    own[4].name = "group.id";
    own[4].value = (char *) consumer->cluster->group_id.data;

    if (ngx_kafka_sse_client_open(&consumer->client, defaults, own)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < consumer->ntopics; i++) {
        consumer->topics[i].rkt = ngx_kafka_sse_client_topic(
                                      &consumer->client,
                                      consumer->topics[i].name,
                                      &consumer->topics[i]);

        if (consumer->topics[i].rkt == NULL) {
            goto failed;
        }
    }

    if (ngx_kafka_sse_consumer_subscribe(consumer) == NGX_OK) {
        return NGX_OK;
    }

failed:

    for (i = 0; i < consumer->ntopics; i++) {
        if (consumer->topics[i].rkt) {
            rd_kafka_topic_destroy(consumer->topics[i].rkt);
            consumer->topics[i].rkt = NULL;
        }
    }

    ngx_kafka_sse_client_close(&consumer->client, 1);

    return NGX_ERROR;
}


static ngx_int_t
ngx_kafka_sse_consumer_subscribe(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                        i;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_topic_partition_list_new(consumer->ntopics);

    for (i = 0; i < consumer->ntopics; i++) {
        rd_kafka_topic_partition_list_add(list, consumer->topics[i].name,
                                          RD_KAFKA_PARTITION_UA);
    }

    err = rd_kafka_subscribe(consumer->client.rk, list);

    rd_kafka_topic_partition_list_destroy(list);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        ngx_log_error(NGX_LOG_ERR, consumer->log, 0,
                      "kafka_sse: no consumer for cluster \"%V\": "
                      "subscribe: %s",
                      &consumer->cluster->name, rd_kafka_err2str(err));
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_kafka_sse_consumer_stop(ngx_kafka_sse_consumer_t *consumer,
    ngx_uint_t leave)
{
    if (consumer->step >= ngx_kafka_sse_consumer_publishing) {
        return;
    }

    if (consumer->throttle.timer_set) {
        ngx_del_timer(&consumer->throttle);
    }

    if (consumer->commit.timer_set) {
        ngx_del_timer(&consumer->commit);
    }

    if (consumer->step_event.timer_set) {
        ngx_del_timer(&consumer->step_event);
    }

    if (consumer->step == ngx_kafka_sse_consumer_fenced) {
        consumer->step = ngx_kafka_sse_consumer_done;
        return;
    }

    consumer->step = ngx_kafka_sse_consumer_publishing;
    consumer->leave = leave;

    /* rebalances and commits still need the queue */

    if (!consumer->paused) {
        ngx_kafka_sse_consumer_pause(consumer);
    }

    ngx_kafka_sse_client_resume(&consumer->client);

    ngx_add_timer(&consumer->step_event, 1);
}


ngx_uint_t
ngx_kafka_sse_consumer_stopped(ngx_kafka_sse_consumer_t *consumer)
{
    return consumer->step == ngx_kafka_sse_consumer_done;
}


int64_t
ngx_kafka_sse_consumer_published(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_uint_t                           i;
    ngx_kafka_sse_consumer_partition_t  *cp;

    for (i = 0; i < consumer->ntopics; i++) {

        if (consumer->topics[i].topic != topic) {
            continue;
        }

        cp = ngx_kafka_sse_consumer_partition(&consumer->topics[i], partition);

        return (cp && cp->owned) ? cp->published : NGX_KAFKA_SSE_NO_OFFSET;
    }

    return NGX_KAFKA_SSE_NO_OFFSET;
}


ngx_kafka_sse_consumer_state_t *
ngx_kafka_sse_consumer_state(ngx_kafka_sse_consumer_t *consumer)
{
    consumer->state.errors = consumer->client.errors;

    return &consumer->state;
}


static ngx_int_t
ngx_kafka_sse_consumer_event(void *data, rd_kafka_event_t *event)
{
    ngx_kafka_sse_consumer_t *consumer = data;

    const rd_kafka_message_t  *msg;

    switch (rd_kafka_event_type(event)) {

    case RD_KAFKA_EVENT_FETCH:
        ngx_kafka_sse_client_up(&consumer->client);

        while ((msg = rd_kafka_event_message_next(event))) {
            ngx_kafka_sse_consumer_record(consumer, msg);
        }

        return NGX_OK;

    case RD_KAFKA_EVENT_REBALANCE:
        ngx_kafka_sse_consumer_rebalance(consumer, event);
        return NGX_OK;

    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        ngx_kafka_sse_consumer_committed(consumer, event);
        return NGX_OK;

    case RD_KAFKA_EVENT_ERROR:
        return ngx_kafka_sse_consumer_error(consumer, event);

    default:
        return NGX_DECLINED;
    }
}


static void
ngx_kafka_sse_consumer_turn(void *data)
{
    ngx_kafka_sse_consumer_t *consumer = data;

    ngx_queue_t                         *q;
    rd_kafka_topic_partition_list_t     *list;
    ngx_kafka_sse_consumer_partition_t  *cp;

    while (!ngx_queue_empty(&consumer->open)) {
        q = ngx_queue_head(&consumer->open);
        cp = ngx_queue_data(q, ngx_kafka_sse_consumer_partition_t, queue);

        ngx_kafka_sse_consumer_flush(consumer, cp);
    }

    ngx_kafka_sse_consumer_pop(consumer);

    if (consumer->step != ngx_kafka_sse_consumer_running) {
        return;
    }

    if (consumer->client.drained) {
        list = ngx_kafka_sse_consumer_owned(consumer);
        ngx_kafka_sse_client_nudge(&consumer->client, list);
        rd_kafka_topic_partition_list_destroy(list);
    }

    ngx_kafka_sse_consumer_throttle(consumer);
}


static ngx_int_t
ngx_kafka_sse_consumer_error(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_event_t *event)
{
    ngx_int_t                    rc;
    rd_kafka_topic_partition_t  *tp;

    switch (rd_kafka_event_error(event)) {

    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        ngx_kafka_sse_consumer_set_fenced(consumer,
                                          rd_kafka_event_error_string(event));
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:

        tp = rd_kafka_event_topic_partition(event);
        rc = NGX_DECLINED;

        if (tp) {
            ngx_kafka_sse_consumer_out_of_range(consumer, tp,
                                        rd_kafka_event_error_string(event));
            rd_kafka_topic_partition_destroy(tp);
            rc = NGX_OK;
        }

        return rc;

    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:

        /* the reader says it */

        consumer->client.errors++;
        return NGX_OK;

    default:
        return NGX_DECLINED;
    }
}


/* called in mid-turn, so the client is closed later */

static void
ngx_kafka_sse_consumer_set_fenced(ngx_kafka_sse_consumer_t *consumer,
    const char *text)
{
    if (consumer->step == ngx_kafka_sse_consumer_fenced) {
        return;
    }

    ngx_kafka_sse_consumer_disown(consumer);

    if (consumer->step >= ngx_kafka_sse_consumer_publishing) {

        /* our successor has taken over while we were stopping */

        consumer->step = ngx_kafka_sse_consumer_done;
        return;
    }

    ngx_log_error(NGX_LOG_ERR, consumer->log, 0,
                  "kafka_sse: another member of group \"%V\" in cluster "
                  "\"%V\" has our instance id \"%s\", next attempt in %d s: "
                  "%s", &consumer->cluster->group_id,
                  &consumer->cluster->name, consumer->instance,
                  NGX_KAFKA_SSE_CONSUMER_FENCED / 1000, text);

    consumer->client.errors++;
    consumer->state.fenced = 1;
    consumer->step = ngx_kafka_sse_consumer_fenced;

    ngx_add_timer(&consumer->step_event, NGX_KAFKA_SSE_CONSUMER_FENCED);
}


static void
ngx_kafka_sse_consumer_reopen(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t  i;

    if (consumer->client.rk) {

        for (i = 0; i < consumer->ntopics; i++) {
            rd_kafka_topic_destroy(consumer->topics[i].rkt);
            consumer->topics[i].rkt = NULL;
        }

        ngx_kafka_sse_client_close(&consumer->client, 1);
    }

    consumer->commits = 0;
    consumer->paused = 0;
    consumer->full = 0;

    if (consumer->throttle.timer_set) {
        ngx_del_timer(&consumer->throttle);
    }

    if (ngx_kafka_sse_consumer_open(consumer) != NGX_OK) {
        ngx_add_timer(&consumer->step_event, NGX_KAFKA_SSE_CONSUMER_FENCED);
        return;
    }

    consumer->step = ngx_kafka_sse_consumer_running;
}


/*
 * Kafka has nothing at tp->offset: the records there have expired, or the
 * topic was made anew.  We go on at the beginning, and say nothing of what
 * was before it: "from" will be the first record, so that the feeds see a gap
 * and ask Kafka themselves.
 */

static void
ngx_kafka_sse_consumer_out_of_range(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_t *tp, const char *text)
{
    rd_kafka_error_t                    *error;
    rd_kafka_topic_partition_t          *entry;
    ngx_kafka_sse_consumer_topic_t      *ct;
    rd_kafka_topic_partition_list_t     *list;
    ngx_kafka_sse_consumer_partition_t  *cp;

    ct = ngx_kafka_sse_consumer_topic(consumer, tp->topic);
    if (ct == NULL) {
        return;
    }

    cp = ngx_kafka_sse_consumer_partition(ct, tp->partition);
    if (cp == NULL || !cp->owned) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, consumer->log, 0,
                  "kafka_sse: partition %V/%D of cluster \"%V\" has no "
                  "offset %L any more, going on at its beginning: %s",
                  &ct->topic->name, tp->partition, &consumer->cluster->name,
                  tp->offset, text);

    ngx_kafka_sse_consumer_flush(consumer, cp);

    cp->next = 0;
    cp->from = NGX_KAFKA_SSE_NO_OFFSET;
    cp->accepted = NGX_KAFKA_SSE_NO_OFFSET;
    cp->committed = NGX_KAFKA_SSE_NO_OFFSET;

    if (!ngx_kafka_sse_consumer_incremental(consumer)) {

        list = ngx_kafka_sse_consumer_owned(consumer);

        entry = rd_kafka_topic_partition_list_find(list, tp->topic,
                                                   tp->partition);
        entry->offset = RD_KAFKA_OFFSET_BEGINNING;

        (void) rd_kafka_assign(consumer->client.rk, list);

    } else {
        list = rd_kafka_topic_partition_list_new(1);

        entry = rd_kafka_topic_partition_list_add(list, tp->topic,
                                                  tp->partition);

        error = rd_kafka_incremental_unassign(consumer->client.rk, list);
        ngx_kafka_sse_consumer_failed(consumer, error);

        entry->offset = RD_KAFKA_OFFSET_BEGINNING;

        error = rd_kafka_incremental_assign(consumer->client.rk, list);
        ngx_kafka_sse_consumer_failed(consumer, error);
    }

    if (consumer->paused) {
        (void) rd_kafka_pause_partitions(consumer->client.rk, list);
    }

    rd_kafka_topic_partition_list_destroy(list);
}


static void
ngx_kafka_sse_consumer_rebalance(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_event_topic_partition_list(event);

    switch (rd_kafka_event_error(event)) {

    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        ngx_kafka_sse_consumer_assign(consumer, list);
        break;

    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        ngx_kafka_sse_consumer_revoke(consumer, list);
        break;

    default:
        ngx_kafka_sse_client_error(&consumer->client,
                                   rd_kafka_event_error(event),
                                   rd_kafka_event_error_string(event));

        ngx_kafka_sse_consumer_disown(consumer);
        (void) rd_kafka_assign(consumer->client.rk, NULL);
        break;
    }
}


static void
ngx_kafka_sse_consumer_assign(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_list_t *list)
{
    int                i;
    rd_kafka_error_t  *error;

    ngx_kafka_sse_client_up(&consumer->client);
    ngx_kafka_sse_consumer_cluster_id(consumer);

    for (i = 0; i < list->cnt; i++) {
        ngx_kafka_sse_consumer_take(consumer, &list->elems[i]);
    }

    if (list->cnt) {
        ngx_log_error(NGX_LOG_NOTICE, consumer->log, 0,
                      "kafka_sse: cluster \"%V\" assigned %d partitions, "
                      "%ui are ours now", &consumer->cluster->name, list->cnt,
                      consumer->state.assigned);
    }

    consumer->state.fenced = 0;

    if (ngx_kafka_sse_consumer_incremental(consumer)) {
        error = rd_kafka_incremental_assign(consumer->client.rk, list);
        ngx_kafka_sse_consumer_failed(consumer, error);

    } else {
        (void) rd_kafka_assign(consumer->client.rk, list);
    }

    if (consumer->paused && list->cnt) {
        (void) rd_kafka_pause_partitions(consumer->client.rk, list);
    }
}


/* sets tp->offset, where the partition is to begin */

static void
ngx_kafka_sse_consumer_take(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_t *tp)
{
    int64_t                              held;
    ngx_kafka_sse_consumer_topic_t      *ct;
    ngx_kafka_sse_consumer_partition_t  *cp;

    /* a topic of before: a static member of this id had it, see companion */

    tp->offset = RD_KAFKA_OFFSET_END;

    ct = ngx_kafka_sse_consumer_topic(consumer, tp->topic);
    if (ct == NULL) {
        return;
    }

    cp = ngx_kafka_sse_consumer_add_partition(consumer, ct, tp->partition);
    if (cp == NULL) {
        return;
    }

    held = ngx_kafka_sse_feed_held(consumer->feed, ct->topic, tp->partition);

    tp->offset = (held >= 0) ? held : RD_KAFKA_OFFSET_BEGINNING;

    cp->next = ngx_max(held, 0);
    cp->from = cp->next;
    cp->published = NGX_KAFKA_SSE_NO_OFFSET;
    cp->accepted = NGX_KAFKA_SSE_NO_OFFSET;
    cp->committed = NGX_KAFKA_SSE_NO_OFFSET;

    if (!cp->owned) {
        cp->owned = 1;
        consumer->state.assigned++;
    }

    ngx_log_error(NGX_LOG_INFO, consumer->log, 0,
                  "kafka_sse: partition %V/%D of cluster \"%V\" is ours, "
                  "from %L", &ct->topic->name, tp->partition,
                  &consumer->cluster->name, cp->next);
}


/*
 * What Redis has accepted so far is committed; librdkafka lets the rebalance
 * wait for that.  The rest the next owner publishes again.
 */

static void
ngx_kafka_sse_consumer_revoke(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_topic_partition_list_t *list)
{
    int                                  i;
    rd_kafka_error_t                    *error;
    rd_kafka_topic_partition_t          *tp;
    ngx_kafka_sse_consumer_topic_t      *ct;
    ngx_kafka_sse_consumer_partition_t  *cp;

    ngx_kafka_sse_consumer_pop(consumer);

    if (!rd_kafka_assignment_lost(consumer->client.rk)) {
        ngx_kafka_sse_consumer_commit(consumer);
    }

    for (i = 0; i < list->cnt; i++) {
        tp = &list->elems[i];

        ct = ngx_kafka_sse_consumer_topic(consumer, tp->topic);
        if (ct == NULL) {
            continue;
        }

        cp = ngx_kafka_sse_consumer_partition(ct, tp->partition);
        if (cp == NULL || !cp->owned) {
            continue;
        }

        ngx_kafka_sse_consumer_flush(consumer, cp);

        cp->owned = 0;
        consumer->state.assigned--;

        ngx_log_error(NGX_LOG_INFO, consumer->log, 0,
                      "kafka_sse: partition %V/%D of cluster \"%V\" is no "
                      "longer ours, at %L", &ct->topic->name, tp->partition,
                      &consumer->cluster->name, cp->next);
    }

    if (list->cnt) {
        ngx_log_error(NGX_LOG_NOTICE, consumer->log, 0,
                      "kafka_sse: cluster \"%V\" revoked %d partitions, "
                      "%ui are ours now", &consumer->cluster->name, list->cnt,
                      consumer->state.assigned);
    }

    if (ngx_kafka_sse_consumer_incremental(consumer)) {
        error = rd_kafka_incremental_unassign(consumer->client.rk, list);
        ngx_kafka_sse_consumer_failed(consumer, error);

    } else {
        (void) rd_kafka_assign(consumer->client.rk, NULL);
    }
}


/* which of the two protocols the group speaks is the assignor's choice */

static ngx_uint_t
ngx_kafka_sse_consumer_incremental(ngx_kafka_sse_consumer_t *consumer)
{
    const char  *protocol;

    protocol = rd_kafka_rebalance_protocol(consumer->client.rk);

    return protocol && ngx_strcmp(protocol, "COOPERATIVE") == 0;
}


static void
ngx_kafka_sse_consumer_failed(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_error_t *error)
{
    if (error == NULL) {
        return;
    }

    ngx_kafka_sse_client_error(&consumer->client, rd_kafka_error_code(error),
                               rd_kafka_error_string(error));

    rd_kafka_error_destroy(error);
}


/* the member has joined by metadata, which the id comes with */

static void
ngx_kafka_sse_consumer_cluster_id(ngx_kafka_sse_consumer_t *consumer)
{
    char    *id;
    size_t   len;

    if (consumer->cluster_id.len) {
        return;
    }

    id = rd_kafka_clusterid(consumer->client.rk, 0);
    if (id == NULL) {
        return;
    }

    len = ngx_min(ngx_strlen(id), sizeof(consumer->id) - 1);

    ngx_memcpy(consumer->id, id, len);
    consumer->cluster_id.len = len;

    rd_kafka_mem_free(consumer->client.rk, id);
}


static rd_kafka_topic_partition_list_t *
ngx_kafka_sse_consumer_owned(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                           i, k;
    rd_kafka_topic_partition_t          *tp;
    ngx_kafka_sse_consumer_topic_t      *ct;
    rd_kafka_topic_partition_list_t     *list;
    ngx_kafka_sse_consumer_partition_t  *cp;

    list = rd_kafka_topic_partition_list_new(consumer->state.assigned);

    for (i = 0; i < consumer->ntopics; i++) {
        ct = &consumer->topics[i];

        for (k = 0; k < ct->size; k++) {
            cp = ct->partitions[k];

            if (cp && cp->owned) {
                tp = rd_kafka_topic_partition_list_add(list, ct->name, k);
                tp->offset = cp->next;
            }
        }
    }

    return list;
}


static void
ngx_kafka_sse_consumer_disown(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                           i, k;
    ngx_kafka_sse_consumer_topic_t      *ct;
    ngx_kafka_sse_consumer_partition_t  *cp;

    for (i = 0; i < consumer->ntopics; i++) {
        ct = &consumer->topics[i];

        for (k = 0; k < ct->size; k++) {
            cp = ct->partitions[k];

            if (cp && cp->owned) {
                ngx_kafka_sse_consumer_flush(consumer, cp);
                cp->owned = 0;
            }
        }
    }

    consumer->state.assigned = 0;
}


static ngx_kafka_sse_consumer_topic_t *
ngx_kafka_sse_consumer_topic(ngx_kafka_sse_consumer_t *consumer,
    const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < consumer->ntopics; i++) {
        if (ngx_strcmp(consumer->topics[i].name, name) == 0) {
            return &consumer->topics[i];
        }
    }

    return NULL;
}


static ngx_kafka_sse_consumer_partition_t *
ngx_kafka_sse_consumer_partition(ngx_kafka_sse_consumer_topic_t *ct,
    int32_t partition)
{
    if (partition < 0 || (ngx_uint_t) partition >= ct->size) {
        return NULL;
    }

    return ct->partitions[partition];
}


static ngx_kafka_sse_consumer_partition_t *
ngx_kafka_sse_consumer_add_partition(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_topic_t *ct, int32_t partition)
{
    size_t                                size;
    ngx_kafka_sse_consumer_partition_t   *cp, **partitions;

    cp = ngx_kafka_sse_consumer_partition(ct, partition);

    if (cp || partition < 0) {
        return cp;
    }

    if ((ngx_uint_t) partition >= ct->size) {
        size = ngx_max((ngx_uint_t) partition + 1, 2 * ct->size);

        partitions = ngx_calloc(size * sizeof(void *), consumer->log);
        if (partitions == NULL) {
            return NULL;
        }

        if (ct->partitions) {
            ngx_memcpy(partitions, ct->partitions,
                       ct->size * sizeof(void *));
            ngx_free(ct->partitions);
        }

        ct->partitions = partitions;
        ct->size = size;
    }

    cp = ngx_calloc(sizeof(ngx_kafka_sse_consumer_partition_t),
                    consumer->log);
    if (cp == NULL) {
        return NULL;
    }

    cp->topic = ct;
    cp->partition = partition;

    ct->partitions[partition] = cp;

    return cp;
}


static void
ngx_kafka_sse_consumer_record(ngx_kafka_sse_consumer_t *consumer,
    const rd_kafka_message_t *msg)
{
    ngx_kafka_sse_record_t               rec;
    ngx_kafka_sse_consumer_topic_t      *ct;
    ngx_kafka_sse_consumer_partition_t  *cp;

    consumer->client.taken += msg->key_len + msg->len;

    ct = rd_kafka_topic_opaque(msg->rkt);
    if (ct == NULL) {
        return;
    }

    cp = ngx_kafka_sse_consumer_partition(ct, msg->partition);

    if (cp == NULL || !cp->owned || msg->offset < cp->next
        || consumer->step != ngx_kafka_sse_consumer_running)
    {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, consumer->log, 0,
                   "kafka_sse consume %V/%D:%L",
                   &ct->topic->name, msg->partition, msg->offset);

    consumer->state.consumed++;

    if (cp->from == NGX_KAFKA_SSE_NO_OFFSET) {
        cp->from = msg->offset;
    }

    /*
     * What we have no memory for is left out, without advancing "from": the
     * nodes see a gap and read it from Kafka
     */

    if (ngx_kafka_sse_client_record(&consumer->client, msg, &rec) != NGX_OK
        || ngx_kafka_sse_consumer_add(consumer, cp, &rec) != NGX_OK)
    {
        ngx_kafka_sse_consumer_discard(cp);
    }

    /* not before: adding may have flushed what there was */

    cp->next = msg->offset + 1;
}


static ngx_int_t
ngx_kafka_sse_consumer_add(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp, ngx_kafka_sse_record_t *rec)
{
    u_char  *p;
    size_t   len;

    len = ngx_kafka_sse_envelope_record_len(rec);

    if (cp->count
        && (size_t) (cp->last - cp->envelope) + len
           > NGX_KAFKA_SSE_ENVELOPE_MAX)
    {
        ngx_kafka_sse_consumer_flush(consumer, cp);
    }

    p = ngx_kafka_sse_consumer_room(consumer, cp, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    cp->last = ngx_kafka_sse_envelope_write_record(p, rec);
    cp->count++;

    return NGX_OK;
}


/* the first record gets an envelope of its size: on most days it is alone */

static u_char *
ngx_kafka_sse_consumer_room(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp, size_t len)
{
    u_char                    *p;
    size_t                     used, size;
    ngx_kafka_sse_envelope_t   env;

    if (cp->envelope && (size_t) (cp->end - cp->last) >= len) {
        return cp->last;
    }

    if (cp->envelope) {
        used = cp->last - cp->envelope;
        size = ngx_max(used + len, 2 * used);

    } else {
        ngx_kafka_sse_consumer_head(consumer, cp->topic, &env);

        used = ngx_kafka_sse_envelope_head_len(&env);
        size = used + len;
    }

    p = ngx_alloc(size, consumer->log);
    if (p == NULL) {
        return NULL;
    }

    if (cp->envelope) {
        ngx_memcpy(p, cp->envelope, used);
        ngx_free(cp->envelope);

    } else {
        ngx_queue_insert_tail(&consumer->open, &cp->queue);
    }

    cp->envelope = p;
    cp->last = p + used;
    cp->end = p + size;

    return cp->last;
}


static void
ngx_kafka_sse_consumer_discard(ngx_kafka_sse_consumer_partition_t *cp)
{
    if (cp->envelope == NULL) {
        return;
    }

    ngx_queue_remove(&cp->queue);
    ngx_free(cp->envelope);

    cp->envelope = NULL;
    cp->count = 0;
}


static void
ngx_kafka_sse_consumer_flush(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_partition_t *cp)
{
    uint64_t                         seq;
    ngx_kafka_sse_envelope_t         env;
    ngx_kafka_sse_consumer_sent_t   *sent;
    ngx_kafka_sse_consumer_topic_t  *ct;

    if (cp->envelope == NULL) {
        return;
    }

    ct = cp->topic;

    if (ngx_kafka_sse_consumer_channel(consumer, ct) != NGX_OK
        || ngx_kafka_sse_consumer_push(consumer) != NGX_OK)
    {
        ngx_kafka_sse_consumer_discard(cp);
        return;
    }

    ngx_kafka_sse_consumer_head(consumer, ct, &env);

    env.partition = cp->partition;
    env.from = cp->from;
    env.count = cp->count;
    env.end = ngx_kafka_sse_client_end(&consumer->client, ct->name,
                                       cp->partition);

    (void) ngx_kafka_sse_envelope_write_head(cp->envelope, &env);

    seq = ngx_kafka_sse_redis_publish(consumer->redis, &ct->channel,
                                      cp->envelope, cp->last - cp->envelope);

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, consumer->log, 0,
                   "kafka_sse envelope %V/%D:%L with %uD records is #%uL",
                   &ct->topic->name, cp->partition, cp->next - 1, cp->count,
                   seq);

    /* the envelope is Redis' now, whatever has happened */

    ngx_queue_remove(&cp->queue);
    cp->envelope = NULL;
    cp->count = 0;

    if (seq == 0) {
        return;
    }

    cp->from = cp->next;
    cp->published = cp->next;

    sent = &consumer->sent[consumer->tail++ & (consumer->size - 1)];
    sent->seq = seq;
    sent->next = cp->next;
    sent->partition = cp;

    consumer->state.envelopes++;

    if (!consumer->commit.timer_set
        && consumer->step == ngx_kafka_sse_consumer_running)
    {
        ngx_add_timer(&consumer->commit, NGX_KAFKA_SSE_CONSUMER_COMMIT);
    }
}


static void
ngx_kafka_sse_consumer_head(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_topic_t *ct, ngx_kafka_sse_envelope_t *env)
{
    ngx_memzero(env, sizeof(ngx_kafka_sse_envelope_t));

    env->cluster_id = consumer->cluster_id;
    env->topic = ct->topic->name;
}


static ngx_int_t
ngx_kafka_sse_consumer_channel(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_consumer_topic_t *ct)
{
    u_char  *p;

    if (ct->channel.len) {
        return NGX_OK;
    }

    p = ngx_alloc(consumer->prefix.len + consumer->cluster_id.len
                  + ct->topic->name.len + 4, consumer->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ct->channel.data = p;

    p = ngx_kafka_sse_envelope_channel(p, &consumer->prefix,
                                       &consumer->cluster_id,
                                       &ct->topic->name);

    ct->channel.len = p - ct->channel.data;

    return NGX_OK;
}


/* makes room for one more entry */

static ngx_int_t
ngx_kafka_sse_consumer_push(ngx_kafka_sse_consumer_t *consumer)
{
    size_t                          i, size;
    ngx_kafka_sse_consumer_sent_t  *sent;

    if (consumer->tail - consumer->head < consumer->size) {
        return NGX_OK;
    }

    size = consumer->size ? 2 * consumer->size : 64;

    sent = ngx_alloc(size * sizeof(ngx_kafka_sse_consumer_sent_t),
                     consumer->log);
    if (sent == NULL) {
        return NGX_ERROR;
    }

    for (i = consumer->head; i != consumer->tail; i++) {
        sent[i & (size - 1)] = consumer->sent[i & (consumer->size - 1)];
    }

    if (consumer->sent) {
        ngx_free(consumer->sent);
    }

    consumer->sent = sent;
    consumer->size = size;

    return NGX_OK;
}


static void
ngx_kafka_sse_consumer_pop(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_kafka_sse_consumer_sent_t       *sent;
    ngx_kafka_sse_redis_state_t         *redis;
    ngx_kafka_sse_consumer_partition_t  *cp;

    redis = ngx_kafka_sse_redis_state(consumer->redis);

    while (consumer->head != consumer->tail) {
        sent = &consumer->sent[consumer->head & (consumer->size - 1)];

        if (sent->seq > redis->accepted) {
            return;
        }

        cp = sent->partition;

        /* not what was sent before a revocation or a new beginning */

        if (cp->owned && sent->next <= cp->from) {
            cp->accepted = ngx_max(cp->accepted, sent->next);
        }

        consumer->head++;
    }
}


static void
ngx_kafka_sse_consumer_commit_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_consumer_t  *consumer;

    consumer = ev->data;

    ngx_kafka_sse_consumer_pop(consumer);

    if (consumer->commits == 0) {
        ngx_kafka_sse_consumer_commit(consumer);
    }

    if (consumer->head != consumer->tail || consumer->commits) {
        ngx_add_timer(ev, NGX_KAFKA_SSE_CONSUMER_COMMIT);
    }
}


static void
ngx_kafka_sse_consumer_commit(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                        i, k;
    rd_kafka_resp_err_t               err;
    ngx_kafka_sse_consumer_topic_t   *ct;
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_topic_partition_list_new(consumer->state.assigned);

    for (i = 0; i < consumer->ntopics; i++) {
        ct = &consumer->topics[i];

        for (k = 0; k < ct->size; k++) {
            if (ct->partitions[k]) {
                ngx_kafka_sse_consumer_commit_partition(ct->partitions[k],
                                                        list);
            }
        }
    }

    if (list->cnt) {

        /* the answer is an event */

        err = rd_kafka_commit_queue(consumer->client.rk, list,
                                    consumer->client.queue, NULL, NULL);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            consumer->commits++;

        } else {
            ngx_kafka_sse_client_error(&consumer->client, err,
                                       rd_kafka_err2str(err));
        }
    }

    rd_kafka_topic_partition_list_destroy(list);
}


static void
ngx_kafka_sse_consumer_commit_partition(
    ngx_kafka_sse_consumer_partition_t *cp,
    rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_t  *tp;

    if (!cp->owned || cp->accepted <= cp->committed) {
        return;
    }

    tp = rd_kafka_topic_partition_list_add(list, cp->topic->name,
                                           cp->partition);
    tp->offset = cp->accepted;
    cp->committed = cp->accepted;
}


static void
ngx_kafka_sse_consumer_committed(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_event_t *event)
{
    int                                  i;
    rd_kafka_resp_err_t                  err;
    rd_kafka_topic_partition_t          *tp;
    ngx_kafka_sse_consumer_topic_t      *ct;
    rd_kafka_topic_partition_list_t     *list;
    ngx_kafka_sse_consumer_partition_t  *cp;

    if (consumer->commits) {
        consumer->commits--;
    }

    err = rd_kafka_event_error(event);
    list = rd_kafka_event_topic_partition_list(event);

    for (i = 0; list && i < list->cnt; i++) {
        tp = &list->elems[i];

        if (tp->err == RD_KAFKA_RESP_ERR_NO_ERROR
            && err == RD_KAFKA_RESP_ERR_NO_ERROR)
        {
            continue;
        }

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = tp->err;
        }

        ct = ngx_kafka_sse_consumer_topic(consumer, tp->topic);
        cp = ct ? ngx_kafka_sse_consumer_partition(ct, tp->partition) : NULL;

        if (cp) {

            /* with the next commit */

            cp->committed = NGX_KAFKA_SSE_NO_OFFSET;
        }
    }

    switch (err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        ngx_kafka_sse_client_up(&consumer->client);
        consumer->state.commits++;
        return;

    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:

        /* the group moves on: the next owner commits */

        consumer->client.errors++;

        ngx_log_error(NGX_LOG_INFO, consumer->log, 0,
                      "kafka_sse: commit to cluster \"%V\" failed: %s",
                      &consumer->cluster->name, rd_kafka_err2str(err));
        break;

    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        ngx_kafka_sse_consumer_set_fenced(consumer, rd_kafka_err2str(err));
        return;

    default:
        ngx_kafka_sse_client_error(&consumer->client, err,
                                   rd_kafka_err2str(err));
        break;
    }

    if (!consumer->commit.timer_set
        && consumer->step == ngx_kafka_sse_consumer_running)
    {
        ngx_add_timer(&consumer->commit, NGX_KAFKA_SSE_CONSUMER_COMMIT);
    }
}


static void
ngx_kafka_sse_consumer_throttle(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_kafka_sse_redis_state_t  *redis;

    redis = ngx_kafka_sse_redis_state(consumer->redis);

    if (consumer->full
        || (redis->connected && redis->queued < NGX_KAFKA_SSE_CONSUMER_HIGH))
    {
        return;
    }

    consumer->full = 1;
    consumer->since = ngx_current_msec;

    if (redis->connected) {
        ngx_kafka_sse_client_hold(&consumer->client);

    } else {
        ngx_kafka_sse_consumer_pause(consumer);
    }

    ngx_add_timer(&consumer->throttle, NGX_KAFKA_SSE_CONSUMER_TICK);
}


static void
ngx_kafka_sse_consumer_throttle_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_consumer_t         *consumer;
    ngx_kafka_sse_redis_state_t      *redis;
    rd_kafka_topic_partition_list_t  *list;

    consumer = ev->data;

    ngx_kafka_sse_consumer_pop(consumer);

    redis = ngx_kafka_sse_redis_state(consumer->redis);

    if (redis->connected && redis->queued <= NGX_KAFKA_SSE_CONSUMER_LOW) {

        consumer->full = 0;

        if (consumer->paused) {
            consumer->paused = 0;

            list = ngx_kafka_sse_consumer_owned(consumer);
            (void) rd_kafka_resume_partitions(consumer->client.rk, list);
            ngx_kafka_sse_client_nudge(&consumer->client, list);
            rd_kafka_topic_partition_list_destroy(list);

            ngx_log_error(NGX_LOG_INFO, consumer->log, 0,
                          "kafka_sse: Redis takes envelopes again, consuming "
                          "cluster \"%V\" goes on", &consumer->cluster->name);
        }

        ngx_kafka_sse_client_resume(&consumer->client);
        return;
    }

    if (!consumer->paused
        && (!redis->connected
            || ngx_current_msec - consumer->since
               >= NGX_KAFKA_SSE_CONSUMER_HOLD))
    {
        ngx_kafka_sse_consumer_pause(consumer);
        ngx_kafka_sse_client_resume(&consumer->client);
    }

    ngx_add_timer(ev, NGX_KAFKA_SSE_CONSUMER_TICK);
}


/* the queue is polled as before, so that rebalances are served */

static void
ngx_kafka_sse_consumer_pause(ngx_kafka_sse_consumer_t *consumer)
{
    rd_kafka_topic_partition_list_t  *list;

    consumer->paused = 1;

    list = ngx_kafka_sse_consumer_owned(consumer);
    (void) rd_kafka_pause_partitions(consumer->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);

    if (consumer->step == ngx_kafka_sse_consumer_running) {
        ngx_log_error(NGX_LOG_INFO, consumer->log, 0,
                      "kafka_sse: Redis takes no envelopes, consuming "
                      "cluster \"%V\" waits for it", &consumer->cluster->name);
    }
}


/*
 * The way out: what was published is accepted, then committed, then, if we
 * are to leave, we unsubscribe.  librdkafka forgets its member id when it
 * sends LeaveGroup, and closes when that is answered; closing first, a static
 * member would not leave.
 */

static void
ngx_kafka_sse_consumer_step_handler(ngx_event_t *ev)
{
    rd_kafka_error_t          *error;
    ngx_kafka_sse_consumer_t  *consumer;

    consumer = ev->data;

    switch (consumer->step) {

    case ngx_kafka_sse_consumer_fenced:
        ngx_kafka_sse_consumer_reopen(consumer);
        return;

    case ngx_kafka_sse_consumer_publishing:

        ngx_kafka_sse_consumer_pop(consumer);

        if (consumer->head != consumer->tail) {
            break;
        }

        ngx_kafka_sse_consumer_commit(consumer);
        consumer->step = ngx_kafka_sse_consumer_committing;

        /* fall through */

    case ngx_kafka_sse_consumer_committing:

        if (consumer->commits) {
            break;
        }

        if (!consumer->leave) {
            consumer->step = ngx_kafka_sse_consumer_done;
            return;
        }

        (void) rd_kafka_unsubscribe(consumer->client.rk);
        consumer->step = ngx_kafka_sse_consumer_leaving;
        break;

    case ngx_kafka_sse_consumer_leaving:

        if (ngx_kafka_sse_consumer_is_member(consumer)) {
            break;
        }

        error = rd_kafka_consumer_close_queue(consumer->client.rk,
                                              consumer->client.queue);
        ngx_kafka_sse_consumer_failed(consumer, error);

        consumer->step = ngx_kafka_sse_consumer_closing;
        break;

    case ngx_kafka_sse_consumer_closing:

        if (!rd_kafka_consumer_closed(consumer->client.rk)) {
            break;
        }

        consumer->step = ngx_kafka_sse_consumer_done;
        return;

    default:
        return;
    }

    ngx_add_timer(ev, NGX_KAFKA_SSE_CONSUMER_TICK);
}


static ngx_uint_t
ngx_kafka_sse_consumer_is_member(ngx_kafka_sse_consumer_t *consumer)
{
    char        *id;
    ngx_uint_t   member;

    id = rd_kafka_memberid(consumer->client.rk);
    if (id == NULL) {
        return 0;
    }

    member = (*id != '\0');

    rd_kafka_mem_free(consumer->client.rk, id);

    return member;
}
