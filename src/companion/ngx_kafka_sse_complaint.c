
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <jansson.h>

#include <companion/ngx_kafka_sse_complaint.h>
#include <companion/ngx_kafka_sse_security.h>


/* the first version whose SCRAM Kafka 4 understands */

#define NGX_KAFKA_SSE_COMPLAINT_SCRAM  0x020601ff

#define NGX_KAFKA_SSE_COMPLAINT_CONNECT     "connecting goes on"
#define NGX_KAFKA_SSE_COMPLAINT_SUBSCRIBED  "Subscribed topic not available: "


typedef u_char  ngx_kafka_sse_complaint_text_t[NGX_KAFKA_SSE_DENIAL_TEXT];


static void ngx_kafka_sse_complaint_connection(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_denial_e kind, const char *text);
static ngx_int_t ngx_kafka_sse_complaint_named(const char *text,
    u_char *name);
static void ngx_kafka_sse_complaint_topic(ngx_kafka_sse_client_t *client,
    const char *topic, const char *text);
static void ngx_kafka_sse_complaint_group(ngx_kafka_sse_client_t *client);
static ngx_uint_t ngx_kafka_sse_complaint_split(const char *text,
    u_char *broker, u_char *rest);
static void ngx_kafka_sse_complaint_who(ngx_kafka_sse_client_t *client,
    u_char *who);
static void ngx_kafka_sse_complaint_property(ngx_kafka_sse_client_t *client,
    char *name, char *value, size_t size);
static char *ngx_kafka_sse_complaint_hint(char *mechanism);


