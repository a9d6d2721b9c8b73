
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_rewind.h>
#include <worker/ngx_kafka_sse_roster.h>
#include <worker/ngx_kafka_sse_stream.h>


/* a chunk's size in hex, and two CR LF */

#define NGX_KAFKA_SSE_CHUNK_LEN  (2 * sizeof(size_t) + 4)

/* so many bytes are as good as more: they do not wait */

#define NGX_KAFKA_SSE_GROUP_GATHERED  (64 * 1024)


static ngx_kafka_sse_group_t *ngx_kafka_sse_group_create(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_selection_t *selection,
    ngx_uint_t framing, ngx_kafka_sse_filter_t *filter);
static void ngx_kafka_sse_group_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_group_destroy(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_group_frame(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec);
static void ngx_kafka_sse_group_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, char *before);
static void ngx_kafka_sse_group_settle(ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_group_dirty(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_group_append(ngx_kafka_sse_group_t *group,
    ngx_str_t *event);
static ngx_uint_t ngx_kafka_sse_group_gathers(ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_group_flush_handler(ngx_event_t *ev);


ngx_kafka_sse_group_t *
ngx_kafka_sse_group_get(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter)
{
    ngx_kafka_sse_group_t  *group;

    group = ngx_kafka_sse_roster_find(hub, selection, framing, filter);
    if (group) {
        return group;
    }

    group = ngx_kafka_sse_group_create(hub, selection, framing, filter);

    if (group && ngx_kafka_sse_roster_add(hub, group) != NGX_OK) {
        ngx_kafka_sse_group_destroy(hub, group);
        return NULL;
    }

    return group;
}


ngx_kafka_sse_group_t *
ngx_kafka_sse_group_private(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter)
{
    ngx_kafka_sse_group_t  *group;

    group = ngx_kafka_sse_group_create(hub, selection, framing, filter);

    if (group) {
        group->is_private = 1;
        ngx_queue_insert_tail(&hub->privates, &group->queue);
    }

    return group;
}


static ngx_kafka_sse_group_t *
ngx_kafka_sse_group_create(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter)
{
    size_t                  size;
    ngx_uint_t              n;
    ngx_kafka_sse_group_t  *group;

    n = selection->n;

    if (selection->is_open) {
        n = ngx_max(n, selection->conf->naming.max);
    }

    size = offsetof(ngx_kafka_sse_group_t, members)
           + n * sizeof(ngx_kafka_sse_member_t);

    group = ngx_calloc(size, hub->log);
    if (group == NULL) {
        return NULL;
    }

    if (filter) {
        group->filter = ngx_kafka_sse_filter_copy(filter, hub->log);
        if (group->filter == NULL) {
            ngx_free(group);
            return NULL;
        }
    }

    group->conf = selection->conf;
    group->selection = selection;
    group->framing = framing;

    ngx_kafka_sse_selection_hold(selection);

    ngx_queue_init(&group->streams);
    ngx_kafka_sse_log_init(&group->log, &hub->log_bytes);

    group->flush.handler = ngx_kafka_sse_group_flush_handler;
    group->flush.data = group;
    group->flush.log = hub->log;

    while (group->nmembers < selection->n) {
        ngx_kafka_sse_group_add(hub, group);
    }

    hub->row->groups++;

    return group;
}


/* the next topic of the selection becomes a member */

static void
ngx_kafka_sse_group_add(ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_member_t        *member;
    ngx_kafka_sse_public_topic_t  *topic;

    topic = &group->selection->topics[group->nmembers];
    member = &group->members[group->nmembers++];

    member->group = group;
    member->public = topic->public;
    member->topic = ngx_kafka_sse_hub_topic_find(hub, topic->topic);
}


static void
ngx_kafka_sse_group_destroy(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    hub->row->groups--;

    if (group->filter) {
        ngx_free(group->filter);
    }

    ngx_kafka_sse_selection_release(hub, group->selection);
    ngx_free(group);
}


void
ngx_kafka_sse_group_free(ngx_kafka_sse_group_t *group)
{
    ngx_uint_t  i;

    if (group->flush.timer_set) {
        ngx_del_timer(&group->flush);
    }

    /* what was gathered is for nobody now */

    ngx_kafka_sse_log_settle(&group->log);

    if (group->is_private) {
        ngx_queue_remove(&group->queue);

        for (i = 0; i < group->nmembers; i++) {
            if (group->members[i].next) {
                ngx_free(group->members[i].next);
            }
        }

    } else {
        ngx_kafka_sse_roster_remove(ngx_kafka_sse_hub, group);
    }

    ngx_kafka_sse_rewind_close(group);
    ngx_kafka_sse_reset_free(&group->reset);
    ngx_kafka_sse_reset_free(&group->moves);

    ngx_kafka_sse_group_destroy(ngx_kafka_sse_hub, group);
}


ngx_int_t
ngx_kafka_sse_group_gain(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_selection_t *selection)
{
    ngx_uint_t  known;

    known = group->nmembers;
    group->selection = selection;

    while (group->nmembers < selection->n) {
        ngx_kafka_sse_group_add(hub, group);
    }

    if (ngx_kafka_sse_roster_move(hub, group, known) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_group_id(hub, group);

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_group_detach(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
            return NGX_ERROR;
        }

        if (member->n) {
            ngx_memcpy(member->next, member->topic->next,
                       member->n * sizeof(int64_t));
        }
    }

    ngx_kafka_sse_roster_remove(hub, group);
    ngx_queue_insert_tail(&hub->privates, &group->queue);

    group->is_private = 1;
    group->is_lost = 1;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_group_grow(ngx_kafka_sse_member_t *member, ngx_uint_t n)
{
    int64_t  *next;

    if (n <= member->n) {
        return NGX_OK;
    }

    next = ngx_calloc(n * sizeof(int64_t), ngx_cycle->log);
    if (next == NULL) {
        return NGX_ERROR;
    }

    if (member->n) {
        ngx_memcpy(next, member->next, member->n * sizeof(int64_t));
        ngx_free(member->next);
    }

    member->next = next;
    member->n = n;

    return NGX_OK;
}


void
ngx_kafka_sse_group_join(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_stream_t *stream)
{
    stream->group = group;
    stream->joined_at = group->records;
    ngx_kafka_sse_cursor_init(&stream->cursor, &group->log);
    ngx_queue_insert_tail(&group->streams, &stream->queue);
}


void
ngx_kafka_sse_group_leave(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_stream_t *stream)
{
    stream->records = ngx_kafka_sse_stream_records(stream);

    ngx_kafka_sse_cursor_leave(&stream->cursor);
    ngx_queue_remove(&stream->queue);
    stream->group = NULL;

    ngx_kafka_sse_group_release(group);
}


void
ngx_kafka_sse_group_release(ngx_kafka_sse_group_t *group)
{
    if (ngx_queue_empty(&group->streams) && !group->is_dirty) {
        ngx_kafka_sse_group_free(group);
    }
}


ngx_kafka_sse_member_t *
ngx_kafka_sse_group_member(ngx_kafka_sse_group_t *group, ngx_uint_t index)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        if (member->topic->sh && member->topic->index == index) {
            return member;
        }
    }

    return NULL;
}


int64_t *
ngx_kafka_sse_group_next(ngx_kafka_sse_member_t *member, ngx_uint_t *n)
{
    if (member->group->is_private) {
        *n = member->n;
        return member->next;
    }

    *n = member->topic->n;
    return member->topic->next;
}


ngx_str_t
ngx_kafka_sse_group_position(ngx_kafka_sse_group_t *group, ngx_pool_t *pool)
{
    u_char                          *p;
    ngx_str_t                        text;
    ngx_uint_t                       i, n, partitions;
    ngx_kafka_sse_member_t          *member;
    ngx_kafka_sse_position_topic_t  *t;

    static ngx_kafka_sse_position_topic_t
                             topics[NGX_KAFKA_SSE_POSITION_TOPICS];
    static u_char            buf[NGX_KAFKA_SSE_POSITION_TEXT_MAX];

    ngx_str_null(&text);

    if (group->is_asking) {
        return text;
    }

    n = 0;
    partitions = 0;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];
        t = &topics[n];

        t->next = ngx_kafka_sse_group_next(member, &t->n);

        if (t->n) {
            t->tag = member->topic->tag;
            partitions += t->n;
            n++;
        }
    }

    if (n == 0 || partitions > NGX_KAFKA_SSE_POSITION_PARTITIONS) {
        return text;
    }

    p = buf;

    if (pool) {
        p = ngx_pnalloc(pool, ngx_kafka_sse_position_len(n, partitions));
        if (p == NULL) {
            return text;
        }
    }

    text.data = p;
    text.len = ngx_kafka_sse_position_write(p, topics, n) - p;

    return text;
}


