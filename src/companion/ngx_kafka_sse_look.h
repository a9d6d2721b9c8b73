
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LOOK_H_INCLUDED_
#define _NGX_KAFKA_SSE_LOOK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_link.h>
#include <companion/ngx_kafka_sse_feed.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Topics whose names are known only while we run: workers look for those that
 * clients name, and patterns find theirs in each list that the catalog brings.
 * One that Kafka has takes a vacant topic of its cluster and is fed like one
 * that is configured.
 */

typedef struct ngx_kafka_sse_looks_s  ngx_kafka_sse_looks_t;


/*
 * Before the feed is made: what the companion before us has found, which is in
 * the shared table, gets its names again
 */

void ngx_kafka_sse_looks_adopt(ngx_kafka_sse_main_conf_t *kmcf,
    ngx_log_t *log);

/* NULL: no memory */

ngx_kafka_sse_looks_t *ngx_kafka_sse_looks_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_feed_t *feed,
    ngx_log_t *log);

/* a cluster that has vacant topics.  NGX_ERROR after logging why not. */

ngx_int_t ngx_kafka_sse_looks_add(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_reader_t *reader);

/*
 * A LOOK, which is answered on this link, at once or later.  NGX_DECLINED: it
 * makes no sense; NGX_ERROR: the answer could not be written.
 */

ngx_int_t ngx_kafka_sse_look(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_link_t *link, ngx_kafka_sse_message_t *m);

/* the link is about to be closed: nothing is answered any more */

void ngx_kafka_sse_looks_forget(ngx_kafka_sse_looks_t *looks,
    ngx_kafka_sse_link_t *link);


#endif /* _NGX_KAFKA_SSE_LOOK_H_INCLUDED_ */
