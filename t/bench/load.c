
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * load: holds event streams open and checks every byte of them.
 *
 *     load <port> <uri> <records' size> [browser]
 *
 * One process, one epoll loop, plain HTTP/1.1.  Each line of input is a
 * command, each answered by one line of JSON:
 *
 *     watch <name>=<pid> ...      processes whose CPU and memory count
 *     connect <n>                 n more streams; over when all have a 200
 *     memory                      of the watched processes, in bytes
 *     mark <run>                  what comes from now on belongs to this run
 *     wait <records> <ms>         ... until each stream has so many of it
 *     kill <port> <pid> ...       kill -9, and from now on a stream that ends
 *                                 comes back, after its "retry" and with its
 *                                 last id, to that port
 *     close
 *
 * Per stream and source of a run (see bench.h) each number has to come once
 * and in order: "lost" are numbers jumped over, "missing" those that did not
 * come at all, "repeated" those that went back, "bad" is data that nobody
 * sent.  Latency is from the time the record was due to our recv().
 *
 * After "kill", "resumed" in the answer to "wait" says how that went: "all" are
 * the streams that have had a record at the other port, ms count from the
 * kill.  Of "answer_us", up to the 200, and "connect_us", up to the record, the
 * clock starts with the connect() that worked.
 */

#include "bench.h"


#define LOAD_READ       (512 * 1024)
#define LOAD_OPENING    256             /* connects under way at a time */
#define LOAD_ADDRESS    20000           /* streams per source address */
#define LOAD_WATCHED    8
#define LOAD_ID         256             /* with its zero */
#define LOAD_LATE       500000          /* us: what comes later is late */
#define LOAD_WHEEL      65536           /* ms, one slot each */
#define LOAD_RETRY      (LOAD_WHEEL / 2)

#define HIST_SUB        64              /* 1/64: a bucket is 1.6 % wide */
#define HIST_SIZE       (HIST_SUB * 40)


typedef enum {
    st_head = 0,                        /* HTTP response header */
    st_size,                            /* chunk size line */
    st_data,                            /* in a chunk, or unchunked body */
    st_crlf,                            /* after a chunk */
    st_over
} state_e;


typedef struct {
    int64_t              t;             /* when it was due */
    unsigned             n;
    unsigned short       source;
    unsigned             ours:1;        /* of this run */
} record_t;


typedef struct stream_s  stream_t;

struct stream_s {
    int                  fd;
    int                  place;         /* in streams */
    state_e              state;
    unsigned             chunked:1;
    unsigned             moved:1;       /* no record yet where it came back */
    uint64_t             left;          /* of the chunk */
    char                *carry;         /* a line that is not complete */
    size_t               carried;
    size_t               room;
    record_t             record;        /* of an event that is not complete */
    unsigned             retry;         /* ms */
    int64_t              began;         /* the connect() after the move, us */
    stream_t            *later;         /* in its slot of the wheel */
    unsigned             id_len;        /* with its zero */
    unsigned             buffer_len;
    char                 id[LOAD_ID];   /* of the last complete event */
    char                 buffer[LOAD_ID];   /* ... of this one, or of that */
    unsigned             next[];        /* per source */
};


typedef struct {
    char                 name[32];
    int                  pid;
    clockid_t            clock;
    int64_t              cpu;           /* at the mark, ns */
    int64_t              killed;        /* at "kill" */
    int64_t              resumed;       /* when the last one had resumed */
} watched_t;


typedef struct {
    uint64_t             n;
    uint64_t             slots[HIST_SIZE];
} hist_t;


static struct {
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
    uint64_t             ended;         /* streams that the server closed */
    int64_t              first;         /* when the first record was due */
    int64_t              last;          /* when the last one came */
    int64_t              own;           /* our CPU at the mark, ns */
    char                 sample[128];   /* of what is bad, or an event */
    hist_t               latency;
} total;


static struct {
    int                  port;          /* 0: nothing was killed */
    int64_t              killed;        /* us, as the following */
    int64_t              last;          /* when the last one had resumed */
    int64_t              late;          /* when a late record came last */
    uint64_t             ended;
    int                  all;           /* that resumed */
    int                  again;         /* connects that failed */
    uint64_t             before;        /* received when it was killed */
    uint64_t             records;       /* ... and since, up to last */
    hist_t               total;         /* kill to record */
    hist_t               answer;        /* connect() to 200 */
    hist_t               connect;       /* connect() to record */
} move;


