
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "ngx_shim.h"

#include <worker/ngx_kafka_sse_log.h>


#define LOG_LOGS      3
#define LOG_CURSORS   40          /* of each log */
#define LOG_BYTES     (64 << 20)
#define LOG_TURNS     6000


/* a cursor, and what it was last shown and did not take */

typedef struct {
    ngx_kafka_sse_cursor_t   cursor;
    ngx_uint_t               joined;
    ngx_uint_t               speed;     /* 0: reads all, 1: some, 2: little */
    ngx_str_t                shown;
} log_cursor_t;


typedef struct {
    ngx_kafka_sse_log_t      log;
    u_char                  *all;       /* what was ever appended */
    size_t                   n;
    log_cursor_t             cursors[LOG_CURSORS];
} log_model_t;


static ngx_uint_t  log_wrong;           /* bytes other than appended */
static ngx_uint_t  log_moved;           /* bytes shown before, elsewhere now */
static ngx_uint_t  log_lag;             /* lags other than they should be */
static ngx_uint_t  log_kept;            /* memory that nobody is to read */
static ngx_uint_t  log_lost;            /* bytes to be read without memory */


static void log_model_between(log_model_t *model);


static void
log_append(ngx_kafka_sse_log_t *log, const void *p, size_t len)
{
    u_char  *dst;

    dst = ngx_kafka_sse_log_reserve(log, len);
    memcpy(dst, p, len);
    ngx_kafka_sse_log_commit(log, len);
}


static ngx_uint_t
log_reads(ngx_kafka_sse_log_t *log, ngx_kafka_sse_cursor_t *cursor,
    const char *expected)
{
    ngx_str_t  piece;

    for ( ;; ) {
        piece = ngx_kafka_sse_cursor_peek(cursor, log);

        if (piece.len == 0) {
            return *expected == '\0';
        }

        if (strncmp((char *) piece.data, expected, piece.len) != 0) {
            return 0;
        }

        expected += piece.len;
        ngx_kafka_sse_cursor_advance(cursor, log, piece.len);
    }
}


static void
log_test_one(void)
{
    u_char                  *p;
    size_t                   total;
    ngx_str_t                piece, again;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_cursor_t   a, b, late;

    total = 0;
    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);
    ngx_kafka_sse_cursor_init(&b, &log);

    unit_ok(total == 0 && log_reads(&log, &a, ""),
            "an empty log has nothing to read and holds no memory");

    log_append(&log, "one ", 4);
    log_append(&log, "two ", 4);

    piece = ngx_kafka_sse_cursor_peek(&b, &log);

    unit_ok(log_reads(&log, &a, "one two ") && a.pos == 8,
            "a cursor reads what was appended since it joined");
    unit_ok(total > 0, "what a cursor has not read is kept");

    ngx_kafka_sse_log_settle(&log);
    ngx_kafka_sse_cursor_init(&late, &log);

    unit_ok(log_reads(&log, &late, ""),
            "a cursor that joins reads nothing of what was there before");

    log_append(&log, "three", 5);
    again = ngx_kafka_sse_cursor_peek(&b, &log);

    unit_ok(again.data == piece.data && again.len > piece.len
            && memcmp(again.data, "one two three", 13) == 0,
            "what a cursor was shown stays where it is, more may follow");
    unit_ok(log_reads(&log, &late, "three") && log_reads(&log, &a, "three"),
            "cursors at the end go on with what is appended next");
    unit_ok(ngx_kafka_sse_cursor_lag(&b, &log) == 0,
            "nothing waits behind the only chunk");

    ngx_kafka_sse_log_settle(&log);
    ngx_kafka_sse_cursor_advance(&b, &log, 6);
    piece = ngx_kafka_sse_cursor_peek(&b, &log);

    unit_ok(piece.len == 7 && memcmp(piece.data, "o three", 7) == 0
            && b.pos == 6,
            "a cursor may advance into the middle");
    unit_ok(total > 0, "the chunk is kept for the last cursor in it");

    ngx_kafka_sse_cursor_advance(&b, &log, 7);

    unit_ok(total == 0 && log_reads(&log, &b, ""),
            "when the last cursor has read everything the memory is free");

    log_append(&log, "x", 1);

    unit_ok(total > 0, "bytes wait for the cursors to be asked");

    ngx_kafka_sse_log_settle(&log);

    unit_ok(total == 0, "and are gone when nobody wanted them");

    p = ngx_kafka_sse_log_reserve(&log, 100);
    ngx_kafka_sse_cursor_init(&a, &log);
    memcpy(p, "short", 5);
    ngx_kafka_sse_log_commit(&log, 5);

    unit_ok(log_reads(&log, &a, "short"),
            "of what is reserved only what is committed is there");

    ngx_kafka_sse_log_settle(&log);

    unit_ok(total == 0, "and it is all freed");
}


