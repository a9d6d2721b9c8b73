
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * storm: so many requests a second, all alike, by those who are to be refused.
 *
 *     storm <port> <connections>
 *
 * One process, one epoll loop, HTTP/1.1 with keepalive; a connection has one
 * request under way at a time, and one that is closed is made anew.  Each line
 * of input is a command, answered by one line of JSON:
 *
 *     storm <requests per second> <ms> <file with the request>
 *
 * The answers are counted by their status; "late" are requests for whose time
 * no connection was free, which are not sent later.
 */

#include "bench.h"
#include "hist.h"


#define STORM_CONNECTIONS  1000
#define STORM_HEAD         16384


typedef struct {
    int       fd;                       /* -1: closed */
    int       busy;                     /* has a request under way */
    int64_t   since;
    size_t    got;                      /* bytes of the answer in head */
    size_t    left;                     /* of its body, once that has begun */
    int       body;
    int       status;
    char      head[STORM_HEAD];
} storm_t;


static storm_t   conns[STORM_CONNECTIONS];
static int       nconns, port, ep, at;
static unsigned  sent, late, answered, closed, statuses[600];
static hist_t    hist;


static void
storm_open(storm_t *c)
{
    struct epoll_event  ev;

    c->fd = bench_connect("127.0.0.1", port);
    c->busy = 0;
    c->got = 0;
    c->body = 0;

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1) {
        die("fcntl");
    }

    ev.events = EPOLLIN|EPOLLRDHUP;
    ev.data.ptr = c;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        die("epoll_ctl");
    }
}


static void
storm_close(storm_t *c)
{
    close(c->fd);
    c->fd = -1;
    closed++;
}


static void
storm_answered(storm_t *c)
{
    answered++;
    statuses[c->status]++;
    hist_add(&hist, now_us() - c->since);

    c->busy = 0;
    c->body = 0;
    c->got = 0;
}


/* the head is all there: how long is the body? */

static void
storm_head(storm_t *c, char *end)
{
    char    *p;
    size_t   behind;

    *end = '\0';
    behind = c->got - (end + 4 - c->head);

    if (strncmp(c->head, "HTTP/1.1 ", 9) != 0) {
        errno = 0;
        die("no answer: %.40s", c->head);
    }

    c->status = atoi(c->head + 9) % 600;

    p = strcasestr(c->head, "\r\ncontent-length:");
    c->left = p ? strtoul(p + 17, NULL, 10) : 0;

    if (c->status == 204 || c->status == 304) {
        c->left = 0;
    }

    c->body = 1;
    c->left -= behind < c->left ? behind : c->left;
}


static void
storm_read(storm_t *c)
{
    char     *end, buf[STORM_HEAD];
    ssize_t   n;

    for ( ;; ) {

        if (c->body) {
            n = recv(c->fd, buf, sizeof(buf), 0);

        } else {
            n = recv(c->fd, c->head + c->got, STORM_HEAD - 1 - c->got, 0);
        }

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            storm_close(c);
            return;
        }

        if (c->body) {
            c->left -= (size_t) n < c->left ? (size_t) n : c->left;

        } else {
            c->got += n;
            end = memmem(c->head, c->got, "\r\n\r\n", 4);

            if (end) {
                storm_head(c, end);
            }
        }

        if (c->body && c->left == 0) {
            storm_answered(c);
        }
    }
}


/* the next connection that is free, or NULL */

static storm_t *
storm_free(void)
{
    int       i;
    storm_t  *c;

    for (i = 0; i < nconns; i++) {
        c = &conns[at++ % nconns];

        if (c->fd == -1) {
            storm_open(c);
        }

        if (!c->busy) {
            return c;
        }
    }

    return NULL;
}


static void
storm_send(const char *request, size_t len)
{
    storm_t  *c;

    c = storm_free();

    if (c == NULL) {
        late++;
        return;
    }

    if (send(c->fd, request, len, MSG_NOSIGNAL) != (ssize_t) len) {
        storm_close(c);
        return;
    }

    sent++;
    c->busy = 1;
    c->since = now_us();
}


static void
storm(int rate, int ms, const char *request, size_t len)
{
    int                 i, n;
    int64_t             start, now, due;
    struct epoll_event  events[256];

    sent = late = answered = closed = 0;
    memset(statuses, 0, sizeof(statuses));
    memset(&hist, 0, sizeof(hist));

    start = now_us();
    due = 0;

    do {
        now = now_us() - start;

        while (due * 1000000 / rate <= now && now < ms * 1000LL) {
            storm_send(request, len);
            due++;
        }

        n = epoll_wait(ep, events, 256, 1);

        for (i = 0; i < n; i++) {
            storm_read(events[i].data.ptr);
        }

    } while (now < ms * 1000LL);

    printf("{\"sent\":%u,\"late\":%u,\"answered\":%u,\"closed\":%u,"
           "\"status\":{", sent, late, answered, closed);

    for (i = 0, n = 0; i < 600; i++) {
        if (statuses[i]) {
            printf("%s\"%d\":%u", n++ ? "," : "", i, statuses[i]);
        }
    }

    printf("},");
    hist_say("answer_us", &hist);
    printf("}\n");
    fflush(stdout);
}


static size_t
storm_request(const char *name, char *buf, size_t size)
{
    FILE    *f;
    size_t   len;

    f = fopen(name, "r");
    if (f == NULL) {
        die("%s", name);
    }

    len = fread(buf, 1, size, f);
    fclose(f);

    return len;
}


int
main(int argc, char **argv)
{
    int          i, rate, ms;
    char         line[1024], name[512];
    static char  request[65536];

    if (argc != 3 || atoi(argv[2]) < 1 || atoi(argv[2]) > STORM_CONNECTIONS) {
        errno = 0;
        die("usage: storm port connections");
    }

    prctl(PR_SET_PDEATHSIG, SIGKILL);

    port = atoi(argv[1]);
    nconns = atoi(argv[2]);
    ep = epoll_create1(EPOLL_CLOEXEC);

    for (i = 0; i < nconns; i++) {
        storm_open(&conns[i]);
    }

    while (fgets(line, sizeof(line), stdin)) {

        if (sscanf(line, "storm %d %d %511s", &rate, &ms, name) != 3
            || rate < 1)
        {
            errno = 0;
            die("what is \"%s\"", line);
        }

        storm(rate, ms, request, storm_request(name, request,
                                               sizeof(request)));
    }

    return 0;
}
