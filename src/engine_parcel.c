/*
** Engine, parcels: slots and jobs, from submitting to release. A slot is
** filled while it is free, becomes claimable with one store, and is freed
** by the host alone, after the results or the death that ended it.
*/
#include "engine.h"

#include "queue.h"
#include "ring.h"

#include <errno.h>
#include <string.h>

#ifdef WP_TEST
#define FIRST_ROOM 1
#else
#define FIRST_ROOM 64
#endif

/* Room for more slots. Most pools need few, and pages that are touched here
** are pages that every fork has to copy. */
static int grow(wp_pool *p) {
  size_t each = sizeof(*p->parcels);
  uint32_t room = p->n_room ? p->n_room * 4 : FIRST_ROOM;
  if (room > WP_LIMIT_PARCELS) room = WP_LIMIT_PARCELS;
  void *parcels = wp_realloc(p->parcels, p->n_room * each, room * each);
  if (!parcels) return -ENOMEM;
  p->parcels = parcels;
  memset(p->parcels + p->n_room, 0, (room - p->n_room) * each);
  p->n_room = room;
  return WP_OK;
}

int wp_parcels_init(wp_pool *p) {
  p->next_job_id = 1;
  p->ended_slot = p->first_free = WP_NO_SLOT;
  wp_arena_init(&p->arena, p->region.arena, p->region.arena_size);
  return grow(p);
}

static void free_jobs(wp_pool *p) {
  while (p->jobs) {
    wp_job *job = p->jobs;
    p->jobs = job->next;
    wp_free(job, sizeof(*job));
  }
}

void wp_parcels_deinit(wp_pool *p) {
  free_jobs(p);
  wp_arena_deinit(&p->arena);
  wp_free(p->parcels, p->n_room * sizeof(*p->parcels));
}

/* ---- jobs -------------------------------------------------------------- */

static int store(wp_pool *p, const struct iovec *iov, size_t length,
                 uint64_t *offset) {
  wp_cursor from = {iov, 0};
  int status = wp_arena_take(&p->arena, length, offset);
  if (status == WP_OK) wp_gather(p->arena.base + *offset, length, &from);
  return status;
}

int wp_set_setup(wp_pool *p, const void *data, size_t length) {
  const struct iovec iov = {(void *)data, length};
  uint64_t offset;
  if (!wp_is_owner(p)) return WP_ECLOSED;
  int status = store(p, &iov, length, &offset);
  if (status < 0) return status;
  p->region.header->setup_offset = offset;
  p->region.header->setup_length = length;
  return WP_OK;
}

static void link_job(wp_pool *p, wp_job *job) {
  job->next = p->jobs;
  if (p->jobs) p->jobs->previous = job;
  p->jobs = job;
}

static void unlink_job(wp_pool *p, wp_job *job) {
  if (job->next) job->next->previous = job->previous;
  if (job->previous) job->previous->next = job->next;
  else p->jobs = job->next;
}

int wp_announce(wp_pool *p, const void *data, size_t length, wp_job **out) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  wp_job *job = wp_calloc(sizeof(*job));
  if (!job) return -ENOMEM;
  const struct iovec iov = {(void *)data, length};
  int status = store(p, &iov, length, &job->offset);
  if (status < 0) {
    wp_free(job, sizeof(*job));
    return status;
  }
  job->length = length;
  job->id = p->next_job_id++;
  link_job(p, job);
  *out = job;
  return WP_OK;
}

static void drop_job(wp_pool *p, wp_job *job) {
  if (!job->retired || job->users > 0) return;
  wp_arena_give(&p->arena, job->offset, job->length);
  unlink_job(p, job);
  wp_free(job, sizeof(*job));
}

void wp_retire(wp_pool *p, wp_job *job) {
  if (!wp_is_owner(p)) return;
  job->retired = 1;
  drop_job(p, job);
}

/* ---- slots ------------------------------------------------------------- */

uint64_t wp_ticket_of(const wp_pool *p, uint32_t slot) {
  return wp_owner(p->parcels[slot].generation, slot);
}

/* The slot of a ticket that has not ended, or WP_NO_SLOT. */
static uint32_t slot_of(const wp_pool *p, uint64_t ticket) {
  uint32_t slot = (uint32_t)ticket;
  if (slot >= p->n_used || wp_ticket_of(p, slot) != ticket ||
      !p->parcels[slot].job)
    return WP_NO_SLOT;
  return slot;
}

