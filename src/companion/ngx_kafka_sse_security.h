
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_SECURITY_H_INCLUDED_
#define _NGX_KAFKA_SSE_SECURITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_conf.h>


/*
 * A cluster's properties that are about TLS and SASL: whether they go
 * together, which of them are secrets, and what they want of a client.
 */

struct rd_kafka_conf_s;


/*
 * For "nginx -t", with all properties of the cluster: mechanism, name and
 * password, certificates and keys, as far as that can be told without Kafka.
 * NGX_ERROR after logging what is wrong.
 */

ngx_int_t ngx_kafka_sse_security_check(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster);

/* whether the value of this property is nobody's business */

ngx_uint_t ngx_kafka_sse_security_is_secret(ngx_str_t *name);

/* 1: the property is the path of a file or directory that librdkafka opens */

ngx_uint_t ngx_kafka_sse_security_is_path(ngx_str_t *name, ngx_str_t *value);

/* whether the cluster's clients have a certificate of their own */

ngx_uint_t ngx_kafka_sse_security_has_certificate(
    ngx_kafka_sse_cluster_t *cluster);

/* covers the cluster's secrets in a text, with '*' */

void ngx_kafka_sse_security_mask(ngx_kafka_sse_cluster_t *cluster,
    u_char *text);

/*
 * Before the client is made: what TLS wants of it, and OAUTHBEARER.  1: it
 * wants rd_kafka_sasl_background_callbacks_enable() afterwards.
 */

ngx_uint_t ngx_kafka_sse_security_prepare(struct rd_kafka_conf_s *conf);


#endif /* _NGX_KAFKA_SSE_SECURITY_H_INCLUDED_ */
