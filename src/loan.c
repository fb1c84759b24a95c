/*
** Loan: see loan.h.
*/
#include "loan.h"

/* Of blocks larger than this a worker has one: two make it faster only when
** writing takes no longer than whatever comes between. */
#define LARGEST_PAIR ((size_t)1 << 23)

/* A word: offset / 64 << 8 | binary logarithm of the block's length. */
static unsigned class_of(size_t length) {
  unsigned c = 0;
  while (((size_t)1 << c) < length) c++;
  return c;
}

static uint64_t word_of(uint64_t offset, size_t length) {
  return offset / WP_CACHE_LINE << 8 | class_of(length);
}

static size_t length_of(uint64_t word) { return (size_t)1 << (word & 0xFF); }

int wp_loan_take(wp_line *line, size_t length, uint64_t *offset) {
  for (int i = 0; i < WP_LOANS; i++) {
    uint64_t word = atomic_load(&line->loan[i]);
    if (word == 0 || length_of(word) < length) continue;
    /* The host may have recalled it just now. */
    if (!atomic_compare_exchange_strong(&line->loan[i], &word, 0)) continue;
    *offset = (word >> 8) * WP_CACHE_LINE;
    return 1;
  }
  return 0;
}

static void recall(wp_loans *l, wp_line *line, wp_arena *a, int i,
                   int is_dead) {
  if (l->block[i].length == 0) return;
  if (atomic_exchange(&line->loan[i], 0) == 0 && !is_dead) return;
  wp_arena_give(a, l->block[i].offset, l->block[i].length);
  l->block[i].length = 0;
}

void wp_loan_recall(wp_loans *l, wp_line *line, wp_arena *a, int is_dead) {
  for (int i = 0; i < WP_LOANS; i++) recall(l, line, a, i, is_dead);
}

static void lend(wp_loans *l, wp_line *line, wp_arena *a, int i,
                 size_t length) {
  uint64_t offset;
  if (l->block[i].length >= length) return;
  recall(l, line, a, i, 0);
  if (l->block[i].length > 0 || wp_arena_take(a, length, &offset) < 0) return;
  l->block[i].offset = offset;
  l->block[i].length = length;
  wp_loan_renew(l, line, i);
}

void wp_loan_offer(wp_loans *l, wp_line *line, wp_arena *a, size_t length) {
  int n = length > LARGEST_PAIR ? 1 : WP_LOANS;
  length = (size_t)1 << class_of(length);
  for (int i = 0; i < n; i++) lend(l, line, a, i, length);
}

int wp_loan_of(const wp_loans *l, wp_line *line, const wp_lent *lent) {
  for (int i = 0; i < WP_LOANS; i++)
    if (l->block[i].length > 0 && l->block[i].offset == lent->offset)
      return lent->length <= l->block[i].length &&
                     atomic_load(&line->loan[i]) == 0
                 ? i
                 : -1;
  return -1;
}

void wp_loan_renew(const wp_loans *l, wp_line *line, int i) {
  atomic_store(&line->loan[i], word_of(l->block[i].offset,
                                       l->block[i].length));
}
