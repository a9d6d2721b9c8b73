
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_BACKLOG_H_INCLUDED_
#define _NGX_KAFKA_SSE_BACKLOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_group.h>


/*
 * The memory of all logs of a worker has a cap.  When it is passed, streams are
 * closed, those that are furthest behind first; their clients come back and
 * resume, from shared memory or from Kafka.  A time of this is an episode, and
 * is logged when it begins and when it is over.
 */

typedef struct {
    ngx_msec_t                  began;
    ngx_msec_t                  last;       /* when it was last too much */
    ngx_msec_t                  vain;       /* ... and nobody could be closed */
    ngx_uint_t                  closed;     /* in this episode */
    unsigned                    passed:1;   /* there is one */
} ngx_kafka_sse_backlog_t;


/* kafka_sse_backlog size */

char *ngx_kafka_sse_backlog_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * After a turn, and once a second: closes streams if the cap is passed.
 * 1: these may not be enough, so another look should follow when they have
 * ended.
 */

ngx_uint_t ngx_kafka_sse_backlog_look(ngx_kafka_sse_hub_t *hub);


#endif /* _NGX_KAFKA_SSE_BACKLOG_H_INCLUDED_ */
