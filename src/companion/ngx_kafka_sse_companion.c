
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <companion/ngx_kafka_sse_companion.h>
#include <companion/ngx_kafka_sse_writer.h>

#include <sys/prctl.h>


/* times in ms */

#define NGX_KAFKA_SSE_LOCK_INTERVAL     20
#define NGX_KAFKA_SSE_DRAIN             2500
#define NGX_KAFKA_SSE_TERMINATE         800     /* nginx kills after 1 s */
#define NGX_KAFKA_SSE_SOON              5000    /* an end this soon after the
                                                   start is a failure of it */
#define NGX_KAFKA_SSE_BACKOFF_MIN       100
#define NGX_KAFKA_SSE_BACKOFF_MAX       5000


/* the companion process; there is one in its memory */

typedef struct {
    ngx_cycle_t                *cycle;
    ngx_kafka_sse_main_conf_t  *conf;
    ngx_kafka_sse_node_sh_t    *node;
    ngx_uint_t                  generation;
    ngx_kafka_sse_writer_t     *writer;     /* NULL: another one still is */
    ngx_event_t                 begin;      /* after the backoff, and until the
                                               lock is ours */
    ngx_event_t                 others;     /* managers of nginx's own */
    ngx_msec_t                  deadline;   /* of the drain */
    unsigned                    draining:1;
} ngx_kafka_sse_companion_t;


static ngx_msec_t ngx_kafka_sse_companion_manager(void *data);
static void ngx_kafka_sse_companion_init(ngx_kafka_sse_companion_t *com,
    ngx_cycle_t *cycle);
static void ngx_kafka_sse_companion_follow_master(void);
static ngx_msec_t ngx_kafka_sse_companion_backoff(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_cycle(ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_others_handler(ngx_event_t *ev);
static void ngx_kafka_sse_companion_begin_handler(ngx_event_t *ev);
static ngx_int_t ngx_kafka_sse_companion_begin(ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_drain(ngx_kafka_sse_companion_t *com,
    ngx_msec_t time);
static ngx_uint_t ngx_kafka_sse_companion_drained(
    ngx_kafka_sse_companion_t *com);
static void ngx_kafka_sse_companion_exit(ngx_kafka_sse_companion_t *com);


ngx_int_t
ngx_kafka_sse_companion_register(ngx_cycle_t *cycle,
    ngx_kafka_sse_main_conf_t *kmcf)
{
    ngx_path_t   *path, **slot;

    path = ngx_pcalloc(cycle->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&cycle->paths);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    /* the name is for messages only: paths have been created by now */

    ngx_str_set(&path->name, "kafka_sse companion");
    path->manager = ngx_kafka_sse_companion_manager;
    path->data = kmcf;
    path->conf_file = cycle->conf_file.data;

    *slot = path;

    return NGX_OK;
}


/* runs once, in the process that the master has made for it; never returns */

static ngx_msec_t
ngx_kafka_sse_companion_manager(void *data)
{
    ngx_kafka_sse_main_conf_t *kmcf = data;

    ngx_kafka_sse_companion_t  *com;

    ngx_setproctitle("kafka_sse companion process");

    com = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_kafka_sse_companion_t));

    if (com) {
        com->conf = kmcf;

        ngx_kafka_sse_companion_init(com, (ngx_cycle_t *) ngx_cycle);
        ngx_kafka_sse_companion_cycle(com);
    }

    /* exit status 2 would tell the master never to start it again */

    _exit(1);
}


static void
ngx_kafka_sse_companion_init(ngx_kafka_sse_companion_t *com,
    ngx_cycle_t *cycle)
{
    com->cycle = cycle;
    com->node = ngx_kafka_sse_zone_node(com->conf);
    com->generation = com->node->generation;

    ngx_kafka_sse_companion_follow_master();

    com->begin.handler = ngx_kafka_sse_companion_begin_handler;
    com->begin.data = com;
    com->begin.log = cycle->log;

    com->others.handler = ngx_kafka_sse_companion_others_handler;
    com->others.data = com;
    com->others.log = cycle->log;

    ngx_add_timer(&com->begin, ngx_kafka_sse_companion_backoff(com));
    ngx_add_timer(&com->others, 1);
}


/*
 * A master that is killed takes us along; its end of the channel closes, too,
 * but nginx does not act on that.  The signal is lost if the master died
 * before we asked for it, so look once more.
 */

static void
ngx_kafka_sse_companion_follow_master(void)
{
    if (prctl(PR_SET_PDEATHSIG, ngx_signal_value(NGX_SHUTDOWN_SIGNAL)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "prctl(PR_SET_PDEATHSIG) failed");
    }

    if (getppid() != ngx_parent) {
        ngx_quit = 1;
    }
}


/*
 * The master respawns at once, however often: what ends soon after its start
 * waits before the next one, longer each time.  The first failure is free: a
 * process that was killed by hand is back in milliseconds.
 */

static ngx_msec_t
ngx_kafka_sse_companion_backoff(ngx_kafka_sse_companion_t *com)
{
    ngx_msec_t                delay;
    ngx_kafka_sse_node_sh_t  *node;

    node = com->node;

    if (node->tried != com->generation || node->clean) {
        node->failures = 0;

    } else if (ngx_current_msec - node->born < NGX_KAFKA_SSE_SOON) {
        node->failures++;

    } else {
        node->failures = 1;
    }

    node->tried = com->generation;
    node->clean = 0;
    node->born = ngx_current_msec;

    if (node->failures < 3) {
        return 1;
    }

    delay = NGX_KAFKA_SSE_BACKOFF_MIN << ngx_min(node->failures - 3, 6);
    delay = ngx_min(delay, NGX_KAFKA_SSE_BACKOFF_MAX);
    node->born += delay;

    ngx_log_error(NGX_LOG_ERR, com->cycle->log, 0,
                  "kafka_sse: the companion process has ended %uA times soon "
                  "after its start, the next start in %M ms",
                  node->failures, delay);

    return delay;
}


/* nginx's own loop would exit without our drain, hence this one */

static void
ngx_kafka_sse_companion_cycle(ngx_kafka_sse_companion_t *com)
{
    ngx_cycle_t  *cycle;

    cycle = com->cycle;

    for ( ;; ) {

        if (ngx_quit && !com->draining) {
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                          "gracefully shutting down");
            ngx_setproctitle("kafka_sse companion process is shutting down");
            ngx_kafka_sse_companion_drain(com, NGX_KAFKA_SSE_DRAIN);
        }

        if (ngx_terminate) {
            ngx_terminate = 0;
            ngx_kafka_sse_companion_drain(com, NGX_KAFKA_SSE_TERMINATE);
        }

        if (com->draining && ngx_kafka_sse_companion_drained(com)) {
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "exiting");
            ngx_kafka_sse_companion_exit(com);
        }

        if (ngx_reopen) {
            ngx_reopen = 0;
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "reopening logs");
            ngx_reopen_files(cycle, -1);
        }

        ngx_process_events_and_timers(cycle);
    }
}


