
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * What the tests ask of Kafka, without the start of a JVM:
 *
 *     kafka [-b brokers] [-X property=value] ... command ...
 *
 *     version                          librdkafka's
 *     ping [seconds]                   until the broker answers and has room
 *                                      for topics, at most so long
 *     create topic partitions[/replicas] [k=v ...]
 *     delete topic ...
 *     partitions topic n               grow to n partitions
 *     delete-records topic partition offset
 *     acl add|remove principal topic|group|cluster name operation
 *                                      who is allowed what, from anywhere
 *     offsets topic ...                low, high and last stable offset
 *     group name                       state, members, what they own
 *     committed name topic ...         the group's committed offsets
 *     produce [-z codec]               records from stdin, see below
 *     fill [-n n] [-s bytes] [-r n/s] [-z codec] [-S start] [-p partition]
 *          [-B burst] [-k keys] topic ...
 *                                      n records; until SIGTERM with -n 0.
 *                                      They come in bursts, at the same rate;
 *                                      "keys" keys take turns
 *     txn commit|abort [-n n] [-s bytes] [-S start] [-p partition] [-k keys]
 *          topic ...
 *     txns [-n n] [-T each] [-r n/s] [-s bytes] [-k keys] topic ...
 *                                      as fill, in transactions of so many;
 *                                      every third is aborted
 *     consume [-u] topic ...           all up to the end, one JSON a line;
 *     digest [-u] topic ...            and what they sum up to;
 *                                      -u: uncommitted ones, too
 *     runs [-u] topic ...              [ [ first, last ], ... ]: which offsets
 *                                      are there, a line for each partition,
 *                                      and what "digest" says
 *
 * All output is JSON.  A record for "produce" is a line of words:
 *
 *     topic partition key value [headers [timestamp]]
 *
 * partition -1 is librdkafka's choice; key and value are "-" for null, "."
 * for empty, else hexadecimal; headers "-", or name:value[,name:value ...] of
 * such words.  The answer is a line for each: where it is in Kafka.
 *
 * The i-th record of "fill" and "txn" has key "k<i>" and value
 * {"n":<i>,"t":<ms since the epoch>,"pad":"..."}; topics and their partitions
 * take turns.  Both print what they did: {"first":,"next":,"ms":}.
 */

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"


#define MAX_TOPICS      64
#define MAX_PROPERTIES  64
#define ASK_MS          30000       /* what one answer may take */


typedef struct {
    const char  *name;
    int32_t      partitions;
} topic_t;


typedef struct {
    int64_t      n;                 /* how many, 0: until SIGTERM */
    int64_t      start;             /* number of the first */
    size_t       size;              /* of a value, bytes */
    long         rate;              /* a second, 0: as fast as it goes */
    int32_t      partition;         /* this one only, -1: all take turns */
    int64_t      burst;             /* so many at once */
    int64_t      keys;              /* different ones, 0: all are */
    int64_t      each;              /* in a transaction */
    const char  *codec;
    topic_t      topics[MAX_TOPICS];
    int          ntopics;
} load_t;


typedef struct {
    const char  *topic;
    int32_t      partition;
    int64_t      offset;            /* RD_KAFKA_OFFSET_INVALID: not yet */
    int          err;
} sent_t;


static const char       *brokers = "127.0.0.1:9092";
static const char       *properties[MAX_PROPERTIES];
static int               nproperties;
static volatile sig_atomic_t  stop;
static int64_t           undelivered;
static int64_t           failed;


static void
die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fprintf(stderr, "kafka: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);

    exit(1);
}


static int64_t
now_ms(void)
{
    struct timeval  tv;

    gettimeofday(&tv, NULL);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}


static void
on_signal(int signo)
{
    stop = 1;
}


static void
set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char  err[512];

    if (rd_kafka_conf_set(conf, key, value, err, sizeof(err))
        != RD_KAFKA_CONF_OK)
    {
        die("%s", err);
    }
}


static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *data)
{
    sent_t  *sent;

    undelivered--;

    sent = msg->_private;

    if (msg->err) {
        if (failed++ == 0) {
            fprintf(stderr, "kafka: not delivered: %s\n",
                    rd_kafka_err2str(msg->err));
        }
    }

    if (sent) {
        sent->partition = msg->partition;
        sent->offset = msg->offset;
        sent->err = msg->err;
    }
}


/* a client; pairs is a NULL-terminated list of properties and values */

static rd_kafka_t *
client(rd_kafka_type_t type, const char **pairs)
{
    int               i;
    char              err[512], name[256];
    const char       *eq;
    rd_kafka_t       *rk;
    rd_kafka_conf_t  *conf;

    conf = rd_kafka_conf_new();

    set(conf, "bootstrap.servers", brokers);
    set(conf, "client.id", "kafka-sse-test");
    set(conf, "log_level", "3");
    set(conf, "reconnect.backoff.ms", "20");
    set(conf, "reconnect.backoff.max.ms", "500");

    for (i = 0; pairs && pairs[i]; i += 2) {
        set(conf, pairs[i], pairs[i + 1]);
    }

    for (i = 0; i < nproperties; i++) {
        eq = strchr(properties[i], '=');
        if (eq == NULL) {
            die("-X %s: no \"=\"", properties[i]);
        }

        snprintf(name, sizeof(name), "%.*s", (int) (eq - properties[i]),
                 properties[i]);
        set(conf, name, eq + 1);
    }

    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    }

    rk = rd_kafka_new(type, conf, err, sizeof(err));
    if (rk == NULL) {
        die("%s", err);
    }

    return rk;
}


