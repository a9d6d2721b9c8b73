
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "ring.h"


static void
ring_test_one(void)
{
    u_char                      *p, buf[1024], copy[1024];
    int64_t                      held;
    uint64_t                     place;
    ngx_str_t                    empty;
    ring_zone_t                 *zone;
    ngx_kafka_sse_record_t       rec, got;
    ngx_kafka_sse_topic_sh_t    *topics;
    ngx_kafka_sse_ring_sh_t     *ring;
    ngx_kafka_sse_ring_entry_t   entry;

    zone = ring_create(4096);
    ring = &zone->ring;
    topics = ring->table->topics;

    unit_ok(ring->head == ring->tail && ring->head != 0 && ring->seq == 0,
            "a new ring is empty, and no place is 0");

    rec.partition = 2;
    rec.offset = 41;
    rec.timestamp = -1;
    rec.flags = NGX_KAFKA_SSE_RECORD_TEXT|NGX_KAFKA_SSE_RECORD_JSON;
    p = ring_fill(buf, &rec.key, 13, 0, 1);
    p = ring_fill(p, &rec.value, 300, 0, 2);
    p = ring_fill(p, &rec.headers, 21, 0, 3);
    (void) ring_fill(p, &rec.fields, 11, 0, 4);

    place = ring->head;

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 1, 37, &rec) == NGX_OK
            && ngx_kafka_sse_ring_peek(ring, place, &entry) == NGX_OK
            && ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got)
               == NGX_OK
            && ring_same(&rec, &got),
            "a record comes out as it went in");
    unit_ok(entry.type == NGX_KAFKA_SSE_RING_RECORD && entry.topic == 1
            && entry.from == 37 && entry.prev == 0
            && place + entry.size == ring->head,
            "its entry says what it is and where it stands");
    unit_ok(topics[1].partitions[2].held == 42
            && topics[1].partitions[2].last == place
            && topics[1].partitions[2].records == 1,
            "its partition holds the next offset, its place and one record");
    unit_ok(topics[0].partitions[2].last == 0
            && topics[1].partitions[1].last == 0,
            "other partitions are as they were");

    ngx_str_null(&empty);
    rec.key = empty;
    rec.value = empty;
    rec.headers = empty;
    rec.fields = empty;
    rec.offset = 42;

    place = ring->head;
    ngx_kafka_sse_ring_append_record(ring, 1, 42, &rec);
    ngx_kafka_sse_ring_peek(ring, place, &entry);
    ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got);

    unit_ok(got.key.data == NULL && got.value.data == NULL
            && got.headers.len == 0 && got.fields.len == 0,
            "a null key and a null value come out null");
    unit_ok(entry.prev == ring->head - 2 * sizeof(entry) - 352
            && topics[1].partitions[2].last == place,
            "the second entry points back to the first");

    rec.key.data = buf;
    rec.value.data = buf;
    rec.offset = 43;

    place = ring->head;
    ngx_kafka_sse_ring_append_record(ring, 1, 43, &rec);
    ngx_kafka_sse_ring_peek(ring, place, &entry);
    ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got);

    unit_ok(got.key.data && got.key.len == 0
            && got.value.data && got.value.len == 0,
            "an empty key and an empty value come out empty");

    place = ring->head;
    ngx_kafka_sse_ring_append_move(ring, 1, 2, 44, 1044,
                                   NGX_KAFKA_SSE_MOVE_TRUNCATED);
    ngx_kafka_sse_ring_peek(ring, place, &entry);
    ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got);

    unit_ok(entry.type == NGX_KAFKA_SSE_RING_MOVE && entry.from == 44
            && entry.offset == 1044 && entry.topic == 1
            && entry.partition == 2
            && entry.flags == NGX_KAFKA_SSE_MOVE_TRUNCATED
            && got.key.data == NULL && got.value.data == NULL,
            "a move says from where, to where and why");
    unit_ok(topics[1].partitions[2].held == 1044
            && topics[1].partitions[2].last == place
            && topics[1].partitions[2].records == 3,
            "after a move the partition holds where it went; no record more");

    place = ring->head;
    topics[1].n = 3;
    topics[1].partitions[0].held = 7;
    topics[1].partitions[1].held = NGX_KAFKA_SSE_NO_OFFSET;
    ngx_kafka_sse_ring_append_topic(ring, 1);
    ngx_kafka_sse_ring_peek(ring, place, &entry);
    ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got);

    unit_ok(entry.type == NGX_KAFKA_SSE_RING_TOPIC && entry.topic == 1
            && got.value.len == 3 * sizeof(int64_t)
            && memcpy(&held, got.value.data, 8) && held == 7
            && memcpy(&held, got.value.data + 8, 8)
            && held == NGX_KAFKA_SSE_NO_OFFSET
            && memcpy(&held, got.value.data + 16, 8) && held == 1044,
            "a topic's start says where each of its partitions is");
    unit_ok(topics[1].started && !topics[0].started,
            "a topic has started when its entry is there");
    unit_ok(topics[1].partitions[2].last == place - sizeof(entry)
            && topics[1].partitions[2].held == 1044,
            "a topic's start moves none of its partitions");

    ring_destroy(zone);
}


