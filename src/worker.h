/*
** Worker: what a worker is made of, for the three files that make it up:
** worker.c (its life, and the parcels that it takes), worker_reply.c (what it
** tells the host) and worker_attach.c (a worker that is a program of its own).
*/
#ifndef WP_WORKER_H
#define WP_WORKER_H

#include "engine.h"
#include "figures.h"
#include "ring.h"
#include "streams.h"

struct wp_worker {
  const wp_region *region;
  wp_line *line;
  unsigned index;
  int bell;
  int hub;
  wp_ring_writer writer;
  int has_parcel;
  uint32_t slot;
  uint32_t generation;
  uint32_t done;  /* tasks of the parcel that have been replied to */
  uint32_t count; /* tasks in it */
  uint64_t tag;
  uint64_t began_ns;
  int is_thread;
  wp_spin spin;
  wp_laps laps;
  wp_region attached; /* our own mapping, where we do not have the host's */
  int server;         /* a server's socket */
  wp_streams streams;
};

/* Closes the ends, or keeps them. */
void wp_worker_init(wp_worker *w, const wp_region *region, unsigned index,
                    wp_ends ends, int hub);
/* From here on this process is worker w and nothing else. */
void wp_worker_own_process(wp_worker *w);
void wp_worker_end(wp_worker *w);

/* A process that a task has forked and that has come back to us: it must not
** go on. */
int wp_worker_is_twin(void);

/* A thread cannot be killed, so it is told that nobody listens any more. */
static inline int wp_worker_is_dismissed(const wp_worker *w) {
  return atomic_load_explicit(&w->line->stop, memory_order_relaxed) ==
         WP_STOP_NOW;
}

static inline uint64_t wp_worker_bit(const wp_worker *w) {
  return (uint64_t)1 << (w->index % 64);
}

/* What is printed from now on is of the task at `index` in the parcel. */
void wp_worker_turn_streams(wp_worker *w, uint32_t index);

/* It has no parcel any more; returns the nanoseconds that it had it. */
uint64_t wp_worker_end_parcel(wp_worker *w);

/* Closes the open record and shows it to the host: 0 or WP_ECLOSED. */
int wp_worker_publish(wp_worker *w, uint8_t flags, uint64_t value);

#endif
