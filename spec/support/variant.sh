#!/bin/bash
# variant.sh VARIANT [SPEC...]: builds into build/VARIANT and runs the specs
# on that build. Limits of time stretch with SPEC_SCALE.
set -euo pipefail
variant=$1
shift
groups=(build test)
[ "$variant" != valgrind ] || groups+=(check)
sh spec/support/deps.sh "${groups[@]}"

build=build/$variant
settings=("BUILD=$build" "OPTIMIZE=-O1")
export WORKERPOOL_BUILD=$build

# Specs end workers with these signals and look for them in the report; a
# sanitizer that catches them would turn each into an abort.
signals=handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0
signals=$signals:handle_abort=0

case $variant in
  asan)
    # Leaks are looked for in the specs' interpreter, in the program and in
    # the C programs of specs. Workers leave by _exit, and so without a look.
    flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
    settings+=("SANITIZE=$flags -fno-omit-frame-pointer")
    export SPEC_SANITIZER=address SPEC_SCALE=${SPEC_SCALE:-4}
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:halt_on_error=1
    # core.so beside a program that has the same objects in it is no mistake.
    ASAN_OPTIONS+=:detect_odr_violation=0:allocator_may_return_null=1:$signals
    # Memory of threads of a library that was loaded late is read at address 0.
    export LSAN_OPTIONS=use_tls=0:print_suppressions=0
    export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
    interpreter=$build/lua
    ;;
  tsan)
    # The sanitizer wants its own layout of memory: no random addresses.
    settings+=("SANITIZE=-fsanitize=thread")
    export SPEC_SANITIZER=thread SPEC_SCALE=${SPEC_SCALE:-8}
    export SPEC_WRAP="setarch -R"
    export TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:die_after_fork=0
    TSAN_OPTIONS+=:report_signal_unsafe=0:report_mutex_bugs=0:$signals
    TSAN_OPTIONS+=:allocator_may_return_null=1
    interpreter=$build/lua
    ;;
  stress)
    settings+=("DEFINES=-DWP_TEST")
    export SPEC_SCALE=${SPEC_SCALE:-3}
    ;;
  valgrind)
    # Less address space, which memcheck keeps a record of by the page, and no
    # pidfds, which it does not know; the slab hides what Lua allocates.
    settings+=("DEFINES=-DWP_LIMIT_ARENA=0x10000000ul \
-DWP_LIMIT_SHARED=0x10000000ul -DWP_NO_PIDFD")
    export WORKERPOOL_HEAP=stock
    export SPEC_SCALE=${SPEC_SCALE:-20} SPEC_SANITIZER=valgrind
    SPEC_WRAP="valgrind -q --log-file=%q{SPEC_RUN}.report.%p --error-exitcode=9"
    SPEC_WRAP+=" --leak-check=full --show-leak-kinds=definite"
    SPEC_WRAP+=" --errors-for-leak-kinds=definite --keep-debuginfo=yes"
    export SPEC_WRAP
    ;;
  cover)
    # Workers leave by _exit, which writes no counts; cover.c makes it.
    settings=("BUILD=$build" "OPTIMIZE=-O0" "SANITIZE=--coverage"
      "LDFLAGS=-Wl,--wrap=_exit build/cover/cover.o")
    mkdir -p "$build"
    gcc -c -fPIC -o "$build/cover.o" spec/support/cover.c
    find "$build" -name '*.gcda' -delete
    ;;
  *) echo "variant.sh: no variant $variant" >&2; exit 2 ;;
esac

make --no-print-directory -s -j"$(nproc)" "${settings[@]}" \
  all ${interpreter:+"$interpreter"}

status=0
[ -z "${interpreter-}" ] || export LUA=$PWD/$interpreter
lua5.4 spec/support/run.lua "$@" || status=$?

if [ "$variant" = cover ]; then
  # One line a file, the least covered first.
  gcov -n "$build"/obj/*.gcno 2>/dev/null |
    sed -n "s|^File '.*src/\(.*\.c\)'$|\1|p
      s|^Lines executed:\(.*\)% of \(.*\)|\1 \2|p" |
    awk '/\.c$/ { file = $0; next }
      file { printf "%6.1f %% of %4d lines  %s\n", $1, $2, file; file = "" }' |
    sort -n
fi
exit $status
