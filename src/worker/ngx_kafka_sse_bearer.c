
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_bearer.h>
#include <worker/ngx_kafka_sse_credential.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_safe_uri.h>


static void ngx_kafka_sse_bearer_hide(ngx_http_request_t *r);


ngx_int_t
ngx_kafka_sse_bearer_get(ngx_http_request_t *r,
    ngx_kafka_sse_jwt_conf_t *jwt, ngx_str_t *text, char **reason)
{
    ngx_int_t         rc;
    ngx_str_t         bearer;
    ngx_uint_t        i, n, ambiguous;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (jwt->token) {
        ngx_kafka_sse_bearer_hide(r);

        if (ngx_http_complex_value(r, jwt->token, text) != NGX_OK) {
            return NGX_ERROR;
        }

        return text->len ? NGX_OK : NGX_DECLINED;
    }

    n = 0;
    ambiguous = 0;
    rc = NGX_DECLINED;

    ngx_str_null(text);
    ngx_str_null(&bearer);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Authorization") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Authorization",
                                   sizeof("Authorization") - 1)
                   == 0)
            {
                n++;
                rc = ngx_kafka_sse_credential_header(&h[i].value, &bearer);

            } else if (h[i].key.len == sizeof("Cookie") - 1
                       && ngx_strncasecmp(h[i].key.data, (u_char *) "Cookie",
                                          sizeof("Cookie") - 1)
                          == 0
                       && ngx_kafka_sse_credential_cookie(&h[i].value, text)
                          != NGX_OK)
            {
                ambiguous = 1;
            }
        }
    }

    if (n > 1) {
        *reason = "there is more than one Authorization header";
        return NGX_HTTP_UNAUTHORIZED;
    }

    if (rc == NGX_OK) {
        *text = bearer;

        if (text->len == 0) {
            *reason = "it is empty";
            return NGX_HTTP_UNAUTHORIZED;
        }

        return NGX_OK;
    }

    if (ambiguous || text->len > NGX_KAFKA_SSE_TOKEN_MAX) {
        *reason = "it is too long, or there are cookies with different ones";
        return NGX_HTTP_UNAUTHORIZED;
    }

    return text->len ? NGX_OK : NGX_DECLINED;
}


/*
 * A token in the URI is in the line that nginx puts behind whatever it logs of
 * the request.  From here on that one is for the eyes of others.
 */

static void
ngx_kafka_sse_bearer_hide(ngx_http_request_t *r)
{
    u_char                     *p;
    size_t                      len;
    ngx_kafka_sse_main_conf_t  *kmcf;

    kmcf = ngx_http_get_module_main_conf(r, ngx_kafka_sse_module);

    if (kmcf->secret_args.nelts == 0) {
        return;
    }

    len = ngx_kafka_sse_safe_uri(NULL, &r->main->request_line,
                                 &kmcf->secret_args);

    if (len == 0) {
        return;
    }

    p = ngx_pnalloc(r->main->pool, len);
    if (p == NULL) {
        return;
    }

    (void) ngx_kafka_sse_safe_uri(p, &r->main->request_line,
                                  &kmcf->secret_args);

    r->main->request_line.data = p;
    r->main->request_line.len = len;
    r->request_line = r->main->request_line;
}
