
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REPLAY_H_INCLUDED_
#define _NGX_KAFKA_SSE_REPLAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_look.h>


/*
 * The companion's end of the links: takes the workers' replays, lets so many
 * at once have their turn, and sends them what the rides bring, as far as
 * there is credit.  Looks for topics come by the same links, and go to
 * look.h's.
 */

typedef struct ngx_kafka_sse_replays_s  ngx_kafka_sse_replays_t;


/*
 * By the companion that has just taken the writer lock: from now on workers
 * are let in.  NULL after logging why not.
 */

ngx_kafka_sse_replays_t *ngx_kafka_sse_replays_create(ngx_pool_t *pool,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_looks_t *looks,
    ngx_log_t *log);

/* lets nobody in any more and closes the links: the next companion will */

void ngx_kafka_sse_replays_close(ngx_kafka_sse_replays_t *replays);


#endif /* _NGX_KAFKA_SSE_REPLAY_H_INCLUDED_ */
