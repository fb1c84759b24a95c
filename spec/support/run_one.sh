#!/bin/sh
# run_one.sh DIR N LIMIT FILE: one spec file, in a busted process of its own,
# for LIMIT seconds at most. Leaves DIR/N.out (what it printed), DIR/N.result
# (see output.lua), DIR/N.reports (what a sanitizer or valgrind has found in any
# process) and DIR/N.end: exit status, milliseconds, and the processes that were
# left behind. Prints N when all of that is there.
#
# Whatever the file starts inherits SPEC_RUN, also what leaves the process
# group or the session, so that nothing can hide at the end.
set -u
dir=$1 n=$2 limit=$3 file=$4
mark=$dir/$n

export WORKERPOOL_BUILD="${WORKERPOOL_BUILD:-build}"
eval "$(sh spec/support/env.sh "$WORKERPOOL_BUILD")"

survivors() {
  grep -lzsx "SPEC_RUN=$mark" /proc/[0-9]*/environ 2>/dev/null |
    sed 's|^/proc/\([0-9]*\)/.*|\1|'
}

describe() {
  for pid in $1; do
    line=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || continue
    printf '%s (%s) ' "$pid" "$(printf %.60s "$line")"
  done
}

# Reports go into files, and not to a standard error that a spec may look at
# or throw away: nobody else sees what was found in a worker that is replaced.
for name in ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS; do
  eval "options=\${$name-}"
  [ -z "$options" ] || export "$name=$options:log_path=$mark.report"
done

# Those with an error in them: a refused allocation is a warning.
reports() {
  grep -lE 'ERROR: |WARNING: ThreadSanitizer|runtime error: |^==[0-9]+== ' \
    "$mark".report.* 2>/dev/null | xargs -r cat
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

begin=$(now_ms)
# shellcheck disable=SC2086 # the wrapper is a command with arguments
env SPEC_RUN="$mark" SPEC_RESULT="$mark.result" \
  timeout --kill-after=5 "$limit" \
  ${SPEC_WRAP-} "${LUA:-lua5.4}" spec/support/busted.lua --ignore-lua \
  -o spec/support/output.lua \
  --cpath="$WORKERPOOL_BUILD/lib/?.so" ${SPEC_FILTER:+"--filter=$SPEC_FILTER"} \
  "$file" </dev/null >"$mark.out" 2>&1 &
child=$!
# Interrupted, say so to timeout, which has a process group of its own.
trap 'kill $child 2>/dev/null; kill -9 $(survivors) 2>/dev/null; exit 130' \
  INT TERM HUP
wait $child
status=$?
end=$(now_ms)

left=$(survivors)
# Workers whose host has just gone need a moment to see it. Not so after the
# time limit: then they are stuck as the file was.
if [ $status -ne 124 ] && [ $status -ne 137 ]; then
  tries=$((20 * ${SPEC_SCALE:-1}))
  while [ -n "$left" ] && [ $tries -gt 0 ]; do
    sleep 0.1
    left=$(survivors)
    tries=$((tries - 1))
  done
fi
named=$(describe "$left")
reports >"$mark.reports"
# shellcheck disable=SC2086 # a list of pids
[ -z "$left" ] || kill -9 $left 2>/dev/null

printf '%s\n%s\n%s\n' "$status" "$((end - begin))" "$named" >"$mark.end"
echo "$n"
