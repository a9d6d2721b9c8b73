
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_assignment.h>
#include <companion/ngx_kafka_sse_complaint.h>


static void ngx_kafka_sse_assignment_assign(
    ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_list_t *list);
static void ngx_kafka_sse_assignment_take(
    ngx_kafka_sse_assignment_t *assignment, rd_kafka_topic_partition_t *tp);
static void ngx_kafka_sse_assignment_revoke(
    ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_list_t *list);
static ngx_uint_t ngx_kafka_sse_assignment_incremental(
    ngx_kafka_sse_assignment_t *assignment);
static void ngx_kafka_sse_assignment_cluster_id(
    ngx_kafka_sse_assignment_t *assignment);
static rd_kafka_topic_partition_list_t *ngx_kafka_sse_assignment_list(
    ngx_kafka_sse_assignment_t *assignment);
static void ngx_kafka_sse_assignment_commit_again(
    ngx_kafka_sse_assignment_t *assignment, rd_kafka_topic_partition_t *tp);


void
ngx_kafka_sse_assignment_rebalance(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_event_topic_partition_list(event);

    switch (rd_kafka_event_error(event)) {

    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        ngx_kafka_sse_assignment_assign(assignment, list);
        break;

    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        ngx_kafka_sse_assignment_revoke(assignment, list);
        break;

    default:
        ngx_kafka_sse_client_error(assignment->client,
                                   rd_kafka_event_error(event),
                                   rd_kafka_event_error_string(event), NULL);

        ngx_kafka_sse_publisher_disown_all(assignment->publisher);
        (void) rd_kafka_assign(assignment->client->rk, NULL);
        break;
    }
}


static void
ngx_kafka_sse_assignment_assign(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_list_t *list)
{
    int                      i;
    rd_kafka_error_t        *error;
    ngx_kafka_sse_client_t  *client;

    client = assignment->client;

    ngx_kafka_sse_client_up(client);
    ngx_kafka_sse_complaint_allowed(client, NULL);
    ngx_kafka_sse_assignment_cluster_id(assignment);

    for (i = 0; i < list->cnt; i++) {
        ngx_kafka_sse_assignment_take(assignment, &list->elems[i]);
    }

    if (list->cnt) {
        ngx_log_error(NGX_LOG_NOTICE, assignment->log, 0,
                      "kafka_sse: cluster \"%V\" assigned %d partitions, "
                      "%ui are ours now", &client->cluster->name, list->cnt,
                      assignment->publisher->n);
    }

    if (ngx_kafka_sse_assignment_incremental(assignment)) {
        error = rd_kafka_incremental_assign(client->rk, list);
        ngx_kafka_sse_client_failed(client, error);

    } else {
        (void) rd_kafka_assign(client->rk, list);
    }

    if (assignment->paused && list->cnt) {
        (void) rd_kafka_pause_partitions(client->rk, list);
    }
}


/* sets tp->offset, where the partition is to begin */

static void
ngx_kafka_sse_assignment_take(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_t *tp)
{
    int64_t                           held, next;
    ngx_kafka_sse_publisher_topic_t  *topic;

    /*
     * A topic of before, or one that has not started: a static member of this
     * id had it, see companion and _late()
     */

    tp->offset = RD_KAFKA_OFFSET_END;

    topic = ngx_kafka_sse_publisher_topic(assignment->publisher, tp->topic);

    if (topic == NULL
        || (topic->topic->is_dynamic
            && !ngx_kafka_sse_feed_started(assignment->feed, topic->topic)))
    {
        return;
    }

    ngx_kafka_sse_feed_incarnation(assignment->feed, topic->topic,
                                   topic->incarnation);

    held = ngx_kafka_sse_feed_held(assignment->feed, topic->topic,
                                   tp->partition);
    next = ngx_max(held, 0);

    if (ngx_kafka_sse_publisher_own(assignment->publisher, topic,
                                    tp->partition, next)
        != NGX_OK)
    {
        return;
    }

    tp->offset = (held >= 0) ? held : RD_KAFKA_OFFSET_BEGINNING;

    ngx_log_error(NGX_LOG_INFO, assignment->log, 0,
                  "kafka_sse: partition %V/%D of cluster \"%V\" is ours, "
                  "from %L", &topic->topic->name, tp->partition,
                  &assignment->client->cluster->name, next);
}


