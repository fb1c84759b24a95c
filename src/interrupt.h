/*
** Interrupt: Ctrl-C as programs in Lua know it. A signal handler cannot raise,
** so the interpreter's (and ours, in main.c) sets a hook in the main state,
** for the very next instruction, and the hook raises "interrupted!". That
** error is the caller's, whatever we were about to catch; and a coroutine,
** which has hooks of its own, would not hear of it while it waits for us.
*/
#ifndef WP_INTERRUPT_H
#define WP_INTERRUPT_H

#include <lua.h>

/* Whether this error is an interrupt: not ours to catch. */
int wp_is_interrupt(lua_State *L, int index);

/* In a coroutine: an interrupt that waits in the main state is raised here,
** as soon as the C function that calls this returns. */
void wp_follow_interrupt(lua_State *L);

/* In a worker that was forked just now: one that was for its host. */
void wp_forget_interrupt(lua_State *L);

#endif
