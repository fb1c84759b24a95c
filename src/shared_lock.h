/*
** Shared, locks: a mutex in shared memory that says when its owner died, and
** words to sleep on. All waits are short: callers come back, look again, and
** let Lua run its hooks, so that a wake-up which was lost with its sender
** costs a moment and nothing else.
*/
#ifndef WP_SHARED_LOCK_H
#define WP_SHARED_LOCK_H

#include "layout.h"

#include <pthread.h>

/* The longest sleep in one piece. */
#define WP_SLICE_NS 100000000u
#define WP_NEVER UINT64_MAX /* a deadline */

typedef struct wp_lock {
  pthread_mutex_t mutex; /* robust, and knows its owner */
} wp_lock;

enum { WP_LOCK_OWNER_DIED = 1 };

/* It needs no end: its memory may be given back when nobody has it. */
void wp_lock_init(wp_lock *lock);

/*
** 0, or WP_LOCK_OWNER_DIED: the lock is ours, and what it protects is as a
** killed process left it. -ETIMEDOUT at the deadline (wp_now_ns), -EDEADLK
** when this thread has it already.
*/
int wp_lock_take(wp_lock *lock, uint64_t deadline_ns);

/* 0, or -EPERM when this thread does not have it. */
int wp_lock_leave(wp_lock *lock);

/* Of an object that goes: leaves the lock if this thread has it: 1. 0 when
** nobody has, -EBUSY when another thread does: to that one's list of robust
** locks this one belongs, and its memory must stay. */
int wp_lock_abandon(wp_lock *lock);

/* Sleeps while the word has this value, until woken or the deadline. */
void wp_word_wait(wp_atomic32 *word, uint32_t value, uint64_t deadline_ns);
/* Wakes up to `n`; returns how many. */
int wp_word_wake(wp_atomic32 *word, int n);

/* The end of the next slice, or the deadline if that comes first. */
uint64_t wp_slice_end(uint64_t deadline_ns);

#endif
