
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * A food-delivery day, as records: the topic "orders" gets one each time an
 * order moves on (key: the order), the topic "couriers" gets five a second of
 * each courier's position (key: the courier).
 *
 *     feed host:port city.json
 *
 * The city is the one the page draws.  The day is always the same one: its
 * chance comes from a fixed seed, its clock is a minute a second.
 *
 * Each record carries its "lane" (the partition) and "n", which counts the
 * lane's records from 1: so a page can prove that it missed none, without
 * trusting whoever brought them.  "day" tells one run of the feed from another.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <librdkafka/rdkafka.h>


#define FEED_COURIERS       12
#define FEED_ORDERS         24         /* on their way at one time */
#define FEED_NODES          512
#define FEED_LANES          64
#define FEED_POINTS         64         /* of a way through the city */

#define FEED_POSITION_MS    200        /* between two of one courier */
#define FEED_ORDER_MS       2100       /* between two orders, on average */
#define FEED_SPEED          58.0       /* units of the map in a second */

#define FEED_OPENS          (11 * 60)  /* the first order of the day, minutes */
#define FEED_HOURS          12


/* a place on a street: between two crossings, a part of the way from a to b */

typedef struct {
    int                a;
    int                b;
    double             part;
} feed_place_t;


typedef struct {
    double             x;
    double             y;
} feed_point_t;


typedef struct {
    json_t            *city;

    int                rows;
    int                columns;
    int                river;          /* flows south of this row */
    feed_point_t       nodes[FEED_NODES];
    char               closed[FEED_NODES][2];   /* to the east, to the south */
} feed_city_t;


typedef enum {
    FEED_NONE = 0,
    FEED_PLACED,
    FEED_COOKING,
    FEED_READY,
    FEED_PICKED_UP,
    FEED_DELIVERED
} feed_status_e;


typedef struct {
    feed_status_e      status;
    int64_t            next;           /* ms, when it moves on by itself */
    int                number;
    int                courier;        /* -1: none yet */
    json_t            *restaurant;     /* the city's */
    json_t            *dish;           /* the city's */
    feed_place_t       from;
    feed_place_t       to;
    char               placed[8];      /* the clock's time */
    char               address[64];
} feed_order_t;


typedef struct {
    const char        *name;
    int                order;          /* -1: free */
    feed_place_t       place;          /* where the way ends */
    feed_point_t       way[FEED_POINTS];
    int                points;
    int                point;          /* the next one of the way */
    double             x;
    double             y;
    int64_t            moved;          /* ms */
    int64_t            idle;           /* ms, when a free one rides on */
} feed_courier_t;


typedef struct {
    const char        *name;
    int                lanes;
    uint64_t           n[FEED_LANES];
} feed_topic_t;


static void feed_city_load(feed_city_t *city, char *path);
static void feed_connect(char *brokers);
static void feed_topic_prepare(feed_topic_t *topic);
static void feed_topic_create(feed_topic_t *topic);
static int feed_topic_lanes(feed_topic_t *topic, int timeout);
static void feed_produce(feed_topic_t *topic, const char *key, json_t *record);
static void feed_error_handler(rd_kafka_t *rk, int err, const char *reason,
    void *data);

static void feed_day_begin(void);
static void feed_order_place(int64_t now);
static void feed_order_step(feed_order_t *order, int64_t now);
static void feed_order_call_courier(feed_order_t *order);
static void feed_order_tell(feed_order_t *order, int64_t now);
static void feed_clock(char *clock, size_t size, int64_t now);
static void feed_courier_step(feed_courier_t *courier, int64_t now);
static int feed_courier_arrived(feed_courier_t *courier);
static void feed_courier_tell(feed_courier_t *courier, int64_t now);

static void feed_way(feed_courier_t *courier, feed_place_t *to);
static int feed_neighbor(int node, int side);
static double feed_distance(int a, int b);
static feed_point_t feed_at(feed_place_t *place);
static feed_place_t feed_corner(json_t *place);
static void feed_home(feed_place_t *place, char *address, size_t size);

static int64_t feed_now(void);
static double feed_random(void);
static int feed_random_int(int n);
static void feed_stop(int signo);


static volatile sig_atomic_t  feed_stopped;

static rd_kafka_t      *feed_rk;
static int64_t          feed_day;            /* its begin, unix time */
static feed_city_t      feed_city;
static feed_topic_t     feed_orders_topic = { .name = "orders" };
static feed_topic_t     feed_couriers_topic = { .name = "couriers" };

