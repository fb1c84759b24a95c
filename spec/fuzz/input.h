/*
** Fuzz, input: bytes taken one after another as numbers; zeros at the end.
*/
#ifndef WP_FUZZ_INPUT_H
#define WP_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct input {
  const uint8_t *at, *end;
} input;

static inline int input_left(const input *in) { return in->at < in->end; }

static inline unsigned take_byte(input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

static inline uint64_t take_number(input *in, unsigned bytes) {
  uint64_t n = 0;
  for (unsigned i = 0; i < bytes; i++) n |= (uint64_t)take_byte(in) << (8 * i);
  return n;
}

/* What must hold whatever the input is. */
#define MUST(condition)                                              \
  do {                                                               \
    if (!(condition)) {                                              \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,     \
              #condition);                                           \
      abort();                                                       \
    }                                                                \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
