/*
** Codec, path: see codec_path.h.
*/
#include "codec_path.h"

#include <ctype.h>
#include <lauxlib.h>

/* A path of 4,000 steps is no help: its beginning and its end are shown. */
enum { HEAD_STEPS = 12, TAIL_STEPS = 4, KEY_BYTES = 40 };

static int is_identifier(const char *s, size_t len) {
  if (len == 0 || len > KEY_BYTES || isdigit((unsigned char)*s)) return 0;
  for (size_t i = 0; i < len; i++)
    if (s[i] != '_' && !isalnum((unsigned char)s[i])) return 0;
  return 1;
}

static void add_byte(luaL_Buffer *b, unsigned char byte) {
  if (byte == '"' || byte == '\\') luaL_addchar(b, '\\');
  if (!iscntrl(byte)) {
    luaL_addchar(b, (char)byte);
  } else {
    luaL_addchar(b, '\\');
    luaL_addchar(b, (char)('0' + byte / 100));
    luaL_addchar(b, (char)('0' + byte / 10 % 10));
    luaL_addchar(b, (char)('0' + byte % 10));
  }
}

static void add_string_key(luaL_Buffer *b, const char *s, size_t len) {
  if (is_identifier(s, len)) {
    luaL_addchar(b, '.');
    luaL_addlstring(b, s, len);
    return;
  }
  luaL_addstring(b, "[\"");
  for (size_t i = 0; i < len && i < KEY_BYTES; i++)
    add_byte(b, (unsigned char)s[i]);
  luaL_addstring(b, len > KEY_BYTES ? "...\"]" : "\"]");
}

static void add_number(luaL_Buffer *b, const char *format, lua_Integer n) {
  lua_pushfstring(b->L, format, n);
  luaL_addvalue(b);
}

static void add_key(luaL_Buffer *b, int at) {
  size_t len;
  lua_State *L = b->L;
  switch (lua_type(L, at)) {
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, at, &len);
      add_string_key(b, s, len);
      return;
    }
    case LUA_TNUMBER:
      if (lua_isinteger(L, at))
        lua_pushfstring(L, "[%I]", lua_tointeger(L, at));
      else
        lua_pushfstring(L, "[%f]", lua_tonumber(L, at));
      break;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, at) ? "[true]" : "[false]");
      break;
    default: lua_pushfstring(L, "[%s key]", luaL_typename(L, at));
  }
  luaL_addvalue(b);
}

static void add_step(luaL_Buffer *b, const wp_place *p) {
  switch (p->kind) {
    case WP_AT_ROOT:
      luaL_addstring(b, p->name);
      add_number(b, "[%I]", p->index);
      break;
    case WP_AT_KEY: add_key(b, (int)p->index); break;
    case WP_AT_ITEM: add_number(b, "[%I]", p->index); break;
    case WP_AT_INKEY: luaL_addstring(b, " key"); break;
    case WP_AT_PACKED: add_number(b, " packed[%I]", p->index); break;
    default:
      luaL_addstring(b, " upvalue '");
      luaL_addstring(b, p->name);
      luaL_addchar(b, '\'');
  }
}

static void add_path(luaL_Buffer *b, const wp_place *where) {
  const wp_place *head[HEAD_STEPS], *tail[TAIL_STEPS];
  int steps = 0, step;
  for (const wp_place *p = where; p; p = p->up) steps++;
  step = steps;
  for (const wp_place *p = where; p; p = p->up) {
    step--;
    if (step < HEAD_STEPS) head[step] = p;
    else if (step >= steps - TAIL_STEPS) tail[steps - 1 - step] = p;
  }
  for (step = 0; step < steps && step < HEAD_STEPS; step++)
    add_step(b, head[step]);
  if (steps > HEAD_STEPS + TAIL_STEPS) luaL_addstring(b, " ... ");
  step = steps - HEAD_STEPS < TAIL_STEPS ? steps - HEAD_STEPS : TAIL_STEPS;
  while (step-- > 0) add_step(b, tail[step]);
}

/* stack: reason -> reason, text */
int wp_path_fail(lua_State *L, const wp_place *where) {
  luaL_Buffer b;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  int reason = lua_gettop(L);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "cannot send ");
  add_path(&b, where);
  luaL_addstring(&b, ": ");
  lua_pushvalue(L, reason);
  luaL_addvalue(&b);
  luaL_pushresult(&b);
  return lua_error(L);
}