static int          ep, port, record_size;
static const char  *uri;
static int          browser;

static stream_t   **streams;
static int          nstreams, nopen, nopening, nrefused;

static stream_t    *wheel[LOAD_WHEEL];
static int64_t      wheel_ms;           /* slots before it are empty */
static int          wheeled;

static watched_t    watched[LOAD_WATCHED];
static int          nwatched;


/* log-linear, as HdrHistogram */

static int
hist_slot(uint64_t v)
{
    int  shift;

    if (v < HIST_SUB * 2) {
        return v;
    }

    shift = 63 - __builtin_clzll(v) - 6;

    return shift * HIST_SUB + (v >> shift);
}


static uint64_t
hist_value(int slot)
{
    int  shift;

    if (slot < HIST_SUB * 2) {
        return slot;
    }

    shift = slot / HIST_SUB - 1;

    return (uint64_t) (slot - shift * HIST_SUB) << shift;
}


static void
hist_add(hist_t *hist, int64_t v)
{
    hist->n++;
    hist->slots[hist_slot(v > 0 ? v : 0)]++;
}


static uint64_t
hist_percentile(hist_t *hist, double p)
{
    int       i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < HIST_SIZE; i++) {
        n += hist->slots[i];
        if (n > 0 && n >= hist->n * p) {
            return hist_value(i);
        }
    }

    return 0;
}


static uint64_t
hist_max(hist_t *hist)
{
    int  i;

    for (i = HIST_SIZE - 1; i > 0 && hist->slots[i] == 0; i--) { /* void */ }

    return hist_value(i);
}


static void
hist_say(const char *name, hist_t *hist)
{
    printf("\"%s\":{\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"p999\":%lu,"
           "\"max\":%lu}", name, hist_percentile(hist, 0.50),
           hist_percentile(hist, 0.90), hist_percentile(hist, 0.99),
           hist_percentile(hist, 0.999), hist_max(hist));
}


static int64_t
cpu_ns(clockid_t clock)
{
    struct timespec  ts;

    if (clock_gettime(clock, &ts) == -1) {
        return 0;
    }

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


/* Pss and not Rss: what is shared between processes counts once */

static long
memory_pss(int pid)
{
    long   kb;
    char   line[256];
    FILE  *f;

    kb = 0;
    snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", pid);

    f = fopen(line, "r");
    if (f == NULL) {
        return 0;
    }

    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Pss: %ld kB", &kb) == 1) {
            break;
        }
    }

    fclose(f);

    return kb * 1024;
}


static void
load_bad(const char *line, size_t len)
{
    size_t  i;

    if (total.sample[0] == '\0') {
        for (i = 0; i < len && i < sizeof(total.sample) - 1; i++) {
            total.sample[i] = (line[i] < ' ' || strchr("\"\\", line[i])
                               || line[i] > '~') ? '.' : line[i];
        }
        total.sample[i] = '\0';
    }
}


static inline const char *
number(const char *p, const char *last, const char *name, size_t len,
    uint64_t *v)
{
    if (p == NULL || (size_t) (last - p) < len + 1
        || memcmp(p, name, len) != 0 || p[len] < '0' || p[len] > '9')
    {
        return NULL;
    }

    p += len;

    for (*v = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        *v = *v * 10 + (*p - '0');
    }

    return p;
}


static void
load_record(stream_t *st, const char *data, size_t len)
{
    uint64_t     r, s, n, t;
    const char  *p, *last;

    last = data + len;

    p = number(data, last, "{\"r\":", 5, &r);
    p = number(p, last, ",\"p\":", 5, &s);
    p = number(p, last, ",\"n\":", 5, &n);
    p = number(p, last, ",\"t\":", 5, &t);

    if (p == NULL || len != (size_t) record_size || s >= BENCH_SOURCES
        || last - p < 8 || memcmp(p, ",\"x\":\"", 6) != 0
        || memcmp(p + 6, bench_pad(), last - p - 8) != 0
        || memcmp(last - 2, "\"}", 2) != 0 || st->record.ours)
    {
        total.bad++;
        load_bad(data, len);
        return;
    }

    if (r != total.run) {
        total.stale++;
        return;
    }

    st->record.ours = 1;
    st->record.source = s;
    st->record.n = n;
    st->record.t = t;
}


