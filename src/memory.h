/*
** Memory: what this process has for itself. Pages that are shared with the
** process it was forked from do not count, however much of them is resident,
** nor does memory that is mapped to be shared.
*/
#ifndef WP_MEMORY_H
#define WP_MEMORY_H

#include "base.h"

/* Whether our own pages are more than so many bytes: no, where the kernel does
** not tell. */
int wp_private_exceeds(uint64_t bytes);

/* Allows this process `bytes` more of private writable memory than it has
** now; beyond, allocations fail. 0 or -errno. */
int wp_limit_memory(uint64_t bytes);

#endif
