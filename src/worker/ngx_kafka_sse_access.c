
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_bearer.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_refusal.h>


#define NGX_KAFKA_SSE_ACCESS_POOL    4096


/*
 * What has become of the request's token, by the rules of one location: in
 * r->main->pool, as long as the request.
 */

typedef struct ngx_kafka_sse_access_s  ngx_kafka_sse_access_t;

struct ngx_kafka_sse_access_s {
    ngx_kafka_sse_jwt_conf_t    *jwt;       /* these rules */
    ngx_kafka_sse_claims_t      *claims;    /* NULL: rc is not NGX_OK */
    ngx_int_t                    rc;        /* NGX_OK, NGX_DECLINED: there is
                                               no token, 401, 403, NGX_ERROR */
    ngx_table_elt_t             *challenge; /* WWW-Authenticate, or NULL */
    ngx_kafka_sse_access_t      *next;
};


static ngx_kafka_sse_access_t *ngx_kafka_sse_access_good(
    ngx_http_request_t *r);
static ngx_kafka_sse_access_t *ngx_kafka_sse_access_get(ngx_http_request_t *r,
    ngx_kafka_sse_jwt_conf_t *jwt);
static ngx_kafka_sse_access_t **ngx_kafka_sse_access_kept(
    ngx_http_request_t *r);
static void ngx_kafka_sse_access_cleanup(void *data);
static void ngx_kafka_sse_access_verify(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access);
static ngx_int_t ngx_kafka_sse_access_check(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access, ngx_str_t *text, ngx_pool_t *pool,
    char **reason);
static ngx_int_t ngx_kafka_sse_access_check_time(
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_kafka_sse_claims_t *claims,
    char **reason);
static ngx_int_t ngx_kafka_sse_access_check_required(ngx_http_request_t *r,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_kafka_sse_claims_t *claims,
    char **reason);
static ngx_kafka_sse_claims_t *ngx_kafka_sse_access_copy(ngx_pool_t *pool,
    ngx_kafka_sse_claims_t *claims);
static u_char *ngx_kafka_sse_access_copy_str(u_char *p, ngx_str_t *s);
static ngx_int_t ngx_kafka_sse_access_refuse(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access);
static ngx_int_t ngx_kafka_sse_access_challenge(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access, ngx_str_t *realm);
static ngx_uint_t ngx_kafka_sse_access_has_page(ngx_http_request_t *r,
    ngx_int_t status);


