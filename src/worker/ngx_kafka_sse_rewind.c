
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_answer.h>
#include <worker/ngx_kafka_sse_hub_link.h>
#include <worker/ngx_kafka_sse_rewind.h>
#include <worker/ngx_kafka_sse_roster.h>


static void ngx_kafka_sse_rewind_wait(ngx_kafka_sse_rewind_t *rewind);
static void ngx_kafka_sse_rewind_send_open(ngx_kafka_sse_rewind_t *rewind);
static ngx_kafka_sse_rewind_t *ngx_kafka_sse_rewind_lookup(
    ngx_kafka_sse_hub_t *hub, uint32_t number);
static ngx_int_t ngx_kafka_sse_rewind_dispatch(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m);
static ngx_int_t ngx_kafka_sse_rewind_offsets(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m);
static ngx_int_t ngx_kafka_sse_rewind_ask(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m);
static uint32_t ngx_kafka_sse_rewind_hash(ngx_kafka_sse_group_t *group);
static ngx_uint_t ngx_kafka_sse_rewind_is_same(ngx_kafka_sse_group_t *a,
    ngx_kafka_sse_group_t *b);


void
ngx_kafka_sse_rewind_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_rbtree_init(&hub->rewinds, &hub->rewinds_sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&hub->asking);
}


/* what was asked of the companion before, from where it is now */

void
ngx_kafka_sse_rewind_connected(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&hub->asking);
         q != ngx_queue_sentinel(&hub->asking);
         q = ngx_queue_next(q))
    {
        ngx_kafka_sse_rewind_send_open(ngx_queue_data(q,
                                              ngx_kafka_sse_rewind_t, queue));
    }
}


ngx_int_t
ngx_kafka_sse_rewind_open(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t is_check)
{
    ngx_uint_t                   i, p, n;
    ngx_kafka_sse_rewind_t      *rewind;
    ngx_kafka_sse_member_t      *member;
    ngx_kafka_sse_rewind_ask_t  *ask;

    n = 0;

    for (i = 0; i < group->nmembers; i++) {
        n += group->members[i].n;
    }

    if (n == 0 || n > NGX_KAFKA_SSE_MESSAGE_ASKS) {
        ngx_log_error(NGX_LOG_ERR, hub->log, 0,
                      "kafka_sse: %ui partitions cannot be read from Kafka for "
                      "a stream, %d can", n, NGX_KAFKA_SSE_MESSAGE_ASKS);
        return NGX_ERROR;
    }

    rewind = ngx_calloc(offsetof(ngx_kafka_sse_rewind_t, asks)
                        + n * sizeof(ngx_kafka_sse_rewind_ask_t),
                        hub->log);
    if (rewind == NULL) {
        return NGX_ERROR;
    }

    ask = rewind->asks;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        for (p = 0; p < member->n; p++) {
            ask->member = member;
            ask->partition = p;
            ask++;
        }
    }

    rewind->nasks = n;
    rewind->hub = hub;
    rewind->group = group;
    rewind->is_check = is_check;
    rewind->hash = ngx_kafka_sse_rewind_hash(group);

    group->rewind = rewind;

    ngx_rbtree_insert(&hub->rewinds, &rewind->node);
    ngx_queue_insert_tail(&hub->asking, &rewind->queue);

    return NGX_OK;
}


/* a new connection sends all that is asked, this one, too */

void
ngx_kafka_sse_rewind_send(ngx_kafka_sse_rewind_t *rewind)
{
    if (rewind->hub->link.connection) {
        ngx_kafka_sse_rewind_send_open(rewind);

    } else {
        rewind->is_sent = 1;
        ngx_kafka_sse_rewind_wait(rewind);
        ngx_kafka_sse_hub_link_connect(rewind->hub);
    }
}


/* thousands may wait: the hub's turns need not look at them */

static void
ngx_kafka_sse_rewind_wait(ngx_kafka_sse_rewind_t *rewind)
{
    if (!rewind->is_check) {
        ngx_queue_remove(&rewind->group->queue);
        ngx_queue_insert_tail(&rewind->hub->line, &rewind->group->queue);
    }
}


ngx_uint_t
ngx_kafka_sse_rewind_is_complete(ngx_kafka_sse_rewind_t *rewind)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < rewind->group->nmembers; i++) {
        n += rewind->group->members[i].n;
    }

    return rewind->is_answered && rewind->nasks == n;
}


