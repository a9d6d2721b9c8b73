
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * What the bench programs share: the record, the clock, and a conversation
 * of one line in, one JSON line out, so that the runner leads and each
 * program stays a simple loop.
 *
 * A record is text of a fixed size,
 *
 *     {"r":<run>,"p":<source>,"n":<number>,"t":<us>,"x":"<pad>"}
 *
 * where run counts the runner's measurements, number goes up by one from 0
 * for each source (partition) of a run, and t is CLOCK_REALTIME when the
 * record was due: a feed that is late does not make anybody look faster.
 */

#ifndef _BENCH_H_INCLUDED_
#define _BENCH_H_INCLUDED_


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>


#define BENCH_RECORD_MIN  96
#define BENCH_RECORD_MAX  65536
#define BENCH_SOURCES     64


static inline void
die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
    exit(1);
}


static inline int64_t
now_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* the pad is this text from its start, as much of it as makes the size */

static inline const char *
bench_pad(void)
{
    static char  pad[BENCH_RECORD_MAX];
    int          i;

    if (pad[0] == '\0') {
        for (i = 0; i < BENCH_RECORD_MAX; i++) {
            pad[i] = 'a' + i % 26;
        }
    }

    return pad;
}


static inline void
bench_record(char *buf, int size, unsigned run, unsigned source, unsigned n,
    int64_t t)
{
    int  len;

    len = snprintf(buf, size, "{\"r\":%u,\"p\":%u,\"n\":%u,\"t\":%lld,"
                   "\"x\":\"", run, source, n, (long long) t);

    memcpy(buf + len, bench_pad(), size - len - 2);
    memcpy(buf + size - 2, "\"}", 2);
}


/* "%d" in the uri, if it is there, is the number of a key */

static inline int
bench_uri(char *buf, size_t size, const char *uri, unsigned key)
{
    const char  *p;

    p = strstr(uri, "%d");

    if (p == NULL) {
        return snprintf(buf, size, "%s", uri);
    }

    return snprintf(buf, size, "%.*s%u%s", (int) (p - uri), uri, key, p + 2);
}


static inline struct sockaddr_in
bench_addr(const char *ip, int port)
{
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = inet_addr(ip);

    return sin;
}


static inline int
bench_connect(const char *ip, int port)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    on = 1;
    sin = bench_addr(ip, port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1 || connect(fd, (void *) &sin, sizeof(sin)) == -1) {
        die("connect to %s:%d", ip, port);
    }

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    return fd;
}


static inline void
bench_send(int fd, const char *buf, size_t len)
{
    ssize_t  n;

    while (len > 0) {
        n = send(fd, buf, len, MSG_NOSIGNAL);
        if (n == -1) {
            die("send");
        }

        buf += n;
        len -= n;
    }
}


/* as many descriptors as we are allowed */

static inline void
bench_descriptors(void)
{
    struct rlimit  rl;

    rl.rlim_cur = rl.rlim_max = 1024 * 1024;

    if (setrlimit(RLIMIT_NOFILE, &rl) == -1) {
        getrlimit(RLIMIT_NOFILE, &rl);
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
}


#endif /* _BENCH_H_INCLUDED_ */
