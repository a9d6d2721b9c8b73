
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_assignment.h>
#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_complaint.h>
#include <companion/ngx_kafka_sse_consumer.h>
#include <companion/ngx_kafka_sse_publisher.h>
#include <companion/ngx_kafka_sse_throttle.h>


#define NGX_KAFKA_SSE_CONSUMER_COMMIT  500      /* ms between commits */
#define NGX_KAFKA_SSE_CONSUMER_FENCED  30000    /* ms to the next attempt */
#define NGX_KAFKA_SSE_CONSUMER_TICK    20       /* ms between steps */
#define NGX_KAFKA_SSE_CONSUMER_TOPICS  3000     /* ms between subscriptions */

#define NGX_KAFKA_SSE_CONSUMER_SHARE   (1024 * 1024)   /* bytes in a turn */


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
    ngx_kafka_sse_client_t          client;
    ngx_kafka_sse_assignment_t      assignment;
    ngx_kafka_sse_publisher_t       publisher;
    ngx_kafka_sse_throttle_t        throttle;
    ngx_kafka_sse_cluster_t        *cluster;
    char                           *instance;
    ngx_log_t                      *log;

    rd_kafka_topic_t              **topics;     /* as the cluster's; each one's
                                                   opaque is the publisher's;
                                                   NULL: not subscribed to */
    ngx_msec_t                      subscribed; /* when it was */
    ngx_event_t                     commit;
    ngx_event_t                     step_event;

    ngx_kafka_sse_consumer_step_e   step;
    ngx_kafka_sse_consumer_state_t  state;

    unsigned                        leave:1;
};


