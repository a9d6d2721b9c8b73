
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_web_origin.h>


#define NGX_KAFKA_SSE_WEB_ORIGIN_LABEL  63    /* bytes, RFC 1035, 2.3.4 */


static char *ngx_kafka_sse_web_origin_chars(ngx_str_t *text);
static char *ngx_kafka_sse_web_origin_scheme(ngx_str_t *scheme);
static char *ngx_kafka_sse_web_origin_port(ngx_str_t *scheme,
    ngx_str_t *port);
static char *ngx_kafka_sse_web_origin_host(ngx_str_t *host);
static char *ngx_kafka_sse_web_origin_wildcard(ngx_str_t *host);
static ngx_uint_t ngx_kafka_sse_web_origin_is_number(ngx_str_t *host);
static ngx_uint_t ngx_kafka_sse_web_origin_is_ipv4(ngx_str_t *host);
static ngx_uint_t ngx_kafka_sse_web_origin_is_ipv6(ngx_str_t *address);
static u_char *ngx_kafka_sse_web_origin_find(u_char *p, u_char *last,
    char *text);
static ngx_uint_t ngx_kafka_sse_web_origin_is(ngx_str_t *value, char *text);


char *
ngx_kafka_sse_web_origin_parse(ngx_kafka_sse_web_origin_t *origin,
    ngx_str_t *text)
{
    char       *reason;
    u_char     *p, *last;
    ngx_str_t   scheme, host, port;

    reason = ngx_kafka_sse_web_origin_chars(text);
    if (reason) {
        return reason;
    }

    last = text->data + text->len;

    p = ngx_kafka_sse_web_origin_find(text->data, last, "://");
    if (p == NULL) {
        return "it has no scheme, as \"https://\"";
    }

    scheme.data = text->data;
    scheme.len = p - text->data;

    host.data = p + 3;

    /* an address in brackets has colons, a port has none */

    for (p = last; p > host.data && p[-1] != ':' && p[-1] != ']'; p--) {
        /* void */
    }

    ngx_str_null(&port);

    if (p > host.data && p[-1] == ':') {
        port.data = p;
        port.len = last - p;
        last = p - 1;
    }

    host.len = last - host.data;

    reason = ngx_kafka_sse_web_origin_scheme(&scheme);
    if (reason) {
        return reason;
    }

    if (port.data) {
        reason = ngx_kafka_sse_web_origin_port(&scheme, &port);
        if (reason) {
            return reason;
        }
    }

    origin->head = *text;
    ngx_str_null(&origin->tail);

    p = ngx_strlchr(host.data, last, '*');
    if (p == NULL) {
        return ngx_kafka_sse_web_origin_host(&host);
    }

    origin->head.len = p - text->data;
    origin->tail.data = p + 1;
    origin->tail.len = text->data + text->len - (p + 1);

    return ngx_kafka_sse_web_origin_wildcard(&host);
}


/* what may be said of a text as a whole, before its parts are looked at */

static char *
ngx_kafka_sse_web_origin_chars(ngx_str_t *text)
{
    u_char      c, *p;
    size_t      i;
    ngx_uint_t  slashes;

    if (ngx_kafka_sse_web_origin_is(text, "null")) {
        return "pages of any origin can send it, from a sandboxed frame";
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c >= 0x80) {
            return "a browser sends other names than ASCII as punycode, "
                   "\"xn--...\"";
        }

        if (c <= ' ' || c == 0x7f) {
            return "it has a space or a control character";
        }
    }

    if (ngx_strlchr(text->data, text->data + text->len, '@') != NULL) {
        return "an origin has no user";
    }

    slashes = 0;

    for (p = text->data; p < text->data + text->len; p++) {
        slashes += (*p == '/');

        if (*p == '?' || *p == '#' || slashes > 2) {
            return "an origin has no path, and no slash at its end";
        }
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] != ngx_tolower(text->data[i])) {
            return "a browser sends it in lower case";
        }
    }

    return NULL;
}


static char *
ngx_kafka_sse_web_origin_scheme(ngx_str_t *scheme)
{
    u_char   c;
    char   **name;
    size_t   i;

    /* what these show has the origin "null" (URL Standard, 4.7), or no page */

    static char  *opaque[] = {
        "about", "blob", "data", "file", "ftp", "javascript", "ws", "wss",
        NULL
    };

    for (i = 0; i < scheme->len; i++) {
        c = scheme->data[i];

        if ((c >= 'a' && c <= 'z')
            || (i && ((c >= '0' && c <= '9')
                      || c == '+' || c == '-' || c == '.')))
        {
            continue;
        }

        return "its scheme is none";
    }

    if (scheme->len == 0) {
        return "it has no scheme, as \"https://\"";
    }

    for (name = opaque; *name; name++) {
        if (ngx_kafka_sse_web_origin_is(scheme, *name)) {
            return "no page has an origin of this scheme";
        }
    }

    return NULL;
}


