
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis.h>


#define NGX_KAFKA_SSE_REDIS_TIMEOUT      2000     /* ms, without an answer */
#define NGX_KAFKA_SSE_REDIS_PING         1000     /* ms, without a word */
#define NGX_KAFKA_SSE_REDIS_BACKOFF      100      /* ms, doubled up to */
#define NGX_KAFKA_SSE_REDIS_MAX_BACKOFF  2000     /* ms */

#define NGX_KAFKA_SSE_REDIS_BUFFER       65536    /* bytes of one read */
#define NGX_KAFKA_SSE_REDIS_BUFS         64       /* in one write */
#define NGX_KAFKA_SSE_REDIS_TURN         1048576  /* bytes read in one turn of
                                                     the event loop */
#define NGX_KAFKA_SSE_REDIS_COPY         4096     /* a payload up to this size
                                                     is joined to its head */

#define NGX_KAFKA_SSE_REDIS_REASON       512      /* bytes */
#define NGX_KAFKA_SSE_REDIS_REASONS      8        /* logged in one outage */

/*
 * Redis takes messages faster than it hands them on, and cuts off a subscriber
 * that is 32 MB behind ("client-output-buffer-limit pubsub").  So we publish
 * no more than this ahead of our own subscription, in bytes.  How far that is
 * the answer to a PING on it tells: it comes after all that was accepted
 * before.  Other nodes may publish as well, and none is much slower than us.
 */

#define NGX_KAFKA_SSE_REDIS_WINDOW       1048576


/* in the order of a new connection; the last two also come later */

typedef enum {
    NGX_KAFKA_SSE_REDIS_NONE = 0,
    NGX_KAFKA_SSE_REDIS_CONNECT,
    NGX_KAFKA_SSE_REDIS_AUTH,
    NGX_KAFKA_SSE_REDIS_SELECT,
    NGX_KAFKA_SSE_REDIS_SETNAME,
    NGX_KAFKA_SSE_REDIS_PONG,
    NGX_KAFKA_SSE_REDIS_SUBSCRIBE
} ngx_kafka_sse_redis_command_e;


/*
 * One of the two connections.  At most one command but PUBLISH is on its way
 * at a time, and it is sent only when no PUBLISH is: so the answers need no
 * list to be told apart.
 */

typedef struct {
    ngx_kafka_sse_redis_t          *redis;
    redisReader                    *reader;      /* as long as connected */
    char                           *out;         /* command, hiredis' memory */

    /* ident must be after 3 pointers */
    ngx_int_t                       ident;

    size_t                          out_len;
    size_t                          out_sent;

    ngx_kafka_sse_redis_command_e   command;     /* not yet answered */
    ngx_event_t                     timer;
    ngx_event_t                     post;        /* write in the next turn */
    ngx_peer_connection_t           peer;
    char                           *doing;       /* for the log */

    ngx_msec_t                      since;       /* the last word heard, or
                                                    the wait began */
    ngx_msec_t                      backoff;
    ngx_msec_t                      down;        /* since when, if failing */

    uint32_t                        reasons[NGX_KAFKA_SSE_REDIS_REASONS];
    ngx_uint_t                      nreasons;    /* logged while failing */

    unsigned                        ready:1;     /* all greetings answered */
    unsigned                        up:1;        /* it has proved its use */
    unsigned                        failing:1;
} ngx_kafka_sse_redis_conn_t;


/* one PUBLISH, until it is accepted */

typedef struct {
    ngx_queue_t                     queue;
    ngx_str_t                       channel;     /* within data */
    u_char                         *payload;     /* NULL: it is in data */
    size_t                          len;         /* of the payload */
    size_t                          data_len;
    u_char                          data[1];     /* as it is sent */
} ngx_kafka_sse_redis_message_t;


struct ngx_kafka_sse_redis_s {
    ngx_kafka_sse_redis_conn_t      pub;
    ngx_kafka_sse_redis_conn_t      sub;
    ngx_kafka_sse_redis_state_t     state;

    ngx_queue_t                     messages;    /* not yet accepted */
    ngx_queue_t                    *sending;     /* the first of them that is
                                                    not sent entirely, or the
                                                    sentinel */
    size_t                          offset;      /* bytes of it sent */

    /* bytes of all messages ever, each number not below the next */

    uint64_t                        bytes_sent;
    uint64_t                        bytes_accepted;
    uint64_t                        bytes_marked;   /* by a PING */
    uint64_t                        bytes_seen;     /* it was answered */

    ngx_array_t                     channels;    /* of ngx_str_t, wanted */
    ngx_uint_t                      asked;       /* of these, the first ones */
    ngx_uint_t                      acked;       /* of these */
    ngx_uint_t                      told;        /* the feed knows */

    ngx_pool_t                     *pool;
    ngx_kafka_sse_redis_conf_t     *conf;
    ngx_kafka_sse_feed_t           *feed;
    ngx_log_t                      *log;
    ngx_log_t                       quiet;       /* the connections' */

    u_char                         *buf;
    ngx_buf_t                       bufs[NGX_KAFKA_SSE_REDIS_BUFS];
    ngx_chain_t                     chain[NGX_KAFKA_SSE_REDIS_BUFS];
};


