
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <jansson.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_reader.h>


/*
 * Metadata comes from librdkafka's statistics, as it has no other way to ask
 * without waiting.  Until all topics are known each of them is read, then
 * every 4th.
 */

#define NGX_KAFKA_SSE_READER_STATS    "250"
#define NGX_KAFKA_SSE_READER_SKIP     4

#define NGX_KAFKA_SSE_READER_AGAIN    500      /* ms to a second attempt */
#define NGX_KAFKA_SSE_READER_UNKNOWN  ((ngx_uint_t) -1)


typedef struct {
    int64_t                           from;    /* as it was asked for */
    ngx_uint_t                        tail;
    int64_t                           next;    /* what is below is not for
                                                  the feed */
    int64_t                           end;
    ngx_uint_t                        turn;    /* when end was looked up */
    ngx_uint_t                        errors;  /* since the last record */

    unsigned                          reading:1;   /* the feed wants it */
    unsigned                          running:1;   /* librdkafka reads it */
    unsigned                          asking:1;    /* for where it begins */
    unsigned                          again:1;
} ngx_kafka_sse_reader_partition_t;


typedef struct {
    ngx_kafka_sse_topic_t             *topic;
    char                              *name;
    rd_kafka_topic_t                  *rkt;
    ngx_uint_t                         n;      /* partitions Kafka has */

    ngx_kafka_sse_reader_partition_t  *partitions;
    ngx_uint_t                         size;   /* entries at partitions */
} ngx_kafka_sse_reader_topic_t;


struct ngx_kafka_sse_reader_s {
    ngx_kafka_sse_client_t             client;
    ngx_kafka_sse_cluster_t           *cluster;
    ngx_kafka_sse_feed_t              *feed;
    ngx_log_t                         *log;

    ngx_kafka_sse_reader_topic_t      *topics;
    ngx_uint_t                         ntopics;
    ngx_uint_t                         known;  /* topics with metadata */
    ngx_uint_t                         skip;

    u_char                             id[256];
    ngx_str_t                          cluster_id;

    ngx_uint_t                         turn;
    ngx_event_t                        again;
    ngx_kafka_sse_reader_state_t       state;
};


static ngx_int_t ngx_kafka_sse_reader_topics(ngx_kafka_sse_reader_t *reader,
    ngx_pool_t *pool);
static ngx_kafka_sse_reader_topic_t *ngx_kafka_sse_reader_topic(
    ngx_kafka_sse_reader_t *reader, ngx_kafka_sse_topic_t *topic);
static ngx_kafka_sse_reader_partition_t *ngx_kafka_sse_reader_partition(
    ngx_kafka_sse_reader_t *reader, ngx_kafka_sse_reader_topic_t *rt,
    int32_t partition);
static void ngx_kafka_sse_reader_begin(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset);
static void ngx_kafka_sse_reader_end(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition);
static int64_t ngx_kafka_sse_reader_where(
    ngx_kafka_sse_reader_partition_t *rp);
static ngx_uint_t ngx_kafka_sse_reader_wanted(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition);
static ngx_int_t ngx_kafka_sse_reader_event(void *data,
    rd_kafka_event_t *event);
static void ngx_kafka_sse_reader_turn(void *data);
static void ngx_kafka_sse_reader_record(ngx_kafka_sse_reader_t *reader,
    const rd_kafka_message_t *msg);
static ngx_int_t ngx_kafka_sse_reader_error(ngx_kafka_sse_reader_t *reader,
    rd_kafka_event_t *event);
static void ngx_kafka_sse_reader_eof(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset);
static void ngx_kafka_sse_reader_out_of_range(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset);
static void ngx_kafka_sse_reader_again_handler(ngx_event_t *ev);
static void ngx_kafka_sse_reader_stats(ngx_kafka_sse_reader_t *reader,
    const char *text);
static ngx_uint_t ngx_kafka_sse_reader_connected(json_t *root);
static ngx_uint_t ngx_kafka_sse_reader_partitions(json_t *root,
    ngx_kafka_sse_reader_topic_t *rt);
static ngx_uint_t ngx_kafka_sse_reader_cluster_id(
    ngx_kafka_sse_reader_t *reader);
static void ngx_kafka_sse_reader_metadata(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, ngx_uint_t n);


