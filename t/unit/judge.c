
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Judges tokens by what the module's pure parts say, for tests that make them:
 *
 *     judge [-t]
 *
 * Each line of its input has the path of a key file, the allowed algs, joined
 * by ",", and a token in hexadecimal, with TABs between.  For each it prints
 * "ok", or the step that refused it and why: "file", "parse", "verify",
 * "claims".  -t: each token 2000 times, and the microseconds of processor time
 * that one takes.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <time.h>

#include "ngx_shim.h"
#include "unit.h"

#include <worker/ngx_kafka_sse_claims.h>
#include <worker/ngx_kafka_sse_keyring.h>
#include <worker/ngx_kafka_sse_token.h>


#define JUDGE_LINE   (4 * 1024 * 1024)
#define JUDGE_TIMES  2000


static ngx_log_t                judge_log;
static ngx_kafka_sse_keyring_t  judge_ring;


static void
judge_algs(char *names)
{
    char        *name;
    ngx_uint_t   i;

    judge_ring.algs = 0;

    for (name = strtok(names, ","); name; name = strtok(NULL, ",")) {

        for (i = 0; i < NGX_KAFKA_SSE_ALG_N; i++) {
            if (strcmp(name, (char *) ngx_kafka_sse_token_algs[i].data) == 0) {
                judge_ring.algs |= 1 << i;
            }
        }
    }
}


static ngx_int_t
judge_token(ngx_str_t *text, char **step, char **reason)
{
    ngx_int_t                rc;
    ngx_pool_t              *pool;
    ngx_kafka_sse_token_t    token;
    ngx_kafka_sse_claims_t   claims;

    pool = ngx_create_pool(4096, &judge_log);

    *step = "parse";
    rc = ngx_kafka_sse_token_parse(&token, pool, text, reason);

    if (rc == NGX_OK) {
        *step = "verify";
        rc = ngx_kafka_sse_keyring_verify(&judge_ring, &token, reason,
                                          &judge_log);
    }

    if (rc == NGX_OK) {
        *step = "claims";
        rc = ngx_kafka_sse_claims_read(&claims, pool, &token.payload, reason);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static double
judge_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}


static void
judge_line(char *line, ngx_uint_t timed)
{
    char       *file, *algs, *hex, *step, *reason;
    double      start;
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  i;

    file = strtok(line, "\t");
    algs = strtok(NULL, "\t");
    hex = strtok(NULL, "\t");

    if (file == NULL || algs == NULL) {
        printf("input: no line of three fields\n");
        return;
    }

    text.len = hex ? strlen(hex) / 2 : 0;
    text.data = unit_alloc(text.len);

    for (i = 0; i < text.len; i++) {
        text.data[i] = (u_char) ngx_hextoi((u_char *) &hex[i * 2], 2);
    }

    judge_algs(algs);

    judge_ring.file.data = (u_char *) file;
    judge_ring.file.len = strlen(file);

    if (ngx_kafka_sse_keyring_open(&judge_ring, &judge_log) != NGX_OK) {
        printf("file: %s\n", ngx_shim_message);
        free(text.data);
        return;
    }

    reason = "";
    start = judge_now();

    for (i = 0; i < (timed ? JUDGE_TIMES : 1); i++) {
        rc = judge_token(&text, &step, &reason);
    }

    if (rc == NGX_OK) {
        printf("ok");

    } else {
        printf("%s: %s", step, reason);
    }

    if (timed) {
        printf("\t%.1f us", (judge_now() - start) / JUDGE_TIMES);
    }

    printf("\n");

    ngx_kafka_sse_keyring_free(judge_ring.keys, judge_ring.nkeys);
    free(text.data);
}


int
main(int argc, char **argv)
{
    char        *line;
    size_t       len;
    ngx_uint_t   timed;

    judge_log.log_level = NGX_LOG_WARN;
    timed = (argc == 2 && strcmp(argv[1], "-t") == 0);
    line = (char *) unit_alloc(JUDGE_LINE);
    setvbuf(stdout, NULL, _IOLBF, 0);

    while (fgets(line, JUDGE_LINE, stdin)) {
        len = strlen(line);

        if (len && line[len - 1] == '\n') {
            line[len - 1] = '\0';
        }

        judge_line(line, timed);
    }

    free(line);

    return 0;
}