static feed_order_t     feed_orders[FEED_ORDERS];
static feed_courier_t   feed_couriers[FEED_COURIERS];
static int              feed_order_number = 1040;
static int64_t          feed_order_next;     /* ms, when the next is placed */


int
main(int argc, char **argv)
{
    int               i, turn;
    int64_t           now, due;
    struct timespec   pause;
    struct sigaction  sa;

    if (argc != 3) {
        fprintf(stderr, "usage: feed host:port city.json\n");
        return 2;
    }

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = feed_stop;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);

    feed_city_load(&feed_city, argv[2]);
    feed_connect(argv[1]);
    feed_topic_prepare(&feed_orders_topic);
    feed_topic_prepare(&feed_couriers_topic);

    printf("feeding %s: orders in %d lanes, couriers in %d\n", argv[1],
           feed_orders_topic.lanes, feed_couriers_topic.lanes);
    fflush(stdout);

    feed_day_begin();

    /* one courier a turn, so the records come evenly */

    due = 0;

    for (turn = 0; !feed_stopped; turn++) {

        now = feed_now();

        if (due + 1000 < now) {
            due = now;       /* we were stopped for a while: no need to hurry */
        }

        if (now >= feed_order_next) {
            feed_order_place(now);
        }

        for (i = 0; i < FEED_ORDERS; i++) {
            feed_order_step(&feed_orders[i], now);
        }

        feed_courier_step(&feed_couriers[turn % FEED_COURIERS], now);

        rd_kafka_poll(feed_rk, 0);

        due += FEED_POSITION_MS / FEED_COURIERS;
        now = feed_now();

        if (due > now) {
            pause.tv_sec = 0;
            pause.tv_nsec = (due - now) * 1000000;
            nanosleep(&pause, NULL);
        }
    }

    rd_kafka_flush(feed_rk, 1000);
    rd_kafka_purge(feed_rk, RD_KAFKA_PURGE_F_QUEUE|RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(feed_rk);
    json_decref(feed_city.city);

    return 0;
}


static void
feed_stop(int signo)
{
    (void) signo;

    feed_stopped = 1;
}


/* The city */


static void
feed_city_load(feed_city_t *city, char *path)
{
    int           r, c, r2, c2;
    size_t        i;
    json_t       *row, *value, *nodes;
    json_error_t  err;

    city->city = json_load_file(path, 0, &err);
    if (city->city == NULL) {
        fprintf(stderr, "feed: %s:%d: %s\n", path, err.line, err.text);
        exit(1);
    }

    nodes = json_object_get(city->city, "nodes");

    city->rows = json_array_size(nodes);
    city->columns = json_array_size(json_array_get(nodes, 0));

    if (city->rows < 2 || city->columns < 2
        || city->rows * city->columns > FEED_NODES
        || json_array_size(json_object_get(city->city, "couriers"))
           < FEED_COURIERS
        || json_array_size(json_object_get(city->city, "restaurants")) == 0)
    {
        fprintf(stderr, "feed: %s: not a city\n", path);
        exit(1);
    }

    for (r = 0; r < city->rows; r++) {
        row = json_array_get(nodes, r);

        for (c = 0; c < city->columns; c++) {
            value = json_array_get(row, c);
            city->nodes[r * city->columns + c] = (feed_point_t) {
                json_number_value(json_array_get(value, 0)),
                json_number_value(json_array_get(value, 1))
            };
        }
    }

    city->river = json_integer_value(json_object_get(
                               json_object_get(city->city, "river"), "row"));

    /* "closed" names the two crossings, western or northern one first */

    json_array_foreach(json_object_get(city->city, "closed"), i, value) {
        if (json_unpack(value, "[iiii]", &r, &c, &r2, &c2) == 0
            && r >= 0 && c >= 0 && r < city->rows && c < city->columns)
        {
            city->closed[r * city->columns + c][r2 > r] = 1;
        }
    }
}


/* The crossing to the east, south, west or north; -1: there is no way */

static int
feed_neighbor(int node, int side)
{
    int  r, c;

    r = node / feed_city.columns;
    c = node % feed_city.columns;

    switch (side) {

    case 0:
        return c + 1 < feed_city.columns && !feed_city.closed[node][0]
               ? node + 1 : -1;
    case 1:
        return r + 1 < feed_city.rows && !feed_city.closed[node][1]
               ? node + feed_city.columns : -1;
    case 2:
        return c > 0 && !feed_city.closed[node - 1][0] ? node - 1 : -1;

    default:
        return r > 0 && !feed_city.closed[node - feed_city.columns][1]
               ? node - feed_city.columns : -1;
    }
}