/*
 * What Redis has accepted so far is committed; librdkafka lets the rebalance
 * wait for that.  The rest the next owner publishes again.
 */

static void
ngx_kafka_sse_assignment_revoke(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_list_t *list)
{
    int                                   i;
    rd_kafka_error_t                     *error;
    ngx_kafka_sse_client_t               *client;
    ngx_kafka_sse_publisher_t            *publisher;
    rd_kafka_topic_partition_t           *tp;
    ngx_kafka_sse_publisher_partition_t  *part;

    client = assignment->client;
    publisher = assignment->publisher;

    (void) ngx_kafka_sse_publisher_accept(publisher);

    if (!rd_kafka_assignment_lost(client->rk)) {
        ngx_kafka_sse_assignment_commit(assignment);
    }

    for (i = 0; i < list->cnt; i++) {
        tp = &list->elems[i];

        part = ngx_kafka_sse_publisher_find(publisher, tp->topic,
                                            tp->partition);
        if (part == NULL) {
            continue;
        }

        ngx_kafka_sse_publisher_disown(publisher, part);

        ngx_log_error(NGX_LOG_INFO, assignment->log, 0,
                      "kafka_sse: partition %s/%D of cluster \"%V\" is no "
                      "longer ours, at %L", tp->topic, tp->partition,
                      &client->cluster->name, part->next);
    }

    if (list->cnt) {
        ngx_log_error(NGX_LOG_NOTICE, assignment->log, 0,
                      "kafka_sse: cluster \"%V\" revoked %d partitions, "
                      "%ui are ours now", &client->cluster->name, list->cnt,
                      publisher->n);
    }

    if (ngx_kafka_sse_assignment_incremental(assignment)) {
        error = rd_kafka_incremental_unassign(client->rk, list);
        ngx_kafka_sse_client_failed(client, error);

    } else {
        (void) rd_kafka_assign(client->rk, NULL);
    }
}


void
ngx_kafka_sse_assignment_restart(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_t *tp, const char *text)
{
    rd_kafka_t                           *rk;
    rd_kafka_error_t                     *error;
    rd_kafka_topic_partition_t           *entry;
    rd_kafka_topic_partition_list_t      *list;
    ngx_kafka_sse_publisher_partition_t  *part;

    part = ngx_kafka_sse_publisher_find(assignment->publisher, tp->topic,
                                        tp->partition);
    if (part == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, assignment->log, 0,
                  "kafka_sse: partition %s/%D of cluster \"%V\" has no "
                  "offset %L any more, going on at its beginning: %s",
                  tp->topic, tp->partition, &assignment->client->cluster->name,
                  tp->offset, text);

    ngx_kafka_sse_publisher_restart(assignment->publisher, part);

    rk = assignment->client->rk;

    if (!ngx_kafka_sse_assignment_incremental(assignment)) {

        list = ngx_kafka_sse_assignment_list(assignment);

        entry = rd_kafka_topic_partition_list_find(list, tp->topic,
                                                   tp->partition);
        entry->offset = RD_KAFKA_OFFSET_BEGINNING;

        (void) rd_kafka_assign(rk, list);

    } else {
        list = rd_kafka_topic_partition_list_new(1);

        entry = rd_kafka_topic_partition_list_add(list, tp->topic,
                                                  tp->partition);

        error = rd_kafka_incremental_unassign(rk, list);
        ngx_kafka_sse_client_failed(assignment->client, error);

        entry->offset = RD_KAFKA_OFFSET_BEGINNING;

        error = rd_kafka_incremental_assign(rk, list);
        ngx_kafka_sse_client_failed(assignment->client, error);
    }

    if (assignment->paused) {
        (void) rd_kafka_pause_partitions(rk, list);
    }

    rd_kafka_topic_partition_list_destroy(list);
}


