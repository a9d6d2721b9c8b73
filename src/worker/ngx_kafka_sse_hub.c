
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_catchup.h>
#include <worker/ngx_kafka_sse_expiry.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_hub_link.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_index.h>
#include <worker/ngx_kafka_sse_life.h>
#include <worker/ngx_kafka_sse_memo.h>
#include <worker/ngx_kafka_sse_query.h>
#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_rewind.h>
#include <worker/ngx_kafka_sse_roster.h>
#include <worker/ngx_kafka_sse_stream.h>


/*
 * What a turn is at most: bytes of the ring, of the logs (an id may be longer
 * than its record), and of one group's log, which with a last frame are no more
 * than what a stream sends in a row; filters that are asked; us for private
 * groups
 */

#define NGX_KAFKA_SSE_HUB_SLICE       (256 * 1024)
#define NGX_KAFKA_SSE_HUB_FRAMES      (8 * 1024 * 1024)
#define NGX_KAFKA_SSE_HUB_UNSENT      (192 * 1024)
#define NGX_KAFKA_SSE_HUB_ASKED       100000
#define NGX_KAFKA_SSE_HUB_ADVANCE     20000

#define NGX_KAFKA_SSE_HUB_ROOM        (256 * 1024)  /* kept of a buffer */


static void ngx_kafka_sse_hub_cleanup(void *data);
static void ngx_kafka_sse_hub_turn_handler(ngx_event_t *ev);
static void ngx_kafka_sse_hub_sync(ngx_kafka_sse_hub_t *hub);
static ngx_uint_t ngx_kafka_sse_hub_read(ngx_kafka_sse_hub_t *hub);
static ngx_int_t ngx_kafka_sse_hub_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_ring_entry_t *entry);
static void ngx_kafka_sse_hub_record(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_record_t *rec);
static void ngx_kafka_sse_hub_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_ring_entry_t *entry);
static void ngx_kafka_sse_hub_lapped(ngx_kafka_sse_hub_t *hub, ngx_int_t rc);
static ngx_int_t ngx_kafka_sse_hub_room(u_char **buf, size_t *size,
    size_t len);
static void ngx_kafka_sse_hub_flush(ngx_kafka_sse_hub_t *hub);
static ngx_uint_t ngx_kafka_sse_hub_advance(ngx_kafka_sse_hub_t *hub);
static void ngx_kafka_sse_hub_place_waiting(ngx_kafka_sse_hub_t *hub);


ngx_kafka_sse_hub_t  *ngx_kafka_sse_hub;


