/*
** Task, results: the host reads what workers send. See task.h.
*/
#include "task.h"

#include <lauxlib.h>

typedef struct reading {
  wp_codec *codec;
  int lists, failures;
  int first_list; /* stack index of t[1], where nearly everything goes */
} reading;

/* Pushes t[k], made when it is not there. */
static void push_list(lua_State *L, const reading *r, int k) {
  if (lua_rawgeti(L, r->lists, k) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, r->lists, k);
}

static void note_count(lua_State *L, const reading *r, lua_Integer i, int n) {
  if (lua_getfield(L, r->lists, "counts") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, r->lists, "counts");
  }
  lua_pushinteger(L, n);
  lua_rawseti(L, -2, i);
  lua_pop(L, 1);
}

/* stack: …, v1 … vn -> … */
static void keep_values(lua_State *L, const reading *r, lua_Integer i, int n) {
  note_count(L, r, i, n);
  for (int k = n; k >= 1; k--) {
    push_list(L, r, k);
    lua_insert(L, -2);
    lua_rawseti(L, -2, i);
    lua_pop(L, 1);
  }
}

/* Reads one task's result; returns the bytes used. */
static size_t read_one(lua_State *L, const reading *r,
                       const unsigned char *data, size_t length,
                       lua_Integer i, int *failed) {
  int n;
  if (length == 0) luaL_error(L, "corrupt message: a result is missing");
  size_t used = wp_codec_read(L, r->codec, data + 1, length - 1, &n);
  *failed = data[0] == WP_RESULT_FAILURE;
  if (*failed) {
    if (n != 1) luaL_error(L, "corrupt message: a failure without its error");
    lua_rawseti(L, r->failures, i);
  } else if (data[0] != WP_RESULT_VALUES) {
    luaL_error(L, "corrupt message: a result of unknown kind");
  } else if (n == 1) {
    lua_rawseti(L, r->first_list, i);
  } else {
    keep_values(L, r, i, n);
  }
  return used + 1;
}

lua_Integer wp_results_read(lua_State *L, wp_codec *c,
                            const unsigned char *data, size_t length,
                            uint32_t count, lua_Integer base, int lists,
                            int failures) {
  lua_Integer n_failures = 0;
  reading r = {c, lua_absindex(L, lists), lua_absindex(L, failures), 0};
  luaL_checkstack(L, LUA_MINSTACK, "too many results");
  push_list(L, &r, 1);
  r.first_list = lua_gettop(L);
  for (uint32_t i = 0; i < count; i++) {
    int failed;
    size_t used = read_one(L, &r, data, length, base + i, &failed);
    data += used;
    length -= used;
    n_failures += failed;
  }
  lua_pop(L, 1);
  return n_failures;
}
