/*
** Codec, encode: plain values and tables, the part that must be fast.
** Everything is written at c->pen, past the end of the output; only a whole
** message becomes a part of the output. So whatever raises on the way, and
** much can, the output is as it was before.
*/
#include "codec_pen.h"

#include <lauxlib.h>

/* What a value was; see write_guessed. */
enum { OTHER, INTEGER, FLOAT };

/* Items left from which on a block of floats is tried. */
enum { FLOATS_LEAST = 8 };

/* ---- strings ------------------------------------------------------------ */

/* Two places are possible, so that of two keys that a message is full of, one
** does not push out the other each time. */
static inline wp_recent *recent_of(const wp_codec *c, wp_recent *table,
                                   const char *s) {
  size_t i = wp_seen_hash((uintptr_t)s) >> (64 - WP_RECENT_BITS);
  wp_recent *first = &table[i], *second = &table[i ^ 1];
  if (first->text == s) return first;
  if (second->text == s) return second;
  return first->period == c->period && second->period != c->period ? second
                                                                   : first;
}

/* The second time, a string is written whole again, and kept. */
static __attribute__((noinline)) void write_keep(wp_codec *c,
                                                 wp_recent *recent,
                                                 const char *s, size_t len) {
  recent->kept = ++c->kept;
  c->head |= WP_HEAD_KEPT;
  put(c, WP_TAG_KEEP);
  put(c, (int)len);
  put_short(c, s, len);
}

/* One of c->keys or c->texts: values that never come again shall not push
** out the keys, which do. There must be room. */
WP_INLINE void write_short(wp_codec *c, wp_recent *recent, const char *s,
                           size_t len) {
  if (recent->text != s || recent->period != c->period) {
    recent->text = s;
    recent->object = recent; /* no key has this address */
    recent->period = c->period;
    recent->kept = 0;
    recent->last = OTHER;
    recent->next = &c->no_key;
    put_word(c, s, len);
  } else if (recent->kept) {
    put_kept(c, recent->kept - 1);
  } else {
    write_keep(c, recent, s, len);
  }
}

static int write_long(wp_codec *c, lua_State *L, const char *s, size_t len) {
  if (wp_write_again(c, L, s, NULL)) return 1;
  if (c->is_quoting && len >= WP_QUOTE_LEAST) wp_write_quote(c, L, s, len);
  else wp_write_text(c, L, s, len);
  return 1;
}

/* The string is on top of the stack. There must be room. */
static __attribute__((noinline)) int write_string(wp_codec *c, lua_State *L) {
  size_t len;
  const char *s = lua_tolstring(L, -1, &len);
  if (len > WP_KEEP_MOST) return write_long(c, L, s, len);
  write_short(c, recent_of(c, c->texts, s), s, len);
  return 1;
}

/* ---- objects ------------------------------------------------------------ */

static inline wp_seen_slot *slot_of(wp_codec *c, lua_State *L,
                                    uintptr_t key) {
  if (wp_seen_full(&c->seen) && wp_seen_grow(&c->seen) < 0)
    luaL_error(L, "not enough memory");
  return wp_seen_find(&c->seen, key);
}

wp_seen_slot *wp_write_slot(wp_codec *c, lua_State *L, uintptr_t key) {
  return slot_of(c, L, key);
}

static void write_ref(wp_codec *c, lua_State *L, uint64_t number,
                      const wp_place *where) {
  if (number == WP_SEEN_VALUE) {
    lua_pushstring(L, "an object inside what its own __workerpool_pack gave");
    wp_path_fail(L, where);
  }
  c->head |= WP_HEAD_REFS;
  wp_write_tag(c, L, WP_TAG_REF);
  wp_write_varint(c, L, number);
}

static inline int write_again(wp_codec *c, lua_State *L, const void *object,
                              const wp_place *where) {
  wp_seen_slot *slot = slot_of(c, L, (uintptr_t)object);
  if (!wp_seen_has(&c->seen, slot)) {
    wp_seen_set(&c->seen, slot, (uintptr_t)object, c->objects++);
    return 0;
  }
  write_ref(c, L, slot->word & WP_SEEN_VALUE, where);
  return 1;
}

int wp_write_again(wp_codec *c, lua_State *L, const void *object,
                   const wp_place *where) {
  return write_again(c, L, object, where);
}

int wp_write_too_deep(lua_State *L, const wp_place *where) {
  lua_pushfstring(L, "nested deeper than %d levels", WP_LIMIT_DEPTH);
  return wp_path_fail(L, where);
}

/* The table at `t` is on top of the stack. */
static void raise_ceiling(wp_codec *c, lua_State *L, int t) {
  wp_check_stack(L, WP_CHECK_SLOTS, "value nested too deep");
  c->ceiling = t + WP_CEILING;
}

/* ---- values ------------------------------------------------------------- */

static __attribute__((noinline)) int write_table(wp_codec *c, lua_State *L,
                                                 int t, const wp_place *where);

static int write_rare(wp_codec *c, lua_State *L, int at, int type,
                      const wp_place *where) {
  switch (type) {
    case LUA_TNIL: put(c, WP_TAG_NIL); return 1;
    case LUA_TFUNCTION: return wp_write_function(c, L, at, where);
    default: return wp_write_userdata(c, L, at, where);
  }
}

