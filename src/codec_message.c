/*
** Codec, message: any message, from its head to its last value. Who needs less
** is served in codec_small.c.
*/
#include "codec_pen.h"

#include <lauxlib.h>

static void start_message(wp_codec *c, lua_State *L) {
  wp_seen_start(&c->seen);
  wp_new_period(c);
  if (c->out.cap - c->out.len < WP_ROOM) wp_pen_reserve(L, c, WP_ROOM);
  c->pen = c->out.data + c->out.len;
  c->brim = c->out.data + c->out.cap - WP_ROOM;
  c->objects = 0;
  c->kept = 0;
  c->depth = 0;
  c->head = 0;
  if (c->quotes.len) wp_quote_forget(c);
  if (c->anchored) wp_anchor_forget(L, c, 0);
}

static void end_message(wp_codec *c, lua_State *L) {
  c->out.data[c->out.len] |= c->head;
  c->out.len = offset(c);
  if (c->anchored) wp_anchor_forget(L, c, 1);
}

static void write_head(wp_codec *c, int n) {
  if (n < WP_HEAD_COUNT) {
    put(c, n);
  } else {
    put(c, WP_HEAD_COUNT);
    put_varint(c, (uint64_t)n);
  }
}

/* stack: … -> …, values, which the caller cuts. 0: names have changed
** meanwhile. */
static int write_message(wp_codec *c, lua_State *L, int first, int n,
                         int top) {
  wp_place root = {NULL, c->label, 1, WP_AT_ROOT};
  start_message(c, L);
  write_head(c, n);
  for (; root.index <= n; root.index++) {
    lua_pushvalue(L, first + (int)root.index - 1);
    if (!wp_write_value(c, L, top + (int)root.index, &root)) return 0;
  }
  end_message(c, L);
  return 1;
}

void wp_write_all(wp_codec *c, lua_State *L, int first, int n) {
  if (!c->ready) wp_codec_prepare(L, c);
  int top = lua_gettop(L);
  wp_check_stack(L, n + WP_CHECK_SLOTS, "too many values");
  c->ceiling = top + n + WP_CEILING;
  c->looked = 0;
  while (!write_message(c, L, first, n, top)) lua_settop(L, top);
  lua_settop(L, top);
}

void wp_write_on(wp_codec *c, lua_State *L, int t, const void *object,
                 size_t pairs, size_t bytes) {
  const wp_place root = {NULL, c->label, 1, WP_AT_ROOT};
  wp_check_stack(L, WP_CHECK_SLOTS, "no room for a table");
  start_message(c, L);
  c->ceiling = t + WP_CEILING;
  c->looked = 0;
  *c->pen = 1;
  c->pen += bytes;
  if (wp_write_begun(c, L, t, object, pairs, &root)) {
    end_message(c, L);
  } else {
    lua_settop(L, t);
    wp_write_all(c, L, t, 1);
  }
}
