
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_feed_check.h>
#include <companion/ngx_kafka_sse_reader.h>


static void ngx_kafka_sse_feed_topic_replace(ngx_kafka_sse_feed_topic_t *ft,
    ngx_str_t *cluster_id, u_char incarnation[16]);
static void ngx_kafka_sse_feed_topic_live(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition);
static void ngx_kafka_sse_feed_topic_begin(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset);
static void ngx_kafka_sse_feed_topic_start(ngx_kafka_sse_feed_topic_t *ft);
static ngx_uint_t ngx_kafka_sse_feed_topic_hears(
    ngx_kafka_sse_feed_partition_t *part);
static ngx_uint_t ngx_kafka_sse_feed_topic_follows(
    ngx_kafka_sse_feed_partition_t *part, int64_t from, int64_t end);
static ngx_uint_t ngx_kafka_sse_feed_topic_reached(
    ngx_kafka_sse_feed_topic_t *ft, ngx_kafka_sse_feed_partition_t *part,
    int64_t from, int64_t end);
static void ngx_kafka_sse_feed_topic_gap(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t from, int64_t end);


static u_char  ngx_kafka_sse_feed_topic_no_id[16];


ngx_int_t
ngx_kafka_sse_feed_topic_enter(ngx_kafka_sse_feed_topic_t *ft,
    ngx_pool_t *pool, ngx_str_t *cluster_id, u_char incarnation[16])
{
    ngx_int_t                   index;
    ngx_str_t                   known;
    ngx_uint_t                  p;
    ngx_kafka_sse_topics_sh_t  *table;

    if (ft->partitions == NULL) {
        ft->partitions = ngx_pcalloc(pool,
                                     NGX_KAFKA_SSE_PARTITIONS_MAX
                                     * sizeof(ngx_kafka_sse_feed_partition_t));
        if (ft->partitions == NULL) {
            return NGX_ERROR;
        }
    }

    if (ft->sh == NULL) {
        table = ft->appender->ring->table;
        index = ngx_kafka_sse_topics_add(table, ft->topic);

        if (index < 0) {
            ngx_log_error(NGX_LOG_ERR, ft->log, 0,
                          "kafka_sse: zone \"%V\" has no room for topic "
                          "\"%V\" beside those of earlier configurations, it "
                          "is not served until nginx is restarted",
                          &ft->appender->conf->ring_name, &ft->topic->name);
            return NGX_ERROR;
        }

        ft->index = index;
        ft->sh = &table->topics[index];
    }

    known = ngx_kafka_sse_topics_str(ft->sh->cluster_id);

    if (known.len != cluster_id->len
        || ngx_memcmp(known.data, cluster_id->data, known.len) != 0)
    {
        if (known.len) {
            ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                          "kafka_sse: cluster \"%V\" was Kafka cluster \"%V\" "
                          "and is \"%V\" now, topic \"%V\" starts anew",
                          &ft->topic->cluster->name, &known, cluster_id,
                          &ft->topic->name);
        }

        ngx_kafka_sse_topics_reset(ft->sh, cluster_id, incarnation);
        ft->started = 0;

        for (p = 0; p < ft->n; p++) {
            ft->partitions[p].begun = 0;
            ngx_kafka_sse_feed_topic_tail(ft, p);
        }

    } else if (!ngx_kafka_sse_feed_topic_is(ft, incarnation)) {
        ngx_kafka_sse_feed_topic_replace(ft, cluster_id, incarnation);
    }

    return NGX_OK;
}


/*
 * The topic has another id, and so another tag.  Its streams are told, then
 * they end, and come back with a position in the new one; whoever comes back
 * with one in the former is told, too.
 */