static int take_slot(wp_pool *p, unsigned spare, uint32_t *slot) {
  if (p->pending + spare >= WP_LIMIT_PARCELS) return WP_EFULL;
  if (p->first_free != WP_NO_SLOT) {
    *slot = p->first_free;
    p->first_free = p->parcels[*slot].next_free;
    return WP_OK;
  }
  int status = p->n_used == p->n_room ? grow(p) : WP_OK;
  if (status == WP_OK) *slot = p->n_used++;
  return status;
}

static void give_slot(wp_pool *p, uint32_t slot) {
  p->parcels[slot].job = NULL;
  p->parcels[slot].next_free = p->first_free;
  p->first_free = slot;
}

void wp_parcel_release(wp_pool *p, uint32_t slot) {
  wp_parcel_info *info = &p->parcels[slot];
  wp_slot *s = &p->region.slots[slot];
  wp_job *job = info->job;
  info->generation++;
  atomic_store(&s->owner, wp_owner(info->generation, WP_SLOT_FREE));
  wp_arena_give(&p->arena, info->offset, info->length);
  give_slot(p, slot);
  p->pending--;
  job->users--;
  drop_job(p, job);
}

static void fill_info(wp_parcel_info *info, const wp_parcel *parcel,
                      uint64_t offset) {
  info->job = parcel->job;
  info->tag = parcel->tag;
  info->offset = offset;
  info->length = parcel->length;
  info->count = parcel->count;
  info->skip = parcel->skip;
  info->flags = parcel->flags;
  info->received = 0;
}

static void fill_slot(wp_pool *p, uint32_t slot, const wp_parcel *parcel,
                      uint64_t offset) {
  wp_slot *s = &p->region.slots[slot];
  wp_parcel_info *info = &p->parcels[slot];
  fill_info(info, parcel, offset);
  s->tag = parcel->tag;
  s->offset = offset;
  s->length = parcel->length;
  s->job_offset = parcel->job->offset;
  s->job_length = parcel->job->length;
  s->job_id = parcel->job->id;
  s->count = parcel->count;
  s->skip = parcel->skip;
  s->flags = parcel->flags;
  parcel->job->users++;
  p->pending++;
  atomic_store_explicit(&s->owner, wp_owner(info->generation, WP_SLOT_READY),
                        memory_order_release);
}

static int push(wp_pool *p, uint32_t slot, int target) {
  wp_queue *q = &p->region.queues[target == WP_ANY ? 0 : 1 + target];
  int status = wp_queue_push(q, slot, p->parcels[slot].generation);
  if (status == WP_OK) wp_worker_wake(p, target);
  return status;
}

static int check(const wp_pool *p, const wp_parcel *parcel) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  if (!parcel->job || parcel->count == 0 ||
      parcel->count > UINT32_MAX - parcel->skip)
    return WP_EINVAL;
  if (parcel->target != WP_ANY &&
      (parcel->target < 0 || (unsigned)parcel->target >= p->config.n_workers))
    return WP_EINVAL;
  return parcel->length > WP_LIMIT_MESSAGE ? WP_ETOOBIG : WP_OK;
}

/* Slots are kept `spare` for others. */
static int submit(wp_pool *p, const wp_parcel *given, unsigned spare,
                  uint64_t *ticket) {
  uint64_t offset;
  uint32_t slot = WP_NO_SLOT;
  const struct iovec one = {(void *)given->data, given->length};
  const struct iovec *iov = given->n_iov > 0 ? given->iov : &one;
  int n_iov = given->n_iov > 0 ? given->n_iov : 1;
  wp_parcel parcel = *given;
  parcel.length = wp_iov_length(iov, n_iov);
  int status = check(p, &parcel);
  if (status == WP_OK) status = take_slot(p, spare, &slot);
  if (status < 0) return status;
  status = store(p, iov, parcel.length, &offset);
  if (status < 0) {
    give_slot(p, slot);
    return status;
  }
  fill_slot(p, slot, &parcel, offset);
  status = push(p, slot, parcel.target);
  if (status < 0) wp_parcel_release(p, slot);
  else if (ticket) *ticket = wp_ticket_of(p, slot);
  return status;
}

int wp_submit(wp_pool *p, const wp_parcel *parcel, uint64_t *ticket) {
  return submit(p, parcel, WP_SPARE_PARCELS, ticket);
}

