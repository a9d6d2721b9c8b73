
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_reset.h>
#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_RESUME_SLICE    (256 * 1024)  /* ring bytes a turn */
#define NGX_KAFKA_SSE_RESUME_UNSENT   (64 * 1024)   /* then the client's turn */


/* what a resume finds out, and the "stream-reset" event it writes on the way */

typedef struct {
    ngx_kafka_sse_hub_t        *hub;
    ngx_kafka_sse_group_t      *group;      /* private */
    uint64_t                    start;      /* place in the ring */
    ngx_uint_t                  ranges;
    ngx_uint_t                  differ;     /* partitions not as the hub's */
    u_char                     *event;      /* NULL while there is no range */
    u_char                     *last;
} ngx_kafka_sse_resume_t;


static ngx_int_t ngx_kafka_sse_resume_match(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_position_t *position);
static ngx_kafka_sse_position_topic_t *ngx_kafka_sse_resume_find(
    ngx_kafka_sse_position_t *position, ngx_kafka_sse_member_t *member);
static ngx_int_t ngx_kafka_sse_resume_begin(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, ngx_uint_t unknown);
static ngx_int_t ngx_kafka_sse_resume_locate(ngx_kafka_sse_resume_t *res);
static ngx_int_t ngx_kafka_sse_resume_walk(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, int32_t partition);
static ngx_int_t ngx_kafka_sse_resume_last(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, uint64_t *last);
static ngx_int_t ngx_kafka_sse_resume_tell(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t from,
    int64_t to, ngx_uint_t reason);
