
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <companion/ngx_kafka_sse_feed_check.h>
#include <companion/ngx_kafka_sse_reader.h>


static void ngx_kafka_sse_feed_check_recreated(
    ngx_kafka_sse_feed_topic_t *ft);


void
ngx_kafka_sse_feed_check_next(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t  i, p;

    /* one whose answer is due may have no leader */

    for (i = 0; i < ft->n; i++) {
        p = ft->turn++ % ft->n;

        if (!ft->partitions[p].checks) {
            ngx_kafka_sse_feed_check_start(ft, p);

            if (ft->partitions[p].checks) {
                return;
            }
        }
    }
}


void
ngx_kafka_sse_feed_check_mark(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    ngx_kafka_sse_partition_sh_t  *sh;

    sh = ft->partitions[partition].sh;

    if (!ngx_kafka_sse_mark_is_set(&sh->mark)) {
        ngx_kafka_sse_mark_newest(&sh->mark, ft->appender->ring, sh);
    }
}


/*
 * What we have by now belongs to the topic of the mark, if that is still
 * there: the newest of it will be the next mark
 */

void
ngx_kafka_sse_feed_check_start(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    if (part->checks || part->moved || part->waits
        || ngx_kafka_sse_feed_topic_has_id(ft)
        || part->sh->held == NGX_KAFKA_SSE_NO_OFFSET
        || !ngx_kafka_sse_mark_is_set(&part->sh->mark))
    {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                   "kafka_sse feed checks %V/%D:%L", &ft->topic->name,
                   partition, part->sh->mark.offset);

    part->checks = 1;
    part->behind = 0;

    ngx_kafka_sse_mark_newest(&part->newest, ft->appender->ring, part->sh);

    ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition,
                               part->sh->mark.offset, 0);
}


void
ngx_kafka_sse_feed_check_answer(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_mark_t            *mark;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];
    mark = &part->sh->mark;

    if (rec && rec->offset == mark->offset) {

        if (!ngx_kafka_sse_mark_is_same(mark, rec)) {
            ngx_kafka_sse_feed_check_doubt(ft, partition);
            part->differs = 1;
            return;
        }

        ft->gone = 0;
    }

    /* compaction may have removed the record: that says nothing */

    if (ngx_kafka_sse_mark_is_set(&part->newest)) {
        *mark = part->newest;
    }

    part->checks = 0;

    if (part->tails) {
        ngx_kafka_sse_feed_topic_tail(ft, partition);

    } else {
        ngx_kafka_sse_reader_stop(ft->reader, ft->topic, partition);
    }
}


void
ngx_kafka_sse_feed_check_doubt(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ft->log, 0,
                   "kafka_sse feed doubts %V/%D:%L", &ft->topic->name,
                   partition, part->sh->held);

    part->tails = 1;
    part->checks = 0;
    part->waits = 0;
    part->differs = 0;
    part->looked = 0;
    part->moved = (part->sh->held != NGX_KAFKA_SSE_NO_OFFSET);
    part->sh->tailing = 1;

    if (ngx_kafka_sse_feed_topic_has_id(ft) && !ft->confirmed) {
        part->moved = 0;
        part->waits = 1;

        ngx_kafka_sse_reader_stop(ft->reader, ft->topic, partition);
        return;
    }

    ngx_kafka_sse_reader_start(ft->reader, ft->topic, partition,
                               NGX_KAFKA_SSE_READER_BEGINNING, 0);
}


/*
 * The oldest record that Kafka has.  Where it is younger than one that was
 * above it, the topic is another one; where it is not, the end of the log was
 * cut, as by an unclean election of a leader, and may have grown again.
 */

ngx_int_t
ngx_kafka_sse_feed_check_beginning(ngx_kafka_sse_feed_topic_t *ft,
    ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_mark_t            *mark;
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[rec->partition];
    mark = &part->sh->mark;

    part->looked = 1;

    if (!ngx_kafka_sse_mark_is_set(mark) || rec->offset > mark->offset) {
        return NGX_OK;
    }

    if (!ngx_kafka_sse_feed_topic_has_id(ft)
        && (ft->gone || rec->timestamp > mark->timestamp))
    {
        ngx_kafka_sse_feed_check_recreated(ft);
        return NGX_DONE;
    }

    if (part->differs) {
        ngx_kafka_sse_feed_topic_move(ft, rec->partition, mark->offset,
                                      NGX_KAFKA_SSE_MOVE_TRUNCATED);
        ngx_kafka_sse_mark_none(mark);
        ngx_kafka_sse_feed_topic_tail(ft, rec->partition);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* all that there is may be below "held": it is not what we had */

ngx_int_t
ngx_kafka_sse_feed_check_end(ngx_kafka_sse_feed_topic_t *ft,
    int32_t partition, int64_t offset)
{
    ngx_kafka_sse_feed_partition_t  *part;

    part = &ft->partitions[partition];

    if (offset >= part->sh->held) {
        return NGX_OK;
    }

    if (ft->gone) {
        ngx_kafka_sse_feed_check_recreated(ft);
        return NGX_DONE;
    }

    /* nothing at all, and nothing before it: nobody has cut that */

    ngx_kafka_sse_feed_topic_move(ft, partition, 0,
                                  (offset == 0
                                   && !ngx_kafka_sse_feed_topic_has_id(ft))
                                  ? NGX_KAFKA_SSE_MOVE_RECREATED
                                  : NGX_KAFKA_SSE_MOVE_TRUNCATED);

    ngx_kafka_sse_mark_none(&part->sh->mark);
    ngx_kafka_sse_feed_topic_tail(ft, partition);

    return NGX_DONE;
}


/* all partitions begin anew, at their beginning */

static void
ngx_kafka_sse_feed_check_recreated(ngx_kafka_sse_feed_topic_t *ft)
{
    ngx_uint_t                       p;
    ngx_kafka_sse_feed_partition_t  *part;

    ngx_log_error(NGX_LOG_WARN, ft->log, 0,
                  "kafka_sse: topic \"%V\" has been deleted and made again, "
                  "going on at its beginning, clients are told",
                  &ft->topic->name);

    ft->gone = 0;

    for (p = 0; p < ft->n; p++) {
        part = &ft->partitions[p];

        if (part->sh->held > 0) {
            ngx_kafka_sse_appender_move(ft->appender, ft->index, p, 0,
                                        NGX_KAFKA_SSE_MOVE_RECREATED);
        }

        part->goal = -1;
        part->behind = 0;
        part->sh->end = -1;
        ngx_kafka_sse_mark_none(&part->sh->mark);
    }

    /* not before all have moved: clients are told of them together */

    for (p = 0; p < ft->n; p++) {
        ngx_kafka_sse_feed_topic_tail(ft, p);
    }
}
