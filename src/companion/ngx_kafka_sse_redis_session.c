
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis_session.h>


#define NGX_KAFKA_SSE_REDIS_MAX_IDLE  131072     /* bytes of the parser's buffer
                                                    that it keeps */


static ngx_int_t ngx_kafka_sse_redis_session_greet(
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e last);
static ngx_int_t ngx_kafka_sse_redis_session_reply(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_published(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_answered(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_int_t ngx_kafka_sse_redis_session_refused(
    ngx_kafka_sse_redis_session_t *session, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_session_is_harmless(
    ngx_kafka_sse_redis_command_e command, redisReply *reply);
static ngx_uint_t ngx_kafka_sse_redis_session_is_push(redisReply *reply,
    const char *kind, int type);
static ngx_int_t ngx_cdecl ngx_kafka_sse_redis_session_error(
    ngx_kafka_sse_redis_session_t *session, const char *fmt, ...);


static char  *ngx_kafka_sse_redis_commands[] = {
    "unasked",
    "AUTH",
    "SELECT",
    "CLIENT",
    "PING",
    "SUBSCRIBE"
};


ngx_int_t
ngx_kafka_sse_redis_session_open(ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_conf_t *conf, ngx_log_t *log)
{
    session->conf = conf;
    session->log = log;

    session->reader = redisReaderCreate();
    if (session->reader == NULL) {
        return ngx_kafka_sse_redis_session_error(session, "no memory");
    }

    /* what a large message has left behind is freed before the next read */

    session->reader->maxbuf = NGX_KAFKA_SSE_REDIS_MAX_IDLE;

    return ngx_kafka_sse_redis_session_greet(session,
                                             NGX_KAFKA_SSE_REDIS_NONE);
}


void
ngx_kafka_sse_redis_session_close(ngx_kafka_sse_redis_session_t *session)
{
    if (session->reader) {
        redisReaderFree(session->reader);
        session->reader = NULL;
    }

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
    ngx_uint_t                   skip;
    ngx_kafka_sse_redis_conf_t  *conf;

    conf = session->conf;

    if (last < NGX_KAFKA_SSE_REDIS_AUTH && conf->password.len) {
        args[0] = conf->user;
        args[1] = conf->password;

        skip = conf->user.len ? 0 : 1;

        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_AUTH,
                                                   &args[skip], 2 - skip);
    }

    if (last < NGX_KAFKA_SSE_REDIS_SELECT && conf->db) {
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

    session->ready = 1;

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

    name = ngx_kafka_sse_redis_commands[command];

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
    session->answers = (command == NGX_KAFKA_SSE_REDIS_SUBSCRIBE) ? n : 1;

    return NGX_OK;
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
    int         rc;
    void       *reply;
    ngx_int_t   result;

    rc = redisReaderFeed(session->reader, (char *) buf, len);

    while (rc == REDIS_OK) {

        rc = redisReaderGetReply(session->reader, &reply);

        if (rc != REDIS_OK) {
            break;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        result = ngx_kafka_sse_redis_session_reply(session, reply);

        freeReplyObject(reply);

        if (session->reader == NULL) {
            return NGX_DONE;
        }

        if (result != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_kafka_sse_redis_session_error(session, "%s",
                                             session->reader->errstr);
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

    if (session->message == NULL
        || !ngx_kafka_sse_redis_session_is_push(reply, "message",
                                                REDIS_REPLY_STRING))
    {
        return ngx_kafka_sse_redis_session_answered(session, reply);
    }

    elements = reply->element;

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
        return ngx_kafka_sse_redis_session_error(session,
                                                 "PUBLISH to \"%V\": \"%s\"",
                                                 channel, reply->str);
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

        if (!ngx_kafka_sse_redis_session_is_harmless(command, reply)) {
            return ngx_kafka_sse_redis_session_refused(session, reply);
        }

    } else if (command == NGX_KAFKA_SSE_REDIS_NONE
               || (command == NGX_KAFKA_SSE_REDIS_SUBSCRIBE)
                  != ngx_kafka_sse_redis_session_is_push(reply, "subscribe",
                                                         REDIS_REPLY_INTEGER))
    {
        return ngx_kafka_sse_redis_session_error(session, "unexpected reply");
    }

    if (--session->answers) {
        return NGX_OK;
    }

    session->command = NGX_KAFKA_SSE_REDIS_NONE;

    if (!session->ready) {
        return ngx_kafka_sse_redis_session_greet(session, command);
    }

    return session->idle(session);
}


static ngx_int_t
ngx_kafka_sse_redis_session_refused(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    u_char     *p;
    ngx_str_t   words;

    words.data = (u_char *) reply->str;
    words.len = reply->len;

    /* Redis quotes the arguments of a command that it does not know */

    if (session->command == NGX_KAFKA_SSE_REDIS_AUTH) {
        p = ngx_strlchr(words.data, words.data + words.len, ',');

        if (p) {
            words.len = p - words.data;
        }
    }

    return ngx_kafka_sse_redis_session_error(session, "%s: \"%V\"",
                            ngx_kafka_sse_redis_commands[session->command],
                            &words);
}


/*
 * A user of Redis with few permissions may neither have a name nor ping:
 * nothing depends on the name, and a refusal is a sign of life, too.
 */

static ngx_uint_t
ngx_kafka_sse_redis_session_is_harmless(ngx_kafka_sse_redis_command_e command,
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


static ngx_int_t ngx_cdecl
ngx_kafka_sse_redis_session_error(ngx_kafka_sse_redis_session_t *session,
    const char *fmt, ...)
{
    u_char   *last;
    va_list   args;

    last = session->words + sizeof(session->words);

    va_start(args, fmt);
    last = ngx_vslprintf(session->words, last, fmt, args);
    va_end(args);

    session->error.data = session->words;
    session->error.len = last - session->words;

    return NGX_ERROR;
}
