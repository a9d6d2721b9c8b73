
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <companion/ngx_kafka_sse_redis_link.h>


#define NGX_KAFKA_SSE_REDIS_TIMEOUT      2000     /* ms, without an answer */
#define NGX_KAFKA_SSE_REDIS_SILENCE      1000     /* ms, then we ping */
#define NGX_KAFKA_SSE_REDIS_BACKOFF      100      /* ms, doubled up to */
#define NGX_KAFKA_SSE_REDIS_MAX_BACKOFF  1000     /* ms */
#define NGX_KAFKA_SSE_REDIS_NEXT         20       /* ms, before another address
                                                     or for a name's */
#define NGX_KAFKA_SSE_REDIS_REDIRECTS    5        /* at once, then it is a
                                                     failure */

#define NGX_KAFKA_SSE_REDIS_BUFFER       65536    /* bytes of one read */
#define NGX_KAFKA_SSE_REDIS_TURN         1048576  /* bytes read in one turn of
                                                     the event loop */


static ngx_int_t ngx_kafka_sse_redis_link_connected(
    ngx_kafka_sse_redis_link_t *link);
static ngx_int_t ngx_kafka_sse_redis_link_open(
    ngx_kafka_sse_redis_link_t *link);
#if (NGX_SSL)
static ngx_int_t ngx_kafka_sse_redis_link_handshake(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_handshake_handler(ngx_connection_t *c);
#endif
static void ngx_kafka_sse_redis_link_disconnect(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_leave(ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_refused(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_broken(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, char *reason);
static void ngx_kafka_sse_redis_link_failed(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, char *reason);
static void ngx_kafka_sse_redis_link_ended(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, ngx_str_t *reason);
static ngx_uint_t ngx_kafka_sse_redis_link_is_news(
    ngx_kafka_sse_redis_link_t *link, ngx_err_t err, ngx_str_t *reason);

static void ngx_kafka_sse_redis_link_timer_handler(ngx_event_t *ev);
static void ngx_kafka_sse_redis_link_post_handler(ngx_event_t *ev);
static void ngx_kafka_sse_redis_link_write_handler(ngx_event_t *wev);
static void ngx_kafka_sse_redis_link_read_handler(ngx_event_t *rev);
static void ngx_kafka_sse_redis_link_send(ngx_kafka_sse_redis_link_t *link);
static ngx_int_t ngx_kafka_sse_redis_link_write(
    ngx_kafka_sse_redis_link_t *link);
static ngx_chain_t *ngx_kafka_sse_redis_link_gather(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_receive(
    ngx_kafka_sse_redis_link_t *link);


ngx_int_t
ngx_kafka_sse_redis_link_init(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_conf_t *conf, ngx_array_t *servers, ngx_pool_t *pool,
    ngx_log_t *log)
{
    ngx_uint_t  i;

    if (ngx_kafka_sse_redis_route_init(&link->route, servers, pool, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    link->buf = ngx_palloc(pool, NGX_KAFKA_SSE_REDIS_BUFFER);
    if (link->buf == NULL) {
        return NGX_ERROR;
    }

    link->ident = -1;
    link->conf = conf;
    link->log = log;
    link->backoff = NGX_KAFKA_SSE_REDIS_BACKOFF;

    /*
     * nginx logs each failed connect(), recv() and writev(); we log once what
     * it means, so of nginx only what is a bug remains
     */

    link->quiet = *log;

    if (!(log->log_level & NGX_LOG_DEBUG_ALL)) {
        link->quiet.log_level = ngx_min(log->log_level, NGX_LOG_ALERT);
    }

#if (NGX_SSL)
    if (conf->ssl
        && ngx_kafka_sse_redis_tls_init(&link->tls, pool, &link->quiet)
           != NGX_OK)
    {
        return NGX_ERROR;
    }
#endif

    link->timer.handler = ngx_kafka_sse_redis_link_timer_handler;
    link->timer.data = link;
    link->timer.log = log;
    link->timer.cancelable = 1;

    link->post.handler = ngx_kafka_sse_redis_link_post_handler;
    link->post.data = link;
    link->post.log = log;

    for (i = 0; i < NGX_KAFKA_SSE_REDIS_BUFS; i++) {
        link->bufs[i].memory = 1;
        link->chain[i].buf = &link->bufs[i];
    }

    return NGX_OK;
}


void
ngx_kafka_sse_redis_link_connect(ngx_kafka_sse_redis_link_t *link)
{
    ngx_int_t                    rc;
    ngx_connection_t            *c;
    ngx_peer_connection_t       *pc;
    ngx_kafka_sse_redis_host_t  *host;

    host = link->route.host;
    pc = &link->peer;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));

    rc = ngx_kafka_sse_redis_host_next(host, &pc->sockaddr, &pc->socklen);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(&link->timer, NGX_KAFKA_SSE_REDIS_NEXT);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_redis_link_failed(link, 0, "the host was not found");
        return;
    }

    pc->name = &host->name;
    pc->get = ngx_event_get_peer;
    pc->log = link->conf->ssl ? &link->tls.log : &link->quiet;
    pc->log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(pc);

    if (rc == NGX_DECLINED) {
        ngx_kafka_sse_redis_link_failed(link, ngx_socket_errno,
                                        "connect() failed");
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_redis_link_failed(link, 0,
                                        "no connection could be made");
        return;
    }

    c = pc->connection;

    c->data = link;
    c->read->handler = ngx_kafka_sse_redis_link_read_handler;
    c->write->handler = ngx_kafka_sse_redis_link_write_handler;

    link->since = ngx_current_msec;

    ngx_add_timer(&link->timer, NGX_KAFKA_SSE_REDIS_SILENCE);

    if (rc == NGX_OK) {
        (void) ngx_kafka_sse_redis_link_connected(link);
    }
}


ngx_int_t
ngx_kafka_sse_redis_link_send_to(ngx_kafka_sse_redis_link_t *link,
    ngx_str_t *host, in_port_t port)
{
    ngx_int_t  rc;

    rc = ngx_kafka_sse_redis_route_send(&link->route, host, port);

    if (rc == NGX_OK) {
        link->backoff = NGX_KAFKA_SSE_REDIS_BACKOFF;

        ngx_kafka_sse_redis_link_leave(link);

        ngx_add_timer(&link->timer, 1);
    }

    return rc;
}


void
ngx_kafka_sse_redis_link_post(ngx_kafka_sse_redis_link_t *link)
{
    /* the queue of the next turn, as we may be called outside of this one */

    if (link->peer.connection) {
        ngx_post_event(&link->post, &ngx_posted_next_events);
    }
}


void
ngx_kafka_sse_redis_link_up(ngx_kafka_sse_redis_link_t *link)
{
    if (link->failing) {
        ngx_log_error(NGX_LOG_NOTICE, link->log, 0,
                      "kafka_sse: %s \"%V\" works now, after %M ms",
                      link->doing, &link->route.host->name,
                      ngx_current_msec - link->down);
    }

    link->up = 1;
    link->redirects = 0;
    link->failing = 0;
    link->nreasons = 0;
    link->backoff = NGX_KAFKA_SSE_REDIS_BACKOFF;
}


void
ngx_kafka_sse_redis_link_hurry(ngx_kafka_sse_redis_link_t *link)
{
    if (link->timer.timer_set && link->peer.connection == NULL) {
        ngx_add_timer(&link->timer, 0);
    }
}


static ngx_int_t
ngx_kafka_sse_redis_link_connected(ngx_kafka_sse_redis_link_t *link)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = link->peer.connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_kafka_sse_redis_link_failed(link, err, "connect() failed");
        return NGX_ERROR;
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_kafka_sse_redis_link_failed(link, ngx_socket_errno,
                                        "setsockopt(TCP_NODELAY) failed");
        return NGX_ERROR;
    }

#if (NGX_SSL)
    if (link->conf->ssl) {
        return ngx_kafka_sse_redis_link_handshake(link);
    }
#endif

    return ngx_kafka_sse_redis_link_open(link);
}


static ngx_int_t
ngx_kafka_sse_redis_link_open(ngx_kafka_sse_redis_link_t *link)
{
    if (ngx_kafka_sse_redis_session_open(&link->session, link->conf, link->log)
        != NGX_OK)
    {
        ngx_kafka_sse_redis_link_refused(link);
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_link_post(link);

    return NGX_OK;
}


#if (NGX_SSL)

static ngx_int_t
ngx_kafka_sse_redis_link_handshake(ngx_kafka_sse_redis_link_t *link)
{
    ngx_int_t          rc;
    ngx_str_t          name;
    ngx_connection_t  *c;

    c = link->peer.connection;

    name.data = link->route.host->host;
    name.len = ngx_strlen(name.data);

    /* it has as much time as it took to connect */

    link->since = ngx_current_msec;

    rc = ngx_kafka_sse_redis_tls_handshake(&link->tls, link->conf, c, &name,
                                ngx_kafka_sse_redis_link_handshake_handler);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (c->ssl == NULL) {
        ngx_kafka_sse_redis_link_broken(link, 0, "no memory for TLS");
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_link_handshake_handler(c);

    /* what it has to read or write it does in the next turn */

    return NGX_AGAIN;
}


static void
ngx_kafka_sse_redis_link_handshake_handler(ngx_connection_t *c)
{
    ngx_kafka_sse_redis_link_t  *link;

    link = c->data;

    c->read->handler = ngx_kafka_sse_redis_link_read_handler;
    c->write->handler = ngx_kafka_sse_redis_link_write_handler;

    if (ngx_kafka_sse_redis_tls_verify(&link->tls, c) != NGX_OK) {
        ngx_kafka_sse_redis_link_broken(link, 0, "the TLS handshake failed");
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "kafka_sse redis link has TLS, %s \"%V\"",
                   link->doing, &link->route.host->name);

    link->since = ngx_current_msec;

    if (ngx_kafka_sse_redis_link_open(link) != NGX_OK) {
        return;
    }

    /* OpenSSL may have taken more than its own from the socket */

    ngx_post_event(c->read, &ngx_posted_next_events);
}

#endif


static void
ngx_kafka_sse_redis_link_disconnect(ngx_kafka_sse_redis_link_t *link)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->post.posted) {
        ngx_delete_posted_event(&link->post);
    }

    if (link->peer.connection) {
#if (NGX_SSL)
        if (link->conf->ssl) {
            ngx_kafka_sse_redis_tls_close(&link->tls, link->peer.connection);
        }
#endif

        ngx_close_connection(link->peer.connection);
        link->peer.connection = NULL;
    }

    ngx_kafka_sse_redis_session_close(&link->session);
}


/* every connection, and every attempt to make one, ends here */

static void
ngx_kafka_sse_redis_link_leave(ngx_kafka_sse_redis_link_t *link)
{
    ngx_kafka_sse_redis_link_disconnect(link);

    if (link->up) {
        link->up = 0;
        link->losses++;
    }

    if (link->lost) {
        link->lost(link);
    }
}


/* the session has ended itself; it may say where to go on */

static void
ngx_kafka_sse_redis_link_refused(ngx_kafka_sse_redis_link_t *link)
{
    ngx_int_t                       rc;
    ngx_kafka_sse_redis_session_t  *session;

    session = &link->session;

    if (!session->moved
        || link->redirects == NGX_KAFKA_SSE_REDIS_REDIRECTS)
    {
        link->redirects = 0;
        ngx_kafka_sse_redis_link_ended(link, 0, &session->error);
        return;
    }

    link->redirects++;

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "kafka_sse redis link is sent on by \"%V\", %s: %V, "
                   "redirects:%ui", &link->route.host->name, link->doing,
                   &session->error, link->redirects);

    rc = session->port ? ngx_kafka_sse_redis_route_send(&link->route,
                                                        &session->host,
                                                        session->port)
                       : NGX_DECLINED;

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_redis_link_ended(link, 0, &session->error);
        return;
    }

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, link->log, 0,
                      "kafka_sse: %s goes on at \"%V\"",
                      link->doing, &link->route.host->name);
    }

    ngx_kafka_sse_redis_link_leave(link);

    ngx_add_timer(&link->timer, 1);
}


