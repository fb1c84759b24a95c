/*
** Shared, meetings: see shared_sync.h.
*/
#include "shared_sync.h"

#include "shared_heap.h"

#include <limits.h>

/* ---- semaphores --------------------------------------------------------- */

static void recount(wp_semaphore *s) {
  uint64_t held = 0;
  for (unsigned i = 0; i < WP_OWNERS; i++)
    held += atomic_load(&s->owners[i].count);
  uint64_t total = atomic_load(&s->total);
  atomic_store(&s->free, (uint32_t)(total > held ? total - held : 0));
}

void wp_semaphore_init(wp_semaphore *s, uint32_t n) {
  wp_lock_init(&s->lock);
  atomic_store(&s->has_owners, n > 0);
  atomic_store(&s->total, n);
  atomic_store(&s->free, n);
}

static wp_permits *find_owner(wp_semaphore *s, uint64_t identity) {
  wp_permits *empty = NULL;
  for (unsigned i = 0; i < WP_OWNERS; i++) {
    wp_permits *o = &s->owners[i];
    if (atomic_load(&o->identity) == identity) return o;
    if (!empty && atomic_load(&o->count) == 0) empty = o;
  }
  if (empty) atomic_store(&empty->identity, identity);
  return empty;
}

/* The note comes first: should we be killed here, the permit is ours and
** comes back with our end. */
int wp_semaphore_try(wp_semaphore *s, uint64_t identity) {
  if (atomic_load(&s->free) == 0) return 0;
  wp_permits *o =
      atomic_load(&s->has_owners) ? find_owner(s, identity) : NULL;
  if (o) atomic_fetch_add(&o->count, 1);
  else atomic_fetch_sub(&s->total, 1);
  recount(s);
  return atomic_exchange(&s->died, 0) ? WP_TAKEN_DIED : WP_TAKEN;
}

static wp_permits *any_owner(wp_semaphore *s) {
  for (unsigned i = 0; i < WP_OWNERS; i++)
    if (atomic_load(&s->owners[i].count)) return &s->owners[i];
  return NULL;
}

static wp_permits *owner_to_release(wp_semaphore *s, uint64_t identity) {
  if (!atomic_load(&s->has_owners)) return NULL;
  wp_permits *o = find_owner(s, identity);
  return o && atomic_load(&o->count) ? o : any_owner(s);
}

/* Who releases what it has not taken gives back for another, if any has; what
** nobody has taken is new. */
int wp_semaphore_release(wp_semaphore *s, uint64_t identity, uint32_t n) {
  if (n > INT_MAX - atomic_load(&s->free)) return WP_EINVAL;
  for (uint64_t left = n, some; left > 0; left -= some) {
    wp_permits *o = owner_to_release(s, identity);
    some = o ? atomic_load(&o->count) : left;
    if (some > left) some = left;
    if (o) atomic_fetch_sub(&o->count, some);
    else atomic_fetch_add(&s->total, some);
  }
  recount(s);
  (void)wp_word_wake(&s->free, (int)n);
  return WP_OK;
}

void wp_semaphore_recover(wp_semaphore *s) {
  for (unsigned i = 0; i < WP_OWNERS; i++) {
    wp_permits *o = &s->owners[i];
    if (atomic_load(&o->count) == 0 ||
        wp_shared_lives(atomic_load(&o->identity)))
      continue;
    atomic_store(&s->died, 1);
    atomic_store(&o->count, 0);
  }
  recount(s);
}

/* ---- barriers ----------------------------------------------------------- */

static int has_arrived(wp_barrier *b, const wp_arrival *a) {
  return atomic_load(&a->identity) &&
         atomic_load(&a->phase) == atomic_load(&b->phase);
}

static uint32_t count_arrived(wp_barrier *b) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->parties; i++)
    n += has_arrived(b, &b->arrivals[i]) ? 1u : 0u;
  return n;
}

/* To ask for every process costs a while: only done when it matters. */
uint32_t wp_barrier_count(wp_barrier *b) {
  for (uint32_t i = 0; i < b->parties; i++) {
    wp_arrival *a = &b->arrivals[i];
    if (has_arrived(b, a) && !wp_shared_lives(atomic_load(&a->identity)))
      wp_barrier_withdraw(b, i);
  }
  return count_arrived(b);
}

static void end_phase(wp_barrier *b) {
  atomic_fetch_add(&b->phase, 1);
  (void)wp_word_wake(&b->phase, INT_MAX);
}

static uint32_t find_place(wp_barrier *b) {
  uint32_t i = 0;
  while (i < b->parties && has_arrived(b, &b->arrivals[i])) i++;
  return i;
}

/* When all places are taken, some are those of dead processes; or the last to
** arrive was killed just before it ended the phase. */
uint32_t wp_barrier_arrive(wp_barrier *b, uint64_t identity, uint32_t *place) {
  uint32_t i = find_place(b);
  if (i == b->parties) {
    (void)wp_barrier_count(b);
    i = find_place(b);
  }
  if (i == b->parties) {
    end_phase(b);
    i = 0;
  }
  atomic_store(&b->arrivals[i].identity, 0);
  atomic_store(&b->arrivals[i].phase, atomic_load(&b->phase));
  atomic_store(&b->arrivals[i].identity, identity);
  *place = i;
  uint32_t n = count_arrived(b);
  if (n == b->parties) n = wp_barrier_count(b);
  if (n == b->parties) end_phase(b);
  return n;
}

void wp_barrier_withdraw(wp_barrier *b, uint32_t place) {
  atomic_store(&b->arrivals[place].identity, 0);
}
