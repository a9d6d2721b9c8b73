
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include <companion/ngx_kafka_sse_bell.h>
#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_offsets.h>
#include <companion/ngx_kafka_sse_thread.h>


/* times in ms */

#define NGX_KAFKA_SSE_OFFSETS_TIMEOUT  5000     /* of one call */
#define NGX_KAFKA_SSE_OFFSETS_AGAIN    300
#define NGX_KAFKA_SSE_OFFSETS_UNKNOWN  10000    /* a topic that was just made
                                                   is unknown, too */


struct ngx_kafka_sse_offsets_s {
    rd_kafka_t            *rk;
    ngx_log_t             *log;

    /* the thread's and ours, under the lock */

    pthread_mutex_t        lock;
    pthread_cond_t         cond;
    ngx_queue_t            waiting;
    ngx_queue_t            done;

    ngx_kafka_sse_bell_t   bell;       /* the thread rings it */

    /* ours */

    ngx_queue_t            failed;
    ngx_event_t            again;
};


static void ngx_kafka_sse_offsets_bell_handler(void *data);
static void ngx_kafka_sse_offsets_done(ngx_kafka_sse_offsets_t *offsets,
    ngx_kafka_sse_lookup_t *lookup);
static void ngx_kafka_sse_offsets_again_handler(ngx_event_t *ev);
static void *ngx_kafka_sse_offsets_thread(void *data);
static void ngx_kafka_sse_offsets_find(rd_kafka_t *rk, ngx_queue_t *lookups);
static rd_kafka_resp_err_t ngx_kafka_sse_offsets_find_times(rd_kafka_t *rk,
    ngx_kafka_sse_lookup_t *lookup);
static void ngx_kafka_sse_offsets_answer(ngx_kafka_sse_lookup_ask_t *ask,
    rd_kafka_topic_partition_list_t *lows,
    rd_kafka_topic_partition_list_t *highs, rd_kafka_resp_err_t err);
static rd_kafka_resp_err_t ngx_kafka_sse_offsets_query(rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list);
static rd_kafka_resp_err_t ngx_kafka_sse_offsets_query_halves(rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list);
static ngx_uint_t ngx_kafka_sse_offsets_unknown(int error);


ngx_kafka_sse_offsets_t *
ngx_kafka_sse_offsets_create(ngx_pool_t *pool, ngx_kafka_sse_reader_t *reader,
    ngx_log_t *log)
{
    ngx_kafka_sse_offsets_t  *offsets;

    offsets = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_offsets_t));
    if (offsets == NULL) {
        return NULL;
    }

    offsets->rk = ngx_kafka_sse_reader_client(reader)->rk;
    offsets->log = log;

    ngx_queue_init(&offsets->waiting);
    ngx_queue_init(&offsets->done);
    ngx_queue_init(&offsets->failed);

    pthread_mutex_init(&offsets->lock, NULL);
    pthread_cond_init(&offsets->cond, NULL);

    offsets->again.handler = ngx_kafka_sse_offsets_again_handler;
    offsets->again.data = offsets;
    offsets->again.log = log;

    offsets->bell.data = offsets;
    offsets->bell.handler = ngx_kafka_sse_offsets_bell_handler;
    offsets->bell.log = log;

    if (ngx_kafka_sse_bell_open(&offsets->bell) != NGX_OK) {
        return NULL;
    }

    if (ngx_kafka_sse_thread_start(ngx_kafka_sse_offsets_thread, offsets, log)
        != NGX_OK)
    {
        ngx_kafka_sse_bell_close(&offsets->bell);
        return NULL;
    }

    return offsets;
}


ngx_kafka_sse_lookup_t *
ngx_kafka_sse_offsets_lookup(ngx_uint_t n, ngx_log_t *log)
{
    ngx_kafka_sse_lookup_t  *lookup;

    lookup = ngx_calloc(offsetof(ngx_kafka_sse_lookup_t, asks)
                        + n * sizeof(ngx_kafka_sse_lookup_ask_t), log);
    if (lookup) {
        lookup->n = n;
    }

    return lookup;
}


