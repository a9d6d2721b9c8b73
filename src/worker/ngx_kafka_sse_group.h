
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_GROUP_H_INCLUDED_
#define _NGX_KAFKA_SSE_GROUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <shared/ngx_kafka_sse_zone.h>
#include <worker/ngx_kafka_sse_filter.h>
#include <worker/ngx_kafka_sse_location.h>
#include <worker/ngx_kafka_sse_log.h>
#include <worker/ngx_kafka_sse_position.h>
#include <worker/ngx_kafka_sse_reset.h>


typedef struct ngx_kafka_sse_stream_s  ngx_kafka_sse_stream_t;
typedef struct ngx_kafka_sse_group_s   ngx_kafka_sse_group_t;
typedef struct ngx_kafka_sse_rewind_s  ngx_kafka_sse_rewind_t;
typedef struct ngx_kafka_sse_expiry_s  ngx_kafka_sse_expiry_t;
typedef struct ngx_kafka_sse_index_entry_s  ngx_kafka_sse_index_entry_t;


/* how the bytes of a group's log go out */

#define NGX_KAFKA_SSE_FRAMING_RAW       0   /* the filters, or HTTP/1.0 */
#define NGX_KAFKA_SSE_FRAMING_CHUNKED   1   /* HTTP/1.1 chunks are in them */


/* one worker's view of a configured topic */

typedef struct {
    ngx_kafka_sse_topic_t      *topic;
    ngx_kafka_sse_topic_sh_t   *sh;         /* NULL: not in the table yet */
    ngx_uint_t                  index;      /* in the table */
    uint32_t                    tag;        /* in positions */
    ngx_uint_t                  is_seen;    /* dynamic: the companion has said
                                               that it is fed */
    ngx_uint_t                  is_late;    /* ... and its positions could not
                                               be taken up yet */
    ngx_uint_t                  n;          /* partitions; 0: not started */
    int64_t                    *next;       /* at the hub's cursor; room for
                                               ..PARTITIONS_MAX once started */
    ngx_queue_t                 members;    /* ngx_kafka_sse_member_t of public
                                               groups: all; and those that have
                                               to be asked for each record */
    ngx_queue_t                 asked;
    ngx_queue_t                 indexes;    /* of the others */
} ngx_kafka_sse_hub_topic_t;


/* a topic of a group; next is the hub's, or a private group's own */

typedef struct {
    ngx_queue_t                 queue;      /* public: in the topic's members */
    ngx_queue_t                 asked;      /* public: in the topic's asked */
    ngx_kafka_sse_index_entry_t *entries;   /* public: in an index, else NULL */
    ngx_uint_t                  nentries;
    ngx_kafka_sse_group_t      *group;
    ngx_kafka_sse_hub_topic_t  *topic;
    ngx_str_t                   public;
    ngx_uint_t                  n;          /* private: partitions known */
    int64_t                    *next;       /* private: own, else NULL; an
                                               offset, or ..GROUP_ASK */
    unsigned                    is_new:1;   /* private: the client has had
                                               nothing of it */
} ngx_kafka_sse_member_t;


/* Kafka has to say where this partition begins */

#define NGX_KAFKA_SSE_GROUP_ASK         (-2)


/*
 * The streams of this worker that want the same bytes.  A private group has
 * its own place in the ring and its own position, until both are the hub's and
 * its streams join the public group: one stream that resumes, or several that
 * begin at the same position or fell behind together.
 */

struct ngx_kafka_sse_group_s {
    ngx_rbtree_node_t           node;       /* public: in the hub's roster */
    ngx_queue_t                 queue;      /* in the hub's groups, privates,
                                               line */
    ngx_queue_t                 dirty;      /* in the hub's dirty */
    ngx_event_t                 flush;      /* public: when what is gathered
                                               has to go */
    ngx_queue_t                 streams;
    ngx_kafka_sse_log_t         log;
    ngx_kafka_sse_loc_conf_t   *conf;       /* the selection's */
    ngx_kafka_sse_selection_t  *selection;  /* of topics, the members' */
    ngx_kafka_sse_filter_t     *filter;     /* its own; NULL: all records */
    uint64_t                    next;       /* private: own place in the ring */
    uint64_t                    records;    /* ever appended to the log */
    ngx_msec_t                  arrived;    /* private: at the hub's place with
                                               another position, since then */
    ngx_msec_t                  stalled;    /* private: its clients take no
                                               more, since then; 0: they do */
    ngx_kafka_sse_start_t       start;      /* private: of ..GROUP_ASK */
    ngx_kafka_sse_reset_t       reset;      /* private: what is to be told */
    ngx_kafka_sse_rewind_t     *rewind;     /* private: asks Kafka, else NULL */
    ngx_kafka_sse_reset_t       moves;      /* in a row they are one event */
    size_t                      moves_len;  /* of it, with its id */
    unsigned                    framing:1;  /* NGX_KAFKA_SSE_FRAMING_... */
    unsigned                    is_dirty:1;
    unsigned                    is_private:1;
    unsigned                    is_lost:1;  /* private: has no place */
    unsigned                    is_asking:1;   /* private: ..GROUP_ASK, so no
                                                  position yet */
    unsigned                    is_unknown:1;  /* private: the client's id is */
    unsigned                    is_chosen:1;   /* private: the client chose
                                               its start */
    ngx_uint_t                  nmembers;
    ngx_kafka_sse_member_t      members[1];
};


