# nginx with ngx_kafka_sse and conf/nginx.conf, on Debian 13.  Kafka and Redis
# are services beside it, see conf/compose.yaml; "make docker-check" runs each
# step below in a plain Debian 13, without Docker.
#
#     docker build -t ngx_kafka_sse .

FROM debian:trixie-slim AS build

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev make nginx nginx-dev \
        librdkafka-dev libhiredis-dev libjansson-dev libssl-dev

WORKDIR /usr/src/ngx_kafka_sse

COPY config Makefile ngx_kafka_sse_module.c ./
COPY src src
COPY t/setup t/setup

RUN make


FROM debian:trixie-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        nginx librdkafka1 libhiredis1.1.0 libjansson4 libssl3t64 \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /usr/src/ngx_kafka_sse/build/ngx_kafka_sse_module.so \
    /usr/lib/nginx/modules/
COPY conf/nginx.conf /etc/nginx/nginx.conf

# where Kafka and Redis are; for more than that, mount another nginx.conf

ARG KAFKA=kafka:9092
ARG REDIS=redis:6379

RUN sed -i -e "s/localhost:9092;/$KAFKA;/" -e "s/127.0.0.1:6379;/$REDIS;/" \
        /etc/nginx/nginx.conf \
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log

EXPOSE 80

# a graceful end: streams are ended over kafka_sse_drain, and come back to
# another node

STOPSIGNAL SIGQUIT

CMD ["nginx", "-g", "daemon off;"]
