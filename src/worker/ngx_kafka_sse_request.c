
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_accept.h>
#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_choice.h>
#include <worker/ngx_kafka_sse_demand.h>
#include <worker/ngx_kafka_sse_expiry.h>
#include <worker/ngx_kafka_sse_hub.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_request.h>
#include <worker/ngx_kafka_sse_resume.h>
#include <worker/ngx_kafka_sse_stream.h>
#include <worker/ngx_kafka_sse_wish.h>
#include <worker/ngx_kafka_sse_word.h>


#define NGX_KAFKA_SSE_REQUEST_QUOTE  64    /* bytes of a client's value */


static ngx_int_t ngx_kafka_sse_request_answer(ngx_http_request_t *r,
    ngx_str_t *id, ngx_kafka_sse_selection_t *selection);
static ngx_int_t ngx_kafka_sse_request_check(ngx_http_request_t *r,
    ngx_str_t *id);
static ngx_int_t ngx_kafka_sse_request_expires(ngx_http_request_t *r,
    int64_t *expires);
static ngx_int_t ngx_kafka_sse_request_many(ngx_http_request_t *r,
    ngx_kafka_sse_selection_t *selection);
static ngx_int_t ngx_kafka_sse_request_start(ngx_http_request_t *r,
    ngx_str_t *id, ngx_kafka_sse_start_t *start, ngx_uint_t *chosen);
static ngx_int_t ngx_kafka_sse_request_filter(ngx_http_request_t *r,
    ngx_kafka_sse_filter_t **filter);
static ngx_int_t ngx_kafka_sse_request_refuse_start(ngx_http_request_t *r,
    ngx_str_t *value);
static char *ngx_kafka_sse_request_quote(char *p, ngx_str_t *value);
static ngx_uint_t ngx_kafka_sse_request_partitions(
    ngx_kafka_sse_selection_t *selection);
