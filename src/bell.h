/*
** Bell: how a sleeping process is woken, and how it learns that the other
** side is gone. Data goes through shared memory; a byte on a socket says
** "look again". End of file says that the host is dead.
*/
#ifndef WP_BELL_H
#define WP_BELL_H

#include "base.h"

/* The host's end and a worker's end of one connection, close-on-exec and
** clear of descriptors 0 to 2: 0 or -errno. */
int wp_bell_pair(int fds[2]);

/* Wakes the sleeper at the other end. A full socket is success: bytes that
** wake it are there already. 0 or -errno. */
int wp_bell_ring(int fd);

/* Sleeps until rung: 0, or WP_ECLOSED when the other end is gone. */
int wp_bell_wait(int fd);

/* Tells the other end that we are gone, whoever has a copy of ours. */
void wp_bell_hang_up(int *fd);

/* A bell that many may ring and one polls, an eventfd: 0 or -errno. */
int wp_hub_open(int *fd);
void wp_hub_ring(int fd);
void wp_hub_clear(int fd);

/* A host may run with 0, 1 or 2 closed. Were one of ours to get such a number,
** a worker's print would end up in it: ours begin here. */
#define WP_CLEAR_OF_STDIO 3
/* And of those that a careless loop in a task will close. */
#define WP_OUT_OF_THE_WAY 500

/* Moves a descriptor to `least` or above, close-on-exec; gives the old one
** back unmoved when there is no room. */
int wp_fd_move(int fd, int least);

/* Closes a descriptor held in a variable, which becomes -1. */
void wp_fd_close(int *fd);

#endif
