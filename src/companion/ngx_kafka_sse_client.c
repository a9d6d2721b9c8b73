
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_complaint.h>
#include <companion/ngx_kafka_sse_security.h>
#include <companion/ngx_kafka_sse_thread.h>


/* it takes so much of its queue in a turn of the event loop, and its share */

#define NGX_KAFKA_SSE_CLIENT_EVENTS  1000

/*
 * So many shares since the queue was last empty: librdkafka may have reached
 * the limits of its queue meanwhile, see ngx_kafka_sse_client_nudge()
 */

#define NGX_KAFKA_SSE_CLIENT_LONG    4

/*
 * An error that comes again before this many ms is not said again: while a
 * broker is away librdkafka repeats each one every 30 s
 */

#define NGX_KAFKA_SSE_CLIENT_QUIET   60000


static ngx_int_t ngx_kafka_sse_client_listen(ngx_kafka_sse_client_t *client);
static void ngx_kafka_sse_client_next_handler(ngx_event_t *ev);
static void ngx_kafka_sse_client_take(void *data);
static void ngx_kafka_sse_client_event(ngx_kafka_sse_client_t *client,
    rd_kafka_event_t *event);
static void ngx_kafka_sse_client_log(ngx_kafka_sse_client_t *client,
    rd_kafka_event_t *event);
static ngx_uint_t ngx_kafka_sse_client_said(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code);
static ngx_int_t ngx_kafka_sse_client_pack(ngx_kafka_sse_client_t *client,
    rd_kafka_headers_t *headers, ngx_str_t *packed);
static void *ngx_kafka_sse_client_destroy(void *data);


ngx_int_t
ngx_kafka_sse_client_open(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_property_t *defaults, ngx_kafka_sse_property_t *own)
{
    int                events;
    char               err[512];
    ngx_uint_t         background;
    rd_kafka_conf_t   *conf;
    rd_kafka_error_t  *error;

    client->denials = ngx_kafka_sse_denials(client->cluster, client->log);
    if (client->denials == NULL) {
        return NGX_ERROR;
    }

    if (client->bit == 0) {
        client->bit = ngx_kafka_sse_denials_client(client->denials);
    }

    conf = ngx_kafka_sse_property_conf(client->cluster, defaults, own,
                                       client->role, client->log);
    if (conf == NULL) {
        return NGX_ERROR;
    }

    events = RD_KAFKA_EVENT_FETCH|RD_KAFKA_EVENT_LOG|RD_KAFKA_EVENT_ERROR
             |RD_KAFKA_EVENT_STATS|RD_KAFKA_EVENT_REBALANCE
             |RD_KAFKA_EVENT_OFFSET_COMMIT;

    background = ngx_kafka_sse_security_prepare(conf);

    if (background) {
        events |= RD_KAFKA_EVENT_BACKGROUND;
    }

    rd_kafka_conf_set_events(conf, events);

    client->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof(err));
    if (client->rk == NULL) {
        ngx_log_error(NGX_LOG_ERR, client->log, 0,
                      "kafka_sse: no %s for cluster \"%V\": %s",
                      client->role, &client->cluster->name, err);
        rd_kafka_conf_destroy(conf);
        return NGX_ERROR;
    }

    if (background) {
        error = rd_kafka_sasl_background_callbacks_enable(client->rk);
        ngx_kafka_sse_client_failed(client, error);
    }

    /* the log goes to the main queue, and that to the consumer's */

    rd_kafka_set_log_queue(client->rk, NULL);
    rd_kafka_poll_set_consumer(client->rk);

    client->queue = rd_kafka_queue_get_consumer(client->rk);
    if (client->queue == NULL) {
        client->queue = rd_kafka_queue_get_main(client->rk);
    }

    client->down = 0;
    client->hold = 0;
    client->reason[0] = '\0';

    if (ngx_kafka_sse_client_listen(client) != NGX_OK) {
        ngx_kafka_sse_client_close(client);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * librdkafka rings when its empty queue gets an event.  It does so once until
 * the queue is polled, so then all of it is taken.
 */

static ngx_int_t
ngx_kafka_sse_client_listen(ngx_kafka_sse_client_t *client)
{
    uint64_t  one;

    client->bell.data = client;
    client->bell.handler = ngx_kafka_sse_client_take;
    client->bell.log = client->log;

    if (ngx_kafka_sse_bell_open(&client->bell) != NGX_OK) {
        return NGX_ERROR;
    }

    client->next.handler = ngx_kafka_sse_client_next_handler;
    client->next.data = client;
    client->next.log = client->log;

    one = 1;
    rd_kafka_queue_io_event_enable(client->queue, client->bell.fd, &one,
                                   sizeof(uint64_t));

    /* what was queued before */

    ngx_post_event(&client->next, &ngx_posted_next_events);

    return NGX_OK;
}


static void
ngx_kafka_sse_client_next_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_client_take(ev->data);
}


