/*
** Task, results: the host reads what workers send. See task.h.
*/
#include "task.h"

#include "interrupt.h"

#include <lauxlib.h>

typedef struct reading {
  wp_codec *codec;
  const unsigned char *data;
  size_t length;
  lua_Integer base;
  uint32_t count, done;
  lua_Integer n_failures;
} reading;

/* Stack of read_protected; lists[1] is where nearly everything goes. The table
** of counts is nil until the first task that needs it. */
enum { AT_READING = 1, AT_LISTS, AT_FAILURES, AT_FIRST, AT_COUNTS };

/* Pushes t[k], made when it is not there. */
static void push_list(lua_State *L, int t, int k) {
  if (lua_rawgeti(L, t, k) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, t, k);
}

static void note_count(lua_State *L, lua_Integer i, int n) {
  if (lua_isnil(L, AT_COUNTS)) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, AT_LISTS, "counts");
    lua_replace(L, AT_COUNTS);
  }
  lua_pushinteger(L, n);
  lua_rawseti(L, AT_COUNTS, i);
}

/* stack: …, v1 … vn -> … */
static void keep_values(lua_State *L, lua_Integer i, int n) {
  note_count(L, i, n);
  for (int k = n; k > 1; k--) {
    push_list(L, AT_LISTS, k);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, i);
    lua_pop(L, 2);
  }
  if (n > 0) lua_rawseti(L, AT_FIRST, i);
}

/* Reads one task's result; returns the bytes used. */
static size_t read_one(lua_State *L, const reading *r, lua_Integer i,
                       int *failed) {
  int n;
  if (r->length == 0) luaL_error(L, "corrupt message: a result is missing");
  size_t used = wp_codec_read(L, r->codec, r->data + 1, r->length - 1, &n);
  *failed = r->data[0] == WP_RESULT_FAILURE;
  if (*failed) {
    if (n != 1) luaL_error(L, "corrupt message: a failure without its error");
    lua_rawseti(L, AT_FAILURES, i);
  } else if (r->data[0] != WP_RESULT_VALUES) {
    luaL_error(L, "corrupt message: a result of unknown kind");
  } else if (n == 1) {
    lua_rawseti(L, AT_FIRST, i);
  } else {
    keep_values(L, i, n);
  }
  return used + 1;
}

static int read_protected(lua_State *L) {
  reading *r = lua_touserdata(L, AT_READING);
  luaL_checkstack(L, LUA_MINSTACK, "too many results");
  while (r->done < r->count) {
    int failed;
    size_t used = read_one(L, r, r->base + r->done, &failed);
    r->data += used;
    r->length -= used;
    r->n_failures += failed;
    r->done++;
  }
  return 0;
}

/* The task whose result cannot be read has failed; the others have not.
** stack: …, what was raised -> … */
static void pass_over(lua_State *L, reading *r, int failures) {
  size_t used =
      r->length > 1 ? wp_codec_skip(r->data + 1, r->length - 1) : 0;
  if (used == 0) lua_error(L);
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "unreadable");
  lua_rawseti(L, failures, r->base + r->done);
  r->data += used + 1;
  r->length -= used + 1;
  r->n_failures++;
  r->done++;
}

lua_Integer wp_results_read(lua_State *L, wp_codec *c,
                            const unsigned char *data, size_t length,
                            uint32_t count, lua_Integer base, int lists,
                            int failures) {
  reading r = {c, data, length, base, count, 0, 0};
  lists = lua_absindex(L, lists);
  failures = lua_absindex(L, failures);
  luaL_checkstack(L, LUA_MINSTACK, "too many results");
  push_list(L, lists, 1);
  int first = lua_gettop(L);
  do {
    lua_pushcfunction(L, read_protected);
    lua_pushlightuserdata(L, &r);
    lua_pushvalue(L, lists);
    lua_pushvalue(L, failures);
    lua_pushvalue(L, first);
    lua_getfield(L, lists, "counts");
    int status = lua_pcall(L, 5, 0, 0);
    if (status == LUA_ERRRUN && !wp_is_interrupt(L, -1))
      pass_over(L, &r, failures);
    else if (status != LUA_OK)
      lua_error(L);
  } while (r.done < r.count);
  lua_pop(L, 1);
  return r.n_failures;
}
