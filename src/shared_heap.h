/*
** Shared, heap: the memory that a host, its workers and theirs have in
** common for as long as any of them uses it. It is made when the first
** object is made or the first pool opens, and costs next to nothing until
** objects are in it. A handle is an offset and a generation, so that it can
** wait in a queue that any worker pulls from.
**
** An object lives while some living process has a handle of it, while a
** message with one is under way, or while one lies in a shared queue or
** dict that lives. See shared_holder.h for how that survives a SIGKILL.
*/
#ifndef WP_SHARED_HEAP_H
#define WP_SHARED_HEAP_H

#include "shared_layout.h"

enum wp_shared_type {
  WP_SHARED_NONE,
  WP_SHARED_ARRAY,
  WP_SHARED_LOCK,
  WP_SHARED_EVENT,
  WP_SHARED_SEMAPHORE,
  WP_SHARED_BARRIER,
  WP_SHARED_QUEUE,
  WP_SHARED_DICT
};

/* A handle: this process holds the object. All zero is a valid empty one. */
typedef struct wp_shared {
  void *object;
  size_t size;
  uint64_t generation;
  uint32_t entry;
  unsigned process; /* wp_process_generation when it was made */
} wp_shared;

/* A handle on its way: plain numbers. */
typedef struct wp_ticket {
  uint64_t unit, generation;
  uint32_t slot, entry, mark;
} wp_ticket;

/*
** A lease keeps the heap for a pool, so that objects made later reach the
** workers too: 0 or -errno. The figure that wp_shared_lease sets is for
** wp_shared_unlease, which does nothing in a process forked since.
*/
int wp_shared_lease(unsigned *process);
void wp_shared_unlease(unsigned process);

/* How another program finds the heap, as text (WP_ECLOSED: there is none);
** joining is for a process that has none yet. 0, -errno, or WP_ECORRUPT when
** that is no heap. */
int wp_shared_address(char *text, size_t size);
int wp_shared_join(const char *text);

/* An object of `size` zero bytes: 0, WP_EFULL (no room), WP_EHANDLES or
** -errno. */
int wp_shared_new(uint32_t type, size_t size, wp_shared *handle);
int wp_shared_again(const wp_shared *handle, wp_shared *copy);
void wp_shared_drop(wp_shared *handle);

/*
** `stored`: the message is to lie in a queue or a dict. The ticket is this
** process's own, and goes with it, until wp_shared_store; what is in the
** message itself is then wp_stored_ticket. Receiving gives WP_ECLOSED when
** the object is gone; either may give WP_EHANDLES.
*/
int wp_shared_send(const wp_shared *handle, int stored, wp_ticket *t);
wp_ticket wp_stored_ticket(const wp_ticket *t);
int wp_shared_receive(const wp_ticket *t, uint32_t type, wp_shared *handle);
void wp_shared_forget(const wp_ticket *tickets, size_t n);

/*
** With the heap's lock, for changes that must go together with that of the
** queue or dict itself: the tickets go into its keeping (0, or -ENOMEM when
** that is full), out of it into ours, or away. The tickets are changed.
*/
wp_heap *wp_shared_enter(void);
void wp_shared_leave(void);
int wp_shared_store(wp_heap *h, wp_ticket *tickets, size_t n);
void wp_shared_retrieve(wp_heap *h, wp_ticket *tickets, size_t n);
void wp_shared_forget_locked(wp_heap *h, const wp_ticket *tickets, size_t n);

/* A number for this process, never used twice in this heap, and whether the
** process of such a number lives. 0 before there is a heap, and where there is
** no room in it for another process. */
uint64_t wp_shared_identity(void);
int wp_shared_lives(uint64_t identity);

/* While this process holds locks in the heap, its memory must stay mapped. */
void wp_shared_pin(int by);

/* For those who look: objects, bytes they asked for, repairs of the heap. */
typedef struct wp_shared_figures {
  uint64_t objects, bytes, handles, repairs, address_space;
} wp_shared_figures;
void wp_shared_count(wp_shared_figures *figures);

#endif
