/*
** Base: see base.h.
*/
#include "base.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *default_alloc(void *ud, void *block, size_t old_size,
                           size_t new_size) {
  (void)ud;
  (void)old_size;
  if (new_size == 0) {
    free(block);
    return NULL;
  }
  return realloc(block, new_size);
}

static wp_alloc_fn alloc_fn = default_alloc;
static void *alloc_ud;

void wp_set_allocator(wp_alloc_fn fn, void *ud) {
  alloc_fn = fn ? fn : default_alloc;
  alloc_ud = ud;
}

#ifdef WP_TEST
/* Never in place, and what is left behind is no use to anybody. */
static void *moved(void *block, size_t old_size, size_t new_size) {
  unsigned char *fresh = alloc_fn(alloc_ud, NULL, 0, new_size);
  size_t kept = old_size < new_size ? old_size : new_size;
  if (!fresh) return NULL;
  memset(fresh, 0xA5, new_size);
  if (!block) return fresh;
  memcpy(fresh, block, kept);
  memset(block, 0x5A, old_size);
  alloc_fn(alloc_ud, block, old_size, 0);
  return fresh;
}
#endif

void *wp_realloc(void *block, size_t old_size, size_t new_size) {
#ifdef WP_TEST
  if (new_size) return moved(block, old_size, new_size);
#endif
  return alloc_fn(alloc_ud, block, old_size, new_size);
}

void *wp_calloc(size_t size) {
  void *block = wp_realloc(NULL, 0, size);
  if (block) memset(block, 0, size);
  return block;
}

void wp_free(void *block, size_t size) {
  if (block) wp_realloc(block, size, 0);
}

static size_t grown(size_t cap, size_t want) {
#ifdef WP_TEST
  if (want < 4096) return want;
#endif
  size_t next = cap < 256 ? 256 : cap;
  while (next < want) next += next / 2;
  return next;
}

int wp_bytes_reserve(wp_bytes *b, size_t extra) {
  if (b->cap - b->len >= extra) return WP_OK;
  if (extra > WP_LIMIT_MESSAGE - b->len) return WP_ETOOBIG;
  size_t cap = grown(b->cap, b->len + extra);
  void *data = wp_realloc(b->data, b->cap, cap);
  if (!data) return -ENOMEM;
  b->data = data;
  b->cap = cap;
  return WP_OK;
}

int wp_bytes_append(wp_bytes *b, const void *data, size_t len) {
  int status = wp_bytes_reserve(b, len);
  if (status < 0) return status;
  if (len) memcpy(b->data + b->len, data, len);
  b->len += len;
  return WP_OK;
}

void wp_bytes_free(wp_bytes *b) {
  wp_free(b->data, b->cap);
  *b = (wp_bytes){0};
}

size_t wp_iov_length(const struct iovec *iov, int n) {
  size_t length = 0;
  for (int i = 0; i < n; i++)
    if (__builtin_add_overflow(length, iov[i].iov_len, &length))
      return SIZE_MAX;
  return length;
}

void wp_gather(void *to, size_t length, wp_cursor *from) {
  unsigned char *at = to;
  while (length > 0) {
    size_t there = from->iov->iov_len - from->skip;
    size_t n = length < there ? length : there;
    if (n)
      memcpy(at, (const unsigned char *)from->iov->iov_base + from->skip, n);
    at += n;
    length -= n;
    from->skip += n;
    if (n < there) continue;
    from->iov++;
    from->skip = 0;
  }
}

uint64_t wp_now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define SPIN_LEAST_NS 2000u
#define SPIN_MOST_NS 50000u

static void adapt(wp_spin *spin, int is_worth_it) {
  uint64_t next = is_worth_it ? spin->limit_ns * 2 : spin->limit_ns / 2;
  if (next < SPIN_LEAST_NS) next = SPIN_LEAST_NS;
  if (next > SPIN_MOST_NS) next = SPIN_MOST_NS;
  spin->limit_ns = next;
}

int wp_spin_for(wp_spin *spin, int (*found)(void *ud), void *ud) {
  if (spin->limit_ns == 0) spin->limit_ns = SPIN_MOST_NS;
  spin->began_ns = wp_now_ns();
  uint64_t until = spin->began_ns + spin->limit_ns;
  int answer;
  while (!(answer = found(ud)) && wp_now_ns() < until) sched_yield();
  if (answer) adapt(spin, 1);
  return answer;
}

void wp_spin_slept(wp_spin *spin) {
  adapt(spin, wp_now_ns() - spin->began_ns < SPIN_MOST_NS);
}

const char *wp_status_text(int status) {
  switch (status) {
    case WP_OK: return "success";
    case WP_EFULL: return "the pool has no free slot";
    case WP_ETOOBIG: return "over a limit of the engine";
    case WP_ECORRUPT: return "corrupt bytes";
    case WP_ECLOSED: return "the pool is closed";
    case WP_EINVAL: return "invalid argument";
    case WP_EHANDLES: return "too many shared objects in this process";
    default: return status < 0 ? strerror(-status) : "success";
  }
}
