
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_grant.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_selection.h>
#include <worker/ngx_kafka_sse_stream.h>


static ngx_kafka_sse_selection_t *ngx_kafka_sse_selection_create(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_selection_t *wanted,
    size_t key);
static size_t ngx_kafka_sse_selection_key_len(
    ngx_kafka_sse_selection_t *selection);
static void ngx_kafka_sse_selection_key(ngx_kafka_sse_selection_t *selection,
    u_char *p);
static ngx_uint_t ngx_kafka_sse_selection_has(
    ngx_kafka_sse_public_topic_t *topics, ngx_uint_t n,
    ngx_kafka_sse_topic_t *topic);
static ngx_uint_t ngx_kafka_sse_selection_wants(
    ngx_kafka_sse_selection_t *selection, ngx_kafka_sse_topic_t *topic);
static ngx_uint_t ngx_kafka_sse_selection_fits(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_kafka_sse_topic_t *topic);
static ngx_int_t ngx_kafka_sse_selection_gain(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);


ngx_kafka_sse_selection_t *
ngx_kafka_sse_selection_get(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *wanted)
{
    size_t                      len;
    uint32_t                    hash;
    ngx_str_t                   key;
    ngx_kafka_sse_selection_t  *selection;

    len = ngx_kafka_sse_selection_key_len(wanted);

    key.len = len;
    key.data = ngx_alloc(len, hub->log);
    if (key.data == NULL) {
        return NULL;
    }

    ngx_kafka_sse_selection_key(wanted, key.data);
    hash = ngx_crc32_long(key.data, len);

    selection = (ngx_kafka_sse_selection_t *)
                    ngx_str_rbtree_lookup(&hub->selections, &key, hash);

    if (selection == NULL) {
        selection = ngx_kafka_sse_selection_create(hub, wanted, len);

        if (selection) {
            ngx_memcpy(selection->node.str.data, key.data, len);
            selection->node.node.key = hash;
            ngx_rbtree_insert(&hub->selections, &selection->node.node);
        }
    }

    ngx_free(key.data);

    if (selection) {
        selection->refs++;
    }

    return selection;
}


/* one piece of memory: itself, topics, grants and their text, key */

static ngx_kafka_sse_selection_t *
ngx_kafka_sse_selection_create(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *wanted, size_t key)
{
    u_char                     *p;
    size_t                      size;
    ngx_uint_t                  i;
    ngx_kafka_sse_selection_t  *selection;

    size = sizeof(ngx_kafka_sse_selection_t)
           + wanted->n * sizeof(ngx_kafka_sse_public_topic_t)
           + wanted->ngrants * sizeof(ngx_str_t)
           + key;

    for (i = 0; i < wanted->ngrants; i++) {
        size += wanted->grants[i].len;
    }

    selection = ngx_alloc(size, hub->log);
    if (selection == NULL) {
        return NULL;
    }

    *selection = *wanted;
    selection->refs = 0;

    p = (u_char *) (selection + 1);

    selection->topics = (ngx_kafka_sse_public_topic_t *) p;
    p = ngx_cpymem(p, wanted->topics,
                   wanted->n * sizeof(ngx_kafka_sse_public_topic_t));

    selection->grants = (ngx_str_t *) p;
    p += wanted->ngrants * sizeof(ngx_str_t);

    for (i = 0; i < wanted->ngrants; i++) {
        selection->grants[i].len = wanted->grants[i].len;
        selection->grants[i].data = p;
        p = ngx_cpymem(p, wanted->grants[i].data, wanted->grants[i].len);
    }

    selection->node.str.len = key;
    selection->node.str.data = p;

    return selection;
}


/*
 * A topic's public name follows from the location.  No grant has a "," in it,
 * and grants matter only to what finds topics later.
 */

static size_t
ngx_kafka_sse_selection_key_len(ngx_kafka_sse_selection_t *selection)
{
    size_t      len;
    ngx_uint_t  i;

    len = sizeof(void *) + selection->n * sizeof(void *) + 2;

    for (i = 0; i < selection->ngrants; i++) {
        len += selection->grants[i].len + 1;
    }

    return len;
}


static void
ngx_kafka_sse_selection_key(ngx_kafka_sse_selection_t *selection, u_char *p)
{
    ngx_uint_t  i;

    p = ngx_cpymem(p, &selection->conf, sizeof(void *));

    for (i = 0; i < selection->n; i++) {
        p = ngx_cpymem(p, &selection->topics[i].topic, sizeof(void *));
    }

    *p++ = selection->is_open ? '1' : '0';
    *p++ = selection->is_limited ? '1' : '0';

    for (i = 0; i < selection->ngrants; i++) {
        p = ngx_cpymem(p, selection->grants[i].data, selection->grants[i].len);
        *p++ = ',';
    }
}


void
ngx_kafka_sse_selection_hold(ngx_kafka_sse_selection_t *selection)
{
    if (selection->refs) {
        selection->refs++;
    }
}


void
ngx_kafka_sse_selection_release(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection)
{
    if (selection->refs == 0 || --selection->refs) {
        return;
    }

    ngx_rbtree_delete(&hub->selections, &selection->node.node);
    ngx_free(selection);
}