static void
ngx_kafka_sse_feed_topic_replace(ngx_kafka_sse_feed_topic_t *ft,
    ngx_str_t *cluster_id, u_char incarnation[16])
{
    uint32_t                         tag;
    ngx_uint_t                       p;
    ngx_kafka_sse_feed_partition_t  *part;

    ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                  "kafka_sse: topic \"%V\" has been deleted and made again, "
                  "going on at its beginning, clients are told",
                  &ft->topic->name);

    /* those of a companion before us, too */

    for (p = 0; p < ft->sh->n; p++) {
        if (ft->sh->partitions[p].held > 0) {
            ngx_kafka_sse_appender_move(ft->appender, ft->index, p, 0,
                                        NGX_KAFKA_SSE_MOVE_RECREATED);
        }
    }

    tag = ft->sh->tag;

    ngx_kafka_sse_topics_reset(ft->sh, cluster_id, incarnation);

    ft->sh->former = tag;

    /*
     * Workers end the streams of the former one here, before there are records
     * of the new one, which would go out with the former one's tag
     */

    ngx_kafka_sse_appender_topic(ft->appender, ft->index);

    for (p = 0; p < ft->n; p++) {
        part = &ft->partitions[p];

        ngx_kafka_sse_reader_stop(ft->reader, ft->topic, p);

        if (part->history.reading) {
            while (part->history.n) {
                ngx_kafka_sse_history_drop(&part->history);
            }

            ngx_kafka_sse_history_end(&part->history, ft->room);
        }

        ngx_memzero(part, sizeof(ngx_kafka_sse_feed_partition_t));
    }

    ft->gone = 0;
    ft->n = 0;
}


void
ngx_kafka_sse_feed_topic_confirm(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t  p;

    if (!ngx_kafka_sse_feed_topic_has_id(ft)) {
        return;
    }

    ft->confirmed = 1;

    for (p = 0; p < ft->n; p++) {
        if (ft->partitions[p].waits) {
            ngx_kafka_sse_feed_check_doubt(ft, p);
        }
    }

    ft->confirmed = 0;
}


ngx_uint_t
ngx_kafka_sse_feed_topic_has_id(ngx_kafka_sse_feed_topic_t *ft)
{
    return ngx_memcmp(ft->sh->incarnation, ngx_kafka_sse_feed_topic_no_id, 16)
           != 0;
}


ngx_uint_t
ngx_kafka_sse_feed_topic_is(ngx_kafka_sse_feed_topic_t *ft,
    u_char incarnation[16])
{
    return !ngx_kafka_sse_feed_topic_has_id(ft)
           || ngx_memcmp(incarnation, ngx_kafka_sse_feed_topic_no_id, 16) == 0
           || ngx_memcmp(incarnation, ft->sh->incarnation, 16) == 0;
}


void
ngx_kafka_sse_feed_topic_grow(ngx_kafka_sse_feed_topic_t *ft, ngx_uint_t n,
    ngx_uint_t running)
{
    ngx_uint_t                       p;
    ngx_kafka_sse_feed_partition_t  *part;

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

    /* what was there before may be another one by now: see _check() */

    p = ft->gone ? 0 : ft->n;

    for (ft->n = ngx_max(ft->n, n); p < n; p++) {
        ngx_kafka_sse_feed_topic_tail(ft, p);
        ngx_kafka_sse_feed_check_start(ft, p);
    }

    if (ngx_kafka_sse_feed_topic_has_id(ft)) {
        ft->gone = 0;
    }

    ft->sh->n = ft->n;

    /* workers may have missed that it started: a writer was killed then */

    ft->started = 0;
    ngx_kafka_sse_feed_topic_start(ft);
}


void
ngx_kafka_sse_feed_topic_gone(ngx_kafka_sse_feed_topic_t *ft)
{
    if (ft->n == 0 || ft->gone) {
        return;
    }

    ft->gone = 1;

    ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                  "kafka_sse: topic \"%V\" does not exist in cluster \"%V\" "
                  "any more, waiting for it",
                  &ft->topic->name, &ft->topic->cluster->name);
}


ngx_kafka_sse_feed_partition_t *
ngx_kafka_sse_feed_topic_partition(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    if (partition < 0 || (ngx_uint_t) partition >= ft->n) {
        return NULL;
    }

    return &ft->partitions[partition];
}


