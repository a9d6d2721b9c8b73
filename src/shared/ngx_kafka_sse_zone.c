
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <shared/ngx_kafka_sse_zone.h>

#include <sys/eventfd.h>
#include <sys/mman.h>


static ngx_int_t ngx_kafka_sse_zone_init_ring(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_kafka_sse_zone_check(ngx_kafka_sse_main_conf_t *kmcf,
    ngx_log_t *log);
static ngx_int_t ngx_kafka_sse_zone_init_node(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_kafka_sse_zone_listen(ngx_kafka_sse_node_sh_t *node,
    ngx_log_t *log);
static socklen_t ngx_kafka_sse_zone_address(ngx_kafka_sse_node_sh_t *node,
    struct sockaddr_un *addr);


ngx_str_t  ngx_kafka_sse_close_reasons[] = {
    ngx_string("client"),
    ngx_string("drain"),
    ngx_string("slow"),
    ngx_string("limit"),
    ngx_string("error"),
    ngx_string("expired")
};


/* the version is part of the name: another layout is another zone */

static ngx_str_t  ngx_kafka_sse_node_name =
    ngx_string("kafka_sse_node.4");


char *
ngx_kafka_sse_zone_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_sse_main_conf_t *kmcf = conf;

    u_char     *p;
    ngx_str_t  *value, s;

    if (kmcf->ring_size != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", it must be \"name:size\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    kmcf->ring_name.data = value[1].data;
    kmcf->ring_name.len = p - value[1].data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    kmcf->ring_size = ngx_parse_size(&s);

    if (kmcf->ring_size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (kmcf->ring_size < NGX_KAFKA_SSE_RING_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it must have at least "
                           "1m", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_sse_zone_add(ngx_conf_t *cf, ngx_kafka_sse_main_conf_t *kmcf)
{
    size_t  size;

    kmcf->ring_zone = ngx_shared_memory_add(cf, &kmcf->ring_name,
                                            kmcf->ring_size,
                                            (void *) &ngx_kafka_sse_zone_add);
    if (kmcf->ring_zone == NULL) {
        return NGX_ERROR;
    }

    kmcf->ring_zone->init = ngx_kafka_sse_zone_init_ring;
    kmcf->ring_zone->data = kmcf;

    size = ngx_align(sizeof(ngx_kafka_sse_node_sh_t), ngx_pagesize)
           + 8 * ngx_pagesize;

    kmcf->node_zone = ngx_shared_memory_add(cf, &ngx_kafka_sse_node_name, size,
                                            (void *) &ngx_init_cycle);
    if (kmcf->node_zone == NULL) {
        return NGX_ERROR;
    }

    kmcf->node_zone->init = ngx_kafka_sse_zone_init_node;
    kmcf->node_zone->data = kmcf;

    return NGX_OK;
}


/*
 * The whole zone is one allocation: the ring's head, the table of topics with
 * as many rows as an eighth of the zone holds, and the records.
 */

static ngx_int_t
ngx_kafka_sse_zone_init_ring(ngx_shm_zone_t *zone, void *data)
{
    size_t                      size, table_size;
    u_char                     *p;
    ngx_uint_t                  i, max, configured;
    ngx_slab_pool_t            *shpool;
    ngx_kafka_sse_topic_t     **topics;
    ngx_kafka_sse_ring_sh_t    *ring;
    ngx_kafka_sse_main_conf_t  *kmcf;
    ngx_kafka_sse_topics_sh_t  *table;

    kmcf = zone->data;

    max = zone->shm.size / 8 / sizeof(ngx_kafka_sse_topic_sh_t);
    max = ngx_min(max, NGX_KAFKA_SSE_TOPICS_MAX);

    configured = 0;
    topics = kmcf->topics.elts;

    for (i = 0; i < kmcf->topics.nelts; i++) {
        configured += !topics[i]->is_dynamic;
    }

    if (configured > max) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "kafka_sse_zone \"%V\" of %uz bytes has room for %ui "
                      "topics, %ui are configured",
                      &zone->shm.name, zone->shm.size, max, configured);
        return NGX_ERROR;
    }

    if (kmcf->topics.nelts > max) {
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                      "kafka_sse_zone \"%V\" of %uz bytes has room for %ui "
                      "topics, so for %ui of the %ui that dynamic_topics "
                      "admits", &zone->shm.name, zone->shm.size, max,
                      max - configured, kmcf->topics.nelts - configured);
    }

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    size = shpool->pfree << ngx_pagesize_shift;

    p = ngx_slab_alloc(shpool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ring = (ngx_kafka_sse_ring_sh_t *) p;
    p += ngx_align(sizeof(ngx_kafka_sse_ring_sh_t), ngx_pagesize);

    table = (ngx_kafka_sse_topics_sh_t *) p;
    table_size = offsetof(ngx_kafka_sse_topics_sh_t, topics)
                 + max * sizeof(ngx_kafka_sse_topic_sh_t);
    p += ngx_align(table_size, ngx_pagesize);

    table->n = 0;
    table->max = max;

    size -= p - (u_char *) ring;

    ngx_kafka_sse_ring_init(ring, p, size, table);

    zone->data = ring;
    shpool->data = ring;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_sse_zone_init_node(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *shpool;
    ngx_kafka_sse_node_sh_t  *node;

    if (ngx_kafka_sse_zone_check(zone->data, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    node = ngx_slab_calloc(shpool, sizeof(ngx_kafka_sse_node_sh_t));
    if (node == NULL) {
        return NGX_ERROR;
    }

    node->version = NGX_KAFKA_SSE_NODE_VERSION;
    node->lock_fd = -1;
    node->wake_fd = -1;
    node->link_fd = -1;
    node->clean = 1;

    zone->data = node;
    shpool->data = node;

    return NGX_OK;
}


/*
 * Zones are made when all of the configuration is known and a reload may still
 * be refused, so this is where it is checked against nginx's core.
 */

static ngx_int_t
ngx_kafka_sse_zone_check(ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log)
{
    ngx_core_conf_t   *ccf;
    ngx_event_conf_t  *ecf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(kmcf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->master != 1) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"kafka_sse\" needs a master process that runs its "
                      "companion, but \"master_process\" is \"off\"");
        return NGX_ERROR;
    }

    ecf = ngx_event_get_conf(kmcf->cycle->conf_ctx, ngx_event_core_module);

    if (ngx_strcmp(ecf->name, "epoll") != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"kafka_sse\" needs the event method \"epoll\", but "
                      "\"use\" is \"%s\"", ecf->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_sse_zone_open(ngx_kafka_sse_main_conf_t *kmcf, ngx_log_t *log)
{
    ngx_kafka_sse_node_sh_t  *node;

    node = ngx_kafka_sse_zone_node(kmcf);

    node->generation++;
    node->subscriptions = ngx_kafka_sse_conf_subscriptions(kmcf);

    if (node->wake_fd != -1) {
        return NGX_OK;
    }

    node->lock_fd = memfd_create("kafka_sse_lock", MFD_CLOEXEC);
    if (node->lock_fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "kafka_sse: memfd_create() failed");
        return NGX_ERROR;
    }

    node->wake_fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (node->wake_fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "kafka_sse: eventfd() failed");
        (void) close(node->lock_fd);
        return NGX_ERROR;
    }

    if (ngx_kafka_sse_zone_listen(node, log) != NGX_OK) {
        (void) close(node->lock_fd);
        (void) close(node->wake_fd);
        node->wake_fd = -1;
        return NGX_ERROR;
    }

    node->heartbeat = ngx_current_msec;

    return NGX_OK;
}


/*
 * The kernel gives the socket an address that is free, in the abstract name
 * space: nothing in the file system to find a place for or to clean up.
 */

static ngx_int_t
ngx_kafka_sse_zone_listen(ngx_kafka_sse_node_sh_t *node, ngx_log_t *log)
{
    int                  fd;
    socklen_t            len;
    struct sockaddr_un   addr;

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "kafka_sse: socket() of the link failed");
        return NGX_ERROR;
    }

    ngx_memzero(&addr, sizeof(struct sockaddr_un));
    addr.sun_family = AF_UNIX;
    len = sizeof(struct sockaddr_un);

    if (bind(fd, (struct sockaddr *) &addr, sizeof(sa_family_t)) == -1
        || listen(fd, NGX_LISTEN_BACKLOG) == -1
        || getsockname(fd, (struct sockaddr *) &addr, &len) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "kafka_sse: bind() or listen() of the link failed");
        (void) close(fd);
        return NGX_ERROR;
    }

    len -= offsetof(struct sockaddr_un, sun_path);

    if (len >= sizeof(node->link_name)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "kafka_sse: the address of the link is too long");
        (void) close(fd);
        return NGX_ERROR;
    }

    node->link_fd = fd;
    node->link_name[0] = (u_char) len;
    ngx_memcpy(node->link_name + 1, addr.sun_path, len);

    return NGX_OK;
}


