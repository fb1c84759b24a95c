/*
** The interpreter in which instructions are counted (spec/bench/
** instructions.lua, under valgrind's callgrind): plain Lua, and
**
**   callgrind.zero()       forgets what has been counted
**   callgrind.dump(name)   writes what was counted since, under that name
**
** Lua seeds the hash of its strings from the clock and from addresses.
** Valgrind fixes the addresses, and here the clock stands still: then equal
** runs have equal counts, to the last instruction.
*/
#include <lauxlib.h>
#include <lualib.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

/* In place of the C library's. */
time_t time(time_t *at) {
  if (at) *at = 0;
  return 0;
}

static int zero(lua_State *L) {
  (void)L;
  CALLGRIND_ZERO_STATS;
  return 0;
}

static int dump(lua_State *L) {
  CALLGRIND_DUMP_STATS_AT(luaL_checkstring(L, 1));
  return 0;
}

static int open_callgrind(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"zero", zero}, {"dump", dump}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (strcmp(argv[1], "--version") == 0) return puts(LUA_RELEASE) < 0;
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  luaL_requiref(L, "callgrind", open_callgrind, 0);
  int status = luaL_loadfile(L, argv[1]);
  for (int i = 2; i < argc && status == LUA_OK; i++)
    lua_pushstring(L, argv[i]);
  if (status == LUA_OK) status = lua_pcall(L, argc - 2, 0, 0);
  if (status != LUA_OK) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
