/*
** Bind, shared locks: the methods of everything that has a lock.
**
**   x:lock() -> true | true, "owner died"
**   x:try_lock([seconds = 0]) -> true | true, "owner died" | false
**   x:unlock()
**   x:with_lock(f) -> what f(x, "owner died" | nil) returns
**   x:guard() -> guard, "owner died" | nil    for a <close> variable
*/
#include "bind_shared.h"
#include "shared_array.h"

#include <errno.h>

static wp_lock *lock_of(lua_State *L, const char **what) {
  wp_shared_ud *ud = wp_shared_test(L, 1);
  if (!ud || !ud->handle.object ||
      (ud->type != WP_SHARED_ARRAY && ud->type != WP_SHARED_LOCK))
    luaL_typeerror(L, 1, "shared object with a lock");
  *what = "Lock";
  if (ud->type == WP_SHARED_LOCK) return ud->handle.object;
  wp_array *a = ud->handle.object;
  *what = "Array";
  if (!a->has_lock)
    luaL_error(L, "it was made with lock = false and has no lock");
  return &a->lock;
}

static int answer(lua_State *L, int status) {
  lua_pushboolean(L, status >= 0);
  if (status != WP_LOCK_OWNER_DIED) return 1;
  lua_pushliteral(L, "owner died");
  return 2;
}

static int lock(lua_State *L) {
  const char *what;
  wp_lock *l = lock_of(L, &what);
  return answer(L, wp_shared_lock(L, l, WP_NEVER, what));
}

static int try_lock(lua_State *L) {
  const char *what;
  wp_lock *l = lock_of(L, &what);
  uint64_t deadline = lua_isnoneornil(L, 2) ? 0 : wp_shared_deadline(L, 2);
  return answer(L, wp_shared_lock(L, l, deadline, what));
}

static int unlock(lua_State *L) {
  const char *what;
  wp_lock *l = lock_of(L, &what);
  wp_shared_unlock(L, l, what);
  return 0;
}

/* ---- guards ------------------------------------------------------------- */

#define GUARD_NAME "workerpool.guard"

/* Its user value keeps the object. */
typedef struct guard {
  wp_lock *lock; /* NULL: open */
} guard;

static int close_guard(lua_State *L) {
  guard *g = luaL_checkudata(L, 1, GUARD_NAME);
  /* Somebody may have unlocked by hand; then there is nothing to do. */
  if (g->lock && wp_lock_leave(g->lock) == 0) wp_shared_pin(-1);
  g->lock = NULL;
  return 0;
}

/* stack: object, … -> object, …, guard. The status of the lock. */
static int push_guard(lua_State *L) {
  const char *what;
  wp_lock *l = lock_of(L, &what);
  guard *g = lua_newuserdatauv(L, sizeof(*g), 1);
  g->lock = NULL;
  luaL_setmetatable(L, GUARD_NAME);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  int status = wp_shared_lock(L, l, WP_NEVER, what);
  g->lock = l;
  return status;
}

static int new_guard(lua_State *L) {
  if (push_guard(L) != WP_LOCK_OWNER_DIED) return 1;
  lua_pushliteral(L, "owner died");
  return 2;
}

/* A variable to be closed, and not a protected call: so the traceback of an
** error in f still has f in it. */
static int with_lock(lua_State *L) {
  wp_shared_check_callable(L, 2);
  lua_settop(L, 2);
  int status = push_guard(L);
  lua_toclose(L, 3);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  if (status == WP_LOCK_OWNER_DIED) lua_pushliteral(L, "owner died");
  else lua_pushnil(L);
  lua_call(L, 2, LUA_MULTRET);
  return lua_gettop(L) - 3;
}

const luaL_Reg wp_shared_lock_methods[] = {{"lock", lock},
                                           {"try_lock", try_lock},
                                           {"unlock", unlock},
                                           {"guard", new_guard},
                                           {"with_lock", with_lock},
                                           {NULL, NULL}};

void wp_bind_shared_guard(lua_State *L) {
  luaL_newmetatable(L, GUARD_NAME);
  lua_pushcfunction(L, close_guard);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, close_guard);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, close_guard);
  lua_setfield(L, -2, "unlock");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
