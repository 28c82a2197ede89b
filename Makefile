# Tandem. `make` builds into build/, `make demo` shows it, `make test` proves it. Nothing but gcc and make is needed to build.
CC      ?= gcc
B       ?= build
PREFIX  ?= /usr/local
WARN    := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
OPT     ?= -O2 -g -fno-omit-frame-pointer
SAN     := $(if $(ASAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -DTANDEM_MEM_MALLOC)
ALL     := $(WARN) $(OPT) $(SAN) -Isrc -Itests -Itools
LIBS    := -lm

SRC     := $(filter-out src/main.c,$(wildcard src/*/*.c))
OBJ     := $(SRC:%.c=$B/%.o)
TOOLS   := $(patsubst tools/%.c,$B/tandem-%,$(wildcard tools/*.c))
SUITES  := unit integration peer
SUPPORT := $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$B/fuzz-%,$(filter-out tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c)))

all: $B/tandem-server $(TOOLS)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(CFLAGS) -MMD -MP -c $< -o $@

$B/libtandem.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$B/tandem-server: $B/src/main.o $B/libtandem.a
	$(CC) $(ALL) $(CFLAGS) $^ $(LDFLAGS) $(LIBS) -rdynamic -o $@

# A tool is tools/NAME.c and, where it has one, the folder of its name.
define tool
$B/tandem-$1: $B/tools/$1.o $(patsubst %.c,$B/%.o,$(wildcard tools/$1/*.c)) $B/libtandem.a
	$$(CC) $$(ALL) $$(CFLAGS) $$^ $$(LDFLAGS) $$(LIBS) -o $$@
endef
$(foreach t,$(patsubst tools/%.c,%,$(wildcard tools/*.c)),$(eval $(call tool,$t)))

# Tests: one Criterion binary a suite; fuzz targets link a small bounded driver.
define suite
$B/test-$1: $(patsubst %.c,$B/%.o,$(wildcard tests/$1/*.c tests/$1/*/*.c)) $(SUPPORT) $B/libtandem.a
	$$(CC) $$(ALL) $$(CFLAGS) $$^ $$(LDFLAGS) -lcriterion -lhiredis $$(LIBS) -o $$@
endef
$(foreach s,$(SUITES),$(eval $(call suite,$s)))

$(FUZZERS): $B/fuzz-%: $B/tests/fuzz/%.o $B/tests/fuzz/driver.o $B/libtandem.a
	$(CC) $(ALL) $(CFLAGS) $^ $(LDFLAGS) $(LIBS) -o $@

demo: all
	tools/demo $B

test-deps:
	@tools/test-deps

test: test-deps
	$(MAKE) all test-binaries
	B=$B tools/run-tests

test-binaries: $(SUITES:%=$B/test-%) $(FUZZERS)

# The same tests with new random numbers, over and over: what no run has met yet. SOAK=n rounds.
soak: test-deps
	$(MAKE) all test-binaries
	for i in $$(seq $${SOAK:-10}); do TEST_SEED=random FUZZ_SEED=random FUZZ_SECONDS=20 B=$B tools/run-tests || exit 1; done

asan:
	$(MAKE) test B=build/asan ASAN=1

check:
	tools/check

bench: all
	@tools/test-deps python3 redis-benchmark
	tools/bench $B

# DESTDIR and PREFIX may have blanks in them. uninstall takes away what install put there, and links only where they are ours.
install: all
	tools/install/install $B "$(DESTDIR)" "$(PREFIX)" $(notdir $(TOOLS))

uninstall:
	tools/install/uninstall "$(DESTDIR)" "$(PREFIX)" $(notdir $(TOOLS))

clean:
	@[ ! -e "$B/Makefile" ] || { echo "$B is no folder of outputs"; exit 1; }
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
.PHONY: all demo test test-deps test-binaries soak asan check bench install uninstall clean
.SECONDARY:
