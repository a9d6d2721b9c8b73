
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_STREAM_H_INCLUDED_
#define _NGX_KAFKA_SSE_STREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <worker/ngx_kafka_sse_hub.h>


/* what became of the position that a client sent */

#define NGX_KAFKA_SSE_RESUME_FRESH    0
#define NGX_KAFKA_SSE_RESUME_EXACT    1
#define NGX_KAFKA_SSE_RESUME_REPLAY   2
#define NGX_KAFKA_SSE_RESUME_RESET    3


/* their names, in this order */

extern ngx_str_t  ngx_kafka_sse_stream_resumes[];


/*
 * One connected client: a cursor into its group's log, one pending piece that
 * is its own (prelude, heartbeat), and an nginx request, whose pool it lives
 * in.
 */

struct ngx_kafka_sse_stream_s {

    /* one cache line: all that a send looks at, as a rule */

    ngx_queue_t                 queue;      /* in the group, or the waiting */
    ngx_connection_t           *connection; /* the request's */
    ngx_kafka_sse_cursor_t      cursor;
    ngx_msec_t                  sent;       /* when bytes last went out */
    unsigned                    direct:1;   /* sends without the filters */
    unsigned                    clear:1;    /* the header is sent, and nothing
                                               is pending or lent */
    unsigned                    blocked:1;  /* waits for a write event */
    unsigned                    ending:1;   /* ends when all is sent */
    unsigned                    closing:1;  /* ends at once */
    unsigned                    joined:1;   /* counted, in hub->streams */
    unsigned                    begun:1;    /* the prelude is made */
    unsigned                    framed:1;   /* pending has its chunk framing */
    unsigned                    lent:1;     /* buf is with the filters */
    unsigned                    chosen:1;   /* the client chose its start */
    unsigned                    late:1;     /* in the hub's late */
    unsigned                    listed:1;   /* in the hub's wheel or ends */
    unsigned                    posted:1;   /* ... in ends */
    unsigned                    framing:1;  /* NGX_KAFKA_SSE_FRAMING_... */
    unsigned                    resume:2;   /* NGX_KAFKA_SSE_RESUME_... */
    unsigned                    reason:4;   /* NGX_KAFKA_SSE_CLOSE_... */
    unsigned                    spread:8;   /* of heartbeats, at random */

    /* what the others do */

    ngx_kafka_sse_group_t      *group;      /* NULL: waiting, or not joined */
    ngx_http_request_t         *request;
    ngx_kafka_sse_loc_conf_t   *conf;
    ngx_str_t                   pending;    /* what is left of it; static, or
                                               in piece */
    u_char                     *piece;      /* ngx_alloc(): a buf and room for
                                               framing before it; or NULL */
    ngx_queue_t                 all;        /* in the hub's streams */
    ngx_queue_t                 behind;     /* in the hub's late */
    ngx_kafka_sse_filter_t     *filter;     /* NULL: it wants all records */
    ngx_kafka_sse_wheel_entry_t look;       /* in the hub's wheel or ends */
    ngx_msec_t                  limit;      /* when max_duration is over */
    ngx_kafka_sse_expiry_t     *expiry;     /* NULL: its right has no end */
    ngx_kafka_sse_position_t   *position;   /* that the client sent, while it
                                               is not placed; ngx_alloc(), or
                                               NULL */
    ngx_kafka_sse_start_t       start;      /* without a position */
    uint64_t                    records;    /* of groups it has left; ending:
                                               of all */
    uint64_t                    joined_at;  /* records of the group before */
    uint64_t                    end;        /* ending: of its part of the log */
    ngx_str_t                   end_id;     /* ... and the position there */
    size_t                      borrowed;   /* bytes of the log that buf lends
                                               to the filters */
    ngx_kafka_sse_chunk_t      *pinned;     /* has these when it has left */
    size_t                      left;       /* bytes unsent when it left */
    ngx_buf_t                  *buf;        /* the only one that they get; in
                                               the request's pool, direct: in
                                               piece */
};


/* a stream whose topics were found for it */

typedef struct {
    ngx_kafka_sse_stream_t      stream;
    ngx_kafka_sse_selection_t  *selection;  /* held */
} ngx_kafka_sse_stream_chosen_t;


/* "retry: <ms>\n" at most */

#define NGX_KAFKA_SSE_STREAM_RETRY_LEN  (sizeof("retry: \n") + NGX_INT64_LEN)


/*
 * Makes the request's stream, which is its context; its way out, a pool
 * cleanup, is registered.  It holds the selection.  Whether it is direct, and
 * its framing, are the caller's to set.  NULL: no memory.
 */

ngx_kafka_sse_stream_t *ngx_kafka_sse_stream_create(ngx_http_request_t *r,
    ngx_kafka_sse_selection_t *selection);

/* its topics, while it has no group; of an open one, what that is by now */

ngx_kafka_sse_selection_t *ngx_kafka_sse_stream_selection(
    ngx_kafka_sse_stream_t *stream);

/* from now on the stream is told when its client leaves, or takes more */

ngx_int_t ngx_kafka_sse_stream_watch(ngx_kafka_sse_stream_t *stream);

/*
 * Sends what there is.  Never ends the request itself: what must end is posted
 * and ends when the event loop comes to it.
 */

void ngx_kafka_sse_stream_send(ngx_kafka_sse_stream_t *stream);

/* the same for all streams of the group, to which something was appended */

void ngx_kafka_sse_stream_send_all(ngx_kafka_sse_group_t *group);

/* sends a heartbeat to a stream that has been sent everything else */

void ngx_kafka_sse_stream_beat(ngx_kafka_sse_stream_t *stream);

/* everything has been sent */

ngx_uint_t ngx_kafka_sse_stream_drained(ngx_kafka_sse_stream_t *stream);

/* bytes of its group's log that are still to be sent */

size_t ngx_kafka_sse_stream_unsent(ngx_kafka_sse_stream_t *stream);

/* ... behind the frame that is being sent, if the client is what it waits for
   and it is one that can be too slow; else 0 */

size_t ngx_kafka_sse_stream_lag(ngx_kafka_sse_stream_t *stream);

/* records in its part of all its groups' logs, also those still to be sent */

uint64_t ngx_kafka_sse_stream_records(ngx_kafka_sse_stream_t *stream);

/*
 * Lets the stream end: the client gets a "stream-end" event with this reason
 * when all that is in its log now is sent.
 */

void ngx_kafka_sse_stream_end(ngx_kafka_sse_stream_t *stream,
    ngx_uint_t reason);

/* ends the stream, in the middle of a frame if need be */

void ngx_kafka_sse_stream_close(ngx_kafka_sse_stream_t *stream,
    ngx_uint_t reason);

/* writes "retry:" with a time of one stream's own */

u_char *ngx_kafka_sse_stream_retry(ngx_kafka_sse_loc_conf_t *conf,
    u_char *p);

/* the position that the client sent has been placed */

void ngx_kafka_sse_stream_placed(ngx_kafka_sse_stream_t *stream);

/*
 * Makes extra, complete events of this stream only, pending; before the
 * first bytes were made, behind "retry:" and a comment.  extra is copied.
 */

ngx_int_t ngx_kafka_sse_stream_pend(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *extra);

/* the same for a bare "id:", or nothing if id->len is 0 */

ngx_int_t ngx_kafka_sse_stream_pend_id(ngx_kafka_sse_stream_t *stream,
    ngx_str_t *id);


#endif /* _NGX_KAFKA_SSE_STREAM_H_INCLUDED_ */
