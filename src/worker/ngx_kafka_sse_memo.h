
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_MEMO_H_INCLUDED_
#define _NGX_KAFKA_SSE_MEMO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_record.h>


/*
 * What was looked for in the value of the record at hand, as it is not among
 * its fields: a long string, or a path of a newer configuration.  Every group
 * that is asked wants to know it, and a record may be large: it is read once
 * for each path, however many groups there are.
 *
 * All of it is this process's, from _begin() to _end(); together it is no more
 * than the record's value, as no two paths lead to the same string.
 */

void ngx_kafka_sse_memo_begin(ngx_kafka_sse_record_t *rec);
void ngx_kafka_sse_memo_end(void);

/*
 * As ngx_kafka_sse_field_find(), of this record's value.  The path is the
 * configuration's.  A record that is not the one at hand is read anew.
 */

ngx_int_t ngx_kafka_sse_memo_find(ngx_kafka_sse_record_t *rec,
    ngx_kafka_sse_path_t *path, ngx_kafka_sse_field_t *field);


#endif /* _NGX_KAFKA_SSE_MEMO_H_INCLUDED_ */
