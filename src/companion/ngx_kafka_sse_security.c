
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <librdkafka/rdkafka.h>

#include <companion/ngx_kafka_sse_property_file.h>
#include <companion/ngx_kafka_sse_security.h>

#if (NGX_OPENSSL)
#include <openssl/x509_vfy.h>
#endif


/* a shorter secret would cover half of each line, and so tell what it is */

#define NGX_KAFKA_SSE_SECURITY_MASK_MIN  4
#define NGX_KAFKA_SSE_SECURITY_VALUE     1024

/* the first version that sets a queue for it */

#define NGX_KAFKA_SSE_SECURITY_UNSECURED 0x020200ff


typedef struct {
    char                 *pem;       /* the property with the text */
    char                 *location;  /* ... with the path of a file */
    rd_kafka_cert_type_t  type;
} ngx_kafka_sse_security_cert_t;


static ngx_int_t ngx_kafka_sse_security_check_sasl(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf);
static char *ngx_kafka_sse_security_sasl_wrong(rd_kafka_conf_t *conf,
    char *mechanism);
static char *ngx_kafka_sse_security_oauthbearer_wrong(rd_kafka_conf_t *conf);
static ngx_int_t ngx_kafka_sse_security_check_certs(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf);
static ngx_int_t ngx_kafka_sse_security_check_cert(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf,
    ngx_kafka_sse_security_cert_t *cert);
static void ngx_kafka_sse_security_check_reader(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, ngx_keyval_t *kv, ngx_file_info_t *fi);
static ngx_keyval_t *ngx_kafka_sse_security_property(
    ngx_kafka_sse_cluster_t *cluster, char *name);
static ngx_uint_t ngx_kafka_sse_security_get(rd_kafka_conf_t *conf,
    char *name, char *value);
#if (NGX_OPENSSL)
static int ngx_kafka_sse_security_verify(rd_kafka_t *rk, const char *broker,
    int32_t id, int *error, int depth, const char *cert, size_t size,
    char *text, size_t len, void *data);
#endif


static ngx_kafka_sse_security_cert_t  ngx_kafka_sse_security_certs[] = {
    { "ssl.ca.pem", "ssl.ca.location", RD_KAFKA_CERT_CA },
    { "ssl.certificate.pem", "ssl.certificate.location",
      RD_KAFKA_CERT_PUBLIC_KEY },
    { "ssl.key.pem", "ssl.key.location", RD_KAFKA_CERT_PRIVATE_KEY },
    { NULL, NULL, RD_KAFKA_CERT__CNT }
};


ngx_int_t
ngx_kafka_sse_security_check(ngx_conf_t *cf, ngx_kafka_sse_cluster_t *cluster)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_keyval_t     *kv;
    rd_kafka_conf_t  *conf;

    conf = rd_kafka_conf_new();
    kv = cluster->properties.elts;

    /* each has been accepted before */

    for (i = 0; i < cluster->properties.nelts; i++) {
        (void) rd_kafka_conf_set(conf, (char *) kv[i].key.data,
                                 (char *) kv[i].value.data, NULL, 0);
    }

    rc = ngx_kafka_sse_security_check_sasl(cf, cluster, conf);

    if (rc == NGX_OK) {
        rc = ngx_kafka_sse_security_check_certs(cf, cluster, conf);
    }

    rd_kafka_conf_destroy(conf);

    return rc;
}


static ngx_int_t
ngx_kafka_sse_security_check_sasl(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf)
{
    char  *wrong;
    char   protocol[NGX_KAFKA_SSE_SECURITY_VALUE];
    char   mechanism[NGX_KAFKA_SSE_SECURITY_VALUE];

    (void) ngx_kafka_sse_security_get(conf, "security.protocol", protocol);
    (void) ngx_kafka_sse_security_get(conf, "sasl.mechanism", mechanism);

    if (ngx_strncmp(protocol, "sasl", 4) != 0) {

        if (ngx_kafka_sse_security_property(cluster, "sasl.password")
            || ngx_kafka_sse_security_property(cluster, "sasl.mechanism")
            || ngx_kafka_sse_security_property(cluster, "sasl.mechanisms"))
        {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "cluster \"%V\" has \"sasl\" properties that "
                               "are of no use, as its \"security.protocol\" "
                               "is \"%s\"", &cluster->name, protocol);
        }

        return NGX_OK;
    }

    wrong = ngx_kafka_sse_security_sasl_wrong(conf, mechanism);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cluster \"%V\" has \"security.protocol\" \"%s\" "
                           "with \"sasl.mechanism\" \"%s\": %s",
                           &cluster->name, protocol, mechanism, wrong);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static char *
