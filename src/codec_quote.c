/*
** Codec, quotes: a long string is not copied into the output, where it would
** be copied from again at once. The output has its length, a quote says where
** its bytes lie, and who sends the output gathers them. The strings are kept
** alive until the output is cleared.
*/
#include "codec_pen.h"

#include <lauxlib.h>

/* Text that comes into the output before the byte at `at`. */
typedef struct quote {
  size_t at;
  const char *text;
  size_t length;
} quote;

static quote *quotes_of(const wp_codec *c) {
  return (quote *)(void *)c->quotes.data;
}

static size_t count_quotes(const wp_codec *c) {
  return c->quotes.len / sizeof(quote);
}

void wp_quote_forget(wp_codec *c) {
  const quote *q = quotes_of(c);
  size_t n = count_quotes(c);
  while (n > 0 && q[n - 1].at > c->out.len) n--;
  c->quotes.len = n * sizeof(*q);
}

void wp_write_quote(wp_codec *c, lua_State *L, const char *s, size_t len) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_pushvalue(L, -1);
  wp_codec_own(L, c, WP_OWN_QUOTED, (lua_Integer)count_quotes(c) + 1);
  room(c, L);
  put(c, WP_TAG_TEXTV);
  put_varint(c, len);
  const quote q = {offset(c), s, len};
  if (wp_bytes_append(&c->quotes, &q, sizeof(q)) < 0)
    luaL_error(L, "not enough memory");
}

void wp_codec_clear(lua_State *L, wp_codec *c) {
  c->out.len = 0;
  if (c->quotes.len == 0) return;
  c->quotes.len = 0;
  wp_codec_disown(L, c, WP_OWN_QUOTED);
}

static struct iovec piece(const void *data, size_t length) {
  return (struct iovec){(void *)data, length};
}

/* The output between the quotes, and the quotes. */
static int list_pieces(wp_codec *c, struct iovec *iov) {
  const quote *q = quotes_of(c), *end = q + count_quotes(c);
  size_t from = 0;
  int n = 0;
  for (; q < end; from = q->at, q++) {
    iov[n++] = piece(c->out.data + from, q->at - from);
    iov[n++] = piece(q->text, q->length);
  }
  iov[n++] = piece(c->out.data + from, c->out.len - from);
  return n;
}

const struct iovec *wp_codec_iov(lua_State *L, wp_codec *c, int *n) {
  *n = 1;
  c->whole = piece(c->out.data, c->out.len);
  if (c->quotes.len == 0) return &c->whole;
  wp_quote_forget(c);
  size_t most = 2 * count_quotes(c) + 1;
  c->iov.len = 0;
  if (most > INT32_MAX ||
      wp_bytes_reserve(&c->iov, most * sizeof(struct iovec)) < 0)
    luaL_error(L, "not enough memory");
  struct iovec *iov = (struct iovec *)(void *)c->iov.data;
  *n = list_pieces(c, iov);
  return iov;
}