static void
log_test_pin(void)
{
    size_t                   total, one;
    ngx_str_t                piece;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_chunk_t   *chunk;
    ngx_kafka_sse_cursor_t   a;

    total = 0;
    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);

    unit_ok(ngx_kafka_sse_cursor_pin(&a) == NULL,
            "a cursor at the end has nothing to pin");

    log_append(&log, "pinned", 6);
    piece = ngx_kafka_sse_cursor_peek(&a, &log);
    ngx_kafka_sse_log_settle(&log);
    one = total;

    (void) ngx_kafka_sse_log_reserve(&log, 100000);
    ngx_kafka_sse_log_commit(&log, 100000);
    ngx_kafka_sse_log_settle(&log);

    chunk = ngx_kafka_sse_cursor_pin(&a);
    ngx_kafka_sse_cursor_leave(&a);

    unit_ok(total == one, "what is behind a pinned chunk goes with the cursor");
    unit_ok(memcmp(piece.data, "pinned", 6) == 0, "its bytes stay");

    memset(&log, 0xff, sizeof(ngx_kafka_sse_log_t));
    ngx_kafka_sse_chunk_unpin(chunk);

    unit_ok(total == 0, "until it is unpinned, when the log may be no more");

    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);
    log_append(&log, "again", 5);
    piece = ngx_kafka_sse_cursor_peek(&a, &log);
    ngx_kafka_sse_log_settle(&log);

    chunk = ngx_kafka_sse_cursor_pin(&a);
    ngx_kafka_sse_chunk_unpin(chunk);

    unit_ok(total > 0 && memcmp(piece.data, "again", 5) == 0,
            "a chunk that is unpinned first is its cursors'");

    ngx_kafka_sse_cursor_leave(&a);
    unit_ok(total == 0, "and is freed with the last of them");
}


static void
log_test_leave(void)
{
    size_t                   total;
    ngx_uint_t               i;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_cursor_t   a, b;

    static char              text[20000];

    total = 0;
    memset(text, 't', sizeof(text));

    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);
    ngx_kafka_sse_cursor_init(&b, &log);

    for (i = 0; i < 50; i++) {
        log_append(&log, text, 3000);
        ngx_kafka_sse_cursor_peek(&a, &log);
        ngx_kafka_sse_cursor_peek(&b, &log);
        ngx_kafka_sse_log_settle(&log);
    }

    unit_ok(total >= 150000 && total < 250000,
            "small frames share chunks, of which not half is empty");
    unit_ok(ngx_kafka_sse_cursor_lag(&a, &log)
            == 150000 - ngx_kafka_sse_cursor_peek(&a, &log).len,
            "the lag is what waits behind the chunk of the cursor");

    ngx_kafka_sse_cursor_leave(&a);

    unit_ok(total >= 150000, "a cursor that leaves takes nothing from others");

    ngx_kafka_sse_cursor_leave(&b);

    unit_ok(total == 0, "a slow cursor that leaves frees all it kept");

    ngx_kafka_sse_cursor_leave(&b);
    ngx_kafka_sse_cursor_init(&b, &log);
    ngx_kafka_sse_cursor_leave(&b);

    unit_ok(total == 0, "a cursor may leave twice, and at the end");

    ngx_kafka_sse_log_init(&log, &total);
    log_append(&log, text, 10);

    unit_ok(total == 1024, "a small frame alone takes a small chunk");

    log_append(&log, text, 1014);

    unit_ok(total == 1024, "a chunk is filled to its last byte");

    ngx_kafka_sse_log_settle(&log);
    log_append(&log, text, 1000);
    log_append(&log, text, 25);

    unit_ok(total == 1024 + 2048,
            "what is one byte too large for it gets the next, twice as large");

    ngx_kafka_sse_log_settle(&log);
}


