
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Many clients of an event stream in one process, HTTP/1.1 without TLS.
 *
 *     sse [option ...] > report
 *
 *     -a host:port   a server; several: streams take turns, and a stream that
 *                    reconnects goes to the next
 *     -u path        what to ask for; several: streams take turns
 *     -n n           number of streams
 *     -H "k: v"      a request header
 *     -i event       records are named by "event: topic/partition/offset", not
 *                    by the JSON envelope in "data:"
 *     -e n           a stream is complete when it has n different records;
 *                    all complete is the end
 *     -l ms          how long to listen on for more than that (200)
 *     -t seconds     the end at the latest (60)
 *     -r ms          reconnect after so long, not after the server's "retry:"
 *     -R             do not reconnect
 *     -d n           drop the connection after n records in the mean
 *     -C n           churn: leave as soon as the position is there, come
 *                    again without it, n connections in all
 *     -c n           at most n connections without an answer at once (64)
 *     -f file        a JSON file with the state so far, five times a second
 *     -S n           seed of what is random
 *
 * For the torture tests:
 *
 *     -h ms          hop: leave after so long in the mean, wherever the stream
 *                    is, and go to the next server at once
 *     -b bytes       cut: close after so many bytes in the mean, at any of them
 *     -m ms          "retry:" counts up to this only
 *     -q topic       silence is measured for this topic only
 *     -j file        a line for each connection, and for each fault
 *     -s file        which offsets each stream has seen, as bits
 *     -L file        ids that streams begin with, a line each, in turns
 *     -I             commands on stdin, a line each:
 *                        phase name          what is reported from here on
 *                        stall n m           streams n to m read nothing
 *                        go n m              they read again
 *                        until t/p offset    a stream is complete when the
 *                                            last of each such t/p is there
 *                        finish              that was all of them
 *
 * SIGTERM ends it as well.  Each stream must see each record once, each
 * partition in order, ids that never go back in any component and advance
 * with each record, whole HTTP chunks, and nothing but LF as a line end.  The
 * report says what each saw; see report().
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "digest.h"


#define MAX_ADDRS       16
#define MAX_PATHS       64
#define MAX_TOPICS      256
#define MAX_ID          4096            /* characters of an id */
#define MAX_NEXT        1024            /* components of an id */
#define MAX_ID_TOPICS   64
#define MAX_BITS        (1 << 27)       /* offsets above are not marked */
#define LATENCIES       60001           /* ms; the last: and above */


typedef struct {
    char           *data;
    size_t          len;
    size_t          room;
} buf_t;


typedef struct {
    int             ntopics;
    uint32_t        tags[MAX_ID_TOPICS];
    int             counts[MAX_ID_TOPICS];
    int             n;
    int64_t         next[MAX_NEXT];
} position_t;


typedef struct {
    int64_t         last;               /* offset, -1: none yet */
    int64_t         first;              /* of this connection, -1: none */
    int64_t         came;               /* when the last one did, ms */
    int64_t         produced;           /* when it was */
    int64_t         until;              /* offset that completes it, or -1 */
    uint8_t        *seen;               /* a bit for each offset */
    size_t          size;               /* bytes */
} part_t;


typedef struct {
    part_t         *parts;
    int             n;
} topic_t;


typedef enum { IDLE, CONNECTING, HEAD, BODY, DONE } state_t;
typedef enum { SIZE, DATA, DATA_END, TRAILER, FINISHED } chunk_t;


/* the longest silence of a stream in a phase */

typedef struct {
    int64_t         ms;
    int             topic;
    int32_t         partition;
    int64_t         offset;             /* which ended it */
    int             addr;               /* who brought that */
    int             cuts;               /* connections lost, not by us */
} silence_t;


typedef struct {
    char           *name;
    int64_t         begin;
    int64_t         end;
    int64_t         p50;                /* of latency, ms */
    int64_t         p99;
    silence_t      *each;
} phase_t;


typedef struct {
    uint64_t        n;
    uint64_t        ms[LATENCIES];
} latency_t;


typedef struct {
    int             fd;
    int             number;
    int             turn;               /* of the addresses */
    state_t         state;
    int64_t         due;                /* IDLE: when to connect, ms */
    int64_t         asked;              /* when the request was sent */
    int64_t         opened;             /* when the connection was begun */
    int64_t         leave;              /* when to hop, 0: never */
    size_t          cut_left;           /* bytes to go, 0: no cut */
    int             addr;               /* of this connection */
    int             stalled;            /* does not read */
    silence_t       silence;            /* of this phase */

    buf_t           in;                 /* not yet decoded */
    buf_t           line;               /* of the body, up to its LF */
    buf_t           data;
    buf_t           event;
    int             has_data;
    int             has_id;
    char            id[MAX_ID];         /* of the event being read */
    char            last_id[MAX_ID];    /* what a reconnect sends */
    position_t      position;

    int             chunked;
    chunk_t         chunk;
    size_t          left;               /* of the chunk */

    topic_t         topics[MAX_TOPICS];

    int             complete;
    int             churned;
    int64_t         retry;              /* ms */
    uint64_t        records;            /* received, repeated ones too */
    uint64_t        unique;
    uint64_t        repeated;
    uint64_t        disorder;           /* first seen after a later one */
    uint64_t        events;             /* of the server's own */
    uint64_t        resets;             /* "stream-reset" */
    uint64_t        ends;               /* "stream-end" */
    uint64_t        comments;
    uint64_t        id_none;            /* records without an id */
    uint64_t        id_bad;             /* not parsable */
    uint64_t        id_back;            /* some component went back */
    uint64_t        id_same;            /* a record did not advance it */
    uint64_t        id_wrong;           /* not at this record's offset + 1 */
    uint64_t        faults;             /* see fault() */
    uint64_t        connects;
    uint64_t        clean;              /* the server ended the response */
    uint64_t        cut;                /* the connection ended before it */
    uint64_t        cut_chunk;          /* ... inside of a chunk */
    uint64_t        reset;
    uint64_t        refused;
    uint64_t        dropped;            /* by us, at random */
    uint64_t        hops;
    uint64_t        other_status;       /* not 200 */
    int             status;             /* the last one */
    uint64_t        digest;
    uint64_t        order;              /* the same for the same order only */
    uint64_t        bytes;              /* of the bodies */
} stream_t;


static struct sockaddr_in     addrs[MAX_ADDRS];
static int                    naddrs;
static const char            *paths[MAX_PATHS];
static int                    npaths;
static char                   extra_headers[8192];
static int                    nstreams = 1;
static int                    by_event;
static uint64_t               expect;
static int64_t                linger = 200;
static int64_t                limit = 60000;
static int64_t                retry_ms = -1;
static int                    no_reconnect;
static long                   drop_mean;
static uint64_t               churn, churn_begun, churn_done;
static int                    max_pending = 64;
static const char            *progress_file;
static int64_t                hop_mean, retry_max;
static long                   cut_mean;
static const char            *measured;
static FILE                  *journal;
static const char            *seen_file;
static const char            *ids_file;
static int                    commands;
static int                    untils;      /* 1: all of them are known */
static phase_t               *phases;
static int                    nphases;
static int64_t                ncommands;

