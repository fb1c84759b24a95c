/*
** Codec, seen: see codec_seen.h.
*/
#include "codec_seen.h"

#include <errno.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

static size_t bytes_of(size_t size) { return size * sizeof(wp_seen_slot); }

void wp_seen_free(wp_seen *s) {
  wp_free(s->slots, bytes_of(s->size));
  s->slots = NULL;
  s->size = s->used = 0;
}

void wp_seen_renew(wp_seen *s) {
  if (s->size > WP_SEEN_KEPT) wp_seen_free(s);
  if (s->message != 0) return;
  /* The number wrapped: slots of long ago would look fresh. */
  if (s->slots) memset(s->slots, 0, bytes_of(s->size));
  s->message = (uint64_t)1 << WP_SEEN_BITS;
}

static unsigned shift_of(size_t size) {
  unsigned shift = 64;
  while (size > 1) {
    size /= 2;
    shift--;
  }
  return shift;
}

int wp_seen_grow(wp_seen *s) {
  wp_seen larger = {.size = s->size ? s->size * 2 : FIRST_SIZE,
                    .used = s->used,
                    .message = s->message};
  larger.shift = shift_of(larger.size);
  larger.slots = wp_calloc(bytes_of(larger.size));
  if (!larger.slots) return -ENOMEM;
  for (size_t i = 0; i < s->size; i++)
    if (wp_seen_has(s, &s->slots[i]))
      *wp_seen_find(&larger, s->slots[i].key) = s->slots[i];
  wp_free(s->slots, bytes_of(s->size));
  *s = larger;
  return 0;
}
