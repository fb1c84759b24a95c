#!/bin/sh
# The soak over and over, with new seeds and all start methods, for some time.
#   soak.sh BUILD SECONDS
set -eu
eval "$(sh spec/support/env.sh "$1")"
export LUA_PATH LUA_CPATH
mkdir -p "$1/soak"
${CC:-cc} -O2 -o "$1/soak/murder" spec/soak/murder.c

# Shared memory, while its users are killed at random.
shared_kills() {
  rm -f "$1/stop"
  lua5.4 spec/soak/shared_kills.lua "$1/stop" "$2" &
  "$1/murder" $! 3000 "$2" 3000
  : > "$1/stop"
  wait $!
}

end=$(($(date +%s) + $2))
seed=$(date +%s)
while [ "$(date +%s)" -lt "$end" ]; do
  for method in fork forkserver spawn threading; do
    timeout 1800 lua5.4 spec/soak/chaos.lua "$seed" "${SOAK_TASKS:-100000}" \
      "$method" "$1/soak/murder"
  done
  timeout 1800 lua5.4 spec/soak/calls.lua "$seed" 2000
  timeout 1800 lua5.4 spec/soak/applies.lua "$seed" 500
  timeout 1800 lua5.4 spec/soak/callbacks.lua "$seed" 500
  timeout 1800 lua5.4 spec/soak/sessions.lua "$seed" 200
  timeout 1800 lua5.4 spec/soak/nests.lua "$seed" 200
  shared_kills "$1/soak" "$seed"
  lua5.4 spec/soak/heap.lua 5 200000 "$seed"
  seed=$((seed + 1))
done
