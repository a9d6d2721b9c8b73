
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis_link.h>


#define NGX_KAFKA_SSE_REDIS_TIMEOUT      2000     /* ms, without an answer */
#define NGX_KAFKA_SSE_REDIS_SILENCE      1000     /* ms, then we ping */
#define NGX_KAFKA_SSE_REDIS_BACKOFF      100      /* ms, doubled up to */
#define NGX_KAFKA_SSE_REDIS_MAX_BACKOFF  2000     /* ms */

#define NGX_KAFKA_SSE_REDIS_BUFFER       65536    /* bytes of one read */
#define NGX_KAFKA_SSE_REDIS_TURN         1048576  /* bytes read in one turn of
                                                     the event loop */
#define NGX_KAFKA_SSE_REDIS_REASON       512      /* bytes */


static ngx_int_t ngx_kafka_sse_redis_link_connected(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_greet(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_command_e last);
static void ngx_kafka_sse_redis_link_disconnect(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_cdecl ngx_kafka_sse_redis_link_fail(
    ngx_kafka_sse_redis_link_t *link, ngx_err_t err, const char *fmt, ...);
static ngx_uint_t ngx_kafka_sse_redis_link_is_news(
    ngx_kafka_sse_redis_link_t *link, u_char *reason, size_t len,
    ngx_err_t err);

static void ngx_kafka_sse_redis_link_timer_handler(ngx_event_t *ev);
static void ngx_kafka_sse_redis_link_post_handler(ngx_event_t *ev);
static void ngx_kafka_sse_redis_link_write_handler(ngx_event_t *wev);
static void ngx_kafka_sse_redis_link_read_handler(ngx_event_t *rev);

static void ngx_kafka_sse_redis_link_send(ngx_kafka_sse_redis_link_t *link);
static ngx_chain_t *ngx_kafka_sse_redis_link_gather(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_sent(ngx_kafka_sse_redis_link_t *link,
    size_t sent);

static void ngx_kafka_sse_redis_link_receive(
    ngx_kafka_sse_redis_link_t *link);
static ngx_int_t ngx_kafka_sse_redis_link_parse(
    ngx_kafka_sse_redis_link_t *link);
static void ngx_kafka_sse_redis_link_reply(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply);
static void ngx_kafka_sse_redis_link_published(
    ngx_kafka_sse_redis_link_t *link, redisReply *reply);
static void ngx_kafka_sse_redis_link_answered(
    ngx_kafka_sse_redis_link_t *link, redisReply *reply);
static void ngx_kafka_sse_redis_link_refused(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_link_is_harmless(
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_link_is_push(redisReply *reply,
    const char *kind, int type);


static char  *ngx_kafka_sse_redis_commands[] = {
    "unasked",
    "connect",
    "AUTH",
    "SELECT",
    "CLIENT",
    "PING",
    "SUBSCRIBE"
};


ngx_int_t
ngx_kafka_sse_redis_link_init(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_conf_t *conf, ngx_pool_t *pool, ngx_log_t *log)
{
    ngx_uint_t  i;

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
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    addr = link->conf->addr;
    pc = &link->peer;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));

    pc->sockaddr = addr->sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;
    pc->get = ngx_event_get_peer;
    pc->log = &link->quiet;
    pc->log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(pc);

    if (rc == NGX_DECLINED) {
        ngx_kafka_sse_redis_link_fail(link, ngx_socket_errno,
                                      "connect() failed");
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_redis_link_fail(link, 0, "no connection could be made");
        return;
    }

    c = pc->connection;

    c->data = link;
    c->read->handler = ngx_kafka_sse_redis_link_read_handler;
    c->write->handler = ngx_kafka_sse_redis_link_write_handler;

    link->reader = redisReaderCreate();
    if (link->reader == NULL) {
        ngx_kafka_sse_redis_link_fail(link, NGX_ENOMEM, "no memory");
        return;
    }

    /* what a large message has left behind is freed before the next read */

    link->reader->maxbuf = 2 * NGX_KAFKA_SSE_REDIS_BUFFER;

    link->command = NGX_KAFKA_SSE_REDIS_CONNECT;
    link->since = ngx_current_msec;

    ngx_add_timer(&link->timer, NGX_KAFKA_SSE_REDIS_SILENCE);

    if (rc == NGX_OK) {
        (void) ngx_kafka_sse_redis_link_connected(link);
    }
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
ngx_kafka_sse_redis_link_command(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *args, ngx_uint_t n)
{
    char        *name;
    u_char      *p;
    size_t       size;
    ngx_uint_t   i;

    name = ngx_kafka_sse_redis_commands[command];

    size = sizeof("*" CRLF "$" CRLF CRLF) - 1
           + 2 * NGX_SIZE_T_LEN + ngx_strlen(name);

    for (i = 0; i < n; i++) {
        size += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + args[i].len;
    }

    p = ngx_alloc(size, link->log);
    if (p == NULL) {
        ngx_kafka_sse_redis_link_fail(link, NGX_ENOMEM, "no memory");
        return;
    }

    link->out = p;
    link->out_sent = 0;

    p = ngx_sprintf(p, "*%ui" CRLF "$%uz" CRLF "%s" CRLF,
                    n + 1, ngx_strlen(name), name);

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "$%uz" CRLF "%V" CRLF, args[i].len, &args[i]);
    }

    link->out_len = p - link->out;

    link->command = command;
    link->answers = (command == NGX_KAFKA_SSE_REDIS_SUBSCRIBE) ? n : 1;
    link->since = ngx_current_msec;

    ngx_kafka_sse_redis_link_post(link);
}


void
ngx_kafka_sse_redis_link_up(ngx_kafka_sse_redis_link_t *link)
{
    if (link->failing) {
        ngx_log_error(NGX_LOG_NOTICE, link->log, 0,
                      "kafka_sse: %s to Redis \"%V\" works now, after %M ms",
                      link->doing, &link->conf->name,
                      ngx_current_msec - link->down);
    }

    link->up = 1;
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


void
ngx_kafka_sse_redis_link_close(ngx_kafka_sse_redis_link_t *link)
{
    ngx_kafka_sse_redis_link_disconnect(link);

    link->up = 0;
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
        ngx_kafka_sse_redis_link_fail(link, err, "connect() failed");
        return NGX_ERROR;
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_kafka_sse_redis_link_fail(link, ngx_socket_errno,
                                      "setsockopt(TCP_NODELAY) failed");
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_link_greet(link, NGX_KAFKA_SSE_REDIS_CONNECT);

    return link->peer.connection ? NGX_OK : NGX_ERROR;
}


static void
ngx_kafka_sse_redis_link_greet(ngx_kafka_sse_redis_link_t *link,
    ngx_kafka_sse_redis_command_e last)
{
    u_char                       buf[NGX_INT_T_LEN];
    ngx_str_t                    args[2];
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = link->conf;

    if (last < NGX_KAFKA_SSE_REDIS_AUTH && conf->password.len) {
        args[0] = conf->user;
        args[1] = conf->password;

        if (conf->user.len) {
            ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_AUTH,
                                             args, 2);
            return;
        }

        ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_AUTH,
                                         &args[1], 1);
        return;
    }

    if (last < NGX_KAFKA_SSE_REDIS_SELECT && conf->db) {
        args[0].data = buf;
        args[0].len = ngx_sprintf(buf, "%ui", conf->db) - buf;

        ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_SELECT,
                                         args, 1);
        return;
    }

    if (last < NGX_KAFKA_SSE_REDIS_SETNAME) {
        ngx_str_set(&args[0], "SETNAME");
        ngx_str_set(&args[1], "kafka_sse");

        ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_SETNAME,
                                         args, 2);
        return;
    }

    /* unlike the others it is refused while Redis is loading its data */

    if (last < NGX_KAFKA_SSE_REDIS_PING) {
        ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_PING, NULL,
                                         0);
        return;
    }

    link->ready = 1;

    ngx_kafka_sse_redis_link_post(link);

    link->idle(link);
}


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
        ngx_close_connection(link->peer.connection);
        link->peer.connection = NULL;
    }

    if (link->reader) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }

    if (link->out) {
        ngx_free(link->out);
        link->out = NULL;
    }

    link->command = NGX_KAFKA_SSE_REDIS_NONE;
    link->ready = 0;
}


