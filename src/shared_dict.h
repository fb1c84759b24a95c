/*
** Shared, dicts: keys and values, as bytes, in shared memory. The truth is a
** log of records, each alive or dead; a new value is a new record behind the
** others. The index over it is derived. So every change is one store: of the
** log's top, of a mark, of eight bytes of a number, or, when the living have
** been copied to the other half or none shall be, of which half counts. Where
** a process died the next one makes the index anew, and completes what was half
** done.
*/
#ifndef WP_SHARED_DICT_H
#define WP_SHARED_DICT_H

#include "shared_heap.h"
#include "shared_lock.h"

typedef struct wp_dict {
  wp_lock lock;
  uint64_t capacity;   /* keys */
  uint64_t bytes;      /* of one half */
  uint64_t n_index;    /* a power of two */
  wp_atomic32 active;  /* the half that counts */
  uint32_t is_made;
  wp_atomic32 cleared; /* half + 1, whose handles are to be forgotten */
  uint32_t rest;
  wp_atomic64 top[2];  /* bytes of the log in each half */
  wp_atomic64 count;   /* derived, as all below */
  uint64_t alive_bytes;
  uint64_t tombs;
  wp_atomic32 freed;   /* a word to sleep on for room */
  wp_atomic32 sleepers;
  wp_atomic32 deaths;
} wp_dict; /* the index and two halves follow */

/* A record in the log: this, key, value, tickets; see shared_dict.c. */
typedef struct wp_dict_record {
  uint64_t size; /* in all */
  uint64_t hash;
  uint64_t value_length;
  uint32_t key_length;
  uint32_t n_tickets;
  wp_atomic32 is_alive;
  uint32_t rest;
} wp_dict_record;

typedef struct wp_span {
  const void *data;
  size_t length;
} wp_span;

/* Bytes of an object for so many keys, whose records have so many bytes; init
** wants them to be zero. */
size_t wp_dict_size(uint64_t capacity, uint64_t bytes);
void wp_dict_init(wp_dict *d, uint64_t capacity, uint64_t bytes);
uint64_t wp_dict_hash(wp_span key);

/* All that follows is for who has the lock. After the death of an owner: */
void wp_dict_repair(wp_dict *d);

/* NULL when there is none; and the next one alive (NULL: the first). */
wp_dict_record *wp_dict_find(wp_dict *d, wp_span key, uint64_t hash);
wp_dict_record *wp_dict_next(wp_dict *d, wp_dict_record *r);
wp_span wp_record_key(wp_dict_record *r);
wp_span wp_record_value(wp_dict_record *r);

/* 0, WP_EFULL, WP_ETOOBIG for what would not fit an empty dict, or -ENOMEM
** when there is no room for its tickets. The dict owns them if 0. */
int wp_dict_set(wp_dict *d, wp_span key, uint64_t hash, wp_span value,
                wp_bytes *tickets);
void wp_dict_delete(wp_dict *d, wp_dict_record *r);
void wp_dict_clear(wp_dict *d);

/* For wp_holder_on_destroy. */
int wp_dict_destroy(wp_heap *h, void *object, size_t size);

#endif