static void
ngx_kafka_sse_client_take(void *data)
{
    ngx_kafka_sse_client_t *client = data;

    ngx_uint_t         n;
    rd_kafka_event_t  *event;

    client->taken = 0;

    for (n = 0; n < NGX_KAFKA_SSE_CLIENT_EVENTS; n++) {

        if (client->hold || client->taken >= client->share) {
            break;
        }

        event = rd_kafka_queue_poll(client->queue, 0);

        if (event == NULL) {
            client->drained = (client->bytes + client->taken
                               >= NGX_KAFKA_SSE_CLIENT_LONG * client->share
                               || client->events + n
                                  >= 20 * NGX_KAFKA_SSE_CLIENT_EVENTS);
            client->bytes = 0;
            client->events = 0;

            client->turn(client->data);
            return;
        }

        ngx_kafka_sse_client_event(client, event);

        rd_kafka_event_destroy(event);

        if (client->rk == NULL) {
            return;
        }
    }

    client->bytes += client->taken;
    client->events += n;
    client->drained = 0;

    client->turn(client->data);

    if (!client->hold && client->rk) {
        ngx_post_event(&client->next, &ngx_posted_next_events);
    }
}


static void
ngx_kafka_sse_client_event(ngx_kafka_sse_client_t *client,
    rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t  *tp;

    switch (rd_kafka_event_type(event)) {

    case RD_KAFKA_EVENT_LOG:
        ngx_kafka_sse_client_log(client, event);
        return;

    case RD_KAFKA_EVENT_STATS:

        if (ngx_kafka_sse_complaint_no_connection(client)) {
            ngx_kafka_sse_complaint_stats(client,
                                          rd_kafka_event_stats(event));
        }

        break;

    default:
        break;
    }

    if (client->event(client->data, event) != NGX_DECLINED
        || rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR)
    {
        return;
    }

    tp = rd_kafka_event_topic_partition(event);

    ngx_kafka_sse_client_error(client, rd_kafka_event_error(event),
                               rd_kafka_event_error_string(event),
                               tp ? tp->topic : NULL);
    if (tp) {
        rd_kafka_topic_partition_destroy(tp);
    }
}


/*
 * librdkafka's levels are syslog's, as nginx's are, which has "stderr" for 0.
 * What it logs as an error comes as an error event, too: that is the one for
 * the administrator.
 */

static void
ngx_kafka_sse_client_log(ngx_kafka_sse_client_t *client,
    rd_kafka_event_t *event)
{
    int          level;
    u_char       line[NGX_MAX_ERROR_STR];
    ngx_uint_t   to;
    const char  *fac, *text;

    if (rd_kafka_event_log(event, &fac, &text, &level) != 0) {
        return;
    }

    to = ngx_min(level + 1, NGX_LOG_DEBUG);

    if (to < NGX_LOG_ERR) {
        to = NGX_LOG_ERR;
    }

    if (ngx_strcmp(fac, "FAIL") == 0 || ngx_strcmp(fac, "ERROR") == 0
        || ngx_strcmp(fac, "OIDC") == 0)
    {
        to = ngx_max(to, NGX_LOG_INFO);
    }

    if (ngx_kafka_sse_complaint_log(client, fac, text) == NGX_OK) {
        to = NGX_LOG_DEBUG;
    }

    if (to > client->log->log_level) {
        return;
    }

    (void) ngx_cpystrn(line, (u_char *) text, sizeof(line));
    ngx_kafka_sse_security_mask(client->cluster, line);

    ngx_log_error(to, client->log, 0, "kafka_sse: cluster \"%V\", %s: %s %s",
                  &client->cluster->name, client->role, fac, line);
}


