/*
** Shared, holders: see shared_holder.h.
*/
#include "shared_holder.h"

#include "shared_block.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TYPES 16
#define IDENTITY_SLOT 0xffffu /* an identity ends in the number of its slot */
/* A child takes its slot in the first instructions after the fork: so long
** we wait for one whose parent does not say who it is. */
#define BIRTH_NS 60000000000u

/* Every Lua state sets them, all to the same. */
static _Atomic(wp_destroy) destroys[TYPES];

void wp_holder_on_destroy(uint32_t type, wp_destroy destroy) {
  atomic_store(&destroys[type], destroy);
}

/* ---- entries ------------------------------------------------------------ */

static uint64_t unit_of(uint64_t entry) { return entry >> 32; }
static uint32_t mark_of(uint64_t entry) { return (uint32_t)entry; }

/* A free entry is the index + 1 of the next one: its upper half is 0. */
static int take_entry(wp_heap *h, uint32_t slot, uint32_t *entry) {
  wp_holder *s = wp_heap_slot(h, slot);
  uint64_t *entries = wp_heap_entries(h, slot);
  if (s->free) {
    *entry = s->free - 1;
    s->free = mark_of(entries[*entry]);
  } else if (s->high < h->n_entries) {
    *entry = s->high;
    entries[s->high] = 0;
    s->high++;
  } else {
    return WP_EHANDLES;
  }
  return WP_OK;
}

int wp_holder_add(wp_heap *h, uint32_t slot, wp_block *b, uint32_t mark,
                  uint32_t *entry) {
  int status = take_entry(h, slot, entry);
  if (status < 0) return status;
  wp_heap_entries(h, slot)[*entry] = wp_heap_unit(h, b) << 32 | mark;
  b->refs++;
  return WP_OK;
}

static void free_entry(wp_heap *h, uint32_t slot, uint32_t entry) {
  wp_holder *s = wp_heap_slot(h, slot);
  wp_heap_entries(h, slot)[entry] = s->free;
  s->free = entry + 1;
}

/* ---- blocks that nobody holds ------------------------------------------- */

/*
** What an object holds goes with it, and that may hold more: the doomed wait
** in a list, however deep it goes. `is_working`: somebody above is at it.
*/
static _Thread_local uint64_t doomed;
static _Thread_local int is_working;

static void bury_doomed(wp_heap *h) {
  if (is_working) return;
  is_working = 1;
  while (doomed) {
    wp_block *b = wp_heap_block(h, doomed);
    doomed = b->next;
    wp_destroy destroy =
        b->type < TYPES ? atomic_load(&destroys[b->type]) : NULL;
    if (!destroy || destroy(h, b + 1, b->asked)) wp_block_free(h, b);
    else h->n_kept++;
  }
  is_working = 0;
}

static void doom(wp_heap *h, wp_block *b) {
  b->next = doomed;
  doomed = wp_heap_unit(h, b);
}

/* What nobody holds any more, and has not gone. */
static void doom_unheld(wp_heap *h) {
  h->n_kept = 0;
  for (wp_block *b = NULL; (b = wp_block_next(h, b));)
    if (atomic_load(&b->generation) && b->refs == 0) doom(h, b);
  bury_doomed(h);
}

void wp_holder_remove(wp_heap *h, uint32_t slot, uint32_t entry) {
  uint64_t unit = unit_of(wp_heap_entries(h, slot)[entry]);
  if (!unit) return;
  wp_block *b = wp_heap_block(h, unit);
  free_entry(h, slot, entry);
  if (b->refs > 0 && --b->refs == 0) doom(h, b);
  bury_doomed(h);
}

/* ---- messages ----------------------------------------------------------- */

uint32_t wp_holder_mark(wp_heap *h, int many) {
  h->number = h->number % WP_MARK_NUMBER + 1;
  return h->number | (many ? WP_MARK_MANY : 0);
}

static int is_message(uint32_t mark, uint32_t wanted) {
  return mark && (mark & WP_MARK_NUMBER) == (wanted & WP_MARK_NUMBER);
}

/* The entry of a message, or NULL when it is there no more. */
static uint64_t *find_message(wp_heap *h, uint32_t slot, uint32_t entry,
                              uint64_t unit, uint32_t mark) {
  if (slot >= h->slots_used || entry >= wp_heap_slot(h, slot)->high)
    return NULL;
  uint64_t *e = &wp_heap_entries(h, slot)[entry];
  return unit_of(*e) == unit && is_message(mark_of(*e), mark) ? e : NULL;
}

int wp_holder_move(wp_heap *h, uint64_t unit, uint32_t mark, uint32_t *slot,
                   uint32_t *entry, uint32_t to) {
  uint32_t copy;
  if (!find_message(h, *slot, *entry, unit, mark)) return WP_ECLOSED;
  int status = wp_holder_add(h, to, wp_heap_block(h, unit), mark, &copy);
  if (status < 0) return status;
  wp_holder_remove(h, *slot, *entry);
  *slot = to;
  *entry = copy;
  return WP_OK;
}