/* The value is on top of the stack, at index `at`, and there must be room for
** a scalar. Inlined where tables are written, so that a level of nesting is
** one frame of C: processors guess returns well only from some thirty calls. */
WP_INLINE int write_typed(wp_codec *c, lua_State *L, int at, int type,
                          const wp_place *where) {
  if (type == LUA_TNUMBER) {
    (void)put_number(c, L);
    return 1;
  }
  if (type == LUA_TSTRING) return write_string(c, L);
  if (type == LUA_TTABLE) return write_table(c, L, at, where);
  if (type == LUA_TBOOLEAN) {
    put(c, WP_TAG_FALSE + lua_toboolean(L, -1));
    return 1;
  }
  return write_rare(c, L, at, type, where);
}

/* What was an integer last time is one again, mostly: a question less. */
WP_INLINE int write_guessed(wp_codec *c, lua_State *L, int at, char *last,
                            const wp_place *where) {
  if (*last == INTEGER && lua_isinteger(L, -1)) {
    c->pen = store_integer(c->pen, lua_tointeger(L, -1));
    return 1;
  }
  int type = lua_type(L, -1);
  *last = OTHER;
  if (type != LUA_TNUMBER) return write_typed(c, L, at, type, where);
  *last = put_number(c, L) ? INTEGER : FLOAT;
  return 1;
}

int wp_write_value(wp_codec *c, lua_State *L, int at, const wp_place *where) {
  room(c, L);
  return write_typed(c, L, at, lua_type(L, -1), where);
}

/* ---- tables ------------------------------------------------------------- */

/*
** lua_next gives the items of a list in their order first, nearly always. But
** only nearly: items may live in the hash part too, among other keys, and
** nothing in Lua's API tells. So lists are written on the way of lua_next
** while it gives 1, 2, 3 …, and when it does not, the rest is fetched by
** number, and later left out.
**
** stack while a table is written: t, key, value
*/

static inline int is_next(lua_State *L, lua_Integer i) {
  return lua_isinteger(L, -2) && lua_tointeger(L, -2) == i;
}

static inline int is_float(lua_State *L) {
  return !lua_isinteger(L, -1) && lua_type(L, -1) == LUA_TNUMBER;
}

enum { ENDED, IN_ORDER, ASTRAY };

/* stack: t, key, value -> t, key, value, or t */
static inline int step(lua_State *L, int t, lua_Integer i) {
  lua_pop(L, 1);
  if (!lua_next(L, t)) return ENDED;
  return is_next(L, i) ? IN_ORDER : ASTRAY;
}

/* Writes floats as long as there are some. */
static int write_floats(wp_codec *c, lua_State *L, int t, lua_Integer *i,
                        lua_Integer n) {
  uint32_t count = 0;
  int way;
  put(c, WP_TAG_FLOATS);
  size_t at = offset(c);
  c->pen += sizeof(count);
  do {
    lua_Number x = lua_tonumber(L, -1);
    room(c, L);
    put_bytes(c, &x, sizeof(x));
    count++;
    way = step(L, t, ++*i);
  } while (way == IN_ORDER && *i <= n && is_float(L) &&
           count < INT32_MAX);
  memcpy(c->out.data + at, &count, sizeof(count));
  return way;
}

/* Items *i … n by number, because lua_next went astray or ended.
** stack: t, key, value or: t -> the same */
static int write_rest(wp_codec *c, lua_State *L, int t, lua_Integer i,
                      lua_Integer n, const wp_place *where) {
  int top = lua_gettop(L);
  wp_place place = {where, NULL, i, WP_AT_ITEM};
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  for (; place.index <= n; place.index++) {
    lua_rawgeti(L, t, place.index);
    if (!wp_write_value(c, L, top + 1, &place)) return 0;
    lua_settop(L, top);
  }
  return 1;
}

/* Any key but a short string, pushed anew: what writes a value may need the
** places above it. stack: t, key, value -> the same */
static int write_odd_key(wp_codec *c, lua_State *L, int t,
                         const wp_place *where) {
  wp_place place = {where, NULL, 0, WP_AT_INKEY};
  lua_pushvalue(L, t + 1);
  int go_on = wp_write_value(c, L, t + 3, &place);
  lua_settop(L, t + 2);
  return go_on;
}

/* stack: t, key, value -> the same */
static int write_new_key(wp_codec *c, lua_State *L, int t,
                         const wp_place *where) {
  size_t len = WP_KEEP_MOST + 1;
  const char *s = NULL;
  if (lua_type(L, -2) == LUA_TSTRING) s = lua_tolstring(L, -2, &len);
  if (len > WP_KEEP_MOST) return write_odd_key(c, L, t, where);
  wp_recent *recent = recent_of(c, c->keys, s);
  write_short(c, recent, s, len);
  c->last_key = c->last_key->next = recent;
  if (recent->kept && recent->kept <= WP_KEPT_INLINE) {
    recent->object = lua_topointer(L, -2);
    recent->tag = (unsigned char)(WP_TAG_KEPT + recent->kept - 1);
  }
  return 1;
}

