
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_status.h>

#include <jansson.h>


static ngx_int_t ngx_kafka_sse_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_status_send(ngx_http_request_t *r,
    char *text);
static json_t *ngx_kafka_sse_status_json(ngx_kafka_sse_hub_t *hub);
static json_t *ngx_kafka_sse_status_companion(ngx_kafka_sse_node_sh_t *node);
static json_t *ngx_kafka_sse_status_redis(ngx_kafka_sse_hub_t *hub);
static json_t *ngx_kafka_sse_status_clusters(ngx_kafka_sse_node_sh_t *node);
static json_t *ngx_kafka_sse_status_topics(ngx_kafka_sse_hub_t *hub);
static json_t *ngx_kafka_sse_status_topic(ngx_kafka_sse_topic_t *topic,
    ngx_kafka_sse_topic_sh_t *sh);
static json_t *ngx_kafka_sse_status_partition(ngx_uint_t partition,
    ngx_kafka_sse_partition_sh_t *sh);
static json_t *ngx_kafka_sse_status_streams(ngx_kafka_sse_node_sh_t *node);
static json_t *ngx_kafka_sse_status_str(ngx_str_t *s);


char *
ngx_kafka_sse_status_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "json") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown format \"%V\", it must be \"json\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another handler of this location";
    }

    clcf->handler = ngx_kafka_sse_status_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_status_handler(ngx_http_request_t *r)
{
    char       *text;
    json_t     *root;
    ngx_int_t   rc;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_kafka_sse_refusal_not_allowed(r);
    }

    if (ngx_kafka_sse_hub == NULL) {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_NOT_FOUND,
                                          "not-configured",
                                          "no location has kafka_sse");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    root = ngx_kafka_sse_status_json(ngx_kafka_sse_hub);
    if (root == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = json_dumps(root, JSON_INDENT(1));

    json_decref(root);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_sse_status_send(r, text);

    free(text);

    return rc;
}


static ngx_int_t
ngx_kafka_sse_status_send(ngx_http_request_t *r, char *text)
{
    size_t        len;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    len = ngx_strlen(text);

    b = ngx_create_temp_buf(r->pool, len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text, len);
    *b->last++ = LF;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.status = ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node)
                            ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_kafka_sse_refusal_header(r, "Cache-Control", "no-store")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/*
 * json_pack() takes over what "o" is given, also when it fails, and fails if
 * one of them is NULL: there is one place to check
 */

static json_t *
ngx_kafka_sse_status_json(ngx_kafka_sse_hub_t *hub)
{
    uint64_t                  head, tail;
    ngx_kafka_sse_ring_sh_t  *ring;

    ring = hub->ring;
    head = ring->head;
    tail = ring->tail;

    return json_pack("{s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:o}",
                     "companion", ngx_kafka_sse_status_companion(hub->node),
                     "redis", ngx_kafka_sse_status_redis(hub),
                     "clusters", ngx_kafka_sse_status_clusters(hub->node),
                     "topics", ngx_kafka_sse_status_topics(hub),
                     "ring",
                         "size", (json_int_t) ring->size,
                         "used", (json_int_t) (head - tail),
                         "written", (json_int_t) (head - ring->size),
                         "too_large", (json_int_t) hub->node->too_large,
                     "streams", ngx_kafka_sse_status_streams(hub->node));
}


static json_t *
ngx_kafka_sse_status_companion(ngx_kafka_sse_node_sh_t *node)
{
    ngx_int_t  uptime;

    uptime = node->started ? ngx_time() - (ngx_int_t) node->started : 0;

    return json_pack("{s:I, s:I, s:I, s:I, s:b}",
                     "pid", (json_int_t) node->pid,
                     "uptime", (json_int_t) uptime,
                     "restarts", (json_int_t) node->restarts,
                     "heartbeat_age_ms",
                     (json_int_t) (ngx_current_msec - node->heartbeat),
                     "alive", !ngx_kafka_sse_zone_stale(node));
}


static json_t *
ngx_kafka_sse_status_redis(ngx_kafka_sse_hub_t *hub)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = hub->node;

    return json_pack("{s:o, s:s, s:b, s:I, s:I, s:I, s:I}",
                     "address", ngx_kafka_sse_status_str(
                                                    &hub->conf->redis->name),
                     "state", node->redis_connected ? "connected"
                                                    : "disconnected",
                     "subscribed", (int) node->redis_subscribed,
                     "reconnects", (json_int_t) node->redis_reconnects,
                     "queued_bytes", (json_int_t) node->redis_queued,
                     "envelopes_received",
                     (json_int_t) node->envelopes_received,
                     "envelopes_bad", (json_int_t) node->envelopes_bad);
}