ngx_kafka_sse_security_sasl_wrong(rd_kafka_conf_t *conf, char *mechanism)
{
    char  *feature;
    char   features[NGX_KAFKA_SSE_SECURITY_VALUE];
    char   value[NGX_KAFKA_SSE_SECURITY_VALUE];

    (void) ngx_kafka_sse_security_get(conf, "builtin.features", features);

    if (ngx_strcmp(mechanism, "PLAIN") == 0) {
        feature = "sasl_plain";

    } else if (ngx_strcmp(mechanism, "SCRAM-SHA-256") == 0
               || ngx_strcmp(mechanism, "SCRAM-SHA-512") == 0)
    {
        feature = "sasl_scram";

    } else if (ngx_strcmp(mechanism, "OAUTHBEARER") == 0) {
        feature = "sasl_oauthbearer";

    } else if (ngx_strcmp(mechanism, "GSSAPI") == 0) {
        feature = "sasl_gssapi";

    } else {
        return "it must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER "
               "or GSSAPI";
    }

    if (strstr(features, feature) == NULL) {
        return "this librdkafka was built without it";
    }

    if (ngx_strcmp(feature, "sasl_oauthbearer") == 0) {
        return ngx_kafka_sse_security_oauthbearer_wrong(conf);
    }

    if (ngx_strcmp(feature, "sasl_gssapi") == 0) {
        return NULL;
    }

    if (!ngx_kafka_sse_security_get(conf, "sasl.username", value)) {
        return "there is no \"sasl.username\"";
    }

    if (!ngx_kafka_sse_security_get(conf, "sasl.password", value)) {
        return "there is no \"sasl.password\"";
    }

    return NULL;
}


static char *
ngx_kafka_sse_security_oauthbearer_wrong(rd_kafka_conf_t *conf)
{
    char  method[NGX_KAFKA_SSE_SECURITY_VALUE];
    char  value[NGX_KAFKA_SSE_SECURITY_VALUE];

    (void) ngx_kafka_sse_security_get(conf, "sasl.oauthbearer.method", method);
    (void) ngx_kafka_sse_security_get(conf,
                               "enable.sasl.oauthbearer.unsecure.jwt", value);

    if (ngx_strcmp(method, "oidc") != 0) {

        if (ngx_strcmp(value, "true") != 0) {
            return "\"sasl.oauthbearer.method\" must be \"oidc\"";
        }

        if (rd_kafka_version() < NGX_KAFKA_SSE_SECURITY_UNSECURED) {
            return "librdkafka before 2.2, as this one, does not survive the "
                   "refresh of an unsecured token";
        }

        return NULL;
    }

    if (ngx_strcmp(value, "true") == 0) {
        return "\"sasl.oauthbearer.method\" \"oidc\" and "
               "\"enable.sasl.oauthbearer.unsecure.jwt\" exclude each other";
    }

    /* later versions know other grants, which need other properties */

    if ((ngx_kafka_sse_security_get(conf, "sasl.oauthbearer.grant.type", value)
         && ngx_strcmp(value, "client_credentials") != 0)
        || (ngx_kafka_sse_security_get(conf,
                    "sasl.oauthbearer.metadata.authentication.type", value)
            && ngx_strcmp(value, "none") != 0))
    {
        return NULL;
    }

    if (!ngx_kafka_sse_security_get(conf, "sasl.oauthbearer.token.endpoint.url",
                                    value))
    {
        return "there is no \"sasl.oauthbearer.token.endpoint.url\"";
    }

    if (!ngx_kafka_sse_security_get(conf, "sasl.oauthbearer.client.id", value))
    {
        return "there is no \"sasl.oauthbearer.client.id\"";
    }

    if (!ngx_kafka_sse_security_get(conf, "sasl.oauthbearer.client.secret",
                                    value))
    {
        return "there is no \"sasl.oauthbearer.client.secret\"";
    }

    return NULL;
}


