
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_catchup.h>
#include <worker/ngx_kafka_sse_place.h>
#include <worker/ngx_kafka_sse_rewind.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_CATCHUP_SLICE     (256 * 1024)  /* ring bytes a turn */
#define NGX_KAFKA_SSE_CATCHUP_UNSENT    (64 * 1024)   /* the clients' turn */
#define NGX_KAFKA_SSE_CATCHUP_SPREAD    (512 * 1024)  /* from first to last */

/* ms that a client may hold up others, and a place in the line */

#define NGX_KAFKA_SSE_CATCHUP_PATIENCE  1000
#define NGX_KAFKA_SSE_CATCHUP_YIELD     5000

/* so long, in ms, a node may be behind another, before Kafka is asked */

#define NGX_KAFKA_SSE_CATCHUP_BEHIND    2000


static void ngx_kafka_sse_catchup_rewind(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_catchup_line_up(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_catchup_settle(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_catchup_read(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_t *rewind);
static ngx_uint_t ngx_kafka_sse_catchup_is_taken(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static void ngx_kafka_sse_catchup_split(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
static ngx_int_t ngx_kafka_sse_catchup_copy(ngx_kafka_sse_group_t *to,
    ngx_kafka_sse_group_t *from);
static void ngx_kafka_sse_catchup_leave(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_group_t *other);
static void ngx_kafka_sse_catchup_go_on(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, size_t *slice);
static ngx_int_t ngx_kafka_sse_catchup_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_ring_entry_t *entry);
static ngx_int_t ngx_kafka_sse_catchup_topic(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec);
static void ngx_kafka_sse_catchup_check(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);


ngx_uint_t
ngx_kafka_sse_catchup_advance(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    size_t                  slice;
    ngx_kafka_sse_group_t  *public;

    if (!ngx_kafka_sse_catchup_is_taken(hub, group)) {
        return 0;
    }

    if (group->is_lost) {
        ngx_kafka_sse_catchup_rewind(hub, group);
        return 0;
    }

    slice = 0;

    ngx_kafka_sse_catchup_go_on(hub, group, &slice);

    if (group->is_lost) {
        return 0;
    }

    if (group->next < hub->cursor) {
        return slice >= NGX_KAFKA_SSE_CATCHUP_SLICE;
    }

    if (!ngx_kafka_sse_place_is_equal(group)) {

        if (ngx_kafka_sse_place_is_ahead(group)) {
            ngx_kafka_sse_catchup_check(hub, group);
        }

        return 0;
    }

    public = ngx_kafka_sse_group_get(hub, group->selection, group->framing,
                                     group->filter);

    if (public == NULL) {
        return 0;
    }

    ngx_kafka_sse_catchup_leave(group, public);

    ngx_kafka_sse_group_release(public);

    return 0;
}


/* a group without a place: it asks Kafka, or waits for what it has asked */

static void
ngx_kafka_sse_catchup_rewind(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_rewind_t  *rewind;

    rewind = group->rewind;

    if (rewind == NULL || (rewind->is_answered && rewind->reading == 0)) {
        ngx_kafka_sse_catchup_settle(hub, group);

    } else if (!rewind->is_sent) {
        ngx_kafka_sse_catchup_line_up(hub, group);

    } else {
        ngx_kafka_sse_rewind_grant(rewind);
    }
}


/*
 * The very same may be waited for already: many clients begin at the same
 * offsets.  Nothing has been appended for either, so the streams just move.
 */

static void
ngx_kafka_sse_catchup_line_up(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_t  *other;

    other = ngx_kafka_sse_rewind_find(hub, group);

    if (other) {
        ngx_kafka_sse_catchup_leave(group, other);

    } else {
        ngx_kafka_sse_rewind_send(group->rewind);
    }
}


/* finds the place of a group that has none, or has Kafka read for it */

static void
ngx_kafka_sse_catchup_settle(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_int_t    rc;
    ngx_uint_t   lost;

    if (ngx_kafka_sse_place_grow(hub, group) != NGX_OK) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    rc = ngx_kafka_sse_place_locate(hub, group, &lost);

    if (rc == NGX_OK && lost) {

        if (group->rewind && ngx_kafka_sse_rewind_is_complete(group->rewind)
            && !group->is_asking)
        {
            rc = ngx_kafka_sse_catchup_read(hub, group->rewind);

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
ngx_kafka_sse_catchup_read(ngx_kafka_sse_hub_t *hub,
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

        if (ngx_kafka_sse_place_walk(hub, ask->member, ask->partition, next,
                                     0, &found, &oldest)
            != NGX_OK
            || ngx_kafka_sse_place_walk(hub, ask->member, ask->partition, -1,
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


/*
 * Whether the group's clients have taken what there was.  Where some have and
 * others are far behind, they go on by themselves; where none has, others in
 * the line for Kafka need not wait for them.
 */

static ngx_uint_t
ngx_kafka_sse_catchup_is_taken(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    size_t      unsent;
    ngx_msec_t  waited;

    unsent = ngx_kafka_sse_group_unsent(group);

    if (unsent < NGX_KAFKA_SSE_CATCHUP_UNSENT
        && ngx_kafka_sse_group_backlog(group) < NGX_KAFKA_SSE_CATCHUP_SPREAD)
    {
        group->stalled = 0;
        return 1;
    }

    if (group->stalled == 0) {
        group->stalled = ngx_current_msec;
        return 0;
    }

    waited = ngx_current_msec - group->stalled;

    if (unsent == 0 && waited >= NGX_KAFKA_SSE_CATCHUP_PATIENCE) {
        ngx_kafka_sse_catchup_split(hub, group);

    } else if (waited >= NGX_KAFKA_SSE_CATCHUP_YIELD && group->is_lost) {
        ngx_kafka_sse_rewind_close(group);
    }

    return 0;
}


/* those that have taken all leave, with what the group asks of Kafka */

static void
ngx_kafka_sse_catchup_split(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_group_t  *fast;

    group->stalled = 0;

    fast = ngx_kafka_sse_group_private(hub, group->selection, group->framing,
                                       group->filter);
    if (fast == NULL) {
        return;
    }

    if (ngx_kafka_sse_catchup_copy(fast, group) != NGX_OK) {
        ngx_kafka_sse_group_free(fast);
        return;
    }

    if (group->rewind) {
        ngx_kafka_sse_rewind_hand_over(group->rewind, fast);
    }

    ngx_kafka_sse_catchup_leave(group, fast);
    ngx_kafka_sse_hub_post(hub);

    ngx_kafka_sse_group_release(fast);
}


static ngx_int_t
ngx_kafka_sse_catchup_copy(ngx_kafka_sse_group_t *to,
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


/* streams that have all of the group's log go on in another group */

static void
ngx_kafka_sse_catchup_leave(ngx_kafka_sse_group_t *group,
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


/* reads a slice of the ring into the group's log, as far as its clients go */

static void
ngx_kafka_sse_catchup_go_on(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, size_t *slice)
{
    uint64_t                    furthest;
    ngx_int_t                   rc;
    ngx_kafka_sse_ring_entry_t  entry;

    furthest = group->log.end - ngx_kafka_sse_group_unsent(group);

    while (group->next < hub->cursor
           && *slice < NGX_KAFKA_SSE_CATCHUP_SLICE
           && group->log.end - furthest < NGX_KAFKA_SSE_CATCHUP_UNSENT)
    {
        rc = ngx_kafka_sse_ring_peek(hub->ring, group->next, &entry);

        if (rc == NGX_OK) {
            rc = ngx_kafka_sse_catchup_entry(hub, group, &entry);
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
            && group->log.end - furthest >= NGX_KAFKA_SSE_CATCHUP_UNSENT)
        {
            ngx_kafka_sse_group_flush(group);
            furthest = group->log.end - ngx_kafka_sse_group_unsent(group);
        }
    }

    if (group->is_dirty) {
        ngx_kafka_sse_group_flush(group);
    }
}


static ngx_int_t
ngx_kafka_sse_catchup_entry(ngx_kafka_sse_hub_t *hub,
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
               ? ngx_kafka_sse_catchup_topic(hub, member, &rec) : NGX_ABORT;
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
ngx_kafka_sse_catchup_topic(ngx_kafka_sse_hub_t *hub,
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
        member->next[p] = ngx_kafka_sse_place_fresh(member, p);
    }

    member->group->is_lost = 1;
    ngx_kafka_sse_hub_post(hub);

    return NGX_OK;
}


/*
 * At the hub's place with a position that is ahead of it: another node knew
 * more.  That should pass soon, unless Kafka does not have it, either.
 */

static void
ngx_kafka_sse_catchup_check(ngx_kafka_sse_hub_t *hub,
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

    if (ngx_current_msec - group->arrived < NGX_KAFKA_SSE_CATCHUP_BEHIND
        || !group->conf->replay.on)
    {
        return;
    }

    if (ngx_kafka_sse_rewind_open(hub, group, 1) == NGX_OK) {
        ngx_kafka_sse_rewind_send(group->rewind);
    }
}