ngx_int_t
ngx_kafka_sse_access_handler(ngx_http_request_t *r)
{
    ngx_kafka_sse_access_t    *access;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (!ngx_kafka_sse_jwt_is_on(&klcf->jwt)
        || (klcf->naming.topics == NULL && !klcf->is_status))
    {
        return NGX_DECLINED;
    }

    access = ngx_kafka_sse_access_get(r, &klcf->jwt);

    if (access == NULL || access->rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (access->rc == NGX_OK) {
        return NGX_OK;
    }

    return ngx_kafka_sse_access_refuse(r, access);
}


void
ngx_kafka_sse_access_withdraw(ngx_http_request_t *r)
{
    ngx_kafka_sse_access_t  *access, **kept;

    kept = ngx_kafka_sse_access_kept(r);

    for (access = kept ? *kept : NULL; access; access = access->next) {
        if (access->challenge) {
            access->challenge->hash = 0;
            access->challenge = NULL;
        }
    }
}


ngx_kafka_sse_claims_t *
ngx_kafka_sse_access_claims(ngx_http_request_t *r)
{
    ngx_kafka_sse_access_t  *access;

    access = ngx_kafka_sse_access_good(r);

    return access ? access->claims : NULL;
}


/* what has claims, or NULL */

static ngx_kafka_sse_access_t *
ngx_kafka_sse_access_good(ngx_http_request_t *r)
{
    ngx_kafka_sse_access_t    *access, **kept;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (ngx_kafka_sse_jwt_is_on(&klcf->jwt)) {
        access = ngx_kafka_sse_access_get(r, &klcf->jwt);
        return (access && access->claims) ? access : NULL;
    }

    kept = ngx_kafka_sse_access_kept(r);

    for (access = kept ? *kept : NULL; access; access = access->next) {
        if (access->claims) {
            return access;
        }
    }

    return NULL;
}


ngx_int_t
ngx_kafka_sse_access_expires(ngx_http_request_t *r, int64_t *time)
{
    int64_t                    exp;
    ngx_int_t                  rc;
    ngx_kafka_sse_access_t    *access;
    ngx_kafka_sse_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    rc = ngx_kafka_sse_expiry_conf_get(r, &klcf->expiry, time);
    if (rc != NGX_OK) {
        return rc;
    }

    access = ngx_kafka_sse_access_good(r);

    if (access && access->claims->exp) {
        exp = access->claims->exp + access->jwt->leeway;
        *time = *time ? ngx_min(*time, exp) : exp;
    }

    return NGX_OK;
}


/*
 * What has been found out by the same rules, or is found out now.  NULL: no
 * memory.
 */

static ngx_kafka_sse_access_t *
ngx_kafka_sse_access_get(ngx_http_request_t *r, ngx_kafka_sse_jwt_conf_t *jwt)
{
    ngx_pool_cleanup_t      *cln;
    ngx_kafka_sse_access_t  *access, **kept;

    kept = ngx_kafka_sse_access_kept(r);

    if (kept == NULL) {
        cln = ngx_pool_cleanup_add(r->main->pool,
                                   sizeof(ngx_kafka_sse_access_t *));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_kafka_sse_access_cleanup;

        kept = cln->data;
        *kept = NULL;
    }

    for (access = *kept; access; access = access->next) {
        if (access->jwt->ring == jwt->ring
            && access->jwt->token == jwt->token
            && access->jwt->require == jwt->require
            && access->jwt->leeway == jwt->leeway)
        {
            return access;
        }
    }

    access = ngx_pcalloc(r->main->pool, sizeof(ngx_kafka_sse_access_t));
    if (access == NULL) {
        return NULL;
    }

    /* kept before it is known: token=$variable may ask for a claim itself */

    access->jwt = jwt;
    access->rc = NGX_DECLINED;
    access->next = *kept;
    *kept = access;

    ngx_kafka_sse_access_verify(r, access);

    return access;
}


/* as it is done in the realip module: the context of r is the stream's */

static ngx_kafka_sse_access_t **
ngx_kafka_sse_access_kept(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->main->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_kafka_sse_access_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_kafka_sse_access_cleanup(void *data)
{
    /* void: all is in the pool */
}


static void
ngx_kafka_sse_access_verify(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access)
{
    char        *reason;
    ngx_str_t    text;
    ngx_pool_t  *pool;

    reason = NULL;

    access->rc = ngx_kafka_sse_bearer_get(r, access->jwt, &text, &reason);

    if (access->rc == NGX_OK) {

        /* a stream may live for days: what is only needed now does not */

        pool = ngx_create_pool(NGX_KAFKA_SSE_ACCESS_POOL, r->connection->log);

        access->rc = pool ? ngx_kafka_sse_access_check(r, access, &text, pool,
                                                       &reason)
                          : NGX_ERROR;

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "kafka_sse access: %i", access->rc);

    if (access->rc > NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "kafka_sse: token refused: %s", reason);
    }
}


/* the cheapest first; what is in the token counts only when it is verified */

static ngx_int_t
ngx_kafka_sse_access_check(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access, ngx_str_t *text, ngx_pool_t *pool,
    char **reason)
{
    ngx_int_t                  rc;
    ngx_kafka_sse_token_t      token;
    ngx_kafka_sse_claims_t     claims;
    ngx_kafka_sse_jwt_conf_t  *jwt;

    jwt = access->jwt;

    if (jwt->ring == NULL) {
        *reason = "this location has no keys";
        return NGX_HTTP_UNAUTHORIZED;
    }

    rc = ngx_kafka_sse_token_parse(&token, pool, text, reason);

    if (rc == NGX_OK) {
        ngx_kafka_sse_keyring_look(jwt->ring, ngx_cycle->log);

        rc = ngx_kafka_sse_keyring_verify(jwt->ring, &token, reason,
                                          r->connection->log);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_claims_read(&claims, pool, &token.payload, reason);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_access_check_time(jwt, &claims, reason);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_access_check_required(r, jwt, &claims, reason);
    }

    if (rc == NGX_DECLINED) {
        return NGX_HTTP_UNAUTHORIZED;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    access->claims = ngx_kafka_sse_access_copy(r->main->pool, &claims);

    return access->claims ? NGX_OK : NGX_ERROR;
}


/* RFC 7519, 4.1: "on or after" exp and "before" nbf it is not good */

static ngx_int_t
ngx_kafka_sse_access_check_time(ngx_kafka_sse_jwt_conf_t *jwt,
    ngx_kafka_sse_claims_t *claims, char **reason)
{
    int64_t  now, leeway;

    now = ngx_kafka_sse_expiry_now();
    leeway = jwt->leeway;

    if (claims->exp && now >= claims->exp + leeway) {
        *reason = "it has expired";
        return NGX_DECLINED;
    }

    if (claims->nbf && now + leeway < claims->nbf) {
        *reason = "it is not valid yet";
        return NGX_DECLINED;
    }

    if (claims->iat && now + leeway < claims->iat) {
        *reason = "it was issued in the future";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * A token of another issuer, or for another audience, is no token here; without
 * another claim it is one, but not enough (RFC 6750, 3.1).
 */

static ngx_int_t
ngx_kafka_sse_access_check_required(ngx_http_request_t *r,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_kafka_sse_claims_t *claims,
    char **reason)
{
    ngx_int_t                     rc;
    ngx_str_t                     value, *name;
    ngx_uint_t                    i;
    ngx_kafka_sse_jwt_require_t  *require;

    if (jwt->require == NULL) {
        return NGX_OK;
    }

    rc = NGX_OK;
    require = jwt->require->elts;

    for (i = 0; i < jwt->require->nelts; i++) {

        name = &require[i].claim;

        if (ngx_http_complex_value(r, &require[i].value, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        /* an empty value is of a variable: nobody has what is not said */

        if (value.len && ngx_kafka_sse_claims_has(claims, name, &value)) {
            continue;
        }

        if (name->len == 3
            && (ngx_strncmp(name->data, "iss", 3) == 0
                || ngx_strncmp(name->data, "aud", 3) == 0))
        {
            *reason = "its \"iss\" or \"aud\" is not the required one";
            return NGX_DECLINED;
        }

        *reason = "it lacks a claim that kafka_sse_jwt_require names";
        rc = NGX_HTTP_FORBIDDEN;
    }

    return rc;
}


/* one allocation for all, as long as the request */

static ngx_kafka_sse_claims_t *
ngx_kafka_sse_access_copy(ngx_pool_t *pool, ngx_kafka_sse_claims_t *claims)
{
    u_char                  *p;
    size_t                   len;
    ngx_str_t               *name;
    ngx_uint_t               i, n;
    ngx_kafka_sse_claim_t   *from, *to;
    ngx_kafka_sse_claims_t  *copy;

    n = claims->list.nelts;
    from = claims->list.elts;
    len = 0;

    for (i = 0; i < n; i++) {
        len += from[i].name.len + from[i].value.len;
    }

    copy = ngx_palloc(pool, sizeof(ngx_kafka_sse_claims_t)
                            + n * sizeof(ngx_kafka_sse_claim_t) + len);
    if (copy == NULL) {
        return NULL;
    }

    to = (ngx_kafka_sse_claim_t *) (copy + 1);
    p = (u_char *) (to + n);

    *copy = *claims;

    copy->list.elts = to;
    copy->list.nalloc = n;
    copy->list.pool = pool;

    name = NULL;

    for (i = 0; i < n; i++) {
        to[i] = from[i];

        /* elements of a list have one name, as a rule in one place */

        if (name && from[i].name.data == from[i - 1].name.data
            && from[i].name.len == name->len)
        {
            to[i].name = *name;

        } else {
            p = ngx_kafka_sse_access_copy_str(p, &to[i].name);
        }

        p = ngx_kafka_sse_access_copy_str(p, &to[i].value);
        name = &to[i].name;
    }

    return copy;
}


/* NULL stays NULL: it is not the empty text */

static u_char *
ngx_kafka_sse_access_copy_str(u_char *p, ngx_str_t *s)
{
    if (s->data == NULL) {
        return p;
    }

    ngx_memcpy(p, s->data, s->len);
    s->data = p;

    return p + s->len;
}


/*
 * JSON, as all our refusals, unless somebody else is to decide (satisfy any) or
 * to answer (error_page, auth_delay): then it is the code, and nginx's answer.
 */

static ngx_int_t
ngx_kafka_sse_access_refuse(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access)
{
    char                      *code, *message;
    ngx_int_t                  rc, status;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_kafka_sse_loc_conf_t  *klcf;

    status = NGX_HTTP_UNAUTHORIZED;

    switch (access->rc) {

    case NGX_DECLINED:
        code = "no-token";
        message = "a token is required";
        break;

    case NGX_HTTP_FORBIDDEN:
        code = "insufficient-scope";
        message = "the token does not have the required claims";
        status = NGX_HTTP_FORBIDDEN;
        break;

    default: /* NGX_HTTP_UNAUTHORIZED */
        code = "invalid-token";
        message = "the token is not valid here, or has expired";
    }

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_sse_module);

    if (ngx_kafka_sse_access_challenge(r, access, &klcf->jwt.realm) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY
        || ngx_kafka_sse_access_has_page(r, status))
    {
        return status;
    }

#if (nginx_version >= 1017010)

    if (clcf->auth_delay && status == NGX_HTTP_UNAUTHORIZED) {
        return status;
    }

#endif

    rc = ngx_kafka_sse_refusal_send(r, status, code, message);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* WWW-Authenticate, once: a redirect may have brought us here again */

static ngx_int_t
ngx_kafka_sse_access_challenge(ngx_http_request_t *r,
    ngx_kafka_sse_access_t *access, ngx_str_t *realm)
{
    size_t            len;
    u_char           *p;
    ngx_table_elt_t  *h;

    static ngx_str_t  errors[] = {
        ngx_string(""),
        ngx_string(", error=\"invalid_token\", error_description="
                   "\"the token is not valid here, or has expired\""),
        ngx_string(", error=\"insufficient_scope\", error_description="
                   "\"the token does not have the required claims\"")
    }, *error;

    ngx_kafka_sse_access_withdraw(r);

    error = &errors[access->rc == NGX_DECLINED ? 0
                    : access->rc == NGX_HTTP_UNAUTHORIZED ? 1 : 2];

    len = sizeof("Bearer realm=\"\"") - 1 + realm->len + error->len;

    p = ngx_pnalloc(r->pool, len);
    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 0;

    if (p == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "WWW-Authenticate");
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "Bearer realm=\"%V\"%V", realm, error) - p;

    access->challenge = h;
    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


/* whether nginx would answer this status by an error_page */

static ngx_uint_t
ngx_kafka_sse_access_has_page(ngx_http_request_t *r, ngx_int_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL
        || r->uri_changes == 0
        || (r->error_page && !clcf->recursive_error_pages))
    {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == status) {
            return 1;
        }
    }

    return 0;
}
