
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"

#include <shared/ngx_kafka_sse_topics.h>


static ngx_kafka_sse_topics_sh_t *
topics_create(ngx_uint_t max)
{
    ngx_kafka_sse_topics_sh_t  *table;

    /* just the room there is in a zone, with nothing behind it */

    table = (ngx_kafka_sse_topics_sh_t *)
                unit_alloc(offsetof(ngx_kafka_sse_topics_sh_t, topics)
                           + max * sizeof(ngx_kafka_sse_topic_sh_t));

    table->n = 0;
    table->max = max;

    return table;
}


static ngx_kafka_sse_topic_t
topics_name(ngx_kafka_sse_cluster_t *cluster, const char *cluster_name,
    const char *name, size_t len)
{
    ngx_kafka_sse_topic_t  topic;

    memset(cluster, 0, sizeof(ngx_kafka_sse_cluster_t));

    cluster->name.data = (u_char *) cluster_name;
    cluster->name.len = strlen(cluster_name);

    topic.cluster = cluster;
    topic.name.data = (u_char *) name;
    topic.name.len = len;

    return topic;
}


static ngx_int_t
topics_find(ngx_kafka_sse_topics_sh_t *table, const char *cluster_name,
    const char *name)
{
    ngx_kafka_sse_topic_t    topic;
    ngx_kafka_sse_cluster_t  cluster;

    topic = topics_name(&cluster, cluster_name, name, strlen(name));

    return ngx_kafka_sse_topics_find(table, &topic);
}


static ngx_int_t
topics_add(ngx_kafka_sse_topics_sh_t *table, const char *cluster_name,
    const char *name)
{
    ngx_kafka_sse_topic_t    topic;
    ngx_kafka_sse_cluster_t  cluster;

    topic = topics_name(&cluster, cluster_name, name, strlen(name));

    return ngx_kafka_sse_topics_add(table, &topic);
}


/* all partitions are as those of a topic of which nothing is known */

static ngx_uint_t
topics_is_blank(ngx_kafka_sse_topic_sh_t *sh)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_partition_sh_t  *part;

    for (i = 0; i < NGX_KAFKA_SSE_PARTITIONS_MAX; i++) {
        part = &sh->partitions[i];

        if (part->held != NGX_KAFKA_SSE_NO_OFFSET || part->end != -1
            || part->last || part->records || part->gaps || part->duplicates
            || part->tailing || part->repaired || part->mark.offset >= 0)
        {
            return 0;
        }
    }

    return sh->n == 0 && sh->started == 0 && sh->born == 0
           && sh->former == 0;
}


static void
topics_test_find(void)
{
    ngx_kafka_sse_topics_sh_t  *table;

    table = topics_create(8);

    unit_ok(topics_find(table, "main", "orders") == -1,
            "an empty table has no topic");
    unit_ok(topics_add(table, "main", "orders") == 0
            && topics_find(table, "main", "orders") == 0 && table->n == 1,
            "a topic that was added is found");
    unit_ok(topics_add(table, "main", "orders") == 0 && table->n == 1,
            "a topic that is added again keeps its index, and takes no room");
    unit_ok(topics_find(table, "other", "orders") == -1
            && topics_add(table, "other", "orders") == 1,
            "the same name in another cluster is another topic");
    unit_ok(topics_find(table, "main", "order") == -1
            && topics_find(table, "main", "orders2") == -1
            && topics_find(table, "main", "orderS") == -1
            && topics_find(table, "main", "") == -1,
            "a name that only begins the same is not found");
    unit_ok(topics_find(table, "mai", "orders") == -1
            && topics_find(table, "main2", "orders") == -1
            && topics_find(table, "", "orders") == -1,
            "nor is a cluster whose name only begins the same");
    unit_ok(topics_add(table, "main", "order") == 2
            && topics_add(table, "main2", "orders") == 3
            && topics_find(table, "main", "orders") == 0
            && topics_find(table, "other", "orders") == 1,
            "an index stays when others are added");
    unit_ok(topics_is_blank(&table->topics[0])
            && table->topics[0].cluster_id[0] == 0,
            "of a topic just added nothing is known");

    free(table);
}


static void
topics_test_full(void)
{
    char                        name[2][300];
    ngx_uint_t                  i, wrong;
    ngx_kafka_sse_topic_t       topic[2];
    ngx_kafka_sse_cluster_t     cluster;
    ngx_kafka_sse_topics_sh_t  *table;

    table = topics_create(NGX_KAFKA_SSE_TOPICS_MAX);
    wrong = 0;

    for (i = 0; i < NGX_KAFKA_SSE_TOPICS_MAX; i++) {
        sprintf(name[0], "topic-%d", (int) i);
        wrong += topics_add(table, "main", name[0]) != (ngx_int_t) i;
    }

    for (i = 0; i < NGX_KAFKA_SSE_TOPICS_MAX; i++) {
        sprintf(name[0], "topic-%d", (int) i);
        wrong += topics_find(table, "main", name[0]) != (ngx_int_t) i;
    }

    unit_ok(wrong == 0, "a table takes as many topics as it has room for");
    unit_ok(topics_add(table, "main", "one-more") == -1
            && topics_find(table, "main", "one-more") == -1
            && table->n == NGX_KAFKA_SSE_TOPICS_MAX,
            "a full table takes no topic more");
    unit_ok(topics_add(table, "main", "topic-17") == 17
            && topics_add(table, "main", "topic-255") == 255,
            "a full table still knows what it has");

    free(table);

    table = topics_create(2);

    for (i = 0; i < 2; i++) {
        memset(name[i], 'x', 255);
        name[i][254] = (char) ('a' + i);
        topic[i] = topics_name(&cluster, "main", name[i], 255);
    }

    unit_ok(ngx_kafka_sse_topics_add(table, &topic[0]) == 0
            && ngx_kafka_sse_topics_add(table, &topic[1]) == 1
            && ngx_kafka_sse_topics_find(table, &topic[0]) == 0
            && ngx_kafka_sse_topics_find(table, &topic[1]) == 1,
            "names of 255 bytes that differ in the last one are two topics");

    free(table);

    table = topics_create(0);

    unit_ok(topics_add(table, "main", "orders") == -1,
            "a table without room takes none");

    free(table);
}


