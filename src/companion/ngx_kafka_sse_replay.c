
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_link.h>
#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_listener.h>
#include <companion/ngx_kafka_sse_look.h>
#include <companion/ngx_kafka_sse_offsets.h>
#include <companion/ngx_kafka_sse_replay.h>
#include <companion/ngx_kafka_sse_ride.h>


/* connections that are left for what else the companion does */

#define NGX_KAFKA_SSE_REPLAY_SPARE  32

/* ms */

#define NGX_KAFKA_SSE_REPLAY_AGAIN  500     /* after an error of ours */
#define NGX_KAFKA_SSE_REPLAY_RATE   20      /* between looks at a rate */


/* of a cluster; made at its first replay */

typedef struct {
    ngx_kafka_sse_cluster_t     *conf;
    ngx_kafka_sse_rides_t       *rides;
    ngx_kafka_sse_offsets_t     *offsets;
} ngx_kafka_sse_replay_cluster_t;


struct ngx_kafka_sse_replays_s {
    ngx_kafka_sse_main_conf_t       *conf;
    ngx_kafka_sse_node_sh_t         *node;
    ngx_kafka_sse_looks_t           *looks;
    ngx_pool_t                      *pool;
    ngx_log_t                       *log;

    ngx_kafka_sse_listener_t         listener;
    ngx_queue_t                      links;

    ngx_queue_t                      line;          /* replays that wait */
    ngx_uint_t                       active;        /* have their turn */

    ngx_kafka_sse_replay_cluster_t  *clusters;      /* as in conf->clusters */
    ngx_event_t                      again;
    unsigned                         foreign:1;     /* a worker of another
                                                       version; it was said */
};


typedef struct {
    ngx_kafka_sse_link_t             link;
    ngx_kafka_sse_replays_t         *replays;
    ngx_queue_t                      queue;
    ngx_rbtree_t                     tree;          /* its replays by number */
    ngx_rbtree_node_t                sentinel;
    ngx_event_t                      end;           /* it is to be closed */
} ngx_kafka_sse_replay_link_t;


typedef struct {
    ngx_rbtree_node_t                node;          /* key: its number */
    ngx_queue_t                      queue;         /* in the line */
    ngx_kafka_sse_replay_link_t     *rl;
    ngx_kafka_sse_replay_cluster_t  *cluster;
    uint32_t                         concurrent;
    uint32_t                         rate;          /* records/s, 0: any */

    ngx_kafka_sse_lookup_t          *lookup;        /* has the asks, too */
    ngx_kafka_sse_rider_t           *riders;        /* one for each ask; NULL:
                                                       no offsets yet */
    ngx_uint_t                       first;         /* who is woken first */

    int64_t                          credit;        /* bytes */
    uint64_t                         tokens;        /* of the rate, 1/1000
                                                       record */
    ngx_msec_t                       filled;        /* tokens are as of then */
    ngx_event_t                      wait;          /* for tokens */

    unsigned                         active:1;
} ngx_kafka_sse_replay_t;


static void ngx_kafka_sse_replays_again_handler(ngx_event_t *ev);
static void ngx_kafka_sse_replays_next(ngx_kafka_sse_replays_t *replays);
static ngx_int_t ngx_kafka_sse_replays_cluster(
    ngx_kafka_sse_replays_t *replays,
    ngx_kafka_sse_replay_cluster_t *cluster);

static void ngx_kafka_sse_replay_link_open(void *data, ngx_fd_t fd);
static void ngx_kafka_sse_replay_link_foreign(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);
static void ngx_kafka_sse_replay_link_closed(ngx_kafka_sse_link_t *link);
static void ngx_kafka_sse_replay_link_end(ngx_kafka_sse_replay_link_t *rl);
static void ngx_kafka_sse_replay_link_end_handler(ngx_event_t *ev);
static void ngx_kafka_sse_replay_link_free(ngx_kafka_sse_replay_link_t *rl);
static void ngx_kafka_sse_replay_link_message(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m);
static ngx_kafka_sse_replay_t *ngx_kafka_sse_replay_link_find(
    ngx_kafka_sse_replay_link_t *rl, uint32_t number);

