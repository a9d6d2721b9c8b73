
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_filter.h>
#include <worker/ngx_kafka_sse_index.h>


#define NGX_KAFKA_SSE_INDEX_SIZE  16

#define ngx_kafka_sse_index_hash(s)  ngx_murmur_hash2((s)->data, (s)->len)

#define ngx_kafka_sse_index_tree(index, hash)                                 \
    (&(index)->trees[(hash) & ((index)->size - 1)])


static ngx_kafka_sse_index_t *ngx_kafka_sse_index_get(
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_operand_t *operand,
    ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_index_resize(ngx_kafka_sse_index_t *index,
    ngx_uint_t size, ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_index_enter(ngx_kafka_sse_index_t *index,
    ngx_kafka_sse_member_t *member, ngx_str_t *value, ngx_log_t *log);
static ngx_kafka_sse_index_value_t *ngx_kafka_sse_index_value(
    ngx_kafka_sse_index_t *index, ngx_str_t *value, ngx_log_t *log);
static ngx_kafka_sse_index_value_t *ngx_kafka_sse_index_lookup(
    ngx_kafka_sse_index_t *index, ngx_str_t *value, uint32_t hash);
static void ngx_kafka_sse_index_leave(ngx_kafka_sse_index_entry_t *entry);
static void ngx_kafka_sse_index_tidy(ngx_kafka_sse_index_t *index);


ngx_int_t
ngx_kafka_sse_index_add(ngx_kafka_sse_member_t *member, ngx_log_t *log)
{
    ngx_uint_t                     i;
    ngx_kafka_sse_index_t         *index;
    ngx_kafka_sse_filter_term_t   *term;

    term = member->group->filter->index;

    index = ngx_kafka_sse_index_get(member, term->operand, log);
    if (index == NULL) {
        return NGX_ERROR;
    }

    member->entries = ngx_alloc(term->nvalues
                                * sizeof(ngx_kafka_sse_index_entry_t), log);
    if (member->entries == NULL) {
        ngx_kafka_sse_index_tidy(index);
        return NGX_ERROR;
    }

    for (i = 0; i < term->nvalues; i++) {
        if (ngx_kafka_sse_index_enter(index, member, &term->values[i], log)
            != NGX_OK)
        {
            if (member->nentries == 0) {
                ngx_kafka_sse_index_tidy(index);
            }

            ngx_kafka_sse_index_remove(member);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_kafka_sse_index_remove(ngx_kafka_sse_member_t *member)
{
    ngx_uint_t  i;

    if (member->entries == NULL) {
        return;
    }

    for (i = 0; i < member->nentries; i++) {
        ngx_kafka_sse_index_leave(&member->entries[i]);
    }

    ngx_free(member->entries);

    member->entries = NULL;
    member->nentries = 0;
}


ngx_queue_t *
ngx_kafka_sse_index_find(ngx_kafka_sse_index_t *index,
    ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_index_value_t    *v;
    ngx_kafka_sse_operand_value_t   value;

    /* no filter has its topic's name looked up */

    ngx_kafka_sse_operand_get(index->operand, NULL, rec, &value);

    if (value.text.data == NULL || value.is_other) {
        return NULL;
    }

    v = ngx_kafka_sse_index_lookup(index, &value.text,
                                   ngx_kafka_sse_index_hash(&value.text));

    return v ? &v->entries : NULL;
}


/* the operands that filters of one topic look at are few */

static ngx_kafka_sse_index_t *
ngx_kafka_sse_index_get(ngx_kafka_sse_member_t *member,
    ngx_kafka_sse_operand_t *operand, ngx_log_t *log)
{
    ngx_queue_t            *q, *indexes;
    ngx_kafka_sse_index_t  *index;

    indexes = &member->topic->indexes;

    for (q = ngx_queue_head(indexes);
         q != ngx_queue_sentinel(indexes);
         q = ngx_queue_next(q))
    {
        index = ngx_queue_data(q, ngx_kafka_sse_index_t, queue);

        if (index->operand->text.len == operand->text.len
            && ngx_memcmp(index->operand->text.data, operand->text.data,
                          operand->text.len)
               == 0)
        {
            return index;
        }
    }

    index = ngx_alloc(sizeof(ngx_kafka_sse_index_t), log);
    if (index == NULL) {
        return NULL;
    }

    index->operand = operand;
    index->n = 0;
    index->size = 0;
    index->trees = NULL;

    if (ngx_kafka_sse_index_resize(index, NGX_KAFKA_SSE_INDEX_SIZE, log)
        != NGX_OK)
    {
        ngx_free(index);
        return NULL;
    }

    ngx_queue_insert_tail(indexes, &index->queue);

    return index;
}


static ngx_int_t
ngx_kafka_sse_index_resize(ngx_kafka_sse_index_t *index, ngx_uint_t size,
    ngx_log_t *log)
{
    uint32_t            hash;
    ngx_uint_t          i;
    ngx_rbtree_t       *trees, *tree;
    ngx_rbtree_node_t  *node;

    trees = ngx_alloc(size * sizeof(ngx_rbtree_t), log);
    if (trees == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < size; i++) {
        ngx_rbtree_init(&trees[i], &index->sentinel,
                        ngx_str_rbtree_insert_value);
    }

    for (i = 0; i < index->size; i++) {
        tree = &index->trees[i];

        while (tree->root != &index->sentinel) {
            node = tree->root;
            hash = node->key;

            ngx_rbtree_delete(tree, node);

            node->key = hash;   /* which this has forgotten */

            ngx_rbtree_insert(&trees[hash & (size - 1)], node);
        }
    }

    if (index->trees) {
        ngx_free(index->trees);
    }

    index->trees = trees;
    index->size = size;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_index_enter(ngx_kafka_sse_index_t *index,
    ngx_kafka_sse_member_t *member, ngx_str_t *value, ngx_log_t *log)
{
    ngx_kafka_sse_index_entry_t  *entry;
    ngx_kafka_sse_index_value_t  *v;

    v = ngx_kafka_sse_index_value(index, value, log);
    if (v == NULL) {
        return NGX_ERROR;
    }

    entry = &member->entries[member->nentries++];

    entry->index = index;
    entry->value = v;
    entry->member = member;

    ngx_queue_insert_tail(&v->entries, &entry->queue);

    return NGX_OK;
}


static ngx_kafka_sse_index_value_t *
ngx_kafka_sse_index_value(ngx_kafka_sse_index_t *index, ngx_str_t *value,
    ngx_log_t *log)
{
    u_char                       *p;
    uint32_t                      hash;
    ngx_kafka_sse_index_value_t  *v;

    hash = ngx_kafka_sse_index_hash(value);

    v = ngx_kafka_sse_index_lookup(index, value, hash);
    if (v) {
        return v;
    }

    v = ngx_alloc(sizeof(ngx_kafka_sse_index_value_t) + value->len, log);
    if (v == NULL) {
        return NULL;
    }

    p = (u_char *) (v + 1);
    ngx_memcpy(p, value->data, value->len);

    v->node.node.key = hash;
    v->node.str.len = value->len;
    v->node.str.data = p;

    ngx_queue_init(&v->entries);

    /* without memory it goes on with more in each tree */

    if (index->n++ >= 2 * index->size) {
        (void) ngx_kafka_sse_index_resize(index, 2 * index->size, log);
    }

    ngx_rbtree_insert(ngx_kafka_sse_index_tree(index, hash), &v->node.node);

    return v;
}


static ngx_kafka_sse_index_value_t *
ngx_kafka_sse_index_lookup(ngx_kafka_sse_index_t *index, ngx_str_t *value,
    uint32_t hash)
{
    return (ngx_kafka_sse_index_value_t *)
               ngx_str_rbtree_lookup(ngx_kafka_sse_index_tree(index, hash),
                                     value, hash);
}


/* the last one to leave a value frees it, and so with an index */

static void
ngx_kafka_sse_index_leave(ngx_kafka_sse_index_entry_t *entry)
{
    ngx_rbtree_node_t      *node;
    ngx_kafka_sse_index_t  *index;

    ngx_queue_remove(&entry->queue);

    if (!ngx_queue_empty(&entry->value->entries)) {
        return;
    }

    index = entry->index;
    node = &entry->value->node.node;

    ngx_rbtree_delete(ngx_kafka_sse_index_tree(index, node->key), node);
    ngx_free(entry->value);

    index->n--;

    ngx_kafka_sse_index_tidy(index);
}


static void
ngx_kafka_sse_index_tidy(ngx_kafka_sse_index_t *index)
{
    if (index->n == 0) {
        ngx_queue_remove(&index->queue);
        ngx_free(index->trees);
        ngx_free(index);
    }
}
