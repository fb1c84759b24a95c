/*
** Shared, map: the memory of the heap: made sparse and as large as there is
** address space for, and found by programs that were not forked.
*/
#ifndef WP_SHARED_MAP_H
#define WP_SHARED_MAP_H

#include "shared_layout.h"

/* A new heap without processes: 0 or -errno. */
int wp_map_make(wp_heap **heap, int *fd);

/* How another program of this user finds it, and which slot reads what that
** program sends. Joining: 0, -errno, WP_EINVAL for text of another kind, or
** WP_ECORRUPT when there is no such heap. */
void wp_map_address(const wp_heap *heap, int fd, uint32_t slot, char *text,
                    size_t size);
int wp_map_join(const char *text, wp_heap **heap, int *fd, uint32_t *parent);

#endif
