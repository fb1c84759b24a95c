#!/bin/bash
# fuzz.sh ENGINE SECONDS [NAME...]: builds spec/fuzz/NAME.c (all of them) for
# the engine, libfuzzer or afl, and runs each for SECONDS, from what is in
# spec/fuzz/corpus_NAME/ and corpus_NAME.txt. What it finds stays in build/fuzz
# or build/afl: new inputs in corpus_NAME/, inputs that break in found/.
# FUZZ_MERGE=1 makes spec/fuzz/corpus_NAME.txt anew, of as few inputs as reach
# all that has been reached (libfuzzer).
set -euo pipefail
engine=$1 seconds=$2
shift 2
sh spec/support/deps.sh build check

common="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
case $engine in
  libfuzzer)
    build=build/fuzz cc=clang
    sanitize="-fsanitize=fuzzer-no-link $common"
    ;;
  afl)
    sh spec/support/deps.sh afl
    # The compiler brings its own driver for LLVMFuzzerTestOneInput.
    build=build/afl cc=afl-clang-fast sanitize=$common
    export AFL_QUIET=1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1
    export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
    ;;
  *) echo "fuzz.sh: no engine $engine" >&2; exit 2 ;;
esac

[ $# -gt 0 ] || set -- $(basename -a -s .c spec/fuzz/*.c)
make --no-print-directory -s -j"$(nproc)" "CC=$cc" "BUILD=$build" OPTIMIZE=-O1 \
  "SANITIZE=$sanitize" "$build/libworkerpool.a"
mapfile -t flags <"$build/flags"
mkdir -p "$build/found"
export ASAN_OPTIONS=abort_on_error=1:allocator_may_return_null=1
export ASAN_OPTIONS=$ASAN_OPTIONS:symbolize=$([ "$engine" = afl ]; echo $?)
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=$([ "$engine" = afl ]; echo $?)

# Functions that the target takes the place of: "** wrap: a b" in its head.
compile() {
  local source=spec/fuzz/$1.c wraps=() f
  for f in $(sed -n 's/^\*\* wrap: //p' "$source"); do wraps+=("-Wl,--wrap=$f"); done
  # shellcheck disable=SC2086 # flags are words
  $cc ${flags[1]} -Ispec/fuzz -fsanitize=fuzzer "${wraps[@]}" -o "$build/$1" \
    "$source" "$build/libworkerpool.a" ${flags[3]} -lm
}

# The inputs that come with the sources, in a folder that is not empty.
seeds() {
  local dir=$build/seeds_$1
  rm -rf "$dir" && mkdir -p "$dir"
  head -c 64 /dev/zero >"$dir/zeros"
  [ ! -d "spec/fuzz/corpus_$1" ] || cp "spec/fuzz/corpus_$1"/* "$dir"
  [ ! -e "spec/fuzz/corpus_$1.txt" ] ||
    lua5.4 spec/fuzz/inputs.lua unpack "spec/fuzz/corpus_$1.txt" "$dir"
}

run_libfuzzer() {
  local name=$1 dirs=("$build/corpus_$1" "$build/seeds_$1")
  mkdir -p "${dirs[0]}"
  "$build/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/found/$name-" "${dirs[@]}" \
    >"$build/$name.log" 2>&1 || return
  sed -n 's/^stat::number_of_executed_units: */  runs: /p' "$build/$name.log"
  [ -z "${FUZZ_MERGE-}" ] || merge "$name"
}

merge() {
  rm -rf "$build/merged_$1" && mkdir "$build/merged_$1"
  "$build/$1" -set_cover_merge=1 -max_len=256 "$build/merged_$1" \
    "$build/corpus_$1" "$build/seeds_$1" >>"$build/$1.log" 2>&1
  lua5.4 spec/fuzz/inputs.lua pack "$build/merged_$1" "spec/fuzz/corpus_$1.txt"
}

run_afl() {
  local name=$1 out=$build/out_$1
  rm -rf "$out"
  afl-fuzz -i "$build/seeds_$name" -o "$out" -V "$seconds" -m none -t 5000 \
    -- "$build/$name" >"$build/$name.log" 2>&1 || return
  sed -n 's/^execs_done *: /  runs: /p' "$out/default/fuzzer_stats"
  local f found=0
  for f in "$out"/default/crashes/id* "$out"/default/hangs/id*; do
    [ -e "$f" ] || continue
    cp "$f" "$build/found/$name-${f##*/}"
    echo "found: $build/found/$name-${f##*/}" >>"$build/$name.log"
    found=1
  done
  return $found
}

failed=()
for name in "$@"; do
  compile "$name"
  seeds "$name"
  echo "fuzz $name for $seconds s"
  "run_$engine" "$name" || {
    tail -n 60 "$build/$name.log"
    failed+=("$name")
  }
done

[ ${#failed[@]} -eq 0 ] || { echo "fuzz failed: ${failed[*]}"; exit 1; }
echo "fuzz passed"