/* as below, but TLS may know better */

static void
ngx_kafka_sse_redis_link_broken(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, char *reason)
{
    if (link->conf->ssl && link->tls.reason.len) {
        ngx_kafka_sse_redis_link_ended(link, 0, &link->tls.reason);
        return;
    }

    ngx_kafka_sse_redis_link_failed(link, err, reason);
}


static void
ngx_kafka_sse_redis_link_failed(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, char *reason)
{
    ngx_str_t  str;

    str.len = ngx_strlen(reason);
    str.data = (u_char *) reason;

    ngx_kafka_sse_redis_link_ended(link, err, &str);
}


static void
ngx_kafka_sse_redis_link_ended(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, ngx_str_t *reason)
{
    ngx_msec_t                   delay;
    ngx_uint_t                   other;
    ngx_kafka_sse_redis_host_t  *host;

    if (!link->failing) {
        link->failing = 1;
        link->down = ngx_current_msec;
    }

    host = link->route.host;
    delay = NGX_KAFKA_SSE_REDIS_NEXT;

    /* a name may have an address where nobody is, as "localhost" has ::1 */

    other = err && !link->up && host->next < host->naddrs;

    if (ngx_kafka_sse_redis_route_fail(&link->route)) {
        delay = link->backoff + ngx_random() % (link->backoff / 8);

        link->backoff = ngx_min(2 * link->backoff,
                                NGX_KAFKA_SSE_REDIS_MAX_BACKOFF);
    }

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, link->log, err,
                   "kafka_sse redis link ended, up:%ui, %s \"%V\": %V, "
                   "next in %M ms", (ngx_uint_t) link->up, link->doing,
                   &host->name, reason, delay);

    if (!other && ngx_kafka_sse_redis_link_is_news(link, err, reason)) {
        ngx_log_error(NGX_LOG_ERR, link->log, err,
                      "kafka_sse: %s \"%V\" failed: %V, "
                      "next attempt in %M ms",
                      link->doing, &host->name, reason, delay);
    }

    ngx_kafka_sse_redis_link_leave(link);

    ngx_add_timer(&link->timer, delay);
}


