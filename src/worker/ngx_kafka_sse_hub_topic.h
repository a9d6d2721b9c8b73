
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_HUB_TOPIC_H_INCLUDED_
#define _NGX_KAFKA_SSE_HUB_TOPIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * The topics of the configuration as the hub sees them: where they are in the
 * shared table, and up to which offsets the hub has read them.
 */

/* none of them is known yet; NGX_ERROR: no memory */

ngx_int_t ngx_kafka_sse_hub_topics_init(ngx_kafka_sse_hub_t *hub);

/* takes over the positions of the table, which belong to the ring's head */

void ngx_kafka_sse_hub_topics_sync(ngx_kafka_sse_hub_t *hub);

/* a bare "id:" to all public groups, whose positions are known now */

void ngx_kafka_sse_hub_topics_tell(ngx_kafka_sse_hub_t *hub);

/* the hub's view of a topic of the configuration */

ngx_kafka_sse_hub_topic_t *ngx_kafka_sse_hub_topic_find(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_topic_t *topic);

/*
 * The topic of this index in the table; NULL: no location of ours has it, or
 * nobody has asked for it yet
 */

ngx_kafka_sse_hub_topic_t *ngx_kafka_sse_hub_topic_get(
    ngx_kafka_sse_hub_t *hub, ngx_uint_t index);

/*
 * The companion feeds a topic of this name, which may be new to us.  Where it
 * has started, the hub's view is that of its cursor.  NULL: the worker has no
 * vacant topic left.
 */

ngx_kafka_sse_hub_topic_t *ngx_kafka_sse_hub_topic_seen(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *name);

/* once more for those where an append was in the way */

void ngx_kafka_sse_hub_topics_adopt(ngx_kafka_sse_hub_t *hub);

/*
 * The topic has started, has more partitions, or is another one now: what the
 * ring's entry at the cursor says.  NGX_OK, or as ngx_kafka_sse_hub_copy().
 */

ngx_int_t ngx_kafka_sse_hub_topic_entry(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_hub_topic_t *topic, ngx_kafka_sse_ring_entry_t *entry);


#endif /* _NGX_KAFKA_SSE_HUB_TOPIC_H_INCLUDED_ */
