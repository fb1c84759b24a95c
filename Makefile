# workerpool: `make help` lists what can be made. Long steps are scripts in
# spec/support/; this file says what depends on what.

CC       ?= gcc
LUA      ?= lua5.4
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
# Which specs: files, folders, beginnings of paths; none stands for all.
SPEC     ?=
# The thread sanitizer holds a signal back until the next system call, takes
# memory and descriptors of its own, and sees no races between processes.
TSAN_SPEC     ?= $(filter-out $(addprefix spec/,bench_spec.lua support_spec.lua \
  signals/interrupt% signals/every% memory/% robust/%),$(sort \
  $(wildcard spec/*_spec.lua spec/*/*_spec.lua))) $(addprefix spec/robust/,\
  chaos_spec.lua fork_spec.lua memory_spec.lua matrix/threading_spec.lua)
# Not all: every byte of an input is flipped in one, which takes hours there.
VALGRIND_SPEC ?= $(filter-out %hostile_bytes_spec.lua %round_trip_spec.lua \
  %bytecode_spec.lua,$(wildcard spec/codec/*_spec.lua)) spec/unit \
  $(addprefix spec/pool/,map_spec.lua options_spec.lua errors_spec.lua) \
  $(addprefix spec/shared/,array_spec.lua dict_spec.lua queue_spec.lua sync_spec.lua)
TIME     ?= 60
FUZZ     ?=
# -Werror would break the build of users with a newer compiler, so only
# `make check` sets it.
WERROR   ?=
# For the variants below: -fsanitize=…, and macros such as -DWP_TEST.
SANITIZE ?=
DEFINES  ?=

# GNU make presets CC to cc; a value from the command line or the environment
# is kept.
ifeq ($(origin CC),default)
CC := gcc
endif

VERSION := $(or $(shell sed -n 's/^\#define WP_VERSION "\(.*\)"/\1/p' \
  src/workerpool.h 2>/dev/null),0.1.0)
LUA_CFLAGS ?= $(shell pkg-config --cflags lua5.4 2>/dev/null || \
  echo -I/usr/include/lua5.4)
LUA_LIBS   ?= -llua5.4
LUA_STATIC ?= -l:liblua5.4.a
LUA_CMOD   ?= $(PREFIX)/lib/lua/5.4
LUA_LMOD   ?= $(PREFIX)/share/lua/5.4

OPTIMIZE ?= -O2
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes $(WERROR)
CFLAGS   ?=
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(OPTIMIZE) -g -fPIC -fno-plt -fvisibility=hidden \
  -pthread $(WARNINGS) $(SANITIZE) $(DEFINES) $(LUA_CFLAGS) -Isrc $(CFLAGS)
ALL_LDFLAGS = -pthread $(SANITIZE) $(LDFLAGS)

# The host program is main.c and host*.c. The rest is the library, and the
# library without what needs the embedded Lua sources is the Lua module.
HOST_SRC := src/main.c
LIB_SRC  := $(filter-out $(HOST_SRC),$(wildcard src/*.c))
EMBEDDED_SRC := $(wildcard src/host*.c src/embed*.c)
CORE_SRC := $(filter-out $(EMBEDDED_SRC),$(LIB_SRC))
LUA_SRC  := $(shell find lua -name '*.lua' ! -name '*.d.lua' 2>/dev/null | sort)
ASSETS   := $(shell find lua -type f ! -name '*.lua' 2>/dev/null | sort)

objects  = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(1))
LIB_OBJ  := $(call objects,$(LIB_SRC)) $(BUILD)/obj/embedded.o
CORE_OBJ := $(call objects,$(CORE_SRC))
HOST_OBJ := $(call objects,$(HOST_SRC))

HOST    := $(BUILD)/workerpool
CORE    := $(BUILD)/lib/workerpool/core.so
STATIC  := $(BUILD)/libworkerpool.a
SHARED  := $(BUILD)/libworkerpool.so
SONAME  := libworkerpool.so.0

# One compiler a CPU, unless whoever called make has said how many.
QUIET_MAKE = $(MAKE) --no-print-directory -s \
  $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DELETE_ON_ERROR:
.PHONY: all core run test matrix check asan ubsan tsan stress valgrind fuzz soak bench \
  bench-docs bench-parts instructions cover docs format install install-module uninstall \
  clean env help deps FORCE afl

all: $(HOST) $(CORE) $(STATIC) $(SHARED) ## build the program, the Lua module and the C libraries

core: $(CORE)

run: ## install what is missing, build, and run the main example
	@sh spec/support/deps.sh build
	@+$(QUIET_MAKE) all
	$(HOST) run examples/wordcount.lua /usr/share/common-licenses

test: ## install what is missing, build, and run the specs: SPEC=spec/codec runs some
	@sh spec/support/deps.sh build test
	@+$(QUIET_MAKE) all
	@$(LUA) spec/support/run.lua $(SPEC)

matrix: ## every fault at every moment under every start method, and what is no cell
	@+$(QUIET_MAKE) core
	@$(LUA) spec/support/run.lua spec/robust/matrix
	@eval "$$($(MAKE) --no-print-directory -s env)" && \
	$(LUA) spec/robust/matrix/table.lua

check: ## warnings as errors (gcc, clang), luacheck, the rules between the rooms, docs in step
	@sh spec/support/deps.sh build test check
	@bash spec/support/check.sh

asan: ## the specs with the address and undefined behaviour sanitizers
	@bash spec/support/variant.sh asan $(SPEC)

ubsan: asan ## the same as asan: one build carries both

tsan: ## the specs with the thread sanitizer, but for signals and memory
	@bash spec/support/variant.sh tsan $(or $(SPEC),$(TSAN_SPEC))

stress: ## the specs on a test build: odd sizes, short reads, buffers that move
	@bash spec/support/variant.sh stress $(SPEC)

valgrind: ## some specs under valgrind
	@bash spec/support/variant.sh valgrind $(or $(SPEC),$(VALGRIND_SPEC))

fuzz: ## the fuzzers in spec/fuzz (FUZZ=names), for TIME seconds each
	@bash spec/support/fuzz.sh libfuzzer $(TIME) $(FUZZ)

afl: ## the same under AFL++
	@bash spec/support/fuzz.sh afl $(TIME) $(FUZZ)

soak: core ## random kills and failures over many tasks, for TIME seconds
	@sh spec/support/soak.sh $(BUILD) $(TIME)

bench: all ## the benches by turns with peers: CASE= QUICK=1 JSON= PEERS= AGAINST=
	@eval "$$($(MAKE) --no-print-directory -s env)" && WORKERPOOL_BUILD=$(BUILD) \
	$(LUA) spec/bench/bench.lua $(if $(CASE),--case $(CASE)) $(if $(QUICK),--quick) \
	  $(if $(JSON),--json $(JSON)) $(if $(AGAINST),--against $(AGAINST)) $(if $(PEERS),--peers '$(PEERS)')

bench-docs: core ## the tables and pictures of docs/benchmarks.md, from JSON=file or as kept
	@eval "$$($(MAKE) --no-print-directory -s env)" && $(LUA) spec/bench/document.lua $(JSON)

bench-parts: all ## the benches of single parts: codec, shared memory, heap, lifespans
	@eval "$$($(MAKE) --no-print-directory -s env)" && \
	for name in codec shared cow heap lifespan insights; do \
	  echo "== spec/bench/$$name.lua"; $(LUA) spec/bench/$$name.lua || exit 1; \
	done

instructions: ## instructions a value beside the record; RECORD=1 writes it anew
	@sh spec/support/deps.sh build check
	@+$(QUIET_MAKE) core $(BUILD)/callgrind
	@eval "$$($(MAKE) --no-print-directory -s env)" && \
	  $(LUA) spec/bench/instructions.lua $(BUILD) $(if $(RECORD),--record) $(NAME)

cover: ## which lines of src/ the specs reach
	@bash spec/support/variant.sh cover $(SPEC)

docs: core ## write the manual and the type annotations from their source
	@eval "$$($(MAKE) --no-print-directory -s env)" && $(LUA) docs/generate.lua

format: ## apply .clang-format to src/
	clang-format -i $(wildcard src/*.c src/*.h)

deps: ## install what building and testing need (Debian packages)
	@sh spec/support/deps.sh build test check

env: ## print the variables for plain lua5.4: eval "$(make -s env)"
	@sh spec/support/env.sh $(BUILD)

clean: ## remove all that was built
	rm -rf "$(BUILD)"

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	  expand -t 16

# ---- building ---------------------------------------------------------------

# Objects are made anew when the compiler or its flags change: the file is
# touched only when its text does. Specs that compile C read it, too.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC)' '$(ALL_CFLAGS)' '$(ALL_LDFLAGS)' '$(LUA_LIBS)' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/embedded.o: $(BUILD)/embedded.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The list is part of the command, so a removed source counts as a change.
$(BUILD)/embedded.list: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(LUA_SRC) $(ASSETS) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/embedded.c: src/embed.lua $(BUILD)/embedded.list $(LUA_SRC) $(ASSETS)
	$(LUA) src/embed.lua lua $@ $(LUA_SRC) $(ASSETS)

# -Wl,-E and the whole of liblua: C modules such as cjson find Lua in us.
$(HOST): $(HOST_OBJ) $(LIB_OBJ)
	$(CC) $(ALL_LDFLAGS) -Wl,-E -o $@ $^ \
	  -Wl,--whole-archive $(LUA_STATIC) -Wl,--no-whole-archive -lm -ldl

# The interpreter of the builds with a sanitizer; see the file.
$(BUILD)/lua: spec/support/lua.c $(BUILD)/flags
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,-E -o $@ $< \
	  -Wl,--whole-archive $(LUA_STATIC) -Wl,--no-whole-archive -lm -ldl

# The interpreter in which `make instructions` counts; see the file.
$(BUILD)/callgrind: spec/bench/callgrind.c $(BUILD)/flags
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,-E -o $@ $< \
	  -Wl,--whole-archive $(LUA_STATIC) -Wl,--no-whole-archive -lm -ldl

# Lua itself comes from whoever loads the module. Only luaopen_ is visible,
# so that nothing in the host process can take the place of our functions.
$(CORE): $(CORE_OBJ) src/core.map
	@mkdir -p $(@D)
	$(CC) -shared $(ALL_LDFLAGS) -Wl,-z,nodelete -Wl,--version-script=src/core.map \
	  -o $@ $(CORE_OBJ) -lm

$(STATIC): $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $^

$(SHARED): $(LIB_OBJ)
	$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$(SONAME) -o $@ $^ $(LUA_LIBS) -lm
	ln -sf libworkerpool.so $(BUILD)/$(SONAME)

-include $(wildcard $(BUILD)/obj/*.d)

# ---- installing -------------------------------------------------------------

# In quotes below, for these paths are the user's and may have spaces in them.
TO      := $(DESTDIR)$(PREFIX)
TO_CMOD := $(DESTDIR)$(LUA_CMOD)
TO_LMOD := $(DESTDIR)$(LUA_LMOD)

# Programs find a new library only once the loader's list has it; whoever packs
# files in DESTDIR, or is not root, leaves that to others.
install: all install-module ## install under PREFIX, into DESTDIR
	install -D -m 755 $(HOST) "$(TO)/bin/workerpool"
	install -D -m 644 $(STATIC) "$(TO)/lib/libworkerpool.a"
	install -D -m 755 $(SHARED) "$(TO)/lib/$(SONAME)"
	ln -sf $(SONAME) "$(TO)/lib/libworkerpool.so"
	install -D -m 644 src/workerpool.pc.in "$(TO)/lib/pkgconfig/workerpool.pc"
	sed -i -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	  "$(TO)/lib/pkgconfig/workerpool.pc"
	install -D -m 644 -t "$(TO)/include/workerpool" \
	  src/workerpool.h src/workerpool_lua.h src/base.h
	@[ -n "$(DESTDIR)" ] || PATH="$$PATH:/sbin" ldconfig 2>/dev/null || :

# The Lua module alone, for the rockspec.
install-module: core
	install -D -m 755 $(CORE) "$(TO_CMOD)/workerpool/core.so"
	for f in $(patsubst lua/%,%,$(LUA_SRC) $(ASSETS)); do \
	  install -D -m 644 "lua/$$f" "$(TO_LMOD)/$$f" || exit 1; done

uninstall: ## remove what install put there
	rm -f "$(TO)/bin/workerpool" "$(TO)/lib/libworkerpool.a" \
	  "$(TO)/lib/libworkerpool.so" "$(TO)/lib/$(SONAME)" \
	  "$(TO)/lib/pkgconfig/workerpool.pc"
	rm -rf "$(TO_CMOD)/workerpool" "$(TO_LMOD)/workerpool" \
	  "$(TO)/include/workerpool"
