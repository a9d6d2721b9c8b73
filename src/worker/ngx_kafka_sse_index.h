
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_INDEX_H_INCLUDED_
#define _NGX_KAFKA_SSE_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_group.h>


/*
 * Who of a topic's public groups may want a record: those whose filter asks
 * for the very value that the record has.  One index for each operand that
 * such filters look at, so a record costs one look-up in each, however many
 * groups there are.
 *
 * The values are in a table of trees.  In most trees there are two at most, so
 * little memory is looked at; but clients choose values, and where they choose
 * those of one hash on purpose, it is still a tree.
 */

typedef struct {
    ngx_queue_t                  queue;     /* in the topic's indexes */
    ngx_kafka_sse_operand_t     *operand;   /* the configuration's */
    ngx_uint_t                   n;         /* values */
    ngx_uint_t                   size;      /* trees, a power of two */
    ngx_rbtree_t                *trees;     /* ngx_kafka_sse_index_value_t */
    ngx_rbtree_node_t            sentinel;  /* of all of them */
} ngx_kafka_sse_index_t;


typedef struct {
    ngx_str_node_t               node;      /* its bytes follow the struct */
    ngx_queue_t                  entries;
} ngx_kafka_sse_index_value_t;


/* a member under one of its values */

struct ngx_kafka_sse_index_entry_s {
    ngx_queue_t                  queue;     /* in the value's entries */
    ngx_kafka_sse_index_t       *index;
    ngx_kafka_sse_index_value_t *value;
    ngx_kafka_sse_member_t      *member;
};


/*
 * Enters a member under each value of its filter's index term.  NGX_ERROR: no
 * memory, and it is not entered.
 */

ngx_int_t ngx_kafka_sse_index_add(ngx_kafka_sse_member_t *member,
    ngx_log_t *log);

/* safe for a member that is in no index */

void ngx_kafka_sse_index_remove(ngx_kafka_sse_member_t *member);

/*
 * Those who asked for the record's value, ngx_kafka_sse_index_entry_t, each
 * member once; NULL: nobody.  What else their filters say is not looked at.
 */

ngx_queue_t *ngx_kafka_sse_index_find(ngx_kafka_sse_index_t *index,
    ngx_kafka_sse_record_t *rec);


#endif /* _NGX_KAFKA_SSE_INDEX_H_INCLUDED_ */