/*
 * While Redis is away each attempt fails: each reason is logged once.  A new
 * one is worth a line, as when Redis comes back with another password.
 */

static ngx_uint_t
ngx_kafka_sse_redis_link_is_news(ngx_kafka_sse_redis_link_t *link,
    ngx_err_t err, ngx_str_t *reason)
{
    uint32_t    hash;
    ngx_uint_t  i;

    hash = ngx_crc32_long(reason->data, reason->len) ^ (uint32_t) err;

    for (i = 0; i < link->nreasons; i++) {
        if (link->reasons[i] == hash) {
            return 0;
        }
    }

    if (link->nreasons == NGX_KAFKA_SSE_REDIS_REASONS) {
        return 0;
    }

    link->reasons[link->nreasons++] = hash;

    return 1;
}


/*
 * The next attempt, the next PING or the end of our patience.  It is not moved
 * with each message, it looks when it fires.
 */

static void
ngx_kafka_sse_redis_link_timer_handler(ngx_event_t *ev)
{
    ngx_msec_t                      silence, delay;
    ngx_uint_t                      handshake;
    ngx_kafka_sse_redis_link_t     *link;
    ngx_kafka_sse_redis_session_t  *session;

    link = ev->data;
    session = &link->session;

    if (link->peer.connection == NULL) {
        ngx_kafka_sse_redis_link_connect(link);
        return;
    }

    silence = ngx_current_msec - link->since;
    delay = NGX_KAFKA_SSE_REDIS_SILENCE;

    if (!ngx_kafka_sse_redis_session_is_open(session)
        || ngx_kafka_sse_redis_session_is_busy(session))
    {
        if (silence >= NGX_KAFKA_SSE_REDIS_TIMEOUT) {

            /* TLS has taken a pool, and the session not begun */

            handshake = link->peer.connection->pool
                        && !ngx_kafka_sse_redis_session_is_open(session);

            ngx_kafka_sse_redis_link_failed(link, NGX_ETIMEDOUT,
                                            handshake ? "no answer in the TLS "
                                                        "handshake"
                                                      : "no answer");
            return;
        }

        delay = ngx_min(delay, NGX_KAFKA_SSE_REDIS_TIMEOUT - silence);

    } else if (silence < NGX_KAFKA_SSE_REDIS_SILENCE) {
        delay -= silence;

    } else {
        if (ngx_kafka_sse_redis_session_ping(session) != NGX_OK) {
            ngx_kafka_sse_redis_link_refused(link);
            return;
        }

        ngx_kafka_sse_redis_link_post(link);
    }

    ngx_add_timer(ev, delay);
}


