/*
** Codec, objects: what is more than its contents. Writing and reading of
** tables with metatables, of packed values, and of what both sides have and
** call by a name. Which name that is, names.lua says.
*/
#include "codec_state.h"
#include "codec_wire.h"

#include <lauxlib.h>
#include <stdatomic.h>

/* ---- writing: names ----------------------------------------------------- */

/* stack: answer of names.of -> */
static int write_answer(wp_codec *c, lua_State *L) {
  size_t len;
  const char *name;
  int found = 1;
  if (lua_isinteger(L, -1)) {
    wp_write_tag(c, L, WP_TAG_REMEMBERED);
    wp_write_varint(c, L, (uint64_t)lua_tointeger(L, -1));
  } else if (lua_type(L, -1) == LUA_TSTRING) {
    name = lua_tolstring(L, -1, &len);
    if (len > WP_KEEP_MOST) c->objects++;
    wp_write_tag(c, L, WP_TAG_NAME);
    wp_write_text(c, L, name, len);
  } else {
    found = 0;
  }
  lua_pop(L, 1);
  return found;
}

int wp_write_known(wp_codec *c, lua_State *L, int at) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_pushvalue(L, at);
  wp_codec_ask(L, c, "of", 1, 1);
  return write_answer(c, L);
}

/* ---- writing: what cannot travel ---------------------------------------- */

/* stack: … -> …, words for the type of a userdata or thread */
static void push_type(lua_State *L, int at) {
  const char *type = luaL_typename(L, at);
  if (lua_islightuserdata(L, at)) {
    lua_pushstring(L, "light userdata");
  } else if (luaL_getmetafield(L, at, "__name") == LUA_TSTRING) {
    lua_pushfstring(L, "%s (%s)", type, lua_tostring(L, -1));
  } else {
    lua_pushstring(L, type);
  }
}

static int fail_type(lua_State *L, int at, const wp_place *where) {
  push_type(L, at);
  return wp_path_fail(L, where);
}

static int fail_class(lua_State *L, int at, const wp_place *where) {
  push_type(L, at);
  lua_pushfstring(L,
                  "%s with a metatable that has no name (use "
                  "workerpool.register_class)",
                  lua_tostring(L, -1));
  return wp_path_fail(L, where);
}

static int push_field(lua_State *L, int at, const char *word) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, word);
  return lua_rawget(L, at);
}

/* Objects that mean nothing in another process say so in their class. */
static void refuse_staying(lua_State *L, int mt, const wp_place *where) {
  if (push_field(L, mt, wp_word_stays) == LUA_TSTRING)
    wp_path_fail(L, where);
  lua_pop(L, 1);
}