void
ngx_kafka_sse_group_record(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_group_t  *group;

    group = member->group;

    if (group->filter) {
        hub->asked++;

        if (!ngx_kafka_sse_filter_wants(group->filter, &member->public, rec)) {
            return;
        }
    }

    if (ngx_kafka_sse_group_frame(hub, member, rec) != NGX_OK) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    ngx_kafka_sse_group_event(hub, group, &hub->frame);

    group->records++;

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse frame %V/%D:%L, log at %uL",
                   &member->topic->topic->name, rec->partition, rec->offset,
                   group->log.end);
}


/*
 * The bound of a frame's length is several times what most frames need, and
 * the log keeps what it reserves: so the frame is written aside first.  There
 * it stays for all public groups of its location, which have one position.
 */

static ngx_int_t
ngx_kafka_sse_group_frame(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec)
{
    u_char                 *p;
    ngx_kafka_sse_frame_t   frame;
    ngx_kafka_sse_group_t  *group;

    group = member->group;

    if (!group->is_private
        && hub->framed
        && hub->framed->group->selection == group->selection
        && hub->framed->public.data == member->public.data)
    {
        return NGX_OK;
    }

    frame.cluster = member->topic->topic->cluster->name;
    frame.topic = member->public;
    frame.id = ngx_kafka_sse_group_position(group, NULL);
    frame.event = group->conf->event;
    frame.data = group->conf->data;

    hub->framed = NULL;

    p = ngx_kafka_sse_hub_scratch(hub, ngx_kafka_sse_frame_len(&frame, rec));
    if (p == NULL) {
        return NGX_ERROR;
    }

    hub->frame.data = p;
    hub->frame.len = ngx_kafka_sse_frame_write(p, &frame, rec) - p;

    if (!group->is_private) {
        hub->framed = member;
    }

    return NGX_OK;
}