void
ngx_kafka_sse_client_error(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code, const char *text, const char *topic)
{
    ngx_uint_t  level;

    client->errors++;

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, client->log, 0,
                   "kafka_sse error of cluster \"%V\", %s: %s, topic \"%s\"",
                   &client->cluster->name, client->role,
                   rd_kafka_err2name(code), topic ? topic : "");

    if (ngx_kafka_sse_complaint_error(client, code, text, topic) == NGX_OK) {

        /* said there, so no more where all brokers are down */

        client->reason[0] = '\0';
        return;
    }

    switch (code) {

    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:

        /*
         * Of one broker, and logged already: it is the reason if it becomes
         * all of them
         */

        (void) ngx_cpystrn(client->reason, (u_char *) text,
                           sizeof(client->reason));
        return;

    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:

        if (client->down || ngx_kafka_sse_complaint_no_connection(client)) {
            return;
        }

        client->down = 1;

        ngx_log_error(client->level, client->log, 0,
                      "kafka_sse: cluster \"%V\", %s: no broker is up, "
                      "connecting goes on: %s", &client->cluster->name,
                      client->role,
                      client->reason[0] ? (char *) client->reason : text);
        return;

    case RD_KAFKA_RESP_ERR__RESOLVE:

        /* as above */

        client->reason[0] = '\0';
        level = client->level;
        break;

    default:
        level = NGX_LOG_ERR;
        break;
    }

    if (ngx_kafka_sse_client_said(client, code)) {
        return;
    }

    ngx_log_error(level, client->log, 0, "kafka_sse: cluster \"%V\", %s: %s",
                  &client->cluster->name, client->role, text);
}


void
ngx_kafka_sse_client_failed(ngx_kafka_sse_client_t *client,
    rd_kafka_error_t *error)
{
    if (error == NULL) {
        return;
    }

    ngx_kafka_sse_client_error(client, rd_kafka_error_code(error),
                               rd_kafka_error_string(error), NULL);

    rd_kafka_error_destroy(error);
}


static ngx_uint_t
ngx_kafka_sse_client_said(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code)
{
    ngx_uint_t                     i;
    ngx_msec_t                     ago;
    ngx_kafka_sse_client_error_t  *said, *oldest;

    oldest = &client->said[0];

    for (i = 0; i < NGX_KAFKA_SSE_CLIENT_ERRORS; i++) {
        said = &client->said[i];

        if (said->code == code) {
            ago = ngx_current_msec - said->last;
            said->last = ngx_current_msec;
            return ago < NGX_KAFKA_SSE_CLIENT_QUIET;
        }

        if (said->code == RD_KAFKA_RESP_ERR_NO_ERROR
            || (oldest->code != RD_KAFKA_RESP_ERR_NO_ERROR
                && (ngx_msec_int_t) (said->last - oldest->last) < 0))
        {
            oldest = said;
        }
    }

    oldest->code = code;
    oldest->last = ngx_current_msec;

    return 0;
}


void
ngx_kafka_sse_client_up(ngx_kafka_sse_client_t *client)
{
    client->reason[0] = '\0';

    if (!client->down) {
        return;
    }

    client->down = 0;
    ngx_memzero(client->said, sizeof(client->said));

    ngx_log_error(NGX_LOG_NOTICE, client->log, 0,
                  "kafka_sse: cluster \"%V\", %s: connected again",
                  &client->cluster->name, client->role);
}


void
ngx_kafka_sse_client_hold(ngx_kafka_sse_client_t *client)
{
    client->hold = 1;
}


void
ngx_kafka_sse_client_resume(ngx_kafka_sse_client_t *client)
{
    if (!client->hold) {
        return;
    }

    client->hold = 0;

    /* for what came meanwhile it has rung already */

    ngx_post_event(&client->next, &ngx_posted_next_events);
}


/*
 * Any request to the partitions' leaders will do.  With a timeout of 0 this
 * one is not waited for, and its answer is dropped.
 */

void
ngx_kafka_sse_client_nudge(ngx_kafka_sse_client_t *client,
    rd_kafka_topic_partition_list_t *list)
{
    int  i;

    for (i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    }

    if (list->cnt) {
        (void) rd_kafka_offsets_for_times(client->rk, list, 0);
    }
}


void
ngx_kafka_sse_client_dropped(ngx_kafka_sse_client_t *client)
{
    client->bytes = NGX_KAFKA_SSE_CLIENT_LONG * client->share;
}


