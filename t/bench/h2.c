
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * HTTP/2 in cleartext with prior knowledge, as much of it as a client of event
 * streams needs: all streams of a connection are requested at once, with
 * windows that never close.  Of a response's header only the status is read;
 * nothing is written to the decoder's table (":status 200" is one byte then).
 */

#include "load.h"


#define H2_DATA           0
#define H2_HEADERS        1
#define H2_RST_STREAM     3
#define H2_SETTINGS       4
#define H2_PING           6
#define H2_GOAWAY         7
#define H2_WINDOW_UPDATE  8

#define H2_END_STREAM     0x01
#define H2_ACK            0x01
#define H2_END_HEADERS    0x04
#define H2_PADDED         0x08
#define H2_PRIORITY       0x20

#define H2_WINDOW         0x7fffffff
#define H2_CREDIT         (H2_WINDOW / 4)       /* given back in pieces of */
#define H2_FRAME          16384                 /* the default */


struct h2_s {
    unsigned   have;                    /* of head */
    u_char     head[9];
    u_char     type;
    u_char     flags;
    uint32_t   id;
    uint32_t   left;                    /* of the payload */
    stream_t  *st;                      /* NULL: the connection's, or gone */
    u_char    *payload;                 /* of all but data */
    uint32_t   got;
    uint64_t   taken;                   /* of the window */
};


static u_char *
h2_number(u_char *p, uint32_t v)
{
    *p++ = v >> 24;
    *p++ = v >> 16;
    *p++ = v >> 8;
    *p++ = v;

    return p;
}


static u_char *
h2_frame(u_char *p, uint32_t len, u_char type, u_char flags, uint32_t id)
{
    p = h2_number(p, len << 8 | type);
    *p++ = flags;

    return h2_number(p, id);
}


static u_char *
h2_window(u_char *p, uint32_t id, uint32_t more)
{
    p = h2_frame(p, 4, H2_WINDOW_UPDATE, 0, id);

    return h2_number(p, more);
}


/* HPACK: a literal that is not indexed, its name in the static table or new */

static u_char *
h2_string(u_char *p, const char *s, size_t len)
{
    size_t  rest;

    if (len < 127) {
        *p++ = len;

    } else {
        *p++ = 127;

        for (rest = len - 127; rest >= 128; rest >>= 7) {
            *p++ = rest | 128;
        }

        *p++ = rest;
    }

    memcpy(p, s, len);

    return p + len;
}


static u_char *
h2_header(u_char *p, unsigned name, const char *value)
{
    if (name < 15) {
        *p++ = name;

    } else {
        *p++ = 15;
        *p++ = name - 15;
    }

    return h2_string(p, value, strlen(value));
}


static u_char *
h2_request(u_char *p, stream_t *st, uint32_t id)
{
    char    path[512], cookie[901];
    u_char  *head;

    head = p;
    p += 9;

    bench_uri(path, sizeof(path), uri, stream_key(st));

    *p++ = 0x82;                                /* :method GET */
    *p++ = 0x86;                                /* :scheme http */
    p = h2_header(p, 4, path);
    p = h2_header(p, 1, "127.0.0.1");
    p = h2_header(p, 19, "text/event-stream");

    if (browser) {
        memset(cookie, 'c', sizeof(cookie));
        cookie[sizeof(cookie) - 1] = '\0';

        p = h2_header(p, 24, "no-cache");
        p = h2_header(p, 58, "Mozilla/5.0 (X11; Linux x86_64) "
                      "AppleWebKit/537.36 (KHTML, like Gecko) "
                      "Chrome/140.0.0.0 Safari/537.36");
        p = h2_header(p, 16, "gzip, deflate, br, zstd");
        p = h2_header(p, 17, "en-US,en;q=0.9");
        p = h2_header(p, 32, cookie);
    }

    h2_frame(head, p - head - 9, H2_HEADERS, H2_END_STREAM|H2_END_HEADERS, id);

    return p;
}


void
h2_open(conn_t *c)
{
    int      i;
    u_char  *p, buf[2048];

    static const char  preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    /* no push, and H2_WINDOW for each stream */

    static const char  settings[] = "\0\2\0\0\0\0" "\0\4\x7f\xff\xff\xff";

    c->h2 = calloc(1, sizeof(h2_t));
    if (c->h2 == NULL) {
        die("memory");
    }

    p = buf;
    memcpy(p, preface, sizeof(preface) - 1);
    p += sizeof(preface) - 1;

    p = h2_frame(p, sizeof(settings) - 1, H2_SETTINGS, 0, 0);
    memcpy(p, settings, sizeof(settings) - 1);
    p += sizeof(settings) - 1;

    p = h2_window(p, 0, H2_WINDOW - 65535);

    conn_send(c, (char *) buf, p - buf);

    for (i = 0; i < c->nstreams; i++) {
        p = h2_request(buf, conn_stream(c, i), 2 * i + 1);
        conn_send(c, (char *) buf, p - buf);
    }
}