static rd_kafka_t *
producer(const char *codec, const char *transactional_id)
{
    const char  *pairs[] = {
        "compression.codec", codec ? codec : "none",
        "message.max.bytes", "20000000",
        "queue.buffering.max.messages", "2000000",
        "queue.buffering.max.kbytes", "1000000",
        "linger.ms", "2",
        "acks", "all",
        "message.timeout.ms", "60000",
        transactional_id ? "transactional.id" : NULL, transactional_id,
        NULL
    };

    return client(RD_KAFKA_PRODUCER, pairs);
}


static rd_kafka_t *
reader(int uncommitted)
{
    const char  *pairs[] = {
        "group.id", "kafka-sse-test-reader",
        "enable.auto.commit", "false",
        "enable.auto.offset.store", "false",
        "enable.partition.eof", "true",
        "auto.offset.reset", "error",
        "fetch.message.max.bytes", "20000000",
        "fetch.wait.max.ms", "20",
        "isolation.level", uncommitted ? "read_uncommitted" : "read_committed",
        NULL
    };

    return client(RD_KAFKA_CONSUMER, pairs);
}


/*
 * The number of partitions of a topic; waits a moment for a new one, until
 * each partition has a leader.
 */

static int32_t
count_partitions(rd_kafka_t *rk, const char *name)
{
    int32_t                         i, n;
    int64_t                         deadline;
    rd_kafka_topic_t               *rkt;
    rd_kafka_resp_err_t             err;
    const struct rd_kafka_metadata *md;

    deadline = now_ms() + ASK_MS;
    rkt = rd_kafka_topic_new(rk, name, NULL);

    for ( ;; ) {
        n = 0;

        err = rd_kafka_metadata(rk, 0, rkt, &md, 5000);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = md->topics[0].err;
            n = md->topics[0].partition_cnt;

            for (i = 0; i < n && !err; i++) {
                err = md->topics[0].partitions[i].err;
            }

            rd_kafka_metadata_destroy(md);
        }

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && n > 0) {
            break;
        }

        if (now_ms() > deadline) {
            die("topic \"%s\": %s", name, rd_kafka_err2str(err));
        }

        usleep(20000);
    }

    rd_kafka_topic_destroy(rkt);

    return n;
}


static void
print_string(const char *s)
{
    const unsigned char  *p;

    putchar('"');

    for (p = (const unsigned char *) (s ? s : ""); *p; p++) {
        if (*p == '"' || *p == '\\' || *p < 0x20) {
            printf("\\u%04x", *p);
        } else {
            putchar(*p);
        }
    }

    putchar('"');
}


static void
print_hex(const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p;
    static const char     hex[] = "0123456789abcdef";

    if (data == NULL) {
        printf("null");
        return;
    }

    putchar('"');

    for (p = data, i = 0; i < len; i++) {
        putchar(hex[p[i] >> 4]);
        putchar(hex[p[i] & 15]);
    }

    putchar('"');
}


/* ping */

static void
cmd_ping(int argc, char **argv)
{
    int                             brokers_up;
    int64_t                         deadline;
    rd_kafka_t                     *rk;
    rd_kafka_resp_err_t             err;
    const struct rd_kafka_metadata *md;

    deadline = now_ms() + (argc > 1 ? atol(argv[1]) : 60) * 1000;

    rk = client(RD_KAFKA_PRODUCER, NULL);
    brokers_up = 0;

    while (!brokers_up) {
        err = rd_kafka_metadata(rk, 0, NULL, &md, 500);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            brokers_up = md->broker_cnt;
            rd_kafka_metadata_destroy(md);
        }

        if (!brokers_up) {
            if (now_ms() > deadline) {
                die("no answer from %s: %s", brokers, rd_kafka_err2str(err));
            }

            usleep(50000);
        }
    }

    printf("{\"brokers\":%d}\n", brokers_up);

    rd_kafka_destroy(rk);
}


/*
 * Administration: one request, one answer.  A broker that has just started
 * may not know its controller yet, so what it calls temporary is asked again.
 */

typedef void (*ask_pt)(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc);
typedef rd_kafka_resp_err_t (*answer_pt)(rd_kafka_event_t *event,
    const char **text);


static void
admin(rd_kafka_admin_op_t op, ask_pt ask, answer_pt answer, char **argv,
    int argc)
{
    char                      err[512];
    int64_t                   deadline;
    const char               *text;
    rd_kafka_t               *rk;
    rd_kafka_event_t         *event;
    rd_kafka_queue_t         *queue;
    rd_kafka_resp_err_t       rc;
    rd_kafka_AdminOptions_t  *options;

    rk = client(RD_KAFKA_PRODUCER, NULL);
    queue = rd_kafka_queue_new(rk);

    options = rd_kafka_AdminOptions_new(rk, op);
    rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, err,
                                              sizeof(err));
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS
        || op == RD_KAFKA_ADMIN_OP_DELETETOPICS
        || op == RD_KAFKA_ADMIN_OP_CREATEPARTITIONS
        || op == RD_KAFKA_ADMIN_OP_DELETERECORDS)
    {
        rd_kafka_AdminOptions_set_operation_timeout(options, ASK_MS, err,
                                                    sizeof(err));
    }

    deadline = now_ms() + ASK_MS;

    for ( ;; ) {
        ask(rk, options, queue, argv, argc);

        event = rd_kafka_queue_poll(queue, ASK_MS + 5000);
        if (event == NULL) {
            die("no answer");
        }

        text = NULL;
        rc = rd_kafka_event_error(event);

        if (rc) {
            text = rd_kafka_event_error_string(event);
        } else {
            rc = answer(event, &text);
        }

        if (rc == RD_KAFKA_RESP_ERR_NO_ERROR) {
            break;
        }

        if (now_ms() > deadline
            || (rc != RD_KAFKA_RESP_ERR_NOT_CONTROLLER
                && rc != RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE
                && rc != RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS
                && rc != RD_KAFKA_RESP_ERR_NOT_COORDINATOR
                && rc != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                && rc != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
                && rc != RD_KAFKA_RESP_ERR__TRANSPORT))
        {
            die("%s", text ? text : rd_kafka_err2str(rc));
        }

        rd_kafka_event_destroy(event);
        usleep(50000);
    }

    rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}


