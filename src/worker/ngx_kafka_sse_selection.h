
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_SELECTION_H_INCLUDED_
#define _NGX_KAFKA_SSE_SELECTION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_naming.h>


typedef struct ngx_kafka_sse_hub_s       ngx_kafka_sse_hub_t;
typedef struct ngx_kafka_sse_loc_conf_s  ngx_kafka_sse_loc_conf_t;


/*
 * Which topics of a location a stream has.  Where the configuration names them
 * all, there is one selection, which is part of the location.  Else the worker
 * has each selection once, for all streams that have chosen the same, and for
 * their groups: so two are the same if their addresses are.
 */

typedef struct {
    ngx_str_node_t                 node;    /* in the hub's selections, by all
                                               that it is */
    ngx_kafka_sse_loc_conf_t      *conf;
    ngx_uint_t                     refs;    /* 0: the location's own */
    ngx_uint_t                     n;
    ngx_kafka_sse_public_topic_t  *topics;  /* each once */
    ngx_uint_t                     is_open; /* a regular expression may find
                                               more topics ... */
    ngx_uint_t                     is_limited;  /* ... of which one of these
                                               patterns has to match each: */
    ngx_uint_t                     ngrants;
    ngx_str_t                     *grants;
} ngx_kafka_sse_selection_t;


/*
 * The worker's selection of the same location, topics and grants as this one,
 * whose node and refs do not matter; held, up to _release().  In another order
 * it would be another one.  NULL: no memory.
 */

ngx_kafka_sse_selection_t *ngx_kafka_sse_selection_get(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_selection_t *wanted);

/* one more, or one less, needs it; the location's own ones just stay */

void ngx_kafka_sse_selection_hold(ngx_kafka_sse_selection_t *selection);
void ngx_kafka_sse_selection_release(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection);

/*
 * Adds to topics, of which there are n and room for ..POSITION_TOPICS, what
 * an open selection finds now.  Returns their number; if that is more than a
 * stream of the location may have, what it says beyond that means nothing.
 */

ngx_uint_t ngx_kafka_sse_selection_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection,
    ngx_kafka_sse_public_topic_t *topics, ngx_uint_t n);

/*
 * What an open selection is by now: itself, or another one, which takes its
 * place with the one who holds it.  NULL: no memory.
 */

ngx_kafka_sse_selection_t *ngx_kafka_sse_selection_renew(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_selection_t *selection);

/* whether one of n grants is for this name */

ngx_uint_t ngx_kafka_sse_selection_grants(ngx_str_t *grants, ngx_uint_t n,
    ngx_str_t *name);

/*
 * The topic has started, at the hub's cursor.  Streams whose selection would
 * have it now get it: public groups there and then, the streams of private ones
 * end, and have it when they come back.
 */

void ngx_kafka_sse_selection_begin(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_topic_t *topic);


#endif /* _NGX_KAFKA_SSE_SELECTION_H_INCLUDED_ */
