
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Test doubles of the few nginx functions that the module's pure parts call,
 * with the same contract, so that unit programs link without nginx.  What a
 * double does not know (a format of ngx_sprintf()) aborts.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <regex.h>

#include "ngx_shim.h"


char       ngx_shim_message[512];
ngx_uint_t ngx_shim_messages;
ngx_int_t  ngx_shim_fail_after = -1;

ngx_shim_value_t  *ngx_shim_values;


/* milliseconds that only go forward when a test says so */

volatile ngx_msec_t  ngx_current_msec;


static ngx_cycle_t     ngx_shim_cycle;
volatile ngx_cycle_t  *ngx_cycle = &ngx_shim_cycle;


static u_char *ngx_shim_vformat(u_char *dst, const char *fmt, va_list args);
static void ngx_shim_replace(ngx_rbtree_t *tree, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *by);
static ngx_rbtree_node_t **ngx_shim_str_next(ngx_rbtree_node_t *node,
    uint32_t key, ngx_str_t *str);


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    void  *p;

    if (ngx_shim_fail_after == 0) {
        return NULL;
    }

    if (ngx_shim_fail_after > 0) {
        ngx_shim_fail_after--;
    }

    p = malloc(size);
    if (p == NULL) {
        abort();
    }

    return p;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    pool = calloc(1, sizeof(ngx_pool_t));
    if (pool == NULL) {
        abort();
    }

    pool->log = log;

    return pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t  *large, *next;

    for (large = pool->large; large; large = next) {
        next = large->next;
        free(large->alloc);
        free(large);
    }

    free(pool);
}


/* each allocation is one of malloc(), so a byte too many is seen */

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_large_t  *large;

    if (ngx_shim_fail_after == 0) {
        return NULL;
    }

    if (ngx_shim_fail_after > 0) {
        ngx_shim_fail_after--;
    }

    large = malloc(sizeof(ngx_pool_large_t));
    if (large == NULL) {
        abort();
    }

    large->alloc = malloc(size);
    if (large->alloc == NULL) {
        abort();
    }

    large->next = pool->large;
    pool->large = large;

    return large->alloc;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);
    if (p) {
        memset(p, 0, size);
    }

    return p;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *p, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(p, sizeof(ngx_array_t));
    if (a == NULL) {
        return NULL;
    }

    if (ngx_array_init(a, p, n, size) != NGX_OK) {
        return NULL;
    }

    return a;
}


void *
ngx_array_push(ngx_array_t *a)
{
    void  *elts;

    if (a->nelts == a->nalloc) {

        elts = ngx_palloc(a->pool, 2 * a->nalloc * a->size);
        if (elts == NULL) {
            return NULL;
        }

        memcpy(elts, a->elts, a->nelts * a->size);
        a->elts = elts;
        a->nalloc *= 2;
    }

    return (u_char *) a->elts + a->size * a->nelts++;
}


static void
ngx_shim_write(const char *fmt, va_list args)
{
    u_char  buf[65536];
    size_t  len;

    len = ngx_shim_vformat(buf, fmt, args) - buf;
    len = ngx_min(len, sizeof(ngx_shim_message) - 1);

    memcpy(ngx_shim_message, buf, len);
    ngx_shim_message[len] = '\0';
}


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_shim_write(fmt, args);
    va_end(args);
}


