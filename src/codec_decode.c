/*
** Codec, decode: bytes to values. The bytes may be anything: each is looked
** at only after it is known to be there, and no table is made larger than
** the bytes that are left can fill. So what a message can make Lua allocate
** is in proportion to its length.
*/
#include "codec_state.h"
#include "codec_wire.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

/* ---- bytes -------------------------------------------------------------- */

/* Lua's headers do not say that an error does not return. */
__attribute__((noinline)) _Noreturn void wp_read_corrupt(wp_reader *r,
                                                         const char *what) {
  luaL_error(r->L, "corrupt message: %s at byte %I", what,
             (lua_Integer)(r->p - r->start));
  __builtin_unreachable();
}

static inline size_t left(const wp_reader *r) {
  return (size_t)(r->end - r->p);
}

static inline const unsigned char *take(wp_reader *r, uint64_t n) {
  const unsigned char *p = r->p;
  if (n > left(r)) wp_read_corrupt(r, "the end is missing");
  r->p += n;
  return p;
}

unsigned wp_read_byte(wp_reader *r) { return *take(r, 1); }

uint64_t wp_read_varint(wp_reader *r) {
  uint64_t n = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    unsigned byte = wp_read_byte(r);
    n |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return n;
  }
  wp_read_corrupt(r, "a number without end");
}

static inline void check_owed(wp_reader *r, uint64_t n) {
  if (left(r) < r->owed || n > left(r) - r->owed)
    wp_read_corrupt(r, "more values promised than there are bytes");
}

void wp_read_owe(wp_reader *r, uint64_t n) {
  check_owed(r, n);
  r->owed += n;
}

void wp_read_check_depth(wp_reader *r) {
  if (r->depth > WP_LIMIT_DEPTH)
    wp_read_corrupt(r, "values nested too deep");
  wp_check_stack(r->L, WP_CHECK_SLOTS, "values nested too deep");
  r->checked = r->depth + WP_CHECK_LEVELS - 1;
  if (r->checked > WP_LIMIT_DEPTH) r->checked = WP_LIMIT_DEPTH;
}

/* ---- objects ------------------------------------------------------------ */

static void read_ref(wp_reader *r) {
  uint64_t number = wp_read_varint(r);
  if (!r->refs || number >= (uint64_t)r->objects ||
      lua_rawgeti(r->L, r->refs, (lua_Integer)number + 1) == LUA_TNIL)
    wp_read_corrupt(r, "a reference to what is not there");
}

/* ---- strings ------------------------------------------------------------ */

static inline void read_bytes(wp_reader *r, uint64_t len) {
  const unsigned char *p = take(r, len);
  lua_pushlstring(r->L, (const char *)p, (size_t)len);
}

static void read_text(wp_reader *r, uint64_t len) {
  if (len < WP_LARGE_STRING) read_bytes(r, len);
  else wp_push_large(r->L, r->codec, (const char *)take(r, len), (size_t)len);
  if (len > WP_KEEP_MOST) wp_read_note(r, wp_read_number(r));
}

/*
** The first kept strings and classes have places on the stack, where a push
** takes 17 instructions; the others are in a table, where it takes 50. Of
** reading records, the difference is 8 %.
*/
void wp_read_keep(wp_reader *r) {
  lua_State *L = r->L;
  lua_pushvalue(L, -1);
  if (r->n_kept < WP_KEPT_INLINE) {
    if (lua_type(L, -1) == LUA_TSTRING) r->strings |= 1u << r->n_kept;
    lua_replace(L, r->kept + (int)r->n_kept++);
    return;
  }
  if (r->n_kept == WP_KEPT_INLINE) {
    lua_newtable(L);
    lua_replace(L, r->kept + WP_KEPT_INLINE);
  }
  lua_rawseti(L, r->kept + WP_KEPT_INLINE, r->n_kept++);
}

static void read_keep(wp_reader *r) {
  if (!r->kept) wp_read_corrupt(r, "a string to keep in a message without");
  read_bytes(r, wp_read_byte(r));
  wp_read_keep(r);
}

/* Pushes what was kept, and returns its type. */
static int push_kept(wp_reader *r, uint64_t number) {
  if (number >= (uint64_t)r->n_kept) return LUA_TNONE;
  if (number >= WP_KEPT_INLINE)
    return lua_rawgeti(r->L, r->kept + WP_KEPT_INLINE, (lua_Integer)number);
  lua_pushvalue(r->L, r->kept + (int)number);
  return lua_type(r->L, -1);
}

static void read_kept(wp_reader *r, uint64_t number) {
  if (push_kept(r, number) != LUA_TSTRING)
    wp_read_corrupt(r, "a kept string that is not there");
}