static char *
ngx_kafka_sse_web_origin_port(ngx_str_t *scheme, ngx_str_t *port)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < port->len && i < 6; i++) {
        if (port->data[i] < '0' || port->data[i] > '9') {
            return "its port is no number";
        }

        n = n * 10 + (port->data[i] - '0');
    }

    if (n == 0 || n > 65535 || i < port->len || port->data[0] == '0') {
        return "its port is no number that a browser sends";
    }

    if ((n == 443 && ngx_kafka_sse_web_origin_is(scheme, "https"))
        || (n == 80 && ngx_kafka_sse_web_origin_is(scheme, "http")))
    {
        return "a browser leaves out the port that a scheme has by itself";
    }

    return NULL;
}


static char *
ngx_kafka_sse_web_origin_host(ngx_str_t *host)
{
    u_char     c;
    size_t     i, label;
    ngx_str_t  address;

    if (host->len == 0) {
        return "it has no host";
    }

    if (host->data[0] == '[') {
        address.data = host->data + 1;
        address.len = host->len - 2;

        if (host->len < 2
            || host->data[host->len - 1] != ']'
            || !ngx_kafka_sse_web_origin_is_ipv6(&address))
        {
            return "its host is no IPv6 address as a browser writes it, "
                   "as short as it can be";
        }

        return NULL;
    }

    label = 0;

    for (i = 0; i < host->len; i++) {
        c = host->data[i];

        if (c == '.') {
            if (label == 0) {
                return "its host has an empty label";
            }

            label = 0;
            continue;
        }

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_')
        {
            return "its host has other characters than letters, digits, "
                   "\"-\", \"_\" and \".\"";
        }

        if (++label > NGX_KAFKA_SSE_WEB_ORIGIN_LABEL) {
            return "its host has a label of more than 63 characters";
        }
    }

    if (label == 0) {
        return "with a dot at its end it is another host";
    }

    if (ngx_kafka_sse_web_origin_is_number(host)
        && !ngx_kafka_sse_web_origin_is_ipv4(host))
    {
        return "its host is no IPv4 address as a browser writes it";
    }

    return NULL;
}


/* a wildcard before "com" would be everybody; "localhost" is one's own */

static char *
ngx_kafka_sse_web_origin_wildcard(ngx_str_t *host)
{
    char       *reason;
    ngx_str_t   rest;

    if (host->len < 2 || host->data[0] != '*' || host->data[1] != '.') {
        return "a wildcard is one whole label, the first of the host, "
               "as in \"https://*.example.com\"";
    }

    rest.data = host->data + 2;
    rest.len = host->len - 2;

    if (ngx_strlchr(rest.data, rest.data + rest.len, '*') != NULL) {
        return "it has a second wildcard";
    }

    reason = ngx_kafka_sse_web_origin_host(&rest);
    if (reason) {
        return reason;
    }

    if (rest.data[0] == '[' || ngx_kafka_sse_web_origin_is_number(&rest)) {
        return "an address takes no wildcard";
    }

    if (ngx_strlchr(rest.data, rest.data + rest.len, '.') == NULL
        && !ngx_kafka_sse_web_origin_is(&rest, "localhost"))
    {
        return "its wildcard stands for all of a top-level domain";
    }

    return NULL;
}


/* a host that ends in a number is an IPv4 address (URL Standard, 3.5) */

static ngx_uint_t
ngx_kafka_sse_web_origin_is_number(ngx_str_t *host)
{
    u_char      c, *p, *last;
    ngx_uint_t  hex;

    last = host->data + host->len;

    for (p = last; p > host->data && p[-1] != '.'; p--) {
        /* void */
    }

    hex = (last - p >= 2 && p[0] == '0' && p[1] == 'x');

    if (hex) {
        p += 2;
    }

    for ( /* void */ ; p < last; p++) {
        c = *p;

        if ((c < '0' || c > '9') && !(hex && c >= 'a' && c <= 'f')) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_kafka_sse_web_origin_is_ipv4(ngx_str_t *host)
{
    u_char          text[sizeof("255.255.255.255")];
    struct in_addr  addr;

    /* inet_pton() takes four decimal numbers without leading zeros only */

    if (host->len >= sizeof(text)) {
        return 0;
    }

    ngx_memcpy(text, host->data, host->len);
    text[host->len] = '\0';

    return inet_pton(AF_INET, (char *) text, &addr) == 1;
}


/*
 * The URL Standard, 3.5: pieces in lower-case hex, the first longest run of two
 * zeros or more as "::", and never a dot.
 */

static ngx_uint_t
ngx_kafka_sse_web_origin_is_ipv6(ngx_str_t *address)
{
    u_char           *p;
    ngx_uint_t        i, n, run, begin, piece[8];
    u_char            text[8 * sizeof("ffff:")];
    struct in6_addr   addr;

    if (address->len >= sizeof(text)) {
        return 0;
    }

    ngx_memcpy(text, address->data, address->len);
    text[address->len] = '\0';

    if (inet_pton(AF_INET6, (char *) text, &addr) != 1) {
        return 0;
    }

    run = 1;
    begin = 8;
    n = 0;

    for (i = 0; i < 8; i++) {
        piece[i] = addr.s6_addr[2 * i] << 8 | addr.s6_addr[2 * i + 1];
        n = piece[i] ? 0 : n + 1;

        if (n > run) {
            run = n;
            begin = i + 1 - n;
        }
    }

    p = text;

    for (i = 0; i < 8; i++) {

        if (i == begin) {
            *p++ = ':';
            *p++ = ':';
            i += run - 1;
            continue;
        }

        if (i && p[-1] != ':') {
            *p++ = ':';
        }

        p = ngx_sprintf(p, "%xi", piece[i]);
    }

    return (size_t) (p - text) == address->len
           && ngx_memcmp(text, address->data, address->len) == 0;
}


u_char *
ngx_kafka_sse_web_origin_guess(u_char *dst, ngx_str_t *text)
{
    size_t      len;
    u_char     *p, *q, *last, *host;
    ngx_str_t   scheme;

    p = text->data;
    last = p + text->len;

    q = ngx_kafka_sse_web_origin_find(p, last, "://");

    if (q == NULL) {
        return dst;
    }

    scheme.data = dst;
    scheme.len = q - p;

    p = q + 3;

    ngx_strlow(dst, text->data, p - text->data);
    dst += p - text->data;
    host = dst;

    /* the host, with its port, behind the user and before the path */

    for (q = p; q < last && *q != '/' && *q != '?' && *q != '#'; q++) {
        if (*q == '@') {
            p = q + 1;
        }
    }

    len = q - p;
    ngx_strlow(dst, p, len);
    dst += len;

    if (ngx_kafka_sse_web_origin_is(&scheme, "https")
        && dst - host > 4 && ngx_memcmp(dst - 4, ":443", 4) == 0)
    {
        dst -= 4;

    } else if (ngx_kafka_sse_web_origin_is(&scheme, "http")
               && dst - host > 3 && ngx_memcmp(dst - 3, ":80", 3) == 0)
    {
        dst -= 3;
    }

    if (dst > host && dst[-1] == '.') {
        dst--;
    }

    return dst;
}


ngx_uint_t
ngx_kafka_sse_web_origin_match(ngx_kafka_sse_web_origin_t *origin,
    ngx_str_t *value)
{
    u_char  c, *p, *last;

    if (origin->tail.len == 0) {
        return value->len == origin->head.len
               && ngx_memcmp(value->data, origin->head.data, value->len) == 0;
    }

    if (value->len <= origin->head.len + origin->tail.len
        || ngx_memcmp(value->data, origin->head.data, origin->head.len) != 0)
    {
        return 0;
    }

    p = value->data + origin->head.len;
    last = value->data + value->len - origin->tail.len;

    if (last - p > NGX_KAFKA_SSE_WEB_ORIGIN_LABEL
        || ngx_memcmp(last, origin->tail.data, origin->tail.len) != 0
        || p[0] == '-'
        || last[-1] == '-')
    {
        return 0;
    }

    while (p < last) {
        c = *p++;

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-') {
            return 0;
        }
    }

    return 1;
}


static u_char *
ngx_kafka_sse_web_origin_find(u_char *p, u_char *last, char *text)
{
    size_t  len;

    len = ngx_strlen(text);

    for ( /* void */ ; (size_t) (last - p) >= len; p++) {
        if (ngx_memcmp(p, text, len) == 0) {
            return p;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_kafka_sse_web_origin_is(ngx_str_t *value, char *text)
{
    return value->len == ngx_strlen(text)
           && ngx_memcmp(value->data, text, value->len) == 0;
}
