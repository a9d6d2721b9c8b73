
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_redis_tls.h>


#if (NGX_SSL)

#include <openssl/x509v3.h>


static ngx_int_t ngx_kafka_sse_redis_tls_set_ca(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static ngx_int_t ngx_kafka_sse_redis_tls_set_certificate(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis);
static int ngx_kafka_sse_redis_tls_password_callback(char *buf, int size,
    int rwflag, void *data);
static ngx_int_t ngx_kafka_sse_redis_tls_refuse(ngx_conf_t *cf, char *what,
    ngx_str_t *path);
static int ngx_kafka_sse_redis_tls_verify_callback(int ok,
    X509_STORE_CTX *store);
static void ngx_kafka_sse_redis_tls_log_writer(ngx_log_t *log,
    ngx_uint_t level, u_char *buf, size_t len);
static ngx_uint_t ngx_kafka_sse_redis_tls_is_address(ngx_str_t *name);
static ngx_int_t ngx_kafka_sse_redis_tls_check_name(
    ngx_kafka_sse_redis_tls_t *tls, X509 *cert);
static u_char *ngx_kafka_sse_redis_tls_names(u_char *p, u_char *last,
    X509 *cert);
static void ngx_cdecl ngx_kafka_sse_redis_tls_say(
    ngx_kafka_sse_redis_tls_t *tls, const char *fmt, ...);


ngx_int_t
ngx_kafka_sse_redis_tls_create(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    ngx_pool_cleanup_t  *cln;

    redis->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (redis->ssl == NULL) {
        return NGX_ERROR;
    }

    redis->ssl->log = cf->log;

    if (ngx_ssl_create(redis->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(redis->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = redis->ssl;

    if (ngx_kafka_sse_redis_tls_set_ca(cf, redis) != NGX_OK) {
        return NGX_ERROR;
    }

    SSL_CTX_set_verify(redis->ssl->ctx, SSL_VERIFY_PEER,
                       ngx_kafka_sse_redis_tls_verify_callback);

    if (redis->certificate.len == 0) {
        return NGX_OK;
    }

    return ngx_kafka_sse_redis_tls_set_certificate(cf, redis);
}


/* ngx_ssl_trusted_certificate() lets a handshake end well in any case */

static ngx_int_t
ngx_kafka_sse_redis_tls_set_ca(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    SSL_CTX  *ctx;

    ctx = redis->ssl->ctx;

    if (redis->ca.len == 0) {

        if (SSL_CTX_set_default_verify_paths(ctx) == 0) {
            ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                          "SSL_CTX_set_default_verify_paths() failed");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &redis->ca, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (SSL_CTX_load_verify_locations(ctx, (char *) redis->ca.data, NULL)
        == 0)
    {
        return ngx_kafka_sse_redis_tls_refuse(cf, "ca", &redis->ca);
    }

    return NGX_OK;
}


/* ngx_ssl_certificate() does not say where in the configuration it failed */

static ngx_int_t
ngx_kafka_sse_redis_tls_set_certificate(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    SSL_CTX  *ctx;

    ctx = redis->ssl->ctx;

    if (ngx_conf_full_name(cf->cycle, &redis->certificate, 1) != NGX_OK
        || ngx_conf_full_name(cf->cycle, &redis->key, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (SSL_CTX_use_certificate_chain_file(ctx,
                                           (char *) redis->certificate.data)
        == 0)
    {
        return ngx_kafka_sse_redis_tls_refuse(cf, "certificate",
                                              &redis->certificate);
    }

    SSL_CTX_set_default_passwd_cb(ctx,
                                  ngx_kafka_sse_redis_tls_password_callback);

    if (SSL_CTX_use_PrivateKey_file(ctx, (char *) redis->key.data,
                                    SSL_FILETYPE_PEM)
        == 0)
    {
        return ngx_kafka_sse_redis_tls_refuse(cf, "key", &redis->key);
    }

    return NGX_OK;
}


/* OpenSSL would ask for one at the terminal */

static int
ngx_kafka_sse_redis_tls_password_callback(char *buf, int size, int rwflag,
    void *data)
{
    return 0;
}


static ngx_int_t
ngx_kafka_sse_redis_tls_refuse(ngx_conf_t *cf, char *what, ngx_str_t *path)
{
    char  reason[256];

    ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
    ERR_clear_error();

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "%s \"%V\" cannot be loaded (SSL: %s)", what, path,
                       reason);

    return NGX_ERROR;
}


ngx_int_t
ngx_kafka_sse_redis_tls_init(ngx_kafka_sse_redis_tls_t *tls, ngx_pool_t *pool,
    ngx_log_t *log)
{
    tls->buf = ngx_palloc(pool, NGX_SSL_BUFSIZE);
    if (tls->buf == NULL) {
        return NGX_ERROR;
    }

    tls->pos = tls->buf;
    tls->last = tls->buf;

    /* the writer hears of all down to the level at which nginx logs errors */

    tls->log = *log;
    tls->log.log_level = ngx_max(log->log_level, NGX_LOG_INFO);
    tls->log.writer = ngx_kafka_sse_redis_tls_log_writer;
    tls->log.wdata = tls;
    tls->log.next = log;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_redis_tls_handshake(ngx_kafka_sse_redis_tls_t *tls,
    ngx_kafka_sse_redis_conf_t *conf, ngx_connection_t *c, ngx_str_t *host,
    ngx_connection_handler_pt handler)
{
    ngx_int_t  rc;

    tls->name = conf->expected.len ? conf->expected : *host;
    tls->reason.len = 0;

    c->pool = ngx_create_pool(512, c->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_ssl_create_connection(conf->ssl, c, NGX_SSL_CLIENT) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_kafka_sse_redis_tls_is_address(&tls->name)
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) tls->name.data)
           == 0)
    {
        ngx_kafka_sse_redis_tls_say(tls, "\"%V\" cannot be asked for by TLS",
                                    &tls->name);
        return NGX_ERROR;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = handler;
    }

    return rc;
}


ngx_int_t
ngx_kafka_sse_redis_tls_verify(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c)
{
    X509       *cert;
    ngx_int_t   rc;

    if (!c->ssl->handshaked) {

        if (tls->reason.len == 0) {
            ngx_kafka_sse_redis_tls_say(tls, "the connection was closed in "
                                        "the TLS handshake");
        }

        return NGX_ERROR;
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);

    if (cert == NULL
        || SSL_get_verify_result(c->ssl->connection) != X509_V_OK)
    {
        X509_free(cert);
        ngx_kafka_sse_redis_tls_say(tls, "it has no certificate");
        return NGX_ERROR;
    }

    rc = ngx_kafka_sse_redis_tls_check_name(tls, cert);

    X509_free(cert);

    /* what reading the names has left would be taken for a bug by nginx */

    ERR_clear_error();

    return rc;
}


ngx_int_t
ngx_kafka_sse_redis_tls_write(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c, ngx_kafka_sse_redis_session_t *session)
{
    size_t     size;
    u_char    *end;
    ssize_t    n;
    ngx_buf_t  b;

    if (tls->pos == tls->last) {

        /* what many small messages are, is one TLS record */

        tls->pos = tls->buf;
        tls->last = tls->buf;
        end = tls->buf + NGX_SSL_BUFSIZE;

        while (tls->last < end
               && ngx_kafka_sse_redis_session_peek(session, &b, 1))
        {
            size = ngx_min(b.last - b.pos, end - tls->last);

            tls->last = ngx_cpymem(tls->last, b.pos, size);

            ngx_kafka_sse_redis_session_sent(session, size);
        }

        if (tls->last == tls->buf) {
            return NGX_DONE;
        }
    }

    n = c->send(c, tls->pos, tls->last - tls->pos);

    if (n < 0) {
        return n;
    }

    tls->pos += n;

    return NGX_OK;
}


void
ngx_kafka_sse_redis_tls_close(ngx_kafka_sse_redis_tls_t *tls,
    ngx_connection_t *c)
{
    tls->pos = tls->buf;
    tls->last = tls->buf;

    if (c->ssl) {

        /* Redis needs no farewell, and one might have to wait */

        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

    if (c->pool) {
        ngx_destroy_pool(c->pool);
        c->pool = NULL;
    }
}


static int
ngx_kafka_sse_redis_tls_verify_callback(int ok, X509_STORE_CTX *store)
{
    int                         err;
    SSL                        *ssl;
    X509                       *cert;
    char                        subject[256];
    ngx_connection_t           *c;

    if (ok) {
        return 1;
    }

    ssl = X509_STORE_CTX_get_ex_data(store,
                                     SSL_get_ex_data_X509_STORE_CTX_idx());
    c = ngx_ssl_get_connection(ssl);

    err = X509_STORE_CTX_get_error(store);
    cert = X509_STORE_CTX_get_current_cert(store);

    subject[0] = '\0';

    if (cert) {
        (void) X509_NAME_oneline(X509_get_subject_name(cert), subject,
                                 sizeof(subject));
    }

    ngx_kafka_sse_redis_tls_say(c->log->wdata,
                                "certificate \"%s\" is not accepted: "
                                "%s (%d)", subject,
                                X509_verify_cert_error_string(err), err);

    return 0;
}


/*
 * The first reason of OpenSSL that nginx logs, as in
 * "... (SSL: error:0A00010B:SSL routines::wrong version number)"
 */

static void
ngx_kafka_sse_redis_tls_log_writer(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len)
{
    ngx_kafka_sse_redis_tls_t *tls = log->wdata;

    u_char      *p, *last;
    ngx_str_t    words;
    ngx_uint_t   i;

    if (level == NGX_LOG_DEBUG || tls->reason.len) {
        return;
    }

    p = ngx_strnstr(buf, " error:", len);
    if (p == NULL) {
        return;
    }

    last = buf + len;

    for (i = 0; i < 4; i++) {
        p = ngx_strlchr(p, last, ':');
        if (p == NULL) {
            return;
        }

        p++;
    }

    words.data = p;

    while (p < last && *p != ')' && *p != LF) {
        p++;
    }

    words.len = p - words.data;

    /* that is how it looks when the other side is no TLS */

    ngx_kafka_sse_redis_tls_say(tls, "TLS: %V%s", &words,
                                ngx_strnstr(words.data,
                                            "wrong version number",
                                            words.len)
                                ? ", is TLS spoken at that port?" : "");
}


static ngx_uint_t
ngx_kafka_sse_redis_tls_is_address(ngx_str_t *name)
{
#if (NGX_HAVE_INET6)
    u_char  v6[16];

    if (ngx_inet6_addr(name->data, name->len, v6) == NGX_OK) {
        return 1;
    }
#endif

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE;
}


static ngx_int_t
ngx_kafka_sse_redis_tls_check_name(ngx_kafka_sse_redis_tls_t *tls, X509 *cert)
{
    int      rc;
    u_char  *p, names[256];

    if (tls->name.len == 0) {
        rc = 0;

    } else if (ngx_kafka_sse_redis_tls_is_address(&tls->name)) {
        rc = X509_check_ip_asc(cert, (char *) tls->name.data, 0);

    } else {
        rc = X509_check_host(cert, (char *) tls->name.data, tls->name.len, 0,
                             NULL);
    }

    if (rc == 1) {
        return NGX_OK;
    }

    p = ngx_kafka_sse_redis_tls_names(names, names + sizeof(names), cert);

    ngx_kafka_sse_redis_tls_say(tls, "its certificate is for \"%*s\", not for "
                                "\"%V\"", (size_t) (p - names), names,
                                &tls->name);

    return NGX_ERROR;
}


static u_char *
ngx_kafka_sse_redis_tls_names(u_char *p, u_char *last, X509 *cert)
{
    int              i, len;
    u_char          *first, text[NGX_INET6_ADDRSTRLEN];
    const u_char    *data;
    GENERAL_NAME    *name;
    GENERAL_NAMES   *names;

    first = p;

    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS && name->type != GEN_IPADD) {
            continue;
        }

        data = ASN1_STRING_get0_data(name->d.ia5);
        len = ASN1_STRING_length(name->d.ia5);

        if (name->type == GEN_IPADD) {

            if (len != 4 && len != 16) {
                continue;
            }

            len = ngx_inet_ntop(len == 4 ? AF_INET : AF_INET6, (void *) data,
                                text, NGX_INET6_ADDRSTRLEN);
            data = text;
        }

        p = ngx_slprintf(p, last, "%s%*s", p == first ? "" : " ",
                         (size_t) len, data);
    }

    GENERAL_NAMES_free(names);

    if (p == first) {
        (void) X509_NAME_oneline(X509_get_subject_name(cert), (char *) first,
                                 last - first);
        p = first + ngx_strlen(first);
    }

    return p;
}


/* part of it may come from the other side */

static void ngx_cdecl
ngx_kafka_sse_redis_tls_say(ngx_kafka_sse_redis_tls_t *tls, const char *fmt,
    ...)
{
    u_char   *p, *last;
    va_list   args;

    va_start(args, fmt);
    last = ngx_vslprintf(tls->words, tls->words + sizeof(tls->words), fmt,
                         args);
    va_end(args);

    for (p = tls->words; p < last; p++) {
        if (*p < ' ' || *p >= 0x7f) {
            *p = '?';
        }
    }

    tls->reason.data = tls->words;
    tls->reason.len = last - tls->words;
}

#else

ngx_int_t
ngx_kafka_sse_redis_tls_create(ngx_conf_t *cf,
    ngx_kafka_sse_redis_conf_t *redis)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"rediss://\" needs nginx with SSL, which "
                       "\"%s\" was built without", NGINX_VER);
    return NGX_ERROR;
}

#endif