static void
topics_use(ngx_kafka_sse_topic_sh_t *sh)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_partition_sh_t  *part;

    sh->n = NGX_KAFKA_SSE_PARTITIONS_MAX;
    sh->started = 1;
    sh->born = 1;
    sh->former = 7;

    for (i = 0; i < NGX_KAFKA_SSE_PARTITIONS_MAX; i++) {
        part = &sh->partitions[i];

        part->held = i;
        part->last = 4096 + i;
        part->end = i + 1;
        part->records = i + 2;
        part->gaps = i + 3;
        part->duplicates = i + 4;
        part->tailing = 1;
        part->repaired = i + 5;
        part->mark.offset = i;
    }
}


static uint32_t
topics_tag(ngx_kafka_sse_topic_sh_t *sh, const char *id, const char *topic_id)
{
    u_char     incarnation[16];
    ngx_str_t  cluster_id;

    memset(incarnation, 0, sizeof(incarnation));
    memcpy(incarnation, topic_id, strlen(topic_id));

    cluster_id.data = (u_char *) id;
    cluster_id.len = strlen(id);

    ngx_kafka_sse_topics_reset(sh, &cluster_id, incarnation);

    return sh->tag;
}


static void
topics_test_reset(void)
{
    u_char                      incarnation[16];
    uint32_t                    tag;
    ngx_str_t                   id;
    ngx_kafka_sse_topic_sh_t   *sh, other;
    ngx_kafka_sse_topics_sh_t  *table;

    table = topics_create(4);

    topics_add(table, "main", "orders");
    topics_add(table, "main", "payments");
    topics_add(table, "copy", "orders");
    topics_add(table, "main", "sorders");

    sh = &table->topics[0];

    topics_use(sh);
    topics_use(&table->topics[1]);
    other = table->topics[1];

    tag = topics_tag(sh, "rIJmFcLoQIC3eG9ayDKD4w", "1234567890abcdef");
    id = ngx_kafka_sse_topics_str(sh->cluster_id);
    memcpy(incarnation, "1234567890abcdef", 16);

    unit_ok(topics_is_blank(sh), "a reset forgets all partitions");
    unit_ok(id.len == 22
            && memcmp(id.data, "rIJmFcLoQIC3eG9ayDKD4w", 22) == 0
            && memcmp(sh->incarnation, incarnation, 16) == 0,
            "it sets what the topic is now");
    unit_ok(topics_find(table, "main", "orders") == 0,
            "the topic keeps its name and index");
    unit_ok(memcmp(&other, &table->topics[1], sizeof(other)) == 0,
            "other topics are as they were");

    unit_ok(topics_tag(sh, "another", "1234567890abcdef") != tag
            && topics_tag(sh, "rIJmFcLoQIC3eG9ayDKD4w", "1234567890abcdeg")
               != tag
            && topics_tag(sh, "", "") != tag,
            "another Kafka cluster or incarnation is another tag");
    unit_ok(topics_tag(sh, "rIJmFcLoQIC3eG9ayDKD4w", "1234567890abcdef")
            == tag,
            "what it was before is the tag of before");
    unit_ok(topics_tag(&table->topics[1], "rIJmFcLoQIC3eG9ayDKD4w",
                       "1234567890abcdef") != tag,
            "another topic is another tag");
    unit_ok(topics_tag(&table->topics[2], "rIJmFcLoQIC3eG9ayDKD4w",
                       "1234567890abcdef") == tag,
            "the name of the cluster in our configuration is not in the tag");
    unit_ok(topics_tag(sh, "ids", "")
            != topics_tag(&table->topics[3], "id", ""),
            "a letter that moves from the one name to the other changes the "
            "tag");

    free(table);
}


static void
topics_test_long(void)
{
    u_char                      incarnation[16];
    ngx_str_t                   id;
    ngx_kafka_sse_topics_sh_t  *table;

    table = topics_create(1);
    topics_add(table, "main", "orders");

    /* a name of all sizes that a row has room for */

    memset(incarnation, 7, sizeof(incarnation));
    id = unit_copy("", 0);
    id.data = realloc(id.data, 255);
    memset(id.data, 'y', 255);

    for (id.len = 0; id.len < 255; id.len++) {
        ngx_kafka_sse_topics_reset(&table->topics[0], &id, incarnation);

        if (table->topics[0].cluster_id[0] != id.len) {
            break;
        }
    }

    ngx_kafka_sse_topics_reset(&table->topics[0], &id, incarnation);

    unit_ok(id.len == 255
            && ngx_kafka_sse_topics_str(table->topics[0].cluster_id).len == 255
            && topics_find(table, "main", "orders") == 0,
            "a cluster id has up to 255 bytes");

    free(id.data);
    free(table);
}


int
main(void)
{
    topics_test_find();
    topics_test_full();
    topics_test_reset();
    topics_test_long();

    return unit_done();
}