/* the end of every connection, and of every attempt */

static void ngx_cdecl
ngx_kafka_sse_redis_link_fail(ngx_kafka_sse_redis_link_t *link, ngx_err_t err,
    const char *fmt, ...)
{
    u_char      *last, reason[NGX_KAFKA_SSE_REDIS_REASON];
    va_list      args;
    ngx_msec_t   delay;

    va_start(args, fmt);
    last = ngx_vslprintf(reason, reason + NGX_KAFKA_SSE_REDIS_REASON, fmt,
                         args);
    va_end(args);

    ngx_kafka_sse_redis_link_disconnect(link);

    if (link->up) {
        link->up = 0;
        link->losses++;
    }

    if (!link->failing) {
        link->failing = 1;
        link->down = ngx_current_msec;
    }

    if (ngx_kafka_sse_redis_link_is_news(link, reason, last - reason, err)) {
        ngx_log_error(NGX_LOG_ERR, link->log, err,
                      "kafka_sse: %s to Redis \"%V\" failed: %*s, "
                      "trying again",
                      link->doing, &link->conf->name,
                      (size_t) (last - reason), reason);
    }

    delay = link->backoff + ngx_random() % (link->backoff / 8);

    link->backoff = ngx_min(2 * link->backoff,
                            NGX_KAFKA_SSE_REDIS_MAX_BACKOFF);

    ngx_add_timer(&link->timer, delay);

    if (link->queue) {
        ngx_kafka_sse_redis_queue_rewind(link->queue);
    }

    if (link->lost) {
        link->lost(link);
    }
}