static void ngx_kafka_sse_redis_init(ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_redis_conn_t *conn, char *doing);
static void ngx_kafka_sse_redis_connect(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_test_connect(
    ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_greet(ngx_kafka_sse_redis_conn_t *conn,
    ngx_kafka_sse_redis_command_e last);
static void ngx_kafka_sse_redis_ready(ngx_kafka_sse_redis_conn_t *conn);
static void ngx_kafka_sse_redis_up(ngx_kafka_sse_redis_conn_t *conn);
static void ngx_cdecl ngx_kafka_sse_redis_fail(
    ngx_kafka_sse_redis_conn_t *conn, ngx_err_t err, const char *fmt, ...);
static ngx_uint_t ngx_kafka_sse_redis_is_news(
    ngx_kafka_sse_redis_conn_t *conn, u_char *reason, size_t len,
    ngx_err_t err);
static void ngx_kafka_sse_redis_disconnect(ngx_kafka_sse_redis_conn_t *conn);

static void ngx_kafka_sse_redis_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_kafka_sse_redis_is_waiting(
    ngx_kafka_sse_redis_conn_t *conn);
static void ngx_kafka_sse_redis_post_handler(ngx_event_t *ev);
static void ngx_kafka_sse_redis_write_handler(ngx_event_t *wev);
static void ngx_kafka_sse_redis_read_handler(ngx_event_t *rev);

static ngx_int_t ngx_kafka_sse_redis_auth(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_select(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_setname(
    ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_ping(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_mark(ngx_kafka_sse_redis_conn_t *conn);
static ngx_uint_t ngx_kafka_sse_redis_is_far(ngx_kafka_sse_redis_t *redis);
static ngx_int_t ngx_kafka_sse_redis_ask(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_command(ngx_kafka_sse_redis_conn_t *conn,
    ngx_kafka_sse_redis_command_e command, char *name, ngx_str_t *args,
    ngx_uint_t n);

static void ngx_kafka_sse_redis_post(ngx_kafka_sse_redis_conn_t *conn);
static void ngx_kafka_sse_redis_send(ngx_kafka_sse_redis_conn_t *conn);
static ngx_chain_t *ngx_kafka_sse_redis_gather(
    ngx_kafka_sse_redis_conn_t *conn);
static ngx_uint_t ngx_kafka_sse_redis_gather_message(
    ngx_kafka_sse_redis_t *redis, ngx_kafka_sse_redis_message_t *msg,
    ngx_uint_t n, size_t skip);
static void ngx_kafka_sse_redis_sent(ngx_kafka_sse_redis_conn_t *conn,
    size_t sent);

static void ngx_kafka_sse_redis_receive(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_parse(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_published(
    ngx_kafka_sse_redis_conn_t *conn, redisReply *reply);
static void ngx_kafka_sse_redis_accept(ngx_kafka_sse_redis_t *redis);
static ngx_int_t ngx_kafka_sse_redis_pushed(ngx_kafka_sse_redis_conn_t *conn,
    redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_acknowledged(
    ngx_kafka_sse_redis_conn_t *conn);
static void ngx_kafka_sse_redis_subscribed(ngx_kafka_sse_redis_conn_t *conn);
static ngx_int_t ngx_kafka_sse_redis_answered(
    ngx_kafka_sse_redis_conn_t *conn, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_is_harmless(
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_reply_is(redisReply *reply,
    const char *text);

static ngx_kafka_sse_redis_message_t *ngx_kafka_sse_redis_message(
    ngx_kafka_sse_redis_t *redis, ngx_str_t *channel, u_char *payload,
    size_t len);
static size_t ngx_kafka_sse_redis_message_size(
    ngx_kafka_sse_redis_message_t *msg);
static void ngx_kafka_sse_redis_free_message(
    ngx_kafka_sse_redis_message_t *msg);


static char  *ngx_kafka_sse_redis_commands[] = {
    "unasked",
    "connect",
    "AUTH",
    "SELECT",
    "CLIENT SETNAME",
    "PING",
    "SUBSCRIBE"
};


ngx_kafka_sse_redis_t *
ngx_kafka_sse_redis_create(ngx_pool_t *pool, ngx_kafka_sse_redis_conf_t *conf,
    ngx_kafka_sse_feed_t *feed, ngx_log_t *log)
{
    ngx_uint_t              i;
    ngx_kafka_sse_redis_t  *redis;

    redis = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->buf = ngx_palloc(pool, NGX_KAFKA_SSE_REDIS_BUFFER);
    if (redis->buf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&redis->channels, pool, 16, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NULL;
    }

    redis->pool = pool;
    redis->conf = conf;
    redis->feed = feed;
    redis->log = log;

    /*
     * nginx logs each failed connect(), recv() and writev(); we log once what
     * it means, so of nginx only what is a bug remains
     */

    redis->quiet = *log;

    if (!(log->log_level & NGX_LOG_DEBUG_ALL)) {
        redis->quiet.log_level = ngx_min(log->log_level, NGX_LOG_ALERT);
    }

    for (i = 0; i < NGX_KAFKA_SSE_REDIS_BUFS; i++) {
        redis->bufs[i].memory = 1;
        redis->chain[i].buf = &redis->bufs[i];
    }

    ngx_queue_init(&redis->messages);
    redis->sending = ngx_queue_sentinel(&redis->messages);

    ngx_kafka_sse_redis_init(redis, &redis->pub, "publishing");
    ngx_kafka_sse_redis_init(redis, &redis->sub, "subscribing");

    ngx_kafka_sse_redis_connect(&redis->pub);
    ngx_kafka_sse_redis_connect(&redis->sub);

    return redis;
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

    redis->state.subscribed = 0;

    ngx_kafka_sse_redis_post(&redis->sub);

    return NGX_OK;
}


uint64_t
ngx_kafka_sse_redis_publish(ngx_kafka_sse_redis_t *redis, ngx_str_t *channel,
    u_char *payload, size_t len)
{
    ngx_kafka_sse_redis_message_t  *msg;

    msg = ngx_kafka_sse_redis_message(redis, channel, payload, len);
    if (msg == NULL) {
        ngx_free(payload);
        return 0;
    }

    ngx_queue_insert_tail(&redis->messages, &msg->queue);

    if (redis->sending == ngx_queue_sentinel(&redis->messages)) {
        redis->sending = &msg->queue;
    }

    redis->state.queued += ngx_kafka_sse_redis_message_size(msg);
    redis->state.published++;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, redis->log, 0,
                   "kafka_sse redis publish %uL to %V, %uz bytes",
                   redis->state.published, channel, len);

    ngx_kafka_sse_redis_post(&redis->pub);

    return redis->state.published;
}


ngx_kafka_sse_redis_state_t *
ngx_kafka_sse_redis_state(ngx_kafka_sse_redis_t *redis)
{
    return &redis->state;
}


void
ngx_kafka_sse_redis_close(ngx_kafka_sse_redis_t *redis)
{
    ngx_queue_t  *q;

    ngx_kafka_sse_redis_disconnect(&redis->pub);
    ngx_kafka_sse_redis_disconnect(&redis->sub);

    while (!ngx_queue_empty(&redis->messages)) {
        q = ngx_queue_head(&redis->messages);
        ngx_queue_remove(q);

        ngx_kafka_sse_redis_free_message(
                    ngx_queue_data(q, ngx_kafka_sse_redis_message_t, queue));
    }

    redis->sending = ngx_queue_sentinel(&redis->messages);

    redis->state.connected = 0;
    redis->state.subscribed = 0;
    redis->state.queued = 0;
}


static void
ngx_kafka_sse_redis_init(ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_redis_conn_t *conn, char *doing)
{
    conn->redis = redis;
    conn->ident = -1;
    conn->doing = doing;
    conn->backoff = NGX_KAFKA_SSE_REDIS_BACKOFF;

    conn->timer.handler = ngx_kafka_sse_redis_timer_handler;
    conn->timer.data = conn;
    conn->timer.log = redis->log;
    conn->timer.cancelable = 1;

    conn->post.handler = ngx_kafka_sse_redis_post_handler;
    conn->post.data = conn;
    conn->post.log = redis->log;
}


static void
ngx_kafka_sse_redis_connect(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    addr = conn->redis->conf->addr;
    pc = &conn->peer;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));

    pc->sockaddr = addr->sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;
    pc->get = ngx_event_get_peer;
    pc->log = &conn->redis->quiet;
    pc->log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(pc);

    if (rc == NGX_DECLINED) {
        ngx_kafka_sse_redis_fail(conn, ngx_socket_errno, "connect() failed");
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_sse_redis_fail(conn, 0, "no connection could be made");
        return;
    }

    c = pc->connection;

    c->data = conn;
    c->read->handler = ngx_kafka_sse_redis_read_handler;
    c->write->handler = ngx_kafka_sse_redis_write_handler;

    conn->reader = redisReaderCreate();
    if (conn->reader == NULL) {
        ngx_kafka_sse_redis_fail(conn, NGX_ENOMEM, "no memory");
        return;
    }

    /* what a large message has left behind is freed before the next read */

    conn->reader->maxbuf = 2 * NGX_KAFKA_SSE_REDIS_BUFFER;

    conn->command = NGX_KAFKA_SSE_REDIS_CONNECT;
    conn->since = ngx_current_msec;

    ngx_add_timer(&conn->timer, NGX_KAFKA_SSE_REDIS_PING);

    if (rc == NGX_OK) {
        (void) ngx_kafka_sse_redis_test_connect(conn);
    }
}


static ngx_int_t
ngx_kafka_sse_redis_test_connect(ngx_kafka_sse_redis_conn_t *conn)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = conn->peer.connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_kafka_sse_redis_fail(conn, err, "connect() failed");
        return NGX_ERROR;
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_kafka_sse_redis_fail(conn, ngx_socket_errno,
                                 "setsockopt(TCP_NODELAY) failed");
        return NGX_ERROR;
    }

    return ngx_kafka_sse_redis_greet(conn, NGX_KAFKA_SSE_REDIS_CONNECT);
}


static ngx_int_t
ngx_kafka_sse_redis_greet(ngx_kafka_sse_redis_conn_t *conn,
    ngx_kafka_sse_redis_command_e last)
{
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = conn->redis->conf;

    if (last < NGX_KAFKA_SSE_REDIS_AUTH && conf->password.len) {
        return ngx_kafka_sse_redis_auth(conn);
    }

    if (last < NGX_KAFKA_SSE_REDIS_SELECT && conf->db) {
        return ngx_kafka_sse_redis_select(conn);
    }

    if (last < NGX_KAFKA_SSE_REDIS_SETNAME) {
        return ngx_kafka_sse_redis_setname(conn);
    }

    /* unlike the others it is refused while Redis is loading its data */

    if (last < NGX_KAFKA_SSE_REDIS_PONG) {
        return ngx_kafka_sse_redis_ping(conn);
    }

    ngx_kafka_sse_redis_ready(conn);

    return NGX_OK;
}


static void
ngx_kafka_sse_redis_ready(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    conn->ready = 1;

    ngx_kafka_sse_redis_post(conn);

    if (conn == &redis->sub) {
        redis->bytes_marked = redis->bytes_accepted;
        redis->bytes_seen = redis->bytes_accepted;

        if (redis->channels.nelts == 0) {
            ngx_kafka_sse_redis_subscribed(conn);
        }

        return;
    }

    /* what is waiting may be refused again: then it is not up yet */

    if (ngx_queue_empty(&redis->messages)) {
        ngx_kafka_sse_redis_up(conn);
    }
}


static void
ngx_kafka_sse_redis_up(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t       *redis;
    ngx_kafka_sse_redis_conn_t  *other;

    redis = conn->redis;
    other = &redis->pub;

    if (conn == &redis->pub) {
        redis->state.connected = 1;
        other = &redis->sub;
    }

    /* where the one gets through the other needs not wait */

    if (other->timer.timer_set && other->peer.connection == NULL) {
        ngx_add_timer(&other->timer, 0);
    }

    if (conn->failing) {
        ngx_log_error(NGX_LOG_NOTICE, redis->log, 0,
                      "kafka_sse: %s to Redis \"%V\" works now, after %M ms",
                      conn->doing, &redis->conf->name,
                      ngx_current_msec - conn->down);
    }

    conn->up = 1;
    conn->failing = 0;
    conn->nreasons = 0;
    conn->backoff = NGX_KAFKA_SSE_REDIS_BACKOFF;
}


/*
 * The end of every connection, and of every attempt.  What was not accepted
 * is sent again from its first byte by the next connection.
 */

static void ngx_cdecl
ngx_kafka_sse_redis_fail(ngx_kafka_sse_redis_conn_t *conn, ngx_err_t err,
    const char *fmt, ...)
{
    u_char                 *last, reason[NGX_KAFKA_SSE_REDIS_REASON];
    va_list                 args;
    ngx_msec_t              delay;
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    va_start(args, fmt);
    last = ngx_vslprintf(reason, reason + NGX_KAFKA_SSE_REDIS_REASON, fmt,
                         args);
    va_end(args);

    ngx_kafka_sse_redis_disconnect(conn);

    if (conn->up) {
        conn->up = 0;
        redis->state.reconnects++;
    }

    if (!conn->failing) {
        conn->failing = 1;
        conn->down = ngx_current_msec;
    }

    if (ngx_kafka_sse_redis_is_news(conn, reason, last - reason, err)) {
        ngx_log_error(NGX_LOG_ERR, redis->log, err,
                      "kafka_sse: %s to Redis \"%V\" failed: %*s, "
                      "trying again",
                      conn->doing, &redis->conf->name,
                      (size_t) (last - reason), reason);
    }

    delay = conn->backoff + ngx_random() % (conn->backoff / 8);

    conn->backoff = ngx_min(2 * conn->backoff,
                            NGX_KAFKA_SSE_REDIS_MAX_BACKOFF);

    ngx_add_timer(&conn->timer, delay);

    if (conn == &redis->pub) {
        redis->state.connected = 0;
        redis->sending = ngx_queue_head(&redis->messages);
        redis->offset = 0;
        redis->bytes_sent = redis->bytes_accepted;
        return;
    }

    /* it may have waited for us */

    ngx_kafka_sse_redis_post(&redis->pub);

    redis->state.subscribed = 0;
    redis->asked = 0;
    redis->acked = 0;

    if (redis->told) {
        redis->told = 0;
        ngx_kafka_sse_feed_unsubscribed(redis->feed);
    }
}


/*
 * While Redis is away each attempt fails: each reason is logged once.  A new
 * one is worth a line, as when Redis comes back with another password.
 */

static ngx_uint_t
ngx_kafka_sse_redis_is_news(ngx_kafka_sse_redis_conn_t *conn, u_char *reason,
    size_t len, ngx_err_t err)
{
    uint32_t    hash;
    ngx_uint_t  i;

    hash = ngx_crc32_long(reason, len) ^ (uint32_t) err;

    for (i = 0; i < conn->nreasons; i++) {
        if (conn->reasons[i] == hash) {
            return 0;
        }
    }

    if (conn->nreasons == NGX_KAFKA_SSE_REDIS_REASONS) {
        return 0;
    }

    conn->reasons[conn->nreasons++] = hash;

    return 1;
}


static void
ngx_kafka_sse_redis_disconnect(ngx_kafka_sse_redis_conn_t *conn)
{
    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    if (conn->post.posted) {
        ngx_delete_posted_event(&conn->post);
    }

    if (conn->peer.connection) {
        ngx_close_connection(conn->peer.connection);
        conn->peer.connection = NULL;
    }

    if (conn->reader) {
        redisReaderFree(conn->reader);
        conn->reader = NULL;
    }

    if (conn->out) {
        redisFreeCommand(conn->out);
        conn->out = NULL;
    }

    conn->command = NGX_KAFKA_SSE_REDIS_NONE;
    conn->ready = 0;
}


/*
 * The next attempt, the next PING or the end of our patience.  It is not moved
 * with each message, it looks when it fires.
 */

static void
ngx_kafka_sse_redis_timer_handler(ngx_event_t *ev)
{
    ngx_msec_t                   silence, delay;
    ngx_kafka_sse_redis_conn_t  *conn;

    conn = ev->data;

    if (conn->peer.connection == NULL) {
        ngx_kafka_sse_redis_connect(conn);
        return;
    }

    silence = ngx_current_msec - conn->since;

    if (ngx_kafka_sse_redis_is_waiting(conn)) {
        if (silence >= NGX_KAFKA_SSE_REDIS_TIMEOUT) {
            ngx_kafka_sse_redis_fail(conn, NGX_ETIMEDOUT, "no answer");
            return;
        }

        ngx_add_timer(ev, ngx_min(NGX_KAFKA_SSE_REDIS_TIMEOUT - silence,
                                  NGX_KAFKA_SSE_REDIS_PING));
        return;
    }

    delay = NGX_KAFKA_SSE_REDIS_PING;

    if (silence < NGX_KAFKA_SSE_REDIS_PING) {
        delay -= silence;

    } else if (ngx_kafka_sse_redis_ping(conn) != NGX_OK) {
        return;
    }

    ngx_add_timer(ev, delay);
}


static ngx_uint_t
ngx_kafka_sse_redis_is_waiting(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t  *redis;

    if (conn->command != NGX_KAFKA_SSE_REDIS_NONE) {
        return 1;
    }

    redis = conn->redis;

    return conn == &redis->pub
           && (redis->sending != ngx_queue_head(&redis->messages)
               || redis->offset);
}


static void
ngx_kafka_sse_redis_post_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_redis_conn_t  *conn;

    conn = ev->data;

    if (conn == &conn->redis->sub
        && (ngx_kafka_sse_redis_ask(conn) != NGX_OK
            || ngx_kafka_sse_redis_mark(conn) != NGX_OK))
    {
        return;
    }

    ngx_kafka_sse_redis_send(conn);
}


static void
ngx_kafka_sse_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t            *c;
    ngx_kafka_sse_redis_conn_t  *conn;

    c = wev->data;
    conn = c->data;

    if (conn->command == NGX_KAFKA_SSE_REDIS_CONNECT
        && ngx_kafka_sse_redis_test_connect(conn) != NGX_OK)
    {
        return;
    }

    ngx_kafka_sse_redis_send(conn);
}


static void
ngx_kafka_sse_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t            *c;
    ngx_kafka_sse_redis_conn_t  *conn;

    c = rev->data;
    conn = c->data;

    if (conn->command == NGX_KAFKA_SSE_REDIS_CONNECT
        && ngx_kafka_sse_redis_test_connect(conn) != NGX_OK)
    {
        return;
    }

    ngx_kafka_sse_redis_receive(conn);
}


static ngx_int_t
ngx_kafka_sse_redis_auth(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_str_t                    args[2];
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = conn->redis->conf;

    args[0] = conf->user;
    args[1] = conf->password;

    if (conf->user.len) {
        return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_AUTH,
                                           "AUTH", args, 2);
    }

    return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_AUTH,
                                       "AUTH", &args[1], 1);
}


static ngx_int_t
ngx_kafka_sse_redis_select(ngx_kafka_sse_redis_conn_t *conn)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  db;

    db.data = buf;
    db.len = ngx_sprintf(buf, "%ui", conn->redis->conf->db) - buf;

    return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_SELECT,
                                       "SELECT", &db, 1);
}


