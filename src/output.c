/*
** Output: see output.h.
*/
#include "output.h"

#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef WP_TEST
#define READ_BYTES 7u
#else
#define READ_BYTES WP_PIPE_BYTES
#endif
#define PAGE 4096u
#define MUCH ((uint64_t)1 << 20) /* worth a system call to free */

/* ---- open and close ----------------------------------------------------- */

static int open_pipe(wp_stream *s, int *end) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
  s->fd = wp_fd_move(fds[0], WP_CLEAR_OF_STDIO);
  *end = wp_fd_move(fds[1], WP_CLEAR_OF_STDIO);
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
  return WP_OK;
}

/* Every write goes to its end, whoever writes. */
static int open_file(wp_output *o, int ends[WP_STREAMS]) {
  int made = memfd_create("workerpool output", MFD_CLOEXEC);
  if (made < 0) return -errno;
  o->file = wp_fd_move(made, WP_CLEAR_OF_STDIO);
  if (fcntl(o->file, F_SETFL, O_APPEND) < 0) return -errno;
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    ends[i] = fcntl(o->file, F_DUPFD_CLOEXEC, WP_CLEAR_OF_STDIO);
    if (ends[i] < 0) return -errno;
  }
  return WP_OK;
}

void wp_output_init(wp_output *o) {
  *o = (wp_output){.file = -1, .streams = {{.fd = -1}, {.fd = -1}}};
}

int wp_output_open(wp_output *o, unsigned wanted, int ends[WP_STREAMS]) {
  static const unsigned bits[] = {WP_RELAY_STDOUT, WP_RELAY_STDERR};
  int status = WP_OK;
  wp_output_init(o);
  ends[0] = ends[1] = -1;
  if (wanted & WP_CAPTURE) status = open_file(o, ends);
  else
    for (unsigned i = 0; i < WP_STREAMS && status == WP_OK; i++)
      if (wanted & bits[i]) status = open_pipe(&o->streams[i], &ends[i]);
  if (status == WP_OK) return status;
  wp_output_close(o);
  for (unsigned i = 0; i < WP_STREAMS; i++) wp_fd_close(&ends[i]);
  return status;
}

void wp_output_close(wp_output *o) {
  wp_fd_close(&o->streams[0].fd);
  wp_fd_close(&o->streams[1].fd);
  wp_fd_close(&o->file);
}

/* ---- relayed ------------------------------------------------------------ */

unsigned wp_output_streams(const wp_output *o) {
  return (o->streams[0].fd >= 0) | (unsigned)(o->streams[1].fd >= 0) << 1;
}

int wp_output_read(wp_output *o, unsigned stream, wp_talk *talk) {
  wp_stream *s = &o->streams[stream];
  wp_bytes *b = &talk->bytes;
  ssize_t n;
  b->len = talk->at = 0;
  if (s->fd < 0 || wp_bytes_reserve(b, READ_BYTES + sizeof(s->cut)) < 0)
    return 0;
  do {
    n = read(s->fd, b->data + s->n_cut, READ_BYTES);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return 0;
  memcpy(b->data, s->cut, s->n_cut);
  b->len = s->n_cut + (size_t)n;
  s->n_cut = 0;
  talk->stream = stream;
  return 1;
}

/* How much of the text is no mark, nor the beginning of one at its end. */
static size_t unmarked(const unsigned char *text, size_t length,
                       const unsigned char *token) {
  const unsigned char *found = memmem(text, length, token, WP_MARK_TOKEN);
  if (found) return (size_t)(found - text);
  size_t cut = length < WP_MARK_TOKEN ? length : WP_MARK_TOKEN - 1;
  while (cut > 0 && memcmp(text + length - cut, token, cut) != 0) cut--;
  return length - cut;
}

/* The text begins with a mark, or with the part of one. */
static void take_mark(wp_stream *s, wp_talk *talk) {
  const unsigned char *text = talk->bytes.data + talk->at;
  size_t left = talk->bytes.len - talk->at;
  wp_mark mark;
  if (left < sizeof(mark)) {
    memcpy(s->cut, text, left);
    s->n_cut = (unsigned)left;
    talk->at += left;
    return;
  }
  memcpy(&mark, text, sizeof(mark));
  s->holds = mark.holds;
  memcpy(&s->tag, mark.tag, sizeof(s->tag));
  talk->at += sizeof(mark);
}

static void fill_event(const wp_stream *s, unsigned stream,
                       const unsigned char *text, size_t length,
                       wp_event *e) {
  *e = (wp_event){.type = WP_EVENT_OUTPUT, .kind = 1 + stream, .data = text,
                  .length = length, .holds = s->holds, .tag = s->tag};
}

int wp_output_piece(wp_output *o, wp_talk *talk, wp_event *e) {
  wp_stream *s = &o->streams[talk->stream];
  while (talk->at < talk->bytes.len) {
    const unsigned char *text = talk->bytes.data + talk->at;
    size_t left = talk->bytes.len - talk->at;
    size_t length = o->token ? unmarked(text, left, o->token) : left;
    if (length == 0) {
      take_mark(s, talk);
      continue;
    }
    fill_event(s, talk->stream, text, length, e);
    talk->at += length;
    return 1;
  }
  return 0;
}

int wp_output_cut(wp_output *o, wp_event *e) {
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    wp_stream *s = &o->streams[i];
    if (s->n_cut == 0) continue;
    fill_event(s, i, s->cut, s->n_cut, e);
    s->n_cut = 0;
    return 1;
  }
  return 0;
}

/* ---- captured ----------------------------------------------------------- */

/* A task may have cut the file short itself, as `> /dev/stderr` does in a
** shell: then all that there is comes from it. */
size_t wp_output_tail(int file, uint64_t from, char *buffer, size_t size,
                      uint64_t *total) {
  struct stat file_is;
  *total = 0;
  if (file < 0 || fstat(file, &file_is) < 0) return 0;
  uint64_t end = (uint64_t)file_is.st_size;
  if (from > end) from = 0;
  *total = end - from;
  if (*total > size) from = end - size;
  ssize_t n = pread(file, buffer, (size_t)(end - from), (off_t)from);
  return n > 0 ? (size_t)n : 0;
}

void wp_output_free(int file, uint64_t *freed, uint64_t end) {
  end -= end % PAGE;
  if (end < *freed + MUCH) return;
  (void)fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  (off_t)end);
  *freed = end;
}

void wp_output_trim(wp_output *o) {
  struct stat file_is;
  if (o->file < 0 || fstat(o->file, &file_is) < 0) return;
  if ((uint64_t)file_is.st_size > WP_LIMIT_OUTPUT)
    wp_output_free(o->file, &o->freed,
                   (uint64_t)file_is.st_size - WP_LIMIT_OUTPUT);
}
