
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * What is said to Redis, and what its answers do: the session and the queue,
 * which know of no connection.
 */


#include "unit.h"

#include "ngx_shim.h"

#include <companion/ngx_kafka_sse_redis_session.h>


#define redis_hello(mode, version)                                            \
    "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n"                  \
    "$5\r\n" version "\r\n$4\r\nmode\r\n" mode "\r\n"

#define REDIS_STANDALONE  redis_hello("$10\r\nstandalone", "7.0.0")
#define REDIS_CLUSTER     redis_hello("$7\r\ncluster", "7.0.0")
#define REDIS_CLUSTER_6   redis_hello("$7\r\ncluster", "6.2.0")

#define REDIS_NAMED   "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n"               \
                      "$9\r\nkafka_sse\r\n"
#define REDIS_PING    "*1\r\n$4\r\nPING\r\n"
#define REDIS_HELLO   "*1\r\n$5\r\nHELLO\r\n"
#define REDIS_ROLE    "*1\r\n$4\r\nROLE\r\n"


static ngx_log_t                      redis_log;
static ngx_kafka_sse_redis_conf_t     redis_conf;
static ngx_kafka_sse_redis_queue_t    redis_queue;
static ngx_kafka_sse_redis_session_t  redis_session;

static ngx_uint_t                     redis_idle_calls;
static ngx_uint_t                     redis_messages;
static ngx_str_t                      redis_channel = ngx_string("p:{id}:t");


static ngx_int_t
redis_idle(ngx_kafka_sse_redis_session_t *session)
{
    redis_idle_calls++;

    return NGX_OK;
}


static void
redis_accepted(ngx_kafka_sse_redis_session_t *session)
{
    ngx_kafka_sse_redis_queue_accept(session->queue);
}


static void
redis_message(ngx_kafka_sse_redis_session_t *session, ngx_str_t *channel,
    ngx_str_t *payload)
{
    redis_messages++;
}


static void
redis_reset(void)
{
    ngx_memzero(&redis_conf, sizeof(redis_conf));
    ngx_str_set(&redis_conf.prefix, "p");
}


static void
redis_begin(ngx_uint_t with_queue)
{
    ngx_memzero(&redis_session, sizeof(redis_session));

    redis_session.queue = with_queue ? &redis_queue : NULL;
    redis_session.idle = redis_idle;
    redis_session.accepted = redis_accepted;
    redis_session.message = with_queue ? NULL : redis_message;

    redis_idle_calls = 0;
    redis_messages = 0;
}


static void
redis_forget(void)
{
    while (!ngx_queue_empty(&redis_queue.messages)) {
        ngx_kafka_sse_redis_queue_accept(&redis_queue);
    }

    ngx_kafka_sse_redis_queue_rewind(&redis_queue);
}


static ngx_int_t
redis_open(void)
{
    return ngx_kafka_sse_redis_session_open(&redis_session, &redis_conf,
                                            &redis_log);
}


static void
redis_publish(const char *payload)
{
    (void) ngx_kafka_sse_redis_queue_push(&redis_queue, &redis_channel,
                                          (u_char *) payload, strlen(payload),
                                          &redis_log);
}


/* takes all that is to be sent, and returns how much that was */

static size_t
redis_take(u_char *out)
{
    size_t      len, n;
    ngx_buf_t   bufs[2];

    ngx_memzero(bufs, sizeof(bufs));

    /* a few bytes at a time */

    for (len = 0; ; len += n) {
        if (ngx_kafka_sse_redis_session_peek(&redis_session, bufs, 2) == 0) {
            break;
        }

        n = 1 + unit_below(7);
        n = ngx_min((size_t) (bufs[0].last - bufs[0].pos), n);
        memcpy(out + len, bufs[0].pos, n);
        ngx_kafka_sse_redis_session_sent(&redis_session, n);
    }

    return len;
}


static void
redis_sends(const char *expected, const char *claim)
{
    u_char  out[8192];
    size_t  len;

    len = redis_take(out);

    unit_is(out, len, expected, strlen(expected), claim);
}


/* pieces in copies of exactly their size; before each all is sent */

static ngx_int_t
redis_hears(const char *reply, size_t len)
{
    u_char      out[8192];
    size_t      n;
    ngx_int_t   rc;
    ngx_str_t   copy;

    for (rc = NGX_OK; len && rc == NGX_OK; reply += n, len -= n) {

        /* no piece has more than one reply */

        n = 1 + unit_below(4);
        n = ngx_min(len, n);

        (void) redis_take(out);

        copy = unit_copy(reply, n);
        rc = ngx_kafka_sse_redis_session_feed(&redis_session, copy.data, n);
        free(copy.data);
    }

    return rc;
}