void
ngx_kafka_sse_feed_topic_tail(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    int64_t                          held;
    ngx_uint_t                       records;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];
    held = part->sh->held;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                   "kafka_sse feed tails %V/%D:%L", &ft->topic->name,
                   partition, held);

    part->tails = 1;
    part->checks = 0;
    part->waits = 0;
    part->moved = 0;
    part->was = held;
    part->sh->tailing = 1;

    if (held == NGX_KAFKA_SSE_NO_OFFSET) {
        ngx_kafka_sse_history_begin(&part->history, ft->room);

        records = ft->appender->conf->history.records;

        ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition, 0,
                                   ngx_max(records, 1));
        return;
    }

    if (held == 0) {
        /* its first records may be gone, and nobody had a right to them */

        held = NGX_KAFKA_SSE_READER_BEGINNING;
    }

    ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition, held, 0);
}


static void
ngx_kafka_sse_feed_topic_live(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                   "kafka_sse feed has live %V/%D:%L", &ft->topic->name,
                   partition, part->sh->held);

    part->tails = 0;
    part->checks = 0;
    part->repairs = 0;
    part->goal = -1;
    part->sh->tailing = 0;

    ngx_kafka_sse_reader_stop(ft->reader, ft->topic, partition);
}


/*
 * The past has been read: offset is the end, past which there may be markers
 * of transactions only.  "held" stays before them, as on every other node.
 */

static void
ngx_kafka_sse_feed_topic_begin(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset)
{
    ngx_kafka_sse_record_t          *rec;
    ngx_kafka_sse_history_t         *history;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];
    history = &part->history;

    ngx_kafka_sse_history_end(history, ft->room);

    rec = ngx_kafka_sse_history_first(history);

    if (rec) {
        part->sh->held = rec->offset;

    } else if (history->next != NGX_KAFKA_SSE_NO_OFFSET) {
        part->sh->held = history->next;

    } else {
        part->sh->held = offset;
    }

    while (rec) {
        ngx_kafka_sse_appender_record(ft->appender, ft->topic, ft->index, rec);

        ngx_kafka_sse_history_drop(history);
        rec = ngx_kafka_sse_history_first(history);
    }
}


/* tells the workers once that all partitions have a position */

static void
ngx_kafka_sse_feed_topic_start(ngx_kafka_sse_feed_topic_t *ft)
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
    ft->denied = 0;

    ngx_kafka_sse_appender_topic(ft->appender, ft->index);

    ngx_log_error(NGX_LOG_NOTICE, ft->log, 0,
                  "kafka_sse: topic \"%V\" is served", &ft->topic->name);
}


void
ngx_kafka_sse_feed_topic_subscribed(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t  p;

    if (!ft->wanted || ft->subscribed) {
        return;
    }

    ft->subscribed = 1;

    /* the end that counts is one that is reached from now on */

    for (p = 0; p < ft->n; p++) {
        ngx_kafka_sse_feed_topic_tail(ft, p);

        if (!ft->partitions[p].begun) {
            ngx_kafka_sse_feed_check_start(ft, p);
        }
    }
}


void
ngx_kafka_sse_feed_topic_unsubscribed(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t  p;

    ft->subscribed = 0;

    for (p = 0; p < ft->n; p++) {
        ft->partitions[p].heard = 0;

        if (!ft->partitions[p].tails) {
            ngx_kafka_sse_feed_topic_tail(ft, p);
        }
    }
}


ngx_uint_t
ngx_kafka_sse_feed_topic_look(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t                       p, n, alone;
    ngx_kafka_sse_feed_partition_t  *part;

    n = 0;
    alone = 0;

    for (p = 0; p < ft->n; p++) {
        part = &ft->partitions[p];
        part->was = part->sh->held;

        if (!part->tails && !ngx_kafka_sse_feed_topic_hears(part)) {
            ngx_kafka_sse_feed_topic_tail(ft, p);
            n++;
        }

        ngx_kafka_sse_feed_check_mark(ft, p);

        alone += (part->tails && part->begun && ft->redis);
    }

    if (n) {
        ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                      "kafka_sse: Redis has brought nothing of %ui partitions "
                      "of topic \"%V\" for %d ms, reading Kafka",
                      n, &ft->topic->name, NGX_KAFKA_SSE_FEED_AWAY);
    }

    if (ngx_current_msec - ft->checked >= NGX_KAFKA_SSE_FEED_CHECK) {
        ft->checked = ngx_current_msec;
        ngx_kafka_sse_feed_check_next(ft);
    }

    return alone;
}


