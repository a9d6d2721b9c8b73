
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <companion/ngx_kafka_sse_feed.h>


/*
 * Redis, for the topics of one Kafka cluster: two links, one that publishes
 * and one that is subscribed, each reconnecting by itself; and where Sentinels
 * are configured a third one, to one of these, that tells the two where the
 * master is.
 *
 * There is one for each Kafka cluster, as their channels are in one slot of a
 * Redis Cluster: so both links go where that slot is.
 *
 * Nothing that was published is forgotten before Redis has accepted it: what
 * a broken connection had in flight is published again, in order, by the next
 * one.  So a message may reach subscribers twice, never not at all.
 */

typedef struct {
    ngx_uint_t    connected;     /* the publishing connection is usable: what
                                    waited for it is not refused again */
    ngx_uint_t    subscribed;    /* all channels wanted are subscribed */
    uint64_t      published;     /* sequence number of the last publish */
    uint64_t      accepted;      /* all up to this one were accepted */
    size_t        queued;        /* bytes not yet accepted, with heads */
    ngx_uint_t    reconnects;    /* connections lost, of both kinds */
} ngx_kafka_sse_redis_state_t;


/*
 * Creates the client in the companion's event loop and begins to connect.
 * pool and conf outlive it.  NULL if there is no memory.
 */

ngx_kafka_sse_redis_t *ngx_kafka_sse_redis_create(ngx_pool_t *pool,
    ngx_kafka_sse_redis_conf_t *conf, ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log);

/*
 * Adds a channel to those wanted, now and after every reconnect.  Wanting it
 * twice is wanting it once.  The feed is told by
 * ngx_kafka_sse_feed_subscribed() when the last of the wanted channels is
 * acknowledged (again after each reconnect and after each addition), and by
 * ngx_kafka_sse_feed_unsubscribed() when the connection is lost.
 */

ngx_int_t ngx_kafka_sse_redis_subscribe(ngx_kafka_sse_redis_t *redis,
    ngx_str_t *channel);

/*
 * Publishes.  payload was made with ngx_alloc() and belongs to redis from now
 * on, whatever happens.  Returns its sequence number: 1, 2, 3, ...; or 0 if
 * there was no memory, and then the payload is freed and not published.
 */

uint64_t ngx_kafka_sse_redis_publish(ngx_kafka_sse_redis_t *redis,
    ngx_str_t *channel, u_char *payload, size_t len);

/* as it is now; call it as often as you like */

ngx_kafka_sse_redis_state_t *ngx_kafka_sse_redis_state(
    ngx_kafka_sse_redis_t *redis);


#endif /* _NGX_KAFKA_SSE_REDIS_H_INCLUDED_ */
