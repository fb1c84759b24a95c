/*
** Shared, heap: see shared_heap.h. What this process has of it is in `own`,
** under a lock of the process; what all have is under the heap's robust lock.
** The former is always taken first.
*/
#include "shared_heap.h"

#include "process.h"
#include "shared_block.h"
#include "shared_holder.h"
#include "shared_lock.h"
#include "shared_map.h"
#include "shm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SCAN_NS 1000000000u
/* Messages may hold so many bytes before it is worth looking which of them
** have arrived. */
#define SWEEP_BYTES ((size_t)1 << 26)
#define SWEEP_EACH 4096u /* and each counts as so many at least */

static struct {
  pthread_mutex_t mutex;
  wp_heap *heap;
  int fd;
  uint32_t slot, unborn;
  unsigned leases;
  unsigned handles;
  int is_child;  /* others made it: it stays mapped until we end */
  size_t sent, sent_limit;
  uint32_t parent;
  unsigned valid_from; /* entries of older handles are not in our slot */
} own = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .slot = WP_NO_HOLDER};

static _Atomic int pins;

/* ---- the heap's lock ---------------------------------------------------- */

static wp_lock *lock_of(wp_heap *h) { return (wp_lock *)(void *)&h->mutex; }

static void take(wp_heap *h) {
  if (wp_lock_take(lock_of(h), WP_NEVER) != WP_LOCK_OWNER_DIED) return;
  atomic_fetch_add(&h->repairs, 1);
  wp_holder_recount(h);
}

static void leave(wp_heap *h) { (void)wp_lock_leave(lock_of(h)); }

/* ---- processes ---------------------------------------------------------- */

/* When all slots are taken, some may be those of the dead. */
static uint32_t take_slot(uint32_t parent, uint32_t state) {
  uint32_t slot = wp_holder_register(own.heap, parent, state);
  if (slot != WP_NO_HOLDER) return slot;
  wp_holder_bury(own.heap, own.slot);
  return wp_holder_register(own.heap, parent, state);
}

static void before_fork(void) {
  pthread_mutex_lock(&own.mutex);
  own.unborn = WP_NO_HOLDER;
  if (!own.heap) return;
  take(own.heap);
  uint32_t parent = own.leases || !own.is_child ? own.slot : own.parent;
  own.unborn = take_slot(parent, WP_HOLDER_BORN);
  if (own.unborn != WP_NO_HOLDER && own.slot != WP_NO_HOLDER)
    wp_holder_copy(own.heap, own.slot, own.unborn);
  leave(own.heap);
}

static void after_fork(void) { pthread_mutex_unlock(&own.mutex); }

/* So that a child that was killed before it did anything is known to be dead.
** Of forks that others make only the time tells. */
static void after_own_fork(pid_t child) {
  pthread_mutex_lock(&own.mutex);
  if (own.heap && own.unborn != WP_NO_HOLDER) {
    take(own.heap);
    wp_holder_is_born(own.heap, own.unborn, child);
    leave(own.heap);
    own.unborn = WP_NO_HOLDER;
  }
  pthread_mutex_unlock(&own.mutex);
}

/* One that comes so late that it has been given up has none. */
static void adopt_slot(void) {
  wp_holder *s = wp_heap_slot(own.heap, own.unborn);
  uint32_t state = WP_HOLDER_BORN;
  own.parent = s->parent;
  own.slot = WP_NO_HOLDER;
  if (atomic_load(&s->state) != state) return;
  wp_holder_is_me(s);
  if (atomic_compare_exchange_strong(&s->state, &state, WP_HOLDER_LIVE))
    own.slot = own.unborn;
}

static void after_birth(void) {
  pthread_mutex_unlock(&own.mutex); /* ours: we are the thread that forked */
  own.leases = 0;
  own.sent = 0;
  own.is_child = own.heap != NULL;
  atomic_store(&pins, 0);
  if (!own.heap) return;
  if (own.unborn != WP_NO_HOLDER) adopt_slot();
  else own.slot = WP_NO_HOLDER;
  if (own.slot == WP_NO_HOLDER) own.valid_from = wp_process_generation();
}

static void install(void) {
  (void)wp_process_generation();
  pthread_atfork(before_fork, after_fork, after_birth);
  wp_process_on_fork(after_own_fork);
}

static void lock_own(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  pthread_mutex_lock(&own.mutex);
}

static void unlock_own(void) { pthread_mutex_unlock(&own.mutex); }

/* ---- making and joining ------------------------------------------------- */

static int enter(uint32_t parent) {
  take(own.heap);
  own.parent = parent;
  own.slot = take_slot(parent, WP_HOLDER_LIVE);
  leave(own.heap);
  return own.slot == WP_NO_HOLDER ? WP_EFULL : WP_OK;
}

static int make(void) {
  int status = wp_map_make(&own.heap, &own.fd);
  if (status < 0) return status;
  own.is_child = 0;
  own.sent = 0;
  return enter(WP_NO_HOLDER);
}