static ngx_int_t
ngx_kafka_sse_redis_setname(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_str_t  args[2];

    ngx_str_set(&args[0], "SETNAME");
    ngx_str_set(&args[1], "kafka_sse");

    return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_SETNAME,
                                       "CLIENT", args, 2);
}


static ngx_int_t
ngx_kafka_sse_redis_ping(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    if (conn == &redis->sub) {
        redis->bytes_marked = redis->bytes_accepted;
    }

    return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_PONG, "PING",
                                       NULL, 0);
}


/* asks the subscription how far it is, see NGX_KAFKA_SSE_REDIS_WINDOW */

static ngx_int_t
ngx_kafka_sse_redis_mark(ngx_kafka_sse_redis_conn_t *conn)
{
    if (!conn->ready
        || conn->command != NGX_KAFKA_SSE_REDIS_NONE
        || !ngx_kafka_sse_redis_is_far(conn->redis))
    {
        return NGX_OK;
    }

    return ngx_kafka_sse_redis_ping(conn);
}


/* four times in a window, so that publishing need not stop for the answer */

static ngx_uint_t
ngx_kafka_sse_redis_is_far(ngx_kafka_sse_redis_t *redis)
{
    return redis->bytes_accepted - redis->bytes_marked
           >= NGX_KAFKA_SSE_REDIS_WINDOW / 4;
}


