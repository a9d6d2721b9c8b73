
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_RESUME_SLICE    (256 * 1024)  /* ring bytes a turn */
#define NGX_KAFKA_SSE_RESUME_UNSENT   (64 * 1024)   /* then the client's turn */
#define NGX_KAFKA_SSE_RESUME_SPREAD   (512 * 1024)  /* from first to last */

/* ms that a client may hold up others, and a place in the line */

#define NGX_KAFKA_SSE_RESUME_PATIENCE 1000
#define NGX_KAFKA_SSE_RESUME_YIELD    5000

/* so long, in ms, a node may be behind another, before Kafka is asked */

#define NGX_KAFKA_SSE_RESUME_BEHIND   2000


static ngx_int_t ngx_kafka_sse_resume_match(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_position_t *position);
static ngx_kafka_sse_position_topic_t *ngx_kafka_sse_resume_find(
    ngx_kafka_sse_position_t *position, ngx_kafka_sse_member_t *member,
    uint32_t tag);
static ngx_int_t ngx_kafka_sse_resume_recreated(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_position_topic_t *t);
static ngx_int_t ngx_kafka_sse_resume_take_over(ngx_kafka_sse_member_t *member,
    ngx_kafka_sse_position_topic_t *t);
static ngx_int_t ngx_kafka_sse_resume_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member);
static int64_t ngx_kafka_sse_resume_fresh(ngx_kafka_sse_member_t *member,
    ngx_uint_t partition);
static ngx_int_t ngx_kafka_sse_resume_grow(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_resume_locate(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t *lost);
static ngx_int_t ngx_kafka_sse_resume_walk(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t want,
    uint64_t limit, uint64_t *found, int64_t *oldest);
static ngx_int_t ngx_kafka_sse_resume_last(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, uint64_t *last);
static ngx_int_t ngx_kafka_sse_resume_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t from,
    int64_t to, ngx_uint_t reason);