/* the first record after its last id: a stream has resumed */

static void
load_resumed(stream_t *st, int64_t now)
{
    int  i;

    st->moved = 0;
    move.last = now;
    move.all++;

    hist_add(&move.total, now - move.killed);
    hist_add(&move.connect, now - st->began);

    if (move.all == nstreams) {
        move.records = total.received - move.before;

        for (i = 0; i < nwatched; i++) {
            watched[i].resumed = cpu_ns(watched[i].clock);
        }
    }
}


/*
 * The blank line.  What is cut before it never was: neither its record nor its
 * id count, and both come again, as in a browser.
 */

static void
load_event(stream_t *st, int64_t now)
{
    record_t  *rec;

    memcpy(st->id, st->buffer, st->buffer_len);
    st->id_len = st->buffer_len;

    rec = &st->record;

    if (!rec->ours) {
        return;
    }

    rec->ours = 0;

    if (st->moved) {
        load_resumed(st, now);
    }

    if (rec->n < st->next[rec->source]) {
        total.repeated++;
        return;
    }

    total.lost += rec->n - st->next[rec->source];
    st->next[rec->source] = rec->n + 1;

    if (total.received++ == 0) {
        total.first = rec->t;
    }

    total.last = now;
    hist_add(&total.latency, now - rec->t);

    if (now - rec->t > LOAD_LATE) {
        move.late = now;
    }
}


static void
load_id(stream_t *st, const char *id, size_t len)
{
    total.ids++;

    if (len > 0 && *id == ' ') {
        id++;
        len--;
    }

    if (len >= LOAD_ID) {
        total.bad++;
        load_bad(id, len);
        return;
    }

    memcpy(st->buffer, id, len);
    st->buffer[len] = '\0';
    st->buffer_len = len + 1;
}


static void
load_line(stream_t *st, const char *line, size_t len, int64_t now)
{
    uint64_t  ms;

    if (len == 0) {
        load_event(st, now);

    } else if (len > 6 && memcmp(line, "data: ", 6) == 0) {
        load_record(st, line + 6, len - 6);

    } else if (len > 3 && memcmp(line, "id:", 3) == 0) {
        load_id(st, line + 3, len - 3);

    } else if (line[0] == ':') {
        total.comments++;

    } else if (len > 6 && memcmp(line, "event:", 6) == 0) {
        total.events++;
        load_bad(line, len);

    } else if (number(line, line + len, "retry: ", 7, &ms)) {
        st->retry = ms < LOAD_RETRY ? ms : LOAD_RETRY;

    } else {
        total.bad++;
        load_bad(line, len);
    }
}


static void
load_carry(stream_t *st, const char *p, size_t len)
{
    if (st->carried + len > st->room) {
        st->room = (st->carried + len) * 2;
        st->carry = realloc(st->carry, st->room);
        if (st->carry == NULL) {
            die("memory");
        }
    }

    memcpy(st->carry + st->carried, p, len);
    st->carried += len;
}


static void
load_events(stream_t *st, const char *p, const char *last, int64_t now)
{
    const char  *nl;

    for ( /* void */ ; p < last; p = nl + 1) {

        nl = memchr(p, '\n', last - p);

        if (nl == NULL) {
            load_carry(st, p, last - p);
            return;
        }

        if (st->carried == 0) {
            load_line(st, p, nl - p, now);
            continue;
        }

        load_carry(st, p, nl - p);
        load_line(st, st->carry, st->carried, now);
        st->carried = 0;
    }
}


static const char *
load_head(stream_t *st, const char *p, const char *last)
{
    char    *end;
    size_t   before;

    before = st->carried;
    load_carry(st, p, last - p);

    end = memmem(st->carry, st->carried, "\r\n\r\n", 4);
    if (end == NULL) {
        return last;
    }

    *end = '\0';
    nopening--;

    if (strncmp(st->carry, "HTTP/1.1 200", 12) != 0) {
        load_bad(st->carry, end - st->carry);
        nrefused++;
        st->state = st_over;
        return last;
    }

    if (st->moved) {
        hist_add(&move.answer, now_us() - st->began);
    }

    nopen++;
    st->chunked = strcasestr(st->carry, "transfer-encoding: chunked") != NULL;
    st->state = st->chunked ? st_size : st_data;
    st->left = 0;
    p += end + 4 - st->carry - before;

    free(st->carry);
    st->carry = NULL;
    st->carried = st->room = 0;

    return p;
}


