/*
** Region: see region.h.
*/
#include "region.h"

#include "bell.h"
#include "shm.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest there is (arm64, ppc64): what is mapped has to begin at one. */
#define PAGE 65536u
#define SMALLEST_ARENA ((size_t)1 << 26)

typedef struct plan {
  size_t lines, figures, queues, slots, rings, arena, file_size;
  size_t memory_size; /* rings are mapped twice, so more than file_size */
} plan;

static size_t paged(size_t n) { return (n + PAGE - 1) & ~(size_t)(PAGE - 1); }

static plan planned(unsigned n_workers, size_t arena_size) {
  plan p;
  p.lines = paged(sizeof(wp_header));
  p.figures = p.lines + paged(n_workers * sizeof(wp_line));
  p.queues = p.figures + paged(n_workers * sizeof(wp_figures));
  p.slots = p.queues + paged((1 + (size_t)n_workers) * sizeof(wp_queue));
  p.rings = p.slots + paged(WP_LIMIT_PARCELS * sizeof(wp_slot));
  p.arena = p.rings + n_workers * WP_RING_BYTES;
  p.file_size = p.arena + arena_size;
  p.memory_size = p.file_size + n_workers * WP_RING_BYTES;
  return p;
}

static int map_parts(wp_region *r, const plan *p) {
  unsigned char *arena = r->base + (p->memory_size - r->arena_size);
  int status = wp_shm_map_at(r->base, p->rings, r->fd, 0);
  if (status == WP_OK)
    status = wp_shm_map_at(arena, r->arena_size, r->fd, p->arena);
  r->header = (wp_header *)(void *)r->base;
  r->lines = (wp_line *)(void *)(r->base + p->lines);
  r->figures = (wp_figures *)(void *)(r->base + p->figures);
  r->queues = (wp_queue *)(void *)(r->base + p->queues);
  r->slots = (wp_slot *)(void *)(r->base + p->slots);
  r->rings = r->base + p->rings;
  r->rings_offset = p->rings;
  r->arena = arena;
  return status;
}

static int map_all(wp_region *r, int fd, unsigned n_workers,
                   size_t arena_size) {
  plan p = planned(n_workers, arena_size);
  *r = (wp_region){.fd = fd, .size = p.memory_size, .arena_size = arena_size};
  r->base = wp_shm_reserve(p.memory_size);
  int status = r->base ? map_parts(r, &p) : -ENOMEM;
  if (status < 0) wp_region_free(r);
  return status;
}

/* A page of a file that is shorter cannot be touched. */
static int has_size(int fd, size_t size) {
  struct stat s;
  return fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (size_t)s.st_size == size;
}

int wp_region_attach(wp_region *r, int fd, unsigned n_workers,
                     size_t arena_size) {
  *r = (wp_region){.fd = fd};
  int status = WP_ECORRUPT;
  if (n_workers >= 1 && n_workers <= WP_LIMIT_WORKERS &&
      arena_size <= WP_LIMIT_ARENA &&
      has_size(fd, planned(n_workers, arena_size).file_size))
    status = map_all(r, fd, n_workers, arena_size);
  if (status == WP_OK && (r->header->magic != WP_LAYOUT_MAGIC ||
                          r->header->n_workers != n_workers))
    status = WP_ECORRUPT;
  if (status < 0) wp_region_free(r);
  return status;
}

static int create(wp_region *r, unsigned n_workers, size_t arena_size) {
  int fd = -1;
  int status = wp_shm_create(planned(n_workers, arena_size).file_size, &fd);
  if (status < 0) return status;
  fd = wp_fd_move(fd, WP_CLEAR_OF_STDIO);
  return map_all(r, fd, n_workers, arena_size);
}

int wp_region_create(wp_region *r, unsigned n_workers) {
  size_t arena_size = WP_LIMIT_ARENA;
  int status = create(r, n_workers, arena_size);
  while (wp_shm_wants_less(status) && arena_size > SMALLEST_ARENA) {
    arena_size = wp_shm_share(arena_size, SMALLEST_ARENA);
    status = create(r, n_workers, arena_size);
  }
  if (status < 0) return status;
  r->header->magic = WP_LAYOUT_MAGIC;
  r->header->n_workers = n_workers;
  return WP_OK;
}

unsigned char *wp_region_ring(const wp_region *r, unsigned w) {
  return r->rings + (size_t)w * 2 * WP_RING_BYTES;
}

int wp_region_map_ring(wp_region *r, unsigned w) {
  unsigned char *at = wp_region_ring(r, w);
  size_t offset = r->rings_offset + w * WP_RING_BYTES;
  int status = wp_shm_map_at(at, WP_RING_BYTES, r->fd, offset);
  if (status < 0) return status;
  return wp_shm_map_at(at + WP_RING_BYTES, WP_RING_BYTES, r->fd, offset);
}

void wp_region_close_fd(wp_region *r) {
  if (r->fd >= 0) close(r->fd);
  r->fd = -1;
}

void wp_region_free(wp_region *r) {
  wp_region_close_fd(r);
  wp_shm_unmap(r->base, r->size);
  *r = (wp_region){.fd = -1};
}