static int has_field(lua_State *L, int at, const char *word) {
  int has = push_field(L, at, word) != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

/* ---- writing: classes --------------------------------------------------- */

typedef struct class {
  uint32_t kept; /* its number */
  int packs, is_new;
} class;

/* In c->seen. A userdata of no bytes ends where it begins for us, and there
** may be another object: it is known by the byte before, which is its own. */
static const void *object_key(lua_State *L, int at) {
  const char *p = lua_topointer(L, at);
  return lua_type(L, at) == LUA_TUSERDATA ? p - 1 : p;
}

/* In c->seen, a metatable as class; the same table can be a value, too. */
static uintptr_t class_key(lua_State *L, int mt) {
  return (uintptr_t)lua_topointer(L, mt) | 1;
}

/* stack: … metatable … -> …, name, when the class is new */
static class look_class(wp_codec *c, lua_State *L, int at, int mt,
                        const wp_place *where) {
  wp_seen_slot *slot = wp_write_slot(c, L, class_key(L, mt));
  class k = {0, 0, 0};
  if (wp_seen_has(&c->seen, slot)) {
    k.kept = (uint32_t)((slot->word & WP_SEEN_VALUE) >> 1);
    k.packs = slot->word & 1;
    return k;
  }
  refuse_staying(L, mt, where);
  k.packs = has_field(L, mt, wp_word_pack);
  if (!k.packs && !lua_istable(L, at)) fail_type(L, at, where);
  if (k.packs && !has_field(L, mt, wp_word_unpack)) {
    push_type(L, at);
    lua_pushfstring(L, "%s with __workerpool_pack but no __workerpool_unpack",
                    lua_tostring(L, -1));
    wp_path_fail(L, where);
  }
  lua_pushvalue(L, mt);
  wp_codec_ask(L, c, "of_metatable", 1, 1);
  if (lua_type(L, -1) != LUA_TSTRING) fail_class(L, at, where);
  k.is_new = 1;
  k.kept = c->kept++;
  c->head |= WP_HEAD_KEPT;
  slot = wp_write_slot(c, L, class_key(L, mt));
  wp_seen_set(&c->seen, slot, class_key(L, mt),
              (uint64_t)k.kept << 1 | (unsigned)k.packs);
  return k;
}

/* stack: …, name, when the class is new -> … */
static void write_class(wp_codec *c, lua_State *L, const class *k) {
  size_t len;
  if (!k->is_new) {
    wp_write_kept(c, L, k->kept);
    return;
  }
  const char *name = lua_tolstring(L, -1, &len);
  if (len > WP_KEEP_MOST) c->objects++;
  wp_write_text(c, L, name, len);
  lua_pop(L, 1);
}

/* ---- writing: packed values --------------------------------------------- */

/* Keeps what __workerpool_pack gave until the message is written: a table
** that is made for the occasion must not leave its address to another. */
static void anchor(wp_codec *c, lua_State *L, int first, int last) {
  for (int i = first; i <= last; i++) {
    lua_pushvalue(L, i);
    wp_codec_own(L, c, WP_OWN_PACKED, ++c->anchored);
  }
}

void wp_anchor_forget(lua_State *L, wp_codec *c, int is_written) {
  wp_packed_forget(c, is_written);
  wp_codec_disown(L, c, WP_OWN_PACKED);
  c->anchored = 0;
}

/* The codec that calls a __workerpool_pack. */
static _Thread_local wp_codec *calling;
static _Atomic(wp_codec_undo) undo_packed;

void wp_codec_on_undo(wp_codec_undo undo) { atomic_store(&undo_packed, undo); }

/* Without memory for it, it is done for good. */
void wp_codec_note_packed(const void *note, size_t length) {
  if (calling) (void)wp_bytes_append(&calling->packed, note, length);
}

void wp_packed_forget(wp_codec *c, int is_written) {
  wp_codec_undo undo = atomic_load(&undo_packed);
  if (c->packed.len && !is_written) undo(c->packed.data, c->packed.len);
  c->packed.len = 0;
}

/* stack: metatable at mt -> results from mt + 1 on */
static int call_pack(wp_codec *c, lua_State *L, int at, int mt,
                     const wp_place *where) {
  push_field(L, mt, wp_word_pack);
  lua_pushvalue(L, at);
  wp_codec *outer = calling;
  calling = c;
  int status = wp_codec_call(L, c, 1, LUA_MULTRET);
  calling = outer;
  if (status != LUA_OK) {
    luaL_tolstring(L, -1, NULL);
    wp_path_fail(L, where);
  }
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  anchor(c, L, mt + 1, lua_gettop(L));
  return lua_gettop(L) - mt;
}

/* stack: metatable at mt -> the same, and garbage */
static int write_packed(wp_codec *c, lua_State *L, int at, int mt,
                        const wp_place *where) {
  wp_place place = {where, NULL, 1, WP_AT_PACKED};
  uintptr_t key = (uintptr_t)object_key(L, at);
  wp_seen_slot *slot = wp_write_slot(c, L, key);
  uint64_t word = slot->word;
  slot->word |= WP_SEEN_VALUE; /* under way: see wp_write_again */
  int n = call_pack(c, L, at, mt, where);
  wp_write_varint(c, L, (uint64_t)n);
  for (; place.index <= n; place.index++) {
    lua_pushvalue(L, mt + (int)place.index);
    if (!wp_write_value(c, L, mt + n + 1, &place)) return 0;
    lua_settop(L, mt + n);
  }
  wp_write_slot(c, L, key)->word = word;
  return 1;
}

/* 2: the contents come next. stack: metatable on top -> (the caller cuts) */
static int write_instance(wp_codec *c, lua_State *L, int at,
                          const wp_place *where) {
  int mt = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  class k = look_class(c, L, at, mt, where);
  wp_write_tag(c, L, k.packs ? WP_TAG_PACKED : WP_TAG_OBJECT);
  write_class(c, L, &k);
  return k.packs ? write_packed(c, L, at, mt, where) : 2;
}

/* stack: t, metatable -> t */
int wp_write_object(wp_codec *c, lua_State *L, int at, const wp_place *where) {
  int go_on = write_instance(c, L, at, where);
  lua_settop(L, at);
  return go_on;
}

int wp_write_userdata(wp_codec *c, lua_State *L, int at,
                      const wp_place *where) {
  int top = lua_gettop(L);
  const void *p = lua_topointer(L, at);
  if (lua_type(L, at) == LUA_TUSERDATA && wp_known_has(c->known, p) &&
      wp_write_known(c, L, at))
    return 1;
  if (lua_type(L, at) != LUA_TUSERDATA || !lua_getmetatable(L, at))
    return fail_type(L, at, where);
  if (!wp_write_again(c, L, object_key(L, at), where)) {
    wp_write_deeper(c, L, where);
    if (!write_instance(c, L, at, where)) return 0;
    wp_write_back(c);
  }
  lua_settop(L, top);
  return 1;
}

/* ---- reading ------------------------------------------------------------ */

static void read_string(wp_reader *r, const char *what) {
  wp_read_value(r);
  if (lua_type(r->L, -1) != LUA_TSTRING) wp_read_corrupt(r, what);
}

/* stack: …, name -> …, value */
static void find(wp_reader *r, const char *what) {
  lua_pushboolean(r->L, r->codec->trusted);
  wp_codec_ask(r->L, r->codec, what, 2, 1);
}

void wp_read_name(wp_reader *r) {
  luaL_checkstack(r->L, LUA_MINSTACK, NULL);
  read_string(r, "a name that is no string");
  find(r, "find");
}

void wp_read_remembered(wp_reader *r) {
  luaL_checkstack(r->L, LUA_MINSTACK, NULL);
  lua_pushinteger(r->L, (lua_Integer)wp_read_varint(r));
  wp_codec_ask(r->L, r->codec, "recall", 1, 1);
}

/* stack: … -> …, metatable */
static void read_class(wp_reader *r) {
  lua_State *L = r->L;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (!r->kept) wp_read_corrupt(r, "a class in a message without");
  if (wp_read_known_class(r)) return;
  read_string(r, "a class that is no string");
  find(r, "find_metatable");
  if (!lua_istable(L, -1)) wp_read_corrupt(r, "a class that is no table");
  wp_read_keep(r);
}

/*
** A finalizer written in C expects its userdata; many do not look. A message
** must not be able to hand it a table.
*/
static void check_finalizer(wp_reader *r) {
  lua_pushstring(r->L, "__gc");
  lua_rawget(r->L, -2);
  if (lua_iscfunction(r->L, -1))
    wp_read_corrupt(r, "a table with the class of a userdata");
  lua_pop(r->L, 1);
}

/* The metatable comes last: what it does with access to missing fields, or
** at the end of its object, is not for a table that is half read. */
void wp_read_object(wp_reader *r) {
  int checked = wp_read_deeper(r);
  lua_Integer number = wp_read_number(r);
  read_class(r);
  check_finalizer(r);
  wp_read_contents(r, number);
  lua_insert(r->L, -2);
  lua_setmetatable(r->L, -2);
  wp_read_back(r, checked);
}

/* stack: … -> …, what __workerpool_unpack made */
void wp_read_packed(wp_reader *r) {
  lua_State *L = r->L;
  int checked = wp_read_deeper(r);
  lua_Integer number = wp_read_number(r);
  read_class(r);
  if (push_field(L, lua_gettop(L), wp_word_unpack) == LUA_TNIL)
    luaL_error(L, "cannot receive a packed value: its metatable has no "
                  "__workerpool_unpack");
  lua_remove(L, -2);
  uint64_t n = wp_read_varint(r);
  wp_read_owe(r, n);
  for (uint64_t i = 0; i < n; i++) {
    luaL_checkstack(L, LUA_MINSTACK, "too many packed values");
    r->checked = r->depth;
    r->owed--;
    wp_read_value(r);
  }
  lua_call(L, (int)n, 1);
  wp_read_note(r, number);
  wp_read_back(r, checked);
}
