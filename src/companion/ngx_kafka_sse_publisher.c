
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_publisher.h>
#include <shared/ngx_kafka_sse_envelope.h>


/*
 * Larger records are not for Redis: a subscriber that has 8 MB unread for
 * 60 s, or 32 MB at all, is cut by its default client-output-buffer-limit
 */

#define NGX_KAFKA_SSE_PUBLISHER_LARGE  (8 * 1024 * 1024)


static void ngx_kafka_sse_publisher_beacon_topic(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic);
static ngx_kafka_sse_publisher_partition_t *
    ngx_kafka_sse_publisher_add_partition(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, int32_t partition);
static ngx_int_t ngx_kafka_sse_publisher_write(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_publisher_room(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, size_t len);
static void ngx_kafka_sse_publisher_discard(
    ngx_kafka_sse_publisher_partition_t *part);
static void ngx_kafka_sse_publisher_publish(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part);
static void ngx_kafka_sse_publisher_head(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, ngx_kafka_sse_envelope_t *env);
static ngx_int_t ngx_kafka_sse_publisher_channel(
    ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic);
static ngx_int_t ngx_kafka_sse_publisher_reserve(
    ngx_kafka_sse_publisher_t *publisher);


ngx_int_t
ngx_kafka_sse_publisher_init(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_cluster_t *cluster, ngx_pool_t *pool)
{
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;

    publisher->cluster_id.data = publisher->id;

    ngx_queue_init(&publisher->owned);
    ngx_queue_init(&publisher->open);

    topics = cluster->topics.elts;
    publisher->ntopics = cluster->topics.nelts;

    publisher->topics = ngx_pcalloc(pool, publisher->ntopics
                                  * sizeof(ngx_kafka_sse_publisher_topic_t));
    if (publisher->topics == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < publisher->ntopics; i++) {
        publisher->topics[i].topic = topics[i];
    }

    return NGX_OK;
}


void
ngx_kafka_sse_publisher_set_cluster_id(ngx_kafka_sse_publisher_t *publisher,
    char *id)
{
    if (publisher->cluster_id.len) {
        return;
    }

    publisher->cluster_id.len = ngx_min(ngx_strlen(id),
                                        sizeof(publisher->id) - 1);

    ngx_memcpy(publisher->id, id, publisher->cluster_id.len);
}


ngx_kafka_sse_publisher_topic_t *
ngx_kafka_sse_publisher_topic(ngx_kafka_sse_publisher_t *publisher,
    const char *name)
{
    ngx_uint_t                        i;
    ngx_kafka_sse_publisher_topic_t  *topic;

    for (i = 0; i < publisher->ntopics; i++) {
        topic = &publisher->topics[i];

        if (topic->topic->name.len
            && ngx_strcmp(topic->topic->name.data, name) == 0)
        {
            return topic;
        }
    }

    return NULL;
}


ngx_kafka_sse_publisher_partition_t *
ngx_kafka_sse_publisher_partition(ngx_kafka_sse_publisher_topic_t *topic,
    int32_t partition)
{
    ngx_kafka_sse_publisher_partition_t  *part;

    if (partition < 0 || (ngx_uint_t) partition >= topic->size) {
        return NULL;
    }

    part = topic->partitions[partition];

    return (part && part->owned) ? part : NULL;
}


ngx_kafka_sse_publisher_partition_t *
ngx_kafka_sse_publisher_find(ngx_kafka_sse_publisher_t *publisher,
    const char *name, int32_t partition)
{
    ngx_kafka_sse_publisher_topic_t  *topic;

    topic = ngx_kafka_sse_publisher_topic(publisher, name);
    if (topic == NULL) {
        return NULL;
    }

    return ngx_kafka_sse_publisher_partition(topic, partition);
}


ngx_int_t
ngx_kafka_sse_publisher_own(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, int32_t partition, int64_t next)
{
    ngx_kafka_sse_publisher_partition_t  *part;

    part = ngx_kafka_sse_publisher_add_partition(publisher, topic, partition);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->next = next;
    part->from = next;
    part->published = NGX_KAFKA_SSE_NO_OFFSET;
    part->accepted = NGX_KAFKA_SSE_NO_OFFSET;
    part->committed = NGX_KAFKA_SSE_NO_OFFSET;

    if (!part->owned) {
        part->owned = 1;
        publisher->n++;

        ngx_queue_insert_tail(&publisher->owned, &part->link);
    }

    return NGX_OK;
}


static ngx_kafka_sse_publisher_partition_t *
ngx_kafka_sse_publisher_add_partition(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, int32_t partition)
{
    size_t                                 size;
    ngx_kafka_sse_publisher_partition_t  **partitions, *part;

    if (partition < 0) {
        return NULL;
    }

    if ((ngx_uint_t) partition >= topic->size) {
        size = ngx_max((ngx_uint_t) partition + 1, 2 * topic->size);

        partitions = ngx_calloc(size * sizeof(void *), publisher->log);
        if (partitions == NULL) {
            return NULL;
        }

        if (topic->partitions) {
            ngx_memcpy(partitions, topic->partitions,
                       topic->size * sizeof(void *));
            ngx_free(topic->partitions);
        }

        topic->partitions = partitions;
        topic->size = size;
    }

    part = topic->partitions[partition];
    if (part) {
        return part;
    }

    part = ngx_calloc(sizeof(ngx_kafka_sse_publisher_partition_t),
                      publisher->log);
    if (part == NULL) {
        return NULL;
    }

    part->topic = topic;
    part->partition = partition;
    ngx_queue_init(&part->link);

    topic->partitions[partition] = part;

    return part;
}


void
ngx_kafka_sse_publisher_disown(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part)
{
    ngx_kafka_sse_publisher_publish(publisher, part);

    /*
     * What is owned is linked, which clang's analyzer does not see where
     * nginx's debug build clears the links of what it has removed
     */

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    ngx_queue_remove(&part->link);

    part->owned = 0;
    publisher->n--;
}


void
ngx_kafka_sse_publisher_disown_all(ngx_kafka_sse_publisher_t *publisher)
{
    ngx_queue_t                          *q;
    ngx_kafka_sse_publisher_partition_t  *part;

    while (!ngx_queue_empty(&publisher->owned)) {
        q = ngx_queue_head(&publisher->owned);
        part = ngx_queue_data(q, ngx_kafka_sse_publisher_partition_t, link);

        ngx_kafka_sse_publisher_disown(publisher, part);
    }
}


void
ngx_kafka_sse_publisher_restart(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part)
{
    ngx_kafka_sse_publisher_publish(publisher, part);

    part->next = 0;
    part->from = NGX_KAFKA_SSE_NO_OFFSET;
    part->accepted = NGX_KAFKA_SSE_NO_OFFSET;
    part->committed = NGX_KAFKA_SSE_NO_OFFSET;
}


void
ngx_kafka_sse_publisher_add(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, ngx_kafka_sse_record_t *rec)
{
    if (part->from == NGX_KAFKA_SSE_NO_OFFSET) {
        part->from = rec->offset;
    }

    if (ngx_kafka_sse_envelope_record_len(rec)
        > NGX_KAFKA_SSE_PUBLISHER_LARGE)
    {
        ngx_log_error(NGX_LOG_INFO, publisher->log, 0,
                      "kafka_sse: %V/%D:%L of %uz bytes is left to Kafka, "
                      "where each node reads it",
                      &part->topic->topic->name, part->partition, rec->offset,
                      rec->key.len + rec->value.len + rec->headers.len);

        ngx_kafka_sse_publisher_publish(publisher, part);
        ngx_kafka_sse_publisher_leave_out(part, rec->offset);
        return;
    }

    if (ngx_kafka_sse_publisher_write(publisher, part, rec) != NGX_OK) {
        ngx_kafka_sse_publisher_leave_out(part, rec->offset);
        return;
    }

    /* not before: writing may have published what there was */

    part->next = rec->offset + 1;
}


void
ngx_kafka_sse_publisher_leave_out(ngx_kafka_sse_publisher_partition_t *part,
    int64_t offset)
{
    part->next = offset + 1;

    ngx_kafka_sse_publisher_discard(part);
}


static ngx_int_t
ngx_kafka_sse_publisher_write(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, ngx_kafka_sse_record_t *rec)
{
    u_char  *p;
    size_t   len;

    len = ngx_kafka_sse_envelope_record_len(rec);

    if (part->count
        && (size_t) (part->last - part->envelope) + len
           > NGX_KAFKA_SSE_ENVELOPE_MAX)
    {
        ngx_kafka_sse_publisher_publish(publisher, part);
    }

    p = ngx_kafka_sse_publisher_room(publisher, part, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    part->last = ngx_kafka_sse_envelope_write_record(p, rec);
    part->count++;

    return NGX_OK;
}


/* the first record gets an envelope of its size: on most days it is alone */

static u_char *
ngx_kafka_sse_publisher_room(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part, size_t len)
{
    u_char                    *p;
    size_t                     used, size;
    ngx_kafka_sse_envelope_t   env;

    if (part->envelope && (size_t) (part->limit - part->last) >= len) {
        return part->last;
    }

    if (part->envelope) {
        used = part->last - part->envelope;
        size = ngx_max(used + len, 2 * used);

    } else {
        ngx_kafka_sse_publisher_head(publisher, part->topic, &env);

        used = ngx_kafka_sse_envelope_head_len(&env);
        size = used + len;
    }

    p = ngx_alloc(size, publisher->log);
    if (p == NULL) {
        return NULL;
    }

    if (part->envelope) {
        ngx_memcpy(p, part->envelope, used);
        ngx_free(part->envelope);

    } else {
        ngx_queue_insert_tail(&publisher->open, &part->queue);
    }

    part->envelope = p;
    part->last = p + used;
    part->limit = p + size;

    return part->last;
}


static void
ngx_kafka_sse_publisher_discard(ngx_kafka_sse_publisher_partition_t *part)
{
    part->from = part->next;

    if (part->envelope == NULL) {
        return;
    }

    ngx_queue_remove(&part->queue);
    ngx_free(part->envelope);

    part->envelope = NULL;
    part->count = 0;
}


void
ngx_kafka_sse_publisher_flush(ngx_kafka_sse_publisher_t *publisher)
{
    ngx_queue_t                          *q;
    ngx_kafka_sse_publisher_partition_t  *part;

    while (!ngx_queue_empty(&publisher->open)) {
        q = ngx_queue_head(&publisher->open);
        part = ngx_queue_data(q, ngx_kafka_sse_publisher_partition_t, queue);

        ngx_kafka_sse_publisher_publish(publisher, part);
    }
}


static void
ngx_kafka_sse_publisher_publish(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_partition_t *part)
{
    uint64_t                          seq;
    ngx_kafka_sse_envelope_t          env;
    ngx_kafka_sse_publisher_sent_t   *sent;
    ngx_kafka_sse_publisher_topic_t  *topic;

    if (part->envelope == NULL) {
        return;
    }

    topic = part->topic;

    if (ngx_kafka_sse_publisher_channel(publisher, topic) != NGX_OK
        || ngx_kafka_sse_publisher_reserve(publisher) != NGX_OK)
    {
        ngx_kafka_sse_publisher_discard(part);
        return;
    }

    ngx_kafka_sse_publisher_head(publisher, topic, &env);

    env.partition = part->partition;
    env.from = part->from;
    env.end = part->end;
    env.count = part->count;

    (void) ngx_kafka_sse_envelope_write_head(part->envelope, &env);

    seq = ngx_kafka_sse_redis_publish(publisher->redis, &topic->channel,
                                      part->envelope,
                                      part->last - part->envelope);

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, publisher->log, 0,
                   "kafka_sse envelope %V/%D:%L with %uD records is #%uL",
                   &topic->topic->name, part->partition, part->next - 1,
                   part->count, seq);

    /* the envelope is Redis' now, whatever has happened */

    ngx_queue_remove(&part->queue);
    part->envelope = NULL;
    part->count = 0;
    part->from = part->next;

    if (seq == 0) {
        return;
    }

    part->published = part->next;

    sent = &publisher->sent[publisher->tail++ & (publisher->size - 1)];
    sent->seq = seq;
    sent->next = part->next;
    sent->partition = part;

    publisher->envelopes++;
}


static void
ngx_kafka_sse_publisher_head(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic, ngx_kafka_sse_envelope_t *env)
{
    ngx_memzero(env, sizeof(ngx_kafka_sse_envelope_t));

    env->cluster_id = publisher->cluster_id;
    env->topic = topic->topic->name;
    ngx_memcpy(env->incarnation, topic->incarnation, 16);
}


static ngx_int_t
ngx_kafka_sse_publisher_channel(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic)
{
    u_char  *p;

    if (topic->channel.len) {
        return NGX_OK;
    }

    p = ngx_alloc(publisher->prefix.len + publisher->cluster_id.len
                  + topic->topic->name.len + 4, publisher->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    topic->channel.data = p;

    p = ngx_kafka_sse_envelope_channel(p, &publisher->prefix,
                                       &publisher->cluster_id,
                                       &topic->topic->name);

    topic->channel.len = p - topic->channel.data;

    return NGX_OK;
}


/* makes room for one more entry in sent */

static ngx_int_t
ngx_kafka_sse_publisher_reserve(ngx_kafka_sse_publisher_t *publisher)
{
    size_t                           i, size;
    ngx_kafka_sse_publisher_sent_t  *sent;

    if (publisher->tail - publisher->head < publisher->size) {
        return NGX_OK;
    }

    size = publisher->size ? 2 * publisher->size : 64;

    sent = ngx_alloc(size * sizeof(ngx_kafka_sse_publisher_sent_t),
                     publisher->log);
    if (sent == NULL) {
        return NGX_ERROR;
    }

    for (i = publisher->head; i != publisher->tail; i++) {
        sent[i & (size - 1)] = publisher->sent[i & (publisher->size - 1)];
    }

    if (publisher->sent) {
        ngx_free(publisher->sent);
    }

    publisher->sent = sent;
    publisher->size = size;

    return NGX_OK;
}


void
ngx_kafka_sse_publisher_beacon(ngx_kafka_sse_publisher_t *publisher)
{
    ngx_uint_t  i;

    /* a backlog of beacons would tell of what is long over */

    if (publisher->n == 0
        || !ngx_kafka_sse_redis_state(publisher->redis)->connected)
    {
        return;
    }

    for (i = 0; i < publisher->ntopics; i++) {
        ngx_kafka_sse_publisher_beacon_topic(publisher, &publisher->topics[i]);
    }
}


static void
ngx_kafka_sse_publisher_beacon_topic(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_publisher_topic_t *topic)
{
    u_char                               *beacon, *p;
    ngx_uint_t                            i;
    ngx_kafka_sse_envelope_t              env;
    ngx_kafka_sse_publisher_partition_t  *part;

    ngx_kafka_sse_publisher_head(publisher, topic, &env);

    for (i = 0; i < topic->size; i++) {
        part = topic->partitions[i];
        env.count += (part && part->owned && part->from >= 0);
    }

    if (env.count == 0
        || ngx_kafka_sse_publisher_channel(publisher, topic) != NGX_OK)
    {
        return;
    }

    beacon = ngx_alloc(ngx_kafka_sse_envelope_beacon_len(&env),
                       publisher->log);
    if (beacon == NULL) {
        return;
    }

    p = ngx_kafka_sse_envelope_write_beacon(beacon, &env);

    for (i = 0; i < topic->size; i++) {
        part = topic->partitions[i];

        if (part && part->owned && part->from >= 0) {
            env.partition = part->partition;
            env.from = part->from;
            env.end = part->end;
            p = ngx_kafka_sse_envelope_write_position(p, &env);
        }
    }

    (void) ngx_kafka_sse_redis_publish(publisher->redis, &topic->channel,
                                       beacon, p - beacon);
}


ngx_int_t
ngx_kafka_sse_publisher_accept(ngx_kafka_sse_publisher_t *publisher)
{
    ngx_kafka_sse_redis_state_t          *redis;
    ngx_kafka_sse_publisher_sent_t       *sent;
    ngx_kafka_sse_publisher_partition_t  *part;

    redis = ngx_kafka_sse_redis_state(publisher->redis);

    while (publisher->head != publisher->tail) {
        sent = &publisher->sent[publisher->head & (publisher->size - 1)];

        if (sent->seq > redis->accepted) {
            return NGX_AGAIN;
        }

        part = sent->partition;

        /* not what was sent before a revocation or a new beginning */

        if (part->owned && sent->next <= part->from) {
            part->accepted = ngx_max(part->accepted, sent->next);
        }

        publisher->head++;
    }

    return NGX_OK;
}


int64_t
ngx_kafka_sse_publisher_published(ngx_kafka_sse_publisher_t *publisher,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_uint_t                            i;
    ngx_kafka_sse_publisher_partition_t  *part;

    for (i = 0; i < publisher->ntopics; i++) {

        if (publisher->topics[i].topic != topic) {
            continue;
        }

        part = ngx_kafka_sse_publisher_partition(&publisher->topics[i],
                                                 partition);

        return part ? part->published : NGX_KAFKA_SSE_NO_OFFSET;
    }

    return NGX_KAFKA_SSE_NO_OFFSET;
}