#define redis_says(s)  redis_hears(s, sizeof(s) - 1)


static ngx_uint_t
redis_has_said(const char *words)
{
    ngx_str_t  *error = &redis_session.error;

    if (error->len == strlen(words)
        && memcmp(error->data, words, error->len) == 0)
    {
        return 1;
    }

    unit_dump("error", error->data, error->len);

    return 0;
}


/* up to the last greeting, whose answer is left */

static void
redis_greet(void)
{
    (void) redis_open();
    redis_sends(REDIS_NAMED, "the session has a name");
    (void) redis_says("+OK\r\n");
    redis_sends(REDIS_PING, "... and pings");
    (void) redis_says("+PONG\r\n");
}


static void
redis_test_publish(void)
{
    size_t  size;

    ngx_kafka_sse_redis_queue_init(&redis_queue);
    redis_begin(1);

    redis_conf.user = redis_channel;
    ngx_str_set(&redis_conf.password, "secret");
    redis_conf.db = 3;

    redis_publish("first");

    (void) redis_open();
    redis_sends("*3\r\n$4\r\nAUTH\r\n$8\r\np:{id}:t\r\n$6\r\nsecret\r\n",
                "the password is the first word");
    unit_ok(redis_says("+OK\r\n") == NGX_OK, "... and is taken");
    redis_sends("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", "then the db");
    (void) redis_says("+OK\r\n");
    redis_sends(REDIS_NAMED, "then the name");
    (void) redis_says("-NOPERM this user has no permissions\r\n");
    redis_sends(REDIS_PING, "which may be refused");
    (void) redis_says("+PONG\r\n");
    redis_sends(REDIS_HELLO, "is it a cluster?");
    unit_ok(redis_says(REDIS_STANDALONE) == NGX_OK
            && redis_idle_calls == 1 && !redis_session.sharded,
            "no: it is greeted");

    redis_publish("second");
    redis_sends("*3\r\n$7\r\nPUBLISH\r\n$8\r\np:{id}:t\r\n$5\r\nfirst\r\n"
                "*3\r\n$7\r\nPUBLISH\r\n$8\r\np:{id}:t\r\n$6\r\nsecond\r\n",
                "what has waited is published, and what came");
    unit_ok(redis_says(":2\r\n") == NGX_OK && redis_queue.accepted == 1,
            "the first one is accepted");

    unit_ok(redis_says("-LOADING Redis is loading\r\n") == NGX_ERROR
            && !redis_session.moved
            && redis_has_said("PUBLISH to \"p:{id}:t\": "
                              "\"LOADING Redis is loading\""),
            "the second one is refused, which ends the session");

    ngx_kafka_sse_redis_session_close(&redis_session);
    redis_reset();

    /* the same Redis is a cluster now */

    size = redis_queue.bytes_published;

    redis_greet();
    redis_sends(REDIS_HELLO, "it is asked again");
    unit_ok(redis_says(REDIS_CLUSTER) == NGX_OK && redis_session.sharded,
            "a cluster of version 7 is sharded");
    redis_sends("*3\r\n$8\r\nSPUBLISH\r\n$8\r\np:{id}:t\r\n$6\r\nsecond\r\n",
                "what was refused is published again, its way");
    unit_ok(redis_queue.bytes_published == size + 1
            && redis_queue.bytes_sent == redis_queue.bytes_published,
            "... and counted so");
    unit_is(ngx_kafka_sse_redis_queue_channel(&redis_queue)->data,
            ngx_kafka_sse_redis_queue_channel(&redis_queue)->len,
            "p:{id}:t", 8, "... with its channel");

    unit_ok(redis_says("-MOVED 77 10.0.0.1:7001\r\n") == NGX_ERROR
            && redis_session.moved && redis_session.port == 7001,
            "MOVED ends it, too");
    unit_is(redis_session.host.data, redis_session.host.len, "10.0.0.1", 8,
            "... and says where to go on");

    ngx_kafka_sse_redis_session_close(&redis_session);

    redis_greet();
    redis_sends(REDIS_HELLO, "there it is asked, too");
    unit_ok(redis_says(REDIS_CLUSTER_6) == NGX_OK
            && !redis_session.sharded && !redis_session.moved,
            "a cluster of version 6 is not sharded");
    redis_sends("*3\r\n$7\r\nPUBLISH\r\n$8\r\np:{id}:t\r\n$6\r\nsecond\r\n",
                "the other way again");
    unit_ok(redis_says(":0\r\n") == NGX_OK
            && redis_queue.accepted == redis_queue.published
            && redis_queue.bytes_accepted == redis_queue.bytes_published
            && redis_queue.bytes_sent == redis_queue.bytes_published,
            "all is accepted, by 0 subscribers, too");
    unit_ok(redis_says(":0\r\n") == NGX_ERROR, "nothing more was asked");

    ngx_kafka_sse_redis_session_close(&redis_session);
    redis_forget();
}