/* subscribes to the channels that were added since we last did */

static ngx_int_t
ngx_kafka_sse_redis_ask(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_str_t              *channels;
    ngx_uint_t              n;
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    n = redis->channels.nelts - redis->asked;

    if (n == 0 || !conn->ready || conn->command != NGX_KAFKA_SSE_REDIS_NONE) {
        return NGX_OK;
    }

    channels = redis->channels.elts;
    channels += redis->asked;

    redis->asked += n;

    return ngx_kafka_sse_redis_command(conn, NGX_KAFKA_SSE_REDIS_SUBSCRIBE,
                                       "SUBSCRIBE", channels, n);
}


static ngx_int_t
ngx_kafka_sse_redis_command(ngx_kafka_sse_redis_conn_t *conn,
    ngx_kafka_sse_redis_command_e command, char *name, ngx_str_t *args,
    ngx_uint_t n)
{
    size_t       *lens;
    ssize_t       size;
    ngx_uint_t    i;
    const char  **argv;

    size = -1;

    argv = ngx_alloc((n + 1) * (sizeof(char *) + sizeof(size_t)),
                     conn->redis->log);

    if (argv) {
        lens = (size_t *) (argv + n + 1);

        argv[0] = name;
        lens[0] = ngx_strlen(name);

        for (i = 0; i < n; i++) {
            argv[i + 1] = (const char *) args[i].data;
            lens[i + 1] = args[i].len;
        }

        size = redisFormatCommandArgv(&conn->out, n + 1, argv, lens);

        ngx_free(argv);
    }

    if (size < 0) {
        conn->out = NULL;
        ngx_kafka_sse_redis_fail(conn, NGX_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    conn->out_len = size;
    conn->out_sent = 0;

    conn->command = command;
    conn->since = ngx_current_msec;

    ngx_kafka_sse_redis_post(conn);

    return NGX_OK;
}


/*
 * Nothing is written where it is asked for: what one turn of the event loop
 * brings leaves in one piece, and who asked cannot find the connection gone.
 * The queue of the next turn, as we may be called outside of this one.
 */

static void
ngx_kafka_sse_redis_post(ngx_kafka_sse_redis_conn_t *conn)
{
    if (conn->peer.connection) {
        ngx_post_event(&conn->post, &ngx_posted_next_events);
    }
}


static void
ngx_kafka_sse_redis_send(ngx_kafka_sse_redis_conn_t *conn)
{
    off_t              before;
    ngx_err_t          err;
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = conn->peer.connection;

    if (conn->command == NGX_KAFKA_SSE_REDIS_CONNECT) {
        return;
    }

    while (c->write->ready) {

        cl = ngx_kafka_sse_redis_gather(conn);
        if (cl == NULL) {
            break;
        }

        before = c->sent;

        cl = c->send_chain(c, cl, 0);

        if (cl == NGX_CHAIN_ERROR) {
            err = ngx_socket_errno;

            /* the last words of Redis may tell more */

            ngx_kafka_sse_redis_receive(conn);

            if (conn->peer.connection) {
                ngx_kafka_sse_redis_fail(conn, err, "send() failed");
            }

            return;
        }

        ngx_kafka_sse_redis_sent(conn, c->sent - before);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_kafka_sse_redis_fail(conn, 0, "the event could not be set");
    }
}


static ngx_chain_t *
ngx_kafka_sse_redis_gather(ngx_kafka_sse_redis_conn_t *conn)
{
    size_t                          skip;
    uint64_t                        ahead;
    ngx_uint_t                      n;
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_t          *redis;
    ngx_kafka_sse_redis_message_t  *msg;

    redis = conn->redis;
    n = 0;

    if (conn->out) {
        redis->bufs[n].pos = (u_char *) conn->out + conn->out_sent;
        redis->bufs[n].last = (u_char *) conn->out + conn->out_len;
        n++;
    }

    if (conn == &redis->pub && conn->ready) {
        skip = redis->offset;
        ahead = 0;

        if (redis->sub.ready) {
            ahead = redis->bytes_sent - redis->bytes_seen;
        }

        for (q = redis->sending;
             q != ngx_queue_sentinel(&redis->messages)
             && n + 3 <= NGX_KAFKA_SSE_REDIS_BUFS;
             q = ngx_queue_next(q))
        {
            if (skip == 0 && ahead >= NGX_KAFKA_SSE_REDIS_WINDOW) {
                break;
            }

            msg = ngx_queue_data(q, ngx_kafka_sse_redis_message_t, queue);

            n = ngx_kafka_sse_redis_gather_message(redis, msg, n, skip);

            ahead += ngx_kafka_sse_redis_message_size(msg) - skip;
            skip = 0;
        }
    }

    if (n == 0) {
        return NULL;
    }

    redis->chain[n - 1].next = NULL;

    while (--n) {
        redis->chain[n - 1].next = &redis->chain[n];
    }

    return redis->chain;
}


static ngx_uint_t
ngx_kafka_sse_redis_gather_message(ngx_kafka_sse_redis_t *redis,
    ngx_kafka_sse_redis_message_t *msg, ngx_uint_t n, size_t skip)
{
    ngx_str_t   parts[3];
    ngx_uint_t  i;

    parts[0].data = msg->data;
    parts[0].len = msg->data_len;

    parts[1].data = msg->payload;
    parts[1].len = msg->len;

    ngx_str_set(&parts[2], CRLF);

    for (i = 0; i < (msg->payload ? 3 : 1); i++) {

        if (skip >= parts[i].len) {
            skip -= parts[i].len;
            continue;
        }

        redis->bufs[n].pos = parts[i].data + skip;
        redis->bufs[n].last = parts[i].data + parts[i].len;

        n++;
        skip = 0;
    }

    return n;
}


static void
ngx_kafka_sse_redis_sent(ngx_kafka_sse_redis_conn_t *conn, size_t sent)
{
    size_t                          left;
    ngx_kafka_sse_redis_t          *redis;
    ngx_kafka_sse_redis_message_t  *msg;

    redis = conn->redis;

    if (conn->out) {
        left = conn->out_len - conn->out_sent;

        if (sent < left) {
            conn->out_sent += sent;
            return;
        }

        sent -= left;

        redisFreeCommand(conn->out);
        conn->out = NULL;
    }

    if (sent == 0) {
        return;
    }

    /* a large message on a slow network: Redis cannot answer it yet */

    if (redis->sending == ngx_queue_head(&redis->messages)) {
        conn->since = ngx_current_msec;
    }

    redis->bytes_sent += sent;

    while (sent) {
        msg = ngx_queue_data(redis->sending, ngx_kafka_sse_redis_message_t,
                             queue);

        left = ngx_kafka_sse_redis_message_size(msg) - redis->offset;

        if (sent < left) {
            redis->offset += sent;
            return;
        }

        sent -= left;

        redis->sending = ngx_queue_next(redis->sending);
        redis->offset = 0;
    }
}


static void
ngx_kafka_sse_redis_receive(ngx_kafka_sse_redis_conn_t *conn)
{
    size_t             total;
    ssize_t            n;
    ngx_connection_t  *c;

    c = conn->peer.connection;

    for (total = 0; total < NGX_KAFKA_SSE_REDIS_TURN; total += n) {

        n = c->recv(c, conn->redis->buf, NGX_KAFKA_SSE_REDIS_BUFFER);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_kafka_sse_redis_fail(conn, 0,
                                         "the event could not be set");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_kafka_sse_redis_fail(conn, ngx_socket_errno, "recv() failed");
            return;
        }

        if (n == 0) {
            ngx_kafka_sse_redis_fail(conn, 0, "the connection was closed");
            return;
        }

        conn->since = ngx_current_msec;

        if (redisReaderFeed(conn->reader, (char *) conn->redis->buf, n)
            != REDIS_OK)
        {
            ngx_kafka_sse_redis_fail(conn, 0, "%s", conn->reader->errstr);
            return;
        }

        if (ngx_kafka_sse_redis_parse(conn) != NGX_OK) {
            return;
        }
    }

    ngx_post_event(c->read, &ngx_posted_next_events);
}


/* NGX_OK while the connection is there */

static ngx_int_t
ngx_kafka_sse_redis_parse(ngx_kafka_sse_redis_conn_t *conn)
{
    void       *reply;
    ngx_int_t   rc;

    for ( ;; ) {

        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
            ngx_kafka_sse_redis_fail(conn, 0, "%s", conn->reader->errstr);
            return NGX_ERROR;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        if (conn == &conn->redis->pub) {
            rc = ngx_kafka_sse_redis_published(conn, reply);

        } else {
            rc = ngx_kafka_sse_redis_pushed(conn, reply);
        }

        freeReplyObject(reply);

        if (rc != NGX_OK || conn->peer.connection == NULL) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_kafka_sse_redis_published(ngx_kafka_sse_redis_conn_t *conn,
    redisReply *reply)
{
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_t          *redis;
    ngx_kafka_sse_redis_message_t  *msg;

    redis = conn->redis;

    q = ngx_queue_head(&redis->messages);

    if (conn->command != NGX_KAFKA_SSE_REDIS_NONE || q == redis->sending) {
        return ngx_kafka_sse_redis_answered(conn, reply);
    }

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_kafka_sse_redis_accept(redis);
        return NGX_OK;
    }

    msg = ngx_queue_data(q, ngx_kafka_sse_redis_message_t, queue);

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_kafka_sse_redis_fail(conn, 0, "PUBLISH to \"%V\": \"%s\"",
                                 &msg->channel, reply->str);
        return NGX_ERROR;
    }

    ngx_kafka_sse_redis_fail(conn, 0, "PUBLISH to \"%V\": unexpected reply",
                             &msg->channel);
    return NGX_ERROR;
}


static void
ngx_kafka_sse_redis_accept(ngx_kafka_sse_redis_t *redis)
{
    ngx_queue_t                    *q;
    ngx_kafka_sse_redis_message_t  *msg;

    q = ngx_queue_head(&redis->messages);
    ngx_queue_remove(q);

    msg = ngx_queue_data(q, ngx_kafka_sse_redis_message_t, queue);

    redis->bytes_accepted += ngx_kafka_sse_redis_message_size(msg);

    redis->state.queued -= ngx_kafka_sse_redis_message_size(msg);
    redis->state.accepted++;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, redis->log, 0,
                   "kafka_sse redis accepted %uL to %V",
                   redis->state.accepted, &msg->channel);

    ngx_kafka_sse_redis_free_message(msg);

    if (!redis->pub.up) {
        ngx_kafka_sse_redis_up(&redis->pub);
    }

    if (ngx_kafka_sse_redis_is_far(redis)) {
        ngx_kafka_sse_redis_post(&redis->sub);
    }
}