/*
 * Moves in a row are one event, which is complete each time: the next one
 * writes over its end.  The position in it is that of what has been moved so
 * far, so it is taken now.
 */

void
ngx_kafka_sse_group_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_ring_entry_t *entry)
{
    ngx_str_t               id, text;
    ngx_kafka_sse_group_t  *group;

    group = member->group;

    if (group->moves.data == NULL) {
        (void) ngx_atomic_fetch_add(&hub->node->resets, 1);
    }

    ngx_kafka_sse_group_dirty(hub, group);

    ngx_str_null(&text);

    if (ngx_kafka_sse_reset_add(&group->moves, &member->public,
                                entry->partition, entry->from, entry->offset,
                                entry->flags, hub->log)
        == NGX_OK)
    {
        id = ngx_kafka_sse_group_position(group, NULL);
        text = ngx_kafka_sse_reset_text(&group->moves, &id, hub->log);
    }

    if (text.data == NULL) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    group->moves_len = text.len;
}


/* what is to be told of moves goes before what comes after them */

static void
ngx_kafka_sse_group_settle(ngx_kafka_sse_group_t *group)
{
    ngx_str_t  event;

    if (group->moves_len) {
        event.data = group->moves.data;
        event.len = group->moves_len;

        ngx_kafka_sse_group_append(group, &event);
        group->moves_len = 0;
    }

    ngx_kafka_sse_reset_free(&group->moves);
}


void
ngx_kafka_sse_group_reset(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_reset_t *reset)
{
    ngx_str_t  id, text;

    id = ngx_kafka_sse_group_position(group, NULL);
    text = ngx_kafka_sse_reset_text(reset, &id, hub->log);

    if (text.data) {
        ngx_kafka_sse_group_event(hub, group, &text);

    } else {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    ngx_kafka_sse_reset_free(reset);

    (void) ngx_atomic_fetch_add(&hub->node->resets, 1);
}


void
ngx_kafka_sse_group_id(ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_tell(hub, group, "");
}


/*
 * It goes the way of all bytes, by the log, and so to all of the group: what
 * it says is what the log says up to there.  A group in the line for Kafka has
 * nothing new to say, and its log may have to stay empty, see rewind_find().
 */

ngx_uint_t
ngx_kafka_sse_group_heartbeat(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    if (group == NULL
        || group->filter == NULL
        || (group->rewind && !group->rewind->is_answered))
    {
        return 0;
    }

    ngx_kafka_sse_group_tell(hub, group, ":\n");

    if (!group->is_dirty) {
        return 0;
    }

    ngx_kafka_sse_group_flush(group);

    return 1;
}


static void
ngx_kafka_sse_group_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, char *before)
{
    ngx_str_t  event, id;

    static u_char  buf[sizeof(":\nid: \n\n") + NGX_KAFKA_SSE_POSITION_TEXT_MAX];

    id = ngx_kafka_sse_group_position(group, NULL);

    if (id.len) {
        event.data = buf;
        event.len = ngx_sprintf(buf, "%sid: %V\n\n", before, &id) - buf;

        ngx_kafka_sse_group_event(hub, group, &event);
    }
}