/*
 * The public group of this selection, framing and filter, of which it has a
 * copy; NULL: no memory
 */

ngx_kafka_sse_group_t *ngx_kafka_sse_group_get(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter);

/* a private group that wants the same, without positions yet */

ngx_kafka_sse_group_t *ngx_kafka_sse_group_private(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_selection_t *selection, ngx_uint_t framing,
    ngx_kafka_sse_filter_t *filter);

/*
 * A public group goes on with another selection, which it takes over from the
 * caller and whose first topics are its own; its streams are told of the
 * others.  NGX_ERROR: no memory, and it is no use any more.
 */

ngx_int_t ngx_kafka_sse_group_gain(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_selection_t *selection);

/*
 * Makes a public group private, with the hub's position, and without a place:
 * the hub goes on elsewhere.  NGX_ERROR: no memory.
 */

ngx_int_t ngx_kafka_sse_group_detach(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);

/* room for the positions of a private group's topic; all are 0 */

ngx_int_t ngx_kafka_sse_group_grow(ngx_kafka_sse_member_t *member,
    ngx_uint_t n);

/* the stream goes on at the end of the group's log */

void ngx_kafka_sse_group_join(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_stream_t *stream);

/* takes the stream out, and releases the group */

void ngx_kafka_sse_group_leave(ngx_kafka_sse_group_t *group,
    ngx_kafka_sse_stream_t *stream);

/* the group's own topic of this index in the table, or NULL */

ngx_kafka_sse_member_t *ngx_kafka_sse_group_member(
    ngx_kafka_sse_group_t *group, ngx_uint_t index);

/* the next offsets of a member, and in *n their number; 0: not started */

int64_t *ngx_kafka_sse_group_next(ngx_kafka_sse_member_t *member,
    ngx_uint_t *n);

/*
 * The group's position as text, from pool or, if that is NULL, in static
 * memory up to the next call.  len 0: no topic has started, or the topics
 * have more partitions than a position can hold.
 */

ngx_str_t ngx_kafka_sse_group_position(ngx_kafka_sse_group_t *group,
    ngx_pool_t *pool);

/* frees a group without streams; _release(): if it is one, and not dirty */

void ngx_kafka_sse_group_free(ngx_kafka_sse_group_t *group);
void ngx_kafka_sse_group_release(ngx_kafka_sse_group_t *group);

/*
 * Append to the group's log: the frame of a record that the group wants, whose
 * position it has already taken over; "stream-reset" for a move; a bare "id:";
 * any complete event.  Without memory the streams of the group end: nothing is
 * left out in silence.
 */

void ngx_kafka_sse_group_record(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_group_move(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_member_t *member, ngx_kafka_sse_ring_entry_t *entry);
void ngx_kafka_sse_group_id(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);
void ngx_kafka_sse_group_reset(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_kafka_sse_reset_t *reset);
void ngx_kafka_sse_group_event(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group, ngx_str_t *event);

/*
 * A stream of the group has been silent for long.  Where a filter lets nothing
 * through, the position moves all the same: all streams of the group are told,
 * and 1 is returned.  0: there is nothing to tell, and nothing was sent.
 */

ngx_uint_t ngx_kafka_sse_group_heartbeat(ngx_kafka_sse_hub_t *hub,
    ngx_kafka_sse_group_t *group);

/* bytes that the stream which is furthest, or the last one, has not sent */

size_t ngx_kafka_sse_group_unsent(ngx_kafka_sse_group_t *group);
size_t ngx_kafka_sse_group_backlog(ngx_kafka_sse_group_t *group);

/* ends, or cuts, all streams of the group */

void ngx_kafka_sse_group_end(ngx_kafka_sse_group_t *group, ngx_uint_t reason);
void ngx_kafka_sse_group_cut(ngx_kafka_sse_group_t *group, ngx_uint_t reason);

/* sends what was appended to all streams of the group */

void ngx_kafka_sse_group_flush(ngx_kafka_sse_group_t *group);

/* the end of a turn: so it is with a dirty group, unless it gathers more */

void ngx_kafka_sse_group_turn(ngx_kafka_sse_group_t *group);

/* what was appended waits for more, and so do the streams */

#define ngx_kafka_sse_group_is_gathering(group)  ((group)->flush.timer_set)


#endif /* _NGX_KAFKA_SSE_GROUP_H_INCLUDED_ */
