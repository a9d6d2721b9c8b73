
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_cors.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_web_origin.h>


/* Chromium keeps what a preflight says for so many seconds at most */

#define NGX_KAFKA_SSE_CORS_MAX_AGE  "7200"


/* whom a request's answer is for; kept in a cleanup of its pool */

typedef struct {
    ngx_kafka_sse_cors_t   *conf;
    ngx_str_t               origin;    /* allowed, "*" too; len 0: nobody */
} ngx_kafka_sse_cors_reader_t;


static char *ngx_kafka_sse_cors_origin(ngx_conf_t *cf,
    ngx_kafka_sse_cors_t *cors, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_cors_rewrite_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_cors_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_sse_cors_preflight(ngx_http_request_t *r,
    ngx_kafka_sse_cors_reader_t *reader);
static ngx_int_t ngx_kafka_sse_cors_header_filter(ngx_http_request_t *r);
static ngx_kafka_sse_cors_reader_t *ngx_kafka_sse_cors_answer_reader(
    ngx_http_request_t *r);
static ngx_kafka_sse_cors_reader_t *ngx_kafka_sse_cors_kept(
    ngx_http_request_t *r);
static ngx_kafka_sse_cors_reader_t *ngx_kafka_sse_cors_get(
    ngx_http_request_t *r, ngx_kafka_sse_cors_t *cors);
static void ngx_kafka_sse_cors_judge(ngx_http_request_t *r,
    ngx_kafka_sse_cors_reader_t *reader);
static ngx_uint_t ngx_kafka_sse_cors_request_header(ngx_http_request_t *r,
    char *name, ngx_str_t *value);
static void ngx_kafka_sse_cors_cleanup(void *data);


static ngx_http_output_header_filter_pt  ngx_kafka_sse_cors_next_filter;


char *
ngx_kafka_sse_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_loc_conf_t *klcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_kafka_sse_cors_t  *cors;

    if (klcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        klcf->cors = NULL;
        return NGX_CONF_OK;
    }

    cors = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_cors_t));
    if (cors == NULL
        || ngx_array_init(&cors->origins, cf->pool, cf->args->nelts,
                          sizeof(ngx_kafka_sse_web_origin_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "credentials") == 0
            && !cors->credentials)
        {
            cors->credentials = 1;
            continue;
        }

        rv = ngx_kafka_sse_cors_origin(cf, cors, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (!cors->any && cors->origins.nelts == 0) {
        return "needs at least one origin beside \"credentials\"";
    }

    /* browsers refuse "*" then; to name whoever asks would be as wide open */

    if (cors->any && cors->credentials) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "origin \"*\" cannot have \"credentials\", any "
                           "page could read as the user who looks at it; "
                           "name the origins");
        return NGX_CONF_ERROR;
    }

    klcf->cors = cors;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_sse_cors_origin(ngx_conf_t *cf, ngx_kafka_sse_cors_t *cors,
    ngx_str_t *value)
{
    char                        *reason;
    ngx_str_t                    guess;
    ngx_uint_t                   i, any;
    ngx_kafka_sse_web_origin_t   origin, *origins;

    any = (value->len == 1 && value->data[0] == '*');

    if (cors->any || (any && cors->origins.nelts)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "origin \"%V\" beside others, \"*\" is all of them",
                           value);
        return NGX_CONF_ERROR;
    }

    if (any) {
        cors->any = 1;
        return NGX_CONF_OK;
    }

    reason = ngx_kafka_sse_web_origin_parse(&origin, value);

    if (reason == NULL) {
        origins = cors->origins.elts;

        for (i = 0; i < cors->origins.nelts; i++) {
            if (origins[i].head.len == origin.head.len
                && origins[i].tail.len == origin.tail.len
                && ngx_memcmp(origins[i].head.data, value->data, value->len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate origin \"%V\"", value);
                return NGX_CONF_ERROR;
            }
        }

        origins = ngx_array_push(&cors->origins);
        if (origins == NULL) {
            return NGX_CONF_ERROR;
        }

        *origins = origin;

        return NGX_CONF_OK;
    }

    guess.data = ngx_pnalloc(cf->pool, value->len);
    if (guess.data == NULL) {
        return NGX_CONF_ERROR;
    }

    guess.len = ngx_kafka_sse_web_origin_guess(guess.data, value)
                - guess.data;

    if (ngx_kafka_sse_web_origin_parse(&origin, &guess) == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid origin \"%V\": %s; write \"%V\"",
                           value, reason, &guess);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid origin \"%V\": %s", value, reason);
    }

    return NGX_CONF_ERROR;
}


