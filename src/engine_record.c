/*
** Engine, records: how what workers have written into their rings becomes
** events, the record included that a dead one left open. A record is checked
** against what the host knows before it is believed, and stays where it is, as
** what it has lent does, until its event is done with.
*/
#include "engine.h"

#include "bell.h"
#include "queue.h"
#include "ring.h"

#include <string.h>

/* Whether a record of results is what this worker could say about a parcel
** that it holds. A worker that is not sane is not believed. */
static int plausible(wp_pool *p, unsigned w, const wp_record *r) {
  if (r->slot >= p->n_used || !p->parcels[r->slot].job) return 0;
  const wp_slot *s = &p->region.slots[r->slot];
  const wp_parcel_info *info = &p->parcels[r->slot];
  if (r->generation != info->generation ||
      atomic_load(&s->owner) != wp_owner(r->generation, WP_SLOT_CLAIMED + w))
    return 0;
  return r->first == info->received && r->count <= info->count - r->first;
}

static void result_event(wp_pool *p, const wp_record *r, wp_event *e) {
  wp_parcel_info *info = &p->parcels[r->slot];
  e->type = WP_EVENT_RESULT;
  e->tag = info->tag;
  e->ticket = wp_ticket_of(p, r->slot);
  e->first = r->first;
  e->count = r->count;
  e->last = (r->flags & WP_RECORD_LAST) != 0;
  e->elapsed_ns = r->value;
  info->received += r->count;
  if (e->last) p->ended_slot = r->slot;
}

static void count_tasks(wp_pool *p, unsigned w, uint32_t count) {
  if (atomic_load_explicit(&p->region.header->measures, memory_order_relaxed))
    atomic_fetch_add(&p->region.figures[w].tasks, count);
}

static int fill_event(wp_pool *p, unsigned w, const wp_record *r,
                      wp_event *e) {
  *e = (wp_event){.worker = w, .data = e->data, .length = e->length};
  if (r->type == WP_RECORD_MESSAGE) {
    e->type = WP_EVENT_MESSAGE;
    e->tag = r->value;
    e->kind = r->kind;
    return 1;
  }
  if (r->type != WP_RECORD_RESULT || !plausible(p, w, r)) return WP_ECORRUPT;
  result_event(p, r, e);
  count_tasks(p, w, r->count);
  return 1;
}

/* The last piece completes what the ones before have gathered. */
static int assemble(wp_pool *p, unsigned w, wp_event *e) {
  wp_host_worker *hw = &p->workers[w];
  int status = wp_bytes_append(&hw->assembly, e->data, e->length);
  if (status < 0) return status;
  e->data = hw->assembly.data;
  e->length = hw->assembly.len;
  wp_loan_offer(&hw->loans, &p->region.lines[w], &p->arena, e->length);
  return WP_OK;
}

static int find_lent(wp_pool *p, unsigned w, wp_event *e) {
  wp_lent lent;
  if (e->length != sizeof(lent)) return WP_ECORRUPT;
  memcpy(&lent, e->data, sizeof(lent));
  p->held_loan = wp_loan_of(&p->workers[w].loans, &p->region.lines[w], &lent);
  if (p->held_loan < 0) return WP_ECORRUPT;
  e->data = p->arena.base + lent.offset;
  e->length = lent.length;
  return WP_OK;
}

static int complete(wp_pool *p, unsigned w, const wp_record *r,
                    const unsigned char *body, wp_event *e) {
  int status = WP_OK;
  e->data = body;
  e->length = r->size;
  if (r->flags & WP_RECORD_LENT) status = find_lent(p, w, e);
  else if (p->workers[w].assembly.len > 0) status = assemble(p, w, e);
  return status < 0 ? status : fill_event(p, w, r, e);
}

static void consume(wp_pool *p, unsigned w, const wp_record *r) {
  const wp_host_worker *hw = &p->workers[w];
  if (wp_ring_consume(&p->region.lines[w], r) && hw->state == WP_WORKER_RUNNING)
    (void)wp_bell_ring(hw->bell);
}

