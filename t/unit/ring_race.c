
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* The ring while it is written: stepped through, killed, and read meanwhile. */


#include "ring.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>


#define RING_STRESS      1000      /* ms */
#define RING_KILLS       150


/*
 * What stands in the memory after each instruction of an append, as another
 * process steps through it: what a reader may see, and what kill -9 leaves.
 */

#define RING_STAGES_SIZE  2048

enum { RING_STAGE_RECORD = 0, RING_STAGE_MOVE, RING_STAGE_TOPIC };


typedef struct {
    ring_zone_t     zone;
    u_char          data[RING_STAGES_SIZE];
} ring_stage_t;


typedef struct {
    ngx_uint_t      steps;      /* instructions */
    ngx_uint_t      stages;     /* different states of the memory */
    ngx_uint_t      odd;        /* of them, interrupted appends */
    ngx_uint_t      back;       /* of them, taken back */
    ngx_uint_t      half;       /* readers that saw less than an entry */
    ngx_uint_t      stale;      /* readers that saw what has left */
    ngx_uint_t      torn;       /* looks that hold and are not so */
    ngx_uint_t      broken;     /* recovered, but not whole */
    ngx_uint_t      neither;    /* recovered, but not as before or after */
    ngx_uint_t      stuck;      /* cannot be appended to */
} ring_stages_t;


static void
ring_stage_append(ring_stage_t *stage, ngx_uint_t kind, u_char *buf)
{
    int64_t  held;

    switch (kind) {

    case RING_STAGE_RECORD:
        ring_append(&stage->zone.ring, 1, 2, buf);
        break;

    case RING_STAGE_MOVE:
        held = stage->zone.ring.table->topics[1].partitions[2].held;
        ngx_kafka_sse_ring_append_move(&stage->zone.ring, 1, 2, held, held + 3,
                                       NGX_KAFKA_SSE_MOVE_EXPIRED);
        break;

    default:
        ngx_kafka_sse_ring_append_topic(&stage->zone.ring, 1);
    }
}


/* a copy is a ring of its own */

static void
ring_stage_copy(ring_stage_t *dst, ring_stage_t *src)
{
    memcpy(dst, src, sizeof(ring_stage_t));

    dst->zone.ring.data = dst->data;
    dst->zone.ring.table = (ngx_kafka_sse_topics_sh_t *) dst->zone.table;
}


/* the position and the newest entry of the partition, and the ring's head */

static ngx_uint_t
ring_stage_same(ring_stage_t *a, ring_stage_t *b)
{
    return a->zone.ring.head == b->zone.ring.head
           && a->zone.ring.table->topics[1].partitions[2].held
              == b->zone.ring.table->topics[1].partitions[2].held
           && a->zone.ring.table->topics[1].partitions[2].last
              == b->zone.ring.table->topics[1].partitions[2].last;
}


/* what was readable before is there as it was, or declined */

static ngx_uint_t
ring_stage_is_stale(ring_stage_t *before, ring_stage_t *now)
{
    u_char                      *p;
    uint64_t                     place;
    u_char                       copy[RING_STAGES_SIZE];
    ngx_uint_t                   stale;
    ngx_kafka_sse_record_t       rec;
    ngx_kafka_sse_ring_entry_t   entry, was;

    stale = 0;

    for (place = before->zone.ring.tail;
         place < before->zone.ring.head;
         place += was.size)
    {
        ngx_kafka_sse_ring_peek(&before->zone.ring, place, &was);

        if (ngx_kafka_sse_ring_peek(&now->zone.ring, place, &entry) != NGX_OK)
        {
            continue;
        }

        if (was.type == NGX_KAFKA_SSE_RING_PAD) {
            stale += entry.type != was.type || entry.size != was.size;
            continue;
        }

        if (memcmp(&entry, &was, sizeof(entry)) != 0) {
            stale++;
            continue;
        }

        if (ngx_kafka_sse_ring_copy(&now->zone.ring, place, &entry, copy, &rec)
            == NGX_OK)
        {
            p = before->data + place % RING_STAGES_SIZE + sizeof(entry);
            stale += memcmp(copy, p, was.size - sizeof(entry)) != 0;
        }
    }

    return stale != 0;
}


