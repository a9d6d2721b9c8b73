
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_place.h>


static ngx_int_t ngx_kafka_sse_place_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member);
static ngx_int_t ngx_kafka_sse_place_last(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, uint64_t *last);


ngx_int_t
ngx_kafka_sse_place_grow(ngx_kafka_sse_hub_t *hub,
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
                       : ngx_kafka_sse_place_begin(hub, member);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the beginning of a topic that the position does not name */

static ngx_int_t
ngx_kafka_sse_place_begin(ngx_kafka_sse_hub_t *hub,
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
        member->next[p] = ngx_kafka_sse_place_fresh(member, p);

        if (member->group->is_unknown
            && member->next[p] != NGX_KAFKA_SSE_GROUP_ASK
            && ngx_kafka_sse_place_tell(hub, member, p, -1, member->next[p],
                                        NGX_KAFKA_SSE_REASON_UNKNOWN_ID)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


int64_t
ngx_kafka_sse_place_fresh(ngx_kafka_sse_member_t *member,
    ngx_uint_t partition)
{
    if (member->group->start.kind == NGX_KAFKA_SSE_START_LATEST) {
        return member->topic->next[partition];
    }

    member->group->is_asking = 1;

    return NGX_KAFKA_SSE_GROUP_ASK;
}


ngx_int_t
ngx_kafka_sse_place_locate(ngx_kafka_sse_hub_t *hub,
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

            rc = ngx_kafka_sse_place_walk(hub, member, p, *next, 0, &found,
                                          &oldest);
            if (rc != NGX_OK) {
                return rc;
            }

            if (oldest > *next) {

                if (group->conf->replay.on) {
                    (*lost)++;
                    continue;
                }

                if (ngx_kafka_sse_place_tell(hub, member, p, *next, oldest,
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


ngx_int_t
ngx_kafka_sse_place_walk(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, int32_t partition, int64_t want,
    uint64_t limit, uint64_t *found, int64_t *oldest)
{
    uint64_t                     place;
    ngx_kafka_sse_ring_entry_t   entry;

    *found = hub->cursor;
    *oldest = member->topic->next[partition];

    if (ngx_kafka_sse_place_last(hub, member, partition, &place) != NGX_OK) {
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
ngx_kafka_sse_place_last(ngx_kafka_sse_hub_t *hub,
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


ngx_int_t
ngx_kafka_sse_place_at(ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_topic_sh_t *sh,
    int32_t partition, int64_t *next)
{
    uint64_t                       place;
    ngx_uint_t                     seq;
    ngx_kafka_sse_ring_entry_t     entry;
    ngx_kafka_sse_partition_sh_t  *part;

    part = &sh->partitions[partition];

    do {
        seq = ngx_kafka_sse_ring_look_begin(hub->ring);
        if (seq & 1) {
            return NGX_AGAIN;
        }

        *next = part->held;
        place = part->last;

    } while (!ngx_kafka_sse_ring_look_same(hub->ring, seq));

    while (place && place >= hub->cursor) {
        if (ngx_kafka_sse_ring_peek(hub->ring, place, &entry) != NGX_OK) {
            return NGX_AGAIN;
        }

        *next = entry.from;
        place = entry.prev;
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_place_tell(ngx_kafka_sse_hub_t *hub,
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


/*
 * Who has asked for a start that is not the latest stays by himself while a
 * topic has not started: the public group would begin with it elsewhere
 */

ngx_uint_t
ngx_kafka_sse_place_is_equal(ngx_kafka_sse_group_t *group)
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


ngx_uint_t
ngx_kafka_sse_place_is_ahead(ngx_kafka_sse_group_t *group)
{
    ngx_uint_t               i, p;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        for (p = 0; p < member->n && p < member->topic->n; p++) {
            if (member->next[p] > member->topic->next[p]) {
                return 1;
            }
        }
    }

    return 0;
}
