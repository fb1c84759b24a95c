/*
** Shared, queues: messages of any size in a ring in shared memory, for any
** number of writers and readers. `tail` alone publishes what a writer has
** written, `head` alone takes it away, so a process killed in between has
** done nothing.
*/
#ifndef WP_SHARED_QUEUE_H
#define WP_SHARED_QUEUE_H

#include "shared_heap.h"
#include "shared_lock.h"

/* A message: bytes, and behind them the tickets of the handles in it. */
typedef struct wp_shared_item {
  uint64_t at;        /* counted on and on; modulo the ring's size */
  uint64_t length;    /* of the bytes */
  uint64_t n_tickets;
} wp_shared_item;

typedef struct wp_shared_queue {
  wp_lock lock;
  uint64_t capacity; /* items */
  uint64_t bytes;    /* of the ring */
  wp_atomic64 head, tail;      /* items taken, items put; counted on */
  wp_atomic32 n_put, n_taken;  /* words to sleep on */
  wp_atomic32 readers, writers; /* that may sleep */
  wp_atomic32 is_closed, deaths;
  uint32_t is_made;
} wp_shared_queue; /* items and ring follow */

/* Bytes of an object for so many items, of so many bytes together; init wants
** them to be zero. */
size_t wp_shared_queue_size(uint64_t capacity, uint64_t bytes);
void wp_shared_queue_init(wp_shared_queue *q, uint64_t capacity,
                          uint64_t bytes);

/* With the lock. 0; WP_EFULL now; WP_ETOOBIG ever; WP_ECLOSED; -ENOMEM when
** there is no room for its tickets. */
int wp_shared_queue_put(wp_shared_queue *q, const void *data, size_t length,
                        wp_bytes *tickets);
/* 0 and the message with its tickets, which are ours now; WP_EFULL when there
** is none (and WP_ECLOSED when none will come); -ENOMEM: it stays. */
int wp_shared_queue_get(wp_shared_queue *q, wp_bytes *data, wp_bytes *tickets);

/* No process uses it any more: its tickets are forgotten. */
int wp_shared_queue_destroy(wp_heap *h, void *object, size_t size);

#endif
