
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_index.h>


#define INDEX_GROUPS  200
#define INDEX_VALUES  5
#define INDEX_KEYS    400


/* a group with one member and a filter "operand in value ..." */

typedef struct {
    ngx_kafka_sse_group_t        group;
    ngx_kafka_sse_filter_t       filter;
    ngx_kafka_sse_filter_term_t  term;
    ngx_str_t                    values[INDEX_VALUES];
    ngx_uint_t                   entered;
    ngx_uint_t                   found;
} index_group_t;


static ngx_log_t                  index_log;
static ngx_kafka_sse_hub_topic_t  index_topic;

static ngx_kafka_sse_operand_t  index_key = {
    NGX_KAFKA_SSE_OPERAND_KEY, unit_str("$kafka_sse_key"),
    ngx_null_string, { ngx_null_string, { NULL, 0, 0, 0, NULL } }
};

static ngx_kafka_sse_operand_t  index_same_key = {
    NGX_KAFKA_SSE_OPERAND_KEY, unit_str("$kafka_sse_key"),
    ngx_null_string, { ngx_null_string, { NULL, 0, 0, 0, NULL } }
};

static ngx_kafka_sse_operand_t  index_partition = {
    NGX_KAFKA_SSE_OPERAND_PARTITION, unit_str("$kafka_sse_partition"),
    ngx_null_string, { ngx_null_string, { NULL, 0, 0, 0, NULL } }
};



static void
index_group(index_group_t *g, ngx_kafka_sse_operand_t *operand)
{
    memset(g, 0, sizeof(index_group_t));

    g->group.filter = &g->filter;
    g->filter.index = &g->term;
    g->term.operand = operand;
    g->term.values = g->values;
    g->group.nmembers = 1;
    g->group.members[0].group = &g->group;
    g->group.members[0].topic = &index_topic;
}


static void
index_wants(index_group_t *g, char *value)
{
    ngx_str_t  *v;

    v = &g->values[g->term.nvalues++];
    v->data = (u_char *) value;
    v->len = strlen(value);
}


static ngx_uint_t
index_indexes(void)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;

    n = 0;

    for (q = ngx_queue_head(&index_topic.indexes);
         q != ngx_queue_sentinel(&index_topic.indexes);
         q = ngx_queue_next(q))
    {
        n++;
    }

    return n;
}


/* counts in each group how often it is found; returns how many are */

static ngx_uint_t
index_find(char *key, int32_t partition)
{
    ngx_uint_t                    n;
    ngx_queue_t                  *i, *q, *entries;
    index_group_t                *g;
    ngx_kafka_sse_index_t        *index;
    ngx_kafka_sse_record_t        rec;
    ngx_kafka_sse_index_entry_t  *entry;

    memset(&rec, 0, sizeof(ngx_kafka_sse_record_t));

    rec.partition = partition;
    rec.key.data = (u_char *) key;
    rec.key.len = key ? strlen(key) : 0;

    n = 0;

    for (i = ngx_queue_head(&index_topic.indexes);
         i != ngx_queue_sentinel(&index_topic.indexes);
         i = ngx_queue_next(i))
    {
        index = ngx_queue_data(i, ngx_kafka_sse_index_t, queue);

        entries = ngx_kafka_sse_index_find(index, &rec);
        if (entries == NULL) {
            continue;
        }

        for (q = ngx_queue_head(entries);
             q != ngx_queue_sentinel(entries);
             q = ngx_queue_next(q))
        {
            entry = ngx_queue_data(q, ngx_kafka_sse_index_entry_t, queue);

            g = (index_group_t *) entry->member->group;
            g->found++;
            n++;
        }
    }

    return n;
}


static ngx_int_t
index_add(index_group_t *g)
{
    return ngx_kafka_sse_index_add(&g->group.members[0], &index_log);
}


static void
index_remove(index_group_t *g)
{
    ngx_kafka_sse_index_remove(&g->group.members[0]);
}


static void
test_find(void)
{
    index_group_t  a, b, c;

    index_group(&a, &index_key);
    index_wants(&a, "k1");

    index_group(&b, &index_same_key);
    index_wants(&b, "");
    index_wants(&b, "k1");
    index_wants(&b, "k2");

    index_group(&c, &index_partition);
    index_wants(&c, "3");

    unit_ok(index_add(&a) == NGX_OK && index_add(&b) == NGX_OK
            && index_indexes() == 1,
            "operands of one text have one index");
    unit_ok(index_add(&c) == NGX_OK && index_indexes() == 2,
            "another operand has another one");

    unit_ok(index_find("k1", 0) == 2 && a.found == 1 && b.found == 1,
            "a value finds all who want it, each once");
    unit_ok(index_find("k2", 0) == 1 && b.found == 2,
            "each of the values of a filter finds it");
    unit_ok(index_find("", 0) == 1 && b.found == 3,
            "an empty value is a value");
    unit_ok(index_find(NULL, 0) == 0, "a null is none");
    unit_ok(index_find("k3", 0) == 0 && index_find("k", 0) == 0
            && index_find("k11", 0) == 0,
            "another value finds nobody");
    unit_ok(index_find("k3", 3) == 1 && c.found == 1,
            "each index is asked for its own operand");

    index_remove(&a);
    index_remove(&a);

    unit_ok(index_find("k1", 0) == 1 && b.found == 4,
            "who has left is not found, and may leave twice");

    index_remove(&b);

    unit_ok(index_indexes() == 1, "the last one to leave an index frees it");

    index_remove(&c);

    unit_ok(index_indexes() == 0, "in the end there is none");
}


