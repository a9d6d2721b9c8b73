
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_place.h>
#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_rewind.h>
#include <worker/ngx_kafka_sse_stream.h>


/*
 * A regular expression finds new topics on one node sooner than on another: so
 * long, in s, a position may have one that is not known here
 */

#define NGX_KAFKA_SSE_RESUME_FIND  10


static ngx_int_t ngx_kafka_sse_resume_match(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_position_t *position);
static ngx_kafka_sse_position_topic_t
    *ngx_kafka_sse_resume_find(ngx_kafka_sse_position_t *position,
    ngx_kafka_sse_member_t *member, uint32_t tag);
static ngx_int_t ngx_kafka_sse_resume_recreated(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_position_topic_t *t);
static ngx_int_t ngx_kafka_sse_resume_take_over(ngx_kafka_sse_member_t *member,
    ngx_kafka_sse_position_topic_t *t);
static ngx_int_t ngx_kafka_sse_resume_wait(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_resume_join(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);
static ngx_int_t ngx_kafka_sse_resume_pend(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_stream_t *stream);


ngx_int_t
ngx_kafka_sse_resume_place(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream)
{
    ngx_int_t               rc;
    ngx_uint_t              lost;
    ngx_kafka_sse_group_t  *group;

    group = ngx_kafka_sse_group_private(hub,
                                        ngx_kafka_sse_stream_selection(stream),
                                        stream->framing, stream->filter);
    if (group == NULL) {
        return NGX_ERROR;
    }

    group->start = stream->start;
    group->is_chosen = stream->chosen;

    rc = ngx_kafka_sse_resume_match(hub, group, stream->position);

    if (rc == NGX_OK
        && group->is_unknown
        && group->selection->is_open
        && ngx_time() - stream->request->start_sec
           < NGX_KAFKA_SSE_RESUME_FIND)
    {
        hub->retry = 1;         /* with the next tick */
        rc = NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_place_locate(hub, group, &lost);
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

    return ngx_kafka_sse_place_grow(hub, group);
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

    for (p = 0; p < member->n && p < t->n; p++) {
        if (t->next[p] > 0
            && ngx_kafka_sse_place_tell(hub, member, p, t->next[p], 0,
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
            member->next[p] = ngx_kafka_sse_place_fresh(member, p);
        }
    }

    return NGX_OK;
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

    ngx_kafka_sse_stream_placed(stream);
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

    equal = ngx_kafka_sse_place_is_equal(group);
    public = NULL;

    if (equal) {
        public = ngx_kafka_sse_group_get(hub, group->selection,
                                         stream->framing, stream->filter);
        if (public == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_kafka_sse_resume_pend(hub, group, stream) != NGX_OK) {

        if (public) {
            ngx_kafka_sse_group_release(public);
        }

        return NGX_ERROR;
    }

    ngx_kafka_sse_stream_placed(stream);

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