static json_t *
ngx_kafka_sse_status_clusters(ngx_kafka_sse_node_sh_t *node)
{
    json_t                      *list;
    ngx_str_t                    name;
    ngx_uint_t                   i;
    ngx_kafka_sse_cluster_sh_t  *sh;

    list = json_array();

    for (i = 0; i < node->nclusters; i++) {
        sh = &node->clusters[i];
        name = ngx_kafka_sse_topics_str(sh->name);

        json_array_append_new(list,
            json_pack("{s:o, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
                      "cluster", ngx_kafka_sse_status_str(&name),
                      "state", sh->brokers ? "connected" : "disconnected",
                      "brokers_up", (json_int_t) sh->brokers,
                      "group", sh->fenced ? "fenced"
                               : sh->joined ? "joined" : "waiting",
                      "partitions_assigned", (json_int_t) sh->assigned,
                      "partitions_read_directly", (json_int_t) sh->reading,
                      "records_consumed", (json_int_t) sh->consumed,
                      "envelopes_published", (json_int_t) sh->envelopes,
                      "commits", (json_int_t) sh->commits,
                      "errors", (json_int_t) sh->errors));
    }

    return list;
}


static json_t *
ngx_kafka_sse_status_topics(ngx_kafka_sse_hub_t *hub)
{
    json_t                  *list;
    ngx_int_t                index;
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;

    list = json_array();
    topics = hub->conf->topics.elts;

    for (i = 0; i < hub->conf->topics.nelts; i++) {
        index = ngx_kafka_sse_topics_find(hub->ring->table, topics[i]);

        json_array_append_new(list,
            ngx_kafka_sse_status_topic(topics[i],
                index < 0 ? NULL : &hub->ring->table->topics[index]));
    }

    return list;
}


static json_t *
ngx_kafka_sse_status_topic(ngx_kafka_sse_topic_t *topic,
    ngx_kafka_sse_topic_sh_t *sh)
{
    json_t    *partitions;
    uint32_t   i;

    partitions = json_array();

    for (i = 0; sh && i < sh->n; i++) {
        json_array_append_new(partitions,
            ngx_kafka_sse_status_partition(i, &sh->partitions[i]));
    }

    return json_pack("{s:o, s:o, s:s, s:o}",
                     "cluster", ngx_kafka_sse_status_str(&topic->cluster->name),
                     "topic", ngx_kafka_sse_status_str(&topic->name),
                     "state", sh == NULL || sh->n == 0 ? "absent"
                              : sh->started ? "started" : "starting",
                     "partitions", partitions);
}


/* numbers that are not known are null */

static json_t *
ngx_kafka_sse_status_partition(ngx_uint_t partition,
    ngx_kafka_sse_partition_sh_t *sh)
{
    json_t   *position, *end, *lag;
    int64_t   held, high;

    held = sh->held;
    high = sh->end;

    position = (held < 0) ? json_null() : json_integer(held);
    end = (high < 0) ? json_null() : json_integer(ngx_max(high, held));
    lag = (held < 0 || high < 0) ? json_null()
                                 : json_integer(ngx_max(high - held, 0));

    return json_pack("{s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:s}",
                     "partition", (json_int_t) partition,
                     "position", position,
                     "end", end,
                     "lag", lag,
                     "records", (json_int_t) sh->records,
                     "gaps", (json_int_t) sh->gaps,
                     "duplicates", (json_int_t) sh->duplicates,
                     "source", sh->tailing ? "kafka" : "redis");
}


static json_t *
ngx_kafka_sse_status_streams(ngx_kafka_sse_node_sh_t *node)
{
    json_t      *closed, *workers;
    ngx_uint_t   i, open;

    closed = json_object();
    workers = json_array();
    open = 0;

    for (i = 0; i < NGX_KAFKA_SSE_CLOSE_REASONS; i++) {
        json_object_set_new(closed,
                            (char *) ngx_kafka_sse_close_reasons[i].data,
                            json_integer(node->closed[i]));
    }

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {
        if (node->workers[i].pid == 0
            || (kill((ngx_pid_t) node->workers[i].pid, 0) == -1
                && ngx_errno == ESRCH))
        {
            continue;
        }

        open += node->workers[i].streams;

        json_array_append_new(workers,
            json_pack("{s:I, s:I}",
                      "pid", (json_int_t) node->workers[i].pid,
                      "streams", (json_int_t) node->workers[i].streams));
    }

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
                     "open", (json_int_t) open,
                     "opened", (json_int_t) node->opened,
                     "resumed", (json_int_t) node->resumed,
                     "resets", (json_int_t) node->resets,
                     "laps", (json_int_t) node->laps,
                     "closed", closed,
                     "workers", workers);
}


static json_t *
ngx_kafka_sse_status_str(ngx_str_t *s)
{
    return json_stringn((char *) s->data, s->len);
}