int wp_cancel(wp_pool *p, uint64_t ticket) {
  if (!wp_is_owner(p)) return 0;
  uint32_t slot = slot_of(p, ticket);
  if (slot == WP_NO_SLOT) return 0;
  uint32_t generation = p->parcels[slot].generation;
  uint64_t ready = wp_owner(generation, WP_SLOT_READY);
  uint64_t gone = wp_owner(generation, WP_SLOT_FREE);
  if (!atomic_compare_exchange_strong(&p->region.slots[slot].owner, &ready,
                                      gone))
    return 0;
  wp_parcel_release(p, slot);
  return 1;
}

unsigned wp_abandon(wp_pool *p, uint64_t low, uint64_t high, uint64_t *busy) {
  unsigned n = 0;
  if (!wp_is_owner(p)) return 0;
  for (uint32_t slot = 0; slot < p->n_used; slot++) {
    uint64_t tag = p->parcels[slot].tag;
    if (!p->parcels[slot].job || tag < low || tag > high) continue;
    uint64_t ticket = wp_ticket_of(p, slot);
    if (slot == p->ended_slot || wp_cancel(p, ticket)) continue;
    int w = wp_claimant(p, ticket);
    if (w < 0 || wp_has_ended(p, ticket)) continue;
    busy[w / 64] |= (uint64_t)1 << (w % 64);
    n++;
  }
  return n;
}

int wp_claimant(const wp_pool *p, uint64_t ticket) {
  uint32_t slot = slot_of(p, ticket);
  if (slot == WP_NO_SLOT) return -1;
  uint32_t state = (uint32_t)atomic_load(&p->region.slots[slot].owner);
  uint32_t w = state - WP_SLOT_CLAIMED;
  return state < WP_SLOT_CLAIMED || w >= p->config.n_workers ? -1 : (int)w;
}

int wp_has_ended(const wp_pool *p, uint64_t ticket) {
  int w = wp_claimant(p, ticket);
  uint32_t slot = (uint32_t)ticket;
  if (w < 0 || !wp_running(p, (unsigned)w)) return 0;
  return wp_ring_has_end(wp_region_ring(&p->region, (unsigned)w),
                         &p->region.lines[w], slot,
                         p->parcels[slot].generation);
}

uint32_t wp_parcel_claimed_by(const wp_pool *p, unsigned w) {
  for (uint32_t slot = 0; slot < p->n_used; slot++) {
    uint64_t owner = atomic_load(&p->region.slots[slot].owner);
    if (p->parcels[slot].job && (uint32_t)owner == WP_SLOT_CLAIMED + w)
      return slot;
  }
  return WP_NO_SLOT;
}

static int is_sane(const wp_pool *p, uint32_t slot) {
  uint64_t owner = atomic_load(&p->region.slots[slot].owner);
  uint32_t state = (uint32_t)owner;
  return (uint32_t)(owner >> 32) == p->parcels[slot].generation &&
         state >= WP_SLOT_READY &&
         state < WP_SLOT_CLAIMED + p->config.n_workers;
}

uint32_t wp_parcel_orphan(const wp_pool *p) {
  for (uint32_t slot = 0; slot < p->n_used; slot++)
    if (p->parcels[slot].job && !is_sane(p, slot)) return slot;
  return WP_NO_SLOT;
}

int wp_submit_again(wp_pool *p, const wp_event *event, uint32_t first,
                    uint32_t count, int target, uint64_t *ticket) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  uint32_t slot = slot_of(p, event->ticket);
  if (slot == WP_NO_SLOT || slot != p->ended_slot) return WP_EINVAL;
  /* A copy: submitting may make the list of parcels grow, and move. */
  const wp_parcel_info of = p->parcels[slot];
  if (first > of.count || count > of.count - first) return WP_EINVAL;
  wp_parcel again = {.job = of.job,
                     .data = p->arena.base + of.offset,
                     .length = of.length,
                     .tag = of.tag + first,
                     .count = count,
                     .skip = of.skip + first,
                     .flags = of.flags,
                     .target = target};
  return submit(p, &again, 0, ticket);
}

int wp_parcel_data(const wp_pool *p, const wp_event *event,
                   const unsigned char **data, size_t *length,
                   uint32_t *skip) {
  uint32_t slot = slot_of(p, event->ticket);
  if (slot == WP_NO_SLOT) return WP_EINVAL;
  const wp_parcel_info *info = &p->parcels[slot];
  *data = p->arena.base + info->offset;
  *length = info->length;
  *skip = info->skip;
  return WP_OK;
}

unsigned wp_pending(const wp_pool *p) { return p->pending; }
