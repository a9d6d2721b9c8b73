
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_throttle.h>


/*
 * Redis has this many bytes to accept: we take no more, until it is down to
 * low.  Pausing makes librdkafka forget what it has fetched, so first we only
 * leave its queue alone, for as many ms.
 */

#define NGX_KAFKA_SSE_THROTTLE_HIGH  (8 * 1024 * 1024)
#define NGX_KAFKA_SSE_THROTTLE_LOW   (4 * 1024 * 1024)
#define NGX_KAFKA_SSE_THROTTLE_HOLD  500

#define NGX_KAFKA_SSE_THROTTLE_TICK  20       /* ms between looks */


static void ngx_kafka_sse_throttle_handler(ngx_event_t *ev);
static void ngx_kafka_sse_throttle_pause(ngx_kafka_sse_throttle_t *throttle);


void
ngx_kafka_sse_throttle_look(ngx_kafka_sse_throttle_t *throttle)
{
    ngx_kafka_sse_redis_state_t  *redis;

    redis = ngx_kafka_sse_redis_state(throttle->redis);

    if (throttle->event.timer_set
        || (redis->connected && redis->queued < NGX_KAFKA_SSE_THROTTLE_HIGH))
    {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, throttle->log, 0,
                   "kafka_sse throttle of \"%V\", connected:%ui queued:%uz",
                   &throttle->assignment->client->cluster->name,
                   redis->connected, redis->queued);

    throttle->since = ngx_current_msec;

    if (redis->connected) {
        ngx_kafka_sse_client_hold(throttle->assignment->client);

    } else {
        ngx_kafka_sse_throttle_pause(throttle);
    }

    throttle->event.handler = ngx_kafka_sse_throttle_handler;
    throttle->event.data = throttle;
    throttle->event.log = throttle->log;

    ngx_add_timer(&throttle->event, NGX_KAFKA_SSE_THROTTLE_TICK);
}


static void
ngx_kafka_sse_throttle_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_client_t       *client;
    ngx_kafka_sse_throttle_t     *throttle;
    ngx_kafka_sse_assignment_t   *assignment;
    ngx_kafka_sse_redis_state_t  *redis;

    throttle = ev->data;
    assignment = throttle->assignment;
    client = assignment->client;

    (void) ngx_kafka_sse_publisher_accept(assignment->publisher);

    redis = ngx_kafka_sse_redis_state(throttle->redis);

    if (redis->connected && redis->queued <= NGX_KAFKA_SSE_THROTTLE_LOW) {

        if (assignment->paused) {
            ngx_kafka_sse_assignment_resume(assignment);

            ngx_log_error(NGX_LOG_INFO, throttle->log, 0,
                          "kafka_sse: Redis takes envelopes again, consuming "
                          "cluster \"%V\" goes on", &client->cluster->name);
        }

        ngx_kafka_sse_client_resume(client);
        return;
    }

    if (!assignment->paused
        && (!redis->connected
            || ngx_current_msec - throttle->since
               >= NGX_KAFKA_SSE_THROTTLE_HOLD))
    {
        ngx_kafka_sse_throttle_pause(throttle);
        ngx_kafka_sse_client_resume(client);
    }

    ngx_add_timer(ev, NGX_KAFKA_SSE_THROTTLE_TICK);
}


/* the queue is polled as before, so that rebalances are served */

static void
ngx_kafka_sse_throttle_pause(ngx_kafka_sse_throttle_t *throttle)
{
    ngx_kafka_sse_assignment_pause(throttle->assignment);

    ngx_log_error(NGX_LOG_INFO, throttle->log, 0,
                  "kafka_sse: Redis takes no envelopes, consuming "
                  "cluster \"%V\" waits for it",
                  &throttle->assignment->client->cluster->name);
}


void
ngx_kafka_sse_throttle_stop(ngx_kafka_sse_throttle_t *throttle)
{
    if (throttle->event.timer_set) {
        ngx_del_timer(&throttle->event);
    }
}