static void
ring_test_large(void)
{
    u_char                      *buf, *copy;
    size_t                       max;
    ring_zone_t                 *zone, before;
    ngx_kafka_sse_record_t       rec, got;
    ngx_kafka_sse_ring_sh_t     *ring;
    ngx_kafka_sse_ring_entry_t   entry;

    zone = ring_create(8192);
    ring = &zone->ring;

    max = ngx_kafka_sse_ring_max(ring) - sizeof(ngx_kafka_sse_ring_entry_t);
    buf = unit_alloc(max + 1);
    copy = unit_alloc(ngx_kafka_sse_ring_max(ring));

    memset(&rec, 0, sizeof(rec));
    (void) ring_fill(buf, &rec.value, max, 0, 5);

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 0, 0, &rec) == NGX_OK
            && ngx_kafka_sse_ring_peek(ring, ring->size, &entry) == NGX_OK
            && ngx_kafka_sse_ring_copy(ring, ring->size, &entry, copy, &got)
               == NGX_OK
            && ring_same(&rec, &got),
            "a record of just the largest size is taken");

    before = *zone;
    rec.offset = 1;
    rec.value.len++;

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 0, 1, &rec) == NGX_DECLINED,
            "a record one byte larger is refused");

    rec.value.len--;
    rec.key = rec.value;
    rec.key.len = 1;

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 0, 1, &rec) == NGX_DECLINED,
            "the key counts");

    rec.headers = rec.key;
    ngx_str_null(&rec.key);

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 0, 1, &rec) == NGX_DECLINED,
            "the headers count");

    rec.fields = rec.headers;
    ngx_str_null(&rec.headers);

    unit_ok(ngx_kafka_sse_ring_append_record(ring, 0, 1, &rec) == NGX_DECLINED,
            "the fields count");
    unit_ok(memcmp(&before, zone, sizeof(ring_zone_t)) == 0,
            "a refused record leaves ring and table as they were");

    free(buf);
    free(copy);
    ring_destroy(zone);
}


/* an entry of size bytes is appended left bytes before the end of memory */

static ngx_uint_t
ring_wraps(ngx_kafka_sse_ring_sh_t *ring, size_t left, size_t size)
{
    u_char                       buf[512], copy[512];
    uint64_t                     place;
    ngx_kafka_sse_record_t       rec, got;
    ngx_kafka_sse_ring_entry_t   pad, entry;

    place = 3 * ring->size - left;
    ring->head = place;
    ring->tail = place;

    memset(&rec, 0, sizeof(rec));
    (void) ring_fill(buf, &rec.value, size - sizeof(entry), 0, left + size);

    if (ngx_kafka_sse_ring_append_record(ring, 0, 0, &rec) != NGX_OK) {
        return 0;
    }

    if (left < size) {

        if (ngx_kafka_sse_ring_peek(ring, place, &pad) != NGX_OK
            || pad.type != NGX_KAFKA_SSE_RING_PAD || pad.size != left)
        {
            return 0;
        }

        place += pad.size;
    }

    return ngx_kafka_sse_ring_peek(ring, place, &entry) == NGX_OK
           && entry.type == NGX_KAFKA_SSE_RING_RECORD
           && entry.size == ngx_align(size, 8)
           && ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &got)
              == NGX_OK
           && ring_same(&rec, &got)
           && place + entry.size == ring->head
           && ring->table->topics[0].partitions[0].last == place;
}


static void
ring_test_wrap(void)
{
    size_t        left, size;
    ngx_uint_t    wrong;
    ring_zone_t  *zone;

    wrong = 0;
    zone = ring_create(2560);

    for (left = 8; left <= 2560; left += 8) {
        for (size = sizeof(ngx_kafka_sse_ring_entry_t);
             size <= ngx_kafka_sse_ring_max(&zone->ring);
             size++)
        {
            wrong += !ring_wraps(&zone->ring, left, size);
        }
    }

    unit_ok(wrong == 0, "where a record does not fit before the end of the "
            "memory there is padding, and only there");

    ring_destroy(zone);
}


/* the places of all entries */

static ngx_uint_t
ring_places(ngx_kafka_sse_ring_sh_t *ring, uint64_t *places)
{
    uint64_t                    place;
    ngx_uint_t                  n;
    ngx_kafka_sse_ring_entry_t  entry;

    n = 0;

    for (place = ring->tail; place < ring->head; place += entry.size) {
        ngx_kafka_sse_ring_peek(ring, place, &entry);
        places[n++] = place;
    }

    return n;
}


