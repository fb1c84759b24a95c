/*
** Lua heap: what is asked about the memory of a Lua state.
*/
#ifndef WP_LUA_HEAP_H
#define WP_LUA_HEAP_H

#include "slab.h"

#include <lua.h>

static inline uint64_t wp_lua_bytes(lua_State *L) {
  return (uint64_t)lua_gc(L, LUA_GCCOUNT) * 1024 +
         (uint64_t)lua_gc(L, LUA_GCCOUNTB);
}

/* The slab that has it, or NULL. */
static inline wp_slab *wp_slab_of(lua_State *L) {
  void *ud;
  return lua_getallocf(L, &ud) == wp_slab_realloc ? ud : NULL;
}

#endif
