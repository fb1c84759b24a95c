/*
** Codec, functions: one that both sides have goes by name; another as its
** code and its upvalues. An upvalue that two functions of a message share is
** one variable to both on the other side, too.
*/
#include "codec_state.h"
#include "codec_wire.h"

#include <lauxlib.h>
#include <string.h>

/* ---- the code ----------------------------------------------------------- */

typedef struct dump {
  luaL_Buffer buffer;
  int begun;
} dump;

/* The buffer may put a box on the stack, where lua_dump wants to find the
** function at first: so it begins with the first piece. */
static int add_piece(lua_State *L, const void *data, size_t len, void *ud) {
  dump *d = ud;
  if (!d->begun) {
    d->begun = 1;
    luaL_buffinit(L, &d->buffer);
  }
  luaL_addlstring(&d->buffer, data, len);
  return 0;
}

/* Not stripped: a traceback in the other process has names and lines.
** stack: function -> code */
static int dump_code(lua_State *L) {
  dump d = {.begun = 0};
  if (lua_dump(L, add_piece, &d, 0) != 0) luaL_error(L, "cannot dump code");
  luaL_pushresult(&d.buffer);
  return 1;
}

/* Closures of one function have equal code; nothing tells which, but when
** they come one after another, they can share one string.
** stack: own, code -> own, code */
static void share_last(lua_State *L) {
  lua_getiuservalue(L, -2, WP_OWN_LAST);
  if (lua_rawequal(L, -1, -2)) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, WP_OWN_LAST);
}

/* stack: … -> …, code. Dumped once in the life of a function. */
static void push_code(wp_codec *c, lua_State *L, int at) {
  wp_codec_push(L, c);
  if (lua_getiuservalue(L, -1, WP_OWN_CODE) != LUA_TTABLE)
    luaL_error(L, "the codec has been collected");
  lua_pushvalue(L, at);
  if (lua_rawget(L, -2) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_insert(L, -2); /* cache, own */
    lua_pushcfunction(L, dump_code);
    lua_pushvalue(L, at);
    if (wp_codec_call(L, c, 1, 1) != LUA_OK) lua_error(L);
    share_last(L);
    lua_pushvalue(L, at);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5); /* cache, own, code */
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static int count_upvalues(lua_State *L, int at) {
  lua_Debug ar;
  lua_pushvalue(L, at);
  lua_getinfo(L, ">u", &ar);
  return ar.nups;
}

/* ---- writing ------------------------------------------------------------ */

/* Shared is what has a slot already: number of the function, index in it. */
static int write_shared(wp_codec *c, lua_State *L, int at, int i,
                        uint64_t number) {
  uintptr_t key = (uintptr_t)lua_upvalueid(L, at, i);
  wp_seen_slot *slot = wp_write_slot(c, L, key);
  if (!wp_seen_has(&c->seen, slot)) {
    wp_seen_set(&c->seen, slot, key, number << 8 | (unsigned)i);
    return 0;
  }
  c->head |= WP_HEAD_REFS;
  wp_write_tag(c, L, WP_TAG_SHARED);
  wp_write_varint(c, L, (slot->word & WP_SEEN_VALUE) >> 8);
  wp_write_tag(c, L, (int)(slot->word & 0xFF));
  return 1;
}

/* Test runners and sandboxes put a table of globals of their own, with the
** real ones behind it, under the code they run. Where both sides have that
** table it goes by its reference; elsewhere the receiver's globals are what
** comes nearest, as they are for a function that is under the real ones.
** stack: …, value -> …, value */
static void settle_environment(wp_codec *c, lua_State *L, const char *name) {
  int at = lua_gettop(L);
  if (strcmp(name, "_ENV") != 0 || !lua_istable(L, at)) return;
  if (!lua_getmetatable(L, at)) return;
  lua_pop(L, 1);
  lua_pushvalue(L, at);
  wp_codec_ask(L, c, "of", 1, 1);
  int is_known = !lua_isnil(L, -1);
  lua_settop(L, at);
  if (is_known) return;
  lua_pushglobaltable(L);
  lua_replace(L, at);
}

static int write_upvalues(wp_codec *c, lua_State *L, int at, uint64_t number,
                          const wp_place *where) {
  int n = count_upvalues(L, at), top = lua_gettop(L);
  wp_place place = {where, NULL, 0, WP_AT_UPVALUE};
  wp_write_tag(c, L, n);
  for (int i = 1; i <= n; i++) {
    if (write_shared(c, L, at, i, number)) continue;
    place.name = lua_getupvalue(L, at, i);
    settle_environment(c, L, place.name);
    if (!wp_write_value(c, L, top + 1, &place)) return 0;
    lua_settop(L, top);
  }
  return 1;
}

static int write_code(wp_codec *c, lua_State *L, int at,
                      const wp_place *where) {
  push_code(c, L, at);
  int go_on = wp_write_value(c, L, lua_gettop(L), where);
  lua_pop(L, 1);
  return go_on;
}

/* Modules may have been loaded since names were collected: asked once a
** message. `thorough` looks also into modules known before. */
static int names_changed(wp_codec *c, lua_State *L, int thorough) {
  lua_pushboolean(L, thorough);
  wp_codec_ask(L, c, "refresh", 1, 1);
  int changed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  c->looked = 1;
  return changed;
}

static int is_c(lua_State *L, int at) { return lua_iscfunction(L, at); }

int wp_write_function(wp_codec *c, lua_State *L, int at,
                      const wp_place *where) {
  const void *p = lua_topointer(L, at);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!wp_seen_has(&c->seen, wp_write_slot(c, L, (uintptr_t)p))) {
    if (wp_write_known(c, L, at)) return 1;
    if (!c->looked && names_changed(c, L, is_c(L, at))) return 0;
    if (is_c(L, at)) {
      lua_pushstring(L, "C function that no loaded module has");
      return wp_path_fail(L, where);
    }
  }
  uint64_t number = c->objects;
  if (wp_write_again(c, L, p, where)) return 1;
  wp_write_deeper(c, L, where);
  wp_write_tag(c, L, WP_TAG_FUNCTION);
  if (!write_code(c, L, at, where)) return 0;
  if (!write_upvalues(c, L, at, number, where)) return 0;
  wp_write_back(c);
  return 1;
}

