
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_index.h>
#include <worker/ngx_kafka_sse_roster.h>


static ngx_int_t ngx_kafka_sse_roster_members(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t first);
static uint32_t ngx_kafka_sse_roster_hash(ngx_kafka_sse_selection_t *selection,
    ngx_uint_t framing, ngx_kafka_sse_filter_t *filter);
static void ngx_kafka_sse_roster_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_uint_t ngx_kafka_sse_roster_is_asked(ngx_kafka_sse_group_t *group);


void
ngx_kafka_sse_roster_init(ngx_kafka_sse_hub_t *hub)
{
    ngx_queue_init(&hub->groups);

    ngx_rbtree_init(&hub->roster, &hub->roster_sentinel,
                    ngx_kafka_sse_roster_insert);
}


ngx_kafka_sse_group_t *
ngx_kafka_sse_roster_find(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter)
{
    uint32_t                hash;
    ngx_int_t               rc;
    ngx_rbtree_node_t      *node;
    ngx_kafka_sse_group_t  *group;

    hash = ngx_kafka_sse_roster_hash(selection, framing, filter);
    node = hub->roster.root;

    while (node != &hub->roster_sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        group = ngx_rbtree_data(node, ngx_kafka_sse_group_t, node);

        rc = ngx_kafka_sse_roster_cmp(group, selection, framing, filter);

        if (rc == 0) {
            return group;
        }

        node = (rc > 0) ? node->left : node->right;
    }

    return NULL;
}


ngx_int_t
ngx_kafka_sse_roster_add(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    if (ngx_kafka_sse_roster_members(hub, group, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    group->node.key = ngx_kafka_sse_roster_hash(group->selection,
                                                group->framing,
                                                group->filter);

    ngx_rbtree_insert(&hub->roster, &group->node);
    ngx_queue_insert_tail(&hub->groups, &group->queue);

    return NGX_OK;
}


/*
 * Two groups may be of one selection then: streams that came while the first
 * entries of a topic were on their way have it already.
 */

ngx_int_t
ngx_kafka_sse_roster_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t known)
{
    ngx_rbtree_delete(&hub->roster, &group->node);

    group->node.key = ngx_kafka_sse_roster_hash(group->selection,
                                                group->framing,
                                                group->filter);

    ngx_rbtree_insert(&hub->roster, &group->node);

    if (ngx_kafka_sse_roster_members(hub, group, known) != NGX_OK) {
        group->nmembers = known;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* makes the group known to the topics of its members from this one on */

static ngx_int_t
ngx_kafka_sse_roster_members(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_uint_t first)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = first; i < group->nmembers; i++) {
        member = &group->members[i];

        if (group->filter && group->filter->index
            && ngx_kafka_sse_index_add(member, hub->log) != NGX_OK)
        {
            while (i-- > first) {
                ngx_kafka_sse_index_remove(&group->members[i]);
            }

            return NGX_ERROR;
        }
    }

    for (i = first; i < group->nmembers; i++) {
        member = &group->members[i];

        ngx_queue_insert_tail(&member->topic->members, &member->queue);

        if (ngx_kafka_sse_roster_is_asked(group)) {
            ngx_queue_insert_tail(&member->topic->asked, &member->asked);
        }
    }

    return NGX_OK;
}


void
ngx_kafka_sse_roster_remove(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group)
{
    ngx_uint_t               i;
    ngx_kafka_sse_member_t  *member;

    for (i = 0; i < group->nmembers; i++) {
        member = &group->members[i];

        ngx_queue_remove(&member->queue);

        if (ngx_kafka_sse_roster_is_asked(group)) {
            ngx_queue_remove(&member->asked);
        }

        ngx_kafka_sse_index_remove(member);
    }

    ngx_rbtree_delete(&hub->roster, &group->node);
    ngx_queue_remove(&group->queue);
}


static uint32_t
ngx_kafka_sse_roster_hash(ngx_kafka_sse_selection_t *selection,
    ngx_uint_t framing, ngx_kafka_sse_filter_t *filter)
{
    uint32_t   hash;
    uintptr_t  key;

    key = (uintptr_t) selection;
    hash = ngx_murmur_hash2((u_char *) &key, sizeof(uintptr_t)) + framing;

    return filter ? hash ^ filter->hash : hash;
}


ngx_int_t
ngx_kafka_sse_roster_cmp(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter)
{
    if (group->selection != selection) {
        return (group->selection > selection) ? 1 : -1;
    }

    if (group->framing != framing) {
        return (group->framing > framing) ? 1 : -1;
    }

    if (group->filter == NULL || filter == NULL) {
        return (group->filter != NULL) - (filter != NULL);
    }

    return ngx_memn2cmp(group->filter->text.data, filter->text.data,
                        group->filter->text.len, filter->text.len);
}


static void
ngx_kafka_sse_roster_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_int_t               rc;
    ngx_rbtree_node_t     **p;
    ngx_kafka_sse_group_t  *group;

    group = ngx_rbtree_data(node, ngx_kafka_sse_group_t, node);

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            rc = ngx_kafka_sse_roster_cmp(ngx_rbtree_data(temp,
                                                  ngx_kafka_sse_group_t, node),
                                         group->selection, group->framing,
                                         group->filter);

            p = (rc > 0) ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/* whether each record has to be shown to the group, as no index finds it */

static ngx_uint_t
ngx_kafka_sse_roster_is_asked(ngx_kafka_sse_group_t *group)
{
    return group->filter == NULL
           || (group->filter->index == NULL && !group->filter->never);
}