static void
log_test_large(void)
{
    u_char                  *text;
    size_t                   total;
    ngx_str_t                piece;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_cursor_t   a;

    text = unit_alloc(5 << 20);
    memset(text, 'l', 5 << 20);

    total = 0;
    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);

    log_append(&log, "before ", 7);
    log_append(&log, text, 5 << 20);
    log_append(&log, " behind", 7);

    piece = ngx_kafka_sse_cursor_peek(&a, &log);
    ngx_kafka_sse_log_settle(&log);

    unit_ok(piece.len == 7 && ngx_kafka_sse_cursor_lag(&a, &log)
                              == (5 << 20) + 7,
            "a frame larger than a chunk has one of its own");

    ngx_kafka_sse_cursor_advance(&a, &log, 7);
    piece = ngx_kafka_sse_cursor_peek(&a, &log);

    unit_ok(piece.len == 5 << 20 && memcmp(piece.data, text, piece.len) == 0,
            "it is contiguous");
    unit_ok(ngx_kafka_sse_cursor_lag(&a, &log) == 7,
            "while it is read it is no lag");

    ngx_kafka_sse_cursor_advance(&a, &log, 5 << 20);

    unit_ok(total < 1 << 20, "it is freed when it is read");
    unit_ok(log_reads(&log, &a, " behind") && total == 0,
            "what was appended behind it comes behind it");

    free(text);
}


static void
log_test_memory(void)
{
    size_t                   total;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_cursor_t   a;

    total = 0;
    ngx_kafka_sse_log_init(&log, &total);
    ngx_kafka_sse_cursor_init(&a, &log);

    ngx_shim_fail_after = 0;

    unit_ok(ngx_kafka_sse_log_reserve(&log, 10) == NULL && total == 0
            && log_reads(&log, &a, ""),
            "without memory nothing is reserved, and nothing is there");

    ngx_shim_fail_after = 1;
    log_append(&log, "first", 5);

    unit_ok(ngx_kafka_sse_log_reserve(&log, 100000) == NULL,
            "nor is there a further chunk");

    ngx_shim_fail_after = -1;
    log_append(&log, " second", 7);

    unit_ok(log_reads(&log, &a, "first second"),
            "what was there before stays, and more can be appended");

    ngx_kafka_sse_log_settle(&log);

    unit_ok(total == 0, "and nothing is left of it");
}


/*
 * Two cursors, and each order of a few steps: what is appended before the log
 * is settled is read by those who were there, and by nobody who came later.
 */

enum {
    log_few = 0,                        /* append: in the chunk */
    log_many,                           /* ... mostly in another one */
    log_take,                           /* the first cursor reads all */
    log_sip,                            /* ... one byte */
    log_look,                           /* ... takes its place */
    log_come_or_go,                     /* the second one */
    log_take_too,
    log_settle,
    log_steps
};


