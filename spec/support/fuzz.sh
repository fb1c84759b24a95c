#!/bin/bash
# fuzz.sh SECONDS: builds every spec/fuzz/NAME.c with libFuzzer and runs each
# for SECONDS, from what is in spec/fuzz/corpus_NAME/. What it finds stays in
# build/fuzz: new inputs in corpus_NAME/, inputs that break in found/.
set -euo pipefail
seconds=$1
sh spec/support/deps.sh build check

shopt -s nullglob
sources=(spec/fuzz/*.c)
[ ${#sources[@]} -gt 0 ] || { echo "no fuzzers"; exit 0; }

build=build/fuzz
common="address,undefined -fno-sanitize-recover=undefined"
make --no-print-directory -s -j"$(nproc)" CC=clang "BUILD=$build" OPTIMIZE=-O1 \
  "SANITIZE=-fsanitize=fuzzer-no-link,$common" "$build/libworkerpool.a"
mapfile -t flags <"$build/flags"
mkdir -p "$build/found"

export ASAN_OPTIONS=abort_on_error=1:allocator_may_return_null=1
failed=()
for source in "${sources[@]}"; do
  name=$(basename "$source" .c)
  corpus=$build/corpus_$name
  seeds=spec/fuzz/corpus_$name
  mkdir -p "$corpus"
  # shellcheck disable=SC2086 # flags are words
  clang ${flags[1]} -fsanitize=fuzzer,$common -o "$build/$name" "$source" \
    "$build/libworkerpool.a" ${flags[3]} -lm
  echo "fuzz $name for $seconds s"
  dirs=("$corpus")
  [ ! -d "$seeds" ] || dirs+=("$seeds")
  if ! "$build/$name" -max_total_time="$seconds" -timeout=20 \
    -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/found/$name-" "${dirs[@]}" \
    >"$build/$name.log" 2>&1; then
    tail -n 60 "$build/$name.log"
    failed+=("$name")
  else
    sed -n 's/^stat::number_of_executed_units: */  runs: /p' "$build/$name.log"
  fi
done

[ ${#failed[@]} -eq 0 ] || { echo "fuzz failed: ${failed[*]}"; exit 1; }
echo "fuzz passed"
