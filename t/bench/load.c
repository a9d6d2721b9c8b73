
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * load: holds event streams open and checks every byte of them.
 *
 *     load <port> <uri> <records' size> [browser] [tls=<certificate>]
 *          [h2=<streams per connection>] [keys=<n>]
 *
 * One process, one epoll loop, HTTP/1.1 or HTTP/2, plain or TLS 1.3.  With
 * keys the n-th stream wants only records of key n modulo keys, which stands in
 * the uri in the place of "%d".  Each line of input is a command, each answered
 * by one line of JSON:
 *
 *     watch <name>=<pid> ...      processes whose CPU and memory count
 *     from <n>                    they come from 127.0.0.n, n + 1, ...
 *     slow <bytes per second>     who is connected from now on reads so slowly,
 *                                 and comes back when it is closed
 *     hasten <ms>                 the slow ones are as fast as all, until each
 *                                 has what the others have
 *     connect <n>                 n more streams; over when all have a 200
 *     memory                      of the watched processes, in bytes
 *     mark <run>                  what comes from now on belongs to this run
 *     wait <records> <ms>         ... until each stream has so many of it
 *     kill <port> <pid> ...       kill -9, and from now on a stream that ends
 *                                 comes back, after its "retry" and with its
 *                                 last id, to that port
 *     cut <n>                     from now on we cut so many streams a second,
 *                                 in turn; they come back at once with their
 *                                 last id.  0: no more; over when all are open
 *     close
 *
 * Per stream and source of a run (see bench.h) each number has to come once
 * and in order: "lost" are numbers jumped over, "missing" those that did not
 * come at all, "repeated" those that went back, "bad" is data that nobody
 * sent.  Latency is from the time the record was due to our recv().  Of slow
 * streams only what goes back or is bad counts there, all else under "slow".
 *
 * After "kill", "resumed" in the answer to "wait" says how that went: "all" are
 * the streams that have had a record at the other port, ms count from the
 * kill.  Of "answer_us", up to the 200, and "connect_us", up to the record, the
 * clock starts with the connect() that worked.  After "cut" it is "cuts", and
 * time counts from each cut.
 */

#include "load.h"


#define LOAD_OPENING    256             /* connects under way at a time */


total_t             total;
move_t              move;
slow_t              slow;
cut_t               cut;

int                 ep, port, record_size, browser, from;
int                 h2;                 /* streams per connection, or 0 */
unsigned            keys;
const char         *uri;
SSL_CTX            *tls;


static void
load_mark(unsigned run)
{
    memset(&total, 0, sizeof(total));
    total.run = run;
    move.late = 0;
    watch_mark();
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
            conn_add(want - nstreams);
        }

        conn_turn(1000);

        if (now_us() - start > 30 * 1000000LL) {
            break;
        }
    }

    printf("{\"open\":%d,\"refused\":%d,\"seconds\":%.6f,\"sample\":\"%s\",",
           nopen, nrefused + nopening, (now_us() - start) / 1e6, total.sample);
    watch_say();
    printf("}\n");
}


static void
command_slow(int rate)
{
    if (h2 || tls || keys || rate < 10) {
        errno = 0;
        die("slow streams are plain HTTP/1.1, without keys, from 10 bytes/s");
    }

    slow.rate = rate;
    slow.read = now_us();

    printf("{}\n");
}


static void
command_hasten(int ms)
{
    int      behind;
    int64_t  end;

    end = now_us() + ms * 1000LL;
    slow_hasten();

    while ((behind = slow_behind()) && now_us() < end) {
        conn_turn(20);
    }

    printf("{\"behind\":%d,\"streams\":%d,\"received\":%lu,\"jumped\":%lu,"
           "\"ended\":%lu,\"refused\":%d,\"repeated\":%lu,\"bad\":%lu,"
           "\"sample\":\"%s\"}\n",
           behind, slow.streams, slow.received, slow.jumped, slow.ended,
           nrefused, total.repeated, total.bad, total.sample);
}


