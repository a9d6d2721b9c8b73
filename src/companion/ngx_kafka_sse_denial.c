
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_denial.h>


static ngx_kafka_sse_denial_t *ngx_kafka_sse_denial_find(
    ngx_kafka_sse_denials_t *denials, ngx_kafka_sse_denial_e kind,
    u_char *what);
static void ngx_kafka_sse_denial_clear(ngx_kafka_sse_denials_t *denials,
    ngx_kafka_sse_denial_t *denial, ngx_uint_t client);
static void ngx_kafka_sse_denials_sum(ngx_kafka_sse_denials_t *denials);
static void ngx_kafka_sse_denial_copy(u_char *dst, u_char *src);
static ngx_uint_t ngx_kafka_sse_denial_index(ngx_uint_t client);


ngx_kafka_sse_denials_t *
ngx_kafka_sse_denials(ngx_kafka_sse_cluster_t *cluster, ngx_log_t *log)
{
    ngx_kafka_sse_denials_t  *denials;

    if (cluster->denials) {
        return cluster->denials;
    }

    denials = ngx_calloc(sizeof(ngx_kafka_sse_denials_t), log);
    if (denials == NULL) {
        return NULL;
    }

    denials->elts = ngx_calloc(NGX_KAFKA_SSE_DENIAL_MAX
                               * sizeof(ngx_kafka_sse_denial_t), log);
    if (denials->elts == NULL) {
        ngx_free(denials);
        return NULL;
    }

    denials->cluster = cluster;
    denials->log = log;

    cluster->denials = denials;

    return denials;
}


ngx_uint_t
ngx_kafka_sse_denials_client(ngx_kafka_sse_denials_t *denials)
{
    if (denials->clients == NGX_KAFKA_SSE_DENIAL_CLIENTS) {
        return 0;
    }

    return (ngx_uint_t) 1 << denials->clients++;
}


void
ngx_kafka_sse_denied(ngx_kafka_sse_denials_t *denials, ngx_uint_t client,
    ngx_kafka_sse_denial_e kind, u_char *what, u_char *reason, char *next,
    ngx_uint_t n)
{
    u_char                   text[NGX_KAFKA_SSE_DENIAL_TEXT];
    ngx_kafka_sse_denial_t  *denial;

    denials->n[kind] += n;

    if (client == 0) {
        return;
    }

    ngx_kafka_sse_denial_copy(text, reason);

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, denials->log, 0,
                   "kafka_sse denial of %s to client %ui, errors:%ui: %s",
                   what, client, n, text);

    denial = ngx_kafka_sse_denial_find(denials, kind, what);

    if (denial == NULL) {

        /* more than these are counted only */

        if (denials->nelts == NGX_KAFKA_SSE_DENIAL_MAX) {
            return;
        }

        denial = &denials->elts[denials->nelts++];

        ngx_memzero(denial, sizeof(ngx_kafka_sse_denial_t));
        denial->kind = kind;
        ngx_kafka_sse_denial_copy(denial->what, what);
    }

    denial->clients |= client;
    denial->last[ngx_kafka_sse_denial_index(client)] = ngx_current_msec;
    denial->n += n;

    /*
     * Without Read on a topic some of what is asked of Kafka fails for it, some
     * for Describe: that is no news
     */

    if (denial->reason[0] == '\0'
        || (kind != ngx_kafka_sse_denial_authorization
            && ngx_strcmp(denial->reason, text) != 0))
    {
        ngx_memcpy(denial->reason, text, sizeof(text));
        denials->reason = denial->reason;

        ngx_log_error(NGX_LOG_ERR, denials->log, 0,
                      "kafka_sse: cluster \"%V\", %s: %s, %s",
                      &denials->cluster->name, denial->what, denial->reason,
                      next);
    }

    ngx_kafka_sse_denials_sum(denials);
}


