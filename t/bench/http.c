
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * HTTP/1.1: one stream on a connection, chunked or up to its end.
 */

#include "load.h"


void
http_open(conn_t *c)
{
    int        n;
    char       buf[2048], cookie[900];
    stream_t  *st;

    st = conn_stream(c, 0);

    n = snprintf(buf, sizeof(buf), "GET ");
    n += bench_uri(buf + n, sizeof(buf) - n, uri, stream_key(st));
    n += snprintf(buf + n, sizeof(buf) - n,
                  " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                  "Accept: text/event-stream\r\n");

    if (browser) {
        memset(cookie, 'c', sizeof(cookie));
        n += snprintf(buf + n, sizeof(buf) - n,
                      "Cache-Control: no-cache\r\n"
                      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) "
                      "AppleWebKit/537.36 (KHTML, like Gecko) "
                      "Chrome/140.0.0.0 Safari/537.36\r\n"
                      "Accept-Encoding: gzip, deflate, br, zstd\r\n"
                      "Accept-Language: en-US,en;q=0.9\r\n"
                      "Cookie: session=%.*s\r\n",
                      (int) sizeof(cookie), cookie);
    }

    if (st->id[0]) {
        n += snprintf(buf + n, sizeof(buf) - n, "Last-Event-ID: %s\r\n",
                      st->id);
    }

    n += snprintf(buf + n, sizeof(buf) - n, "\r\n");

    conn_send(c, buf, n);
}


static const char *
http_header(stream_t *st, const char *p, const char *last)
{
    char    *end;
    size_t   before;

    before = st->carried;
    sse_carry(st, p, last - p);

    end = memmem(st->carry, st->carried, "\r\n\r\n", 4);
    if (end == NULL) {
        return last;
    }

    *end = '\0';

    if (strncmp(st->carry, "HTTP/1.1 200", 12) != 0) {
        stream_refused(st, st->carry, end - st->carry);
        st->state = http_over;
        return last;
    }

    stream_answered(st);

    st->chunked = strcasestr(st->carry, "transfer-encoding: chunked") != NULL;
    st->state = st->chunked ? http_size : http_data;
    st->left = 0;
    p += end + 4 - st->carry - before;

    free(st->carry);
    st->carry = NULL;
    st->carried = st->room = 0;

    return p;
}


void
http_bytes(conn_t *c, const char *p, const char *last, int64_t now)
{
    size_t     n;
    stream_t  *st;

    st = conn_stream(c, 0);

    while (p < last) {

        switch (st->state) {

        case http_head:
            p = http_header(st, p, last);
            break;

        case http_size:
            if (*p == '\n') {
                st->state = st->left ? http_data : http_over;

            } else if (*p != '\r') {
                st->left = st->left * 16
                           + (*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
            }

            p++;
            break;

        case http_data:
            n = last - p;
            if (st->chunked && n >= st->left) {
                n = st->left;
                st->state = http_crlf;
            }

            st->left -= n;
            sse_bytes(st, p, p + n, now);
            p += n;
            break;

        case http_crlf:
            if (*p++ == '\n') {
                st->state = http_size;
            }
            break;

        case http_over:
            stream_ended(st);
            return;
        }
    }

    if (st->state == http_over) {
        stream_ended(st);
    }
}