/* whether the partition's owner is alive, and Redis between it and us */

static ngx_uint_t
ngx_kafka_sse_feed_topic_hears(ngx_kafka_sse_feed_partition_t *part)
{
    return part->heard
           && ngx_current_msec - part->heard < NGX_KAFKA_SSE_FEED_AWAY;
}


/*
 * Whether what begins at "from" follows on what we have, and is not too long to
 * be true.  "from" is never below 0, so behind it "held" is an offset: whatever
 * end is, the difference is one that there is.
 */

static ngx_uint_t
ngx_kafka_sse_feed_topic_follows(ngx_kafka_sse_feed_partition_t *part,
    int64_t from, int64_t end)
{
    return from <= part->sh->held
           && end - part->sh->held <= NGX_KAFKA_SSE_FEED_JUMP;
}


/*
 * Whether the partition's owner, who has published up to end and goes on from
 * "from", is where we are; it may be behind by what the reader has brought
 * since the last look: a backlog that is published after an outage is not.
 */

static ngx_uint_t
ngx_kafka_sse_feed_topic_reached(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_feed_partition_t *part, int64_t from, int64_t end)
{
    return ft->subscribed && part->begun && !part->moved
           && end >= part->was
           && ngx_kafka_sse_feed_topic_follows(part, from, end)
           && (part->gap == 0
               || ngx_current_msec - part->gap >= NGX_KAFKA_SSE_FEED_REPAIR);
}


void
ngx_kafka_sse_feed_topic_record(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec, int64_t end)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_topic_partition(ft, rec->partition);

    if (part == NULL || (!part->tails && !part->checks)) {
        return;
    }

    part->sh->end = end;

    if (part->checks) {
        ngx_kafka_sse_feed_check_answer(ft, rec->partition, rec);
        return;
    }

    if (part->sh->held == NGX_KAFKA_SSE_NO_OFFSET) {
        ngx_kafka_sse_mark_set(&part->sh->mark, rec);
        ngx_kafka_sse_history_add(&part->history,
                                  &ft->appender->conf->history, ft->room, rec,
                                  ft->log);
        return;
    }

    if (part->moved && !part->looked
        && ngx_kafka_sse_feed_check_beginning(ft, rec) != NGX_OK)
    {
        return;
    }

    if (rec->offset < part->sh->held) {
        return;
    }

    if (part->moved) {
        part->moved = 0;

        if (rec->offset > part->sh->held) {
            ngx_kafka_sse_feed_topic_move(ft, rec->partition, rec->offset,
                                          NGX_KAFKA_SSE_MOVE_EXPIRED);
        }
    }

    part->sh->repaired += part->repairs;

    ngx_kafka_sse_appender_record(ft->appender, ft->topic, ft->index, rec);
}


void
ngx_kafka_sse_feed_topic_eof(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_topic_partition(ft, partition);

    if (part == NULL || (!part->tails && !part->checks)) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                   "kafka_sse feed end of %V/%D:%L", &ft->topic->name,
                   partition, offset);

    if (part->checks) {

        if (offset > part->sh->mark.offset) {
            ngx_kafka_sse_feed_check_answer(ft, partition, NULL);

        } else {
            ngx_kafka_sse_feed_check_doubt(ft, partition);
        }

        return;
    }

    if (part->moved) {

        if (ngx_kafka_sse_feed_check_end(ft, partition, offset) != NGX_OK) {
            return;
        }

        part->moved = 0;

        if (offset > part->sh->held) {
            ngx_kafka_sse_feed_topic_move(ft, partition, offset,
                                          NGX_KAFKA_SSE_MOVE_EXPIRED);
        }
    }

    if (part->sh->held == NGX_KAFKA_SSE_NO_OFFSET) {
        ngx_kafka_sse_feed_topic_begin(ft, partition, offset);
    }

    part->sh->end = ngx_max(part->sh->end, offset);
    part->begun = 1;

    ngx_kafka_sse_feed_topic_start(ft);

    if (ft->subscribed && offset >= part->goal
        && ngx_kafka_sse_feed_topic_hears(part))
    {
        ngx_kafka_sse_feed_topic_live(ft, partition);
    }
}


