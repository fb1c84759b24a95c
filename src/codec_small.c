/*
** Codec, small: where every message begins. A few scalars, and a record of
** them, are written here, and need no state: nothing in them can come twice
** that has to stay one. They are the most frequent messages when tasks are
** small. As soon as there is something else, codec_message.c goes on.
*/
#include "codec_pen.h"

/* A buffer that one message made huge is not kept for the next. */
enum { SPARE_BYTES = 1 << 24 };

/* Stores a number, a boolean, nil or a short string; NULL when it is none. A
** call of it would be 4 % of a number's instructions, and the compiler would
** make it one. */
WP_INLINE unsigned char *store_scalar(unsigned char *p, lua_State *L, int at,
                                      int type) {
  size_t len;
  const char *s;
  switch (type) {
    case LUA_TNUMBER:
      if (lua_isinteger(L, at)) return store_integer(p, lua_tointeger(L, at));
      return store_float(p, lua_tonumber(L, at));
    case LUA_TSTRING:
      s = lua_tolstring(L, at, &len);
      return len < WP_TEXT_INLINE ? store_word(p, s, len) : NULL;
    case LUA_TNIL: *p = WP_TAG_NIL; return p + 1;
    case LUA_TBOOLEAN:
      *p = (unsigned char)(WP_TAG_FALSE + lua_toboolean(L, at));
      return p + 1;
    default: return NULL;
  }
}

void wp_codec_restart(lua_State *L, wp_codec *c, int mark) {
  if (c->out.cap == 0) wp_pen_reserve(L, c, WP_WORD_MOST);
  if (c->quotes.len) wp_codec_clear(L, c);
  c->out.data[0] = (unsigned char)mark;
  c->out.len = 1;
}

/*
** The only value of a message is a table: a record, as likely as not. Its
** pairs are counted in its tag, so there is an end to them.
** stack: t, key, value -> t
*/
static void write_record(wp_codec *c, lua_State *L, int t,
                         const void *object) {
  size_t start = c->out.len, bytes = 2, pairs = 0;
  do {
    if (c->out.cap - start - bytes < 2 * WP_WORD_MOST)
      wp_pen_reserve(L, c, bytes + 2 * WP_WORD_MOST);
    unsigned char *p = c->out.data + start + bytes;
    int is_scalar = pairs + 1 < WP_MAP_INLINE &&
                    (p = store_scalar(p, L, -2, lua_type(L, -2))) &&
                    (p = store_scalar(p, L, -1, lua_type(L, -1)));
    if (!is_scalar) {
      wp_write_on(c, L, t, object, pairs, pairs ? bytes : 1);
      return;
    }
    bytes = (size_t)(p - c->out.data) - start;
    pairs++;
    lua_pop(L, 1);
  } while (lua_next(L, t));
  c->out.data[start] = 1;
  c->out.data[start + 1] = (unsigned char)(WP_TAG_MAP + pairs);
  c->out.len = start + bytes;
}

static void write_empty(wp_codec *c) {
  const unsigned char message[] = {1, WP_TAG_MAP};
  memcpy(c->out.data + c->out.len, message, sizeof(message));
  c->out.len += sizeof(message);
}

/* Returns 0 when it is more than a table: it has a name or a metatable.
** stack: …, t -> the same */
static int write_single(wp_codec *c, lua_State *L, int t) {
  const void *object = lua_topointer(L, t);
  if (wp_known_has(c->known, object)) return 0;
  if (lua_getmetatable(L, t)) {
    lua_pop(L, 1);
    return 0;
  }
  lua_pushnil(L);
  if (!lua_next(L, t)) write_empty(c);
  else if (lua_isinteger(L, -2)) wp_write_on(c, L, t, object, 0, 1);
  else write_record(c, L, t, object);
  return 1;
}

/* Not inlined: a message of scalars should not save registers for it. */
static __attribute__((noinline)) void write_more(wp_codec *c, lua_State *L,
                                                 int n, int is_table) {
  int top = lua_gettop(L);
  if (!is_table || !c->ready || !write_single(c, L, top))
    wp_write_all(c, L, top - n + 1, n);
}

static __attribute__((noinline)) void refuse(lua_State *L) {
  luaL_error(L, "a codec cannot write while it calls __workerpool_pack, "
                "nor after its end");
}

/* Inlined, three times: a call more is 4 % of a number. */
WP_INLINE void write(lua_State *L, wp_codec *c, int n, const char *label,
                     int is_quoting) {
  int type = LUA_TNONE;
  if (c->state != WP_IDLE) refuse(L);
  c->label = label;
  if (n < WP_HEAD_COUNT) {
    size_t most = ((size_t)n + 1) * WP_WORD_MOST;
    if (c->out.cap - c->out.len < most) wp_pen_reserve(L, c, most);
    unsigned char *p = c->out.data + c->out.len;
    *p++ = (unsigned char)n;
    for (int i = -n; i < 0 && p; i++) {
      type = lua_type(L, i);
      p = store_scalar(p, L, i, type);
    }
    if (p) {
      c->out.len = (size_t)(p - c->out.data);
      return;
    }
  }
  c->is_quoting = (char)is_quoting;
  write_more(c, L, n, n == 1 && type == LUA_TTABLE);
}

void wp_codec_write(lua_State *L, wp_codec *c, int n, const char *label) {
  write(L, c, n, label, 0);
}

int wp_codec_write_quoting(lua_State *L, wp_codec *c, int n,
                           const char *label) {
  write(L, c, n, label, 1);
  return c->quotes.len > 0;
}

/* Takes what begins at `start` off the output. */
static inline void push_message(lua_State *L, wp_codec *c, size_t start) {
  size_t length = c->out.len - start;
  c->out.len = start;
  lua_pushlstring(L, (const char *)c->out.data + start, length);
  if (c->out.cap > SPARE_BYTES && start == 0) wp_bytes_free(&c->out);
}

void wp_codec_push_message(lua_State *L, wp_codec *c, int n,
                           const char *label) {
  size_t start = c->out.len;
  wp_codec_write(L, c, n, label);
  push_message(L, c, start);
}

/* All in one function: a number is written by 500 instructions, of which a
** call more would be 20. */
int wp_codec_encode(lua_State *L) {
  wp_codec *c = wp_codec_at(L, 1);
  size_t start = c->out.len;
  write(L, c, lua_gettop(L) - 1, "args", 0);
  push_message(L, c, start);
  return 1;
}
