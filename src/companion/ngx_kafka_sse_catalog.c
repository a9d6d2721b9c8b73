
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include <companion/ngx_kafka_sse_bell.h>
#include <companion/ngx_kafka_sse_catalog.h>
#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_thread.h>


#define NGX_KAFKA_SSE_CATALOG_TIMEOUT  5000    /* ms, of one question */


/* malloc()ed by the thread, with the names behind the topics */

typedef struct {
    ngx_uint_t                      n;
    ngx_kafka_sse_catalog_topic_t   topics[1];
} ngx_kafka_sse_catalog_list_t;


struct ngx_kafka_sse_catalog_s {
    rd_kafka_t                     *rk;
    ngx_str_t                      *name;      /* of the cluster */
    ngx_log_t                      *log;
    ngx_kafka_sse_catalog_pt        handler;
    void                           *data;

    /* the thread's and ours, under the lock */

    pthread_mutex_t                 lock;
    pthread_cond_t                  cond;
    ngx_uint_t                      wanted;    /* a question waits for it */
    ngx_uint_t                      answered;
    ngx_kafka_sse_catalog_list_t   *answer;    /* NULL: error says why */
    rd_kafka_resp_err_t             error;

    ngx_kafka_sse_bell_t            bell;      /* the thread rings it */

    /* ours */

    ngx_kafka_sse_catalog_list_t   *list;      /* NULL: none yet */
    ngx_msec_t                      of;        /* when it was asked for */
    ngx_msec_t                      asked;     /* when the last one was */
    unsigned                        asking:1;
    unsigned                        begun:1;   /* it was asked for once */
    unsigned                        failed:1;  /* the last question; said */
};


static void ngx_kafka_sse_catalog_bell_handler(void *data);
static void ngx_kafka_sse_catalog_failed(ngx_kafka_sse_catalog_t *catalog,
    rd_kafka_resp_err_t error);
static void ngx_kafka_sse_catalog_compare(
    ngx_kafka_sse_catalog_list_t *former, ngx_kafka_sse_catalog_list_t *list);
static int ngx_libc_cdecl ngx_kafka_sse_catalog_order(const void *one,
    const void *two);
static void *ngx_kafka_sse_catalog_thread(void *data);
static ngx_kafka_sse_catalog_list_t *ngx_kafka_sse_catalog_list(
    const rd_kafka_metadata_t *metadata);


ngx_kafka_sse_catalog_t *
ngx_kafka_sse_catalog_create(ngx_pool_t *pool, ngx_kafka_sse_reader_t *reader,
    ngx_kafka_sse_catalog_pt handler, void *data, ngx_log_t *log)
{
    ngx_kafka_sse_client_t   *client;
    ngx_kafka_sse_catalog_t  *catalog;

    catalog = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_catalog_t));
    if (catalog == NULL) {
        return NULL;
    }

    client = ngx_kafka_sse_reader_client(reader);

    catalog->rk = client->rk;
    catalog->name = &client->cluster->name;
    catalog->handler = handler;
    catalog->data = data;
    catalog->log = log;

    pthread_mutex_init(&catalog->lock, NULL);
    pthread_cond_init(&catalog->cond, NULL);

    catalog->bell.data = catalog;
    catalog->bell.handler = ngx_kafka_sse_catalog_bell_handler;
    catalog->bell.log = log;

    if (ngx_kafka_sse_bell_open(&catalog->bell) != NGX_OK) {
        return NULL;
    }

    if (ngx_kafka_sse_thread_start(ngx_kafka_sse_catalog_thread, catalog, log)
        != NGX_OK)
    {
        ngx_kafka_sse_bell_close(&catalog->bell);
        return NULL;
    }

    return catalog;
}


void
ngx_kafka_sse_catalog_refresh(ngx_kafka_sse_catalog_t *catalog)
{
    if (catalog->asking
        || (catalog->begun
            && ngx_current_msec - catalog->asked
               < NGX_KAFKA_SSE_CATALOG_AGAIN))
    {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, catalog->log, 0,
                   "kafka_sse catalog of \"%V\" is asked for", catalog->name);

    catalog->asking = 1;
    catalog->begun = 1;
    catalog->asked = ngx_current_msec;

    pthread_mutex_lock(&catalog->lock);
    catalog->wanted = 1;
    pthread_cond_signal(&catalog->cond);
    pthread_mutex_unlock(&catalog->lock);
}


ngx_int_t
ngx_kafka_sse_catalog_find(ngx_kafka_sse_catalog_t *catalog, ngx_str_t *name,
    ngx_msec_t since, ngx_uint_t hurry, ngx_kafka_sse_catalog_topic_t **topic)
{
    ngx_msec_int_t                  age;
    ngx_kafka_sse_catalog_list_t   *list;
    ngx_kafka_sse_catalog_topic_t   key;

    list = catalog->list;
    age = (ngx_msec_int_t) (since - catalog->of);

    if (list == NULL || age >= NGX_KAFKA_SSE_CATALOG_AGAIN) {
        ngx_kafka_sse_catalog_refresh(catalog);
        return NGX_AGAIN;
    }

    ngx_memzero(&key, sizeof(ngx_kafka_sse_catalog_topic_t));
    key.name = *name;

    *topic = bsearch(&key, list->topics, list->n,
                     sizeof(ngx_kafka_sse_catalog_topic_t),
                     ngx_kafka_sse_catalog_order);

    if (*topic) {
        return NGX_OK;
    }

    if (age > 0 && !hurry) {
        ngx_kafka_sse_catalog_refresh(catalog);
        return NGX_AGAIN;
    }

    return NGX_DECLINED;
}


