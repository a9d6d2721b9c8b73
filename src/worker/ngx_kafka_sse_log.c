
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_log.h>


/*
 * The first chunk is as large as what was sent together before, so that mostly
 * there is one piece to send; then they double.  A frame larger than the
 * largest size has a chunk of its own.
 */

#define NGX_KAFKA_SSE_CHUNK_MIN   1024
#define NGX_KAFKA_SSE_CHUNK_MAX   65536


static ngx_kafka_sse_chunk_t *ngx_kafka_sse_chunk_create(
    ngx_kafka_sse_log_t *log, size_t len);
static void ngx_kafka_sse_chunk_unref(ngx_kafka_sse_chunk_t *chunk);
static void ngx_kafka_sse_cursor_place(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log);
static void ngx_kafka_sse_chunk_free(ngx_kafka_sse_chunk_t *chunk);


void
ngx_kafka_sse_log_init(ngx_kafka_sse_log_t *log, size_t *total)
{
    ngx_memzero(log, sizeof(ngx_kafka_sse_log_t));
    log->total = total;
}


u_char *
ngx_kafka_sse_log_reserve(ngx_kafka_sse_log_t *log, size_t len)
{
    ngx_kafka_sse_chunk_t  *chunk;

    chunk = log->last;

    if (chunk == NULL || chunk->size - chunk->used < len) {
        chunk = ngx_kafka_sse_chunk_create(log, len);
        if (chunk == NULL) {
            return NULL;
        }

        if (log->last) {
            log->last->next = chunk;
            chunk->refs++;
        }

        log->last = chunk;
    }

    if (log->mark == NULL) {
        log->mark = chunk;
        log->mark_offset = chunk->used;
        chunk->refs++;
    }

    return chunk->data + chunk->used;
}


void
ngx_kafka_sse_log_commit(ngx_kafka_sse_log_t *log, size_t len)
{
    log->last->used += len;
    log->end += len;
}


ngx_str_t
ngx_kafka_sse_log_fresh(ngx_kafka_sse_log_t *log)
{
    ngx_str_t  fresh;

    ngx_str_null(&fresh);

    if (log->mark && log->mark == log->last) {
        fresh.data = log->mark->data + log->mark_offset;
        fresh.len = log->mark->used - log->mark_offset;
    }

    return fresh;
}


void
ngx_kafka_sse_log_settle(ngx_kafka_sse_log_t *log)
{
    ngx_kafka_sse_chunk_t  *chunk;

    log->hint = log->end - log->settled;
    log->settled = log->end;

    chunk = log->mark;

    if (chunk) {
        log->mark = NULL;
        ngx_kafka_sse_chunk_unref(chunk);
    }
}


void
ngx_kafka_sse_cursor_init(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log)
{
    cursor->chunk = NULL;
    cursor->offset = 0;
    cursor->pos = log->end;
}


ngx_str_t
ngx_kafka_sse_cursor_peek(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log)
{
    ngx_str_t  piece;

    ngx_str_null(&piece);

    if (cursor->pos == log->end) {
        return piece;
    }

    if (cursor->chunk == NULL) {
        ngx_kafka_sse_cursor_place(cursor, log);
    }

    piece.data = cursor->chunk->data + cursor->offset;
    piece.len = cursor->chunk->used - cursor->offset;

    return piece;
}


/*
 * Mostly at the mark.  Who came to the end later, as it joined or had read what
 * was there, goes on behind that; the chunks up to there are the mark's.
 */

static void
ngx_kafka_sse_cursor_place(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log)
{
    size_t                  offset;
    uint64_t                skip;
    ngx_kafka_sse_chunk_t  *chunk;

    chunk = log->mark;
    offset = log->mark_offset;
    skip = cursor->pos - log->settled;

    while (skip >= chunk->used - offset) {
        skip -= chunk->used - offset;
        chunk = chunk->next;
        offset = 0;
    }

    cursor->chunk = chunk;
    cursor->offset = offset + skip;
    chunk->refs++;
}


void
ngx_kafka_sse_cursor_advance(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log, size_t len)
{
    ngx_kafka_sse_chunk_t  *chunk;

    chunk = cursor->chunk;

    cursor->offset += len;
    cursor->pos += len;

    if (cursor->offset < chunk->used) {
        return;
    }

    if (cursor->pos == log->end) {
        ngx_kafka_sse_cursor_leave(cursor);
        return;
    }

    cursor->chunk = chunk->next;
    cursor->offset = 0;
    cursor->chunk->refs++;

    ngx_kafka_sse_chunk_unref(chunk);
}


void
ngx_kafka_sse_cursor_leave(ngx_kafka_sse_cursor_t *cursor)
{
    ngx_kafka_sse_chunk_t  *chunk;

    chunk = cursor->chunk;

    if (chunk) {
        cursor->chunk = NULL;
        ngx_kafka_sse_chunk_unref(chunk);
    }
}


ngx_kafka_sse_chunk_t *
ngx_kafka_sse_cursor_pin(ngx_kafka_sse_cursor_t *cursor)
{
    if (cursor->chunk) {
        cursor->chunk->pins++;
    }

    return cursor->chunk;
}


void
ngx_kafka_sse_chunk_unpin(ngx_kafka_sse_chunk_t *chunk)
{
    if (--chunk->pins == 0 && chunk->refs == 0) {
        ngx_kafka_sse_chunk_free(chunk);
    }
}


size_t
ngx_kafka_sse_cursor_lag(ngx_kafka_sse_cursor_t *cursor,
    ngx_kafka_sse_log_t *log)
{
    size_t  lag;

    lag = log->end - cursor->pos;

    if (cursor->chunk) {
        lag -= cursor->chunk->used - cursor->offset;
    }

    return lag;
}


static ngx_kafka_sse_chunk_t *
ngx_kafka_sse_chunk_create(ngx_kafka_sse_log_t *log, size_t len)
{
    size_t                  size;
    ngx_kafka_sse_chunk_t  *chunk;

    size = log->last ? log->last->size * 2 : log->hint;
    size = ngx_max(size, NGX_KAFKA_SSE_CHUNK_MIN);
    size = ngx_min(size, NGX_KAFKA_SSE_CHUNK_MAX);
    size = ngx_max(size, len);

    chunk = ngx_alloc(offsetof(ngx_kafka_sse_chunk_t, data) + size,
                      ngx_cycle->log);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = NULL;
    chunk->log = log;
    chunk->refs = 0;
    chunk->pins = 0;
    chunk->total = log->total;
    chunk->size = size;
    chunk->used = 0;

    *log->total += size;

    return chunk;
}


static void
ngx_kafka_sse_chunk_unref(ngx_kafka_sse_chunk_t *chunk)
{
    ngx_kafka_sse_chunk_t  *next;

    while (chunk && --chunk->refs == 0) {
        next = chunk->next;

        if (chunk->log->last == chunk) {
            chunk->log->last = NULL;
        }

        if (chunk->pins == 0) {
            ngx_kafka_sse_chunk_free(chunk);
        }

        chunk = next;
    }
}


static void
ngx_kafka_sse_chunk_free(ngx_kafka_sse_chunk_t *chunk)
{
    *chunk->total -= chunk->size;
    ngx_free(chunk);
}
