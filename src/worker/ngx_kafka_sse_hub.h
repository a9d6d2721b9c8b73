
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_HUB_H_INCLUDED_
#define _NGX_KAFKA_SSE_HUB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_link.h>
#include <shared/ngx_kafka_sse_zone.h>
#include <worker/ngx_kafka_sse_backlog.h>
#include <worker/ngx_kafka_sse_group.h>
#include <worker/ngx_kafka_sse_pace.h>
#include <worker/ngx_kafka_sse_wheel.h>


/* one worker's groups; lives as long as the worker */

struct ngx_kafka_sse_hub_s {
    ngx_kafka_sse_main_conf_t  *conf;
    ngx_kafka_sse_ring_sh_t    *ring;
    ngx_kafka_sse_node_sh_t    *node;
    ngx_kafka_sse_worker_sh_t  *row;        /* this worker's in the node zone */

    uint64_t                    cursor;     /* place of the next entry */
    ngx_kafka_sse_hub_topic_t  *topics;     /* as in conf->topics */
    ngx_kafka_sse_hub_topic_t  *by_index[NGX_KAFKA_SSE_TOPICS_MAX];
    u_char                      foreign[NGX_KAFKA_SSE_TOPICS_MAX];
                                            /* 1: nobody has asked for it */

    ngx_rbtree_t                selections;
    ngx_rbtree_node_t           selections_sentinel;
    ngx_queue_t                 groups;     /* the public ones */
    ngx_rbtree_t                roster;     /* the same, by what they want */
    ngx_rbtree_node_t           roster_sentinel;
    ngx_queue_t                 privates;   /* groups of their own pace */
    ngx_queue_t                 line;       /* private groups that wait for
                                               Kafka to be read */
    ngx_queue_t                 waiting;    /* streams whose position cannot
                                               be placed yet */
    ngx_queue_t                 dirty;
    ngx_queue_t                 streams;    /* all */
    ngx_queue_t                 late;       /* streams behind their limit */
    ngx_queue_t                 ends;       /* streams that are to end */
    ngx_kafka_sse_wheel_t       wheel;      /* heartbeats, max_duration */
    ngx_rbtree_t                expiries;   /* ngx_kafka_sse_expiry_t, by due */
    ngx_rbtree_node_t           expiries_sentinel;
    ngx_uint_t                  nstreams;
    size_t                      log_bytes;  /* of all groups' chunks */
    ngx_kafka_sse_backlog_t     backlog;    /* when that is too much */

    ngx_uint_t                  asked;      /* filters, in this turn */

    u_char                     *buf;        /* one entry's body */
    size_t                      buf_size;
    u_char                     *scratch;    /* one frame */
    size_t                      scratch_size;
    ngx_str_t                   frame;      /* the one in scratch ... */
    ngx_kafka_sse_member_t     *framed;     /* ... is also for others of its
                                               location; NULL: for nobody */

    ngx_kafka_sse_link_t        link;       /* to the companion */
    uint32_t                    link_number;    /* of what was asked last */
    ngx_event_t                 connect;
    ngx_msec_t                  connect_delay;  /* to the next attempt, while
                                                   the companion is of another
                                                   version; 0: it is not */
    ngx_rbtree_t                rewinds;    /* by number */
    ngx_rbtree_node_t           rewinds_sentinel;
    ngx_queue_t                 asking;     /* the same, in order */
    ngx_queue_t                 queries;    /* topics that are asked for */
    ngx_uint_t                  nqueries;

    size_t                      framed_bytes;   /* a turn's, of all groups, */
    size_t                      unsent;     /* and what the group with most
                                               of them has to send */

    ngx_connection_t           *wake;
    ngx_event_t                 turn;
    ngx_kafka_sse_pace_t        pace;       /* of turns */
    ngx_event_t                 tick;       /* once a second */
    ngx_event_t                 beat;       /* the wheel's timer */
    ngx_event_t                 expire;     /* that of expiries */
    ngx_event_t                 end;        /* posted: of the ends */
    ngx_event_t                 drain;
    ngx_msec_t                  drain_end;
    unsigned                    synced:1;   /* cursor and topics are known */
    unsigned                    retry:1;    /* the waiting may be placed now */
    unsigned                    draining:1;
    unsigned                    stale:1;    /* the companion is silent */

    ngx_pool_t                 *pool;
    ngx_log_t                  *log;
};


/* this worker's hub; NULL where nothing is configured */

extern ngx_kafka_sse_hub_t  *ngx_kafka_sse_hub;


/* takes up the ring where it is; NULL: no memory */

ngx_kafka_sse_hub_t *ngx_kafka_sse_hub_create(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf);

/*
 * Puts a stream into the hub: fresh ones into their group, one that brings a
 * position to where that position is, or among the waiting.  Its prelude is
 * then pending.  NGX_ERROR if there is no memory.
 */

ngx_int_t ngx_kafka_sse_hub_join(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/* safe for a stream that never joined, and twice */

void ngx_kafka_sse_hub_leave(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_stream_t *stream);

/*
 * Copies the body of the entry at place, which was peeked at, into the hub's
 * buffer, up to the next call.  NGX_OK, NGX_DECLINED: overwritten, NGX_ERROR.
 */

ngx_int_t ngx_kafka_sse_hub_copy(ngx_kafka_sse_hub_t *hub, uint64_t place,
    ngx_kafka_sse_ring_entry_t *entry, ngx_kafka_sse_record_t *rec);

/* len bytes to write a frame in, up to the next call; NULL: no memory */

u_char *ngx_kafka_sse_hub_scratch(ngx_kafka_sse_hub_t *hub, size_t len);

/* what comes next is for others, so nothing is gathered any longer */

void ngx_kafka_sse_hub_flush_all(ngx_kafka_sse_hub_t *hub);

/* there is something to do that is not in the ring: a turn follows soon */

void ngx_kafka_sse_hub_post(ngx_kafka_sse_hub_t *hub);


#endif /* _NGX_KAFKA_SSE_HUB_H_INCLUDED_ */