static ngx_int_t
ngx_kafka_sse_security_check_certs(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf)
{
    ngx_uint_t                      key, certificate, keystore;
    ngx_kafka_sse_security_cert_t  *cert;

    for (cert = ngx_kafka_sse_security_certs; cert->pem; cert++) {
        if (ngx_kafka_sse_security_check_cert(cf, cluster, conf, cert)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    key = (ngx_kafka_sse_security_property(cluster, "ssl.key.location")
           || ngx_kafka_sse_security_property(cluster, "ssl.key.pem"));
    keystore = (ngx_kafka_sse_security_property(cluster,
                                                "ssl.keystore.location")
                != NULL);
    certificate = ngx_kafka_sse_security_has_certificate(cluster) && !keystore;

    if (key != certificate && !keystore) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cluster \"%V\" has no \"%s\" beside its %s",
                           &cluster->name,
                           key ? "ssl.certificate.location"
                               : "ssl.key.location",
                           key ? "key" : "certificate");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a directory of authorities is looked into by OpenSSL alone */

static ngx_int_t
ngx_kafka_sse_security_check_cert(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, rd_kafka_conf_t *conf,
    ngx_kafka_sse_security_cert_t *cert)
{
    char              err[512];
    ngx_str_t         text;
    ngx_keyval_t     *kv;
    ngx_file_info_t   fi;

    kv = ngx_kafka_sse_security_property(cluster, cert->pem);

    if (kv) {
        text = kv->value;

    } else {
        kv = ngx_kafka_sse_security_property(cluster, cert->location);

        if (kv == NULL
            || !ngx_kafka_sse_security_is_path(&kv->key, &kv->value))
        {
            return NGX_OK;
        }

        if (ngx_file_info(kv->value.data, &fi) != NGX_FILE_ERROR
            && ngx_is_dir(&fi))
        {
            return NGX_OK;
        }

        if (ngx_kafka_sse_property_file_read(cf, &kv->value, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_kafka_sse_security_check_reader(cf, cluster, kv, &fi);
    }

    if (rd_kafka_conf_set_ssl_cert(conf, cert->type, RD_KAFKA_CERT_ENC_PEM,
                                   text.data, text.len, err, sizeof(err))
        == RD_KAFKA_CONF_OK)
    {
        return NGX_OK;
    }

    if (kv->value.data == text.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid property \"%V\" of cluster \"%V\": %s",
                           &kv->key, &cluster->name, err);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid property \"%V\" of cluster \"%V\", "
                           "file \"%V\": %s",
                           &kv->key, &cluster->name, &kv->value, err);
    }

    return NGX_ERROR;
}


/* the file is opened once more, by the companion, as nginx's user */

static void
ngx_kafka_sse_security_check_reader(ngx_conf_t *cf,
    ngx_kafka_sse_cluster_t *cluster, ngx_keyval_t *kv, ngx_file_info_t *fi)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (geteuid() != 0
        || ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT
        || ccf->user == 0
        || (fi->st_mode & S_IROTH)
        || (fi->st_uid == ccf->user && (fi->st_mode & S_IRUSR))
        || (fi->st_mode & S_IRGRP))
    {
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "file \"%V\" of property \"%V\" of cluster \"%V\" is "
                       "opened as user \"%s\", who may not read it; "
                       "\"property_file\" with the property that ends in "
                       "\".pem\" does not need that",
                       &kv->value, &kv->key, &cluster->name, ccf->username);
}


static ngx_keyval_t *
ngx_kafka_sse_security_property(ngx_kafka_sse_cluster_t *cluster, char *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = cluster->properties.elts;

    for (i = 0; i < cluster->properties.nelts; i++) {
        if (ngx_strcmp(kv[i].key.data, name) == 0) {
            return &kv[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_kafka_sse_security_has_certificate(ngx_kafka_sse_cluster_t *cluster)
{
    return ngx_kafka_sse_security_property(cluster, "ssl.certificate.location")
           || ngx_kafka_sse_security_property(cluster, "ssl.certificate.pem")
           || ngx_kafka_sse_security_property(cluster,
                                              "ssl.keystore.location");
}


/*
 * 1: it has a value, which may be longer than what is here of it: of those,
 * only whether they are there matters
 */

static ngx_uint_t
ngx_kafka_sse_security_get(rd_kafka_conf_t *conf, char *name, char *value)
{
    size_t  size;

    *value = '\0';
    size = NGX_KAFKA_SSE_SECURITY_VALUE;

    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK) {
        return 0;
    }

    value[NGX_KAFKA_SSE_SECURITY_VALUE - 1] = '\0';

    return size > 1;
}


ngx_uint_t
ngx_kafka_sse_security_is_secret(ngx_str_t *name)
{
    return ngx_strstr(name->data, "password") != NULL
           || ngx_strstr(name->data, "passphrase") != NULL
           || ngx_strstr(name->data, "secret") != NULL
           || ngx_strstr(name->data, "key.pem") != NULL;
}


ngx_uint_t
ngx_kafka_sse_security_is_path(ngx_str_t *name, ngx_str_t *value)
{
    size_t  len;

    len = sizeof(".location") - 1;

    return name->len > sizeof("ssl.") - 1 + len
           && ngx_strncmp(name->data, "ssl.", 4) == 0
           && ngx_strcmp(name->data + name->len - len, ".location") == 0
           && value->len
           && ngx_strcmp(value->data, "probe") != 0;
}


void
ngx_kafka_sse_security_mask(ngx_kafka_sse_cluster_t *cluster, u_char *text)
{
    u_char        *p;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = cluster->properties.elts;

    for (i = 0; i < cluster->properties.nelts; i++) {

        if (kv[i].value.len < NGX_KAFKA_SSE_SECURITY_MASK_MIN
            || !ngx_kafka_sse_security_is_secret(&kv[i].key))
        {
            continue;
        }

        for (p = (u_char *) ngx_strstr(text, kv[i].value.data); p;
             p = (u_char *) ngx_strstr(p, kv[i].value.data))
        {
            ngx_memset(p, '*', kv[i].value.len);
            p += kv[i].value.len;
        }
    }
}


/*
 * A refresh of an unsecured token comes to who has the events, but he who can
 * make one is librdkafka; that of OIDC waits for the network.  Both are left
 * to a thread of its own, with "oidc" by librdkafka itself.
 */

ngx_uint_t
ngx_kafka_sse_security_prepare(rd_kafka_conf_t *conf)
{
    char  value[NGX_KAFKA_SSE_SECURITY_VALUE];

#if (NGX_OPENSSL)

    /* one without TLS refuses it, and needs none */

    (void) rd_kafka_conf_set_ssl_cert_verify_cb(conf,
                                               ngx_kafka_sse_security_verify);
#endif

    if (!ngx_kafka_sse_security_get(conf, "sasl.mechanism", value)
        || ngx_strcmp(value, "OAUTHBEARER") != 0
        || !ngx_kafka_sse_security_get(conf,
                                "enable.sasl.oauthbearer.unsecure.jwt", value)
        || ngx_strcmp(value, "true") != 0)
    {
        return 0;
    }

    rd_kafka_conf_enable_sasl_queue(conf, 1);

    return 1;
}


#if (NGX_OPENSSL)

/*
 * A thread of librdkafka's calls it for each certificate of a chain.  It only
 * gives the reason, which librdkafka itself does not log: see complaint.
 */

static int
ngx_kafka_sse_security_verify(rd_kafka_t *rk, const char *broker, int32_t id,
    int *error, int depth, const char *cert, size_t size, char *text,
    size_t len, void *data)
{
    if (*error == X509_V_OK) {
        return 1;
    }

    (void) ngx_cpystrn((u_char *) text,
                       (u_char *) X509_verify_cert_error_string(*error), len);

    return 0;
}

#endif
