
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * Runs a fuzz target where libFuzzer is not at hand:
 *
 *     target [-runs=N] [-max_total_time=S] [-seed=N] [-artifact_prefix=P]
 *            [-dict=FILE] file|directory ...
 *
 * Every file is run once; then, if asked to, random changes of them, N times
 * or S seconds, whatever ends first.  The same seed and corpus give the same
 * inputs.  FILE has words of the target's language, one on a line, in quotes
 * and with \\, \" and \xHH, as libFuzzer has it.  An input that ends the
 * program, or takes too long, is printed, and kept in the file that P and its
 * process id name.
 */


#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define DRIVER_MAX     4096     /* bytes of an input that is changed */
#define DRIVER_WORDS   512      /* of a dictionary */
#define DRIVER_RUNS    256      /* between two looks at the clock */
#define DRIVER_LIMIT   20       /* s that so many runs may take */


typedef struct {
    uint8_t     *data;
    size_t       len;
} driver_input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void driver_read(const char *path);
static void driver_read_file(const char *path);
static void driver_words(const char *path);
static void driver_mutate(driver_input_t *in);
static size_t driver_insert(driver_input_t *in, size_t at, size_t len);
static void driver_run(const uint8_t *data, size_t len);
static void driver_handler(int signo);
static uint64_t driver_random(void);
static size_t driver_below(size_t n);


static driver_input_t  *driver_corpus;
static size_t           driver_ncorpus;
static driver_input_t   driver_dict[DRIVER_WORDS];
static size_t           driver_nwords;
static const char      *driver_prefix;
static uint64_t         driver_seed = 88172645463325252ull;
static const uint8_t   *driver_data;
static size_t           driver_len;


/* so that the sanitizers end here, too */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);


const char *
__asan_default_options(void)
{
    return "abort_on_error=1:handle_abort=0";
}


const char *
__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}


int
main(int argc, char **argv)
{
    int             i;
    long            runs, seconds, n;
    time_t          end;
    driver_input_t  in, *from;

    runs = -1;
    seconds = -1;

    for (i = 1; i < argc; i++) {

        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = atol(argv[i] + 6);

        } else if (strncmp(argv[i], "-max_total_time=", 16) == 0) {
            seconds = atol(argv[i] + 16);

        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            driver_seed += strtoull(argv[i] + 6, NULL, 10);

        } else if (strncmp(argv[i], "-artifact_prefix=", 17) == 0) {
            driver_prefix = argv[i] + 17;

        } else if (strncmp(argv[i], "-dict=", 6) == 0) {
            driver_words(argv[i] + 6);

        } else if (argv[i][0] != '-') {
            driver_read(argv[i]);
        }
    }

    signal(SIGABRT, driver_handler);
    signal(SIGALRM, driver_handler);

    driver_run((uint8_t *) "", 0);

    for (i = 0; i < (int) driver_ncorpus; i++) {
        alarm(DRIVER_LIMIT);
        driver_run(driver_corpus[i].data, driver_corpus[i].len);
    }

    if (runs == -1 && seconds == -1) {
        printf("%d files\n", (int) driver_ncorpus);
        return 0;
    }

    end = time(NULL) + seconds;

    for (n = 0; runs == -1 || n < runs; n++) {

        if (n % DRIVER_RUNS == 0) {
            alarm(DRIVER_LIMIT);

            if (seconds != -1 && time(NULL) >= end) {
                break;
            }
        }

        in.len = 0;
        in.data = malloc(DRIVER_MAX);
        if (in.data == NULL) {
            return 2;
        }

        if (driver_ncorpus) {
            from = &driver_corpus[driver_below(driver_ncorpus)];
            in.len = from->len < DRIVER_MAX ? from->len : DRIVER_MAX;
            memcpy(in.data, from->data, in.len);
        }

        driver_mutate(&in);
        driver_run(in.data, in.len);

        free(in.data);
    }

    printf("%ld runs, %d files\n", n, (int) driver_ncorpus);

    return 0;
}


static void
driver_read(const char *path)
{
    int              i, n;
    char             name[4096];
    struct stat      st;
    struct dirent  **entries;

    if (stat(path, &st) != 0) {
        perror(path);
        exit(2);
    }

    if (!S_ISDIR(st.st_mode)) {
        driver_read_file(path);
        return;
    }

    n = scandir(path, &entries, NULL, alphasort);

    for (i = 0; i < n; i++) {

        if (entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            driver_read_file(name);
        }

        free(entries[i]);
    }

    if (n >= 0) {
        free(entries);
    }
}


static void
driver_read_file(const char *path)
{
    long             len;
    FILE            *file;
    driver_input_t  *in;

    if ((driver_ncorpus & (driver_ncorpus - 1)) == 0) {
        driver_corpus = realloc(driver_corpus, (driver_ncorpus * 2 + 1)
                                               * sizeof(driver_input_t));
        if (driver_corpus == NULL) {
            exit(2);
        }
    }

    in = &driver_corpus[driver_ncorpus++];
    file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }

    len = ftell(file);
    rewind(file);

    in->len = len;
    in->data = malloc(len + 1);

    if (in->data == NULL || fread(in->data, 1, len, file) != (size_t) len) {
        perror(path);
        exit(2);
    }

    fclose(file);
}


