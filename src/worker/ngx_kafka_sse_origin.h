
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ORIGIN_H_INCLUDED_
#define _NGX_KAFKA_SSE_ORIGIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_start.h>


/*
 * Where the streams of a location begin that bring no position: kafka_sse_start
 * and kafka_sse_since; and how far reading Kafka for them, and for those that
 * bring one, may go: kafka_sse_replay.
 */

typedef struct {
    ngx_http_complex_value_t   *start;      /* NULL: latest */
    ngx_array_t                *since;      /* ngx_http_complex_value_t; the
                                               client chooses; NULL: it may
                                               not */
} ngx_kafka_sse_origin_t;


typedef struct {
    ngx_flag_t                  on;
    ngx_uint_t                  concurrent; /* of this node */
    ngx_uint_t                  rate;       /* records/s, 0: no limit */
    ngx_uint_t                  max;        /* offsets before the end, if the
                                               client chose; 0: no limit */
} ngx_kafka_sse_replay_conf_t;


/* parsers of the directives */

char *ngx_kafka_sse_origin_start(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_origin_since(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_origin_replay(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* takes over from the outer level what this one does not say */

char *ngx_kafka_sse_origin_merge(ngx_conf_t *cf, ngx_kafka_sse_origin_t *prev,
    ngx_kafka_sse_origin_t *conf, ngx_kafka_sse_replay_conf_t *replay_prev,
    ngx_kafka_sse_replay_conf_t *replay);

/*
 * Where this request's stream begins; *chosen: the client said so.  NGX_OK;
 * NGX_DECLINED: *value is no start, or none can be had here; NGX_ERROR.
 */

ngx_int_t ngx_kafka_sse_origin_get(ngx_http_request_t *r,
    ngx_kafka_sse_origin_t *origin, ngx_kafka_sse_start_t *start,
    ngx_uint_t *chosen, ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_ORIGIN_H_INCLUDED_ */
