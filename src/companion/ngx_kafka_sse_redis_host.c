
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_host.h>
#include <companion/ngx_kafka_sse_thread.h>


/* state: only the thread writes DONE, and nothing after it */

#define NGX_KAFKA_SSE_REDIS_HOST_IDLE     0
#define NGX_KAFKA_SSE_REDIS_HOST_RUNNING  1
#define NGX_KAFKA_SSE_REDIS_HOST_DONE     2


static ngx_uint_t ngx_kafka_sse_redis_host_set_address(
    ngx_kafka_sse_redis_host_t *host, ngx_str_t *name);
static void ngx_kafka_sse_redis_host_look_up(ngx_kafka_sse_redis_host_t *host);
static void *ngx_kafka_sse_redis_host_thread(void *data);
static ngx_int_t ngx_kafka_sse_redis_host_take(
    ngx_kafka_sse_redis_host_t *host);
static void ngx_kafka_sse_redis_host_add(ngx_kafka_sse_redis_host_t *host,
    struct sockaddr *sockaddr, socklen_t socklen);


void
ngx_kafka_sse_redis_host_init(ngx_kafka_sse_redis_host_t *host,
    ngx_kafka_sse_redis_server_t *server, ngx_log_t *log)
{
    ngx_uint_t  i;

    if (server->port == 0
        || ngx_kafka_sse_redis_host_set(host, &server->host, server->port, log)
           != NGX_OK)
    {
        /* a unix socket, or a name that is too long for any name server */

        host->fixed = 1;
    }

    host->name = server->name;
    host->log = log;
    host->naddrs = 0;

    for (i = 0; i < server->naddrs; i++) {
        ngx_kafka_sse_redis_host_add(host, server->addrs[i].sockaddr,
                                     server->addrs[i].socklen);
    }
}


