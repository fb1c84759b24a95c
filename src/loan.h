/*
** Loan: blocks of the arena that the host lends to a worker, into which it
** writes what is too large for its ring: one copy, where pieces through the
** ring take two and a wake-up for every few. Only the host allocates, so a
** worker gets its first loan when it has sent something large in pieces; the
** block goes to and fro from then on.
**
** A loan is one word in the worker's line: which block, and how large. The
** host stores it, the worker takes it by putting 0 in its place, and it comes
** back as a record that names the block. A worker that is killed in between
** has its blocks taken back by whoever buries it.
*/
#ifndef WP_LOAN_H
#define WP_LOAN_H

#include "arena.h"
#include "layout.h"

/* The body of a record with WP_RECORD_LENT: where the true body lies. */
typedef struct wp_lent {
  uint64_t offset; /* in the arena */
  uint64_t length;
} wp_lent;

/* The host's own account of what it has lent to one worker. All zero is a
** valid empty one. */
typedef struct wp_loans {
  struct {
    uint64_t offset;
    size_t length; /* of the block; 0: none */
  } block[WP_LOANS];
} wp_loans;

/* The worker's side: takes a block for `length` bytes: 1, or 0. */
int wp_loan_take(wp_line *line, size_t length, uint64_t *offset);

/* The host's: `length` bytes have come in pieces, so next time the worker is
** to have a block for as many. Without memory things stay as they are. */
void wp_loan_offer(wp_loans *l, wp_line *line, wp_arena *a, size_t length);

/* Which loan a record's body lies in, or -1 when it is not what this worker
** could have been lent. */
int wp_loan_of(const wp_loans *l, wp_line *line, const wp_lent *lent);

/* Lends block `i` again, its contents having been read. */
void wp_loan_renew(const wp_loans *l, wp_line *line, int i);

/* Takes back what the worker does not hold; all of it when it is dead. */
void wp_loan_recall(wp_loans *l, wp_line *line, wp_arena *a, int is_dead);

#endif
