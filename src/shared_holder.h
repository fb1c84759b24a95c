/*
** Shared, holders: who holds what. Each process of the tree has a slot, and
** in it an entry for every handle that it has and for every message with a
** handle that it has sent. A block goes when no entry names it. A process
** that died is found by its pid; its entries go then. Nothing here trusts a
** counter that a killed process could have left wrong: the counts are made
** anew from the entries. All calls are made under the heap's lock.
*/
#ifndef WP_SHARED_HOLDER_H
#define WP_SHARED_HOLDER_H

#include "shared_layout.h"

/* What a kind of object has to do before its block goes, under the heap's lock:
** 1, or 0 when it has to stay until another process has died. */
typedef int (*wp_destroy)(wp_heap *h, void *object, size_t size);
void wp_holder_on_destroy(uint32_t type, wp_destroy destroy);

/* A slot for a process: its number, or WP_NO_HOLDER when all are taken. */
uint32_t wp_holder_register(wp_heap *h, uint32_t parent, uint32_t state);
/* Gives the slot `to` the handles of `from`: for a child about to be forked. */
void wp_holder_copy(wp_heap *h, uint32_t from, uint32_t to);
/* Drops all that a slot holds, and frees it. */
void wp_holder_leave(wp_heap *h, uint32_t slot);

/* The parent knows who the child in a slot BORN is (-1: there is none); and
** the child says so itself, without the lock. */
void wp_holder_is_born(wp_heap *h, uint32_t slot, pid_t child);
void wp_holder_is_me(wp_holder *s);

/* Adds a reference to a block: 0 and *entry, or WP_EHANDLES. */
int wp_holder_add(wp_heap *h, uint32_t slot, wp_block *b, uint32_t mark,
                  uint32_t *entry);
void wp_holder_remove(wp_heap *h, uint32_t slot, uint32_t entry);

/* Messages with handles: a new mark; what becomes of the entry when one is
** received; what no message needs any more. Sweep returns the bytes that
** messages still hold. */
uint32_t wp_holder_mark(wp_heap *h, int many);
void wp_holder_received(wp_heap *h, uint32_t slot, uint32_t entry,
                        uint64_t unit, uint32_t mark);
/* Another process, or the store, answers for the reference from now on; it is
** never without. 0, WP_EHANDLES, or WP_ECLOSED when it has gone. */
int wp_holder_move(wp_heap *h, uint64_t unit, uint32_t mark, uint32_t *slot,
                   uint32_t *entry, uint32_t to);
enum { WP_SWEEP_OLD, WP_SWEEP_RECEIVED, WP_SWEEP_ALL };
size_t wp_holder_sweep(wp_heap *h, uint32_t slot, int which);

/* Takes the entries of dead processes away; `own` is known to live. */
void wp_holder_bury(wp_heap *h, uint32_t own);

/* After the death of a process that held the lock. */
void wp_holder_recount(wp_heap *h);

/* Does the process live? No lock is needed. */
int wp_holder_lives(wp_heap *h, uint64_t identity);

#endif
