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
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x7770736861726564)
#define LARGEST ((uint64_t)1 << 38)
#define SMALLEST ((uint64_t)1 << 26)
#define MOST_SLOTS 4096u
#define MOST_ENTRIES (1u << 17)
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
} own = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .slot = WP_NO_SLOT};

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

static void before_fork(void) {
  pthread_mutex_lock(&own.mutex);
  own.unborn = WP_NO_SLOT;
  if (!own.heap) return;
  take(own.heap);
  uint32_t parent = own.leases || !own.is_child ? own.slot : own.parent;
  own.unborn = wp_holder_register(own.heap, parent, WP_SLOT_BORN);
  if (own.unborn != WP_NO_SLOT)
    wp_holder_copy(own.heap, own.slot, own.unborn);
  leave(own.heap);
}

static void after_fork(void) { pthread_mutex_unlock(&own.mutex); }

static void adopt_slot(void) {
  wp_holder *s = wp_heap_slot(own.heap, own.unborn);
  uint32_t state = WP_SLOT_BORN;
  own.parent = s->parent;
  own.slot = own.unborn;
  atomic_store(&s->pid, (uint32_t)getpid());
  atomic_compare_exchange_strong(&s->state, &state, WP_SLOT_LIVE);
}

static void after_birth(void) {
  pthread_mutex_init(&own.mutex, NULL);
  own.leases = 0;
  own.sent = 0;
  own.is_child = own.heap != NULL;
  atomic_store(&pins, 0);
  if (!own.heap) return;
  if (own.unborn != WP_NO_SLOT) adopt_slot();
  else own.slot = WP_NO_SLOT;
  if (own.slot == WP_NO_SLOT) own.valid_from = wp_process_generation();
}

static void install(void) {
  (void)wp_process_generation();
  pthread_atfork(before_fork, after_fork, after_birth);
}

static void lock_own(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  pthread_mutex_lock(&own.mutex);
}

static void unlock_own(void) { pthread_mutex_unlock(&own.mutex); }

/* ---- making and joining ------------------------------------------------- */

static size_t paged(size_t n) { return (n + 4095) & ~(size_t)4095; }

static void plan(wp_heap *h, uint64_t size) {
  uint64_t share = size / 16; /* of the address space, for entries */
  h->size = size;
  h->n_slots = size < LARGEST / 64 ? MOST_SLOTS / 8 : MOST_SLOTS;
  h->n_entries = MOST_ENTRIES;
  while ((uint64_t)h->n_slots * h->n_entries * 8 > share) h->n_entries /= 2;
  h->slots_at = paged(sizeof(wp_heap));
  h->entries_at = h->slots_at + paged(h->n_slots * sizeof(wp_holder));
  h->blocks_at = h->entries_at + paged((size_t)h->n_slots * h->n_entries * 8);
}

static void init(wp_heap *h, uint64_t size) {
  plan(h, size);
  h->slots_used = WP_SLOT_STORED + 1;
  atomic_store(&h->top, h->blocks_at / WP_UNIT);
  if (getrandom(&h->generation, sizeof(h->generation), 0) < 0)
    h->generation = wp_now_ns();
  /* Generations of two heaps do not meet, and fit Lua's integers. */
  h->generation &= INT64_MAX >> 1;
  h->id = h->generation;
  wp_lock_init(lock_of(h));
  h->magic = MAGIC;
}

static int map_heap(int fd, uint64_t size) {
  wp_heap *h = wp_shm_reserve(size);
  if (!h) return -ENOMEM;
  int status = wp_shm_map_at(h, size, fd, 0);
  if (status < 0) {
    wp_shm_unmap(h, size);
    return status;
  }
  own.heap = h;
  own.fd = fd;
  return WP_OK;
}

static int make_of(uint64_t size) {
  int fd = -1;
  int status = wp_shm_create(size, &fd);
  if (status < 0) return status;
  int clear = fd < 3 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : fd;
  if (clear != fd) close(fd);
  if (clear < 0) return -EMFILE;
  status = map_heap(clear, size);
  if (status < 0) close(clear);
  return status;
}

static int enter(uint32_t parent) {
  take(own.heap);
  own.parent = parent;
  own.slot = wp_holder_register(own.heap, parent, WP_SLOT_LIVE);
  if (own.slot == WP_NO_SLOT) {
    wp_holder_bury(own.heap, own.slot);
    own.slot = wp_holder_register(own.heap, parent, WP_SLOT_LIVE);
  }
  leave(own.heap);
  return own.slot == WP_NO_SLOT ? WP_EFULL : WP_OK;
}

static int make(void) {
  uint64_t size = LARGEST;
  int status = make_of(size);
  /* A limit on address space (ulimit -v) is met by asking for less. */
  while (status == -ENOMEM && size > SMALLEST) status = make_of(size /= 4);
  if (status < 0) return status;
  init(own.heap, size);
  own.is_child = 0;
  own.sent = 0;
  return enter(WP_NO_SLOT);
}

/* Between lock_own and unlock_own, as all that follows. */
static int ensure(void) {
  if (!own.heap) return make();
  return own.slot == WP_NO_SLOT ? enter(WP_NO_SLOT) : WP_OK;
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
  own.slot = WP_NO_SLOT;
}

int wp_shared_address(char *text, size_t size) {
  lock_own();
  int status = ensure();
  if (status == WP_OK)
    snprintf(text, size, "%d:%d:%llu:%llu:%u", (int)getpid(), own.fd,
             (unsigned long long)own.heap->size,
             (unsigned long long)own.heap->id, own.slot);
  unlock_own();
  return status;
}

static int join(int pid, int fd, uint64_t size, uint64_t id,
                uint32_t parent) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
  int mine = open(path, O_RDWR | O_CLOEXEC);
  if (mine < 0) return -errno;
  int status = map_heap(mine, size);
  if (status < 0) {
    close(mine);
    return status;
  }
  own.is_child = 1;
  if (own.heap->magic == MAGIC && own.heap->id == id) return enter(parent);
  wp_shm_unmap(own.heap, size);
  close(mine);
  own.heap = NULL;
  return WP_ECORRUPT;
}

int wp_shared_join(const char *text) {
  int pid, fd, status = WP_OK;
  unsigned long long size, id;
  uint32_t parent;
  if (sscanf(text, "%d:%d:%llu:%llu:%u", &pid, &fd, &size, &id, &parent) != 5)
    return WP_EINVAL;
  lock_own();
  if (!own.heap) status = join(pid, fd, size, id, parent);
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
  take(own.heap);
  int status = hold(block_of(handle), copy);
  leave(own.heap);
  unlock_own();
  return status;
}

/* A child that found no slot at its birth holds nothing of what it inherited,
** and has nothing to give back. */
void wp_shared_drop(wp_shared *handle) {
  if (!handle->object) return;
  lock_own();
  if (own.slot != WP_NO_SLOT && handle->process >= own.valid_from) {
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
  uint32_t slot = stored ? WP_SLOT_STORED : own.slot;
  wp_block *b = block_of(handle);
  *t = (wp_ticket){.unit = wp_heap_unit(h, b), .slot = slot,
                   .generation = handle->generation};
  t->mark = wp_holder_mark(h, stored || own.leases > 0);
  if (!stored) sweep_when_due(b->size);
  return wp_holder_add(h, slot, b, t->mark, &t->entry);
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
  if (status == WP_OK && t->slot != WP_SLOT_STORED)
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
  if (!own.heap || own.slot == WP_NO_SLOT) return 0;
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
