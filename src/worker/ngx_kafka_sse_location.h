
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LOCATION_H_INCLUDED_
#define _NGX_KAFKA_SSE_LOCATION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <worker/ngx_kafka_sse_cors.h>
#include <worker/ngx_kafka_sse_expiry_conf.h>
#include <worker/ngx_kafka_sse_filter_conf.h>
#include <worker/ngx_kafka_sse_frame.h>
#include <worker/ngx_kafka_sse_jwt.h>
#include <worker/ngx_kafka_sse_naming.h>
#include <worker/ngx_kafka_sse_origin.h>
#include <worker/ngx_kafka_sse_selection.h>


/* kafka_sse_slow, in bytes */

#define NGX_KAFKA_SSE_LAG_DEFAULT     (1024 * 1024)
#define NGX_KAFKA_SSE_BUFFER_DEFAULT  (256 * 1024)


/* kafka_sse_max_duration, in percent */

#define NGX_KAFKA_SSE_JITTER_DEFAULT  10


struct ngx_kafka_sse_loc_conf_s {
    ngx_kafka_sse_naming_t      naming;     /* of its topics */
    ngx_kafka_sse_selection_t   selection;  /* of them, if that is all */
    ngx_msec_t                  heartbeat;  /* 0: off */
    ngx_msec_t                  retry;
    ngx_msec_t                  retry_jitter;
    ngx_msec_t                  flush;      /* 0: at a turn's end */
    ngx_msec_t                  max_duration;          /* 0: off */
    ngx_uint_t                  max_duration_jitter;   /* percent */
    ngx_array_t                *last_event_id;  /* ngx_http_complex_value_t */
    ngx_kafka_sse_origin_t      origin;
    ngx_kafka_sse_replay_conf_t replay;
    ngx_kafka_sse_filter_conf_t filter;
    ngx_kafka_sse_jwt_conf_t    jwt;
    ngx_kafka_sse_expiry_conf_t expiry;
    size_t                      lag;        /* bytes */
    size_t                      buffer;     /* bytes; 0: the kernel's choice */
    ngx_kafka_sse_template_t   *event;      /* NULL: none */
    ngx_uint_t                  data;       /* NGX_KAFKA_SSE_DATA_... */
    ngx_uint_t                  is_status;  /* kafka_sse_status is here */
    ngx_kafka_sse_cors_t       *cors;       /* NULL: off */
    ngx_uint_t                  inside;     /* of a location with kafka_sse: its
                                               own, its "if", limit_except */
};


extern ngx_module_t  ngx_kafka_sse_module;


/* parsers of directives whose arguments need more than nginx's own slots */

char *ngx_kafka_sse_location_heartbeat(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_location_retry(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_location_flush(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_location_slow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_location_max_duration(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_kafka_sse_location_last_event_id(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_kafka_sse_location_event(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* what kafka_sse_last_event_id is where no level has it; NULL: no memory */

ngx_array_t *ngx_kafka_sse_location_default_id(ngx_conf_t *cf);

/*
 * Once the whole configuration is read: finds the cluster that each location's
 * kafka_sse means, enters its topics, and what its filters want of them.  Logs
 * what is wrong.
 */

ngx_int_t ngx_kafka_sse_location_resolve(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf);


#endif /* _NGX_KAFKA_SSE_LOCATION_H_INCLUDED_ */
