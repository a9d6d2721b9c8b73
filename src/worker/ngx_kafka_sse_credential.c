
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_credential.h>


#define NGX_KAFKA_SSE_CREDENTIAL_COOKIE  "kafka_sse_token"


ngx_int_t
ngx_kafka_sse_credential_header(ngx_str_t *value, ngx_str_t *text)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    if (value->len < sizeof("Bearer") - 1
        || ngx_strncasecmp(p, (u_char *) "Bearer", sizeof("Bearer") - 1) != 0)
    {
        return NGX_DECLINED;
    }

    p += sizeof("Bearer") - 1;

    if (p < last && *p != ' ') {
        return NGX_DECLINED;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    text->data = p;
    text->len = last - p;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_credential_cookie(ngx_str_t *value, ngx_str_t *text)
{
    size_t   len;
    u_char  *p, *end, *last;

    len = sizeof(NGX_KAFKA_SSE_CREDENTIAL_COOKIE "=") - 1;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        if (*p == ' ' || *p == '\t') {
            p++;
            continue;
        }

        end = ngx_strlchr(p, last, ';');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) >= len
            && ngx_strncmp(p, NGX_KAFKA_SSE_CREDENTIAL_COOKIE "=", len) == 0)
        {
            p += len;

            if (text->data
                && (text->len != (size_t) (end - p)
                    || ngx_memcmp(text->data, p, text->len) != 0))
            {
                return NGX_DECLINED;
            }

            text->data = p;
            text->len = end - p;
        }

        p = end + 1;
    }

    return NGX_OK;
}