void
ngx_kafka_sse_assignment_late(ngx_kafka_sse_assignment_t *assignment)
{
    int                               i;
    rd_kafka_t                       *rk;
    rd_kafka_error_t                 *error;
    ngx_kafka_sse_publisher_t        *publisher;
    rd_kafka_topic_partition_t       *tp;
    rd_kafka_topic_partition_list_t  *list, *late;

    rk = assignment->client->rk;
    publisher = assignment->publisher;

    if (!ngx_kafka_sse_assignment_incremental(assignment)
        || rd_kafka_assignment(rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        return;                 /* with the other protocol all begin anew */
    }

    late = rd_kafka_topic_partition_list_new(list->cnt);

    for (i = 0; i < list->cnt; i++) {
        tp = &list->elems[i];

        if (ngx_kafka_sse_publisher_topic(publisher, tp->topic)
            && ngx_kafka_sse_publisher_find(publisher, tp->topic,
                                            tp->partition)
               == NULL)
        {
            rd_kafka_topic_partition_list_add(late, tp->topic, tp->partition);
        }
    }

    if (late->cnt) {
        error = rd_kafka_incremental_unassign(rk, late);
        ngx_kafka_sse_client_failed(assignment->client, error);

        ngx_kafka_sse_assignment_assign(assignment, late);
    }

    rd_kafka_topic_partition_list_destroy(late);
    rd_kafka_topic_partition_list_destroy(list);
}


void
ngx_kafka_sse_assignment_look(ngx_kafka_sse_assignment_t *assignment)
{
    ngx_uint_t                        i;
    ngx_kafka_sse_publisher_topic_t  *topic;

    for (i = 0; i < assignment->publisher->ntopics; i++) {
        topic = &assignment->publisher->topics[i];

        ngx_kafka_sse_feed_incarnation(assignment->feed, topic->topic,
                                       topic->incarnation);
    }
}


/* which of the two protocols the group speaks is the assignor's choice */

static ngx_uint_t
ngx_kafka_sse_assignment_incremental(ngx_kafka_sse_assignment_t *assignment)
{
    const char  *protocol;

    protocol = rd_kafka_rebalance_protocol(assignment->client->rk);

    return protocol && ngx_strcmp(protocol, "COOPERATIVE") == 0;
}


/* the member has joined by metadata, which the id comes with */

static void
ngx_kafka_sse_assignment_cluster_id(ngx_kafka_sse_assignment_t *assignment)
{
    char  *id;

    id = rd_kafka_clusterid(assignment->client->rk, 0);
    if (id == NULL) {
        return;
    }

    ngx_kafka_sse_publisher_set_cluster_id(assignment->publisher, id);

    rd_kafka_mem_free(assignment->client->rk, id);
}


/* all that is ours, each at the next record that we want */

static rd_kafka_topic_partition_list_t *
ngx_kafka_sse_assignment_list(ngx_kafka_sse_assignment_t *assignment)
{
    ngx_queue_t                          *q;
    ngx_kafka_sse_publisher_t            *publisher;
    rd_kafka_topic_partition_t           *tp;
    rd_kafka_topic_partition_list_t      *list;
    ngx_kafka_sse_publisher_partition_t  *part;

    publisher = assignment->publisher;

    list = rd_kafka_topic_partition_list_new(publisher->n);

    for (q = ngx_queue_head(&publisher->owned);
         q != ngx_queue_sentinel(&publisher->owned);
         q = ngx_queue_next(q))
    {
        part = ngx_queue_data(q, ngx_kafka_sse_publisher_partition_t, link);

        tp = rd_kafka_topic_partition_list_add(list,
                                       (char *) part->topic->topic->name.data,
                                       part->partition);
        tp->offset = part->next;
    }

    return list;
}


void
ngx_kafka_sse_assignment_commit(ngx_kafka_sse_assignment_t *assignment)
{
    ngx_queue_t                          *q;
    rd_kafka_resp_err_t                   err;
    ngx_kafka_sse_client_t               *client;
    ngx_kafka_sse_publisher_t            *publisher;
    rd_kafka_topic_partition_t           *tp;
    rd_kafka_topic_partition_list_t      *list;
    ngx_kafka_sse_publisher_partition_t  *part;

    client = assignment->client;
    publisher = assignment->publisher;

    list = rd_kafka_topic_partition_list_new(publisher->n);

    for (q = ngx_queue_head(&publisher->owned);
         q != ngx_queue_sentinel(&publisher->owned);
         q = ngx_queue_next(q))
    {
        part = ngx_queue_data(q, ngx_kafka_sse_publisher_partition_t, link);

        if (part->accepted <= part->committed) {
            continue;
        }

        tp = rd_kafka_topic_partition_list_add(list,
                                       (char *) part->topic->topic->name.data,
                                       part->partition);
        tp->offset = part->accepted;
        part->committed = part->accepted;
    }

    if (list->cnt) {

        /* the answer is an event */

        err = rd_kafka_commit_queue(client->rk, list, client->queue, NULL,
                                    NULL);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            assignment->committing++;

        } else {
            ngx_kafka_sse_client_error(client, err, rd_kafka_err2str(err),
                                       NULL);
        }
    }

    rd_kafka_topic_partition_list_destroy(list);
}


