/*
** Bind, shared keys: see bind_shared_key.h.
*/
#include "bind_shared_key.h"

#include "bind_shared_value.h"

#include <lauxlib.h>
#include <string.h>

/* As in Lua's own tables 2.0 is the key 2. */
static size_t number_key(lua_State *L, int at, unsigned char *to) {
  lua_Number f = lua_tonumber(L, at);
  int is_integer;
  lua_Integer i = lua_tointegerx(L, at, &is_integer);
  if (f != f) luaL_error(L, "Dict: nan cannot be a key");
  to[0] = is_integer ? WP_VALUE_INTEGER : WP_VALUE_FLOAT;
  if (is_integer) memcpy(to + 1, &i, sizeof(i));
  else memcpy(to + 1, &f, sizeof(f));
  return WP_VALUE_NUMBER;
}

/* stack: … -> …, what keeps the bytes */
static wp_span string_key(lua_State *L, int at, wp_key *k) {
  size_t length;
  const char *s = lua_tolstring(L, at, &length);
  unsigned char *to = k->place;
  if (length >= sizeof(k->place)) to = lua_newuserdatauv(L, length + 1, 0);
  else lua_pushnil(L);
  to[0] = WP_VALUE_STRING;
  memcpy(to + 1, s, length);
  return (wp_span){to, length + 1};
}

/* stack: … -> …, nil */
static wp_span scalar_key(lua_State *L, int at, wp_key *k) {
  size_t length = 1;
  lua_pushnil(L);
  if (lua_type(L, at) == LUA_TNUMBER)
    length = number_key(L, at, k->place);
  else if (lua_isboolean(L, at))
    k->place[0] = lua_toboolean(L, at) ? WP_VALUE_TRUE : WP_VALUE_FALSE;
  else
    luaL_error(L, "Dict: a key is a string, a number or a boolean, got %s",
               luaL_typename(L, at));
  return (wp_span){k->place, length};
}

void wp_key_check(lua_State *L, int at, wp_key *k) {
  k->span = lua_type(L, at) == LUA_TSTRING ? string_key(L, at, k)
                                           : scalar_key(L, at, k);
  k->hash = wp_dict_hash(k->span);
}