/* After a key comes mostly the one that came after it last time. Then a
** single question to Lua is enough. */
WP_INLINE int write_pair(wp_codec *c, lua_State *L, int t,
                         const wp_place *where) {
  wp_recent *guess = c->last_key->next;
  room(c, L);
  if (lua_topointer(L, -2) == guess->object) {
    c->last_key = guess;
    put(c, guess->tag);
  } else {
    if (!write_new_key(c, L, t, where->up)) return 0;
    room(c, L);
  }
  return write_guessed(c, L, t + 2, &c->last_key->last, where);
}

/* Writes what comes in pairs from here on, but for keys 1 … n.
** stack: t, key, value -> t */
static int write_pairs(wp_codec *c, lua_State *L, int t, lua_Integer n,
                       const wp_place *where) {
  do {
    lua_Integer i = n && lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
    if ((i < 1 || i > n) && !write_pair(c, L, t, where)) return 0;
    lua_pop(L, 1);
  } while (lua_next(L, t));
  room(c, L);
  put(c, WP_TAG_END);
  return 1;
}

/* stack: t, key, value -> t */
WP_INLINE int write_list(wp_codec *c, lua_State *L, int t, lua_Integer n,
                         size_t tag, const wp_place *where) {
  wp_place place = {where, NULL, t + 1, WP_AT_KEY};
  lua_Integer i = 1, left_out = 0;
  char last = OTHER;
  *c->pen = WP_TAG_LIST;
  c->pen = store_varint(c->pen + 1, (uint64_t)n);
  int way = IN_ORDER;
  while (way == IN_ORDER && i <= n) {
    room(c, L);
    if (last == FLOAT && n - i >= FLOATS_LEAST && is_float(L)) {
      way = write_floats(c, L, t, &i, n);
    } else {
      if (!write_guessed(c, L, t + 2, &last, &place)) return 0;
      way = step(L, t, ++i);
    }
  }
  if (i <= n) {
    if (!write_rest(c, L, t, i, n, where)) return 0;
    left_out = n;
  }
  if (way == ENDED) return 1;
  c->out.data[tag] = WP_TAG_MIXED;
  return write_pairs(c, L, t, left_out, &place);
}

static void mark_map(wp_codec *c, lua_State *L, size_t tag, size_t pairs) {
  int k = 0;
  if (pairs < WP_MAP_INLINE) {
    c->out.data[tag] = (unsigned char)(WP_TAG_MAP + pairs);
    return;
  }
  while (k < WP_BIGMAP_MOST && (size_t)1 << k < pairs) k++;
  c->out.data[tag] = (unsigned char)(WP_TAG_BIGMAP + k);
  wp_write_tag(c, L, WP_TAG_END);
}

/* The pairs from here on; `pairs` have been written behind `tag`.
** stack: t, key, value -> t */
WP_INLINE int write_map(wp_codec *c, lua_State *L, int t, size_t tag,
                        size_t pairs, const wp_place *where) {
  wp_place place = {where, NULL, t + 1, WP_AT_KEY};
  do {
    if (!write_pair(c, L, t, &place)) return 0;
    lua_pop(L, 1);
    pairs++;
  } while (lua_next(L, t));
  mark_map(c, L, tag, pairs);
  return 1;
}

/* There must be room. A table with items that does not begin with one goes as
** pairs, too: its items are in its hash part anyway.
** stack: t, key, value -> t */
WP_INLINE int write_contents(wp_codec *c, lua_State *L, int t,
                             const wp_place *where) {
  size_t tag = offset(c);
  if (is_next(L, 1))
    return write_list(c, L, t, (lua_Integer)lua_rawlen(L, t), tag, where);
  c->pen++;
  return write_map(c, L, t, tag, 0, where);
}

int wp_write_begun(wp_codec *c, lua_State *L, int t, const void *object,
                   size_t pairs, const wp_place *where) {
  write_again(c, L, object, where);
  wp_write_deeper(c, L, where);
  room(c, L);
  return pairs == 0 ? write_contents(c, L, t, where)
                    : write_map(c, L, t, c->out.len + 1, pairs, where);
}

/* The table is on top of the stack. There is room for a scalar, and in what
** is called here, everybody who writes before makes it again. */
static int write_table(wp_codec *c, lua_State *L, int t,
                       const wp_place *where) {
  const void *p = lua_topointer(L, t);
  if (wp_known_has(c->known, p) && wp_write_known(c, L, t)) return 1;
  if (write_again(c, L, p, where)) return 1;
  wp_write_deeper(c, L, where);
  if (t > c->ceiling) raise_ceiling(c, L, t);
  int go_on = 2;
  if (lua_getmetatable(L, t)) {
    go_on = wp_write_object(c, L, t, where);
    room(c, L);
  }
  if (go_on == 2) {
    lua_pushnil(L);
    if (lua_next(L, t)) go_on = write_contents(c, L, t, where);
    else put(c, WP_TAG_MAP);
  }
  wp_write_back(c);
  return go_on;
}
