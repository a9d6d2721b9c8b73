
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include "unit.h"
#include "json.h"

#include <shared/ngx_kafka_sse_record.h>


static ngx_uint_t
record_is_text(const char *s, size_t len)
{
    ngx_str_t   value;
    ngx_uint_t  text;

    value = unit_copy(s, len);
    text = ngx_kafka_sse_record_is_text(&value);
    free(value.data);

    return text;
}


#define record_text(s, claim)                                                 \
    unit_ok(record_is_text(s, sizeof(s) - 1) == 1, claim)
#define record_binary(s, claim)                                               \
    unit_ok(record_is_text(s, sizeof(s) - 1) == 0, claim)


static void
record_test_text(void)
{
    record_text("", "an empty value is text");
    record_text("a", "one letter is text");
    record_text("0123456789abcdefghijklmnopqrstuvwxyz", "ASCII is text");
    record_text("\x01\x1f\r\n\t\x7f", "control characters but NUL are text");
    record_text("\xc2\x80\xdf\xbf", "U+0080 and U+07FF are text");
    record_text("\xe0\xa0\x80\xef\xbf\xbf", "U+0800 and U+FFFF are text");
    record_text("\xed\x9f\xbf\xee\x80\x80", "U+D7FF and U+E000 are text");
    record_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
                "U+10000 and U+10FFFF are text");
    record_text("\xe2\x80\xa8\xe2\x80\xa9", "U+2028 and U+2029 are text");
    record_text("1234567\xc3\xa4", "a character across 8 bytes is text");

    record_binary("\0", "NUL is not text");
    record_binary("abcdefgh\0", "NUL at the end is not text");
    record_binary("abc\0efgh12345678", "NUL within 8 bytes is not text");
    record_binary("\x80", "a continuation byte alone is not text");
    record_binary("\xc0\x80", "an overlong NUL is not text");
    record_binary("\xc1\xbf", "an overlong U+007F is not text");
    record_binary("\xe0\x9f\xbf", "an overlong U+07FF is not text");
    record_binary("\xf0\x8f\xbf\xbf", "an overlong U+FFFF is not text");
    record_binary("\xed\xa0\x80", "U+D800 is not text");
    record_binary("\xed\xbf\xbf", "U+DFFF is not text");
    record_binary("\xed\xa0\xbd\xed\xb8\x80", "CESU-8 is not text");
    record_binary("\xf4\x90\x80\x80", "U+110000 is not text");
    record_binary("\xf5\x80\x80\x80", "0xf5 is not text");
    record_binary("\xff\xfe", "0xff is not text");
    record_binary("abc\xc3", "a cut character of 2 bytes is not text");
    record_binary("abc\xe2\x82", "a cut character of 3 bytes is not text");
    record_binary("abc\xf0\x9f\x98", "a cut character of 4 bytes is not text");
    record_binary("\xe2\x82\x41", "a letter in a character is not text");
    record_binary("\xf0\x9f\x98\xc0", "a wrong last byte is not text");
}


/* all of 1 to 3 bytes, and those of 4 where the branches are */

static void
record_test_text_reference(void)
{
    u_char      buf[12];
    size_t      n;
    uint32_t    i, wrong;
    ngx_str_t   value;

    wrong = 0;

    for (n = 1; n <= 3; n++) {
        for (i = 0; i < 1u << (8 * n); i++) {
            buf[0] = (u_char) i;
            buf[1] = (u_char) (i >> 8);
            buf[2] = (u_char) (i >> 16);

            value.data = buf;
            value.len = n;

            wrong += ngx_kafka_sse_record_is_text(&value)
                     != json_is_text(buf, n);
        }
    }

    unit_ok(wrong == 0, "every value of up to 3 bytes is judged right");

    wrong = 0;

    for (i = 0; i < 1u << 24; i++) {
        buf[0] = 0xf0 + (i & 7);
        buf[1] = (u_char) (i >> 3);
        buf[2] = (u_char) (i >> 11);
        buf[3] = (u_char) (0x7e + (i >> 19) * 3);

        value.data = buf;
        value.len = 4;

        wrong += ngx_kafka_sse_record_is_text(&value) != json_is_text(buf, 4);
    }

    unit_ok(wrong == 0, "values of 4 bytes are judged right");

    wrong = 0;

    for (i = 0; i < 200000; i++) {
        value = unit_random_str(60);

        if (value.len && unit_below(4) == 0) {
            value.data[unit_below(value.len)] = '\0';
        }

        wrong += ngx_kafka_sse_record_is_text(&value)
                 != json_is_text(value.data, value.len);
        free(value.data);
    }

    unit_ok(wrong == 0, "random values are judged right");
}


#define record_headers(s)                                                     \
    record_check_headers(s, sizeof(s) - 1)


