
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


/*
 * leash command [argument ...]
 *
 * Becomes the command, which the kernel kills when the process that started
 * the leash ends, however it ends: a test that dies leaves no broker behind.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>


int
main(int argc, char **argv)
{
    pid_t  parent;

    if (argc < 2) {
        fprintf(stderr, "usage: leash command [argument ...]\n");
        return 2;
    }

    parent = getppid();

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
        perror("prctl");
        return 2;
    }

    if (getppid() != parent) {
        return 2;
    }

    execvp(argv[1], &argv[1]);
    perror(argv[1]);

    return 2;
}
