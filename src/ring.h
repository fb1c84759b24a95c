/*
** Ring: records from one worker to the host, through the worker's ring of
** the shared region. One writer, one reader, no lock.
**
** A record of results is open while its parcel runs: after every task the
** writer stores how far it has come (wp_line.open), and only at the end
** moves the head. So the results of a worker that is killed in the middle
** of a parcel are not lost: the host reads the open record.
*/
#ifndef WP_RING_H
#define WP_RING_H

#include "region.h"

/* The longest body of one record; more goes in pieces. */
#define WP_RING_PIECE (WP_RING_BYTES / 4)

typedef struct wp_ring_writer {
  unsigned char *ring;
  wp_line *line;
  uint64_t head;  /* where the next record starts */
  uint32_t bytes; /* body of the open record */
  uint32_t count; /* tasks in it */
  int is_open;
} wp_ring_writer;

/* Goes on where the line's head is. */
void wp_ring_writer_init(wp_ring_writer *w, unsigned char *ring,
                         wp_line *line);

/* Whether `bytes` more of body, and a record head, have room now. */
int wp_ring_has_room(const wp_ring_writer *w, size_t bytes);

/* Opens a record of results, starting with task `first` of `slot`. The
** caller has made sure of room here and in the two calls below. */
void wp_ring_open(wp_ring_writer *w, uint32_t slot, uint32_t generation,
                  uint32_t first);
/* Where the result of the next task is to be put; and that it stands there,
** visible to the host if we are killed. */
unsigned char *wp_ring_place(const wp_ring_writer *w);
void wp_ring_add(wp_ring_writer *w, size_t length);
/* Closes and publishes it. */
void wp_ring_publish(wp_ring_writer *w, uint8_t flags, uint64_t value);

/* Writes and publishes one whole record. No record may be open. */
void wp_ring_put(wp_ring_writer *w, const wp_record *record,
                 wp_cursor *body);

/* Reader: copies the header of the next record to *record and points *body
** at its bytes. 1, 0 when there is none, WP_ECORRUPT. */
int wp_ring_peek(const unsigned char *ring, wp_line *line, wp_record *record,
                 const unsigned char **body);

/* Same for the open record of a writer that is dead. */
int wp_ring_peek_open(const unsigned char *ring, wp_line *line,
                      wp_record *record, const unsigned char **body);

/* Whether a parcel's last record is in it, and nobody has taken that away. */
int wp_ring_has_end(const unsigned char *ring, const wp_line *line,
                    uint32_t slot, uint32_t generation);

/* Takes the record away; 1 when the writer sleeps for want of room. */
int wp_ring_consume(wp_line *line, const wp_record *record);

#endif