static ngx_uint_t
log_shown_is_right(ngx_kafka_sse_log_t *log, ngx_kafka_sse_cursor_t *cursor,
    ngx_str_t *piece)
{
    size_t  i;

    if ((piece->len == 0) != (cursor->pos == log->end)) {
        return 0;
    }

    for (i = 0; i < piece->len; i++) {
        if (piece->data[i] != (u_char) ((cursor->pos + i) * 7)) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
log_take_all(ngx_kafka_sse_log_t *log, ngx_kafka_sse_cursor_t *cursor)
{
    ngx_str_t  piece;

    for ( ;; ) {
        piece = ngx_kafka_sse_cursor_peek(cursor, log);

        if (!log_shown_is_right(log, cursor, &piece)) {
            return 0;
        }

        if (piece.len == 0) {
            return cursor->chunk == NULL;
        }

        ngx_kafka_sse_cursor_advance(cursor, log, piece.len);
    }
}


/* 1: all went as it should */

static ngx_uint_t
log_run(ngx_uint_t order, ngx_uint_t depth, size_t *total)
{
    u_char                  *p;
    size_t                   n, room;
    ngx_str_t                piece;
    ngx_uint_t               right, joined;
    ngx_kafka_sse_log_t      log;
    ngx_kafka_sse_cursor_t   a, b;

    ngx_kafka_sse_log_init(&log, total);
    ngx_kafka_sse_cursor_init(&a, &log);

    joined = 0;
    right = 1;

    for ( /* void */ ; depth; depth--, order /= log_steps) {

        switch (order % log_steps) {

        case log_few:
        case log_many:
            room = (order % log_steps == log_few) ? 3 : 900;
            p = ngx_kafka_sse_log_reserve(&log, room);

            for (n = 0; n < room; n++) {
                p[n] = (u_char) ((log.end + n) * 7);
            }

            ngx_kafka_sse_log_commit(&log, room);
            break;

        case log_take:
            right &= log_take_all(&log, &a);
            break;

        case log_sip:
        case log_look:
            piece = ngx_kafka_sse_cursor_peek(&a, &log);
            right &= log_shown_is_right(&log, &a, &piece);

            if (order % log_steps == log_sip && piece.len) {
                ngx_kafka_sse_cursor_advance(&a, &log, 1);
            }

            break;

        case log_come_or_go:
            if (joined) {
                ngx_kafka_sse_cursor_leave(&b);

            } else {
                ngx_kafka_sse_cursor_init(&b, &log);
                right &= (b.pos == log.end);
            }

            joined = !joined;
            break;

        case log_take_too:
            if (joined) {
                right &= log_take_all(&log, &b);
            }

            break;

        case log_settle:
            (void) ngx_kafka_sse_cursor_peek(&a, &log);

            if (joined) {
                (void) ngx_kafka_sse_cursor_peek(&b, &log);
            }

            ngx_kafka_sse_log_settle(&log);
            right &= (ngx_kafka_sse_log_unsettled(&log) == 0);
            break;
        }
    }

    if (joined) {
        right &= log_take_all(&log, &b);
    }

    right &= log_take_all(&log, &a);

    ngx_kafka_sse_log_settle(&log);

    return right && *total == 0;
}


static void
log_test_orders(void)
{
    size_t      total;
    ngx_uint_t  order, orders, depth, wrong, first;

    total = 0;
    wrong = 0;
    first = 0;
    orders = 1;

    for (depth = 0; depth < 6; depth++) {
        orders *= log_steps;
    }

    for (order = 0; order < orders; order++) {
        if (!log_run(order, depth, &total)) {
            first = wrong++ ? first : order;
            total = 0;
        }
    }

    if (wrong) {
        printf("# %d wrong, the first is %o\n", (int) wrong, (int) first);
    }

    unit_ok(wrong == 0, "a cursor that comes, reads or goes between two "
            "settlings has what is appended from there on, in each order of "
            "six steps");
}


/* reads as a client takes it; all: also what a slow one would leave */

static void
log_model_read(log_model_t *model, log_cursor_t *c, ngx_uint_t all)
{
    size_t      n;
    ngx_str_t   piece;
    ngx_uint_t  pieces;

    pieces = all ? (ngx_uint_t) -1 : c->speed == 0 ? 1000 : unit_below(3);

    for ( ;; ) {
        piece = ngx_kafka_sse_cursor_peek(&c->cursor, &model->log);

        log_moved += c->shown.len
                     && (c->shown.data != piece.data
                         || c->shown.len > piece.len);
        log_wrong += c->cursor.pos + piece.len > model->n
                     || (piece.len == 0) != (c->cursor.pos == model->n)
                     || (piece.len
                         && memcmp(piece.data, model->all + c->cursor.pos,
                                   piece.len)
                            != 0);

        log_lag += ngx_kafka_sse_cursor_lag(&c->cursor, &model->log)
                   != model->n - c->cursor.pos - piece.len;

        c->shown = piece;

        if (piece.len == 0 || pieces-- == 0) {
            return;
        }

        n = piece.len;

        if (!all && c->speed == 2) {
            n = 1 + unit_below(ngx_min(n, 50));

        } else if (!all && c->speed == 1) {
            n = 1 + unit_below(n);
        }

        ngx_kafka_sse_cursor_advance(&c->cursor, &model->log, n);

        c->shown.data += n;
        c->shown.len -= n;
    }
}


static void
log_model_append(log_model_t *model)
{
    u_char  *p;
    size_t   len, room;

    len = 1 + unit_below(unit_below(40) ? 600 : 100000);
    room = len + unit_below(2) * unit_below(20);

    if (model->n + room > LOG_BYTES) {
        return;
    }

    p = ngx_kafka_sse_log_reserve(&model->log, room);

    while (len--) {
        room = model->n++;
        model->all[room] = (u_char) unit_random();
        *p++ = model->all[room];
    }

    ngx_kafka_sse_log_commit(&model->log,
                             model->n - (size_t) model->log.end);
}


/*
 * From one _settle() to the next, as a group of streams has it: what is
 * gathered may come in several turns, and between them streams come, leave and
 * go on when their client has taken something.
 */

static void
log_model_turn(log_model_t *model)
{
    ngx_uint_t     i, n, turns;
    log_cursor_t  *c;

    for (turns = unit_below(4); ; turns--) {

        for (n = unit_below(4); n; n--) {
            log_model_append(model);
        }

        if (turns == 0) {
            break;
        }

        log_model_between(model);
    }

    /* each stream is asked to go on, many cannot take anything now */

    for (i = 0; i < LOG_CURSORS; i++) {
        c = &model->cursors[i];

        if (c->joined) {
            log_model_read(model, c, 0);
        }
    }

    ngx_kafka_sse_log_settle(&model->log);

    log_model_between(model);
}


static void
log_model_between(log_model_t *model)
{
    ngx_uint_t     n;
    log_cursor_t  *c;

    for (n = unit_below(6); n; n--) {
        c = &model->cursors[unit_below(LOG_CURSORS)];

        if (!c->joined) {
            ngx_kafka_sse_cursor_init(&c->cursor, &model->log);
            c->joined = 1;
            c->speed = unit_below(3);
            c->shown.len = 0;

        } else if (unit_below(20) == 0) {
            ngx_kafka_sse_cursor_leave(&c->cursor);
            c->joined = 0;

        } else {
            log_model_read(model, c, unit_below(8) == 0);
        }
    }
}


/* the least that has to be kept, for the slowest cursor */

static size_t
log_model_unread(log_model_t *model)
{
    size_t         unread;
    ngx_uint_t     i;
    log_cursor_t  *c;

    unread = 0;

    for (i = 0; i < LOG_CURSORS; i++) {
        c = &model->cursors[i];

        if (c->joined) {
            unread = ngx_max(unread, model->n - c->cursor.pos);
        }
    }

    return unread;
}


static void
log_test_random(void)
{
    size_t         total, unread, most;
    ngx_uint_t     i, k, turn, bytes, emptied;
    log_model_t   *models, *model;
    log_cursor_t  *c;

    models = calloc(LOG_LOGS, sizeof(log_model_t));
    if (models == NULL) {
        abort();
    }

    total = 0;
    most = 0;
    emptied = 0;

    for (i = 0; i < LOG_LOGS; i++) {
        models[i].all = unit_alloc(LOG_BYTES);
        ngx_kafka_sse_log_init(&models[i].log, &total);
    }

    for (turn = 0; turn < LOG_TURNS; turn++) {

        log_model_turn(&models[unit_below(LOG_LOGS)]);

        /* now and then all catch up */

        if (turn % 100 == 99) {
            for (i = 0; i < LOG_LOGS; i++) {
                for (k = 0; k < LOG_CURSORS; k++) {
                    c = &models[i].cursors[k];

                    if (c->joined) {
                        log_model_read(&models[i], c, 1);
                    }
                }
            }
        }

        unread = 0;

        for (i = 0; i < LOG_LOGS; i++) {
            unread += log_model_unread(&models[i]);
        }

        log_lost += total < unread;
        log_kept += unread == 0 && total != 0;
        emptied += unread == 0 && total == 0;
        most = ngx_max(most, total);
    }

    bytes = 0;

    for (i = 0; i < LOG_LOGS; i++) {
        model = &models[i];
        bytes += model->n;

        for (k = 0; k < LOG_CURSORS; k++) {
            if (model->cursors[k].joined) {
                ngx_kafka_sse_cursor_leave(&model->cursors[k].cursor);
            }
        }

        free(model->all);
    }

    printf("# %d bytes in %d turns of %d logs, at most %d held, %d times "
           "none\n", (int) bytes, LOG_TURNS, LOG_LOGS, (int) most,
           (int) emptied);

    unit_ok(log_wrong == 0, "every cursor reads all bytes that were appended "
            "since it joined, and no others");
    unit_ok(log_moved == 0, "what it was shown stays there until it has "
            "advanced over it");
    unit_ok(log_lag == 0, "its lag is what waits behind what it is shown");
    unit_ok(log_lost == 0, "all logs together hold what is not read");
    unit_ok(log_kept == 0 && emptied >= 10,
            "they hold nothing when everything is read");
    unit_ok(total == 0, "nor when all cursors have left");

    free(models);
}


int
main(void)
{
    log_test_one();
    log_test_leave();
    log_test_pin();
    log_test_large();
    log_test_memory();
    log_test_orders();
    log_test_random();

    return unit_done();
}
