
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <shared/ngx_kafka_sse_field.h>
#include <shared/ngx_kafka_sse_json.h>
#include <shared/ngx_kafka_sse_number.h>


#define NGX_KAFKA_SSE_FIELD_KEEP  (256 * 1024)    /* bytes of memory kept */


typedef struct {
    uint16_t                 path;
    uint16_t                 type;
    uint32_t                 value;
} ngx_kafka_sse_field_head_t;


/* where a path is in the text that is being read */

typedef struct {
    ngx_kafka_sse_path_t    *path;
    ngx_uint_t               matched;   /* steps that lead to what is open */
    ngx_uint_t               index;     /* of the next element of the array
                                           that the next step looks into */
    ngx_uint_t               type;      /* what was found last */
    ngx_str_t                text;
    ngx_uint_t               escaped;
} ngx_kafka_sse_find_t;


static ngx_int_t ngx_kafka_sse_field_scan(ngx_str_t *value,
    ngx_kafka_sse_find_t *finds, ngx_uint_t n);
static void ngx_kafka_sse_field_member(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json);
static void ngx_kafka_sse_field_value(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json);
static void ngx_kafka_sse_field_leave(ngx_kafka_sse_find_t *find,
    ngx_uint_t depth);
static void ngx_kafka_sse_field_take(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json);
static u_char *ngx_kafka_sse_field_write(u_char *dst,
    ngx_kafka_sse_find_t *find, ngx_uint_t *type);
static ngx_int_t ngx_kafka_sse_field_next(ngx_str_t *fields,
    ngx_str_t *path, ngx_kafka_sse_field_t *field);
static ngx_kafka_sse_find_t *ngx_kafka_sse_field_finds(ngx_array_t *paths);
static u_char *ngx_kafka_sse_field_room(size_t size);


void
ngx_kafka_sse_field_extract(ngx_kafka_sse_record_t *rec, ngx_array_t *paths,
    ngx_uint_t json)
{
    u_char                      *p, *value;
    size_t                       size;
    ngx_uint_t                   i, n, type;
    ngx_kafka_sse_find_t        *finds;
    ngx_kafka_sse_field_head_t   head;

    rec->flags = 0;
    ngx_str_null(&rec->fields);

    n = paths ? paths->nelts : 0;
    finds = n ? ngx_kafka_sse_field_finds(paths) : NULL;

    if (finds == NULL) {
        n = 0;
    }

    if (rec->value.data && ngx_kafka_sse_record_is_text(&rec->value)) {
        rec->flags |= NGX_KAFKA_SSE_RECORD_TEXT;

        if ((n || json)
            && ngx_kafka_sse_field_scan(&rec->value, finds, n) == NGX_OK)
        {
            rec->flags |= NGX_KAFKA_SSE_RECORD_JSON;
        }
    }

    size = 0;

    for (i = 0; i < n; i++) {

        if (finds[i].text.len <= NGX_KAFKA_SSE_FIELD_MAX) {
            size += sizeof(ngx_kafka_sse_field_head_t)
                    + finds[i].path->text.len
                    + ngx_max(finds[i].text.len, NGX_KAFKA_SSE_NUMBER_LEN);
        }
    }

    p = size ? ngx_kafka_sse_field_room(size) : NULL;

    if (p == NULL) {
        return;
    }

    rec->fields.data = p;

    for (i = 0; i < n; i++) {

        if (finds[i].text.len > NGX_KAFKA_SSE_FIELD_MAX) {
            continue;
        }

        value = p + sizeof(ngx_kafka_sse_field_head_t)
                + finds[i].path->text.len;

        head.path = finds[i].path->text.len;
        head.value = ngx_kafka_sse_field_write(value, &finds[i], &type)
                     - value;
        head.type = type;

        p = ngx_cpymem(p, &head, sizeof(ngx_kafka_sse_field_head_t));
        ngx_memcpy(p, finds[i].path->text.data, head.path);

        p = value + head.value;
    }

    rec->fields.len = p - rec->fields.data;
}