static ngx_int_t
ngx_kafka_sse_redis_pushed(ngx_kafka_sse_redis_conn_t *conn,
    redisReply *reply)
{
    ngx_str_t     channel, payload;
    redisReply  **elements;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return ngx_kafka_sse_redis_answered(conn, reply);
    }

    elements = reply->element;

    if (reply->elements == 3
        && ngx_kafka_sse_redis_reply_is(elements[0], "message")
        && elements[1]->type == REDIS_REPLY_STRING
        && elements[2]->type == REDIS_REPLY_STRING)
    {
        channel.len = elements[1]->len;
        channel.data = (u_char *) elements[1]->str;

        payload.len = elements[2]->len;
        payload.data = (u_char *) elements[2]->str;

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, conn->redis->log, 0,
                       "kafka_sse redis message of %V, %uz bytes",
                       &channel, payload.len);

        ngx_kafka_sse_feed_envelope(conn->redis->feed, &channel, &payload);

        return NGX_OK;
    }

    if (reply->elements == 3
        && ngx_kafka_sse_redis_reply_is(elements[0], "subscribe"))
    {
        return ngx_kafka_sse_redis_acknowledged(conn);
    }

    /* the answer to PING is ["pong", ""] in a subscription */

    return ngx_kafka_sse_redis_answered(conn, reply);
}