/* it is for catching up, so a new partition must not wait for a long poll */

static ngx_kafka_sse_client_property_t  ngx_kafka_sse_reader_defaults[] = {
    { "fetch.wait.max.ms", "100" },
    { "fetch.error.backoff.ms", "100" },
    { NULL, NULL }
};


static ngx_kafka_sse_client_property_t  ngx_kafka_sse_reader_own[] = {
    { "enable.partition.eof", "true" },
    { "enable.auto.commit", "false" },
    { "statistics.interval.ms", NGX_KAFKA_SSE_READER_STATS },
    { NULL, NULL }
};


ngx_kafka_sse_reader_t *
ngx_kafka_sse_reader_create(ngx_pool_t *pool,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_feed_t *feed,
    ngx_log_t *log)
{
    ngx_kafka_sse_client_t  *client;
    ngx_kafka_sse_reader_t  *reader;

    reader = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_reader_t));
    if (reader == NULL) {
        return NULL;
    }

    reader->cluster = cluster;
    reader->feed = feed;
    reader->log = log;
    reader->cluster_id.data = reader->id;

    reader->again.handler = ngx_kafka_sse_reader_again_handler;
    reader->again.data = reader;
    reader->again.log = log;

    client = &reader->client;

    client->cluster = cluster;
    client->role = "reader";
    client->level = NGX_LOG_ERR;
    client->log = log;
    client->data = reader;
    client->event = ngx_kafka_sse_reader_event;
    client->turn = ngx_kafka_sse_reader_turn;

    if (ngx_kafka_sse_client_open(client, ngx_kafka_sse_reader_defaults,
                                  ngx_kafka_sse_reader_own)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_kafka_sse_reader_topics(reader, pool) != NGX_OK) {
        ngx_kafka_sse_reader_close(reader);
        return NULL;
    }

    return reader;
}