ngx_int_t
ngx_kafka_sse_complaint_error(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code, const char *text, const char *topic)
{
    ngx_kafka_sse_complaint_text_t  name, what, reason;

    switch (code) {

    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        ngx_kafka_sse_complaint_connection(client,
                                 ngx_kafka_sse_denial_authentication, text);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__SSL:
        ngx_kafka_sse_complaint_connection(client, ngx_kafka_sse_denial_tls,
                                           text);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__TRANSPORT:

        /*
         * With TLS 1.3 the broker's alert comes after the handshake; and a
         * handshake that the other side ends is this for a newer librdkafka
         */

        if (strstr(text, "SSL routines") == NULL
            && strstr(text, "SSL alert") == NULL
            && strstr(text, "SSL handshake failed") == NULL)
        {
            return NGX_DECLINED;
        }

        ngx_kafka_sse_complaint_connection(client, ngx_kafka_sse_denial_tls,
                                           text);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:

        if (topic == NULL) {

            if (ngx_kafka_sse_complaint_named(text, name) != NGX_OK) {
                break;
            }

            topic = (char *) name;
        }

        ngx_kafka_sse_complaint_topic(client, topic, text);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        ngx_kafka_sse_complaint_group(client);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        break;

    default:
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn(what, (u_char *) client->role, sizeof(what));
    (void) ngx_cpystrn(reason, (u_char *) text, sizeof(reason));

    ngx_kafka_sse_denied(client->denials, client->bit,
                         ngx_kafka_sse_denial_authorization, what, reason,
                         "trying goes on", 1);

    return NGX_OK;
}


static void
ngx_kafka_sse_complaint_connection(ngx_kafka_sse_client_t *client,
    ngx_kafka_sse_denial_e kind, const char *text)
{
    char                           *next;
    char                            mechanism[64], protocol[64];
    ngx_uint_t                      n;
    ngx_kafka_sse_complaint_text_t  broker, what, rest, reason, who;

    n = ngx_kafka_sse_complaint_split(text, broker, rest);

    if (broker[0]) {
        (void) ngx_snprintf(what, sizeof(what), "broker %s%Z", broker);

    } else {
        (void) ngx_cpystrn(what, (u_char *) "OAUTHBEARER token", sizeof(what));
    }

    next = NGX_KAFKA_SSE_COMPLAINT_CONNECT;

    if (kind == ngx_kafka_sse_denial_tls) {

        if (client->certificate[0]) {
            (void) ngx_snprintf(reason, sizeof(reason),
                                "we do not accept its certificate: %s%Z",
                                client->certificate);
            client->certificate[0] = '\0';

        } else {
            ngx_kafka_sse_complaint_property(client, "security.protocol",
                                             protocol, sizeof(protocol));

            (void) ngx_snprintf(reason, sizeof(reason), "no TLS: %s%s%Z", rest,
                                (strstr((char *) rest, "alert")
                                 && ngx_strcmp(protocol, "ssl") == 0
                                 && !ngx_kafka_sse_security_has_certificate(
                                                           client->cluster))
                                ? "; it may want a certificate of ours, there "
                                  "is none" : "");
        }

    } else if (broker[0]) {
        ngx_kafka_sse_complaint_who(client, who);
        ngx_kafka_sse_complaint_property(client, "sasl.mechanism", mechanism,
                                         sizeof(mechanism));

        (void) ngx_snprintf(reason, sizeof(reason),
                            "it does not accept %s by %s: %s%s%Z", who,
                            mechanism, rest,
                            ngx_kafka_sse_complaint_hint(mechanism));

    } else {
        (void) ngx_cpystrn(reason, rest, sizeof(reason));
    }

    /* a text that was too long has lost its zero */

    reason[sizeof(reason) - 1] = '\0';
    what[sizeof(what) - 1] = '\0';

    ngx_kafka_sse_security_mask(client->cluster, reason);

    ngx_kafka_sse_denied(client->denials, client->bit, kind, what, reason,
                         next, n);
}


/* an error of the group is of no partition, the topic is in its text */

static ngx_int_t
ngx_kafka_sse_complaint_named(const char *text, u_char *name)
{
    char  *end;

    if (ngx_strncmp(text, NGX_KAFKA_SSE_COMPLAINT_SUBSCRIBED,
                    sizeof(NGX_KAFKA_SSE_COMPLAINT_SUBSCRIBED) - 1)
        != 0)
    {
        return NGX_DECLINED;
    }

    text += sizeof(NGX_KAFKA_SSE_COMPLAINT_SUBSCRIBED) - 1;
    end = strchr(text, ':');

    if (end == NULL || end - text >= NGX_KAFKA_SSE_DENIAL_TEXT) {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn(name, (u_char *) text, end - text + 1);

    return NGX_OK;
}


/*
 * librdkafka names no operation, but what it was doing.  Its metadata needs
 * Describe, which Read implies.
 */

static void
ngx_kafka_sse_complaint_topic(ngx_kafka_sse_client_t *client,
    const char *topic, const char *text)
{
    char                            *operation;
    ngx_kafka_sse_complaint_text_t   what, reason, who;

    operation = (strstr(text, "not available") || strstr(text, "metadata")
                 || strstr(text, "query"))
                ? "Describe and Read" : "Read";

    ngx_kafka_sse_complaint_who(client, who);

    (void) ngx_snprintf(what, sizeof(what), "topic \"%s\"%Z", topic);
    (void) ngx_snprintf(reason, sizeof(reason),
                        "%s needs %s on topic \"%s\"%Z", who, operation,
                        topic);

    what[sizeof(what) - 1] = '\0';
    reason[sizeof(reason) - 1] = '\0';

    ngx_kafka_sse_denied(client->denials, client->bit,
                         ngx_kafka_sse_denial_authorization, what, reason,
                         "waiting for it, other topics go on", 1);
}


static void
ngx_kafka_sse_complaint_group(ngx_kafka_sse_client_t *client)
{
    ngx_kafka_sse_complaint_text_t  what, reason, who;

    ngx_kafka_sse_complaint_who(client, who);

    (void) ngx_snprintf(what, sizeof(what), "group \"%V\"%Z",
                        &client->cluster->group_id);
    (void) ngx_snprintf(reason, sizeof(reason),
                        "%s needs Read on group \"%V\"%Z", who,
                        &client->cluster->group_id);

    what[sizeof(what) - 1] = '\0';
    reason[sizeof(reason) - 1] = '\0';

    ngx_kafka_sse_denied(client->denials, client->bit,
                         ngx_kafka_sse_denial_authorization, what, reason,
                         "waiting for it, this node reads Kafka for itself and "
                         "publishes nothing", 1);
}


/*
 * "sasl_ssl://host:port/bootstrap: reason (after 5ms in state AUTH_REQ, 7
 * identical error(s) suppressed)", or "GroupCoordinator: host:port: ...".
 * Without a broker it is empty.  Returns how many errors it stands for:
 * librdkafka reports the same one of a broker each 30 s only, and counts the
 * one it has reported, too.
 */

static ngx_uint_t
ngx_kafka_sse_complaint_split(const char *text, u_char *broker, u_char *rest)
{
    int          n;
    char        *after, *p, *end;
    ngx_uint_t   count;
    const char  *name;

    *broker = '\0';
    count = 1;

    name = strstr(text, "://");

    if (name) {
        name += sizeof("://") - 1;
        end = strchr(name, '/');

    } else if (ngx_strncmp(text, "GroupCoordinator: ",
                           sizeof("GroupCoordinator: ") - 1) == 0)
    {
        name = text + sizeof("GroupCoordinator: ") - 1;
        end = strstr(name, ": ");

    } else {
        end = NULL;
    }

    p = end ? strstr(end, ": ") : NULL;

    if (p && end - name < NGX_KAFKA_SSE_DENIAL_TEXT) {
        (void) ngx_cpystrn(broker, (u_char *) name, end - name + 1);
        text = p + sizeof(": ") - 1;
    }

    (void) ngx_cpystrn(rest, (u_char *) text, NGX_KAFKA_SSE_DENIAL_TEXT);

    after = NULL;

    for (p = strstr((char *) rest, " (after "); p;
         p = strstr(p + 1, " (after "))
    {
        after = p;
    }

    if (after == NULL) {
        return count;
    }

    p = strchr(after, ',');

    if (p) {
        n = atoi(p + 1);
        count = ngx_max(n, 1);
    }

    *after = '\0';

    return count;
}


static void
ngx_kafka_sse_complaint_who(ngx_kafka_sse_client_t *client, u_char *who)
{
    char    user[128], mechanism[64], protocol[64];
    size_t  size;

    size = NGX_KAFKA_SSE_DENIAL_TEXT;

    ngx_kafka_sse_complaint_property(client, "security.protocol", protocol,
                                     sizeof(protocol));
    ngx_kafka_sse_complaint_property(client, "sasl.mechanism", mechanism,
                                     sizeof(mechanism));
    ngx_kafka_sse_complaint_property(client, "sasl.username", user,
                                     sizeof(user));

    if (ngx_strncmp(protocol, "sasl", 4) != 0) {
        (void) ngx_cpystrn(who, (u_char *) (ngx_strcmp(protocol, "ssl") == 0
                                            ? "the user of our certificate"
                                            : "an anonymous user"), size);

    } else if (ngx_strcmp(mechanism, "OAUTHBEARER") == 0) {
        (void) ngx_cpystrn(who, (u_char *) "the user of our token", size);

    } else if (user[0]) {
        (void) ngx_snprintf(who, size, "user \"%s\"%Z", user);

    } else {
        (void) ngx_cpystrn(who, (u_char *) "our principal", size);
    }
}


static void
ngx_kafka_sse_complaint_property(ngx_kafka_sse_client_t *client, char *name,
    char *value, size_t size)
{
    size_t                  len;
    const rd_kafka_conf_t  *conf;

    conf = rd_kafka_conf(client->rk);
    len = size;

    if (rd_kafka_conf_get(conf, name, value, &len) != RD_KAFKA_CONF_OK) {
        *value = '\0';
    }

    value[size - 1] = '\0';
}


static char *
ngx_kafka_sse_complaint_hint(char *mechanism)
{
    if (ngx_strncmp(mechanism, "SCRAM", 5) == 0
        && rd_kafka_version() < NGX_KAFKA_SSE_COMPLAINT_SCRAM)
    {
        return "; librdkafka before 2.6.1, as this one, fails so with the "
               "right password, too, if Kafka is 4.0 or later";
    }

    return "";
}


/*
 * "...: Certificate (subject=..., issuer=...) verification callback failed:
 * reason"; what the error that follows says is the same whatever the reason is
 */

ngx_int_t
ngx_kafka_sse_complaint_log(ngx_kafka_sse_client_t *client, const char *fac,
    const char *text)
{
    u_char      *p;
    const char  *names, *reason, *end;

    if (ngx_strcmp(fac, "SSLCERTVRFY") != 0) {
        return NGX_DECLINED;
    }

    names = strstr(text, "(subject=");
    reason = strstr(text, "callback failed: ");

    if (names == NULL || reason == NULL || reason < names) {
        return NGX_DECLINED;
    }

    reason += sizeof("callback failed: ") - 1;
    end = strstr(names, ") verification");

    p = ngx_snprintf(client->certificate, sizeof(client->certificate) - 1,
                     "%s %*s)", reason, end ? (size_t) (end - names) : 0,
                     names);
    *p = '\0';

    return NGX_OK;
}


void
ngx_kafka_sse_complaint_stats(ngx_kafka_sse_client_t *client,
    const char *stats)
{
    json_t        *root, *broker;
    const char    *key, *state, *name;
    json_error_t   err;

    root = json_loads(stats, 0, &err);
    if (root == NULL) {
        return;
    }

    json_object_foreach(json_object_get(root, "brokers"), key, broker) {

        state = json_string_value(json_object_get(broker, "state"));
        name = json_string_value(json_object_get(broker, "nodename"));

        if (state == NULL || name == NULL
            || (ngx_strcmp(state, "UP") != 0
                && ngx_strcmp(state, "UPDATE") != 0))
        {
            continue;
        }

        ngx_kafka_sse_denial_connected(client->denials, client->bit, name,
                  json_integer_value(json_object_get(broker, "stateage"))
                  / 1000);
    }

    json_decref(root);
}


void
ngx_kafka_sse_complaint_allowed(ngx_kafka_sse_client_t *client,
    ngx_str_t *topic)
{
    ngx_kafka_sse_complaint_text_t  what;

    (void) ngx_snprintf(what, sizeof(what), "%s \"%V\"%Z",
                        topic ? "topic" : "group",
                        topic ? topic : &client->cluster->group_id);

    what[sizeof(what) - 1] = '\0';

    ngx_kafka_sse_denial_over(client->denials, client->bit,
                              ngx_kafka_sse_denial_authorization, what);
}