/*
 * While Redis is away each attempt fails: each reason is logged once.  A new
 * one is worth a line, as when Redis comes back with another password.
 */

static ngx_uint_t
ngx_kafka_sse_redis_link_is_news(ngx_kafka_sse_redis_link_t *link,
    u_char *reason, size_t len, ngx_err_t err)
{
    uint32_t    hash;
    ngx_uint_t  i;

    hash = ngx_crc32_long(reason, len) ^ (uint32_t) err;

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
    ngx_msec_t                    silence, delay;
    ngx_kafka_sse_redis_link_t   *link;
    ngx_kafka_sse_redis_queue_t  *queue;

    link = ev->data;
    queue = link->queue;

    if (link->peer.connection == NULL) {
        ngx_kafka_sse_redis_link_connect(link);
        return;
    }

    silence = ngx_current_msec - link->since;

    if (link->command != NGX_KAFKA_SSE_REDIS_NONE
        || (queue && queue->bytes_sent > queue->bytes_accepted))
    {
        if (silence >= NGX_KAFKA_SSE_REDIS_TIMEOUT) {
            ngx_kafka_sse_redis_link_fail(link, NGX_ETIMEDOUT, "no answer");
            return;
        }

        ngx_add_timer(ev, ngx_min(NGX_KAFKA_SSE_REDIS_TIMEOUT - silence,
                                  NGX_KAFKA_SSE_REDIS_SILENCE));
        return;
    }

    delay = NGX_KAFKA_SSE_REDIS_SILENCE;

    if (silence < NGX_KAFKA_SSE_REDIS_SILENCE) {
        ngx_add_timer(ev, delay - silence);
        return;
    }

    ngx_add_timer(ev, delay);

    ngx_kafka_sse_redis_link_command(link, NGX_KAFKA_SSE_REDIS_PING, NULL, 0);
}