void
ngx_kafka_sse_client_close(ngx_kafka_sse_client_t *client)
{
    if (client->rk == NULL) {
        return;
    }

    /* after this no thread of librdkafka's writes to the descriptor */

    rd_kafka_queue_io_event_enable(client->queue, -1, NULL, 0);

    ngx_kafka_sse_bell_close(&client->bell);

    if (client->next.posted) {
        ngx_delete_posted_event(&client->next);
    }

    rd_kafka_queue_destroy(client->queue);
    client->queue = NULL;

    (void) ngx_kafka_sse_thread_start(ngx_kafka_sse_client_destroy, client->rk,
                                      client->log);

    client->rk = NULL;
}


/* waits for the broker threads, each at most as long as a name look-up */

static void *
ngx_kafka_sse_client_destroy(void *data)
{
    rd_kafka_destroy_flags(data, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);

    return NULL;
}


rd_kafka_topic_t *
ngx_kafka_sse_client_topic(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_topic_t *topic, void *data)
{
    rd_kafka_topic_t       *rkt;
    rd_kafka_topic_conf_t  *conf;

    conf = rd_kafka_default_topic_conf_dup(client->rk);

    rd_kafka_topic_conf_set_opaque(conf, data);

    rkt = rd_kafka_topic_new(client->rk, (char *) topic->name.data, conf);

    if (rkt == NULL) {
        ngx_log_error(NGX_LOG_ERR, client->log, 0,
                      "kafka_sse: cluster \"%V\", %s: topic \"%V\": %s",
                      &client->cluster->name, client->role, &topic->name,
                      rd_kafka_err2str(rd_kafka_last_error()));
    }

    return rkt;
}


ngx_int_t
ngx_kafka_sse_client_record(ngx_kafka_sse_client_t *client,
    const rd_kafka_message_t *msg, ngx_kafka_sse_record_t *rec)
{
    rd_kafka_headers_t         *headers;
    rd_kafka_timestamp_type_t   type;

    rec->offset = msg->offset;
    rec->partition = msg->partition;
    rec->flags = 0;

    rec->timestamp = rd_kafka_message_timestamp(msg, &type);

    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
        rec->timestamp = -1;
    }

    rec->key.data = msg->key;
    rec->key.len = msg->key ? msg->key_len : 0;

    rec->value.data = msg->payload;
    rec->value.len = msg->payload ? msg->len : 0;

    ngx_str_null(&rec->headers);
    ngx_str_null(&rec->fields);

    switch (rd_kafka_message_headers(msg, &headers)) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ngx_kafka_sse_client_pack(client, headers, &rec->headers);

    case RD_KAFKA_RESP_ERR__NOENT:
        return NGX_OK;

    default:
        ngx_log_error(NGX_LOG_WARN, client->log, 0,
                      "kafka_sse: record %s/%D:%L has malformed headers, "
                      "it goes on without", rd_kafka_topic_name(msg->rkt),
                      msg->partition, msg->offset);
        return NGX_OK;
    }
}


static ngx_int_t
ngx_kafka_sse_client_pack(ngx_kafka_sse_client_t *client,
    rd_kafka_headers_t *headers, ngx_str_t *packed)
{
    u_char      *p;
    size_t       len, i;
    ngx_str_t    name, value;
    const char  *n;
    const void  *v;

    len = 0;

    for (i = 0;
         rd_kafka_header_get_all(headers, i, &n, &v, &value.len)
         == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++)
    {
        len += 8 + ngx_strlen(n) + (v ? value.len : 0);
    }

    if (len > client->size) {
        p = ngx_alloc(len, client->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (client->headers) {
            ngx_free(client->headers);
        }

        client->headers = p;
        client->size = len;
    }

    p = client->headers;

    for (i = 0;
         rd_kafka_header_get_all(headers, i, &n, &v, &value.len)
         == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++)
    {
        name.data = (u_char *) n;
        name.len = ngx_strlen(n);

        value.data = (u_char *) v;
        value.len = v ? value.len : 0;

        p = ngx_kafka_sse_record_add_header(p, &name, &value);
    }

    packed->data = client->headers;
    packed->len = len;

    return NGX_OK;
}


int64_t
ngx_kafka_sse_client_end(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    int64_t  low, high;

    if (rd_kafka_get_watermark_offsets(client->rk, (char *) topic->name.data,
                                       partition, &low, &high)
        != RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        return -1;
    }

    return ngx_max(high, -1);
}
