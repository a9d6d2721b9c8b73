
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_jwt.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_safe_uri.h>
#include <worker/ngx_kafka_sse_word.h>


#define NGX_KAFKA_SSE_JWT_LEEWAY  (24 * 60 * 60 * 1000)    /* ms */


static ngx_int_t ngx_kafka_sse_jwt_realm(ngx_conf_t *cf,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_str_t *value);
static ngx_int_t ngx_kafka_sse_jwt_token(ngx_conf_t *cf,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_str_t *value);
static ngx_kafka_sse_keyring_t *ngx_kafka_sse_jwt_ring(ngx_conf_t *cf,
    ngx_kafka_sse_main_conf_t *kmcf, ngx_kafka_sse_jwt_conf_t *jwt);
static void ngx_kafka_sse_jwt_cleanup(void *data);


/* kafka_sse_jwt realm [token=$variable] | off */

char *
ngx_kafka_sse_jwt_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                 *value;
    ngx_kafka_sse_jwt_conf_t  *jwt;

    jwt = (ngx_kafka_sse_jwt_conf_t *) (p + cmd->offset);

    if (jwt->realm.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    jwt->token = NULL;
    jwt->file = cf->conf_file->file.name;
    jwt->line = cf->conf_file->line;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts == 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        ngx_str_set(&jwt->realm, "");
        return NGX_CONF_OK;
    }

    if (ngx_kafka_sse_jwt_realm(cf, jwt, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3
        && ngx_kafka_sse_jwt_token(cf, jwt, &value[2]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* it goes into a header as a quoted-string (RFC 9110, 5.6.4) */

static ngx_int_t
ngx_kafka_sse_jwt_realm(ngx_conf_t *cf, ngx_kafka_sse_jwt_conf_t *jwt,
    ngx_str_t *value)
{
    u_char  *p, *dst, *last;

    last = value->data + value->len;

    dst = ngx_pnalloc(cf->pool, value->len * 2 + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    jwt->realm.data = dst;

    for (p = value->data; p < last; p++) {

        if (*p < ' ' || *p == 0x7f) {
            break;
        }

        if (*p == '"' || *p == '\\') {
            *dst++ = '\\';
        }

        *dst++ = *p;
    }

    if (p < last || value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid realm \"%V\", it must be text without "
                           "control characters, or \"off\"", value);
        return NGX_ERROR;
    }

    jwt->realm.len = dst - jwt->realm.data;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_jwt_token(ngx_conf_t *cf, ngx_kafka_sse_jwt_conf_t *jwt,
    ngx_str_t *value)
{
    ngx_str_t                   s;
    ngx_kafka_sse_main_conf_t  *kmcf;

    s.data = value->data + 6;
    s.len = value->len - ngx_min(value->len, 6);

    if (ngx_strncmp(value->data, "token=", 6) != 0
        || ngx_strlchr(s.data, s.data + s.len, '$') == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be \"token=\" "
                           "with a variable", value);
        return NGX_ERROR;
    }

    jwt->token = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (jwt->token == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_word_compile(cf, &s, jwt->token) != NGX_OK) {
        return NGX_ERROR;
    }

    /* from now on no log may show these arguments */

    kmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_sse_module);

    return ngx_kafka_sse_safe_uri_args(&kmcf->secret_args, &s);
}


/* kafka_sse_jwt_key_file file */

char *
ngx_kafka_sse_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                 *value;
    ngx_kafka_sse_jwt_conf_t  *jwt;

    jwt = (ngx_kafka_sse_jwt_conf_t *) (p + cmd->offset);

    if (jwt->key_file.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid file \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    jwt->key_file = value[1];

    if (ngx_conf_full_name(cf->cycle, &jwt->key_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* kafka_sse_jwt_alg name ... */

char *
ngx_kafka_sse_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t                  alg;
    ngx_str_t                 *value;
    ngx_uint_t                 i, bit, secret;
    ngx_kafka_sse_jwt_conf_t  *jwt;

    jwt = (ngx_kafka_sse_jwt_conf_t *) (p + cmd->offset);

    if (jwt->algs) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        alg = ngx_kafka_sse_token_alg(&value[i]);

        if (alg == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\", it must be HS, RS, "
                               "PS or ES with 256, 384 or 512, or EdDSA",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        bit = (ngx_uint_t) 1 << alg;

        if (!(ngx_kafka_sse_keyring_can() & bit)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "algorithm \"%V\" cannot be verified by the "
                               "libraries of this system", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (jwt->algs & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate algorithm \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        /*
         * Who takes a public key for a secret lets everybody sign, so nothing
         * here depends on telling them apart
         */

        secret = bit & NGX_KAFKA_SSE_KEY_HS;

        if (jwt->algs && !secret != !(jwt->algs & NGX_KAFKA_SSE_KEY_HS)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "algorithm \"%V\" cannot be together with "
                               "\"%V\": a secret and public keys are for "
                               "different locations", &value[i], &value[1]);
            return NGX_CONF_ERROR;
        }

        jwt->algs |= bit;
    }

    return NGX_CONF_OK;
}


/* kafka_sse_jwt_require claim=value ... */

char *
ngx_kafka_sse_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    u_char                       *q, *last;
    ngx_str_t                    *value, s;
    ngx_uint_t                    i;
    ngx_kafka_sse_jwt_conf_t     *jwt;
    ngx_kafka_sse_jwt_require_t  *require;

    jwt = (ngx_kafka_sse_jwt_conf_t *) (p + cmd->offset);

    if (jwt->require == NGX_CONF_UNSET_PTR) {
        jwt->require = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_kafka_sse_jwt_require_t));
        if (jwt->require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        last = value[i].data + value[i].len;
        q = ngx_strlchr(value[i].data, last, '=');

        if (q == NULL || q == value[i].data || q + 1 == last) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be the name "
                               "of a claim, \"=\" and a value", &value[i]);
            return NGX_CONF_ERROR;
        }

        require = ngx_array_push(jwt->require);
        if (require == NULL) {
            return NGX_CONF_ERROR;
        }

        require->claim.data = value[i].data;
        require->claim.len = q - value[i].data;

        s.data = q + 1;
        s.len = last - s.data;

        if (ngx_kafka_sse_word_compile(cf, &s, &require->value) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* kafka_sse_jwt_leeway time */

char *
ngx_kafka_sse_jwt_leeway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                 *value;
    ngx_kafka_sse_jwt_conf_t  *jwt;

    jwt = (ngx_kafka_sse_jwt_conf_t *) (p + cmd->offset);

    if (jwt->leeway != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_sse_conf_msec(cf, &value[1], &jwt->leeway) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (jwt->leeway > NGX_KAFKA_SSE_JWT_LEEWAY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\", clocks do not differ by more "
                           "than a day", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_kafka_sse_jwt_init(ngx_kafka_sse_jwt_conf_t *jwt)
{
    /*
     * set by ngx_pcalloc():
     *
     *     jwt->realm = { 0, NULL };
     *     jwt->token = NULL;
     *     jwt->key_file = { 0, NULL };
     *     jwt->algs = 0;
     *     jwt->ring = NULL;
     */

    jwt->require = NGX_CONF_UNSET_PTR;
    jwt->leeway = NGX_CONF_UNSET_MSEC;
}


char *
ngx_kafka_sse_jwt_merge(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_jwt_conf_t *prev, ngx_kafka_sse_jwt_conf_t *conf,
    ngx_uint_t is_used)
{
    if (conf->realm.data == NULL) {
        conf->realm = prev->realm;
        conf->token = prev->token;
        conf->file = prev->file;
        conf->line = prev->line;
    }

    if (conf->realm.data == NULL) {
        ngx_str_set(&conf->realm, "");
    }

    ngx_conf_merge_str_value(conf->key_file, prev->key_file, "");
    ngx_conf_merge_bitmask_value(conf->algs, prev->algs, 0);
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_msec_value(conf->leeway, prev->leeway, 0);

    if (!ngx_kafka_sse_jwt_is_on(conf)) {
        return NGX_CONF_OK;
    }

    if (conf->key_file.len && conf->algs) {
        conf->ring = ngx_kafka_sse_jwt_ring(cf, kmcf, conf);
        return conf->ring ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (is_used) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"kafka_sse_jwt\" needs \"%s\" in each location that "
                      "it is for in %V:%ui",
                      conf->algs ? "kafka_sse_jwt_key_file"
                                 : "kafka_sse_jwt_alg",
                      &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* one for each file and set of algs, however many locations name them */

static ngx_kafka_sse_keyring_t *
ngx_kafka_sse_jwt_ring(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_jwt_conf_t *jwt)
{
    ngx_uint_t                 i;
    ngx_pool_cleanup_t        *cln;
    ngx_kafka_sse_keyring_t   *ring, **rings;

    rings = kmcf->keyrings.elts;

    for (i = 0; i < kmcf->keyrings.nelts; i++) {
        if (rings[i]->algs == jwt->algs
            && rings[i]->file.len == jwt->key_file.len
            && ngx_memcmp(rings[i]->file.data, jwt->key_file.data,
                          jwt->key_file.len)
               == 0)
        {
            return rings[i];
        }
    }

    ring = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_sse_keyring_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    rings = ngx_array_push(&kmcf->keyrings);

    if (ring == NULL || cln == NULL || rings == NULL) {
        return NULL;
    }

    ring->file = jwt->key_file;
    ring->algs = jwt->algs;

    cln->handler = ngx_kafka_sse_jwt_cleanup;
    cln->data = ring;

    *rings = ring;

    return (ngx_kafka_sse_keyring_open(ring, cf->log) == NGX_OK) ? ring : NULL;
}


static void
ngx_kafka_sse_jwt_cleanup(void *data)
{
    ngx_kafka_sse_keyring_t *ring = data;

    ngx_kafka_sse_keyring_free(ring->keys, ring->nkeys);
}