static void
ngx_kafka_sse_redis_link_post_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_redis_link_t  *link;

    link = ev->data;

    if (link->ready && link->command == NGX_KAFKA_SSE_REDIS_NONE) {
        link->idle(link);
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

    if (link->command == NGX_KAFKA_SSE_REDIS_CONNECT
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

    if (link->command == NGX_KAFKA_SSE_REDIS_CONNECT
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
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (link->command == NGX_KAFKA_SSE_REDIS_CONNECT) {
        return;
    }

    while (c->write->ready) {

        cl = ngx_kafka_sse_redis_link_gather(link);
        if (cl == NULL) {
            break;
        }

        before = c->sent;

        cl = c->send_chain(c, cl, 0);

        if (cl == NGX_CHAIN_ERROR) {
            err = ngx_socket_errno;

            /* the last words of Redis may tell more */

            ngx_kafka_sse_redis_link_receive(link);

            if (link->peer.connection) {
                ngx_kafka_sse_redis_link_fail(link, err, "send() failed");
            }

            return;
        }

        ngx_kafka_sse_redis_link_sent(link, c->sent - before);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_kafka_sse_redis_link_fail(link, 0, "the event could not be set");
    }
}


static ngx_chain_t *
ngx_kafka_sse_redis_link_gather(ngx_kafka_sse_redis_link_t *link)
{
    ngx_uint_t  i, n;

    n = 0;

    if (link->out) {
        link->bufs[0].pos = link->out + link->out_sent;
        link->bufs[0].last = link->out + link->out_len;
        n = 1;
    }

    if (link->ready && link->queue) {
        n += ngx_kafka_sse_redis_queue_peek(link->queue, &link->bufs[n],
                                            NGX_KAFKA_SSE_REDIS_BUFS - n);
    }

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
ngx_kafka_sse_redis_link_sent(ngx_kafka_sse_redis_link_t *link, size_t sent)
{
    size_t  left;

    if (link->out) {
        left = link->out_len - link->out_sent;

        if (sent < left) {
            link->out_sent += sent;
            return;
        }

        sent -= left;

        ngx_free(link->out);
        link->out = NULL;
    }

    if (sent == 0) {
        return;
    }

    /* a large message on a slow network: Redis cannot answer it yet */

    if (!ngx_kafka_sse_redis_queue_due(link->queue)) {
        link->since = ngx_current_msec;
    }

    ngx_kafka_sse_redis_queue_sent(link->queue, sent);
}


static void
ngx_kafka_sse_redis_link_receive(ngx_kafka_sse_redis_link_t *link)
{
    size_t             total;
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->peer.connection;

    for (total = 0; total < NGX_KAFKA_SSE_REDIS_TURN; total += n) {

        n = c->recv(c, link->buf, NGX_KAFKA_SSE_REDIS_BUFFER);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_kafka_sse_redis_link_fail(link, 0,
                                              "the event could not be set");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_kafka_sse_redis_link_fail(link, ngx_socket_errno,
                                          "recv() failed");
            return;
        }

        if (n == 0) {
            ngx_kafka_sse_redis_link_fail(link, 0,
                                          "the connection was closed");
            return;
        }

        link->since = ngx_current_msec;

        if (redisReaderFeed(link->reader, (char *) link->buf, n) != REDIS_OK) {
            ngx_kafka_sse_redis_link_fail(link, 0, "%s", link->reader->errstr);
            return;
        }

        if (ngx_kafka_sse_redis_link_parse(link) != NGX_OK) {
            return;
        }
    }

    ngx_post_event(c->read, &ngx_posted_next_events);
}


/* NGX_OK while the connection is there */

static ngx_int_t
ngx_kafka_sse_redis_link_parse(ngx_kafka_sse_redis_link_t *link)
{
    void  *reply;

    while (link->peer.connection) {

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            ngx_kafka_sse_redis_link_fail(link, 0, "%s", link->reader->errstr);
            break;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        ngx_kafka_sse_redis_link_reply(link, reply);

        freeReplyObject(reply);
    }

    return NGX_ERROR;
}


static void
ngx_kafka_sse_redis_link_reply(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply)
{
    ngx_str_t     channel, payload;
    redisReply  **elements;

    if (link->queue
        && link->command == NGX_KAFKA_SSE_REDIS_NONE
        && ngx_kafka_sse_redis_queue_due(link->queue))
    {
        ngx_kafka_sse_redis_link_published(link, reply);
        return;
    }

    if (link->message == NULL
        || !ngx_kafka_sse_redis_link_is_push(reply, "message",
                                             REDIS_REPLY_STRING))
    {
        ngx_kafka_sse_redis_link_answered(link, reply);
        return;
    }

    elements = reply->element;

    channel.len = elements[1]->len;
    channel.data = (u_char *) elements[1]->str;

    payload.len = elements[2]->len;
    payload.data = (u_char *) elements[2]->str;

    link->message(link, &channel, &payload);
}


static void
ngx_kafka_sse_redis_link_published(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply)
{
    ngx_str_t  *channel;

    if (reply->type == REDIS_REPLY_INTEGER) {
        link->accepted(link);
        return;
    }

    channel = ngx_kafka_sse_redis_queue_channel(link->queue);

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_kafka_sse_redis_link_fail(link, 0, "PUBLISH to \"%V\": \"%s\"",
                                      channel, reply->str);
        return;
    }

    ngx_kafka_sse_redis_link_fail(link, 0,
                                  "PUBLISH to \"%V\": unexpected reply",
                                  channel);
}


/* the answer to the one command that is on its way */

static void
ngx_kafka_sse_redis_link_answered(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply)
{
    ngx_kafka_sse_redis_command_e  command;

    command = link->command;

    if (reply->type == REDIS_REPLY_ERROR) {

        if (!ngx_kafka_sse_redis_link_is_harmless(command, reply)) {
            ngx_kafka_sse_redis_link_refused(link, reply);
            return;
        }

    } else if (command == NGX_KAFKA_SSE_REDIS_NONE
               || (command == NGX_KAFKA_SSE_REDIS_SUBSCRIBE)
                  != ngx_kafka_sse_redis_link_is_push(reply, "subscribe",
                                                      REDIS_REPLY_INTEGER))
    {
        ngx_kafka_sse_redis_link_fail(link, 0, "unexpected reply");
        return;
    }

    if (--link->answers) {
        return;
    }

    link->command = NGX_KAFKA_SSE_REDIS_NONE;

    if (!link->ready) {
        ngx_kafka_sse_redis_link_greet(link, command);
        return;
    }

    link->idle(link);
}


static void
ngx_kafka_sse_redis_link_refused(ngx_kafka_sse_redis_link_t *link,
    redisReply *reply)
{
    u_char     *p;
    ngx_str_t   words;

    words.data = (u_char *) reply->str;
    words.len = reply->len;

    /* Redis quotes the arguments of a command that it does not know */

    if (link->command == NGX_KAFKA_SSE_REDIS_AUTH) {
        p = ngx_strlchr(words.data, words.data + words.len, ',');

        if (p) {
            words.len = p - words.data;
        }
    }

    ngx_kafka_sse_redis_link_fail(link, 0, "%s: \"%V\"",
                                  ngx_kafka_sse_redis_commands[link->command],
                                  &words);
}


/*
 * A user of Redis with few permissions may neither have a name nor ping:
 * nothing depends on the name, and a refusal is a sign of life, too.
 */

static ngx_uint_t
ngx_kafka_sse_redis_link_is_harmless(ngx_kafka_sse_redis_command_e command,
    redisReply *reply)
{
    if (command != NGX_KAFKA_SSE_REDIS_SETNAME
        && command != NGX_KAFKA_SSE_REDIS_PING)
    {
        return 0;
    }

    return ngx_strncmp(reply->str, "NOPERM ", 7) == 0
           || ngx_strncmp(reply->str, "ERR unknown command", 19) == 0;
}


/* what a subscription brings: [kind, channel, something of this type] */

static ngx_uint_t
ngx_kafka_sse_redis_link_is_push(redisReply *reply, const char *kind, int type)
{
    return reply->type == REDIS_REPLY_ARRAY
           && reply->elements == 3
           && reply->element[0]->type == REDIS_REPLY_STRING
           && ngx_strcmp(reply->element[0]->str, kind) == 0
           && reply->element[1]->type == REDIS_REPLY_STRING
           && reply->element[2]->type == type;
}
