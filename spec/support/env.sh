#!/bin/sh
# env.sh [BUILD]: prints, for eval in sh, what plain lua5.4 needs to find the
# module in this checkout.
#
# lua5.4 ignores LUA_PATH where LUA_PATH_5_4 is set, so a user's LUA_PATH_5_4
# gets the same prefix. What the user had stays behind ours; with nothing set
# the ";;" stands for Lua's own default.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-build}
case $build in /*) ;; *) build=$root/$build ;; esac

quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# Puts $2 before what the variable named $1 holds; not twice.
prefix() {
  eval "old=\${$1-}"
  case $old in
    "$2;"*) new=$old ;;
    "") new="$2;;" ;;
    *) new="$2;$old" ;;
  esac
  printf 'export %s=%s\n' "$1" "$(quote "$new")"
}

lua="$root/lua/?.lua;$root/lua/?/init.lua"
prefix LUA_PATH "$lua"
prefix LUA_CPATH "$build/lib/?.so"
[ -z "${LUA_PATH_5_4-}" ] || prefix LUA_PATH_5_4 "$lua"
[ -z "${LUA_CPATH_5_4-}" ] || prefix LUA_CPATH_5_4 "$build/lib/?.so"