ngx_kafka_sse_hub_t *
ngx_kafka_sse_hub_create(ngx_cycle_t *cycle, ngx_kafka_sse_main_conf_t *kmcf)
{
    ngx_pool_cleanup_t   *cln;
    ngx_kafka_sse_hub_t  *hub;

    hub = ngx_pcalloc(cycle->pool, sizeof(ngx_kafka_sse_hub_t));
    if (hub == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_kafka_sse_hub_cleanup;
    cln->data = hub;

    hub->conf = kmcf;
    hub->ring = ngx_kafka_sse_zone_ring(kmcf);
    hub->node = ngx_kafka_sse_zone_node(kmcf);
    hub->pool = cycle->pool;
    hub->log = cycle->log;

    ngx_rbtree_init(&hub->selections, &hub->selections_sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_kafka_sse_roster_init(hub);
    ngx_queue_init(&hub->privates);
    ngx_queue_init(&hub->line);
    ngx_queue_init(&hub->waiting);
    ngx_queue_init(&hub->dirty);
    ngx_queue_init(&hub->streams);

    ngx_kafka_sse_life_init(hub);
    ngx_kafka_sse_hub_link_init(hub);
    ngx_kafka_sse_rewind_init(hub);
    ngx_kafka_sse_query_init(hub);

    hub->row = &hub->node->workers[ngx_process_slot];
    hub->row->streams = 0;
    hub->row->groups = 0;
    hub->row->backlog = 0;
    hub->row->pid = ngx_pid;

    hub->turn.handler = ngx_kafka_sse_hub_turn_handler;
    hub->turn.data = hub;
    hub->turn.log = hub->log;

    ngx_kafka_sse_pace_init(&hub->pace, &hub->turn, hub->log);

    if (ngx_kafka_sse_hub_topics_init(hub) != NGX_OK) {
        return NULL;
    }

    ngx_kafka_sse_hub_sync(hub);

    return hub;
}


static void
ngx_kafka_sse_hub_cleanup(void *data)
{
    ngx_kafka_sse_hub_t *hub = data;

    ngx_free(hub->buf);
    ngx_free(hub->scratch);

    ngx_kafka_sse_hub_link_exit(hub);
}


void
ngx_kafka_sse_hub_post(ngx_kafka_sse_hub_t *hub)
{
    ngx_post_event(&hub->turn, &ngx_posted_events);
}


/*
 * A turn: what is new in the ring goes into the logs of the groups, and from
 * there to the clients.  It is bounded, so that nginx's other work gets its
 * turn; what is left is done after the next look at the sockets.  Where nothing
 * was left, a long turn is followed by a rest.
 */

static void
ngx_kafka_sse_hub_turn_handler(ngx_event_t *ev)
{
    ngx_uint_t            more;
    ngx_kafka_sse_hub_t  *hub;

    hub = ev->data;

    if (ngx_kafka_sse_pace_begin(&hub->pace) != NGX_OK) {
        return;
    }

    if (!hub->synced) {
        ngx_kafka_sse_hub_sync(hub);

        if (!hub->synced) {
            return;             /* a wake-up follows, or the next tick */
        }
    }

    more = ngx_kafka_sse_hub_read(hub);

    if (!hub->synced) {
        ngx_post_event(&hub->turn, &ngx_posted_next_events);
        return;
    }

    if (hub->retry) {
        hub->retry = 0;
        ngx_kafka_sse_hub_topics_adopt(hub);
        ngx_kafka_sse_hub_place_waiting(hub);
    }

    more |= ngx_kafka_sse_hub_advance(hub);
    more |= ngx_kafka_sse_backlog_look(hub);

    if (!more && ngx_kafka_sse_pace_end(&hub->pace) != NGX_OK) {
        return;
    }

    if (!more) {
        __atomic_store_n(&hub->ring->armed, 1, __ATOMIC_SEQ_CST);

        more = (hub->ring->head != hub->cursor);
    }

    if (more) {
        ngx_post_event(&hub->turn, &ngx_posted_next_events);
    }
}


/*
 * Takes up the ring where it is now, with the positions that belong there.
 * Until that is possible (an append may be under way, or may have been
 * left behind by a companion that was killed) streams wait.
 */

static void
ngx_kafka_sse_hub_sync(ngx_kafka_sse_hub_t *hub)
{
    ngx_uint_t  i, seq;

    for (i = 0; i < 10; i++) {

        seq = ngx_kafka_sse_ring_look_begin(hub->ring);
        if (seq & 1) {
            break;
        }

        hub->cursor = hub->ring->head;

        ngx_kafka_sse_hub_topics_sync(hub);

        if (ngx_kafka_sse_ring_look_same(hub->ring, seq)) {
            hub->synced = 1;
            hub->retry = 1;
            break;
        }
    }

    __atomic_store_n(&hub->ring->armed, 1, __ATOMIC_SEQ_CST);

    if (!hub->synced) {
        return;
    }

    ngx_kafka_sse_hub_topics_tell(hub);
    ngx_kafka_sse_hub_flush(hub);
}


/*
 * Reads a slice of the ring into the public groups.  1: there was more; what
 * comes while it is sent is for the next turn.
 */

static ngx_uint_t
ngx_kafka_sse_hub_read(ngx_kafka_sse_hub_t *hub)
{
    size_t                      slice;
    ngx_int_t                   rc;
    ngx_uint_t                  more;
    ngx_kafka_sse_ring_entry_t  entry;

    slice = 0;
    hub->asked = 0;
    hub->framed_bytes = 0;
    hub->unsent = 0;

    while ((more = (hub->cursor != hub->ring->head))
           && slice < NGX_KAFKA_SSE_HUB_SLICE
           && hub->asked < NGX_KAFKA_SSE_HUB_ASKED
           && hub->framed_bytes < NGX_KAFKA_SSE_HUB_FRAMES
           && hub->unsent < NGX_KAFKA_SSE_HUB_UNSENT)
    {
        rc = ngx_kafka_sse_ring_peek(hub->ring, hub->cursor, &entry);

        if (rc == NGX_OK && entry.type != NGX_KAFKA_SSE_RING_PAD) {
            rc = ngx_kafka_sse_hub_entry(hub, &entry);
        }

        if (rc != NGX_OK) {
            ngx_kafka_sse_hub_lapped(hub, rc);
            return 1;
        }

        hub->cursor += entry.size;
        slice += entry.size;
    }

    ngx_kafka_sse_hub_flush(hub);

    return more;
}


static ngx_int_t
ngx_kafka_sse_hub_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_ring_entry_t *entry)
{
    ngx_int_t                   rc;
    ngx_uint_t                  wanted;
    ngx_kafka_sse_record_t      rec;
    ngx_kafka_sse_hub_topic_t  *topic;

    topic = ngx_kafka_sse_hub_topic_get(hub, entry->topic);
    if (topic == NULL) {
        return NGX_OK;
    }

    if (entry->type == NGX_KAFKA_SSE_RING_TOPIC) {
        return ngx_kafka_sse_hub_topic_entry(hub, topic, entry);
    }

    if ((ngx_uint_t) entry->partition >= topic->n) {
        return NGX_OK;          /* history, for those who resume */
    }

    if (entry->type == NGX_KAFKA_SSE_RING_RECORD
        && entry->offset < topic->next[entry->partition])
    {
        return NGX_OK;          /* the table was ahead when we synced */
    }

    if (entry->type == NGX_KAFKA_SSE_RING_MOVE) {
        topic->next[entry->partition] = entry->offset;
        ngx_kafka_sse_hub_move(hub, topic, entry);

        return NGX_OK;
    }

    wanted = !ngx_queue_empty(&topic->asked)
             || !ngx_queue_empty(&topic->indexes);

    if (wanted) {
        rc = ngx_kafka_sse_hub_copy(hub, hub->cursor, entry, &rec);
        if (rc != NGX_OK) {
            return rc;          /* and the position is still before it */
        }
    }

    topic->next[entry->partition] = entry->offset + 1;

    if (wanted) {
        ngx_kafka_sse_hub_record(hub, topic, &rec);
    }

    return NGX_OK;
}


/*
 * Nobody comes or goes meanwhile: even what has to end, as there is no memory,
 * is only asked to.
 */

static void
ngx_kafka_sse_hub_record(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_record_t *rec)
{
    ngx_queue_t                  *q, *i, *entries;
    ngx_kafka_sse_index_t        *index;
    ngx_kafka_sse_member_t       *member;
    ngx_kafka_sse_index_entry_t  *entry;

    hub->framed = NULL;
    ngx_kafka_sse_memo_begin(rec);

    for (q = ngx_queue_head(&topic->asked);
         q != ngx_queue_sentinel(&topic->asked);
         q = ngx_queue_next(q))
    {
        member = ngx_queue_data(q, ngx_kafka_sse_member_t, asked);
        ngx_kafka_sse_group_record(hub, member, rec);
    }

    for (i = ngx_queue_head(&topic->indexes);
         i != ngx_queue_sentinel(&topic->indexes);
         i = ngx_queue_next(i))
    {
        index = ngx_queue_data(i, ngx_kafka_sse_index_t, queue);

        entries = ngx_kafka_sse_index_find(index, rec);
        if (entries == NULL) {
            continue;
        }

        for (q = ngx_queue_head(entries);
             q != ngx_queue_sentinel(entries);
             q = ngx_queue_next(q))
        {
            entry = ngx_queue_data(q, ngx_kafka_sse_index_entry_t, queue);
            ngx_kafka_sse_group_record(hub, entry->member, rec);
        }
    }

    ngx_kafka_sse_memo_end();
}


static void
ngx_kafka_sse_hub_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_ring_entry_t *entry)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_member_t  *member;

    for (q = ngx_queue_head(&topic->members);
         q != ngx_queue_sentinel(&topic->members);
         q = ngx_queue_next(q))
    {
        member = ngx_queue_data(q, ngx_kafka_sse_member_t, queue);
        ngx_kafka_sse_group_move(hub, member, entry);
    }
}