/*
 * The filter is there in any case: a configuration that is not taken over has
 * built the chain anew, and workers that the master starts again use it with
 * the former one.
 */

void
ngx_kafka_sse_cors_filter_init(void)
{
    ngx_kafka_sse_cors_next_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_kafka_sse_cors_header_filter;
}


ngx_int_t
ngx_kafka_sse_cors_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_kafka_sse_cors_rewrite_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_kafka_sse_cors_preaccess_handler;

    return NGX_OK;
}


/*
 * The first phase that knows the location, and its first handler, as it was
 * added last: whatever refuses the request later, and wherever an error_page
 * leads then, it is known whom the answer is for.
 */

static ngx_int_t
ngx_kafka_sse_cors_rewrite_handler(ngx_http_request_t *r)
{
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (r != r->main || !klcf->inside || klcf->cors == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_kafka_sse_cors_get(r, klcf->cors) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * A preflight carries no credentials (Fetch Standard, 4.8), so the access phase
 * would refuse it.  It is answered before limits, too: who exceeds them may
 * learn it from the request itself, which a browser does not send otherwise.
 */

static ngx_int_t
ngx_kafka_sse_cors_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     value;
    ngx_kafka_sse_loc_conf_t     *klcf;
    ngx_kafka_sse_cors_reader_t  *reader;

    if (r->method != NGX_HTTP_OPTIONS || r != r->main) {
        return NGX_DECLINED;
    }

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (!klcf->inside
        || klcf->cors == NULL
        || ngx_kafka_sse_cors_request_header(r, "Origin", &value) == 0
        || ngx_kafka_sse_cors_request_header(r,
                                             "Access-Control-Request-Method",
                                             &value)
           == 0)
    {
        return NGX_DECLINED;
    }

    reader = ngx_kafka_sse_cors_get(r, klcf->cors);

    rc = (reader == NULL) ? NGX_HTTP_INTERNAL_SERVER_ERROR
                          : ngx_kafka_sse_cors_preflight(r, reader);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/*
 * What may be asked for is the same for everybody, so that nothing of the
 * request is repeated.  Access-Control-Request-Private-Network gets no answer:
 * to be in reach of the open internet is for the browser's user to allow.
 */

static ngx_int_t
ngx_kafka_sse_cors_preflight(ngx_http_request_t *r,
    ngx_kafka_sse_cors_reader_t *reader)
{
    ngx_int_t  rc;

    if (reader->origin.len == 0) {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_FORBIDDEN,
                                          "origin-not-allowed",
                                          "pages of this origin may not read "
                                          "this");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_kafka_sse_refusal_header(r, "Access-Control-Allow-Methods",
                                     "GET, HEAD")
        != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "Access-Control-Allow-Headers",
                                        "Authorization, Last-Event-ID, "
                                        "Cache-Control, Accept")
           != NGX_OK
        || ngx_kafka_sse_refusal_header(r, "Access-Control-Max-Age",
                                        NGX_KAFKA_SSE_CORS_MAX_AGE)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


static ngx_int_t
ngx_kafka_sse_cors_header_filter(ngx_http_request_t *r)
{
    ngx_table_elt_t              *h;
    ngx_kafka_sse_cors_reader_t  *reader;

    reader = ngx_kafka_sse_cors_answer_reader(r);

    if (reader == NULL) {
        return ngx_kafka_sse_cors_next_filter(r);
    }

    /* also where there is no Origin, or another one: a cache must know */

    if (!reader->conf->any
        && ngx_kafka_sse_refusal_header(r, "Vary", "Origin") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reader->origin.len == 0) {
        return ngx_kafka_sse_cors_next_filter(r);
    }

    if (ngx_kafka_sse_refusal_header(r, "Access-Control-Expose-Headers",
                                     "Kafka-SSE-Resume, Retry-After, "
                                     "WWW-Authenticate")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reader->conf->credentials
        && ngx_kafka_sse_refusal_header(r, "Access-Control-Allow-Credentials",
                                        "true")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "Access-Control-Allow-Origin");
    h->value = reader->origin;

    return ngx_kafka_sse_cors_next_filter(r);
}


/*
 * Whom this answer is for, or NULL if that is not for us to say.  An error_page
 * of another location is still an answer to what was asked here; but where a
 * rewrite or try_files leads is a matter of its own, and its contents are not
 * given away by what is configured here.
 */

static ngx_kafka_sse_cors_reader_t *
ngx_kafka_sse_cors_answer_reader(ngx_http_request_t *r)
{
    ngx_kafka_sse_loc_conf_t  *klcf;

    if (r != r->main) {
        return NULL;
    }

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (klcf->inside) {
        return klcf->cors ? ngx_kafka_sse_cors_get(r, klcf->cors) : NULL;
    }

    if (r->error_page || r->err_status
        || r->headers_out.status >= NGX_HTTP_BAD_REQUEST)
    {
        return ngx_kafka_sse_cors_kept(r);
    }

    return NULL;
}


static ngx_kafka_sse_cors_reader_t *
ngx_kafka_sse_cors_kept(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    /* a context would not outlive an internal redirect */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_kafka_sse_cors_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static ngx_kafka_sse_cors_reader_t *
ngx_kafka_sse_cors_get(ngx_http_request_t *r, ngx_kafka_sse_cors_t *cors)
{
    ngx_pool_cleanup_t           *cln;
    ngx_kafka_sse_cors_reader_t  *reader;

    reader = ngx_kafka_sse_cors_kept(r);

    if (reader == NULL) {
        cln = ngx_pool_cleanup_add(r->pool,
                                   sizeof(ngx_kafka_sse_cors_reader_t));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_kafka_sse_cors_cleanup;
        reader = cln->data;
        reader->conf = NULL;
    }

    if (reader->conf != cors) {
        reader->conf = cors;
        ngx_kafka_sse_cors_judge(r, reader);
    }

    return reader;
}


static void
ngx_kafka_sse_cors_judge(ngx_http_request_t *r,
    ngx_kafka_sse_cors_reader_t *reader)
{
    ngx_str_t                    value;
    ngx_uint_t                   i, n;
    ngx_kafka_sse_web_origin_t  *origins;

    if (reader->conf->any) {
        ngx_str_set(&reader->origin, "*");
        return;
    }

    ngx_str_null(&reader->origin);

    n = ngx_kafka_sse_cors_request_header(r, "Origin", &value);

    if (n == 0) {
        return;
    }

    origins = reader->conf->origins.elts;

    for (i = 0; n == 1 && i < reader->conf->origins.nelts; i++) {
        if (ngx_kafka_sse_web_origin_match(&origins[i], &value)) {
            reader->origin = value;

            ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                           "kafka_sse origin \"%V\" is allowed", &value);
            return;
        }
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "kafka_sse: origin \"%V\" is not allowed", &value);
}


/* how many there are, and the value of the first one */

static ngx_uint_t
ngx_kafka_sse_cors_request_header(ngx_http_request_t *r, char *name,
    ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != len
                || ngx_strncasecmp(h[i].key.data, (u_char *) name, len) != 0)
            {
                continue;
            }

            if (n++ == 0) {
                *value = h[i].value;
            }
        }
    }

    return n;
}


/* nothing is to be freed: it marks what is kept */

static void
ngx_kafka_sse_cors_cleanup(void *data)
{
}
