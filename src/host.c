/*
** Host: the Lua module for programs that carry it inside them. Sources come
** from embedded.h, so nothing is looked for in the file system; the C
** functions on top of the module's own methods are described in
** workerpool_lua.h.
*/
#include "workerpool_lua.h"

#include "bind.h"
#include "embedded.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* ---- the module --------------------------------------------------------- */

/* "workerpool.cli" has parts below it, so its file is workerpool/cli/init.lua
** and not workerpool/cli.lua. */
static int has_parts(const struct wp_embedded *module) {
  size_t n = strlen(module->name);
  for (const struct wp_embedded *e = wp_embedded; e->name; e++)
    if (strncmp(e->name, module->name, n) == 0 && e->name[n] == '.') return 1;
  return 0;
}

/* Pushes the name that tracebacks show: "@workerpool/pool.lua". */
static const char *push_chunk_name(lua_State *L,
                                   const struct wp_embedded *module) {
  const char *path = luaL_gsub(L, module->name, ".", "/");
  lua_pushfstring(L, has_parts(module) ? "@%s/init.lua" : "@%s.lua", path);
  lua_remove(L, -2);
  return lua_tostring(L, -1);
}

/* What `require` calls. stack: module name, ":preload:" */
static int load_embedded(lua_State *L) {
  const struct wp_embedded *module = lua_touserdata(L, lua_upvalueindex(1));
  lua_settop(L, 2);
  const char *chunk = push_chunk_name(L, module);
  if (luaL_loadbufferx(L, module->source, module->len, chunk, "t") != LUA_OK)
    return lua_error(L);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

/* A name with a slash is no module but a file that some module reads. */
static int is_module(const struct wp_embedded *e) {
  return strchr(e->name, '/') == NULL;
}

void wp_lua_preload(lua_State *L) {
  /* For workers that are threads. */
  atomic_store(&wp_prepare_state, wp_lua_preload);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const struct wp_embedded *e = wp_embedded; e->name; e++) {
    if (!is_module(e)) continue;
    lua_pushlightuserdata(L, (void *)e);
    lua_pushcclosure(L, load_embedded, 1);
    lua_setfield(L, -2, e->name);
  }
  lua_pushcfunction(L, luaopen_workerpool_core);
  lua_setfield(L, -2, "workerpool.core");
  lua_pop(L, 1);
}

/* Pushes a module. */
static void require(lua_State *L, const char *name) {
  if (lua_getglobal(L, "require") != LUA_TFUNCTION)
    luaL_error(L, "this Lua state has no 'require': luaL_openlibs comes first");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

int luaopen_workerpool(lua_State *L) {
  wp_lua_preload(L);
  require(L, "workerpool");
  return 1;
}

/* ---- a pool ------------------------------------------------------------- */

/* Everything below runs in a protected call, so that no error leaves by a
** long jump through the host's frames. */

/* Calls `f` with the top n values, protected; results or the error. */
static int protect(lua_State *L, lua_CFunction f, int n, int n_results) {
  lua_pushcfunction(L, f);
  lua_insert(L, -(n + 1));
  return lua_pcall(L, n, n_results, 0);
}

/* stack: table of options or nil */
static int open_pool(lua_State *L) {
  wp_lua_preload(L);
  require(L, "workerpool");
  lua_getfield(L, -1, "WorkerPool");
  lua_getfield(L, -1, "new");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* stack: n_jobs */
static int open_pool_of(lua_State *L) {
  lua_createtable(L, 0, 1);
  if (lua_tointeger(L, 1) >= 0) {
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "n_jobs");
  }
  lua_replace(L, 1);
  return open_pool(L);
}

int wp_lua_pool_open(lua_State *L, int n_jobs) {
  luaL_checkstack(L, 4, NULL);
  lua_pushinteger(L, n_jobs);
  return protect(L, open_pool_of, 1, 1);
}

int wp_lua_pool_open_with(lua_State *L) {
  luaL_checkstack(L, 4, NULL);
  return protect(L, open_pool, 1, 1);
}

static int raise_no_method(lua_State *L, const char *name) {
  const char *what = luaL_tolstring(L, 2, NULL);
  return luaL_error(L, "%s: wanted an object with this method, got %s", name,
                    what);
}

/* stack: name of a method, object, arguments… */
static int call_method(lua_State *L) {
  const char *name = lua_touserdata(L, 1);
  if (!luaL_getmetafield(L, 2, "__index") ||
      lua_getfield(L, 2, name) != LUA_TFUNCTION)
    return raise_no_method(L, name);
  lua_replace(L, 1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* Calls a method of the object at the index with the top n values. */
static int method(lua_State *L, int object, const char *name, int n,
                  int n_results) {
  object = lua_absindex(L, object);
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, call_method);
  lua_pushlightuserdata(L, (void *)name);
  lua_pushvalue(L, object);
  lua_rotate(L, -(n + 3), 3);
  return lua_pcall(L, n + 2, n_results, 0);
}

/* The top value, a number, or `otherwise` if it is none; popped. */
static int pop_integer(lua_State *L, int otherwise) {
  int is_number;
  lua_Integer n = lua_tointegerx(L, -1, &is_number);
  lua_pop(L, 1);
  return is_number ? (int)n : otherwise;
}

/* stack: function, arguments… becomes function, list of arguments */
static int pack_arguments(lua_State *L) {
  int n = lua_gettop(L) - 1;
  lua_createtable(L, n, 1);
  lua_insert(L, 2);
  lua_pushinteger(L, n);
  lua_setfield(L, 2, "n");
  for (int i = n; i >= 1; i--) lua_rawseti(L, 2, i);
  return 2;
}

int wp_lua_submit(lua_State *L, int pool, int nargs) {
  pool = lua_absindex(L, pool);
  luaL_checkstack(L, 4, NULL);
  int status = protect(L, pack_arguments, nargs + 1, 2);
  if (status != LUA_OK) return status;
  return method(L, pool, "apply_async", 2, 1);
}

int wp_lua_poll(lua_State *L, int pool, double seconds) {
  pool = lua_absindex(L, pool);
  luaL_checkstack(L, 4, NULL);
  lua_pushnumber(L, seconds);
  if (method(L, pool, "poll", 1, 1) != LUA_OK) return -1;
  return pop_integer(L, 0);
}

int wp_lua_fileno(lua_State *L, int pool) {
  (void)method(L, pool, "fileno", 0, 1);
  return pop_integer(L, -1); /* an error is no number */
}

int wp_lua_pool_close(lua_State *L, int pool) {
  return method(L, pool, "stop_and_join", 0, 0);
}

/* ---- a result ----------------------------------------------------------- */

/* 1 or 0 as the method says; -1 and the error. */
static int ask(lua_State *L, int object, const char *name) {
  if (method(L, object, name, 0, 1) != LUA_OK) return -1;
  int answer = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return answer;
}

int wp_lua_take(lua_State *L, int result, int *nresults) {
  int top = lua_gettop(L);
  *nresults = 0;
  result = lua_absindex(L, result);
  int ready = ask(L, result, "ready");
  if (ready < 0) return LUA_ERRRUN;
  if (!ready) return WP_LUA_PENDING;
  int status = method(L, result, "get", 0, LUA_MULTRET);
  if (status == LUA_OK) *nresults = lua_gettop(L) - top;
  return status;
}

int wp_lua_cancel(lua_State *L, int result) {
  return ask(L, result, "cancel");
}
