
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_ZONE_H_INCLUDED_
#define _NGX_KAFKA_SSE_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <shared/ngx_kafka_sse_ring.h>


/*
 * Two shared memory zones.  The ring's zone is as large as the user says and
 * is made anew when its size changes.  The node's zone is small and of fixed
 * size, and its tag is an address in nginx itself, so that every generation of
 * processes of one nginx finds it: after a reload, with a resized ring, with
 * another image of this module.  It holds what must not be lost then: the
 * writer lock, the wake-up descriptor, and what the status tells.
 */

#define NGX_KAFKA_SSE_RING_MIN       (1024 * 1024)
#define NGX_KAFKA_SSE_NODE_VERSION   4
#define NGX_KAFKA_SSE_NODE_CLUSTERS  32      /* that the status can tell of */

#define NGX_KAFKA_SSE_STALE          10000   /* ms without a heartbeat */


/* why a stream ended, in the order of ngx_kafka_sse_close_reasons */

#define NGX_KAFKA_SSE_CLOSE_CLIENT   0
#define NGX_KAFKA_SSE_CLOSE_DRAIN    1
#define NGX_KAFKA_SSE_CLOSE_SLOW     2
#define NGX_KAFKA_SSE_CLOSE_LIMIT    3
#define NGX_KAFKA_SSE_CLOSE_ERROR    4
#define NGX_KAFKA_SSE_CLOSE_EXPIRED  5
#define NGX_KAFKA_SSE_CLOSE_REASONS  6


extern ngx_str_t  ngx_kafka_sse_close_reasons[];


/* one row for each process slot of nginx; written by that process only */

typedef struct {
    ngx_atomic_t                   pid;
    ngx_atomic_t                   streams;    /* open now */
    ngx_atomic_t                   groups;     /* that they are in */
    ngx_atomic_t                   backlog;    /* bytes of its logs */
} ngx_kafka_sse_worker_sh_t;


/* written by the companion only */

typedef struct {
    u_char                         name[256];  /* length first */
    ngx_atomic_t                   brokers;    /* that are up */
    ngx_atomic_t                   reading;    /* partitions, from Kafka */
    ngx_atomic_t                   joined;     /* has a group member */
    ngx_atomic_t                   fenced;
    ngx_atomic_t                   assigned;   /* partitions */
    ngx_atomic_t                   consumed;   /* records */
    ngx_atomic_t                   envelopes;
    ngx_atomic_t                   commits;
    ngx_atomic_t                   errors;
    ngx_atomic_t                   dynamic;    /* topics not configured */
    ngx_atomic_t                   dynamic_limit;
    ngx_atomic_t                   authentication_errors;
    ngx_atomic_t                   tls_errors;
    ngx_atomic_t                   authorization_errors;
    ngx_atomic_t                   denials;    /* that stand, of these three */
    u_char                         denied[256];  /* the newest of them: length
                                                  first, ASCII */
} ngx_kafka_sse_cluster_sh_t;


