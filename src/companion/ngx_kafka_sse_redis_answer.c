
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include <companion/ngx_kafka_sse_redis_answer.h>


static ngx_int_t ngx_kafka_sse_redis_answer_set_host(
    ngx_kafka_sse_redis_session_t *session, u_char *host, size_t len,
    u_char *port, size_t port_len);


/*
 * Names and values in turn.  A cluster since Redis 7 has sharded Pub/Sub: a
 * message goes to the nodes of its channel's slot, not to all.
 */

ngx_int_t
ngx_kafka_sse_redis_answer_hello(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    size_t        i;
    ngx_uint_t    cluster, recent;
    redisReply   *name, *value;

    cluster = 0;
    recent = 0;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        if (ngx_strcmp(name->str, "mode") == 0) {
            cluster = (ngx_strcmp(value->str, "cluster") == 0);

        } else if (ngx_strcmp(name->str, "version") == 0) {
            recent = (atoi(value->str) >= 7);
        }
    }

    session->sharded = cluster && recent;

    return NGX_OK;
}


/* a replica takes what is published, and hands it to nobody but its own */

ngx_int_t
ngx_kafka_sse_redis_answer_role(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_STRING)
    {
        return ngx_kafka_sse_redis_session_error(session, "unexpected reply");
    }

    if (ngx_strcmp(reply->element[0]->str, "master") != 0) {
        return ngx_kafka_sse_redis_session_error(session,
                                                 "its role is \"%s\"",
                                                 reply->element[0]->str);
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_answer_master(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    redisReply  **elements;

    if (reply->type == REDIS_REPLY_NIL) {
        return ngx_kafka_sse_redis_session_error(session,
                                                 "it knows no master \"%V\"",
                                                 &session->conf->sentinel);
    }

    elements = reply->element;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 2
        || elements[0]->type != REDIS_REPLY_STRING
        || elements[1]->type != REDIS_REPLY_STRING
        || elements[0]->len == 0
        || ngx_kafka_sse_redis_answer_set_host(session,
                                                (u_char *) elements[0]->str,
                                                elements[0]->len,
                                                (u_char *) elements[1]->str,
                                                elements[1]->len)
           != NGX_OK)
    {
        return ngx_kafka_sse_redis_session_error(session, "unexpected reply");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_redis_answer_set_host(ngx_kafka_sse_redis_session_t *session,
    u_char *host, size_t len, u_char *port, size_t port_len)
{
    ngx_int_t  n;

    n = ngx_atoi(port, port_len);

    if (n < 1 || n > 65535 || len >= sizeof(session->buf)) {
        return NGX_ERROR;
    }

    ngx_memcpy(session->buf, host, len);

    session->host.data = session->buf;
    session->host.len = len;
    session->port = (in_port_t) n;

    return NGX_OK;
}


/*
 * "MOVED slot host:port".  What a cluster says otherwise (ASK, CLUSTERDOWN,
 * TRYAGAIN) is over soon: we try again, and ask another node, too.
 */

void
ngx_kafka_sse_redis_answer_moved(ngx_kafka_sse_redis_session_t *session,
    redisReply *reply)
{
    u_char  *p, *last, *colon;

    p = (u_char *) reply->str;
    last = p + reply->len;

    if (reply->len < 6 || ngx_strncmp(p, "MOVED ", 6) != 0) {
        return;
    }

    p = ngx_strlchr(p + 6, last, ' ');
    if (p == NULL) {
        return;
    }

    p++;

    /* an address of IPv6 has colons, too, and no brackets */

    for (colon = last - 1; colon > p && *colon != ':'; colon--) { /* void */ }

    /* "?" is a node that does not know the name of the other one */

    if (*colon != ':' || *p == '?') {
        return;
    }

    if (ngx_kafka_sse_redis_answer_set_host(session, p, colon - p, colon + 1,
                                             last - colon - 1)
        == NGX_OK)
    {
        session->moved = 1;
    }
}
