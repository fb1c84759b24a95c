/*
** Region: one pool's shared memory, mapped. Knows where each part of
** layout.h stands; leaves what the parts mean to others.
*/
#ifndef WP_REGION_H
#define WP_REGION_H

#include "layout.h"

typedef struct wp_region {
  unsigned char *base;
  size_t size;          /* address space reserved */
  int fd;               /* -1 in workers: they map nothing later */
  wp_header *header;
  wp_line *lines;
  wp_figures *figures;  /* of each worker; untouched unless wanted */
  wp_queue *queues;     /* 0: for any worker; 1 + w: for worker w alone */
  wp_slot *slots;
  size_t rings_offset;  /* in the file; in memory each ring stands twice */
  unsigned char *rings;
  unsigned char *arena;
  size_t arena_size;
} wp_region;

/* Makes and maps a region for `n_workers`: 0 or -errno. */
int wp_region_create(wp_region *r, unsigned n_workers);

/* Maps a region that another process has created. Takes fd over. What is no
** such region, by its size or by what it says of itself, is WP_ECORRUPT. */
int wp_region_attach(wp_region *r, int fd, unsigned n_workers,
                     size_t arena_size);

/* Maps worker w's ring, twice in a row: 0 or -errno. */
int wp_region_map_ring(wp_region *r, unsigned w);

/* The ring of worker w. Bytes [0, 2 * WP_RING_BYTES) are readable and the
** second half shows the first, so no record is ever cut in two. */
unsigned char *wp_region_ring(const wp_region *r, unsigned w);

/* From here on no ring can be mapped. */
void wp_region_close_fd(wp_region *r);
void wp_region_free(wp_region *r);

#endif
