/*
** Fuzz, task: any bytes as a parcel, and as the results of one. The second
** byte says how many results the host has been promised.
*/
#include "task.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

typedef struct input {
  const unsigned char *data;
  size_t length;
} input;

/* stack: input */
static int read_arguments(lua_State *L) {
  const input *in = lua_touserdata(L, 1);
  wp_codec *c = wp_codec_new(L);
  wp_codec_trust(c, 0);
  for (lua_Integer i = 0; i < 3; i++) {
    lua_settop(L, 2);
    int n = wp_tasks_arguments(L, c, in->data, in->length, i);
    if (lua_gettop(L) != 2 + n) abort();
  }
  return 0;
}

/* stack: input */
static int read_results(lua_State *L) {
  const input *in = lua_touserdata(L, 1);
  wp_codec *c = wp_codec_new(L);
  wp_codec_trust(c, 0);
  lua_newtable(L);
  lua_newtable(L);
  wp_results_read(L, c, in->data + 1, in->length - 1, in->data[0], 1, 3, 4);
  if (lua_gettop(L) != 4) abort();
  return 0;
}

static void try(lua_State *L, lua_CFunction f, input *in) {
  lua_settop(L, 0);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, in);
  (void)lua_pcall(L, 1, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  if (size < 2) return 0;
  lua_State *L = luaL_newstate();
  if (!L) return 0;
  luaL_openlibs(L);
  (void)luaL_dostring(L, "package.loaded['workerpool.names'] = {"
                   "refresh = function() end, of = function() end,"
                   "find = error, find_metatable = error, recall = error,"
                   "of_metatable = function() end}");
  try(L, read_arguments, &in);
  try(L, read_results, &in);
  lua_close(L);
  return 0;
}