static void
load_bytes(stream_t *st, const char *p, const char *last, int64_t now)
{
    size_t  n;

    while (p < last) {

        switch (st->state) {

        case st_head:
            p = load_head(st, p, last);
            break;

        case st_size:
            if (*p == '\n') {
                st->state = st->left ? st_data : st_over;

            } else if (*p != '\r') {
                st->left = st->left * 16
                           + (*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
            }

            p++;
            break;

        case st_data:
            n = last - p;
            if (st->chunked && n >= st->left) {
                n = st->left;
                st->state = st_crlf;
            }

            st->left -= n;
            load_events(st, p, p + n, now);
            p += n;
            break;

        case st_crlf:
            if (*p++ == '\n') {
                st->state = st_size;
            }
            break;

        case st_over:
            return;
        }
    }
}


static void
load_close(stream_t *st)
{
    close(st->fd);
    st->fd = -1;
}


static void
load_request(stream_t *st)
{
    int                 n;
    char                buf[2048], cookie[900];
    struct epoll_event  ev;

    n = snprintf(buf, sizeof(buf),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 "Accept: text/event-stream\r\n", uri);

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

    /* who is not there is noticed when we read */

    if (send(st->fd, buf, n, MSG_NOSIGNAL) != n && !st->moved) {
        die("send");
    }

    ev.events = EPOLLIN;
    ev.data.ptr = st;
    epoll_ctl(ep, EPOLL_CTL_MOD, st->fd, &ev);
}


/* its connection has ended: it comes back after its retry */

static void
load_later(stream_t *st)
{
    int64_t     ms;
    stream_t  **slot;

    st->moved = 1;

    free(st->carry);
    st->carry = NULL;
    st->carried = st->room = 0;
    st->state = st_head;
    st->record.ours = 0;
    memcpy(st->buffer, st->id, st->id_len);
    st->buffer_len = st->id_len;

    if (wheeled++ == 0) {
        wheel_ms = now_us() / 1000;
    }

    ms = now_us() / 1000 + st->retry;
    slot = &wheel[(ms > wheel_ms ? ms : wheel_ms) % LOAD_WHEEL];

    st->later = *slot;
    *slot = st;
}


static void
load_read(stream_t *st)
{
    ssize_t      n;
    int64_t      now;
    static char  buf[LOAD_READ];

    n = recv(st->fd, buf, sizeof(buf), 0);

    if (n > 0) {
        now = now_us();
        total.bytes += n;
        total.reads++;
        load_bytes(st, buf, buf + n, now);

        if (st->state != st_over) {
            return;
        }

    } else if (n == -1 && errno == EAGAIN) {
        return;

    } else if (st->state == st_head && move.port) {
        nopening--;
        move.again++;

    } else if (st->state == st_head) {
        nopening--;
        nrefused++;
    }

    if (st->state != st_head) {
        (*(move.port ? &move.ended : &total.ended))++;
        nopen--;
    }

    load_close(st);

    if (move.port) {
        load_later(st);
    }
}


static void
load_connect(stream_t *st)
{
    struct sockaddr_in   sin;
    struct epoll_event   ev;

    st->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (st->fd == -1) {
        die("socket, stream %d", st->place);
    }

    /* one address has no more ports than that for one server */

    if (st->place >= LOAD_ADDRESS) {
        sin = bench_addr("127.0.0.1", 0);
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK
                                    + st->place / LOAD_ADDRESS);
        setsockopt(st->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int) {1},
                   sizeof(int));

        if (bind(st->fd, (void *) &sin, sizeof(sin)) == -1) {
            die("bind");
        }
    }

    sin = bench_addr("127.0.0.1", port);

    if (connect(st->fd, (void *) &sin, sizeof(sin)) == -1
        && errno != EINPROGRESS)
    {
        die("connect");
    }

    ev.events = EPOLLOUT;
    ev.data.ptr = st;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, st->fd, &ev) == -1) {
        die("epoll_ctl");
    }

    nopening++;
}


