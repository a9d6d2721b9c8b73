
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The first byte says who we are and how large the pieces are in which the
 * rest comes: what Redis, or whoever is in its place, sends; the second one
 * what else is so (FUZZ_).  Nothing that the session hands on is more than it
 * was sent.
 *
 * Covers companion/ngx_kafka_sse_redis_session.c
 * Covers companion/ngx_kafka_sse_redis_reader.c
 * Covers companion/ngx_kafka_sse_redis_answer.c
 * Covers companion/ngx_kafka_sse_redis_advice.c
 */


#include "fuzz.h"

#include "ngx_shim.h"

#include <companion/ngx_kafka_sse_redis_session.h>


#define FUZZ_USER    0x01      /* there is one, and a Sentinel's password */
#define FUZZ_DB      0x02
#define FUZZ_PING    0x04      /* it is asked whether it lives */
#define FUZZ_BYTES   0x08      /* what is sent goes out byte by byte */
#define FUZZ_CLOSE   0x10      /* whoever takes a message closes the link */
#define FUZZ_MEMORY  0x20      /* there is enough for some commands only */
#define FUZZ_LARGE   0x40      /* alone: then it sends more than we take; once,
                                  as it takes long */


static ngx_kafka_sse_redis_conf_t     fuzz_conf;
static ngx_kafka_sse_redis_queue_t    fuzz_queue;
static ngx_kafka_sse_redis_session_t  fuzz_session;
static ngx_str_t                      fuzz_channel = ngx_string("p:{id}:t");
static size_t                         fuzz_sent;      /* to the session */
static ngx_uint_t                     fuzz_is;        /* FUZZ_ */
static ngx_uint_t                     fuzz_large_seen;


static ngx_int_t
fuzz_idle(ngx_kafka_sse_redis_session_t *session)
{
    ngx_str_t  args[2];

    fuzz_check(session->ready
               && session->command == NGX_KAFKA_SSE_REDIS_NONE);

    if (session->sentinel) {
        fuzz_check(session->host.len < NGX_KAFKA_SSE_REDIS_HOST);

        ngx_str_set(&args[0], "GET-MASTER-ADDR-BY-NAME");
        args[1] = session->conf->sentinel;

        return ngx_kafka_sse_redis_session_command(session,
                                                   NGX_KAFKA_SSE_REDIS_SENTINEL,
                                                   args, 2);
    }

    if (session->queue == NULL) {
        return ngx_kafka_sse_redis_session_subscribe(session, &fuzz_channel,
                                                     1);
    }

    return NGX_OK;
}


static void
fuzz_accepted(ngx_kafka_sse_redis_session_t *session)
{
    fuzz_check(ngx_kafka_sse_redis_queue_is_due(session->queue));

    ngx_kafka_sse_redis_queue_accept(session->queue);
}


static void
fuzz_message(ngx_kafka_sse_redis_session_t *session, ngx_str_t *channel,
    ngx_str_t *payload)
{
    size_t      i;
    ngx_uint_t  sum;

    fuzz_check(channel->len + payload->len < fuzz_sent);

    /* all of it can be read */

    sum = 0;

    for (i = 0; i < channel->len; i++) {
        sum += channel->data[i];
    }

    for (i = 0; i < payload->len; i++) {
        sum += payload->data[i];
    }

    fuzz_check(sum <= 255 * (channel->len + payload->len));

    if (fuzz_is & FUZZ_CLOSE) {
        ngx_kafka_sse_redis_session_close(session);
    }
}


static void
fuzz_write(void)
{
    size_t     n;
    ngx_buf_t  b[2];

    while (ngx_kafka_sse_redis_session_peek(&fuzz_session, b, 2)) {
        n = b[0].last - b[0].pos;
        fuzz_check(n > 0);

        n = (fuzz_is & FUZZ_BYTES) ? 1 : n;
        ngx_kafka_sse_redis_session_sent(&fuzz_session, n);
    }

    /* all is said: what is busy waits for an answer */

    fuzz_check(ngx_kafka_sse_redis_session_is_busy(&fuzz_session)
               == ngx_kafka_sse_redis_session_is_due(&fuzz_session));
}


/* between two pieces: as the link's timers have it */

static ngx_int_t
fuzz_turn(void)
{
    if (ngx_kafka_sse_redis_session_turn(&fuzz_session) != NGX_OK) {
        return NGX_ERROR;
    }

    if ((fuzz_is & FUZZ_PING)
        && fuzz_session.ready
        && !ngx_kafka_sse_redis_session_is_busy(&fuzz_session))
    {
        return ngx_kafka_sse_redis_session_ping(&fuzz_session);
    }

    return NGX_OK;
}


/* whoever never comes to an end of a reply is not listened to forever */