/* without memory nothing is entered, and nothing stays */

static void
test_memory(void)
{
    ngx_int_t      n;
    ngx_uint_t     clean;
    index_group_t  a, b;

    index_group(&a, &index_key);
    index_wants(&a, "k1");
    index_wants(&a, "k2");
    index_wants(&a, "k3");

    clean = 1;

    for (n = 0; ; n++) {
        ngx_shim_fail_after = n;

        if (index_add(&a) == NGX_OK) {
            break;
        }

        ngx_shim_fail_after = -1;

        clean &= (index_indexes() == 0 && a.group.members[0].entries == NULL);
    }

    ngx_shim_fail_after = -1;

    unit_ok(n == 6 && clean, "whatever fails first, nothing is left behind");

    index_group(&b, &index_key);
    index_wants(&b, "k3");
    index_wants(&b, "k4");

    ngx_shim_fail_after = 1;

    unit_ok(index_add(&b) == NGX_ERROR && index_find("k3", 0) == 1
            && index_find("k4", 0) == 0 && index_find("k1", 0) == 1,
            "others stay where they are");

    ngx_shim_fail_after = -1;

    index_remove(&a);

    unit_ok(index_indexes() == 0, "and leave nothing behind, either");
}


/* groups come and go; each look-up is compared with asking all of them */

static void
test_many(void)
{
    char            keys[INDEX_KEYS][8], *key;
    ngx_uint_t      i, j, n, right, expected;
    index_group_t  *groups, *g;

    for (i = 0; i < INDEX_KEYS; i++) {
        sprintf(keys[i], "k%d", (int) i);
    }

    groups = (index_group_t *) unit_alloc(INDEX_GROUPS
                                          * sizeof(index_group_t));
    memset(groups, 0, INDEX_GROUPS * sizeof(index_group_t));

    right = 1;

    for (n = 0; n < 20000; n++) {

        g = &groups[unit_below(INDEX_GROUPS)];

        if (g->entered) {
            index_remove(g);
            g->entered = 0;

        } else {
            index_group(g, &index_key);

            j = unit_below(INDEX_KEYS);

            for (i = 0; i < 1 + unit_below(INDEX_VALUES); i++) {
                if (g->term.nvalues < INDEX_VALUES) {
                    index_wants(g, keys[(j + i) % INDEX_KEYS]);
                }
            }

            g->entered = (index_add(g) == NGX_OK);
        }

        key = keys[unit_below(INDEX_KEYS)];
        expected = 0;

        for (i = 0; i < INDEX_GROUPS; i++) {
            groups[i].found = 0;

            for (j = 0; groups[i].entered && j < groups[i].term.nvalues; j++) {
                expected += (strcmp((char *) groups[i].values[j].data, key)
                             == 0);
            }
        }

        right &= (index_find(key, 0) == expected);

        for (i = 0; i < INDEX_GROUPS; i++) {
            right &= (groups[i].found <= 1);
        }
    }

    unit_ok(right, "whoever comes and goes, it finds those who want a value");

    for (i = 0; i < INDEX_GROUPS; i++) {
        if (groups[i].entered) {
            index_remove(&groups[i]);
        }
    }

    unit_ok(index_indexes() == 0, "and in the end there is nothing");

    /* without memory a table that is full stays as large as it is */

    for (i = 0; i < 33; i++) {
        index_group(&groups[i], &index_key);
        index_wants(&groups[i], keys[i]);

        ngx_shim_fail_after = (i == 32) ? 2 : -1;
        right &= (index_add(&groups[i]) == NGX_OK);
    }

    ngx_shim_fail_after = -1;

    for (i = 0; i < 33; i++) {
        right &= (index_find(keys[i], 0) == 1);
        index_remove(&groups[i]);
    }

    unit_ok(right && index_indexes() == 0,
            "a table that cannot grow finds all the same");

    free(groups);
}


int
main(void)
{
    ngx_queue_init(&index_topic.indexes);

    test_find();
    test_memory();
    test_many();

    return unit_done();
}