void
ngx_kafka_sse_group_event(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_str_t *event)
{
    ngx_kafka_sse_group_dirty(hub, group);
    ngx_kafka_sse_group_settle(group);
    ngx_kafka_sse_group_append(group, event);

    hub->framed_bytes += event->len;
    hub->unsent = ngx_max(hub->unsent,
                          ngx_kafka_sse_log_unsettled(&group->log));
}


static void
ngx_kafka_sse_group_dirty(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    if (!group->is_dirty) {
        group->is_dirty = 1;
        ngx_queue_insert_tail(&hub->dirty, &group->dirty);
    }
}


/* HTTP/1.1 chunk framing, where the group has it, is already in the log */

static void
ngx_kafka_sse_group_append(ngx_kafka_sse_group_t *group, ngx_str_t *event)
{
    u_char  *p, *start;

    start = ngx_kafka_sse_log_reserve(&group->log,
                                      NGX_KAFKA_SSE_CHUNK_LEN + event->len);
    if (start == NULL) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    p = start;

    if (group->framing == NGX_KAFKA_SSE_FRAMING_CHUNKED) {
        p = ngx_sprintf(p, "%xz" CRLF, event->len);
    }

    p = ngx_cpymem(p, event->data, event->len);

    if (group->framing == NGX_KAFKA_SSE_FRAMING_CHUNKED) {
        *p++ = CR;
        *p++ = LF;
    }

    ngx_kafka_sse_log_commit(&group->log, p - start);
}


size_t
ngx_kafka_sse_group_unsent(ngx_kafka_sse_group_t *group)
{
    uint64_t                 furthest;
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    furthest = 0;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);
        furthest = ngx_max(furthest, stream->cursor.pos);
    }

    return group->log.end - furthest;
}


size_t
ngx_kafka_sse_group_backlog(ngx_kafka_sse_group_t *group)
{
    uint64_t                 last;
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    last = group->log.end;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);
        last = ngx_min(last, stream->cursor.pos);
    }

    return group->log.end - last;
}


void
ngx_kafka_sse_group_end(ngx_kafka_sse_group_t *group, ngx_uint_t reason)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);
        ngx_kafka_sse_stream_end(stream, reason);
    }
}


void
ngx_kafka_sse_group_cut(ngx_kafka_sse_group_t *group, ngx_uint_t reason)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);
        ngx_kafka_sse_stream_close(stream, reason);
    }
}


/*
 * A stream never ends inside _stream_send(), it only asks for it, so the
 * queue stays as it is; private groups and the last streams of a group may
 * have left since it became dirty.
 */

void
ngx_kafka_sse_group_flush(ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_settle(group);

    if (group->is_dirty) {
        group->is_dirty = 0;
        ngx_queue_remove(&group->dirty);
    }

    if (group->flush.timer_set) {
        ngx_del_timer(&group->flush);
    }

    group->flush.timedout = 0;

    ngx_kafka_sse_stream_send_all(group);

    ngx_kafka_sse_log_settle(&group->log);

    ngx_kafka_sse_group_release(group);
}


/*
 * Moves do not wait for others in a row while records are gathered: a stream
 * that joins meanwhile has the position behind them.
 */

void
ngx_kafka_sse_group_turn(ngx_kafka_sse_group_t *group)
{
    if (!ngx_kafka_sse_group_gathers(group)) {
        ngx_kafka_sse_group_flush(group);
        return;
    }

    ngx_kafka_sse_group_settle(group);

    ngx_queue_remove(&group->dirty);
    group->is_dirty = 0;

    if (!group->flush.timer_set) {
        ngx_add_timer(&group->flush, group->conf->flush);
    }
}


static ngx_uint_t
ngx_kafka_sse_group_gathers(ngx_kafka_sse_group_t *group)
{
    if (group->conf->flush == 0
        || group->is_private
        || group->flush.timedout
        || ngx_queue_empty(&group->streams))
    {
        return 0;
    }

    return ngx_kafka_sse_log_unsettled(&group->log) + group->moves_len
           < NGX_KAFKA_SSE_GROUP_GATHERED;
}


/* it is sent in a turn, with what is new in the ring */

static void
ngx_kafka_sse_group_flush_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_group_t *group = ev->data;

    ngx_kafka_sse_group_dirty(ngx_kafka_sse_hub, group);
    ngx_kafka_sse_hub_post(ngx_kafka_sse_hub);
}
