/*
** The Lua side as data: every file under lua/, made by src/embed.lua into
** build/embedded.c, so that the program and the C library need no files.
**
** A Lua source has its module's name ("workerpool", "workerpool.pool"). Any
** other file has its path under lua/ ("workerpool/dashboard/page.html").
*/
#ifndef WP_EMBEDDED_H
#define WP_EMBEDDED_H

#include <stddef.h>

struct wp_embedded {
  const char *name;
  const char *source; /* ends in a zero that `len` does not count */
  size_t len;
};

/* In order of their names; ends with a NULL name. */
extern const struct wp_embedded wp_embedded[];

#endif
