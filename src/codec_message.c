/*
** Codec, message: what wp_codec_write writes, from its head to its last value.
*/
#include "codec_pen.h"

#include <lauxlib.h>

static void start_message(wp_codec *c) {
  wp_seen_start(&c->seen);
  c->period++;
  c->pen = c->out.data + c->out.len;
  c->objects = 0;
  c->kept = 0;
  c->depth = 0;
  c->checked = WP_CHECK_LEVELS; /* by write_all */
  c->anchored = 0;
  c->head = 0;
  if (c->quotes.len) wp_quote_forget(c);
}

static void write_head(wp_codec *c, lua_State *L, int n) {
  room(c, L, WP_SCALAR_MOST);
  if (n < WP_HEAD_COUNT) {
    put(c, n);
  } else {
    put(c, WP_HEAD_COUNT);
    put_varint(c, (uint64_t)n);
  }
}

/* stack: …, anchor -> …, anchor, values, which the caller cuts.
** 0: names have changed meanwhile. */
static int write_message(wp_codec *c, lua_State *L, int first, int n,
                         const char *label) {
  wp_place root = {NULL, label, 1, WP_AT_ROOT};
  start_message(c);
  write_head(c, L, n);
  for (; root.index <= n; root.index++) {
    lua_pushvalue(L, first + (int)root.index - 1);
    if (!wp_write_value(c, L, lua_gettop(L), &root)) return 0;
  }
  c->out.data[c->out.len] |= c->head;
  c->out.len = offset(c);
  return 1;
}

/* Not inlined: a message of scalars should not save registers for it. */
static __attribute__((noinline)) void write_all(wp_codec *c, lua_State *L,
                                                int first, int n,
                                                const char *label) {
  if (c->state != WP_IDLE)
    luaL_error(L, "a codec cannot write while it calls __workerpool_pack, "
                  "nor after its end");
  if (!c->ready) wp_codec_prepare(L, c);
  luaL_checkstack(L, n + WP_CHECK_SLOTS, "too many values");
  int top = lua_gettop(L);
  lua_pushnil(L);
  c->anchor = top + 1;
  c->looked = 0;
  while (!write_message(c, L, first, n, label)) lua_settop(L, top + 1);
  lua_settop(L, top);
}

/* 1, or 0 when it is none. There must be room for a number. A call of it would
** be 4 % of a number's instructions, and the compiler would make it one. */
static inline __attribute__((always_inline)) int write_scalar(wp_codec *c,
                                                              lua_State *L,
                                                              int at) {
  size_t len;
  const char *s;
  switch (lua_type(L, at)) {
    case LUA_TNUMBER: put_number(c, L, at); return 1;
    case LUA_TSTRING:
      s = lua_tolstring(L, at, &len);
      if (len > WP_KEEP_MOST) return 0;
      put_word(c, L, s, len);
      return 1;
    case LUA_TNIL: put(c, WP_TAG_NIL); return 1;
    case LUA_TBOOLEAN: put(c, WP_TAG_FALSE + lua_toboolean(L, at)); return 1;
    default: return 0;
  }
}

/* Messages of numbers, booleans, nils and short strings need no state at all:
** the most frequent ones when tasks are small. */
static inline __attribute__((always_inline)) int write_scalars(wp_codec *c,
                                                               lua_State *L,
                                                               int first,
                                                               int n) {
  c->pen = c->out.data + c->out.len;
  write_head(c, L, n);
  for (int i = 0; i < n; i++) {
    room(c, L, WP_SCALAR_MOST);
    if (!write_scalar(c, L, first + i)) return 0;
  }
  c->out.len = offset(c);
  return 1;
}

/* From here on there is a buffer for the pen to point into. */
static inline void have_buffer(lua_State *L, wp_codec *c) {
  if (!c->out.data && wp_bytes_reserve(&c->out, WP_SCALAR_MOST) < 0)
    luaL_error(L, "not enough memory");
}

void wp_codec_restart(lua_State *L, wp_codec *c, int mark) {
  have_buffer(L, c);
  if (c->quotes.len) wp_codec_clear(L, c);
  c->out.data[0] = (unsigned char)mark;
  c->out.len = 1;
}

/* Inlined, both times: a call more is 4 % of a number. */
static inline __attribute__((always_inline)) void write(
    lua_State *L, wp_codec *c, int first, int n, const char *label,
    int is_quoting) {
  have_buffer(L, c);
  c->edge = c->out.data + c->out.cap;
  if (c->state == WP_IDLE && write_scalars(c, L, first, n)) return;
  c->is_quoting = (char)is_quoting;
  write_all(c, L, first, n, label);
}

void wp_codec_write(lua_State *L, wp_codec *c, int first, int n,
                    const char *label) {
  write(L, c, first, n, label, 0);
}

void wp_codec_write_quoting(lua_State *L, wp_codec *c, int first, int n,
                            const char *label) {
  write(L, c, first, n, label, 1);
}
