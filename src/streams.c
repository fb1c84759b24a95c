/*
** Streams: see streams.h.
**
** The kernel keeps a write together that goes to a file or a terminal; into a
** pipe or a socket only its first 4096 bytes, unless nobody else writes. So
** writes into those take turns by a lock on the pipe itself: everybody who
** prints there finds it, whatever pool he is of, and who is killed loses it.
*/
#include "streams.h"

#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where they go ------------------------------------------------------ */

static int kind_of(int fd) {
  struct stat file_is;
  return fstat(fd, &file_is) < 0 ? 0 : (int)(file_is.st_mode & S_IFMT);
}

static int keep(int fd) {
  int kept = fcntl(fd, F_DUPFD_CLOEXEC, WP_OUT_OF_THE_WAY);
  /* There may be a limit to their number. */
  return kept < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : kept;
}

void wp_streams_init(wp_streams *s, const int ends[WP_STREAMS],
                     const unsigned char *token) {
  *s = (wp_streams){.terminal = -1, .pipes = {-1, -1}, .file = -1};
  if (ends[1] >= 0) s->terminal = keep(STDERR_FILENO);
  if (ends[0] >= 0 && kind_of(ends[0]) == S_IFREG) s->file = keep(ends[0]);
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    if (ends[i] < 0) continue;
    if (s->file < 0) s->relayed |= 1u << i;
    if (s->file < 0 && token) s->pipes[i] = keep(ends[i]);
    dup2(ends[i], STDOUT_FILENO + (int)i);
    close(ends[i]);
  }
  if (s->relayed) s->token = token;
  s->is_asked = s->file >= 0 || s->token;
}

/* ---- whole lines -------------------------------------------------------- */

/* Without the lock, where there is none to be had, short lines are whole. */
static void take_turn(int fd, short type) {
  struct flock turn = {.l_type = type, .l_whence = SEEK_SET};
  while (fcntl(fd, F_SETLKW, &turn) < 0 && errno == EINTR) continue;
}

/* The host may have made it non-blocking, for itself and so for us. */
static int wait_until_writable(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static size_t write_all(int fd, const char *data, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = write(fd, data + done, size - done);
    if (n >= 0) done += (size_t)n;
    else if (errno == EAGAIN && wait_until_writable(fd)) continue;
    else if (errno != EINTR) break;
  }
  return done;
}

static int needs_turns(int fd) {
  int kind = kind_of(fd);
  return kind == S_IFIFO || kind == S_IFSOCK;
}

size_t wp_print(int fd, const char *data, size_t size) {
  int turns = needs_turns(fd);
  if (turns) take_turn(fd, F_WRLCK);
  size_t done = write_all(fd, data, size);
  int failed = errno;
  if (turns) take_turn(fd, F_UNLCK);
  errno = failed;
  return done;
}

/* Less than all is a failure. */
static ssize_t write_in_turn(void *cookie, const char *data, size_t size) {
  return (ssize_t)wp_print((int)(intptr_t)cookie, data, size);
}

/* Longer lines leave in pieces. Of these bytes only those are in memory that
** have been printed to, and a worker that starts need not ask for them. */
#define LONGEST_LINE ((size_t)1 << 20)
static char buffers[WP_STREAMS][LONGEST_LINE];

static FILE *replaced[WP_STREAMS]; /* the C library's own */

/* stdout or stderr, or what stands for it. */
static FILE **place_of(unsigned i) { return i == 0 ? &stdout : &stderr; }

/* A stream for the same descriptor whose writes take turns; NULL when there
** is no memory for one. */
static FILE *stream_in_turn(int fd) {
  const cookie_io_functions_t functions = {.write = write_in_turn};
  FILE *f = fopencookie((void *)(intptr_t)fd, "w", functions);
  if (f) f->_fileno = fd; /* for those who ask */
  return f;
}

static void print_lines(unsigned i) {
  FILE **place = place_of(i);
  int fd = STDOUT_FILENO + (int)i;
  if (needs_turns(fd) && !replaced[i]) {
    FILE *turns = stream_in_turn(fd);
    if (turns) {
      setvbuf(*place, NULL, _IOLBF, BUFSIZ); /* some may have kept it */
      replaced[i] = *place;
      *place = turns;
    }
  }
  setvbuf(*place, buffers[i], _IOLBF, LONGEST_LINE);
}

/* Nobody else writes where a captured or relayed stream goes to. */
static void print_at_once(unsigned i) {
  setvbuf(*place_of(i), NULL, _IONBF, 0);
}

void wp_streams_own(const wp_streams *s) {
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    if (s->file >= 0 || (i == 1 && s->relayed & 2u)) print_at_once(i);
    else print_lines(i);
  }
}

FILE *wp_streams_now(FILE *stream) {
  for (unsigned i = 0; i < WP_STREAMS; i++)
    if (stream && stream == replaced[i]) return *place_of(i);
  return stream;
}

/* ---- whose it is -------------------------------------------------------- */

/* What the task before has printed is still needed should we be killed
** before its result is out, what came before that no more. */
static void turn_file(wp_streams *s, wp_line *line, uint32_t index) {
  off_t end = lseek(s->file, 0, SEEK_END);
  if (end < 0) return; /* closed by the task */
  if (index == 0) atomic_store(&line->output_from[~index & 1], (uint64_t)end);
  atomic_store(&line->output_from[index & 1], (uint64_t)end);
  wp_output_free(s->file, &s->freed,
                 atomic_load(&line->output_from[~index & 1]));
}

/* Shorter than what a pipe keeps together. */
static void write_marks(const wp_streams *s, int holds, uint64_t tag) {
  wp_mark mark = {.holds = (unsigned char)holds};
  memcpy(mark.token, s->token, WP_MARK_TOKEN);
  memcpy(mark.tag, &tag, sizeof(tag));
  for (unsigned i = 0; i < WP_STREAMS; i++)
    if (s->pipes[i] >= 0)
      (void)write_all(s->pipes[i], (const char *)&mark, sizeof(mark));
}

void wp_streams_turn(wp_streams *s, wp_line *line, uint32_t index, int holds,
                     uint64_t tag) {
  fflush(stdout);
  fflush(stderr);
  if (s->file >= 0) turn_file(s, line, index);
  else write_marks(s, holds, tag);
}