void
ngx_kafka_sse_offsets_ask(ngx_kafka_sse_offsets_t *offsets,
    ngx_kafka_sse_lookup_t *lookup)
{
    lookup->offsets = offsets;
    lookup->asked = 0;

    pthread_mutex_lock(&offsets->lock);
    ngx_queue_insert_tail(&offsets->waiting, &lookup->queue);
    pthread_cond_signal(&offsets->cond);
    pthread_mutex_unlock(&offsets->lock);
}


void
ngx_kafka_sse_offsets_free(ngx_kafka_sse_lookup_t *lookup)
{
    ngx_uint_t                asked;
    ngx_kafka_sse_offsets_t  *offsets;

    offsets = lookup->offsets;

    if (offsets) {
        pthread_mutex_lock(&offsets->lock);

        asked = lookup->asked;

        if (!asked) {
            ngx_queue_remove(&lookup->queue);
        }

        pthread_mutex_unlock(&offsets->lock);

        if (asked) {
            lookup->given_up = 1;
            return;
        }
    }

    ngx_free(lookup);
}


static void
ngx_kafka_sse_offsets_bell_handler(void *data)
{
    ngx_kafka_sse_offsets_t *offsets = data;

    ngx_queue_t  done, *q;

    ngx_queue_init(&done);

    pthread_mutex_lock(&offsets->lock);

    if (!ngx_queue_empty(&offsets->done)) {
        ngx_queue_add(&done, &offsets->done);
        ngx_queue_init(&offsets->done);
    }

    pthread_mutex_unlock(&offsets->lock);

    while (!ngx_queue_empty(&done)) {
        q = ngx_queue_head(&done);
        ngx_queue_remove(q);

        ngx_kafka_sse_offsets_done(offsets,
                        ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue));
    }
}


static void
ngx_kafka_sse_offsets_done(ngx_kafka_sse_offsets_t *offsets,
    ngx_kafka_sse_lookup_t *lookup)
{
    ngx_uint_t                   i, failed, unknown;
    ngx_kafka_sse_lookup_ask_t  *ask;

    lookup->asked = 0;

    if (lookup->given_up) {
        ngx_free(lookup);
        return;
    }

    failed = 0;
    unknown = 0;

    for (i = 0; i < lookup->n; i++) {
        ask = &lookup->asks[i];

        if (ngx_kafka_sse_offsets_unknown(ask->error)) {
            unknown++;

        } else if (ask->error) {
            failed++;
        }
    }

    if (unknown == 0 || failed) {
        lookup->unknown = 0;

    } else if (lookup->unknown == 0) {
        lookup->unknown = ngx_max(ngx_current_msec, 1);
    }

    if (failed
        || (unknown && ngx_current_msec - lookup->unknown
                       < NGX_KAFKA_SSE_OFFSETS_UNKNOWN))
    {
        ngx_queue_insert_tail(&offsets->failed, &lookup->queue);

        if (!offsets->again.timer_set) {
            ngx_add_timer(&offsets->again, NGX_KAFKA_SSE_OFFSETS_AGAIN);
        }

        return;
    }

    lookup->offsets = NULL;
    lookup->handler(lookup);
}


static void
ngx_kafka_sse_offsets_again_handler(ngx_event_t *ev)
{
    ngx_queue_t              *q;
    ngx_kafka_sse_offsets_t  *offsets;

    offsets = ev->data;

    while (!ngx_queue_empty(&offsets->failed)) {
        q = ngx_queue_head(&offsets->failed);
        ngx_queue_remove(q);

        ngx_kafka_sse_offsets_ask(offsets,
                        ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue));
    }
}


/* it takes all that wait at once: they often want the same partitions */

