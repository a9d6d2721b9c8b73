
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Rings for tests.  A record's bytes follow from its partition and offset, so
 * whoever reads one can tell whether it is whole, in any thread or process.
 */


#ifndef _UNIT_RING_H_INCLUDED_
#define _UNIT_RING_H_INCLUDED_


#include "unit.h"

#include <shared/ngx_kafka_sse_ring.h>


#define RING_TOPICS      2
#define RING_PARTITIONS  3         /* of each topic */
#define RING_MAX         65536     /* bytes of a record */

#define RING_TABLE       (sizeof(ngx_kafka_sse_topics_sh_t)                   \
                          + (RING_TOPICS - 1)                                 \
                            * sizeof(ngx_kafka_sse_topic_sh_t))


typedef struct {
    ngx_kafka_sse_ring_sh_t     ring;
    uint64_t                    table[RING_TABLE / sizeof(uint64_t)];
} ring_zone_t;


/* what a reader has seen */

typedef struct {
    ngx_kafka_sse_ring_sh_t    *ring;
    uint64_t                    place;
    uint64_t                    held[RING_TOPICS][RING_PARTITIONS];
    uint64_t                    last[RING_TOPICS][RING_PARTITIONS];
    ngx_uint_t                  known[RING_TOPICS][RING_PARTITIONS];
    ngx_uint_t                  entries;
    ngx_uint_t                  pads;
    ngx_uint_t                  laps;
    ngx_uint_t                  wrong;     /* not what was appended */
    ngx_uint_t                  missing;   /* does not follow the one before */
    ngx_uint_t                  looks;
    ngx_uint_t                  torn;      /* looks that hold and are not so */
    uint64_t                    seed;
    ngx_uint_t                  slow;      /* stays at the tail */
    u_char                     *buf;
    u_char                     *expected;
} ring_reader_t;


static ngx_inline ring_zone_t *
ring_zone(void *p, u_char *data, size_t size)
{
    ngx_uint_t                  i, n;
    ring_zone_t                *zone;
    ngx_kafka_sse_topic_sh_t   *sh;
    ngx_kafka_sse_topics_sh_t  *table;

    zone = p;
    table = (ngx_kafka_sse_topics_sh_t *) zone->table;
    memset(zone, 0, sizeof(ring_zone_t));

    ngx_kafka_sse_ring_init(&zone->ring, data, size, table);

    table->n = RING_TOPICS;
    table->max = RING_TOPICS;

    for (i = 0; i < RING_TOPICS; i++) {
        sh = &table->topics[i];
        sh->n = RING_PARTITIONS;
        sh->tag = 1000 + i;

        for (n = 0; n < RING_PARTITIONS; n++) {
            sh->partitions[n].held = 0;
        }
    }

    return zone;
}


static ngx_inline ring_zone_t *
ring_create(size_t size)
{
    return ring_zone(unit_alloc(sizeof(ring_zone_t)), unit_alloc(size), size);
}


static ngx_inline void
ring_destroy(ring_zone_t *zone)
{
    free(zone->ring.data);
    free(zone);
}


static ngx_inline uint64_t
ring_mix(uint64_t n)
{
    n = (n + 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
    n = (n ^ n >> 27) * 0x94d049bb133111ebull;

    return n ^ n >> 31;
}


static ngx_inline u_char *
ring_fill(u_char *p, ngx_str_t *s, size_t len, ngx_uint_t null, uint64_t seed)
{
    size_t    i;
    uint64_t  word;

    s->data = null ? NULL : p;
    s->len = null ? 0 : len;

    for (i = 0; i < s->len; i += 8) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        word = seed ^ seed >> 29;
        memcpy(p + i, &word, ngx_min(8, s->len - i));
    }

    return p + s->len;
}


/* the record of this place, at most max bytes with the head of its entry */

static ngx_inline void
ring_record(ngx_kafka_sse_record_t *rec, u_char *buf, ngx_uint_t topic,
    int32_t partition, int64_t offset, size_t max)
{
    size_t    key, headers, fields, value;
    uint64_t  seed;

    seed = ring_mix(offset * 64 + topic * 8 + partition);
    max = ngx_min(max, RING_MAX) - sizeof(ngx_kafka_sse_ring_entry_t);

    /* now and then one of the largest, small ones mostly */

    key = seed % 40;
    headers = (seed >> 8) % 3 ? 0 : (seed >> 12) % 60;
    fields = (seed >> 44) % 2 ? 0 : (seed >> 46) % 50;
    value = (seed >> 20) % 16 ? (seed >> 24) % 200
                              : (seed >> 24) % (max + 1);
    value = ngx_min(value, max - key - headers - fields);

    rec->partition = partition;
    rec->offset = offset;
    rec->timestamp = (int64_t) (seed >> 3);
    rec->flags = (seed >> 16) & 3;

    buf = ring_fill(buf, &rec->key, key, (seed >> 40) % 4 == 0, seed);
    buf = ring_fill(buf, &rec->value, value, (seed >> 42) % 16 == 0, ~seed);
    buf = ring_fill(buf, &rec->headers, headers, 0, seed * 3);
    (void) ring_fill(buf, &rec->fields, fields, 0, seed * 5);
}


