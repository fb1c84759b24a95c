#!/bin/sh
# The soak over and over, with new seeds and all start methods, for some time.
#   soak.sh BUILD SECONDS
set -eu
eval "$(sh spec/support/env.sh "$1")"
export LUA_PATH LUA_CPATH
end=$(($(date +%s) + $2))
seed=$(date +%s)
while [ "$(date +%s)" -lt "$end" ]; do
  for method in fork forkserver spawn; do
    timeout 600 lua5.4 spec/soak/chaos.lua "$seed" "${SOAK_TASKS:-100000}" "$method"
  done
  seed=$((seed + 1))
done
