
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The first byte says who we are and how large the pieces are in which the
 * rest comes: what Redis, or whoever is in its place, sends.  Nothing that the
 * session hands on is more than it was sent.
 */


#include "fuzz.h"

#include <companion/ngx_kafka_sse_redis_session.h>


static ngx_kafka_sse_redis_conf_t     fuzz_conf;
static ngx_kafka_sse_redis_queue_t    fuzz_queue;
static ngx_kafka_sse_redis_session_t  fuzz_session;
static ngx_str_t                      fuzz_channel = ngx_string("p:{id}:t");
static size_t                         fuzz_sent;      /* to the session */


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
}


static void
fuzz_write(void)
{
    ngx_buf_t  b[2];

    while (ngx_kafka_sse_redis_session_peek(&fuzz_session, b, 2)) {
        fuzz_check(b[0].last > b[0].pos);
        ngx_kafka_sse_redis_session_sent(&fuzz_session, b[0].last - b[0].pos);
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

    if (size == 0) {
        return 0;
    }

    who = *data & 3;
    piece = 1 + (*data >> 2);

    data++;
    size--;

    ngx_memzero(&fuzz_session, sizeof(fuzz_session));
    ngx_memzero(&fuzz_conf, sizeof(fuzz_conf));
    ngx_str_set(&fuzz_conf.prefix, "p");

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

    rc = ngx_kafka_sse_redis_session_open(&fuzz_session, &fuzz_conf, &log);

    while (rc == NGX_OK && size) {
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

    if (rc == NGX_ERROR) {
        fuzz_check(fuzz_session.error.len
                   && fuzz_session.error.len <= sizeof(fuzz_session.words));

        for (n = 0; n < fuzz_session.error.len; n++) {
            fuzz_check(fuzz_session.error.data[n] >= ' ');
        }
    }

    fuzz_check(fuzz_queue.accepted <= fuzz_queue.published);

    ngx_kafka_sse_redis_session_close(&fuzz_session);
    ngx_kafka_sse_redis_queue_clear(&fuzz_queue);

    return 0;
}