/*
 * The writer has passed this worker, which must have been stopped for long, or
 * there was no memory for an entry (NGX_ERROR, which has been logged).  Its
 * groups become private, with the positions they have, and catch up from
 * Kafka; the hub takes up the ring anew.
 */

static void
ngx_kafka_sse_hub_lapped(ngx_kafka_sse_hub_t *hub, ngx_int_t rc)
{
    ngx_queue_t            *q, *next;
    ngx_kafka_sse_group_t  *group;

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, hub->log, 0,
                      "kafka_sse: this worker fell behind the whole zone "
                      "\"%V\" of %z bytes, its %ui streams catch up",
                      &hub->conf->ring_name, hub->conf->ring_size,
                      hub->nstreams);

        (void) ngx_atomic_fetch_add(&hub->node->laps, 1);
    }

    ngx_kafka_sse_hub_flush_all(hub);

    for (q = ngx_queue_head(&hub->groups);
         q != ngx_queue_sentinel(&hub->groups);
         q = next)
    {
        next = ngx_queue_next(q);
        group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);

        if (ngx_kafka_sse_group_detach(hub, group) != NGX_OK) {
            ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        }
    }

    hub->synced = 0;
}


ngx_int_t
ngx_kafka_sse_hub_copy(ngx_kafka_sse_hub_t *hub, uint64_t place,
    ngx_kafka_sse_ring_entry_t *entry, ngx_kafka_sse_record_t *rec)
{
    if (ngx_kafka_sse_hub_room(&hub->buf, &hub->buf_size, entry->size)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_ring_copy(hub->ring, place, entry, hub->buf, rec);
}


u_char *
ngx_kafka_sse_hub_scratch(ngx_kafka_sse_hub_t *hub, size_t len)
{
    if (ngx_kafka_sse_hub_room(&hub->scratch, &hub->scratch_size, len)
        != NGX_OK)
    {
        return NULL;
    }

    return hub->scratch;
}


/* grows a buffer whose contents are not needed; a huge one is not kept */

static ngx_int_t
ngx_kafka_sse_hub_room(u_char **buf, size_t *size, size_t len)
{
    u_char  *p;
    size_t   n;

    if (len <= *size
        && (*size <= NGX_KAFKA_SSE_HUB_ROOM || len > NGX_KAFKA_SSE_HUB_ROOM))
    {
        return NGX_OK;
    }

    n = ngx_max(len, ngx_min(2 * *size, NGX_KAFKA_SSE_HUB_ROOM));

    p = ngx_alloc(n, ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_free(*buf);

    *buf = p;
    *size = n;

    return NGX_OK;
}


static void
ngx_kafka_sse_hub_flush(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t            *q;
    ngx_kafka_sse_group_t  *group;

    while (!ngx_queue_empty(&hub->dirty)) {
        q = ngx_queue_head(&hub->dirty);
        group = ngx_queue_data(q, ngx_kafka_sse_group_t, dirty);

        ngx_kafka_sse_group_turn(group);
    }
}


void
ngx_kafka_sse_hub_flush_all(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t            *q, *next;
    ngx_kafka_sse_group_t  *group;

    for (q = ngx_queue_head(&hub->groups);
         q != ngx_queue_sentinel(&hub->groups);
         q = next)
    {
        next = ngx_queue_next(q);
        group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);

        if (group->is_dirty || ngx_kafka_sse_group_is_gathering(group)) {
            ngx_kafka_sse_group_flush(group);
        }
    }

    ngx_kafka_sse_hub_flush(hub);
}


/*
 * A group may be freed, or go to another queue, and so may others with it.
 * Those whose turn it was not are the first ones next time.
 */

static ngx_uint_t
ngx_kafka_sse_hub_advance(ngx_kafka_sse_hub_t *hub)
{
    uint64_t                began;
    ngx_uint_t              more;
    ngx_queue_t            *q, todo;
    ngx_kafka_sse_group_t  *group;

    if (ngx_queue_empty(&hub->privates)) {
        return 0;
    }

    more = 0;
    began = ngx_kafka_sse_pace_clock();

    ngx_queue_init(&todo);
    ngx_queue_add(&todo, &hub->privates);
    ngx_queue_init(&hub->privates);

    while (!ngx_queue_empty(&todo)) {

        if (ngx_kafka_sse_pace_clock() - began >= NGX_KAFKA_SSE_HUB_ADVANCE) {

            if (!ngx_queue_empty(&hub->privates)) {
                ngx_queue_add(&todo, &hub->privates);
                ngx_queue_init(&hub->privates);
            }

            ngx_queue_add(&hub->privates, &todo);

            return 1;
        }

        q = ngx_queue_head(&todo);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&hub->privates, q);

        group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);

        more |= ngx_kafka_sse_catchup_advance(hub, group);
    }

    return more;
}