static ngx_int_t
record_check_headers(const char *s, size_t len)
{
    ngx_int_t  rc;
    ngx_str_t  headers;

    headers = unit_copy(s, len);
    rc = ngx_kafka_sse_record_check_headers(&headers);
    free(headers.data);

    return rc;
}


static void
record_test_headers(void)
{
    u_char     *p, buf[128];
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   headers, rest, name, value;

    static ngx_str_t  type = unit_str("type");
    static ngx_str_t  order = unit_str("order");
    static ngx_str_t  empty = unit_str("");
    static ngx_str_t  null = ngx_null_string;

    static const char  expected[] =
        "\4\0\0\0\5\0\0\0typeorder"
        "\0\0\0\0\0\0\0\0"
        "\5\0\0\0\xff\xff\xff\xfforder";

    p = ngx_kafka_sse_record_add_header(buf, &type, &order);
    p = ngx_kafka_sse_record_add_header(p, &empty, &empty);
    p = ngx_kafka_sse_record_add_header(p, &order, &null);

    unit_is(buf, p - buf, expected, sizeof(expected) - 1,
            "headers are packed as documented");

    headers = unit_copy(buf, p - buf);

    unit_ok(ngx_kafka_sse_record_check_headers(&headers) == NGX_OK,
            "packed headers are well-formed");

    rest = headers;

    rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    unit_ok(rc == NGX_OK && name.len == 4 && memcmp(name.data, "type", 4) == 0
            && value.len == 5 && memcmp(value.data, "order", 5) == 0,
            "a header is unpacked");

    rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    unit_ok(rc == NGX_OK && name.len == 0 && value.len == 0
            && value.data != NULL, "an empty header value is not null");

    rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    unit_ok(rc == NGX_OK && name.len == 5 && value.len == 0
            && value.data == NULL, "a null header value is null");

    rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    unit_ok(rc == NGX_DONE, "the last header is followed by NGX_DONE");

    for (i = 1; i < headers.len; i++) {

        if (i == 17 || i == 25) {
            continue;
        }

        if (record_check_headers((char *) headers.data, i) != NGX_ERROR) {
            break;
        }
    }

    unit_ok(i == headers.len, "headers cut within a header are malformed");

    free(headers.data);

    unit_ok(record_headers("") == NGX_OK, "no headers are well-formed");
    unit_ok(record_headers("\0\0\0\0\0\0\0") == NGX_ERROR,
            "7 bytes are malformed headers");
    unit_ok(record_headers("\xff\xff\xff\xff\0\0\0\0") == NGX_ERROR,
            "a header name is never null");
    unit_ok(record_headers("\1\0\0\0\xfe\xff\xff\xff" "a") == NGX_ERROR,
            "a header value of 4 GB is malformed");
    unit_ok(record_headers("\xfe\xff\xff\xff\x02\0\0\0aaaa") == NGX_ERROR,
            "header lengths whose sum overflows 32 bits are malformed");
    unit_ok(record_headers("\0\0\0\0\0\0\0\0\0") == NGX_ERROR,
            "a byte after the last header is malformed");

    rest.data = (u_char *) "\2\0\0\0\0\0\0\0a";
    rest.len = 9;
    rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);
    unit_ok(rc == NGX_ERROR && rest.len == 9,
            "a malformed header is not consumed");
}


static void
record_test_headers_random(void)
{
    u_char      *p;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t    names[8], values[8], block, rest, name, value;
    ngx_uint_t   i, j, n, wrong;

    wrong = 0;

    for (i = 0; i < 20000; i++) {
        n = unit_below(9);
        len = 0;

        for (j = 0; j < n; j++) {
            names[j] = unit_random_str(12);
            values[j] = unit_random_str(20);

            if (unit_below(4) == 0) {
                free(values[j].data);
                ngx_str_null(&values[j]);
            }

            len += 8 + names[j].len + values[j].len;
        }

        block.data = unit_alloc(len);
        block.len = len;
        p = block.data;

        for (j = 0; j < n; j++) {
            p = ngx_kafka_sse_record_add_header(p, &names[j], &values[j]);
        }

        wrong += p != block.data + len;
        rest = block;

        for (j = 0; j < n; j++) {
            rc = ngx_kafka_sse_record_next_header(&rest, &name, &value);

            wrong += rc != NGX_OK
                     || name.len != names[j].len
                     || value.len != values[j].len
                     || (value.data == NULL) != (values[j].data == NULL)
                     || memcmp(name.data, names[j].data, name.len) != 0
                     || (value.len
                         && memcmp(value.data, values[j].data, value.len)
                            != 0);

            free(names[j].data);
            free(values[j].data);
        }

        wrong += ngx_kafka_sse_record_next_header(&rest, &name, &value)
                 != NGX_DONE;
        free(block.data);
    }

    unit_ok(wrong == 0, "random headers are unpacked as they were packed");
}


int
main(void)
{
    record_test_text();
    record_test_text_reference();
    record_test_headers();
    record_test_headers_random();

    return unit_done();
}