static void *
ngx_kafka_sse_offsets_thread(void *data)
{
    ngx_kafka_sse_offsets_t *offsets = data;

    ngx_queue_t              lookups, *q;
    ngx_kafka_sse_lookup_t  *lookup;

    for ( ;; ) {

        ngx_queue_init(&lookups);

        pthread_mutex_lock(&offsets->lock);

        while (ngx_queue_empty(&offsets->waiting)) {
            pthread_cond_wait(&offsets->cond, &offsets->lock);
        }

        ngx_queue_add(&lookups, &offsets->waiting);
        ngx_queue_init(&offsets->waiting);

        for (q = ngx_queue_head(&lookups);
             q != ngx_queue_sentinel(&lookups);
             q = ngx_queue_next(q))
        {
            lookup = ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue);
            lookup->asked = 1;
        }

        pthread_mutex_unlock(&offsets->lock);

        ngx_kafka_sse_offsets_find(offsets->rk, &lookups);

        pthread_mutex_lock(&offsets->lock);
        ngx_queue_add(&offsets->done, &lookups);
        pthread_mutex_unlock(&offsets->lock);

        ngx_kafka_sse_bell_ring(&offsets->bell);
    }

    return NULL;
}


/*
 * The thread's, like all that follows.  Beginnings first and ends last: so
 * none of the three is reported in another order.
 */

static void
ngx_kafka_sse_offsets_find(rd_kafka_t *rk, ngx_queue_t *lookups)
{
    int                               k;
    char                             *name;
    ngx_uint_t                        i;
    ngx_queue_t                      *q;
    ngx_kafka_sse_lookup_t           *lookup;
    rd_kafka_resp_err_t               err;
    ngx_kafka_sse_lookup_ask_t       *ask;
    rd_kafka_topic_partition_list_t  *lows, *highs;

    lows = rd_kafka_topic_partition_list_new(0);

    for (q = ngx_queue_head(lookups);
         q != ngx_queue_sentinel(lookups);
         q = ngx_queue_next(q))
    {
        lookup = ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue);

        for (i = 0; i < lookup->n; i++) {
            ask = &lookup->asks[i];
            name = (char *) ask->topic->name.data;

            if (rd_kafka_topic_partition_list_find(lows, name, ask->partition)
                == NULL)
            {
                rd_kafka_topic_partition_list_add(lows, name, ask->partition)
                    ->offset = RD_KAFKA_OFFSET_BEGINNING;
            }
        }
    }

    /* Kafka's request has one entry for each topic */

    rd_kafka_topic_partition_list_sort(lows, NULL, NULL);

    highs = rd_kafka_topic_partition_list_copy(lows);

    for (k = 0; k < highs->cnt; k++) {
        highs->elems[k].offset = RD_KAFKA_OFFSET_END;
    }

    err = ngx_kafka_sse_offsets_query(rk, lows);

    for (q = ngx_queue_head(lookups);
         q != ngx_queue_sentinel(lookups) && err == 0;
         q = ngx_queue_next(q))
    {
        lookup = ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue);
        err = ngx_kafka_sse_offsets_find_times(rk, lookup);
    }

    if (err == 0) {
        err = ngx_kafka_sse_offsets_query(rk, highs);
    }

    for (q = ngx_queue_head(lookups);
         q != ngx_queue_sentinel(lookups);
         q = ngx_queue_next(q))
    {
        lookup = ngx_queue_data(q, ngx_kafka_sse_lookup_t, queue);

        for (i = 0; i < lookup->n; i++) {
            ngx_kafka_sse_offsets_answer(&lookup->asks[i], lows, highs, err);
        }
    }

    rd_kafka_topic_partition_list_destroy(lows);
    rd_kafka_topic_partition_list_destroy(highs);
}


