/*
** Fuzz, values: the input is a recipe for Lua values, tables that hold each
** other among them. What they are encoded to is decoded to their like: equal
** scalars, the same keys, and one table where there was one table.
*/
#include "codec.h"
#include "input.h"

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <string.h>

enum { MOST_NODES = 3000, POOL = 1, SEEN = 2, FIRST = 3 };

static int nodes;

/* ---- making ------------------------------------------------------------- */

static void make(lua_State *L, input *in, int depth);

/* A string, short or long, often one that was there before. */
static void make_text(lua_State *L, input *in) {
  char text[600];
  size_t length = take_byte(in);
  unsigned c = take_byte(in);
  if (c & 1) length = length % 8 + 1;
  if (c & 2) length *= 2;
  memset(text, (int)c, sizeof(text));
  if (length > 3) memcpy(text, &length, 2);
  lua_pushlstring(L, text, length);
}

static void make_key(lua_State *L, input *in) {
  double d;
  uint64_t word;
  switch (take_byte(in) % 5) {
    case 0: lua_pushinteger(L, (lua_Integer)take_byte(in)); break;
    case 1: lua_pushinteger(L, (lua_Integer)take_number(in, 8)); break;
    case 2: lua_pushboolean(L, take_byte(in) & 1); break;
    case 3:
      word = take_number(in, 8);
      memcpy(&d, &word, sizeof(d));
      lua_pushnumber(L, isnan(d) ? 0.5 : d);
      break;
    default: make_text(L, in);
  }
}

/* Every table is in the list of tables that others may name. */
static void new_table(lua_State *L) {
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, POOL, luaL_len(L, POOL) + 1);
}

static void make_list(lua_State *L, input *in, int depth) {
  unsigned n = take_byte(in), kind = take_byte(in);
  new_table(L);
  for (unsigned i = 1; i <= n && input_left(in); i++) {
    if (kind & 1) lua_pushnumber(L, (double)take_byte(in) / 7);
    else if (kind & 2) lua_pushinteger(L, (lua_Integer)take_number(in, 2));
    else make(L, in, depth + 1);
    lua_rawseti(L, -2, (kind & 4) ? (lua_Integer)i * 3 : (lua_Integer)i);
  }
}

static void make_map(lua_State *L, input *in, int depth) {
  unsigned n = take_byte(in) % 40;
  new_table(L);
  for (unsigned i = 0; i < n && input_left(in); i++) {
    make_key(L, in);
    make(L, in, depth + 1);
    lua_rawset(L, -3);
  }
}

/* Many of one shape, as rows of a file are. */
static void make_records(lua_State *L, input *in) {
  static const char *const names[] = {"id", "name", "value", "x"};
  unsigned n = take_byte(in) % 20, fields = take_byte(in) % 5;
  new_table(L);
  for (unsigned i = 1; i <= n; i++) {
    new_table(L);
    for (unsigned k = 0; k < fields; k++) {
      lua_pushinteger(L, (lua_Integer)(i * k));
      lua_setfield(L, -2, names[k % 4]);
    }
    lua_rawseti(L, -2, (lua_Integer)i);
  }
}

/* Tables in tables, up to the limit and beyond. */
static void make_deep(lua_State *L, input *in) {
  unsigned n = (unsigned)take_number(in, 2) % (WP_LIMIT_DEPTH + 50);
  int by_name = (int)take_byte(in) & 1;
  new_table(L);
  for (unsigned i = 0; i < n; i++) {
    lua_createtable(L, !by_name, by_name);
    lua_insert(L, -2);
    if (by_name) lua_setfield(L, -2, "in");
    else lua_rawseti(L, -2, 1);
  }
}

static void make_known(lua_State *L, input *in) {
  lua_Integer n = luaL_len(L, POOL);
  if (n == 0) lua_pushnil(L);
  else lua_rawgeti(L, POOL, (lua_Integer)take_byte(in) % n + 1);
}

static void make_number(lua_State *L, input *in) {
  double d;
  uint64_t word = take_number(in, 8);
  memcpy(&d, &word, sizeof(d));
  lua_pushnumber(L, d);
}

