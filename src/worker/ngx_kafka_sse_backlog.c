
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_backlog.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_stream.h>


#define NGX_KAFKA_SSE_BACKLOG_MIN       (1024 * 1024)

/* the part of the cap that is to be free again: not every turn passes it */

#define NGX_KAFKA_SSE_BACKLOG_ROOM      16

/* who is behind by as much as the last one, but for this part, is as far */

#define NGX_KAFKA_SSE_BACKLOG_LAST      8

/* ms: a client that has taken nothing for so long keeps what it is sent */

#define NGX_KAFKA_SSE_BACKLOG_PATIENCE  1000

/* ms from one look to the next if nobody could be closed; of an end */

#define NGX_KAFKA_SSE_BACKLOG_VAIN      100
#define NGX_KAFKA_SSE_BACKLOG_CALM      5000


/* bytes of one group's log, or of all groups' */

typedef struct {
    size_t                      kept;       /* a group's, for its streams that
                                               go on */
    size_t                      leaving;    /* more, for those that are closed
                                               and have not ended */
    size_t                      lag;        /* of the stream furthest behind */
} ngx_kafka_sse_backlog_sum_t;


static ngx_uint_t ngx_kafka_sse_backlog_pass(ngx_kafka_sse_hub_t *hub);
static ngx_kafka_sse_backlog_sum_t ngx_kafka_sse_backlog_sum(
    ngx_queue_t *queues[], ngx_uint_t n);
static ngx_kafka_sse_backlog_sum_t ngx_kafka_sse_backlog_group(
    ngx_kafka_sse_group_t *group);
static ngx_uint_t ngx_kafka_sse_backlog_close(ngx_queue_t *queues[],
    ngx_uint_t n, size_t lag, size_t excess);
static ngx_uint_t ngx_kafka_sse_backlog_close_group(
    ngx_kafka_sse_group_t *group, size_t lag);
static size_t ngx_kafka_sse_backlog_lag(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_backlog_log(ngx_kafka_sse_hub_t *hub, size_t bytes,
    ngx_uint_t closed, size_t lag);


char *
ngx_kafka_sse_backlog_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (kmcf->backlog != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < NGX_KAFKA_SSE_BACKLOG_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\", it must be \"1m\" or more",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    kmcf->backlog = size;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_kafka_sse_backlog_look(ngx_kafka_sse_hub_t *hub)
{
    ngx_kafka_sse_backlog_t  *backlog;

    backlog = &hub->backlog;
    hub->row->backlog = hub->log_bytes;

    if (hub->log_bytes > hub->conf->backlog) {
        return ngx_kafka_sse_backlog_pass(hub);
    }

    if (backlog->passed
        && ngx_current_msec - backlog->last >= NGX_KAFKA_SSE_BACKLOG_CALM)
    {
        ngx_log_error(NGX_LOG_NOTICE, hub->log, 0,
                      "kafka_sse: %uz bytes wait for clients, which is below "
                      "kafka_sse_backlog again, %ui streams were closed in "
                      "%M ms",
                      hub->log_bytes, backlog->closed,
                      backlog->last - backlog->began);

        backlog->passed = 0;
        backlog->closed = 0;
    }

    return 0;
}


/*
 * Two passes over all streams, and only while the cap is passed: how far behind
 * is the last one, and who is almost as far.  In one log nobody is closed in
 * vain, as those who are less far behind than what is too much keep nothing of
 * that.  What it frees is known when the requests have ended: then is the next
 * look.
 */

static ngx_uint_t
ngx_kafka_sse_backlog_pass(ngx_kafka_sse_hub_t *hub)
{
    size_t                        bytes, excess, room;
    ngx_uint_t                    closed;
    ngx_queue_t                  *queues[3];
    ngx_kafka_sse_backlog_t      *backlog;
    ngx_kafka_sse_backlog_sum_t   sum;

    backlog = &hub->backlog;

    if (ngx_current_msec - backlog->vain < NGX_KAFKA_SSE_BACKLOG_VAIN) {
        return 0;
    }

    queues[0] = &hub->groups;
    queues[1] = &hub->privates;
    queues[2] = &hub->line;

    bytes = hub->log_bytes;
    room = hub->conf->backlog / NGX_KAFKA_SSE_BACKLOG_ROOM;
    excess = bytes - (hub->conf->backlog - room);

    sum = ngx_kafka_sse_backlog_sum(queues, 3);

    if (sum.leaving >= excess) {
        return 0;
    }

    excess -= sum.leaving;
    closed = 0;

    if (sum.lag) {
        closed = ngx_kafka_sse_backlog_close(queues, 3, sum.lag, excess);
    }

    if (closed == 0) {
        backlog->vain = ngx_current_msec;
    }

    ngx_kafka_sse_backlog_log(hub, bytes, closed, sum.lag);

    (void) ngx_atomic_fetch_add(&hub->node->backlog_closed, closed);

    return closed != 0;
}


static ngx_kafka_sse_backlog_sum_t
ngx_kafka_sse_backlog_sum(ngx_queue_t *queues[], ngx_uint_t n)
{
    ngx_uint_t                    i;
    ngx_queue_t                  *q;
    ngx_kafka_sse_group_t        *group;
    ngx_kafka_sse_backlog_sum_t   sum, one;

    ngx_memzero(&sum, sizeof(ngx_kafka_sse_backlog_sum_t));

    for (i = 0; i < n; i++) {

        for (q = ngx_queue_head(queues[i]);
             q != ngx_queue_sentinel(queues[i]);
             q = ngx_queue_next(q))
        {
            group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);
            one = ngx_kafka_sse_backlog_group(group);

            sum.leaving += one.leaving;
            sum.lag = ngx_max(sum.lag, one.lag);
        }
    }

    return sum;
}


/* a log is kept for the last of its streams */

static ngx_kafka_sse_backlog_sum_t
ngx_kafka_sse_backlog_group(ngx_kafka_sse_group_t *group)
{
    size_t                        kept, all;
    ngx_queue_t                  *q;
    ngx_kafka_sse_stream_t       *stream;
    ngx_kafka_sse_backlog_sum_t   sum;

    ngx_memzero(&sum, sizeof(ngx_kafka_sse_backlog_sum_t));
    all = 0;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);

        kept = group->log.end - stream->cursor.pos;
        all = ngx_max(all, kept);

        if (!stream->closing) {
            sum.kept = ngx_max(sum.kept, kept);
            sum.lag = ngx_max(sum.lag, ngx_kafka_sse_backlog_lag(stream));
        }
    }

    sum.leaving = all - sum.kept;

    return sum;
}


