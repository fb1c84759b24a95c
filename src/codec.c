/*
** Codec, the object: its birth and end, and its way to names.lua. See
** codec.h and codec_state.h.
*/
#include "codec_state.h"

#include <lauxlib.h>
#include <string.h>

/* In the registry: codecs by address, weakly, so that C code which holds
** only the pointer can reach the userdata; the wp_known of this state; and
** words as Lua strings. */
static const char codecs_key, known_key;
const char wp_word_pack[] = "__workerpool_pack";
const char wp_word_unpack[] = "__workerpool_unpack";
const char wp_word_stays[] = "__workerpool_stays";

#define NAMES_MODULE "workerpool.names"

static void make_weak(lua_State *L, const char *mode) {
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

static void push_codecs(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &codecs_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  make_weak(L, "v");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &codecs_key);
}

static void add_word(lua_State *L, const char *word) {
  lua_pushstring(L, word);
  lua_rawsetp(L, LUA_REGISTRYINDEX, word);
}

static wp_known *known_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &known_key);
  wp_known *known = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (known) return known;
  known = lua_newuserdatauv(L, sizeof(*known), 0);
  memset(known, 0, sizeof(*known));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &known_key);
  add_word(L, wp_word_pack);
  add_word(L, wp_word_unpack);
  add_word(L, wp_word_stays);
  return known;
}

/* Functions are asked about in any case: they need no bits. */
void wp_codec_note(lua_State *L, int index) {
  if (!lua_isfunction(L, index))
    wp_known_add(known_of(L), lua_topointer(L, index));
}

/* Finalizers of others may still call us after ours: the state says so. */
static int collect(lua_State *L) {
  wp_codec *c = luaL_checkudata(L, 1, WP_CODEC_NAME);
  wp_packed_forget(c, 0);
  wp_bytes_free(&c->packed);
  wp_bytes_free(&c->out);
  wp_bytes_free(&c->quotes);
  wp_bytes_free(&c->iov);
  wp_seen_free(&c->seen);
  c->state = WP_CLOSED;
  return 0;
}

static void set_metatable(lua_State *L) {
  if (luaL_newmetatable(L, WP_CODEC_NAME)) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
}

wp_codec *wp_codec_new(lua_State *L) {
  wp_codec *c = lua_newuserdatauv(L, sizeof(*c), WP_OWN_COUNT);
  memset(c, 0, sizeof(*c));
  c->trusted = 1;
  c->self = c;
  wp_new_period(c);
  set_metatable(L);
  c->known = known_of(L);
  lua_newtable(L);
  make_weak(L, "k");
  lua_setiuservalue(L, -2, WP_OWN_CODE);
  push_codecs(L);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, c);
  lua_pop(L, 1);
  return c;
}

wp_codec *wp_codec_check(lua_State *L, int index) {
  return wp_codec_at(L, index);
}

wp_bytes *wp_codec_output(wp_codec *c) { return &c->out; }

int wp_codec_is_busy(const wp_codec *c) { return c->state == WP_BUSY; }

void wp_codec_trust(wp_codec *c, int trusted) { c->trusted = trusted != 0; }

void wp_codec_push(lua_State *L, wp_codec *c) {
  push_codecs(L);
  lua_rawgetp(L, -1, c);
  lua_remove(L, -2);
}

static void push_living(lua_State *L, wp_codec *c) {
  wp_codec_push(L, c);
  if (lua_isnil(L, -1)) luaL_error(L, "the codec has been collected");
}

static int new_table(lua_State *L) {
  lua_newtable(L);
  return 1;
}

void wp_codec_own(lua_State *L, wp_codec *c, int table, lua_Integer i) {
  push_living(L, c);
  if (lua_getiuservalue(L, -1, table) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_pushcfunction(L, new_table);
    if (wp_codec_call(L, c, 0, 1) != LUA_OK) lua_error(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, table);
  }
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, i);
  lua_pop(L, 3);
}

void wp_codec_disown(lua_State *L, wp_codec *c, int table) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  wp_codec_push(L, c);
  if (!lua_isnil(L, -1)) {
    lua_pushnil(L);
    lua_setiuservalue(L, -2, table);
  }
  lua_pop(L, 1);
}

/* stack: refs -> */
void wp_codec_remember(lua_State *L, wp_codec *c) {
  wp_codec_push(L, c);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, WP_OWN_REFS);
  lua_pop(L, 1);
}

/* stack: -> the module */
static void push_names(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, NAMES_MODULE) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, NAMES_MODULE);
    lua_call(L, 1, 1);
  }
  lua_remove(L, -2);
}

void wp_codec_prepare(lua_State *L, wp_codec *c) {
  if (c->ready) return;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  wp_codec_push(L, c);
  push_names(L);
  lua_getfield(L, -1, "refresh");
  lua_insert(L, -2);
  lua_setiuservalue(L, -3, WP_OWN_NAMES);
  lua_pushnil(L);
  if (wp_codec_call(L, c, 1, 0) != LUA_OK) lua_error(L);
  lua_pop(L, 1);
  c->ready = 1;
}

/* stack: … -> …, function, refs */
static void push_question(lua_State *L, wp_codec *c, const char *what) {
  push_living(L, c);
  lua_getiuservalue(L, -1, WP_OWN_NAMES);
  lua_getfield(L, -1, what);
  lua_getiuservalue(L, -3, WP_OWN_REFS);
  lua_replace(L, -4); /* refs, names, function */
  lua_replace(L, -2); /* refs, function */
  lua_insert(L, -2);
}

int wp_codec_call(lua_State *L, wp_codec *c, int args, int results) {
  wp_bytes out = c->out, quotes = c->quotes;
  unsigned char *pen = c->pen, *brim = c->brim;
  char state = c->state;
  c->out = c->quotes = (wp_bytes){0};
  c->state = WP_BUSY;
  int status = lua_pcall(L, args, results, 0);
  wp_bytes_free(&c->out);
  c->out = out;
  c->quotes = quotes;
  c->pen = pen;
  c->brim = brim;
  c->state = state;
  wp_new_period(c);
  return status;
}

/* stack: args -> results */
void wp_codec_ask(lua_State *L, wp_codec *c, const char *what, int args,
                  int results) {
  wp_codec_prepare(L, c);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  push_question(L, c, what);
  lua_rotate(L, -2 - args, 2);
  if (wp_codec_call(L, c, args + 1, results) != LUA_OK) lua_error(L);
}
