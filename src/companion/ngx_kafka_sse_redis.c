
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_redis.h>
#include <companion/ngx_kafka_sse_redis_link.h>
#include <companion/ngx_kafka_sse_redis_queue.h>
#include <companion/ngx_kafka_sse_redis_sentinel.h>


/*
 * Redis takes messages faster than it hands them on, and cuts off a subscriber
 * that is 32 MB behind ("client-output-buffer-limit pubsub").  So we publish
 * no more than this ahead of our own subscription, in bytes.  How far that is
 * the answer to a PING on it tells: it comes after all that was accepted
 * before.  Other nodes may publish as well, and none is much slower than us.
 */

#define NGX_KAFKA_SSE_REDIS_WINDOW       1048576


struct ngx_kafka_sse_redis_s {
    ngx_kafka_sse_redis_link_t      pub;
    ngx_kafka_sse_redis_link_t      sub;
    ngx_kafka_sse_redis_sentinel_t  sentinel;    /* if configured */
    ngx_kafka_sse_redis_queue_t     queue;
    ngx_kafka_sse_redis_state_t     state;       /* as last asked for */

    ngx_array_t                     channels;    /* of ngx_str_t, wanted */
    ngx_uint_t                      asked;       /* of these, the first ones */
    ngx_uint_t                      acked;       /* of these */
    ngx_uint_t                      told;        /* the feed knows */

    uint64_t                        marked;      /* bytes that were accepted
                                                    before the last PING */
    ngx_kafka_sse_redis_conf_t     *conf;
    ngx_kafka_sse_cluster_t        *cluster;     /* of Kafka */
    ngx_pool_t                     *pool;
    ngx_kafka_sse_feed_t           *feed;
    ngx_log_t                      *log;
};


static ngx_int_t ngx_kafka_sse_redis_begin(ngx_kafka_sse_redis_t *redis);
static void ngx_kafka_sse_redis_told(void *data, ngx_str_t *host,
    in_port_t port);
static void ngx_kafka_sse_redis_ask(ngx_kafka_sse_redis_t *redis);

static ngx_int_t ngx_kafka_sse_redis_pub_idle(
    ngx_kafka_sse_redis_session_t *session);
static void ngx_kafka_sse_redis_pub_accepted(
    ngx_kafka_sse_redis_session_t *session);
static void ngx_kafka_sse_redis_pub_up(ngx_kafka_sse_redis_t *redis);
static void ngx_kafka_sse_redis_pub_lost(ngx_kafka_sse_redis_link_t *link);

static ngx_int_t ngx_kafka_sse_redis_sub_idle(
    ngx_kafka_sse_redis_session_t *session);
static ngx_int_t ngx_kafka_sse_redis_sub_ping(
    ngx_kafka_sse_redis_session_t *session);
static void ngx_kafka_sse_redis_sub_up(ngx_kafka_sse_redis_t *redis);
static void ngx_kafka_sse_redis_sub_message(
    ngx_kafka_sse_redis_session_t *session, ngx_str_t *channel,
    ngx_str_t *payload);
static void ngx_kafka_sse_redis_sub_lost(ngx_kafka_sse_redis_link_t *link);
static ngx_uint_t ngx_kafka_sse_redis_is_far(ngx_kafka_sse_redis_t *redis);


ngx_kafka_sse_redis_t *
ngx_kafka_sse_redis_create(ngx_pool_t *pool, ngx_kafka_sse_redis_conf_t *conf,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_feed_t *feed,
    ngx_log_t *log)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    if (ngx_array_init(&redis->channels, pool, 16, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NULL;
    }

    redis->conf = conf;
    redis->cluster = cluster;
    redis->pool = pool;
    redis->feed = feed;
    redis->log = log;

    ngx_kafka_sse_redis_queue_init(&redis->queue);

    redis->pub.doing = "publishing to Redis";
    redis->pub.lost = ngx_kafka_sse_redis_pub_lost;
    redis->pub.session.data = redis;
    redis->pub.session.queue = &redis->queue;
    redis->pub.session.idle = ngx_kafka_sse_redis_pub_idle;
    redis->pub.session.accepted = ngx_kafka_sse_redis_pub_accepted;

    redis->sub.doing = "subscribing to Redis";
    redis->sub.lost = ngx_kafka_sse_redis_sub_lost;
    redis->sub.session.data = redis;
    redis->sub.session.idle = ngx_kafka_sse_redis_sub_idle;
    redis->sub.session.ping = ngx_kafka_sse_redis_sub_ping;
    redis->sub.session.message = ngx_kafka_sse_redis_sub_message;

    if (ngx_kafka_sse_redis_begin(redis) != NGX_OK) {
        return NULL;
    }

    return redis;
}