static void make(lua_State *L, input *in, int depth) {
  luaL_checkstack(L, 20, NULL);
  unsigned kind = ++nodes > MOST_NODES || depth > 100 ? 0 : take_byte(in) % 14;
  switch (kind) {
    case 0: lua_pushnil(L); break;
    case 1: lua_pushboolean(L, 1); break;
    case 2: lua_pushboolean(L, 0); break;
    case 3: lua_pushinteger(L, (lua_Integer)take_byte(in) - 20); break;
    case 4: lua_pushinteger(L, (lua_Integer)take_number(in, 8)); break;
    case 5: make_number(L, in); break;
    case 6: case 7: make_text(L, in); break;
    case 8: case 9: make_list(L, in, depth); break;
    case 10: make_map(L, in, depth); break;
    case 11: make_records(L, in); break;
    case 12: make_deep(L, in); break;
    default: make_known(L, in);
  }
}

/* ---- comparing ---------------------------------------------------------- */

static void check_like(lua_State *L, int a, int b);

static void check_number(lua_State *L, int a, int b) {
  double x = lua_tonumber(L, a), y = lua_tonumber(L, b);
  MUST(lua_isinteger(L, a) == lua_isinteger(L, b));
  if (!(isnan(x) && isnan(y))) {
    MUST(lua_rawequal(L, a, b));
    MUST(signbit(x) == signbit(y));
  }
}

static int count_entries(lua_State *L, int t) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) n++;
  return n;
}

static void check_entries(lua_State *L, int a, int b) {
  MUST(count_entries(L, a) == count_entries(L, b));
  for (lua_pushnil(L); lua_next(L, a); lua_pop(L, 2)) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    check_like(L, lua_gettop(L) - 1, lua_gettop(L));
  }
}

static void check_table(lua_State *L, int a, int b) {
  lua_pushvalue(L, a);
  if (lua_rawget(L, SEEN) == LUA_TTABLE) {
    MUST(lua_rawequal(L, -1, b)); /* one table where there was one */
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_rawset(L, SEEN);
  check_entries(L, a, b);
}

static void check_like(lua_State *L, int a, int b) {
  luaL_checkstack(L, 20, NULL);
  MUST(lua_type(L, a) == lua_type(L, b));
  if (lua_type(L, a) == LUA_TTABLE) check_table(L, a, b);
  else if (lua_type(L, a) == LUA_TNUMBER) check_number(L, a, b);
  else MUST(lua_rawequal(L, a, b));
}

/* ---- there and back ----------------------------------------------------- */

/* stack: values, codec */
static int write_all(lua_State *L) {
  wp_codec *c = wp_codec_check(L, -1);
  int n = lua_gettop(L) - 1;
  lua_insert(L, 1);
  wp_codec_write(L, c, n, "args");
  return 0;
}

/* stack: input */
static int round_trip(lua_State *L) {
  input *in = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_newtable(L);
  lua_newtable(L);
  int n = (int)(take_byte(in) % 70), m;
  luaL_checkstack(L, 300, NULL);
  for (int i = 0; i < n && input_left(in); i++) make(L, in, 0);
  n = lua_gettop(L) - 2;
  wp_codec *c = wp_codec_new(L);
  wp_codec_trust(c, 0);
  int codec = lua_gettop(L);
  lua_pushcfunction(L, write_all);
  for (int i = 0; i <= n; i++) lua_pushvalue(L, FIRST + i);
  if (lua_pcall(L, n + 1, 0, 0) != LUA_OK) {
    MUST(strstr(lua_tostring(L, -1), "nested") != NULL);
    MUST(wp_codec_output(c)->len == 0);
    return 0;
  }
  const wp_bytes *out = wp_codec_output(c);
  MUST(wp_codec_skip(out->data, out->len) == out->len);
  MUST(wp_codec_read(L, c, out->data, out->len, &m) == out->len);
  MUST(n == m && lua_gettop(L) == codec + m);
  for (int i = 0; i < n; i++) check_like(L, FIRST + i, codec + 1 + i);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  lua_State *L = luaL_newstate();
  if (!L) return 0;
  nodes = 0;
  luaL_openlibs(L);
  (void)luaL_dostring(L, "package.loaded['workerpool.names'] = {"
                   "refresh = function() end, of = function() end,"
                   "find = error, find_metatable = error, recall = error,"
                   "of_metatable = function() end}");
  lua_pushcfunction(L, round_trip);
  lua_pushlightuserdata(L, &in);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "raised: %s\n", lua_tostring(L, -1));
    abort();
  }
  lua_close(L);
  return 0;
}