static ngx_int_t ngx_kafka_sse_resume_wait(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_resume_join(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_resume_pend(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_resume_rewind(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_resume_line_up(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_resume_settle(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_resume_read(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_t *rewind);
static ngx_int_t ngx_kafka_sse_resume_answer(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets);
static ngx_int_t ngx_kafka_sse_resume_choose(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets);
static ngx_uint_t ngx_kafka_sse_resume_is_taken(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_resume_split(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_resume_copy(ngx_kafka_sse_group_t *to,
    ngx_kafka_sse_group_t *from);
static void ngx_kafka_sse_resume_go_on(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, size_t *slice);
static void ngx_kafka_sse_resume_check(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_resume_leave(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_group_t *public);
static ngx_int_t ngx_kafka_sse_resume_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_ring_entry_t *entry);
static ngx_int_t ngx_kafka_sse_resume_topic(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec);
static ngx_uint_t ngx_kafka_sse_resume_is_equal(ngx_kafka_sse_group_t *group);


ngx_int_t
ngx_kafka_sse_resume_place(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t               rc;
    ngx_uint_t              lost;
    ngx_kafka_sse_group_t  *group;

    group = ngx_kafka_sse_group_private(hub, stream->conf, stream->framing);
    if (group == NULL) {
        return NGX_ERROR;
    }

    group->start = stream->start;
    group->is_chosen = stream->chosen;

    rc = ngx_kafka_sse_resume_match(hub, group, stream->position);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_resume_locate(hub, group, &lost);
    }

    if (rc == NGX_OK) {
        rc = lost ? ngx_kafka_sse_resume_wait(hub, group, stream)
                  : ngx_kafka_sse_resume_join(hub, group, stream);
    }

    if (rc != NGX_OK) {
        ngx_kafka_sse_group_free(group);
    }

    return rc;
}


void
ngx_kafka_sse_resume_unknown(ngx_kafka_sse_position_t *position)
{
    position->ntopics = 1;
    position->topics[0].n = 0;
}


/*
 * Takes over what the position says of each topic.  A topic that it does not
 * name begins where a fresh stream begins; but if it names one that is not
 * ours, that one may be this one as it was, and the client is told.
 */

static ngx_int_t
ngx_kafka_sse_resume_match(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_position_t *position)
{
    ngx_int_t                        rc;
    ngx_uint_t                       i, matched, waiting;
    ngx_kafka_sse_member_t          *member;
    ngx_kafka_sse_position_topic_t  *t;

    matched = 0;
    waiting = 0;

    for (i = 0; position && i < group->nmembers; i++) {
        member = &group->members[i];

        if (member->topic->n == 0) {
            waiting = 1;
            continue;
        }

        t = ngx_kafka_sse_resume_find(position, member, member->topic->tag);

        if (t) {
            rc = ngx_kafka_sse_resume_take_over(member, t);

        } else {
            t = ngx_kafka_sse_resume_find(position, member,
                                          member->topic->sh->former);
            if (t == NULL) {
                continue;
            }

            rc = ngx_kafka_sse_resume_recreated(hub, member, t);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        matched++;
    }

    if (position && matched < position->ntopics) {

        if (waiting) {
            return NGX_AGAIN;
        }

        group->is_unknown = 1;
    }

    return ngx_kafka_sse_resume_grow(hub, group);
}


/* what the position says of the topic that has this tag, or the public name */

static ngx_kafka_sse_position_topic_t *
ngx_kafka_sse_resume_find(ngx_kafka_sse_position_t *position,
    ngx_kafka_sse_member_t *member, uint32_t tag)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_position_topic_t  *t;

    for (i = 0; i < position->ntopics; i++) {
        t = &position->topics[i];

        if (t->n == 0
            || (t->n > member->topic->n && tag == member->topic->tag))
        {
            continue;
        }

        if (t->name.len == 0) {
            if (t->tag == tag && tag) {
                return t;
            }

        } else if (tag == member->topic->tag
                   && t->name.len == member->public.len
                   && ngx_memcmp(t->name.data, member->public.data,
                                 t->name.len)
                      == 0)
        {
            return t;
        }
    }

    return NULL;
}


/* the position is of the topic that had this name before: all is new */

static ngx_int_t
ngx_kafka_sse_resume_recreated(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_position_topic_t *t)
{
    ngx_uint_t  p;

    if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (p = 0; p < member->n; p++) {
        if (ngx_kafka_sse_resume_tell(hub, member, p,
                                      p < t->n ? t->next[p] : 0, 0,
                                      NGX_KAFKA_SSE_REASON_RECREATED)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    member->is_new = 1;

    return NGX_OK;
}


/*
 * Partitions that the position does not know are newer, and begin at 0; those
 * that somebody who wrote it by hand has left out begin as in a fresh stream
 */

static ngx_int_t
ngx_kafka_sse_resume_take_over(ngx_kafka_sse_member_t *member,
    ngx_kafka_sse_position_topic_t *t)
{
    ngx_uint_t  p;

    if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
        return NGX_ERROR;
    }

    for (p = 0; p < member->n; p++) {

        if (p < t->n && t->next[p] != NGX_KAFKA_SSE_POSITION_NONE) {
            member->next[p] = t->next[p];

        } else if (t->name.len) {
            member->next[p] = ngx_kafka_sse_resume_fresh(member, p);
        }
    }

    return NGX_OK;
}


/* the beginning of a topic that the position does not name */

static ngx_int_t
ngx_kafka_sse_resume_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member)
{
    ngx_uint_t  p;

    if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!member->group->is_unknown && member->topic->sh->born) {
        member->is_new = 1;
        return NGX_OK;
    }

    for (p = 0; p < member->n; p++) {
        member->next[p] = ngx_kafka_sse_resume_fresh(member, p);

        if (member->group->is_unknown
            && member->next[p] != NGX_KAFKA_SSE_GROUP_ASK
            && ngx_kafka_sse_resume_tell(hub, member, p, -1, member->next[p],
                                         NGX_KAFKA_SSE_REASON_UNKNOWN_ID)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static int64_t
ngx_kafka_sse_resume_fresh(ngx_kafka_sse_member_t *member,
    ngx_uint_t partition)
{
    if (member->group->start.kind == NGX_KAFKA_SSE_START_LATEST) {
        return member->topic->next[partition];
    }

    member->group->is_asking = 1;

    return NGX_KAFKA_SSE_GROUP_ASK;
}


/* topics that have started, and partitions that are new, since the last look */

static ngx_int_t
ngx_kafka_sse_resume_grow(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        if (member->n == member->topic->n) {
            continue;
        }

        rc = member->n ? ngx_kafka_sse_group_grow(member, member->topic->n)
                       : ngx_kafka_sse_resume_begin(hub, member);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Finds the group's place in the ring: that of the oldest entry of those that
 * it does not have.  *lost is the number of partitions for which the ring does
 * not reach back; if Kafka is not to be asked, they move up to what it has.
 */

static ngx_int_t
ngx_kafka_sse_resume_locate(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t *lost)
{
    int64_t                 *next, oldest;
    uint64_t                 found;
    ngx_int_t                rc;
    ngx_uint_t               i, p;
    ngx_kafka_sse_member_t  *member;

    *lost = 0;
    group->next = hub->cursor;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        for (p = 0; p < member->n; p++) {
            next = &member->next[p];

            if (*next >= member->topic->next[p]) {
                continue;
            }

            if (*next == NGX_KAFKA_SSE_GROUP_ASK) {
                (*lost)++;
                continue;
            }

            rc = ngx_kafka_sse_resume_walk(hub, member, p, *next, 0, &found,
                                           &oldest);
            if (rc != NGX_OK) {
                return rc;
            }

            if (oldest > *next) {

                if (group->conf->replay.on) {
                    (*lost)++;
                    continue;
                }

                if (ngx_kafka_sse_resume_tell(hub, member, p, *next, oldest,
                                              NGX_KAFKA_SSE_REASON_EXPIRED)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }

                *next = oldest;
            }

            group->next = ngx_min(group->next, found);
        }
    }

    return NGX_OK;
}


/*
 * Walks back along the partition's entries, to the first at or above want, but
 * not below the place limit.  *found is where it is, *oldest the position
 * before it; the hub's, where there is no such entry.
 */

static ngx_int_t
ngx_kafka_sse_resume_walk(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t want,
    uint64_t limit, uint64_t *found, int64_t *oldest)
{
    uint64_t                     place;
    ngx_kafka_sse_ring_entry_t   entry;

    *found = hub->cursor;
    *oldest = member->topic->next[partition];

    if (ngx_kafka_sse_resume_last(hub, member, partition, &place) != NGX_OK) {
        return NGX_AGAIN;
    }

    while (*oldest > want && place && place >= hub->ring->tail
           && place >= limit)
    {
        if (ngx_kafka_sse_ring_peek(hub->ring, place, &entry) != NGX_OK) {
            break;
        }

        /* "from" says that there is nothing between it and this entry */

        if (place < hub->cursor) {
            *found = place;
            *oldest = entry.from;
        }

        place = entry.prev;
    }

    return NGX_OK;
}


/* the place of the partition's newest entry, as between two appends */

static ngx_int_t
ngx_kafka_sse_resume_last(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, uint64_t *last)
{
    ngx_uint_t  seq;

    do {
        seq = ngx_kafka_sse_ring_look_begin(hub->ring);
        if (seq & 1) {
            hub->retry = 1;
            return NGX_AGAIN;
        }

        *last = member->topic->sh->partitions[partition].last;

    } while (!ngx_kafka_sse_ring_look_same(hub->ring, seq));

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_resume_tell(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t from,
    int64_t to, ngx_uint_t reason)
{
    /* a topic that was made lately and is new to the client is not missed */

    if (from == 0 && member->is_new) {
        return NGX_OK;
    }

    return ngx_kafka_sse_reset_add(&member->group->reset, &member->public,
                                   partition, from, to, reason, hub->log);
}


/* the stream waits in line, with its first bytes sent, and heartbeats */

static ngx_int_t
ngx_kafka_sse_resume_wait(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream)
{
    ngx_str_t  id;

    ngx_str_null(&id);

    if (!group->is_unknown && group->reset.data == NULL) {
        id = ngx_kafka_sse_group_position(group, NULL);
    }

    if (ngx_kafka_sse_stream_pend_id(stream, &id) != NGX_OK
        || ngx_kafka_sse_rewind_open(hub, group, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    group->is_lost = 1;

    stream->position = NULL;
    stream->resume = (group->is_unknown) ? NGX_KAFKA_SSE_RESUME_RESET
                                         : NGX_KAFKA_SSE_RESUME_REPLAY;

    ngx_kafka_sse_group_join(group, stream);
    ngx_kafka_sse_hub_post(hub);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_resume_join(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream)
{
    ngx_uint_t              equal;
    ngx_kafka_sse_group_t  *public;

    equal = ngx_kafka_sse_resume_is_equal(group);
    public = NULL;

    if (equal) {
        public = ngx_kafka_sse_group_get(hub, stream->conf, stream->framing);
        if (public == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_kafka_sse_resume_pend(hub, group, stream) != NGX_OK) {

        if (public && ngx_queue_empty(&public->streams)) {
            ngx_kafka_sse_group_free(public);
        }

        return NGX_ERROR;
    }

    stream->position = NULL;

    if (equal) {
        ngx_kafka_sse_group_free(group);
        ngx_kafka_sse_group_join(public, stream);
        return NGX_OK;
    }

    ngx_kafka_sse_group_join(group, stream);
    ngx_kafka_sse_hub_post(hub);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse resume from %uL, hub at %uL",
                   group->next, hub->cursor);

    return NGX_OK;
}


/* the first bytes of a stream whose position is known now */

static ngx_int_t
ngx_kafka_sse_resume_pend(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream)
{
    ngx_str_t  extra, id;

    id = ngx_kafka_sse_group_position(group, NULL);

    if (group->reset.data == NULL) {
        stream->resume = NGX_KAFKA_SSE_RESUME_EXACT;
        (void) ngx_atomic_fetch_add(&hub->node->resumed, 1);

        return ngx_kafka_sse_stream_pend_id(stream, &id);
    }

    extra = ngx_kafka_sse_reset_text(&group->reset, &id, hub->log);

    if (extra.data == NULL
        || ngx_kafka_sse_stream_pend(stream, &extra) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_sse_reset_free(&group->reset);

    stream->resume = NGX_KAFKA_SSE_RESUME_RESET;
    (void) ngx_atomic_fetch_add(&hub->node->resets, 1);

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_resume_advance(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    size_t                  slice;
    ngx_kafka_sse_group_t  *public;

    if (!ngx_kafka_sse_resume_is_taken(hub, group)) {
        return 0;
    }

    if (group->is_lost) {
        ngx_kafka_sse_resume_rewind(hub, group);
        return 0;
    }

    slice = 0;

    ngx_kafka_sse_resume_go_on(hub, group, &slice);

    if (group->is_lost) {
        return 0;
    }

    if (group->next < hub->cursor) {
        return slice >= NGX_KAFKA_SSE_RESUME_SLICE;
    }

    if (!ngx_kafka_sse_resume_is_equal(group)) {
        ngx_kafka_sse_resume_check(hub, group);
        return 0;
    }

    public = ngx_kafka_sse_group_get(hub, group->conf, group->framing);

    if (public) {
        ngx_kafka_sse_resume_leave(group, public);
    }

    return 0;
}


/* a group without a place: it asks Kafka, or waits for what it has asked */

static void
ngx_kafka_sse_resume_rewind(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_rewind_t  *rewind;

    rewind = group->rewind;

    if (rewind == NULL || (rewind->is_answered && rewind->reading == 0)) {
        ngx_kafka_sse_resume_settle(hub, group);

    } else if (!rewind->is_sent) {
        ngx_kafka_sse_resume_line_up(hub, group);

    } else {
        ngx_kafka_sse_rewind_grant(rewind);
    }
}


/*
 * The very same may be waited for already: many clients begin at the same
 * offsets.  Nothing has been appended for either, so the streams just move.
 */

static void
ngx_kafka_sse_resume_line_up(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_t  *other;

    other = ngx_kafka_sse_rewind_find(hub, group);

    if (other) {
        ngx_kafka_sse_resume_leave(group, other);

    } else {
        ngx_kafka_sse_rewind_send(group->rewind);
    }
}


/* finds the place of a group that has none, or has Kafka read for it */

static void
ngx_kafka_sse_resume_settle(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_int_t    rc;
    ngx_uint_t   lost;

    if (ngx_kafka_sse_resume_grow(hub, group) != NGX_OK) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    rc = ngx_kafka_sse_resume_locate(hub, group, &lost);

    if (rc == NGX_OK && lost) {

        if (group->rewind && ngx_kafka_sse_rewind_is_complete(group->rewind)
            && !group->is_asking)
        {
            rc = ngx_kafka_sse_resume_read(hub, group->rewind);

        } else {
            ngx_kafka_sse_rewind_close(group);
            rc = ngx_kafka_sse_rewind_open(hub, group, 0);
            ngx_kafka_sse_hub_post(hub);
        }
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    if (rc == NGX_AGAIN || lost) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse resume from %uL, hub at %uL, rewound %d",
                   group->next, hub->cursor, group->rewind != NULL);

    ngx_kafka_sse_rewind_close(group);

    group->is_lost = 0;
    group->arrived = 0;

    if (group->reset.data) {
        ngx_kafka_sse_group_reset(hub, group, &group->reset);
    }

    ngx_kafka_sse_hub_post(hub);
}


/*
 * Has Kafka read what the ring does not have, up to what its newer half has:
 * the older half will be gone soon
 */

static ngx_int_t
ngx_kafka_sse_resume_read(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_t *rewind)
{
    int64_t                      next, oldest;
    uint64_t                     found, half;
    ngx_uint_t                   i;
    ngx_kafka_sse_rewind_ask_t  *ask;

    half = hub->cursor - hub->ring->size / 2;

    for (i = 0; i < rewind->nasks; i++) {
        ask = &rewind->asks[i];
        next = ask->member->next[ask->partition];

        if (next >= ask->member->topic->next[ask->partition]) {
            continue;
        }

        if (ngx_kafka_sse_resume_walk(hub, ask->member, ask->partition, next,
                                      0, &found, &oldest)
            != NGX_OK
            || ngx_kafka_sse_resume_walk(hub, ask->member, ask->partition, -1,
                                         half, &found, &ask->goal)
               != NGX_OK)
        {
            return NGX_AGAIN;
        }

        ask->reading = (oldest > next);
    }

    ngx_kafka_sse_rewind_read(rewind);

    return NGX_OK;
}


void
ngx_kafka_sse_resume_offsets(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_offsets_t *offsets)
{
    ngx_uint_t              i, asked;
    ngx_kafka_sse_hub_t    *hub;
    ngx_kafka_sse_group_t  *group;

    hub = rewind->hub;
    group = rewind->group;
    asked = group->is_asking;

    for (i = 0; i < rewind->nasks; i++) {
        if (ngx_kafka_sse_resume_answer(hub, &rewind->asks[i], &offsets[i])
            != NGX_OK)
        {
            ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
            return;
        }
    }

    group->is_asking = 0;
    group->is_unknown = 0;
    group->arrived = 0;

    if (rewind->is_check) {
        group->is_lost |= (group->reset.data != NULL);
        ngx_kafka_sse_rewind_close(group);
    }

    if (group->reset.data) {
        ngx_kafka_sse_group_reset(hub, group, &group->reset);

    } else if (asked) {
        ngx_kafka_sse_group_id(hub, group);
    }
}


/*
 * The position is above Kafka's end if the topic was truncated or made again:
 * what is in it now is not what the client has
 */

static ngx_int_t
ngx_kafka_sse_resume_answer(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets)
{
    int64_t     *next, from;
    ngx_uint_t   reason;

    next = &ask->member->next[ask->partition];
    from = *next;

    if (offsets->low < 0) {

        /* Kafka does not have the partition: it has been deleted lately */

        if (from == NGX_KAFKA_SSE_GROUP_ASK) {
            *next = ask->member->topic->next[ask->partition];
        }

        return NGX_OK;
    }

    if (from == NGX_KAFKA_SSE_GROUP_ASK) {
        return ngx_kafka_sse_resume_choose(hub, ask, offsets);
    }

    if (from < offsets->low) {
        reason = NGX_KAFKA_SSE_REASON_EXPIRED;

    } else if (from > offsets->high
               && from > ask->member->topic->next[ask->partition])
    {
        reason = NGX_KAFKA_SSE_REASON_TRUNCATED;

    } else {
        return NGX_OK;
    }

    *next = offsets->low;

    return ngx_kafka_sse_resume_tell(hub, ask->member, ask->partition, from,
                                     offsets->low, reason);
}


/* where the partition begins for who has no position */

static ngx_int_t
ngx_kafka_sse_resume_choose(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets)
{
    int64_t                 from, limit;
    ngx_kafka_sse_group_t  *group;

    group = ask->member->group;

    switch (group->start.kind) {

    case NGX_KAFKA_SSE_START_BACK:
        from = ngx_max(offsets->low, offsets->high - group->start.value);
        break;

    case NGX_KAFKA_SSE_START_TIME:
        from = ngx_max(offsets->low, offsets->at);
        break;

    default: /* NGX_KAFKA_SSE_START_EARLIEST */
        from = offsets->low;
        break;
    }

    if (group->is_chosen && group->conf->replay.max) {
        limit = offsets->high - (int64_t) group->conf->replay.max;

        if (from < limit) {
            if (ngx_kafka_sse_resume_tell(hub, ask->member, ask->partition,
                                          from, limit,
                                          NGX_KAFKA_SSE_REASON_LIMIT)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            from = limit;
        }
    }

    ask->member->next[ask->partition] = from;

    if (group->is_unknown) {
        return ngx_kafka_sse_resume_tell(hub, ask->member, ask->partition, -1,
                                         from,
                                         NGX_KAFKA_SSE_REASON_UNKNOWN_ID);
    }

    return NGX_OK;
}


void
ngx_kafka_sse_resume_record(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_record_t *rec)
{
    int64_t  *next;

    next = &ask->member->next[ask->partition];

    if (rec->offset < *next) {
        return;
    }

    *next = rec->offset + 1;

    ngx_kafka_sse_group_record(rewind->hub, ask->member, rec);

    if (*next >= ask->goal) {
        ngx_kafka_sse_rewind_stop(rewind, ask);
    }
}


void
ngx_kafka_sse_resume_end(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask, int64_t offset)
{
    int64_t  *next;

    if (offset < ask->goal) {
        return;                 /* more is on its way */
    }

    next = &ask->member->next[ask->partition];
    *next = ngx_max(*next, ask->goal);

    ngx_kafka_sse_rewind_stop(rewind, ask);
}


/*
 * Whether the group's clients have taken what there was.  Where some have and
 * others are far behind, they go on by themselves; where none has, others in
 * the line for Kafka need not wait for them.
 */

static ngx_uint_t
ngx_kafka_sse_resume_is_taken(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    size_t      unsent;
    ngx_msec_t  waited;

    unsent = ngx_kafka_sse_group_unsent(group);

    if (unsent < NGX_KAFKA_SSE_RESUME_UNSENT
        && ngx_kafka_sse_group_backlog(group) < NGX_KAFKA_SSE_RESUME_SPREAD)
    {
        group->stalled = 0;
        return 1;
    }

    if (group->stalled == 0) {
        group->stalled = ngx_current_msec;
        return 0;
    }

    waited = ngx_current_msec - group->stalled;

    if (unsent == 0 && waited >= NGX_KAFKA_SSE_RESUME_PATIENCE) {
        ngx_kafka_sse_resume_split(hub, group);

    } else if (waited >= NGX_KAFKA_SSE_RESUME_YIELD && group->is_lost) {
        ngx_kafka_sse_rewind_close(group);
    }

    return 0;
}


/* those that have taken all leave, with what the group asks of Kafka */

static void
ngx_kafka_sse_resume_split(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_t  *fast;

    group->stalled = 0;

    fast = ngx_kafka_sse_group_private(hub, group->conf, group->framing);
    if (fast == NULL) {
        return;
    }

    if (ngx_kafka_sse_resume_copy(fast, group) != NGX_OK) {
        ngx_kafka_sse_group_free(fast);
        return;
    }

    if (group->rewind) {
        ngx_kafka_sse_rewind_hand_over(group->rewind, fast);
    }

    ngx_kafka_sse_resume_leave(group, fast);
    ngx_kafka_sse_hub_post(hub);

    if (ngx_queue_empty(&fast->streams)) {
        ngx_kafka_sse_group_free(fast);
    }
}


static ngx_int_t
ngx_kafka_sse_resume_copy(ngx_kafka_sse_group_t *to,
    ngx_kafka_sse_group_t *from)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < from->nmembers; i++) {
        member = &from->members[i];

        if (ngx_kafka_sse_group_grow(&to->members[i], member->n) != NGX_OK) {
            return NGX_ERROR;
        }

        if (member->n) {
            ngx_memcpy(to->members[i].next, member->next,
                       member->n * sizeof(int64_t));
        }

        to->members[i].is_new = member->is_new;
    }

    to->next = from->next;
    to->start = from->start;
    to->is_lost = from->is_lost;
    to->is_chosen = from->is_chosen;

    return NGX_OK;
}


/* reads a slice of the ring into the group's log, as far as its clients go */

static void
ngx_kafka_sse_resume_go_on(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, size_t *slice)
{
    uint64_t                    furthest;
    ngx_int_t                   rc;
    ngx_kafka_sse_ring_entry_t  entry;

    furthest = group->log.end - ngx_kafka_sse_group_unsent(group);

    while (group->next < hub->cursor
           && *slice < NGX_KAFKA_SSE_RESUME_SLICE
           && group->log.end - furthest < NGX_KAFKA_SSE_RESUME_UNSENT)
    {
        rc = ngx_kafka_sse_ring_peek(hub->ring, group->next, &entry);

        if (rc == NGX_OK) {
            rc = ngx_kafka_sse_resume_entry(hub, group, &entry);
        }

        if (rc == NGX_DECLINED) {

            /* the ring has passed it: Kafka has what comes next */

            group->is_lost = 1;
            ngx_kafka_sse_hub_post(hub);
            break;
        }

        if (rc != NGX_OK) {
            ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
            break;
        }

        group->next += entry.size;
        *slice += entry.size;

        if (group->is_lost) {
            break;
        }

        if (group->is_dirty
            && group->log.end - furthest >= NGX_KAFKA_SSE_RESUME_UNSENT)
        {
            ngx_kafka_sse_group_flush(group);
            furthest = group->log.end - ngx_kafka_sse_group_unsent(group);
        }
    }

    if (group->is_dirty) {
        ngx_kafka_sse_group_flush(group);
    }
}


/*
 * At the hub's place with another position, so ahead of it: another node knew
 * more.  That should pass soon, unless Kafka does not have it, either.
 */

static void
ngx_kafka_sse_resume_check(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    if (group->rewind) {
        if (!group->rewind->is_sent) {
            ngx_kafka_sse_rewind_send(group->rewind);
        }

        return;
    }

    if (group->arrived == 0) {
        group->arrived = ngx_current_msec;
        return;
    }

    if (ngx_current_msec - group->arrived < NGX_KAFKA_SSE_RESUME_BEHIND
        || !group->conf->replay.on)
    {
        return;
    }

    if (ngx_kafka_sse_rewind_open(hub, group, 1) == NGX_OK) {
        ngx_kafka_sse_rewind_send(group->rewind);
    }
}


/* streams that have all of the group's log go on in another group */

static void
ngx_kafka_sse_resume_leave(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_group_t *other)
{
    ngx_uint_t               last;
    ngx_queue_t             *q, *next;
    ngx_kafka_sse_stream_t  *stream;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);

        if (stream->cursor.pos != group->log.end || stream->borrowed
            || stream->ending)
        {
            continue;
        }

        last = (ngx_queue_head(&group->streams)
                == ngx_queue_last(&group->streams));

        ngx_kafka_sse_group_leave(group, stream);
        ngx_kafka_sse_group_join(other, stream);

        if (last) {
            return;             /* the group is gone */
        }
    }
}


static ngx_int_t
ngx_kafka_sse_resume_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_ring_entry_t *entry)
{
    int64_t                 *next;
    ngx_kafka_sse_member_t  *member;
    ngx_kafka_sse_record_t   rec;

    if (entry->type == NGX_KAFKA_SSE_RING_PAD) {
        return NGX_OK;
    }

    member = ngx_kafka_sse_group_member(group, entry->topic);
    if (member == NULL) {
        return NGX_OK;
    }

    if (entry->type == NGX_KAFKA_SSE_RING_TOPIC) {
        if (ngx_kafka_sse_hub_copy(hub, group->next, entry, &rec) != NGX_OK) {
            return NGX_DECLINED;
        }

        return (entry->flags == member->topic->tag)
               ? ngx_kafka_sse_resume_topic(hub, member, &rec) : NGX_ABORT;
    }

    if ((ngx_uint_t) entry->partition >= member->n) {
        return NGX_OK;
    }

    next = &member->next[entry->partition];

    if (entry->type == NGX_KAFKA_SSE_RING_MOVE) {

        /* a partition that was truncated goes back for everybody */

        if (entry->offset > *next || entry->offset < entry->from) {
            *next = entry->offset;
            ngx_kafka_sse_group_move(hub, member, entry);
        }

        return NGX_OK;
    }

    if (entry->offset < *next) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_hub_copy(hub, group->next, entry, &rec) != NGX_OK) {
        return NGX_DECLINED;
    }

    *next = entry->offset + 1;
    ngx_kafka_sse_group_record(hub, member, &rec);

    return NGX_OK;
}


/* a topic has started, or has more partitions, on the way */

static ngx_int_t
ngx_kafka_sse_resume_topic(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t  known, n, p;

    n = rec->value.len / sizeof(int64_t);
    known = member->n;

    if (n <= known) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_group_grow(member, n) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(member->next + known, rec->value.data + known * sizeof(int64_t),
               (n - known) * sizeof(int64_t));

    if (known || member->topic->sh->born
        || member->group->start.kind == NGX_KAFKA_SSE_START_LATEST)
    {
        return NGX_OK;
    }

    for (p = 0; p < n; p++) {
        member->next[p] = ngx_kafka_sse_resume_fresh(member, p);
    }

    member->group->is_lost = 1;
    ngx_kafka_sse_hub_post(hub);

    return NGX_OK;
}


/*
 * Who has asked for a start that is not the latest stays by himself while a
 * topic has not started: the public group would begin with it elsewhere
 */

static ngx_uint_t
ngx_kafka_sse_resume_is_equal(ngx_kafka_sse_group_t *group)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        if (member->n != member->topic->n
            || (member->n == 0
                && group->start.kind != NGX_KAFKA_SSE_START_LATEST))
        {
            return 0;
        }

        if (member->n
            && ngx_memcmp(member->next, member->topic->next,
                          member->n * sizeof(int64_t))
               != 0)
        {
            return 0;
        }
    }

    return 1;
}