static stream_t              *streams;
static int                    epfd;
static int                    pending;
static char                  *topics[MAX_TOPICS];
static int                    ntopics;
static latency_t              latency, phase_latency;
static char                   first_fault[512];
static volatile sig_atomic_t  stop;


static void
die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fprintf(stderr, "sse: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);

    exit(1);
}


static void
on_signal(int signo)
{
    stop = 1;
}


static int64_t
now_ms(void)
{
    struct timeval  tv;

    gettimeofday(&tv, NULL);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}


/* what a client must never see; the first one is reported in words */

static void
fault(stream_t *s, const char *fmt, ...)
{
    va_list  args;

    if (first_fault[0] == '\0') {
        va_start(args, fmt);
        vsnprintf(first_fault, sizeof(first_fault), fmt, args);
        va_end(args);
    }

    if (journal) {
        fprintf(journal, "%" PRId64 " %d %" PRIu64 " %d fault ", now_ms(),
                s->number, s->connects, s->addr);
        va_start(args, fmt);
        vfprintf(journal, fmt, args);
        va_end(args);
        putc('\n', journal);
    }

    s->faults++;
}


/* a line of the journal: time, stream, connection, server, and what happened */

static void
note(stream_t *s, const char *fmt, ...)
{
    va_list  args;

    if (journal == NULL) {
        return;
    }

    fprintf(journal, "%" PRId64 " %d %" PRIu64 " %d ", now_ms(), s->number,
            s->connects, s->addr);

    va_start(args, fmt);
    vfprintf(journal, fmt, args);
    va_end(args);

    putc('\n', journal);
}


static void
append(buf_t *b, const char *data, size_t len)
{
    if (b->room - b->len < len) {
        b->room = (b->len + len) * 2 + 256;
        b->data = realloc(b->data, b->room);
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


/* positions, see src/worker/ngx_kafka_sse_position.h */

static int
digit64(int c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}


static ssize_t
decode64(unsigned char *dst, const char *src, size_t len)
{
    int             d, bits;
    uint32_t        word;
    unsigned char  *p;

    p = dst;
    word = 0;
    bits = 0;

    for ( /* void */ ; len && *src != '='; len--) {
        d = digit64(*src++);
        if (d < 0) {
            return -1;
        }

        word = word << 6 | d;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *p++ = word >> bits & 0xff;
        }
    }

    return p - dst;
}


static int
varint(unsigned char **p, unsigned char *end, int64_t *value)
{
    int       shift;
    uint64_t  v;

    v = 0;

    for (shift = 0; shift < 64 && *p < end; shift += 7) {
        v |= (uint64_t) (**p & 0x7f) << shift;

        if ((*(*p)++ & 0x80) == 0) {
            *value = (int64_t) v;
            return 1;
        }
    }

    return 0;
}


static int
parse_position(position_t *pos, const char *id)
{
    int             i;
    int64_t         count;
    size_t          len;
    ssize_t         n;
    unsigned char  *p, *end, raw[MAX_ID];

    len = strlen(id);

    if (len < 2 || memcmp(id, "1.", 2) != 0) {
        return 0;
    }

    n = decode64(raw, id + 2, len - 2);
    if (n < 0) {
        return 0;
    }

    p = raw;
    end = raw + n;
    pos->ntopics = 0;
    pos->n = 0;

    while (p < end) {
        if (end - p < 5 || pos->ntopics == MAX_ID_TOPICS) {
            return 0;
        }

        pos->tags[pos->ntopics] = (uint32_t) p[0] << 24 | p[1] << 16
                                  | p[2] << 8 | p[3];
        p += 4;

        if (!varint(&p, end, &count) || count < 1
            || count > MAX_NEXT - pos->n)
        {
            return 0;
        }

        pos->counts[pos->ntopics++] = count;

        for (i = 0; i < count; i++) {
            if (!varint(&p, end, &pos->next[pos->n++])) {
                return 0;
            }
        }
    }

    return 1;
}


/*
 * Compares a new position with the stream's last: did any component go back,
 * did any advance, did one of this partition arrive at "next"?  Topics and
 * partitions may have come in between.
 */

static void
check_position(stream_t *s, position_t *pos, int32_t partition, int64_t next)
{
    int          i, j, k, at, old, back, ahead, here;
    position_t  *last;

    last = &s->position;
    back = ahead = here = 0;

    for (i = 0, at = 0; i < pos->ntopics; at += pos->counts[i], i++) {

        old = 0;
        for (j = 0; j < last->ntopics && last->tags[j] != pos->tags[i]; j++) {
            old += last->counts[j];
        }

        for (k = 0; k < pos->counts[i]; k++) {

            if (j == last->ntopics || k >= last->counts[j]) {
                ahead++;

            } else if (pos->next[at + k] > last->next[old + k]) {
                ahead++;

            } else {
                back += pos->next[at + k] < last->next[old + k];
                continue;
            }

            here += k == partition && pos->next[at + k] == next;
        }
    }

    if (back && last->n) {
        s->id_back++;
        note(s, "id_back %s", s->id);
    }

    if (partition >= 0) {
        if (!ahead) {
            s->id_same++;
            note(s, "id_same %s", s->id);
        }

        if (!here) {
            s->id_wrong++;
            note(s, "id_wrong %s of %d:%" PRId64, s->id, partition, next - 1);
        }
    }
}


/* a scanner for the envelope's JSON, which is on one line */

static const char *
skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == '"') {
            return p + 1;
        }
    }

    return NULL;
}


static const char *
skip_value(const char *p, const char *end)
{
    int  depth;

    depth = 0;

    while (p < end) {
        switch (*p) {

        case '"':
            p = skip_string(p, end);
            if (p == NULL) {
                return NULL;
            }

            if (depth == 0) {
                return p;
            }

            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                return p;
            }

            if (--depth == 0) {
                return p + 1;
            }

            break;

        case ',':
            if (depth == 0) {
                return p;
            }
        }

        p++;
    }

    return NULL;
}


static size_t
utf8(unsigned char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = 0xc0 | c >> 6;
        dst[1] = 0x80 | (c & 0x3f);
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = 0xe0 | c >> 12;
        dst[1] = 0x80 | (c >> 6 & 0x3f);
        dst[2] = 0x80 | (c & 0x3f);
        return 3;
    }

    dst[0] = 0xf0 | c >> 18;
    dst[1] = 0x80 | (c >> 12 & 0x3f);
    dst[2] = 0x80 | (c >> 6 & 0x3f);
    dst[3] = 0x80 | (c & 0x3f);
    return 4;
}


