/*
** Shared, arrays: see shared_array.h.
*/
#include "shared_array.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* As in C on 64-bit Linux: a long has 8 bytes. What does not fit Lua's
** integers cannot be stored as an uint64. */
static const wp_type types[] = {
    {'b', 1, WP_SIGNED, "int8", INT8_MIN, INT8_MAX},
    {'B', 1, WP_UNSIGNED, "uint8", 0, UINT8_MAX},
    {'h', 2, WP_SIGNED, "int16", INT16_MIN, INT16_MAX},
    {'H', 2, WP_UNSIGNED, "uint16", 0, UINT16_MAX},
    {'i', 4, WP_SIGNED, "int32", INT32_MIN, INT32_MAX},
    {'I', 4, WP_UNSIGNED, "uint32", 0, UINT32_MAX},
    {'q', 8, WP_SIGNED, "int64", INT64_MIN, INT64_MAX},
    {'Q', 8, WP_UNSIGNED, "uint64", 0, INT64_MAX},
    {'l', 8, WP_SIGNED, "int64", INT64_MIN, INT64_MAX},
    {'L', 8, WP_UNSIGNED, "uint64", 0, INT64_MAX},
    {'f', 4, WP_FLOAT, "float", 0, 0},
    {'d', 8, WP_FLOAT, "double", 0, 0},
};
#define N_TYPES (sizeof(types) / sizeof(*types))

const wp_type *wp_type_of(char code) {
  for (size_t i = 0; i < N_TYPES; i++)
    if (types[i].code == code) return &types[i];
  return NULL;
}

const wp_type *wp_type_find(const char *name) {
  if (name[0] && !name[1]) return wp_type_of(name[0]);
  for (size_t i = 0; i < N_TYPES; i++)
    if (strcmp(types[i].name, name) == 0) return &types[i];
  return NULL;
}

/* ---- bits --------------------------------------------------------------- */

typedef _Atomic uint8_t atomic8;
typedef _Atomic uint16_t atomic16;

uint64_t wp_element_load(const wp_type *t, const void *at) {
  switch (t->size) {
    case 1: return atomic_load((const atomic8 *)at);
    case 2: return atomic_load((const atomic16 *)at);
    case 4: return atomic_load((const wp_atomic32 *)at);
    default: return atomic_load((const wp_atomic64 *)at);
  }
}

/* Release, and not sequential consistency: a tenth of the cost, and enough
** for "what I wrote before is seen by who sees this". */
void wp_element_store(const wp_type *t, void *at, uint64_t bits) {
  const memory_order order = memory_order_release;
  switch (t->size) {
    case 1: atomic_store_explicit((atomic8 *)at, (uint8_t)bits, order); break;
    case 2:
      atomic_store_explicit((atomic16 *)at, (uint16_t)bits, order);
      break;
    case 4:
      atomic_store_explicit((wp_atomic32 *)at, (uint32_t)bits, order);
      break;
    default: atomic_store_explicit((wp_atomic64 *)at, bits, order);
  }
}

#define SWAP(type, number)                                              \
  {                                                                     \
    number expected = (number)*old;                                     \
    int done = atomic_compare_exchange_strong((type *)at, &expected,    \
                                              (number)bits);            \
    *old = expected;                                                    \
    return done;                                                        \
  }

int wp_element_cas(const wp_type *t, void *at, uint64_t *old, uint64_t bits) {
  switch (t->size) {
    case 1: SWAP(atomic8, uint8_t)
    case 2: SWAP(atomic16, uint16_t)
    case 4: SWAP(wp_atomic32, uint32_t)
    default: SWAP(wp_atomic64, uint64_t)
  }
}

static double float_of(const wp_type *t, uint64_t bits) {
  uint32_t half = (uint32_t)bits;
  float f;
  double d;
  memcpy(&f, &half, sizeof(f));
  memcpy(&d, &bits, sizeof(d));
  return t->size == 4 ? (double)f : d;
}

static uint64_t bits_of(const wp_type *t, double d) {
  float f = (float)d;
  uint32_t half;
  uint64_t whole;
  memcpy(&half, &f, sizeof(f));
  memcpy(&whole, &d, sizeof(d));
  return t->size == 4 ? half : whole;
}

static int64_t integer_of(const wp_type *t, uint64_t bits) {
  unsigned unused = 64 - 8u * t->size;
  if (t->kind == WP_SIGNED) return (int64_t)(bits << unused) >> unused;
  return (int64_t)bits;
}

/* An uint64 that raw bytes have made too large for Lua's integers is a
** float, as in Lua's own conversion of decimals. */
wp_number wp_element_number(const wp_type *t, uint64_t bits) {
  if (t->kind == WP_FLOAT)
    return (wp_number){.is_float = 1, .f = float_of(t, bits)};
  if (t->kind == WP_UNSIGNED && bits > INT64_MAX)
    return (wp_number){.is_float = 1, .f = (double)bits};
  return (wp_number){.i = integer_of(t, bits)};
}

static int to_integer(wp_number n, int64_t *i) {
  if (n.is_float && !(n.f >= -0x1p63 && n.f < 0x1p63 && n.f == floor(n.f)))
    return 0;
  *i = n.is_float ? (int64_t)n.f : n.i;
  return 1;
}

