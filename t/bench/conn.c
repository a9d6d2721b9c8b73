
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Connections and the streams on them: how they begin, are read and end, and
 * come back.
 */

#include "load.h"


#define CONN_READ       (512 * 1024)
#define CONN_ADDRESS    20000           /* streams per source address */
#define CONN_WHEEL      (LOAD_RETRY * 2)    /* ms, one slot each */
#define CONN_SLOW       100000          /* us between reads of who is slow */
#define CONN_RCVBUF     4096            /* ... and what waits for it, at most */
#define CONN_HASTE      (1024 * 1024)   /* ... and when it is slow no more */


stream_t          **streams;
int                 nstreams, nopen, nopening, nrefused;

static stream_t    *wheel[CONN_WHEEL];
static int64_t      wheel_ms;           /* slots before it are empty */
static int          wheeled;


static void
conn_watch(conn_t *c, uint32_t events, int op)
{
    struct epoll_event  ev;

    ev.events = events;
    ev.data.ptr = c;

    if (epoll_ctl(ep, op, c->fd, &ev) == -1) {
        die("epoll_ctl");
    }
}


/* who is not there is noticed when we read */

void
conn_send(conn_t *c, const char *buf, size_t len)
{
    ssize_t  n;

    n = c->ssl ? tls_send(c->ssl, buf, len)
               : send(c->fd, buf, len, MSG_NOSIGNAL);

    if (n > 0 ? (size_t) n != len : n == -1 && errno == EAGAIN) {
        errno = 0;
        die("a request that is not taken at once");
    }
}


/* it is read when it is time, not when there is something */

static int
conn_slow(conn_t *c)
{
    return conn_stream(c, 0)->slow && slow.rate;
}


static void
conn_open(conn_t *c)
{
    int                 i;
    struct sockaddr_in  sin;

    c->connected = 0;
    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (c->fd == -1) {
        die("socket, stream %d", c->first);
    }

    if (conn_slow(c)) {
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &(int) {CONN_RCVBUF},
                   sizeof(int));
    }

    /* one address has no more ports than that for one server */

    if (from || c->first >= CONN_ADDRESS) {
        sin = bench_addr("127.0.0.1", 0);
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (from ? from - 1 : 0)
                                    + c->first / CONN_ADDRESS);
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int) {1},
                   sizeof(int));

        if (bind(c->fd, (void *) &sin, sizeof(sin)) == -1) {
            die("bind");
        }
    }

    sin = bench_addr("127.0.0.1", port);

    if (connect(c->fd, (void *) &sin, sizeof(sin)) == -1
        && errno != EINPROGRESS)
    {
        die("connect");
    }

    conn_watch(c, EPOLLOUT, EPOLL_CTL_ADD);

    for (i = 0; i < c->nstreams; i++) {
        conn_stream(c, i)->opening = 1;
        nopening++;
    }
}


void
conn_close(conn_t *c)
{
    if (c->fd == -1) {
        return;
    }

    SSL_free(c->ssl);
    c->ssl = NULL;
    h2_close(c);
    close(c->fd);
    c->fd = -1;
}


void
stream_answered(stream_t *st)
{
    st->opening = 0;
    st->open = 1;
    nopening--;
    nopen++;

    if (st->moved) {
        hist_add(&move.answer, now_us() - st->began);
    }
}


void
stream_refused(stream_t *st, const char *why, size_t len)
{
    st->opening = 0;
    nopening--;
    nrefused++;
    sse_bad(why, len);
}


void
stream_ended(stream_t *st)
{
    if (st->opening) {
        st->opening = 0;
        nopening--;
        (*(move.port ? &move.again : &nrefused))++;

    } else if (st->open) {
        st->open = 0;
        nopen--;
        (*(st->slow ? &slow.ended : move.port ? &move.ended
                                              : &total.ended))++;
    }
}


/* its connection has ended: it comes back after its retry */

static void
stream_later(stream_t *st)
{
    int64_t     ms, now;
    stream_t  **slot;

    now = now_us();
    st->gone = move.port ? move.killed : now;
    st->moved = 1;
    sse_again(st);

    if (wheeled++ == 0) {
        wheel_ms = now / 1000;
    }

    ms = now / 1000 + st->retry;
    slot = &wheel[(ms > wheel_ms ? ms : wheel_ms) % CONN_WHEEL];

    st->later = *slot;
    *slot = st;
}


static void
conn_over(conn_t *c)
{
    int        i;
    stream_t  *st;

    for (i = 0; i < c->nstreams; i++) {
        stream_ended(conn_stream(c, i));
    }

    conn_close(c);

    st = conn_stream(c, 0);

    if (move.port || st->slow) {
        stream_later(st);
    }
}


static int
conn_live(conn_t *c)
{
    int        i;
    stream_t  *st;

    for (i = 0; i < c->nstreams; i++) {
        st = conn_stream(c, i);

        if (st->opening || st->open) {
            return 1;
        }
    }

    return 0;
}


/* the socket is connected; with TLS there is more to do */

static void
conn_established(conn_t *c)
{
    ssize_t  n;

    if (tls) {
        if (c->ssl == NULL) {
            c->ssl = tls_open(tls, c->fd);
            SSL_set_connect_state(c->ssl);
        }

        n = tls_handshake(c->ssl);

        if (n == -1) {
            conn_watch(c, EPOLLIN, EPOLL_CTL_MOD);
            return;
        }

        if (n == 0) {
            conn_over(c);
            return;
        }
    }

    c->connected = 1;

    if (h2) {
        h2_open(c);

    } else {
        http_open(c);
    }

    if (conn_slow(c)) {
        conn_watch(c, 0, EPOLL_CTL_DEL);

    } else {
        conn_watch(c, EPOLLIN, EPOLL_CTL_MOD);
    }
}