static void
command_kill(char *args)
{
    int    pid;
    char  *word;

    if (h2) {
        errno = 0;
        die("streams of HTTP/2 do not come back");
    }

    word = strtok(args, " ");
    memset(&move, 0, sizeof(move));
    move.port = word ? atoi(word) : 0;

    watch_killed();

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
command_cut(int rate)
{
    int64_t  end;

    if (h2 || slow.streams) {
        errno = 0;
        die("streams of HTTP/2, and slow ones, are not cut");
    }

    if (rate) {
        memset(&move, 0, sizeof(move));
        cut.due = now_us();
    }

    cut.rate = rate;
    end = now_us() + 10 * 1000000LL;

    while (rate == 0 && nopening && now_us() < end) {
        conn_turn(20);
    }

    printf("{\"cut\":%lu,\"open\":%d}\n", move.cut, nopen);

    if (rate == 0) {
        memset(&move, 0, sizeof(move));
    }
}


static void
say_moved(const char *name)
{
    printf("\"%s\":{\"ended\":%lu,\"cut\":%lu,\"all\":%d,\"again\":%d,"
           "\"records\":%lu,\"last_us\":%lld,\"late_us\":%lld,",
           name, move.ended, move.cut, move.all, move.again, move.records,
           move.all ? (long long) (move.last - move.killed) : 0,
           move.late ? (long long) (move.late - move.killed) : 0);

    hist_say(move.port ? "kill_us" : "cut_us", &move.total);
    printf(",");
    hist_say("answer_us", &move.answer);
    printf(",");
    hist_say("connect_us", &move.connect);
    printf(",");
    watch_say_resumed();
    printf("},");
}


static void
say_slow(void)
{
    printf("\"slow\":{\"streams\":%d,\"bytes\":%lu,\"received\":%lu,"
           "\"jumped\":%lu,\"ended\":%lu},", slow.streams, slow.bytes,
           slow.received, slow.jumped, slow.ended);
}


static void
command_wait(uint64_t records, int ms)
{
    int64_t   end;
    uint64_t  expected;

    expected = sse_expected(records);
    end = now_us() + ms * 1000LL;

    while (total.received + total.lost < expected && now_us() < end) {
        conn_turn(20);
    }

    printf("{\"streams\":%d,\"open\":%d,\"refused\":%d,\"ended\":%lu,"
           "\"expected\":%lu,\"received\":%lu,\"missing\":%ld,"
           "\"lost\":%lu,\"repeated\":%lu,\"bad\":%lu,"
           "\"stale\":%lu,\"ids\":%lu,\"events\":%lu,"
           "\"comments\":%lu,\"bytes\":%lu,\"reads\":%lu,\"frames\":%lu,"
           "\"sample\":\"%s\",",
           nstreams, nopen, nrefused, total.ended, expected, total.received,
           (long) (expected - total.received), total.lost, total.repeated,
           total.bad, total.stale, total.ids, total.events, total.comments,
           total.bytes, total.reads, total.frames, total.sample);

    printf("\"seconds\":%.6f,",
           total.received ? (total.last - total.first) / 1e6 : 0);

    hist_say("latency_us", &total.latency);
    printf(",");

    if (move.port) {
        say_moved("resumed");

    } else if (move.cut) {
        say_moved("cuts");
    }

    if (slow.streams) {
        say_slow();
    }

    watch_say();
    printf("}\n");
}


static void
command_close(void)
{
    int      i;
    conn_t  *c;

    for (i = 0; i < nstreams; i++) {
        c = streams[i]->conn;

        if (i == c->first + c->nstreams - 1) {
            conn_close(c);
            free(c);
        }
    }

    for (i = 0; i < nstreams; i++) {
        free(streams[i]->carry);
        free(streams[i]);
    }

    memset(&move, 0, sizeof(move));
    memset(&slow, 0, sizeof(slow));
    wheel_empty();
    nstreams = nopen = nopening = nrefused = cut.rate = 0;
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
        watch_command(line + 6);

    } else if (sscanf(line, "connect %u", &n) == 1) {
        command_connect(n);

    } else if (sscanf(line, "from %d", &from) == 1) {
        printf("{}\n");

    } else if (sscanf(line, "slow %u", &n) == 1) {
        command_slow(n);

    } else if (sscanf(line, "hasten %d", &ms) == 1) {
        command_hasten(ms);

    } else if (strcmp(line, "memory") == 0) {
        watch_say_memory();

    } else if (sscanf(line, "mark %u", &n) == 1) {
        load_mark(n);
        printf("{}\n");

    } else if (sscanf(line, "wait %llu %d", &records, &ms) == 2) {
        command_wait(records, ms);

    } else if (strncmp(line, "kill ", 5) == 0) {
        command_kill(line + 5);

    } else if (sscanf(line, "cut %u", &n) == 1) {
        command_cut(n);

    } else if (strcmp(line, "close") == 0) {
        command_close();

    } else {
        errno = 0;
        die("not understood: %s", line);
    }
}


static void
load_option(const char *arg)
{
    if (strcmp(arg, "browser") == 0) {
        browser = 1;

    } else if (strncmp(arg, "tls=", 4) == 0) {
        tls = tls_client(arg + 4);

    } else if (sscanf(arg, "h2=%d", &h2) != 1
               && sscanf(arg, "keys=%u", &keys) != 1)
    {
        errno = 0;
        die("not understood: %s", arg);
    }
}


int
main(int argc, char **argv)
{
    int                 i;
    char                line[1024];
    struct epoll_event  ev;

    if (argc < 4) {
        errno = 0;
        die("usage: load <port> <uri> <size> [browser] [tls=] [h2=] [keys=]");
    }

    port = atoi(argv[1]);
    uri = argv[2];
    record_size = atoi(argv[3]);

    for (i = 4; i < argc; i++) {
        load_option(argv[i]);
    }

    if (h2 && tls) {
        errno = 0;
        die("HTTP/2 is in cleartext here");
    }

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);           /* TLS does not know MSG_NOSIGNAL */
    bench_descriptors();
    setlinebuf(stdout);
    setvbuf(stdin, NULL, _IONBF, 0);

    ep = epoll_create1(EPOLL_CLOEXEC);
    ev.events = EPOLLIN;
    ev.data.ptr = NULL;
    epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev);

    for ( ;; ) {
        if (conn_turn(-1)) {
            if (fgets(line, sizeof(line), stdin) == NULL) {
                return 0;
            }

            load_command(line);
        }
    }
}
