
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub_link.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_query.h>


#define NGX_KAFKA_SSE_QUERY_AGAIN  1000      /* ms between questions */


typedef struct {
    ngx_queue_t               queue;        /* in the hub's queries */
    ngx_queue_t               waiters;      /* never empty, but for a moment */
    ngx_kafka_sse_hub_t      *hub;
    ngx_kafka_sse_cluster_t  *cluster;
    ngx_str_t                 name;         /* behind this */
    uint32_t                  number;       /* of the last LOOK */
    ngx_event_t               timer;
    unsigned                  is_asked:1;   /* an answer is under way */
    unsigned                  is_busy:1;    /* its waiters are being called */
} ngx_kafka_sse_query_t;


/* lives in the request's pool */

typedef struct {
    ngx_queue_t               queue;        /* in the query's waiters */
    ngx_kafka_sse_query_t    *query;        /* NULL: it waits no more */
    ngx_http_request_t       *request;
    ngx_kafka_sse_query_pt    handler;
    ngx_msec_t                end;          /* of its patience */
    ngx_uint_t                is_patient;
} ngx_kafka_sse_query_waiter_t;


static ngx_kafka_sse_query_t *ngx_kafka_sse_query_find(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *name);
static ngx_kafka_sse_query_t *ngx_kafka_sse_query_create(
    ngx_kafka_sse_hub_t *hub, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *name);
static void ngx_kafka_sse_query_send(ngx_kafka_sse_query_t *query);
static void ngx_kafka_sse_query_answer(ngx_kafka_sse_query_t *query,
    ngx_uint_t answer);
static void ngx_kafka_sse_query_timer_handler(ngx_event_t *ev);
static void ngx_kafka_sse_query_release(ngx_kafka_sse_query_t *query);
static void ngx_kafka_sse_query_cleanup(void *data);


void
ngx_kafka_sse_query_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_init(&hub->queries);
}


ngx_int_t
ngx_kafka_sse_query_wait(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name, ngx_http_request_t *r,
    ngx_uint_t is_patient, ngx_kafka_sse_query_pt handler)
{
    ngx_event_t                   *rev;
    ngx_http_cleanup_t            *cln;
    ngx_kafka_sse_query_t         *query;
    ngx_kafka_sse_query_waiter_t  *waiter;

    query = ngx_kafka_sse_query_find(hub, cluster, name);

    if (query == NULL && hub->nqueries == NGX_KAFKA_SSE_QUERY_MAX) {
        return NGX_BUSY;
    }

    waiter = ngx_palloc(r->pool, sizeof(ngx_kafka_sse_query_waiter_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (waiter == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    if (query == NULL) {
        query = ngx_kafka_sse_query_create(hub, cluster, name);
        if (query == NULL) {
            return NGX_ERROR;
        }
    }

    waiter->query = query;
    waiter->request = r;
    waiter->handler = handler;
    waiter->end = ngx_current_msec + NGX_KAFKA_SSE_QUERY_PATIENCE;
    waiter->is_patient = is_patient;

    ngx_queue_insert_tail(&query->waiters, &waiter->queue);

    cln->handler = ngx_kafka_sse_query_cleanup;
    cln->data = waiter;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        r->main->count--;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_kafka_sse_query_t *
ngx_kafka_sse_query_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_queue_t            *q;
    ngx_kafka_sse_query_t  *query;

    for (q = ngx_queue_head(&hub->queries);
         q != ngx_queue_sentinel(&hub->queries);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, ngx_kafka_sse_query_t, queue);

        if (query->cluster == cluster
            && query->name.len == name->len
            && ngx_memcmp(query->name.data, name->data, name->len) == 0)
        {
            return query;
        }
    }

    return NULL;
}


static ngx_kafka_sse_query_t *
ngx_kafka_sse_query_create(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name)
{
    ngx_kafka_sse_query_t  *query;

    query = ngx_calloc(sizeof(ngx_kafka_sse_query_t) + name->len, hub->log);
    if (query == NULL) {
        return NULL;
    }

    query->hub = hub;
    query->cluster = cluster;
    query->name.len = name->len;
    query->name.data = (u_char *) (query + 1);
    ngx_memcpy(query->name.data, name->data, name->len);

    ngx_queue_init(&query->waiters);
    ngx_queue_insert_tail(&hub->queries, &query->queue);
    hub->nqueries++;

    query->timer.handler = ngx_kafka_sse_query_timer_handler;
    query->timer.data = query;
    query->timer.log = hub->log;

    ngx_add_timer(&query->timer, NGX_KAFKA_SSE_QUERY_AGAIN);

    ngx_kafka_sse_query_send(query);

    return query;
}


/* a new connection sends all that is asked, this one, too */

static void
ngx_kafka_sse_query_send(ngx_kafka_sse_query_t *query)
{
    u_char                        *p;
    ngx_kafka_sse_hub_t           *hub;
    ngx_kafka_sse_message_look_t   message;

    hub = query->hub;

    if (hub->link.connection == NULL) {
        ngx_kafka_sse_hub_link_connect(hub);
        return;
    }

    message.cluster = query->cluster->name;
    message.topic = query->name;

    p = ngx_kafka_sse_link_reserve(&hub->link,
                                   ngx_kafka_sse_message_look_len(&message));
    if (p == NULL) {
        return;                 /* asked again by the timer */
    }

    query->number = ++hub->link_number;
    query->is_asked = 1;

    ngx_kafka_sse_message_write_look(p, query->number, &message);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse query %uD for topic \"%V\"",
                   query->number, &query->name);
}


void
ngx_kafka_sse_query_lost(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t            *q;
    ngx_kafka_sse_query_t  *query;

    for (q = ngx_queue_head(&hub->queries);
         q != ngx_queue_sentinel(&hub->queries);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, ngx_kafka_sse_query_t, queue);
        query->is_asked = 0;
    }
}