static ngx_int_t
ngx_kafka_sse_redis_begin(ngx_kafka_sse_redis_t *redis)
{
    ngx_array_t                 *servers;
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = redis->conf;
    servers = conf->sentinel.len ? NULL : &conf->servers;

    if (ngx_kafka_sse_redis_link_init(&redis->pub, conf, servers, redis->pool,
                                      redis->log)
        != NGX_OK
        || ngx_kafka_sse_redis_link_init(&redis->sub, conf, servers,
                                         redis->pool, redis->log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->sentinel.len) {
        redis->sentinel.data = redis;
        redis->sentinel.told = ngx_kafka_sse_redis_told;

        return ngx_kafka_sse_redis_sentinel_init(&redis->sentinel, conf,
                                                 redis->pool, redis->log);
    }

    ngx_kafka_sse_redis_link_connect(&redis->pub);
    ngx_kafka_sse_redis_link_connect(&redis->sub);

    return NGX_OK;
}


static void
ngx_kafka_sse_redis_told(void *data, ngx_str_t *host, in_port_t port)
{
    ngx_kafka_sse_redis_t *redis = data;

    ngx_int_t  rc;

    rc = ngx_kafka_sse_redis_link_send_to(&redis->pub, host, port);

    if (rc == NGX_DECLINED) {
        return;
    }

    (void) ngx_kafka_sse_redis_link_send_to(&redis->sub, host, port);

    ngx_log_error(NGX_LOG_NOTICE, redis->log, 0,
                  "kafka_sse: Redis master \"%V\" is at \"%V:%d\", "
                  "Sentinel \"%V\" says", &redis->conf->sentinel, host,
                  (int) port, &redis->sentinel.link.route.host->name);
}


/* the connection to the master is lost: it may be another one by now */

static void
ngx_kafka_sse_redis_ask(ngx_kafka_sse_redis_t *redis)
{
    if (redis->conf->sentinel.len) {
        ngx_kafka_sse_redis_sentinel_ask(&redis->sentinel);
    }
}


ngx_int_t
ngx_kafka_sse_redis_subscribe(ngx_kafka_sse_redis_t *redis,
    ngx_str_t *channel)
{
    u_char      *data;
    ngx_str_t   *wanted;
    ngx_uint_t   i;

    wanted = redis->channels.elts;

    for (i = 0; i < redis->channels.nelts; i++) {
        if (wanted[i].len == channel->len
            && ngx_memcmp(wanted[i].data, channel->data, channel->len) == 0)
        {
            return NGX_OK;
        }
    }

    data = ngx_pstrdup(redis->pool, channel);
    if (data == NULL) {
        return NGX_ERROR;
    }

    wanted = ngx_array_push(&redis->channels);
    if (wanted == NULL) {
        return NGX_ERROR;
    }

    wanted->len = channel->len;
    wanted->data = data;

    ngx_kafka_sse_redis_link_post(&redis->sub);

    return NGX_OK;
}


uint64_t
ngx_kafka_sse_redis_publish(ngx_kafka_sse_redis_t *redis, ngx_str_t *channel,
    u_char *payload, size_t len)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_redis_queue_push(&redis->queue, channel, payload, len,
                                        redis->log);
    ngx_free(payload);

    if (rc != NGX_OK) {
        return 0;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, redis->log, 0,
                   "kafka_sse redis publish %uL to %V, %uz bytes",
                   redis->queue.published, channel, len);

    ngx_kafka_sse_redis_link_post(&redis->pub);

    return redis->queue.published;
}


ngx_kafka_sse_redis_state_t *
ngx_kafka_sse_redis_state(ngx_kafka_sse_redis_t *redis)
{
    ngx_kafka_sse_redis_state_t  *state;

    state = &redis->state;

    state->connected = redis->pub.up;
    state->subscribed = redis->sub.up
                        && redis->acked == redis->channels.nelts;
    state->published = redis->queue.published;
    state->accepted = redis->queue.accepted;
    state->queued = redis->queue.bytes_published - redis->queue.bytes_accepted;
    state->reconnects = redis->pub.losses + redis->sub.losses;

    return state;
}