static ngx_int_t ngx_kafka_sse_replay_open(ngx_kafka_sse_replay_link_t *rl,
    ngx_kafka_sse_message_t *m);
static ngx_kafka_sse_replay_t *ngx_kafka_sse_replay_create(
    ngx_kafka_sse_replay_link_t *rl, uint32_t number,
    ngx_kafka_sse_message_open_t *open);
static ngx_int_t ngx_kafka_sse_replay_resolve(ngx_kafka_sse_replay_t *replay,
    ngx_kafka_sse_message_open_t *open);
static void ngx_kafka_sse_replay_offsets(ngx_kafka_sse_lookup_t *lookup);
static ngx_int_t ngx_kafka_sse_replay_read(ngx_kafka_sse_replay_t *replay,
    ngx_kafka_sse_message_t *m);
static ngx_int_t ngx_kafka_sse_replay_stop(ngx_kafka_sse_replay_t *replay,
    uint32_t ask);
static void ngx_kafka_sse_replay_wake(ngx_kafka_sse_replay_t *replay);
static void ngx_kafka_sse_replay_wait_handler(ngx_event_t *ev);
static ngx_uint_t ngx_kafka_sse_replay_tokens(ngx_kafka_sse_replay_t *replay);
static void ngx_kafka_sse_replay_close(ngx_kafka_sse_replay_t *replay);

static ngx_uint_t ngx_kafka_sse_replay_ready(ngx_kafka_sse_rider_t *rider);
static void ngx_kafka_sse_replay_record(ngx_kafka_sse_rider_t *rider,
    ngx_kafka_sse_record_t *rec);
static void ngx_kafka_sse_replay_end(ngx_kafka_sse_rider_t *rider,
    int64_t offset);
static void ngx_kafka_sse_replay_gone(ngx_kafka_sse_rider_t *rider);
static void ngx_kafka_sse_replay_tell(ngx_kafka_sse_rider_t *rider,
    ngx_uint_t type, void *body, size_t len);


static ngx_kafka_sse_rider_handlers_t  ngx_kafka_sse_replay_handlers = {
    ngx_kafka_sse_replay_ready,
    ngx_kafka_sse_replay_record,
    ngx_kafka_sse_replay_end,
    ngx_kafka_sse_replay_gone
};


ngx_kafka_sse_replays_t *
ngx_kafka_sse_replays_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_looks_t *looks,
    ngx_log_t *log)
{
    ngx_uint_t                 i, n;
    ngx_kafka_sse_replays_t   *replays;
    ngx_kafka_sse_cluster_t  **conf;

    replays = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_replays_t));
    if (replays == NULL) {
        return NULL;
    }

    conf = kmcf->clusters.elts;
    n = kmcf->clusters.nelts;

    replays->clusters = ngx_pcalloc(pool, n
                                   * sizeof(ngx_kafka_sse_replay_cluster_t));
    if (replays->clusters == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        replays->clusters[i].conf = conf[i];
    }

    replays->conf = kmcf;
    replays->looks = looks;
    replays->node = ngx_kafka_sse_zone_node(kmcf);
    replays->pool = pool;
    replays->log = log;

    /* a companion that was killed had some */

    replays->node->replays_active = 0;
    replays->node->replays_waiting = 0;

    ngx_queue_init(&replays->links);
    ngx_queue_init(&replays->line);

    replays->again.handler = ngx_kafka_sse_replays_again_handler;
    replays->again.data = replays;
    replays->again.log = log;

    replays->listener.data = replays;
    replays->listener.handler = ngx_kafka_sse_replay_link_open;
    replays->listener.node = replays->node;
    replays->listener.log = log;

    if (ngx_kafka_sse_listener_open(&replays->listener) != NGX_OK) {
        return NULL;
    }

    return replays;
}


void
ngx_kafka_sse_replays_close(ngx_kafka_sse_replays_t *replays)
{
    ngx_queue_t  *q;

    ngx_kafka_sse_listener_close(&replays->listener);

    if (replays->again.timer_set) {
        ngx_del_timer(&replays->again);
    }

    while (!ngx_queue_empty(&replays->links)) {
        q = ngx_queue_head(&replays->links);
        ngx_kafka_sse_replay_link_free(ngx_queue_data(q,
                                       ngx_kafka_sse_replay_link_t, queue));
    }
}


