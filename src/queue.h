/*
** Queue: parcels from the host to whichever worker is free. See wp_queue in
** layout.h for why a killed consumer does no harm. Order is first in, first
** out. The scheme is a bounded array queue whose claim lies in the element
** and not in the index (compare Michael and Scott 1996, "Simple, Fast, and
** Practical Non-Blocking and Blocking Concurrent Queue Algorithms", whose
** helping rule this borrows).
*/
#ifndef WP_QUEUE_H
#define WP_QUEUE_H

#include "layout.h"

/* Host: makes slot `s` (generation g, READY) available. 0 or WP_EFULL. */
int wp_queue_push(wp_queue *q, uint32_t slot, uint32_t generation);

/* Worker: claims the next ready slot for `worker`: 1 and *slot, or 0. */
int wp_queue_claim(wp_queue *q, wp_slot *slots, unsigned worker,
                   uint32_t *slot);

/* Whether a claim could succeed now. Entries of cancelled slots may make
** this say yes in vain. */
int wp_queue_waiting(wp_queue *q);

/* The parts of wp_slot.owner. */
static inline uint64_t wp_owner(uint32_t generation, uint32_t state) {
  return (uint64_t)generation << 32 | state;
}

#endif
