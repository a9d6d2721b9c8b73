
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_topic_id.h>


#if (NGX_KAFKA_SSE_TOPIC_ID)


static void ngx_kafka_sse_topic_id_described(
    ngx_kafka_sse_metadata_t *metadata,
    const rd_kafka_TopicDescription_t *description);
static void ngx_kafka_sse_topic_id_copy(u_char id[16],
    const rd_kafka_Uuid_t *uuid);


void
ngx_kafka_sse_topic_id_ask(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_client_t *client)
{
    char                          err[256];
    ngx_uint_t                    i, n;
    rd_kafka_AdminOptions_t      *options;
    rd_kafka_TopicCollection_t   *topics;

    if (metadata->asking
        || (!metadata->ask
            && ngx_current_msec - metadata->asked
               < NGX_KAFKA_SSE_TOPIC_ID_AGAIN))
    {
        return;
    }

    n = 0;

    for (i = 0; i < metadata->ntopics; i++) {
        if (ngx_kafka_sse_metadata_exists(&metadata->topics[i])) {
            metadata->names[n++] = (char *)
                                    metadata->topics[i].topic->name.data;
        }
    }

    metadata->ask = 0;
    metadata->asked = ngx_current_msec;

    if (n == 0) {
        return;
    }

    topics = rd_kafka_TopicCollection_of_topic_names(metadata->names, n);

    options = rd_kafka_AdminOptions_new(client->rk,
                                        RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);

    (void) rd_kafka_AdminOptions_set_request_timeout(options,
                                                NGX_KAFKA_SSE_TOPIC_ID_AGAIN,
                                                err, sizeof(err));

    rd_kafka_DescribeTopics(client->rk, topics, options, client->queue);

    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_TopicCollection_destroy(topics);

    metadata->asking = 1;
}


ngx_int_t
ngx_kafka_sse_topic_id_answer(ngx_kafka_sse_metadata_t *metadata,
    rd_kafka_event_t *event)
{
    size_t                                   i, n;
    rd_kafka_resp_err_t                      err;
    const rd_kafka_TopicDescription_t      **topics;
    const rd_kafka_DescribeTopics_result_t  *result;

    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT) {
        return NGX_DECLINED;
    }

    metadata->asking = 0;

    err = rd_kafka_event_error(event);

    switch (err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;

    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:

        /* Kafka is away: asked again, and who waits goes on waiting */

        return NGX_OK;

    default:

        /* it does not answer such a question: we go on without ids */

        ngx_log_error(NGX_LOG_INFO, metadata->log, 0,
                      "kafka_sse: cluster \"%V\" does not tell the ids of "
                      "topics: %s", &metadata->cluster->name,
                      rd_kafka_event_error_string(event));

        ngx_kafka_sse_metadata_no_ids(metadata);
        return NGX_OK;
    }

    result = rd_kafka_event_DescribeTopics_result(event);
    topics = rd_kafka_DescribeTopics_result_topics(result, &n);

    for (i = 0; i < n; i++) {
        ngx_kafka_sse_topic_id_described(metadata, topics[i]);
    }

    return NGX_OK;
}


static void
ngx_kafka_sse_topic_id_described(ngx_kafka_sse_metadata_t *metadata,
    const rd_kafka_TopicDescription_t *description)
{
    u_char                   id[16];
    const rd_kafka_error_t  *error;

    ngx_memzero(id, sizeof(id));

    error = rd_kafka_TopicDescription_error(description);

    switch (rd_kafka_error_code(error)) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        ngx_kafka_sse_topic_id_copy(id,
                             rd_kafka_TopicDescription_topic_id(description));
        break;

    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:

        /* the metadata tells */

        return;

    default: /* no right to know */
        break;
    }

    ngx_kafka_sse_metadata_id(metadata,
                              rd_kafka_TopicDescription_name(description), id);
}


static void
ngx_kafka_sse_topic_id_copy(u_char id[16], const rd_kafka_Uuid_t *uuid)
{
    uint64_t    most, least;
    ngx_uint_t  i;

    if (uuid == NULL) {
        return;
    }

    most = (uint64_t) rd_kafka_Uuid_most_significant_bits(uuid);
    least = (uint64_t) rd_kafka_Uuid_least_significant_bits(uuid);

    for (i = 0; i < 8; i++) {
        id[i] = (u_char) (most >> (56 - 8 * i));
        id[8 + i] = (u_char) (least >> (56 - 8 * i));
    }
}


#else


void
ngx_kafka_sse_topic_id_ask(ngx_kafka_sse_metadata_t *metadata,
    ngx_kafka_sse_client_t *client)
{
    ngx_kafka_sse_metadata_no_ids(metadata);
}


ngx_int_t
ngx_kafka_sse_topic_id_answer(ngx_kafka_sse_metadata_t *metadata,
    rd_kafka_event_t *event)
{
    return NGX_DECLINED;
}


#endif
