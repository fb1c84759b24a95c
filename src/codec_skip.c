/*
** Codec, skip: how long a message is, without making its values. For the
** reader who could not read a message (a class that is missing, an
** __workerpool_unpack that raised) and wants the next one.
*/
#include "codec.h"
#include "codec_wire.h"

#include <string.h>

enum { DEEPEST = WP_LIMIT_DEPTH + 2 }; /* the leaves count here, too */

typedef struct skipper {
  const unsigned char *p, *end;
  int depth;
} skipper;

/* All return 1, or 0 on bytes that no encoder writes. */

static int skip_value(skipper *s);

static size_t left(const skipper *s) { return (size_t)(s->end - s->p); }

static int skip_bytes(skipper *s, uint64_t n) {
  if (n > left(s)) return 0;
  s->p += n;
  return 1;
}

static int take_byte(skipper *s, uint64_t *n) {
  if (s->p == s->end) return 0;
  *n = *s->p++;
  return 1;
}

static int take_varint(skipper *s, uint64_t *n) {
  uint64_t byte = 0x80;
  *n = 0;
  for (unsigned shift = 0; shift < 64 && byte >= 0x80; shift += 7) {
    if (!take_byte(s, &byte)) return 0;
    *n |= (byte & 0x7F) << shift;
  }
  return byte < 0x80;
}

static int skip_varint(skipper *s) {
  uint64_t n;
  return take_varint(s, &n);
}

static int skip_text(skipper *s, int (*length)(skipper *, uint64_t *)) {
  uint64_t n;
  return length(s, &n) && skip_bytes(s, n);
}

static int skip_values(skipper *s, uint64_t n) {
  while (n-- > 0)
    if (!skip_value(s)) return 0;
  return 1;
}

static int skip_to_end(skipper *s) {
  while (s->p < s->end && *s->p != WP_TAG_END)
    if (!skip_value(s)) return 0;
  return skip_bytes(s, 1);
}

static int skip_floats(skipper *s, uint64_t *items) {
  uint32_t count;
  s->p++;
  if (left(s) < sizeof(count)) return 0;
  memcpy(&count, s->p, sizeof(count));
  s->p += sizeof(count);
  if (count == 0 || count > *items) return 0;
  *items -= count;
  return skip_bytes(s, (uint64_t)count * sizeof(double));
}

static int skip_list(skipper *s, int mixed) {
  uint64_t items;
  if (!take_varint(s, &items)) return 0;
  while (items > 0) {
    if (s->p < s->end && *s->p == WP_TAG_FLOATS) {
      if (!skip_floats(s, &items)) return 0;
    } else {
      if (!skip_value(s)) return 0;
      items--;
    }
  }
  return !mixed || skip_to_end(s);
}

static int skip_upvalue(skipper *s) {
  if (s->p == s->end || *s->p != WP_TAG_SHARED) return skip_value(s);
  s->p++;
  return skip_varint(s) && skip_bytes(s, 1);
}

static int skip_function(skipper *s) {
  uint64_t n;
  if (!skip_value(s) || !take_byte(s, &n)) return 0;
  while (n-- > 0)
    if (!skip_upvalue(s)) return 0;
  return 1;
}

static int skip_packed(skipper *s) {
  uint64_t n;
  return skip_value(s) && take_varint(s, &n) && skip_values(s, n);
}

static int skip_content(skipper *s, unsigned tag);

/* Class and table, which are one level of nesting. */
static int skip_object(skipper *s) {
  if (!skip_value(s) || s->p == s->end) return 0;
  unsigned tag = *s->p++;
  int is_table = tag >> 5 == WP_TAG_MAP >> 5 || tag >= WP_TAG_BIGMAP ||
                 tag == WP_TAG_LIST || tag == WP_TAG_MIXED;
  return is_table && skip_content(s, tag);
}

/* Tags C0 to DF. */
static int skip_tagged(skipper *s, unsigned tag) {
  switch (tag) {
    case WP_TAG_NIL:
    case WP_TAG_FALSE:
    case WP_TAG_TRUE: return 1;
    case WP_TAG_INT8: return skip_bytes(s, 1);
    case WP_TAG_INT16: return skip_bytes(s, 2);
    case WP_TAG_INT32: return skip_bytes(s, 4);
    case WP_TAG_INT64:
    case WP_TAG_FLOAT: return skip_bytes(s, 8);
    case WP_TAG_TEXT8:
    case WP_TAG_KEEP: return skip_text(s, take_byte);
    case WP_TAG_TEXTV: return skip_text(s, take_varint);
    case WP_TAG_KEPTV:
    case WP_TAG_REF:
    case WP_TAG_REMEMBERED: return skip_varint(s);
    case WP_TAG_LIST:
    case WP_TAG_MIXED: return skip_list(s, tag == WP_TAG_MIXED);
    case WP_TAG_NAME: return skip_value(s);
    case WP_TAG_FUNCTION: return skip_function(s);
    case WP_TAG_OBJECT: return skip_object(s);
    case WP_TAG_PACKED: return skip_packed(s);
    default: return 0;
  }
}

static int skip_content(skipper *s, unsigned tag) {
  if (tag < WP_TAG_TEXT) return 1;
  if (tag < WP_TAG_MAP) return skip_bytes(s, tag - WP_TAG_TEXT);
  if (tag < WP_TAG_KEPT) return skip_values(s, 2 * (tag - WP_TAG_MAP));
  if (tag < WP_TAG_NIL) return 1;
  return tag >= WP_TAG_BIGMAP ? skip_to_end(s) : skip_tagged(s, tag);
}

static int skip_value(skipper *s) {
  if (s->p == s->end || s->depth >= DEEPEST) return 0;
  s->depth++;
  int ok = skip_content(s, *s->p++);
  s->depth--;
  return ok;
}

size_t wp_codec_skip(const unsigned char *data, size_t len) {
  skipper s = {.p = data, .end = data + len};
  if (len == 0) return 0;
  uint64_t n = *s.p++ & WP_HEAD_COUNT;
  if (n == WP_HEAD_COUNT && !take_varint(&s, &n)) return 0;
  return skip_values(&s, n) ? (size_t)(s.p - data) : 0;
}
