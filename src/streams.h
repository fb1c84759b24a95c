/*
** Streams: a worker's standard output and error, so that what is printed
** leaves in whole lines and survives a kill. Where they go to what the host
** prints to, a line is one write; see output.h for the other ways.
*/
#ifndef WP_STREAMS_H
#define WP_STREAMS_H

#include "output.h"

#include <stdio.h>

typedef struct wp_streams {
  int terminal;      /* standard error as it was before, or -1 */
  unsigned relayed;  /* streams, as bits */
  int pipes[WP_STREAMS]; /* of those that want marks, or -1 */
  const unsigned char *token; /* of the marks */
  int file;          /* captured, or -1 */
  uint64_t freed;    /* bytes at its beginning */
  int is_asked;      /* whose what is printed is: see wp_streams_turn */
} wp_streams;

/* What the process prints goes to `ends` from now on, where they are not -1;
** they are closed. With a token, relayed streams get marks. */
void wp_streams_init(wp_streams *s, const int ends[WP_STREAMS],
                     const unsigned char *token);
/* From here on the process prints for this worker alone. */
void wp_streams_own(const wp_streams *s);

/* What stands for stdout or stderr since then. */
FILE *wp_streams_now(FILE *stream);

/* What is printed from now on belongs to the task `index` of a parcel, whose
** tag is given, or, if not `holds`, to none. To be called before the result
** of the task before is given, if `is_asked`. */
void wp_streams_turn(wp_streams *s, wp_line *line, uint32_t index, int holds,
                     uint64_t tag);

#endif