static uint32_t
hex4(const char *p)
{
    char  s[5];

    memcpy(s, p, 4);
    s[4] = '\0';

    return strtoul(s, NULL, 16);
}


/* the bytes of a JSON string, quotes included in p..end; dst has the room */

static size_t
unescape(unsigned char *dst, const char *p, const char *end)
{
    uint32_t        c;
    unsigned char  *d;

    d = dst;

    for (p++, end--; p < end; p++) {

        if (*p != '\\') {
            *d++ = *p;
            continue;
        }

        switch (*++p) {

        case 'n': *d++ = '\n'; break;
        case 'r': *d++ = '\r'; break;
        case 't': *d++ = '\t'; break;
        case 'b': *d++ = '\b'; break;
        case 'f': *d++ = '\f'; break;

        case 'u':
            if (end - p < 5) {
                return d - dst;
            }

            c = hex4(p + 1);
            p += 4;

            if (c >= 0xd800 && c < 0xdc00 && end - p > 6) {
                c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 3) - 0xdc00);
                p += 6;
            }

            d += utf8(d, c);
            break;

        default:
            *d++ = *p;
        }
    }

    return d - dst;
}


typedef struct {
    char         topic[256];
    int32_t      partition;
    int64_t      offset;
    const void  *value;
    size_t       len;
} record_t;


static int
parse_envelope(record_t *rec, const char *p, size_t len)
{
    int            base64, found;
    size_t         n;
    const char    *end, *key, *key_end, *val, *val_end, *value, *value_end;
    static buf_t   text;
    unsigned char *raw;

    end = p + len;
    value = value_end = NULL;
    base64 = found = 0;

    if (len < 2 || *p != '{') {
        return 0;
    }

    for (p++; p < end && *p == '"'; p = val_end + (*val_end == ',')) {
        key = p + 1;
        p = skip_string(p, end);
        if (p == NULL || p >= end || *p != ':') {
            return 0;
        }

        key_end = p - 1;
        val = p + 1;
        val_end = skip_value(val, end);
        if (val_end == NULL || val_end >= end) {
            return 0;
        }

#define is(name)                                                             \
        (key_end - key == sizeof(name) - 1                                   \
         && memcmp(key, name, sizeof(name) - 1) == 0)

        if (is("topic") && val_end - val < (int) sizeof(rec->topic)) {
            n = unescape((unsigned char *) rec->topic, val, val_end);
            rec->topic[n] = '\0';
            found |= 1;

        } else if (is("partition")) {
            rec->partition = strtol(val, NULL, 10);
            found |= 2;

        } else if (is("offset")) {
            rec->offset = strtoll(val, NULL, 10);
            found |= 4;

        } else if (is("value")) {
            value = val;
            value_end = val_end;
            found |= 8;

        } else if (is("encoding")) {
            base64 = 1;
        }

#undef is
    }

    if (found != 15) {
        return 0;
    }

    n = value_end - value;
    text.len = 0;
    append(&text, value, n);
    raw = (unsigned char *) text.data;

    rec->value = raw;
    rec->len = 0;

    if (*value == '"') {
        rec->len = unescape(raw, value, value_end);

        if (base64) {
            rec->len = decode64(raw, (char *) raw, rec->len);
        }
    }

    return 1;
}


static int
parse_event_name(record_t *rec, const char *p, size_t len, buf_t *data)
{
    char         name[320];
    const char  *slash, *first;

    if (len >= sizeof(name)) {
        return 0;
    }

    memcpy(name, p, len);
    name[len] = '\0';

    slash = strrchr(name, '/');
    if (slash == NULL) {
        return 0;
    }

    rec->offset = strtoll(slash + 1, NULL, 10);

    for (first = slash - 1; first > name && *first != '/'; first--) {
        /* void */
    }

    if (*first != '/') {
        return 0;
    }

    rec->partition = strtol(first + 1, NULL, 10);
    snprintf(rec->topic, sizeof(rec->topic), "%.*s", (int) (first - name),
             name);
    rec->value = data->data;
    rec->len = data->len;

    return 1;
}


static int
topic_index(const char *name)
{
    int         i;
    static int  last;

    if (last < ntopics && strcmp(topics[last], name) == 0) {
        return last;
    }

    for (i = 0; i < ntopics; i++) {
        if (strcmp(topics[i], name) == 0) {
            return last = i;
        }
    }

    if (ntopics == MAX_TOPICS) {
        die("too many topics");
    }

    topics[ntopics] = strdup(name);

    return last = ntopics++;
}


/* marks the offset: 1 if it was there already */

static int
mark(part_t *part, int64_t offset)
{
    int     was;
    size_t  size;

    if (offset < 0 || offset >= MAX_BITS) {
        return offset <= part->last;
    }

    if ((size_t) offset / 8 >= part->size) {
        size = offset / 8 * 2 + 64;
        part->seen = realloc(part->seen, size);
        memset(part->seen + part->size, 0, size - part->size);
        part->size = size;
    }

    was = part->seen[offset / 8] >> (offset & 7) & 1;
    part->seen[offset / 8] |= 1 << (offset & 7);

    return was;
}


/* a stream's partition, known from now on */

static part_t *
part_of(stream_t *s, int index, int32_t partition)
{
    int       i;
    topic_t  *topic;

    topic = &s->topics[index];

    if (partition >= topic->n) {
        topic->parts = realloc(topic->parts, (partition + 1) * sizeof(part_t));

        for (i = topic->n; i <= partition; i++) {
            memset(&topic->parts[i], 0, sizeof(part_t));
            topic->parts[i].last = -1;
            topic->parts[i].first = -1;
            topic->parts[i].until = -1;
        }

        topic->n = partition + 1;
    }

    return &topic->parts[partition];
}


/*
 * Silence is the time in which there was something to be had of a partition,
 * and nothing came.
 */

static void
hear(stream_t *s, part_t *part, record_t *rec, int64_t produced, int64_t now)
{
    int64_t  ms;

    if (measured == NULL || strcmp(measured, rec->topic) == 0) {
        ms = now - (part->came > produced ? part->came : produced);

        if (ms > s->silence.ms) {
            s->silence.ms = ms;
            s->silence.topic = topic_index(rec->topic);
            s->silence.partition = rec->partition;
            s->silence.offset = rec->offset;
            s->silence.addr = s->addr;
        }
    }

    part->came = now;
    part->produced = produced;
}


static int
has_all(stream_t *s)
{
    int      i, k;
    part_t  *part;

    for (i = 0; i < ntopics; i++) {
        for (k = 0; k < s->topics[i].n; k++) {
            part = &s->topics[i].parts[k];

            if (part->last < part->until) {
                return 0;
            }
        }
    }

    return 1;
}


