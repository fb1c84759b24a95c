/*
** Engine, look: what the host may ask of its workers at any time: how far they
** are, at what, and what their time has gone to. All of it is read from shared
** memory, and none of it waits.
*/
#include "engine.h"

#include "figures.h"
#include "queue.h"

void wp_inspect(const wp_pool *p, unsigned w, wp_progress *out) {
  *out = (wp_progress){0};
  if (w >= p->config.n_workers) return;
  const wp_line *line = &p->region.lines[w];
  out->completed = atomic_load(&line->completed) +
                   (atomic_load(&line->open) >> 32);
  out->started_ns = atomic_load(&line->started_ns);
  out->working_ns = atomic_load(&line->working_ns);
  out->waiting_ns = atomic_load(&line->waiting_ns);
  out->phase = atomic_load(&line->phase);
}

void wp_measure(wp_pool *p, int level) {
  atomic_store(&p->region.header->measures, (uint32_t)level);
}

const wp_figures *wp_figures_of(const wp_pool *p, unsigned w) {
  return w < p->config.n_workers ? &p->region.figures[w] : NULL;
}

uint32_t wp_noted(const wp_pool *p) {
  return atomic_load(&p->region.header->note);
}

uint64_t wp_completed(const wp_pool *p) {
  uint64_t sum = p->completed;
  for (unsigned w = 0; w < p->config.n_workers; w++) {
    const wp_line *line = &p->region.lines[w];
    sum += atomic_load(&line->completed) + (atomic_load(&line->open) >> 32);
  }
  return sum;
}

/* What it has claimed may be more: parcels whose end we have not read yet. Of
** this one, too, there may be results to read; but where tasks have no stamp
** nobody but we counts them. */
int wp_holding(const wp_pool *p, unsigned w, uint64_t *tag, uint32_t *index) {
  if (w >= p->config.n_workers) return 0;
  uint64_t task = atomic_load(&p->region.lines[w].task);
  uint32_t slot = (uint32_t)(task >> 32);
  if (slot >= p->n_used || !p->parcels[slot].job ||
      atomic_load(&p->region.slots[slot].owner) !=
          wp_owner(p->parcels[slot].generation, WP_SLOT_CLAIMED + w))
    return 0;
  uint32_t received = p->parcels[slot].received +
                      (uint32_t)(atomic_load(&p->region.lines[w].open) >> 32);
  *tag = p->parcels[slot].tag;
  *index = received > (uint32_t)task ? received : (uint32_t)task;
  return 1;
}
