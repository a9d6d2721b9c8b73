
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REWIND_H_INCLUDED_
#define _NGX_KAFKA_SSE_REWIND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_link.h>
#include <worker/ngx_kafka_sse_hub.h>


/*
 * What a private group wants from before the ring, asked of the companion over
 * the link, see message.h.  It asks about all partitions of the group, and
 * reads those that the ring does not have, or no longer.
 */

#define NGX_KAFKA_SSE_REWIND_WINDOW  (128 * 1024)   /* bytes under way */


typedef struct {
    ngx_kafka_sse_member_t     *member;
    int32_t                     partition;
    int64_t                     goal;       /* read up to here */
    unsigned                    reading:1;
} ngx_kafka_sse_rewind_ask_t;


struct ngx_kafka_sse_rewind_s {
    ngx_rbtree_node_t           node;       /* by number; in hub->rewinds */
    ngx_queue_t                 queue;      /* in hub->asking */
    ngx_kafka_sse_hub_t        *hub;
    ngx_kafka_sse_group_t      *group;
    uint32_t                    hash;       /* of what the group wants */
    ngx_uint_t                  reading;    /* asks */
    ssize_t                     credit;     /* bytes that may still come */
    unsigned                    is_sent:1;
    unsigned                    is_answered:1;  /* OFFSETS have come */
    unsigned                    is_check:1; /* the ring has it all; does Kafka
                                               have what is ahead of us? */
    ngx_uint_t                  nasks;
    ngx_kafka_sse_rewind_ask_t  asks[1];
};


void ngx_kafka_sse_rewind_init(ngx_kafka_sse_hub_t *hub);

/* the link is up, and what is asked is asked again; an answer has come */

void ngx_kafka_sse_rewind_connected(ngx_kafka_sse_hub_t *hub);
void ngx_kafka_sse_rewind_message(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_message_t *m);

/*
 * The group's rewind, which is sent by _send(): then it waits in line.  The
 * answer changes the group's position where it asked, or where Kafka does not
 * have it.  NGX_ERROR: no memory, or the group has more partitions than a
 * stream may have, which is logged.
 */

ngx_int_t ngx_kafka_sse_rewind_open(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t is_check);
void ngx_kafka_sse_rewind_send(ngx_kafka_sse_rewind_t *rewind);

/* it asks for all partitions that the group has now, and is answered */

ngx_uint_t ngx_kafka_sse_rewind_is_complete(ngx_kafka_sse_rewind_t *rewind);

/* another group that waits in line for the very same, or NULL */

ngx_kafka_sse_group_t *ngx_kafka_sse_rewind_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);

/* reads on: asks whose reading is set now, from their members' positions */

void ngx_kafka_sse_rewind_read(ngx_kafka_sse_rewind_t *rewind);

/* this ask will do */

void ngx_kafka_sse_rewind_stop(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_rewind_ask_t *ask);

/* lets more come, now that the clients have taken what came */

void ngx_kafka_sse_rewind_grant(ngx_kafka_sse_rewind_t *rewind);

/* another group, with the same members, goes on with it */

void ngx_kafka_sse_rewind_hand_over(ngx_kafka_sse_rewind_t *rewind,
    ngx_kafka_sse_group_t *group);

/* the group asks no more; safe where it does not */

void ngx_kafka_sse_rewind_close(ngx_kafka_sse_group_t *group);


#endif /* _NGX_KAFKA_SSE_REWIND_H_INCLUDED_ */
