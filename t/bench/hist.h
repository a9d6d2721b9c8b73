
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * A histogram of whole numbers, log-linear as HdrHistogram: a bucket is 1.6 %
 * wide.
 */

#ifndef _HIST_H_INCLUDED_
#define _HIST_H_INCLUDED_


#include "bench.h"


#define HIST_SUB   64                   /* buckets of each power of two */
#define HIST_SIZE  (HIST_SUB * 40)


typedef struct {
    uint64_t  n;
    uint64_t  slots[HIST_SIZE];
} hist_t;


static inline int
hist_slot(uint64_t v)
{
    int  shift;

    if (v < HIST_SUB * 2) {
        return v;
    }

    shift = 63 - __builtin_clzll(v) - 6;

    return shift * HIST_SUB + (v >> shift);
}


static inline uint64_t
hist_value(int slot)
{
    int  shift;

    if (slot < HIST_SUB * 2) {
        return slot;
    }

    shift = slot / HIST_SUB - 1;

    return (uint64_t) (slot - shift * HIST_SUB) << shift;
}


static inline void
hist_add(hist_t *hist, int64_t v)
{
    hist->n++;
    hist->slots[hist_slot(v > 0 ? v : 0)]++;
}


static inline uint64_t
hist_percentile(hist_t *hist, double p)
{
    int       i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < HIST_SIZE; i++) {
        n += hist->slots[i];
        if (n > 0 && n >= hist->n * p) {
            return hist_value(i);
        }
    }

    return 0;
}


static inline uint64_t
hist_max(hist_t *hist)
{
    int  i;

    for (i = HIST_SIZE - 1; i > 0 && hist->slots[i] == 0; i--) { /* void */ }

    return hist_value(i);
}


static inline void
hist_say(const char *name, hist_t *hist)
{
    printf("\"%s\":{\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"p999\":%lu,"
           "\"max\":%lu}", name, hist_percentile(hist, 0.50),
           hist_percentile(hist, 0.90), hist_percentile(hist, 0.99),
           hist_percentile(hist, 0.999), hist_max(hist));
}


#endif /* _HIST_H_INCLUDED_ */