static void
conn_read(conn_t *c, size_t size)
{
    ssize_t      n;
    int64_t      now;
    static char  buf[CONN_READ];

    do {
        n = c->ssl ? tls_recv(c->ssl, buf, size) : recv(c->fd, buf, size, 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            conn_over(c);
            return;
        }

        now = now_us();

        if (conn_stream(c, 0)->slow) {
            slow.bytes += n;

        } else {
            total.bytes += n;
            total.reads++;
        }

        if (c->h2) {
            h2_bytes(c, buf, buf + n, now);

        } else {
            http_bytes(c, buf, buf + n, now);
        }

        if (!conn_live(c)) {
            conn_over(c);
            return;
        }

    } while (c->ssl && SSL_has_pending(c->ssl));
}


/* a connection with as many streams as it may have */

void
conn_add(int want)
{
    int        i;
    conn_t    *c;
    stream_t  *st;

    c = calloc(1, sizeof(conn_t));
    if (c == NULL) {
        die("memory");
    }

    c->first = nstreams;
    c->nstreams = h2 == 0 ? 1 : h2 < want ? h2 : want;

    streams = realloc(streams, (nstreams + c->nstreams) * sizeof(stream_t *));

    for (i = 0; i < c->nstreams; i++) {
        st = calloc(1, sizeof(stream_t) + BENCH_SOURCES * sizeof(uint64_t));
        if (streams == NULL || st == NULL) {
            die("memory");
        }

        st->conn = c;
        st->place = nstreams;
        st->slow = slow.rate > 0;
        slow.streams += st->slow;
        streams[nstreams++] = st;
    }

    conn_open(c);
}


void
wheel_empty(void)
{
    memset(wheel, 0, sizeof(wheel));
    wheeled = 0;
}


static void
wheel_turn(void)
{
    int64_t    now;
    stream_t  *st, *later;

    now = now_us();

    for ( /* void */ ; wheeled && wheel_ms <= now / 1000; wheel_ms++) {

        st = wheel[wheel_ms % CONN_WHEEL];
        wheel[wheel_ms % CONN_WHEEL] = NULL;

        for ( /* void */ ; st; st = later) {
            later = st->later;
            st->began = now_us();
            wheeled--;
            conn_open(st->conn);
        }
    }
}


static void
slow_turn(void)
{
    int       i;
    size_t    n;
    conn_t   *c;
    int64_t   now;

    now = now_us();

    if (now - slow.read < CONN_SLOW) {
        return;
    }

    n = slow.rate * (now - slow.read) / 1000000;
    slow.read = now;

    for (i = 0; i < nstreams; i++) {
        c = streams[i]->conn;

        if (streams[i]->slow && c->fd != -1 && c->connected) {
            conn_read(c, n < CONN_READ ? n : CONN_READ);
        }
    }
}


/* from now on they are as fast as the others, and count as slow still */

void
slow_hasten(void)
{
    int      i;
    conn_t  *c;

    slow.rate = 0;

    for (i = 0; i < nstreams; i++) {
        c = streams[i]->conn;

        if (streams[i]->slow && c->fd != -1 && c->connected) {
            setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &(int) {CONN_HASTE},
                       sizeof(int));
            conn_watch(c, EPOLLIN, EPOLL_CTL_ADD);
        }
    }
}


/* how many of them have not had what another stream has */

int
slow_behind(void)
{
    int         i, n, s;
    stream_t   *st;
    uint64_t    most[BENCH_SOURCES];

    memset(most, 0, sizeof(most));

    for (i = 0; i < nstreams; i++) {
        for (s = 0; s < BENCH_SOURCES; s++) {
            if (streams[i]->next[s] > most[s]) {
                most[s] = streams[i]->next[s];
            }
        }
    }

    n = 0;

    for (i = 0; i < nstreams; i++) {
        st = streams[i];
        n += st->slow && memcmp(st->next, most, sizeof(most)) != 0;
    }

    return n;
}


/* whose turn it is; who is not open yet is passed over */

static stream_t *
cut_next(void)
{
    int        i;
    stream_t  *st;

    for (i = 0; i < nstreams; i++) {
        st = streams[cut.place++ % nstreams];

        if (st->open && !st->moved) {
            return st;
        }
    }

    return NULL;
}


static void
cut_turn(void)
{
    int64_t    now;
    stream_t  *st;

    for (now = now_us(); cut.due <= now; cut.due += 1000000 / cut.rate) {

        st = cut_next();
        if (st == NULL) {
            continue;
        }

        st->open = 0;
        nopen--;
        move.cut++;

        conn_close(st->conn);
        st->gone = st->began = now_us();
        st->moved = 1;
        sse_again(st);
        conn_open(st->conn);
    }
}


/* one turn of the loop; says whether there is a command to read */

int
conn_turn(int ms)
{
    int                  i, n, input;
    conn_t              *c;
    struct epoll_event   ev[512];

    if (slow.streams && slow.rate) {
        slow_turn();
        ms = ms == -1 || ms > 20 ? 20 : ms;
    }

    if (wheeled) {
        wheel_turn();
        ms = 1;
    }

    if (cut.rate) {
        cut_turn();
        ms = 1;
    }

    input = 0;
    n = epoll_wait(ep, ev, 512, ms);

    for (i = 0; i < n; i++) {
        c = ev[i].data.ptr;

        if (c == NULL) {
            input = 1;

        } else if (!c->connected) {
            conn_established(c);

        } else {
            conn_read(c, CONN_READ);
        }
    }

    return input;
}