static ngx_int_t
ngx_kafka_sse_redis_pub_idle(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = session->data;

    /* what is waiting may be refused again: then it is not up yet */

    if (ngx_queue_empty(&redis->queue.messages)) {
        ngx_kafka_sse_redis_pub_up(redis);
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_redis_pub_accepted(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = session->data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, redis->log, 0,
                   "kafka_sse redis accepted %uL to %V",
                   redis->queue.accepted + 1,
                   ngx_kafka_sse_redis_queue_channel(&redis->queue));

    ngx_kafka_sse_redis_queue_accept(&redis->queue);

    ngx_kafka_sse_redis_pub_up(redis);

    if (ngx_kafka_sse_redis_is_far(redis)) {
        ngx_kafka_sse_redis_link_post(&redis->sub);
    }
}


static void
ngx_kafka_sse_redis_pub_up(ngx_kafka_sse_redis_t *redis)
{
    if (redis->pub.up) {
        return;
    }

    ngx_kafka_sse_redis_link_up(&redis->pub);

    /* where the one gets through the other needs not wait */

    ngx_kafka_sse_redis_link_hurry(&redis->sub);
}


static void
ngx_kafka_sse_redis_pub_lost(ngx_kafka_sse_redis_link_t *link)
{
    ngx_kafka_sse_redis_ask(link->session.data);
}


/* what it asked for was answered */

static ngx_int_t
ngx_kafka_sse_redis_sub_idle(ngx_kafka_sse_redis_session_t *session)
{
    ngx_str_t              *channels;
    ngx_uint_t              n;
    ngx_kafka_sse_redis_t  *redis;

    redis = session->data;

    /* nothing comes to a new connection that was accepted before */

    if (redis->queue.limit == NGX_KAFKA_SSE_REDIS_NO_LIMIT) {
        redis->marked = redis->queue.bytes_accepted;
    }

    redis->queue.limit = redis->marked + NGX_KAFKA_SSE_REDIS_WINDOW;

    ngx_kafka_sse_redis_link_post(&redis->pub);

    n = redis->channels.nelts - redis->asked;

    if (n) {
        channels = redis->channels.elts;
        channels += redis->asked;

        redis->asked += n;

        return ngx_kafka_sse_redis_session_subscribe(session, channels, n);
    }

    if (!redis->sub.up || redis->acked < redis->asked) {
        redis->acked = redis->asked;

        ngx_kafka_sse_redis_link_post(&redis->sub);

        ngx_kafka_sse_redis_sub_up(redis);

        return NGX_OK;
    }

    if (ngx_kafka_sse_redis_is_far(redis)) {
        redis->marked = redis->queue.bytes_accepted;

        return ngx_kafka_sse_redis_session_ping(session);
    }

    return NGX_OK;
}


/*
 * To a node of a cluster a PING says nothing: one that is cut off from the
 * others, or has lost the slot, refuses a channel.
 */

static ngx_int_t
ngx_kafka_sse_redis_sub_ping(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = session->data;

    if (session->sharded && redis->asked) {
        return ngx_kafka_sse_redis_session_subscribe(session,
                                                     redis->channels.elts, 1);
    }

    return ngx_kafka_sse_redis_session_command(session,
                                               NGX_KAFKA_SSE_REDIS_PING,
                                               NULL, 0);
}


static void
ngx_kafka_sse_redis_sub_up(ngx_kafka_sse_redis_t *redis)
{
    if (!redis->sub.up) {
        ngx_kafka_sse_redis_link_up(&redis->sub);
        ngx_kafka_sse_redis_link_hurry(&redis->pub);
    }

    if (redis->channels.nelts) {
        redis->told = 1;
        ngx_kafka_sse_feed_subscribed(redis->feed, redis->cluster);
    }
}


/* four times in a window, so that publishing need not stop for the answer */

static ngx_uint_t
ngx_kafka_sse_redis_is_far(ngx_kafka_sse_redis_t *redis)
{
    return redis->queue.bytes_accepted - redis->marked
           >= NGX_KAFKA_SSE_REDIS_WINDOW / 4;
}


static void
ngx_kafka_sse_redis_sub_message(ngx_kafka_sse_redis_session_t *session,
    ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = session->data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, redis->log, 0,
                   "kafka_sse redis message of %V, %uz bytes",
                   channel, payload->len);

    ngx_kafka_sse_feed_envelope(redis->feed, redis->cluster, channel,
                                payload);
}


static void
ngx_kafka_sse_redis_sub_lost(ngx_kafka_sse_redis_link_t *link)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = link->session.data;

    ngx_kafka_sse_redis_ask(redis);

    /* publishing does not wait for it */

    redis->queue.limit = NGX_KAFKA_SSE_REDIS_NO_LIMIT;

    ngx_kafka_sse_redis_link_post(&redis->pub);

    redis->asked = 0;
    redis->acked = 0;

    if (redis->told) {
        redis->told = 0;
        ngx_kafka_sse_feed_unsubscribed(redis->feed, redis->cluster);
    }
}
