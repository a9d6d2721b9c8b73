
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * floor: the least a server can do, for the others to be compared with.
 *
 *     floor <port> <feed port> one|gather [<certificate> <key>]
 *
 * Answers each connection with an event stream and sends it every record
 * that the feed brings: "one" makes one send() per record and client,
 * "gather" one per client for all that one read of the feed brought.  With a
 * certificate it is TLS 1.3, and SSL_write() instead.  No HTTP beyond the
 * blank line, no timers, no limits.
 *
 * Frames stand in one log, mapped twice in a row so that any stretch of it
 * is contiguous; a client is a cursor.  One that does not take what we send
 * goes on when its socket can be written to, and is dropped a log behind.
 */

#include "bench.h"
#include "tls.h"


#define FLOOR_LOG      (64 * 1024 * 1024)
#define FLOOR_CLIENTS  (128 * 1024)
#define FLOOR_READ     (256 * 1024)


typedef struct {
    int                  fd;
    int                  place;         /* in clients */
    unsigned             blocked:1;     /* waits to be writable */
    unsigned             open:1;        /* has its header */
    unsigned             greeted:1;     /* the TLS handshake is over */
    SSL                 *ssl;
    uint64_t             sent;          /* place in the log */
} client_t;


static const char  header[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "Transfer-Encoding: chunked\r\n"
    "\r\n"
    "7\r\n: ok\n\n\n\r\n";

static int         ep;
static char       *log_base;
static uint64_t    head;                /* bytes ever written to the log */
static size_t      frame;               /* bytes of each frame */
static int         gather;
static SSL_CTX    *tls;
static client_t  **clients;
static int         nclients;


static void
floor_log(void)
{
    int  fd;

    fd = memfd_create("log", MFD_CLOEXEC);
    if (fd == -1 || ftruncate(fd, FLOOR_LOG) == -1) {
        die("memfd");
    }

    log_base = mmap(NULL, 2 * FLOOR_LOG, PROT_NONE,
                    MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (log_base == MAP_FAILED
        || mmap(log_base, FLOOR_LOG, PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_FIXED|MAP_POPULATE, fd, 0) == MAP_FAILED
        || mmap(log_base + FLOOR_LOG, FLOOR_LOG, PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_FIXED|MAP_POPULATE, fd, 0) == MAP_FAILED)
    {
        die("mmap");
    }
}


static void
floor_frame(const char *record, size_t len)
{
    char    *p, *start;
    size_t   n;

    /* an id as long as others have, so that the bytes compare */

    p = start = log_base + head % FLOOR_LOG;
    n = len + sizeof("id: 0000000000000000\ndata: \n\n") - 1;

    p += sprintf(p, "%zx\r\nid: %016llx\ndata: ", n,
                 (unsigned long long) head);
    memcpy(p, record, len);
    p += len;
    memcpy(p, "\n\n\r\n", 4);
    p += 4;

    frame = p - start;
    head += frame;
}


static void
client_watch(client_t *c, uint32_t events, int op)
{
    struct epoll_event  ev;

    ev.events = events;
    ev.data.ptr = c;

    if (epoll_ctl(ep, op, c->fd, &ev) == -1) {
        die("epoll_ctl");
    }
}


static void
client_close(client_t *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    clients[c->place] = clients[--nclients];
    clients[c->place]->place = c->place;
    free(c);
}


static inline ssize_t
client_write(client_t *c, const char *p, size_t len)
{
    return c->ssl ? tls_send(c->ssl, p, len)
                  : send(c->fd, p, len, MSG_NOSIGNAL);
}


static void
client_send(client_t *c)
{
    size_t   len;
    ssize_t  n;

    if (head - c->sent > FLOOR_LOG) {
        fprintf(stderr, "floor: dropped a client that is a log behind\n");
        client_close(c);
        return;
    }

    while (c->sent < head) {

        /* all frames are of one size; one that is half sent is completed */

        len = gather ? head - c->sent : frame - c->sent % frame;
        n = client_write(c, log_base + c->sent % FLOOR_LOG, len);

        if (n == -1 && errno == EAGAIN) {
            break;
        }

        if (n <= 0) {
            client_close(c);
            return;
        }

        c->sent += n;

        if ((size_t) n < len) {
            break;
        }
    }

    if (c->blocked != (c->sent < head)) {
        c->blocked = !c->blocked;
        client_watch(c, c->blocked ? EPOLLIN|EPOLLOUT : EPOLLIN,
                     EPOLL_CTL_MOD);
    }
}


static void
floor_send(void)
{
    int        i;
    client_t  *c;

    /* downwards: a client that is closed is replaced by the last one */

    for (i = nclients - 1; i >= 0; i--) {
        c = clients[i];

        if (c->open && !c->blocked) {
            client_send(c);
        }
    }
}


static void
floor_feed(int fd)
{
    char            *line, *last, *nl;
    ssize_t          n;
    static char      buf[FLOOR_READ];
    static size_t    have;

    n = recv(fd, buf + have, sizeof(buf) - have, 0);
    if (n <= 0) {
        exit(0);
    }

    last = buf + have + n;

    for (line = buf; ; line = nl + 1) {
        nl = memchr(line, '\n', last - line);
        if (nl == NULL) {
            break;
        }

        floor_frame(line, nl - line);

        if (!gather) {
            floor_send();
        }
    }

    if (gather) {
        floor_send();
    }

    have = last - line;
    memmove(buf, line, have);
}


static void
floor_accept(int s)
{
    int        fd, on;
    client_t  *c;

    for (on = 1; ; ) {
        fd = accept4(s, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);
        if (fd == -1) {
            return;
        }

        if (nclients == FLOOR_CLIENTS) {
            close(fd);
            return;
        }

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        c = calloc(1, sizeof(client_t));
        c->fd = fd;
        c->place = nclients;
        clients[nclients++] = c;

        if (tls) {
            c->ssl = tls_open(tls, fd);
            SSL_set_accept_state(c->ssl);
        }

        client_watch(c, EPOLLIN, EPOLL_CTL_ADD);
    }
}


static ssize_t
client_read(client_t *c, char *buf, size_t size)
{
    ssize_t  n;

    if (c->ssl == NULL) {
        return recv(c->fd, buf, size, 0);
    }

    if (!c->greeted) {
        n = tls_handshake(c->ssl);
        if (n <= 0) {
            return n;
        }

        c->greeted = 1;
    }

    return tls_recv(c->ssl, buf, size);
}


static void
floor_request(client_t *c)
{
    char     buf[8192];
    ssize_t  n;

    n = client_read(c, buf, sizeof(buf));
    if (n == 0 || (n == -1 && errno != EAGAIN)) {
        client_close(c);
        return;
    }

    if (!c->open && n >= 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0) {
        if (client_write(c, header, sizeof(header) - 1)
            != sizeof(header) - 1)
        {
            client_close(c);
            return;
        }

        c->open = 1;
        c->sent = head;
    }
}


static int
floor_listen(int port)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    on = 1;
    sin = bench_addr("127.0.0.1", port);
    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (bind(fd, (void *) &sin, sizeof(sin)) == -1 || listen(fd, 4096) == -1) {
        die("listen on port %d", port);
    }

    return fd;
}


int
main(int argc, char **argv)
{
    int                  feed, i, n, s;
    client_t             accepts, feeds, *c;
    struct epoll_event   ev[512];

    if (argc != 4 && argc != 6) {
        errno = 0;
        die("usage: floor <port> <feed port> one|gather [<certificate> <key>]");
    }

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);           /* TLS does not know MSG_NOSIGNAL */
    bench_descriptors();
    floor_log();

    gather = strcmp(argv[3], "gather") == 0;
    tls = argc == 6 ? tls_server(argv[4], argv[5]) : NULL;
    clients = calloc(FLOOR_CLIENTS, sizeof(client_t *));
    ep = epoll_create1(EPOLL_CLOEXEC);
    feeds.fd = floor_listen(atoi(argv[2]));
    accepts.fd = s = floor_listen(atoi(argv[1]));
    client_watch(&accepts, EPOLLIN, EPOLL_CTL_ADD);

    /* the feed's only connection comes first */

    fcntl(feeds.fd, F_SETFL, 0);
    feeds.fd = feed = accept(feeds.fd, NULL, NULL);
    client_watch(&feeds, EPOLLIN, EPOLL_CTL_ADD);

    for ( ;; ) {
        n = epoll_wait(ep, ev, 512, -1);

        for (i = 0; i < n; i++) {
            c = ev[i].data.ptr;

            if (c == &feeds) {
                floor_feed(feed);

                /* it may have closed a client that stands in ev */
                break;
            }

            if (c == &accepts) {
                floor_accept(s);

            } else if (!(ev[i].events & EPOLLOUT)) {
                floor_request(c);

            } else {
                client_send(c);
            }
        }
    }
}
