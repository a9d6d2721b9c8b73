
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_memo.h>


typedef struct ngx_kafka_sse_memo_s  ngx_kafka_sse_memo_t;


struct ngx_kafka_sse_memo_s {
    ngx_kafka_sse_memo_t    *next;
    ngx_str_t                path;      /* its text, the configuration's */
    ngx_kafka_sse_field_t    field;     /* its value is behind this */
};


static ngx_kafka_sse_record_t  *ngx_kafka_sse_memo_record;
static ngx_kafka_sse_memo_t    *ngx_kafka_sse_memos;


void
ngx_kafka_sse_memo_begin(ngx_kafka_sse_record_t *rec)
{
    ngx_kafka_sse_memo_record = rec;
}


void
ngx_kafka_sse_memo_end(void)
{
    ngx_kafka_sse_memo_t  *memo;

    while (ngx_kafka_sse_memos) {
        memo = ngx_kafka_sse_memos;
        ngx_kafka_sse_memos = memo->next;

        ngx_free(memo);
    }

    ngx_kafka_sse_memo_record = NULL;
}


ngx_int_t
ngx_kafka_sse_memo_find(ngx_kafka_sse_record_t *rec,
    ngx_kafka_sse_path_t *path, ngx_kafka_sse_field_t *field)
{
    ngx_kafka_sse_memo_t  *memo;

    if (rec != ngx_kafka_sse_memo_record) {
        return ngx_kafka_sse_field_find(&rec->value, path, field);
    }

    for (memo = ngx_kafka_sse_memos; memo; memo = memo->next) {

        if (memo->path.len == path->text.len
            && ngx_memcmp(memo->path.data, path->text.data, memo->path.len)
               == 0)
        {
            *field = memo->field;
            return NGX_OK;
        }
    }

    if (ngx_kafka_sse_field_find(&rec->value, path, field) != NGX_OK) {
        return NGX_ERROR;
    }

    memo = ngx_alloc(sizeof(ngx_kafka_sse_memo_t) + field->value.len,
                     ngx_cycle->log);
    if (memo == NULL) {
        return NGX_OK;
    }

    memo->path = path->text;
    memo->field.type = field->type;
    memo->field.value.len = field->value.len;
    memo->field.value.data = (u_char *) (memo + 1);

    ngx_memcpy(memo->field.value.data, field->value.data, field->value.len);

    memo->next = ngx_kafka_sse_memos;
    ngx_kafka_sse_memos = memo;

    *field = memo->field;

    return NGX_OK;
}
