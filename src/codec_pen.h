/*
** Codec, pen: how the encoder puts bytes down. `room` first, for all that is
** to come, then stores without a check; nothing here is called for a byte.
*/
#ifndef WP_CODEC_PEN_H
#define WP_CODEC_PEN_H

#include "codec_state.h"
#include "codec_wire.h"

#include <string.h>

enum { WP_SCALAR_MOST = 16 }; /* bytes of a number with its tag, and more */

/* Makes the buffer larger, or raises. */
void wp_pen_grow(wp_codec *c, lua_State *L, size_t n);

static inline void room(wp_codec *c, lua_State *L, size_t n) {
  if ((size_t)(c->edge - c->pen) < n) wp_pen_grow(c, L, n);
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

static inline void put_varint(wp_codec *c, uint64_t n) {
  while (n >= 0x80) {
    put(c, (int)(n & 0x7F) | 0x80);
    n >>= 7;
  }
  put(c, (int)n);
}

static inline void put_integer(wp_codec *c, lua_Integer n) {
  if (n >= 0 && n < WP_INT_INLINE) {
    put(c, (int)n);
  } else if (n == (int8_t)n) {
    put(c, WP_TAG_INT8);
    put(c, (int)n);
  } else if (n == (int16_t)n) {
    int16_t narrow = (int16_t)n;
    put(c, WP_TAG_INT16);
    put_bytes(c, &narrow, sizeof(narrow));
  } else if (n == (int32_t)n) {
    int32_t narrow = (int32_t)n;
    put(c, WP_TAG_INT32);
    put_bytes(c, &narrow, sizeof(narrow));
  } else {
    put(c, WP_TAG_INT64);
    put_bytes(c, &n, sizeof(n));
  }
}

/* Most strings are so short that calling memcpy would take longer. */
static inline void put_short(wp_codec *c, const char *s, size_t len) {
  unsigned char *p = c->pen;
  if (len >= 8) {
    memcpy(p, s, 8);
    if (len > 16) memcpy(p + 8, s + 8, len - 8);
    else memcpy(p + len - 8, s + len - 8, 8);
  } else if (len >= 4) {
    memcpy(p, s, 4);
    memcpy(p + len - 4, s + len - 4, 4);
  } else if (len > 0) {
    p[0] = (unsigned char)s[0];
    p[len / 2] = (unsigned char)s[len / 2];
    p[len - 1] = (unsigned char)s[len - 1];
  }
  c->pen += len;
}

static inline void put_kept(wp_codec *c, lua_State *L, uint32_t number) {
  room(c, L, WP_SCALAR_MOST);
  if (number < WP_KEPT_INLINE) {
    put(c, WP_TAG_KEPT + (int)number);
  } else {
    put(c, WP_TAG_KEPTV);
    put_varint(c, number);
  }
}

#endif
