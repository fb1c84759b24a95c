/*
** What the machine can do without us: memcpy, and a pipe to another process
** and back. Prints "name seconds" lines.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void move_all(int fd, char *data, size_t size,
                     ssize_t (*move)(int, void *, size_t)) {
  while (size > 0) {
    ssize_t n = move(fd, data, size);
    if (n <= 0) exit(1);
    data += n;
    size -= (size_t)n;
  }
}

static ssize_t put(int fd, void *data, size_t n) { return write(fd, data, n); }

/* Reads all of a message, then sends all of it back. */
static void echo(int in, int out, char *data, size_t size, int times) {
  for (int i = 0; i < times; i++) {
    move_all(in, data, size, read);
    move_all(out, data, size, put);
  }
}

static double round_trip(char *data, size_t size, int times) {
  int there[2], back[2];
  if (pipe(there) < 0 || pipe(back) < 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    echo(there[0], back[1], data, size, times);
    _exit(0);
  }
  double began = now();
  for (int i = 0; i < times; i++) {
    move_all(there[1], data, size, put);
    move_all(back[0], data, size, read);
  }
  double took = (now() - began) / times;
  waitpid(child, NULL, 0);
  for (int i = 0; i < 2; i++) close(there[i]), close(back[i]);
  return took;
}

static double copy(char *data, char *other, size_t size) {
  double began = now();
  memcpy(other, data, size);
  return now() - began;
}

static void report(const char *name, size_t size, int times) {
  char *data = malloc(size), *other = malloc(size);
  double best_copy = 1e9, best_pipe = 1e9;
  if (!data || !other) exit(1);
  memset(data, 1, size);
  memset(other, 2, size);
  for (int i = 0; i < ROUNDS; i++) {
    double c = copy(data, other, size), p = round_trip(data, size, times);
    if (c < best_copy) best_copy = c;
    if (p < best_pipe) best_pipe = p;
  }
  printf("memcpy %s\t%.9g\npipe %s\t%.9g\n", name, best_copy, name, best_pipe);
  free(data);
  free(other);
}

int main(void) {
  report("64 B", 64, 2000);
  report("64 KB", 1 << 16, 200);
  report("1 MB", 1 << 20, 20);
  report("100 MB", 100u << 20, 1);
  return 0;
}