static rd_kafka_resp_err_t
ngx_kafka_sse_offsets_find_times(rd_kafka_t *rk,
    ngx_kafka_sse_lookup_t *lookup)
{
    ngx_uint_t                        i;
    rd_kafka_resp_err_t               err;
    ngx_kafka_sse_lookup_ask_t       *ask;
    rd_kafka_topic_partition_t       *at;
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_topic_partition_list_new(0);

    for (i = 0; i < lookup->n; i++) {
        ask = &lookup->asks[i];
        ask->error = 0;

        if (ask->time >= 0) {
            rd_kafka_topic_partition_list_add(list,
                                              (char *) ask->topic->name.data,
                                              ask->partition)
                ->offset = ask->time;
        }
    }

    err = 0;

    if (list->cnt) {
        rd_kafka_topic_partition_list_sort(list, NULL, NULL);
        err = ngx_kafka_sse_offsets_query(rk, list);
    }

    for (i = 0; i < lookup->n; i++) {
        ask = &lookup->asks[i];

        if (ask->time >= 0) {
            at = rd_kafka_topic_partition_list_find(list,
                                              (char *) ask->topic->name.data,
                                              ask->partition);
            ask->error = at->err;
            ask->at = at->offset;
        }
    }

    rd_kafka_topic_partition_list_destroy(list);

    return err;
}


static void
ngx_kafka_sse_offsets_answer(ngx_kafka_sse_lookup_ask_t *ask,
    rd_kafka_topic_partition_list_t *lows,
    rd_kafka_topic_partition_list_t *highs, rd_kafka_resp_err_t err)
{
    char                        *name;
    rd_kafka_topic_partition_t  *low, *high;

    name = (char *) ask->topic->name.data;

    low = rd_kafka_topic_partition_list_find(lows, name, ask->partition);
    high = rd_kafka_topic_partition_list_find(highs, name, ask->partition);

    ask->error = err ? err
                 : low->err ? low->err
                 : high->err ? high->err : ask->error;

    if (ask->error) {
        ask->low = -1;
        ask->high = -1;
        ask->at = -1;
        return;
    }

    ask->low = low->offset;
    ask->high = ngx_max(high->offset, low->offset);

    if (ask->time < 0) {
        ask->at = -1;

    } else if (ask->at < 0) {

        /* there is no record of this time or later */

        ask->at = ask->high;

    } else {
        ask->at = ngx_min(ngx_max(ask->at, ask->low), ask->high);
    }
}


/*
 * Some partition that Kafka cannot answer for fails the whole call, without
 * saying which it is.  An error that is returned is one of all brokers.
 */

static rd_kafka_resp_err_t
ngx_kafka_sse_offsets_query(rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list)
{
    int                               i;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *answer;

    answer = rd_kafka_topic_partition_list_copy(list);

    err = rd_kafka_offsets_for_times(rk, answer,
                                     NGX_KAFKA_SSE_OFFSETS_TIMEOUT);

    if (err && list->cnt > 1
        && err != RD_KAFKA_RESP_ERR__TIMED_OUT
        && err != RD_KAFKA_RESP_ERR__TRANSPORT
        && err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
    {
        rd_kafka_topic_partition_list_destroy(answer);
        return ngx_kafka_sse_offsets_query_halves(rk, list);
    }

    for (i = 0; i < list->cnt; i++) {
        list->elems[i].err = err ? err : answer->elems[i].err;
        list->elems[i].offset = answer->elems[i].offset;
    }

    rd_kafka_topic_partition_list_destroy(answer);

    return (list->cnt > 1) ? err : 0;
}


static rd_kafka_resp_err_t
ngx_kafka_sse_offsets_query_halves(rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list)
{
    int                               i, from, to;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_t       *e;
    rd_kafka_topic_partition_list_t  *half;

    err = 0;

    for (from = 0; from < list->cnt && err == 0; from = to) {
        to = from ? list->cnt : list->cnt / 2;

        half = rd_kafka_topic_partition_list_new(to - from);

        for (i = from; i < to; i++) {
            e = &list->elems[i];
            rd_kafka_topic_partition_list_add(half, e->topic, e->partition)
                ->offset = e->offset;
        }

        err = ngx_kafka_sse_offsets_query(rk, half);

        for (i = from; i < to; i++) {
            list->elems[i].err = half->elems[i - from].err;
            list->elems[i].offset = half->elems[i - from].offset;
        }

        rd_kafka_topic_partition_list_destroy(half);
    }

    return err;
}


static ngx_uint_t
ngx_kafka_sse_offsets_unknown(int error)
{
    return error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
           || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
           || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}
