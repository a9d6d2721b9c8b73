
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_mark.h>


void
ngx_kafka_sse_mark_none(ngx_kafka_sse_mark_t *mark)
{
    mark->offset = NGX_KAFKA_SSE_NO_OFFSET;
}


void
ngx_kafka_sse_mark_set(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_record_t *rec)
{
    uint32_t  crc;

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, rec->key.data, rec->key.len);
    ngx_crc32_update(&crc, rec->value.data, rec->value.len);
    ngx_crc32_final(crc);

    mark->offset = rec->offset;
    mark->timestamp = rec->timestamp;
    mark->crc = crc;
}


void
ngx_kafka_sse_mark_newest(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_ring_sh_t *ring, ngx_kafka_sse_partition_sh_t *sh)
{
    ngx_kafka_sse_record_t      rec;
    ngx_kafka_sse_ring_entry_t  entry;

    ngx_kafka_sse_mark_none(mark);

    if (sh->last == 0
        || ngx_kafka_sse_ring_peek(ring, sh->last, &entry) != NGX_OK
        || entry.type != NGX_KAFKA_SSE_RING_RECORD)
    {
        return;
    }

    /* nobody but us writes: it stays where it is meanwhile */

    ngx_kafka_sse_ring_view_record(ring, sh->last, &entry, &rec);
    ngx_kafka_sse_mark_set(mark, &rec);
}


ngx_uint_t
ngx_kafka_sse_mark_is_same(ngx_kafka_sse_mark_t *mark,
    ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_mark_t  other;

    ngx_kafka_sse_mark_set(&other, rec);

    return mark->offset == other.offset && mark->timestamp == other.timestamp
           && mark->crc == other.crc;
}
