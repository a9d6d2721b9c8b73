
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_cluster.h>
#include <companion/ngx_kafka_sse_companion.h>
#include <companion/ngx_kafka_sse_history.h>
#include <companion/ngx_kafka_sse_redis_url.h>
#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_backlog.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_status.h>
#include <worker/ngx_kafka_sse_variables.h>
#include <worker/ngx_kafka_sse_worker.h>


static void *ngx_kafka_sse_create_main_conf(ngx_conf_t *cf);
static char *ngx_kafka_sse_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_kafka_sse_create_loc_conf(ngx_conf_t *cf);
static char *ngx_kafka_sse_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_kafka_sse_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_kafka_sse_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_kafka_sse_init_process(ngx_cycle_t *cycle);
static char *ngx_kafka_sse_cluster(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_kafka_sse_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_enum_t  ngx_kafka_sse_data[] = {
    { ngx_string("value"), NGX_KAFKA_SSE_DATA_VALUE },
    { ngx_string("envelope"), NGX_KAFKA_SSE_DATA_ENVELOPE },
    { ngx_string("cloudevents"), NGX_KAFKA_SSE_DATA_CLOUDEVENTS },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_kafka_sse_commands[] = {

    { ngx_string("kafka_sse"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_naming_topics,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, naming),
      NULL },

    { ngx_string("kafka_sse_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_naming_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, naming),
      NULL },

    { ngx_string("kafka_sse_cluster"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_kafka_sse_cluster,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_zone_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_history_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_conf_drain,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_backlog"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_backlog_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_heartbeat"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_location_heartbeat,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_retry"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_sse_location_retry,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_flush"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_location_flush,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_slow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_sse_location_slow,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_max_duration"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_sse_location_max_duration,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_start"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_origin_start,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_since"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_origin_since,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_replay"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_origin_replay,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_last_event_id"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_location_last_event_id,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_event"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_location_event,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_data"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, data),
      &ngx_kafka_sse_data },

    { ngx_string("kafka_sse_filter"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_filter_conf_condition,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, filter),
      NULL },

    { ngx_string("kafka_sse_filter_args"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_filter_conf_args,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, filter),
      NULL },

    { ngx_string("kafka_sse_jwt"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_sse_jwt_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, jwt),
      NULL },

    { ngx_string("kafka_sse_jwt_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_jwt_key_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, jwt),
      NULL },

    { ngx_string("kafka_sse_jwt_alg"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_jwt_alg,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, jwt),
      NULL },

    { ngx_string("kafka_sse_jwt_require"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_jwt_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, jwt),
      NULL },

    { ngx_string("kafka_sse_jwt_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_sse_jwt_leeway,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, jwt),
      NULL },

    { ngx_string("kafka_sse_expires"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_sse_expiry_conf_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_sse_loc_conf_t, expiry),
      NULL },

    { ngx_string("kafka_sse_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_sse_cors_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_sse_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_kafka_sse_status_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_kafka_sse_module_ctx = {
    ngx_kafka_sse_variables_add,           /* preconfiguration */
    ngx_kafka_sse_postconfiguration,       /* postconfiguration */

    ngx_kafka_sse_create_main_conf,        /* create main configuration */
    ngx_kafka_sse_init_main_conf,          /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_kafka_sse_create_loc_conf,         /* create location configuration */
    ngx_kafka_sse_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_kafka_sse_module = {
    NGX_MODULE_V1,
    &ngx_kafka_sse_module_ctx,             /* module context */
    ngx_kafka_sse_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_kafka_sse_init_module,             /* init module */
    ngx_kafka_sse_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_kafka_sse_create_main_conf(ngx_conf_t *cf)
{
    ngx_kafka_sse_main_conf_t  *kmcf;

    kmcf = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_main_conf_t));
    if (kmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&kmcf->clusters, cf->pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&kmcf->topics, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&kmcf->locations, cf->pool, 8, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&kmcf->keyrings, cf->pool, 2, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&kmcf->secret_args, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    kmcf->cycle = cf->cycle;
    kmcf->ring_size = NGX_CONF_UNSET;
    kmcf->history.records = NGX_CONF_UNSET_UINT;
    kmcf->history.bytes = NGX_CONF_UNSET_SIZE;
    kmcf->history.age = NGX_CONF_UNSET_MSEC;
    kmcf->drain = NGX_CONF_UNSET_MSEC;
    kmcf->backlog = NGX_CONF_UNSET_SIZE;

    return kmcf;
}


static char *
ngx_kafka_sse_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    if (kmcf->ring_size == NGX_CONF_UNSET) {
        ngx_str_set(&kmcf->ring_name, "kafka_sse");
        kmcf->ring_size = 64 * 1024 * 1024;
    }

    ngx_conf_init_uint_value(kmcf->history.records, 1000);
    ngx_conf_init_msec_value(kmcf->history.age, 5 * 60 * 1000);
    ngx_conf_init_msec_value(kmcf->drain, 10000);
    ngx_conf_init_size_value(kmcf->backlog, 256 * 1024 * 1024);

    if (kmcf->redis == NULL
        && ngx_kafka_sse_redis_url_default(cf, &kmcf->redis) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_kafka_sse_create_loc_conf(ngx_conf_t *cf)
{
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_loc_conf_t));
    if (klcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     naming = { NULL };
     *     filter.conditions = NULL;
     *     filter.args = NULL;
     *     filter.known = NULL;
     *     is_status = 0;
     *     inside = 0;
     */

    klcf->heartbeat = NGX_CONF_UNSET_MSEC;
    klcf->retry = NGX_CONF_UNSET_MSEC;
    klcf->retry_jitter = NGX_CONF_UNSET_MSEC;
    klcf->flush = NGX_CONF_UNSET_MSEC;
    klcf->max_duration = NGX_CONF_UNSET_MSEC;
    klcf->max_duration_jitter = NGX_CONF_UNSET_UINT;
    klcf->last_event_id = NGX_CONF_UNSET_PTR;
    klcf->origin.start = NGX_CONF_UNSET_PTR;
    klcf->origin.since = NGX_CONF_UNSET_PTR;
    klcf->replay.on = NGX_CONF_UNSET;
    klcf->lag = NGX_CONF_UNSET_SIZE;
    klcf->buffer = NGX_CONF_UNSET_SIZE;
    klcf->event = NGX_CONF_UNSET_PTR;
    klcf->data = NGX_CONF_UNSET_UINT;
    klcf->cors = NGX_CONF_UNSET_PTR;

    ngx_kafka_sse_jwt_init(&klcf->jwt);
    ngx_kafka_sse_expiry_conf_init(&klcf->expiry);

    return klcf;
}


static char *
ngx_kafka_sse_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_kafka_sse_loc_conf_t *prev = parent;
    ngx_kafka_sse_loc_conf_t *conf = child;

    char                        *rv;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_kafka_sse_loc_conf_t   **location;
    ngx_kafka_sse_main_conf_t   *kmcf;

    ngx_conf_merge_msec_value(conf->heartbeat, prev->heartbeat, 15000);
    ngx_conf_merge_msec_value(conf->retry, prev->retry, 2000);
    ngx_conf_merge_msec_value(conf->retry_jitter, prev->retry_jitter, 3000);
    ngx_conf_merge_msec_value(conf->flush, prev->flush, 0);
    ngx_conf_merge_msec_value(conf->max_duration, prev->max_duration, 0);
    ngx_conf_merge_uint_value(conf->max_duration_jitter,
                              prev->max_duration_jitter,
                              NGX_KAFKA_SSE_JITTER_DEFAULT);
    ngx_conf_merge_size_value(conf->lag, prev->lag,
                              NGX_KAFKA_SSE_LAG_DEFAULT);
    ngx_conf_merge_size_value(conf->buffer, prev->buffer,
                              NGX_KAFKA_SSE_BUFFER_DEFAULT);
    ngx_conf_merge_ptr_value(conf->last_event_id, prev->last_event_id, NULL);
    ngx_conf_merge_ptr_value(conf->event, prev->event, NULL);
    ngx_conf_merge_uint_value(conf->data, prev->data,
                              NGX_KAFKA_SSE_DATA_VALUE);

    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    conf->inside = (conf->naming.topics || (clcf->noname && prev->inside));

    ngx_kafka_sse_filter_conf_merge(&prev->filter, &conf->filter);
    ngx_kafka_sse_expiry_conf_merge(&prev->expiry, &conf->expiry);

    if (conf->naming.allow == NULL) {
        conf->naming.allow = prev->naming.allow;
    }

    rv = ngx_kafka_sse_origin_merge(cf, &prev->origin, &conf->origin,
                                    &prev->replay, &conf->replay);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    kmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_sse_module);

    rv = ngx_kafka_sse_jwt_merge(cf, kmcf, &prev->jwt, &conf->jwt,
                                 conf->naming.topics || conf->is_status);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (conf->naming.topics == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->last_event_id == NULL) {
        conf->last_event_id = ngx_kafka_sse_location_default_id(cf);
        if (conf->last_event_id == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->data == NGX_KAFKA_SSE_DATA_CLOUDEVENTS) {
        kmcf->cloudevents = 1;
    }

    location = ngx_array_push(&kmcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    *location = conf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                   i, cors;
    ngx_http_handler_pt         *h;
    ngx_kafka_sse_loc_conf_t   **locations;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_kafka_sse_main_conf_t   *kmcf;

    ngx_kafka_sse_cors_filter_init();

    kmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_sse_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_kafka_sse_access_handler;

    if (kmcf->locations.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_location_resolve(cf, kmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    locations = kmcf->locations.elts;
    cors = 0;

    for (i = 0; i < kmcf->locations.nelts; i++) {
        cors |= (locations[i]->cors != NULL);
    }

    if (cors && ngx_kafka_sse_cors_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_zone_add(cf, kmcf);
}


/*
 * Runs in the master, on its first start before it becomes a daemon, and on
 * each reload, where an error would be the master's exit.
 */

static ngx_int_t
ngx_kafka_sse_init_module(ngx_cycle_t *cycle)
{
    ngx_int_t                   rc;
    ngx_kafka_sse_main_conf_t  *kmcf;

    kmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_kafka_sse_module);

    if (kmcf == NULL || kmcf->node_zone == NULL || ngx_test_config) {
        return NGX_OK;
    }

    rc = ngx_kafka_sse_zone_open(kmcf, cycle->log);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_companion_register(cycle, kmcf);
    }

    return ngx_is_init_cycle(cycle->old_cycle) ? rc : NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_init_process(ngx_cycle_t *cycle)
{
    ngx_kafka_sse_main_conf_t  *kmcf;

    kmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_kafka_sse_module);

    if (kmcf == NULL || kmcf->node_zone == NULL
        || ngx_process != NGX_PROCESS_WORKER
        || ngx_kafka_sse_zone_node(kmcf)->wake_fd == -1)
    {
        return NGX_OK;
    }

    return ngx_kafka_sse_worker_init(cycle, kmcf);
}


static char *
ngx_kafka_sse_cluster(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (kmcf->clusters.nelts == NGX_KAFKA_SSE_NODE_CLUSTERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cluster \"%V\" is one too many, %d are supported",
                           &value[1], NGX_KAFKA_SSE_NODE_CLUSTERS);
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 0 || value[1].len > 255) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid cluster name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_kafka_sse_cluster_block(cf, kmcf);
}


static char *
ngx_kafka_sse_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    if (kmcf->redis) {
        return "is duplicate";
    }

    return ngx_kafka_sse_redis_url(cf, &kmcf->redis);
}
