
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_CONF_H_INCLUDED_
#define _NGX_KAFKA_SSE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The part of the configuration that both floors read: which topics of which
 * clusters, and where Redis is.  Everything is in cf->pool and constant once
 * the configuration is read.
 */

#define NGX_KAFKA_SSE_TOPIC_NAME_MAX  249    /* bytes, Kafka's own limit */


typedef struct ngx_kafka_sse_cluster_s  ngx_kafka_sse_cluster_t;


/*
 * Where a location names its topics by variables or regular expressions, they
 * are known only while we run.  Its cluster has vacant topics for them: each
 * process gives them their names, in its own memory, in the order in which it
 * hears of them; what they are between processes is their row in the shared
 * table, which is found by name.  A name once given stays.
 */

typedef struct {
    ngx_str_t                    name;         /* Kafka's, zero-terminated;
                                                  len 0: vacant */
    ngx_kafka_sse_cluster_t     *cluster;
    ngx_array_t                 *paths;        /* ngx_kafka_sse_path_t *, what
                                                  filters want of its records;
                                                  NULL: nothing */
    ngx_uint_t                   is_dynamic;   /* it is, or was, vacant */
} ngx_kafka_sse_topic_t;


struct ngx_kafka_sse_cluster_s {
    ngx_str_t                    name;         /* in the configuration */
    ngx_str_t                    brokers;      /* "host:port,host:port" */
    ngx_str_t                    group_id;
    ngx_array_t                  properties;   /* of ngx_keyval_t, librdkafka's,
                                                  zero-terminated, checked */
    ngx_array_t                  topics;       /* of ngx_kafka_sse_topic_t * */
    ngx_array_t                 *patterns;     /* of ngx_regex_t *, of
                                                  locations; NULL: none */
    ngx_uint_t                   dynamic;      /* dynamic_topics: that many are
                                                  vacant, if a location has
                                                  use for them */
    ngx_uint_t                   is_dynamic;   /* it has */
    ngx_str_t                    file;         /* where it is configured */
    ngx_uint_t                   line;
    struct ngx_kafka_sse_denials_s  *denials;  /* the companion's, NULL in other
                                                  processes */
};


typedef struct {
    ngx_str_t                    name;         /* "host:port", "unix:path" */
    ngx_str_t                    host;         /* without brackets */
    in_port_t                    port;         /* 0: a unix socket */
    ngx_addr_t                  *addrs;        /* when this was read */
    ngx_uint_t                   naddrs;
} ngx_kafka_sse_redis_server_t;


typedef struct {
    ngx_str_t                    name;         /* for the log, no password */
    ngx_array_t                  servers;      /* ngx_kafka_sse_redis_server_t:
                                                  a Redis, some of a cluster,
                                                  or Sentinels */
    ngx_str_t                    user;         /* len 0: none */
    ngx_str_t                    password;     /* len 0: none */
    ngx_uint_t                   db;
    ngx_str_t                    prefix;       /* of the channels */
    ngx_str_t                    sentinel;     /* the master's name for the
                                                  Sentinels; len 0: none */
    ngx_str_t                    sentinel_password;
    ngx_uint_t                   tls;          /* rediss:// */
    ngx_str_t                    ca;           /* files; len 0: the system's */
    ngx_str_t                    certificate;  /* len 0: none, as key */
    ngx_str_t                    key;
    ngx_str_t                    expected;     /* the certificates' name; len
                                                  0: the host connected to */
    ngx_ssl_t                   *ssl;          /* if tls */
    ngx_uint_t                   off;          /* no Redis, no other field */
} ngx_kafka_sse_redis_conf_t;


/* what a node that starts reads of each partition's past */

typedef struct {
    ngx_uint_t                   records;
    size_t                       bytes;        /* as they are in the ring, or
                                                  NGX_CONF_UNSET_SIZE */
    ngx_msec_t                   age;
} ngx_kafka_sse_history_conf_t;


typedef struct {
    ngx_array_t                  clusters;     /* ngx_kafka_sse_cluster_t * */
    ngx_array_t                  topics;       /* ngx_kafka_sse_topic_t * */
    ngx_array_t                  locations;    /* ngx_kafka_sse_loc_conf_t * */
    ngx_array_t                  keyrings;     /* ngx_kafka_sse_keyring_t * */
    ngx_array_t                  secret_args;  /* of ngx_str_t: arguments that
                                                  may hold a token */
    ngx_cycle_t                 *cycle;        /* that this belongs to */
    ngx_kafka_sse_redis_conf_t  *redis;        /* NULL: not yet said */
    ngx_shm_zone_t              *ring_zone;
    ngx_shm_zone_t              *node_zone;
    ngx_str_t                    ring_name;
    ssize_t                      ring_size;
    ngx_kafka_sse_history_conf_t history;
    ngx_msec_t                   drain;
    size_t                       backlog;      /* bytes of a worker's logs */
    ngx_uint_t                   cloudevents;  /* some location wants JSON
                                                  records recognized */
} ngx_kafka_sse_main_conf_t;


/*
 * Finds the topic, or adds it to the configuration and its cluster.  NULL if
 * there is no memory.
 */

ngx_kafka_sse_topic_t *ngx_kafka_sse_conf_topic(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster,
    ngx_str_t *name);

/*
 * Makes the cluster's vacant topics, once; further calls do nothing.
 * NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_conf_vacant(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_cluster_t *cluster);

/* how many of them have a name by now, in this process */

ngx_uint_t ngx_kafka_sse_conf_taken(ngx_kafka_sse_cluster_t *cluster);

/*
 * While we run: the cluster's topic of this name, which is Kafka's and valid;
 * _take() gives it to a vacant one if there is none.  NULL: there is none, or
 * none is vacant.
 */

ngx_kafka_sse_topic_t *ngx_kafka_sse_conf_find(
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name);
ngx_kafka_sse_topic_t *ngx_kafka_sse_conf_take(
    ngx_kafka_sse_cluster_t *cluster, ngx_str_t *name);

/* whether Kafka can have a topic of this name: its own rule and length */

ngx_uint_t ngx_kafka_sse_conf_is_topic(ngx_str_t *name);

#define ngx_kafka_sse_conf_is_topic_char(c)                                   \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '.' || (c) == '_' || (c) == '-')

/* the cluster of this name, or NULL */

ngx_kafka_sse_cluster_t *ngx_kafka_sse_conf_cluster(
    ngx_kafka_sse_main_conf_t *kmcf, ngx_str_t *name);

/* parses a time in ms; one that is not is logged with its value */

ngx_int_t ngx_kafka_sse_conf_msec(ngx_conf_t *cf, ngx_str_t *value,
    ngx_msec_t *msec);

/* kafka_sse_drain time */

char *ngx_kafka_sse_conf_drain(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * A number that says what a cluster's group member subscribes to, and where;
 * and one for all clusters, 0 where there are no members, as Redis is off.  The
 * order of topics does not matter.
 */

uint32_t ngx_kafka_sse_conf_subscription(ngx_kafka_sse_cluster_t *cluster);
uint32_t ngx_kafka_sse_conf_subscriptions(ngx_kafka_sse_main_conf_t *kmcf);


#endif /* _NGX_KAFKA_SSE_CONF_H_INCLUDED_ */