static void
ring_test_random(void)
{
    u_char                      *buf;
    uint64_t                     head, places[4096 / 8];
    ngx_uint_t                   i, k, n, whole, chains, early, readable, pads;
    ring_zone_t                 *zone;
    ngx_kafka_sse_ring_sh_t     *ring;
    ngx_kafka_sse_ring_entry_t   entry;

    zone = ring_create(4096);
    ring = &zone->ring;
    buf = unit_alloc(RING_MAX);

    whole = 0;
    chains = 0;
    early = 0;
    readable = 0;
    pads = 0;

    for (i = 0; i < 20000; i++) {
        n = ring_places(ring, places);
        head = ring->head;

        ring_append_any(ring, unit_random(), buf);

        ngx_kafka_sse_ring_peek(ring, head, &entry);
        pads += entry.type == NGX_KAFKA_SSE_RING_PAD;

        for (k = 0; k < n && places[k] < ring->tail; k++) {
            early += ring->head - places[k] <= ring->size;
            readable += ngx_kafka_sse_ring_peek(ring, places[k], &entry)
                        != NGX_DECLINED;
        }

        early += ring->tail != (k < n ? places[k] : head);

        whole += ring_is_whole(ring);
        chains += ring_chains_are_whole(ring);
    }

    unit_ok(whole == i, "after each of 20000 appends there is one whole entry "
            "behind the other, and the table agrees");
    unit_ok(chains == i, "each partition's chain leads to all its entries");
    unit_ok(early == 0, "only the oldest entries leave, and only those for "
            "which there is no room");
    unit_ok(readable == 0, "an entry that has left is declined");
    unit_ok(pads > 500, "the end of the memory was passed many times");

    free(buf);
    ring_destroy(zone);
}


static void
ring_test_lapped(void)
{
    u_char                      *buf, copy[1024];
    uint64_t                     place;
    ring_zone_t                 *zone;
    ngx_kafka_sse_record_t       rec;
    ngx_kafka_sse_ring_sh_t     *ring;
    ngx_kafka_sse_ring_entry_t   entry, again;

    zone = ring_create(4096);
    ring = &zone->ring;
    buf = unit_alloc(RING_MAX);

    place = ring->head;
    ring_append(ring, 0, 0, buf);
    ngx_kafka_sse_ring_peek(ring, place, &entry);

    while (ring->tail == place) {
        ring_append(ring, 0, 1, buf);

        if (ring->tail == place
            && ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &rec)
               != NGX_OK)
        {
            break;
        }
    }

    unit_ok(ring->tail > place, "the oldest entry is readable until it leaves");
    unit_ok(ngx_kafka_sse_ring_copy(ring, place, &entry, copy, &rec)
            == NGX_DECLINED,
            "an entry that leaves between peek and copy is declined");
    unit_ok(ngx_kafka_sse_ring_peek(ring, place, &again) == NGX_DECLINED
            && ngx_kafka_sse_ring_peek(ring, ring->tail, &again) == NGX_OK,
            "a reader that was lapped is told so; the new oldest entry is "
            "readable");

    free(buf);
    ring_destroy(zone);
}


static void
ring_test_look(void)
{
    u_char                   *buf;
    ngx_uint_t                seq;
    ring_zone_t              *zone;
    ngx_kafka_sse_ring_sh_t  *ring;

    zone = ring_create(4096);
    ring = &zone->ring;
    buf = unit_alloc(RING_MAX);

    ring_append(ring, 0, 0, buf);
    seq = ngx_kafka_sse_ring_look_begin(ring);

    unit_ok((seq & 1) == 0 && ngx_kafka_sse_ring_look_same(ring, seq),
            "a look holds while nothing is appended");

    ring_append(ring, 1, 1, buf);

    unit_ok(!ngx_kafka_sse_ring_look_same(ring, seq),
            "a look does not hold after an append to any partition");

    seq = ngx_kafka_sse_ring_look_begin(ring);
    ring->seq++;

    unit_ok(!ngx_kafka_sse_ring_look_same(ring, seq)
            && ngx_kafka_sse_ring_look_begin(ring) == 1,
            "while an append is under way a look neither holds nor begins");

    ngx_kafka_sse_ring_recover(ring);

    unit_ok((ngx_kafka_sse_ring_look_begin(ring) & 1) == 0
            && ring_is_whole(ring),
            "it begins again once the append was recovered");

    seq = ring->seq;
    ngx_kafka_sse_ring_recover(ring);

    unit_ok(ring->seq == seq, "where nothing was interrupted recovery changes "
            "nothing");

    free(buf);
    ring_destroy(zone);
}


int
main(void)
{
    alarm(120);         /* a broken ring may lead around forever */

    ring_test_one();
    ring_test_large();
    ring_test_wrap();
    ring_test_random();
    ring_test_lapped();
    ring_test_look();

    return unit_done();
}
