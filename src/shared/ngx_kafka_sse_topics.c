
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_topics.h>


static ngx_uint_t ngx_kafka_sse_topics_equal(u_char *s, ngx_str_t *str);
static void ngx_kafka_sse_topics_copy(u_char *s, ngx_str_t *str);


ngx_int_t
ngx_kafka_sse_topics_find(ngx_kafka_sse_topics_sh_t *table,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_uint_t                 i, n;
    ngx_kafka_sse_topic_sh_t  *sh;

    n = table->n;
    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        sh = &table->topics[i];

        if (ngx_kafka_sse_topics_equal(sh->name, &topic->name)
            && ngx_kafka_sse_topics_equal(sh->cluster, &topic->cluster->name))
        {
            return i;
        }
    }

    return -1;
}


ngx_int_t
ngx_kafka_sse_topics_add(ngx_kafka_sse_topics_sh_t *table,
    ngx_kafka_sse_topic_t *topic)
{
    ngx_int_t                  i;
    ngx_str_t                  none;
    ngx_kafka_sse_topic_sh_t  *sh;

    static u_char              unknown[16];

    i = ngx_kafka_sse_topics_find(table, topic);
    if (i >= 0) {
        table->topics[i].dynamic = topic->is_dynamic;
        return i;
    }

    if (table->n == table->max) {
        return -1;
    }

    i = table->n;
    sh = &table->topics[i];

    ngx_kafka_sse_topics_copy(sh->name, &topic->name);
    ngx_kafka_sse_topics_copy(sh->cluster, &topic->cluster->name);
    sh->dynamic = topic->is_dynamic;

    ngx_str_null(&none);
    ngx_kafka_sse_topics_reset(sh, &none, unknown);

    ngx_memory_barrier();
    table->n = i + 1;

    return i;
}


void
ngx_kafka_sse_topics_reset(ngx_kafka_sse_topic_sh_t *sh,
    ngx_str_t *cluster_id, u_char incarnation[16])
{
    u_char                        *p, buf[256 + 256 + 16];
    ngx_uint_t                     i;
    ngx_kafka_sse_partition_sh_t  *part;

    sh->started = 0;
    sh->born = 0;
    sh->n = 0;
    sh->former = 0;

    ngx_kafka_sse_topics_copy(sh->cluster_id, cluster_id);
    ngx_memcpy(sh->incarnation, incarnation, 16);

    p = ngx_cpymem(buf, sh->cluster_id, 1 + sh->cluster_id[0]);
    p = ngx_cpymem(p, sh->name, 1 + sh->name[0]);
    p = ngx_cpymem(p, sh->incarnation, 16);

    sh->tag = ngx_murmur_hash2(buf, p - buf);

    for (i = 0; i < NGX_KAFKA_SSE_PARTITIONS_MAX; i++) {
        part = &sh->partitions[i];

        ngx_memzero(part, sizeof(ngx_kafka_sse_partition_sh_t));
        part->held = NGX_KAFKA_SSE_NO_OFFSET;
        part->end = -1;
        part->mark.offset = NGX_KAFKA_SSE_NO_OFFSET;
    }
}


static ngx_uint_t
ngx_kafka_sse_topics_equal(u_char *s, ngx_str_t *str)
{
    return s[0] == str->len && ngx_memcmp(s + 1, str->data, str->len) == 0;
}


/* configuration and feed admit no name over 255 bytes, Kafka none over 249 */

static void
ngx_kafka_sse_topics_copy(u_char *s, ngx_str_t *str)
{
    s[0] = (u_char) str->len;
    ngx_memcpy(s + 1, str->data, s[0]);
}
