
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* The ring while others read it, and when its writers are killed. */


#include "ring.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define RING_STRESS      1000      /* ms */
#define RING_KILLS       150


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
    alarm(120);         /* a broken ring may lead around forever */

    ring_test_kill();
    ring_test_stress();

    return unit_done();
}
