
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_WRITER_H_INCLUDED_
#define _NGX_KAFKA_SSE_WRITER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * What the companion does while it holds the writer lock: the feed, what looks
 * for topics, replays, and for each cluster a reader, Redis and a member of
 * Kafka's group.  It owns all of them, looks after them 20 times a second and
 * reports to the shared zone.
 */

typedef struct ngx_kafka_sse_writer_s  ngx_kafka_sse_writer_t;


/*
 * Once, after the lock was taken; it lasts as long as the process.  generation
 * is that of this process.  NULL after logging why not.
 */

ngx_kafka_sse_writer_t *ngx_kafka_sse_writer_create(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_uint_t generation);

/*
 * We stop taking records, but go on appending what Redis still brings.  After
 * a reload that wants the same topics the next companion takes our place in
 * the group; otherwise we leave it, so that nobody need wait for us.
 */

void ngx_kafka_sse_writer_drain(ngx_kafka_sse_writer_t *writer);

/* all that we published is committed, and in our own ring */

ngx_uint_t ngx_kafka_sse_writer_is_drained(ngx_kafka_sse_writer_t *writer);


#endif /* _NGX_KAFKA_SSE_WRITER_H_INCLUDED_ */