int wp_element_bits(const wp_type *t, wp_number n, uint64_t *bits) {
  int64_t i;
  if (t->kind == WP_FLOAT) {
    double d = n.is_float ? n.f : (double)n.i;
    *bits = bits_of(t, d);
    return t->size == 4 && isfinite(d) && fabs(d) > (double)FLT_MAX
               ? WP_NUMBER_RANGE
               : WP_NUMBER_OK;
  }
  if (!to_integer(n, &i))
    return n.is_float && n.f == floor(n.f) ? WP_NUMBER_RANGE
                                           : WP_NUMBER_NOT_INTEGER;
  *bits = (uint64_t)i;
  return i < t->least || i > t->most ? WP_NUMBER_RANGE : WP_NUMBER_OK;
}

/* ---- one step ----------------------------------------------------------- */

static double as_float(wp_number n) { return n.is_float ? n.f : (double)n.i; }

static int is_less(wp_number a, wp_number b) {
  if (a.is_float || b.is_float) return as_float(a) < as_float(b);
  return a.i < b.i;
}

static int is_equal(wp_number a, wp_number b) {
  if (a.is_float || b.is_float) return as_float(a) == as_float(b);
  return a.i == b.i;
}

static int sum_of(const wp_type *t, wp_number a, wp_number b, wp_number *sum) {
  *sum = a;
  if (t->kind == WP_FLOAT || a.is_float) {
    *sum = (wp_number){.is_float = 1, .f = as_float(a) + as_float(b)};
    return WP_NUMBER_OK;
  }
  int64_t by;
  if (!to_integer(b, &by)) return WP_NUMBER_NOT_INTEGER;
  return __builtin_add_overflow(a.i, by, &sum->i) ? WP_NUMBER_RANGE
                                                  : WP_NUMBER_OK;
}

static int changed(const wp_type *t, int how, wp_number a, wp_number b,
                   wp_number *result) {
  if (how == WP_ADD) return sum_of(t, a, b, result);
  *result = (how == WP_MIN ? is_less(b, a) : is_less(a, b)) ? b : a;
  return WP_NUMBER_OK;
}

int wp_element_change(const wp_type *t, void *at, int how, wp_number by,
                      wp_number *now) {
  uint64_t old = wp_element_load(t, at), bits = 0;
  for (;;) {
    wp_number before = wp_element_number(t, old);
    int status = changed(t, how, before, by, now);
    if (status == WP_NUMBER_OK) status = wp_element_bits(t, *now, &bits);
    if (status != WP_NUMBER_OK) {
      *now = before;
      return status;
    }
    if (wp_element_cas(t, at, &old, bits)) break;
  }
  *now = wp_element_number(t, bits);
  return WP_NUMBER_OK;
}

int wp_element_swap(const wp_type *t, void *at, wp_number old, uint64_t bits,
                    wp_number *seen) {
  uint64_t is = wp_element_load(t, at);
  do {
    *seen = wp_element_number(t, is);
    if (!is_equal(*seen, old)) return 0;
  } while (!wp_element_cas(t, at, &is, bits));
  return 1;
}

/* ---- many --------------------------------------------------------------- */

#define FILL(type)                                       \
  {                                                      \
    type *p = at;                                        \
    for (size_t i = 0; i < n; i++) p[i] = (type)bits;    \
    break;                                               \
  }

void wp_elements_fill(const wp_type *t, void *at, size_t n, uint64_t bits) {
  switch (t->size) {
    case 1: memset(at, (int)bits, n); break;
    case 2: FILL(uint16_t)
    case 4: FILL(uint32_t)
    default: FILL(uint64_t)
  }
}

/* Four sums side by side: one addition need not wait for the one before. */
#define SUM(type, total)                                             \
  {                                                                  \
    const type *p = at;                                              \
    total s[4] = {0, 0, 0, 0};                                       \
    size_t i = 0;                                                    \
    for (; i + 4 <= n; i += 4)                                       \
      for (size_t k = 0; k < 4; k++) s[k] += (total)p[i + k];        \
    for (; i < n; i++) s[0] += (total)p[i];                          \
    return (s[0] + s[1]) + (s[2] + s[3]);                            \
  }

static double sum_floats(const float *at, size_t n) SUM(float, double)
static double sum_doubles(const double *at, size_t n) SUM(double, double)

static uint64_t sum_integers(const wp_type *t, const void *at, size_t n) {
  switch (t->size + t->kind) {
    case 1 + WP_SIGNED: SUM(int8_t, uint64_t)
    case 1 + WP_UNSIGNED:
      if (t->size == 1) SUM(uint8_t, uint64_t)
      SUM(int16_t, uint64_t)
    case 2 + WP_UNSIGNED: SUM(uint16_t, uint64_t)
    case 4 + WP_SIGNED: SUM(int32_t, uint64_t)
    case 4 + WP_UNSIGNED: SUM(uint32_t, uint64_t)
    default: SUM(uint64_t, uint64_t)
  }
}

wp_number wp_elements_sum(const wp_type *t, const void *at, size_t n) {
  if (t->kind != WP_FLOAT)
    return (wp_number){.i = (int64_t)sum_integers(t, at, n)};
  return (wp_number){.is_float = 1, .f = t->size == 4 ? sum_floats(at, n)
                                                      : sum_doubles(at, n)};
}