/* Tags A0 to BF. */
static inline void read_first_kept(wp_reader *r, unsigned number) {
  if (!(r->strings >> number & 1))
    wp_read_corrupt(r, "a kept string that is not there");
  lua_pushvalue(r->L, r->kept + (int)number);
}

int wp_read_known_class(wp_reader *r) {
  unsigned tag = r->p < r->end ? *r->p : 0;
  if (tag >> 5 != WP_TAG_KEPT >> 5 && tag != WP_TAG_KEPTV) return 0;
  r->p++;
  uint64_t number = tag - (unsigned)WP_TAG_KEPT;
  if (tag == WP_TAG_KEPTV) number = wp_read_varint(r);
  if (push_kept(r, number) != LUA_TTABLE)
    wp_read_corrupt(r, "a class that is not there");
  return 1;
}

/* ---- tables ------------------------------------------------------------- */

/*
** Who reads several values keeps r->owed in a local, gives on what is owed
** behind each, and puts it back at the end: only values that are more than a
** scalar store it.
*/
static inline void read_value(wp_reader *r, uint64_t owed);
static inline void read_tag(wp_reader *r, unsigned tag, uint64_t owed);

/* stack: … -> …, key */
static void read_odd_key(wp_reader *r, unsigned tag, uint64_t owed) {
  read_tag(r, tag, owed);
  if (tag < WP_TAG_NIL) return; /* an integer, a string, or a table */
  if (lua_isnil(r->L, -1)) wp_read_corrupt(r, "a key that is nil");
  if (tag == WP_TAG_FLOAT) {
    lua_Number n = lua_tonumber(r->L, -1);
    if (n != n) wp_read_corrupt(r, "a key that is not a number");
  }
}

/* stack: …, t -> …, t */
WP_INLINE void read_pair(wp_reader *r, uint64_t owed) {
  const unsigned char *p = r->p;
  if (left(r) < 2) wp_read_corrupt(r, "the end is missing");
  r->p = p + 1;
  if (*p >> 5 == WP_TAG_KEPT >> 5) {
    read_first_kept(r, *p - (unsigned)WP_TAG_KEPT);
  } else {
    if (*p >> 5 == WP_TAG_TEXT >> 5) read_bytes(r, *p - (unsigned)WP_TAG_TEXT);
    else read_odd_key(r, *p, owed + 1);
    if (r->p == r->end) wp_read_corrupt(r, "the end is missing");
  }
  p = r->p++;
  read_tag(r, *p, owed);
  lua_rawset(r->L, -3);
}

static int is_end(wp_reader *r) {
  if (r->p == r->end) wp_read_corrupt(r, "the end is missing");
  return *r->p == WP_TAG_END;
}

static inline void read_map(wp_reader *r, unsigned pairs, lua_Integer number) {
  uint64_t owed = r->owed;
  check_owed(r, 2 * (uint64_t)pairs);
  lua_createtable(r->L, 0, (int)pairs);
  wp_read_note(r, number);
  while (pairs-- > 0) read_pair(r, owed + 2 * (uint64_t)pairs);
  r->owed = owed;
}

/* More than `least` pairs. What is not there was promised to make others
** allocate: such a message must not go on. */
static void read_big_map(wp_reader *r, unsigned k, lua_Integer number) {
  if (k > WP_BIGMAP_MOST) wp_read_corrupt(r, "a table larger than any");
  size_t hint = (size_t)1 << k, promised = hint / 2, pairs = 0;
  uint64_t owed = r->owed;
  check_owed(r, 2 * promised);
  lua_createtable(r->L, 0, (int)hint);
  wp_read_note(r, number);
  while (!is_end(r)) {
    pairs++;
    read_pair(r, owed + (pairs < promised ? 2 * (promised - pairs) : 0));
  }
  if (pairs <= promised) wp_read_corrupt(r, "a table smaller than promised");
  r->p++;
  r->owed = owed;
}

/* A block is items i … of a list of n; returns the number of them. */
static uint32_t read_floats(wp_reader *r, lua_Integer i, lua_Integer n) {
  uint32_t count;
  lua_Number x;
  memcpy(&count, take(r, sizeof(count)), sizeof(count));
  if (count == 0 || (lua_Integer)count > n - i + 1)
    wp_read_corrupt(r, "more floats than the list has items");
  const unsigned char *p = take(r, (uint64_t)count * sizeof(x));
  for (uint32_t k = 0; k < count; k++) {
    memcpy(&x, p + k * sizeof(x), sizeof(x));
    lua_pushnumber(r->L, x);
    lua_rawseti(r->L, -2, i + (lua_Integer)k);
  }
  return count;
}

