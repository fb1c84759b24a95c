/*
** Kills random children of a process, at random moments.
**
**   murder PID COUNT SEED MOST_MICROSECONDS
**
** After COUNT kills, or when the process has gone, it writes how many there
** were. Children that nobody has waited for are not killed again.
*/
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static int list_children(int pid, int *children) {
  char path[64];
  int n = 0;
  snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
  FILE *f = fopen(path, "r");
  if (!f) return -1;
  while (n < MOST_CHILDREN && fscanf(f, "%d", &children[n]) == 1)
    n += is_running(children[n]);
  fclose(f);
  return n;
}

static void sleep_up_to(unsigned most_us) {
  long us = rand() % ((long)most_us + 1);
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

int main(int argc, char **argv) {
  int children[MOST_CHILDREN], killed = 0;
  if (argc != 5) return 2;
  int pid = atoi(argv[1]), count = atoi(argv[2]);
  srand((unsigned)atoi(argv[3]));
  while (killed < count) {
    sleep_up_to((unsigned)atoi(argv[4]));
    int n = list_children(pid, children);
    if (n < 0 || !is_running(pid)) break;
    if (n > 0 && kill(children[rand() % n], SIGKILL) == 0) killed++;
  }
  printf("%d\n", killed);
  return 0;
}