ngx_uint_t
ngx_kafka_sse_selection_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection,
    ngx_kafka_sse_public_topic_t *topics, ngx_uint_t n)
{
    ngx_uint_t                   i, max;
    ngx_kafka_sse_topic_t       *topic, **all;
    ngx_kafka_sse_hub_topic_t   *view;
    ngx_kafka_sse_cluster_t     *cluster;

    cluster = selection->conf->naming.cluster;
    max = selection->conf->naming.max;
    all = cluster->topics.elts;

    for (i = 0; i < cluster->topics.nelts; i++) {
        topic = all[i];

        if (topic->name.len == 0
            || ngx_kafka_sse_selection_has(topics, n, topic)
            || !ngx_kafka_sse_selection_wants(selection, topic))
        {
            continue;
        }

        view = ngx_kafka_sse_hub_topic_find(hub, topic);

        if (view->sh == NULL || !view->sh->started) {
            continue;
        }

        if (n == max) {
            return max + 1;
        }

        topics[n].public = topic->name;
        topics[n].name = topic->name;
        topics[n].topic = topic;
        n++;
    }

    return n;
}


static ngx_uint_t
ngx_kafka_sse_selection_has(ngx_kafka_sse_public_topic_t *topics,
    ngx_uint_t n, ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (topics[i].topic == topic) {
            return 1;
        }
    }

    return 0;
}


/* whether an open selection has use for a topic of this name */

static ngx_uint_t
ngx_kafka_sse_selection_wants(ngx_kafka_sse_selection_t *selection,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_naming_t  *naming;

    naming = &selection->conf->naming;

    return topic->cluster == naming->cluster
           && ngx_kafka_sse_naming_matches(naming->patterns, &topic->name)
           && (!selection->is_limited
               || ngx_kafka_sse_selection_grants(selection->grants,
                                                 selection->ngrants,
                                                 &topic->name));
}


ngx_uint_t
ngx_kafka_sse_selection_grants(ngx_str_t *grants, ngx_uint_t n,
    ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_kafka_sse_grant_match(&grants[i], name)) {
            return 1;
        }
    }

    return 0;
}


/* with more than it may have a selection stays as it is */

ngx_kafka_sse_selection_t *
ngx_kafka_sse_selection_renew(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection)
{
    ngx_uint_t                  n;
    ngx_kafka_sse_selection_t   wanted, *renewed;

    static ngx_kafka_sse_public_topic_t
                                topics[NGX_KAFKA_SSE_POSITION_TOPICS];

    if (!selection->is_open) {
        return selection;
    }

    ngx_memcpy(topics, selection->topics,
               selection->n * sizeof(ngx_kafka_sse_public_topic_t));

    n = ngx_kafka_sse_selection_find(hub, selection, topics, selection->n);

    if (n == selection->n || n > selection->conf->naming.max) {
        return selection;
    }

    wanted = *selection;
    wanted.n = n;
    wanted.topics = topics;

    renewed = ngx_kafka_sse_selection_get(hub, &wanted);

    if (renewed) {
        ngx_kafka_sse_selection_release(hub, selection);
    }

    return renewed;
}


void
ngx_kafka_sse_selection_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_queue_t                *q;
    ngx_kafka_sse_group_t      *group;
    ngx_kafka_sse_stream_t     *stream;
    ngx_kafka_sse_selection_t  *selection;

    if (topic->cluster->patterns == NULL) {
        return;
    }

    for (q = ngx_queue_head(&hub->groups);
         q != ngx_queue_sentinel(&hub->groups);
         q = ngx_queue_next(q))
    {
        group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);

        if (ngx_kafka_sse_selection_fits(hub, group->selection, topic)
            && ngx_kafka_sse_selection_gain(hub, group) != NGX_OK)
        {
            ngx_kafka_sse_group_end(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        }
    }

    for (q = ngx_queue_head(&hub->streams);
         q != ngx_queue_sentinel(&hub->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, all);

        if (stream->group == NULL || !stream->group->is_private) {
            continue;
        }

        selection = stream->group->selection;

        if (ngx_kafka_sse_selection_fits(hub, selection, topic)) {
            ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_DRAIN);
        }
    }
}


/* it would have the topic, does not yet, and may have one more */

static ngx_uint_t
ngx_kafka_sse_selection_fits(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t                  i, n;
    ngx_kafka_sse_hub_topic_t  *view;

    if (!selection->is_open
        || ngx_kafka_sse_selection_has(selection->topics, selection->n, topic)
        || !ngx_kafka_sse_selection_wants(selection, topic))
    {
        return 0;
    }

    n = ngx_kafka_sse_hub_topic_find(hub, topic)->n;

    for (i = 0; i < selection->n; i++) {
        view = ngx_kafka_sse_hub_topic_find(hub, selection->topics[i].topic);
        n += view->n;
    }

    if (selection->n < selection->conf->naming.max
        && n <= NGX_KAFKA_SSE_POSITION_PARTITIONS)
    {
        return 1;
    }

    if (selection->conf->naming.is_told) {
        return 0;
    }

    selection->conf->naming.is_told = 1;

    ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                  "kafka_sse: topic \"%V\" is one too many for \"kafka_sse\" "
                  "in %V:%ui, its streams go on without it and new ones are "
                  "refused",
                  &topic->name, &selection->conf->naming.file,
                  selection->conf->naming.line);

    return 0;
}


/* a public group gets the topics that its selection finds now */

static ngx_int_t
ngx_kafka_sse_selection_gain(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_selection_t  *selection;

    selection = ngx_kafka_sse_selection_renew(hub, group->selection);
    if (selection == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_group_gain(hub, group, selection);
}