static void
take_record(stream_t *s, record_t *rec)
{
    int64_t      ms, now, produced;
    part_t      *part;
    uint64_t     number;
    position_t   position;
    const char  *t;

    if (rec->partition < 0 || rec->partition > 65535) {
        fault(s, "partition %d", rec->partition);
        return;
    }

    part = part_of(s, topic_index(rec->topic), rec->partition);
    now = now_ms();

    s->records++;

    if (mark(part, rec->offset)) {
        s->repeated++;
        note(s, "repeated %s/%d:%" PRId64 " after %" PRId64, rec->topic,
             rec->partition, rec->offset, part->last);

    } else {
        s->unique++;

        if (rec->offset < part->last) {
            s->disorder++;
            note(s, "disorder %s/%d:%" PRId64 " after %" PRId64, rec->topic,
                 rec->partition, rec->offset, part->last);
        }

        number = digest(rec->topic, rec->partition, rec->offset, rec->value,
                        rec->len);
        s->digest += number;
        s->order = digest_bytes(s->order, &number, sizeof(number));
    }

    if (rec->offset > part->last) {
        part->last = rec->offset;
    }

    if (part->first == -1) {
        part->first = rec->offset;
    }

    if (!s->has_id) {
        s->id_none++;

    } else if (!parse_position(&position, s->id)) {
        s->id_bad++;

    } else {
        check_position(s, &position, rec->partition, rec->offset + 1);
        s->position = position;
    }

    if (rec->len > 5 && memcmp(rec->value, "{\"n\":", 5) == 0) {
        t = memmem(rec->value, rec->len < 64 ? rec->len : 64, "\"t\":", 4);
        if (t) {
            produced = strtoll(t + 4, NULL, 10);
            hear(s, part, rec, produced, now);

            ms = now - produced;
            ms = ms < 0 ? 0 : ms >= LATENCIES ? LATENCIES - 1 : ms;
            latency.ms[ms]++;
            latency.n++;
            phase_latency.ms[ms]++;
            phase_latency.n++;
        }
    }

    if (expect && s->unique >= expect) {
        s->complete = 1;
    }

    if (untils && rec->offset == part->until) {
        s->complete = has_all(s);
    }
}


/*
 * One range of a stream-reset: { "topic", "partition", "from", "to" ... }.
 * What begins anew is another partition: what was seen of the former one at
 * "to" and above says nothing about it.
 */

static const char *
take_range(stream_t *s, const char *p, const char *end)
{
    char         topic[256];
    size_t       n;
    int64_t      number, from, to, partition;
    part_t      *part;
    const char  *key, *val;

    topic[0] = '\0';
    from = to = partition = -1;

    for (p++; p < end && *p == '"'; p += *p == ',') {
        key = p + 1;
        p = skip_string(p, end);
        if (p == NULL || p >= end || *p != ':') {
            return NULL;
        }

        n = p - 1 - key;
        val = p + 1;
        p = skip_value(val, end);
        if (p == NULL || p >= end) {
            return NULL;
        }

        number = strtoll(val, NULL, 10);

        if (n == 5 && memcmp(key, "topic", 5) == 0
            && p - val < (ssize_t) sizeof(topic))
        {
            topic[unescape((unsigned char *) topic, val, p)] = '\0';

        } else if (n == 9 && memcmp(key, "partition", 9) == 0) {
            partition = number;

        } else if (n == 4 && memcmp(key, "from", 4) == 0) {
            from = number;

        } else if (n == 2 && memcmp(key, "to", 2) == 0) {
            to = number;
        }
    }

    if (topic[0] == '\0' || partition < 0 || partition > 65535
        || to < 0 || to >= from)
    {
        return p;
    }

    part = part_of(s, topic_index(topic), partition);

    for (number = to; number < (int64_t) part->size * 8; number++) {
        part->seen[number / 8] &= ~(1 << (number & 7));
    }

    if (part->last >= to) {
        part->last = to - 1;
    }

    part->first = -1;

    return p;
}


static void
take_reset(stream_t *s)
{
    const char  *p, *end;

    end = s->data.data + s->data.len;

    for (p = s->data.data; p && p < end; p++) {
        if (*p == '{') {
            p = take_range(s, p, end);

            if (p == NULL) {
                fault(s, "not a stream-reset: \"%.*s\"",
                      (int) (s->data.len < 200 ? s->data.len : 200),
                      s->data.data);
                return;
            }
        }
    }
}


/* the empty line */

static int
is_event(stream_t *s, const char *name)
{
    return s->event.len == strlen(name)
           && memcmp(s->event.data, name, s->event.len) == 0;
}


static void
dispatch(stream_t *s)
{
    int         ok;
    record_t    rec;
    position_t  position;

    if (s->has_id) {
        strcpy(s->last_id, s->id);
    }

    if (!s->has_data) {
        if (s->has_id) {
            if (!parse_position(&position, s->id)) {
                s->id_bad++;

            } else {
                check_position(s, &position, -1, 0);
                s->position = position;
            }
        }

        return;
    }

    if (s->data.len) {
        s->data.len--;                  /* the LF after the last line */
    }

    if (is_event(s, "stream-reset")) {
        s->resets++;
        s->events++;
        note(s, "stream-reset %.*s", (int) (s->data.len < 2000 ? s->data.len
                                                              : 2000),
             s->data.data);
        take_reset(s);

        if (s->has_id && parse_position(&position, s->id)) {
            s->position = position;
        }

        return;
    }

    if (s->event.len > 7 && memcmp(s->event.data, "stream-", 7) == 0) {
        s->ends += is_event(s, "stream-end");
        s->events++;
        return;
    }

    ok = by_event
         ? parse_event_name(&rec, s->event.data, s->event.len, &s->data)
         : parse_envelope(&rec, s->data.data, s->data.len);

    if (!ok) {
        fault(s, "not a record: event \"%.*s\" data \"%.100s\"",
              (int) s->event.len, s->event.data ? s->event.data : "",
              s->data.data);
        return;
    }

    take_record(s, &rec);
}