typedef struct {
    uint32_t                       version;
    int                            lock_fd;    /* memfd with the writer lock */
    int                            wake_fd;    /* eventfd of all workers */
    int                            link_fd;    /* listening, the writer's */
    u_char                         link_name[16];   /* its address, abstract:
                                                  length first */

    ngx_atomic_t                   generation; /* configurations so far */
    ngx_atomic_t                   subscriptions;   /* of the newest one */

    /* the companion, by the one that holds the writer lock */

    ngx_atomic_t                   pid;
    ngx_atomic_t                   restarts;   /* within one configuration */
    ngx_atomic_t                   tried;      /* generation of the last one
                                                  that was started */
    ngx_atomic_t                   served;     /* ... and of the last writer */
    ngx_atomic_t                   started;    /* s since the epoch */
    ngx_atomic_t                   clean;      /* 1: the last one left in
                                                  order */
    ngx_atomic_t                   failures;   /* in a row, soon after start */
    ngx_atomic_t                   heartbeat;  /* ms, monotonic */
    ngx_atomic_t                   born;       /* ms, when it was started */

    ngx_atomic_t                   redis_connected;
    ngx_atomic_t                   redis_subscribed;
    ngx_atomic_t                   redis_reconnects;
    ngx_atomic_t                   redis_queued;        /* bytes */

    ngx_atomic_t                   envelopes_received;
    ngx_atomic_t                   envelopes_bad;
    ngx_atomic_t                   too_large;  /* records the ring refused */
    ngx_atomic_t                   kafka_alone;         /* ms: with partitions
                                                  that Redis did not bring */
    ngx_atomic_t                   moves[NGX_KAFKA_SSE_MOVE_REASONS];

    ngx_atomic_t                   replays;    /* opened */
    ngx_atomic_t                   replays_active;      /* have their turn */
    ngx_atomic_t                   replays_waiting;
    ngx_atomic_t                   replay_records;      /* sent to workers */

    ngx_atomic_t                   nclusters;
    ngx_kafka_sse_cluster_sh_t     clusters[NGX_KAFKA_SSE_NODE_CLUSTERS];

    /* all workers */

    ngx_atomic_t                   opened;     /* streams */
    ngx_atomic_t                   resumed;
    ngx_atomic_t                   resets;     /* stream-reset events */
    ngx_atomic_t                   closed[NGX_KAFKA_SSE_CLOSE_REASONS];
    ngx_atomic_t                   laps;
    ngx_atomic_t                   backlog_closed;      /* streams */

    ngx_kafka_sse_worker_sh_t      workers[NGX_MAX_PROCESSES];
} ngx_kafka_sse_node_sh_t;


#define ngx_kafka_sse_zone_ring(kmcf)                                         \
    ((ngx_kafka_sse_ring_sh_t *) (kmcf)->ring_zone->data)
#define ngx_kafka_sse_zone_node(kmcf)                                         \
    ((ngx_kafka_sse_node_sh_t *) (kmcf)->node_zone->data)


/* kafka_sse_zone name:size */

char *ngx_kafka_sse_zone_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* adds both zones to the configuration; logs what is wrong */

ngx_int_t ngx_kafka_sse_zone_add(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf);

/*
 * In the master, once a configuration is in force: makes the descriptors,
 * which happens once in the life of a master, and counts the configuration.
 * NGX_ERROR, logged, if a descriptor cannot be made.
 */

ngx_int_t ngx_kafka_sse_zone_open(ngx_kafka_sse_main_conf_t *kmcf,
    ngx_log_t *log);

/* wakes the workers of all generations if one of them sleeps */

void ngx_kafka_sse_zone_wake(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_node_sh_t *node);

/* takes the writer lock if it is free: NGX_OK, NGX_AGAIN, or NGX_ERROR */

ngx_int_t ngx_kafka_sse_zone_lock(ngx_kafka_sse_node_sh_t *node);

/*
 * The link between workers and the companion.  _link_connect(), in a worker,
 * returns a connected, non-blocking socket, or -1 with ngx_errno; it succeeds
 * while there is no companion, too: the next one finds it.  _link_accept(), in
 * the companion that holds the writer lock, returns one that a process of our
 * user has connected, or -1 with ngx_errno, NGX_EAGAIN if there is none left.
 */

ngx_fd_t ngx_kafka_sse_zone_link_connect(ngx_kafka_sse_node_sh_t *node);
ngx_fd_t ngx_kafka_sse_zone_link_accept(ngx_kafka_sse_node_sh_t *node,
    ngx_log_t *log);

/* whether the companion has been silent for too long */

ngx_uint_t ngx_kafka_sse_zone_stale(ngx_kafka_sse_node_sh_t *node);


#endif /* _NGX_KAFKA_SSE_ZONE_H_INCLUDED_ */
