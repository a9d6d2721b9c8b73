
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_JWT_H_INCLUDED_
#define _NGX_KAFKA_SSE_JWT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_conf.h>
#include <worker/ngx_kafka_sse_keyring.h>


/*
 * What a location asks of a token: kafka_sse_jwt and the directives with this
 * prefix, each inherited on its own.
 */

typedef struct {
    ngx_str_t                    claim;
    ngx_http_complex_value_t     value;
} ngx_kafka_sse_jwt_require_t;


typedef struct {
    ngx_str_t                    realm;     /* as in quotes; data NULL: unset,
                                               len 0: off */
    ngx_http_complex_value_t    *token;     /* NULL: Authorization, cookie */
    ngx_str_t                    file;      /* where kafka_sse_jwt stands */
    ngx_uint_t                   line;
    ngx_str_t                    key_file;  /* absolute; len 0: none */
    ngx_uint_t                   algs;      /* 1 << ngx_kafka_sse_alg_e; 0:
                                               none */
    ngx_array_t                 *require;   /* ngx_kafka_sse_jwt_require_t;
                                               NULL: nothing */
    ngx_msec_t                   leeway;
    ngx_kafka_sse_keyring_t     *ring;      /* the main configuration's; NULL:
                                               no token can be good here */
} ngx_kafka_sse_jwt_conf_t;


#define ngx_kafka_sse_jwt_is_on(jwt)  ((jwt)->realm.len != 0)


/* parsers; the offset of the directive is that of the struct */

char *ngx_kafka_sse_jwt_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_kafka_sse_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_sse_jwt_leeway(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

void ngx_kafka_sse_jwt_init(ngx_kafka_sse_jwt_conf_t *jwt);

/*
 * Merges, and finds the keyring; is_used: requests of this location are refused
 * without a good token, so it has to have one.  The realm of a level above is
 * no reason for an error where nothing of ours is served.
 */

char *ngx_kafka_sse_jwt_merge(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_jwt_conf_t *prev, ngx_kafka_sse_jwt_conf_t *conf,
    ngx_uint_t is_used);


#endif /* _NGX_KAFKA_SSE_JWT_H_INCLUDED_ */
