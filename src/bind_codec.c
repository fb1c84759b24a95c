/*
** Bind, codec: messages as strings, for Lua.
**
**   core.codec([names]) -> codec    names: of names.new(), for references
**   codec:encode(values...) -> string
**   codec:encode_as(label, values...) -> string
**   codec:decode(string) -> values...
**     The string is one message, from its first byte to its last.
**   codec:decode(string, offset) -> next offset, values...
**     The message begins at the offset, counted from 1; more may follow.
**   codec:trust([trusted = true])
**   codec:is_busy() -> does it call somebody's code in the midst of a message?
**   core.note_name(value)
**     The table or userdata may travel by name (for names.lua).
*/
#include "codec.h"

#include <lauxlib.h>

static int new_codec(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  wp_codec *c = wp_codec_new(L);
  if (lua_istable(L, 1)) {
    lua_pushvalue(L, 1);
    wp_codec_remember(L, c);
  }
  return 1;
}

static int encode_as(lua_State *L) {
  wp_codec_push_message(L, wp_codec_check(L, 1), lua_gettop(L) - 2,
                        luaL_checkstring(L, 2));
  return 1;
}

static size_t check_offset(lua_State *L, size_t length) {
  lua_Integer offset = luaL_checkinteger(L, 3);
  luaL_argcheck(L, offset >= 1 && (lua_Unsigned)offset <= length, 3,
                "offset outside of the string");
  return (size_t)offset - 1;
}

/* stack: codec, string, offset */
static int decode_at(lua_State *L, wp_codec *c, const char *s, size_t length) {
  int n;
  size_t from = check_offset(L, length);
  lua_settop(L, 3);
  size_t used = wp_codec_read(L, c, (const unsigned char *)s + from,
                              length - from, &n);
  lua_pushinteger(L, (lua_Integer)(from + used + 1));
  lua_replace(L, 3);
  return n + 1;
}

static int decode(lua_State *L) {
  size_t length;
  int n;
  wp_codec *c = wp_codec_check(L, 1);
  const char *s = luaL_checklstring(L, 2, &length);
  int third = lua_type(L, 3);
  if (third > LUA_TNIL) return decode_at(L, c, s, length);
  if (third == LUA_TNIL) lua_settop(L, 2);
  size_t used = wp_codec_read(L, c, (const unsigned char *)s, length, &n);
  if (used < length)
    return luaL_error(L, "corrupt message: more bytes after the end at "
                         "byte %I", (lua_Integer)used);
  return n;
}

static int trust(lua_State *L) {
  wp_codec *c = wp_codec_check(L, 1);
  wp_codec_trust(c, lua_isnoneornil(L, 2) || lua_toboolean(L, 2));
  return 0;
}

static int is_busy(lua_State *L) {
  lua_pushboolean(L, wp_codec_is_busy(wp_codec_check(L, 1)));
  return 1;
}

static int note_name(lua_State *L) {
  luaL_checkany(L, 1);
  wp_codec_note(L, 1);
  return 0;
}

/* stack: … -> …; the codec's metatable gets its methods. */
static void add_methods(lua_State *L) {
  static const luaL_Reg methods[] = {{"encode", wp_codec_encode},
                                     {"encode_as", encode_as},
                                     {"decode", decode},
                                     {"trust", trust},
                                     {"is_busy", is_busy},
                                     {NULL, NULL}};
  wp_codec_new(L);
  lua_getmetatable(L, -1);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
}

void wp_bind_codec(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"codec", new_codec}, {"note_name", note_name}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  add_methods(L);
}
