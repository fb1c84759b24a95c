/*
** Bind, worker: what the link's two files share. The link is a worker's end of
** its pool as Lua sees it: bind_parcel.c has the parcels that come and are run,
** bind_worker.c all else.
*/
#ifndef WP_BIND_WORKER_H
#define WP_BIND_WORKER_H

#include "bind.h"
#include "task.h"

typedef struct wp_link {
  wp_worker *worker;
  wp_task_batch batch;
  wp_run run;
  lua_State *L;      /* that runs it */
  wp_codec *spare;   /* for messages meanwhile: the user value WP_HAS_CODEC */
  uint64_t served;   /* tasks so far */
  uint64_t lifespan; /* after which it is time to go; 0: never */
  uint64_t max_memory; /* bytes after which it is; 0: any */
  uint64_t max_heap;   /* the same for those of the Lua state */
  uint64_t weighed_ns; /* when that was last looked at */
  int too_large;
} wp_link;

/* Flags of a parcel. */
enum {
  WP_FLAG_STOP = 1,    /* at the first task that fails */
  WP_FLAG_TIMED = 2,   /* each task is stamped: there is a limit to its time */
  WP_FLAG_SEEDED = 4,  /* each task has its own random stream */
  WP_FLAG_TRACED = 8,  /* tells of itself what link:observe says */
  WP_FLAG_PRINTED = 16 /* what each task has printed comes before its result */
};

/* What a worker sends beside results; the other kinds stand in worker.lua. */
#define WP_MESSAGE_PRINTED 7

/* User values of a link. */
enum { WP_HAS_SEED = 1, WP_HAS_CODEC, WP_HAS_PICTURE, WP_HAS_TELL };

/* The link at 1, or an argument error. */
wp_link *wp_link_check(lua_State *L);
/* The host is gone or has lost interest: ends the process, or raises in a
** thread. */
void wp_link_leave(lua_State *L, wp_link *l);

/* link:run, where tracebacks end. */
int wp_link_run(lua_State *L);
/* Adds what deals with parcels to the methods on top of the stack. */
void wp_bind_parcel(lua_State *L);

#endif