/* stack: …, t -> …, t */
static inline void read_items(wp_reader *r, lua_Integer n, uint64_t owed) {
  lua_Integer i = 1;
  while (i <= n) {
    unsigned tag = *take(r, 1);
    if (tag == WP_TAG_FLOATS) {
      i += read_floats(r, i, n);
    } else {
      read_tag(r, tag, owed + (uint64_t)(n - i));
      lua_rawseti(r->L, -2, i++);
    }
  }
}

static inline void read_list(wp_reader *r, int mixed, lua_Integer number) {
  uint64_t n = wp_read_varint(r), owed = r->owed;
  check_owed(r, n);
  lua_createtable(r->L, n > INT_MAX ? INT_MAX : (int)n, 0);
  wp_read_note(r, number);
  read_items(r, (lua_Integer)n, owed);
  if (mixed) {
    while (!is_end(r)) read_pair(r, owed);
    r->p++;
  }
  r->owed = owed;
}

static __attribute__((noinline)) void read_table(wp_reader *r, unsigned tag,
                                                 lua_Integer number) {
  int checked = wp_read_deeper(r);
  switch (tag >> 5) {
    case WP_TAG_MAP >> 5: read_map(r, tag - WP_TAG_MAP, number); break;
    case WP_TAG_BIGMAP >> 5:
      read_big_map(r, tag - WP_TAG_BIGMAP, number);
      break;
    default: read_list(r, tag == WP_TAG_MIXED, number);
  }
  wp_read_back(r, checked);
}

void wp_read_contents(wp_reader *r, lua_Integer number) {
  unsigned tag = wp_read_byte(r), class = tag >> 5;
  if (class != WP_TAG_MAP >> 5 && class != WP_TAG_BIGMAP >> 5 &&
      tag != WP_TAG_LIST && tag != WP_TAG_MIXED)
    wp_read_corrupt(r, "an object that is no table");
  r->depth--; /* its level is the object's */
  read_table(r, tag, number);
  r->depth++;
}

/* ---- values ------------------------------------------------------------- */

/* Tags C3 to C7. */
static size_t size_of_number(unsigned tag) {
  return tag == WP_TAG_FLOAT ? sizeof(lua_Number)
                             : (size_t)1 << (tag - WP_TAG_INT8);
}

WP_INLINE void push_number(lua_State *L, unsigned tag,
                               const unsigned char *p) {
  lua_Number x;
  int64_t n64;
  int32_t n32;
  int16_t n16;
  switch (tag) {
    case WP_TAG_INT8: lua_pushinteger(L, (int8_t)*p); break;
    case WP_TAG_INT16:
      memcpy(&n16, p, sizeof(n16));
      lua_pushinteger(L, n16);
      break;
    case WP_TAG_INT32:
      memcpy(&n32, p, sizeof(n32));
      lua_pushinteger(L, n32);
      break;
    case WP_TAG_INT64:
      memcpy(&n64, p, sizeof(n64));
      lua_pushinteger(L, n64);
      break;
    default:
      memcpy(&x, p, sizeof(x));
      lua_pushnumber(L, x);
  }
}

/* The sizes stand in the code: 2 % of a record of integers. */
WP_INLINE void read_number(wp_reader *r, unsigned tag) {
  lua_State *L = r->L;
  switch (tag) {
    case WP_TAG_INT8: push_number(L, WP_TAG_INT8, take(r, 1)); break;
    case WP_TAG_INT16: push_number(L, WP_TAG_INT16, take(r, 2)); break;
    case WP_TAG_INT32: push_number(L, WP_TAG_INT32, take(r, 4)); break;
    case WP_TAG_INT64: push_number(L, WP_TAG_INT64, take(r, 8)); break;
    default: push_number(L, WP_TAG_FLOAT, take(r, sizeof(lua_Number)));
  }
}

/* Tags C0 to DF. */
static void read_tagged(wp_reader *r, unsigned tag) {
  lua_State *L = r->L;
  switch (tag) {
    case WP_TAG_NIL: lua_pushnil(L); break;
    case WP_TAG_FALSE: lua_pushboolean(L, 0); break;
    case WP_TAG_TRUE: lua_pushboolean(L, 1); break;
    case WP_TAG_TEXT8: read_text(r, wp_read_byte(r)); break;
    case WP_TAG_TEXTV: read_text(r, wp_read_varint(r)); break;
    case WP_TAG_KEEP: read_keep(r); break;
    case WP_TAG_KEPTV: read_kept(r, wp_read_varint(r)); break;
    case WP_TAG_LIST:
    case WP_TAG_MIXED: read_table(r, tag, wp_read_number(r)); break;
    case WP_TAG_REF: read_ref(r); break;
    case WP_TAG_NAME: wp_read_name(r); break;
    case WP_TAG_REMEMBERED: wp_read_remembered(r); break;
    case WP_TAG_FUNCTION: wp_read_function(r); break;
    case WP_TAG_OBJECT: wp_read_object(r); break;
    case WP_TAG_PACKED: wp_read_packed(r); break;
    default: wp_read_corrupt(r, "an unknown tag");
  }
}

