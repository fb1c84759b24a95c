/*
** Codec, seen: see codec_seen.h.
*/
#include "codec_seen.h"

#include <errno.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

static size_t size_of(const wp_seen *s) { return s->slots ? s->mask + 1 : 0; }

static size_t bytes_of(size_t size) { return size * sizeof(wp_seen_slot); }

void wp_seen_free(wp_seen *s) {
  wp_free(s->slots, bytes_of(size_of(s)));
  s->slots = NULL;
  s->mask = s->used = s->most = 0;
}

void wp_seen_renew(wp_seen *s) {
  if (size_of(s) > WP_SEEN_KEPT) wp_seen_free(s);
  if (s->message != 0) return;
  /* The number wrapped: slots of long ago would look fresh. */
  if (s->slots) memset(s->slots, 0, bytes_of(size_of(s)));
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
  size_t old_size = size_of(s), size = old_size ? old_size * 2 : FIRST_SIZE;
  wp_seen larger = {.slots = wp_calloc(bytes_of(size)),
                    .mask = size - 1,
                    .used = s->used,
                    .most = size / 2,
                    .shift = shift_of(size),
                    .message = s->message};
  if (!larger.slots) return -ENOMEM;
  for (size_t i = 0; i < old_size; i++)
    if (wp_seen_has(s, &s->slots[i]))
      *wp_seen_find(&larger, s->slots[i].key) = s->slots[i];
  wp_free(s->slots, bytes_of(old_size));
  *s = larger;
  return 0;
}
