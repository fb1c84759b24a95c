/*
** Queue: see queue.h.
*/
#include "queue.h"

#define MASK (WP_LIMIT_QUEUE - 1)

int wp_queue_push(wp_queue *q, uint32_t slot, uint32_t generation) {
  uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
  uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
  if (tail - head == WP_LIMIT_QUEUE) return WP_EFULL;
  atomic_store_explicit(&q->entry[tail & MASK], wp_owner(generation, slot),
                        memory_order_relaxed);
  /* Sequentially consistent, because the host looks for sleepers next: it
  ** must not read their bits before the entry can be seen. */
  atomic_store(&q->tail, tail + 1);
  return WP_OK;
}

int wp_queue_claim(wp_queue *q, wp_slot *slots, unsigned worker,
                   uint32_t *slot) {
  uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
  for (;;) {
    if (head == atomic_load_explicit(&q->tail, memory_order_acquire)) return 0;
    uint64_t entry = atomic_load_explicit(&q->entry[head & MASK],
                                          memory_order_relaxed);
    uint32_t s = (uint32_t)entry % WP_LIMIT_PARCELS;
    uint32_t generation = (uint32_t)(entry >> 32);
    uint64_t ready = wp_owner(generation, WP_SLOT_READY);
    int mine = atomic_compare_exchange_strong(
        &slots[s].owner, &ready,
        wp_owner(generation, WP_SLOT_CLAIMED + worker));
    /* Claimed by us or by another: either way this entry is spent. A failed
    ** exchange leaves the current head in `head`. */
    if (atomic_compare_exchange_strong(&q->head, &head, head + 1)) head++;
    if (mine) {
      *slot = s;
      return 1;
    }
  }
}

int wp_queue_waiting(wp_queue *q) {
  return atomic_load(&q->head) != atomic_load(&q->tail);
}