static void
ngx_kafka_sse_redis_link_post_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_redis_link_t  *link;

    link = ev->data;

    if (ngx_kafka_sse_redis_session_turn(&link->session) != NGX_OK) {
        ngx_kafka_sse_redis_link_refused(link);
        return;
    }

    if (link->peer.connection) {
        ngx_kafka_sse_redis_link_send(link);
    }
}


static void
ngx_kafka_sse_redis_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t            *c;
    ngx_kafka_sse_redis_link_t  *link;

    c = wev->data;
    link = c->data;

    if (!ngx_kafka_sse_redis_session_is_open(&link->session)
        && ngx_kafka_sse_redis_link_connected(link) != NGX_OK)
    {
        return;
    }

    ngx_kafka_sse_redis_link_send(link);
}


static void
ngx_kafka_sse_redis_link_read_handler(ngx_event_t *rev)
{
    ngx_connection_t            *c;
    ngx_kafka_sse_redis_link_t  *link;

    c = rev->data;
    link = c->data;

    if (!ngx_kafka_sse_redis_session_is_open(&link->session)
        && ngx_kafka_sse_redis_link_connected(link) != NGX_OK)
    {
        return;
    }

    ngx_kafka_sse_redis_link_receive(link);
}


static void
ngx_kafka_sse_redis_link_send(ngx_kafka_sse_redis_link_t *link)
{
    off_t              before;
    ngx_err_t          err;
    ngx_int_t          rc;
    ngx_uint_t         due;
    ngx_connection_t  *c;

    c = link->peer.connection;

    while (c->write->ready) {

        before = c->sent;
        due = ngx_kafka_sse_redis_session_is_due(&link->session);

        rc = ngx_kafka_sse_redis_link_write(link);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            err = ngx_socket_errno;

            /* the last words of Redis may tell more */

            ngx_kafka_sse_redis_link_receive(link);

            if (link->peer.connection) {
                ngx_kafka_sse_redis_link_broken(link, err, "send() failed");
            }

            return;
        }

        /* a large message on a slow network: Redis cannot answer it yet */

        if (c->sent > before && !due) {
            link->since = ngx_current_msec;
        }

        if (rc == NGX_AGAIN) {
            break;
        }
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_kafka_sse_redis_link_failed(link, 0, "the event could not be set");
    }
}