static double
feed_distance(int a, int b)
{
    return hypot(feed_city.nodes[a].x - feed_city.nodes[b].x,
                 feed_city.nodes[a].y - feed_city.nodes[b].y);
}


static feed_point_t
feed_at(feed_place_t *place)
{
    feed_point_t  *a, *b;

    a = &feed_city.nodes[place->a];
    b = &feed_city.nodes[place->b];

    return (feed_point_t) { a->x + (b->x - a->x) * place->part,
                            a->y + (b->y - a->y) * place->part };
}


/* A restaurant stands on a corner */

static feed_place_t
feed_corner(json_t *at)
{
    int  node;

    node = json_integer_value(json_array_get(at, 0)) * feed_city.columns
           + json_integer_value(json_array_get(at, 1));

    return (feed_place_t) { node, node, 0 };
}


/* Somebody's home: anywhere along a street */

static void
feed_home(feed_place_t *place, char *address, size_t size)
{
    int          side, number;
    json_t      *names;
    const char  *street;

    do {
        side = feed_random_int(2);
        place->a = feed_random_int(feed_city.rows * feed_city.columns);
        place->b = feed_neighbor(place->a, side);

        /* nobody lives on a bridge */

    } while (place->b == -1
             || (side == 1
                 && place->a / feed_city.columns == feed_city.river));

    place->part = 0.25 + 0.5 * feed_random();

    if (side == 0) {
        names = json_object_get(feed_city.city, "streets");
        number = place->a % feed_city.columns;
        street = json_string_value(
                          json_array_get(names, place->a / feed_city.columns));
    } else {
        names = json_object_get(feed_city.city, "avenues");
        number = place->a / feed_city.columns;
        street = json_string_value(
                          json_array_get(names, place->a % feed_city.columns));
    }

    snprintf(address, size, "%d %s", number * 12 + 1 + (int) (place->part * 12),
             street ? street : "");
}


/*
 * The shortest way from where a courier's last way ended, by Dijkstra: the
 * city is small.  It starts at both ends of the street the courier is in, and
 * ends at the nearer end of the other one.
 */

static void
feed_way(feed_courier_t *courier, feed_place_t *to)
{
    int            i, side, best, next, nodes, seen[FEED_NODES];
    int            before[FEED_NODES], back[FEED_POINTS], n;
    double         d, by[FEED_NODES];
    feed_place_t  *from;

    from = &courier->place;
    nodes = feed_city.rows * feed_city.columns;
    courier->points = 0;
    courier->point = 0;

    if (from->a == to->a && from->b == to->b) {
        goto last;
    }

    for (i = 0; i < nodes; i++) {
        by[i] = HUGE_VAL;
        seen[i] = 0;
        before[i] = -1;
    }

    d = feed_distance(from->a, from->b);
    by[from->a] = d * from->part;
    by[from->b] = d * (1 - from->part);

    for ( ;; ) {
        best = -1;

        for (i = 0; i < nodes; i++) {
            if (!seen[i] && by[i] < HUGE_VAL
                && (best == -1 || by[i] < by[best]))
            {
                best = i;
            }
        }

        if (best == -1) {
            break;
        }

        seen[best] = 1;

        for (side = 0; side < 4; side++) {
            next = feed_neighbor(best, side);
            if (next == -1) {
                continue;
            }

            d = by[best] + feed_distance(best, next);
            if (d < by[next]) {
                by[next] = d;
                before[next] = best;
            }
        }
    }

    d = feed_distance(to->a, to->b);
    best = by[to->a] + d * to->part <= by[to->b] + d * (1 - to->part)
           ? to->a : to->b;

    for (n = 0; best != -1 && n < FEED_POINTS - 1; n++) {
        back[n] = best;
        best = before[best];
    }

    while (n--) {
        courier->way[courier->points++] = feed_city.nodes[back[n]];
    }

last:

    courier->way[courier->points++] = feed_at(to);
    courier->place = *to;
}


/* The day */


static void
feed_day_begin(void)
{
    int              i;
    json_t          *names;
    feed_point_t     point;
    feed_courier_t  *courier;
    char             address[64];

    feed_day = (int64_t) time(NULL);
    feed_now();

    names = json_object_get(feed_city.city, "couriers");

    for (i = 0; i < FEED_COURIERS; i++) {
        courier = &feed_couriers[i];

        courier->name = json_string_value(json_array_get(names, i));
        courier->order = -1;
        courier->idle = feed_random_int(4000);

        feed_home(&courier->place, address, sizeof(address));

        point = feed_at(&courier->place);
        courier->x = point.x;
        courier->y = point.y;
    }
}