ngx_int_t
ngx_kafka_sse_assignment_committed(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_event_t *event)
{
    int                               i;
    const char                       *topic;
    rd_kafka_resp_err_t               err;
    ngx_kafka_sse_client_t           *client;
    rd_kafka_topic_partition_t       *tp;
    rd_kafka_topic_partition_list_t  *list;

    client = assignment->client;
    topic = NULL;

    if (assignment->committing) {
        assignment->committing--;
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
            topic = tp->topic;
        }

        ngx_kafka_sse_assignment_commit_again(assignment, tp);
    }

    switch (err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        ngx_kafka_sse_client_up(client);
        ngx_kafka_sse_complaint_allowed(client, NULL);
        assignment->commits++;
        return NGX_OK;

    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:

        /* the group moves on: the next owner commits */

        client->errors++;

        ngx_log_error(NGX_LOG_INFO, assignment->log, 0,
                      "kafka_sse: commit to cluster \"%V\" failed: %s",
                      &client->cluster->name, rd_kafka_err2str(err));
        return NGX_AGAIN;

    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return NGX_DECLINED;

    default:
        ngx_kafka_sse_client_error(client, err, rd_kafka_err2str(err), topic);
        return NGX_AGAIN;
    }
}


static void
ngx_kafka_sse_assignment_commit_again(ngx_kafka_sse_assignment_t *assignment,
    rd_kafka_topic_partition_t *tp)
{
    ngx_kafka_sse_publisher_partition_t  *part;

    part = ngx_kafka_sse_publisher_find(assignment->publisher, tp->topic,
                                        tp->partition);
    if (part) {
        part->committed = NGX_KAFKA_SSE_NO_OFFSET;
    }
}


void
ngx_kafka_sse_assignment_pause(ngx_kafka_sse_assignment_t *assignment)
{
    rd_kafka_topic_partition_list_t  *list;

    assignment->paused = 1;

    list = ngx_kafka_sse_assignment_list(assignment);
    (void) rd_kafka_pause_partitions(assignment->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}


void
ngx_kafka_sse_assignment_resume(ngx_kafka_sse_assignment_t *assignment)
{
    rd_kafka_topic_partition_list_t  *list;

    assignment->paused = 0;

    list = ngx_kafka_sse_assignment_list(assignment);
    (void) rd_kafka_resume_partitions(assignment->client->rk, list);
    ngx_kafka_sse_client_nudge(assignment->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}


void
ngx_kafka_sse_assignment_nudge(ngx_kafka_sse_assignment_t *assignment)
{
    rd_kafka_topic_partition_list_t  *list;

    list = ngx_kafka_sse_assignment_list(assignment);
    ngx_kafka_sse_client_nudge(assignment->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}