static void
ring_stage_check(ring_stages_t *stages, ring_stage_t *before,
    ring_stage_t *after, ring_stage_t *now, u_char *buf)
{
    ngx_int_t                 rc;
    ring_stage_t              copy;
    ring_reader_t             reader;
    ngx_kafka_sse_ring_sh_t  *ring;

    stages->stages++;

    ring_stage_copy(&copy, now);
    ring = &copy.zone.ring;

    ring_reader_init(&reader, ring, ring->tail);

    do {
        rc = ring_reader_next(&reader);
    } while (rc == NGX_OK);

    stages->half += rc != NGX_DONE || reader.wrong || reader.missing;

    ring_reader_done(&reader);

    stages->stale += ring_stage_is_stale(before, &copy);

    if (ring->seq & 1) {
        stages->odd++;

    } else {
        stages->torn += !ring_is_whole(ring);
    }

    ngx_kafka_sse_ring_recover(ring);

    stages->broken += (ring->seq & 1) || !ring_is_whole(ring);

    if (ring_stage_same(&copy, before)) {
        stages->back += now->zone.ring.seq & 1;

    } else {
        stages->neither += !ring_stage_same(&copy, after);
    }

    stages->stuck += ring_append(ring, 1, 2, buf) != NGX_OK
                     || !ring_is_whole(ring);
}


/* NGX_DECLINED if we may not trace a process here */

static ngx_int_t
ring_stages_run(ring_stages_t *stages, ring_stage_t *shared, ngx_uint_t kind)
{
    int           status;
    pid_t         pid;
    u_char       *buf;
    ngx_uint_t    stopped;
    ring_stage_t  before, after, last;

    memset(stages, 0, sizeof(ring_stages_t));

    buf = unit_alloc(RING_MAX);

    ring_stage_copy(&before, shared);
    ring_stage_copy(&after, shared);
    ring_stage_append(&after, kind, buf);

    memcpy(&last, shared, sizeof(ring_stage_t));

    pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1) {
            _exit(1);
        }

        raise(SIGSTOP);
        ring_stage_append(shared, kind, buf);
        raise(SIGSTOP);
        _exit(0);
    }

    stopped = (pid != -1 && waitpid(pid, &status, 0) == pid
               && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP
               && ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL) == 0);

    while (stopped) {

        if (memcmp(&last, shared, sizeof(ring_stage_t)) != 0) {
            memcpy(&last, shared, sizeof(ring_stage_t));
            ring_stage_check(stages, &before, &after, &last, buf);
        }

        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == -1
            || waitpid(pid, &status, 0) != pid)
        {
            break;
        }

        stages->steps++;
        stopped = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
    }

    if (pid != -1) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }

    free(buf);

    return ring_stage_same(&last, &after) ? NGX_OK : NGX_DECLINED;
}


