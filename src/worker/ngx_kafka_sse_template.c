
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <worker/ngx_kafka_sse_template.h>


static ngx_int_t ngx_kafka_sse_template_literal(ngx_conf_t *cf,
    ngx_str_t *text, ngx_str_t *literal);
static void ngx_kafka_sse_template_text(ngx_kafka_sse_template_part_t *part,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec,
    ngx_kafka_sse_operand_value_t *value);
static u_char *ngx_kafka_sse_template_clean(u_char *dst, ngx_str_t *text);


char *
ngx_kafka_sse_template_compile(ngx_conf_t *cf,
    ngx_kafka_sse_template_t *template, ngx_str_t *text)
{
    u_char                         *p, *last;
    ngx_int_t                       rc;
    ngx_str_t                       rest, literal;
    ngx_kafka_sse_template_part_t  *part;

    template->parts = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_kafka_sse_template_part_t));
    if (template->parts == NULL) {
        return NGX_CONF_ERROR;
    }

    rest = *text;
    last = text->data + text->len;

    while (rest.len) {

        part = ngx_array_push(template->parts);
        if (part == NULL) {
            return NGX_CONF_ERROR;
        }

        p = ngx_strlchr(rest.data, last, '$');
        if (p == NULL) {
            p = last;
        }

        if (p == rest.data) {
            part->is_literal = 0;
            rc = ngx_kafka_sse_operand_take(cf, &part->operand, text, &rest);

        } else {
            literal.data = rest.data;
            literal.len = p - rest.data;

            rest.data = p;
            rest.len = last - p;

            part->is_literal = 1;
            rc = ngx_kafka_sse_template_literal(cf, &literal, &part->literal);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


size_t
ngx_kafka_sse_template_len(ngx_kafka_sse_template_t *template,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec)
{
    size_t                          len;
    ngx_uint_t                      i;
    ngx_kafka_sse_operand_value_t   value;
    ngx_kafka_sse_template_part_t  *part;

    len = 0;
    part = template->parts->elts;

    for (i = 0; i < template->parts->nelts; i++) {
        ngx_kafka_sse_template_text(&part[i], topic, rec, &value);
        len += value.text.len;
    }

    return len;
}


u_char *
ngx_kafka_sse_template_write(u_char *dst, ngx_kafka_sse_template_t *template,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec)
{
    ngx_uint_t                      i;
    ngx_kafka_sse_operand_value_t   value;
    ngx_kafka_sse_template_part_t  *part;

    part = template->parts->elts;

    for (i = 0; i < template->parts->nelts; i++) {
        ngx_kafka_sse_template_text(&part[i], topic, rec, &value);
        dst = ngx_kafka_sse_template_clean(dst, &value.text);
    }

    return dst;
}


static ngx_int_t
ngx_kafka_sse_template_literal(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *literal)
{
    literal->len = text->len;
    literal->data = ngx_pnalloc(cf->pool, text->len);
    if (literal->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(literal->data, text->data, text->len);

    return NGX_OK;
}


static void
ngx_kafka_sse_template_text(ngx_kafka_sse_template_part_t *part,
    ngx_str_t *topic, ngx_kafka_sse_record_t *rec,
    ngx_kafka_sse_operand_value_t *value)
{
    if (part->is_literal) {
        value->text = part->literal;

    } else {
        ngx_kafka_sse_operand_get(&part->operand, topic, rec, value);
    }
}


static u_char *
ngx_kafka_sse_template_clean(u_char *dst, ngx_str_t *text)
{
    u_char     c, *p, *last;
    size_t     n;
    ngx_str_t  character;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        c = *p;

        if (c < 0x80) {
            p++;

            if (c != CR && c != LF && c != '\0') {
                *dst++ = c;
            }

            continue;
        }

        n = (c < 0xe0) ? 2 : (c < 0xf0) ? 3 : 4;
        character.len = ngx_min(n, (size_t) (last - p));
        character.data = p;

        if (ngx_kafka_sse_record_is_text(&character)) {
            dst = ngx_cpymem(dst, p, n);
            p += n;

        } else {
            *dst++ = '?';
            p++;
        }
    }

    return dst;
}
