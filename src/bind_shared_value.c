/*
** Bind, shared values: see bind_shared_value.h.
*/
#include "bind_shared_value.h"

#include "bind_shared.h"
#include "codec.h"

#include <string.h>

#define BOX_NAME "workerpool.shared_box"
/* A buffer that one value made huge is not kept for the next. */
#define SPARE_BYTES ((size_t)1 << 20)

static char spare_key, codec_key; /* their addresses, in the registry */

/* ---- boxes -------------------------------------------------------------- */

static void empty(wp_box *box) {
  if (box->is_owner)
    wp_shared_forget((const wp_ticket *)(const void *)box->tickets.data,
                     box->tickets.len / sizeof(wp_ticket));
  box->is_owner = 0;
  box->tickets.len = 0;
  box->bytes.len = 0;
}

static int collect(lua_State *L) {
  wp_box *box = luaL_checkudata(L, 1, BOX_NAME);
  empty(box);
  wp_bytes_free(&box->bytes);
  wp_bytes_free(&box->tickets);
  return 0;
}

static wp_box *new_box(lua_State *L) {
  wp_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = (wp_box){.is_owner = 0};
  luaL_setmetatable(L, BOX_NAME);
  return box;
}

/* A spare one is at hand, but for errors and for uses inside of uses. */
wp_box *wp_box_push(lua_State *L) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &spare_key) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    return new_box(L);
  }
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &spare_key);
  return lua_touserdata(L, -1);
}

void wp_box_keep(lua_State *L, int at) {
  wp_box *box = lua_touserdata(L, at);
  empty(box);
  if (box->bytes.cap > SPARE_BYTES) wp_bytes_free(&box->bytes);
  lua_pushvalue(L, at);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &spare_key);
}

/* ---- writing ------------------------------------------------------------ */

static void append(lua_State *L, wp_box *box, const void *data, size_t n) {
  if (wp_bytes_append(&box->bytes, data, n) < 0)
    luaL_error(L, "not enough memory");
}

static void append_tag(lua_State *L, wp_box *box, int tag) {
  unsigned char c = (unsigned char)tag;
  append(L, box, &c, 1);
}

void wp_value_of_number(lua_State *L, int at,
                        unsigned char to[WP_VALUE_NUMBER]) {
  lua_Integer i = lua_tointeger(L, at);
  lua_Number f = lua_tonumber(L, at);
  int is_integer = lua_isinteger(L, at);
  to[0] = is_integer ? WP_VALUE_INTEGER : WP_VALUE_FLOAT;
  if (is_integer) memcpy(to + 1, &i, sizeof(i));
  else memcpy(to + 1, &f, sizeof(f));
}

static void write_number(lua_State *L, wp_box *box, int at) {
  unsigned char value[WP_VALUE_NUMBER];
  wp_value_of_number(L, at, value);
  append(L, box, value, sizeof(value));
}

/* A codec of our own: the value may be stored while a task's arguments or
** results are under way through another one. One for each use in a use. */
static wp_codec *take_codec(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &codec_key) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    return wp_codec_new(L);
  }
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &codec_key);
  return wp_codec_check(L, -1);
}

/* stack: …, codec -> … */
static void keep_codec(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, &codec_key);
}

/* stack: value, label, codec, box */
static int write_protected(lua_State *L) {
  wp_codec *c = wp_codec_check(L, 3);
  wp_box *box = lua_touserdata(L, 4);
  wp_bytes *out = wp_codec_output(c);
  out->len = 0;
  lua_pushvalue(L, 1);
  wp_codec_write(L, c, 1, lua_tostring(L, 2));
  append(L, box, out->data, out->len);
  if (out->cap > SPARE_BYTES) wp_bytes_free(out);
  return 0;
}

static void write_message(lua_State *L, wp_box *box, int at,
                          const char *label) {
  append_tag(L, box, WP_VALUE_MESSAGE);
  box->is_owner = 1;
  (void)take_codec(L);
  lua_pushcfunction(L, write_protected);
  lua_pushvalue(L, at);
  lua_pushstring(L, label);
  lua_pushvalue(L, -4);
  lua_pushlightuserdata(L, box);
  wp_bytes *outer = wp_shared_collect(&box->tickets);
  int status = lua_pcall(L, 4, 0, 0);
  (void)wp_shared_collect(outer);
  if (status == LUA_ERRRUN) wp_shared_fail_again(L);
  if (status != LUA_OK) lua_error(L);
  keep_codec(L);
}

void wp_box_write(lua_State *L, wp_box *box, int at, const char *label) {
  size_t length;
  const char *s;
  at = lua_absindex(L, at);
  empty(box);
  switch (lua_type(L, at)) {
    case LUA_TNUMBER: write_number(L, box, at); break;
    case LUA_TBOOLEAN:
      append_tag(L, box,
                 lua_toboolean(L, at) ? WP_VALUE_TRUE : WP_VALUE_FALSE);
      break;
    case LUA_TSTRING:
      s = lua_tolstring(L, at, &length);
      append_tag(L, box, WP_VALUE_STRING);
      append(L, box, s, length);
      break;
    default: write_message(L, box, at, label);
  }
}

/* ---- reading ------------------------------------------------------------ */

static void push_number(lua_State *L, const unsigned char *data) {
  lua_Integer i;
  lua_Number f;
  memcpy(&i, data + 1, sizeof(i));
  memcpy(&f, data + 1, sizeof(f));
  if (data[0] == WP_VALUE_INTEGER) lua_pushinteger(L, i);
  else lua_pushnumber(L, f);
}

/* stack: … -> …, value */
static void push_message(lua_State *L, const unsigned char *data,
                         size_t length) {
  int n, at = lua_gettop(L) + 1;
  wp_codec *c = take_codec(L);
  (void)wp_codec_read(L, c, data, length, &n);
  lua_settop(L, at + 1); /* one value was written */
  lua_insert(L, at);
  keep_codec(L);
}

void wp_value_push(lua_State *L, const unsigned char *data, size_t length) {
  switch (length ? data[0] : 0) {
    case WP_VALUE_FALSE: lua_pushboolean(L, 0); break;
    case WP_VALUE_TRUE: lua_pushboolean(L, 1); break;
    case WP_VALUE_INTEGER:
    case WP_VALUE_FLOAT: push_number(L, data); break;
    case WP_VALUE_STRING:
      lua_pushlstring(L, (const char *)data + 1, length - 1);
      break;
    case WP_VALUE_MESSAGE: push_message(L, data + 1, length - 1); break;
    default: luaL_error(L, "corrupt value in shared memory");
  }
}

void wp_bind_shared_value(lua_State *L) {
  luaL_newmetatable(L, BOX_NAME);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