static ngx_int_t
ngx_kafka_sse_reader_topics(ngx_kafka_sse_reader_t *reader, ngx_pool_t *pool)
{
    u_char                        *name;
    ngx_uint_t                     i;
    ngx_kafka_sse_topic_t        **topics;
    ngx_kafka_sse_reader_topic_t  *rt;

    topics = reader->cluster->topics.elts;
    reader->ntopics = reader->cluster->topics.nelts;

    reader->topics = ngx_pcalloc(pool, reader->ntopics
                                       * sizeof(ngx_kafka_sse_reader_topic_t));
    if (reader->topics == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < reader->ntopics; i++) {
        rt = &reader->topics[i];

        name = ngx_pnalloc(pool, topics[i]->name.len + 1);
        if (name == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(name, topics[i]->name.data,
                           topics[i]->name.len + 1);

        rt->topic = topics[i];
        rt->name = (char *) name;
        rt->n = NGX_KAFKA_SSE_READER_UNKNOWN;

        /* librdkafka asks for metadata of topics that it has a handle of */

        rt->rkt = ngx_kafka_sse_client_topic(&reader->client, rt->name, rt);
        if (rt->rkt == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_kafka_sse_reader_start(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset,
    ngx_uint_t tail)
{
    ngx_kafka_sse_reader_topic_t      *rt;
    ngx_kafka_sse_reader_partition_t  *rp;

    rt = ngx_kafka_sse_reader_topic(reader, topic);
    if (rt == NULL) {
        return;
    }

    rp = ngx_kafka_sse_reader_partition(reader, rt, partition);
    if (rp == NULL) {
        return;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, reader->log, 0,
                   "kafka_sse reader start %V/%D:%L tail:%ui",
                   &topic->name, partition, offset, tail);

    if (!rp->reading) {
        rp->reading = 1;
        reader->state.reading++;
    }

    rp->from = offset;
    rp->tail = tail;
    rp->next = (tail || offset < 0) ? 0 : offset;
    rp->errors = 0;

    if (rp->asking) {

        /* see ngx_kafka_sse_reader_wanted() */

        rp->again = 1;
        return;
    }

    ngx_kafka_sse_reader_begin(reader, rt, partition,
                               ngx_kafka_sse_reader_where(rp));
}


void
ngx_kafka_sse_reader_stop(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_reader_topic_t      *rt;
    ngx_kafka_sse_reader_partition_t  *rp;

    rt = ngx_kafka_sse_reader_topic(reader, topic);

    if (rt == NULL || partition < 0 || (ngx_uint_t) partition >= rt->size) {
        return;
    }

    rp = &rt->partitions[partition];

    if (!rp->reading) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, reader->log, 0,
                   "kafka_sse reader stop %V/%D:%L",
                   &topic->name, partition, rp->next);

    rp->reading = 0;
    rp->again = 0;
    reader->state.reading--;

    if (!rp->asking) {
        ngx_kafka_sse_reader_end(reader, rt, partition);
    }
}


ngx_kafka_sse_reader_state_t *
ngx_kafka_sse_reader_state(ngx_kafka_sse_reader_t *reader)
{
    return &reader->state;
}


void
ngx_kafka_sse_reader_close(ngx_kafka_sse_reader_t *reader)
{
    if (reader->again.timer_set) {
        ngx_del_timer(&reader->again);
    }

    ngx_kafka_sse_client_close(&reader->client, 0);
}


static ngx_kafka_sse_reader_topic_t *
ngx_kafka_sse_reader_topic(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t  i;

    if (reader->client.rk == NULL) {
        return NULL;
    }

    for (i = 0; i < reader->ntopics; i++) {
        if (reader->topics[i].topic == topic) {
            return &reader->topics[i];
        }
    }

    return NULL;
}


static ngx_kafka_sse_reader_partition_t *
ngx_kafka_sse_reader_partition(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition)
{
    size_t                             size;
    ngx_kafka_sse_reader_partition_t  *partitions;

    if (partition < 0) {
        return NULL;
    }

    if ((ngx_uint_t) partition < rt->size) {
        return &rt->partitions[partition];
    }

    size = ngx_max((ngx_uint_t) partition + 1, 2 * rt->size);

    partitions = ngx_calloc(size * sizeof(ngx_kafka_sse_reader_partition_t),
                            reader->log);
    if (partitions == NULL) {
        return NULL;
    }

    if (rt->partitions) {
        ngx_memcpy(partitions, rt->partitions,
                   rt->size * sizeof(ngx_kafka_sse_reader_partition_t));
        ngx_free(rt->partitions);
    }

    rt->partitions = partitions;
    rt->size = size;

    return &partitions[partition];
}


static int64_t
ngx_kafka_sse_reader_where(ngx_kafka_sse_reader_partition_t *rp)
{
    if (rp->tail) {
        return RD_KAFKA_OFFSET_TAIL((int64_t) rp->tail);
    }

    if (rp->from < 0) {
        return RD_KAFKA_OFFSET_BEGINNING;
    }

    return rp->next;
}


/*
 * Both calls wait for librdkafka's main thread to take an order, never for
 * the network.  From then on its queue drops what it had of the partition.
 */

static void
ngx_kafka_sse_reader_begin(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset)
{
    ngx_kafka_sse_reader_partition_t  *rp;

    ngx_kafka_sse_reader_end(reader, rt, partition);

    rp = &rt->partitions[partition];

    rp->again = 0;
    rp->end = -1;
    rp->turn = reader->turn - 1;

    if (rd_kafka_consume_start_queue(rt->rkt, partition, offset,
                                     reader->client.queue)
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, reader->log, 0,
                      "kafka_sse: reading \"%V/%D\" at %L failed: %s",
                      &rt->topic->name, partition, offset,
                      rd_kafka_err2str(rd_kafka_last_error()));
        return;
    }

    rp->running = 1;
    rp->asking = (offset < 0);
}


static void
ngx_kafka_sse_reader_end(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition)
{
    ngx_kafka_sse_reader_partition_t  *rp;

    rp = &rt->partitions[partition];

    if (!rp->running) {
        return;
    }

    rp->running = 0;
    rp->asking = 0;

    if (rd_kafka_consume_stop(rt->rkt, partition) == -1) {
        ngx_log_error(NGX_LOG_ALERT, reader->log, 0,
                      "kafka_sse: to stop reading \"%V/%D\" failed: %s",
                      &rt->topic->name, partition,
                      rd_kafka_err2str(rd_kafka_last_error()));
    }
}


/*
 * Is what has come of the partition for the feed?
 *
 * At the beginning or at a tail librdkafka first asks Kafka for the offset.
 * An answer that is late, after a stop, makes it ask again, and then it jumps
 * there, wherever it was started meanwhile (seen with 2.0 and 2.8).  So it is
 * stopped or started anew only when something has come, which proves that
 * there was an answer.
 */

static ngx_uint_t
ngx_kafka_sse_reader_wanted(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition)
{
    ngx_kafka_sse_reader_partition_t  *rp;

    if (partition < 0 || (ngx_uint_t) partition >= rt->size) {
        return 0;
    }

    rp = &rt->partitions[partition];

    rp->asking = 0;

    if (!rp->reading) {
        ngx_kafka_sse_reader_end(reader, rt, partition);
        return 0;
    }

    if (rp->again) {
        ngx_kafka_sse_reader_begin(reader, rt, partition,
                                   ngx_kafka_sse_reader_where(rp));
        return 0;
    }

    return 1;
}


static ngx_int_t
ngx_kafka_sse_reader_event(void *data, rd_kafka_event_t *event)
{
    ngx_kafka_sse_reader_t *reader = data;

    const rd_kafka_message_t  *msg;

    switch (rd_kafka_event_type(event)) {

    case RD_KAFKA_EVENT_FETCH:

        while ((msg = rd_kafka_event_message_next(event))) {
            ngx_kafka_sse_reader_record(reader, msg);
        }

        return NGX_OK;

    case RD_KAFKA_EVENT_STATS:
        ngx_kafka_sse_reader_stats(reader, rd_kafka_event_stats(event));
        return NGX_OK;

    case RD_KAFKA_EVENT_ERROR:
        return ngx_kafka_sse_reader_error(reader, event);

    default:
        return NGX_DECLINED;
    }
}


static void
ngx_kafka_sse_reader_turn(void *data)
{
    ngx_kafka_sse_reader_t *reader = data;

    ngx_uint_t                        i, k;
    ngx_kafka_sse_reader_topic_t     *rt;
    rd_kafka_topic_partition_list_t  *list;

    reader->turn++;

    if (!reader->client.drained) {
        return;
    }

    list = rd_kafka_topic_partition_list_new(reader->state.reading);

    for (i = 0; i < reader->ntopics; i++) {
        rt = &reader->topics[i];

        for (k = 0; k < rt->size; k++) {
            if (rt->partitions[k].reading) {
                rd_kafka_topic_partition_list_add(list, rt->name, k);
            }
        }
    }

    ngx_kafka_sse_client_nudge(&reader->client, list);

    rd_kafka_topic_partition_list_destroy(list);
}


static void
ngx_kafka_sse_reader_record(ngx_kafka_sse_reader_t *reader,
    const rd_kafka_message_t *msg)
{
    ngx_kafka_sse_record_t             rec;
    ngx_kafka_sse_reader_topic_t      *rt;
    ngx_kafka_sse_reader_partition_t  *rp;

    reader->client.taken += msg->key_len + msg->len;

    rt = rd_kafka_topic_opaque(msg->rkt);

    if (!ngx_kafka_sse_reader_wanted(reader, rt, msg->partition)) {
        return;
    }

    rp = &rt->partitions[msg->partition];

    if (msg->offset < rp->next) {
        return;
    }

    if (ngx_kafka_sse_client_record(&reader->client, msg, &rec) != NGX_OK) {

        /* no memory for its headers: try again from here */

        ngx_kafka_sse_reader_out_of_range(reader, rt, msg->partition, -1);
        return;
    }

    if (rp->turn != reader->turn) {
        rp->turn = reader->turn;
        rp->end = ngx_kafka_sse_client_end(&reader->client, rt->name,
                                           msg->partition);
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, reader->log, 0,
                   "kafka_sse read %V/%D:%L",
                   &rt->topic->name, rec.partition, rec.offset);

    rp->tail = 0;
    rp->from = rec.offset;
    rp->next = rec.offset + 1;
    rp->errors = 0;

    reader->state.records++;

    ngx_kafka_sse_feed_record(reader->feed, rt->topic, &rec, rp->end);
}


static ngx_int_t
ngx_kafka_sse_reader_error(ngx_kafka_sse_reader_t *reader,
    rd_kafka_event_t *event)
{
    int32_t                        partition;
    int64_t                        offset;
    ngx_uint_t                     i;
    rd_kafka_resp_err_t            code;
    rd_kafka_topic_partition_t    *tp;
    ngx_kafka_sse_reader_topic_t  *rt;

    code = rd_kafka_event_error(event);

    tp = rd_kafka_event_topic_partition(event);
    if (tp == NULL) {
        return NGX_DECLINED;
    }

    partition = tp->partition;
    offset = tp->offset;
    rt = NULL;

    for (i = 0; i < reader->ntopics; i++) {
        if (ngx_strcmp(reader->topics[i].name, tp->topic) == 0) {
            rt = &reader->topics[i];
            break;
        }
    }

    rd_kafka_topic_partition_destroy(tp);

    if (rt == NULL) {
        return NGX_DECLINED;
    }

    switch (code) {

    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        ngx_kafka_sse_reader_eof(reader, rt, partition, offset);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        ngx_kafka_sse_reader_out_of_range(reader, rt, partition, offset);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:

        /* the metadata tells */

        reader->client.errors++;
        return NGX_OK;

    default:
        return NGX_DECLINED;
    }
}


static void
ngx_kafka_sse_reader_eof(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset)
{
    ngx_kafka_sse_reader_partition_t  *rp;

    if (!ngx_kafka_sse_reader_wanted(reader, rt, partition)) {
        return;
    }

    rp = &rt->partitions[partition];

    if (offset < rp->next) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, reader->log, 0,
                   "kafka_sse read to the end %V/%D:%L",
                   &rt->topic->name, partition, offset);

    rp->tail = 0;
    rp->from = offset;
    rp->next = offset;
    rp->errors = 0;

    ngx_kafka_sse_feed_eof(reader->feed, rt->topic, partition, offset);
}


/*
 * librdkafka has stopped reading because there is nothing at offset.  Where
 * the feed has named this offset, it is told.  Else a beginning that it had
 * cached has moved, or the tail begins before it, or the error is a late one
 * of what was read before: such errors are the only thing that its queue does
 * not drop on a new start.
 */

static void
ngx_kafka_sse_reader_out_of_range(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset)
{
    ngx_kafka_sse_reader_partition_t  *rp;

    if (!ngx_kafka_sse_reader_wanted(reader, rt, partition)) {
        return;
    }

    rp = &rt->partitions[partition];

    if (offset >= 0 && rp->from >= 0 && !rp->tail && offset == rp->next) {

        rp->reading = 0;
        reader->state.reading--;

        ngx_kafka_sse_reader_end(reader, rt, partition);

        ngx_kafka_sse_feed_out_of_range(reader->feed, rt->topic, partition);
        return;
    }

    if (rp->tail && offset >= 0) {
        rp->tail = 0;
        rp->from = NGX_KAFKA_SSE_READER_BEGINNING;
    }

    if (rp->errors++ == 0 && offset >= 0) {
        ngx_kafka_sse_reader_begin(reader, rt, partition,
                                   ngx_kafka_sse_reader_where(rp));
        return;
    }

    rp->again = 1;

    if (!reader->again.timer_set) {
        ngx_add_timer(&reader->again, NGX_KAFKA_SSE_READER_AGAIN);
    }
}


static void
ngx_kafka_sse_reader_again_handler(ngx_event_t *ev)
{
    ngx_uint_t                         i, k;
    ngx_kafka_sse_reader_t            *reader;
    ngx_kafka_sse_reader_topic_t      *rt;
    ngx_kafka_sse_reader_partition_t  *rp;

    reader = ev->data;

    for (i = 0; i < reader->ntopics; i++) {
        rt = &reader->topics[i];

        for (k = 0; k < rt->size; k++) {
            rp = &rt->partitions[k];

            if (rp->again && !rp->asking) {
                ngx_kafka_sse_reader_begin(reader, rt, k,
                                           ngx_kafka_sse_reader_where(rp));
            }
        }
    }
}


static void
ngx_kafka_sse_reader_stats(ngx_kafka_sse_reader_t *reader, const char *text)
{
    json_t        *root;
    ngx_uint_t     i, n, changed;
    json_error_t   err;

    if (reader->known == reader->ntopics
        && ++reader->skip < NGX_KAFKA_SSE_READER_SKIP)
    {
        return;
    }

    reader->skip = 0;

    root = json_loads(text, 0, &err);
    if (root == NULL) {
        ngx_log_error(NGX_LOG_ALERT, reader->log, 0,
                      "kafka_sse: statistics are not JSON: %s", err.text);
        return;
    }

    reader->state.connected = ngx_kafka_sse_reader_connected(root);

    if (reader->state.connected) {
        ngx_kafka_sse_client_up(&reader->client);
    }

    changed = ngx_kafka_sse_reader_cluster_id(reader);

    for (i = 0; i < reader->ntopics && reader->cluster_id.len; i++) {
        n = ngx_kafka_sse_reader_partitions(root, &reader->topics[i]);

        if (n == NGX_KAFKA_SSE_READER_UNKNOWN) {
            continue;
        }

        if (changed || n != reader->topics[i].n) {
            ngx_kafka_sse_reader_metadata(reader, &reader->topics[i], n);
        }
    }

    json_decref(root);
}


/* bootstrap brokers count until it is known which they are */

static ngx_uint_t
ngx_kafka_sse_reader_connected(json_t *root)
{
    json_t      *broker;
    ngx_uint_t   n, bootstrap;
    const char  *key, *state;

    n = 0;
    bootstrap = 0;

    json_object_foreach(json_object_get(root, "brokers"), key, broker) {

        state = json_string_value(json_object_get(broker, "state"));

        if (state == NULL
            || (ngx_strcmp(state, "UP") != 0
                && ngx_strcmp(state, "UPDATE") != 0))
        {
            continue;
        }

        if (json_integer_value(json_object_get(broker, "nodeid")) < 0) {
            bootstrap++;

        } else {
            n++;
        }
    }

    return n ? n : bootstrap;
}


/*
 * The number of partitions.  Without a metadata_age Kafka has not yet said
 * anything of this topic; a partition that is "unknown" is not in Kafka.
 */

static ngx_uint_t
ngx_kafka_sse_reader_partitions(json_t *root,
    ngx_kafka_sse_reader_topic_t *rt)
{
    json_t      *topic, *partition;
    ngx_uint_t   n;
    const char  *key;

    topic = json_object_get(json_object_get(root, "topics"), rt->name);

    if (json_integer_value(json_object_get(topic, "metadata_age")) == 0) {
        return NGX_KAFKA_SSE_READER_UNKNOWN;
    }

    n = 0;

    json_object_foreach(json_object_get(topic, "partitions"), key, partition) {

        if (json_is_false(json_object_get(partition, "unknown"))
            && json_integer_value(json_object_get(partition, "partition")) >= 0)
        {
            n++;
        }
    }

    return n;
}


/* 1: it has become known, or another */

static ngx_uint_t
ngx_kafka_sse_reader_cluster_id(ngx_kafka_sse_reader_t *reader)
{
    char    *id;
    size_t   len;

    id = rd_kafka_clusterid(reader->client.rk, 0);
    if (id == NULL) {
        return 0;
    }

    len = ngx_min(ngx_strlen(id), sizeof(reader->id) - 1);

    if (len == reader->cluster_id.len
        && ngx_memcmp(id, reader->cluster_id.data, len) == 0)
    {
        rd_kafka_mem_free(reader->client.rk, id);
        return 0;
    }

    if (reader->cluster_id.len) {
        ngx_log_error(NGX_LOG_WARN, reader->log, 0,
                      "kafka_sse: cluster \"%V\" had the id \"%V\", "
                      "now it has \"%s\"",
                      &reader->cluster->name, &reader->cluster_id, id);
    }

    ngx_memcpy(reader->cluster_id.data, id, len);
    reader->cluster_id.len = len;

    rd_kafka_mem_free(reader->client.rk, id);

    return 1;
}


static void
ngx_kafka_sse_reader_metadata(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, ngx_uint_t n)
{
    static u_char  incarnation[16];

    if (rt->n == NGX_KAFKA_SSE_READER_UNKNOWN) {
        reader->known++;
    }

    rt->n = n;

    ngx_kafka_sse_feed_metadata(reader->feed, rt->topic, &reader->cluster_id,
                                incarnation, n);
}
