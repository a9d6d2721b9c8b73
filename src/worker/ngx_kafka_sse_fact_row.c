
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_fact_row.h>


static ngx_kafka_sse_fact_row_t *ngx_kafka_sse_fact_row_push(ngx_array_t *rows,
    void *sh);
static ngx_int_t ngx_kafka_sse_fact_row_node(ngx_kafka_sse_hub_t *hub,
    ngx_array_t *rows);
static ngx_int_t ngx_kafka_sse_fact_row_workers(ngx_kafka_sse_node_sh_t *node,
    ngx_array_t *rows);
static ngx_uint_t ngx_kafka_sse_fact_row_is_alive(
    ngx_kafka_sse_worker_sh_t *worker);
static ngx_int_t ngx_kafka_sse_fact_row_number(ngx_pool_t *pool,
    ngx_str_t *label, ngx_uint_t n);
static ngx_int_t ngx_kafka_sse_fact_row_topics(ngx_kafka_sse_hub_t *hub,
    ngx_array_t *rows);
static ngx_int_t ngx_kafka_sse_fact_row_topic(ngx_array_t *rows,
    ngx_kafka_sse_topic_sh_t *sh, ngx_str_t *cluster, ngx_str_t *name);


ngx_int_t
ngx_kafka_sse_fact_row_collect(ngx_kafka_sse_hub_t *hub, ngx_pool_t *pool,
    ngx_array_t rows[NGX_KAFKA_SSE_SUBJECTS])
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_SSE_SUBJECTS; i++) {
        if (ngx_array_init(&rows[i], pool, 8,
                           sizeof(ngx_kafka_sse_fact_row_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_kafka_sse_fact_row_node(hub, rows) != NGX_OK
        || ngx_kafka_sse_fact_row_workers(hub->node, rows) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_sse_fact_row_topics(hub, rows);
}


static ngx_kafka_sse_fact_row_t *
ngx_kafka_sse_fact_row_push(ngx_array_t *rows, void *sh)
{
    ngx_kafka_sse_fact_row_t  *row;

    row = ngx_array_push(rows);

    if (row) {
        ngx_memzero(row, sizeof(ngx_kafka_sse_fact_row_t));
        row->sh = sh;
    }

    return row;
}


static ngx_int_t
ngx_kafka_sse_fact_row_node(ngx_kafka_sse_hub_t *hub, ngx_array_t *rows)
{
    ngx_uint_t                 i;
    ngx_kafka_sse_node_sh_t   *node;
    ngx_kafka_sse_fact_row_t  *row;

    node = hub->node;

    if (!ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_COMPANION],
                                     node)
        || !ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_REDIS],
                                        node)
        || !ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_RING],
                                        hub->ring)
        || !ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_REPLAYS],
                                        node))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < node->nclusters; i++) {
        row = ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_CLUSTER],
                                          &node->clusters[i]);
        if (row == NULL) {
            return NGX_ERROR;
        }

        row->labels[0] = ngx_kafka_sse_topics_str(node->clusters[i].name);
    }

    for (i = 0; i < NGX_KAFKA_SSE_CLOSE_REASONS; i++) {
        row = ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_CLOSED],
                                          (void *) &node->closed[i]);
        if (row == NULL) {
            return NGX_ERROR;
        }

        row->labels[0] = ngx_kafka_sse_close_reasons[i];
    }

    return NGX_OK;
}


/* and what all of them have is the streams' row */

