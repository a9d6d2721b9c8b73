
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _DIGEST_H_INCLUDED_
#define _DIGEST_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * A number for one record.  Their sum, modulo 2^64, stands for a set of
 * records in any order; what was read from Kafka and what a stream received
 * are the same if their sums are.  A null value counts as an empty one.
 */

static inline uint64_t
digest_bytes(uint64_t h, const void *data, size_t len)
{
    uint64_t              w;
    const unsigned char  *p;

    p = data;

    for ( /* void */ ; len >= 8; len -= 8, p += 8) {
        __builtin_memcpy(&w, p, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }

    for ( /* void */ ; len; len--) {
        h = (h ^ *p++) * 0x100000001b3;
    }

    return h;
}


static inline uint64_t
digest(const char *topic, int32_t partition, int64_t offset,
    const void *value, size_t len)
{
    uint64_t  h;

    h = 0xcbf29ce484222325;
    h = digest_bytes(h, topic, __builtin_strlen(topic));
    h = digest_bytes(h, &partition, sizeof(partition));
    h = digest_bytes(h, &offset, sizeof(offset));
    h = digest_bytes(h, value, len);

    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93;
    h ^= h >> 32;

    return h;
}


#endif /* _DIGEST_H_INCLUDED_ */
