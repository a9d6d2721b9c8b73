
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_FRAME_H_INCLUDED_
#define _NGX_KAFKA_SSE_FRAME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_record.h>
#include <worker/ngx_kafka_sse_template.h>


#define NGX_KAFKA_SSE_DATA_VALUE         0
#define NGX_KAFKA_SSE_DATA_ENVELOPE      1
#define NGX_KAFKA_SSE_DATA_CLOUDEVENTS   2


/*
 * A frame is a record as SSE bytes: "id:", "event:", "data:" and the empty
 * line.  What belongs to the record is in rec; the rest is the group's.
 *
 * data "value": the value as text, see ngx_kafka_sse_frame_data().
 * data "envelope": one JSON object on one line:
 *     {"topic","partition","offset","timestamp","key","headers","value"}
 *     in this order; timestamp is null where there is none; headers is an
 *     object from name to string or null, an array of those where a name
 *     repeats; value is a string or null.  What is not text (see
 *     ngx_kafka_sse_record_is_text()) is base64, and then "encoding":"base64"
 *     follows for the value, "key_encoding":"base64" for the key; a header
 *     value that is not text is {"base64":"..."}.
 * data "cloudevents": CloudEvents 1.0, structured JSON on one line:
 *     specversion "1.0"; id "PARTITION:OFFSET"; source
 *     "/kafka/CLUSTER/TOPIC" (path-escaped); type "kafka.record", or the
 *     event name; subject: the key, where it is text and not empty; time:
 *     RFC 3339 in UTC with milliseconds, where there is a timestamp;
 *     datacontenttype and data: "application/json" and the value as it is
 *     if flags say JSON (its CR and LF as spaces: they are only white space
 *     there), "text/plain" and a string if it is text, "application/
 *     octet-stream" and data_base64 otherwise; a null value has no data.
 *
 * A record whose value is null goes as "event: delete", whose data is the key
 * with data "value" (base64 never: a key that is not text has data empty) and
 * the usual object with the others.  With data "value" a record whose value
 * is not text goes as "event: binary" with the envelope as data.  Both win
 * over the configured event name.  An empty event name writes no "event:".
 */

typedef struct {
    ngx_str_t                   cluster;   /* the name in the configuration */
    ngx_str_t                   topic;     /* the public name */
    ngx_str_t                   id;        /* len 0: no "id:" */
    ngx_kafka_sse_template_t   *event;     /* NULL: none */
    ngx_uint_t                  data;      /* NGX_KAFKA_SSE_DATA_... */
} ngx_kafka_sse_frame_t;


/* an upper bound of the bytes that _write() writes; never exact work */

size_t ngx_kafka_sse_frame_len(ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec);

/* writes the frame at dst, where the caller has made room; returns the end */

u_char *ngx_kafka_sse_frame_write(u_char *dst, ngx_kafka_sse_frame_t *frame,
    ngx_kafka_sse_record_t *rec);

/*
 * Writes a text as "data:" fields.  In an event stream CR, LF and CR LF each
 * end a line, so each starts a new field; the client joins them with LF.
 */

u_char *ngx_kafka_sse_frame_data(u_char *dst, ngx_str_t *value);


#endif /* _NGX_KAFKA_SSE_FRAME_H_INCLUDED_ */
