/*
** Bind, shared cells: workerpool.Value, an array of one element with another
** face.
**
**   core.shared_value(typecode, initial, lock) -> value
*/
#include "bind_shared_view.h"

#include <string.h>

static int is_value_key(lua_State *L) {
  return lua_type(L, 2) == LUA_TSTRING &&
         strcmp(lua_tostring(L, 2), "value") == 0;
}

static int index_value(lua_State *L) {
  wp_view *a = wp_view_quick(L);
  if (is_value_key(L)) return wp_view_push(L, a->type, a->data);
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

static int newindex_value(lua_State *L) {
  wp_view *a = wp_view_quick(L);
  if (!is_value_key(L))
    return luaL_error(L, "%s: has no field '%s'; what it holds is in 'value'",
                      wp_view_title(L, a), luaL_tolstring(L, 2, NULL));
  wp_element_store(a->type, a->data, wp_view_bits(L, a, 3, 1));
  return 0;
}

static int value_get(lua_State *L) {
  wp_view *a = wp_view_check(L);
  return wp_view_push(L, a->type, a->data);
}

static int value_set(lua_State *L) {
  wp_view *a = wp_view_check(L);
  wp_element_store(a->type, a->data, wp_view_bits(L, a, 2, 1));
  return 0;
}

#define CHANGES_VALUE(name, how)                     \
  static int name(lua_State *L) {                    \
    wp_view *a = wp_view_check(L);                   \
    if (lua_isnone(L, 2)) lua_pushinteger(L, 1);     \
    return wp_view_change(L, a, a->data, 1, how, 2); \
  }
CHANGES_VALUE(value_add, WP_ADD)
CHANGES_VALUE(value_min, WP_MIN)
CHANGES_VALUE(value_max, WP_MAX)

static int value_cas(lua_State *L) {
  wp_view *a = wp_view_check(L);
  return wp_view_swap(L, a, a->data, 1, 2);
}

static int value_wait(lua_State *L) {
  wp_view *a = wp_view_check(L);
  uint64_t deadline = wp_shared_deadline(L, 3);
  lua_pushboolean(L, wp_view_wait(L, a, a->data, 1, 2, deadline));
  return 1;
}

static int value_notify(lua_State *L) {
  wp_view *a = wp_view_check(L);
  return wp_view_notify(L, a->data, 2);
}

static int new_value(lua_State *L) {
  char code;
  const wp_type *t = wp_view_type(L, &code);
  lua_settop(L, 3);
  wp_view *a = wp_view_new(L, &wp_value_kind, t, code, 1);
  lua_insert(L, 1);
  if (lua_isnil(L, 3)) return (lua_settop(L, 1), 1);
  wp_element_store(t, a->data, wp_view_bits(L, a, 3, 1));
  lua_settop(L, 1);
  return 1;
}

static int value_tostring(lua_State *L) {
  wp_view *a = wp_view_check(L);
  const char *name = wp_view_title(L, a);
  wp_view_push(L, a->type, a->data);
  lua_pushfstring(L, "%s: %s", name, luaL_tolstring(L, -1, NULL));
  return 1;
}

void wp_bind_shared_cell(lua_State *L) {
  static const luaL_Reg functions[] = {{"shared_value", new_value},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"get", value_get},     {"set", value_set},
      {"add", value_add},     {"cas", value_cas},
      {"min", value_min},     {"max", value_max},
      {"wait", value_wait},   {"notify", value_notify},
      {"typecode", wp_view_typecode}, {"__newindex", newindex_value},
      {"__tostring", value_tostring}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &wp_value_kind, methods);
  wp_shared_add_methods(L, wp_shared_lock_methods);
  wp_view_class_index(L, index_value);
}