static void
feed_order_place(int64_t now)
{
    int            i;
    json_t        *all, *dishes;
    feed_order_t  *order;

    feed_order_next = now - FEED_ORDER_MS * log(1 - 0.98 * feed_random());

    for (i = 0; i < FEED_ORDERS; i++) {
        if (feed_orders[i].status == FEED_NONE) {
            break;
        }
    }

    if (i == FEED_ORDERS) {
        return;              /* the kitchens take no more for now */
    }

    order = &feed_orders[i];

    order->number = ++feed_order_number;
    order->courier = -1;
    feed_clock(order->placed, sizeof(order->placed), now);

    all = json_object_get(feed_city.city, "restaurants");
    order->restaurant = json_array_get(all,
                                       feed_random_int(json_array_size(all)));
    dishes = json_object_get(order->restaurant, "dishes");
    order->dish = json_array_get(dishes,
                                 feed_random_int(json_array_size(dishes)));

    order->from = feed_corner(json_object_get(order->restaurant, "at"));
    feed_home(&order->to, order->address, sizeof(order->address));

    order->status = FEED_PLACED;
    order->next = now + 1500 + feed_random_int(2500);

    feed_order_tell(order, now);
}


static void
feed_order_step(feed_order_t *order, int64_t now)
{
    feed_courier_t  *courier;

    if (order->status == FEED_NONE) {
        return;
    }

    courier = order->courier != -1 ? &feed_couriers[order->courier] : NULL;

    switch (order->status) {

    case FEED_PLACED:
        if (now < order->next) {
            return;
        }

        order->status = FEED_COOKING;
        order->next = now + 4000 + feed_random_int(6000);
        break;

    case FEED_COOKING:
        if (courier == NULL) {
            feed_order_call_courier(order);
        }

        if (now < order->next) {
            return;
        }

        order->status = FEED_READY;
        order->next = now + 800;
        break;

    case FEED_READY:
        if (courier == NULL) {
            feed_order_call_courier(order);
            return;
        }

        if (now < order->next || !feed_courier_arrived(courier)) {
            return;
        }

        order->status = FEED_PICKED_UP;
        feed_way(courier, &order->to);
        break;

    default:  /* FEED_PICKED_UP */
        if (!feed_courier_arrived(courier)) {
            return;
        }

        order->status = FEED_DELIVERED;
        courier->order = -1;
        courier->idle = now + 2500 + feed_random_int(6000);
        break;
    }

    feed_order_tell(order, now);

    if (order->status == FEED_DELIVERED) {
        order->status = FEED_NONE;
    }
}


/* The nearest free courier rides to the restaurant while the dish cooks */

static void
feed_order_call_courier(feed_order_t *order)
{
    int              i, best;
    double           d, shortest;
    feed_point_t     at;
    feed_courier_t  *courier;

    at = feed_at(&order->from);
    best = -1;
    shortest = HUGE_VAL;

    for (i = 0; i < FEED_COURIERS; i++) {
        courier = &feed_couriers[i];

        /* who is riding about for nothing finishes that street first */

        if (courier->order != -1 || !feed_courier_arrived(courier)) {
            continue;
        }

        d = hypot(courier->x - at.x, courier->y - at.y);
        if (d < shortest) {
            shortest = d;
            best = i;
        }
    }

    if (best != -1) {
        order->courier = best;
        feed_couriers[best].order = order - feed_orders;
        feed_way(&feed_couriers[best], &order->from);
    }
}


static void
feed_order_tell(feed_order_t *order, int64_t now)
{
    char           key[16], clock[8];
    json_t        *record;
    feed_point_t   from, to;

    static const char  *words[] = {
        "", "placed", "cooking", "ready", "picked_up", "delivered"
    };

    snprintf(key, sizeof(key), "A-%d", order->number);
    feed_clock(clock, sizeof(clock), now);

    from = feed_at(&order->from);
    to = feed_at(&order->to);

    record = json_pack("{ss ss ss ss sO sO ss s[ff] s[ff] ss* sI}",
                       "order", key,
                       "status", words[order->status],
                       "at", clock,
                       "placed", order->placed,
                       "restaurant", json_object_get(order->restaurant, "name"),
                       "dish", order->dish,
                       "street", order->address,
                       "from", from.x, from.y,
                       "to", to.x, to.y,
                       "courier", order->courier != -1
                                  ? feed_couriers[order->courier].name : NULL,
                       "t", (json_int_t) now);

    feed_produce(&feed_orders_topic, key, record);
}