void
ngx_kafka_sse_feed_topic_out_of_range(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_topic_partition(ft, partition);

    if (part && (part->tails || part->checks)) {
        ngx_kafka_sse_feed_check_doubt(ft, partition);
    }
}


ngx_int_t
ngx_kafka_sse_feed_topic_announced(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t from, int64_t end, int64_t high)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = ngx_kafka_sse_feed_topic_partition(ft, partition);
    if (part == NULL) {
        return NGX_DECLINED;
    }

    part->heard = ngx_current_msec;

    if (end >= part->sh->held) {
        part->behind = 0;

    } else if (part->behind == 0) {
        part->behind = ngx_current_msec;

    } else if (!part->tails
               && ngx_current_msec - part->behind >= NGX_KAFKA_SSE_FEED_AWAY)
    {

        /* it is slow, or the topic that it reads ends below ours */

        ngx_kafka_sse_feed_check_start(ft, partition);
    }

    if (part->tails) {

        if (!ngx_kafka_sse_feed_topic_reached(ft, part, from, end)) {
            part->goal = ngx_max(part->goal, end);

            ngx_log_debug6(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                           "kafka_sse feed leaves %V/%D:%L up to %L to the "
                           "reader, at %L, goal %L", &ft->topic->name,
                           partition, from, end, part->sh->held, part->goal);

            return NGX_DECLINED;
        }

        ngx_kafka_sse_feed_topic_live(ft, partition);
    }

    /* not the highest ever said: one that is wrong is put right by the next */

    if (high != -1) {
        part->sh->end = ngx_max(end, high);
    }

    if (!ngx_kafka_sse_feed_topic_follows(part, from, end)) {
        ngx_kafka_sse_feed_topic_gap(ft, partition, from, end);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* what lies between is read from Kafka, and what comes meanwhile, too */

static void
ngx_kafka_sse_feed_topic_gap(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t from, int64_t end)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    if (ft->said == 0 || ngx_current_msec - ft->said >= NGX_KAFKA_SSE_FEED_GAP)
    {
        ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                      "kafka_sse: gap in %V/%D, %L is wanted and %L up to %L "
                      "came, reading Kafka (%ui more of the topic before)",
                      &ft->topic->name, partition, part->sh->held, from, end,
                      ft->unsaid);

        ft->said = ngx_current_msec;
        ft->unsaid = 0;

    } else {
        ft->unsaid++;
    }

    part->sh->gaps++;
    part->gap = ngx_current_msec;
    part->repairs = 1;
    part->goal = end;

    ngx_kafka_sse_feed_topic_tail(ft, partition);
}


void
ngx_kafka_sse_feed_topic_take(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[rec->partition];

    if (rec->offset < part->sh->held) {
        part->sh->duplicates++;

        ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                       "kafka_sse feed has %V/%D:%L already",
                       &ft->topic->name, rec->partition, rec->offset);
        return;
    }

    ngx_kafka_sse_appender_record(ft->appender, ft->topic, ft->index, rec);
}


void
ngx_kafka_sse_feed_topic_move(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t to, ngx_uint_t reason)
{
    ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                  "kafka_sse: Kafka does not have %V/%D:%L any more, going "
                  "on at %L, clients are told", &ft->topic->name, partition,
                  ft->partitions[partition].sh->held, to);

    ngx_kafka_sse_appender_move(ft->appender, ft->index, partition, to,
                                reason);
}