/* the next offset after a gap, as compaction leaves them */

static ngx_inline int64_t
ring_gap(int64_t held)
{
    return held + (ring_mix(held) % 8 == 0 ? ring_mix(held + 1) % 9 : 0);
}


static ngx_inline ngx_int_t
ring_append(ngx_kafka_sse_ring_sh_t *ring, ngx_uint_t topic, int32_t partition,
    u_char *buf)
{
    int64_t                 held;
    ngx_kafka_sse_record_t  rec;

    held = ring->table->topics[topic].partitions[partition].held;

    ring_record(&rec, buf, topic, partition, ring_gap(held),
                ngx_kafka_sse_ring_max(ring));

    return ngx_kafka_sse_ring_append_record(ring, topic, held, &rec);
}


/* something, of which a reader can tell that it is right */

static ngx_inline void
ring_append_any(ngx_kafka_sse_ring_sh_t *ring, uint64_t random, u_char *buf)
{
    int32_t     partition;
    int64_t     held;
    ngx_uint_t  topic;

    topic = random % RING_TOPICS;
    partition = (random >> 8) % RING_PARTITIONS;

    switch ((random >> 16) % 16) {

    case 0:
        held = ring->table->topics[topic].partitions[partition].held;
        ngx_kafka_sse_ring_append_move(ring, topic, partition, held,
                                       held + 1 + (random >> 24) % 5,
                                       (random >> 32) % 4);
        break;

    case 1:
        ngx_kafka_sse_ring_append_topic(ring, topic);
        break;

    default:
        ring_append(ring, topic, partition, buf);
    }
}


static ngx_inline ngx_uint_t
ring_same_str(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->data == NULL) == (b->data == NULL)
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


/* a block without anything in it is not null */

