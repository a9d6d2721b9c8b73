
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_place.h>
#include <worker/ngx_kafka_sse_stream.h>


static void ngx_kafka_sse_hub_topics_take(ngx_kafka_sse_hub_t *hub);
static ngx_kafka_sse_topic_t *ngx_kafka_sse_hub_topic_row(
    ngx_kafka_sse_hub_t *hub, ngx_uint_t index);
static void ngx_kafka_sse_hub_topic_enter(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_uint_t index);
static void ngx_kafka_sse_hub_topic_adopt(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic);
static void ngx_kafka_sse_hub_topic_replaced(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic);
static void ngx_kafka_sse_hub_topic_break(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_hub_topic_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic);


ngx_int_t
ngx_kafka_sse_hub_topics_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_uint_t                   i;
    ngx_kafka_sse_topic_t      **topics;
    ngx_kafka_sse_hub_topic_t   *topic;

    hub->topics = ngx_pcalloc(hub->pool,
                              hub->conf->topics.nelts
                              * sizeof(ngx_kafka_sse_hub_topic_t));
    if (hub->topics == NULL) {
        return NGX_ERROR;
    }

    topics = hub->conf->topics.elts;

    for (i = 0; i < hub->conf->topics.nelts; i++) {
        topic = &hub->topics[i];
        topic->topic = topics[i];

        topic->next = ngx_palloc(hub->pool, NGX_KAFKA_SSE_PARTITIONS_MAX
                                            * sizeof(int64_t));
        if (topic->next == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_init(&topic->members);
        ngx_queue_init(&topic->asked);
        ngx_queue_init(&topic->indexes);
    }

    return NGX_OK;
}


ngx_kafka_sse_hub_topic_t *
ngx_kafka_sse_hub_topic_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t  i;

    for (i = 0; hub->topics[i].topic != topic; i++) {
        /* every topic of the configuration is there */
    }

    return &hub->topics[i];
}


void
ngx_kafka_sse_hub_topics_sync(ngx_kafka_sse_hub_t *hub)
{
    ngx_int_t                   index;
    uint32_t                    p, n;
    ngx_uint_t                  i;
    ngx_kafka_sse_topic_sh_t   *sh;
    ngx_kafka_sse_hub_topic_t  *topic;

    ngx_kafka_sse_hub_topics_take(hub);

    for (i = 0; i < hub->conf->topics.nelts; i++) {
        topic = &hub->topics[i];
        topic->n = 0;
        topic->is_late = 0;

        if (topic->topic->name.len == 0) {
            continue;
        }

        index = ngx_kafka_sse_topics_find(hub->ring->table, topic->topic);
        if (index < 0) {
            continue;
        }

        ngx_kafka_sse_hub_topic_enter(hub, topic, index);

        sh = topic->sh;
        topic->tag = sh->tag;

        if (!sh->started) {
            continue;
        }

        n = ngx_min(sh->n, NGX_KAFKA_SSE_PARTITIONS_MAX);

        for (p = 0; p < n; p++) {
            topic->next[p] = sh->partitions[p].held;

            if (topic->next[p] < 0) {
                break;          /* found by the reader, not begun: later */
            }
        }

        topic->n = p;
    }
}


/* what a regular expression finds in the table is ours, too */

static void
ngx_kafka_sse_hub_topics_take(ngx_kafka_sse_hub_t *hub)
{
    ngx_uint_t  i, n;

    n = hub->ring->table->n;
    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        (void) ngx_kafka_sse_hub_topic_get(hub, i);
    }
}


/*
 * The topic of this row: one of the configuration, or one with a name already,
 * or one that gets it now, as a regular expression finds it
 */

static ngx_kafka_sse_topic_t *
ngx_kafka_sse_hub_topic_row(ngx_kafka_sse_hub_t *hub, ngx_uint_t index)
{
    ngx_str_t                  name;
    ngx_kafka_sse_topic_t     *topic;
    ngx_kafka_sse_cluster_t   *cluster;
    ngx_kafka_sse_topic_sh_t  *sh;

    sh = &hub->ring->table->topics[index];

    name = ngx_kafka_sse_topics_str(sh->cluster);

    cluster = ngx_kafka_sse_conf_cluster(hub->conf, &name);
    if (cluster == NULL) {
        return NULL;
    }

    name = ngx_kafka_sse_topics_str(sh->name);

    topic = ngx_kafka_sse_conf_find(cluster, &name);

    if (topic || !ngx_kafka_sse_naming_matches(cluster->patterns, &name)) {
        return topic;
    }

    topic = ngx_kafka_sse_conf_take(cluster, &name);

    if (topic == NULL) {
        ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                      "kafka_sse: topic \"%V\" is one too many for the "
                      "%ui that cluster \"%V\" has room for",
                      &name, cluster->dynamic, &cluster->name);
    }

    return topic;
}


static void
ngx_kafka_sse_hub_topic_enter(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_uint_t index)
{
    topic->sh = &hub->ring->table->topics[index];
    topic->index = index;

    hub->by_index[index] = topic;
}


void
ngx_kafka_sse_hub_topics_tell(ngx_kafka_sse_hub_t *hub)
{
    ngx_uint_t  i;

    for (i = 0; i < hub->conf->topics.nelts; i++) {
        if (hub->topics[i].n) {
            ngx_kafka_sse_hub_topic_tell(hub, &hub->topics[i]);
            ngx_kafka_sse_selection_begin(hub, hub->topics[i].topic);
        }
    }
}