void
ngx_kafka_sse_query_connected(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&hub->queries);
         q != ngx_queue_sentinel(&hub->queries);
         q = ngx_queue_next(q))
    {
        ngx_kafka_sse_query_send(ngx_queue_data(q, ngx_kafka_sse_query_t,
                                               queue));
    }
}


void
ngx_kafka_sse_query_message(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_message_t *m)
{
    uint32_t                answer;
    ngx_queue_t            *q;
    ngx_kafka_sse_query_t  *query;

    query = NULL;

    for (q = ngx_queue_head(&hub->queries);
         q != ngx_queue_sentinel(&hub->queries);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, ngx_kafka_sse_query_t, queue);

        if (query->number == m->replay && query->is_asked) {
            break;
        }

        query = NULL;
    }

    if (query == NULL) {
        return;                 /* who asked has left meanwhile */
    }

    answer = m->n;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, hub->log, 0,
                   "kafka_sse query %uD is answered by %uD",
                   query->number, answer);

    query->is_asked = 0;

    if (answer == NGX_KAFKA_SSE_SEEN_YES
        && ngx_kafka_sse_hub_topic_seen(hub, query->cluster, &query->name)
           == NULL)
    {
        answer = NGX_KAFKA_SSE_SEEN_FULL;
    }

    ngx_kafka_sse_query_answer(query, answer);
}


/*
 * Each handler may end its request, and with it others of its connection.
 * Kafka that does not say may do so soon: who is patient goes on waiting.
 */

static void
ngx_kafka_sse_query_answer(ngx_kafka_sse_query_t *query, ngx_uint_t answer)
{
    ngx_queue_t                   *q, todo;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_kafka_sse_query_waiter_t  *waiter;

    query->is_busy = 1;

    ngx_queue_init(&todo);

    if (!ngx_queue_empty(&query->waiters)) {
        ngx_queue_add(&todo, &query->waiters);
        ngx_queue_init(&query->waiters);
    }

    while (!ngx_queue_empty(&todo)) {
        q = ngx_queue_head(&todo);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_kafka_sse_query_waiter_t, queue);

        if (answer == NGX_KAFKA_SSE_SEEN_AWAY
            && waiter->is_patient
            && (ngx_msec_int_t) (waiter->end - ngx_current_msec) > 0)
        {
            ngx_queue_insert_tail(&query->waiters, q);
            continue;
        }

        waiter->query = NULL;

        r = waiter->request;
        c = r->connection;

        r->read_event_handler = ngx_http_block_reading;

        waiter->handler(r, answer);

        ngx_http_run_posted_requests(c);
    }

    query->is_busy = 0;

    ngx_kafka_sse_query_release(query);
}


/* who has waited for too long has his answer; the others ask once more */

static void
ngx_kafka_sse_query_timer_handler(ngx_event_t *ev)
{
    ngx_queue_t                   *q;
    ngx_kafka_sse_query_t         *query;
    ngx_kafka_sse_query_waiter_t  *waiter;

    query = ev->data;

    ngx_add_timer(&query->timer, NGX_KAFKA_SSE_QUERY_AGAIN);

    q = ngx_queue_head(&query->waiters);
    waiter = ngx_queue_data(q, ngx_kafka_sse_query_waiter_t, queue);

    if ((ngx_msec_int_t) (waiter->end - ngx_current_msec) <= 0) {

        /* the others have waited for less, and lose no more than that */

        ngx_kafka_sse_query_answer(query, NGX_KAFKA_SSE_SEEN_AWAY);
        return;
    }

    if (!query->is_asked) {
        ngx_kafka_sse_query_send(query);
    }
}


static void
ngx_kafka_sse_query_release(ngx_kafka_sse_query_t *query)
{
    if (query->is_busy || !ngx_queue_empty(&query->waiters)) {
        return;
    }

    ngx_del_timer(&query->timer);
    ngx_queue_remove(&query->queue);
    query->hub->nqueries--;
    ngx_free(query);
}


/* the client has left, or the request ends after it has had its answer */

static void
ngx_kafka_sse_query_cleanup(void *data)
{
    ngx_kafka_sse_query_waiter_t *waiter = data;

    if (waiter->query) {
        ngx_queue_remove(&waiter->queue);
        ngx_kafka_sse_query_release(waiter->query);
    }
}
