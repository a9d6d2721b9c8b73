
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The processes whose CPU and memory count, and our own.
 */

#include "load.h"


#define WATCH_MAX  8


typedef struct {
    char        name[32];
    int         pid;
    clockid_t   clock;
    int64_t     cpu;                    /* at the mark, ns */
    int64_t     killed;                 /* at "kill" */
    int64_t     resumed;                /* when the last one had resumed */
} watched_t;


static watched_t  watched[WATCH_MAX];
static int        nwatched;
static int64_t    own;                  /* our CPU at the mark, ns */


static int64_t
watch_cpu_ns(clockid_t clock)
{
    struct timespec  ts;

    if (clock_gettime(clock, &ts) == -1) {
        return 0;
    }

    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}


/* Pss and not Rss: what is shared between processes counts once */

static long
watch_pss(int pid)
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


void
watch_command(char *args)
{
    char       *word;
    watched_t  *w;

    nwatched = 0;

    for (word = strtok(args, " "); word; word = strtok(NULL, " ")) {
        w = &watched[nwatched];

        if (nwatched == WATCH_MAX
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


void
watch_mark(void)
{
    int  i;

    own = watch_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);

    for (i = 0; i < nwatched; i++) {
        watched[i].cpu = watch_cpu_ns(watched[i].clock);
    }
}


void
watch_killed(void)
{
    int  i;

    for (i = 0; i < nwatched; i++) {
        watched[i].killed = watch_cpu_ns(watched[i].clock);
    }
}


void
watch_resumed(void)
{
    int  i;

    for (i = 0; i < nwatched; i++) {
        watched[i].resumed = watch_cpu_ns(watched[i].clock);
    }
}


void
watch_say_memory(void)
{
    int  i;

    printf("{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%ld", i ? "," : "", watched[i].name,
               watch_pss(watched[i].pid));
    }

    printf("}\n");
}


void
watch_say_resumed(void)
{
    int  i;

    printf("\"cpu_us\":{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%.1f", i ? "," : "", watched[i].name,
               (watched[i].resumed - watched[i].killed) / 1e3);
    }

    printf("}");
}


void
watch_say(void)
{
    int  i;

    printf("\"cpu_us\":{");

    for (i = 0; i < nwatched; i++) {
        printf("%s\"%s\":%.1f", i ? "," : "", watched[i].name,
               (watch_cpu_ns(watched[i].clock) - watched[i].cpu) / 1e3);
    }

    printf("},\"load_cpu_us\":%.1f",
           (watch_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - own) / 1e3);
}