static void
ring_test_stages(void)
{
    u_char         *buf;
    uint64_t        head;
    ngx_int_t       rc;
    ngx_uint_t      i, k, kind;
    ring_stage_t   *shared;
    ring_stages_t   one, all;

    shared = mmap(NULL, sizeof(ring_stage_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        abort();
    }

    memset(&all, 0, sizeof(ring_stages_t));
    buf = unit_alloc(RING_MAX);
    rc = NGX_OK;

    ring_zone(&shared->zone, shared->data, RING_STAGES_SIZE);

    /* at places of all kinds: with room, with others leaving, with padding */

    for (i = 0; i < 30 && rc == NGX_OK; i++) {
        kind = (i % 3);
        rc = ring_stages_run(&one, shared, kind);

        for (k = 0; k < sizeof(all) / sizeof(ngx_uint_t); k++) {
            ((ngx_uint_t *) &all)[k] += ((ngx_uint_t *) &one)[k];
        }

        head = shared->zone.ring.head;

        while (shared->zone.ring.head < head + RING_STAGES_SIZE / 8) {
            ring_append_any(&shared->zone.ring, unit_random(), buf);
        }
    }

    free(buf);
    munmap(shared, sizeof(ring_stage_t));

    if (rc != NGX_OK) {
        printf("# a process may not be traced here, so no append was looked "
               "at step by step\n");
        return;
    }

    printf("# %d appends, %d instructions, %d stages: %d odd, %d taken back\n",
           (int) i, (int) all.steps, (int) all.stages, (int) all.odd,
           (int) all.back);

    unit_ok(all.half == 0, "at no instruction of an append a reader sees half "
            "an entry");
    unit_ok(all.stale == 0, "at none it reads an old entry whose bytes have "
            "changed");
    unit_ok(all.torn == 0, "at none a look holds at a table that the entries "
            "do not say");
    unit_ok(all.broken == 0, "killed at any, the ring is whole after recovery");
    unit_ok(all.neither == 0, "killed at any, the append is there entirely or "
            "not at all");
    unit_ok(all.stuck == 0, "killed at any, the next writer can append");
    unit_ok(all.back > 0 && all.odd > all.back,
            "some were taken back and some were completed");
}


/* writers that are killed anywhere, beside a reader that goes on */

static void
ring_test_kill(void)
{
    int               status;
    pid_t             pid;
    size_t            size;
    u_char           *p, *buf;
    ngx_int_t         rc;
    ngx_uint_t        i, n, odd, whole, spins;
    ring_zone_t      *zone;
    ring_reader_t     reader;

    size = 1048576;

    p = mmap(NULL, sizeof(ring_zone_t) + size, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        abort();
    }

    zone = ring_zone(p, p + sizeof(ring_zone_t), size);
    buf = unit_alloc(RING_MAX);

    ring_reader_init(&reader, &zone->ring, zone->ring.head);

    odd = 0;
    whole = 0;

    for (i = 0; i < RING_KILLS; i++) {
        spins = unit_below(unit_below(8) ? 300 : 20000);
        pid = fork();

        if (pid == -1) {
            break;
        }

        if (pid == 0) {
            alarm(60);          /* if nobody kills it */

            for ( ;; ) {
                ring_append_any(&zone->ring, unit_random(), buf);
            }
        }

        /* it has begun, and then for a while */

        for (n = zone->ring.seq; zone->ring.seq == n; /* void */ ) {
            if (waitpid(pid, &status, WNOHANG) != 0) {
                abort();
            }

            sched_yield();
        }

        while (spins--) {
            if (ring_reader_next(&reader) == NGX_DECLINED) {
                reader.laps++;
                ring_reader_lapped(&reader, zone->ring.head);
            }
        }

        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);

        /* with the dead writer's append as it is */

        do {
            rc = ring_reader_next(&reader);
        } while (rc == NGX_OK);

        if (rc == NGX_DECLINED) {
            reader.laps++;
            ring_reader_lapped(&reader, zone->ring.head);
        }

        odd += zone->ring.seq & 1;

        ngx_kafka_sse_ring_recover(&zone->ring);

        whole += ring_is_whole(&zone->ring)
                 && ring_chains_are_whole(&zone->ring);
    }

    printf("# %d writers, %d of them killed in an append; the reader saw %d "
           "entries and was lapped %d times\n",
           (int) i, (int) odd, (int) reader.entries, (int) reader.laps);

    unit_ok(i == RING_KILLS && odd > 0,
            "some writers were killed in the middle of an append");
    unit_ok(whole == i, "what each of them left is whole after recovery");
    unit_ok(reader.wrong == 0, "no reader sees what was not appended");
    unit_ok(reader.missing == 0, "a reader goes on across the death of "
            "writers, and misses nothing unless it is told");

    ring_reader_done(&reader);
    free(buf);
    munmap(p, sizeof(ring_zone_t) + size);
}


static volatile ngx_uint_t  ring_stop;


static ngx_uint_t
ring_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void *
ring_writer_thread(void *data)
{
    u_char                   *buf;
    uint64_t                  seed;
    ngx_uint_t                i, end;
    ngx_kafka_sse_ring_sh_t  *ring;

    ring = data;
    buf = unit_alloc(RING_MAX);
    end = ring_now() + RING_STRESS;

    for (i = 0; i % 1024 || ring_now() < end; i++) {
        seed = ring_mix(i);
        ring_append_any(ring, seed, buf);

        /* time for a look, and to catch up */

        if (i % 128 == 0) {
            usleep(50);
        }
    }

    ring_stop = 1;
    free(buf);

    return NULL;
}


