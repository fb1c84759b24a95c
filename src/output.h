/*
** Output: the host's end of what a worker prints. Relayed, each of its two
** streams is a pipe that we read. Captured, both are one file without a
** name: it holds what was printed also after its writer has been killed, and
** nobody ever waits for a reader. The worker's end is streams.h.
*/
#ifndef WP_OUTPUT_H
#define WP_OUTPUT_H

#include "layout.h"
#include "workerpool.h"

#define WP_PIPE_BYTES 65536u /* that a pipe holds */
#define WP_STREAMS 2 /* standard output and standard error */

/* Behind a mark in a relayed stream: whose is what follows. */
typedef struct wp_mark {
  unsigned char token[WP_MARK_TOKEN];
  unsigned char holds; /* a task */
  unsigned char tag[8];
} wp_mark;

typedef struct wp_stream {
  int fd;           /* or -1 */
  int holds;        /* the last mark named a task */
  uint64_t tag;     /* and this one */
  unsigned n_cut;   /* a mark of which we have read a part */
  unsigned char cut[sizeof(wp_mark)];
} wp_stream;

typedef struct wp_output {
  wp_stream streams[WP_STREAMS];
  int file;              /* captured, or -1 */
  uint64_t freed;        /* bytes at its beginning */
  const unsigned char *token; /* of marks, or NULL */
  uint64_t before;       /* the record that streams were last read for, + 1 */
  unsigned unread;       /* streams still to be read before it is taken */
  size_t read;           /* bytes of the one of them that is being read */
} wp_output;

/* Bytes that have been read and not handed out yet, of one stream at a
** time. One for all workers. */
typedef struct wp_talk {
  wp_bytes bytes;
  size_t at;
  unsigned worker, stream;
} wp_talk;

void wp_output_init(wp_output *o);
/* Makes what WP_RELAY_… or WP_CAPTURE ask for; `ends` are the worker's. */
int wp_output_open(wp_output *o, unsigned wanted, int ends[WP_STREAMS]);
void wp_output_close(wp_output *o);

/* The streams that are relayed, as bits. */
unsigned wp_output_streams(const wp_output *o);

/* Reads a stream once: 1 when there is something to hand out. */
int wp_output_read(wp_output *o, unsigned stream, wp_talk *talk);
/* The next piece of what has been read, all from one task: 1 or 0. */
int wp_output_piece(wp_output *o, wp_talk *talk, wp_event *event);

/* What looked like the beginning of a mark, when nothing comes any more. */
int wp_output_cut(wp_output *o, wp_event *event);

/* Copies the last bytes, at most `size`, of a captured file from `from` on;
** *total is how many there were. */
size_t wp_output_tail(int file, uint64_t from, char *buffer, size_t size,
                      uint64_t *total);
/* Frees what is before the last WP_LIMIT_OUTPUT bytes, if that is much. */
void wp_output_trim(wp_output *o);
/* Frees the file's memory before `end`. */
void wp_output_free(int file, uint64_t *freed, uint64_t end);

#endif