static rd_kafka_resp_err_t
topic_results(const rd_kafka_topic_result_t **results, size_t n,
    const char **text)
{
    size_t               i;
    rd_kafka_resp_err_t  rc;

    for (i = 0; i < n; i++) {
        rc = rd_kafka_topic_result_error(results[i]);

        if (rc) {
            *text = rd_kafka_topic_result_error_string(results[i]);
            return rc;
        }
    }

    return RD_KAFKA_RESP_ERR_NO_ERROR;
}


static void
ask_create(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    int                   i;
    char                  err[512], name[256], *eq;
    const char           *slash;
    rd_kafka_NewTopic_t  *topic;

    slash = strchr(argv[1], '/');

    topic = rd_kafka_NewTopic_new(argv[0], atoi(argv[1]),
                                  slash ? atoi(slash + 1) : 1, err,
                                  sizeof(err));
    if (topic == NULL) {
        die("%s", err);
    }

    for (i = 2; i < argc; i++) {
        eq = strchr(argv[i], '=');
        if (eq == NULL) {
            die("%s: no \"=\"", argv[i]);
        }

        snprintf(name, sizeof(name), "%.*s", (int) (eq - argv[i]), argv[i]);
        rd_kafka_NewTopic_set_config(topic, name, eq + 1);
    }

    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_NewTopic_destroy(topic);
}


static rd_kafka_resp_err_t
answer_create(rd_kafka_event_t *event, const char **text)
{
    size_t                          n;
    const rd_kafka_topic_result_t **results;

    results = rd_kafka_CreateTopics_result_topics(
                  rd_kafka_event_CreateTopics_result(event), &n);

    return topic_results(results, n, text);
}


static void
ask_delete(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    int                      i;
    rd_kafka_DeleteTopic_t  *topics[MAX_TOPICS];

    for (i = 0; i < argc && i < MAX_TOPICS; i++) {
        topics[i] = rd_kafka_DeleteTopic_new(argv[i]);
    }

    rd_kafka_DeleteTopics(rk, topics, i, options, queue);
    rd_kafka_DeleteTopic_destroy_array(topics, i);
}


static rd_kafka_resp_err_t
answer_delete(rd_kafka_event_t *event, const char **text)
{
    size_t                          n;
    const rd_kafka_topic_result_t **results;

    results = rd_kafka_DeleteTopics_result_topics(
                  rd_kafka_event_DeleteTopics_result(event), &n);

    return topic_results(results, n, text);
}


static void
ask_partitions(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    char                       err[512];
    rd_kafka_NewPartitions_t  *parts;

    parts = rd_kafka_NewPartitions_new(argv[0], atoi(argv[1]), err,
                                       sizeof(err));
    if (parts == NULL) {
        die("%s", err);
    }

    rd_kafka_CreatePartitions(rk, &parts, 1, options, queue);
    rd_kafka_NewPartitions_destroy(parts);
}


static rd_kafka_resp_err_t
answer_partitions(rd_kafka_event_t *event, const char **text)
{
    size_t                          n;
    const rd_kafka_topic_result_t **results;

    results = rd_kafka_CreatePartitions_result_topics(
                  rd_kafka_event_CreatePartitions_result(event), &n);

    return topic_results(results, n, text);
}


static void
ask_delete_records(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    rd_kafka_DeleteRecords_t         *del;
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[0], atoi(argv[1]))->offset =
        atoll(argv[2]);

    del = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &del, 1, options, queue);

    rd_kafka_DeleteRecords_destroy(del);
    rd_kafka_topic_partition_list_destroy(list);
}


