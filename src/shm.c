/*
** Shm: see shm.h.
*/
#include "shm.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* A process that makes a larger file than it may is not only refused but sent
** SIGXFSZ, which ends it. */
static int is_allowed(size_t size) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) < 0 ||
         limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

int wp_shm_wants_less(int status) {
  return status == -ENOMEM || status == -EFBIG;
}

int wp_shm_create(size_t size, int *fd) {
  if (!is_allowed(size)) return -EFBIG;
  int made = memfd_create("workerpool", MFD_CLOEXEC);
  if (made < 0) return -errno;
  if (ftruncate(made, (off_t)size) < 0) {
    int status = -errno;
    close(made);
    return status;
  }
  *fd = made;
  return WP_OK;
}

void *wp_shm_reserve(size_t size) {
  void *addr = mmap(NULL, size, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return addr == MAP_FAILED ? NULL : addr;
}

static int fits(size_t size) {
  void *space = wp_shm_reserve(size);
  wp_shm_unmap(space, size);
  return space != NULL;
}

size_t wp_shm_share(size_t size, size_t least) {
  int leaves_enough;
  do {
    leaves_enough = fits(size);
    size /= 4;
  } while (!leaves_enough && size > least);
  return size;
}

int wp_shm_map_at(void *addr, size_t size, int fd, size_t offset) {
  void *got = mmap(addr, size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)offset);
  return got == MAP_FAILED ? -errno : WP_OK;
}

void wp_shm_discard(void *addr, size_t size) {
  /* Advice: where the kernel cannot punch holes the pages simply stay. */
  (void)madvise(addr, size, MADV_REMOVE);
}

#define HUGE_PAGE ((uintptr_t)1 << 21)

void wp_shm_in_huge_pages(void *at, size_t size) {
  uintptr_t first = ((uintptr_t)at + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  uintptr_t end = ((uintptr_t)at + size) & ~(HUGE_PAGE - 1);
  if (first < end) (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

void wp_shm_unmap(void *addr, size_t size) {
  if (addr) munmap(addr, size);
}
