
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_fact.h>


static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_number(int64_t number);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_boolean(ngx_uint_t is);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_text(ngx_str_t text);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_word(char *word);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_n(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_first_label(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_second_label(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_uptime(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_heartbeat_age(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_alive(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_redis_address(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_redis_state(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_redis_subscribed(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_kafka_alone(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_cluster_state(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_cluster_group(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_cluster_denied(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_topic_state(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_position(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_end(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_lag(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_source(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_ring_used(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_ring_written(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_ring_too_large(
    ngx_kafka_sse_fact_row_t *row);
static ngx_kafka_sse_fact_value_t ngx_kafka_sse_fact_backlog_limit(
    ngx_kafka_sse_fact_row_t *row);


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_companion[] = {

    { "pid", "companion_pid",
      "Process id of the companion.",
      offsetof(ngx_kafka_sse_node_sh_t, pid), NULL },
    { "uptime", "companion_uptime_seconds",
      "Seconds since the companion began.",
      0, ngx_kafka_sse_fact_uptime },
    { "restarts", "companion_restarts_total",
      "Restarts since the last start or reload of nginx.",
      offsetof(ngx_kafka_sse_node_sh_t, restarts), NULL },
    { "heartbeat_age_ms", "companion_heartbeat_age_milliseconds",
      "Time since the companion was last seen to run.",
      0, ngx_kafka_sse_fact_heartbeat_age },
    { "alive", "companion_alive",
      "0 if the companion has been silent for 10 seconds.",
      0, ngx_kafka_sse_fact_alive },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_redis[] = {

    { "address", "redis_info",
      "Where Redis is.",
      0, ngx_kafka_sse_fact_redis_address },
    { "state", "redis_state",
      "The connections that publish.",
      0, ngx_kafka_sse_fact_redis_state },
    { "subscribed", "redis_subscribed",
      "1 if all channels are subscribed.",
      0, ngx_kafka_sse_fact_redis_subscribed },
    { "reconnects", "redis_reconnects_total",
      "Connections to Redis that were lost.",
      offsetof(ngx_kafka_sse_node_sh_t, redis_reconnects), NULL },
    { "queued_bytes", "redis_queued_bytes",
      "Published and not yet accepted by Redis.",
      offsetof(ngx_kafka_sse_node_sh_t, redis_queued), NULL },
    { "envelopes_received", "redis_envelopes_received_total",
      "Messages of the subscription without beacons.",
      offsetof(ngx_kafka_sse_node_sh_t, envelopes_received), NULL },
    { "envelopes_bad", "redis_envelopes_bad_total",
      "Messages of the subscription that were not ours.",
      offsetof(ngx_kafka_sse_node_sh_t, envelopes_bad), NULL },
    { "kafka_alone_seconds", "redis_kafka_alone_seconds_total",
      "Time during which Redis did not bring all partitions.",
      0, ngx_kafka_sse_fact_kafka_alone },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_cluster[] = {

    { "cluster", NULL, NULL, 0, ngx_kafka_sse_fact_first_label },
    { "state", "cluster_state",
      "Whether the reader is connected.",
      0, ngx_kafka_sse_fact_cluster_state },
    { "brokers_up", "cluster_brokers_up",
      "Brokers that the reader is connected to.",
      offsetof(ngx_kafka_sse_cluster_sh_t, brokers), NULL },
    { "group", "cluster_group",
      "State of the membership in the consumer group.",
      0, ngx_kafka_sse_fact_cluster_group },
    { "partitions_assigned", "cluster_partitions_assigned",
      "Partitions that this node consumes for the fleet.",
      offsetof(ngx_kafka_sse_cluster_sh_t, assigned), NULL },
    { "partitions_read_directly", "cluster_partitions_read_directly",
      "Partitions that the feed reads from Kafka.",
      offsetof(ngx_kafka_sse_cluster_sh_t, reading), NULL },
    { "records_consumed", "cluster_records_consumed_total",
      "Records that the member of the group consumed.",
      offsetof(ngx_kafka_sse_cluster_sh_t, consumed), NULL },
    { "envelopes_published", "cluster_envelopes_published_total",
      "Envelopes published to Redis.",
      offsetof(ngx_kafka_sse_cluster_sh_t, envelopes), NULL },
    { "commits", "cluster_commits_total",
      "Commits that Kafka has acknowledged.",
      offsetof(ngx_kafka_sse_cluster_sh_t, commits), NULL },
    { "errors", "cluster_errors_total",
      "Errors that librdkafka reported to the consumer.",
      offsetof(ngx_kafka_sse_cluster_sh_t, errors), NULL },
    { "dynamic_topics", "cluster_dynamic_topics",
      "Topics that are served and not configured.",
      offsetof(ngx_kafka_sse_cluster_sh_t, dynamic), NULL },
    { "dynamic_topics_limit", "cluster_dynamic_topics_limit",
      "How many of these there can be.",
      offsetof(ngx_kafka_sse_cluster_sh_t, dynamic_limit), NULL },
    { "authentication_errors", "cluster_authentication_errors_total",
      "Connections that Kafka refused, as it does not know who we are.",
      offsetof(ngx_kafka_sse_cluster_sh_t, authentication_errors), NULL },
    { "tls_errors", "cluster_tls_errors_total",
      "Connections on which TLS failed.",
      offsetof(ngx_kafka_sse_cluster_sh_t, tls_errors), NULL },
    { "authorization_errors", "cluster_authorization_errors_total",
      "Times that Kafka reported that an ACL is missing.",
      offsetof(ngx_kafka_sse_cluster_sh_t, authorization_errors), NULL },
    { "denials", "cluster_denials",
      "Brokers, topics and groups that are denied at present.",
      offsetof(ngx_kafka_sse_cluster_sh_t, denials), NULL },
    { "denied", NULL, NULL, 0, ngx_kafka_sse_fact_cluster_denied },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_topic[] = {

    { "cluster", NULL, NULL, 0, ngx_kafka_sse_fact_first_label },
    { "topic", NULL, NULL, 0, ngx_kafka_sse_fact_second_label },
    { "state", "topic_state",
      "Whether streams have positions.",
      0, ngx_kafka_sse_fact_topic_state },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_partition[] = {

    { "partition", NULL, NULL, 0, ngx_kafka_sse_fact_n },
    { "position", "partition_position",
      "The next offset that the feed wants.",
      0, ngx_kafka_sse_fact_position },
    { "end", "partition_end",
      "End of the partition as last seen.",
      0, ngx_kafka_sse_fact_end },
    { "lag", "partition_lag",
      "Offsets between position and end.",
      0, ngx_kafka_sse_fact_lag },
    { "records", "partition_records_total",
      "Records put into the ring.",
      offsetof(ngx_kafka_sse_partition_sh_t, records), NULL },
    { "gaps", "partition_gaps_total",
      "Times that Redis was found to lack records.",
      offsetof(ngx_kafka_sse_partition_sh_t, gaps), NULL },
    { "records_repaired", "partition_records_repaired_total",
      "Records read from Kafka as Redis lacked them.",
      offsetof(ngx_kafka_sse_partition_sh_t, repaired), NULL },
    { "duplicates", "partition_duplicates_total",
      "Records that came again and were dropped.",
      offsetof(ngx_kafka_sse_partition_sh_t, duplicates), NULL },
    { "source", "partition_source",
      "Where the records come from now.",
      0, ngx_kafka_sse_fact_source },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_ring[] = {

    { "size", "ring_size_bytes",
      "Size of the ring.",
      offsetof(ngx_kafka_sse_ring_sh_t, size), NULL },
    { "used", "ring_used_bytes",
      "Entries that are readable.",
      0, ngx_kafka_sse_fact_ring_used },
    { "written", "ring_written_bytes_total",
      "Written since the zone was made.",
      0, ngx_kafka_sse_fact_ring_written },
    { "too_large", "ring_records_too_large_total",
      "Records that the ring did not take.",
      0, ngx_kafka_sse_fact_ring_too_large },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_replays[] = {

    { "opened", "replays_opened_total",
      "Replays that workers asked for.",
      offsetof(ngx_kafka_sse_node_sh_t, replays), NULL },
    { "active", "replays_active",
      "Replays that are under way.",
      offsetof(ngx_kafka_sse_node_sh_t, replays_active), NULL },
    { "waiting", "replays_waiting",
      "Replays that wait in line.",
      offsetof(ngx_kafka_sse_node_sh_t, replays_waiting), NULL },
    { "records", "replays_records_total",
      "Records that were replayed.",
      offsetof(ngx_kafka_sse_node_sh_t, replay_records), NULL },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_streams[] = {

    { "open", "streams_open",
      "Streams that are open, of all workers.",
      0, ngx_kafka_sse_fact_n },
    { "opened", "streams_opened_total",
      "Streams that there were.",
      offsetof(ngx_kafka_sse_node_sh_t, opened), NULL },
    { "resumed", "streams_resumed_total",
      "Streams that resumed exactly.",
      offsetof(ngx_kafka_sse_node_sh_t, resumed), NULL },
    { "moves_expired", "streams_moves_expired_total",
      "Positions of partitions that went elsewhere: expired.",
      offsetof(ngx_kafka_sse_node_sh_t, moves)
      + NGX_KAFKA_SSE_MOVE_EXPIRED * sizeof(ngx_atomic_t), NULL },
    { "moves_truncated", "streams_moves_truncated_total",
      "Positions of partitions that went elsewhere: truncated.",
      offsetof(ngx_kafka_sse_node_sh_t, moves)
      + NGX_KAFKA_SSE_MOVE_TRUNCATED * sizeof(ngx_atomic_t), NULL },
    { "moves_recreated", "streams_moves_recreated_total",
      "Positions of partitions that went elsewhere: recreated.",
      offsetof(ngx_kafka_sse_node_sh_t, moves)
      + NGX_KAFKA_SSE_MOVE_RECREATED * sizeof(ngx_atomic_t), NULL },
    { "resets", "streams_resets_total",
      "Events that told of missing records.",
      offsetof(ngx_kafka_sse_node_sh_t, resets), NULL },
    { "laps", "streams_laps_total",
      "Times that the ring passed a worker.",
      offsetof(ngx_kafka_sse_node_sh_t, laps), NULL },
    { "backlog_limit", "streams_backlog_limit_bytes",
      "What a worker's logs may have in all.",
      0, ngx_kafka_sse_fact_backlog_limit },
    { "backlog_closed", "streams_backlog_closed_total",
      "Streams that were closed as a worker's logs had more.",
      offsetof(ngx_kafka_sse_node_sh_t, backlog_closed), NULL },

    { NULL, NULL, NULL, 0, NULL }
};


/* closed[] of the node, a row for each reason */

static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_closed[] = {

    { "closed", "streams_closed_total",
      "Streams that ended, by reason.",
      0, NULL },

    { NULL, NULL, NULL, 0, NULL }
};


static ngx_kafka_sse_fact_t  ngx_kafka_sse_fact_worker[] = {

    { "pid", NULL, NULL, 0, ngx_kafka_sse_fact_n },
    { "streams", "worker_streams",
      "Streams that are open in a worker.",
      offsetof(ngx_kafka_sse_worker_sh_t, streams), NULL },
    { "groups", "worker_groups",
      "Groups of a worker, whose streams are sent the same.",
      offsetof(ngx_kafka_sse_worker_sh_t, groups), NULL },
    { "backlog", "worker_backlog_bytes",
      "What a worker's logs have for streams that are behind.",
      offsetof(ngx_kafka_sse_worker_sh_t, backlog), NULL },

    { NULL, NULL, NULL, 0, NULL }
};


ngx_kafka_sse_fact_subject_t  ngx_kafka_sse_fact_subjects[] = {
    { { NULL, NULL, NULL }, ngx_kafka_sse_fact_companion },
    { { NULL, NULL, NULL }, ngx_kafka_sse_fact_redis },
    { { "cluster", NULL, NULL }, ngx_kafka_sse_fact_cluster },
    { { "cluster", "topic", NULL }, ngx_kafka_sse_fact_topic },
    { { "cluster", "topic", "partition" }, ngx_kafka_sse_fact_partition },
    { { NULL, NULL, NULL }, ngx_kafka_sse_fact_ring },
    { { NULL, NULL, NULL }, ngx_kafka_sse_fact_replays },
    { { NULL, NULL, NULL }, ngx_kafka_sse_fact_streams },
    { { "reason", NULL, NULL }, ngx_kafka_sse_fact_closed },
    { { "pid", NULL, NULL }, ngx_kafka_sse_fact_worker }
};


static ngx_kafka_sse_fact_value_t  ngx_kafka_sse_fact_unknown;


ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_value(ngx_kafka_sse_fact_t *fact,
    ngx_kafka_sse_fact_row_t *row)
{
    return fact->get ? fact->get(row)
           : ngx_kafka_sse_fact_number(
                 *(volatile int64_t *) ((u_char *) row->sh + fact->offset));
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_number(int64_t number)
{
    ngx_kafka_sse_fact_value_t  value;

    value = ngx_kafka_sse_fact_unknown;
    value.type = NGX_KAFKA_SSE_FACT_NUMBER;
    value.number = number;

    return value;
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_boolean(ngx_uint_t is)
{
    ngx_kafka_sse_fact_value_t  value;

    value = ngx_kafka_sse_fact_number(is);
    value.type = NGX_KAFKA_SSE_FACT_BOOLEAN;

    return value;
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_text(ngx_str_t text)
{
    ngx_kafka_sse_fact_value_t  value;

    value = ngx_kafka_sse_fact_unknown;
    value.type = NGX_KAFKA_SSE_FACT_TEXT;
    value.text = text;

    return value;
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_word(char *word)
{
    ngx_str_t  text;

    text.len = ngx_strlen(word);
    text.data = (u_char *) word;

    return ngx_kafka_sse_fact_text(text);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_n(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_number(row->n);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_first_label(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_text(row->labels[0]);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_second_label(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_text(row->labels[1]);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_uptime(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = row->sh;

    return ngx_kafka_sse_fact_number(
                     node->started ? ngx_time() - (time_t) node->started : 0);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_heartbeat_age(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = row->sh;

    return ngx_kafka_sse_fact_number(
                        (ngx_msec_int_t) (ngx_current_msec - node->heartbeat));
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_alive(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_boolean(!ngx_kafka_sse_zone_stale(row->sh));
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_redis_address(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_redis_conf_t  *redis;

    redis = ngx_kafka_sse_hub->conf->redis;

    return redis->off ? ngx_kafka_sse_fact_unknown
                      : ngx_kafka_sse_fact_text(redis->name);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_redis_state(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = row->sh;

    return ngx_kafka_sse_fact_word(
                          ngx_kafka_sse_hub->conf->redis->off ? "off"
                          : node->redis_connected ? "connected"
                                                  : "disconnected");
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_redis_subscribed(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = row->sh;

    return ngx_kafka_sse_fact_boolean(node->redis_subscribed != 0);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_kafka_alone(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = row->sh;

    return ngx_kafka_sse_fact_number(node->kafka_alone / 1000);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_cluster_state(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_cluster_sh_t  *cluster;

    cluster = row->sh;

    return ngx_kafka_sse_fact_word(cluster->brokers ? "connected"
                                                    : "disconnected");
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_cluster_group(ngx_kafka_sse_fact_row_t *row)
{
    char                        *waiting;
    ngx_kafka_sse_cluster_sh_t  *cluster;

    cluster = row->sh;
    waiting = ngx_kafka_sse_hub->conf->redis->off ? "off" : "waiting";

    return ngx_kafka_sse_fact_word(cluster->fenced ? "fenced"
                                   : cluster->joined ? "joined" : waiting);
}


/* a copy, as the companion writes there */

static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_cluster_denied(ngx_kafka_sse_fact_row_t *row)
{
    ngx_str_t                    denied;
    ngx_kafka_sse_cluster_sh_t  *cluster;

    static u_char  text[256];

    cluster = row->sh;

    denied.len = cluster->denied[0];
    denied.data = text;

    if (denied.len == 0) {
        return ngx_kafka_sse_fact_unknown;
    }

    ngx_memcpy(text, &cluster->denied[1], denied.len);

    return ngx_kafka_sse_fact_text(denied);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_topic_state(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_topic_sh_t  *topic;

    topic = row->sh;

    return ngx_kafka_sse_fact_word(row->n == 0 ? "absent"
                                   : topic->started ? "started" : "starting");
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_position(ngx_kafka_sse_fact_row_t *row)
{
    int64_t                        held;
    ngx_kafka_sse_partition_sh_t  *partition;

    partition = row->sh;
    held = partition->held;

    return (held < 0) ? ngx_kafka_sse_fact_unknown
                      : ngx_kafka_sse_fact_number(held);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_end(ngx_kafka_sse_fact_row_t *row)
{
    int64_t                        held, end;
    ngx_kafka_sse_partition_sh_t  *partition;

    partition = row->sh;
    held = partition->held;
    end = partition->end;

    return (end < 0) ? ngx_kafka_sse_fact_unknown
                     : ngx_kafka_sse_fact_number(ngx_max(end, held));
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_lag(ngx_kafka_sse_fact_row_t *row)
{
    int64_t                        held, end;
    ngx_kafka_sse_partition_sh_t  *partition;

    partition = row->sh;
    held = partition->held;
    end = partition->end;

    return (held < 0 || end < 0)
           ? ngx_kafka_sse_fact_unknown
           : ngx_kafka_sse_fact_number(ngx_max(end - held, 0));
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_source(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_partition_sh_t  *partition;

    partition = row->sh;

    return ngx_kafka_sse_fact_word(partition->tailing ? "kafka" : "redis");
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_ring_used(ngx_kafka_sse_fact_row_t *row)
{
    uint64_t                  head;
    ngx_kafka_sse_ring_sh_t  *ring;

    ring = row->sh;
    head = ring->head;

    return ngx_kafka_sse_fact_number(head - ring->tail);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_ring_written(ngx_kafka_sse_fact_row_t *row)
{
    ngx_kafka_sse_ring_sh_t  *ring;

    ring = row->sh;

    return ngx_kafka_sse_fact_number(ring->head - ring->size);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_ring_too_large(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_number(ngx_kafka_sse_hub->node->too_large);
}


static ngx_kafka_sse_fact_value_t
ngx_kafka_sse_fact_backlog_limit(ngx_kafka_sse_fact_row_t *row)
{
    return ngx_kafka_sse_fact_number(ngx_kafka_sse_hub->conf->backlog);
}
