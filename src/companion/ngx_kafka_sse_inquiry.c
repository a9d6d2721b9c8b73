
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_inquiry.h>
#include <companion/ngx_kafka_sse_thread.h>


#define NGX_KAFKA_SSE_INQUIRY_TIMEOUT  5000    /* ms */


struct ngx_kafka_sse_inquiry_s {
    rd_kafka_t             *rk;
    ngx_kafka_sse_topic_t  *topic;
    rd_kafka_resp_err_t     answer;
    ngx_uint_t              failed;    /* there is no answer */
    ngx_atomic_t            done;      /* the thread's last write: from then on
                                          all of it is the caller's */
};


static ngx_kafka_sse_inquiry_t *ngx_kafka_sse_inquiry_start(
    ngx_kafka_sse_client_t *client, ngx_kafka_sse_topic_t *topic);
static void *ngx_kafka_sse_inquiry_thread(void *data);


ngx_int_t
ngx_kafka_sse_inquiry(ngx_kafka_sse_inquiry_t **inquiry,
    ngx_kafka_sse_client_t *client, ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t                failed;
    rd_kafka_resp_err_t       answer;
    ngx_kafka_sse_inquiry_t  *inq;

    inq = *inquiry;

    if (inq == NULL) {
        *inquiry = ngx_kafka_sse_inquiry_start(client, topic);

        /* without a thread nothing is known against it */

        return *inquiry ? NGX_AGAIN : NGX_OK;
    }

    if (!inq->done) {
        return NGX_AGAIN;
    }

    ngx_memory_barrier();

    /* that of another topic may be of no use any more; else it asks again */

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, client->log, 0,
                   "kafka_sse inquiry about topic \"%V\" is answered by %s, "
                   "failed:%ui", &inq->topic->name,
                   rd_kafka_err2name(inq->answer), inq->failed);

    failed = (inq->failed || inq->topic != topic);
    answer = inq->answer;

    ngx_free(inq);
    *inquiry = NULL;

    if (failed) {
        *inquiry = ngx_kafka_sse_inquiry_start(client, topic);
        return NGX_AGAIN;
    }

    return answer == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
           ? NGX_DECLINED : NGX_OK;
}


static ngx_kafka_sse_inquiry_t *
ngx_kafka_sse_inquiry_start(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_kafka_sse_inquiry_t  *inq;

    inq = ngx_calloc(sizeof(ngx_kafka_sse_inquiry_t), client->log);
    if (inq == NULL) {
        return NULL;
    }

    inq->rk = client->rk;
    inq->topic = topic;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, client->log, 0,
                   "kafka_sse inquiry about topic \"%V\"", &topic->name);

    if (ngx_kafka_sse_thread_start(ngx_kafka_sse_inquiry_thread, inq,
                                   client->log)
        != NGX_OK)
    {
        ngx_free(inq);
        return NULL;
    }

    return inq;
}


/* the client of a reader lives as long as the process */

static void *
ngx_kafka_sse_inquiry_thread(void *data)
{
    ngx_kafka_sse_inquiry_t *inq = data;

    rd_kafka_topic_t                  *rkt;
    const struct rd_kafka_metadata    *metadata;

    inq->failed = 1;

    rkt = rd_kafka_topic_new(inq->rk, (char *) inq->topic->name.data, NULL);

    if (rkt) {

        if (rd_kafka_metadata(inq->rk, 0, rkt, &metadata,
                              NGX_KAFKA_SSE_INQUIRY_TIMEOUT)
            == RD_KAFKA_RESP_ERR_NO_ERROR)
        {
            if (metadata->topic_cnt) {
                inq->answer = metadata->topics[0].err;
                inq->failed = 0;
            }

            rd_kafka_metadata_destroy(metadata);
        }

        rd_kafka_topic_destroy(rkt);
    }

    ngx_memory_barrier();

    inq->done = 1;

    return NULL;
}