ngx_int_t
ngx_kafka_sse_redis_host_set(ngx_kafka_sse_redis_host_t *host,
    ngx_str_t *name, in_port_t port, ngx_log_t *log)
{
    ngx_uint_t  v6;

    if (name->len == 0 || name->len >= NGX_KAFKA_SSE_REDIS_HOST) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(host->host, name->data, name->len + 1);

    v6 = (ngx_strlchr(name->data, name->data + name->len, ':') != NULL);

    host->name.data = host->text;
    host->name.len = ngx_sprintf(host->text, v6 ? "[%V]:%d" : "%V:%d", name,
                                 (int) port)
                     - host->text;

    host->port = port;
    host->log = log;
    host->naddrs = 0;
    host->next = 0;
    host->fixed = ngx_kafka_sse_redis_host_set_address(host, name);

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_sse_redis_host_set_address(ngx_kafka_sse_redis_host_t *host,
    ngx_str_t *name)
{
    ngx_sockaddr_t  sa;

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    sa.sockaddr_in.sin_addr.s_addr = ngx_inet_addr(name->data, name->len);

    if (sa.sockaddr_in.sin_addr.s_addr != INADDR_NONE) {
        sa.sockaddr_in.sin_family = AF_INET;
        ngx_kafka_sse_redis_host_add(host, &sa.sockaddr,
                                     sizeof(struct sockaddr_in));
        return 1;
    }

#if (NGX_HAVE_INET6)

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    if (ngx_inet6_addr(name->data, name->len,
                       sa.sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sa.sockaddr_in6.sin6_family = AF_INET6;
        ngx_kafka_sse_redis_host_add(host, &sa.sockaddr,
                                     sizeof(struct sockaddr_in6));
        return 1;
    }

#endif

    return 0;
}


ngx_uint_t
ngx_kafka_sse_redis_host_is(ngx_kafka_sse_redis_host_t *host, ngx_str_t *name,
    in_port_t port)
{
    return host->port == port
           && ngx_strlen(host->host) == name->len
           && ngx_strncmp(host->host, name->data, name->len) == 0;
}


ngx_int_t
ngx_kafka_sse_redis_host_next(ngx_kafka_sse_redis_host_t *host,
    struct sockaddr **sockaddr, socklen_t *socklen)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_redis_host_take(host);

    if (host->naddrs == 0) {

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        ngx_kafka_sse_redis_host_look_up(host);

        return NGX_AGAIN;
    }

    if (host->next >= host->naddrs) {
        host->next = 0;
    }

    *sockaddr = &host->addrs[host->next].sockaddr;
    *socklen = host->lens[host->next];

    host->next++;

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_redis_host_is_tried(ngx_kafka_sse_redis_host_t *host)
{
    if (host->next < host->naddrs) {
        return 0;
    }

    /* without an address the next attempt asks, if it was not answered "no" */

    if (host->naddrs) {
        ngx_kafka_sse_redis_host_look_up(host);
    }

    return 1;
}


static void
ngx_kafka_sse_redis_host_look_up(ngx_kafka_sse_redis_host_t *host)
{
    if (host->fixed || host->state != NGX_KAFKA_SSE_REDIS_HOST_IDLE) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, host->log, 0,
                   "kafka_sse redis host \"%s\" is looked up", host->host);

    ngx_memcpy(host->asked, host->host, NGX_KAFKA_SSE_REDIS_HOST);
    host->state = NGX_KAFKA_SSE_REDIS_HOST_RUNNING;

    if (ngx_kafka_sse_thread_start(ngx_kafka_sse_redis_host_thread, host,
                                   host->log)
        != NGX_OK)
    {
        host->state = NGX_KAFKA_SSE_REDIS_HOST_IDLE;
    }
}


static void *
ngx_kafka_sse_redis_host_thread(void *data)
{
    ngx_kafka_sse_redis_host_t *host = data;

    struct addrinfo  hints;

    ngx_memzero(&hints, sizeof(struct addrinfo));

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;

    if (getaddrinfo(host->asked, NULL, &hints, &host->found) != 0) {
        host->found = NULL;
    }

    ngx_memory_barrier();

    host->state = NGX_KAFKA_SSE_REDIS_HOST_DONE;

    return NULL;
}


/*
 * What the thread has found, if it has.  NGX_ERROR: there is no such name; an
 * address that we know is not given up for that.
 */

static ngx_int_t
ngx_kafka_sse_redis_host_take(ngx_kafka_sse_redis_host_t *host)
{
    struct addrinfo  *found, *ai;

    if (host->state != NGX_KAFKA_SSE_REDIS_HOST_DONE) {
        return NGX_DECLINED;
    }

    ngx_memory_barrier();

    found = host->found;
    host->found = NULL;
    host->state = NGX_KAFKA_SSE_REDIS_HOST_IDLE;

    if (ngx_strcmp(host->asked, host->host) != 0 || host->fixed) {

        /* it was another host meanwhile */

        if (found) {
            freeaddrinfo(found);
        }

        return NGX_DECLINED;
    }

    if (found == NULL) {
        return NGX_ERROR;
    }

    host->naddrs = 0;
    host->next = 0;

    for (ai = found; ai; ai = ai->ai_next) {
        ngx_kafka_sse_redis_host_add(host, ai->ai_addr, ai->ai_addrlen);
    }

    freeaddrinfo(found);

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, host->log, 0,
                   "kafka_sse redis host \"%s\" has %ui addresses",
                   host->host, host->naddrs);

    return NGX_OK;
}


static void
ngx_kafka_sse_redis_host_add(ngx_kafka_sse_redis_host_t *host,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_sockaddr_t  *sa;

    if (host->naddrs == NGX_KAFKA_SSE_REDIS_ADDRS
        || socklen > (socklen_t) sizeof(ngx_sockaddr_t))
    {
        return;
    }

    sa = &host->addrs[host->naddrs];

    ngx_memcpy(sa, sockaddr, socklen);

    if (host->port) {
        ngx_inet_set_port(&sa->sockaddr, host->port);
    }

    host->lens[host->naddrs++] = socklen;
}
