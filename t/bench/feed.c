
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * feed: produces records at a steady rate, the same for everyone.
 *
 *     feed kafka <brokers> <topic> <partitions>     by librdkafka
 *     feed mock <topic> <partitions>                ... into its mock cluster
 *     feed http <port> <uri>                        one POST after the other
 *     feed raw <port>                               one record per line
 *
 * Kafka and HTTP may be followed by keys=<n>: the records' keys are "k0" and so
 * on in turn; in the uri it is the number that stands in the place of "%d".
 * Kafka may be followed by linger=<ms>, 0 if it is not.
 *
 * Says {"brokers":...} when it is ready; then, for each line of input
 *
 *     <run> <records> <rate per second> <size> [<burst>]
 *
 * sends that many, so many at a time, and says how it went.  late_us is by how
 * much the feed was behind its own schedule at worst.
 */

#include "bench.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>


typedef struct feed_s  feed_t;

struct feed_s {
    void                  (*send)(feed_t *feed, unsigned n,
                                  const char *buf, size_t len);
    void                  (*done)(feed_t *feed);

    int                     fd;         /* http, raw */
    const char             *uri;

    rd_kafka_t             *rk;         /* kafka, mock */
    rd_kafka_topic_t       *topic;
    const char             *brokers;
    unsigned                sources;
    unsigned                keys;       /* 0: none */
    const char             *linger;     /* ms */
    unsigned                failed;
};


static void
feed_kafka_report(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *data)
{
    feed_t  *feed = data;

    if (msg->err) {
        feed->failed++;
    }
}


static void
feed_kafka_send(feed_t *feed, unsigned n, const char *buf, size_t len)
{
    int   klen;
    char  key[16];

    klen = feed->keys ? sprintf(key, "k%u", n % feed->keys) : 0;

    while (rd_kafka_produce(feed->topic, n % feed->sources,
                            RD_KAFKA_MSG_F_COPY, (void *) buf, len,
                            klen ? key : NULL, klen, NULL)
           == -1)
    {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            errno = 0;
            die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }

        rd_kafka_poll(feed->rk, 1);
    }

    rd_kafka_poll(feed->rk, 0);
}


static void
feed_kafka_done(feed_t *feed)
{
    if (rd_kafka_flush(feed->rk, 5000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        feed->failed++;
    }
}


static void
feed_kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char  err[256];

    if (rd_kafka_conf_set(conf, name, value, err, sizeof(err))
        != RD_KAFKA_CONF_OK)
    {
        errno = 0;
        die("%s", err);
    }
}


static void
feed_kafka_open(feed_t *feed, const char *brokers, const char *topic)
{
    char                              err[256];
    rd_kafka_conf_t                  *conf;
    rd_kafka_resp_err_t               rc;
    rd_kafka_mock_cluster_t          *mock;
    const rd_kafka_metadata_t        *md;

    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, feed);
    rd_kafka_conf_set_dr_msg_cb(conf, feed_kafka_report);

    /* in order, and at once unless bursts are to stay together */

    feed_kafka_set(conf, "linger.ms", feed->linger);
    feed_kafka_set(conf, "enable.idempotence", "true");
    feed_kafka_set(conf, "log_level", "3");

    if (brokers) {
        feed_kafka_set(conf, "bootstrap.servers", brokers);

    } else {
        feed_kafka_set(conf, "test.mock.num.brokers", "1");
    }

    feed->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
    if (feed->rk == NULL) {
        errno = 0;
        die("librdkafka: %s", err);
    }

    if (brokers == NULL) {
        mock = rd_kafka_handle_mock_cluster(feed->rk);
        rd_kafka_mock_topic_create(mock, topic, feed->sources, 1);
        brokers = rd_kafka_mock_cluster_bootstraps(mock);
    }

    feed->brokers = brokers;
    feed->topic = rd_kafka_topic_new(feed->rk, topic, NULL);

    rc = rd_kafka_metadata(feed->rk, 0, feed->topic, &md, 10000);
    if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
        errno = 0;
        die("topic \"%s\" at %s: %s", topic, brokers, rd_kafka_err2str(rc));
    }

    rd_kafka_metadata_destroy(md);

    feed->send = feed_kafka_send;
    feed->done = feed_kafka_done;
}