static void
load_open(void)
{
    stream_t  *st;

    st = calloc(1, sizeof(stream_t) + BENCH_SOURCES * sizeof(unsigned));
    streams = realloc(streams, (nstreams + 1) * sizeof(stream_t *));
    streams[nstreams] = st;
    st->place = nstreams;

    load_connect(st);
    nstreams++;
}


static void
load_wheel(void)
{
    int64_t    now;
    stream_t  *st, *later;

    now = now_us();

    for ( /* void */ ; wheeled && wheel_ms <= now / 1000; wheel_ms++) {

        st = wheel[wheel_ms % LOAD_WHEEL];
        wheel[wheel_ms % LOAD_WHEEL] = NULL;

        for ( /* void */ ; st; st = later) {
            later = st->later;
            st->began = now_us();
            wheeled--;
            load_connect(st);
        }
    }
}


/* one turn of the loop; says whether there is a command to read */

static int
load_turn(int ms)
{
    int                  i, n, input;
    stream_t            *st;
    struct epoll_event   ev[512];

    if (wheeled) {
        load_wheel();
        ms = 1;
    }

    input = 0;
    n = epoll_wait(ep, ev, 512, ms);

    for (i = 0; i < n; i++) {
        st = ev[i].data.ptr;

        if (st == NULL) {
            input = 1;

        } else if (ev[i].events & EPOLLOUT) {
            load_request(st);

        } else {
            load_read(st);
        }
    }

    return input;
}


static void
say_cpu(void)
{
    int  i;

    printf("\"cpu_us\":{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%.1f", i ? "," : "", watched[i].name,
               (cpu_ns(watched[i].clock) - watched[i].cpu) / 1e3);
    }

    printf("},\"load_cpu_us\":%.1f",
           (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - total.own) / 1e3);
}


static void
command_watch(char *args)
{
    char       *word;
    watched_t  *w;

    nwatched = 0;

    for (word = strtok(args, " "); word; word = strtok(NULL, " ")) {
        w = &watched[nwatched];

        if (nwatched == LOAD_WATCHED
            || sscanf(word, "%31[^=]=%d", w->name, &w->pid) != 2
            || clock_getcpuclockid(w->pid, &w->clock) != 0)
        {
            errno = 0;
            die("cannot watch %s", word);
        }

        nwatched++;
    }

    printf("{\"watched\":%d}\n", nwatched);
}


static void
load_mark(unsigned run)
{
    int  i;

    memset(&total, 0, sizeof(total));
    total.run = run;
    move.late = 0;
    total.own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);

    for (i = 0; i < nwatched; i++) {
        watched[i].cpu = cpu_ns(watched[i].clock);
    }

    for (i = 0; i < nstreams; i++) {
        memset(streams[i]->next, 0, BENCH_SOURCES * sizeof(unsigned));
    }
}


static void
command_connect(int n)
{
    int      want;
    int64_t  start;

    load_mark(0);
    start = now_us();
    want = nstreams + n;

    while (nstreams < want || nopening) {

        while (nstreams < want && nopening < LOAD_OPENING) {
            load_open();
        }

        load_turn(1000);

        if (now_us() - start > 30 * 1000000LL) {
            break;
        }
    }

    printf("{\"open\":%d,\"refused\":%d,\"seconds\":%.6f,\"sample\":\"%s\",",
           nopen, nrefused + nopening, (now_us() - start) / 1e6, total.sample);
    say_cpu();
    printf("}\n");
}


static void
command_memory(void)
{
    int  i;

    printf("{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%ld", i ? "," : "", watched[i].name,
               memory_pss(watched[i].pid));
    }

    printf("}\n");
}


static void
command_kill(char *args)
{
    int    i, pid;
    char  *word;

    word = strtok(args, " ");
    memset(&move, 0, sizeof(move));
    move.port = word ? atoi(word) : 0;

    for (i = 0; i < nwatched; i++) {
        watched[i].killed = cpu_ns(watched[i].clock);
    }

    port = move.port;
    move.before = total.received;
    move.killed = now_us();

    for (word = strtok(NULL, " "); word; word = strtok(NULL, " ")) {
        pid = atoi(word);

        if (pid <= 1 || kill(pid, SIGKILL) == -1) {
            die("kill %s", word);
        }
    }

    printf("{\"killed_us\":%lld}\n", (long long) move.killed);
}