static ngx_int_t
fuzz_large(void)
{
    size_t      sent;
    ngx_int_t   rc;

    static u_char  block[1024 * 1024];

    memset(block, 'x', sizeof(block));
    sent = 0;

    do {
        rc = ngx_kafka_sse_redis_session_feed(&fuzz_session, block,
                                              sizeof(block));
        sent += sizeof(block);

    } while (rc == NGX_OK && sent <= 2 * NGX_KAFKA_SSE_REDIS_REPLY);

    return rc;
}


static void
fuzz_failed(void)
{
    size_t  n;

    fuzz_check(fuzz_session.error.len
               && fuzz_session.error.len <= sizeof(fuzz_session.words));

    for (n = 0; n < fuzz_session.error.len; n++) {
        fuzz_check(fuzz_session.error.data[n] >= ' '
                   && fuzz_session.error.data[n] != 0x7f);
    }

    fuzz_check(ngx_strlchr(fuzz_session.error.data,
                           fuzz_session.error.data + fuzz_session.error.len,
                           '\0')
               == NULL);

    if (fuzz_session.moved && fuzz_session.port) {
        fuzz_check(fuzz_session.host.len < NGX_KAFKA_SSE_REDIS_HOST);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char            *buf;
    size_t             n, piece;
    ngx_int_t          rc;
    ngx_uint_t         i, who;
    static ngx_log_t   log;

    if (size < 2) {
        return 0;
    }

    who = data[0] & 3;
    piece = 1 + (data[0] >> 2);
    fuzz_is = data[1];

    data += 2;
    size -= 2;

    ngx_memzero(&fuzz_session, sizeof(fuzz_session));
    ngx_memzero(&fuzz_conf, sizeof(fuzz_conf));
    ngx_str_set(&fuzz_conf.prefix, "p");

    if (fuzz_is & FUZZ_USER) {
        ngx_str_set(&fuzz_conf.user, "sse");
        ngx_str_set(&fuzz_conf.password, "secret");
        ngx_str_set(&fuzz_conf.sentinel_password, "other");
    }

    fuzz_conf.db = (fuzz_is & FUZZ_DB) ? 3 : 0;

    fuzz_session.idle = fuzz_idle;
    fuzz_sent = 0;

    ngx_kafka_sse_redis_queue_init(&fuzz_queue);

    switch (who) {

    case 0:                         /* who publishes */
        fuzz_session.queue = &fuzz_queue;
        fuzz_session.accepted = fuzz_accepted;
        ngx_str_set(&fuzz_conf.password, "secret");

        for (i = 0; i < 3; i++) {
            fuzz_check(ngx_kafka_sse_redis_queue_push(&fuzz_queue,
                                                      &fuzz_channel,
                                                      (u_char *) "xyz", 3,
                                                      &log)
                       == NGX_OK);
        }

        break;

    case 1:                         /* who asks a Sentinel */
        fuzz_session.sentinel = 1;
        ngx_str_set(&fuzz_conf.sentinel, "shop");
        break;

    case 2:                         /* who is subscribed at a master */
        ngx_str_set(&fuzz_conf.sentinel, "shop");

        /* fall through */

    default:
        fuzz_session.message = fuzz_message;
    }

    if (fuzz_is & FUZZ_MEMORY) {
        ngx_shim_fail_after = size % 8;
    }

    rc = ngx_kafka_sse_redis_session_open(&fuzz_session, &fuzz_conf, &log);

    while (rc == NGX_OK && size) {
        fuzz_write();

        if (fuzz_turn() != NGX_OK) {
            rc = NGX_ERROR;
            break;
        }

        fuzz_write();

        n = ngx_min(piece, size);

        /* exactly as much as there is, for the sanitizer to see */

        buf = fuzz_alloc(n);
        memcpy(buf, data, n);

        fuzz_sent += n;
        rc = ngx_kafka_sse_redis_session_feed(&fuzz_session, buf, n);

        fuzz_check(fuzz_session.reader.elements
                   <= NGX_KAFKA_SSE_REDIS_ELEMENTS);

        free(buf);

        data += n;
        size -= n;
    }

    if (rc == NGX_OK && fuzz_is == FUZZ_LARGE && !fuzz_large_seen) {
        fuzz_large_seen = 1;

        rc = fuzz_large();
        fuzz_check(rc == NGX_ERROR);
    }

    ngx_shim_fail_after = -1;

    if (rc == NGX_ERROR) {
        fuzz_failed();

    } else {
        fuzz_check(rc == NGX_OK || (rc == NGX_DONE && fuzz_is & FUZZ_CLOSE));
    }

    fuzz_check(fuzz_queue.accepted <= fuzz_queue.published);

    ngx_kafka_sse_redis_session_close(&fuzz_session);

    while (!ngx_queue_empty(&fuzz_queue.messages)) {
        ngx_kafka_sse_redis_queue_accept(&fuzz_queue);
    }

    return 0;
}