static void
driver_words(const char *path)
{
    unsigned         c;
    char             line[1024], *p;
    FILE            *file;
    driver_input_t  *word;

    file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        exit(2);
    }

    while (driver_nwords < DRIVER_WORDS && fgets(line, sizeof(line), file)) {
        p = strchr(line, '"');

        if (line[0] == '#' || p == NULL) {
            continue;
        }

        word = &driver_dict[driver_nwords++];
        word->len = 0;
        word->data = malloc(strlen(line));

        if (word->data == NULL) {
            exit(2);
        }

        for (p++; *p && *p != '"'; p++) {

            if (*p == '\\' && sscanf(p, "\\x%2x", &c) == 1) {
                word->data[word->len++] = (uint8_t) c;
                p += 3;
                continue;
            }

            p += (*p == '\\' && p[1]);
            word->data[word->len++] = (uint8_t) *p;
        }
    }

    fclose(file);
}


static void
driver_mutate(driver_input_t *in)
{
    size_t           i, at, len, n;
    driver_input_t  *other;

    static const char     *tokens = "\r\n\"\\:{}[]$%=.-_A0 \x7f";
    static const uint8_t   values[] = {
        0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0xc3, 0xed, 0xa0, 0xf4, 0x90
    };

    for (n = 1 + driver_below(4); n; n--) {
        at = in->len ? driver_below(in->len) : 0;
        len = in->len ? 1 + driver_below(in->len - at) : 0;

        switch (driver_below(in->len ? 9 : 2)) {

        case 0: /* a piece of another input */

            if (driver_ncorpus == 0) {
                break;
            }

            other = &driver_corpus[driver_below(driver_ncorpus)];

            if (other->len == 0) {
                break;
            }

            i = driver_below(other->len);
            len = driver_insert(in, at, 1 + driver_below(other->len - i));
            memcpy(in->data + at, other->data + i, len);
            break;

        case 1: /* new bytes */

            len = driver_insert(in, at, 1 + driver_below(8));

            for (i = 0; i < len; i++) {
                in->data[at + i] = (uint8_t) driver_random();
            }

            break;

        case 2:
            in->data[at] ^= 1 << driver_below(8);
            break;

        case 3:
            in->data[at] = values[driver_below(sizeof(values))];
            break;

        case 4:
            in->data[at] = tokens[driver_below(strlen(tokens))];
            break;

        case 5:
            in->data[at] += driver_below(2) ? 1 : -1;
            break;

        case 6: /* cut out */
            memmove(in->data + at, in->data + at + len, in->len - at - len);
            in->len -= len;
            break;

        case 7: /* twice */
            len = driver_insert(in, at, len);
            break;

        default: /* a word */

            if (driver_nwords == 0) {
                break;
            }

            other = &driver_dict[driver_below(driver_nwords)];
            len = driver_insert(in, at, other->len);
            memcpy(in->data + at, other->data, len);
            break;
        }
    }
}


/* makes a hole, which holds what was there; returns its size */

static size_t
driver_insert(driver_input_t *in, size_t at, size_t len)
{
    if (len > DRIVER_MAX - in->len) {
        len = DRIVER_MAX - in->len;
    }

    memmove(in->data + at + len, in->data + at, in->len - at);
    in->len += len;

    return len;
}


/* in a room of its own, so that a read behind the end is seen */

static void
driver_run(const uint8_t *data, size_t len)
{
    uint8_t  *copy;

    copy = malloc(len ? len : 1);
    if (copy == NULL) {
        exit(2);
    }

    memcpy(copy, data, len);

    driver_data = copy;
    driver_len = len;

    (void) LLVMFuzzerTestOneInput(copy, len);

    free(copy);
}


static void
driver_handler(int signo)
{
    char     name[4096];
    FILE    *file;
    size_t   i;

    if (signo == SIGALRM) {
        fprintf(stderr, "%d runs took more than %d s\n", DRIVER_RUNS,
                DRIVER_LIMIT);
    }

    if (driver_prefix) {
        snprintf(name, sizeof(name), "%s%d", driver_prefix, (int) getpid());
        file = fopen(name, "wb");

        if (file) {
            fwrite(driver_data, 1, driver_len, file);
            fclose(file);
            fprintf(stderr, "the input is in %s\n", name);
        }
    }

    fprintf(stderr, "the input, %d bytes: $'", (int) driver_len);

    for (i = 0; i < driver_len; i++) {
        fprintf(stderr, "\\x%02x", driver_data[i]);
    }

    fprintf(stderr, "'\n");
    _exit(1);
}


static uint64_t
driver_random(void)
{
    driver_seed ^= driver_seed << 13;
    driver_seed ^= driver_seed >> 7;
    driver_seed ^= driver_seed << 17;

    return driver_seed * 2685821657736338717ull >> 16;
}


static size_t
driver_below(size_t n)
{
    return driver_random() % n;
}