void
h2_close(conn_t *c)
{
    if (c->h2) {
        free(c->h2->payload);
        free(c->h2);
        c->h2 = NULL;
    }
}


/* what was taken of both windows is given back, long before they close */

static void
h2_credit(conn_t *c, uint32_t n)
{
    u_char  *p, buf[32];
    h2_t    *h2;

    h2 = c->h2;
    p = buf;

    h2->taken += n;

    if (h2->taken >= H2_CREDIT) {
        p = h2_window(p, 0, h2->taken);
        h2->taken = 0;
    }

    if (h2->st) {
        h2->st->left += n;

        if (h2->st->left >= H2_CREDIT) {
            p = h2_window(p, h2->id, h2->st->left);
            h2->st->left = 0;
        }
    }

    if (p > buf) {
        conn_send(c, (char *) buf, p - buf);
    }
}


static void
h2_answered(stream_t *st, u_char *p, size_t len)
{
    char  why[32];

    /* a change of the table's size comes first, if any */

    while (len > 0 && (*p & 0xe0) == 0x20) {
        p++;
        len--;
    }

    if (len > 0 && *p == 0x88) {
        stream_answered(st);
        return;
    }

    stream_refused(st, why, snprintf(why, sizeof(why),
                                     "HTTP/2, header begins with %02x",
                                     len ? *p : 0));
}


/* all of a frame that is not data */

static void
h2_control(conn_t *c)
{
    h2_t    *h2;
    u_char  *p, buf[32];

    h2 = c->h2;

    switch (h2->type) {

    case H2_HEADERS:
        if (h2->st && h2->st->opening) {
            h2_answered(h2->st, h2->payload, h2->got);
        }

        if (h2->st && h2->flags & H2_END_STREAM) {
            stream_ended(h2->st);
        }
        break;

    case H2_RST_STREAM:
        if (h2->st) {
            stream_ended(h2->st);
        }
        break;

    case H2_SETTINGS:
        if (!(h2->flags & H2_ACK)) {
            p = h2_frame(buf, 0, H2_SETTINGS, H2_ACK, 0);
            conn_send(c, (char *) buf, p - buf);
        }
        break;

    case H2_PING:
        if (!(h2->flags & H2_ACK) && h2->got == 8) {
            p = h2_frame(buf, 8, H2_PING, H2_ACK, 0);
            memcpy(p, h2->payload, 8);
            conn_send(c, (char *) buf, p + 8 - buf);
        }
        break;

    case H2_WINDOW_UPDATE:
    case H2_GOAWAY:                     /* the connection ends by itself */
        break;

    default:
        total.bad++;
        sse_bad("HTTP/2, frame of a type that was not asked for", 46);
    }
}


static void
h2_begin(conn_t *c)
{
    h2_t    *h2;
    u_char  *p;

    h2 = c->h2;
    p = h2->head;

    h2->left = p[0] << 16 | p[1] << 8 | p[2];
    h2->type = p[3];
    h2->flags = p[4];
    h2->id = (p[5] & 0x7f) << 24 | p[6] << 16 | p[7] << 8 | p[8];
    h2->st = NULL;
    h2->got = 0;

    if (h2->id & 1 && (int) h2->id / 2 < c->nstreams) {
        h2->st = conn_stream(c, h2->id / 2);
    }

    if (h2->left > H2_FRAME
        || (h2->type <= H2_HEADERS
            && (h2->st == NULL || h2->flags & (H2_PADDED|H2_PRIORITY))))
    {
        total.bad++;
        sse_bad("HTTP/2, frame", 13);
    }

    if (h2->type == H2_DATA) {
        total.frames += h2->left > 0;
        return;
    }

    free(h2->payload);
    h2->payload = malloc(h2->left + 1);

    if (h2->payload == NULL) {
        die("memory");
    }
}


static void
h2_end(conn_t *c)
{
    h2_t  *h2;

    h2 = c->h2;
    h2->have = 0;

    if (h2->type != H2_DATA) {
        h2_control(c);

    } else if (h2->st && h2->flags & H2_END_STREAM) {
        stream_ended(h2->st);
    }
}


void
h2_bytes(conn_t *c, const char *p, const char *last, int64_t now)
{
    h2_t      *h2;
    uint32_t   n;

    h2 = c->h2;

    while (p < last) {

        if (h2->have < sizeof(h2->head)) {
            h2->head[h2->have++] = *p++;

            if (h2->have < sizeof(h2->head)) {
                continue;
            }

            h2_begin(c);
        }

        n = h2->left < last - p ? h2->left : last - p;

        if (h2->type != H2_DATA) {
            memcpy(h2->payload + h2->got, p, n);
            h2->got += n;

        } else if (h2->st) {
            if (h2->st->open) {
                sse_bytes(h2->st, p, p + n, now);
            }

            h2_credit(c, n);
        }

        h2->left -= n;
        p += n;

        if (h2->left == 0) {
            h2_end(c);
        }
    }
}
