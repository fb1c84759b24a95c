/*
** Codec, pen: see codec_pen.h. Also the calls by which the other files of
** the encoder write, where an inlined store would be no gain.
*/
#include "codec_pen.h"

#include <lauxlib.h>

void wp_pen_reserve(lua_State *L, wp_codec *c, size_t n) {
  if (wp_bytes_reserve(&c->out, n) < 0) luaL_error(L, "not enough memory");
}

void wp_pen_grow(wp_codec *c, lua_State *L, size_t n) {
  size_t used = (size_t)(c->pen - c->out.data) - c->out.len;
  int status = n > WP_LIMIT_MESSAGE || used > WP_LIMIT_MESSAGE
                   ? WP_ETOOBIG
                   : wp_bytes_reserve(&c->out, used + n + WP_ROOM);
  if (status == WP_ETOOBIG)
    luaL_error(L, "cannot send a message of more than %I bytes",
               (lua_Integer)WP_LIMIT_MESSAGE);
  if (status < 0) luaL_error(L, "not enough memory");
  c->pen = c->out.data + c->out.len + used;
  c->brim = c->out.data + c->out.cap - WP_ROOM;
}

void wp_write_tag(wp_codec *c, lua_State *L, int tag) {
  room(c, L);
  put(c, tag);
}

void wp_write_varint(wp_codec *c, lua_State *L, uint64_t n) {
  room(c, L);
  put_varint(c, n);
}

void wp_write_text(wp_codec *c, lua_State *L, const char *s, size_t len) {
  room_for(c, L, len);
  if (len < WP_TEXT_INLINE) {
    put(c, WP_TAG_TEXT + (int)len);
    put_short(c, s, len);
    return;
  }
  if (len < 0x100) {
    put(c, WP_TAG_TEXT8);
    put(c, (int)len);
  } else {
    put(c, WP_TAG_TEXTV);
    put_varint(c, len);
  }
  put_bytes(c, s, len);
}

void wp_write_kept(wp_codec *c, lua_State *L, uint32_t number) {
  room(c, L);
  put_kept(c, number);
}
