
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_LOG_H_INCLUDED_
#define _NGX_KAFKA_SSE_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The bytes that all streams of a group are sent: an append-only list of
 * chunks.  A stream reads at a cursor.  Bytes never move, so what TLS was once
 * asked to send stays where it is; a chunk is freed when no cursor is in it or
 * before it, so a group whose streams have read everything holds no memory.
 *
 * A cursor that has read everything is "at the end" and holds no chunk.  Where
 * it goes on it finds from the mark, which stands where the log ended at the
 * last _settle() and holds all that was appended since.  So before a log is
 * settled each cursor must have been asked, by _peek(), and taken its place;
 * up to then cursors may join, read and leave at any time.
 */

typedef struct ngx_kafka_sse_chunk_s  ngx_kafka_sse_chunk_t;
typedef struct ngx_kafka_sse_log_s    ngx_kafka_sse_log_t;


struct ngx_kafka_sse_chunk_s {
    ngx_kafka_sse_chunk_t    *next;
    ngx_kafka_sse_log_t      *log;       /* its owner, outlives it */
    ngx_uint_t                refs;      /* cursors, the mark, previous chunk */
    ngx_uint_t                pins;      /* who needs the bytes, no more */
    size_t                   *total;     /* the log's, outlives it */
    size_t                    size;      /* bytes at data */
    size_t                    used;
    u_char                    data[1];
};


struct ngx_kafka_sse_log_s {
    ngx_kafka_sse_chunk_t    *last;      /* not a reference; NULL: none */
    ngx_kafka_sse_chunk_t    *mark;      /* NULL: nothing was appended since
                                            the last _settle() */
    size_t                    mark_offset;
    uint64_t                  end;       /* bytes ever appended */
    uint64_t                  settled;   /* ... at the last _settle(), where
                                            the mark stands */
    size_t                    hint;      /* bytes between the last two */
    size_t                   *total;     /* bytes of chunks of all logs */
};


typedef struct {
    ngx_kafka_sse_chunk_t    *chunk;     /* NULL: at the end */
    size_t                    offset;
    uint64_t                  pos;       /* bytes of the log before it */
} ngx_kafka_sse_cursor_t;


void ngx_kafka_sse_log_init(ngx_kafka_sse_log_t *log, size_t *total);

/*
 * Makes room for len contiguous bytes, or returns NULL if there is no memory.
 * The bytes belong to the log once _commit() says how many were written, at
 * least one: cursors do not step over a chunk without bytes.
 */

u_char *ngx_kafka_sse_log_reserve(ngx_kafka_sse_log_t *log, size_t len);
void ngx_kafka_sse_log_commit(ngx_kafka_sse_log_t *log, size_t len);

/*
 * What was appended since the last _settle(), if it is contiguous, else len 0:
 * what each cursor will be shown that has been at the end since then.
 */

ngx_str_t ngx_kafka_sse_log_fresh(ngx_kafka_sse_log_t *log);

/* after every cursor of the log has been asked to go on, or has left */

void ngx_kafka_sse_log_settle(ngx_kafka_sse_log_t *log);

/* bytes that were appended since the log was last settled */

#define ngx_kafka_sse_log_unsettled(log)                                      \
    ((size_t) ((log)->end - (log)->settled))

/* puts a cursor at the end; it must hold no chunk */

void ngx_kafka_sse_cursor_init(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log);

/*
 * The contiguous bytes at the cursor; len 0 if it has read everything.  They
 * stay as they are until the cursor has advanced over the last of them.
 */

ngx_str_t ngx_kafka_sse_cursor_peek(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log);
void ngx_kafka_sse_cursor_advance(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log, size_t len);

/* lets go of what the cursor holds */

void ngx_kafka_sse_cursor_leave(ngx_kafka_sse_cursor_t *cursor);

/*
 * Keeps the bytes at the cursor where they are when it has left, even if the
 * log is no more, but nothing of what is behind their chunk.  NULL: there are
 * none; else to be given back by _unpin().
 */

ngx_kafka_sse_chunk_t *ngx_kafka_sse_cursor_pin(
    ngx_kafka_sse_cursor_t *cursor);
void ngx_kafka_sse_chunk_unpin(ngx_kafka_sse_chunk_t *chunk);

/*
 * Bytes that wait behind the chunk the cursor is in.  A chunk holds one large
 * frame or several small ones, so a frame larger than any limit gets through.
 */

size_t ngx_kafka_sse_cursor_lag(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log);


#endif /* _NGX_KAFKA_SSE_LOG_H_INCLUDED_ */