void wp_holder_received(wp_heap *h, uint32_t slot, uint32_t entry,
                        uint64_t unit, uint32_t mark) {
  uint64_t *e = find_message(h, slot, entry, unit, mark);
  if (!e) return;
  if (mark & WP_MARK_MANY) *e |= WP_MARK_RECEIVED;
  else wp_holder_remove(h, slot, entry);
}

static int is_needed(uint64_t *e, int which) {
  uint32_t mark = mark_of(*e);
  if (which == WP_SWEEP_ALL) return !mark;
  if (!mark || !(mark & WP_MARK_RECEIVED)) return 1;
  if (which == WP_SWEEP_RECEIVED || (mark & WP_MARK_OLD)) return 0;
  *e |= WP_MARK_OLD;
  return 1;
}

size_t wp_holder_sweep(wp_heap *h, uint32_t slot, int which) {
  uint64_t *entries = wp_heap_entries(h, slot);
  size_t bytes = 0;
  for (uint32_t i = 0; i < wp_heap_slot(h, slot)->high; i++) {
    if (!unit_of(entries[i])) continue;
    if (!is_needed(&entries[i], which)) wp_holder_remove(h, slot, i);
    else if (mark_of(entries[i]))
      bytes += wp_heap_block(h, unit_of(entries[i]))->size;
  }
  return bytes;
}

/* ---- slots -------------------------------------------------------------- */

static uint64_t boot_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t find_slot(wp_heap *h) {
  for (uint32_t i = WP_HOLDER_STORED + 1; i < h->slots_used; i++)
    if (atomic_load(&wp_heap_slot(h, i)->state) == WP_HOLDER_EMPTY) return i;
  return h->slots_used < h->n_slots ? h->slots_used++ : WP_NO_HOLDER;
}

/* The program that this process ran before it was executed anew. */
static void leave_former(wp_heap *h, uint32_t pid) {
  for (uint32_t i = WP_HOLDER_STORED + 1; i < h->slots_used; i++) {
    wp_holder *s = wp_heap_slot(h, i);
    if (atomic_load(&s->state) == WP_HOLDER_LIVE && atomic_load(&s->pid) == pid)
      wp_holder_leave(h, i);
  }
}

uint32_t wp_holder_register(wp_heap *h, uint32_t parent, uint32_t state) {
  uint32_t pid = (uint32_t)getpid();
  if (state == WP_HOLDER_LIVE) leave_former(h, pid);
  uint32_t slot = find_slot(h);
  if (slot == WP_NO_HOLDER) return slot;
  wp_holder *s = wp_heap_slot(h, slot);
  s->parent = parent;
  s->high = s->free = 0;
  h->identity++;
  atomic_store(&s->leases, 0);
  atomic_store(&s->pid, state == WP_HOLDER_BORN ? 0 : pid);
  atomic_store(&s->born_ns, boot_ns());
  atomic_store(&s->identity, h->identity << 16 | slot);
  atomic_store(&s->state, state);
  return slot;
}

void wp_holder_is_me(wp_holder *s) {
  atomic_store(&s->born_ns, boot_ns());
  atomic_store(&s->pid, (uint32_t)getpid());
}

void wp_holder_is_born(wp_heap *h, uint32_t slot, pid_t child) {
  wp_holder *s = wp_heap_slot(h, slot);
  if (atomic_load(&s->state) != WP_HOLDER_BORN) return;
  if (child < 0) {
    wp_holder_leave(h, slot);
    return;
  }
  atomic_store(&s->born_ns, boot_ns());
  atomic_store(&s->pid, (uint32_t)child);
}

/* The child has copies of our handles, in the same places; our messages stay
** ours. */
void wp_holder_copy(wp_heap *h, uint32_t from, uint32_t to) {
  const uint64_t *theirs = wp_heap_entries(h, from);
  uint64_t *ours = wp_heap_entries(h, to);
  wp_holder *s = wp_heap_slot(h, to);
  uint32_t high = wp_heap_slot(h, from)->high;
  for (uint32_t i = 0; i < high; i++) {
    int is_handle = unit_of(theirs[i]) && !mark_of(theirs[i]);
    ours[i] = is_handle ? theirs[i] : 0;
    s->high = i + 1;
    if (is_handle) wp_heap_block(h, unit_of(theirs[i]))->refs++;
    else free_entry(h, to, i);
  }
}

static void leave_handles(wp_heap *h, uint32_t slot) {
  for (uint32_t i = 0; i < wp_heap_slot(h, slot)->high; i++) {
    uint64_t e = wp_heap_entries(h, slot)[i];
    if (unit_of(e) && !mark_of(e)) wp_holder_remove(h, slot, i);
  }
}

