/*
** Codec, pen: how the encoder puts bytes down. `room` first, for all that is
** to come, then stores without a check; nothing here is called for a byte.
*/
#ifndef WP_CODEC_PEN_H
#define WP_CODEC_PEN_H

#include "codec_state.h"
#include "codec_wire.h"

#include <string.h>

enum {
  WP_SCALAR_MOST = 16, /* bytes of a number with its tag, and more */
  WP_WORD_MOST = WP_TEXT_INLINE + WP_SCALAR_MOST,
  WP_ROOM = 64 /* and two of these */
};

/* Before there is a pen: room for n bytes behind the output, or an error. */
void wp_pen_reserve(lua_State *L, wp_codec *c, size_t n);

/* Makes room for n bytes, and WP_ROOM more, or raises. */
void wp_pen_grow(wp_codec *c, lua_State *L, size_t n);

/* For WP_ROOM bytes. */
static inline void room(wp_codec *c, lua_State *L) {
  if (c->pen > c->brim) wp_pen_grow(c, L, 0);
}

/* For n bytes, and WP_ROOM more. */
static inline void room_for(wp_codec *c, lua_State *L, size_t n) {
  if (c->pen > c->brim || (size_t)(c->brim - c->pen) < n)
    wp_pen_grow(c, L, n);
}

/* The buffer may move: what is to be filled in later is known by offset. */
static inline size_t offset(const wp_codec *c) {
  return (size_t)(c->pen - c->out.data);
}

static inline void put(wp_codec *c, int byte) {
  *c->pen++ = (unsigned char)byte;
}

static inline void put_bytes(wp_codec *c, const void *data, size_t n) {
  memcpy(c->pen, data, n);
  c->pen += n;
}

/*
** Stores of bytes may change anything, says C, also the pen: it is read once
** and stored once for a value. That is 2 % of what a record takes. What is
** called store_… returns where the next byte goes.
*/
static inline unsigned char *store_varint(unsigned char *p, uint64_t n) {
  while (n >= 0x80) {
    *p++ = (unsigned char)(n | 0x80);
    n >>= 7;
  }
  *p = (unsigned char)n;
  return p + 1;
}

static inline void put_varint(wp_codec *c, uint64_t n) {
  c->pen = store_varint(c->pen, n);
}

static inline unsigned char *store_tagged(unsigned char *p, int tag,
                                          const void *data, size_t n) {
  *p = (unsigned char)tag;
  memcpy(p + 1, data, n);
  return p + 1 + n;
}

static inline unsigned char *store_integer(unsigned char *p, lua_Integer n) {
  int16_t n16 = (int16_t)n;
  int32_t n32 = (int32_t)n;
  int8_t n8 = (int8_t)n;
  if ((lua_Unsigned)n < WP_INT_INLINE) {
    *p = (unsigned char)n;
    return p + 1;
  }
  if (n == n8) return store_tagged(p, WP_TAG_INT8, &n8, sizeof(n8));
  if (n == n16) return store_tagged(p, WP_TAG_INT16, &n16, sizeof(n16));
  if (n == n32) return store_tagged(p, WP_TAG_INT32, &n32, sizeof(n32));
  return store_tagged(p, WP_TAG_INT64, &n, sizeof(n));
}

static inline unsigned char *store_float(unsigned char *p, lua_Number n) {
  return store_tagged(p, WP_TAG_FLOAT, &n, sizeof(n));
}

/* Up to 32 bytes, by two stores that may overlap: most strings are so short
** that calling memcpy would take longer. */
static inline void copy_short(unsigned char *p, const char *s, size_t len) {
  if (len >= 16) {
    memcpy(p, s, 16);
    memcpy(p + len - 16, s + len - 16, 16);
  } else if (len >= 8) {
    memcpy(p, s, 8);
    memcpy(p + len - 8, s + len - 8, 8);
  } else if (len >= 4) {
    memcpy(p, s, 4);
    memcpy(p + len - 4, s + len - 4, 4);
  } else if (len > 0) {
    p[0] = (unsigned char)s[0];
    p[len / 2] = (unsigned char)s[len / 2];
    p[len - 1] = (unsigned char)s[len - 1];
  }
}

static inline void put_short(wp_codec *c, const char *s, size_t len) {
  unsigned char *p = c->pen;
  if (len <= 32) copy_short(p, s, len);
  else memcpy(p, s, len);
  c->pen = p + len;
}

/* A string of less than WP_TEXT_INLINE bytes. */
static inline unsigned char *store_word(unsigned char *p, const char *s,
                                        size_t len) {
  *p = (unsigned char)(WP_TAG_TEXT + len);
  copy_short(p + 1, s, len);
  return p + 1 + len;
}

/* Up to WP_KEEP_MOST bytes; there must be room. */
static inline void put_word(wp_codec *c, const char *s, size_t len) {
  if (len < WP_TEXT_INLINE) {
    c->pen = store_word(c->pen, s, len);
  } else {
    put(c, WP_TAG_TEXT8);
    put(c, (int)len);
    put_short(c, s, len);
  }
}

/* There must be room. */
static inline void put_kept(wp_codec *c, uint32_t number) {
  if (number < WP_KEPT_INLINE) {
    put(c, WP_TAG_KEPT + (int)number);
  } else {
    put(c, WP_TAG_KEPTV);
    put_varint(c, number);
  }
}

/* The number on top of the stack; whether it is an integer. There must be
** room. */
static inline int put_number(wp_codec *c, lua_State *L) {
  int is_integer = lua_isinteger(L, -1);
  if (is_integer) c->pen = store_integer(c->pen, lua_tointeger(L, -1));
  else c->pen = store_float(c->pen, lua_tonumber(L, -1));
  return is_integer;
}

#endif