static void
ngx_kafka_sse_replays_again_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_replays_next(ev->data);
}


/* whose turn is it? */

static void
ngx_kafka_sse_replays_next(ngx_kafka_sse_replays_t *replays)
{
    ngx_queue_t             *q;
    ngx_kafka_sse_replay_t  *replay;

    while (!ngx_queue_empty(&replays->line)) {

        q = ngx_queue_head(&replays->line);
        replay = ngx_queue_data(q, ngx_kafka_sse_replay_t, queue);

        if (replays->active >= replay->concurrent) {
            return;
        }

        if (ngx_kafka_sse_replays_cluster(replays, replay->cluster)
            != NGX_OK)
        {
            if (!replays->again.timer_set) {
                ngx_add_timer(&replays->again, NGX_KAFKA_SSE_REPLAY_AGAIN);
            }

            return;
        }

        /* clang-tidy takes a queue that is not empty for an unlinked one */
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        ngx_queue_remove(q);

        replay->active = 1;
        replays->active++;

        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, replays->log, 0,
                       "kafka_sse replay %ui has its turn, active:%ui",
                       replay->node.key, replays->active);

        replays->node->replays_waiting--;
        replays->node->replays_active = replays->active;

        ngx_kafka_sse_offsets_ask(replay->cluster->offsets, replay->lookup);
    }
}