static void
take_line(stream_t *s, const char *p, size_t len)
{
    size_t       n;
    const char  *colon, *value;

    if (memchr(p, '\r', len)) {
        fault(s, "CR in the event stream: \"%.*s\"",
              (int) (len < 100 ? len : 100), p);
    }

    if (len == 0) {
        dispatch(s);
        s->data.len = 0;
        s->event.len = 0;
        s->has_data = 0;
        s->has_id = 0;
        return;
    }

    if (*p == ':') {
        s->comments++;
        return;
    }

    colon = memchr(p, ':', len);
    n = colon ? (size_t) (colon - p) : len;
    value = colon ? colon + 1 : p + len;
    len = p + len - value;

    if (len && *value == ' ') {
        value++;
        len--;
    }

    if (n == 4 && memcmp(p, "data", 4) == 0) {
        append(&s->data, value, len);
        append(&s->data, "\n", 1);
        s->has_data = 1;

    } else if (n == 2 && memcmp(p, "id", 2) == 0) {
        if (len >= MAX_ID) {
            fault(s, "id of %zu characters", len);
            return;
        }

        memcpy(s->id, value, len);
        s->id[len] = '\0';
        s->has_id = 1;

    } else if (n == 5 && memcmp(p, "event", 5) == 0) {
        s->event.len = 0;
        append(&s->event, value, len);

    } else if (n == 5 && memcmp(p, "retry", 5) == 0) {
        s->retry = strtoll(value, NULL, 10);

    } else {
        fault(s, "unknown field \"%.*s\"", (int) n, p);
    }
}


/* what this connection has brought: topic/partition:first-last ... */

static void
note_end(stream_t *s, const char *how)
{
    int      i, k;
    part_t  *part;

    if (journal == NULL || s->opened == 0) {
        return;
    }

    fprintf(journal, "%" PRId64 " %d %" PRIu64 " %d end %s %" PRId64 " %d",
            now_ms(), s->number, s->connects, s->addr, how, s->opened,
            s->status);

    for (i = 0; i < ntopics; i++) {
        for (k = 0; k < s->topics[i].n; k++) {
            part = &s->topics[i].parts[k];

            if (part->first != -1) {
                fprintf(journal, " %s/%d:%" PRId64 "-%" PRId64, topics[i], k,
                        part->first, part->last);
                part->first = -1;
            }
        }
    }

    putc('\n', journal);
    s->opened = 0;
}


static void
close_stream(stream_t *s, int64_t delay)
{
    note_end(s, "close");

    if (s->state == CONNECTING || s->state == HEAD) {
        pending--;
    }

    if (s->fd != -1) {
        close(s->fd);
        s->fd = -1;
    }

    s->in.len = 0;
    s->line.len = 0;
    s->data.len = 0;
    s->event.len = 0;
    s->has_data = 0;
    s->has_id = 0;

    if (delay == -1) {
        s->state = DONE;
        return;
    }

    s->state = IDLE;
    s->due = now_ms() + delay;
}


static int64_t
delay_of(stream_t *s)
{
    if (churn) {
        churn_done++;
        return churn_begun < churn ? 0 : -1;
    }

    if (no_reconnect) {
        return -1;
    }

    if (retry_ms >= 0) {
        return retry_ms;
    }

    return retry_max && s->retry > retry_max ? retry_max : s->retry;
}


/* body bytes after the HTTP framing; 0 when the stream was left on purpose */

static int
take_body(stream_t *s, const char *p, size_t len)
{
    size_t       n;
    uint64_t     before;
    const char  *lf;

    s->bytes += len;

    while (len) {
        lf = memchr(p, '\n', len);

        if (lf == NULL) {
            append(&s->line, p, len);
            return 1;
        }

        n = lf - p;
        before = s->records;

        if (s->line.len) {
            append(&s->line, p, n);
            take_line(s, s->line.data, s->line.len);
            s->line.len = 0;

        } else {
            take_line(s, p, n);
        }

        p += n + 1;
        len -= n + 1;

        if (drop_mean && s->records != before && !s->complete
            && random() % drop_mean == 0)
        {
            s->dropped++;
            note_end(s, "drop");
            close_stream(s, random() % 50);
            return 0;
        }

        if (churn && s->last_id[0]) {
            s->last_id[0] = '\0';
            s->position.ntopics = s->position.n = 0;
            close_stream(s, delay_of(s));
            return 0;
        }
    }

    return 1;
}


static int
take_chunks(stream_t *s)
{
    char    *p, *end, *lf;
    size_t   n;

    p = s->in.data;
    end = p + s->in.len;

    while (p < end) {

        switch (s->chunk) {

        case SIZE:
            lf = memchr(p, '\n', end - p);
            if (lf == NULL) {
                goto more;
            }

            if (lf == p || lf[-1] != '\r'
                || strspn(p, "0123456789abcdefABCDEF") != (size_t) (lf - p - 1)
                || lf - p < 2)
            {
                fault(s, "bad chunk size: \"%.*s\"", (int) (lf - p), p);
            }

            s->left = strtoul(p, NULL, 16);
            s->chunk = s->left ? DATA : TRAILER;
            p = lf + 1;
            break;

        case DATA:
            n = (size_t) (end - p) < s->left ? (size_t) (end - p) : s->left;

            s->left -= n;
            if (s->left == 0) {
                s->chunk = DATA_END;
            }

            if (!take_body(s, p, n)) {
                return 0;
            }

            p += n;
            break;

        case DATA_END:
        case TRAILER:
            if (end - p < 2) {
                goto more;
            }

            if (p[0] != '\r' || p[1] != '\n') {
                fault(s, "no CR LF after a chunk");
            }

            s->chunk = s->chunk == TRAILER ? FINISHED : SIZE;
            p += 2;
            break;

        case FINISHED:
            fault(s, "bytes after the last chunk");
            p = end;
            break;
        }
    }

more:

    memmove(s->in.data, p, end - p);
    s->in.len = end - p;

    return 1;
}


static int
take_head(stream_t *s)
{
    char    *end, *p;
    size_t   n;

    end = memmem(s->in.data, s->in.len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 1;
    }

    *end = '\0';
    end += 4;

    if (sscanf(s->in.data, "HTTP/1.%*d %d", &s->status) != 1) {
        fault(s, "not HTTP: \"%.60s\"", s->in.data);
        s->status = 0;
    }

    s->chunked = 0;

    for (p = s->in.data; p; p = strstr(p, "\r\n")) {
        p += 2 * (*p == '\r');

        if (strncasecmp(p, "transfer-encoding: chunked", 26) == 0) {
            s->chunked = 1;
        }
    }

    pending--;
    s->state = BODY;
    s->chunk = SIZE;

    if (s->status != 200) {
        s->other_status++;
        note_end(s, "refused");
        close_stream(s, churn ? delay_of(s)
                              : no_reconnect ? -1 : 500);
        return 0;
    }

    n = end - s->in.data;
    memmove(s->in.data, end, s->in.len - n);
    s->in.len -= n;

    return 1;
}


static void
ended(stream_t *s, int err)
{
    note_end(s, s->state == CONNECTING ? "no-connection"
                : err ? strerrorname_np(err)
                : s->chunk == FINISHED ? "clean" : "eof");

    s->silence.cuts++;

    if (s->state == CONNECTING) {
        s->refused++;

    } else if (err) {
        s->reset++;

    } else if (s->state == BODY && (s->chunk == FINISHED || !s->chunked)) {
        s->clean++;

    } else {
        s->cut++;
        s->cut_chunk += s->state == BODY && s->chunk != SIZE;
    }

    close_stream(s, s->state == CONNECTING && !no_reconnect ? 200
                                                            : delay_of(s));
}


