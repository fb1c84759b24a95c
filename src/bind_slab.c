/*
** Bind, slab: the heap of a Lua state before and after a fork.
**
**   core.freeze(first) -> true when the heap is large enough to matter; first:
**     before the first child of a pool
**   core.thaw()
**   core.inherit(keeps_state) -> bytes by which a worker may grow, or nil
**   core.heap() -> table of figures
**
** A collector that marks writes to every object, and so copies every page
** that a child shares with its parent. A child of a frozen heap collects in
** generational mode, where objects that have become old are left alone; and
** its allocator (slab.h) leaves their pages alone.
**
** Three things make all that there is old, at the time of the fork: a full
** collection, the generational mode, and one step in it. Without the step the
** first collection afterwards would be a full one.
*/
#include "bind.h"
#include "lua_heap.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* A smaller heap is copied in less time than freezing it takes. */
#define LEAST_BYTES ((uint64_t)16 << 20)
/* A child may grow by so much, or by a quarter of what it has inherited. */
#define LEAST_GROWTH ((uint64_t)64 << 20)
/* Garbage that a child gathers between two collections of its young. */
#define YOUNG_BYTES ((uint64_t)16 << 20)

typedef struct heap {
  wp_slab *slab;          /* NULL: the state has an allocator of its own */
  int is_off;
  unsigned freezes;       /* that have not been thawed */
  int mode;               /* the caller's: LUA_GCINC or LUA_GCGEN */
  uint64_t frozen_bytes;  /* when it was last collected for this */
  uint64_t tidy_bytes;    /* likewise, of a small heap */
  int is_inherited;       /* it was frozen */
} heap;

static char heap_key; /* its address, in the registry */

static heap *heap_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &heap_key);
  heap *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return h;
}

/* ---- the parent --------------------------------------------------------- */

/* What is there has been collected but for a part of it. */
static int has_grown(uint64_t before, uint64_t bytes, uint64_t part) {
  return before == 0 || bytes > before + before / part;
}

static int make_old(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  int mode = lua_gc(L, LUA_GCGEN, 0, 0);
  lua_gc(L, LUA_GCSTEP, 0);
  return mode;
}

/* A collector that was stopped stays that way. */
static void age(lua_State *L, heap *h) {
  if (!lua_gc(L, LUA_GCISRUNNING)) return;
  if (h->freezes > 0 && !has_grown(h->frozen_bytes, wp_lua_bytes(L), 8)) return;
  int mode = make_old(L);
  if (h->freezes == 0) h->mode = mode;
  h->frozen_bytes = wp_lua_bytes(L);
}

/* A small heap is only tidied: what waits for its finalizer would else be
** finalized by every child as well. It writes to every page that the child
** before has left shared, which takes a quarter of a pool's start, so those
** who start pool after pool are spared most of it. */
static void tidy(lua_State *L, heap *h) {
  if (!lua_gc(L, LUA_GCISRUNNING)) return;
  if (!has_grown(h->tidy_bytes, wp_lua_bytes(L), 2)) return;
  lua_gc(L, LUA_GCCOLLECT);
  h->tidy_bytes = wp_lua_bytes(L);
}

static int freeze(lua_State *L) {
  heap *h = heap_of(L);
  if (h->is_off) return 0;
  if (wp_lua_bytes(L) < LEAST_BYTES) {
    if (lua_toboolean(L, 1)) tidy(L, h);
    return 0;
  }
  age(L, h);
  h->freezes++;
  if (h->slab) wp_slab_seal(h->slab);
  lua_pushboolean(L, 1);
  return 1;
}

/* Not before the children have gone: to go back to the incremental mode is to
** write to every object. */
static int thaw(lua_State *L) {
  heap *h = heap_of(L);
  if (h->freezes == 0 || --h->freezes > 0) return 0;
  if (h->slab) wp_slab_unseal(h->slab);
  if (h->mode == LUA_GCINC) lua_gc(L, LUA_GCINC, 0, 0, 0);
  h->mode = LUA_GCGEN;
  return 0;
}