/* NGX_DONE: there is nothing to be written */

static ngx_int_t
ngx_kafka_sse_redis_link_write(ngx_kafka_sse_redis_link_t *link)
{
    off_t              before;
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = link->peer.connection;

#if (NGX_SSL)
    if (link->conf->ssl) {
        return ngx_kafka_sse_redis_tls_write(&link->tls, c, &link->session);
    }
#endif

    cl = ngx_kafka_sse_redis_link_gather(link);
    if (cl == NULL) {
        return NGX_DONE;
    }

    before = c->sent;

    if (c->send_chain(c, cl, 0) == NGX_CHAIN_ERROR) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_session_sent(&link->session, c->sent - before);

    return NGX_OK;
}


static ngx_chain_t *
ngx_kafka_sse_redis_link_gather(ngx_kafka_sse_redis_link_t *link)
{
    ngx_uint_t  i, n;

    n = ngx_kafka_sse_redis_session_peek(&link->session, link->bufs,
                                         NGX_KAFKA_SSE_REDIS_BUFS);
    if (n == 0) {
        return NULL;
    }

    for (i = 0; i < n - 1; i++) {
        link->chain[i].next = &link->chain[i + 1];
    }

    link->chain[i].next = NULL;

    return link->chain;
}


static void
ngx_kafka_sse_redis_link_receive(ngx_kafka_sse_redis_link_t *link)
{
    size_t             total;
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = link->peer.connection;

    for (total = 0; total < NGX_KAFKA_SSE_REDIS_TURN; total += n) {

        n = c->recv(c, link->buf, NGX_KAFKA_SSE_REDIS_BUFFER);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_kafka_sse_redis_link_failed(link, 0,
                                                "the event could not be set");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_kafka_sse_redis_link_broken(link, ngx_socket_errno,
                                            "recv() failed");
            return;
        }

        if (n == 0) {
            ngx_kafka_sse_redis_link_broken(link, 0,
                                            "the connection was closed");
            return;
        }

        link->since = ngx_current_msec;

        rc = ngx_kafka_sse_redis_session_feed(&link->session, link->buf, n);

        if (rc == NGX_DONE) {
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_kafka_sse_redis_link_refused(link);
            return;
        }

        if (ngx_kafka_sse_redis_session_peek(&link->session, link->bufs, 1)) {
            ngx_kafka_sse_redis_link_post(link);
        }
    }

    ngx_post_event(c->read, &ngx_posted_next_events);
}