static void
feed_clock(char *clock, size_t size, int64_t now)
{
    unsigned  minute;

    minute = FEED_OPENS + (now / 1000) % (FEED_HOURS * 60);

    snprintf(clock, size, "%02u:%02u", minute / 60 % 24, minute % 60);
}


static void
feed_courier_step(feed_courier_t *courier, int64_t now)
{
    double         way, left;
    feed_point_t  *p;
    feed_place_t   place;
    char           address[64];

    /* one who is free rides on after a while, to be near somebody else */

    if (courier->order == -1 && feed_courier_arrived(courier)
        && now >= courier->idle)
    {
        courier->idle = now + 9000 + feed_random_int(9000);

        do {
            feed_home(&place, address, sizeof(address));
        } while (hypot(feed_city.nodes[place.a].x - courier->x,
                       feed_city.nodes[place.a].y - courier->y) > 260);

        feed_way(courier, &place);
    }

    way = FEED_SPEED * (now - courier->moved) / 1000;
    courier->moved = now;

    while (!feed_courier_arrived(courier)) {
        p = &courier->way[courier->point];
        left = hypot(p->x - courier->x, p->y - courier->y);

        if (left > way) {
            courier->x += (p->x - courier->x) * way / left;
            courier->y += (p->y - courier->y) * way / left;
            break;
        }

        way -= left;
        courier->x = p->x;
        courier->y = p->y;
        courier->point++;
    }

    feed_courier_tell(courier, now);
}


static int
feed_courier_arrived(feed_courier_t *courier)
{
    return courier->point == courier->points;
}


static void
feed_courier_tell(feed_courier_t *courier, int64_t now)
{
    char     order[16];
    json_t  *record;

    if (courier->order != -1) {
        snprintf(order, sizeof(order), "A-%d",
                 feed_orders[courier->order].number);
    }

    record = json_pack("{ss sf sf ss* sI}",
                       "courier", courier->name,
                       "x", courier->x,
                       "y", courier->y,
                       "order", courier->order != -1 ? order : NULL,
                       "t", (json_int_t) now);

    feed_produce(&feed_couriers_topic, courier->name, record);
}


/* Kafka */


static void
feed_connect(char *brokers)
{
    size_t            i;
    char              err[512];
    rd_kafka_conf_t  *conf;

    /*
     * Idempotent: a record is neither lost nor there twice if the broker goes
     * away in between; and patient: what is produced is produced
     */

    static const char  *properties[][2] = {
        { "client.id", "demo-feed" },
        { "enable.idempotence", "true" },
        { "message.timeout.ms", "0" },
        { "linger.ms", "5" },
        { "log_level", "3" }
    };

    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_error_cb(conf, feed_error_handler);

    for (i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], err,
                              sizeof(err))
            != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "feed: %s\n", err);
            exit(1);
        }
    }

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err, sizeof(err))
        != RD_KAFKA_CONF_OK
        || (feed_rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err)))
           == NULL)
    {
        fprintf(stderr, "feed: %s\n", err);
        exit(1);
    }
}


static void
feed_error_handler(rd_kafka_t *rk, int err, const char *reason, void *data)
{
    char             text[512];
    static time_t    last;

    (void) data;

    /* librdkafka repeats itself; once in 10 seconds is enough */

    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(rk, text, sizeof(text));
        fprintf(stderr, "feed: %s\n", text);
        exit(1);
    }

    if (time(NULL) - last >= 10) {
        last = time(NULL);
        fprintf(stderr, "feed: %s\n", reason);
    }
}


static void
feed_topic_prepare(feed_topic_t *topic)
{
    int  i;

    topic->lanes = feed_topic_lanes(topic, 10000);

    if (topic->lanes == 0) {
        feed_topic_create(topic);

        /* its leaders are elected in a moment */

        for (i = 0; i < 50 && topic->lanes == 0 && !feed_stopped; i++) {
            usleep(200000);
            topic->lanes = feed_topic_lanes(topic, 2000);
        }
    }

    if (topic->lanes == 0) {
        fprintf(stderr, "feed: no topic \"%s\", and it could not be created\n",
                topic->name);
        exit(1);
    }

    if (topic->lanes > FEED_LANES) {
        topic->lanes = FEED_LANES;
    }
}


