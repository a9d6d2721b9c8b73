
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_topics.h>
#include <companion/ngx_kafka_sse_ride.h>


/* bytes */

#define NGX_KAFKA_SSE_RIDE_SHARE   (256 * 1024)       /* read in a turn */
#define NGX_KAFKA_SSE_RIDE_SEND    (512 * 1024)       /* given in a turn */
#define NGX_KAFKA_SSE_RIDE_GIVE    4096               /* at least, to each */
#define NGX_KAFKA_SSE_RIDE_WINDOWS (8 * 1024 * 1024)  /* all of them */
#define NGX_KAFKA_SSE_RIDE_WINDOW  (64 * 1024)        /* one, at least */
#define NGX_KAFKA_SSE_RIDE_ENOUGH  (1024 * 1024)      /* if nobody is ready */
#define NGX_KAFKA_SSE_RIDE_LONG    (4 * 1024 * 1024)  /* if others wait */

/* ms without a rider who is ready */

#define NGX_KAFKA_SSE_RIDE_YIELD   20                 /* to others */
#define NGX_KAFKA_SSE_RIDE_KEEP    5000               /* the window */


struct ngx_kafka_sse_ride_record_s {
    ngx_queue_t                      queue;
    size_t                           size;
    ngx_kafka_sse_record_t           rec;      /* its bytes follow */
};


/* a partition */

struct ngx_kafka_sse_ride_s {
    ngx_kafka_sse_rides_t           *rides;
    ngx_kafka_sse_topic_t           *topic;
    int32_t                          partition;

    ngx_queue_t                      queue;    /* of those to look at */
    ngx_queue_t                      riders;
    ngx_queue_t                      waiters;
    ngx_queue_t                      window;

    int64_t                          from;     /* the window has all of */
    int64_t                          place;    /* [from, place) */
    int64_t                          nearest;  /* no waiter wants one in
                                                  [place, nearest) */
    ngx_kafka_sse_ride_record_t     *fresh;    /* nobody has seen it or what
                                                  follows */
    size_t                           bytes;    /* in the window */
    size_t                           ridden;   /* bytes since its begin */

    ngx_event_t                      hold;     /* nobody is ready */

    unsigned                         look:1;   /* it is in that queue */
    unsigned                         ridden_on:1;  /* has riders */
    unsigned                         ready:1;  /* one of them is */
    unsigned                         running:1;
    unsigned                         ended:1;  /* place is Kafka's end */
    unsigned                         gone:1;   /* Kafka has nothing there */
    unsigned                         held:1;   /* for long nobody was ready */
};


typedef struct {
    ngx_kafka_sse_topic_t           *topic;
    ngx_kafka_sse_ride_t            *partitions[NGX_KAFKA_SSE_PARTITIONS_MAX];
} ngx_kafka_sse_rides_topic_t;


struct ngx_kafka_sse_rides_s {
    ngx_kafka_sse_main_conf_t       *conf;
    ngx_kafka_sse_reader_t          *reader;
    ngx_kafka_sse_reader_sink_t      sink;
    ngx_kafka_sse_rider_handlers_t  *handlers;
    ngx_log_t                       *log;

    ngx_kafka_sse_rides_topic_t     *topics;
    ngx_uint_t                       ntopics;

    ngx_uint_t                       n;        /* rides with riders */
    ngx_uint_t                       ready;    /* ... who are ready */
    size_t                           bytes;    /* in all windows */

    ngx_queue_t                      looks;    /* rides to look at */
    ngx_event_t                      turn;
};


static ngx_kafka_sse_ride_t **ngx_kafka_sse_rides_slot(
    ngx_kafka_sse_rides_t *rides, ngx_kafka_sse_topic_t *topic,
    int32_t partition);
static ngx_kafka_sse_ride_t *ngx_kafka_sse_rides_partition(
    ngx_kafka_sse_rides_t *rides, ngx_kafka_sse_topic_t *topic,
    int32_t partition);
static void ngx_kafka_sse_ride_record(void *data,
    ngx_kafka_sse_topic_t *topic, ngx_kafka_sse_record_t *rec, int64_t end);
