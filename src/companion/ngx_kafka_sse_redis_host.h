
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_HOST_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_HOST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * A host and port, and the addresses that it has, to be tried in turn.  When
 * none of them is of use, the name is looked up again: in a thread of its own,
 * as that may take as long as the name servers please.
 */

#define NGX_KAFKA_SSE_REDIS_HOST   256      /* a name's length, with the NUL */
#define NGX_KAFKA_SSE_REDIS_ADDRS  16       /* of a name, others are left out */


typedef struct {
    ngx_str_t            name;      /* "host:port" or "unix:path" */
    in_port_t            port;      /* 0: a unix socket */
    ngx_log_t           *log;

    ngx_sockaddr_t       addrs[NGX_KAFKA_SSE_REDIS_ADDRS];
    socklen_t            lens[NGX_KAFKA_SSE_REDIS_ADDRS];
    ngx_uint_t           naddrs;
    ngx_uint_t           next;      /* of these */

    u_char               host[NGX_KAFKA_SSE_REDIS_HOST];
    u_char               text[NGX_KAFKA_SSE_REDIS_HOST + sizeof("[]:65535")];

    /* the thread's, while there is one */

    char                 asked[NGX_KAFKA_SSE_REDIS_HOST];
    struct addrinfo     *found;     /* NULL: no such name */
    ngx_atomic_t         state;     /* of the look-up */

    unsigned             fixed:1;   /* an address, nothing to look up */
} ngx_kafka_sse_redis_host_t;


/* host is zeroed memory that is never freed */

void ngx_kafka_sse_redis_host_init(ngx_kafka_sse_redis_host_t *host,
    ngx_kafka_sse_redis_server_t *server, ngx_log_t *log);

/*
 * Another host, copied: an address or a name, of which there is nothing known
 * yet.  NGX_ERROR if it is too long or empty.
 */

ngx_int_t ngx_kafka_sse_redis_host_set(ngx_kafka_sse_redis_host_t *host,
    ngx_str_t *name, in_port_t port, ngx_log_t *log);

/* whether it is this one */

ngx_uint_t ngx_kafka_sse_redis_host_is(ngx_kafka_sse_redis_host_t *host,
    ngx_str_t *name, in_port_t port);

/*
 * The next address; behind the last one the first.  NGX_AGAIN: the name is
 * being looked up, come back; NGX_ERROR: there is no such name.
 */

ngx_int_t ngx_kafka_sse_redis_host_next(ngx_kafka_sse_redis_host_t *host,
    struct sockaddr **sockaddr, socklen_t *socklen);

/* all addresses were tried: looks the name up again, for the next time */

ngx_uint_t ngx_kafka_sse_redis_host_is_tried(
    ngx_kafka_sse_redis_host_t *host);


#endif /* _NGX_KAFKA_SSE_REDIS_HOST_H_INCLUDED_ */
