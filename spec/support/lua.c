/*
** A plain Lua interpreter for the builds with a sanitizer: `make asan` and
** `make tsan` run the specs in it. The system's own lua5.4 would need the
** sanitizer's library by LD_PRELOAD, which reaches every program that a spec
** starts; the shell crashes under it, and compilers leak by design.
**
**   lua [-e CHUNK | SCRIPT | -] [ARGUMENT]...
*/
#include <lauxlib.h>
#include <lualib.h>

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
/* Lua raises errors by this one, which the sanitizer does not know: what it
** notes of the functions that were left would stay for ever and overflow. */
_Noreturn void __longjmp_chk(jmp_buf env, int value);
_Noreturn void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
#endif

static int traceback(lua_State *L) {
  const char *message = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, message, 1);
  return 1;
}

/* The index in argv of the script, or of what stands for it. */
static int set_arg(lua_State *L, int argc, char **argv) {
  int script = argc > 2 && strcmp(argv[1], "-e") == 0 ? 2 : 1;
  lua_createtable(L, argc, script);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
  return script;
}

static int load(lua_State *L, int script, char **argv) {
  if (script == 2) return luaL_loadbuffer(L, argv[2], strlen(argv[2]), "=-e");
  if (!argv[1] || strcmp(argv[1], "-") == 0) return luaL_loadfile(L, NULL);
  return luaL_loadfile(L, argv[1]);
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  int script = set_arg(L, argc, argv);
  lua_pushcfunction(L, traceback);
  int status = load(L, script, argv);
  int given = 0;
  for (int i = script + 1; i < argc && status == LUA_OK; i++, given++)
    lua_pushstring(L, argv[i]);
  if (status == LUA_OK) status = lua_pcall(L, given, 0, 1);
  if (status != LUA_OK) fprintf(stderr, "lua: %s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