/*
 * The connection is cut by us after these bytes, orderly or with a reset; what
 * is complete in them counts.
 */

static void
cut(stream_t *s, const char *data, size_t len)
{
    struct linger  off;

    s->dropped++;

    if (s->state == BODY) {
        append(&s->in, data, len);

        if (s->chunked) {
            if (!take_chunks(s)) {
                return;
            }

        } else if (!take_body(s, s->in.data, s->in.len)) {
            return;
        }
    }

    if (random() & 1) {
        off.l_onoff = 1;
        off.l_linger = 0;
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    }

    note_end(s, "cut");
    close_stream(s, random() % 50);
}


static void
readable(stream_t *s)
{
    size_t       room;
    ssize_t      n;
    static char  buf[262144];

    for ( ;; ) {
        room = sizeof(buf);

        if (s->cut_left && s->cut_left < room) {
            room = s->cut_left;
        }

        n = recv(s->fd, buf, room, 0);

        if (n == -1) {
            if (errno != EAGAIN && errno != EINTR) {
                ended(s, errno);
            }

            return;
        }

        if (n == 0) {
            ended(s, 0);
            return;
        }

        if (s->cut_left) {
            s->cut_left -= n;

            if (s->cut_left == 0) {
                cut(s, buf, n);
                return;
            }
        }

        if (s->state == HEAD) {
            append(&s->in, buf, n);

            if (!take_head(s)) {
                return;
            }

            if (s->state == HEAD) {
                continue;
            }

            n = 0;
        }

        if (s->chunked) {
            append(&s->in, buf, n);

            if (!take_chunks(s)) {
                return;
            }

            if (s->chunk == FINISHED) {
                ended(s, 0);
                return;
            }

        } else {
            append(&s->in, buf, n);

            if (!take_body(s, s->in.data, s->in.len)) {
                return;
            }

            s->in.len = 0;
        }

        if (n < (ssize_t) room) {
            return;
        }
    }
}


static void
writable(stream_t *s)
{
    int                 err;
    char                req[16384];
    size_t              len;
    socklen_t           n;
    struct epoll_event  ev;

    n = sizeof(err);
    err = 0;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &n);

    if (err) {
        ended(s, err);
        return;
    }

    len = snprintf(req, sizeof(req),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\n%s%s%s%s\r\n",
                   paths[s->number % npaths], extra_headers,
                   s->last_id[0] ? "Last-Event-ID: " : "", s->last_id,
                   s->last_id[0] ? "\r\n" : "");

    if (send(s->fd, req, len, 0) != (ssize_t) len) {
        ended(s, errno);
        return;
    }

    s->state = HEAD;
    s->asked = now_ms();

    ev.events = EPOLLIN;
    ev.data.ptr = s;
    epoll_ctl(epfd, s->stalled ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, s->fd, &ev);
}


static void
begin(stream_t *s)
{
    int                  on;
    struct epoll_event   ev;
    struct sockaddr_in  *addr;

    s->addr = s->turn++ % naddrs;
    addr = &addrs[s->addr];

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd == -1) {
        die("socket: %s", strerror(errno));
    }

    on = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    s->state = CONNECTING;
    s->status = 0;
    s->chunk = SIZE;
    s->opened = now_ms();
    s->leave = hop_mean ? s->opened + hop_mean / 2 + random() % hop_mean : 0;
    s->cut_left = cut_mean ? 1 + random() % (2 * cut_mean) : 0;
    s->connects++;
    pending++;

    if (churn) {
        churn_begun++;
    }

    ev.events = EPOLLOUT;
    ev.data.ptr = s;
    epoll_ctl(epfd, EPOLL_CTL_ADD, s->fd, &ev);

    if (connect(s->fd, (struct sockaddr *) addr, sizeof(*addr)) == -1
        && errno != EINPROGRESS)
    {
        ended(s, errno);
    }
}


/* connects who is due; returns ms until the next one */

static int
begin_due(void)
{
    int       i, wait;
    int64_t   now;
    stream_t *s;

    now = now_ms();
    wait = 200;

    for (i = 0; i < nstreams; i++) {
        s = &streams[i];

        if (s->leave && s->fd != -1 && !s->stalled && !s->complete) {

            if (s->leave <= now) {
                s->hops++;
                note_end(s, "hop");
                close_stream(s, 0);

            } else if (s->leave - now < wait) {
                wait = s->leave - now;
            }
        }

        if (s->state != IDLE) {
            continue;
        }

        if (churn && churn_begun >= churn) {
            s->state = DONE;
            continue;
        }

        if (s->due > now) {
            if (s->due - now < wait) {
                wait = s->due - now;
            }

            continue;
        }

        if (pending < max_pending) {
            begin(s);

        } else if (wait > 1) {
            wait = 1;
        }
    }

    return wait;
}


#define total(field)                                                         \
    ({ uint64_t sum_ = 0; int i_;                                            \
       for (i_ = 0; i_ < nstreams; i_++) { sum_ += streams[i_].field; }      \
       sum_; })


static int64_t
percentile(latency_t *l, double p)
{
    int64_t   ms;
    uint64_t  n, want;

    want = l->n * p;
    n = 0;

    for (ms = 0; ms < LATENCIES; ms++) {
        n += l->ms[ms];
        if (n > want) {
            return ms;
        }
    }

    return LATENCIES - 1;
}


/*
 * Up to when all that was produced, of what is measured, has been received by
 * all who read: the least that any partition of any stream has.
 */

static int64_t
up_to(void)
{
    int        i, t, k, reading;
    part_t    *part;
    int64_t    least;
    stream_t  *s;

    least = INT64_MAX;
    reading = 0;

    for (i = 0; i < nstreams; i++) {
        s = &streams[i];

        if (s->stalled) {
            continue;
        }

        reading++;

        for (t = 0; t < ntopics; t++) {
            if (measured && strcmp(measured, topics[t]) != 0) {
                continue;
            }

            for (k = 0; k < s->topics[t].n; k++) {
                part = &s->topics[t].parts[k];
                least = part->produced < least ? part->produced : least;
            }

            if (k == 0) {
                return 0;
            }
        }
    }

    if (reading == 0) {
        return now_ms();
    }

    return least == INT64_MAX ? 0 : least;
}


/*
 * All streams together.  "open" are those with an answer, "positioned" those
 * of them that have an id, "least" and "most" the different records that a
 * stream has, "up_to" as above; the rest are sums of what stream_t says.
 */

