/*
** Interrupt: see interrupt.h.
*/
#include "interrupt.h"

#include <string.h>

#define INTERRUPT "interrupted!"
/* No profiler or debugger asks for all of this. */
#define EVERYTHING \
  (LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT)

int wp_is_interrupt(lua_State *L, int index) {
  size_t length, n = sizeof(INTERRUPT) - 1;
  if (lua_type(L, index) != LUA_TSTRING) return 0;
  const char *text = lua_tolstring(L, index, &length);
  return length >= n && memcmp(text + length - n, INTERRUPT, n) == 0;
}

static lua_State *main_of(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

static int is_interrupted(lua_State *L) {
  return lua_gethookmask(L) == EVERYTHING && lua_gethookcount(L) == 1;
}

void wp_follow_interrupt(lua_State *L) {
  lua_State *main = main_of(L);
  if (main != L && is_interrupted(main))
    lua_sethook(L, lua_gethook(main), EVERYTHING, 1);
}

void wp_forget_interrupt(lua_State *L) {
  lua_State *main = main_of(L);
  if (is_interrupted(L)) lua_sethook(L, NULL, 0, 0);
  if (is_interrupted(main)) lua_sethook(main, NULL, 0, 0);
}
