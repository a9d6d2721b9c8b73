
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_choice.h>
#include <worker/ngx_kafka_sse_grant.h>
#include <worker/ngx_kafka_sse_hub_topic.h>
#include <worker/ngx_kafka_sse_query.h>
#include <worker/ngx_kafka_sse_refusal.h>
#include <worker/ngx_kafka_sse_request.h>
#include <worker/ngx_kafka_sse_wish.h>
#include <worker/ngx_kafka_sse_word.h>


static ngx_int_t ngx_kafka_sse_wish_names(ngx_http_request_t *r,
    ngx_array_t *names);
static ngx_int_t ngx_kafka_sse_wish_add(ngx_http_request_t *r,
    ngx_array_t *names, ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_wish_grants(ngx_http_request_t *r,
    ngx_array_t *grants);
static ngx_int_t ngx_kafka_sse_wish_template(ngx_http_request_t *r,
    ngx_kafka_sse_naming_template_t *template, ngx_array_t *grants);
static ngx_int_t ngx_kafka_sse_wish_list(ngx_http_request_t *r,
    ngx_kafka_sse_naming_template_t *template, ngx_str_t *values,
    ngx_uint_t at, ngx_array_t *grants);
static ngx_int_t ngx_kafka_sse_wish_topics(ngx_http_request_t *r,
    ngx_str_t *id, ngx_array_t *names, ngx_kafka_sse_selection_t *wanted);
static ngx_int_t ngx_kafka_sse_wish_topic(ngx_http_request_t *r,
    ngx_str_t *id, ngx_str_t *name, ngx_kafka_sse_topic_t **topic);
static ngx_int_t ngx_libc_cdecl ngx_kafka_sse_wish_cmp(const void *one,
    const void *two);
static void ngx_kafka_sse_wish_answered(ngx_http_request_t *r,
    ngx_uint_t answer);
static ngx_int_t ngx_kafka_sse_wish_away(ngx_http_request_t *r,
    ngx_uint_t answer);
static ngx_int_t ngx_kafka_sse_wish_many(ngx_http_request_t *r,
    ngx_kafka_sse_naming_t *naming);


ngx_int_t
ngx_kafka_sse_wish_get(ngx_http_request_t *r, ngx_str_t *id,
    ngx_kafka_sse_selection_t **selection)
{
    ngx_int_t                   rc;
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_array_t                 names, grants;
    ngx_kafka_sse_naming_t     *naming;
    ngx_kafka_sse_loc_conf_t   *klcf;
    ngx_kafka_sse_selection_t   wanted;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);
    naming = &klcf->naming;

    if (!ngx_kafka_sse_naming_is_dynamic(naming)) {
        *selection = &klcf->selection;
        return NGX_DECLINED;
    }

    if (ngx_array_init(&names, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&grants, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_sse_wish_names(r, &names);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (naming->allow
        && ngx_kafka_sse_wish_grants(r, &grants) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    name = names.elts;

    for (i = 0; i < names.nelts; i++) {

        if (!ngx_kafka_sse_selection_grants(grants.elts, grants.nelts,
                                            &name[i]))
        {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "kafka_sse: topic \"%V\" is not allowed to client",
                          &name[i]);

            return ngx_kafka_sse_refusal_send(r, NGX_HTTP_FORBIDDEN,
                                              "topic-not-allowed",
                                              "a topic is not allowed");
        }
    }

    ngx_memzero(&wanted, sizeof(ngx_kafka_sse_selection_t));

    wanted.conf = klcf;
    wanted.is_open = (naming->patterns != NULL);

    if (wanted.is_open) {
        wanted.is_limited = (naming->allow != NULL);
        wanted.ngrants = grants.nelts;
        wanted.grants = grants.elts;
    }

    rc = ngx_kafka_sse_wish_topics(r, id, &names, &wanted);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "kafka_sse wish of %ui names, %ui grants, %ui topics",
                   names.nelts, grants.nelts, wanted.n);

    *selection = ngx_kafka_sse_selection_get(ngx_kafka_sse_hub, &wanted);

    return *selection ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * What the request names: valid, each once, and no more than it may.  A list
 * of names stands in a variable that is all of its argument.
 */

static ngx_int_t
ngx_kafka_sse_wish_names(ngx_http_request_t *r, ngx_array_t *names)
{
    ngx_int_t                     rc;
    ngx_str_t                     value, name, *word;
    ngx_uint_t                    i;
    ngx_kafka_sse_naming_t       *naming;
    ngx_kafka_sse_loc_conf_t     *klcf;
    ngx_kafka_sse_naming_name_t  *argument;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);
    naming = &klcf->naming;

    if (naming->names == NULL) {
        return NGX_DECLINED;
    }

    argument = naming->names->elts;

    for (i = 0; i < naming->names->nelts; i++) {

        word = &argument[i].value.value;

        if (ngx_http_complex_value(r, &argument[i].value, &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* no browser has encoded a claim: "%2C" in a list does not split it */

        if (!ngx_kafka_sse_word_is_list_claim(r, word)
            && ngx_kafka_sse_choice_decode(r, &value) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (value.len == 0 && argument[i].is_list) {
            continue;
        }

        if (!argument[i].is_list || !ngx_kafka_sse_word_is_list(r, word)) {
            rc = ngx_kafka_sse_wish_add(r, names, &value);
            if (rc != NGX_DECLINED) {
                return rc;
            }

            continue;
        }

        while (ngx_kafka_sse_grant_element(&value, &name)) {
            rc = ngx_kafka_sse_wish_add(r, names, &name);
            if (rc != NGX_DECLINED) {
                return rc;
            }
        }
    }

    if (names->nelts == 0 && naming->topics->nelts == 0
        && naming->patterns == NULL)
    {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_BAD_REQUEST, "no-topic",
                                          "no topic is named");
    }

    return NGX_DECLINED;
}


/* NGX_DECLINED, or what was answered; what is not valid is quoted nowhere */

static ngx_int_t
ngx_kafka_sse_wish_add(ngx_http_request_t *r, ngx_array_t *names,
    ngx_str_t *name)
{
    ngx_str_t                 *known;
    ngx_uint_t                 i;
    ngx_kafka_sse_loc_conf_t  *klcf;

    if (!ngx_kafka_sse_conf_is_topic(name)) {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-topic",
                                          "a topic has no valid name");
    }

    known = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (known[i].len == name->len
            && ngx_memcmp(known[i].data, name->data, name->len) == 0)
        {
            return NGX_DECLINED;
        }
    }

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (names->nelts == klcf->naming.max) {
        return ngx_kafka_sse_refusal_send(r, NGX_HTTP_BAD_REQUEST,
                                          "too-many-topics",
                                          "a stream cannot have so many "
                                          "topics");
    }

    known = ngx_array_push(names);
    if (known == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *known = *name;

    return NGX_DECLINED;
}


/* kafka_sse_allow with the values of this request */

static ngx_int_t
ngx_kafka_sse_wish_grants(ngx_http_request_t *r, ngx_array_t *grants)
{
    ngx_uint_t                        i;
    ngx_kafka_sse_loc_conf_t         *klcf;
    ngx_kafka_sse_naming_template_t  *templates;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);
    templates = klcf->naming.allow->elts;

    for (i = 0; i < klcf->naming.allow->nelts; i++) {
        if (ngx_kafka_sse_wish_template(r, &templates[i], grants) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * One variable of a template may be a list, of a claim; with two it grants
 * nothing.  Other values are taken as they are: who chooses his name himself
 * does not choose two.
 */

static ngx_int_t
ngx_kafka_sse_wish_template(ngx_http_request_t *r,
    ngx_kafka_sse_naming_template_t *template, ngx_array_t *grants)
{
    ngx_str_t                   *values;
    ngx_uint_t                   i, n, list;
    ngx_kafka_sse_grant_part_t  *parts;

    parts = template->parts.elts;
    n = template->parts.nelts;
    list = n;

    values = ngx_pcalloc(r->pool, n * sizeof(ngx_str_t));
    if (values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (!parts[i].is_variable) {
            continue;
        }

        if (ngx_http_complex_value(r, &template->values[i], &values[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* a list of one is a text */

        if (ngx_kafka_sse_word_is_list_claim(r, &parts[i].text)
            && ngx_strlchr(values[i].data, values[i].data + values[i].len,
                           ','))
        {
            if (list < n) {
                ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                               "kafka_sse grant of nothing, by two lists");
                return NGX_OK;
            }

            list = i;
        }
    }

    return ngx_kafka_sse_wish_list(r, template, values, list, grants);
}


/* a pattern for each element of the value at, or one if none is a list */

static ngx_int_t
ngx_kafka_sse_wish_list(ngx_http_request_t *r,
    ngx_kafka_sse_naming_template_t *template, ngx_str_t *values,
    ngx_uint_t at, ngx_array_t *grants)
{
    ngx_int_t    rc;
    ngx_str_t    list, pattern, *grant;
    ngx_uint_t   i, n;

    n = template->parts.nelts;

    if (at < n) {
        list = values[at];
    }

    for (i = 0; i < NGX_KAFKA_SSE_GRANT_ELEMENTS; i++) {

        if (at < n) {
            if (!ngx_kafka_sse_grant_element(&list, &values[at])) {
                break;
            }

        } else if (i) {
            break;
        }

        rc = ngx_kafka_sse_grant_pattern(template->parts.elts, n, values,
                                         r->pool, &pattern);

        if (rc == NGX_DECLINED) {
            ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                           "kafka_sse grant of nothing");
            continue;
        }

        grant = (rc == NGX_OK) ? ngx_array_push(grants) : NULL;
        if (grant == NULL) {
            return NGX_ERROR;
        }

        *grant = pattern;

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "kafka_sse grant \"%V\"", grant);
    }

    return NGX_OK;
}


/* the topics of these names, those of the location, and what patterns find */

static ngx_int_t
ngx_kafka_sse_wish_topics(ngx_http_request_t *r, ngx_str_t *id,
    ngx_array_t *names, ngx_kafka_sse_selection_t *wanted)
{
    ngx_int_t                      rc;
    ngx_str_t                     *name;
    ngx_uint_t                     i, k, n;
    ngx_kafka_sse_topic_t         *topic;
    ngx_kafka_sse_naming_t        *naming;

    /* the selection has its own copy */

    static ngx_kafka_sse_public_topic_t
                                   topics[NGX_KAFKA_SSE_POSITION_TOPICS];

    naming = &wanted->conf->naming;

    n = naming->topics->nelts;
    ngx_memcpy(topics, naming->topics->elts,
               n * sizeof(ngx_kafka_sse_public_topic_t));

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        topic = NULL;

        rc = ngx_kafka_sse_wish_topic(r, id, &name[i], &topic);
        if (topic == NULL) {
            return rc;
        }

        for (k = 0; k < n && topics[k].topic != topic; k++) { /* void */ }

        if (k < n) {
            continue;
        }

        if (n == naming->max) {
            return ngx_kafka_sse_wish_many(r, naming);
        }

        topics[n].public = topic->name;
        topics[n].name = topic->name;
        topics[n].topic = topic;
        n++;
    }

    ngx_sort(topics, n, sizeof(ngx_kafka_sse_public_topic_t),
             ngx_kafka_sse_wish_cmp);

    if (wanted->is_open) {
        n = ngx_kafka_sse_selection_find(ngx_kafka_sse_hub, wanted, topics, n);

        if (n > naming->max) {
            return ngx_kafka_sse_wish_many(r, naming);
        }
    }

    wanted->n = n;
    wanted->topics = topics;

    return NGX_DECLINED;
}


/* in whatever order they are named, streams of the same topics are one group */

static ngx_int_t ngx_libc_cdecl
ngx_kafka_sse_wish_cmp(const void *one, const void *two)
{
    ngx_kafka_sse_public_topic_t  *first, *second;

    first = (ngx_kafka_sse_public_topic_t *) one;
    second = (ngx_kafka_sse_public_topic_t *) two;

    return (ngx_int_t) (first->topic > second->topic)
           - (ngx_int_t) (first->topic < second->topic);
}


/*
 * A topic of the configuration, or one that has been asked for before.  Else
 * the request waits; once it is seen, it is asked for no more.
 */

static ngx_int_t
ngx_kafka_sse_wish_topic(ngx_http_request_t *r, ngx_str_t *id,
    ngx_str_t *name, ngx_kafka_sse_topic_t **topic)
{
    ngx_int_t                   rc;
    ngx_kafka_sse_topic_t      *found;
    ngx_kafka_sse_cluster_t    *cluster;
    ngx_kafka_sse_loc_conf_t   *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);
    cluster = klcf->naming.cluster;

    found = ngx_kafka_sse_conf_find(cluster, name);

    if (found
        && (!found->is_dynamic
            || ngx_kafka_sse_hub_topic_find(ngx_kafka_sse_hub, found)
                                                                 ->is_seen))
    {
        *topic = found;
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    switch (ngx_kafka_sse_query_wait(ngx_kafka_sse_hub, cluster, name, r,
                                     id->len, ngx_kafka_sse_wish_answered))
    {
    case NGX_OK:
        return NGX_DONE;

    case NGX_BUSY:
        return ngx_kafka_sse_wish_away(r, NGX_KAFKA_SSE_SEEN_AWAY);

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/* the request goes on as if it had just come, or is answered */

static void
ngx_kafka_sse_wish_answered(ngx_http_request_t *r, ngx_uint_t answer)
{
    ngx_int_t  rc;

    switch (answer) {

    case NGX_KAFKA_SSE_SEEN_YES:
        rc = ngx_kafka_sse_request_handler(r);
        break;

    case NGX_KAFKA_SSE_SEEN_ABSENT:
        rc = ngx_kafka_sse_refusal_send(r, NGX_HTTP_NOT_FOUND, "unknown-topic",
                                        "there is no such topic");
        break;

    default: /* NGX_KAFKA_SSE_SEEN_FULL, NGX_KAFKA_SSE_SEEN_AWAY */
        rc = ngx_kafka_sse_wish_away(r, answer);
        break;
    }

    ngx_http_finalize_request(r, rc);
}


/* who has a position comes back for it, and is never refused for load */

static ngx_int_t
ngx_kafka_sse_wish_away(ngx_http_request_t *r, ngx_uint_t answer)
{
    ngx_str_t                  id;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (ngx_kafka_sse_choice_get(r, klcf->last_event_id, &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (id.len) {
        return ngx_kafka_sse_request_put_off(r);
    }

    if (answer == NGX_KAFKA_SSE_SEEN_FULL) {
        return ngx_kafka_sse_request_busy(r, "too-many-topics",
                                          "this node has no room for another "
                                          "topic");
    }

    return ngx_kafka_sse_request_busy(r, "kafka-away",
                                      "Kafka does not say whether there is "
                                      "such a topic");
}


/* the client's mistake, if it has named any */

static ngx_int_t
ngx_kafka_sse_wish_many(ngx_http_request_t *r, ngx_kafka_sse_naming_t *naming)
{
    ngx_uint_t  status;

    status = NGX_HTTP_BAD_REQUEST;

    if (naming->names == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "kafka_sse: there are more topics than the %ui that a "
                      "stream of \"kafka_sse\" in %V:%ui can have",
                      naming->max, &naming->file, naming->line);

        status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_kafka_sse_refusal_send(r, status, "too-many-topics",
                                      "a stream cannot have so many topics");
}
