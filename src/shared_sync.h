/*
** Shared, meetings: events, semaphores and barriers. What one process may
** leave half done is written so that the others can tell: who holds a permit
** or has arrived is noted by identity, counts are made from that.
*/
#ifndef WP_SHARED_SYNC_H
#define WP_SHARED_SYNC_H

#include "shared_lock.h"

typedef struct wp_shared_event {
  wp_atomic32 is_set;
} wp_shared_event;

/*
** `n` 0 at the start: permits are signals, nobody owns them. Else those of a
** process that dies come back. More owners than places: the rest is not
** noted and does not come back.
*/
#define WP_OWNERS 256
typedef struct wp_permits {
  wp_atomic64 identity;
  wp_atomic64 count;
} wp_permits;

typedef struct wp_semaphore {
  wp_lock lock;
  wp_atomic32 free;  /* derived, and what sleepers look at */
  wp_atomic32 has_owners;
  wp_atomic64 total; /* free, and held by those below */
  wp_atomic32 died;  /* permits have come back that nobody has been told of */
  wp_permits owners[WP_OWNERS];
} wp_semaphore;

/* Of memory that is zero. */
void wp_semaphore_init(wp_semaphore *s, uint32_t n);
/* 1, 0 when none is free, or 2: taken, and an owner had died. With the lock.*/
enum { WP_TAKEN = 1, WP_TAKEN_DIED = 2 };
int wp_semaphore_try(wp_semaphore *s, uint64_t identity);
/* WP_EINVAL: more than INT_MAX would be free. */
int wp_semaphore_release(wp_semaphore *s, uint64_t identity, uint32_t n);
/* Permits of the dead come back. */
void wp_semaphore_recover(wp_semaphore *s);

/* An arrival counts for one phase; the last one ends it by one store. */
typedef struct wp_arrival {
  wp_atomic64 identity; /* 0: none */
  wp_atomic64 phase;
} wp_arrival;

typedef struct wp_barrier {
  wp_lock lock;
  uint32_t parties;
  wp_atomic32 phase;
  wp_arrival arrivals[]; /* of `parties` */
} wp_barrier;

/* With the lock. Arrive returns the number of this arrival; the last one ends
** the phase. */
uint32_t wp_barrier_arrive(wp_barrier *b, uint64_t identity, uint32_t *place);
void wp_barrier_withdraw(wp_barrier *b, uint32_t place);
uint32_t wp_barrier_count(wp_barrier *b);

#endif
