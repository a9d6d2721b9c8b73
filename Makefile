# make          build/ngx_kafka_sse_module.so, for the installed nginx and with
#               the flags that it was built with, or CC_OPT= and LD_OPT=
# make deps     install what building and testing needs (Debian packages)
# make test     all tests, on a real Kafka and a real Redis;
#               make test TESTS="t/40-*.t" for some of them
# make unit     unit tests alone, in seconds
# make torture  everything dies, for MINUTES=60 in all; ROWS="kill redis" of
#               t/60-torture-*.t, which "make test" runs in a short form;
#               CLIENTS=200 RATE=5000 for a machine that can
# make check    the same under ASan and UBSan, and what analyzers find
# make fuzz     random input for the parsers, SECONDS=60 for each target, and
#               how much of them it covers; FUZZERS="filter json" for some
# make demo     a page with live records;  make bench: how fast it is
# make docker-check   each step of Dockerfile, in a chroot of its release
# make docker-test    "make test" in one
# make clean    forget build/ (Kafka stays in the user's cache)

BUILD =	build
MODULE = $(BUILD)/ngx_kafka_sse_module.so
NGINX_SRC = /usr/share/nginx/src
CC = cc
CC_OPT =
LD_OPT =
TESTS = t/*.t
SECONDS = 60
FUZZERS =
MINUTES = 60
ROWS = hop kill owner drop redis failover kafka leader node slow told replay
CLIENTS =
RATE =

TOOLS =	$(BUILD)/tool/kafka $(BUILD)/tool/sse $(BUILD)/tool/leash \
	$(BUILD)/tool/clock.so

export NGINX_SRC CC_OPT LD_OPT


.PHONY: all module tools deps test torture unit check fuzz demo docker-check
.PHONY: docker-test bench clean
.NOTPARALLEL:

all: module

# Two makes may run at once: one of them waits.  nginx's own Makefile knows
# which source depends on which header.

module:
	@t/setup nginx
	@flock $(BUILD)/lock $(MAKE) --no-print-directory -s \
		-C $(BUILD)/nginx -f objs/Makefile modules
	@cmp -s $(BUILD)/nginx/objs/ngx_kafka_sse_module.so $(MODULE) \
		|| { cp $(BUILD)/nginx/objs/ngx_kafka_sse_module.so $(MODULE).new \
		     && mv -f $(MODULE).new $(MODULE) && echo "made $(MODULE)"; }

tools: $(TOOLS)

$(BUILD)/tool/%: t/tool/%.c t/tool/digest.h
	@mkdir -p $(BUILD)/tool
	$(CC) -std=gnu11 -D_GNU_SOURCE -g -O2 -Wall -Wextra -Wno-unused-parameter \
		-o $@.$$$$ $< $(LIBS) && mv -f $@.$$$$ $@

$(BUILD)/tool/kafka: LIBS = -lrdkafka

$(BUILD)/tool/%.so: t/tool/%.c
	@mkdir -p $(BUILD)/tool
	$(CC) -std=gnu11 -D_GNU_SOURCE -g -O2 -Wall -Wextra -fPIC -shared \
		-o $@.$$$$ $< -ldl && mv -f $@.$$$$ $@

deps:
	@t/setup deps

test: deps
	@$(MAKE) --no-print-directory module tools
	@t/run $(TESTS)

# Each row has its part of the time for what it repeats; what it begins and
# ends with comes on top.

torture: deps
	@$(MAKE) --no-print-directory module tools
	@seconds=$$(($(MINUTES) * 60 / $(words $(ROWS)))); \
		KAFKA_SSE_TORTURE=$$seconds \
		KAFKA_SSE_TORTURE_CLIENTS=$(CLIENTS) \
		KAFKA_SSE_TORTURE_RATE=$(RATE) \
		KAFKA_SSE_TEST_LIMIT=$$((seconds * 2 + 300)) \
		t/run -v $(ROWS:%=t/60-torture-%.t)

unit:
	@t/setup nginx
	@$(MAKE) --no-print-directory -s -C t/unit check

check:
	@t/check

fuzz:
	@t/setup nginx
	@t/fuzz/run -s $(SECONDS) $(FUZZERS)

demo:
	@t/setup deps demo
	@$(MAKE) --no-print-directory module
	@conf/demo/run

docker-check:
	@t/dockerfile

docker-test:
	@t/dockerfile test $(TESTS)

bench:
	@t/bench/run

clean:
	rm -rf $(BUILD)
