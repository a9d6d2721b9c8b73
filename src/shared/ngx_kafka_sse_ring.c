
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_ring.h>


#define NGX_KAFKA_SSE_RING_NULL      0xffffffff
#define NGX_KAFKA_SSE_RING_PAD_HEAD  8          /* size, type, topic */


#define ngx_kafka_sse_ring_at(ring, place)                                    \
    ((ring)->data + (place) % (ring)->size)


static u_char *ngx_kafka_sse_ring_begin(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_ring_entry_t *entry);
static void ngx_kafka_sse_ring_make_room(ngx_kafka_sse_ring_sh_t *ring,
    uint64_t end);
static void ngx_kafka_sse_ring_end(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_ring_entry_t *entry);
static u_char *ngx_kafka_sse_ring_put(u_char *p, ngx_str_t *s);
static void ngx_kafka_sse_ring_view_body(u_char *p,
    ngx_kafka_sse_ring_entry_t *entry, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_ring_view(u_char *p, ngx_str_t *s, uint32_t len);


void
ngx_kafka_sse_ring_init(ngx_kafka_sse_ring_sh_t *ring, u_char *data,
    size_t size, ngx_kafka_sse_topics_sh_t *table)
{
    ngx_memzero(ring, sizeof(ngx_kafka_sse_ring_sh_t));

    ring->data = data;
    ring->size = size;
    ring->table = table;

    /* a place is never 0, which says "none"; size is place 0's next lap */

    ring->head = size;
    ring->tail = size;
}


void
ngx_kafka_sse_ring_recover(ngx_kafka_sse_ring_sh_t *ring)
{
    ngx_kafka_sse_topic_sh_t      *topic;
    ngx_kafka_sse_partition_sh_t  *part;

    if ((ring->seq & 1) == 0) {
        return;
    }

    if (ring->head <= ring->intent.head && ring->intent.partition >= 0) {
        topic = &ring->table->topics[ring->intent.topic];
        part = &topic->partitions[ring->intent.partition];
        part->held = ring->intent.held;
        part->last = ring->intent.last;
    }

    ngx_memory_barrier();
    ring->seq++;
}


ngx_int_t
ngx_kafka_sse_ring_append_record(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic, int64_t from, ngx_kafka_sse_record_t *rec)
{
    size_t                       size;
    u_char                      *p;
    ngx_kafka_sse_ring_entry_t   entry;

    size = sizeof(ngx_kafka_sse_ring_entry_t)
           + rec->key.len + rec->value.len + rec->headers.len
           + rec->fields.len;

    if (size > ngx_kafka_sse_ring_max(ring)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&entry, sizeof(ngx_kafka_sse_ring_entry_t));

    entry.size = (uint32_t) ngx_align(size, 8);
    entry.type = NGX_KAFKA_SSE_RING_RECORD;
    entry.topic = (uint16_t) topic;
    entry.partition = rec->partition;
    entry.flags = (uint32_t) rec->flags;
    entry.from = from;
    entry.offset = rec->offset;
    entry.timestamp = rec->timestamp;

    entry.key_len = rec->key.data ? (uint32_t) rec->key.len
                                  : NGX_KAFKA_SSE_RING_NULL;
    entry.value_len = rec->value.data ? (uint32_t) rec->value.len
                                      : NGX_KAFKA_SSE_RING_NULL;
    entry.headers_len = (uint32_t) rec->headers.len;
    entry.fields_len = (uint32_t) rec->fields.len;

    p = ngx_kafka_sse_ring_begin(ring, &entry);

    p = ngx_kafka_sse_ring_put(p, &rec->key);
    p = ngx_kafka_sse_ring_put(p, &rec->value);
    p = ngx_kafka_sse_ring_put(p, &rec->headers);
    (void) ngx_kafka_sse_ring_put(p, &rec->fields);

    ring->table->topics[topic].partitions[rec->partition].records++;

    ngx_kafka_sse_ring_end(ring, &entry);

    return NGX_OK;
}


void
ngx_kafka_sse_ring_append_move(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic, int32_t partition, int64_t from, int64_t to,
    ngx_uint_t reason)
{
    ngx_kafka_sse_ring_entry_t  entry;

    ngx_memzero(&entry, sizeof(ngx_kafka_sse_ring_entry_t));

    entry.size = sizeof(ngx_kafka_sse_ring_entry_t);
    entry.type = NGX_KAFKA_SSE_RING_MOVE;
    entry.topic = (uint16_t) topic;
    entry.partition = partition;
    entry.flags = (uint32_t) reason;
    entry.from = from;
    entry.offset = to;
    entry.key_len = NGX_KAFKA_SSE_RING_NULL;
    entry.value_len = NGX_KAFKA_SSE_RING_NULL;

    (void) ngx_kafka_sse_ring_begin(ring, &entry);

    ngx_kafka_sse_ring_end(ring, &entry);
}


void
ngx_kafka_sse_ring_append_topic(ngx_kafka_sse_ring_sh_t *ring,
    ngx_uint_t topic)
{
    u_char                      *p;
    uint32_t                     i;
    ngx_kafka_sse_topic_sh_t    *sh;
    ngx_kafka_sse_ring_entry_t   entry;

    sh = &ring->table->topics[topic];

    ngx_memzero(&entry, sizeof(ngx_kafka_sse_ring_entry_t));

    entry.type = NGX_KAFKA_SSE_RING_TOPIC;
    entry.flags = sh->tag;
    entry.topic = (uint16_t) topic;
    entry.partition = -1;
    entry.key_len = NGX_KAFKA_SSE_RING_NULL;
    entry.value_len = sh->n * sizeof(int64_t);
    entry.size = sizeof(ngx_kafka_sse_ring_entry_t) + entry.value_len;

    p = ngx_kafka_sse_ring_begin(ring, &entry);

    for (i = 0; i < sh->n; i++) {
        p = ngx_cpymem(p, &sh->partitions[i].held, sizeof(int64_t));
    }

    sh->started = (sh->n != 0);

    ngx_kafka_sse_ring_end(ring, &entry);
}


/*
 * Makes room for the entry, writes its head and returns where its body goes.
 * An entry is never split: what is left at the end of the memory is padded.
 */

static u_char *
ngx_kafka_sse_ring_begin(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_ring_entry_t *entry)
{
    u_char                        *p;
    size_t                         left;
    uint64_t                       place;
    ngx_kafka_sse_ring_entry_t     pad;
    ngx_kafka_sse_partition_sh_t  *part;

    place = ring->head;
    part = NULL;

    if (entry->partition >= 0) {
        part = &ring->table->topics[entry->topic].partitions[entry->partition];
        entry->prev = part->last;
    }

    ring->intent.head = place;
    ring->intent.topic = entry->topic;
    ring->intent.partition = entry->partition;

    if (part) {
        ring->intent.held = part->held;
        ring->intent.last = part->last;
    }

    ngx_memory_barrier();
    ring->seq++;
    ngx_memory_barrier();

    left = ring->size - place % ring->size;

    if (left < entry->size) {
        ngx_kafka_sse_ring_make_room(ring, place + left + entry->size);

        ngx_memzero(&pad, NGX_KAFKA_SSE_RING_PAD_HEAD);
        pad.size = (uint32_t) left;
        pad.type = NGX_KAFKA_SSE_RING_PAD;

        ngx_memcpy(ngx_kafka_sse_ring_at(ring, place), &pad,
                   NGX_KAFKA_SSE_RING_PAD_HEAD);

        place += left;

    } else {
        ngx_kafka_sse_ring_make_room(ring, place + entry->size);
    }

    if (part) {
        part->last = place;

        if (entry->type == NGX_KAFKA_SSE_RING_RECORD) {
            part->held = entry->offset + 1;

        } else {
            part->held = entry->offset;
        }
    }

    p = ngx_kafka_sse_ring_at(ring, place);

    return ngx_cpymem(p, entry, sizeof(ngx_kafka_sse_ring_entry_t));
}


/*
 * Lets the oldest entries go until everything below end fits.  Readers see
 * the new tail before any byte of the old entries changes.
 */

static void
ngx_kafka_sse_ring_make_room(ngx_kafka_sse_ring_sh_t *ring, uint64_t end)
{
    uint32_t  size;
    uint64_t  tail;

    tail = ring->tail;

    while (end - tail > ring->size && tail != ring->head) {
        ngx_memcpy(&size, ngx_kafka_sse_ring_at(ring, tail), sizeof(uint32_t));
        tail += size;
    }

    ring->tail = tail;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


static void
ngx_kafka_sse_ring_end(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_ring_entry_t *entry)
{
    size_t    left;
    uint64_t  place;

    place = ring->head;
    left = ring->size - place % ring->size;

    if (left < entry->size) {
        place += left;
    }

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    ring->head = place + entry->size;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    ring->seq++;
}


ngx_int_t
ngx_kafka_sse_ring_peek(ngx_kafka_sse_ring_sh_t *ring, uint64_t place,
    ngx_kafka_sse_ring_entry_t *entry)
{
    u_char  *p;

    p = ngx_kafka_sse_ring_at(ring, place);

    ngx_memcpy(entry, p, NGX_KAFKA_SSE_RING_PAD_HEAD);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (place < ring->tail) {
        return NGX_DECLINED;
    }

    if (entry->type == NGX_KAFKA_SSE_RING_PAD) {
        return NGX_OK;
    }

    ngx_memcpy(entry, p, sizeof(ngx_kafka_sse_ring_entry_t));

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    return (place < ring->tail) ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_kafka_sse_ring_copy(ngx_kafka_sse_ring_sh_t *ring, uint64_t place,
    ngx_kafka_sse_ring_entry_t *entry, u_char *buf,
    ngx_kafka_sse_record_t *rec)
{
    u_char  *p;
    size_t   len;

    p = ngx_kafka_sse_ring_at(ring, place);
    len = entry->size - sizeof(ngx_kafka_sse_ring_entry_t);

    ngx_memcpy(buf, p + sizeof(ngx_kafka_sse_ring_entry_t), len);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (place < ring->tail) {
        return NGX_DECLINED;
    }

    ngx_kafka_sse_ring_view_body(buf, entry, rec);

    return NGX_OK;
}


void
ngx_kafka_sse_ring_view_record(ngx_kafka_sse_ring_sh_t *ring, uint64_t place,
    ngx_kafka_sse_ring_entry_t *entry, ngx_kafka_sse_record_t *rec)
{
    u_char  *p;

    p = ngx_kafka_sse_ring_at(ring, place);

    ngx_kafka_sse_ring_view_body(p + sizeof(ngx_kafka_sse_ring_entry_t), entry,
                                 rec);
}


ngx_uint_t
ngx_kafka_sse_ring_look_begin(ngx_kafka_sse_ring_sh_t *ring)
{
    ngx_uint_t  i, seq;

    for (i = 0; i < 100000; i++) {
        seq = ring->seq;

        if ((seq & 1) == 0) {
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            return seq;
        }

        ngx_cpu_pause();
    }

    return 1;
}


ngx_uint_t
ngx_kafka_sse_ring_look_same(ngx_kafka_sse_ring_sh_t *ring, ngx_uint_t seq)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    return ring->seq == seq;
}


static u_char *
ngx_kafka_sse_ring_put(u_char *p, ngx_str_t *s)
{
    return s->len ? ngx_cpymem(p, s->data, s->len) : p;
}


static void
ngx_kafka_sse_ring_view_body(u_char *p, ngx_kafka_sse_ring_entry_t *entry,
    ngx_kafka_sse_record_t *rec)
{
    rec->partition = entry->partition;
    rec->offset = entry->offset;
    rec->timestamp = entry->timestamp;
    rec->flags = entry->flags;

    p = ngx_kafka_sse_ring_view(p, &rec->key, entry->key_len);
    p = ngx_kafka_sse_ring_view(p, &rec->value, entry->value_len);
    p = ngx_kafka_sse_ring_view(p, &rec->headers, entry->headers_len);
    (void) ngx_kafka_sse_ring_view(p, &rec->fields, entry->fields_len);
}


static u_char *
ngx_kafka_sse_ring_view(u_char *p, ngx_str_t *s, uint32_t len)
{
    if (len == NGX_KAFKA_SSE_RING_NULL) {
        ngx_str_null(s);
        return p;
    }

    s->len = len;
    s->data = p;

    return p + len;
}