/* a new number each time: what comes for the one before is for nobody */

static void
ngx_kafka_sse_rewind_send_open(ngx_kafka_sse_rewind_t *rewind)
{
    u_char                        *p;
    ngx_uint_t                     i;
    ngx_kafka_sse_hub_t           *hub;
    ngx_kafka_sse_group_t         *group;
    ngx_kafka_sse_start_t         *start;
    ngx_kafka_sse_rewind_ask_t    *ask;
    ngx_kafka_sse_message_ask_t   *to;
    ngx_kafka_sse_message_open_t   open;

    static ngx_kafka_sse_message_ask_t  asks[NGX_KAFKA_SSE_MESSAGE_ASKS];

    hub = rewind->hub;
    group = rewind->group;
    start = &group->start;

    ngx_rbtree_delete(&hub->rewinds, &rewind->node);
    rewind->node.key = ++hub->link_number;
    ngx_rbtree_insert(&hub->rewinds, &rewind->node);

    ngx_kafka_sse_rewind_wait(rewind);

    rewind->is_sent = 1;
    rewind->is_answered = 0;
    rewind->reading = 0;
    rewind->credit = 0;

    for (i = 0; i < rewind->nasks; i++) {
        ask = &rewind->asks[i];
        to = &asks[i];

        ask->reading = 0;

        to->topic = ask->member - group->members;
        to->partition = ask->partition;
        to->time = -1;

        if (ask->member->next[ask->partition] == NGX_KAFKA_SSE_GROUP_ASK
            && start->kind == NGX_KAFKA_SSE_START_TIME)
        {
            to->time = start->value;
        }
    }

    open.concurrent = group->conf->replay.concurrent;
    open.rate = group->conf->replay.rate;
    open.cluster = group->members[0].topic->topic->cluster->name;
    open.ntopics = group->nmembers;
    open.nasks = rewind->nasks;
    open.asks = asks;

    for (i = 0; i < group->nmembers; i++) {
        open.topics[i] = group->members[i].topic->topic->name;
    }

    p = ngx_kafka_sse_link_reserve(&hub->link,
                                   ngx_kafka_sse_message_open_len(&open));
    if (p == NULL) {
        ngx_kafka_sse_group_cut(group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    ngx_kafka_sse_message_write_open(p, rewind->node.key, &open);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse rewind %ui asks for %ui partitions, check %d",
                   rewind->node.key, rewind->nasks, rewind->is_check);
}


void
ngx_kafka_sse_rewind_read(ngx_kafka_sse_rewind_t *rewind)
{
    ngx_uint_t                     i, n;
    ngx_kafka_sse_rewind_ask_t    *ask;
    ngx_kafka_sse_message_read_t  *read;

    static ngx_kafka_sse_message_read_t  reads[NGX_KAFKA_SSE_MESSAGE_ASKS];

    n = 0;

    for (i = 0; i < rewind->nasks; i++) {
        ask = &rewind->asks[i];

        if (ask->reading) {
            read = &reads[n++];
            read->ask = i;
            read->unused = 0;
            read->from = ask->member->next[ask->partition];
        }
    }

    rewind->reading = n;

    if (n == 0) {
        return;
    }

    if (ngx_kafka_sse_link_write(&rewind->hub->link,
                                 NGX_KAFKA_SSE_MESSAGE_READ, rewind->node.key,
                                 n, reads,
                                 n * sizeof(ngx_kafka_sse_message_read_t))
        != NGX_OK)
    {
        ngx_kafka_sse_group_cut(rewind->group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return;
    }

    ngx_kafka_sse_rewind_grant(rewind);
}


void
ngx_kafka_sse_rewind_stop(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask)
{
    ask->reading = 0;
    rewind->reading--;

    (void) ngx_kafka_sse_link_write(&rewind->hub->link,
                                    NGX_KAFKA_SSE_MESSAGE_STOP,
                                    rewind->node.key, ask - rewind->asks,
                                    NULL, 0);
}


void
ngx_kafka_sse_rewind_grant(ngx_kafka_sse_rewind_t *rewind)
{
    ssize_t  more;

    more = NGX_KAFKA_SSE_REWIND_WINDOW - rewind->credit;

    if (rewind->reading == 0 || more < NGX_KAFKA_SSE_REWIND_WINDOW / 2) {
        return;
    }

    if (ngx_kafka_sse_link_write(&rewind->hub->link,
                                 NGX_KAFKA_SSE_MESSAGE_CREDIT,
                                 rewind->node.key, more, NULL, 0)
        == NGX_OK)
    {
        rewind->credit += more;
    }
}


void
ngx_kafka_sse_rewind_hand_over(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_group_t *group)
{
    ngx_uint_t              i;
    ngx_kafka_sse_group_t  *from;

    from = rewind->group;

    for (i = 0; i < rewind->nasks; i++) {
        rewind->asks[i].member = group->members
                                 + (rewind->asks[i].member - from->members);
    }

    rewind->group = group;
    group->rewind = rewind;
    from->rewind = NULL;
}


void
ngx_kafka_sse_rewind_close(ngx_kafka_sse_group_t *group)
{
    ngx_kafka_sse_rewind_t  *rewind;

    rewind = group->rewind;

    if (rewind == NULL) {
        return;
    }

    group->rewind = NULL;

    if (rewind->is_sent) {
        (void) ngx_kafka_sse_link_write(&rewind->hub->link,
                                        NGX_KAFKA_SSE_MESSAGE_CLOSE,
                                        rewind->node.key, 0, NULL, 0);
    }

    /* this forgets the key */

    ngx_rbtree_delete(&rewind->hub->rewinds, &rewind->node);
    ngx_queue_remove(&rewind->queue);

    ngx_free(rewind);
}


void
ngx_kafka_sse_rewind_message(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_rewind_t  *rewind;

    rewind = ngx_kafka_sse_rewind_lookup(hub, m->replay);

    if (rewind == NULL) {
        return;                 /* closed meanwhile */
    }

    if (ngx_kafka_sse_rewind_dispatch(rewind, m) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, hub->log, 0,
                      "kafka_sse: malformed message of type %d on the link",
                      m->type);
        ngx_kafka_sse_group_cut(rewind->group, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    ngx_kafka_sse_hub_post(hub);
}


static ngx_kafka_sse_rewind_t *
ngx_kafka_sse_rewind_lookup(ngx_kafka_sse_hub_t *hub, uint32_t number)
{
    ngx_rbtree_node_t  *node;

    node = hub->rewinds.root;

    while (node != &hub->rewinds_sentinel) {

        if (number == node->key) {
            return (ngx_kafka_sse_rewind_t *)
                       ((u_char *) node
                        - offsetof(ngx_kafka_sse_rewind_t, node));
        }

        node = (number < node->key) ? node->left : node->right;
    }

    return NULL;
}


static ngx_int_t
ngx_kafka_sse_rewind_dispatch(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m)
{
    switch (m->type) {

    case NGX_KAFKA_SSE_MESSAGE_OFFSETS:
        return ngx_kafka_sse_rewind_offsets(rewind, m);

    case NGX_KAFKA_SSE_MESSAGE_RECORD:
    case NGX_KAFKA_SSE_MESSAGE_END:
    case NGX_KAFKA_SSE_MESSAGE_GONE:
        return ngx_kafka_sse_rewind_ask(rewind, m);

    case NGX_KAFKA_SSE_MESSAGE_REFUSED:

        /* a companion of another configuration: its workers can do it */

        ngx_log_error(NGX_LOG_WARN, rewind->hub->log, 0,
                      "kafka_sse: the companion refuses to read topic \"%V\" "
                      "again, code %uD, streams end",
                      &rewind->group->members[0].topic->topic->name, m->n);

        ngx_kafka_sse_group_end(rewind->group, NGX_KAFKA_SSE_CLOSE_ERROR);
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_kafka_sse_rewind_offsets(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_message_offsets_t  *offsets;

    offsets = ngx_kafka_sse_message_entries(m,
                                     sizeof(ngx_kafka_sse_message_offsets_t));

    if (offsets == NULL || m->n != rewind->nasks || rewind->is_answered) {
        return NGX_ERROR;
    }

    rewind->is_answered = 1;

    ngx_queue_remove(&rewind->group->queue);
    ngx_queue_insert_tail(&rewind->hub->privates, &rewind->group->queue);

    ngx_kafka_sse_answer_offsets(rewind, offsets);

    return NGX_OK;
}


/* messages of one ask; it may have been stopped meanwhile */

static ngx_int_t
ngx_kafka_sse_rewind_ask(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_message_t *m)
{
    int64_t                      offset;
    ngx_kafka_sse_record_t       rec;
    ngx_kafka_sse_rewind_ask_t  *ask;

    if (m->n >= rewind->nasks) {
        return NGX_ERROR;
    }

    ask = &rewind->asks[m->n];

    switch (m->type) {

    case NGX_KAFKA_SSE_MESSAGE_RECORD:

        rewind->credit -= m->size;

        if (ngx_kafka_sse_message_parse_record(m, &rec) != NGX_OK) {
            return NGX_ERROR;
        }

        rec.partition = ask->partition;

        if (ask->reading) {
            ngx_kafka_sse_answer_record(rewind, ask, &rec);
        }

        return NGX_OK;

    case NGX_KAFKA_SSE_MESSAGE_END:

        if (ngx_kafka_sse_message_body_len(m) != sizeof(int64_t)) {
            return NGX_ERROR;
        }

        ngx_memcpy(&offset, ngx_kafka_sse_message_body(m), sizeof(int64_t));

        if (ask->reading) {
            ngx_kafka_sse_answer_end(rewind, ask, offset);
        }

        return NGX_OK;

    default: /* NGX_KAFKA_SSE_MESSAGE_GONE */

        if (ask->reading) {

            /* what there is now is asked anew, from the end of the line */

            (void) ngx_kafka_sse_link_write(&rewind->hub->link,
                                            NGX_KAFKA_SSE_MESSAGE_CLOSE,
                                            rewind->node.key, 0, NULL, 0);
            ngx_kafka_sse_rewind_send_open(rewind);
        }

        return NGX_OK;
    }
}


ngx_kafka_sse_group_t *
ngx_kafka_sse_rewind_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    uint32_t                 hash;
    ngx_queue_t             *q;
    ngx_kafka_sse_rewind_t  *rewind;

    hash = ngx_kafka_sse_rewind_hash(group);

    for (q = ngx_queue_head(&hub->asking);
         q != ngx_queue_sentinel(&hub->asking);
         q = ngx_queue_next(q))
    {
        rewind = ngx_queue_data(q, ngx_kafka_sse_rewind_t, queue);

        if (rewind->hash == hash
            && rewind->is_sent
            && !rewind->is_answered
            && !rewind->is_check
            && rewind->group->log.end == 0
            && ngx_kafka_sse_rewind_is_same(rewind->group, group))
        {
            return rewind->group;
        }
    }

    return NULL;
}


static uint32_t
ngx_kafka_sse_rewind_hash(ngx_kafka_sse_group_t *group)
{
    uint32_t                 hash;
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    ngx_crc32_init(hash);

    ngx_crc32_update(&hash, (u_char *) &group->selection, sizeof(void *));
    if (group->filter) {
        ngx_crc32_update(&hash, (u_char *) &group->filter->hash,
                         sizeof(uint32_t));
    }

    ngx_crc32_update(&hash, (u_char *) &group->start,
                     sizeof(ngx_kafka_sse_start_t));

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];
        ngx_crc32_update(&hash, (u_char *) member->next,
                         member->n * sizeof(int64_t));
    }

    ngx_crc32_final(hash);

    return hash;
}


static ngx_uint_t
ngx_kafka_sse_rewind_is_same(ngx_kafka_sse_group_t *a,
    ngx_kafka_sse_group_t *b)
{
    ngx_uint_t  i;

    if (ngx_kafka_sse_roster_cmp(a, b->selection, b->framing, b->filter) != 0
        || a->start.kind != b->start.kind
        || a->start.value != b->start.value
        || a->is_unknown != b->is_unknown
        || a->is_chosen != b->is_chosen
        || a->reset.last - a->reset.data != b->reset.last - b->reset.data)
    {
        return 0;
    }

    for (i = 0; i < a->nmembers; i++) {
        if (a->members[i].n != b->members[i].n
            || ngx_memcmp(a->members[i].next, b->members[i].next,
                          a->members[i].n * sizeof(int64_t))
               != 0)
        {
            return 0;
        }
    }

    if (a->reset.data == NULL) {
        return 1;
    }

    return ngx_memcmp(a->reset.data, b->reset.data,
                      a->reset.last - a->reset.data)
           == 0;
}
