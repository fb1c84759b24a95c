/*
** Slab: the memory of a Lua state, made for processes that fork. Blocks of one
** size lie together in spans; what is known of a span lies elsewhere, and a
** block has no header. So a block that nobody writes to stays in a page that
** parent and children share, whatever is allocated and freed around it.
**
** Blocks larger than WP_SLAB_LARGEST, and those made before the slab, are the
** business of the allocator behind it.
**
** The spans with a list of free blocks each and the list of spans that have
** room are after mimalloc (Leijen, Zorn, de Moura: "Mimalloc: Free List
** Sharding in Action", 2019).
*/
#ifndef WP_SLAB_H
#define WP_SLAB_H

#include "base.h"

#define WP_SLAB_LARGEST 4096u

typedef struct wp_slab wp_slab;

/*
** NULL when there is no address space for one. It is not freed: a state calls
** its allocator to its very end, which nobody is told of. When the last block
** has gone all memory but that of the slab itself is given back.
*/
wp_slab *wp_slab_new(wp_alloc_fn behind, void *ud);
/* Who knows that the state is closed says so: another may have the slab. */
void wp_slab_retire(wp_slab *s);

/* A lua_Alloc; `slab` is a wp_slab. */
void *wp_slab_realloc(void *slab, void *block, size_t old_size,
                      size_t new_size);

/*
** Sealed, the spans that are in use now take no new blocks: those go to fresh
** pages, so that a fork finds no half-filled ones. Unsealing opens their holes
** again; both take time by the number of spans at most.
*/
void wp_slab_seal(wp_slab *s);
void wp_slab_unseal(wp_slab *s);

/*
** From hold to let_go the largest huge block that is freed is not given back,
** and one that fits into it takes its place: its pages are there already, which
** saves most of what making it costs. A wish that cannot be met lets go, too.
*/
void wp_slab_hold(wp_slab *s);
void wp_slab_let_go(wp_slab *s);

/* In a child: all blocks that are there now are the parent's. They are read,
** and written by who wants to, and freeing them does nothing. */
void wp_slab_inherit(wp_slab *s);

typedef struct wp_slab_figures {
  uint64_t reserved;  /* address space */
  uint64_t spans;     /* bytes in spans */
  uint64_t empty;     /* of these, in spans without a block */
  uint64_t inherited; /* of these, in spans of the parent */
} wp_slab_figures;
void wp_slab_count(const wp_slab *s, wp_slab_figures *figures);

#endif
