
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The bytes of a stream: lines, events, records, and whether they are the
 * right ones.
 */

#include "load.h"


#define SSE_LATE  500000                /* us: what comes later is late */


/*
 * Of the records' numbers, which begin at 0 in each run, a stream has that of
 * its key and from there on every so many.
 */

static inline uint64_t
sse_step(void)
{
    return keys ? keys : 1;
}


/* how many come, on all streams that count, of so many sent */

uint64_t
sse_expected(uint64_t records)
{
    int       i;
    uint64_t  all, first;

    if (keys == 0) {
        return records * (nstreams - slow.streams);
    }

    all = 0;

    for (i = 0; i < nstreams; i++) {
        first = i % keys;
        all += records > first ? (records - first + keys - 1) / keys : 0;
    }

    return all;
}


void
sse_bad(const char *line, size_t len)
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
sse_number(const char *p, const char *last, const char *name, size_t len,
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
sse_record(stream_t *st, const char *data, size_t len)
{
    uint64_t     r, s, n, t;
    const char  *p, *last;

    last = data + len;

    p = sse_number(data, last, "{\"r\":", 5, &r);
    p = sse_number(p, last, ",\"p\":", 5, &s);
    p = sse_number(p, last, ",\"n\":", 5, &n);
    p = sse_number(p, last, ",\"t\":", 5, &t);

    if (p == NULL || len != (size_t) record_size || s >= BENCH_SOURCES
        || last - p < 8 || memcmp(p, ",\"x\":\"", 6) != 0
        || memcmp(p + 6, bench_pad(), last - p - 8) != 0
        || memcmp(last - 2, "\"}", 2) != 0 || st->record.have
        || n % sse_step() != stream_key(st))
    {
        total.bad++;
        sse_bad(data, len);
        return;
    }

    if (r != total.run && !st->slow) {
        total.stale++;
        return;
    }

    st->record.have = 1;
    st->record.source = s;
    st->record.n = r << 32 | n;
    st->record.t = t;
}


/* the first record after its last id: a stream has resumed */

static void
sse_resumed(stream_t *st, int64_t now)
{
    st->moved = 0;
    move.last = now;
    move.all++;

    hist_add(&move.total, now - st->gone);
    hist_add(&move.connect, now - st->began);

    if (move.port && move.all == nstreams) {
        move.records = total.received - move.before;
        watch_resumed();
    }
}


/*
 * The blank line.  What is cut before it never was: neither its record nor its
 * id count, and both come again, as in a browser.
 */

static void
sse_event(stream_t *st, int64_t now)
{
    uint64_t   jumped, next;
    record_t  *rec;

    memcpy(st->id, st->buffer, st->buffer_len);
    st->id_len = st->buffer_len;

    rec = &st->record;

    if (!rec->have) {
        return;
    }

    rec->have = 0;

    if (st->moved) {
        sse_resumed(st, now);
    }

    next = st->next[rec->source];

    if (rec->n < next) {
        total.repeated++;
        return;
    }

    st->next[rec->source] = rec->n + sse_step();

    if (next >> 32 != rec->n >> 32) {
        next = rec->n >> 32 << 32 | stream_key(st);      /* a new run */
    }

    jumped = (rec->n - next) / sse_step();

    if (st->slow) {
        slow.jumped += jumped;
        slow.received++;
        return;
    }

    total.lost += jumped;

    if (total.received++ == 0) {
        total.first = rec->t;
    }

    total.last = now;
    hist_add(&total.latency, now - rec->t);

    if (now - rec->t > SSE_LATE) {
        move.late = now;
    }
}


static void
sse_id(stream_t *st, const char *id, size_t len)
{
    total.ids++;

    if (len > 0 && *id == ' ') {
        id++;
        len--;
    }

    if (len >= LOAD_ID) {
        total.bad++;
        sse_bad(id, len);
        return;
    }

    memcpy(st->buffer, id, len);
    st->buffer[len] = '\0';
    st->buffer_len = len + 1;
}


static void
sse_line(stream_t *st, const char *line, size_t len, int64_t now)
{
    uint64_t  ms;

    if (len == 0) {
        sse_event(st, now);

    } else if (len > 6 && memcmp(line, "data: ", 6) == 0) {
        sse_record(st, line + 6, len - 6);

    } else if (len > 3 && memcmp(line, "id:", 3) == 0) {
        sse_id(st, line + 3, len - 3);

    } else if (line[0] == ':') {
        total.comments++;

    } else if (len > 6 && memcmp(line, "event:", 6) == 0) {
        total.events++;
        sse_bad(line, len);

    } else if (sse_number(line, line + len, "retry: ", 7, &ms)) {
        st->retry = ms < LOAD_RETRY ? ms : LOAD_RETRY;

    } else {
        total.bad++;
        sse_bad(line, len);
    }
}


void
sse_carry(stream_t *st, const char *p, size_t len)
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


void
sse_bytes(stream_t *st, const char *p, const char *last, int64_t now)
{
    const char  *nl;

    for ( /* void */ ; p < last; p = nl + 1) {

        nl = memchr(p, '\n', last - p);

        if (nl == NULL) {
            sse_carry(st, p, last - p);
            return;
        }

        if (st->carried == 0) {
            sse_line(st, p, nl - p, now);
            continue;
        }

        sse_carry(st, p, nl - p);
        sse_line(st, st->carry, st->carried, now);
        st->carried = 0;
    }
}


/* it begins anew, on another connection, after its last id */

void
sse_again(stream_t *st)
{
    free(st->carry);
    st->carry = NULL;
    st->carried = st->room = 0;
    st->state = http_head;
    st->record.have = 0;
    memcpy(st->buffer, st->id, st->id_len);
    st->buffer_len = st->id_len;
}