static ngx_uint_t
ngx_kafka_sse_backlog_close(ngx_queue_t *queues[], ngx_uint_t n, size_t lag,
    size_t excess)
{
    size_t                        freed;
    ngx_uint_t                    i, closed;
    ngx_queue_t                  *q;
    ngx_kafka_sse_group_t        *group;
    ngx_kafka_sse_backlog_sum_t   before, after;

    freed = 0;
    closed = 0;
    lag -= ngx_min(excess, lag / NGX_KAFKA_SSE_BACKLOG_LAST);

    for (i = 0; i < n; i++) {

        for (q = ngx_queue_head(queues[i]);
             q != ngx_queue_sentinel(queues[i]) && freed < excess;
             q = ngx_queue_next(q))
        {
            group = ngx_queue_data(q, ngx_kafka_sse_group_t, queue);
            before = ngx_kafka_sse_backlog_group(group);

            if (before.lag < lag) {
                continue;
            }

            closed += ngx_kafka_sse_backlog_close_group(group, lag);

            after = ngx_kafka_sse_backlog_group(group);
            freed += before.kept - after.kept;
        }
    }

    return closed;
}


static ngx_uint_t
ngx_kafka_sse_backlog_close_group(ngx_kafka_sse_group_t *group, size_t lag)
{
    ngx_uint_t               closed;
    ngx_queue_t             *q;
    ngx_kafka_sse_stream_t  *stream;

    closed = 0;

    for (q = ngx_queue_head(&group->streams);
         q != ngx_queue_sentinel(&group->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_kafka_sse_stream_t, queue);

        if (!stream->closing && ngx_kafka_sse_backlog_lag(stream) >= lag) {
            ngx_kafka_sse_stream_close(stream, NGX_KAFKA_SSE_CLOSE_SLOW);
            closed++;
        }
    }

    return closed;
}


/*
 * What a client is just being sent is no lag, so that a record larger than any
 * limit gets through; but one that takes nothing keeps that, too.
 */

static size_t
ngx_kafka_sse_backlog_lag(ngx_kafka_sse_stream_t *stream)
{
    ngx_kafka_sse_log_t  *log;

    log = &stream->group->log;

    if (stream->blocked
        && ngx_current_msec - stream->sent >= NGX_KAFKA_SSE_BACKLOG_PATIENCE)
    {
        return log->end - stream->cursor.pos;
    }

    return ngx_kafka_sse_cursor_lag(&stream->cursor, log);
}


static void
ngx_kafka_sse_backlog_log(ngx_kafka_sse_hub_t *hub, size_t bytes,
    ngx_uint_t closed, size_t lag)
{
    ngx_kafka_sse_backlog_t  *backlog;

    backlog = &hub->backlog;

    if (!backlog->passed) {
        backlog->passed = 1;
        backlog->began = ngx_current_msec;

        ngx_log_error(NGX_LOG_WARN, hub->log, 0,
                      "kafka_sse: %uz bytes wait for the clients of this "
                      "worker, kafka_sse_backlog is %uz, %ui of %ui streams "
                      "are closed, up to %uz bytes behind, maybe more follow",
                      bytes, hub->conf->backlog, closed, hub->nstreams, lag);
    }

    backlog->last = ngx_current_msec;
    backlog->closed += closed;
}
