/*
** Shm: unnamed shared memory. A memfd has no name to leak and vanishes with
** its last user, however that one ends. Files are sparse: address space is
** cheap, pages come when touched.
*/
#ifndef WP_SHM_H
#define WP_SHM_H

#include "base.h"

/* Makes a sparse memfd of `size` bytes, close-on-exec: 0 or -errno. */
int wp_shm_create(size_t size, int *fd);

/* Whether a failure to create or to map is met by asking for less: there is a
** limit on address space (ulimit -v) or on the size of files (ulimit -f). */
int wp_shm_wants_less(int status);

/* Reserves address space without access: NULL when there is none. */
void *wp_shm_reserve(size_t size);

/* When there is no address space for `size`: a quarter, a sixteenth … of it,
** of which there is room for four, since others want some, too; or about
** `least`. */
size_t wp_shm_share(size_t size, size_t least);

/* Maps fd[offset …] over reserved space at `addr`: 0 or -errno. */
int wp_shm_map_at(void *addr, size_t size, int fd, size_t offset);

/* Gives the pages of a mapped range back; it reads as zeros afterwards. */
void wp_shm_discard(void *addr, size_t size);

/* Asks for huge pages in [at, at + size), as far as whole ones fit: to touch a
** fresh page costs more than to copy one, and a huge one is touched once. */
void wp_shm_in_huge_pages(void *at, size_t size);

/* NULL is allowed. */
void wp_shm_unmap(void *addr, size_t size);

#endif
