/*
** Fuzz, decode: any bytes as a message from a peer without trust. Each input
** meets a Lua state whose allocator gives out no more than is in proportion
** to it: a decoder that believes in promised sizes runs into "not enough
** memory", which counts as a failure here.
**
** Whatever arrives is encoded and decoded again, which must work; and what
** skips messages agrees about their length.
*/
#include "codec.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An empty table in a list takes one byte of a message and 72 of memory; a
** kept string or a reference, which grow Lua tables, somewhat less. */
enum { STATE_BYTES = 256 * 1024, BYTES_PER_BYTE = 512 };

typedef struct cap {
  size_t used, most;
} cap;

static void *capped(void *ud, void *block, size_t old_size, size_t new_size) {
  cap *c = ud;
  size_t had = block ? old_size : 0;
  if (new_size > had && c->used + new_size - had > c->most) return NULL;
  c->used = c->used - had + new_size;
  if (new_size) return realloc(block, new_size);
  free(block);
  return NULL;
}

/* What names.lua would give, without its files: two classes, one function. */
static const char names[] =
    "local class = {}\n"
    "local packed = {__workerpool_unpack = function(...) return {...} end}\n"
    "local function finder(found)\n"
    "  return function(_, name)\n"
    "    return found[name] or error('not available', 0)\n"
    "  end\n"
    "end\n"
    "packed.__workerpool_pack = function(t) return table.unpack(t) end\n"
    "local function of(_, v) return v == print and 'f' or nil end\n"
    "return {\n"
    "  refresh = function() end, of = of, find = finder{f = print},\n"
    "  find_metatable = finder{c = class, p = packed},\n"
    "  of_metatable = function(_, m)\n"
    "    return m == class and 'c' or m == packed and 'p' or nil\n"
    "  end,\n"
    "  recall = function() error('not available', 0) end,\n"
    "}";

typedef struct input {
  const unsigned char *data;
  size_t len;
} input;

static void give_names(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (luaL_dostring(L, names) != LUA_OK) lua_error(L);
  lua_setfield(L, -2, "workerpool.names");
  lua_pop(L, 1);
}

/* stack: input */
static int decode(lua_State *L) {
  const input *in = lua_touserdata(L, 1);
  int n;
  wp_codec *c = wp_codec_new(L);
  wp_codec_trust(c, 0);
  size_t used = wp_codec_read(L, c, in->data, in->len, &n);
  if (used > in->len || lua_gettop(L) != n + 2) abort();
  if (wp_codec_skip(in->data, in->len) != used) abort();
  return 0;
}

/* stack: input */
static int again(lua_State *L) {
  const input *in = lua_touserdata(L, 1);
  int n, m;
  wp_codec *c = wp_codec_new(L);
  wp_codec_trust(c, 0);
  wp_codec_read(L, c, in->data, in->len, &n);
  if (!lua_checkstack(L, n + LUA_MINSTACK)) return 0;
  wp_codec_write(L, c, n, "args");
  const wp_bytes *out = wp_codec_output(c);
  if (wp_codec_read(L, c, out->data, out->len, &m) != out->len) abort();
  if (n != m) abort();
  return 0;
}

static int open_state(lua_State *L) {
  luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
  luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
  lua_pop(L, 2);
  give_names(L);
  return 0;
}

static int run(lua_State *L, lua_CFunction f, input *in) {
  lua_settop(L, 0);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, in);
  return lua_pcall(L, in ? 1 : 0, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  cap limit = {0, STATE_BYTES + BYTES_PER_BYTE * len};
  input in = {data, len};
  lua_State *L = lua_newstate(capped, &limit);
  if (!L) abort();
  lua_pushcfunction(L, open_state);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) abort();
  int status = run(L, decode, &in);
  if (status == LUA_ERRMEM) {
    fprintf(stderr, "%zu bytes made Lua want more than %zu\n", len,
            limit.most);
    abort();
  }
  limit.most = SIZE_MAX;
  if (status == LUA_OK && run(L, again, &in) != LUA_OK) {
    fprintf(stderr, "what was read cannot be written: %s\n",
            lua_tostring(L, -1));
    abort();
  }
  lua_close(L);
  return 0;
}