ngx_kafka_sse_hub_topic_t *
ngx_kafka_sse_hub_topic_get(ngx_kafka_sse_hub_t *hub, ngx_uint_t index)
{
    ngx_kafka_sse_topic_t      *topic;
    ngx_kafka_sse_hub_topic_t  *view;

    if (hub->by_index[index]) {
        return hub->by_index[index];
    }

    if (hub->foreign[index]) {
        return NULL;
    }

    topic = ngx_kafka_sse_hub_topic_row(hub, index);

    if (topic == NULL) {
        hub->foreign[index] = 1;
        return NULL;
    }

    view = ngx_kafka_sse_hub_topic_find(hub, topic);
    ngx_kafka_sse_hub_topic_enter(hub, view, index);

    return view;
}


ngx_kafka_sse_hub_topic_t *
ngx_kafka_sse_hub_topic_seen(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_int_t                   index;
    ngx_kafka_sse_topic_t      *topic;
    ngx_kafka_sse_hub_topic_t  *view;

    topic = ngx_kafka_sse_conf_take(cluster, name);
    if (topic == NULL) {
        return NULL;
    }

    view = ngx_kafka_sse_hub_topic_find(hub, topic);
    view->is_seen = 1;

    if (view->sh) {
        return view;
    }

    index = ngx_kafka_sse_topics_find(hub->ring->table, topic);

    if (index >= 0) {
        ngx_kafka_sse_hub_topic_enter(hub, view, index);
        ngx_kafka_sse_hub_topic_adopt(hub, view);
    }

    return view;
}


/*
 * The hub has passed entries of the topic without looking at them.  What the
 * table says belongs to the ring's head; how far the topic was where the hub
 * is, says the first entry from there on.
 */

static void
ngx_kafka_sse_hub_topic_adopt(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic)
{
    uint32_t                   p, n;
    ngx_kafka_sse_topic_sh_t  *sh;

    sh = topic->sh;

    if (!hub->synced || !sh->started) {
        return;                 /* the sync, or the topic's entry, follows */
    }

    n = ngx_min(sh->n, NGX_KAFKA_SSE_PARTITIONS_MAX);

    for (p = 0; p < n; p++) {
        if (ngx_kafka_sse_place_at(hub, sh, p, &topic->next[p]) != NGX_OK) {
            topic->is_late = 1;
            hub->retry = 1;
            return;
        }

        if (topic->next[p] < 0) {
            break;
        }
    }

    topic->is_late = 0;
    topic->tag = sh->tag;
    topic->n = p;

    ngx_kafka_sse_hub_topic_tell(hub, topic);
    hub->retry = 1;
}


void
ngx_kafka_sse_hub_topics_adopt(ngx_kafka_sse_hub_t *hub)
{
    ngx_uint_t  i;

    for (i = 0; i < hub->conf->topics.nelts; i++) {
        if (hub->topics[i].is_late) {
            ngx_kafka_sse_hub_topic_adopt(hub, &hub->topics[i]);
        }
    }
}


ngx_int_t
ngx_kafka_sse_hub_topic_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_ring_entry_t *entry)
{
    ngx_int_t                rc;
    ngx_uint_t               n;
    ngx_kafka_sse_record_t   rec;

    rc = ngx_kafka_sse_hub_copy(hub, hub->cursor, entry, &rec);
    if (rc != NGX_OK) {
        return rc;
    }

    n = rec.value.len / sizeof(int64_t);

    if (topic->n && topic->tag != entry->flags) {
        ngx_kafka_sse_hub_topic_replaced(hub, topic);
    }

    topic->tag = entry->flags;
    topic->is_late = 0;

    if (n > topic->n) {
        ngx_memcpy(topic->next + topic->n,
                   rec.value.data + topic->n * sizeof(int64_t),
                   (n - topic->n) * sizeof(int64_t));
        topic->n = n;

        ngx_kafka_sse_hub_topic_tell(hub, topic);
        ngx_kafka_sse_selection_begin(hub, topic->topic);
        hub->retry = 1;
    }

    return NGX_OK;
}


/*
 * Under the same name there is another topic now.  Its streams end; they come
 * back with a position in the former one, and are told that it is unknown.
 */

static void
ngx_kafka_sse_hub_topic_replaced(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    ngx_log_error(NGX_LOG_WARN, hub->log, 0,
                  "kafka_sse: topic \"%V\" is another one now, its streams "
                  "end", &topic->topic->name);

    ngx_kafka_sse_hub_flush_all(hub);

    for (q = ngx_queue_head(&hub->streams);
         q != ngx_queue_sentinel(&hub->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, all);

        if (stream->group
            && ngx_kafka_sse_group_member(stream->group, topic->index))
        {
            ngx_kafka_sse_hub_topic_break(stream);
        }
    }

    topic->n = 0;
}


/* ends a stream whose log goes on behind a hole */

static void
ngx_kafka_sse_hub_topic_break(ngx_kafka_sse_stream_t *stream)
{
    if (ngx_kafka_sse_stream_drained(stream)) {
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_ERROR);

    } else {
        ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
    }
}


/* the position of the topic's groups is known, or has grown */

static void
ngx_kafka_sse_hub_topic_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_member_t  *member;

    for (q = ngx_queue_head(&topic->members);
         q != ngx_queue_sentinel(&topic->members);
         q = ngx_queue_next(q))
    {
        member = ngx_queue_data(q, ngx_kafka_sse_member_t, queue);
        ngx_kafka_sse_group_id(hub, member->group);
    }
}