static ngx_int_t ngx_kafka_sse_consumer_open(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_close(ngx_kafka_sse_consumer_t *consumer);
static ngx_int_t ngx_kafka_sse_consumer_handles(
    ngx_kafka_sse_consumer_t *consumer, ngx_uint_t all, ngx_uint_t *added);
static ngx_int_t ngx_kafka_sse_consumer_subscribe(
    ngx_kafka_sse_consumer_t *consumer);
static ngx_int_t ngx_kafka_sse_consumer_event(void *data,
    rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_turn(void *data);
static ngx_int_t ngx_kafka_sse_consumer_error(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_record(ngx_kafka_sse_consumer_t *consumer,
    const rd_kafka_message_t *msg);
static void ngx_kafka_sse_consumer_set_fenced(
    ngx_kafka_sse_consumer_t *consumer, const char *text);
static void ngx_kafka_sse_consumer_reopen(ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_commit_later(
    ngx_kafka_sse_consumer_t *consumer);
static void ngx_kafka_sse_consumer_commit_handler(ngx_event_t *ev);
static void ngx_kafka_sse_consumer_committed(
    ngx_kafka_sse_consumer_t *consumer, rd_kafka_event_t *event);
static void ngx_kafka_sse_consumer_step_handler(ngx_event_t *ev);
static ngx_uint_t ngx_kafka_sse_consumer_is_member(
    ngx_kafka_sse_consumer_t *consumer);


static ngx_kafka_sse_property_t  ngx_kafka_sse_consumer_own[] = {
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    { "enable.partition.eof", "false" },

    /* what works again is seen by them, see complaint */

    { "statistics.interval.ms", NGX_KAFKA_SSE_CLIENT_STATS },
    { NULL, NULL }
};


ngx_kafka_sse_consumer_t *
ngx_kafka_sse_consumer_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *instance, ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log)
{
    u_char                      *p;
    ngx_kafka_sse_client_t      *client;
    ngx_kafka_sse_consumer_t    *consumer;
    ngx_kafka_sse_publisher_t   *publisher;
    ngx_kafka_sse_assignment_t  *assignment;

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
    consumer->log = log;

    consumer->commit.handler = ngx_kafka_sse_consumer_commit_handler;
    consumer->commit.data = consumer;
    consumer->commit.log = log;

    consumer->throttle.assignment = &consumer->assignment;
    consumer->throttle.redis = redis;
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
    client->share = NGX_KAFKA_SSE_CONSUMER_SHARE;

    publisher = &consumer->publisher;

    publisher->redis = redis;
    publisher->prefix = kmcf->redis->prefix;
    publisher->log = log;

    if (ngx_kafka_sse_publisher_init(publisher, cluster, pool) != NGX_OK) {
        return NULL;
    }

    assignment = &consumer->assignment;

    assignment->client = client;
    assignment->publisher = publisher;
    assignment->feed = feed;
    assignment->log = log;

    consumer->topics = ngx_pcalloc(pool, cluster->topics.nelts
                                         * sizeof(rd_kafka_topic_t *));
    if (consumer->topics == NULL) {
        return NULL;
    }

    if (ngx_kafka_sse_consumer_open(consumer) != NGX_OK) {
        return NULL;
    }

    return consumer;
}


static ngx_int_t
ngx_kafka_sse_consumer_open(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                        added;
    ngx_kafka_sse_property_t          defaults[6], own[6];

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

    ngx_memzero(&own[4], 2 * sizeof(ngx_kafka_sse_property_t));

    own[4].name = "group.id";
    own[4].value = (char *) consumer->cluster->group_id.data;

    if (ngx_kafka_sse_client_open(&consumer->client, defaults, own)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_consumer_handles(consumer, 0, &added) != NGX_OK
        || ngx_kafka_sse_consumer_subscribe(consumer) != NGX_OK)
    {
        ngx_kafka_sse_consumer_close(consumer);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Of what is configured, and with all set of what else has started.  That is
 * not for the first subscription, if it need not: Kafka gives a static member
 * that comes back what it had, and looks at what it wants only when that
 * changes.
 */

static ngx_int_t
ngx_kafka_sse_consumer_handles(ngx_kafka_sse_consumer_t *consumer,
    ngx_uint_t all, ngx_uint_t *added)
{
    ngx_uint_t                        i, n;
    ngx_kafka_sse_publisher_t        *publisher;
    ngx_kafka_sse_publisher_topic_t  *topic;

    *added = 0;
    n = 0;

    publisher = &consumer->publisher;

    for (i = 0; i < publisher->ntopics; i++) {
        n += !publisher->topics[i].topic->is_dynamic;
    }

    for (i = 0; i < publisher->ntopics; i++) {
        topic = &publisher->topics[i];

        if (consumer->topics[i] || topic->topic->name.len == 0) {
            continue;
        }

        if (topic->topic->is_dynamic
            && ((!all && n + *added)
                || !ngx_kafka_sse_feed_started(consumer->assignment.feed,
                                               topic->topic)))
        {
            continue;
        }

        /* it has no place to begin at */

        if (ngx_kafka_sse_feed_is_denied(consumer->assignment.feed,
                                         topic->topic))
        {
            continue;
        }

        consumer->topics[i] = ngx_kafka_sse_client_topic(&consumer->client,
                                                         topic->topic, topic);
        if (consumer->topics[i] == NULL) {
            return NGX_ERROR;
        }

        (*added)++;
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_consumer_close(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t  i;

    for (i = 0; i < consumer->publisher.ntopics; i++) {
        if (consumer->topics[i]) {
            rd_kafka_topic_destroy(consumer->topics[i]);
            consumer->topics[i] = NULL;
        }
    }

    ngx_kafka_sse_client_close(&consumer->client);
}


static ngx_int_t
ngx_kafka_sse_consumer_subscribe(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t                        i;
    ngx_kafka_sse_topic_t           **topics;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *list;

    topics = consumer->cluster->topics.elts;

    list = rd_kafka_topic_partition_list_new(consumer->cluster->topics.nelts);

    for (i = 0; i < consumer->cluster->topics.nelts; i++) {
        if (consumer->topics[i]) {
            rd_kafka_topic_partition_list_add(list,
                                              (char *) topics[i]->name.data,
                                              RD_KAFKA_PARTITION_UA);
        }
    }

    consumer->subscribed = ngx_current_msec;

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


/*
 * A change of the subscription is a rebalance of the group, so changes are
 * gathered
 */

void
ngx_kafka_sse_consumer_topics(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_uint_t  added;

    if (consumer->step != ngx_kafka_sse_consumer_running
        || ngx_current_msec - consumer->subscribed
           < NGX_KAFKA_SSE_CONSUMER_TOPICS)
    {
        return;
    }

    (void) ngx_kafka_sse_consumer_handles(consumer, 1, &added);

    if (added) {
        ngx_log_error(NGX_LOG_NOTICE, consumer->log, 0,
                      "kafka_sse: group \"%V\" in cluster \"%V\" gets %ui "
                      "topics more", &consumer->cluster->group_id,
                      &consumer->cluster->name, added);

        ngx_kafka_sse_assignment_late(&consumer->assignment);

        (void) ngx_kafka_sse_consumer_subscribe(consumer);
    }
}


void
ngx_kafka_sse_consumer_stop(ngx_kafka_sse_consumer_t *consumer,
    ngx_uint_t leave)
{
    if (consumer->step >= ngx_kafka_sse_consumer_publishing) {
        return;
    }

    ngx_kafka_sse_throttle_stop(&consumer->throttle);

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

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, consumer->log, 0,
                   "kafka_sse consumer of \"%V\" stops, leave:%ui",
                   &consumer->cluster->name, leave);

    consumer->step = ngx_kafka_sse_consumer_publishing;
    consumer->leave = leave;

    /* rebalances and commits still need the queue */

    if (!consumer->assignment.paused) {
        ngx_kafka_sse_assignment_pause(&consumer->assignment);
    }

    ngx_kafka_sse_client_resume(&consumer->client);

    ngx_add_timer(&consumer->step_event, 1);
}


ngx_uint_t
ngx_kafka_sse_consumer_stopped(ngx_kafka_sse_consumer_t *consumer)
{
    return consumer->step == ngx_kafka_sse_consumer_done;
}


void
ngx_kafka_sse_consumer_beacon(ngx_kafka_sse_consumer_t *consumer)
{
    if (consumer->step == ngx_kafka_sse_consumer_running) {
        ngx_kafka_sse_assignment_look(&consumer->assignment);
        ngx_kafka_sse_publisher_beacon(&consumer->publisher);
    }
}


int64_t
ngx_kafka_sse_consumer_published(ngx_kafka_sse_consumer_t *consumer,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    return ngx_kafka_sse_publisher_published(&consumer->publisher, topic,
                                             partition);
}


ngx_kafka_sse_consumer_state_t *
ngx_kafka_sse_consumer_state(ngx_kafka_sse_consumer_t *consumer)
{
    consumer->state.assigned = consumer->publisher.n;
    consumer->state.envelopes = consumer->publisher.envelopes;
    consumer->state.commits = consumer->assignment.commits;
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

        if (rd_kafka_event_error(event)
            == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        {
            consumer->state.fenced = 0;
        }

        ngx_kafka_sse_assignment_rebalance(&consumer->assignment, event);

        /* nobody need wait for the next one */

        ngx_kafka_sse_consumer_beacon(consumer);
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

    ngx_int_t  rc;

    ngx_kafka_sse_publisher_flush(&consumer->publisher);

    rc = ngx_kafka_sse_publisher_accept(&consumer->publisher);

    if (consumer->step != ngx_kafka_sse_consumer_running) {
        return;
    }

    if (rc == NGX_AGAIN) {
        ngx_kafka_sse_consumer_commit_later(consumer);
    }

    if (consumer->client.drained) {
        ngx_kafka_sse_assignment_nudge(&consumer->assignment);
    }

    ngx_kafka_sse_throttle_look(&consumer->throttle);
}


static ngx_int_t
ngx_kafka_sse_consumer_error(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t  *tp;

    switch (rd_kafka_event_error(event)) {

    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        ngx_kafka_sse_consumer_set_fenced(consumer,
                                          rd_kafka_event_error_string(event));
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:

        tp = rd_kafka_event_topic_partition(event);

        if (tp) {
            ngx_kafka_sse_assignment_restart(&consumer->assignment, tp,
                                        rd_kafka_event_error_string(event));
            rd_kafka_topic_partition_destroy(tp);
            return NGX_OK;
        }

        return NGX_DECLINED;

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


static void
ngx_kafka_sse_consumer_record(ngx_kafka_sse_consumer_t *consumer,
    const rd_kafka_message_t *msg)
{
    ngx_kafka_sse_record_t                rec;
    ngx_kafka_sse_publisher_topic_t      *topic;
    ngx_kafka_sse_publisher_partition_t  *part;

    consumer->client.taken += msg->key_len + msg->len;

    topic = rd_kafka_topic_opaque(msg->rkt);

    if (topic == NULL) {

        /* it was given to us before we had a handle of it */

        topic = ngx_kafka_sse_publisher_topic(&consumer->publisher,
                                              rd_kafka_topic_name(msg->rkt));
        if (topic == NULL) {
            return;
        }
    }

    part = ngx_kafka_sse_publisher_partition(topic, msg->partition);

    if (part == NULL || msg->offset < part->next
        || consumer->step != ngx_kafka_sse_consumer_running)
    {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, consumer->log, 0,
                   "kafka_sse consume %V/%D:%L",
                   &topic->topic->name, msg->partition, msg->offset);

    consumer->state.consumed++;

    if (ngx_kafka_sse_complaint_no_topic(&consumer->client)) {
        ngx_kafka_sse_complaint_allowed(&consumer->client,
                                        &topic->topic->name);
    }

    if (part->envelope == NULL) {
        part->end = ngx_kafka_sse_client_end(&consumer->client, topic->topic,
                                             part->partition);
    }

    if (ngx_kafka_sse_client_record(&consumer->client, msg, &rec) != NGX_OK) {
        ngx_kafka_sse_publisher_leave_out(part, msg->offset);
        return;
    }

    ngx_kafka_sse_publisher_add(&consumer->publisher, part, &rec);
}


/* called in mid-turn, so the client is closed later */

static void
ngx_kafka_sse_consumer_set_fenced(ngx_kafka_sse_consumer_t *consumer,
    const char *text)
{
    if (consumer->step == ngx_kafka_sse_consumer_fenced) {
        return;
    }

    ngx_kafka_sse_publisher_disown_all(&consumer->publisher);

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

    ngx_kafka_sse_throttle_stop(&consumer->throttle);

    consumer->client.errors++;
    consumer->state.fenced = 1;
    consumer->step = ngx_kafka_sse_consumer_fenced;

    ngx_add_timer(&consumer->step_event, NGX_KAFKA_SSE_CONSUMER_FENCED);
}


static void
ngx_kafka_sse_consumer_reopen(ngx_kafka_sse_consumer_t *consumer)
{
    ngx_kafka_sse_consumer_close(consumer);

    consumer->assignment.committing = 0;
    consumer->assignment.paused = 0;

    if (ngx_kafka_sse_consumer_open(consumer) != NGX_OK) {
        ngx_add_timer(&consumer->step_event, NGX_KAFKA_SSE_CONSUMER_FENCED);
        return;
    }

    consumer->step = ngx_kafka_sse_consumer_running;
}


static void
ngx_kafka_sse_consumer_commit_later(ngx_kafka_sse_consumer_t *consumer)
{
    if (!consumer->commit.timer_set
        && consumer->step == ngx_kafka_sse_consumer_running)
    {
        ngx_add_timer(&consumer->commit, NGX_KAFKA_SSE_CONSUMER_COMMIT);
    }
}


static void
ngx_kafka_sse_consumer_commit_handler(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_kafka_sse_consumer_t    *consumer;
    ngx_kafka_sse_assignment_t  *assignment;

    consumer = ev->data;
    assignment = &consumer->assignment;

    rc = ngx_kafka_sse_publisher_accept(&consumer->publisher);

    if (assignment->committing == 0) {
        ngx_kafka_sse_assignment_commit(assignment);
    }

    if (rc == NGX_AGAIN || assignment->committing) {
        ngx_add_timer(ev, NGX_KAFKA_SSE_CONSUMER_COMMIT);
    }
}


static void
ngx_kafka_sse_consumer_committed(ngx_kafka_sse_consumer_t *consumer,
    rd_kafka_event_t *event)
{
    switch (ngx_kafka_sse_assignment_committed(&consumer->assignment, event)) {

    case NGX_AGAIN:
        ngx_kafka_sse_consumer_commit_later(consumer);
        break;

    case NGX_DECLINED:
        ngx_kafka_sse_consumer_set_fenced(consumer,
                       rd_kafka_err2str(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID));
        break;

    default: /* NGX_OK */
        break;
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

        if (ngx_kafka_sse_publisher_accept(&consumer->publisher)
            == NGX_AGAIN)
        {
            break;
        }

        ngx_kafka_sse_assignment_commit(&consumer->assignment);
        consumer->step = ngx_kafka_sse_consumer_committing;

        /* fall through */

    case ngx_kafka_sse_consumer_committing:

        if (consumer->assignment.committing) {
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
        ngx_kafka_sse_client_failed(&consumer->client, error);

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