/* ---- the child ---------------------------------------------------------- */

/* `part` of `whole` in percent, as lua_gc takes it. */
static int percent(uint64_t part, uint64_t whole, int most) {
  uint64_t p = part * 100 / whole;
  return p < 1 ? 1 : p > (uint64_t)most ? most : (int)p;
}

/* Who keeps state cannot be replaced by a fresh fork when it has grown: a
** full collection must do then. */
static int inherit(lua_State *L) {
  heap *h = heap_of(L);
  int keeps_state = lua_toboolean(L, 1);
  if (h->freezes == 0) return 0;
  uint64_t bytes = wp_lua_bytes(L);
  uint64_t growth = bytes / 4 > LEAST_GROWTH ? bytes / 4 : LEAST_GROWTH;
  h->freezes = 0;
  h->is_inherited = 1;
  if (h->slab) wp_slab_inherit(h->slab);
  if (!lua_gc(L, LUA_GCISRUNNING)) return 0;
  lua_gc(L, LUA_GCGEN, percent(YOUNG_BYTES, bytes, 20),
         keeps_state ? percent(growth, bytes, 1000) : 1000);
  lua_gc(L, LUA_GCSTEP, 0); /* from here on it waits as we have told it */
  if (keeps_state) return 0;
  lua_pushinteger(L, (lua_Integer)growth);
  return 1;
}

int wp_is_collector_set(lua_State *L) {
  const heap *h = heap_of(L);
  return h->is_inherited || h->is_off;
}

/* ---- looking ------------------------------------------------------------ */

static int figures(lua_State *L) {
  const heap *h = heap_of(L);
  wp_slab_figures f = {0};
  if (h->slab) wp_slab_count(h->slab, &f);
  lua_newtable(L);
  wp_set_integer(L, "reserved", (lua_Integer)f.reserved);
  wp_set_integer(L, "spans", (lua_Integer)f.spans);
  wp_set_integer(L, "empty", (lua_Integer)f.empty);
  wp_set_integer(L, "inherited", (lua_Integer)f.inherited);
  wp_set_integer(L, "freezes", (lua_Integer)h->freezes);
  return 1;
}

/* ---- making ------------------------------------------------------------- */

/* Lua's own, as luaL_newstate has it: a state that was given another one
** keeps that, for its host has its reasons. */
static int has_stock_allocator(lua_State *L, lua_Alloc *stock, void **ud) {
  void *other_ud;
  *stock = lua_getallocf(L, ud);
  lua_State *other = luaL_newstate();
  if (!other) return 0;
  int same = lua_getallocf(other, &other_ud) == *stock && other_ud == *ud;
  lua_close(other);
  return same;
}

static wp_slab *install(lua_State *L) {
  void *ud;
  lua_Alloc stock;
  if (!has_stock_allocator(L, &stock, &ud)) return NULL;
  wp_slab *slab = wp_slab_new(stock, ud);
  if (slab) lua_setallocf(L, wp_slab_realloc, slab);
  return slab;
}

/* WORKERPOOL_HEAP=stock: all as Lua has it, for comparisons and debuggers. */
static int is_off(void) {
  const char *wish = getenv("WORKERPOOL_HEAP");
  return wish && strcmp(wish, "stock") == 0;
}

void wp_bind_slab(lua_State *L) {
  static const luaL_Reg functions[] = {{"freeze", freeze},
                                       {"thaw", thaw},
                                       {"inherit", inherit},
                                       {"heap", figures},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  if (heap_of(L)) return;
  heap *h = lua_newuserdatauv(L, sizeof(*h), 0);
  *h = (heap){.mode = LUA_GCGEN};
  lua_rawsetp(L, LUA_REGISTRYINDEX, &heap_key);
  h->is_off = is_off();
  if (!h->is_off) h->slab = install(L);
}
