
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_advice.h>


#define ngx_kafka_sse_redis_advice_is(words, code)                            \
    ((words)->len >= sizeof(code) - 1                                         \
     && ngx_strncmp((words)->data, code, sizeof(code) - 1) == 0)


typedef struct {
    char         *name;
    char         *rule;        /* of an ACL, that allows it */
    ngx_uint_t    channel;     /* it names a channel, that is to be allowed */
} ngx_kafka_sse_redis_advice_command_t;


/* in the order of ngx_kafka_sse_redis_command_e */

static ngx_kafka_sse_redis_advice_command_t  ngx_kafka_sse_redis_commands[] = {
    { "unasked", NULL, 0 },
    { "AUTH", "+auth", 0 },
    { "SELECT", "+select", 0 },
    { "CLIENT", "+client|setname", 0 },
    { "PING", "+ping", 0 },
    { "HELLO", "+hello", 0 },
    { "ROLE", "+role", 0 },
    { "SUBSCRIBE", "+subscribe", 1 },
    { "SSUBSCRIBE", "+ssubscribe", 1 },
    { "SENTINEL", "+sentinel|get-master-addr-by-name", 0 },
    { "PUBLISH", "+publish", 1 },
    { "SPUBLISH", "+spublish", 1 }
};


char *
ngx_kafka_sse_redis_command_name(ngx_kafka_sse_redis_command_e command)
{
    return ngx_kafka_sse_redis_commands[command].name;
}


u_char *
ngx_kafka_sse_redis_advice(u_char *p, u_char *last,
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *words)
{
    char                                  *file;
    ngx_kafka_sse_redis_advice_command_t  *cmd;

    cmd = &ngx_kafka_sse_redis_commands[command];
    file = session->sentinel ? "sentinel_password_file=" : "password_file=";

    if (ngx_kafka_sse_redis_advice_is(words, "NOPERM") && cmd->rule) {

        if (cmd->channel) {
            return ngx_slprintf(p, last, ", its ACL needs \"%s &%V:*\"",
                                cmd->rule, &session->conf->prefix);
        }

        return ngx_slprintf(p, last, ", its ACL needs \"%s\"", cmd->rule);
    }

    if (ngx_kafka_sse_redis_advice_is(words, "NOAUTH")) {
        return ngx_slprintf(p, last, ", \"kafka_sse_redis\" needs \"%s\"",
                            file);
    }

    if (ngx_kafka_sse_redis_advice_is(words, "WRONGPASS")) {
        return ngx_slprintf(p, last, ", look at the user and at \"%s\" of "
                            "\"kafka_sse_redis\"", file);
    }

    return p;
}
