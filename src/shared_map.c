/*
** Shared, map: see shared_map.h.
*/
#include "shared_map.h"

#include "shared_lock.h"
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x7770736861726564)
#define SMALLEST ((uint64_t)1 << 26)
/* Where there is less address space, there are fewer slots. */
#define FEW_HOLDERS (WP_LIMIT_HOLDERS / 8)

static size_t paged(size_t n) { return (n + 4095) & ~(size_t)4095; }

static void plan(wp_heap *h, uint64_t size) {
  uint64_t share = size / 16; /* of the address space, for entries */
  h->size = size;
  h->n_slots = size < WP_LIMIT_SHARED / 64 ? FEW_HOLDERS : WP_LIMIT_HOLDERS;
  h->n_entries = WP_LIMIT_HANDLES;
  while ((uint64_t)h->n_slots * h->n_entries * 8 > share) h->n_entries /= 2;
  h->slots_at = paged(sizeof(wp_heap));
  h->entries_at = h->slots_at + paged(h->n_slots * sizeof(wp_holder));
  h->blocks_at = h->entries_at + paged((size_t)h->n_slots * h->n_entries * 8);
}

static void init(wp_heap *h, uint64_t size) {
  plan(h, size);
  h->slots_used = WP_HOLDER_STORED + 1;
  atomic_store(&h->top, h->blocks_at / WP_UNIT);
  if (getrandom(&h->generation, sizeof(h->generation), 0) < 0)
    h->generation = wp_now_ns();
  /* Generations of two heaps do not meet, and fit Lua's integers. */
  h->generation &= INT64_MAX >> 1;
  h->id = h->generation;
  wp_lock_init((wp_lock *)(void *)&h->mutex);
  h->magic = MAGIC;
}

static int map_heap(int fd, uint64_t size, wp_heap **heap) {
  wp_heap *h = wp_shm_reserve(size);
  if (!h) return -ENOMEM;
  int status = wp_shm_map_at(h, size, fd, 0);
  if (status < 0) {
    wp_shm_unmap(h, size);
    return status;
  }
  *heap = h;
  return WP_OK;
}

/* Not one of the first three: a program may close and reopen those. */
static int make_of(uint64_t size, wp_heap **heap, int *fd) {
  int status = wp_shm_create(size, fd);
  if (status < 0) return status;
  int clear = *fd < 3 ? fcntl(*fd, F_DUPFD_CLOEXEC, 3) : *fd;
  if (clear != *fd) close(*fd);
  if (clear < 0) return -EMFILE;
  *fd = clear;
  status = map_heap(clear, size, heap);
  if (status < 0) close(clear);
  return status;
}

int wp_map_make(wp_heap **heap, int *fd) {
  uint64_t size = WP_LIMIT_SHARED;
  int status = make_of(size, heap, fd);
  while (wp_shm_wants_less(status) && size > SMALLEST)
    status = make_of(size = wp_shm_share(size, SMALLEST), heap, fd);
  if (status == WP_OK) init(*heap, size);
  else *fd = -1;
  return status;
}

void wp_map_address(const wp_heap *heap, int fd, uint32_t slot, char *text,
                    size_t size) {
  snprintf(text, size, "%d:%d:%llu:%llu:%u", (int)getpid(), fd,
           (unsigned long long)heap->size, (unsigned long long)heap->id, slot);
}

static int join(const char *path, uint64_t size, uint64_t id, wp_heap **heap,
                int *fd) {
  int mine = open(path, O_RDWR | O_CLOEXEC);
  if (mine < 0) return -errno;
  int status = map_heap(mine, size, heap);
  if (status == WP_OK && ((*heap)->magic != MAGIC || (*heap)->id != id)) {
    wp_shm_unmap(*heap, size);
    *heap = NULL;
    status = WP_ECORRUPT;
  }
  if (status < 0) close(mine);
  else *fd = mine;
  return status;
}

int wp_map_join(const char *text, wp_heap **heap, int *fd, uint32_t *parent) {
  char path[64];
  int pid, their_fd;
  unsigned long long size, id;
  if (sscanf(text, "%d:%d:%llu:%llu:%u", &pid, &their_fd, &size, &id,
             parent) != 5)
    return WP_EINVAL;
  snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, their_fd);
  return join(path, size, id, heap, fd);
}