/* a partition's position is what its newest entry says */

static void
ring_look(ring_reader_t *reader)
{
    int64_t                        held;
    uint64_t                       last;
    ngx_int_t                      rc;
    ngx_uint_t                     seq, t, p;
    ngx_kafka_sse_ring_sh_t       *ring;
    ngx_kafka_sse_ring_entry_t     entry;
    ngx_kafka_sse_partition_sh_t  *part;

    ring = reader->ring;

    t = reader->seed % RING_TOPICS;
    p = reader->seed / RING_TOPICS % RING_PARTITIONS;
    part = &ring->table->topics[t].partitions[p];

    seq = ngx_kafka_sse_ring_look_begin(ring);

    if (seq & 1) {
        return;
    }

    held = *(volatile int64_t *) &part->held;
    last = *(volatile uint64_t *) &part->last;

    if (last == 0 || last < ring->tail) {
        return;
    }

    rc = ngx_kafka_sse_ring_peek(ring, last, &entry);

    if (!ngx_kafka_sse_ring_look_same(ring, seq)) {
        return;
    }

    if (entry.type == NGX_KAFKA_SSE_RING_RECORD) {
        entry.offset++;
    }

    reader->looks++;
    reader->torn += rc != NGX_OK || entry.offset != held
                    || entry.topic != t || entry.partition != (int32_t) p;
}


static void *
ring_reader_thread(void *data)
{
    ngx_int_t       rc;
    ring_reader_t  *reader;

    reader = data;

    while (!ring_stop || reader->place != reader->ring->head) {
        rc = ring_reader_next(reader);

        if (rc == NGX_DECLINED) {
            reader->laps++;
            ring_reader_lapped(reader, reader->slow ? reader->ring->tail
                                                    : reader->ring->head);
        }

        reader->seed = ring_mix(reader->seed);

        if (rc == NGX_DONE || reader->seed % 16 == 0) {
            ring_look(reader);
        }

        /* where the oldest entries leave */

        if (reader->slow && reader->seed % 512 == 0) {
            usleep(2000);
        }
    }

    return NULL;
}


static void
ring_test_stress(void)
{
    ngx_uint_t      i, entries, laps, wrong, missing, looks, torn;
    pthread_t       writer, threads[2];
    ring_zone_t    *zone;
    ring_reader_t   readers[2];

    zone = ring_create(131072);

    for (i = 0; i < 2; i++) {
        ring_reader_init(&readers[i], &zone->ring, zone->ring.head);
        readers[i].seed = i + 1;
        readers[i].slow = i;

        if (pthread_create(&threads[i], NULL, ring_reader_thread, &readers[i])
            != 0)
        {
            abort();
        }
    }

    if (pthread_create(&writer, NULL, ring_writer_thread, &zone->ring) != 0) {
        abort();
    }

    pthread_join(writer, NULL);

    entries = 0;
    laps = 0;
    wrong = 0;
    missing = 0;
    looks = 0;
    torn = 0;

    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);

        entries += readers[i].entries;
        laps += readers[i].laps;
        wrong += readers[i].wrong;
        missing += readers[i].missing;
        looks += readers[i].looks;
        torn += readers[i].torn;

        ring_reader_done(&readers[i]);
    }

    printf("# %d appends; two readers saw %d entries, were lapped %d times "
           "and had %d looks\n",
           (int) zone->ring.seq / 2, (int) entries, (int) laps, (int) looks);

    unit_ok(entries > 1000 && wrong == 0,
            "what readers see beside a writer is what it appended");
    unit_ok(missing == 0, "in order, and nothing is left out unless a reader "
            "is told that it was lapped");
    unit_ok(laps > 0, "a slow reader is lapped and goes on");
    unit_ok(looks > 10 && torn == 0,
            "in a look that holds, positions are those of the newest entries");
    unit_ok(ring_is_whole(&zone->ring), "at the end the ring is whole");

    ring_destroy(zone);
}


int
main(void)
{
    /* a broken ring may lead around forever; no child is to print our output */

    alarm(120);
    setvbuf(stdout, NULL, _IOLBF, 0);

    ring_test_stages();
    ring_test_kill();
    ring_test_stress();

    return unit_done();
}