static void
feed_http_send(feed_t *feed, unsigned n, const char *buf, size_t len)
{
    int      hlen;
    char     head[512], uri[256], *end, *body;
    size_t   got, want;
    ssize_t  rc;

    bench_uri(uri, sizeof(uri), feed->uri, feed->keys ? n % feed->keys : 0);

    hlen = snprintf(head, sizeof(head),
                    "POST %s HTTP/1.1\r\nHost: bench\r\n"
                    "Content-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n", uri, len);

    if (send(feed->fd, head, hlen, MSG_MORE|MSG_NOSIGNAL) != hlen) {
        die("send");
    }

    bench_send(feed->fd, buf, len);

    /* the whole response, or the next one would begin in the middle of it */

    for (got = 0, want = 0; want == 0 || got < want; got += rc) {

        rc = recv(feed->fd, head + got, sizeof(head) - 1 - got, 0);
        if (rc <= 0) {
            die("the publisher's connection ended");
        }

        head[got + rc] = '\0';

        if (want == 0 && (end = strstr(head, "\r\n\r\n")) != NULL) {
            body = strcasestr(head, "\r\nContent-Length:");
            want = end + 4 - head + (body ? atoi(body + 17) : 0);
        }
    }

    if (strncmp(head, "HTTP/1.1 20", 11) != 0) {
        feed->failed++;
    }
}


static void
feed_raw_send(feed_t *feed, unsigned n, const char *buf, size_t len)
{
    char  line[BENCH_RECORD_MAX + 1];

    memcpy(line, buf, len);
    line[len] = '\n';

    bench_send(feed->fd, line, len + 1);
}


static void
feed_run(feed_t *feed, unsigned run, unsigned records, double rate, int size,
    unsigned burst)
{
    char             buf[BENCH_RECORD_MAX];
    int64_t          due, end, late, now, start;
    unsigned         n;
    struct timespec  ts;

    late = 0;
    feed->failed = 0;
    start = now_us() + 1000;

    for (n = 0; n < records; n++) {
        due = start + (int64_t) (n / burst * burst * 1e6 / rate);
        now = now_us();

        if (now < due) {
            ts.tv_sec = due / 1000000;
            ts.tv_nsec = due % 1000000 * 1000;
            clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);

        } else if (now - due > late) {
            late = now - due;
        }

        bench_record(buf, size, run, n % feed->sources, n / feed->sources,
                     due);
        feed->send(feed, n, buf, size);
    }

    end = now_us();

    if (feed->done) {
        feed->done(feed);
    }

    printf("{\"run\":%u,\"sent\":%u,\"failed\":%u,\"seconds\":%.6f,"
           "\"late_us\":%lld}\n",
           run, records, feed->failed, (end - start) / 1e6, (long long) late);
}


/* what may stand at the end; says how many words come before it */

static int
feed_options(feed_t *feed, int argc, char **argv)
{
    for ( /* void */ ; argc > 2; argc--) {

        if (strncmp(argv[argc - 1], "linger=", 7) == 0) {
            feed->linger = argv[argc - 1] + 7;

        } else if (sscanf(argv[argc - 1], "keys=%u", &feed->keys) != 1) {
            break;
        }
    }

    return argc;
}


int
main(int argc, char **argv)
{
    int          size;
    char         line[128];
    double       rate;
    feed_t       feed;
    unsigned     burst, run, records;
    const char  *mode;

    memset(&feed, 0, sizeof(feed));
    feed.brokers = "";
    feed.sources = 1;
    feed.linger = "0";
    argc = feed_options(&feed, argc, argv);
    mode = argc > 1 ? argv[1] : "";

    prctl(PR_SET_TIMERSLACK, 1000);
    prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (strcmp(mode, "kafka") == 0 && argc == 5) {
        feed.sources = atoi(argv[4]);
        feed_kafka_open(&feed, argv[2], argv[3]);

    } else if (strcmp(mode, "mock") == 0 && argc == 4) {
        feed.sources = atoi(argv[3]);
        feed_kafka_open(&feed, NULL, argv[2]);

    } else if (strcmp(mode, "http") == 0 && argc == 4) {
        feed.fd = bench_connect("127.0.0.1", atoi(argv[2]));
        feed.uri = argv[3];
        feed.send = feed_http_send;

    } else if (strcmp(mode, "raw") == 0 && argc == 3) {
        feed.fd = bench_connect("127.0.0.1", atoi(argv[2]));
        feed.send = feed_raw_send;

    } else {
        errno = 0;
        die("usage: feed kafka|mock|http|raw ...");
    }

    if (feed.keys && feed.sources > 1) {
        errno = 0;
        die("keys are for one partition");
    }

    setlinebuf(stdout);
    printf("{\"brokers\":\"%s\"}\n", feed.brokers);

    while (fgets(line, sizeof(line), stdin)) {
        burst = 1;

        if (sscanf(line, "%u %u %lf %d %u", &run, &records, &rate, &size,
                   &burst)
            < 4
            || size < BENCH_RECORD_MIN || size > BENCH_RECORD_MAX || rate <= 0
            || burst == 0)
        {
            errno = 0;
            die("not understood: %s", line);
        }

        feed_run(&feed, run, records, rate, size, burst);
    }

    return 0;
}