/* Inlined where tables are read, so that a level of nesting is one frame of
** C: processors guess returns well only from some thirty calls. */
WP_INLINE void read_tag(wp_reader *r, unsigned tag, uint64_t owed) {
  if (tag < WP_TAG_TEXT) {
    lua_pushinteger(r->L, (lua_Integer)tag);
  } else if (tag < WP_TAG_MAP) {
    read_bytes(r, tag - WP_TAG_TEXT);
  } else if (tag >= WP_TAG_INT8 && tag <= WP_TAG_FLOAT) {
    read_number(r, tag);
  } else if (tag < WP_TAG_KEPT || tag >= WP_TAG_BIGMAP || tag == WP_TAG_LIST) {
    r->owed = owed;
    read_table(r, tag, wp_read_number(r));
  } else if (tag < WP_TAG_NIL) {
    read_first_kept(r, tag - WP_TAG_KEPT);
  } else {
    r->owed = owed;
    read_tagged(r, tag);
  }
}

WP_INLINE void read_value(wp_reader *r, uint64_t owed) {
  read_tag(r, *take(r, 1), owed);
}

void wp_read_value(wp_reader *r) { read_value(r, r->owed); }

/* ---- messages ----------------------------------------------------------- */

static int read_count(wp_reader *r, unsigned head) {
  uint64_t n = head & WP_HEAD_COUNT;
  if (n == WP_HEAD_COUNT) n = wp_read_varint(r);
  check_owed(r, n);
  if (n > INT_MAX - WP_CHECK_SLOTS) wp_read_corrupt(r, "too many values");
  return (int)n;
}

static void read_values(wp_reader *r, int n) {
  wp_check_stack(r->L, n + WP_CHECK_SLOTS, "too many values");
  r->checked = WP_CHECK_LEVELS;
  for (; n > 0; n--) read_value(r, (uint64_t)n - 1);
}

/* stack: … -> …, values; what is in use meanwhile stands below them. */
static void read_with_tables(wp_reader *r, int n, unsigned head) {
  lua_State *L = r->L;
  int top = lua_gettop(L), first = top + 1;
  wp_check_stack(L, WP_KEPT_INLINE + LUA_MINSTACK, "too many values");
  if (head & WP_HEAD_KEPT) {
    r->kept = first;
    first += WP_KEPT_INLINE + 1;
    lua_settop(L, first - 1);
  }
  if (head & WP_HEAD_REFS) {
    lua_newtable(L);
    r->refs = first++;
  }
  read_values(r, n);
  for (int i = 0; i < n; i++) lua_copy(L, first + i, top + 1 + i);
  lua_settop(L, top + n);
}

/* As in the encoder, a message of one small value has a way of its own:
** returns the bytes used, or 0 when it is something else. */
static size_t read_single(lua_State *L, const unsigned char *data,
                          size_t len) {
  if (len < 2 || data[0] != 1) return 0;
  unsigned tag = data[1];
  if (tag < WP_TAG_TEXT) {
    lua_pushinteger(L, (lua_Integer)tag);
  } else if (tag < WP_TAG_MAP && tag - WP_TAG_TEXT <= len - 2) {
    lua_pushlstring(L, (const char *)data + 2, tag - WP_TAG_TEXT);
    return 2 + tag - WP_TAG_TEXT;
  } else if (tag >= WP_TAG_INT8 && tag <= WP_TAG_FLOAT) {
    if (len < 2 + size_of_number(tag)) return 0;
    push_number(L, tag, data + 2);
    return 2 + size_of_number(tag);
  } else if (tag == WP_TAG_TRUE || tag == WP_TAG_FALSE) {
    lua_pushboolean(L, tag == WP_TAG_TRUE);
  } else {
    return 0;
  }
  return 2;
}

size_t wp_codec_read(lua_State *L, wp_codec *c, const unsigned char *data,
                     size_t len, int *n) {
  size_t used = read_single(L, data, len);
  *n = 1;
  if (used > 0) return used;
  if (len == 0) data = (const unsigned char *)""; /* it may have been NULL */
  wp_reader r = {.L = L, .codec = c, .start = data, .p = data,
                 .end = data + len};
  unsigned head = wp_read_byte(&r);
  *n = read_count(&r, head);
  if (head & (WP_HEAD_KEPT | WP_HEAD_REFS)) read_with_tables(&r, *n, head);
  else read_values(&r, *n);
  return (size_t)(r.p - data);
}
