
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_access.h>
#include <worker/ngx_kafka_sse_word.h>


static ngx_uint_t ngx_kafka_sse_word_claim(ngx_str_t *word, ngx_str_t *name);
static u_char *ngx_kafka_sse_word_prefix(u_char *p, u_char *last);


ngx_int_t
ngx_kafka_sse_word_compile(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = word;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


ngx_uint_t
ngx_kafka_sse_word_is_list_claim(ngx_http_request_t *r, ngx_str_t *word)
{
    ngx_str_t                name;
    ngx_kafka_sse_claim_t   *claim;
    ngx_kafka_sse_claims_t  *claims;

    if (!ngx_kafka_sse_word_claim(word, &name)) {
        return 0;
    }

    claims = ngx_kafka_sse_access_claims(r);

    claim = claims ? ngx_kafka_sse_claims_find(claims, &name, 1) : NULL;

    return claim && claim->type == NGX_KAFKA_SSE_CLAIM_LIST;
}


ngx_uint_t
ngx_kafka_sse_word_is_list(ngx_http_request_t *r, ngx_str_t *word)
{
    u_char  *p, *last;

    last = word->data + word->len;

    for (p = word->data; p < last; p++) {
        if (ngx_kafka_sse_word_prefix(p, last)) {
            return ngx_kafka_sse_word_is_list_claim(r, word);
        }
    }

    return 1;
}


/* whether it is a claim's variable and nothing else; name is the claim's */

static ngx_uint_t
ngx_kafka_sse_word_claim(ngx_str_t *word, ngx_str_t *name)
{
    u_char  c, *p, *last;

    last = word->data + word->len;

    p = ngx_kafka_sse_word_prefix(word->data, last);
    if (p == NULL) {
        return 0;
    }

    name->data = p;

    if (word->data[1] == '{' && *--last != '}') {
        return 0;
    }

    name->len = last - p;

    for ( /* void */ ; p < last; p++) {
        c = ngx_tolower(*p);

        if (c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            return 0;
        }
    }

    return name->len != 0;
}


/* where the claim's name begins, if a claim's variable begins at p, or NULL */

static u_char *
ngx_kafka_sse_word_prefix(u_char *p, u_char *last)
{
    static ngx_str_t  prefix = ngx_string("kafka_sse_claim_");

    if (p == last || *p++ != '$') {
        return NULL;
    }

    if (p < last && *p == '{') {
        p++;
    }

    if ((size_t) (last - p) <= prefix.len
        || ngx_strncasecmp(p, prefix.data, prefix.len) != 0)
    {
        return NULL;
    }

    return p + prefix.len;
}
