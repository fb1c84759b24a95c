/*
** Base: what every room stands on. Status codes and their names, every
** limit of the engine, a growing byte buffer, the clock, and the only calls
** to the allocator. It includes nothing of ours.
*/
#ifndef WP_BASE_H
#define WP_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define WP_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* Limits, all of them. A limit that a user can meet is in the manual. */
#define WP_LIMIT_WORKERS 1024     /* workers of one pool */
#define WP_LIMIT_PARCELS 16384    /* parcels of one pool under way */
#define WP_SPARE_PARCELS 64       /* of these: for what is submitted again */
#define WP_LIMIT_QUEUE 16384      /* entries of one queue, a power of two */
#define WP_LIMIT_DEPTH 4000       /* nesting of one value */
#define WP_LIMIT_MESSAGE ((size_t)1 << 36) /* bytes of one message: 64 GiB */
#define WP_LIMIT_JOIN_MS 60000u   /* for a program to join, unless told */
#define WP_LIMIT_OUTPUT ((size_t)1 << 16)  /* of captured output, a task */
#ifndef WP_LIMIT_ARENA /* memcheck has a record for each 64 KiB of it */
#define WP_LIMIT_ARENA ((size_t)1 << 38)   /* address space for payloads */
#endif
#ifndef WP_LIMIT_SHARED
#define WP_LIMIT_SHARED ((size_t)1 << 38)  /* and for shared objects */
#endif
#define WP_LIMIT_HOLDERS 4096u       /* processes that use shared objects */
#define WP_LIMIT_HANDLES (1u << 17)  /* of these, in one process */
/*
** WP_TEST is a build in which mistakes have a chance: small and odd sizes,
** short reads, buffers that move whenever they grow (make stress).
*/
#ifdef WP_TEST
#define WP_RING_BYTES ((size_t)1 << 15)
#else
#define WP_RING_BYTES ((size_t)1 << 20)    /* results of one worker under way */
#endif

/*
** Status: 0 or a positive figure is success, -errno is the kernel's word,
** and the codes below are ours, kept clear of any errno.
*/
enum {
  WP_OK = 0,
  WP_EFULL = -1001,    /* no slot or no room now; take a result, try again */
  WP_ETOOBIG = -1002,  /* over one of the limits above */
  WP_ECORRUPT = -1003, /* bytes that no peer of ours would write */
  WP_ECLOSED = -1004,  /* the pool is stopping or the other side is gone */
  WP_EINVAL = -1005,   /* an argument outside its documented range */
  WP_EHANDLES = -1006  /* this process has as many handles as it can */
};

/* A sentence for a status; never NULL, static storage. */
WP_API const char *wp_status_text(int status);

/* Memory. Every allocation of the engine comes through here, so that a host
** can supply its own and a test can make the n-th one fail. The function
** has realloc's manners: new_size 0 frees and returns NULL. */
typedef void *(*wp_alloc_fn)(void *ud, void *block, size_t old_size,
                             size_t new_size);
WP_API void wp_set_allocator(wp_alloc_fn fn, void *ud);
void *wp_realloc(void *block, size_t old_size, size_t new_size);
void *wp_calloc(size_t size);
void wp_free(void *block, size_t size);

/* A growing byte buffer. All zero is a valid empty one. */
typedef struct wp_bytes {
  unsigned char *data;
  size_t len;
  size_t cap;
} wp_bytes;

/* Makes room for `extra` more bytes: 0, -ENOMEM or WP_ETOOBIG. */
int wp_bytes_reserve(wp_bytes *b, size_t extra);
int wp_bytes_append(wp_bytes *b, const void *data, size_t len);
void wp_bytes_free(wp_bytes *b);

/* Bytes that lie in several places, one after the other; `skip` of the first
** have been taken already. */
typedef struct wp_cursor {
  const struct iovec *iov;
  size_t skip;
} wp_cursor;

/* All of them, or SIZE_MAX when they cannot be counted. */
size_t wp_iov_length(const struct iovec *iov, int n);
/* Copies the next `length` bytes, which must be there, and moves on. */
void wp_gather(void *to, size_t length, wp_cursor *from);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t wp_now_ns(void);

/*
** A short look-out before going to sleep, for being woken costs some 50 us.
** It lets others have the processor at every turn, and its length follows
** what waiting has been: where nothing comes it soon costs next to nothing.
*/
typedef struct wp_spin {
  uint64_t limit_ns; /* zero is a valid start */
  uint64_t began_ns; /* of the last one */
} wp_spin;

/* Calls `found` until it is true or time is up; returns its last answer. */
int wp_spin_for(wp_spin *spin, int (*found)(void *ud), void *ud);
/* Said when what was looked out for in vain has come, or not, after a sleep. A
** short wait, look-out and all, means that the look-out was too short: having
** been unlucky for once, it would never be lucky again. */
void wp_spin_slept(wp_spin *spin);

#ifdef __cplusplus
}
#endif

#endif