static ngx_inline ngx_uint_t
ring_same_block(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static ngx_inline ngx_uint_t
ring_same(ngx_kafka_sse_record_t *a, ngx_kafka_sse_record_t *b)
{
    return a->partition == b->partition
           && a->offset == b->offset
           && a->timestamp == b->timestamp
           && a->flags == b->flags
           && ring_same_str(&a->key, &b->key)
           && ring_same_str(&a->value, &b->value)
           && ring_same_block(&a->headers, &b->headers)
           && ring_same_block(&a->fields, &b->fields);
}


static ngx_inline void
ring_reader_init(ring_reader_t *reader, ngx_kafka_sse_ring_sh_t *ring,
    uint64_t place)
{
    memset(reader, 0, sizeof(ring_reader_t));

    reader->ring = ring;
    reader->place = place;
    reader->seed = 88172645463325252ull;
    reader->buf = unit_alloc(RING_MAX);
    reader->expected = unit_alloc(RING_MAX);
}


static ngx_inline void
ring_reader_done(ring_reader_t *reader)
{
    free(reader->buf);
    free(reader->expected);
}


/* forgets what was seen: what comes next need not follow it */

static ngx_inline void
ring_reader_lapped(ring_reader_t *reader, uint64_t place)
{
    memset(reader->known, 0, sizeof(reader->known));
    memset(reader->last, 0, sizeof(reader->last));

    reader->place = place;
}


static ngx_inline void
ring_reader_topic(ring_reader_t *reader, ngx_kafka_sse_ring_entry_t *entry,
    ngx_kafka_sse_record_t *rec)
{
    uint64_t    held;
    ngx_uint_t  p;

    reader->wrong += rec->value.len != RING_PARTITIONS * sizeof(int64_t)
                     || rec->key.data != NULL
                     || entry->partition != -1
                     || entry->flags != 1000u + entry->topic;

    for (p = 0; p < RING_PARTITIONS; p++) {
        memcpy(&held, rec->value.data + p * sizeof(int64_t), sizeof(held));

        reader->missing += reader->known[entry->topic][p]
                           && reader->held[entry->topic][p] != held;
    }
}


static ngx_inline void
ring_reader_entry(ring_reader_t *reader, ngx_kafka_sse_ring_entry_t *entry,
    ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t              t, p;
    ngx_kafka_sse_record_t  expected;

    t = entry->topic;
    p = entry->partition;

    if (t >= RING_TOPICS || (p >= RING_PARTITIONS && entry->partition != -1)) {
        reader->wrong++;
        return;
    }

    if (entry->type == NGX_KAFKA_SSE_RING_TOPIC) {
        ring_reader_topic(reader, entry, rec);
        return;
    }

    if (reader->known[t][p]) {
        reader->missing += entry->from != (int64_t) reader->held[t][p]
                           || entry->prev != reader->last[t][p];
    }

    reader->known[t][p] = 1;
    reader->last[t][p] = reader->place;

    if (entry->type == NGX_KAFKA_SSE_RING_MOVE) {
        reader->held[t][p] = entry->offset;
        reader->wrong += entry->offset <= entry->from
                         || entry->offset > entry->from + 5
                         || rec->key.data || rec->value.data
                         || rec->headers.len || rec->fields.len
                         || entry->flags > NGX_KAFKA_SSE_MOVE_TOO_LARGE;
        return;
    }

    reader->held[t][p] = entry->offset + 1;

    ring_record(&expected, reader->expected, t, p, ring_gap(entry->from),
                ngx_kafka_sse_ring_max(reader->ring));

    reader->wrong += entry->type != NGX_KAFKA_SSE_RING_RECORD
                     || !ring_same(&expected, rec);
}


/* reads one entry; NGX_OK, NGX_DONE at the head, NGX_DECLINED if lapped */

static ngx_inline ngx_int_t
ring_reader_next(ring_reader_t *reader)
{
    size_t                      left;
    ngx_kafka_sse_record_t      rec;
    ngx_kafka_sse_ring_sh_t    *ring;
    ngx_kafka_sse_ring_entry_t  entry;

    ring = reader->ring;

    if (reader->place == ring->head) {
        return NGX_DONE;
    }

    if (ngx_kafka_sse_ring_peek(ring, reader->place, &entry) != NGX_OK) {
        return NGX_DECLINED;
    }

    left = ring->size - reader->place % ring->size;

    if (entry.type == NGX_KAFKA_SSE_RING_PAD) {
        reader->wrong += entry.size != left;
        reader->pads++;

    } else {
        if (entry.size % 8 || entry.size > left
            || entry.size < sizeof(ngx_kafka_sse_ring_entry_t)
            || entry.size > ngx_kafka_sse_ring_max(ring) + 7)
        {
            reader->wrong++;
            return NGX_DONE;
        }

        if (ngx_kafka_sse_ring_copy(ring, reader->place, &entry, reader->buf,
                                    &rec)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        ring_reader_entry(reader, &entry, &rec);
    }

    reader->place += entry.size;
    reader->entries++;

    return NGX_OK;
}


/*
 * From tail to head there is one whole entry behind the other, and the table
 * says what they say.  Nobody must append meanwhile.
 */

static ngx_inline ngx_uint_t
ring_is_whole(ngx_kafka_sse_ring_sh_t *ring)
{
    ngx_int_t                      rc;
    ngx_uint_t                     t, p, wrong;
    ring_reader_t                  reader;
    ngx_kafka_sse_partition_sh_t  *part;

    ring_reader_init(&reader, ring, ring->tail);

    do {
        rc = ring_reader_next(&reader);
    } while (rc == NGX_OK);

    wrong = reader.wrong + reader.missing + (rc != NGX_DONE)
            + (reader.place != ring->head)
            + (ring->head - ring->tail > ring->size);

    for (t = 0; t < RING_TOPICS; t++) {
        for (p = 0; p < RING_PARTITIONS; p++) {
            part = &ring->table->topics[t].partitions[p];

            wrong += reader.known[t][p]
                     ? (part->held != (int64_t) reader.held[t][p]
                        || part->last != reader.last[t][p])
                     : part->last >= ring->tail;
        }
    }

    ring_reader_done(&reader);

    return wrong == 0;
}


/* how many entries of a partition its chain leads to; 0 if it is broken */

static ngx_inline ngx_uint_t
ring_chain(ngx_kafka_sse_ring_sh_t *ring, ngx_uint_t topic,
    int32_t partition)
{
    uint64_t                    place, next;
    ngx_uint_t                  n;
    ngx_kafka_sse_ring_entry_t  entry;

    n = 0;
    next = ring->head;
    place = ring->table->topics[topic].partitions[partition].last;

    while (place >= ring->tail) {

        if (place >= next
            || ngx_kafka_sse_ring_peek(ring, place, &entry) != NGX_OK
            || entry.topic != topic || entry.partition != partition)
        {
            return 0;
        }

        n++;
        next = place;
        place = entry.prev;
    }

    return n;
}


static ngx_inline ngx_uint_t
ring_chains_are_whole(ngx_kafka_sse_ring_sh_t *ring)
{
    uint64_t                    place;
    ngx_uint_t                  t, p, wrong;
    ngx_kafka_sse_ring_entry_t  entry;

    static ngx_uint_t           n[RING_TOPICS][RING_PARTITIONS];

    memset(n, 0, sizeof(n));

    for (place = ring->tail; place < ring->head; place += entry.size) {
        ngx_kafka_sse_ring_peek(ring, place, &entry);

        if (entry.type == NGX_KAFKA_SSE_RING_RECORD
            || entry.type == NGX_KAFKA_SSE_RING_MOVE)
        {
            n[entry.topic][entry.partition]++;
        }
    }

    wrong = 0;

    for (t = 0; t < RING_TOPICS; t++) {
        for (p = 0; p < RING_PARTITIONS; p++) {
            wrong += ring_chain(ring, t, p) != n[t][p];
        }
    }

    return wrong == 0;
}


#endif /* _UNIT_RING_H_INCLUDED_ */