static rd_kafka_resp_err_t
answer_delete_records(rd_kafka_event_t *event, const char **text)
{
    const rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_DeleteRecords_result_offsets(
               rd_kafka_event_DeleteRecords_result(event));

    return list->cnt ? list->elems[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}


/* add|remove principal topic|group|cluster name operation */

static rd_kafka_ResourceType_t
acl_type(const char *name)
{
    return strcmp(name, "topic") == 0 ? RD_KAFKA_RESOURCE_TOPIC
           : strcmp(name, "group") == 0 ? RD_KAFKA_RESOURCE_GROUP
           : strcmp(name, "cluster") == 0 ? RD_KAFKA_RESOURCE_BROKER
           : RD_KAFKA_RESOURCE_UNKNOWN;
}


static rd_kafka_AclOperation_t
acl_operation(const char *name)
{
    return strcmp(name, "read") == 0 ? RD_KAFKA_ACL_OPERATION_READ
           : strcmp(name, "write") == 0 ? RD_KAFKA_ACL_OPERATION_WRITE
           : strcmp(name, "describe") == 0 ? RD_KAFKA_ACL_OPERATION_DESCRIBE
           : RD_KAFKA_ACL_OPERATION_UNKNOWN;
}


static void
ask_acl_add(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    char                   err[512];
    rd_kafka_AclBinding_t *acl;

    acl = rd_kafka_AclBinding_new(acl_type(argv[2]), argv[3],
                                  RD_KAFKA_RESOURCE_PATTERN_LITERAL, argv[1],
                                  "*", acl_operation(argv[4]),
                                  RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, err,
                                  sizeof(err));
    if (acl == NULL) {
        die("%s", err);
    }

    rd_kafka_CreateAcls(rk, &acl, 1, options, queue);
    rd_kafka_AclBinding_destroy(acl);
}


static rd_kafka_resp_err_t
answer_acl_add(rd_kafka_event_t *event, const char **text)
{
    size_t                         n;
    const rd_kafka_error_t        *error;
    const rd_kafka_acl_result_t  **results;

    results = rd_kafka_CreateAcls_result_acls(
                  rd_kafka_event_CreateAcls_result(event), &n);

    error = n ? rd_kafka_acl_result_error(results[0]) : NULL;
    *text = rd_kafka_error_string(error);

    return rd_kafka_error_code(error);
}


static void
ask_acl_remove(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    char                         err[512];
    rd_kafka_AclBindingFilter_t *acl;

    acl = rd_kafka_AclBindingFilter_new(acl_type(argv[2]), argv[3],
                                        RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                                        argv[1], "*", acl_operation(argv[4]),
                                        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                                        err, sizeof(err));
    if (acl == NULL) {
        die("%s", err);
    }

    rd_kafka_DeleteAcls(rk, &acl, 1, options, queue);
    rd_kafka_AclBinding_destroy(acl);
}


static rd_kafka_resp_err_t
answer_acl_remove(rd_kafka_event_t *event, const char **text)
{
    size_t                                     n;
    const rd_kafka_error_t                    *error;
    const rd_kafka_DeleteAcls_result_response_t  **results;

    results = rd_kafka_DeleteAcls_result_responses(
                  rd_kafka_event_DeleteAcls_result(event), &n);

    error = n ? rd_kafka_DeleteAcls_result_response_error(results[0]) : NULL;
    *text = rd_kafka_error_string(error);

    return rd_kafka_error_code(error);
}


static void
ask_group(rd_kafka_t *rk, rd_kafka_AdminOptions_t *options,
    rd_kafka_queue_t *queue, char **argv, int argc)
{
    const char  *groups[1] = { argv[0] };

    rd_kafka_DescribeConsumerGroups(rk, groups, 1, options, queue);
}


static rd_kafka_resp_err_t
answer_group(rd_kafka_event_t *event, const char **text)
{
    int                                      p;
    size_t                                   i, n;
    const rd_kafka_error_t                  *error;
    const rd_kafka_MemberAssignment_t       *assignment;
    const rd_kafka_MemberDescription_t      *member;
    const rd_kafka_topic_partition_list_t   *list;
    const rd_kafka_ConsumerGroupDescription_t  *group, **groups;

    groups = rd_kafka_DescribeConsumerGroups_result_groups(
                 rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    group = groups[0];

    error = rd_kafka_ConsumerGroupDescription_error(group);
    if (error && rd_kafka_error_code(error)
                 == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
    {
        printf("{\"state\":\"Dead\",\"members\":[]}\n");
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }

    if (error && rd_kafka_error_code(error)) {
        *text = rd_kafka_error_string(error);
        return rd_kafka_error_code(error);
    }

    printf("{\"state\":\"%s\",\"members\":[",
           rd_kafka_consumer_group_state_name(
               rd_kafka_ConsumerGroupDescription_state(group)));

    n = rd_kafka_ConsumerGroupDescription_member_count(group);

    for (i = 0; i < n; i++) {
        member = rd_kafka_ConsumerGroupDescription_member(group, i);

        printf("%s{\"id\":", i ? "," : "");
        print_string(rd_kafka_MemberDescription_consumer_id(member));
        printf(",\"instance\":");
        print_string(rd_kafka_MemberDescription_group_instance_id(member));
        printf(",\"client\":");
        print_string(rd_kafka_MemberDescription_client_id(member));
        printf(",\"partitions\":[");

        assignment = rd_kafka_MemberDescription_assignment(member);
        list = rd_kafka_MemberAssignment_partitions(assignment);

        for (p = 0; list && p < list->cnt; p++) {
            printf("%s\"%s/%d\"", p ? "," : "", list->elems[p].topic,
                   list->elems[p].partition);
        }

        printf("]}");
    }

    printf("]}\n");

    return RD_KAFKA_RESP_ERR_NO_ERROR;
}


/* what a broker says of a partition that it has only just got */

static int
is_temporary(rd_kafka_resp_err_t err)
{
    switch (err) {

    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        return 1;

    default:
        return 0;
    }
}


static void
query_offsets(rd_kafka_t *rk, const char *topic, int32_t partition,
    int64_t *low, int64_t *high)
{
    int64_t              deadline;
    rd_kafka_resp_err_t  err;

    deadline = now_ms() + ASK_MS;

    for ( ;; ) {
        err = rd_kafka_query_watermark_offsets(rk, topic, partition, low, high,
                                               ASK_MS);
        if (!err) {
            return;
        }

        if (!is_temporary(err) || now_ms() > deadline) {
            die("%s/%d: %s", topic, partition, rd_kafka_err2str(err));
        }

        usleep(20000);
    }
}


/* offsets, committed */

static void
cmd_offsets(int argc, char **argv)
{
    int          i;
    int32_t      p, n;
    int64_t      low, high, stable, none;
    rd_kafka_t  *all, *committed;

    all = reader(1);
    committed = reader(0);

    printf("{");

    for (i = 1; i < argc; i++) {
        printf("%s\"%s\":[", i > 1 ? "," : "", argv[i]);

        n = count_partitions(all, argv[i]);

        for (p = 0; p < n; p++) {
            query_offsets(all, argv[i], p, &low, &high);
            query_offsets(committed, argv[i], p, &none, &stable);

            printf("%s{\"low\":%" PRId64 ",\"high\":%" PRId64
                   ",\"stable\":%" PRId64 "}", p ? "," : "", low, high,
                   stable);
        }

        printf("]");
    }

    printf("}\n");

    rd_kafka_destroy(all);
    rd_kafka_destroy(committed);
}


static void
cmd_committed(int argc, char **argv)
{
    int                               i, j;
    int32_t                           p, n;
    rd_kafka_t                       *rk;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *list;
    const char                       *pairs[] = { "group.id", argv[1], NULL };

    rk = client(RD_KAFKA_CONSUMER, pairs);

    printf("{");

    for (i = 2; i < argc; i++) {
        list = rd_kafka_topic_partition_list_new(16);
        n = count_partitions(rk, argv[i]);

        for (p = 0; p < n; p++) {
            rd_kafka_topic_partition_list_add(list, argv[i], p);
        }

        err = rd_kafka_committed(rk, list, ASK_MS);
        if (err) {
            die("%s: %s", argv[i], rd_kafka_err2str(err));
        }

        printf("%s\"%s\":[", i > 2 ? "," : "", argv[i]);

        for (j = 0; j < list->cnt; j++) {
            printf("%s", j ? "," : "");

            if (list->elems[j].offset < 0) {
                printf("null");
            } else {
                printf("%" PRId64, list->elems[j].offset);
            }
        }

        printf("]");

        rd_kafka_topic_partition_list_destroy(list);
    }

    printf("}\n");

    rd_kafka_destroy(rk);
}


/* produce */

static int
hex_digit(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* decodes a word in place; NULL for null */

static char *
decode(char *word, size_t *len)
{
    int    high, low;
    char  *dst, *src;

    *len = 0;

    if (strcmp(word, "-") == 0) {
        return NULL;
    }

    if (strcmp(word, ".") == 0) {
        return word;
    }

    for (dst = src = word; *src; src += 2) {
        high = hex_digit(src[0]);
        low = high < 0 ? -1 : hex_digit(src[1]);

        if (low < 0) {
            die("not hexadecimal: \"%.40s\"", src);
        }

        *dst++ = (char) (high << 4 | low);
    }

    *len = dst - word;

    return word;
}


static rd_kafka_headers_t *
decode_headers(char *word)
{
    char                *next, *colon, *name, *value;
    size_t               nlen, vlen;
    rd_kafka_headers_t  *headers;

    headers = rd_kafka_headers_new(8);

    if (word == NULL || strcmp(word, "-") == 0) {
        return headers;
    }

    for ( /* void */ ; word; word = next) {
        next = strchr(word, ',');
        if (next) {
            *next++ = '\0';
        }

        colon = strchr(word, ':');
        if (colon == NULL) {
            die("header without \":\": \"%s\"", word);
        }

        *colon++ = '\0';

        name = decode(word, &nlen);
        value = decode(colon, &vlen);

        rd_kafka_header_add(headers, name, nlen, value, vlen);
    }

    return headers;
}


static sent_t *
produce_line(rd_kafka_t *rk, char *line)
{
    char                *topic, *partition, *k, *v, *h, *t, *key, *value;
    size_t               klen, vlen;
    sent_t              *sent;
    rd_kafka_resp_err_t  err;

    topic = strtok(line, " \n");
    partition = strtok(NULL, " \n");
    k = strtok(NULL, " \n");
    v = strtok(NULL, " \n");
    h = strtok(NULL, " \n");
    t = h ? strtok(NULL, " \n") : NULL;

    if (v == NULL) {
        die("too few words in a line");
    }

    key = decode(k, &klen);
    value = decode(v, &vlen);

    sent = calloc(1, sizeof(sent_t));
    sent->topic = strdup(topic);
    sent->offset = RD_KAFKA_OFFSET_INVALID;

    do {
        err = rd_kafka_producev(rk,
                  RD_KAFKA_V_TOPIC(topic),
                  RD_KAFKA_V_PARTITION(atoi(partition)),
                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                  RD_KAFKA_V_KEY(key, klen),
                  RD_KAFKA_V_VALUE(value, vlen),
                  RD_KAFKA_V_HEADERS(decode_headers(h)),
                  RD_KAFKA_V_TIMESTAMP(t ? atoll(t) : now_ms()),
                  RD_KAFKA_V_OPAQUE(sent),
                  RD_KAFKA_V_END);

        rd_kafka_poll(rk, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);

    } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);

    if (err) {
        die("produce: %s", rd_kafka_err2str(err));
    }

    undelivered++;

    return sent;
}


static void
cmd_produce(int argc, char **argv)
{
    int          c;
    char        *line;
    size_t       size, n, room, i;
    sent_t     **sent;
    const char  *codec;
    rd_kafka_t  *rk;

    codec = NULL;

    while ((c = getopt(argc, argv, "+z:")) != -1) {
        if (c != 'z') {
            exit(2);
        }

        codec = optarg;
    }

    rk = producer(codec, NULL);

    line = NULL;
    size = 0;
    n = 0;
    room = 1024;
    sent = malloc(room * sizeof(sent_t *));

    while (getline(&line, &size, stdin) > 0) {
        if (n == room) {
            room *= 2;
            sent = realloc(sent, room * sizeof(sent_t *));
        }

        sent[n++] = produce_line(rk, line);
    }

    rd_kafka_flush(rk, 65000);

    if (undelivered || failed) {
        die("%" PRId64 " records were not delivered", undelivered + failed);
    }

    for (i = 0; i < n; i++) {
        printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64 "}\n",
               sent[i]->topic, sent[i]->partition, sent[i]->offset);
    }

    rd_kafka_destroy(rk);
}


/* fill, txn */

static void
load_options(load_t *load, int argc, char **argv)
{
    int  c, i;

    memset(load, 0, sizeof(load_t));

    load->n = 1;
    load->size = 100;
    load->partition = -1;
    load->burst = 1;
    load->each = 20;

    while ((c = getopt(argc, argv, "+n:s:r:z:S:p:B:k:T:")) != -1) {
        switch (c) {
        case 'n': load->n = atoll(optarg); break;
        case 's': load->size = atol(optarg); break;
        case 'r': load->rate = atol(optarg); break;
        case 'z': load->codec = optarg; break;
        case 'S': load->start = atoll(optarg); break;
        case 'p': load->partition = atoi(optarg); break;
        case 'B': load->burst = atoll(optarg); break;
        case 'k': load->keys = atoll(optarg); break;
        case 'T': load->each = atoll(optarg); break;
        default: exit(2);
        }
    }

    for (i = optind; i < argc && load->ntopics < MAX_TOPICS; i++) {
        load->topics[load->ntopics++].name = argv[i];
    }

    if (load->ntopics == 0) {
        die("no topic");
    }
}


static void
load_one(rd_kafka_t *rk, load_t *load, int64_t i, char *value)
{
    int                  len;
    char                 key[32];
    size_t               size;
    topic_t             *topic;
    int32_t              partition;
    rd_kafka_resp_err_t  err;

    topic = &load->topics[i % load->ntopics];
    partition = load->partition != -1 ? load->partition
                                 : i / load->ntopics % topic->partitions;

    snprintf(key, sizeof(key), "k%" PRId64, load->keys ? i % load->keys : i);

    len = sprintf(value, "{\"n\":%" PRId64 ",\"t\":%" PRId64 ",\"pad\":\"", i,
                  now_ms());
    size = load->size > (size_t) len + 2 ? load->size : (size_t) len + 2;
    memset(value + len, 'x', size - len - 2);
    memcpy(value + size - 2, "\"}", 2);

    for ( ;; ) {
        err = rd_kafka_producev(rk,
                  RD_KAFKA_V_TOPIC(topic->name),
                  RD_KAFKA_V_PARTITION(partition),
                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                  RD_KAFKA_V_KEY(key, strlen(key)),
                  RD_KAFKA_V_VALUE(value, size),
                  RD_KAFKA_V_OPAQUE(NULL),
                  RD_KAFKA_V_END);

        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            break;
        }

        rd_kafka_poll(rk, 10);
    }

    if (err) {
        die("produce: %s", rd_kafka_err2str(err));
    }

    undelivered++;
}


static void
load_topics(rd_kafka_t *rk, load_t *load)
{
    int  i;

    for (i = 0; i < load->ntopics; i++) {
        load->topics[i].partitions =
            count_partitions(rk, load->topics[i].name);
    }
}


/* waits until the n-th record is due; 0 if we are to stop */

static int
load_due(rd_kafka_t *rk, load_t *load, int64_t n, int64_t began)
{
    int64_t  due;

    if (load->rate) {
        due = began + n / load->burst * load->burst * 1000 / load->rate;

        while (!stop && now_ms() < due) {
            rd_kafka_poll(rk, due - now_ms() > 5 ? 5 : 1);
        }
    }

    return !stop;
}


static void
load_done(load_t *load, int64_t n, int64_t began)
{
    if (undelivered || failed) {
        die("%" PRId64 " records were not delivered", undelivered + failed);
    }

    printf("{\"first\":%" PRId64 ",\"next\":%" PRId64 ",\"ms\":%" PRId64 "}\n",
           load->start, load->start + n, now_ms() - began);
}


static void
load_all(rd_kafka_t *rk, load_t *load)
{
    char    *value;
    int64_t  n, began;

    load_topics(rk, load);

    value = malloc(load->size + 128);
    began = now_ms();

    for (n = 0; !stop && (load->n == 0 || n < load->n); n++) {

        if (!load_due(rk, load, n, began)) {
            break;
        }

        load_one(rk, load, load->start + n, value);

        if ((n & 0xff) == 0) {
            rd_kafka_poll(rk, 0);
        }
    }

    rd_kafka_flush(rk, 65000);
    load_done(load, n, began);

    free(value);
}


static void
cmd_fill(int argc, char **argv)
{
    load_t       load;
    rd_kafka_t  *rk;

    load_options(&load, argc, argv);

    rk = producer(load.codec, NULL);
    load_all(rk, &load);
    rd_kafka_destroy(rk);
}


static void
check(rd_kafka_error_t *error, const char *what)
{
    if (error) {
        die("%s: %s", what, rd_kafka_error_string(error));
    }
}


static void
cmd_txn(int argc, char **argv)
{
    int          abort;
    char         id[64];
    load_t       load;
    rd_kafka_t  *rk;

    if (argc < 2
        || (strcmp(argv[1], "commit") != 0 && strcmp(argv[1], "abort") != 0))
    {
        die("txn: commit or abort?");
    }

    abort = argv[1][0] == 'a';

    load_options(&load, argc - 1, argv + 1);

    snprintf(id, sizeof(id), "kafka-sse-test-%d-%" PRId64, (int) getpid(),
             now_ms());

    rk = producer(load.codec, id);

    check(rd_kafka_init_transactions(rk, ASK_MS), "init");
    check(rd_kafka_begin_transaction(rk), "begin");

    load_all(rk, &load);

    if (abort) {
        check(rd_kafka_abort_transaction(rk, ASK_MS), "abort");
    } else {
        check(rd_kafka_commit_transaction(rk, ASK_MS), "commit");
    }

    rd_kafka_destroy(rk);
}


static void
cmd_txns(int argc, char **argv)
{
    char         id[64], *value;
    load_t       load;
    int64_t      n, i, began, turn;
    rd_kafka_t  *rk;

    load_options(&load, argc, argv);
    load.burst = load.each;

    snprintf(id, sizeof(id), "kafka-sse-test-%d-%" PRId64, (int) getpid(),
             now_ms());

    rk = producer(load.codec, id);
    load_topics(rk, &load);
    check(rd_kafka_init_transactions(rk, ASK_MS), "init");

    value = malloc(load.size + 128);
    began = now_ms();
    n = 0;

    for (turn = 1; load.n == 0 || n < load.n; turn++) {

        if (!load_due(rk, &load, n, began)) {
            break;
        }

        check(rd_kafka_begin_transaction(rk), "begin");

        for (i = 0; i < load.each; i++) {
            load_one(rk, &load, load.start + n++, value);
        }

        if (turn % 3 == 0) {

            /* what is still in the queue would never be in Kafka */

            rd_kafka_flush(rk, 65000);
            check(rd_kafka_abort_transaction(rk, ASK_MS), "abort");

        } else {
            check(rd_kafka_commit_transaction(rk, ASK_MS), "commit");
        }
    }

    rd_kafka_flush(rk, 65000);
    load_done(&load, n, began);

    free(value);
    rd_kafka_destroy(rk);
}


/* consume, digest, runs */

static void
print_record(rd_kafka_message_t *msg)
{
    size_t               i, len;
    const char          *name;
    const void          *value;
    rd_kafka_headers_t  *headers;
    rd_kafka_timestamp_type_t  type;

    printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64
           ",\"timestamp\":%" PRId64 ",\"key\":",
           rd_kafka_topic_name(msg->rkt), msg->partition, msg->offset,
           rd_kafka_message_timestamp(msg, &type));

    print_hex(msg->key, msg->key_len);
    printf(",\"value\":");
    print_hex(msg->payload, msg->len);
    printf(",\"headers\":[");

    if (rd_kafka_message_headers(msg, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (i = 0;
             rd_kafka_header_get_all(headers, i, &name, &value, &len)
                 == RD_KAFKA_RESP_ERR_NO_ERROR;
             i++)
        {
            printf("%s[", i ? "," : "");
            print_hex(name, strlen(name));
            printf(",");
            print_hex(value, len);
            printf("]");
        }
    }

    printf("]}\n");
}


/* a record's place in the runs of its partition */

typedef struct {
    const char  *topic;
    int32_t      partition;
    int64_t     *runs;              /* first, last, first, last ... */
    size_t       n;                 /* runs */
    size_t       room;
} runs_t;


static void
add_run(runs_t *all, int nall, rd_kafka_message_t *msg)
{
    runs_t      *r;
    const char  *topic;

    topic = rd_kafka_topic_name(msg->rkt);

    for (r = all; r < all + nall; r++) {
        if (r->partition == msg->partition && strcmp(r->topic, topic) == 0) {
            break;
        }
    }

    if (r->n && r->runs[2 * r->n - 1] == msg->offset - 1) {
        r->runs[2 * r->n - 1]++;
        return;
    }

    if (r->n == r->room) {
        r->room = r->room * 2 + 64;
        r->runs = realloc(r->runs, r->room * 2 * sizeof(int64_t));
    }

    r->runs[2 * r->n] = r->runs[2 * r->n + 1] = msg->offset;
    r->n++;
}


static void
print_runs(runs_t *all, int nall)
{
    size_t   i;
    runs_t  *r;

    for (r = all; r < all + nall; r++) {
        printf("{\"topic\":\"%s\",\"partition\":%d,\"runs\":[", r->topic,
               r->partition);

        for (i = 0; i < r->n; i++) {
            printf("%s[%" PRId64 ",%" PRId64 "]", i ? "," : "", r->runs[2 * i],
                   r->runs[2 * i + 1]);
        }

        printf("]}\n");
    }
}


/*
 * Reads all partitions of the topics from their beginning up to the ends that
 * they have now.
 */

typedef enum { RECORDS, SUM, RUNS } what_t;


static void
read_all(int argc, char **argv, what_t what)
{
    int                               c, i, open, nruns, uncommitted;
    runs_t                           *runs;
    int32_t                           p, n;
    int64_t                           deadline, low, high;
    uint64_t                          count, bytes, sum;
    rd_kafka_t                       *rk;
    rd_kafka_message_t               *msg;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *list;

    uncommitted = 0;

    while ((c = getopt(argc, argv, "+u")) != -1) {
        if (c != 'u') {
            exit(2);
        }

        uncommitted = 1;
    }

    rk = reader(uncommitted);
    rd_kafka_poll_set_consumer(rk);

    list = rd_kafka_topic_partition_list_new(64);
    open = 0;
    runs = NULL;
    nruns = 0;

    for (i = optind; i < argc; i++) {
        n = count_partitions(rk, argv[i]);

        for (p = 0; p < n; p++) {
            query_offsets(rk, argv[i], p, &low, &high);

            rd_kafka_topic_partition_list_add(list, argv[i], p)->offset = low;
            open++;

            runs = realloc(runs, (nruns + 1) * sizeof(runs_t));
            memset(&runs[nruns], 0, sizeof(runs_t));
            runs[nruns].topic = argv[i];
            runs[nruns++].partition = p;
        }
    }

    err = rd_kafka_assign(rk, list);
    if (err) {
        die("assign: %s", rd_kafka_err2str(err));
    }

    count = bytes = sum = 0;
    deadline = now_ms() + 2 * ASK_MS;

    while (open) {
        msg = rd_kafka_consumer_poll(rk, 1000);

        if (now_ms() > deadline) {
            die("the end of %d partitions was not reached", open);
        }

        if (msg == NULL) {
            continue;
        }

        if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open--;

        } else if (msg->err) {
            if (msg->err != RD_KAFKA_RESP_ERR__TRANSPORT
                && msg->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
            {
                die("%s", rd_kafka_message_errstr(msg));
            }

        } else {
            count++;
            bytes += msg->len;
            sum += digest(rd_kafka_topic_name(msg->rkt), msg->partition,
                          msg->offset, msg->payload, msg->len);

            if (what == RECORDS) {
                print_record(msg);

            } else if (what == RUNS) {
                add_run(runs, nruns, msg);
            }
        }

        rd_kafka_message_destroy(msg);
    }

    if (what == RUNS) {
        print_runs(runs, nruns);
    }

    if (what != RECORDS) {
        printf("{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"digest\":\"%016" PRIx64 "\"}\n", count, bytes, sum);
    }

    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}


static void
await_topic(const char *name)
{
    rd_kafka_t  *rk;

    rk = client(RD_KAFKA_PRODUCER, NULL);
    (void) count_partitions(rk, name);
    rd_kafka_destroy(rk);
}


static void
need(int argc, int least)
{
    if (argc < least) {
        die("too few arguments");
    }
}


int
main(int argc, char **argv)
{
    int          c;
    const char  *cmd;

    while ((c = getopt(argc, argv, "+b:X:")) != -1) {
        switch (c) {

        case 'b':
            brokers = optarg;
            break;

        case 'X':
            if (nproperties < MAX_PROPERTIES) {
                properties[nproperties++] = optarg;
            }
            break;

        default:
            return 2;
        }
    }

    argc -= optind;
    argv += optind;
    optind = 1;

    if (argc < 1) {
        fprintf(stderr, "usage: kafka [-b brokers] [-X k=v] command ...\n");
        return 2;
    }

    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);

    cmd = argv[0];

    if (strcmp(cmd, "version") == 0) {
        printf("\"%s\"\n", rd_kafka_version_str());

    } else if (strcmp(cmd, "ping") == 0) {
        cmd_ping(argc, argv);

    } else if (strcmp(cmd, "create") == 0) {
        need(argc, 3);
        admin(RD_KAFKA_ADMIN_OP_CREATETOPICS, ask_create, answer_create,
              argv + 1, argc - 1);
        await_topic(argv[1]);

    } else if (strcmp(cmd, "delete") == 0) {
        need(argc, 2);
        admin(RD_KAFKA_ADMIN_OP_DELETETOPICS, ask_delete, answer_delete,
              argv + 1, argc - 1);

    } else if (strcmp(cmd, "partitions") == 0) {
        need(argc, 3);
        admin(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, ask_partitions,
              answer_partitions, argv + 1, argc - 1);

    } else if (strcmp(cmd, "delete-records") == 0) {
        need(argc, 4);
        admin(RD_KAFKA_ADMIN_OP_DELETERECORDS, ask_delete_records,
              answer_delete_records, argv + 1, argc - 1);

    } else if (strcmp(cmd, "acl") == 0 && argc > 1
               && strcmp(argv[1], "add") == 0)
    {
        need(argc, 6);
        admin(RD_KAFKA_ADMIN_OP_CREATEACLS, ask_acl_add, answer_acl_add,
              argv + 1, argc - 1);

    } else if (strcmp(cmd, "acl") == 0) {
        need(argc, 6);
        admin(RD_KAFKA_ADMIN_OP_DELETEACLS, ask_acl_remove, answer_acl_remove,
              argv + 1, argc - 1);

    } else if (strcmp(cmd, "group") == 0) {
        need(argc, 2);
        admin(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, ask_group,
              answer_group, argv + 1, argc - 1);

    } else if (strcmp(cmd, "offsets") == 0) {
        need(argc, 2);
        cmd_offsets(argc, argv);

    } else if (strcmp(cmd, "committed") == 0) {
        need(argc, 3);
        cmd_committed(argc, argv);

    } else if (strcmp(cmd, "produce") == 0) {
        cmd_produce(argc, argv);

    } else if (strcmp(cmd, "fill") == 0) {
        cmd_fill(argc, argv);

    } else if (strcmp(cmd, "txn") == 0) {
        cmd_txn(argc, argv);

    } else if (strcmp(cmd, "txns") == 0) {
        cmd_txns(argc, argv);

    } else if (strcmp(cmd, "consume") == 0) {
        need(argc, 2);
        read_all(argc, argv, RECORDS);

    } else if (strcmp(cmd, "digest") == 0) {
        need(argc, 2);
        read_all(argc, argv, SUM);

    } else if (strcmp(cmd, "runs") == 0) {
        need(argc, 2);
        read_all(argc, argv, RUNS);

    } else {
        die("unknown command \"%s\"", cmd);
    }

    return 0;
}
