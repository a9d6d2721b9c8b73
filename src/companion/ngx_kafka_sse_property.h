
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_PROPERTY_H_INCLUDED_
#define _NGX_KAFKA_SSE_PROPERTY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * librdkafka's configuration properties: what the user may set, what the
 * module must, and what it would rather.
 */

typedef struct {
    char    *name;
    char    *value;
} ngx_kafka_sse_property_t;


/*
 * Checks one property for "nginx -t": NGX_OK, or NGX_ERROR with the reason
 * in err (size bytes, zero-terminated).  Refuses what the module itself sets
 * (bootstrap.servers, group.id, enable.auto.commit, event and queue plumbing
 * and the like), naming it.
 */

ngx_int_t ngx_kafka_sse_property_check(char *name, char *value, char *err,
    size_t size);

/*
 * Makes a client's configuration: first the defaults, then the cluster's
 * properties, then what the module itself must own.  Both lists end with a
 * NULL name.  role is for the log.  Returns an rd_kafka_conf_t, or NULL after
 * logging why not.
 */

struct rd_kafka_conf_s *ngx_kafka_sse_property_conf(
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_property_t *defaults,
    ngx_kafka_sse_property_t *own, char *role, ngx_log_t *log);


#endif /* _NGX_KAFKA_SSE_PROPERTY_H_INCLUDED_ */