static void
redis_test_moved(void)
{
    size_t      len;
    char        reply[512];
    ngx_uint_t  i;

    static struct {
        const char  *text;
        const char  *host;      /* NULL: it is not followed */
        in_port_t    port;
    } moved[] = {
        { "MOVED 1 127.0.0.1:1", "127.0.0.1", 1 },
        { "MOVED 16383 redis-1.internal:65535", "redis-1.internal", 65535 },
        { "MOVED 1 fe80::1:6379", "fe80::1", 6379 },
        { "MOVED 1 :6379", "", 6379 },
        { "MOVED 1 ?:6379", NULL, 0 },
        { "MOVED 1 127.0.0.1:0", NULL, 0 },
        { "MOVED 1 127.0.0.1:65536", NULL, 0 },
        { "MOVED 1 127.0.0.1:", NULL, 0 },
        { "MOVED 1 127.0.0.1", NULL, 0 },
        { "MOVED 1 127.0.0.1:x", NULL, 0 },
        { "MOVED 1 ", NULL, 0 },
        { "MOVED 1", NULL, 0 },
        { "MOVED ", NULL, 0 },
        { "MOVED", NULL, 0 },
        { "ASK 1 127.0.0.1:1", NULL, 0 },
        { "CLUSTERDOWN Hash slot not served", NULL, 0 },
        { "TRYAGAIN", NULL, 0 },
    };

    redis_begin(0);

    for (i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {

        (void) redis_open();
        (void) redis_says("+OK\r\n+PONG\r\n" REDIS_CLUSTER);
        (void) ngx_kafka_sse_redis_session_subscribe(&redis_session,
                                                     &redis_channel, 1);

        len = snprintf(reply, sizeof(reply), "-%s\r\n", moved[i].text);

        unit_ok(redis_hears(reply, len) == NGX_ERROR
                && redis_session.moved == (moved[i].host != NULL)
                && (moved[i].host == NULL
                    || (redis_session.port == moved[i].port
                        && redis_session.host.len == strlen(moved[i].host)
                        && memcmp(redis_session.host.data, moved[i].host,
                                  redis_session.host.len)
                           == 0)),
                moved[i].text);

        ngx_kafka_sse_redis_session_close(&redis_session);
    }

    /* longer than any host */

    (void) redis_open();
    memcpy(reply, "+OK\r\n+PONG\r\n-MOVED 1 ", 21);
    memset(reply + 21, 'x', 300);
    memcpy(reply + 321, ":1\r\n", 4);

    unit_ok(redis_hears(reply, 325) == NGX_ERROR && !redis_session.moved,
            "a host of 300 bytes is no host");

    ngx_kafka_sse_redis_session_close(&redis_session);
}


static void
redis_test_subscribe(void)
{
    redis_begin(0);
    redis_greet();
    redis_sends(REDIS_HELLO, "a subscriber asks as well");
    (void) redis_says(REDIS_CLUSTER);

    (void) ngx_kafka_sse_redis_session_subscribe(&redis_session,
                                                 &redis_channel, 1);
    redis_sends("*2\r\n$10\r\nSSUBSCRIBE\r\n$8\r\np:{id}:t\r\n",
                "in a cluster it subscribes its way");

    redis_idle_calls = 0;
    unit_ok(redis_says("*3\r\n$10\r\nssubscribe\r\n$8\r\np:{id}:t\r\n:1\r\n")
            == NGX_OK
            && redis_idle_calls == 1,
            "... which is answered");
    unit_ok(redis_says("*3\r\n$8\r\nsmessage\r\n$8\r\np:{id}:t\r\n$1\r\nx\r\n")
            == NGX_OK
            && redis_messages == 1,
            "... and brings messages");
    unit_ok(redis_says("*3\r\n$12\r\nsunsubscribe\r\n$8\r\np:{id}:t\r\n:0\r\n")
            == NGX_ERROR
            && redis_session.moved && redis_session.port == 0
            && redis_has_said("the slot of \"p:{id}:t\" has moved"),
            "... until the slot is moved");

    ngx_kafka_sse_redis_session_close(&redis_session);

    redis_greet();
    redis_sends(REDIS_HELLO, "a Redis before version 6");
    unit_ok(redis_says("-ERR unknown command `HELLO`\r\n") == NGX_OK
            && !redis_session.sharded,
            "... knows no HELLO");
    (void) ngx_kafka_sse_redis_session_subscribe(&redis_session,
                                                 &redis_channel, 1);
    redis_sends("*2\r\n$9\r\nSUBSCRIBE\r\n$8\r\np:{id}:t\r\n",
                "... and is subscribed to");
    unit_ok(redis_says("-NOPERM no access to the channel\r\n") == NGX_ERROR
            && redis_has_said("SUBSCRIBE: \"NOPERM no access to the "
                              "channel\", its ACL needs \"+subscribe &p:*\""),
            "... which may be refused");

    ngx_kafka_sse_redis_session_close(&redis_session);
}


static void
redis_test_sentinel(void)
{
    ngx_str_t  args[2];

    ngx_str_set(&redis_conf.sentinel, "shop");
    ngx_str_set(&redis_conf.sentinel_password, "other");

    redis_begin(0);
    redis_greet();
    redis_sends(REDIS_ROLE, "behind Sentinels the role is asked for");
    unit_ok(redis_says("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n") == NGX_OK
            && redis_idle_calls == 1,
            "a master is taken");
    ngx_kafka_sse_redis_session_close(&redis_session);

    redis_greet();
    redis_sends(REDIS_ROLE, "and the next one is asked");
    unit_ok(redis_says("*2\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n")
            == NGX_ERROR
            && redis_has_said("its role is \"slave\""),
            "a replica is not taken");
    ngx_kafka_sse_redis_session_close(&redis_session);

    (void) redis_open();
    unit_ok(redis_says("+OK\r\n+PONG\r\n-NOPERM no permissions\r\n")
            == NGX_ERROR
            && redis_has_said("ROLE: \"NOPERM no permissions\", its ACL needs "
                              "\"+role\""),
            "nor is who does not say it");
    ngx_kafka_sse_redis_session_close(&redis_session);

    (void) redis_open();
    unit_ok(redis_says("+OK\r\n+PONG\r\n*0\r\n") == NGX_ERROR,
            "nor is who says nothing");
    ngx_kafka_sse_redis_session_close(&redis_session);

    /* a Sentinel itself */

    ngx_str_set(&args[0], "GET-MASTER-ADDR-BY-NAME");
    args[1] = redis_conf.sentinel;

    redis_session.sentinel = 1;
    (void) redis_open();
    redis_sends("*2\r\n$4\r\nAUTH\r\n$5\r\nother\r\n",
                "a Sentinel has a password of its own");
    redis_idle_calls = 0;
    unit_ok(redis_says("+OK\r\n+OK\r\n+PONG\r\n") == NGX_OK
            && redis_idle_calls == 1 && redis_session.port == 0,
            "... and no role");

    (void) ngx_kafka_sse_redis_session_command(&redis_session,
                                               NGX_KAFKA_SSE_REDIS_SENTINEL,
                                               args, 2);
    redis_sends("*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n"
                "$4\r\nshop\r\n", "it is asked for the master");
    unit_ok(redis_says("*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n") == NGX_OK
            && redis_idle_calls == 2 && redis_session.port == 6379,
            "... and answers");
    unit_is(redis_session.host.data, redis_session.host.len, "10.0.0.1", 8,
            "... with an address");

    (void) ngx_kafka_sse_redis_session_command(&redis_session,
                                               NGX_KAFKA_SSE_REDIS_SENTINEL,
                                               args, 2);
    unit_ok(redis_says("*-1\r\n") == NGX_ERROR
            && redis_has_said("it knows no master \"shop\""),
            "... or does not know it");

    ngx_kafka_sse_redis_session_close(&redis_session);
    redis_reset();
}


/* what is to be done where it refuses */

static void
redis_test_advice(void)
{
    ngx_log_t  *log;

    redis_begin(1);
    redis_publish("first");
    redis_greet();
    redis_sends(REDIS_HELLO, "a publisher begins");
    (void) redis_says(REDIS_STANDALONE);
    redis_sends("*3\r\n$7\r\nPUBLISH\r\n$8\r\np:{id}:t\r\n$5\r\nfirst\r\n",
                "... and publishes");
    unit_ok(redis_says("-NOPERM no\x1b[1m\r\n") == NGX_ERROR
            && redis_has_said("PUBLISH to \"p:{id}:t\": \"NOPERM no?[1m\", "
                              "its ACL needs \"+publish &p:*\""),
            "the rule that it lacks is named, nothing strange gets through");
    ngx_kafka_sse_redis_session_close(&redis_session);

    redis_greet();
    (void) redis_says(REDIS_CLUSTER);
    unit_ok(redis_says("-NOPERM no\r\n") == NGX_ERROR
            && redis_has_said("PUBLISH to \"p:{id}:t\": \"NOPERM no\", "
                              "its ACL needs \"+spublish &p:*\""),
            "... that of a cluster, too");
    ngx_kafka_sse_redis_session_close(&redis_session);
    redis_forget();

    redis_begin(0);
    (void) redis_open();
    unit_ok(redis_says("-NOAUTH Authentication required.\r\n") == NGX_ERROR
            && redis_has_said("CLIENT: \"NOAUTH Authentication required.\", "
                              "\"kafka_sse_redis\" needs "
                              "\"password_file=\""),
            "who needs a password is told where to put it");
    ngx_kafka_sse_redis_session_close(&redis_session);

    /* what we do without is said once, until it is granted */

    log = &redis_log;
    log->log_level = NGX_LOG_NOTICE;
    ngx_shim_message[0] = '\0';

    (void) redis_open();
    unit_ok(redis_says("-NOPERM no\r\n") == NGX_OK
            && strcmp(ngx_shim_message, "kafka_sse: Redis refuses CLIENT, "
                                        "going on without, its ACL needs "
                                        "\"+client|setname\"")
               == 0,
            "a name is not necessary");
    ngx_shim_message[0] = '\0';
    unit_ok(redis_says("-NOPERM no\r\n-NOPERM no\r\n") == NGX_OK
            && strcmp(ngx_shim_message, "kafka_sse: Redis refuses HELLO, "
                                        "going on without knowing whether it "
                                        "is a cluster, its ACL needs "
                                        "\"+hello\"")
               == 0
            && redis_idle_calls == 1,
            "nor are the others");
    ngx_kafka_sse_redis_session_close(&redis_session);

    ngx_shim_message[0] = '\0';
    (void) redis_open();
    unit_ok(redis_says("-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n") == NGX_OK
            && ngx_shim_message[0] == '\0',
            "... which is said once");
    ngx_kafka_sse_redis_session_close(&redis_session);

    (void) redis_open();
    (void) redis_says("+OK\r\n+PONG\r\n" REDIS_STANDALONE);
    ngx_kafka_sse_redis_session_close(&redis_session);

    (void) redis_open();
    unit_ok(redis_says("-NOPERM no\r\n") == NGX_OK
            && ngx_shim_message[0] != '\0',
            "... and again, where it was granted meanwhile");
    ngx_kafka_sse_redis_session_close(&redis_session);

    log->log_level = 0;
}


/* who may say how much memory we take? */

static void
redis_test_limits(void)
{
    u_char     *piece;
    ngx_int_t   rc;
    ngx_uint_t  i;

    static char  nested[4097 * 4 + 1];

    static struct {
        const char  *reply;
        const char  *said;
    } replies[] = {
        { "*4097\r\n", "a reply of more than 4096 elements" },
        { "*2147483647\r\n", "a reply of more than 4096 elements" },
        { "*2\r\n*4000\r\n", "a reply of more than 4096 elements" },
        { nested, NULL },
        { "*-2\r\n", NULL },
        { "$-2\r\n", NULL },
        { "$99999999999999999999\r\n", NULL },
        { "\x15\x03\x01", NULL },
    };

    /* hiredis itself bounds how deep one is until 1.0 only */

    for (i = 0; i < 4097; i++) {
        ngx_memcpy(nested + 4 * i, "*1\r\n", 4);
    }

    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {

        redis_begin(0);
        (void) redis_open();

        /* 96 elements are left beside the 4000 and their array */

        rc = redis_hears(replies[i].reply, strlen(replies[i].reply));

        if (i == 2) {
            unit_ok(rc == NGX_OK, "*4000 in *2 is as much as there may be");
            ngx_kafka_sse_redis_session_close(&redis_session);
            continue;
        }

        unit_ok(rc == NGX_ERROR
                && (replies[i].said == NULL
                    || redis_has_said(replies[i].said)),
                replies[i].said ? replies[i].said : "no reply");

        ngx_kafka_sse_redis_session_close(&redis_session);
    }

    /* a message that never ends */

    piece = malloc(65536);
    if (piece == NULL) {
        abort();
    }

    memset(piece, 'x', 65536);

    redis_begin(0);
    (void) redis_open();

    rc = redis_says("$536870912\r\n");

    for (i = 0; rc == NGX_OK && i < 8192; i++) {
        rc = ngx_kafka_sse_redis_session_feed(&redis_session, piece, 65536);
    }

    unit_ok(rc == NGX_ERROR && i == 256
            && redis_has_said("a reply of more than 16 MB"),
            "512 MB are refused when 16 of them have come");

    ngx_kafka_sse_redis_session_close(&redis_session);

    free(piece);
}


static void
redis_test_early(void)
{
    u_char  ok[] = "+OK\r\n";

    redis_begin(0);
    (void) redis_open();
    unit_ok(ngx_kafka_sse_redis_session_feed(&redis_session, ok, 5)
            == NGX_ERROR
            && redis_has_said("unexpected reply"),
            "an answer before the question is refused");
    ngx_kafka_sse_redis_session_close(&redis_session);

    (void) redis_open();
    unit_ok(ngx_kafka_sse_redis_session_feed(&redis_session,
                                             (u_char *) "-NOPERM no\r\n", 12)
            == NGX_ERROR
            && redis_has_said("CLIENT: \"NOPERM no\", its ACL needs "
                              "\"+client|setname\""),
            "... even if it could be done without");
    ngx_kafka_sse_redis_session_close(&redis_session);
}


/* replies with some bytes changed, in each state: no claim but to survive */

static void
redis_test_garbage(void)
{
    char        reply[512];
    size_t      len;
    ngx_uint_t  i, k, n, failed;

    static const char  *replies[] = {
        "+OK\r\n+OK\r\n+PONG\r\n" REDIS_CLUSTER,
        "+OK\r\n+OK\r\n+PONG\r\n" REDIS_STANDALONE
        "*3\r\n$9\r\nsubscribe\r\n$8\r\np:{id}:t\r\n:1\r\n"
        "*3\r\n$7\r\nmessage\r\n$8\r\np:{id}:t\r\n$1\r\nx\r\n",
        "+OK\r\n+OK\r\n+PONG\r\n" REDIS_CLUSTER
        "*3\r\n$10\r\nssubscribe\r\n$8\r\np:{id}:t\r\n:1\r\n"
        "*3\r\n$8\r\nsmessage\r\n$8\r\np:{id}:t\r\n$1\r\nx\r\n"
        "*3\r\n$12\r\nsunsubscribe\r\n$8\r\np:{id}:t\r\n:0\r\n",
        "+OK\r\n+OK\r\n+PONG\r\n-MOVED 12 127.0.0.1:6379\r\n",
        "+OK\r\n+OK\r\n+PONG\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
        "+OK\r\n+OK\r\n+PONG\r\n*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n",
    };

    failed = 0;

    for (i = 0; i < 20000; i++) {

        redis_begin(0);

        redis_session.sentinel = unit_below(2);

        if (unit_below(2)) {
            ngx_str_set(&redis_conf.sentinel, "shop");

        } else {
            ngx_str_null(&redis_conf.sentinel);
        }

        if (redis_open() != NGX_OK) {
            abort();
        }

        k = unit_below(sizeof(replies) / sizeof(replies[0]));
        len = strlen(replies[k]);
        memcpy(reply, replies[k], len);

        for (n = unit_below(4); n; n--) {
            reply[unit_below(len)] = "$*:-+\r\n0129 ?x"[unit_below(14)];
        }

        failed += (redis_hears(reply, len) != NGX_OK);

        ngx_kafka_sse_redis_session_close(&redis_session);
    }

    redis_reset();

    unit_ok(failed > 1000, "what Redis never says is refused");
}


int
main(void)
{
    redis_reset();

    redis_test_publish();
    redis_test_moved();
    redis_test_subscribe();
    redis_test_sentinel();
    redis_test_advice();
    redis_test_limits();
    redis_test_early();
    redis_test_garbage();

    return unit_done();
}