ngx_int_t
ngx_kafka_sse_field_find(ngx_str_t *value, ngx_kafka_sse_path_t *path,
    ngx_kafka_sse_field_t *field)
{
    u_char                *p;
    ngx_kafka_sse_find_t   find;

    ngx_memzero(&find, sizeof(ngx_kafka_sse_find_t));
    find.path = path;

    if (value->data && ngx_kafka_sse_record_is_text(value)) {
        (void) ngx_kafka_sse_field_scan(value, &find, 1);
    }

    p = ngx_kafka_sse_field_room(ngx_max(find.text.len,
                                         NGX_KAFKA_SSE_NUMBER_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    field->value.data = p;
    field->value.len = ngx_kafka_sse_field_write(p, &find, &field->type) - p;

    return NGX_OK;
}


/* what is not valid has nothing, also if it was found before the fault */

static ngx_int_t
ngx_kafka_sse_field_scan(ngx_str_t *value, ngx_kafka_sse_find_t *finds,
    ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_kafka_sse_json_t  json;

    ngx_kafka_sse_json_init(&json, value);

    while ((rc = ngx_kafka_sse_json_next(&json)) == NGX_OK) {

        switch (json.type) {

        case NGX_KAFKA_SSE_JSON_NAME:
            for (i = 0; i < n; i++) {
                ngx_kafka_sse_field_member(&finds[i], &json);
            }

            break;

        case NGX_KAFKA_SSE_JSON_CLOSE:
            for (i = 0; i < n; i++) {
                ngx_kafka_sse_field_leave(&finds[i], json.depth);
            }

            break;

        default:
            for (i = 0; i < n; i++) {
                ngx_kafka_sse_field_value(&finds[i], &json);
            }

            break;
        }
    }

    if (rc == NGX_DONE) {
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        finds[i].type = NGX_KAFKA_SSE_FIELD_NONE;
        finds[i].text.len = 0;
    }

    return NGX_ERROR;
}


/* a second member of the same name: forget what the first one had */

static void
ngx_kafka_sse_field_member(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json)
{
    ngx_kafka_sse_step_t  *steps;

    steps = find->path->steps.elts;

    if (find->matched + 1 == json->depth
        && find->matched < find->path->steps.nelts
        && steps[find->matched].name.data
        && ngx_kafka_sse_json_same(json, &steps[find->matched].name))
    {
        find->matched++;
        find->type = NGX_KAFKA_SSE_FIELD_NONE;
        find->text.len = 0;
    }
}


static void
ngx_kafka_sse_field_value(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json)
{
    ngx_uint_t             depth, opens;
    ngx_kafka_sse_step_t  *steps;

    steps = find->path->steps.elts;

    opens = (json->type == NGX_KAFKA_SSE_JSON_OBJECT
             || json->type == NGX_KAFKA_SSE_JSON_ARRAY);
    depth = json->depth - opens;

    if (depth && find->matched + 1 == depth
        && find->matched < find->path->steps.nelts
        && steps[find->matched].name.data == NULL
        && ngx_kafka_sse_json_in_array(json, depth)
        && find->index++ == steps[find->matched].index)
    {
        find->matched++;
    }

    if (find->matched != depth) {
        return;
    }

    if (find->path->steps.nelts == depth) {
        ngx_kafka_sse_field_take(find, json);
    }

    if (opens) {
        find->index = 0;

    } else {
        ngx_kafka_sse_field_leave(find, depth);
    }
}


/* what is at this depth is over */

static void
ngx_kafka_sse_field_leave(ngx_kafka_sse_find_t *find, ngx_uint_t depth)
{
    ngx_kafka_sse_step_t  *steps;

    if (depth && find->matched == depth) {
        steps = find->path->steps.elts;

        find->matched--;
        find->index = steps[find->matched].index + 1;
    }
}


static void
ngx_kafka_sse_field_take(ngx_kafka_sse_find_t *find,
    ngx_kafka_sse_json_t *json)
{
    ngx_str_null(&find->text);

    switch (json->type) {

    case NGX_KAFKA_SSE_JSON_NULL:
        find->type = NGX_KAFKA_SSE_FIELD_NONE;
        return;

    case NGX_KAFKA_SSE_JSON_STRING:
        find->type = NGX_KAFKA_SSE_FIELD_STRING;
        find->escaped = json->escaped;
        break;

    case NGX_KAFKA_SSE_JSON_NUMBER:
        find->type = NGX_KAFKA_SSE_FIELD_NUMBER;
        break;

    case NGX_KAFKA_SSE_JSON_TRUE:
    case NGX_KAFKA_SSE_JSON_FALSE:
        find->type = NGX_KAFKA_SSE_FIELD_BOOLEAN;
        break;

    default: /* NGX_KAFKA_SSE_JSON_OBJECT, NGX_KAFKA_SSE_JSON_ARRAY */
        find->type = NGX_KAFKA_SSE_FIELD_OTHER;
        return;
    }

    find->text = json->text;
}


/* the room is that of the text as it was found, or of a number */

static u_char *
ngx_kafka_sse_field_write(u_char *dst, ngx_kafka_sse_find_t *find,
    ngx_uint_t *type)
{
    u_char  *p;

    *type = find->type;

    if (find->type == NGX_KAFKA_SSE_FIELD_NUMBER) {
        p = ngx_kafka_sse_number_write(dst, &find->text);

        if (p == NULL) {
            *type = NGX_KAFKA_SSE_FIELD_OTHER;
            return dst;
        }

        return p;
    }

    if (find->type == NGX_KAFKA_SSE_FIELD_STRING && find->escaped) {
        return ngx_kafka_sse_json_unescape(dst, &find->text);
    }

    return ngx_cpymem(dst, find->text.data, find->text.len);
}


ngx_int_t
ngx_kafka_sse_field_get(ngx_str_t *fields, ngx_str_t *path,
    ngx_kafka_sse_field_t *field)
{
    ngx_int_t  rc;
    ngx_str_t  rest, text;

    rest = *fields;

    for ( ;; ) {
        rc = ngx_kafka_sse_field_next(&rest, &text, field);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
        }

        if (text.len == path->len
            && ngx_memcmp(text.data, path->data, path->len) == 0)
        {
            return NGX_OK;
        }
    }
}


ngx_int_t
ngx_kafka_sse_field_check(ngx_str_t *fields)
{
    ngx_int_t              rc;
    ngx_str_t              rest, text;
    ngx_kafka_sse_field_t  field;

    rest = *fields;

    do {
        rc = ngx_kafka_sse_field_next(&rest, &text, &field);
    } while (rc == NGX_OK);

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* takes a field off *fields; NGX_DONE at the end, NGX_ERROR: malformed */

static ngx_int_t
ngx_kafka_sse_field_next(ngx_str_t *fields, ngx_str_t *path,
    ngx_kafka_sse_field_t *field)
{
    u_char                      *p;
    size_t                       left;
    ngx_kafka_sse_field_head_t   head;

    if (fields->len == 0) {
        return NGX_DONE;
    }

    if (fields->len < sizeof(ngx_kafka_sse_field_head_t)) {
        return NGX_ERROR;
    }

    p = fields->data;
    left = fields->len - sizeof(ngx_kafka_sse_field_head_t);

    ngx_memcpy(&head, p, sizeof(ngx_kafka_sse_field_head_t));
    p += sizeof(ngx_kafka_sse_field_head_t);

    if (head.type > NGX_KAFKA_SSE_FIELD_OTHER
        || head.path > left || head.value > left - head.path)
    {
        return NGX_ERROR;
    }

    path->len = head.path;
    path->data = p;

    field->type = head.type;
    field->value.len = head.value;
    field->value.data = p + head.path;

    fields->len = left - head.path - head.value;
    fields->data = p + head.path + head.value;

    return NGX_OK;
}


/* static, up to the next call; NULL: no memory */

static ngx_kafka_sse_find_t *
ngx_kafka_sse_field_finds(ngx_array_t *paths)
{
    ngx_uint_t              i;
    ngx_kafka_sse_path_t  **path;

    static ngx_kafka_sse_find_t  *finds;
    static ngx_uint_t             n;

    if (paths->nelts > n) {
        ngx_free(finds);
        n = 0;

        finds = ngx_alloc(paths->nelts * sizeof(ngx_kafka_sse_find_t),
                          ngx_cycle->log);
        if (finds == NULL) {
            return NULL;
        }

        n = paths->nelts;
    }

    ngx_memzero(finds, paths->nelts * sizeof(ngx_kafka_sse_find_t));

    path = paths->elts;

    for (i = 0; i < paths->nelts; i++) {
        finds[i].path = path[i];
    }

    return finds;
}


/* static, up to the next call; what is huge is not kept; NULL: no memory */

static u_char *
ngx_kafka_sse_field_room(size_t size)
{
    static u_char  *buf;
    static size_t   room;

    if (size <= room && (room <= NGX_KAFKA_SSE_FIELD_KEEP
                         || size > NGX_KAFKA_SSE_FIELD_KEEP))
    {
        return buf;
    }

    if (buf) {
        ngx_free(buf);
    }

    room = 0;
    size = ngx_max(size, 4096);

    buf = ngx_alloc(size, ngx_cycle->log);
    if (buf) {
        room = size;
    }

    return buf;
}
