/*
** Bind, output: what a worker prints, as Lua sees it: events, captured text
** as a string, and Lua's own files on the streams that print it.
*/
#include "bind.h"

#include <lauxlib.h>
#include <lualib.h>

/* ---- relayed ------------------------------------------------------------ */

int wp_push_output_event(lua_State *L, const wp_event *v) {
  lua_pushliteral(L, "output");
  lua_pushinteger(L, v->worker);
  lua_pushinteger(L, v->kind);
  lua_pushlstring(L, (const char *)v->data, v->length);
  if (!v->holds) return 4;
  lua_pushinteger(L, (lua_Integer)v->tag);
  return 5;
}

/* ---- captured ----------------------------------------------------------- */

void wp_push_printed(lua_State *L, const void *text, size_t length,
                     uint64_t total) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (total > length) {
    lua_pushfstring(L, "(%I bytes before this were not kept)\n",
                    (LUAI_UACINT)(total - length));
    luaL_addvalue(&b);
  }
  luaL_addlstring(&b, text, length);
  luaL_pushresult(&b);
}

void wp_push_task_printed(lua_State *L, const wp_worker *worker) {
  uint64_t total;
  (void)wp_worker_printed(worker, NULL, 0, &total);
  if (total == 0) {
    lua_pushnil(L);
    return;
  }
  char *text = lua_newuserdatauv(L, WP_LIMIT_OUTPUT, 0);
  size_t n = wp_worker_printed(worker, text, WP_LIMIT_OUTPUT, &total);
  wp_push_printed(L, text, n, total);
  lua_remove(L, -2);
}

/* stack: failure, worker -> { failure, output = … } */
static int with_output(lua_State *L) {
  lua_createtable(L, 1, 1);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  wp_push_task_printed(L, lua_touserdata(L, 2));
  lua_setfield(L, -2, "output");
  return 1;
}

void wp_add_printed(lua_State *L, wp_worker *worker) {
  uint64_t total;
  (void)wp_worker_printed(worker, NULL, 0, &total);
  if (total == 0) return;
  lua_pushcfunction(L, with_output);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, worker);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) lua_remove(L, -2);
  else lua_pop(L, 1);
}

/* ---- streams ------------------------------------------------------------ */

/* Lua's files have pointers to the streams that the worker has replaced.
** stack: …, file -> … */
static void take_stream(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, -1, LUA_FILEHANDLE);
  if (stream && stream->closef) stream->f = wp_worker_stream(stream->f);
  lua_pop(L, 1);
}

void wp_take_streams(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output"); /* what io.write takes */
  take_stream(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, LUA_IOLIBNAME) != LUA_TTABLE) return;
  lua_getfield(L, -1, "stdout");
  take_stream(L);
  lua_getfield(L, -1, "stderr");
  take_stream(L);
}

void wp_bind_output(lua_State *L) {
  wp_set_integer(L, "RELAY_STDOUT", WP_RELAY_STDOUT);
  wp_set_integer(L, "RELAY_STDERR", WP_RELAY_STDERR);
  wp_set_integer(L, "RELAY_MARKED", WP_RELAY_MARKED);
  wp_set_integer(L, "CAPTURE", WP_CAPTURE);
}