static socklen_t
ngx_kafka_sse_zone_address(ngx_kafka_sse_node_sh_t *node,
    struct sockaddr_un *addr)
{
    ngx_memzero(addr, sizeof(struct sockaddr_un));
    addr->sun_family = AF_UNIX;
    ngx_memcpy(addr->sun_path, node->link_name + 1, node->link_name[0]);

    return offsetof(struct sockaddr_un, sun_path) + node->link_name[0];
}


ngx_fd_t
ngx_kafka_sse_zone_link_connect(ngx_kafka_sse_node_sh_t *node)
{
    ngx_fd_t             fd;
    ngx_err_t            err;
    socklen_t            len;
    struct sockaddr_un   addr;

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    len = ngx_kafka_sse_zone_address(node, &addr);

    if (connect(fd, (struct sockaddr *) &addr, len) == -1) {
        err = ngx_errno;
        (void) close(fd);
        ngx_set_errno(err);
        return -1;
    }

    return fd;
}


/* whoever can see the address can connect: only our own user is let in */

ngx_fd_t
ngx_kafka_sse_zone_link_accept(ngx_kafka_sse_node_sh_t *node, ngx_log_t *log)
{
    ngx_fd_t      fd;
    socklen_t     len;
    struct ucred  cred;

    for ( ;; ) {

        fd = accept4(node->link_fd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);
        if (fd == -1) {
            return -1;
        }

        len = sizeof(struct ucred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0
            && cred.uid == geteuid())
        {
            return fd;
        }

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "kafka_sse: a process of another user has connected to "
                      "the link, it is not let in");
        (void) close(fd);
    }
}