static void
ngx_kafka_sse_hub_place_waiting(ngx_kafka_sse_hub_t *hub)
{
    ngx_int_t                rc;
    ngx_queue_t             *q, *next;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&hub->waiting);
         q != ngx_queue_sentinel(&hub->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);

        if (!ngx_kafka_sse_stream_drained(stream)) {
            hub->retry = 1;
            continue;
        }

        ngx_queue_remove(&stream->queue);

        rc = ngx_kafka_sse_resume_place(hub, stream);

        if (rc == NGX_AGAIN) {
            ngx_queue_insert_tail(next, &stream->queue);
            continue;
        }

        if (rc == NGX_ERROR) {
            ngx_queue_insert_tail(next, &stream->queue);
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
            continue;
        }

        ngx_kafka_sse_stream_send(stream);
    }
}


ngx_int_t
ngx_kafka_sse_hub_join(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t               rc;
    ngx_str_t               id;
    ngx_kafka_sse_group_t  *group;

    if (stream->position
        || stream->start.kind != NGX_KAFKA_SSE_START_LATEST)
    {
        rc = hub->synced ? ngx_kafka_sse_resume_place(hub, stream) : NGX_AGAIN;

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_AGAIN) {
            ngx_str_null(&id);
            if (ngx_kafka_sse_stream_pend_id(stream, &id) != NGX_OK) {
                return NGX_ERROR;
            }

            ngx_queue_insert_tail(&hub->waiting, &stream->queue);
        }

    } else {
        group = ngx_kafka_sse_group_get(hub,
                                        ngx_kafka_sse_stream_selection(stream),
                                        stream->framing, stream->filter);
        if (group == NULL) {
            return NGX_ERROR;
        }

        id = ngx_kafka_sse_group_position(group, NULL);
        ngx_kafka_sse_group_join(group, stream);

        if (ngx_kafka_sse_stream_pend_id(stream, &id) != NGX_OK) {
            ngx_kafka_sse_group_leave(group, stream);
            return NGX_ERROR;
        }
    }

    stream->joined = 1;
    ngx_queue_insert_tail(&hub->streams, &stream->all);
    hub->nstreams++;

    (void) ngx_atomic_fetch_add(&hub->node->opened, 1);
    hub->row->streams = hub->nstreams;

    if (hub->draining && !hub->drain.timer_set) {
        ngx_add_timer(&hub->drain, 1);      /* it came by keepalive */
    }

    return NGX_OK;
}


void
ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    if (!stream->joined) {
        return;
    }

    stream->joined = 0;
    ngx_kafka_sse_expiry_leave(hub, stream);
    ngx_queue_remove(&stream->all);
    hub->nstreams--;

    if (stream->late) {
        stream->late = 0;
        ngx_queue_remove(&stream->behind);
    }

    (void) ngx_atomic_fetch_add(&hub->node->closed[stream->reason], 1);
    hub->row->streams = hub->nstreams;

    if (stream->group) {
        ngx_kafka_sse_group_leave(stream->group, stream);

    } else {
        ngx_queue_remove(&stream->queue);
    }
}
