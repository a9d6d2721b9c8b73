
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * LD_PRELOAD=clock.so KAFKA_SSE_CLOCK=file command
 *
 * The command's wall clock is the system's, and what the file says besides: a
 * number of nanoseconds, 8 bytes in this machine's order.  Writing another one
 * sets the clock of all processes that the command has become by then.  Clocks
 * that do not jump stay as they are.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


#define SECOND  1000000000LL


static volatile int64_t  *offset;


__attribute__((constructor))
static void
clock_open(void)
{
    int          fd;
    void        *p;
    const char  *file;

    file = getenv("KAFKA_SSE_CLOCK");
    if (file == NULL) {
        return;
    }

    fd = open(file, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) {
        offset = p;
    }

    close(fd);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int      rc;
    int64_t  ns;

    static int  (*real)(clockid_t id, struct timespec *ts);

    if (real == NULL) {
        real = dlsym(RTLD_NEXT, "clock_gettime");
    }

    rc = real(id, ts);

    if (rc == 0 && offset
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ns = ts->tv_sec * SECOND + ts->tv_nsec + *offset;

        ts->tv_sec = ns / SECOND;
        ts->tv_nsec = ns % SECOND;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return -1;
    }

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return (time_t) -1;
    }

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