/* ---- reading ------------------------------------------------------------ */

/* stack: … -> …, function */
static void read_code(wp_reader *r) {
  lua_State *L = r->L;
  size_t len;
  wp_read_value(r);
  if (lua_type(L, -1) != LUA_TSTRING) wp_read_corrupt(r, "code missing");
  const char *code = lua_tolstring(L, -1, &len);
  int status = luaL_loadbufferx(L, code, len, "=(received)", "b");
  if (status == LUA_ERRMEM) lua_error(L);
  if (status != LUA_OK) wp_read_corrupt(r, lua_tostring(L, -1));
  lua_remove(L, -2);
}

/* Joins upvalue `i` of the function on top with one read before. */
static void read_shared(wp_reader *r, int i) {
  lua_State *L = r->L;
  uint64_t number = wp_read_varint(r);
  int index = (int)wp_read_byte(r);
  int found = r->refs && number < (uint64_t)r->objects &&
              lua_rawgeti(L, r->refs, (lua_Integer)number + 1) ==
                  LUA_TFUNCTION &&
              !lua_iscfunction(L, -1);
  if (!found || index < 1 || index > count_upvalues(L, -1))
    wp_read_corrupt(r, "a shared upvalue that is not there");
  lua_upvaluejoin(L, -2, i, -1, index);
  lua_pop(L, 1);
}

static void read_upvalue(wp_reader *r, int i) {
  if (r->p < r->end && *r->p == WP_TAG_SHARED) {
    r->p++;
    read_shared(r, i);
  } else {
    wp_read_value(r);
    lua_setupvalue(r->L, -2, i);
  }
}

void wp_read_function(wp_reader *r) {
  if (!r->codec->trusted)
    luaL_error(r->L, "functions are not accepted from this peer");
  luaL_checkstack(r->L, LUA_MINSTACK, NULL);
  int checked = wp_read_deeper(r);
  lua_Integer number = wp_read_number(r);
  read_code(r);
  wp_read_note(r, number);
  int n = (int)wp_read_byte(r);
  if (n != count_upvalues(r->L, -1))
    wp_read_corrupt(r, "code with another number of upvalues");
  for (int i = 1; i <= n; i++) read_upvalue(r, i);
  wp_read_back(r, checked);
}
