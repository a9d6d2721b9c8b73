
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_complaint.h>
#include <companion/ngx_kafka_sse_metadata.h>
#include <companion/ngx_kafka_sse_reader.h>
#include <companion/ngx_kafka_sse_topic_id.h>


#define NGX_KAFKA_SSE_READER_STATS  "250"    /* ms between statistics */
#define NGX_KAFKA_SSE_READER_AGAIN  500      /* ms to a second attempt */


typedef struct {
    ngx_uint_t                        tail;    /* records before the end, or 0;
                                                  until it has begun */
    int64_t                           next;    /* what is below is not for
                                                  the sink */
    int64_t                           end;
    ngx_uint_t                        turn;    /* when end was looked up */
    ngx_uint_t                        errors;  /* since the last record */

    unsigned                          beginning:1; /* of the partition; until
                                                      it has begun */
    unsigned                          reading:1;   /* the sink wants it */
    unsigned                          running:1;   /* librdkafka reads it */
    unsigned                          asking:1;    /* for where it begins */
    unsigned                          again:1;
} ngx_kafka_sse_reader_partition_t;


typedef struct {
    ngx_kafka_sse_topic_t             *topic;
    rd_kafka_topic_t                  *rkt;    /* NULL: it is vacant, or was
                                                  and is not read yet */
    ngx_kafka_sse_reader_partition_t  *partitions;
    ngx_uint_t                         size;   /* entries at partitions */
} ngx_kafka_sse_reader_topic_t;


struct ngx_kafka_sse_reader_s {
    ngx_kafka_sse_client_t             client;
    ngx_kafka_sse_cluster_t           *cluster;
    ngx_kafka_sse_reader_sink_t       *sink;
    ngx_log_t                         *log;

    ngx_kafka_sse_reader_topic_t      *topics;
    ngx_uint_t                         ntopics;
    ngx_kafka_sse_metadata_t           metadata;

    ngx_uint_t                         turn;
    ngx_event_t                        again;
    ngx_kafka_sse_reader_state_t       state;
};


static ngx_int_t ngx_kafka_sse_reader_topics(ngx_kafka_sse_reader_t *reader,
    ngx_pool_t *pool);
static void ngx_kafka_sse_reader_close(ngx_kafka_sse_reader_t *reader);
static ngx_int_t ngx_kafka_sse_reader_handle(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt);
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
static void ngx_kafka_sse_reader_reached(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, ngx_kafka_sse_reader_partition_t *rp,
    int64_t next);
static void ngx_kafka_sse_reader_out_of_range(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, int32_t partition, int64_t offset);
static void ngx_kafka_sse_reader_again_handler(ngx_event_t *ev);
static void ngx_kafka_sse_reader_stats(ngx_kafka_sse_reader_t *reader,
    const char *text);


static ngx_kafka_sse_property_t  ngx_kafka_sse_reader_own[] = {
    { "enable.partition.eof", "true" },
    { "enable.auto.commit", "false" },
    { "statistics.interval.ms", NGX_KAFKA_SSE_CLIENT_STATS },
    { NULL, NULL }
};


static ngx_kafka_sse_property_t  ngx_kafka_sse_reader_own_watching[] = {
    { "enable.partition.eof", "true" },
    { "enable.auto.commit", "false" },
    { "statistics.interval.ms", NGX_KAFKA_SSE_READER_STATS },
    { NULL, NULL }
};