void wp_holder_leave(wp_heap *h, uint32_t slot) {
  wp_holder *s = wp_heap_slot(h, slot);
  leave_handles(h, slot);
  (void)wp_holder_sweep(h, slot, WP_SWEEP_ALL);
  s->high = s->free = 0;
  atomic_store(&s->identity, 0);
  atomic_store(&s->state, WP_HOLDER_EMPTY);
}

/* ---- the dead ----------------------------------------------------------- */

/* Field `n` of /proc/PID/stat, counted behind the name; 0 is the state. */
static const char *stat_field(const char *text, int n) {
  const char *at = strrchr(text, ')');
  for (at = at ? at + 1 : ""; *at && n >= 0; n--) {
    at += *at == ' ';
    if (n > 0) at += strcspn(at, " ");
  }
  return at;
}

enum { STAT_STATE = 0, STAT_THREADS = 17, STAT_START = 19 };

static int is_same(const char *text, uint64_t born_ns) {
  char state = *stat_field(text, STAT_STATE);
  /* A main thread may be gone while others live. */
  if ((state == 'Z' || state == 'X') &&
      atoi(stat_field(text, STAT_THREADS)) <= 1)
    return 0;
  uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
  uint64_t start = strtoull(stat_field(text, STAT_START), NULL, 10);
  return start * tick_ns <= born_ns + 5 * tick_ns;
}

static int is_running(uint32_t pid, uint64_t born_ns) {
  char path[32], text[512];
  if (kill((pid_t)pid, 0) < 0 && errno == ESRCH) return 0;
  snprintf(path, sizeof(path), "/proc/%u/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 1; /* gone in this moment, or no /proc: ask again */
  ssize_t n = read(fd, text, sizeof(text) - 1);
  close(fd);
  text[n > 0 ? n : 0] = '\0';
  return n <= 0 || is_same(text, born_ns);
}

static int slot_lives(wp_holder *s) {
  uint32_t state = atomic_load(&s->state);
  uint64_t born = atomic_load(&s->born_ns);
  uint32_t pid = atomic_load(&s->pid);
  if (state == WP_HOLDER_BORN && !pid) return boot_ns() < born + BIRTH_NS;
  return (state == WP_HOLDER_BORN || state == WP_HOLDER_LIVE) &&
         is_running(pid, born);
}

int wp_holder_lives(wp_heap *h, uint64_t identity) {
  uint32_t slot = (uint32_t)(identity & IDENTITY_SLOT);
  if (slot >= h->n_slots) return 0;
  wp_holder *s = wp_heap_slot(h, slot);
  return atomic_load(&s->identity) == identity && slot_lives(s);
}

/* Results that a process sent before it died may not have been read yet; its
** parent reads them as long as it runs a pool. */
static int has_readers(wp_heap *h, const wp_holder *dead, uint32_t own) {
  if (dead->parent >= h->n_slots) return 0;
  wp_holder *parent = wp_heap_slot(h, dead->parent);
  if (atomic_load(&parent->leases) == 0) return 0;
  return dead->parent == own || slot_lives(parent);
}

static void bury_one(wp_heap *h, uint32_t slot, uint32_t own) {
  wp_holder *s = wp_heap_slot(h, slot);
  uint32_t state = atomic_load(&s->state);
  if (state != WP_HOLDER_DEAD) {
    /* Should the child come late after all, it finds its slot taken. */
    if (!atomic_compare_exchange_strong(&s->state, &state, WP_HOLDER_DEAD))
      return;
    leave_handles(h, slot);
    if (h->n_kept) doom_unheld(h);
  }
  if (!has_readers(h, s, own) ||
      wp_holder_sweep(h, slot, WP_SWEEP_RECEIVED) == 0)
    wp_holder_leave(h, slot);
}

void wp_holder_bury(wp_heap *h, uint32_t own) {
  for (uint32_t i = WP_HOLDER_STORED + 1; i < h->slots_used; i++) {
    wp_holder *s = wp_heap_slot(h, i);
    if (atomic_load(&s->state) == WP_HOLDER_EMPTY || i == own) continue;
    if (!slot_lives(s)) bury_one(h, i, own);
  }
}

/* ---- repair ------------------------------------------------------------- */

static void recount_slot(wp_heap *h, uint32_t slot) {
  wp_holder *s = wp_heap_slot(h, slot);
  uint64_t *entries = wp_heap_entries(h, slot);
  s->free = 0;
  for (uint32_t i = 0; i < s->high; i++) {
    if (unit_of(entries[i])) wp_heap_block(h, unit_of(entries[i]))->refs++;
    else free_entry(h, slot, i);
  }
}

void wp_holder_recount(wp_heap *h) {
  for (wp_block *b = NULL; (b = wp_block_next(h, b));) b->refs = 0;
  for (uint32_t i = 0; i < h->slots_used; i++)
    if (i == WP_HOLDER_STORED ||
        atomic_load(&wp_heap_slot(h, i)->state) != WP_HOLDER_EMPTY)
      recount_slot(h, i);
  wp_block_relist(h);
  doom_unheld(h);
}