static void
say_resumed(void)
{
    int  i;

    printf("\"resumed\":{\"ended\":%lu,\"all\":%d,\"again\":%d,"
           "\"records\":%lu,\"last_us\":%lld,\"late_us\":%lld,",
           move.ended, move.all, move.again, move.records,
           move.all ? (long long) (move.last - move.killed) : 0,
           move.late ? (long long) (move.late - move.killed) : 0);

    hist_say("kill_us", &move.total);
    printf(",");
    hist_say("answer_us", &move.answer);
    printf(",");
    hist_say("connect_us", &move.connect);
    printf(",\"cpu_us\":{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%.1f", i ? "," : "", watched[i].name,
               (watched[i].resumed - watched[i].killed) / 1e3);
    }

    printf("}},");
}


static void
command_wait(uint64_t records, int ms)
{
    int64_t   end;
    uint64_t  expected;

    expected = records * nstreams;
    end = now_us() + ms * 1000LL;

    while (total.received + total.lost < expected && now_us() < end) {
        load_turn(20);
    }

    printf("{\"streams\":%d,\"open\":%d,\"refused\":%d,\"ended\":%lu,"
           "\"expected\":%lu,\"received\":%lu,\"missing\":%ld,"
           "\"lost\":%lu,\"repeated\":%lu,\"bad\":%lu,"
           "\"stale\":%lu,\"ids\":%lu,\"events\":%lu,"
           "\"comments\":%lu,\"bytes\":%lu,\"reads\":%lu,\"sample\":\"%s\",",
           nstreams, nopen, nrefused, total.ended, expected, total.received,
           (long) (expected - total.received), total.lost, total.repeated,
           total.bad, total.stale, total.ids, total.events, total.comments,
           total.bytes, total.reads, total.sample);

    printf("\"seconds\":%.6f,",
           total.received ? (total.last - total.first) / 1e6 : 0);

    hist_say("latency_us", &total.latency);
    printf(",");

    if (move.port) {
        say_resumed();
    }

    say_cpu();
    printf("}\n");
}


static void
command_close(void)
{
    int  i;

    for (i = 0; i < nstreams; i++) {
        if (streams[i]->fd != -1) {
            load_close(streams[i]);
        }

        free(streams[i]->carry);
        free(streams[i]);
    }

    memset(&move, 0, sizeof(move));
    memset(wheel, 0, sizeof(wheel));
    nstreams = nopen = nopening = nrefused = wheeled = 0;
    printf("{}\n");
}


static void
load_command(char *line)
{
    int                 ms;
    char               *nl;
    unsigned            n;
    unsigned long long  records;

    nl = strchr(line, '\n');
    if (nl) {
        *nl = '\0';
    }

    if (strncmp(line, "watch ", 6) == 0) {
        command_watch(line + 6);

    } else if (sscanf(line, "connect %u", &n) == 1) {
        command_connect(n);

    } else if (strcmp(line, "memory") == 0) {
        command_memory();

    } else if (sscanf(line, "mark %u", &n) == 1) {
        load_mark(n);
        printf("{}\n");

    } else if (sscanf(line, "wait %llu %d", &records, &ms) == 2) {
        command_wait(records, ms);

    } else if (strncmp(line, "kill ", 5) == 0) {
        command_kill(line + 5);

    } else if (strcmp(line, "close") == 0) {
        command_close();

    } else {
        errno = 0;
        die("not understood: %s", line);
    }
}


int
main(int argc, char **argv)
{
    char                line[1024];
    struct epoll_event  ev;

    if (argc < 4) {
        errno = 0;
        die("usage: load <port> <uri> <size> [browser]");
    }

    port = atoi(argv[1]);
    uri = argv[2];
    record_size = atoi(argv[3]);
    browser = argc > 4;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    bench_descriptors();
    setlinebuf(stdout);
    setvbuf(stdin, NULL, _IONBF, 0);

    ep = epoll_create1(EPOLL_CLOEXEC);
    ev.events = EPOLLIN;
    ev.data.ptr = NULL;
    epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev);

    for ( ;; ) {
        if (load_turn(-1)) {
            if (fgets(line, sizeof(line), stdin) == NULL) {
                return 0;
            }

            load_command(line);
        }
    }
}