static ngx_int_t
ngx_kafka_sse_redis_acknowledged(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    if (conn->command != NGX_KAFKA_SSE_REDIS_SUBSCRIBE) {
        ngx_kafka_sse_redis_fail(conn, 0, "unexpected subscription");
        return NGX_ERROR;
    }

    redis->acked++;

    if (redis->acked < redis->asked) {
        return NGX_OK;
    }

    conn->command = NGX_KAFKA_SSE_REDIS_NONE;

    if (redis->asked < redis->channels.nelts) {
        ngx_kafka_sse_redis_post(conn);
        return NGX_OK;
    }

    ngx_kafka_sse_redis_subscribed(conn);

    return NGX_OK;
}


static void
ngx_kafka_sse_redis_subscribed(ngx_kafka_sse_redis_conn_t *conn)
{
    ngx_kafka_sse_redis_t  *redis;

    redis = conn->redis;

    redis->state.subscribed = 1;

    if (!conn->up) {
        ngx_kafka_sse_redis_up(conn);
    }

    if (redis->channels.nelts) {
        redis->told = 1;
        ngx_kafka_sse_feed_subscribed(redis->feed);
    }
}


/* the answer to the one command that is on its way */

static ngx_int_t
ngx_kafka_sse_redis_answered(ngx_kafka_sse_redis_conn_t *conn,
    redisReply *reply)
{
    u_char                         *p;
    ngx_str_t                       words;
    ngx_kafka_sse_redis_t          *redis;
    ngx_kafka_sse_redis_command_e   command;

    command = conn->command;
    conn->command = NGX_KAFKA_SSE_REDIS_NONE;

    if (reply->type == REDIS_REPLY_ERROR
        && !ngx_kafka_sse_redis_is_harmless(command, reply))
    {
        words.data = (u_char *) reply->str;
        words.len = reply->len;

        /* Redis quotes the arguments of a command that it does not know */

        if (command == NGX_KAFKA_SSE_REDIS_AUTH) {
            p = ngx_strlchr(words.data, words.data + words.len, ',');

            if (p) {
                words.len = p - words.data;
            }
        }

        ngx_kafka_sse_redis_fail(conn, 0, "%s: \"%V\"",
                                 ngx_kafka_sse_redis_commands[command],
                                 &words);
        return NGX_ERROR;
    }

    if (command == NGX_KAFKA_SSE_REDIS_NONE
        || command == NGX_KAFKA_SSE_REDIS_SUBSCRIBE)
    {
        ngx_kafka_sse_redis_fail(conn, 0, "unexpected reply");
        return NGX_ERROR;
    }

    if (!conn->ready) {
        return ngx_kafka_sse_redis_greet(conn, command);
    }

    redis = conn->redis;

    if (conn == &redis->sub) {
        redis->bytes_seen = redis->bytes_marked;

        ngx_kafka_sse_redis_post(&redis->pub);
        ngx_kafka_sse_redis_post(&redis->sub);
    }

    return NGX_OK;
}


