
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_REDIS_ADVICE_H_INCLUDED_
#define _NGX_KAFKA_SSE_REDIS_ADVICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <companion/ngx_kafka_sse_redis_session.h>


/*
 * What is to be done where Redis refuses a command with these words: the rule
 * that the ACL of our user lacks, or the password.  Written at p, up to last;
 * nothing if we do not know.
 */

u_char *ngx_kafka_sse_redis_advice(u_char *p, u_char *last,
    ngx_kafka_sse_redis_session_t *session,
    ngx_kafka_sse_redis_command_e command, ngx_str_t *words);

/* the command's name, as it is sent */

char *ngx_kafka_sse_redis_command_name(ngx_kafka_sse_redis_command_e command);


#endif /* _NGX_KAFKA_SSE_REDIS_ADVICE_H_INCLUDED_ */