/* The number of partitions; 0: there is no such topic, or not yet */

static int
feed_topic_lanes(feed_topic_t *topic, int timeout)
{
    int                                    i, lanes;
    rd_kafka_resp_err_t                    err;
    const struct rd_kafka_metadata        *metadata;
    const struct rd_kafka_metadata_topic  *found;

    err = rd_kafka_metadata(feed_rk, 1, NULL, &metadata, timeout);
    if (err) {
        fprintf(stderr, "feed: no answer from Kafka: %s\n",
                rd_kafka_err2str(err));
        exit(1);
    }

    lanes = 0;

    for (i = 0; i < metadata->topic_cnt; i++) {
        found = &metadata->topics[i];

        if (strcmp(found->topic, topic->name) == 0 && !found->err) {
            lanes = found->partition_cnt;
        }
    }

    rd_kafka_metadata_destroy(metadata);

    return lanes;
}


static void
feed_topic_create(feed_topic_t *topic)
{
    size_t                                n;
    char                                  err[512];
    rd_kafka_queue_t                     *queue;
    rd_kafka_event_t                     *event;
    rd_kafka_NewTopic_t                  *new;
    const rd_kafka_topic_result_t       **results;
    const rd_kafka_CreateTopics_result_t *result;

    new = rd_kafka_NewTopic_new(topic->name, 3, -1, err, sizeof(err));
    if (new == NULL) {
        fprintf(stderr, "feed: topic \"%s\": %s\n", topic->name, err);
        exit(1);
    }

    queue = rd_kafka_queue_new(feed_rk);
    rd_kafka_CreateTopics(feed_rk, &new, 1, NULL, queue);
    event = rd_kafka_queue_poll(queue, 15000);

    if (event == NULL || rd_kafka_event_error(event)) {
        fprintf(stderr, "feed: topic \"%s\": %s\n", topic->name,
                event ? rd_kafka_event_error_string(event) : "no answer");

    } else {
        result = rd_kafka_event_CreateTopics_result(event);
        results = rd_kafka_CreateTopics_result_topics(result, &n);

        if (n && rd_kafka_topic_result_error(results[0])) {
            fprintf(stderr, "feed: topic \"%s\": %s\n", topic->name,
                    rd_kafka_topic_result_error_string(results[0]));
        }
    }

    if (event) {
        rd_kafka_event_destroy(event);
    }

    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(new);
}


/* Takes the record over */

static void
feed_produce(feed_topic_t *topic, const char *key, json_t *record)
{
    int                  lane;
    char                *text;
    uint32_t             hash;
    const char          *p;
    rd_kafka_resp_err_t  err;

    if (record == NULL) {
        fprintf(stderr, "feed: out of memory\n");
        exit(1);
    }

    /* the same key, the same lane: FNV-1a */

    hash = 2166136261;

    for (p = key; *p; p++) {
        hash = (hash ^ (unsigned char) *p) * 16777619;
    }

    lane = (hash ^ hash >> 16) % topic->lanes;

    json_object_set_new(record, "day", json_integer(feed_day));
    json_object_set_new(record, "lane", json_integer(lane));
    json_object_set_new(record, "n", json_integer(topic->n[lane] + 1));

    text = json_dumps(record, JSON_COMPACT|JSON_REAL_PRECISION(5));

    err = rd_kafka_producev(feed_rk,
                            RD_KAFKA_V_TOPIC(topic->name),
                            RD_KAFKA_V_PARTITION(lane),
                            RD_KAFKA_V_KEY(key, strlen(key)),
                            RD_KAFKA_V_VALUE(text, strlen(text)),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                            RD_KAFKA_V_END);

    /* what did not fit into the queue while Kafka was away has no number */

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic->n[lane]++;
    }

    free(text);
    json_decref(record);
}


/* Time and chance */


/* ms since the first call */

static int64_t
feed_now(void)
{
    int64_t          now;
    struct timespec  ts;

    static int64_t   start;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;

    if (start == 0) {
        start = now;
    }

    return now - start;
}


/* xorshift64*, from 0 up to, but not including, 1 */

static double
feed_random(void)
{
    static uint64_t  state = 0x9e3779b97f4a7c15;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;

    return (state * 0x2545f4914f6cdd1d >> 11) / 9007199254740992.0;
}


static int
feed_random_int(int n)
{
    return feed_random() * n;
}
