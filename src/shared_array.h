/*
** Shared, arrays: numbers of one type in shared memory. Each element is read
** and written as one atomic word of its size, so no lock is needed to see
** whole values.
*/
#ifndef WP_SHARED_ARRAY_H
#define WP_SHARED_ARRAY_H

#include "shared_lock.h"

typedef struct wp_array {
  wp_lock lock;
  uint32_t has_lock;
  uint32_t code;    /* of its type, a character */
  uint64_t length;
  unsigned char rest[128 - sizeof(wp_lock) - 16];
} wp_array; /* the elements follow */

enum { WP_SIGNED, WP_UNSIGNED, WP_FLOAT };

typedef struct wp_type {
  char code;
  uint8_t size, kind;
  const char *name;
  int64_t least, most; /* of integers, as far as Lua has them */
} wp_type;

/* By code ("b") or name ("int8"); NULL when there is none. */
const wp_type *wp_type_find(const char *name);
const wp_type *wp_type_of(char code);

/* A number as Lua has it. */
typedef struct wp_number {
  int is_float;
  int64_t i;
  double f;
} wp_number;

/* Bits of an element, and what they mean. */
uint64_t wp_element_load(const wp_type *t, const void *at);
void wp_element_store(const wp_type *t, void *at, uint64_t bits);
int wp_element_cas(const wp_type *t, void *at, uint64_t *old, uint64_t bits);
wp_number wp_element_number(const wp_type *t, uint64_t bits);

enum { WP_NUMBER_OK, WP_NUMBER_NOT_INTEGER, WP_NUMBER_RANGE };
/* One of these; *bits when it fits. */
int wp_element_bits(const wp_type *t, wp_number n, uint64_t *bits);

/* Changes an element in one step. The new value, and how it went. */
enum { WP_ADD, WP_MIN, WP_MAX };
int wp_element_change(const wp_type *t, void *at, int how, wp_number by,
                      wp_number *now);
/* Is it `old`, then it becomes `bits`: whether it did, and what was there. */
int wp_element_swap(const wp_type *t, void *at, wp_number old, uint64_t bits,
                    wp_number *seen);

/* Many at once; not atomic as a whole. */
void wp_elements_fill(const wp_type *t, void *at, size_t n, uint64_t bits);
wp_number wp_elements_sum(const wp_type *t, const void *at, size_t n);

#endif
