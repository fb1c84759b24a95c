/*
** Kills random children of a process at random moments.
**
**   murder PID COUNT SEED MOST_MICROSECONDS [PERCENT DEPTH]
**
** After COUNT kills, or when the process has gone, it writes how many there
** were. Children that nobody has waited for are not killed again. With a
** PERCENT, so many of its victims are stopped instead, and it ends as soon as
** there is anything on its standard input. DEPTH 2 are grandchildren, too.
*/
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CHILDREN = 256 };

static int is_running(int pid) {
  char path[64], text[512] = "";
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  size_t n = fread(text, 1, sizeof(text) - 1, f);
  fclose(f);
  text[n] = '\0';
  const char *behind = strrchr(text, ')');
  return behind && behind[2] != 'Z' && behind[2] != 'X';
}

/* Behind the n that there are. Not this process, which may be one of them. */
static int list_children(int pid, int *children, int n) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
  FILE *f = fopen(path, "r");
  if (!f) return n;
  while (n < MOST_CHILDREN && fscanf(f, "%d", &children[n]) == 1)
    n += children[n] != getpid() && is_running(children[n]);
  fclose(f);
  return n;
}

static int list_family(int pid, int *children, int depth) {
  int from = 0, n = list_children(pid, children, 0);
  for (; depth > 1; depth--) {
    int to = n;
    for (; from < to; from++) n = list_children(children[from], children, n);
  }
  return n;
}

static int is_told_to_stop(void) {
  struct pollfd in = {.fd = 0, .events = POLLIN};
  return poll(&in, 1, 0) != 0;
}

static void sleep_up_to(unsigned most_us) {
  long us = rand() % ((long)most_us + 1);
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

int main(int argc, char **argv) {
  int children[MOST_CHILDREN], killed = 0, stopped = 0;
  if (argc != 5 && argc != 7) return 2;
  int pid = atoi(argv[1]), count = atoi(argv[2]);
  int percent = argc == 7 ? atoi(argv[5]) : 0;
  int depth = argc == 7 ? atoi(argv[6]) : 1;
  srand((unsigned)atoi(argv[3]));
  while (killed + stopped < count && is_running(pid)) {
    if (argc == 7 && is_told_to_stop()) break;
    sleep_up_to((unsigned)atoi(argv[4]));
    int n = list_family(pid, children, depth);
    if (n == 0) continue;
    int stops = rand() % 100 < percent;
    if (kill(children[rand() % n], stops ? SIGSTOP : SIGKILL) < 0) continue;
    if (stops) stopped++;
    else killed++;
  }
  if (argc == 7) printf("%d killed, %d stopped\n", killed, stopped);
  else printf("%d\n", killed);
  return 0;
}