/* The record stays where it is, also for another try, or as all that a worker
** has said that is out of its mind. Then its pieces stay as well: what the next
** settling clears is of the event that was handed out. */
static int take_whole(wp_pool *p, unsigned w, const wp_record *r,
                      const unsigned char *body, wp_event *e) {
  p->held_loan = -1;
  int got = complete(p, w, r, body, e);
  if (got < 0) return got;
  p->held = *r;
  p->held_worker = w;
  p->holds_record = 1;
  p->clear_assembly = p->workers[w].assembly.len > 0;
  return got;
}

int wp_worker_take_record(wp_pool *p, unsigned w, wp_event *e) {
  wp_line *line = &p->region.lines[w];
  const unsigned char *ring = wp_region_ring(&p->region, w);
  const unsigned char *body;
  wp_record record;
  int got;
  while ((got = wp_ring_peek(ring, line, &record, &body)) == 1) {
    if (!(record.flags & WP_RECORD_MORE))
      return take_whole(p, w, &record, body, e);
    got = wp_bytes_append(&p->workers[w].assembly, body, record.size);
    if (got < 0) return got;
    consume(p, w, &record);
  }
  return got;
}

/* ---- what a dead one has left ------------------------------------------- */

/* The results in the record that it left open: once, as a result event. */
static int take_open(wp_pool *p, unsigned w, wp_event *e) {
  wp_line *line = &p->region.lines[w];
  wp_record record;
  const unsigned char *body;
  int got = wp_ring_peek_open(wp_region_ring(&p->region, w), line, &record,
                              &body);
  atomic_store(&line->open, 0);
  if (got != 1 || !plausible(p, w, &record)) return 0;
  atomic_fetch_add(&line->completed, record.count);
  record.flags = 0;
  record.value = 0;
  e->data = body;
  e->length = record.size;
  return fill_event(p, w, &record, e);
}

/* Its parcel ends, if all results are here: it did not live to say so. */
static int take_end(wp_pool *p, unsigned w, wp_event *e) {
  uint32_t slot = wp_parcel_claimed_by(p, w);
  const wp_parcel_info *info = slot == WP_NO_SLOT ? NULL : &p->parcels[slot];
  if (!info || info->received < info->count) return 0;
  const wp_record end = {.slot = slot, .first = info->received,
                         .flags = WP_RECORD_LAST};
  *e = (wp_event){.worker = w};
  result_event(p, &end, e);
  return 1;
}

int wp_worker_take_left(wp_pool *p, unsigned w, wp_event *e) {
  return take_open(p, w, e) || take_end(p, w, e);
}

/* ---- done with ---------------------------------------------------------- */

/* Gives back what the last event lent out. */
static void settle_record(wp_pool *p) {
  unsigned w = p->held_worker;
  /* First, so that a worker which waits for either finds both. */
  if (p->held_loan >= 0)
    wp_loan_renew(&p->workers[w].loans, &p->region.lines[w], p->held_loan);
  consume(p, w, &p->held);
  p->holds_record = 0;
}

void wp_settle(wp_pool *p) {
  wp_bytes *assembly = &p->workers[p->held_worker].assembly;
  if (!wp_is_owner(p)) return;
  if (p->holds_record) settle_record(p);
  if (p->clear_assembly) {
    assembly->len = 0;
    if (assembly->cap > WP_RING_BYTES) wp_bytes_free(assembly);
  }
  p->clear_assembly = 0;
  if (p->ended_slot != WP_NO_SLOT) wp_parcel_release(p, p->ended_slot);
  p->ended_slot = WP_NO_SLOT;
}

void wp_worker_recall_loans(wp_pool *p) {
  for (unsigned w = 0; w < p->config.n_workers; w++)
    wp_loan_recall(&p->workers[w].loans, &p->region.lines[w], &p->arena, 0);
}
