
/*
 * Copyright (C) the ngx_kafka_sse authors
 */


#ifndef _NGX_KAFKA_SSE_HEADERS_H_INCLUDED_
#define _NGX_KAFKA_SSE_HEADERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A record's headers as the members of a JSON object, in the order of their
 * names; what has one name is an array.
 *
 * They are sorted to find equal names: what a record holds must not cost the
 * square of its size.  This is done in the room behind the JSON that they
 * become.  Per header, which takes 8 bytes + name + value in the record: 6 and
 * 6 times its name, 6 times its value, 24 bytes of punctuation, 40 of the
 * struct; so 12 times what it takes in the record is enough.
 */

#define NGX_KAFKA_SSE_HEADERS_LEN  12


/* writes them at dst, where there is so much room, and returns the end */

u_char *ngx_kafka_sse_headers_write(u_char *dst, ngx_str_t *headers);


#endif /* _NGX_KAFKA_SSE_HEADERS_H_INCLUDED_ */
