
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis_advice.h>
#include <companion/ngx_kafka_sse_redis_answer.h>
#include <companion/ngx_kafka_sse_redis_session.h>


static ngx_int_t ngx_kafka_sse_redis_session_greet(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e last);
static ngx_int_t ngx_kafka_sse_redis_session_reply(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_published(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_answered(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_take(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_refused(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_advise(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_session_is_harmless(
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static void ngx_kafka_sse_redis_session_without(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_session_is_push(redisReply *reply,
    const char *kind, int type);


ngx_int_t
ngx_kafka_sse_redis_session_open(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_conf_t *conf, ngx_log_t *log)
{
    session->conf = conf;
    session->log = log;

    session->sharded = 0;
    session->moved = 0;
    session->port = 0;

    if (ngx_kafka_sse_redis_reader_open(&session->reader) != NGX_OK) {
        return ngx_kafka_sse_redis_session_error(session, "no memory");
    }

    return ngx_kafka_sse_redis_session_greet(session,
                                             NGX_KAFKA_SSE_REDIS_NONE);
}


void
ngx_kafka_sse_redis_session_close(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_reader_close(&session->reader);

    if (session->out) {
        ngx_free(session->out);
        session->out = NULL;
    }

    session->command = NGX_KAFKA_SSE_REDIS_NONE;
    session->ready = 0;

    if (session->queue) {
        ngx_kafka_sse_redis_queue_rewind(session->queue);
    }
}


static ngx_int_t
ngx_kafka_sse_redis_session_greet(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e last)
{
    u_char                       buf[NGX_INT_T_LEN];
    ngx_str_t                    args[2];
    ngx_uint_t                   skip, sentinel;
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = session->conf;
    sentinel = session->sentinel;

    args[0] = conf->user;
    args[1] = sentinel ? conf->sentinel_password : conf->password;

    if (last < NGX_KAFKA_SSE_REDIS_AUTH && args[1].len) {
        skip = (conf->user.len && !sentinel) ? 0 : 1;

        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_AUTH,
                                                   &args[skip], 2 - skip);
    }

    if (last < NGX_KAFKA_SSE_REDIS_SELECT && conf->db && !sentinel) {
        args[0].data = buf;
        args[0].len = ngx_sprintf(buf, "%ui", conf->db) - buf;

        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_SELECT,
                                                   args, 1);
    }

    if (last < NGX_KAFKA_SSE_REDIS_SETNAME) {
        ngx_str_set(&args[0], "SETNAME");
        ngx_str_set(&args[1], "kafka_sse");

        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_SETNAME,
                                                   args, 2);
    }

    /* unlike the others it is refused while Redis is loading its data */

    if (last < NGX_KAFKA_SSE_REDIS_PING) {
        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_PING,
                                                   NULL, 0);
    }

    if (last < NGX_KAFKA_SSE_REDIS_HELLO && conf->sentinel.len == 0) {
        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_HELLO,
                                                   NULL, 0);
    }

    if (last < NGX_KAFKA_SSE_REDIS_ROLE && conf->sentinel.len && !sentinel) {
        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_ROLE,
                                                   NULL, 0);
    }

    session->ready = 1;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, session->log, 0,
                   "kafka_sse redis session is ready, sharded:%ui",
                   (ngx_uint_t) session->sharded);

    if (session->queue) {
        ngx_kafka_sse_redis_queue_shard(session->queue, session->sharded);
    }

    return session->idle(session);
}


ngx_int_t
ngx_kafka_sse_redis_session_turn(ngx_kafka_sse_redis_session_t *session)
{
    if (session->ready && session->command == NGX_KAFKA_SSE_REDIS_NONE) {
        return session->idle(session);
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_session_command(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *args, ngx_uint_t n)
{
    char        *name;
    u_char      *p;
    size_t       size;
    ngx_uint_t   i;

    name = ngx_kafka_sse_redis_command_name(command);

    /* what follows it may be a password */

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, session->log, 0,
                   "kafka_sse redis session says %s, arguments:%ui", name, n);

    size = sizeof("*" CRLF "$" CRLF CRLF) - 1
           + 2 * NGX_SIZE_T_LEN + ngx_strlen(name);

    for (i = 0; i < n; i++) {
        size += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + args[i].len;
    }

    p = ngx_alloc(size, session->log);
    if (p == NULL) {
        return ngx_kafka_sse_redis_session_error(session, "no memory");
    }

    session->out = p;
    session->out_sent = 0;

    p = ngx_sprintf(p, "*%ui" CRLF "$%uz" CRLF "%s" CRLF,
                    n + 1, ngx_strlen(name), name);

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "$%uz" CRLF "%V" CRLF, args[i].len, &args[i]);
    }

    session->out_len = p - session->out;

    session->command = command;
    session->answers = 1;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_session_subscribe(ngx_kafka_sse_redis_session_t *session,
    ngx_str_t *channels, ngx_uint_t n)
{
    ngx_int_t                      rc;
    ngx_kafka_sse_redis_command_e  command;

    command = session->sharded ? NGX_KAFKA_SSE_REDIS_SSUBSCRIBE
                               : NGX_KAFKA_SSE_REDIS_SUBSCRIBE;

    rc = ngx_kafka_sse_redis_session_command(session, command, channels, n);

    session->answers = n;

    return rc;
}


ngx_int_t
ngx_kafka_sse_redis_session_ping(ngx_kafka_sse_redis_session_t *session)
{
    if (session->ping) {
        return session->ping(session);
    }

    return ngx_kafka_sse_redis_session_command(session,
                                               NGX_KAFKA_SSE_REDIS_PING,
                                               NULL, 0);
}


ngx_uint_t
ngx_kafka_sse_redis_session_peek(ngx_kafka_sse_redis_session_t *session,
    ngx_buf_t *bufs, ngx_uint_t n)
{
    ngx_uint_t  i;

    i = 0;

    if (session->out) {
        bufs[0].pos = session->out + session->out_sent;
        bufs[0].last = session->out + session->out_len;
        i = 1;
    }

    if (session->ready && session->queue) {
        i += ngx_kafka_sse_redis_queue_peek(session->queue, bufs + i, n - i);
    }

    return i;
}


void
ngx_kafka_sse_redis_session_sent(ngx_kafka_sse_redis_session_t *session,
    size_t sent)
{
    size_t  left;

    if (session->out) {
        left = session->out_len - session->out_sent;

        if (sent < left) {
            session->out_sent += sent;
            return;
        }

        ngx_free(session->out);
        session->out = NULL;

        sent -= left;
    }

    if (sent) {
        ngx_kafka_sse_redis_queue_sent(session->queue, sent);
    }
}


ngx_uint_t
ngx_kafka_sse_redis_session_is_busy(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_queue_t  *queue;

    queue = session->queue;

    return session->command != NGX_KAFKA_SSE_REDIS_NONE
           || (queue && queue->bytes_sent > queue->bytes_accepted);
}


ngx_uint_t
ngx_kafka_sse_redis_session_is_due(ngx_kafka_sse_redis_session_t *session)
{
    if (session->command != NGX_KAFKA_SSE_REDIS_NONE) {
        return session->out == NULL;
    }

    return session->queue && ngx_kafka_sse_redis_queue_is_due(session->queue);
}


ngx_int_t
ngx_kafka_sse_redis_session_feed(ngx_kafka_sse_redis_session_t *session,
    u_char *buf, size_t len)
{
    void       *reply;
    ngx_int_t   rc, result;

    rc = ngx_kafka_sse_redis_reader_feed(&session->reader, buf, len);

    while (rc == NGX_OK) {

        rc = ngx_kafka_sse_redis_reader_next(&session->reader, &reply);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_ERROR) {
            break;
        }

        result = ngx_kafka_sse_redis_session_reply(session, reply);

        freeReplyObject(reply);

        if (!ngx_kafka_sse_redis_session_is_open(session)) {
            return NGX_DONE;
        }

        if (result != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_kafka_sse_redis_session_error(session, "%s",
                                             session->reader.error);
}


static ngx_int_t
ngx_kafka_sse_redis_session_reply(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    ngx_str_t     channel, payload;
    redisReply  **elements;

    if (session->queue
        && session->command == NGX_KAFKA_SSE_REDIS_NONE
        && ngx_kafka_sse_redis_queue_is_due(session->queue))
    {
        return ngx_kafka_sse_redis_session_published(session, reply);
    }

    elements = reply->element;

    if (session->sharded
        && ngx_kafka_sse_redis_session_is_push(reply, "sunsubscribe",
                                               REDIS_REPLY_INTEGER))
    {
        session->moved = 1;

        return ngx_kafka_sse_redis_session_error(session,
                                                 "the slot of \"%s\" has moved",
                                                 elements[1]->str);
    }

    if (session->message == NULL
        || !ngx_kafka_sse_redis_session_is_push(reply,
                                   session->sharded ? "smessage" : "message",
                                   REDIS_REPLY_STRING))
    {
        return ngx_kafka_sse_redis_session_answered(session, reply);
    }

    channel.len = elements[1]->len;
    channel.data = (u_char *) elements[1]->str;

    payload.len = elements[2]->len;
    payload.data = (u_char *) elements[2]->str;

    session->message(session, &channel, &payload);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_redis_session_published(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    ngx_str_t  *channel;

    if (reply->type == REDIS_REPLY_INTEGER) {
        session->accepted(session);
        return NGX_OK;
    }

    channel = ngx_kafka_sse_redis_queue_channel(session->queue);

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_kafka_sse_redis_answer_moved(session, reply);

        (void) ngx_kafka_sse_redis_session_error(session,
                                                 "PUBLISH to \"%V\": \"%s\"",
                                                 channel, reply->str);

        return ngx_kafka_sse_redis_session_advise(session,
                                                  session->sharded
                                                  ? NGX_KAFKA_SSE_REDIS_SPUBLISH
                                                  : NGX_KAFKA_SSE_REDIS_PUBLISH,
                                                  reply);
    }

    return ngx_kafka_sse_redis_session_error(session,
                                             "PUBLISH to \"%V\": unexpected "
                                             "reply", channel);
}


/* an answer to the one command that is on its way */

static ngx_int_t
ngx_kafka_sse_redis_session_answered(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    ngx_kafka_sse_redis_command_e  command;

    command = session->command;

    if (reply->type == REDIS_REPLY_ERROR) {

        /* what is not yet said is not refused: it is about something else */

        if (session->out
            || !ngx_kafka_sse_redis_session_is_harmless(command, reply))
        {
            return ngx_kafka_sse_redis_session_refused(session, reply);
        }

        ngx_kafka_sse_redis_session_without(session, command, reply);

    } else if (ngx_kafka_sse_redis_session_take(session, command, reply)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (--session->answers) {
        return NGX_OK;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        session->refused &= ~((ngx_uint_t) 1 << command);
    }

    session->command = NGX_KAFKA_SSE_REDIS_NONE;

    if (!session->ready) {
        return ngx_kafka_sse_redis_session_greet(session, command);
    }

    return session->idle(session);
}


static ngx_int_t
ngx_kafka_sse_redis_session_take(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply)
{
    ngx_uint_t  expected;

    if (session->out) {

        /* who answers what we have not yet said is no Redis */

        return ngx_kafka_sse_redis_session_error(session, "unexpected reply");
    }

    switch (command) {

    case NGX_KAFKA_SSE_REDIS_NONE:
        expected = 0;
        break;

    case NGX_KAFKA_SSE_REDIS_SUBSCRIBE:
        expected = ngx_kafka_sse_redis_session_is_push(reply, "subscribe",
                                                       REDIS_REPLY_INTEGER);
        break;

    case NGX_KAFKA_SSE_REDIS_SSUBSCRIBE:
        expected = ngx_kafka_sse_redis_session_is_push(reply, "ssubscribe",
                                                       REDIS_REPLY_INTEGER);
        break;

    case NGX_KAFKA_SSE_REDIS_HELLO:
        return ngx_kafka_sse_redis_answer_hello(session, reply);

    case NGX_KAFKA_SSE_REDIS_ROLE:
        return ngx_kafka_sse_redis_answer_role(session, reply);

    case NGX_KAFKA_SSE_REDIS_SENTINEL:
        return ngx_kafka_sse_redis_answer_master(session, reply);

    default:
        expected = !ngx_kafka_sse_redis_session_is_push(reply, "subscribe",
                                                        REDIS_REPLY_INTEGER);
    }

    if (!expected) {
        return ngx_kafka_sse_redis_session_error(session, "unexpected reply");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_redis_session_refused(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    u_char     *p;
    ngx_str_t   words;

    ngx_kafka_sse_redis_answer_moved(session, reply);

    words.data = (u_char *) reply->str;
    words.len = reply->len;

    /* Redis quotes the arguments of a command that it does not know */

    if (session->command == NGX_KAFKA_SSE_REDIS_AUTH) {
        p = ngx_strlchr(words.data, words.data + words.len, ',');

        if (p) {
            words.len = p - words.data;
        }
    }

    (void) ngx_kafka_sse_redis_session_error(session, "%s: \"%V\"",
                          ngx_kafka_sse_redis_command_name(session->command),
                          &words);

    return ngx_kafka_sse_redis_session_advise(session, session->command,
                                              reply);
}


/* adds to the error what is to be done */

static ngx_int_t
ngx_kafka_sse_redis_session_advise(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply)
{
    u_char     *last;
    ngx_str_t   words;

    words.data = (u_char *) reply->str;
    words.len = reply->len;

    last = ngx_kafka_sse_redis_advice(session->words + session->error.len,
                                      session->words + sizeof(session->words),
                                      session, command, &words);

    session->error.len = last - session->words;

    return NGX_ERROR;
}


/*
 * A user of Redis with few permissions may neither have a name nor ping:
 * nothing depends on the name, and a refusal is a sign of life, too.  HELLO is
 * new in version 6, and there it wants an argument: no cluster is recognized.
 */

static ngx_uint_t
ngx_kafka_sse_redis_session_is_harmless(ngx_kafka_sse_redis_command_e command,
    redisReply *reply)
{
    if (command == NGX_KAFKA_SSE_REDIS_HELLO) {
        return ngx_strncmp(reply->str, "NOPERM ", 7) == 0
               || ngx_strncmp(reply->str, "ERR ", 4) == 0;
    }

    if (command != NGX_KAFKA_SSE_REDIS_SETNAME
        && command != NGX_KAFKA_SSE_REDIS_PING)
    {
        return 0;
    }

    return ngx_strncmp(reply->str, "NOPERM ", 7) == 0
           || ngx_strncmp(reply->str, "ERR unknown command", 19) == 0;
}


/* it goes on without it, and whoever looks after the ACL should know */

static void
ngx_kafka_sse_redis_session_without(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, redisReply *reply)
{
    u_char     *last, advice[128];
    ngx_str_t   words;

    words.data = (u_char *) reply->str;
    words.len = reply->len;

    last = ngx_kafka_sse_redis_advice(advice, advice + sizeof(advice), session,
                                      command, &words);

    if (last == advice || session->refused & ((ngx_uint_t) 1 << command)) {
        return;
    }

    session->refused |= (ngx_uint_t) 1 << command;

    ngx_log_error(NGX_LOG_NOTICE, session->log, 0,
                  "kafka_sse: Redis refuses %s, going on without%s%*s",
                  ngx_kafka_sse_redis_command_name(command),
                  command == NGX_KAFKA_SSE_REDIS_HELLO
                  ? " knowing whether it is a cluster" : "",
                  (size_t) (last - advice), advice);
}


/* what a subscription brings: [kind, channel, something of this type] */

static ngx_uint_t
ngx_kafka_sse_redis_session_is_push(redisReply *reply, const char *kind,
    int type)
{
    return reply->type == REDIS_REPLY_ARRAY
           && reply->elements == 3
           && reply->element[0]->type == REDIS_REPLY_STRING
           && ngx_strcmp(reply->element[0]->str, kind) == 0
           && reply->element[1]->type == REDIS_REPLY_STRING
           && reply->element[2]->type == type;
}


ngx_int_t ngx_cdecl
ngx_kafka_sse_redis_session_error(ngx_kafka_sse_redis_session_t *session,
    const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    last = session->words + sizeof(session->words);

    va_start(args, fmt);
    last = ngx_vslprintf(session->words, last, fmt, args);
    va_end(args);

    /* it goes into the log, and part of it may be whatever Redis has sent */

    for (p = session->words; p < last; p++) {
        if (*p < ' ' || *p == 0x7f) {
            *p = '?';
        }
    }

    session->error.data = session->words;
    session->error.len = last - session->words;

    return NGX_ERROR;
}
