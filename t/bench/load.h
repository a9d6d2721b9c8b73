
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The parts of load: load.c has the commands, conn.c connections and the loop,
 * http.c and h2.c the protocols on them, sse.c looks at every byte of the
 * streams, watch.c at the processes.
 */

#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include "bench.h"
#include "hist.h"
#include "tls.h"


#define LOAD_ID         256             /* with its zero */
#define LOAD_RETRY      32768           /* ms, at most */


typedef struct conn_s    conn_t;
typedef struct h2_s      h2_t;
typedef struct stream_s  stream_t;


typedef enum {
    http_head = 0,                      /* response header */
    http_size,                          /* chunk size line */
    http_data,                          /* in a chunk, or unchunked body */
    http_crlf,                          /* after a chunk */
    http_over
} http_state_e;


typedef struct {
    int64_t              t;             /* when it was due */
    uint64_t             n;             /* see next */
    unsigned short       source;
    unsigned             have:1;
} record_t;


struct stream_s {
    conn_t              *conn;
    int                  place;         /* in streams */
    unsigned             opening:1;     /* no response yet */
    unsigned             open:1;
    unsigned             slow:1;
    unsigned             moved:1;       /* no record yet where it came back */

    http_state_e         state;
    unsigned             chunked:1;
    uint64_t             left;          /* of the chunk; HTTP/2: of credit */

    char                *carry;         /* a line that is not complete */
    size_t               carried;
    size_t               room;

    record_t             record;        /* of an event that is not complete */
    unsigned             retry;         /* ms */
    unsigned             id_len;        /* with its zero */
    unsigned             buffer_len;
    char                 id[LOAD_ID];   /* of the last complete event */
    char                 buffer[LOAD_ID];   /* ... of this one, or of that */

    int64_t              gone;          /* when it lost its connection, us */
    int64_t              began;         /* the connect() after that, us */
    stream_t            *later;         /* in its slot of the wheel */

    /* run << 32 | number, per source */
    uint64_t             next[];
};


struct conn_s {
    int                  fd;
    int                  first;         /* in streams, of nstreams */
    int                  nstreams;
    unsigned             connected:1;
    SSL                 *ssl;
    h2_t                *h2;
};


/* of what has come since the mark */

typedef struct {
    unsigned             run;
    uint64_t             received;
    uint64_t             lost;
    uint64_t             repeated;
    uint64_t             bad;
    uint64_t             stale;         /* of an earlier run */
    uint64_t             ids;
    uint64_t             events;        /* event: lines */
    uint64_t             comments;
    uint64_t             bytes;
    uint64_t             reads;
    uint64_t             frames;        /* HTTP/2: with data */
    uint64_t             ended;         /* streams that the server closed */
    int64_t              first;         /* when the first record was due */
    int64_t              last;          /* when the last one came */
    char                 sample[128];   /* of what is bad, or an event */
    hist_t               latency;
} total_t;


/* of streams that lost their connection and came back */

typedef struct {
    int                  port;          /* after "kill", else 0 */
    int64_t              killed;        /* us, as the following */
    int64_t              last;          /* when the last one had resumed */
    int64_t              late;          /* when a late record came last */
    uint64_t             ended;
    uint64_t             cut;           /* by us */
    int                  all;           /* that resumed */
    int                  again;         /* connects that failed */
    uint64_t             before;        /* received when it was killed */
    uint64_t             records;       /* ... and since, up to last */
    hist_t               total;         /* the end of the old to a record */
    hist_t               answer;        /* connect() to 200 */
    hist_t               connect;       /* connect() to record */
} move_t;


/* of the slow streams, since they were connected */

typedef struct {
    int                  streams;
    int                  rate;          /* bytes a second of each */
    int64_t              read;          /* when they have read last, us */
    uint64_t             bytes;
    uint64_t             received;
    uint64_t             jumped;
    uint64_t             ended;
} slow_t;


typedef struct {
    int                  rate;          /* per second */
    int64_t              due;           /* the next one, us */
    unsigned             place;         /* in streams */
} cut_t;


extern total_t           total;
extern move_t            move;
extern slow_t            slow;
extern cut_t             cut;

extern int               ep, port, record_size, browser, h2;
extern int               from;          /* last part of source addresses */
extern unsigned          keys;          /* 0: all streams want all */
extern const char       *uri;
extern SSL_CTX          *tls;

extern stream_t        **streams;
extern int               nstreams, nopen, nopening, nrefused;


static inline stream_t *
conn_stream(conn_t *c, int i)
{
    return streams[c->first + i];
}


static inline unsigned
stream_key(stream_t *st)
{
    return keys ? st->place % keys : 0;
}


/* conn.c */

void conn_add(int want);
int conn_turn(int ms);
void wheel_empty(void);
void slow_hasten(void);
int slow_behind(void);
void conn_close(conn_t *c);
void conn_send(conn_t *c, const char *buf, size_t len);
void stream_answered(stream_t *st);
void stream_refused(stream_t *st, const char *why, size_t len);
void stream_ended(stream_t *st);

/* http.c */

void http_open(conn_t *c);
void http_bytes(conn_t *c, const char *p, const char *last, int64_t now);

/* h2.c */

void h2_open(conn_t *c);
void h2_close(conn_t *c);
void h2_bytes(conn_t *c, const char *p, const char *last, int64_t now);

/* sse.c */

uint64_t sse_expected(uint64_t records);
void sse_bad(const char *line, size_t len);
void sse_carry(stream_t *st, const char *p, size_t len);
void sse_again(stream_t *st);
void sse_bytes(stream_t *st, const char *p, const char *last, int64_t now);

/* watch.c */

void watch_command(char *args);
void watch_mark(void);
void watch_killed(void);
void watch_resumed(void);
void watch_say_memory(void);
void watch_say_resumed(void);
void watch_say(void);


#endif /* _LOAD_H_INCLUDED_ */