static void
report_total(FILE *f)
{
    int       i, open, complete, positioned;
    uint64_t  least, most;

    open = complete = positioned = 0;
    least = UINT64_MAX;
    most = 0;

    for (i = 0; i < nstreams; i++) {
        open += streams[i].state == BODY;
        positioned += streams[i].state == BODY && streams[i].last_id[0];
        complete += streams[i].complete;
        least = streams[i].unique < least ? streams[i].unique : least;
        most = streams[i].unique > most ? streams[i].unique : most;
    }

    fprintf(f, "\"streams\":%d,\"open\":%d,\"positioned\":%d,\"complete\":%d,"
            "\"least\":%" PRIu64 ",\"most\":%" PRIu64 ",\"churned\":%" PRIu64
            ",\"up_to\":%" PRId64 ",\"commands\":%" PRId64,
            nstreams, open, positioned, complete, least, most, churn_done,
            up_to(), ncommands);

#define sum(field)  fprintf(f, ",\"" #field "\":%" PRIu64, total(field))

    sum(records); sum(unique); sum(repeated); sum(disorder); sum(events);
    sum(resets); sum(ends); sum(comments); sum(id_none); sum(id_bad);
    sum(id_back); sum(id_same); sum(id_wrong); sum(faults); sum(connects);
    sum(clean); sum(cut); sum(cut_chunk); sum(reset); sum(refused);
    sum(dropped); sum(hops); sum(other_status); sum(bytes);

#undef sum
}


static void
report_progress(void)
{
    FILE  *f;
    char   name[4096];

    snprintf(name, sizeof(name), "%s.new", progress_file);

    f = fopen(name, "w");
    if (f == NULL) {
        die("%s: %s", name, strerror(errno));
    }

    fprintf(f, "{");
    report_total(f);
    fprintf(f, "}\n");
    fclose(f);

    rename(name, progress_file);
}


static void
print_string(const char *p)
{
    putchar('"');

    for ( /* void */ ; *p; p++) {
        if (*p == '"' || *p == '\\' || *p < 0x20 || *p == 0x7f) {
            printf("\\u%04x", (unsigned char) *p);
        } else {
            putchar(*p);
        }
    }

    putchar('"');
}


/* [ ms of silence, connections lost, server, what ended it ] of each stream */

static void
report_phases(void)
{
    int         i, k;
    phase_t    *phase;
    silence_t  *sl;

    printf(",\"phases\":[");

    for (i = 0; i < nphases; i++) {
        phase = &phases[i];

        printf("%s{\"name\":", i ? ",\n" : "\n");
        print_string(phase->name);
        printf(",\"begin\":%" PRId64 ",\"end\":%" PRId64
               ",\"p50\":%" PRId64 ",\"p99\":%" PRId64 ",\"each\":[",
               phase->begin, phase->end, phase->p50, phase->p99);

        for (k = 0; k < nstreams; k++) {
            sl = &phase->each[k];

            printf("%s[%" PRId64 ",%d,%d,\"%s/%d:%" PRId64 "\"]",
                   k ? "," : "", sl->ms, sl->cuts, sl->addr,
                   sl->ms ? topics[sl->topic] : "", sl->partition, sl->offset);
        }

        printf("]}");
    }

    printf("]");
}


/* topic, partition and the number of bytes of bits, and these */

static void
report_seen(void)
{
    int      i, k, t;
    FILE    *f;
    part_t  *part;

    f = fopen(seen_file, "w");
    if (f == NULL) {
        die("%s: %s", seen_file, strerror(errno));
    }

    for (i = 0; i < nstreams; i++) {
        for (t = 0; t < ntopics; t++) {
            for (k = 0; k < streams[i].topics[t].n; k++) {
                part = &streams[i].topics[t].parts[k];

                fprintf(f, "%d %s %d %zu\n", i, topics[t], k, part->size);
                fwrite(part->seen, 1, part->size, f);
            }
        }
    }

    if (fclose(f) != 0) {
        die("%s: %s", seen_file, strerror(errno));
    }
}


static void
report(void)
{
    int        i;
    stream_t  *s;

    printf("{");
    report_total(stdout);

    printf(",\"latency\":{\"n\":%" PRIu64 ",\"p50\":%" PRId64
           ",\"p99\":%" PRId64 ",\"max\":%" PRId64 "}",
           latency.n, percentile(&latency, 0.5), percentile(&latency, 0.99),
           percentile(&latency, 0.999999));

    printf(",\"first_fault\":");
    print_string(first_fault);

    report_phases();

    printf(",\"each\":[");

    for (i = 0; i < nstreams; i++) {
        s = &streams[i];

        printf("%s{\"records\":%" PRIu64 ",\"unique\":%" PRIu64
               ",\"repeated\":%" PRIu64 ",\"disorder\":%" PRIu64
               ",\"connects\":%" PRIu64 ",\"resets\":%" PRIu64
               ",\"status\":%d,\"digest\":\"%016" PRIx64
               "\",\"order\":\"%016" PRIx64 "\",\"last_id\":",
               i ? ",\n" : "\n", s->records, s->unique, s->repeated,
               s->disorder, s->connects, s->resets, s->status, s->digest,
               s->order);
        print_string(s->last_id);
        printf("}");
    }

    printf("]}\n");
}


/* commands */

static void
end_phase(void)
{
    int       i;
    phase_t  *phase;

    if (nphases == 0) {
        return;
    }

    phase = &phases[nphases - 1];
    phase->end = now_ms();
    phase->p50 = percentile(&phase_latency, 0.5);
    phase->p99 = percentile(&phase_latency, 0.99);

    for (i = 0; i < nstreams; i++) {
        phase->each[i] = streams[i].silence;
    }
}


static void
begin_phase(const char *name)
{
    int       i;
    phase_t  *phase;

    end_phase();

    phases = realloc(phases, (nphases + 1) * sizeof(phase_t));
    phase = &phases[nphases++];
    phase->name = strdup(name);
    phase->begin = now_ms();
    phase->end = 0;
    phase->each = calloc(nstreams, sizeof(silence_t));
    memset(&phase_latency, 0, sizeof(latency_t));

    for (i = 0; i < nstreams; i++) {
        memset(&streams[i].silence, 0, sizeof(silence_t));
    }
}


static void
stall(int from, int to, int on)
{
    stream_t            *s;
    struct epoll_event   ev;

    for (s = &streams[from]; s <= &streams[to] && to < nstreams; s++) {

        if (s->stalled == on) {
            continue;
        }

        s->stalled = on;

        if (s->fd == -1 || s->state == CONNECTING) {
            continue;
        }

        ev.events = EPOLLIN;
        ev.data.ptr = s;
        epoll_ctl(epfd, on ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, s->fd, &ev);
    }
}


static void
until(const char *topic, int32_t partition, int64_t offset)
{
    int  i;

    for (i = 0; i < nstreams; i++) {
        part_of(&streams[i], topic_index(topic), partition)->until = offset;
    }
}


