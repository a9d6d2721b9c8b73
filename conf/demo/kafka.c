
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * A stand-in for Kafka: librdkafka's mock cluster with one broker, to which
 * other processes connect as to any Kafka.  It keeps its log in memory (some
 * MiB per partition), and knows neither ACLs nor the admin API.
 *
 *     kafka topic:partitions ...
 *
 * prints "host:port" of its broker and runs until it is told to stop.
 */


#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>


static void  kafka_create_topic(rd_kafka_mock_cluster_t *cluster, char *arg);


int
main(int argc, char **argv)
{
    int                       i, signo;
    char                      err[512];
    sigset_t                  set;
    rd_kafka_t               *rk;
    rd_kafka_conf_t          *conf;
    rd_kafka_mock_cluster_t  *cluster;

    /* before librdkafka starts its threads: they inherit the mask */

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);

    /* the handle is for the mock cluster's own use, it connects nowhere */

    conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);

    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
    if (rk == NULL) {
        fprintf(stderr, "kafka: %s\n", err);
        return 1;
    }

    cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (cluster == NULL) {
        fprintf(stderr, "kafka: the mock cluster does not start\n");
        return 1;
    }

    for (i = 1; i < argc; i++) {
        kafka_create_topic(cluster, argv[i]);
    }

    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);

    sigwait(&set, &signo);

    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(rk);

    return 0;
}


static void
kafka_create_topic(rd_kafka_mock_cluster_t *cluster, char *arg)
{
    int                  partitions;
    char                *colon;
    rd_kafka_resp_err_t  err;

    partitions = 1;

    colon = strchr(arg, ':');
    if (colon) {
        *colon = '\0';
        partitions = atoi(colon + 1);
    }

    if (partitions < 1) {
        fprintf(stderr, "kafka: invalid number of partitions \"%s\"\n",
                colon + 1);
        exit(1);
    }

    err = rd_kafka_mock_topic_create(cluster, arg, partitions, 1);
    if (err) {
        fprintf(stderr, "kafka: topic \"%s\": %s\n", arg,
                rd_kafka_err2str(err));
        exit(1);
    }
}