static ngx_int_t
ngx_kafka_sse_replays_cluster(ngx_kafka_sse_replays_t *replays,
    ngx_kafka_sse_replay_cluster_t *cluster)
{
    if (cluster->rides == NULL) {
        cluster->rides = ngx_kafka_sse_rides_create(replays->pool,
                                                replays->conf, cluster->conf,
                                                &ngx_kafka_sse_replay_handlers,
                                                replays->log);
        if (cluster->rides == NULL) {
            return NGX_ERROR;
        }
    }

    if (cluster->offsets == NULL) {
        cluster->offsets = ngx_kafka_sse_offsets_create(replays->pool,
                                  ngx_kafka_sse_rides_reader(cluster->rides),
                                  replays->log);
        if (cluster->offsets == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_replay_link_open(void *data, ngx_fd_t fd)
{
    ngx_kafka_sse_replays_t *replays = data;

    ngx_kafka_sse_replay_link_t  *rl;

    if (ngx_cycle->free_connection_n < NGX_KAFKA_SSE_REPLAY_SPARE) {
        ngx_log_error(NGX_LOG_ALERT, replays->log, 0,
                      "kafka_sse: no connection is left for a worker's link");
        (void) close(fd);
        return;
    }

    rl = ngx_calloc(sizeof(ngx_kafka_sse_replay_link_t), replays->log);
    if (rl == NULL) {
        (void) close(fd);
        return;
    }

    rl->replays = replays;

    rl->link.data = rl;
    rl->link.message = ngx_kafka_sse_replay_link_message;
    rl->link.foreign = ngx_kafka_sse_replay_link_foreign;
    rl->link.closed = ngx_kafka_sse_replay_link_closed;
    rl->link.log = replays->log;

    rl->end.handler = ngx_kafka_sse_replay_link_end_handler;
    rl->end.data = rl;
    rl->end.log = replays->log;

    ngx_rbtree_init(&rl->tree, &rl->sentinel, ngx_rbtree_insert_value);

    if (ngx_kafka_sse_link_open(&rl->link, fd) != NGX_OK) {
        ngx_free(rl);
        return;
    }

    ngx_queue_insert_tail(&replays->links, &rl->queue);
}


/* the answer tells it why, as its head is the same in every version */

static void
ngx_kafka_sse_replay_link_foreign(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_replays_t      *replays;
    ngx_kafka_sse_replay_link_t  *rl;

    rl = link->data;
    replays = rl->replays;

    if (!replays->foreign) {
        replays->foreign = 1;

        ngx_log_error(NGX_LOG_WARN, link->log, 0,
                      "kafka_sse: a worker of another version of this module "
                      "asks for replays or topics, it gets none: its link has "
                      "version %ui, ours has %d", (ngx_uint_t) m->version,
                      NGX_KAFKA_SSE_MESSAGE_VERSION);
    }

    (void) ngx_kafka_sse_link_write(link, NGX_KAFKA_SSE_MESSAGE_REFUSED,
                                    m->replay, NGX_KAFKA_SSE_REFUSED_VERSION,
                                    NULL, 0);
}


static void
ngx_kafka_sse_replay_link_closed(ngx_kafka_sse_link_t *link)
{
    ngx_kafka_sse_replay_link_end(link->data);
}


/* later, as its callers, or the rides, are in the middle of something */

static void
ngx_kafka_sse_replay_link_end(ngx_kafka_sse_replay_link_t *rl)
{
    if (!rl->end.posted) {
        ngx_post_event(&rl->end, &ngx_posted_events);
    }
}


static void
ngx_kafka_sse_replay_link_end_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_replay_link_t  *rl;
    ngx_kafka_sse_replays_t      *replays;

    rl = ev->data;
    replays = rl->replays;

    ngx_kafka_sse_replay_link_free(rl);

    ngx_kafka_sse_replays_next(replays);
}


static void
ngx_kafka_sse_replay_link_free(ngx_kafka_sse_replay_link_t *rl)
{
    ngx_kafka_sse_looks_forget(rl->replays->looks, &rl->link);
    ngx_kafka_sse_link_close(&rl->link);

    while (rl->tree.root != rl->tree.sentinel) {
        ngx_kafka_sse_replay_close((ngx_kafka_sse_replay_t *) rl->tree.root);
    }

    if (rl->end.posted) {
        ngx_delete_posted_event(&rl->end);
    }

    ngx_queue_remove(&rl->queue);
    ngx_free(rl);
}


static void
ngx_kafka_sse_replay_link_message(ngx_kafka_sse_link_t *link,
    ngx_kafka_sse_message_t *m)
{
    ngx_int_t                     rc;
    ngx_kafka_sse_replay_t       *replay;
    ngx_kafka_sse_replay_link_t  *rl;

    rl = link->data;

    if (rl->end.posted) {
        return;
    }

    replay = ngx_kafka_sse_replay_link_find(rl, m->replay);
    rc = NGX_OK;

    if (m->type == NGX_KAFKA_SSE_MESSAGE_LOOK) {
        rc = ngx_kafka_sse_look(rl->replays->looks, link, m);

    } else if (m->type == NGX_KAFKA_SSE_MESSAGE_OPEN) {
        rc = replay ? NGX_DECLINED : ngx_kafka_sse_replay_open(rl, m);

    } else if (replay) {

        switch (m->type) {

        case NGX_KAFKA_SSE_MESSAGE_READ:
            rc = ngx_kafka_sse_replay_read(replay, m);
            break;

        case NGX_KAFKA_SSE_MESSAGE_CREDIT:
            replay->credit += m->n;
            ngx_kafka_sse_replay_wake(replay);
            break;

        case NGX_KAFKA_SSE_MESSAGE_STOP:
            rc = ngx_kafka_sse_replay_stop(replay, m->n);
            break;

        case NGX_KAFKA_SSE_MESSAGE_CLOSE:
            ngx_kafka_sse_replay_close(replay);
            ngx_kafka_sse_replays_next(rl->replays);
            break;

        default:
            rc = NGX_DECLINED;
        }

    } else if (m->type < NGX_KAFKA_SSE_MESSAGE_OPEN
               || m->type > NGX_KAFKA_SSE_MESSAGE_CLOSE)
    {
        rc = NGX_DECLINED;
    }

    /* else of one that was refused, which the worker did not know yet */

    if (rc == NGX_OK) {
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ALERT, link->log, 0,
                      "kafka_sse: a worker's message of type %uD for replay "
                      "%uD makes no sense, its link is closed",
                      (uint32_t) m->type, m->replay);
    }

    ngx_kafka_sse_replay_link_end(rl);
}


static ngx_kafka_sse_replay_t *
ngx_kafka_sse_replay_link_find(ngx_kafka_sse_replay_link_t *rl,
    uint32_t number)
{
    ngx_rbtree_node_t  *node;

    node = rl->tree.root;

    while (node != rl->tree.sentinel && node->key != number) {
        node = (number < node->key) ? node->left : node->right;
    }

    return (node == rl->tree.sentinel) ? NULL
                                       : (ngx_kafka_sse_replay_t *) node;
}


static ngx_int_t
ngx_kafka_sse_replay_open(ngx_kafka_sse_replay_link_t *rl,
    ngx_kafka_sse_message_t *m)
{
    ngx_kafka_sse_replay_t        *replay;
    ngx_kafka_sse_replays_t       *replays;
    ngx_kafka_sse_message_open_t   open;

    if (ngx_kafka_sse_message_parse_open(m, &open) != NGX_OK) {
        return NGX_DECLINED;
    }

    replays = rl->replays;

    replay = ngx_kafka_sse_replay_create(rl, m->replay, &open);
    if (replay == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_replay_resolve(replay, &open) != NGX_OK) {
        ngx_kafka_sse_offsets_free(replay->lookup);
        ngx_free(replay);

        return ngx_kafka_sse_link_write(&rl->link,
                                        NGX_KAFKA_SSE_MESSAGE_REFUSED,
                                        m->replay, NGX_KAFKA_SSE_REFUSED_TOPIC,
                                        NULL, 0);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, rl->link.log, 0,
                   "kafka_sse replay %uD waits, partitions:%ui",
                   m->replay, replay->lookup->n);

    ngx_rbtree_insert(&rl->tree, &replay->node);
    ngx_queue_insert_tail(&replays->line, &replay->queue);

    replays->node->replays++;
    replays->node->replays_waiting++;

    ngx_kafka_sse_replays_next(replays);

    return NGX_OK;
}


static ngx_kafka_sse_replay_t *
ngx_kafka_sse_replay_create(ngx_kafka_sse_replay_link_t *rl, uint32_t number,
    ngx_kafka_sse_message_open_t *open)
{
    ngx_kafka_sse_replay_t  *replay;

    replay = ngx_calloc(sizeof(ngx_kafka_sse_replay_t), rl->link.log);
    if (replay == NULL) {
        return NULL;
    }

    replay->lookup = ngx_kafka_sse_offsets_lookup(open->nasks, rl->link.log);
    if (replay->lookup == NULL) {
        ngx_free(replay);
        return NULL;
    }

    replay->lookup->data = replay;
    replay->lookup->handler = ngx_kafka_sse_replay_offsets;

    replay->node.key = number;
    replay->rl = rl;
    replay->concurrent = ngx_max(open->concurrent, 1);
    replay->rate = open->rate;
    replay->tokens = (uint64_t) open->rate * 1000;
    replay->filled = ngx_current_msec;

    replay->wait.handler = ngx_kafka_sse_replay_wait_handler;
    replay->wait.data = replay;
    replay->wait.log = rl->link.log;

    return replay;
}


/* only what the cluster has topics for: NGX_OK or NGX_DECLINED */

static ngx_int_t
ngx_kafka_sse_replay_resolve(ngx_kafka_sse_replay_t *replay,
    ngx_kafka_sse_message_open_t *open)
{
    ngx_uint_t                       i;
    ngx_kafka_sse_topic_t           *topics[NGX_KAFKA_SSE_MESSAGE_TOPICS];
    ngx_kafka_sse_cluster_t         *conf;
    ngx_kafka_sse_replays_t         *replays;
    ngx_kafka_sse_lookup_ask_t      *ask;

    replays = replay->rl->replays;

    conf = ngx_kafka_sse_conf_cluster(replays->conf, &open->cluster);
    if (conf == NULL) {
        return NGX_DECLINED;
    }

    replay->cluster = replays->clusters;

    while (replay->cluster->conf != conf) {
        replay->cluster++;
    }

    for (i = 0; i < open->ntopics; i++) {

        /* a vacant topic is nobody's */

        if (open->topics[i].len == 0) {
            return NGX_DECLINED;
        }

        topics[i] = ngx_kafka_sse_conf_find(conf, &open->topics[i]);
        if (topics[i] == NULL) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < open->nasks; i++) {
        ask = &replay->lookup->asks[i];

        ask->topic = topics[open->asks[i].topic];
        ask->partition = open->asks[i].partition;
        ask->time = open->asks[i].time;

        if (ask->partition >= NGX_KAFKA_SSE_PARTITIONS_MAX) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_replay_offsets(ngx_kafka_sse_lookup_t *lookup)
{
    size_t                            len;
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_kafka_sse_link_t             *link;
    ngx_kafka_sse_replay_t           *replay;
    ngx_kafka_sse_message_offsets_t  *entries;

    replay = lookup->data;
    link = &replay->rl->link;

    replay->riders = ngx_calloc(lookup->n * sizeof(ngx_kafka_sse_rider_t),
                                link->log);

    len = lookup->n * sizeof(ngx_kafka_sse_message_offsets_t);
    entries = ngx_alloc(len, link->log);

    if (replay->riders == NULL || entries == NULL) {
        rc = NGX_ERROR;

    } else {
        for (i = 0; i < lookup->n; i++) {
            entries[i].low = lookup->asks[i].low;
            entries[i].high = lookup->asks[i].high;
            entries[i].at = lookup->asks[i].at;

            replay->riders[i].data = replay;

            ngx_log_debug6(NGX_LOG_DEBUG_EVENT, link->log, 0,
                           "kafka_sse replay %ui: %V/%D has %L up to %L, "
                           "its time is at %L", replay->node.key,
                           &lookup->asks[i].topic->name,
                           lookup->asks[i].partition, entries[i].low,
                           entries[i].high, entries[i].at);
        }

        rc = ngx_kafka_sse_link_write(link, NGX_KAFKA_SSE_MESSAGE_OFFSETS,
                                      replay->node.key, lookup->n, entries,
                                      len);
    }

    if (entries) {
        ngx_free(entries);
    }

    if (rc != NGX_OK) {
        ngx_kafka_sse_link_fail(link);
    }
}


static ngx_int_t
ngx_kafka_sse_replay_read(ngx_kafka_sse_replay_t *replay,
    ngx_kafka_sse_message_t *m)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_lookup_ask_t    *ask;
    ngx_kafka_sse_message_read_t  *entries;

    entries = ngx_kafka_sse_message_entries(m,
                                        sizeof(ngx_kafka_sse_message_read_t));

    if (entries == NULL || replay->riders == NULL) {
        return NGX_DECLINED;
    }

    for (i = 0; i < m->n; i++) {

        if (entries[i].ask >= replay->lookup->n || entries[i].from < 0) {
            return NGX_DECLINED;
        }

        ask = &replay->lookup->asks[entries[i].ask];

        ngx_log_debug4(NGX_LOG_DEBUG_EVENT, replay->rl->link.log, 0,
                       "kafka_sse replay %ui reads %V/%D:%L",
                       replay->node.key, &ask->topic->name, ask->partition,
                       entries[i].from);

        if (ngx_kafka_sse_ride_board(replay->cluster->rides,
                                     &replay->riders[entries[i].ask],
                                     ask->topic, ask->partition,
                                     entries[i].from)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_replay_stop(ngx_kafka_sse_replay_t *replay, uint32_t ask)
{
    if (replay->riders == NULL || ask >= replay->lookup->n) {
        return NGX_DECLINED;
    }

    ngx_kafka_sse_ride_leave(&replay->riders[ask]);

    return NGX_OK;
}


/* the first who is woken may take all the credit, so each is first in turn */

static void
ngx_kafka_sse_replay_wake(ngx_kafka_sse_replay_t *replay)
{
    ngx_uint_t  i, n;

    if (replay->riders == NULL) {
        return;
    }

    n = replay->lookup->n;
    replay->first = (replay->first + 1) % n;

    for (i = 0; i < n; i++) {
        ngx_kafka_sse_ride_wake(&replay->riders[(replay->first + i) % n]);
    }
}


static void
ngx_kafka_sse_replay_wait_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_replay_wake(ev->data);
}


/* a bucket with room for the records of one second */

static ngx_uint_t
ngx_kafka_sse_replay_tokens(ngx_kafka_sse_replay_t *replay)
{
    ngx_msec_t  delay;

    if (replay->rate == 0) {
        return 1;
    }

    delay = ngx_current_msec - replay->filled;

    if (delay) {
        replay->tokens += (uint64_t) ngx_min(delay, 1000) * replay->rate;
        replay->tokens = ngx_min(replay->tokens,
                                 (uint64_t) replay->rate * 1000);
        replay->filled = ngx_current_msec;
    }

    if (replay->tokens >= 1000) {
        return 1;
    }

    if (!replay->wait.timer_set) {
        delay = (1000 - replay->tokens) / replay->rate + 1;
        ngx_add_timer(&replay->wait,
                      ngx_max(delay, NGX_KAFKA_SSE_REPLAY_RATE));
    }

    return 0;
}


static void
ngx_kafka_sse_replay_close(ngx_kafka_sse_replay_t *replay)
{
    ngx_uint_t                i;
    ngx_kafka_sse_replays_t  *replays;

    replays = replay->rl->replays;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, replays->log, 0,
                   "kafka_sse replay %ui is over", replay->node.key);

    ngx_rbtree_delete(&replay->rl->tree, &replay->node);

    if (replay->active) {
        replays->active--;
        replays->node->replays_active = replays->active;

    } else {
        ngx_queue_remove(&replay->queue);
        replays->node->replays_waiting--;
    }

    if (replay->riders) {
        for (i = 0; i < replay->lookup->n; i++) {
            ngx_kafka_sse_ride_leave(&replay->riders[i]);
        }

        ngx_free(replay->riders);
    }

    if (replay->wait.timer_set) {
        ngx_del_timer(&replay->wait);
    }

    ngx_kafka_sse_offsets_free(replay->lookup);
    ngx_free(replay);
}


static ngx_uint_t
ngx_kafka_sse_replay_ready(ngx_kafka_sse_rider_t *rider)
{
    ngx_kafka_sse_replay_t  *replay;

    replay = rider->data;

    return replay->credit > 0
           && replay->rl->link.connection
           && ngx_kafka_sse_replay_tokens(replay);
}


static void
ngx_kafka_sse_replay_record(ngx_kafka_sse_rider_t *rider,
    ngx_kafka_sse_record_t *rec)
{
    u_char                  *p;
    size_t                   len;
    ngx_kafka_sse_replay_t  *replay;

    replay = rider->data;

    len = ngx_kafka_sse_message_record_len(rec);

    p = ngx_kafka_sse_link_reserve(&replay->rl->link, len);
    if (p == NULL) {
        ngx_kafka_sse_link_fail(&replay->rl->link);
        return;
    }

    ngx_kafka_sse_message_write_record(p, replay->node.key,
                                       rider - replay->riders, rec);

    replay->credit -= len;

    if (replay->rate) {
        replay->tokens -= 1000;
    }

    replay->rl->replays->node->replay_records++;
}


static void
ngx_kafka_sse_replay_end(ngx_kafka_sse_rider_t *rider, int64_t offset)
{
    ngx_kafka_sse_replay_tell(rider, NGX_KAFKA_SSE_MESSAGE_END, &offset,
                              sizeof(int64_t));
}


static void
ngx_kafka_sse_replay_gone(ngx_kafka_sse_rider_t *rider)
{
    ngx_kafka_sse_replay_tell(rider, NGX_KAFKA_SSE_MESSAGE_GONE, NULL, 0);
}


static void
ngx_kafka_sse_replay_tell(ngx_kafka_sse_rider_t *rider, ngx_uint_t type,
    void *body, size_t len)
{
    ngx_kafka_sse_link_t    *link;
    ngx_kafka_sse_replay_t  *replay;

    replay = rider->data;
    link = &replay->rl->link;

    if (ngx_kafka_sse_link_write(link, type, replay->node.key,
                                 rider - replay->riders, body, len)
        != NGX_OK)
    {
        ngx_kafka_sse_link_fail(link);
    }
}
