#!/bin/bash
# check.sh: all that can be said about the sources without running them.
# Every step runs, also after one has failed; the last line is the verdict.
set -uo pipefail
LUA=${LUA:-lua5.4}
failed=()

# step NAME COMMAND...: silent when all is well.
step() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok   $name"
  else
    failed+=("$name")
    printf 'FAIL %s\n%s\n' "$name" "$output"
  fi
}

build_with() {
  make --no-print-directory -s -j"$(nproc)" \
    "BUILD=build/$1" "CC=$1" WERROR=-Werror all
}

# What a shared object lacks comes to light only when it is loaded.
complete() {
  ! nm -D --undefined-only "build/gcc/lib/workerpool/core.so" | grep ' wp_'
}

# Outside the build: they follow the rooms that they drive, or nobody sees it.
fuzzers() {
  local flags
  mapfile -t flags <build/clang/flags
  # shellcheck disable=SC2086 # flags are words
  clang ${flags[1]} -Ispec/fuzz -fsyntax-only spec/fuzz/*.c
}

lint() {
  local paths=() path
  for path in lua spec examples docs src/embed.lua ./*.rockspec; do
    [ ! -e "$path" ] || paths+=("$path")
  done
  luacheck -q --no-color "${paths[@]}"
}

shells() {
  local script
  for script in spec/support/*.sh; do
    case $(head -n 1 "$script") in
      *bash) bash -n "$script" || return ;;
      *) sh -n "$script" || return ;;
    esac
  done
  bash -n .ci/run
}

step "gcc -Werror" build_with gcc
step "core.so is complete" complete
step "clang -Werror" build_with clang
step "fuzzers" fuzzers
step "luacheck" lint
step "rules" "$LUA" spec/support/check_rules.lua
step "shell scripts" shells
if [ -e docs/generate.lua ]; then
  eval "$(sh spec/support/env.sh build/gcc)"
  step "docs in step" "$LUA" docs/generate.lua --check
  step "benchmarks in step" "$LUA" spec/bench/document.lua --check
fi
# By hand, comments are aligned in ways that clang-format undoes: on request.
if [ -n "${FORMAT-}" ]; then
  step "clang-format" clang-format --dry-run -Werror src/*.c src/*.h
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'check failed:'
  printf ' [%s]' "${failed[@]}"
  echo
  exit 1
fi
echo "check passed"