/* proxy_cache and its like share this process */

static void
ngx_kafka_sse_companion_others_handler(ngx_event_t *ev)
{
    ngx_uint_t                  i, n;
    ngx_msec_t                  next;
    ngx_path_t                **path;
    ngx_kafka_sse_companion_t  *com;

    com = ev->data;

    next = 60 * 60 * 1000;
    n = 0;

    path = com->cycle->paths.elts;

    for (i = 0; i < com->cycle->paths.nelts; i++) {

        if (path[i]->manager == NULL
            || path[i]->manager == ngx_kafka_sse_companion_manager)
        {
            continue;
        }

        n++;
        next = ngx_min(next, path[i]->manager(path[i]->data));

        ngx_time_update();
    }

    if (n) {
        ngx_add_timer(ev, ngx_max(next, 1));
    }
}


static void
ngx_kafka_sse_companion_begin_handler(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_kafka_sse_companion_t  *com;

    com = ev->data;

    if (com->draining) {
        return;
    }

    rc = ngx_kafka_sse_zone_lock(com->node);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(ev, NGX_KAFKA_SSE_LOCK_INTERVAL);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "kafka_sse: fcntl() of the writer lock failed");
        _exit(1);
    }

    if (ngx_kafka_sse_companion_begin(com) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                      "kafka_sse: the companion process could not start");
        _exit(1);
    }
}


/* we are the writer */

static ngx_int_t
ngx_kafka_sse_companion_begin(ngx_kafka_sse_companion_t *com)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = com->node;

    if (node->served == com->generation) {
        node->restarts++;
    }

    /* what the last one said of its connections is not so with our pid */

    node->redis_connected = 0;
    node->redis_subscribed = 0;

    node->served = com->generation;
    node->pid = ngx_pid;
    node->started = ngx_time();
    node->clean = 0;
    node->heartbeat = ngx_current_msec;

    com->writer = ngx_kafka_sse_writer_create(com->cycle, com->conf,
                                              com->generation);

    return com->writer ? NGX_OK : NGX_ERROR;
}


static void
ngx_kafka_sse_companion_drain(ngx_kafka_sse_companion_t *com, ngx_msec_t time)
{
    com->deadline = ngx_current_msec + time;

    if (com->draining) {
        return;
    }

    com->draining = 1;

    if (com->writer) {
        ngx_kafka_sse_writer_drain(com->writer);
    }
}


static ngx_uint_t
ngx_kafka_sse_companion_drained(ngx_kafka_sse_companion_t *com)
{
    if ((ngx_msec_int_t) (com->deadline - ngx_current_msec) <= 0) {
        ngx_log_error(NGX_LOG_WARN, com->cycle->log, 0,
                      "kafka_sse: Kafka or Redis did not answer in time, "
                      "exiting without");
        return 1;
    }

    return com->writer == NULL || ngx_kafka_sse_writer_is_drained(com->writer);
}


/*
 * Not exit(): librdkafka's threads still run, and what exit() tears down may
 * be in their hands.  Waiting for them could take as long as Kafka hangs.
 */

static void
ngx_kafka_sse_companion_exit(ngx_kafka_sse_companion_t *com)
{
    if (com->writer) {
        com->node->clean = 1;
    }

    _exit(0);
}
