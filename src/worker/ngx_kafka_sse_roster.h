
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ROSTER_H_INCLUDED_
#define _NGX_KAFKA_SSE_ROSTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/*
 * The public groups of a hub, of which there may be one for each stream: found
 * by what they want, and known to their topics, so that these find out which
 * of them may want a record.
 */

void ngx_kafka_sse_roster_init(ngx_kafka_sse_hub_t *hub);

/* the group of this selection, framing and filter, or NULL */

ngx_kafka_sse_group_t *ngx_kafka_sse_roster_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter);

/* _add(), of one that is not there: NGX_ERROR if there is no memory */

ngx_int_t ngx_kafka_sse_roster_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
void ngx_kafka_sse_roster_remove(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);

/*
 * The group has another selection, and more members than it had, known.
 * NGX_ERROR: no memory for these, so it has not.
 */

ngx_int_t ngx_kafka_sse_roster_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t known);

/* 0 if any group is of these, a private one, too; else which comes first */

ngx_int_t ngx_kafka_sse_roster_cmp(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter);


#endif /* _NGX_KAFKA_SSE_ROSTER_H_INCLUDED_ */
