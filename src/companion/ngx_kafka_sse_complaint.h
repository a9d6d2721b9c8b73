
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_COMPLAINT_H_INCLUDED_
#define _NGX_KAFKA_SSE_COMPLAINT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_client.h>
#include <companion/ngx_kafka_sse_denial.h>


/*
 * Understands what librdkafka says of a connection that Kafka or we refuse,
 * and of what there is no ACL for: these become denials.
 */

/*
 * An error of a client: NGX_OK if it is a denial, which is said and counted
 * now; else NGX_DECLINED.  topic is the one that the error names, or NULL.
 */

ngx_int_t ngx_kafka_sse_complaint_error(ngx_kafka_sse_client_t *client,
    rd_kafka_resp_err_t code, const char *text, const char *topic);

/* a line of its log: NGX_OK if it is the reason of an error that follows */

ngx_int_t ngx_kafka_sse_complaint_log(ngx_kafka_sse_client_t *client,
    const char *fac, const char *text);

/* its statistics show which brokers it is connected to: for the first two */

void ngx_kafka_sse_complaint_stats(ngx_kafka_sse_client_t *client,
    const char *stats);

/* there was something of the topic, or of the group (NULL): it is allowed */

void ngx_kafka_sse_complaint_allowed(ngx_kafka_sse_client_t *client,
    ngx_str_t *topic);

/* whether the client has no connection as it is denied one */

#define ngx_kafka_sse_complaint_no_connection(client)                         \
    ((client)->denials->connections & (client)->bit)

/* cheap: for each record */

#define ngx_kafka_sse_complaint_no_topic(client)                              \
    ((client)->denials->authorizations & (client)->bit)


#endif /* _NGX_KAFKA_SSE_COMPLAINT_H_INCLUDED_ */