void
ngx_kafka_sse_denial_over(ngx_kafka_sse_denials_t *denials,
    ngx_uint_t client, ngx_kafka_sse_denial_e kind, u_char *what)
{
    ngx_kafka_sse_denial_t  *denial;

    denial = ngx_kafka_sse_denial_find(denials, kind, what);

    if (denial) {
        ngx_kafka_sse_denial_clear(denials, denial, client);
    }
}


/* what else is denied, the token of OAUTHBEARER, all of them need */

void
ngx_kafka_sse_denial_connected(ngx_kafka_sse_denials_t *denials,
    ngx_uint_t client, const char *broker, ngx_msec_t age)
{
    char                    *name;
    ngx_uint_t               i;
    ngx_kafka_sse_denial_t  *denial;

    i = denials->nelts;

    while (i-- > 0) {
        denial = &denials->elts[i];

        if (denial->kind == ngx_kafka_sse_denial_authorization
            || !(denial->clients & client)
            || ngx_current_msec
               - denial->last[ngx_kafka_sse_denial_index(client)] < age)
        {
            continue;
        }

        name = strstr((char *) denial->what, broker);

        if (ngx_strncmp(denial->what, "broker ", sizeof("broker ") - 1) != 0
            || (name && name[ngx_strlen(broker)] == '\0'))
        {
            ngx_kafka_sse_denial_clear(denials, denial, client);
        }
    }
}


static ngx_kafka_sse_denial_t *
ngx_kafka_sse_denial_find(ngx_kafka_sse_denials_t *denials,
    ngx_kafka_sse_denial_e kind, u_char *what)
{
    ngx_uint_t  i;

    for (i = 0; i < denials->nelts; i++) {
        if (denials->elts[i].kind == kind
            && ngx_strncmp(denials->elts[i].what, what,
                           NGX_KAFKA_SSE_DENIAL_TEXT - 1)
               == 0)
        {
            return &denials->elts[i];
        }
    }

    return NULL;
}


static void
ngx_kafka_sse_denial_clear(ngx_kafka_sse_denials_t *denials,
    ngx_kafka_sse_denial_t *denial, ngx_uint_t client)
{
    denial->clients &= ~client;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, denials->log, 0,
                   "kafka_sse denial of %s to client %ui is over, others:%ui",
                   denial->what, client, denial->clients);

    if (denial->clients == 0) {

        ngx_log_error(NGX_LOG_NOTICE, denials->log, 0,
                      "kafka_sse: cluster \"%V\", %s: works now, after %uL "
                      "errors", &denials->cluster->name, denial->what,
                      denial->n);

        *denial = denials->elts[--denials->nelts];

        denials->reason = denials->nelts
                          ? denials->elts[denials->nelts - 1].reason : NULL;
    }

    ngx_kafka_sse_denials_sum(denials);
}


static void
ngx_kafka_sse_denials_sum(ngx_kafka_sse_denials_t *denials)
{
    ngx_uint_t               i;
    ngx_kafka_sse_denial_t  *denial;

    denials->connections = 0;
    denials->authorizations = 0;

    for (i = 0; i < denials->nelts; i++) {
        denial = &denials->elts[i];

        if (denial->kind == ngx_kafka_sse_denial_authorization) {
            denials->authorizations |= denial->clients;

        } else {
            denials->connections |= denial->clients;
        }
    }
}


/* the status shows it, which the workers may see half-written */

static void
ngx_kafka_sse_denial_copy(u_char *dst, u_char *src)
{
    u_char  *last;

    last = dst + NGX_KAFKA_SSE_DENIAL_TEXT - 1;

    while (*src && dst < last) {
        *dst++ = (*src >= 0x20 && *src < 0x7f) ? *src : '?';
        src++;
    }

    *dst = '\0';
}


static ngx_uint_t
ngx_kafka_sse_denial_index(ngx_uint_t client)
{
    ngx_uint_t  i;

    for (i = 0; client > 1; i++) {
        client >>= 1;
    }

    return i;
}
