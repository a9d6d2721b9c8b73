
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * The input is the text.  A regular expression and the C library's calendar
 * say the same.
 *
 * Covers worker/ngx_kafka_sse_start.c
 */


#include "fuzz.h"

#include <regex.h>
#include <time.h>

#include <worker/ngx_kafka_sse_start.h>


#define START_MATCHES  12


static int
start_number(const char *text, regmatch_t *match)
{
    char  digits[8];
    int   len;

    len = match->rm_eo - match->rm_so;

    if (match->rm_so == -1) {
        return 0;
    }

    len = ngx_min(len, 7);
    memcpy(digits, text + match->rm_so, len);
    digits[len] = '\0';

    return atoi(digits);
}


/* -1: it is no time */

static int64_t
start_time(const char *text)
{
    int         i, fraction, zone;
    int64_t     ms;
    struct tm   tm, again;
    time_t      t;
    regmatch_t  m[START_MATCHES];

    static regex_t     regex;
    static ngx_uint_t  compiled;

    if (!compiled) {
        compiled = 1;
        fuzz_check(regcomp(&regex,
                           "^([0-9]{4})-([0-9]{2})-([0-9]{2})"
                           "([Tt ]([0-9]{2}):([0-9]{2})"
                           "(:([0-9]{2})(\\.[0-9]+)?)?"
                           "([Zz]|[-+ ]([0-9]{2}:[0-9]{2})))?$",
                           REG_EXTENDED)
                   == 0);
    }

    if (regexec(&regex, text, START_MATCHES, m, 0) != 0) {
        return -1;
    }

    memset(&tm, 0, sizeof(tm));

    tm.tm_year = start_number(text, &m[1]) - 1900;
    tm.tm_mon = start_number(text, &m[2]) - 1;
    tm.tm_mday = start_number(text, &m[3]);
    tm.tm_hour = start_number(text, &m[5]);
    tm.tm_min = start_number(text, &m[6]);

    again = tm;
    t = timegm(&again);

    /* what the calendar has corrected was none */

    if (again.tm_mday != tm.tm_mday || again.tm_mon != tm.tm_mon
        || again.tm_hour != tm.tm_hour || again.tm_min != tm.tm_min
        || start_number(text, &m[8]) > 60 || tm.tm_year < 70)
    {
        return -1;
    }

    ms = ((int64_t) t + start_number(text, &m[8])) * 1000;
    fraction = 0;

    if (m[9].rm_so != -1) {
        for (i = 1; i <= 3; i++) {
            fraction *= 10;

            if (m[9].rm_so + i < m[9].rm_eo) {
                fraction += text[m[9].rm_so + i] - '0';
            }
        }
    }

    ms += fraction;

    if (m[11].rm_so != -1) {
        zone = atoi(text + m[11].rm_so) * 60 + atoi(text + m[11].rm_so + 3);

        if (atoi(text + m[11].rm_so) > 23
            || atoi(text + m[11].rm_so + 3) > 59)
        {
            return -1;
        }

        ms += (text[m[10].rm_so] == '-') ? zone * 60000 : -zone * 60000;
    }

    return (ms < 0) ? -1 : ms;
}


static ngx_uint_t
start_is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text)
           && strlen(text) <= 15;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                   *text;
    int64_t                 ms;
    ngx_int_t               rc;
    ngx_str_t               in;
    ngx_kafka_sse_start_t   start;

    in.data = (u_char *) data;
    in.len = size;

    rc = ngx_kafka_sse_start_parse(&start, &in);

    if (memchr(data, '\0', size)) {
        fuzz_check(rc == NGX_DECLINED);
        return 0;
    }

    text = strndup((char *) data, size);

    if (strcmp(text, "latest") == 0) {
        fuzz_check(rc == NGX_OK && start.kind == NGX_KAFKA_SSE_START_LATEST);

    } else if (strcmp(text, "earliest") == 0) {
        fuzz_check(rc == NGX_OK
                   && start.kind == NGX_KAFKA_SSE_START_EARLIEST);

    } else if (text[0] == '-' && start_is_number(text + 1)) {
        fuzz_check(rc == NGX_OK && start.kind == NGX_KAFKA_SSE_START_BACK
                   && start.value == atoll(text + 1));

    } else if (start_is_number(text)) {
        fuzz_check(rc == NGX_OK && start.kind == NGX_KAFKA_SSE_START_TIME
                   && start.value == atoll(text));

    } else {
        ms = start_time(text);

        fuzz_check((rc == NGX_OK) == (ms != -1));
        fuzz_check(rc != NGX_OK || (start.kind == NGX_KAFKA_SSE_START_TIME
                                    && start.value == ms));
    }

    free(text);

    return 0;
}