static ngx_int_t ngx_kafka_sse_resume_join(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_stream_t *stream);
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
    ngx_kafka_sse_resume_t  res;

    ngx_memzero(&res, sizeof(ngx_kafka_sse_resume_t));

    res.hub = hub;
    res.start = hub->cursor;
    res.group = ngx_kafka_sse_group_private(hub, stream->conf,
                                            stream->framing);

    if (res.group == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_resume_match(&res, stream->position);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_resume_locate(&res);
    }

    if (rc == NGX_OK) {
        return ngx_kafka_sse_resume_join(&res, stream);
    }

    ngx_kafka_sse_group_free(res.group);

    if (res.event) {
        ngx_free(res.event);
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
ngx_kafka_sse_resume_match(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_position_t *position)
{
    ngx_uint_t                       i, matched, waiting;
    ngx_kafka_sse_member_t          *member;
    ngx_kafka_sse_position_topic_t  *t;

    matched = 0;
    waiting = 0;

    for (i = 0; i < res->group->nmembers; i++) {
        member = &res->group->members[i];

        if (member->topic->n == 0) {
            waiting = 1;
            continue;
        }

        t = ngx_kafka_sse_resume_find(position, member);
        if (t == NULL) {
            continue;
        }

        /* partitions that the position does not know begin at 0 */

        if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_memcpy(member->next, t->next, t->n * sizeof(int64_t));
        matched++;
    }

    if (matched < position->ntopics && waiting) {
        return NGX_AGAIN;
    }

    for (i = 0; i < res->group->nmembers; i++) {
        member = &res->group->members[i];

        if (member->topic->n == 0 || member->n) {
            continue;
        }

        if (ngx_kafka_sse_resume_begin(res, member,
                                       matched < position->ntopics)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_kafka_sse_position_topic_t *
ngx_kafka_sse_resume_find(ngx_kafka_sse_position_t *position,
    ngx_kafka_sse_member_t *member)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_position_topic_t  *t;

    for (i = 0; i < position->ntopics; i++) {
        t = &position->topics[i];

        if (t->n && t->tag == member->topic->tag
            && t->n <= member->topic->n)
        {
            return t;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_kafka_sse_resume_begin(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, ngx_uint_t unknown)
{
    ngx_uint_t  p;

    if (ngx_kafka_sse_group_grow(member, member->topic->n) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!unknown && member->topic->sh->born) {
        return NGX_OK;
    }

    for (p = 0; p < member->n; p++) {
        member->next[p] = member->topic->next[p];

        if (unknown
            && ngx_kafka_sse_resume_tell(res, member, p, -1, member->next[p],
                                         NGX_KAFKA_SSE_REASON_UNKNOWN_ID)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* finds the place of each partition that is behind the hub */

static ngx_int_t
ngx_kafka_sse_resume_locate(ngx_kafka_sse_resume_t *res)
{
    ngx_int_t                rc;
    ngx_uint_t               i, p;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < res->group->nmembers; i++) {
        member = &res->group->members[i];

        for (p = 0; p < member->n; p++) {

            if (member->next[p] < member->topic->next[p]) {
                rc = ngx_kafka_sse_resume_walk(res, member, p);
                if (rc != NGX_OK) {
                    return rc;
                }
            }

            res->differ += (member->next[p] != member->topic->next[p]);
        }
    }

    return NGX_OK;
}


/*
 * Walks back along the partition's entries to the first that the client does
 * not have.  If the ring no longer reaches back, the client is told, and its
 * position moves up to what the ring has.
 */

static ngx_int_t
ngx_kafka_sse_resume_walk(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, int32_t partition)
{
    int64_t                      want, oldest;
    uint64_t                     place, found;
    ngx_kafka_sse_ring_sh_t     *ring;
    ngx_kafka_sse_ring_entry_t   entry;

    ring = res->hub->ring;

    want = member->next[partition];
    oldest = member->topic->next[partition];
    found = res->hub->cursor;

    if (ngx_kafka_sse_resume_last(res->hub, member, partition, &place)
        != NGX_OK)
    {
        return NGX_AGAIN;
    }

    while (oldest > want && place && place >= ring->tail) {

        if (ngx_kafka_sse_ring_peek(ring, place, &entry) != NGX_OK) {
            break;
        }

        /* "from" says that there is nothing between it and this entry */

        if (place < res->hub->cursor) {
            found = place;
            oldest = entry.from;
        }

        place = entry.prev;
    }

    if (oldest > want) {

        if (ngx_kafka_sse_resume_tell(res, member, partition, want, oldest,
                                      NGX_KAFKA_SSE_REASON_EXPIRED)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        member->next[partition] = oldest;
    }

    res->start = ngx_min(res->start, found);

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
ngx_kafka_sse_resume_tell(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t from,
    int64_t to, ngx_uint_t reason)
{
    size_t      size;
    ngx_uint_t  i;

    /* a topic that was made lately and is new to the client is not missed */

    if (from == 0 && member->topic->sh->born) {
        return NGX_OK;
    }

    if (res->event == NULL) {
        size = NGX_KAFKA_SSE_RESET_LEN + NGX_KAFKA_SSE_POSITION_TEXT_MAX;

        for (i = 0; i < res->group->nmembers; i++) {
            size += res->group->members[i].topic->n
                    * (NGX_KAFKA_SSE_RESET_RANGE_LEN
                       + res->group->members[i].public.len);
        }

        res->event = ngx_alloc(size, res->hub->log);
        if (res->event == NULL) {
            return NGX_ERROR;
        }

        res->last = ngx_kafka_sse_reset_begin(res->event);
    }

    res->last = ngx_kafka_sse_reset_range(res->last, &member->public,
                                          partition, from, to, reason);
    res->ranges++;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_resume_join(ngx_kafka_sse_resume_t *res,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t               rc;
    ngx_str_t               extra, id;
    ngx_kafka_sse_hub_t    *hub;
    ngx_kafka_sse_group_t  *group;

    hub = res->hub;

    id = ngx_kafka_sse_group_position(res->group, NULL);

    if (res->event) {
        extra.data = res->event;
        extra.len = ngx_kafka_sse_reset_end(res->last, &id) - res->event;

        rc = ngx_kafka_sse_stream_pend(stream, &extra);

        ngx_free(res->event);
        (void) ngx_atomic_fetch_add(&hub->node->resets, 1);
        stream->resume = NGX_KAFKA_SSE_RESUME_RESET;

    } else {
        rc = ngx_kafka_sse_stream_pend_id(stream, &id);
        (void) ngx_atomic_fetch_add(&hub->node->resumed, 1);
        stream->resume = NGX_KAFKA_SSE_RESUME_EXACT;
    }

    if (rc != NGX_OK) {
        ngx_kafka_sse_group_free(res->group);
        return NGX_ERROR;
    }

    stream->position = NULL;

    if (res->differ) {
        res->group->next = res->start;
        ngx_kafka_sse_group_join(res->group, stream);
        ngx_kafka_sse_hub_post(hub);

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                       "kafka_sse resume from %uL, hub at %uL, %ui differ",
                       res->start, hub->cursor, res->differ);
        return NGX_OK;
    }

    ngx_kafka_sse_group_free(res->group);

    group = ngx_kafka_sse_group_get(hub, stream->conf, stream->framing);
    if (group == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_group_join(group, stream);

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_resume_advance(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    size_t                      slice;
    ngx_kafka_sse_group_t      *public;
    ngx_kafka_sse_stream_t     *stream;
    ngx_kafka_sse_ring_entry_t  entry;

    stream = ngx_queue_data(ngx_queue_head(&group->streams),
                            ngx_kafka_sse_stream_t, queue);
    slice = 0;

    while (group->next < hub->cursor
           && slice < NGX_KAFKA_SSE_RESUME_SLICE
           && group->log.end - stream->cursor.pos
              < NGX_KAFKA_SSE_RESUME_UNSENT)
    {
        if (ngx_kafka_sse_ring_peek(hub->ring, group->next, &entry) != NGX_OK
            || ngx_kafka_sse_resume_entry(hub, group, &entry) != NGX_OK)
        {
            /* the ring has passed it; it comes back and is told what it lost */

            ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
            break;
        }

        group->next += entry.size;
        slice += entry.size;

        if (group->is_dirty
            && group->log.end - stream->cursor.pos
               >= NGX_KAFKA_SSE_RESUME_UNSENT)
        {
            ngx_kafka_sse_group_flush(group);
        }
    }

    if (group->is_dirty) {
        ngx_kafka_sse_group_flush(group);
    }

    if (stream->ending) {
        return 0;
    }

    if (group->next < hub->cursor) {
        return slice >= NGX_KAFKA_SSE_RESUME_SLICE;
    }

    if (!ngx_kafka_sse_stream_drained(stream)
        || !ngx_kafka_sse_resume_is_equal(group))
    {
        return 0;
    }

    public = ngx_kafka_sse_group_get(hub, group->conf, group->framing);
    if (public == NULL) {
        return 0;
    }

    ngx_kafka_sse_group_leave(group, stream);
    ngx_kafka_sse_group_join(public, stream);

    return 0;
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
               ? ngx_kafka_sse_resume_topic(hub, member, &rec) : NGX_DECLINED;
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
    ngx_uint_t  known, n;

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

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_resume_is_equal(ngx_kafka_sse_group_t *group)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        if (member->n != member->topic->n
            || ngx_memcmp(member->next, member->topic->next,
                          member->n * sizeof(int64_t)) != 0)
        {
            return 0;
        }
    }

    return 1;
}
