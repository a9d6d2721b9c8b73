
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_thread.h>

#include <pthread.h>


ngx_int_t
ngx_kafka_sse_thread_start(ngx_kafka_sse_thread_pt thread, void *data,
    ngx_log_t *log)
{
    int              err;
    sigset_t         all, old;
    pthread_t        tid;
    pthread_attr_t   attr;

    err = pthread_attr_init(&attr);
    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "kafka_sse: pthread_attr_init() failed");
        return NGX_ERROR;
    }

    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

    /* a signal that another thread took would not end our epoll_wait() */

    sigfillset(&all);

    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&tid, &attr, thread, data);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    (void) pthread_attr_destroy(&attr);

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "kafka_sse: pthread_create() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}