ngx_kafka_sse_reader_t *
ngx_kafka_sse_reader_create(ngx_pool_t *pool,
    ngx_kafka_sse_cluster_t *cluster, ngx_kafka_sse_reader_sink_t *sink,
    ngx_log_t *log)
{
    ngx_kafka_sse_client_t    *client;
    ngx_kafka_sse_reader_t    *reader;
    ngx_kafka_sse_property_t  *own;

    reader = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_reader_t));
    if (reader == NULL) {
        return NULL;
    }

    reader->cluster = cluster;
    reader->sink = sink;
    reader->log = log;

    own = ngx_kafka_sse_reader_own;

    if (sink->metadata) {
        own = ngx_kafka_sse_reader_own_watching;

        reader->metadata.cluster = cluster;
        reader->metadata.sink = sink;
        reader->metadata.client = &reader->client;
        reader->metadata.log = log;

        if (ngx_kafka_sse_metadata_init(&reader->metadata, pool) != NGX_OK) {
            return NULL;
        }
    }

    reader->again.handler = ngx_kafka_sse_reader_again_handler;
    reader->again.data = reader;
    reader->again.log = log;

    client = &reader->client;

    client->cluster = cluster;
    client->role = sink->role;
    client->level = sink->metadata ? NGX_LOG_ERR : NGX_LOG_WARN;
    client->share = sink->share;
    client->log = log;
    client->data = reader;
    client->event = ngx_kafka_sse_reader_event;
    client->turn = ngx_kafka_sse_reader_turn;

    if (ngx_kafka_sse_client_open(client, sink->defaults, own) != NGX_OK) {
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
    ngx_uint_t                     i;
    ngx_kafka_sse_topic_t        **topics;
    ngx_kafka_sse_reader_topic_t  *rt;

    topics = reader->cluster->topics.elts;

    reader->topics = ngx_pcalloc(pool, reader->cluster->topics.nelts
                                       * sizeof(ngx_kafka_sse_reader_topic_t));
    if (reader->topics == NULL) {
        return NGX_ERROR;
    }

    reader->ntopics = reader->cluster->topics.nelts;

    for (i = 0; i < reader->ntopics; i++) {
        rt = &reader->topics[i];

        rt->topic = topics[i];

        if (rt->topic->name.len
            && ngx_kafka_sse_reader_handle(reader, rt) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* one that could not be made; its owner may try again */

static void
ngx_kafka_sse_reader_close(ngx_kafka_sse_reader_t *reader)
{
    ngx_uint_t  i;

    for (i = 0; i < reader->ntopics; i++) {
        if (reader->topics[i].rkt) {
            rd_kafka_topic_destroy(reader->topics[i].rkt);
        }
    }

    ngx_kafka_sse_client_close(&reader->client);
}


/* librdkafka asks for metadata of topics that it has a handle of */

static ngx_int_t
ngx_kafka_sse_reader_handle(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt)
{
    if (rt->rkt == NULL) {
        rt->rkt = ngx_kafka_sse_client_topic(&reader->client, rt->topic, rt);
    }

    return rt->rkt ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_kafka_sse_reader_enter(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_reader_topic_t  *rt;

    rt = ngx_kafka_sse_reader_topic(reader, topic);

    if (rt == NULL) {
        return NGX_ERROR;
    }

    if (rt->rkt) {
        return NGX_OK;
    }

    if (ngx_kafka_sse_reader_handle(reader, rt) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_metadata_enter(&reader->metadata);

    return NGX_OK;
}


ngx_uint_t
ngx_kafka_sse_reader_exists(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_reader_topic_t  *rt;

    rt = ngx_kafka_sse_reader_topic(reader, topic);

    return rt && ngx_kafka_sse_metadata_exists(
                         &reader->metadata.topics[rt - reader->topics]);
}


void
ngx_kafka_sse_reader_start(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic, int32_t partition, int64_t offset,
    ngx_uint_t tail)
{
    ngx_kafka_sse_reader_topic_t      *rt;
    ngx_kafka_sse_reader_partition_t  *rp;

    rt = ngx_kafka_sse_reader_topic(reader, topic);

    if (rt == NULL || ngx_kafka_sse_reader_handle(reader, rt) != NGX_OK) {
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

    rp->beginning = (offset < 0);
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


void
ngx_kafka_sse_reader_hold(ngx_kafka_sse_reader_t *reader, ngx_uint_t hold)
{
    if (hold) {
        ngx_kafka_sse_client_hold(&reader->client);

    } else {
        ngx_kafka_sse_client_resume(&reader->client);
    }
}


ngx_kafka_sse_reader_state_t *
ngx_kafka_sse_reader_state(ngx_kafka_sse_reader_t *reader)
{
    return &reader->state;
}


ngx_kafka_sse_client_t *
ngx_kafka_sse_reader_client(ngx_kafka_sse_reader_t *reader)
{
    return &reader->client;
}


static ngx_kafka_sse_reader_topic_t *
ngx_kafka_sse_reader_topic(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t  i;

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

    if (rp->beginning) {
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

    ngx_kafka_sse_client_dropped(&reader->client);

    if (rd_kafka_consume_stop(rt->rkt, partition) == -1) {
        ngx_log_error(NGX_LOG_ALERT, reader->log, 0,
                      "kafka_sse: to stop reading \"%V/%D\" failed: %s",
                      &rt->topic->name, partition,
                      rd_kafka_err2str(rd_kafka_last_error()));
    }
}


/*
 * Is what has come of the partition for the sink?
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

        if (reader->sink->metadata == NULL) {
            return NGX_OK;
        }

        ngx_kafka_sse_reader_stats(reader, rd_kafka_event_stats(event));
        return NGX_OK;

    case RD_KAFKA_EVENT_ERROR:
        return ngx_kafka_sse_reader_error(reader, event);

    default:
        return ngx_kafka_sse_topic_id_answer(&reader->metadata, event);
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
                rd_kafka_topic_partition_list_add(list,
                                        (char *) rt->topic->name.data, k);
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
        rp->end = ngx_kafka_sse_client_end(&reader->client, rt->topic,
                                           msg->partition);
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, reader->log, 0,
                   "kafka_sse read %V/%D:%L",
                   &rt->topic->name, rec.partition, rec.offset);

    ngx_kafka_sse_reader_reached(reader, rt, rp, rec.offset + 1);

    reader->sink->record(reader->sink->data, rt->topic, &rec, rp->end);
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
        if (reader->topics[i].rkt
            && ngx_strcmp(reader->topics[i].topic->name.data, tp->topic) == 0)
        {
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

    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:

        if (reader->sink->denied) {
            reader->sink->denied(reader->sink->data, rt->topic);
        }

        return NGX_DECLINED;

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

    ngx_kafka_sse_reader_reached(reader, rt, rp, offset);

    reader->sink->eof(reader->sink->data, rt->topic, partition, offset);
}


/* the partition is read up to next, so it may be, and its leader is there */

static void
ngx_kafka_sse_reader_reached(ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_reader_topic_t *rt, ngx_kafka_sse_reader_partition_t *rp,
    int64_t next)
{
    rp->beginning = 0;
    rp->tail = 0;
    rp->next = next;
    rp->errors = 0;

    ngx_kafka_sse_client_up(&reader->client);

    if (ngx_kafka_sse_complaint_no_topic(&reader->client)) {
        ngx_kafka_sse_complaint_allowed(&reader->client, &rt->topic->name);
    }
}


/*
 * librdkafka has stopped reading because there is nothing at offset.  Where
 * the sink has named this offset, it is told.  Else a beginning that it had
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

    if (offset >= 0 && !rp->beginning && !rp->tail && offset == rp->next) {

        rp->reading = 0;
        reader->state.reading--;

        ngx_kafka_sse_reader_end(reader, rt, partition);

        reader->sink->out_of_range(reader->sink->data, rt->topic, partition);
        return;
    }

    if (rp->tail && offset >= 0) {
        rp->tail = 0;
        rp->beginning = 1;
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
    char       *id;
    ngx_int_t   rc;

    id = rd_kafka_clusterid(reader->client.rk, 0);

    rc = ngx_kafka_sse_metadata_update(&reader->metadata, text, id);

    if (id) {
        rd_kafka_mem_free(reader->client.rk, id);
    }

    if (rc != NGX_OK) {
        return;
    }

    ngx_kafka_sse_topic_id_ask(&reader->metadata, &reader->client);

    reader->state.connected = reader->metadata.brokers;

    if (reader->state.connected) {
        ngx_kafka_sse_client_up(&reader->client);
    }
}
