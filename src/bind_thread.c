/*
** Bind, threads: workers that are threads of the host, each with a Lua state
** of its own that shares nothing with the host's. A thread cannot be killed:
** a hook is set in its state, which raises at every instruction, so that
** also pcall cannot hold it. Code that is stuck in C runs on, and so does a
** coroutine until it yields or ends: its hooks are its own, and nobody outside
** can tell which one runs.
*/
#include "bind.h"
#include "lua_heap.h"

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

_Atomic(wp_prepare_fn) wp_prepare_state;

_Thread_local int wp_thread_status;

struct wp_thread_states {
  char *path, *cpath;
  pthread_mutex_t lock; /* a state is not hooked while it is being closed */
  lua_State *states[WP_LIMIT_WORKERS];
};

static char *copied(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = wp_realloc(NULL, 0, size);
  return copy ? memcpy(copy, text, size) : NULL;
}

static void drop(char *text) {
  if (text) wp_free(text, strlen(text) + 1);
}

wp_thread_states *wp_thread_states_new(const char *path, const char *cpath) {
  wp_thread_states *t = wp_calloc(sizeof(*t));
  if (!t) return NULL;
  pthread_mutex_init(&t->lock, NULL);
  t->path = copied(path);
  t->cpath = copied(cpath);
  if (t->path && t->cpath) return t;
  wp_thread_states_free(t);
  return NULL;
}

void wp_thread_states_free(wp_thread_states *t) {
  if (!t) return;
  drop(t->path);
  drop(t->cpath);
  pthread_mutex_destroy(&t->lock);
  wp_free(t, sizeof(*t));
}

static void note(wp_thread_states *t, unsigned w, lua_State *L) {
  pthread_mutex_lock(&t->lock);
  t->states[w] = L;
  pthread_mutex_unlock(&t->lock);
}

static void raise_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  luaL_error(L, "the worker was stopped");
}

void wp_interrupt_state(lua_State *L) {
  lua_sethook(L, raise_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

void wp_thread_interrupt(wp_thread_states *t, unsigned w) {
  pthread_mutex_lock(&t->lock);
  lua_State *L = t->states[w];
  /* The one call that Lua allows from outside, as its own interpreter does
  ** from a signal handler. */
  if (L) wp_interrupt_state(L);
  pthread_mutex_unlock(&t->lock);
}

static void set_paths(lua_State *L, const wp_thread_states *t) {
  lua_getglobal(L, "package");
  lua_pushstring(L, t->path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, t->cpath);
  lua_setfield(L, -2, "cpath");
  lua_pop(L, 1);
}

/* stack: states, worker */
static int live(lua_State *L) {
  const wp_thread_states *t = lua_touserdata(L, 1);
  luaL_openlibs(L);
  set_paths(L, t);
  wp_prepare_fn prepare = atomic_load(&wp_prepare_state);
  if (prepare) prepare(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "workerpool.spawned");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "live");
  wp_push_link(L, lua_touserdata(L, 2));
  lua_call(L, 1, 1);
  return 1;
}

static int run_state(lua_State *L, wp_thread_states *t, wp_worker *worker) {
  lua_pushcfunction(L, live);
  lua_pushlightuserdata(L, t);
  lua_pushlightuserdata(L, worker);
  wp_thread_status = 70; /* EX_SOFTWARE */
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) return wp_thread_status;
  return (int)lua_tointeger(L, -1);
}

int wp_thread_live(wp_thread_states *t, wp_worker *worker) {
  unsigned w = wp_worker_index(worker);
  lua_State *L = luaL_newstate();
  if (!L) return 70;
  note(t, w, L);
  int status = run_state(L, t, worker);
  note(t, w, NULL);
  lua_sethook(L, NULL, 0, 0);
  wp_slab *slab = wp_slab_of(L);
  lua_close(L);
  if (slab) wp_slab_retire(slab);
  return status;
}