/* Between lock_own and unlock_own, as all that follows. */
static int ensure(void) {
  if (!own.heap) return make();
  return own.slot == WP_NO_HOLDER ? enter(WP_NO_HOLDER) : WP_OK;
}

static void release_unused(void) {
  if (!own.heap || own.is_child || own.leases || own.handles ||
      atomic_load(&pins))
    return;
  take(own.heap);
  wp_holder_leave(own.heap, own.slot);
  leave(own.heap);
  wp_shm_unmap(own.heap, own.heap->size);
  close(own.fd);
  own.heap = NULL;
  own.fd = -1;
  own.slot = WP_NO_HOLDER;
}

/* Makes none: one that no pool has leased nobody would ever let go of. */
int wp_shared_address(char *text, size_t size) {
  lock_own();
  int status = own.heap ? ensure() : WP_ECLOSED;
  if (status == WP_OK)
    wp_map_address(own.heap, own.fd, own.slot, text, size);
  unlock_own();
  return status;
}

int wp_shared_join(const char *text) {
  int status = WP_OK;
  uint32_t parent;
  lock_own();
  if (!own.heap && (status = wp_map_join(text, &own.heap, &own.fd,
                                         &parent)) == WP_OK) {
    own.is_child = 1;
    status = enter(parent);
  }
  unlock_own();
  return status;
}

int wp_shared_lease(unsigned *process) {
  lock_own();
  int status = ensure();
  if (status == WP_OK) {
    own.leases++;
    atomic_store(&wp_heap_slot(own.heap, own.slot)->leases, own.leases);
    *process = wp_process_generation();
  }
  unlock_own();
  return status;
}

/* No pool: no message of ours is under way, but for the result of a task
** that ran pools of its own. */
void wp_shared_unlease(unsigned process) {
  if (process != wp_process_generation()) return;
  lock_own();
  own.leases--;
  atomic_store(&wp_heap_slot(own.heap, own.slot)->leases, own.leases);
  if (own.leases == 0) {
    take(own.heap);
    wp_holder_sweep(own.heap, own.slot,
                    own.is_child ? WP_SWEEP_RECEIVED : WP_SWEEP_ALL);
    wp_holder_bury(own.heap, own.slot);
    leave(own.heap);
    release_unused();
  }
  unlock_own();
}

/* ---- handles ------------------------------------------------------------ */

static void look_for_the_dead(wp_heap *h) {
  uint64_t now = wp_now_ns();
  if (now - h->scanned_ns < SCAN_NS) return;
  h->scanned_ns = now;
  wp_holder_bury(h, own.slot);
}

static int hold(wp_block *b, wp_shared *handle) {
  uint32_t entry;
  int status = wp_holder_add(own.heap, own.slot, b, 0, &entry);
  if (status < 0) return status;
  *handle = (wp_shared){b + 1, b->asked, atomic_load(&b->generation), entry,
                        wp_process_generation()};
  own.handles++;
  return WP_OK;
}

static int new_locked(uint32_t type, size_t size, wp_shared *handle) {
  wp_heap *h = own.heap;
  look_for_the_dead(h);
  wp_block *b = wp_block_alloc(h, type, size);
  if (!b) {
    wp_holder_bury(h, own.slot);
    b = wp_block_alloc(h, type, size);
  }
  if (!b) return WP_EFULL;
  int status = hold(b, handle);
  if (status < 0) wp_block_free(h, b);
  return status;
}

int wp_shared_new(uint32_t type, size_t size, wp_shared *handle) {
  lock_own();
  int status = ensure();
  if (status == WP_OK) {
    take(own.heap);
    status = new_locked(type, size, handle);
    leave(own.heap);
    if (status < 0) release_unused();
  }
  unlock_own();
  return status;
}

static wp_block *block_of(const wp_shared *handle) {
  return (wp_block *)handle->object - 1;
}

int wp_shared_again(const wp_shared *handle, wp_shared *copy) {
  lock_own();
  int status = ensure();
  if (status == WP_OK) {
    take(own.heap);
    status = hold(block_of(handle), copy);
    leave(own.heap);
  }
  unlock_own();
  return status;
}

/* A child that found no slot at its birth holds nothing of what it inherited,
** and has nothing to give back. */
void wp_shared_drop(wp_shared *handle) {
  if (!handle->object) return;
  lock_own();
  if (own.slot != WP_NO_HOLDER && handle->process >= own.valid_from) {
    take(own.heap);
    wp_holder_remove(own.heap, own.slot, handle->entry);
    leave(own.heap);
  }
  own.handles--;
  *handle = (wp_shared){0};
  release_unused();
  unlock_own();
}

/* ---- messages ----------------------------------------------------------- */

