/*
** Bind, core: the table that `require "workerpool.core"` returns.
*/
#include "bind.h"
#include "bind_figures.h"
#include "codec.h"

#include <lauxlib.h>

int wp_push_failure(lua_State *L, int status) {
  lua_pushnil(L);
  lua_pushstring(L, wp_status_text(status));
  lua_pushinteger(L, status);
  return 3;
}

void wp_set_integer(lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

void wp_set_seconds(lua_State *L, const char *name, uint64_t ns) {
  lua_pushnumber(L, (lua_Number)ns / 1e9);
  lua_setfield(L, -2, name);
}

const char *const wp_phase_names[] = {"start", "init", "idle", "task", "exit",
                                      NULL};
const char *const wp_stage_names[] = {"decode", "call", "encode", NULL};

/* new_parcels: how many there may be before no more are sent. Those that are
** tried again have a place all the same. */
static void add_limits(lua_State *L) {
  lua_newtable(L);
  wp_set_integer(L, "workers", WP_LIMIT_WORKERS);
  wp_set_integer(L, "parcels", WP_LIMIT_PARCELS);
  wp_set_integer(L, "new_parcels", WP_LIMIT_PARCELS - WP_SPARE_PARCELS);
  wp_set_integer(L, "depth", WP_LIMIT_DEPTH);
  lua_setfield(L, -2, "limits");
}

int luaopen_workerpool_core(lua_State *L) {
  luaL_checkversion(L);
  lua_newtable(L);
  wp_bind_codec(L);
  wp_bind_task(L);
  wp_bind_engine(L);
  wp_bind_worker(L);
  wp_bind_output(L);
  wp_bind_figures(L);
  wp_bind_system(L);
  wp_bind_slab(L);
  wp_bind_shared(L);
  add_limits(L);
  return 1;
}
