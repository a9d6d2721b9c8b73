
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_COMPANION_H_INCLUDED_
#define _NGX_KAFKA_SSE_COMPANION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * Has the master start the companion process with this configuration: the
 * master starts one "cache manager" process for all paths that have a manager,
 * respawns it, replaces it on reload and stops it.  Ours takes over its event
 * loop.  To be called from init_module, where nothing may fail on a reload.
 */

ngx_int_t ngx_kafka_sse_companion_register(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf);


#endif /* _NGX_KAFKA_SSE_COMPANION_H_INCLUDED_ */