ngx_kafka_sse_catalog_topic_t *
ngx_kafka_sse_catalog_topics(ngx_kafka_sse_catalog_t *catalog, ngx_uint_t *n)
{
    *n = catalog->list ? catalog->list->n : 0;

    return *n ? catalog->list->topics : NULL;
}


static void
ngx_kafka_sse_catalog_bell_handler(void *data)
{
    ngx_kafka_sse_catalog_t *catalog = data;

    ngx_uint_t                     answered;
    rd_kafka_resp_err_t            error;
    ngx_kafka_sse_catalog_list_t  *list;

    pthread_mutex_lock(&catalog->lock);

    answered = catalog->answered;
    list = catalog->answer;
    error = catalog->error;

    catalog->answered = 0;
    catalog->answer = NULL;

    pthread_mutex_unlock(&catalog->lock);

    if (!answered) {
        return;
    }

    catalog->asking = 0;

    if (list == NULL) {
        ngx_kafka_sse_catalog_failed(catalog, error);
        return;
    }

    catalog->failed = 0;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, catalog->log, 0,
                   "kafka_sse catalog of \"%V\" has %ui topics",
                   catalog->name, list->n);

    if (catalog->list) {
        ngx_kafka_sse_catalog_compare(catalog->list, list);
        free(catalog->list);
    }

    catalog->list = list;
    catalog->of = catalog->asked;

    catalog->handler(catalog->data);
}


/* that no broker is up the reader says, and when one is again */

static void
ngx_kafka_sse_catalog_failed(ngx_kafka_sse_catalog_t *catalog,
    rd_kafka_resp_err_t error)
{
    ngx_uint_t  level;

    level = (error == RD_KAFKA_RESP_ERR__TRANSPORT
             || error == RD_KAFKA_RESP_ERR__TIMED_OUT
             || catalog->failed)
            ? NGX_LOG_INFO : NGX_LOG_ERR;

    catalog->failed = 1;

    ngx_log_error(level, catalog->log, 0,
                  "kafka_sse: cluster \"%V\" does not tell its topics: %s",
                  catalog->name, rd_kafka_err2str(error));
}


/* both are in the order of names */

static void
ngx_kafka_sse_catalog_compare(ngx_kafka_sse_catalog_list_t *former,
    ngx_kafka_sse_catalog_list_t *list)
{
    int         rc;
    ngx_uint_t  i, k;

    k = 0;

    for (i = 0; i < list->n; i++) {

        rc = 1;                 /* there is none left in the former one */

        while (k < former->n) {
            rc = ngx_kafka_sse_catalog_order(&former->topics[k],
                                             &list->topics[i]);
            if (rc >= 0) {
                break;
            }

            k++;
        }

        list->topics[i].is_new = (rc != 0);
    }
}


static int ngx_libc_cdecl
ngx_kafka_sse_catalog_order(const void *one, const void *two)
{
    int                                   rc;
    const ngx_kafka_sse_catalog_topic_t  *a = one, *b = two;

    rc = ngx_memcmp(a->name.data, b->name.data,
                    ngx_min(a->name.len, b->name.len));

    if (rc == 0) {
        rc = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    }

    return rc;
}


static void *
ngx_kafka_sse_catalog_thread(void *data)
{
    ngx_kafka_sse_catalog_t *catalog = data;

    rd_kafka_resp_err_t                  error;
    const struct rd_kafka_metadata      *metadata;
    ngx_kafka_sse_catalog_list_t        *list;

    for ( ;; ) {

        pthread_mutex_lock(&catalog->lock);

        while (!catalog->wanted) {
            pthread_cond_wait(&catalog->cond, &catalog->lock);
        }

        catalog->wanted = 0;

        pthread_mutex_unlock(&catalog->lock);

        list = NULL;

        error = rd_kafka_metadata(catalog->rk, 1, NULL, &metadata,
                                  NGX_KAFKA_SSE_CATALOG_TIMEOUT);

        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            list = ngx_kafka_sse_catalog_list(metadata);
            rd_kafka_metadata_destroy(metadata);

            if (list == NULL) {
                error = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
            }
        }

        pthread_mutex_lock(&catalog->lock);
        catalog->answered = 1;
        catalog->answer = list;
        catalog->error = error;
        pthread_mutex_unlock(&catalog->lock);

        ngx_kafka_sse_bell_ring(&catalog->bell);
    }

    return NULL;
}


/* NULL: no memory */

static ngx_kafka_sse_catalog_list_t *
ngx_kafka_sse_catalog_list(const rd_kafka_metadata_t *metadata)
{
    int                             i;
    u_char                         *p;
    size_t                          size;
    ngx_kafka_sse_catalog_list_t   *list;
    ngx_kafka_sse_catalog_topic_t  *topic;

    size = sizeof(ngx_kafka_sse_catalog_list_t)
           + metadata->topic_cnt * sizeof(ngx_kafka_sse_catalog_topic_t);

    for (i = 0; i < metadata->topic_cnt; i++) {
        size += ngx_strlen(metadata->topics[i].topic);
    }

    list = malloc(size);
    if (list == NULL) {
        return NULL;
    }

    list->n = 0;
    p = (u_char *) &list->topics[metadata->topic_cnt];

    for (i = 0; i < metadata->topic_cnt; i++) {

        /* one that is being deleted, or is not for us */

        if (metadata->topics[i].partition_cnt == 0) {
            continue;
        }

        topic = &list->topics[list->n++];

        topic->name.len = ngx_strlen(metadata->topics[i].topic);
        topic->name.data = p;
        topic->n = metadata->topics[i].partition_cnt;
        topic->is_new = 0;

        p = ngx_cpymem(p, metadata->topics[i].topic, topic->name.len);
    }

    ngx_qsort(list->topics, list->n, sizeof(ngx_kafka_sse_catalog_topic_t),
              ngx_kafka_sse_catalog_order);

    return list;
}
