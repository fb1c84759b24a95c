/*
** Codec, large strings: what the collector is told of one that is about to be
** read. To Lua a string as large as all there is means that a full collection
** is due, at every other task, which takes longer than copying the string; and
** what is garbage until then pushes the rest out of the caches, or, where the
** strings are huge, takes as much memory again.
**
** In a worker such a string comes with a collection of what is young instead:
** the one before is freed by it. What is there for longer is collected when
** tasks allocate, as ever, or when strings alone have added 16 MB.
*/
#include "codec_state.h"
#include "lua_heap.h"

/* A huge one: what the one before has left is collected first. */
#define HUGE_STRING ((size_t)1 << 24)
#define MOST_GROWTH ((size_t)1 << 24)
#define MOST_IN_ALL 4 /* as many such strings, by their size */
/* Of the heap in percent, as Lua has them by itself. */
enum { USUAL_GROWTH = 100, LARGEST_GROWTH = 1000 };

void wp_codec_collect_young(wp_codec *c, int young) {
  c->is_young = young != 0;
}

/* A full collection is cheap as long as what lives is little more than one
** such string. What lives is not known at first: where there is much, it may
** well be millions of small things. */
static void make_way(lua_State *L, wp_codec *c, size_t len) {
  size_t bytes = wp_lua_bytes(L);
  if (bytes / MOST_IN_ALL > len) return;
  if (bytes < c->living) c->living = bytes;
  if (bytes - c->living < len / 2 || c->living > len + len / 4) return;
  lua_gc(L, LUA_GCCOLLECT);
  c->living = wp_lua_bytes(L);
}

/* Want of memory raises, and has made the slab let go. */
static void push_huge(lua_State *L, wp_codec *c, const char *s, size_t len) {
  wp_slab *slab = wp_slab_of(L);
  if (slab) wp_slab_hold(slab);
  make_way(L, c, len);
  lua_pushlstring(L, s, len);
  if (slab) wp_slab_let_go(slab);
}

static int growth_of(lua_State *L) {
  size_t percent = MOST_GROWTH * 100 / (wp_lua_bytes(L) + 1);
  if (percent < USUAL_GROWTH) return USUAL_GROWTH;
  return percent > LARGEST_GROWTH ? LARGEST_GROWTH : (int)percent;
}

/* A task that makes it incremental after we have changed it wants it so. */
static int look_at_young(lua_State *L, wp_codec *c) {
  if (!c->is_young || c->is_refused) return 0;
  int mode = lua_gc(L, LUA_GCGEN, 0, growth_of(L));
  c->is_refused = mode == LUA_GCINC && c->has_turned;
  c->has_turned = 1;
  if (c->is_refused) lua_gc(L, LUA_GCINC, 0, 0, 0);
  return !c->is_refused;
}

void wp_push_large(lua_State *L, wp_codec *c, const char *s, size_t len) {
  int runs = lua_gc(L, LUA_GCISRUNNING);
  int young = runs && look_at_young(L, c);
  if (runs && len >= HUGE_STRING) push_huge(L, c, s, len);
  else lua_pushlstring(L, s, len);
  if (young) lua_gc(L, LUA_GCGEN, 0, USUAL_GROWTH);
}