void ngx_cdecl
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_shim_write(fmt, args);
    va_end(args);

    ngx_shim_messages++;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    while (--n && *src) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    size_t  len;

    len = n + 1;            /* n counts from the second character */

    for ( /* void */ ; (size_t) (last - s1) >= len; s1++) {
        if (strncasecmp((char *) s1, (char *) s2, len) == 0) {
            return s1;
        }
    }

    return NULL;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_shim_vformat(buf, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    u_char  text[65536];
    size_t  len;

    len = ngx_shim_vformat(text, fmt, args) - text;
    len = ngx_min(len, (size_t) (last - buf));

    memcpy(buf, text, len);

    return buf + len;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {

        if (*line < '0' || *line > '9'
            || value > (NGX_MAX_INT_T_VALUE - 9) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     c;
    ngx_int_t  value;

    for (value = 0; n--; line++) {
        c = *line | 0x20;

        if (*line >= '0' && *line <= '9') {
            value = value * 16 + (*line - '0');

        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);

        } else {
            return NGX_ERROR;
        }
    }

    return value;
}


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    while (n--) {
        *dst++ = ngx_tolower(*src);
        src++;
    }
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


/*
 * Complex values know "$name" and "${name}": what a test says they are, else
 * empty.  A test has no captures.
 */

ngx_int_t
ngx_http_compile_complex_value(ngx_http_compile_complex_value_t *ccv)
{
    ngx_str_t  *v;

    v = ccv->value;

    ngx_memzero(ccv->complex_value, sizeof(ngx_http_complex_value_t));

    ccv->complex_value->value = *v;

    if (ngx_strlchr(v->data, v->data + v->len, '$')) {
        ccv->complex_value->lengths = (void *) v;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_complex_value(ngx_http_request_t *r, ngx_http_complex_value_t *val,
    ngx_str_t *value)
{
    u_char              *p, *last, *dst;
    size_t               len;
    ngx_str_t            name;
    ngx_shim_value_t    *v;

    p = val->value.data;
    last = p + val->value.len;
    len = val->value.len;

    for (v = ngx_shim_values; v && v->name; v++) {
        len += 2 * v->value.len;
    }

    value->data = ngx_pnalloc(r->pool, len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    dst = value->data;

    while (p < last) {

        if (*p != '$') {
            *dst++ = *p++;
            continue;
        }

        p += 1 + (p[1] == '{');
        name.data = p;

        while (p < last && (*p == '_' || isalnum(*p))) {
            p++;
        }

        name.len = p - name.data;
        p += (p < last && *p == '}');

        for (v = ngx_shim_values; v && v->name; v++) {
            if (strlen(v->name) == name.len
                && memcmp(v->name, name.data, name.len) == 0)
            {
                dst = ngx_cpymem(dst, v->value.data, v->value.len);
            }
        }
    }

    value->len = dst - value->data;

    return NGX_OK;
}


/* POSIX's extended expressions, where NUL ends the text; kept to the end */

ngx_int_t
ngx_regex_compile(ngx_regex_compile_t *rc)
{
    int    flags;
    char   pattern[256];

    static regex_t  regexes[64];
    static int      n;

    if (n == 64 || rc->pattern.len >= sizeof(pattern)) {
        abort();
    }

    memcpy(pattern, rc->pattern.data, rc->pattern.len);
    pattern[rc->pattern.len] = '\0';

    flags = REG_EXTENDED|REG_NOSUB
            | ((rc->options & NGX_REGEX_CASELESS) ? REG_ICASE : 0);

    if (regcomp(&regexes[n], pattern, flags) != 0) {
        ngx_str_set(&rc->err, "bad expression");
        return NGX_ERROR;
    }

    rc->regex = (void *) &regexes[n++];

    return NGX_OK;
}


ngx_int_t
ngx_regex_exec(ngx_regex_t *re, ngx_str_t *s, int *captures, ngx_uint_t size)
{
    int    rc;
    char  *text;

    text = malloc(s->len + 1);
    if (text == NULL) {
        abort();
    }

    memcpy(text, s->data, s->len);
    text[s->len] = '\0';

    rc = regexec((regex_t *) re, text, 0, NULL, 0);

    free(text);

    return rc ? NGX_REGEX_NO_MATCHED : 0;
}


static u_char *
ngx_shim_vformat(u_char *dst, const char *fmt, va_list args)
{
    int         width;
    char        number[32], *text;
    size_t      len;
    ngx_str_t  *s;

    for ( /* void */ ; *fmt; fmt++) {

        if (*fmt != '%') {
            *dst++ = *fmt;
            continue;
        }

        fmt++;
        width = 0;

        if (*fmt == '0') {
            width = fmt[1] - '0';
            fmt += 2;
        }

        switch (*fmt) {

        case 'V':
            s = va_arg(args, ngx_str_t *);
            memcpy(dst, s->data, s->len);
            dst += s->len;
            continue;

        case '*':
            if (*++fmt != 's') {
                abort();
            }

            len = va_arg(args, size_t);
            text = va_arg(args, char *);
            memcpy(dst, text, len);
            dst += len;
            continue;

        case 's':
            text = va_arg(args, char *);
            memcpy(dst, text, strlen(text));
            dst += strlen(text);
            continue;

        case 'u':
            if (*++fmt != 'i' && *fmt != 'z') {
                abort();
            }

            snprintf(number, sizeof(number), "%zu", va_arg(args, size_t));
            break;

        case 'x':
            if (*++fmt != 'i') {
                abort();
            }

            snprintf(number, sizeof(number), "%0*zx", width,
                     va_arg(args, size_t));
            break;

        case 'D':
            snprintf(number, sizeof(number), "%0*d", width,
                     (int) va_arg(args, int32_t));
            break;

        case 'd':
            snprintf(number, sizeof(number), "%0*d", width,
                     va_arg(args, int));
            break;

        case 'L':
            snprintf(number, sizeof(number), "%0*lld", width,
                     (long long) va_arg(args, int64_t));
            break;

        default:
            abort();
        }

        memcpy(dst, number, strlen(number));
        dst += strlen(number);
    }

    return dst;
}


void
ngx_encode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    u_char    *d, *s, *last;
    uint32_t   n, left;

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    d = dst->data;
    s = src->data;
    last = s + src->len;

    while (s < last) {
        left = ngx_min(last - s, 3);

        n = (uint32_t) s[0] << 16;
        n |= (left > 1) ? s[1] << 8 : 0;
        n |= (left > 2) ? s[2] : 0;

        *d++ = digits[n >> 18];
        *d++ = digits[n >> 12 & 0x3f];
        *d++ = (left > 1) ? digits[n >> 6 & 0x3f] : '=';
        *d++ = (left > 2) ? digits[n & 0x3f] : '=';

        s += left;
    }

    dst->len = d - dst->data;
}


/* NGX_ESCAPE_URI_COMPONENT only: all but the unreserved of RFC 3986 */

uintptr_t
ngx_escape_uri(u_char *dst, u_char *src, size_t size, ngx_uint_t type)
{
    static const char  hex[] = "0123456789ABCDEF";

    if (type != NGX_ESCAPE_URI_COMPONENT || dst == NULL) {
        abort();
    }

    while (size--) {

        if ((*src >= 'a' && *src <= 'z') || (*src >= 'A' && *src <= 'Z')
            || (*src >= '0' && *src <= '9') || *src == '-' || *src == '.'
            || *src == '_' || *src == '~')
        {
            *dst++ = *src++;
            continue;
        }

        *dst++ = '%';
        *dst++ = hex[*src >> 4];
        *dst++ = hex[*src++ & 0xf];
    }

    return (uintptr_t) dst;
}


/* months from 1 and full years, as nginx has them */

void
ngx_gmtime(time_t t, ngx_tm_t *tp)
{
    if (t < 0) {
        abort();
    }

    gmtime_r(&t, tp);

    tp->ngx_tm_mon++;
    tp->ngx_tm_year += 1900;
}


/* not nginx's, whose numbers nobody may rely on: FNV-1a */

uint32_t
ngx_murmur_hash2(u_char *data, size_t len)
{
    uint32_t  h;

    for (h = 2166136261u; len; len--) {
        h = (h ^ *data++) * 16777619u;
    }

    return h;
}


/* a tree that is not balanced, but ordered as nginx's */

void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree->root == tree->sentinel) {
        node->parent = NULL;
        node->left = tree->sentinel;
        node->right = tree->sentinel;
        tree->root = node;

    } else {
        tree->insert(tree->root, node, tree->sentinel);
    }
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_rbtree_node_t  *left, *right, *last;

    /* what is on the right goes below the last one on the left */

    left = node->left;
    right = node->right;

    if (left == tree->sentinel) {
        ngx_shim_replace(tree, node, right);
        return;
    }

    for (last = left; last->right != tree->sentinel; last = last->right) {
        /* void */
    }

    last->right = right;

    if (right != tree->sentinel) {
        right->parent = last;
    }

    ngx_shim_replace(tree, node, left);
}


static void
ngx_shim_replace(ngx_rbtree_t *tree, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *by)
{
    if (node->parent == NULL) {
        tree->root = by;

    } else if (node->parent->left == node) {
        node->parent->left = by;

    } else {
        node->parent->right = by;
    }

    if (by != tree->sentinel) {
        by->parent = node->parent;
    }
}


static ngx_rbtree_node_t **
ngx_shim_str_next(ngx_rbtree_node_t *node, uint32_t key, ngx_str_t *str)
{
    ngx_int_t        rc;
    ngx_str_node_t  *n;

    n = (ngx_str_node_t *) node;

    if (key != node->key) {
        return (key < node->key) ? &node->left : &node->right;
    }

    if (str->len != n->str.len) {
        return (str->len < n->str.len) ? &node->left : &node->right;
    }

    rc = memcmp(str->data, n->str.data, str->len);

    return (rc == 0) ? NULL : (rc < 0) ? &node->left : &node->right;
}


void
ngx_str_rbtree_insert_value(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {
        p = ngx_shim_str_next(temp, node->key,
                              &((ngx_str_node_t *) node)->str);
        if (p == NULL) {
            abort();            /* nobody enters a string twice */
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
}


ngx_str_node_t *
ngx_str_rbtree_lookup(ngx_rbtree_t *tree, ngx_str_t *str, uint32_t hash)
{
    ngx_rbtree_node_t  *node, **p;

    node = tree->root;

    while (node != tree->sentinel) {
        p = ngx_shim_str_next(node, hash, str);

        if (p == NULL) {
            return (ngx_str_node_t *) node;
        }

        node = *p;
    }

    return NULL;
}