static ngx_uint_t ngx_kafka_sse_request_accepts(ngx_http_request_t *r);
static ngx_uint_t ngx_kafka_sse_request_is_direct(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_request_join(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *id);
static ngx_int_t ngx_kafka_sse_request_send_header(ngx_http_request_t *r,
    ngx_uint_t resume);
static ngx_int_t ngx_kafka_sse_request_settle(ngx_kafka_sse_stream_t *stream);
static void ngx_kafka_sse_request_trim(ngx_http_request_t *r, u_char *header,
    size_t len);
static ngx_uint_t ngx_kafka_sse_request_refers(ngx_http_request_t *r,
    u_char *data, size_t size);


ngx_int_t
ngx_kafka_sse_request_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_str_t                   id;
    ngx_kafka_sse_loc_conf_t   *klcf;
    ngx_kafka_sse_selection_t  *selection;

    ngx_kafka_sse_access_withdraw(r);

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (ngx_kafka_sse_choice_get(r, klcf->last_event_id, &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_sse_request_check(r, &id);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_kafka_sse_wish_get(r, &id, &selection);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_kafka_sse_request_answer(r, &id, selection);

    ngx_kafka_sse_selection_release(ngx_kafka_sse_hub, selection);

    return rc;
}


static ngx_int_t
ngx_kafka_sse_request_answer(ngx_http_request_t *r, ngx_str_t *id,
    ngx_kafka_sse_selection_t *selection)
{
    size_t                   len;
    u_char                  *header;
    int64_t                  expires;
    ngx_int_t                rc;
    ngx_uint_t               chosen;
    ngx_kafka_sse_start_t    start;
    ngx_kafka_sse_filter_t  *filter;
    ngx_kafka_sse_stream_t  *stream;

    rc = ngx_kafka_sse_request_many(r, selection);

    if (rc == NGX_DECLINED) {
        rc = ngx_kafka_sse_request_expires(r, &expires);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_kafka_sse_request_start(r, id, &start, &chosen);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_kafka_sse_request_filter(r, &filter);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_HEAD) {
        return ngx_kafka_sse_request_send_header(r, NGX_KAFKA_SSE_RESUME_FRESH);
    }

    stream = ngx_kafka_sse_stream_create(r, selection);
    if (stream == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    stream->start = start;
    stream->chosen = chosen;
    stream->filter = filter;
    stream->direct = ngx_kafka_sse_request_is_direct(r);
    stream->framing = (stream->direct && r->http_version > NGX_HTTP_VERSION_10)
                      ? NGX_KAFKA_SSE_FRAMING_CHUNKED
                      : NGX_KAFKA_SSE_FRAMING_RAW;

    if (expires && ngx_kafka_sse_expiry_set(stream, expires) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_kafka_sse_request_join(stream, id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_sse_request_send_header(r, stream->resume);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (ngx_kafka_sse_request_settle(stream) != NGX_OK
        || ngx_kafka_sse_stream_watch(stream) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->main->count++;

    /* the header waits in the write filter for what is sent now */

    header = r->out ? r->out->buf->start : NULL;
    len = r->out ? r->out->buf->end - r->out->buf->start : 0;

    ngx_kafka_sse_stream_send(stream);

    if (stream->clear) {
        ngx_kafka_sse_request_trim(r, header, len);
    }

    if (ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node)) {
        ngx_kafka_sse_stream_end(stream, NGX_KAFKA_SSE_CLOSE_ERROR);
    }

    return NGX_DONE;
}


/* NGX_DECLINED: nothing is wrong with the request, else what was answered */

static ngx_int_t
ngx_kafka_sse_request_check(ngx_http_request_t *r, ngx_str_t *id)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_kafka_sse_refusal_not_allowed(r);
    }

    if (!ngx_kafka_sse_request_accepts(r)) {
        return ngx_kafka_sse_refusal_send(r, 406, "not-acceptable",
                                          "only text/event-stream is served");
    }

    /* who has a position comes back for it, and is never refused for load */

    if (ngx_kafka_sse_zone_stale(ngx_kafka_sse_hub->node) && id->len == 0) {
        return ngx_kafka_sse_request_busy(r, "feed-stopped",
                                          "this node has no feed of records");
    }

    return NGX_DECLINED;
}


/* the same: no position holds more than so many partitions */

static ngx_int_t
ngx_kafka_sse_request_many(ngx_http_request_t *r,
    ngx_kafka_sse_selection_t *selection)
{
    ngx_uint_t  n, status;

    n = ngx_kafka_sse_request_partitions(selection);

    if (n <= NGX_KAFKA_SSE_POSITION_PARTITIONS) {
        return NGX_DECLINED;
    }

    /* the client's mistake, if it has named any */

    status = NGX_HTTP_BAD_REQUEST;

    if (selection->conf->naming.names == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "kafka_sse: the topics of this location have %ui "
                      "partitions, a stream can have %d",
                      n, NGX_KAFKA_SSE_POSITION_PARTITIONS);

        status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_kafka_sse_refusal_send(r, status, "too-many-partitions",
                                      "the topics have more partitions than a "
                                      "stream can have");
}


/*
 * When its right ends.  What is no time is none that has not come yet: it may
 * be the client's, and is never a reason to go on for ever.  NGX_DECLINED:
 * known, else what was answered.
 */

static ngx_int_t
ngx_kafka_sse_request_expires(ngx_http_request_t *r, int64_t *expires)
{
    switch (ngx_kafka_sse_access_expires(r, expires)) {

    case NGX_OK:

        if (*expires == 0 || *expires > ngx_kafka_sse_expiry_now()) {
            return NGX_DECLINED;
        }

        /* fall through */

    case NGX_DECLINED:
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_FORBIDDEN, "expired",
                                          "the time of this stream is over");

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/*
 * Where the stream begins if it brings no position.  NGX_DECLINED: known, else
 * what was answered.
 */

static ngx_int_t
ngx_kafka_sse_request_start(ngx_http_request_t *r, ngx_str_t *id,
    ngx_kafka_sse_start_t *start, ngx_uint_t *chosen)
{
    ngx_int_t                  rc;
    ngx_str_t                  value;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    rc = ngx_kafka_sse_origin_get(r, &klcf->origin, start, chosen, &value);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED
        || (start->kind != NGX_KAFKA_SSE_START_LATEST && !klcf->replay.on))
    {
        return ngx_kafka_sse_request_refuse_start(r, &value);
    }

    if (start->kind != NGX_KAFKA_SSE_START_LATEST
        && id->len == 0
        && ngx_kafka_sse_hub->node->replays_waiting
           >= klcf->replay.concurrent)
    {
        return ngx_kafka_sse_request_busy(r, "too-many-replays",
                                          "too many streams wait to be read "
                                          "from Kafka");
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_kafka_sse_request_busy(ngx_http_request_t *r, char *code, char *message)
{
    if (ngx_kafka_sse_refusal_header(r, "Retry-After", "5") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_kafka_sse_refusal_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, code,
                                      message);
}


ngx_int_t
ngx_kafka_sse_request_put_off(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    rc = ngx_kafka_sse_request_send_header(r, NGX_KAFKA_SSE_RESUME_REPLAY);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, NGX_KAFKA_SSE_STREAM_RETRY_LEN
                                     + sizeof("event: stream-end\n"
                                              "data: error\n\n"));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_kafka_sse_stream_retry(klcf, b->last);
    b->last = ngx_cpymem(b->last, "event: stream-end\ndata: error\n\n",
                         sizeof("event: stream-end\ndata: error\n\n") - 1);
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_kafka_sse_request_refuse_start(ngx_http_request_t *r, ngx_str_t *value)
{
    static char  message[NGX_KAFKA_SSE_REQUEST_QUOTE
                         + sizeof(" is no start that can be had here")];

    ngx_memcpy(ngx_kafka_sse_request_quote(message, value),
               " is no start that can be had here",
               sizeof(" is no start that can be had here"));

    return ngx_kafka_sse_refusal_send(r, NGX_HTTP_BAD_REQUEST,
                                      "invalid-start", message);
}


/*
 * What the client wants of the location's records.  NGX_DECLINED: known, else
 * what was answered.
 */

static ngx_int_t
ngx_kafka_sse_request_filter(ngx_http_request_t *r,
    ngx_kafka_sse_filter_t **filter)
{
    char                      *p;
    ngx_str_t                  arg;
    ngx_kafka_sse_loc_conf_t  *klcf;

    static char  before[] = "argument \\\"";
    static char  behind[] = "\\\" is not known here, or too long";

    static char  message[NGX_KAFKA_SSE_REQUEST_QUOTE
                         + sizeof(before) + sizeof(behind)];

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    switch (ngx_kafka_sse_demand_get(r, &klcf->filter,
                                     ngx_kafka_sse_word_is_list, filter, &arg))
    {

    case NGX_OK:

        if (*filter) {
            ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                           "kafka_sse filter %08xD, terms: %ui",
                           (*filter)->hash, (*filter)->nterms);
        }

        return NGX_DECLINED;

    case NGX_DECLINED:
        p = message + sizeof(before) - 1;

        ngx_memcpy(message, before, p - message);
        ngx_memcpy(ngx_kafka_sse_request_quote(p, &arg), behind,
                   sizeof(behind));

        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_BAD_REQUEST,
                                          "unknown-argument", message);

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/* the value is the client's: what JSON would have to escape is replaced */

static char *
ngx_kafka_sse_request_quote(char *p, ngx_str_t *value)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < ngx_min(value->len, NGX_KAFKA_SSE_REQUEST_QUOTE); i++) {
        c = value->data[i];
        *p++ = (c < 0x20 || c > 0x7e || c == '"' || c == '\\') ? '?' : c;
    }

    return p;
}


/* of all topics, those that wait for their start, too */

static ngx_uint_t
ngx_kafka_sse_request_partitions(ngx_kafka_sse_selection_t *selection)
{
    ngx_uint_t                  i, n;
    ngx_kafka_sse_hub_topic_t  *topic;

    n = 0;

    for (i = 0; i < selection->n; i++) {
        topic = ngx_kafka_sse_hub_topic_find(ngx_kafka_sse_hub,
                                             selection->topics[i].topic);
        n += topic->sh ? ngx_max(topic->n, topic->sh->n) : 0;
    }

    return n;
}


static ngx_uint_t
ngx_kafka_sse_request_accepts(ngx_http_request_t *r)
{
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    ngx_kafka_sse_accept_t   accept;

    static ngx_str_t  name = ngx_string("Accept");

    ngx_kafka_sse_accept_init(&accept);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
            {
                ngx_kafka_sse_accept_add(&accept, &h[i].value);
            }
        }
    }

    return ngx_kafka_sse_accept_admits(&accept);
}


/*
 * Whether the log's bytes can go to the socket as they are: HTTP/1.x, and
 * nobody wants to see or to slow down the body.  What the header filters then
 * decide otherwise is seen in _send_header().
 */

static ngx_uint_t
ngx_kafka_sse_request_is_direct(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return r == r->main
           && r->http_version < NGX_HTTP_VERSION_20
           && r->http_version >= NGX_HTTP_VERSION_10
           && clcf->chunked_transfer_encoding
           && clcf->limit_rate == NULL
           && r->limit_rate == 0;
}


static ngx_int_t
ngx_kafka_sse_request_join(ngx_kafka_sse_stream_t *stream, ngx_str_t *id)
{
    stream->resume = (stream->start.kind == NGX_KAFKA_SSE_START_LATEST)
                     ? NGX_KAFKA_SSE_RESUME_FRESH
                     : NGX_KAFKA_SSE_RESUME_REPLAY;

    if (id->len) {
        stream->position = ngx_alloc(sizeof(ngx_kafka_sse_position_t),
                                     stream->connection->log);
        if (stream->position == NULL) {
            return NGX_ERROR;
        }

        stream->resume = NGX_KAFKA_SSE_RESUME_REPLAY;

        if (ngx_kafka_sse_position_parse(stream->position, id) != NGX_OK) {

            ngx_log_error(NGX_LOG_INFO, stream->request->connection->log, 0,
                          "kafka_sse: client sent invalid position \"%V\"",
                          id);

            ngx_kafka_sse_resume_unknown(stream->position);
            stream->resume = NGX_KAFKA_SSE_RESUME_RESET;
        }
    }

    return ngx_kafka_sse_hub_join(ngx_kafka_sse_hub, stream);
}


static ngx_int_t
ngx_kafka_sse_request_send_header(ngx_http_request_t *r, ngx_uint_t resume)
{
    r->keepalive = 0;
    r->allow_ranges = 0;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    if (ngx_kafka_sse_refusal_header(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "X-Accel-Buffering", "no")
           != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "Kafka-SSE-Resume",
                                        (char *)
                                  ngx_kafka_sse_stream_resumes[resume].data)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


/*
 * The header filters have decided by now how the body is framed, and whether
 * some filter wants it.  If that is not what the stream was put into a group
 * for, it moves; nothing has been appended for it yet.  preserve_body is how
 * add_before_body and add_after_body can be told: they put subrequests around
 * what comes by the body filters.
 */

static ngx_int_t
ngx_kafka_sse_request_settle(ngx_kafka_sse_stream_t *stream)
{
    ngx_http_request_t     *r;
    ngx_kafka_sse_group_t  *group;

    r = stream->request;

    if (!stream->direct
        || (!r->filter_need_in_memory
            && !r->filter_need_temporary
            && !r->preserve_body
            && r->headers_out.content_encoding == NULL
            && r->chunked
               == (stream->framing == NGX_KAFKA_SSE_FRAMING_CHUNKED)))
    {
        return NGX_OK;
    }

    stream->direct = 0;
    stream->framing = NGX_KAFKA_SSE_FRAMING_RAW;

    if (stream->group == NULL
        || stream->group->framing == NGX_KAFKA_SSE_FRAMING_RAW)
    {
        return NGX_OK;
    }

    if (stream->group->is_private) {
        stream->group->framing = NGX_KAFKA_SSE_FRAMING_RAW;
        return NGX_OK;
    }

    group = ngx_kafka_sse_group_get(ngx_kafka_sse_hub,
                                    stream->group->selection,
                                    stream->framing, stream->filter);
    if (group == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_sse_group_leave(stream->group, stream);
    ngx_kafka_sse_group_join(group, stream);

    return NGX_OK;
}


/*
 * Gives back what nginx has allocated for the header and does not need any
 * more, now that it is sent: its text, and what is empty of the list of header
 * lines, which the log may ask for ($sent_http_...).  Both are allocations of
 * their own only where request_pool_size is small.
 */

static void
ngx_kafka_sse_request_trim(ngx_http_request_t *r, u_char *header, size_t len)
{
    void        *elts;
    size_t       size;
    ngx_str_t   *type;
    ngx_list_t  *list;

    if (header && len > r->pool->max) {

        /* the header filter has left the type where it stands in the text */

        type = &r->headers_out.content_type;

        if (type->data >= header && type->data < header + len) {
            type->data = ngx_pstrdup(r->pool, type);
            if (type->data == NULL) {
                type->len = 0;
            }
        }

        if (!ngx_kafka_sse_request_refers(r, header, len)) {
            (void) ngx_pfree(r->pool, header);
        }
    }

    list = &r->headers_out.headers;
    size = list->nalloc * list->size;

    if (list->part.next
        || size <= r->pool->max
        || ngx_kafka_sse_request_refers(r, list->part.elts, size))
    {
        return;
    }

    elts = ngx_palloc(r->pool, list->part.nelts * list->size);
    if (elts == NULL) {
        return;
    }

    ngx_memcpy(elts, list->part.elts, list->part.nelts * list->size);

    (void) ngx_pfree(r->pool, list->part.elts);

    list->part.elts = elts;
    list->nalloc = list->part.nelts;
}


/* whether anything but the list itself points there, into it or its lines */

static ngx_uint_t
ngx_kafka_sse_request_refers(ngx_http_request_t *r, u_char *data, size_t size)
{
    u_char                 **p, **last;
    ngx_http_headers_out_t   out;

    out = r->headers_out;
    out.headers.part.elts = NULL;

#if (nginx_version < 1023000)
    if (out.cache_control.nelts || out.link.nelts) {
        return 1;
    }
#endif

    p = (u_char **) &out;
    last = (u_char **) (&out + 1);

    while (p < last && (*p < data || *p >= data + size)) {
        p++;
    }

    return p < last;
}