static void
take_command(char *line)
{
    int        a, b, i;
    char      *slash;
    char       name[256];
    long long  offset;

    if (strncmp(line, "phase ", 6) == 0) {
        begin_phase(line + 6);

    } else if (sscanf(line, "stall %d %d", &a, &b) == 2) {
        stall(a, b, 1);

    } else if (sscanf(line, "go %d %d", &a, &b) == 2) {
        stall(a, b, 0);

    } else if (sscanf(line, "until %255s %lld", name, &offset) == 2
               && (slash = strrchr(name, '/')) != NULL)
    {
        *slash = '\0';
        until(name, atoi(slash + 1), offset);

    } else if (strcmp(line, "finish") == 0) {
        untils = 1;

        for (i = 0; i < nstreams; i++) {
            streams[i].complete = has_all(&streams[i]);
        }

    } else {
        die("command \"%s\"", line);
    }

    ncommands++;
}


static void
take_commands(void)
{
    char          *lf;
    ssize_t        n;
    static char    buf[65536];
    static size_t  len;

    n = read(STDIN_FILENO, buf + len, sizeof(buf) - len - 1);
    if (n <= 0) {
        return;
    }

    len += n;
    buf[len] = '\0';

    while ((lf = memchr(buf, '\n', len)) != NULL) {
        *lf = '\0';
        take_command(buf);

        len -= lf + 1 - buf;
        memmove(buf, lf + 1, len + 1);
    }
}


static void
loop(void)
{
    int                  i, n, wait;
    int64_t              deadline, progress, finish, now;
    stream_t            *s;
    struct epoll_event   events[256];

    now = now_ms();
    deadline = now + limit;
    progress = 0;
    finish = 0;

    while (!stop) {
        wait = begin_due();
        n = epoll_wait(epfd, events, 256, wait);

        for (i = 0; i < n; i++) {
            s = events[i].data.ptr;

            if (s == NULL) {
                take_commands();

            } else if (s->state == CONNECTING) {
                writable(s);

            } else if (s->fd != -1) {
                readable(s);
            }
        }

        now = now_ms();

        if (progress_file && now >= progress) {
            report_progress();
            progress = now + 200;
        }

        if (now > deadline) {
            break;
        }

        if (finish) {
            if (now > finish) {
                break;
            }

            continue;
        }

        for (i = 0; i < nstreams; i++) {
            if (streams[i].state != DONE && !streams[i].complete) {
                break;
            }
        }

        if (i == nstreams) {
            finish = now + linger;
        }
    }
}


static void
load_ids(const char *name)
{
    int    i;
    FILE  *f;

    f = fopen(name, "r");
    if (f == NULL) {
        die("%s: %s", name, strerror(errno));
    }

    for (i = 0; i < nstreams; i++) {
        if (fgets(streams[i].last_id, MAX_ID, f) == NULL) {
            rewind(f);

            if (fgets(streams[i].last_id, MAX_ID, f) == NULL) {
                die("%s: no id", name);
            }
        }

        streams[i].last_id[strcspn(streams[i].last_id, "\n")] = '\0';
    }

    fclose(f);
}


static void
add_addr(char *text)
{
    char  *colon;

    colon = strrchr(text, ':');
    if (colon == NULL || naddrs == MAX_ADDRS) {
        die("bad address \"%s\"", text);
    }

    *colon++ = '\0';

    addrs[naddrs].sin_family = AF_INET;
    addrs[naddrs].sin_port = htons(atoi(colon));

    if (inet_pton(AF_INET, text, &addrs[naddrs].sin_addr) != 1) {
        die("bad address \"%s\"", text);
    }

    naddrs++;
}


int
main(int argc, char **argv)
{
    int                 c, i;
    struct rlimit       rl;
    struct epoll_event  ev;

    while ((c = getopt(argc, argv, "a:u:n:H:i:e:l:t:r:Rd:C:c:f:S:h:b:m:q:j:"
                             "s:L:I")) != -1)
    {
        switch (c) {

        case 'a': add_addr(optarg); break;
        case 'u':
            if (npaths == MAX_PATHS) {
                die("too many paths");
            }

            paths[npaths++] = optarg;
            break;

        case 'n': nstreams = atoi(optarg); break;
        case 'H':
            i = strlen(extra_headers);
            snprintf(extra_headers + i, sizeof(extra_headers) - i, "%s\r\n",
                     optarg);
            break;

        case 'i': by_event = strcmp(optarg, "event") == 0; break;
        case 'e': expect = strtoull(optarg, NULL, 10); break;
        case 'l': linger = atol(optarg); break;
        case 't': limit = atof(optarg) * 1000; break;
        case 'r': retry_ms = atol(optarg); break;
        case 'R': no_reconnect = 1; break;
        case 'd': drop_mean = atol(optarg); break;
        case 'C': churn = strtoull(optarg, NULL, 10); break;
        case 'c': max_pending = atoi(optarg); break;
        case 'f': progress_file = optarg; break;
        case 'S': srandom(atoi(optarg)); break;
        case 'h': hop_mean = atol(optarg); break;
        case 'b': cut_mean = atol(optarg); break;
        case 'm': retry_max = atol(optarg); break;
        case 'q': measured = optarg; break;
        case 's': seen_file = optarg; break;
        case 'L': ids_file = optarg; break;
        case 'I': commands = 1; break;
        case 'j':
            journal = fopen(optarg, "w");
            if (journal == NULL) {
                die("%s: %s", optarg, strerror(errno));
            }

            break;

        default: return 2;
        }
    }

    if (naddrs == 0 || npaths == 0 || optind != argc || nstreams < 1) {
        die("see the head of t/tool/sse.c for the options");
    }

    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);

    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);

    epfd = epoll_create1(EPOLL_CLOEXEC);
    streams = calloc(nstreams, sizeof(stream_t));

    for (i = 0; i < nstreams; i++) {
        streams[i].fd = -1;
        streams[i].number = i;
        streams[i].turn = i;
        streams[i].retry = 3000;
    }

    if (ids_file) {
        load_ids(ids_file);
    }

    if (commands) {
        ev.events = EPOLLIN;
        ev.data.ptr = NULL;
        fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);

        if (epoll_ctl(epfd, EPOLL_CTL_ADD, STDIN_FILENO, &ev) == -1) {
            die("stdin: %s", strerror(errno));
        }
    }

    loop();
    end_phase();

    if (progress_file) {
        report_progress();
    }

    if (seen_file) {
        report_seen();
    }

    for (i = 0; i < nstreams; i++) {
        note_end(&streams[i], "finished");
    }

    if (journal && fclose(journal) != 0) {
        die("journal: %s", strerror(errno));
    }

    report();

    return 0;
}
