/*
** Bind: the C module workerpool.core, one file per Lua-visible object. A
** binding checks its arguments, calls one function, pushes the answer.
*/
#ifndef WP_BIND_H
#define WP_BIND_H

#include "workerpool.h"

#include <lua.h>
#include <stdatomic.h>

#define WP_ENGINE_NAME "workerpool.engine"
#define WP_LINK_NAME "workerpool.link"

/* Each adds its functions to the table on top of the stack. */
void wp_bind_engine(lua_State *L);
void wp_bind_worker(lua_State *L);
void wp_bind_output(lua_State *L);
void wp_bind_task(lua_State *L);
void wp_bind_system(lua_State *L);
void wp_bind_shared(lua_State *L);
void wp_bind_slab(lua_State *L);

/* Whether this worker's collector is to be left as it is: that of a frozen heap
** has been told what to do, and of a stock one nothing is to be told. */
int wp_is_collector_set(lua_State *L);

/* Set a field of the table on top of the stack; times are seconds in Lua. */
void wp_set_integer(lua_State *L, const char *name, lua_Integer n);
void wp_set_seconds(lua_State *L, const char *name, uint64_t ns);

/* By WP_IN_…, and by WP_AT_… of task.h; both end with NULL. */
extern const char *const wp_phase_names[], *const wp_stage_names[];

/* Pushes nil, message, status: how a failed system call is reported. */
int wp_push_failure(lua_State *L, int status);

/* Pushes "output", worker, stream, text and, if it has one, its task's tag. */
int wp_push_output_event(lua_State *L, const wp_event *event);
/* Pushes captured output, and a remark when there was more than that. */
void wp_push_printed(lua_State *L, const void *text, size_t length,
                     uint64_t total);
/* Pushes what the running task has printed, if that is captured, or nil. */
void wp_push_task_printed(lua_State *L, const wp_worker *worker);
/* Replaces the failure on top by a table of it and that text, if there is
** any and there is memory for it. */
void wp_add_printed(lua_State *L, wp_worker *worker);
/* Makes io.stdout and io.stderr the streams of this worker's process. */
void wp_take_streams(lua_State *L);

/* Gives a worker a Lua face; pushes it. */
void wp_push_link(lua_State *L, wp_worker *worker);

/* Workers as threads, each with a Lua state of its own. */
typedef struct wp_thread_states wp_thread_states;
wp_thread_states *wp_thread_states_new(const char *path, const char *cpath);
void wp_thread_states_free(wp_thread_states *t);
int wp_thread_live(wp_thread_states *t, wp_worker *worker);
void wp_thread_interrupt(wp_thread_states *t, unsigned worker);
/* The exit status of the thread that runs, should it end by an error. */
extern _Thread_local int wp_thread_status;
/* Makes everything that a state runs from now on raise. */
void wp_interrupt_state(lua_State *L);

/* Prepares the new states of threads; for programs that have the modules
** built in. NULL: package.path finds them. Each of those states sets it
** again, to the same. */
typedef void (*wp_prepare_fn)(lua_State *L);
extern _Atomic(wp_prepare_fn) wp_prepare_state;

WP_API int luaopen_workerpool_core(lua_State *L);

#endif