static ngx_kafka_sse_ride_record_t *ngx_kafka_sse_ride_copy(
    ngx_kafka_sse_ride_t *ride, ngx_kafka_sse_record_t *rec);
static u_char *ngx_kafka_sse_ride_copy_str(u_char *p, ngx_str_t *to,
    ngx_str_t *from);
static void ngx_kafka_sse_ride_eof(void *data, ngx_kafka_sse_topic_t *topic,
    int32_t partition, int64_t offset);
static void ngx_kafka_sse_ride_out_of_range(void *data,
    ngx_kafka_sse_topic_t *topic, int32_t partition);
static void ngx_kafka_sse_ride_advance(ngx_kafka_sse_ride_t *ride,
    int64_t place, ngx_kafka_sse_ride_record_t *r);
static void ngx_kafka_sse_ride_find_nearest(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_ride_look(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_rides_turn_handler(ngx_event_t *ev);
static size_t ngx_kafka_sse_ride_give(ngx_kafka_sse_ride_t *ride);
static size_t ngx_kafka_sse_ride_give_rider(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_rider_t *rider, size_t max);
static void ngx_kafka_sse_ride_note(ngx_kafka_sse_ride_t *ride,
    ngx_uint_t ridden_on, ngx_uint_t ready);
static size_t ngx_kafka_sse_ride_window(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_rides_hold(ngx_kafka_sse_rides_t *rides);
static void ngx_kafka_sse_ride_trim(ngx_kafka_sse_ride_t *ride,
    ngx_uint_t ready);
static void ngx_kafka_sse_ride_drop(ngx_kafka_sse_ride_t *ride);
static ngx_kafka_sse_ride_record_t *ngx_kafka_sse_ride_next(
    ngx_kafka_sse_ride_t *ride, ngx_kafka_sse_ride_record_t *r);
static ngx_uint_t ngx_kafka_sse_ride_ready(ngx_kafka_sse_ride_t *ride,
    ngx_uint_t *hungry);
static ngx_uint_t ngx_kafka_sse_ride_wanted(ngx_kafka_sse_ride_t *ride);
static ngx_uint_t ngx_kafka_sse_ride_over(ngx_kafka_sse_ride_t *ride,
    ngx_uint_t ready, ngx_uint_t hungry, ngx_uint_t wanted);
static void ngx_kafka_sse_ride_go_on(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_ride_hold(ngx_kafka_sse_ride_t *ride,
    ngx_uint_t wanted);
static void ngx_kafka_sse_ride_hold_handler(ngx_event_t *ev);
static void ngx_kafka_sse_ride_begin(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_ride_stop(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_ride_end(ngx_kafka_sse_ride_t *ride);
static void ngx_kafka_sse_ride_get_off(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_rider_t *rider);


/*
 * Small pieces, as what has been fetched is lost when a ride ends; and no long
 * poll, which a look-up or the next ride would have to wait for
 */

static ngx_kafka_sse_property_t  ngx_kafka_sse_ride_defaults[] = {
    { "fetch.wait.max.ms", "20" },
    { "fetch.error.backoff.ms", "100" },
    { "queued.max.messages.kbytes", "4096" },
    { "fetch.message.max.bytes", "262144" },
    { NULL, NULL }
};


ngx_kafka_sse_rides_t *
ngx_kafka_sse_rides_create(ngx_pool_t *pool, ngx_kafka_sse_main_conf_t *kmcf,
    ngx_kafka_sse_cluster_t *cluster,
    ngx_kafka_sse_rider_handlers_t *handlers, ngx_log_t *log)
{
    ngx_uint_t               i;
    ngx_kafka_sse_topic_t  **topics;
    ngx_kafka_sse_rides_t   *rides;

    rides = ngx_pcalloc(pool, sizeof(ngx_kafka_sse_rides_t));
    if (rides == NULL) {
        return NULL;
    }

    topics = cluster->topics.elts;
    rides->ntopics = cluster->topics.nelts;

    rides->topics = ngx_pcalloc(pool, rides->ntopics
                                      * sizeof(ngx_kafka_sse_rides_topic_t));
    if (rides->topics == NULL) {
        return NULL;
    }

    for (i = 0; i < rides->ntopics; i++) {
        rides->topics[i].topic = topics[i];
    }

    rides->conf = kmcf;
    rides->handlers = handlers;
    rides->log = log;

    ngx_queue_init(&rides->looks);

    rides->turn.handler = ngx_kafka_sse_rides_turn_handler;
    rides->turn.data = rides;
    rides->turn.log = log;

    rides->sink.data = rides;
    rides->sink.role = "replay";
    rides->sink.defaults = ngx_kafka_sse_ride_defaults;
    rides->sink.share = NGX_KAFKA_SSE_RIDE_SHARE;
    rides->sink.record = ngx_kafka_sse_ride_record;
    rides->sink.eof = ngx_kafka_sse_ride_eof;
    rides->sink.out_of_range = ngx_kafka_sse_ride_out_of_range;

    rides->reader = ngx_kafka_sse_reader_create(pool, cluster, &rides->sink,
                                                log);
    if (rides->reader == NULL) {
        return NULL;
    }

    return rides;
}


ngx_kafka_sse_reader_t *
ngx_kafka_sse_rides_reader(ngx_kafka_sse_rides_t *rides)
{
    return rides->reader;
}


static ngx_kafka_sse_ride_t **
ngx_kafka_sse_rides_slot(ngx_kafka_sse_rides_t *rides,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_uint_t  i;

    for (i = 0; i < rides->ntopics - 1; i++) {
        if (rides->topics[i].topic == topic) {
            break;
        }
    }

    return &rides->topics[i].partitions[partition];
}


static ngx_kafka_sse_ride_t *
ngx_kafka_sse_rides_partition(ngx_kafka_sse_rides_t *rides,
    ngx_kafka_sse_topic_t *topic, int32_t partition)
{
    ngx_kafka_sse_ride_t  *ride, **slot;

    slot = ngx_kafka_sse_rides_slot(rides, topic, partition);
    ride = *slot;

    if (ride) {
        return ride;
    }

    ride = ngx_calloc(sizeof(ngx_kafka_sse_ride_t), rides->log);
    if (ride == NULL) {
        return NULL;
    }

    ride->rides = rides;
    ride->topic = topic;
    ride->partition = partition;
    ride->nearest = INT64_MAX;

    ngx_queue_init(&ride->riders);
    ngx_queue_init(&ride->waiters);
    ngx_queue_init(&ride->window);

    ride->hold.handler = ngx_kafka_sse_ride_hold_handler;
    ride->hold.data = ride;
    ride->hold.log = rides->log;

    *slot = ride;

    return ride;
}


ngx_int_t
ngx_kafka_sse_ride_board(ngx_kafka_sse_rides_t *rides,
    ngx_kafka_sse_rider_t *rider, ngx_kafka_sse_topic_t *topic,
    int32_t partition, int64_t from)
{
    ngx_queue_t                  *q;
    ngx_kafka_sse_ride_t         *ride;
    ngx_kafka_sse_ride_record_t  *r;

    ngx_kafka_sse_ride_leave(rider);

    ride = ngx_kafka_sse_rides_partition(rides, topic, partition);
    if (ride == NULL) {
        return NGX_ERROR;
    }

    rider->ride = ride;
    rider->rec = NULL;
    rider->next = from;
    rider->told = -1;

    if (ngx_queue_empty(&ride->riders)
        || from < ride->from || from > ride->place)
    {
        ngx_queue_insert_tail(&ride->waiters, &rider->queue);

        if (from >= ride->place) {
            ride->nearest = ngx_min(ride->nearest, from);
        }

    } else {

        for (q = ngx_queue_last(&ride->window);
             q != ngx_queue_sentinel(&ride->window);
             q = ngx_queue_prev(q))
        {
            r = ngx_queue_data(q, ngx_kafka_sse_ride_record_t, queue);

            if (r->rec.offset < from) {
                break;
            }

            rider->rec = r;
        }

        ngx_queue_insert_tail(&ride->riders, &rider->queue);
    }

    ngx_kafka_sse_ride_look(ride);

    return NGX_OK;
}


void
ngx_kafka_sse_ride_leave(ngx_kafka_sse_rider_t *rider)
{
    ngx_kafka_sse_ride_t  *ride;

    ride = rider->ride;

    if (ride == NULL) {
        return;
    }

    ngx_queue_remove(&rider->queue);
    rider->ride = NULL;

    ngx_kafka_sse_ride_look(ride);
}


void
ngx_kafka_sse_ride_wake(ngx_kafka_sse_rider_t *rider)
{
    if (rider->ride) {
        ngx_kafka_sse_ride_look(rider->ride);
    }
}


static void
ngx_kafka_sse_ride_record(void *data, ngx_kafka_sse_topic_t *topic,
    ngx_kafka_sse_record_t *rec, int64_t end)
{
    ngx_kafka_sse_rides_t *rides = data;

    ngx_kafka_sse_ride_t         *ride;
    ngx_kafka_sse_ride_record_t  *r;

    ride = *ngx_kafka_sse_rides_slot(rides, topic, rec->partition);

    r = ngx_kafka_sse_ride_copy(ride, rec);
    if (r == NULL) {

        /* as if nobody were ready: later there may be memory */

        ngx_kafka_sse_ride_end(ride);
        ngx_add_timer(&ride->hold, NGX_KAFKA_SSE_RIDE_KEEP);
        return;
    }

    ngx_queue_insert_tail(&ride->window, &r->queue);
    ride->bytes += r->size;
    rides->bytes += r->size;
    ride->ridden += r->size;
    ride->ended = 0;

    if (ride->fresh == NULL) {
        ride->fresh = r;
    }

    ngx_kafka_sse_ride_advance(ride, rec->offset + 1, r);
}


static ngx_kafka_sse_ride_record_t *
ngx_kafka_sse_ride_copy(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_record_t *rec)
{
    u_char                       *p;
    size_t                        size;
    ngx_kafka_sse_ride_record_t  *r;

    ngx_kafka_sse_field_extract(rec, ride->topic->paths,
                                ride->rides->conf->cloudevents);

    size = sizeof(ngx_kafka_sse_ride_record_t)
           + rec->key.len + rec->value.len + rec->headers.len
           + rec->fields.len;

    r = ngx_alloc(size, ride->rides->log);
    if (r == NULL) {
        return NULL;
    }

    r->size = size;
    r->rec = *rec;

    p = (u_char *) r + sizeof(ngx_kafka_sse_ride_record_t);
    p = ngx_kafka_sse_ride_copy_str(p, &r->rec.key, &rec->key);
    p = ngx_kafka_sse_ride_copy_str(p, &r->rec.value, &rec->value);
    p = ngx_kafka_sse_ride_copy_str(p, &r->rec.headers, &rec->headers);
    (void) ngx_kafka_sse_ride_copy_str(p, &r->rec.fields, &rec->fields);

    return r;
}


/* null stays null, and empty is not */

static u_char *
ngx_kafka_sse_ride_copy_str(u_char *p, ngx_str_t *to, ngx_str_t *from)
{
    if (from->data == NULL) {
        return p;
    }

    to->data = p;

    return ngx_cpymem(p, from->data, from->len);
}


static void
ngx_kafka_sse_ride_eof(void *data, ngx_kafka_sse_topic_t *topic,
    int32_t partition, int64_t offset)
{
    ngx_kafka_sse_rides_t *rides = data;

    ngx_kafka_sse_ride_t  *ride;

    ride = *ngx_kafka_sse_rides_slot(rides, topic, partition);

    ride->ended = 1;

    ngx_kafka_sse_ride_advance(ride, offset, NULL);
}


static void
ngx_kafka_sse_ride_out_of_range(void *data, ngx_kafka_sse_topic_t *topic,
    int32_t partition)
{
    ngx_kafka_sse_rides_t *rides = data;

    ngx_kafka_sse_ride_t  *ride;

    ride = *ngx_kafka_sse_rides_slot(rides, topic, partition);

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, rides->log, 0,
                   "kafka_sse ride finds nothing at %V/%D:%L", &topic->name,
                   partition, ride->place);

    ride->running = 0;
    ride->gone = 1;

    ngx_kafka_sse_ride_look(ride);
}


/* whoever waits for what lies between gets on, r is the first he wants */

static void
ngx_kafka_sse_ride_advance(ngx_kafka_sse_ride_t *ride, int64_t place,
    ngx_kafka_sse_ride_record_t *r)
{
    int64_t                 was;
    ngx_queue_t            *q, *next;
    ngx_kafka_sse_rider_t  *rider;

    was = ride->place;
    ride->place = ngx_max(was, place);

    ngx_kafka_sse_ride_look(ride);

    if (ride->nearest > ride->place) {
        return;
    }

    for (q = ngx_queue_head(&ride->waiters);
         q != ngx_queue_sentinel(&ride->waiters);
         q = next)
    {
        next = ngx_queue_next(q);
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (rider->next < was || rider->next > ride->place) {
            continue;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ride->riders, q);

        rider->rec = (r && r->rec.offset >= rider->next) ? r : NULL;
    }

    ngx_kafka_sse_ride_find_nearest(ride);
}


static void
ngx_kafka_sse_ride_find_nearest(ngx_kafka_sse_ride_t *ride)
{
    ngx_queue_t            *q;
    ngx_kafka_sse_rider_t  *rider;

    ride->nearest = INT64_MAX;

    for (q = ngx_queue_head(&ride->waiters);
         q != ngx_queue_sentinel(&ride->waiters);
         q = ngx_queue_next(q))
    {
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (rider->next >= ride->place) {
            ride->nearest = ngx_min(ride->nearest, rider->next);
        }
    }
}


static void
ngx_kafka_sse_ride_look(ngx_kafka_sse_ride_t *ride)
{
    if (!ride->look) {
        ride->look = 1;
        ngx_queue_insert_tail(&ride->rides->looks, &ride->queue);
    }

    if (!ride->rides->turn.posted) {
        ngx_post_event(&ride->rides->turn, &ngx_posted_events);
    }
}


static void
ngx_kafka_sse_rides_turn_handler(ngx_event_t *ev)
{
    size_t                  sent;
    ngx_queue_t            *q;
    ngx_kafka_sse_ride_t   *ride;
    ngx_kafka_sse_rides_t  *rides;

    rides = ev->data;
    sent = 0;

    while (!ngx_queue_empty(&rides->looks)) {

        if (sent >= NGX_KAFKA_SSE_RIDE_SEND) {
            if (ev->posted) {
                ngx_delete_posted_event(ev);
            }

            ngx_post_event(ev, &ngx_posted_next_events);
            break;
        }

        q = ngx_queue_head(&rides->looks);

        /* clang-tidy takes a queue that is not empty for an unlinked one */
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        ngx_queue_remove(q);

        ride = ngx_queue_data(q, ngx_kafka_sse_ride_t, queue);
        ride->look = 0;

        sent += ngx_kafka_sse_ride_give(ride);

        ngx_kafka_sse_ride_go_on(ride);
    }

    /* looked at and changed meanwhile: nothing is left to do now */

    if (ev->posted && ngx_queue_empty(&rides->looks)) {
        ngx_delete_posted_event(ev);
    }

    ngx_kafka_sse_rides_hold(rides);
}


/*
 * When nobody is ready, and there is enough for those who will be, librdkafka
 * keeps the rest: to stop it would lose what it has fetched
 */

static void
ngx_kafka_sse_rides_hold(ngx_kafka_sse_rides_t *rides)
{
    ngx_kafka_sse_reader_hold(rides->reader,
                              rides->n && rides->ready == 0
                              && rides->bytes > NGX_KAFKA_SSE_RIDE_ENOUGH);
}


/* counts who rides */

static void
ngx_kafka_sse_ride_note(ngx_kafka_sse_ride_t *ride, ngx_uint_t ridden_on,
    ngx_uint_t ready)
{
    ride->rides->n += ridden_on - ride->ridden_on;
    ride->rides->ready += ready - ride->ready;

    ride->ridden_on = ridden_on;
    ride->ready = ready;
}


static size_t
ngx_kafka_sse_ride_window(ngx_kafka_sse_ride_t *ride)
{
    return ngx_max(NGX_KAFKA_SSE_RIDE_WINDOWS / ngx_max(ride->rides->n, 8),
                   NGX_KAFKA_SSE_RIDE_WINDOW);
}


/* everybody in turn gets his share; who has more to come is looked at again */

static size_t
ngx_kafka_sse_ride_give(ngx_kafka_sse_ride_t *ride)
{
    size_t                           max, n, sent;
    ngx_uint_t                       riders;
    ngx_queue_t                     *q, *next;
    ngx_kafka_sse_rider_t           *rider;
    ngx_kafka_sse_rider_handlers_t  *handlers;

    handlers = ride->rides->handlers;
    riders = 0;

    for (q = ngx_queue_head(&ride->riders);
         q != ngx_queue_sentinel(&ride->riders);
         q = ngx_queue_next(q))
    {
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);
        riders++;

        if (rider->rec == NULL) {
            rider->rec = ride->fresh;
        }
    }

    ride->fresh = NULL;

    if (riders == 0) {
        return 0;
    }

    max = ngx_max(NGX_KAFKA_SSE_RIDE_SEND / 16 / riders,
                  NGX_KAFKA_SSE_RIDE_GIVE);
    sent = 0;

    for (q = ngx_queue_head(&ride->riders);
         q != ngx_queue_sentinel(&ride->riders);
         q = next)
    {
        next = ngx_queue_next(q);
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        n = ngx_kafka_sse_ride_give_rider(ride, rider, max);
        sent += n;

        if (rider->rec) {
            if (n >= max) {
                ngx_kafka_sse_ride_look(ride);
            }

            continue;
        }

        rider->next = ngx_max(rider->next, ride->place);

        if (ride->gone) {
            ngx_queue_remove(&rider->queue);
            rider->ride = NULL;

            handlers->gone(rider);

        } else if (ride->ended && rider->told != ride->place) {
            rider->told = ride->place;
            handlers->end(rider, ride->place);
        }
    }

    return sent;
}


static size_t
ngx_kafka_sse_ride_give_rider(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_rider_t *rider, size_t max)
{
    size_t                           sent;
    ngx_kafka_sse_ride_record_t     *r;
    ngx_kafka_sse_rider_handlers_t  *handlers;

    handlers = ride->rides->handlers;

    for (sent = 0; rider->rec && sent < max; /* void */ ) {
        r = rider->rec;

        if (r->rec.offset >= rider->next) {

            if (!handlers->ready(rider)) {
                break;
            }

            handlers->record(rider, &r->rec);

            sent += r->size;
            rider->next = r->rec.offset + 1;
        }

        rider->rec = ngx_kafka_sse_ride_next(ride, r);
    }

    return sent;
}


static ngx_kafka_sse_ride_record_t *
ngx_kafka_sse_ride_next(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_ride_record_t *r)
{
    ngx_queue_t  *q;

    q = ngx_queue_next(&r->queue);

    return (q == ngx_queue_sentinel(&ride->window))
           ? NULL : ngx_queue_data(q, ngx_kafka_sse_ride_record_t, queue);
}


/*
 * Forgets what all riders have had.  While somebody is ready, those who are so
 * far behind that the window is too large are left behind.
 */

static void
ngx_kafka_sse_ride_trim(ngx_kafka_sse_ride_t *ride, ngx_uint_t ready)
{
    size_t                        window;
    int64_t                       lowest;
    ngx_uint_t                    left;
    ngx_queue_t                  *q, *next;
    ngx_kafka_sse_rider_t        *rider;
    ngx_kafka_sse_ride_record_t  *r;

    window = ngx_kafka_sse_ride_window(ride);
    lowest = ride->place;
    left = 0;

    for (q = ngx_queue_head(&ride->riders);
         q != ngx_queue_sentinel(&ride->riders);
         q = ngx_queue_next(q))
    {
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (rider->rec) {
            lowest = ngx_min(lowest, rider->rec->rec.offset);
        }
    }

    while (!ngx_queue_empty(&ride->window)) {

        q = ngx_queue_head(&ride->window);
        r = ngx_queue_data(q, ngx_kafka_sse_ride_record_t, queue);

        if (r->rec.offset >= lowest) {

            if (!ready || ride->bytes <= window) {
                break;
            }

            left = 1;
        }

        ngx_kafka_sse_ride_drop(ride);
    }

    if (!left) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ride->rides->log, 0,
                   "kafka_sse ride leaves behind who wants what is before "
                   "%V/%D:%L", &ride->topic->name, ride->partition,
                   ride->from);

    for (q = ngx_queue_head(&ride->riders);
         q != ngx_queue_sentinel(&ride->riders);
         q = next)
    {
        next = ngx_queue_next(q);
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (rider->next < ride->from) {
            ngx_kafka_sse_ride_get_off(ride, rider);
        }
    }
}


static void
ngx_kafka_sse_ride_drop(ngx_kafka_sse_ride_t *ride)
{
    ngx_queue_t                  *q;
    ngx_kafka_sse_ride_record_t  *r;

    q = ngx_queue_head(&ride->window);
    r = ngx_queue_data(q, ngx_kafka_sse_ride_record_t, queue);

    ngx_queue_remove(q);

    ride->from = r->rec.offset + 1;
    ride->bytes -= r->size;
    ride->rides->bytes -= r->size;

    ngx_free(r);
}


/* how many could be given a record; *hungry: of these have had the window */

static ngx_uint_t
ngx_kafka_sse_ride_ready(ngx_kafka_sse_ride_t *ride, ngx_uint_t *hungry)
{
    ngx_uint_t              ready;
    ngx_queue_t            *q;
    ngx_kafka_sse_rider_t  *rider;

    ready = 0;
    *hungry = 0;

    for (q = ngx_queue_head(&ride->riders);
         q != ngx_queue_sentinel(&ride->riders);
         q = ngx_queue_next(q))
    {
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (ride->rides->handlers->ready(rider)) {
            ready++;
            *hungry += (rider->rec == NULL);
        }
    }

    return ready;
}


/* is there somebody who would begin a ride? */

static ngx_uint_t
ngx_kafka_sse_ride_wanted(ngx_kafka_sse_ride_t *ride)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&ride->waiters);
         q != ngx_queue_sentinel(&ride->waiters);
         q = ngx_queue_next(q))
    {
        if (ride->rides->handlers->ready(ngx_queue_data(q,
                                         ngx_kafka_sse_rider_t, queue)))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Is the ride over: when nobody is on it, or nobody has been ready for a
 * while, or others wait and all is given to its end, or it has been long?
 */

static ngx_uint_t
ngx_kafka_sse_ride_over(ngx_kafka_sse_ride_t *ride, ngx_uint_t ready,
    ngx_uint_t hungry, ngx_uint_t wanted)
{
    if (ngx_queue_empty(&ride->riders)) {
        return 1;
    }

    if (ready == 0) {
        return ride->held;
    }

    return wanted
           && (ride->ridden >= NGX_KAFKA_SSE_RIDE_LONG
               || (ride->ended && ready == hungry));
}


/* what has been given decides what is read on */

static void
ngx_kafka_sse_ride_go_on(ngx_kafka_sse_ride_t *ride)
{
    ngx_uint_t  ready, hungry, wanted;

    ready = ngx_kafka_sse_ride_ready(ride, &hungry);
    wanted = ngx_kafka_sse_ride_wanted(ride);

    if (ngx_kafka_sse_ride_over(ride, ready, hungry, wanted)) {
        ngx_kafka_sse_ride_end(ride);
        ngx_kafka_sse_ride_begin(ride);
        return;
    }

    ngx_kafka_sse_ride_note(ride, 1, ready > 0);
    ngx_kafka_sse_ride_trim(ride, ready);

    if (!ready) {
        ngx_kafka_sse_ride_hold(ride, wanted);

        /* if nobody is ready anywhere the reader is held instead */

        if (ride->rides->ready
            && ride->bytes > ngx_kafka_sse_ride_window(ride))
        {
            ngx_kafka_sse_ride_stop(ride);
        }

        return;
    }

    if (ride->hold.timer_set) {
        ngx_del_timer(&ride->hold);
    }

    ride->held = 0;

    if (!ride->running && !ride->gone
        && (hungry || ride->bytes <= ngx_kafka_sse_ride_window(ride) / 2))
    {
        ride->running = 1;
        ngx_kafka_sse_reader_start(ride->rides->reader, ride->topic,
                                   ride->partition, ride->place, 0);
    }
}


static void
ngx_kafka_sse_ride_hold(ngx_kafka_sse_ride_t *ride, ngx_uint_t wanted)
{
    ngx_msec_t  delay;

    delay = wanted ? NGX_KAFKA_SSE_RIDE_YIELD : NGX_KAFKA_SSE_RIDE_KEEP;

    if (!ride->hold.timer_set
        || (ngx_msec_int_t) (ride->hold.timer.key - ngx_current_msec)
           > (ngx_msec_int_t) delay)
    {
        ngx_add_timer(&ride->hold, delay);
    }
}


static void
ngx_kafka_sse_ride_hold_handler(ngx_event_t *ev)
{
    ngx_kafka_sse_ride_t  *ride;

    ride = ev->data;
    ride->held = 1;

    ngx_kafka_sse_ride_look(ride);
}


/* as a lift goes: the lowest place above, else the lowest of all */

static void
ngx_kafka_sse_ride_begin(ngx_kafka_sse_ride_t *ride)
{
    int64_t                 next;
    ngx_queue_t            *q;
    ngx_kafka_sse_rider_t  *rider, *first;

    first = NULL;

    for (q = ngx_queue_head(&ride->waiters);
         q != ngx_queue_sentinel(&ride->waiters);
         q = ngx_queue_next(q))
    {
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        if (first
            && ((rider->next > ride->place) == (first->next > ride->place)
                ? rider->next >= first->next
                : rider->next <= ride->place))
        {
            continue;
        }

        if (ride->rides->handlers->ready(rider)) {
            first = rider;
        }
    }

    if (first == NULL) {
        return;
    }

    next = first->next;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ride->rides->log, 0,
                   "kafka_sse ride begins at %V/%D:%L", &ride->topic->name,
                   ride->partition, next);

    ride->from = next;
    ride->place = next;
    ride->nearest = next;

    ngx_kafka_sse_ride_advance(ride, next, NULL);
    ngx_kafka_sse_ride_note(ride, 1, 1);

    ride->running = 1;
    ngx_kafka_sse_reader_start(ride->rides->reader, ride->topic,
                               ride->partition, next, 0);
}


static void
ngx_kafka_sse_ride_stop(ngx_kafka_sse_ride_t *ride)
{
    if (ride->running) {
        ride->running = 0;
        ride->ended = 0;
        ngx_kafka_sse_reader_stop(ride->rides->reader, ride->topic,
                                  ride->partition);
    }
}


/* its riders wait with the others, each for his next place */

static void
ngx_kafka_sse_ride_end(ngx_kafka_sse_ride_t *ride)
{
    ngx_queue_t            *q;
    ngx_kafka_sse_rider_t  *rider;

    ngx_kafka_sse_ride_stop(ride);
    ngx_kafka_sse_ride_note(ride, 0, 0);

    if (ride->hold.timer_set) {
        ngx_del_timer(&ride->hold);
    }

    while (!ngx_queue_empty(&ride->riders)) {
        q = ngx_queue_head(&ride->riders);
        rider = ngx_queue_data(q, ngx_kafka_sse_rider_t, queue);

        ngx_kafka_sse_ride_get_off(ride, rider);
    }

    while (!ngx_queue_empty(&ride->window)) {
        ngx_kafka_sse_ride_drop(ride);
    }

    ride->fresh = NULL;
    ride->ridden = 0;
    ride->ended = 0;
    ride->gone = 0;
    ride->held = 0;
}


static void
ngx_kafka_sse_ride_get_off(ngx_kafka_sse_ride_t *ride,
    ngx_kafka_sse_rider_t *rider)
{
    ngx_queue_remove(&rider->queue);
    ngx_queue_insert_tail(&ride->waiters, &rider->queue);

    rider->rec = NULL;
}
