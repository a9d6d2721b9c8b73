
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CLUSTER_H_INCLUDED_
#define _NGX_KAFKA_SSE_CLUSTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * Parses the block
 *
 *     kafka_sse_cluster name {
 *         brokers        host:port ...;
 *         group_id       name;
 *         property       key value;
 *         property_file  key path;
 *     }
 *
 * whose first line cf->args holds, and appends the cluster to
 * kmcf->clusters.  brokers is required; a port is optional (9092).  group_id
 * is "ngx_kafka_sse" if not given.  Each property is handed to librdkafka,
 * whose refusal becomes the error; those that the module itself must own
 * (see ngx_kafka_sse_property_check()) are refused.  property_file reads the
 * value, without its last line end, from a file: a secret stays out of the
 * configuration and of the log.  Every error names the value.
 */

char *ngx_kafka_sse_cluster_block(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf);


#endif /* _NGX_KAFKA_SSE_CLUSTER_H_INCLUDED_ */