/*
 * A user of Redis with few permissions may neither have a name nor ping:
 * nothing depends on the name, and a refusal is a sign of life, too.
 */

static ngx_uint_t
ngx_kafka_sse_redis_is_harmless(ngx_kafka_sse_redis_command_e command,
    redisReply *reply)
{
    if (command != NGX_KAFKA_SSE_REDIS_SETNAME
        && command != NGX_KAFKA_SSE_REDIS_PONG)
    {
        return 0;
    }

    return ngx_strncmp(reply->str, "NOPERM ", 7) == 0
           || ngx_strncmp(reply->str, "ERR unknown command", 19) == 0;
}


static ngx_uint_t
ngx_kafka_sse_redis_reply_is(redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING
           && ngx_strcmp(reply->str, text) == 0;
}


/* the command as it is sent; a large payload is not copied into it */

static ngx_kafka_sse_redis_message_t *
ngx_kafka_sse_redis_message(ngx_kafka_sse_redis_t *redis, ngx_str_t *channel,
    u_char *payload, size_t len)
{
    u_char                         *p;
    size_t                          size;
    ngx_kafka_sse_redis_message_t  *msg;

    size = sizeof("*3" CRLF "$7" CRLF "PUBLISH" CRLF "$" CRLF CRLF "$" CRLF)
           - 1 + 2 * NGX_SIZE_T_LEN + channel->len;

    if (len <= NGX_KAFKA_SSE_REDIS_COPY) {
        size += len + sizeof(CRLF) - 1;
    }

    msg = ngx_alloc(offsetof(ngx_kafka_sse_redis_message_t, data) + size,
                    redis->log);
    if (msg == NULL) {
        return NULL;
    }

    p = ngx_sprintf(msg->data,
                    "*3" CRLF "$7" CRLF "PUBLISH" CRLF "$%uz" CRLF,
                    channel->len);

    msg->channel.len = channel->len;
    msg->channel.data = p;

    p = ngx_cpymem(p, channel->data, channel->len);
    p = ngx_sprintf(p, CRLF "$%uz" CRLF, len);

    msg->payload = payload;
    msg->len = len;

    if (len <= NGX_KAFKA_SSE_REDIS_COPY) {
        p = ngx_cpymem(p, payload, len);
        *p++ = CR;
        *p++ = LF;

        ngx_free(payload);
        msg->payload = NULL;
    }

    msg->data_len = p - msg->data;

    return msg;
}


static size_t
ngx_kafka_sse_redis_message_size(ngx_kafka_sse_redis_message_t *msg)
{
    if (msg->payload) {
        return msg->data_len + msg->len + sizeof(CRLF) - 1;
    }

    return msg->data_len;
}


static void
ngx_kafka_sse_redis_free_message(ngx_kafka_sse_redis_message_t *msg)
{
    if (msg->payload) {
        ngx_free(msg->payload);
    }

    ngx_free(msg);
}
