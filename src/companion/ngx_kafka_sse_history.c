
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_ring.h>
#include <companion/ngx_kafka_sse_history.h>


typedef struct {
    ngx_queue_t              queue;
    size_t                   size;         /* in the ring */
    ngx_kafka_sse_record_t   rec;          /* its bytes follow */
} ngx_kafka_sse_history_record_t;


static ngx_kafka_sse_history_record_t *ngx_kafka_sse_history_copy(
    ngx_kafka_sse_record_t *rec, ngx_log_t *log);
static void ngx_kafka_sse_history_put(u_char **p, ngx_str_t *dst,
    ngx_str_t *src);
static ngx_uint_t ngx_kafka_sse_history_is_old(
    ngx_kafka_sse_history_conf_t *conf, ngx_kafka_sse_record_t *rec);
static ngx_int_t ngx_kafka_sse_history_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_history_conf_t *conf, ngx_str_t *value);


void
ngx_kafka_sse_history_begin(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_room_t *room)
{
    if (!history->reading) {
        history->reading = 1;
        room->partitions++;
        ngx_queue_init(&history->records);
    }

    while (history->n) {
        ngx_kafka_sse_history_drop(history);
    }

    history->next = NGX_KAFKA_SSE_NO_OFFSET;
}


void
ngx_kafka_sse_history_add(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_conf_t *conf, ngx_kafka_sse_history_room_t *room,
    ngx_kafka_sse_record_t *rec, ngx_log_t *log)
{
    size_t                           size;
    ngx_kafka_sse_history_record_t  *hr;

    size = ngx_min(conf->bytes, room->left / room->partitions);

    history->next = rec->offset + 1;

    hr = ngx_kafka_sse_history_copy(rec, log);

    if (hr == NULL) {

        /* the past begins after it: there must be no hole */

        while (history->n) {
            ngx_kafka_sse_history_drop(history);
        }

        return;
    }

    ngx_queue_insert_tail(&history->records, &hr->queue);
    history->size += hr->size;
    history->n++;

    while (history->n
           && (history->n > conf->records || history->size > size
               || ngx_kafka_sse_history_is_old(conf,
                                      ngx_kafka_sse_history_first(history))))
    {
        ngx_kafka_sse_history_drop(history);
    }
}


void
ngx_kafka_sse_history_end(ngx_kafka_sse_history_t *history,
    ngx_kafka_sse_history_room_t *room)
{
    history->reading = 0;

    room->left -= ngx_min(history->size, room->left);
    room->partitions--;
}


ngx_kafka_sse_record_t *
ngx_kafka_sse_history_first(ngx_kafka_sse_history_t *history)
{
    ngx_queue_t                     *q;
    ngx_kafka_sse_history_record_t  *hr;

    if (history->n == 0) {
        return NULL;
    }

    q = ngx_queue_head(&history->records);
    hr = ngx_queue_data(q, ngx_kafka_sse_history_record_t, queue);

    return &hr->rec;
}


void
ngx_kafka_sse_history_drop(ngx_kafka_sse_history_t *history)
{
    ngx_queue_t                     *q;
    ngx_kafka_sse_history_record_t  *hr;

    q = ngx_queue_head(&history->records);
    hr = ngx_queue_data(q, ngx_kafka_sse_history_record_t, queue);

    ngx_queue_remove(q);
    history->size -= hr->size;
    history->n--;

    ngx_free(hr);
}


static ngx_kafka_sse_history_record_t *
ngx_kafka_sse_history_copy(ngx_kafka_sse_record_t *rec, ngx_log_t *log)
{
    u_char                          *p;
    size_t                           len;
    ngx_kafka_sse_history_record_t  *hr;

    len = rec->key.len + rec->value.len + rec->headers.len;

    /* one byte more, so that what is empty is not taken for null */

    hr = ngx_alloc(sizeof(ngx_kafka_sse_history_record_t) + len + 1, log);
    if (hr == NULL) {
        return NULL;
    }

    hr->size = ngx_align(sizeof(ngx_kafka_sse_ring_entry_t) + len, 8);
    hr->rec = *rec;

    p = (u_char *) (hr + 1);

    ngx_kafka_sse_history_put(&p, &hr->rec.key, &rec->key);
    ngx_kafka_sse_history_put(&p, &hr->rec.value, &rec->value);
    ngx_kafka_sse_history_put(&p, &hr->rec.headers, &rec->headers);

    return hr;
}


static void
ngx_kafka_sse_history_put(u_char **p, ngx_str_t *dst, ngx_str_t *src)
{
    if (src->data == NULL) {
        return;
    }

    dst->data = *p;
    *p = ngx_cpymem(*p, src->data, src->len);
}


/* one without a timestamp is of no age */

static ngx_uint_t
ngx_kafka_sse_history_is_old(ngx_kafka_sse_history_conf_t *conf,
    ngx_kafka_sse_record_t *rec)
{
    int64_t      now;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = (int64_t) tp->sec * 1000 + tp->msec;

    return rec->timestamp >= 0
           && now - rec->timestamp > (int64_t) conf->age;
}


char *
ngx_kafka_sse_history_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_kafka_sse_history_conf_t  *history;

    history = &kmcf->history;

    if (history->records != NGX_CONF_UNSET_UINT
        || history->bytes != NGX_CONF_UNSET_SIZE
        || history->age != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_kafka_sse_history_parameter(cf, history, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_sse_history_parameter(ngx_conf_t *cf,
    ngx_kafka_sse_history_conf_t *conf, ngx_str_t *value)
{
    ssize_t    size;
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "records=", 8) == 0) {

        n = ngx_atoi(value->data + 8, value->len - 8);

        if (n != NGX_ERROR && conf->records == NGX_CONF_UNSET_UINT) {
            conf->records = n;
            return NGX_OK;
        }

    } else if (ngx_strncmp(value->data, "bytes=", 6) == 0) {

        s.data = value->data + 6;
        s.len = value->len - 6;

        size = ngx_parse_size(&s);

        if (size > 0 && conf->bytes == NGX_CONF_UNSET_SIZE) {
            conf->bytes = size;
            return NGX_OK;
        }

    } else if (ngx_strncmp(value->data, "age=", 4) == 0) {

        s.data = value->data + 4;
        s.len = value->len - 4;

        n = s.len ? ngx_parse_time(&s, 0) : NGX_ERROR;

        if (n > 0 && conf->age == NGX_CONF_UNSET_MSEC) {
            conf->age = n;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_ERROR;
}