static void sweep_when_due(size_t size) {
  own.sent += size < SWEEP_EACH ? SWEEP_EACH : size;
  if (own.sent_limit < SWEEP_BYTES) own.sent_limit = SWEEP_BYTES;
  if (own.sent < own.sent_limit) return;
  size_t left = wp_holder_sweep(own.heap, own.slot, WP_SWEEP_OLD);
  own.sent = 0;
  own.sent_limit = left > SWEEP_BYTES ? left : SWEEP_BYTES;
}

static int send_locked(const wp_shared *handle, int stored, wp_ticket *t) {
  wp_heap *h = own.heap;
  wp_block *b = block_of(handle);
  *t = (wp_ticket){.unit = wp_heap_unit(h, b), .slot = own.slot,
                   .generation = handle->generation};
  t->mark = wp_holder_mark(h, stored || own.leases > 0);
  if (!stored) sweep_when_due(b->size);
  return wp_holder_add(h, own.slot, b, t->mark, &t->entry);
}

wp_ticket wp_stored_ticket(const wp_ticket *t) {
  wp_ticket stored = *t;
  stored.slot = WP_HOLDER_STORED;
  stored.entry = 0;
  return stored;
}

int wp_shared_send(const wp_shared *handle, int stored, wp_ticket *t) {
  lock_own();
  int status = ensure();
  if (status == WP_OK) {
    take(own.heap);
    status = send_locked(handle, stored, t);
    leave(own.heap);
  }
  unlock_own();
  return status;
}

static int receive_locked(const wp_ticket *t, uint32_t type,
                          wp_shared *handle) {
  wp_heap *h = own.heap;
  wp_block *b = wp_block_find(h, t->unit, t->generation);
  if (!b) return WP_ECLOSED;
  if (b->type != type) return WP_ECORRUPT;
  int status = hold(b, handle);
  if (status == WP_OK && t->slot != WP_HOLDER_STORED)
    wp_holder_received(h, t->slot, t->entry, t->unit, t->mark);
  return status;
}

int wp_shared_receive(const wp_ticket *t, uint32_t type, wp_shared *handle) {
  int status = WP_ECLOSED;
  lock_own();
  if (own.heap && ensure() == WP_OK) {
    take(own.heap);
    status = receive_locked(t, type, handle);
    leave(own.heap);
  }
  unlock_own();
  return status;
}

wp_heap *wp_shared_enter(void) {
  lock_own();
  (void)ensure();
  take(own.heap);
  return own.heap;
}

void wp_shared_leave(void) {
  leave(own.heap);
  unlock_own();
}

int wp_shared_store(wp_heap *h, wp_ticket *t, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (wp_holder_move(h, t[i].unit, t[i].mark, &t[i].slot, &t[i].entry,
                       WP_HOLDER_STORED) == WP_EHANDLES)
      return -ENOMEM;
  return WP_OK;
}

/* One for which we have no room stays where it is: forgetting finds it. */
void wp_shared_retrieve(wp_heap *h, wp_ticket *t, size_t n) {
  if (own.slot == WP_NO_HOLDER) return;
  for (size_t i = 0; i < n; i++)
    (void)wp_holder_move(h, t[i].unit, t[i].mark, &t[i].slot, &t[i].entry,
                         own.slot);
}

/* The mark is checked, so forgetting twice does no harm. */
void wp_shared_forget_locked(wp_heap *h, const wp_ticket *t, size_t n) {
  for (size_t i = 0; i < n; i++)
    wp_holder_received(h, t[i].slot, t[i].entry, t[i].unit,
                       t[i].mark & ~WP_MARK_MANY);
}

void wp_shared_forget(const wp_ticket *tickets, size_t n) {
  if (n == 0) return;
  lock_own();
  if (own.heap) {
    take(own.heap);
    wp_shared_forget_locked(own.heap, tickets, n);
    leave(own.heap);
  }
  unlock_own();
}

/* ---- looking ------------------------------------------------------------ */

uint64_t wp_shared_identity(void) {
  lock_own();
  int is_there = own.heap && ensure() == WP_OK;
  unlock_own();
  if (!is_there) return 0;
  return atomic_load(&wp_heap_slot(own.heap, own.slot)->identity);
}

int wp_shared_lives(uint64_t identity) {
  return own.heap && wp_holder_lives(own.heap, identity);
}

void wp_shared_pin(int by) { atomic_fetch_add(&pins, by); }

static void count_blocks(wp_heap *h, wp_shared_figures *f) {
  for (wp_block *b = NULL; (b = wp_block_next(h, b));) {
    if (atomic_load(&b->generation) == 0) continue;
    f->objects++;
    f->bytes += b->asked;
  }
}

void wp_shared_count(wp_shared_figures *f) {
  *f = (wp_shared_figures){0};
  lock_own();
  if (own.heap) {
    take(own.heap);
    wp_holder_bury(own.heap, own.slot);
    count_blocks(own.heap, f);
    f->handles = own.handles;
    f->repairs = atomic_load(&own.heap->repairs);
    f->address_space = own.heap->size;
    leave(own.heap);
  }
  unlock_own();
}
