
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_DENIAL_H_INCLUDED_
#define _NGX_KAFKA_SSE_DENIAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * What a cluster's Kafka denies us: a connection, as it does not know us or we
 * do not trust it, or what we ask for there, as there is no ACL.  The clients
 * of a cluster are all denied the same: it is said once, with its reason, and
 * counted from then on; said again if the reason changes; and once more, as a
 * notice, when it works for all whom it was denied.
 *
 * All of it in the companion's event loop.
 */

typedef enum {
    ngx_kafka_sse_denial_authentication = 0,
    ngx_kafka_sse_denial_tls,
    ngx_kafka_sse_denial_authorization
} ngx_kafka_sse_denial_e;


#define NGX_KAFKA_SSE_DENIAL_KINDS    3
#define NGX_KAFKA_SSE_DENIAL_MAX      64     /* remembered at a time */
#define NGX_KAFKA_SSE_DENIAL_CLIENTS  8      /* of a cluster */
#define NGX_KAFKA_SSE_DENIAL_TEXT     512    /* bytes, with the zero */


/* one that stands */

typedef struct {
    ngx_kafka_sse_denial_e        kind;
    ngx_uint_t                    clients;    /* bits: whom it is denied */
    ngx_msec_t                    last[NGX_KAFKA_SSE_DENIAL_CLIENTS];
    uint64_t                      n;
    u_char                        what[NGX_KAFKA_SSE_DENIAL_TEXT];
    u_char                        reason[NGX_KAFKA_SSE_DENIAL_TEXT];
} ngx_kafka_sse_denial_t;


/* a cluster's; as long as the process */

typedef struct ngx_kafka_sse_denials_s {
    ngx_kafka_sse_cluster_t      *cluster;
    ngx_log_t                    *log;
    ngx_kafka_sse_denial_t       *elts;       /* the first nelts stand */
    ngx_uint_t                    nelts;
    ngx_uint_t                    connections;  /* bits: clients that are
                                                   denied one */
    ngx_uint_t                    authorizations;   /* ... something else */
    ngx_uint_t                    clients;    /* how many there are */

    uint64_t                      n[NGX_KAFKA_SSE_DENIAL_KINDS];
    u_char                       *reason;     /* the newest that stands, NULL
                                                 if none does; ASCII */
} ngx_kafka_sse_denials_t;


/* the cluster's, which its first client makes; NULL: no memory */

ngx_kafka_sse_denials_t *ngx_kafka_sse_denials(
    ngx_kafka_sse_cluster_t *cluster, ngx_log_t *log);

/* a client's bit, 0 if there are too many: such a one is never remembered */

ngx_uint_t ngx_kafka_sse_denials_client(ngx_kafka_sse_denials_t *denials);

/*
 * Kafka has denied this, n times since the last call: what, as "topic x", is
 * all that tells one from another; next is what happens now.
 */

void ngx_kafka_sse_denied(ngx_kafka_sse_denials_t *denials, ngx_uint_t client,
    ngx_kafka_sse_denial_e kind, u_char *what, u_char *reason, char *next,
    ngx_uint_t n);

/* it has worked for this client; any way of asking for it */

void ngx_kafka_sse_denial_over(ngx_kafka_sse_denials_t *denials,
    ngx_uint_t client, ngx_kafka_sse_denial_e kind, u_char *what);

/*
 * The client is connected to this broker, "host:port", for so many ms: that is
 * the end of what was denied before
 */

void ngx_kafka_sse_denial_connected(ngx_kafka_sse_denials_t *denials,
    ngx_uint_t client, const char *broker, ngx_msec_t age);


#endif /* _NGX_KAFKA_SSE_DENIAL_H_INCLUDED_ */