static ngx_int_t
ngx_kafka_sse_fact_row_workers(ngx_kafka_sse_node_sh_t *node,
    ngx_array_t *rows)
{
    ngx_uint_t                  i;
    ngx_array_t                *workers;
    ngx_kafka_sse_fact_row_t   *row, *streams;
    ngx_kafka_sse_worker_sh_t  *worker;

    workers = &rows[NGX_KAFKA_SSE_SUBJECT_WORKER];
    streams = ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_STREAMS],
                                          node);
    if (streams == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {
        worker = &node->workers[i];

        if (!ngx_kafka_sse_fact_row_is_alive(worker)) {
            continue;
        }

        row = ngx_kafka_sse_fact_row_push(workers, worker);
        if (row == NULL) {
            return NGX_ERROR;
        }

        row->n = worker->pid;
        streams->n += worker->streams;

        if (ngx_kafka_sse_fact_row_number(workers->pool, &row->labels[0],
                                          row->n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a worker that was killed leaves its row behind */

static ngx_uint_t
ngx_kafka_sse_fact_row_is_alive(ngx_kafka_sse_worker_sh_t *worker)
{
    return worker->pid != 0
           && (kill((ngx_pid_t) worker->pid, 0) == 0 || ngx_errno != ESRCH);
}


static ngx_int_t
ngx_kafka_sse_fact_row_number(ngx_pool_t *pool, ngx_str_t *label,
    ngx_uint_t n)
{
    label->data = ngx_pnalloc(pool, NGX_INT_T_LEN);
    if (label->data == NULL) {
        return NGX_ERROR;
    }

    label->len = ngx_sprintf(label->data, "%ui", n) - label->data;

    return NGX_OK;
}


/* what is configured, then what was found: that is in the shared table only */

static ngx_int_t
ngx_kafka_sse_fact_row_topics(ngx_kafka_sse_hub_t *hub, ngx_array_t *rows)
{
    ngx_int_t                    index;
    ngx_str_t                    name;
    ngx_uint_t                   i, n;
    ngx_kafka_sse_topic_t      **topics;
    ngx_kafka_sse_cluster_t     *cluster;
    ngx_kafka_sse_topic_sh_t    *sh;
    ngx_kafka_sse_topics_sh_t   *table;

    table = hub->ring->table;
    topics = hub->conf->topics.elts;

    for (i = 0; i < hub->conf->topics.nelts; i++) {

        if (topics[i]->is_dynamic) {
            continue;
        }

        index = ngx_kafka_sse_topics_find(table, topics[i]);
        sh = (index < 0) ? NULL : &table->topics[index];

        if (ngx_kafka_sse_fact_row_topic(rows, sh, &topics[i]->cluster->name,
                                         &topics[i]->name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    n = table->n;
    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        sh = &table->topics[i];

        if (!sh->dynamic) {
            continue;
        }

        name = ngx_kafka_sse_topics_str(sh->cluster);
        cluster = ngx_kafka_sse_conf_cluster(hub->conf, &name);

        if (cluster == NULL || !cluster->is_dynamic) {
            continue;           /* of an earlier configuration */
        }

        name = ngx_kafka_sse_topics_str(sh->name);

        if (ngx_kafka_sse_fact_row_topic(rows, sh, &cluster->name, &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* sh is NULL while Kafka has not said that it has the topic */

static ngx_int_t
ngx_kafka_sse_fact_row_topic(ngx_array_t *rows, ngx_kafka_sse_topic_sh_t *sh,
    ngx_str_t *cluster, ngx_str_t *name)
{
    ngx_uint_t                 p, n;
    ngx_array_t               *partitions;
    ngx_kafka_sse_fact_row_t  *row;

    partitions = &rows[NGX_KAFKA_SSE_SUBJECT_PARTITION];

    row = ngx_kafka_sse_fact_row_push(&rows[NGX_KAFKA_SSE_SUBJECT_TOPIC], sh);
    if (row == NULL) {
        return NGX_ERROR;
    }

    n = sh ? sh->n : 0;

    row->n = n;
    row->labels[0] = *cluster;
    row->labels[1] = *name;

    for (p = 0; p < n; p++) {
        row = ngx_kafka_sse_fact_row_push(partitions, &sh->partitions[p]);
        if (row == NULL) {
            return NGX_ERROR;
        }

        row->n = p;
        row->labels[0] = *cluster;
        row->labels[1] = *name;

        if (ngx_kafka_sse_fact_row_number(rows->pool, &row->labels[2], p)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
