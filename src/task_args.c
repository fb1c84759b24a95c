/*
** Task, arguments: the host writes parcels. See task.h.
*/
#include "task.h"

#include "interrupt.h"

#include <lauxlib.h>
#include <limits.h>

void wp_tasks_range(lua_State *L, wp_codec *c, int start, int step) {
  start = lua_absindex(L, start);
  step = lua_absindex(L, step);
  wp_codec_restart(L, c, WP_TASKS_RANGE);
  lua_pushvalue(L, start);
  lua_pushvalue(L, step);
  wp_codec_write(L, c, 2, "range");
  lua_pop(L, 2);
}

/* Fixed stack of write_list; "n" stands there because making a string of it
** for each element takes 100 instructions, and was made before the output was
** begun: the collector may run a finalizer then, and that may write, too. */
enum { AT_LIST = 1, AT_JOB, AT_N };

/* Whether the table on top is an argument list, and of how many. */
static int is_packed(lua_State *L, lua_Integer *n) {
  if (lua_getmetatable(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushvalue(L, AT_N);
  lua_rawget(L, -2);
  int is_count = lua_type(L, -1) == LUA_TNUMBER; /* 2.0 is one, "2" is none */
  *n = is_count ? lua_tointegerx(L, -1, &is_count) : -1;
  lua_pop(L, 1);
  if (is_count && *n >= 0) return 1;
  int has_first = lua_rawgeti(L, -1, 1) != LUA_TNIL;
  lua_pop(L, 1);
  *n = (lua_Integer)lua_rawlen(L, -1);
  return has_first;
}

/* stack: element -> element, arguments; returns their number. An element that
** is its own argument stays as it is. */
static int spread(lua_State *L, int single) {
  lua_Integer n;
  if (single || !lua_istable(L, -1) || !is_packed(L, &n)) return 1;
  int table = lua_gettop(L);
  if (n > INT_MAX - LUA_MINSTACK ||
      !lua_checkstack(L, (int)n + LUA_MINSTACK))
    return luaL_error(L, "cannot send args: %I arguments are too many", n);
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, table, i);
  return (int)n;
}

typedef struct list_job {
  wp_codec *codec;
  lua_Integer first, count, done;
  int single;
} list_job;

/* stack: list, job, "n" */
static int write_list(lua_State *L) {
  list_job *job = lua_touserdata(L, AT_JOB);
  for (; job->done < job->count; job->done++) {
    lua_rawgeti(L, AT_LIST, job->first + job->done);
    int n = spread(L, job->single);
    (void)wp_codec_write_quoting(L, job->codec, n, "args");
    lua_settop(L, AT_N);
  }
  return 0;
}

lua_Integer wp_tasks_list(lua_State *L, wp_codec *c, int list,
                          lua_Integer first, lua_Integer count, int single) {
  list_job job = {c, first, count, 0, single};
  list = lua_absindex(L, list);
  lua_pushcfunction(L, write_list);
  lua_pushvalue(L, list);
  lua_pushlightuserdata(L, &job);
  lua_pushliteral(L, "n");
  wp_codec_restart(L, c, WP_TASKS_LIST);
  /* An error leaves the output as it was before the element that cannot
  ** travel: what has been written can be sent. */
  if (lua_pcall(L, 3, 0, 0) != LUA_OK && wp_is_interrupt(L, -1)) lua_error(L);
  return job.done;
}