/*
 * Nobody reads the eventfd: each worker has it registered edge-triggered, so
 * each write wakes them all.  "armed" spares the system call while no worker
 * sleeps.
 */

void
ngx_kafka_sse_zone_wake(ngx_kafka_sse_ring_sh_t *ring,
    ngx_kafka_sse_node_sh_t *node)
{
    uint64_t  one;

    if (__atomic_exchange_n(&ring->armed, 0, __ATOMIC_SEQ_CST) == 0) {
        return;
    }

    one = 1;

    if (write(node->wake_fd, &one, sizeof(uint64_t)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "kafka_sse: write() to eventfd failed");
    }
}


/*
 * A POSIX lock: it belongs to the process, is not inherited and ends with the
 * process, however that ends
 */

ngx_int_t
ngx_kafka_sse_zone_lock(ngx_kafka_sse_node_sh_t *node)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;

    if (fcntl(node->lock_fd, F_SETLK, &fl) == 0) {
        return NGX_OK;
    }

    if (ngx_errno == NGX_EACCES || ngx_errno == NGX_EAGAIN) {
        return NGX_AGAIN;
    }

    return NGX_ERROR;
}


ngx_uint_t
ngx_kafka_sse_zone_stale(ngx_kafka_sse_node_sh_t *node)
{
    ngx_msec_int_t  age;

    age = (ngx_msec_int_t) (ngx_current_msec - node->heartbeat);

    return age > NGX_KAFKA_SSE_STALE;
}
