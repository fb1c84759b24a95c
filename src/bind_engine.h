/*
** Bind, engine: what its two files share. bind_engine.c has the pool's life and
** what goes out to workers, bind_event.c what comes back from them.
*/
#ifndef WP_BIND_ENGINE_H
#define WP_BIND_ENGINE_H

#include "bind.h"

#include <sys/types.h>

typedef struct wp_lua_engine {
  wp_pool *pool;
  lua_State *L; /* the state that forks; a worker goes on in its copy */
  pid_t owner;
  wp_event event;     /* the last one */
  int holds, is_held; /* an event comes again until it is taken */
  int is_unread;      /* somebody is to read it yet, and no other may come */
  int reading;        /* how often its data is being read just now */
  int is_closing;     /* it has been closed meanwhile */
  wp_thread_states *threads; /* "threading" */
} wp_lua_engine;

/* The engine at stack index 1. Raises unless it is one, is open, and belongs
** to this process. */
wp_lua_engine *wp_lua_engine_check(lua_State *L);

/* Calls body with our arguments, and returns or raises what it does. The data
** of the event stays meanwhile: a finalizer, or __workerpool_unpack, may close
** the engine, but that comes true later, and it cannot wait for others. */
int wp_lua_engine_reading(lua_State *L, lua_CFunction body);

/* Raises when the data of an event is being read. */
void wp_lua_engine_check_idle(lua_State *L, const wp_lua_engine *e);

/* Returns a ticket, or nil, message, status. */
int wp_push_ticket(lua_State *L, int status, uint64_t ticket);

/* Adds what deals with events to the methods on top of the stack. */
void wp_bind_event(lua_State *L);

#endif
