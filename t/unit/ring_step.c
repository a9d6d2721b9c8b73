
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/* The ring, stepped through instruction by instruction by another process. */


#include "ring.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>


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


/*
 * The other way round: a reader is stopped after any instruction of a peek
 * and a copy, and the writer passes it.
 */

typedef struct {
    ring_stage_t  stage;
    ngx_int_t     rc;
    ngx_uint_t    same;         /* what was read is what was appended */
    ngx_uint_t    read;         /* it is through */
} ring_passed_t;


static void
ring_passed_read(ring_passed_t *shared, uint64_t place, u_char *buf)
{
    u_char                      copy[RING_STAGES_SIZE];
    ngx_kafka_sse_record_t      rec, expected;
    ngx_kafka_sse_ring_sh_t    *ring;
    ngx_kafka_sse_ring_entry_t  entry;

    ring = &shared->stage.zone.ring;

    shared->rc = ngx_kafka_sse_ring_peek(ring, place, &entry);

    if (shared->rc == NGX_OK) {

        /* nothing else can be there at this place */

        if (entry.type != NGX_KAFKA_SSE_RING_RECORD || entry.topic != 1
            || entry.size > RING_STAGES_SIZE)
        {
            return;
        }

        shared->rc = ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &rec);
    }

    shared->read = 1;

    if (shared->rc == NGX_OK) {
        ring_record(&expected, buf, 1, 2, ring_gap(0),
                    ngx_kafka_sse_ring_max(ring));
        shared->same = ring_same(&expected, &rec);
    }
}


/* NGX_DONE if it is through in fewer instructions than steps */

static ngx_int_t
ring_passed_run(ring_passed_t *shared, ngx_uint_t steps, u_char *buf)
{
    int                       status;
    pid_t                     pid;
    uint64_t                  place;
    ngx_int_t                 rc;
    ngx_uint_t                stopped;
    ngx_kafka_sse_ring_sh_t  *ring;

    memset(shared, 0, sizeof(ring_passed_t));
    shared->rc = NGX_ERROR;

    ring_zone(&shared->stage.zone, shared->stage.data, RING_STAGES_SIZE);
    ring = &shared->stage.zone.ring;

    place = ring->head;
    ring_append(ring, 1, 2, buf);

    pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1) {
            _exit(1);
        }

        raise(SIGSTOP);
        ring_passed_read(shared, place, buf);
        _exit(0);
    }

    stopped = (pid != -1 && waitpid(pid, &status, 0) == pid
               && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP
               && ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL) == 0);

    rc = stopped ? NGX_OK : NGX_DECLINED;

    while (stopped && steps-- && !shared->read) {
        stopped = (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0
                   && waitpid(pid, &status, 0) == pid
                   && WIFSTOPPED(status));
    }

    if (shared->read) {
        rc = NGX_DONE;
    }

    while (ring->head < place + 2 * RING_STAGES_SIZE) {
        ring_append_any(ring, unit_random(), buf);
    }

    if (stopped) {
        ptrace(PTRACE_CONT, pid, 0, 0);
    }

    if (pid != -1) {
        waitpid(pid, &status, 0);
    }

    return rc;
}


static void
ring_test_passed(void)
{
    u_char         *buf;
    ngx_int_t       rc;
    ngx_uint_t      steps, runs, whole, declined, wrong;
    ring_passed_t  *shared;

    shared = mmap(NULL, sizeof(ring_passed_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        abort();
    }

    buf = unit_alloc(RING_MAX);

    runs = 0;
    whole = 0;
    declined = 0;
    wrong = 0;

    /* each instruction, where there are not too many */

    for (steps = 0; /* void */ ; steps += 1 + steps / 400) {
        rc = ring_passed_run(shared, steps, buf);

        if (rc == NGX_DECLINED) {
            break;
        }

        runs++;
        whole += shared->rc == NGX_OK && shared->same;
        declined += shared->rc == NGX_DECLINED;
        wrong += shared->rc != NGX_DECLINED && !shared->same;

        if (rc == NGX_DONE) {
            break;
        }
    }

    free(buf);
    munmap(shared, sizeof(ring_passed_t));

    if (rc == NGX_DECLINED) {
        printf("# a process may not be traced here, so no reader was passed "
               "step by step\n");
        return;
    }

    printf("# a reader was passed after %d of %d instructions: %d times it "
           "read the entry, %d times it was declined\n",
           (int) runs, (int) steps, (int) whole, (int) declined);

    unit_ok(wrong == 0, "a reader that is passed at any instruction has the "
            "whole entry, or is told");
    unit_ok(whole > 0 && declined > 10, "some have it and some are told");
}


int
main(void)
{
    alarm(120);         /* a broken ring may lead around forever */

    ring_test_stages();
    ring_test_passed();

    return unit_done();
}
