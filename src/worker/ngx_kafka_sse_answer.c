
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_answer.h>
#include <worker/ngx_kafka_sse_place.h>


static ngx_int_t ngx_kafka_sse_answer_partition(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets);
static ngx_int_t ngx_kafka_sse_answer_start(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_rewind_ask_t *ask, ngx_kafka_sse_message_offsets_t *offsets);


void
ngx_kafka_sse_answer_offsets(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_offsets_t *offsets)
{
    ngx_uint_t              i, asked;
    ngx_kafka_sse_hub_t    *hub;
    ngx_kafka_sse_group_t  *group;

    hub = rewind->hub;
    group = rewind->group;
    asked = group->is_asking;

    for (i = 0; i < rewind->nasks; i++) {
        if (ngx_kafka_sse_answer_partition(hub, &rewind->asks[i], &offsets[i])
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
ngx_kafka_sse_answer_partition(ngx_kafka_sse_hub_t *hub,
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
        return ngx_kafka_sse_answer_start(hub, ask, offsets);
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

    return ngx_kafka_sse_place_tell(hub, ask->member, ask->partition, from,
                                    offsets->low, reason);
}


/* where the partition begins for who has no position */

static ngx_int_t
ngx_kafka_sse_answer_start(ngx_kafka_sse_hub_t *hub,
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
            if (ngx_kafka_sse_place_tell(hub, ask->member, ask->partition,
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
        return ngx_kafka_sse_place_tell(hub, ask->member, ask->partition, -1,
                                        from,
                                        NGX_KAFKA_SSE_REASON_UNKNOWN_ID);
    }

    return NGX_OK;
}


void
ngx_kafka_sse_answer_record(ngx_kafka_sse_rewind_t *rewind,
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
ngx_kafka_sse_answer_end(ngx_kafka_sse_rewind_t *rewind,
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
