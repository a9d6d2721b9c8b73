
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_NAMING_H_INCLUDED_
#define _NGX_KAFKA_SSE_NAMING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <worker/ngx_kafka_sse_filter_conf.h>


/*
 * kafka_sse and kafka_sse_allow: how a location names its topics.  Some are
 * known with the configuration; those that requests name by variables, and
 * those that a regular expression finds, while we run only.
 */

#define NGX_KAFKA_SSE_NAMING_TOPICS  16     /* topics=, by default */


/* a topic as the clients of a location know it */

typedef struct {
    ngx_str_t                   public;     /* its name on the wire */
    ngx_str_t                   name;       /* its name in Kafka */
    ngx_kafka_sse_topic_t      *topic;      /* set when all is read */
} ngx_kafka_sse_public_topic_t;


/* an argument with variables */

typedef struct {
    ngx_http_complex_value_t    value;
    ngx_uint_t                  is_list;    /* it is one variable: its value
                                               may have ",", see _word.h */
} ngx_kafka_sse_naming_name_t;


/* kafka_sse_allow: one template */

typedef struct {
    ngx_array_t                 parts;      /* ngx_kafka_sse_grant_part_t */
    ngx_http_complex_value_t   *values;     /* as many, those of variables are
                                               set */
} ngx_kafka_sse_naming_template_t;


typedef struct {
    ngx_array_t                *topics;     /* ngx_kafka_sse_public_topic_t, of
                                               which the names are known;
                                               NULL: no kafka_sse here */
    ngx_array_t                *names;      /* ngx_kafka_sse_naming_name_t;
                                               NULL: no variables */
    ngx_array_t                *patterns;   /* ngx_regex_t *; NULL: none */
    ngx_array_t                *allow;      /* ngx_kafka_sse_naming_template_t;
                                               NULL: no kafka_sse_allow */
    ngx_uint_t                  max;        /* topics of one stream */
    ngx_kafka_sse_cluster_t    *cluster;    /* set when all is read */
    ngx_str_t                   cluster_name;  /* len 0: the only one */
    ngx_str_t                   file;       /* where kafka_sse stands */
    ngx_uint_t                  line;
    ngx_uint_t                  is_told;    /* that there are too many topics;
                                               the process's own */
} ngx_kafka_sse_naming_t;


/* whether topics have to be found for each request */

#define ngx_kafka_sse_naming_is_dynamic(naming)                               \
    ((naming)->names || (naming)->patterns)


/* parsers of the directives; cmd->offset is that of the naming */

char *ngx_kafka_sse_naming_topics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_naming_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Once the whole configuration is read: finds the cluster that kafka_sse means,
 * and enters the topics, or that it needs vacant ones.  Logs what is wrong.
 */

ngx_int_t ngx_kafka_sse_naming_resolve(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_naming_t *naming);

/*
 * Once all locations have entered their topics: what the filters of this one
 * want goes to all that it may name.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_naming_paths(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_kafka_sse_filter_conf_t *filter);

/* the arguments that it names may be sent, see filter_conf.h */

ngx_int_t ngx_kafka_sse_naming_know(ngx_conf_t *cf,
    ngx_kafka_sse_naming_t *naming, ngx_kafka_sse_filter_conf_t *filter);


/* whether one of these ngx_regex_t * finds the topic; NULL: none does */

ngx_uint_t ngx_kafka_sse_naming_matches(ngx_array_t *patterns,
    ngx_str_t *name);


#endif /* _NGX_KAFKA_SSE_NAMING_H_INCLUDED_ */
