/*
** Slab, address sanitizer: what that is told of memory which it has not handed
** out itself: bytes that nobody may touch now, and memory whose pointers keep
** alive what they point to. In other builds this is nothing.
*/
#ifndef WP_SLAB_ASAN_H
#define WP_SLAB_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define FORBID(at, size) __asan_poison_memory_region(at, size)
#define ALLOW(at, size) __asan_unpoison_memory_region(at, size)
#include <sanitizer/lsan_interface.h>
#define ADD_ROOTS(at, size) __lsan_register_root_region(at, size)
#define REMOVE_ROOTS(at, size) __lsan_unregister_root_region(at, size)
#else
#define FORBID(at, size) ((void)(at), (void)(size))
#define ALLOW(at, size) ((void)(at), (void)(size))
#define ADD_ROOTS(at, size) ((void)(at), (void)(size))
#define REMOVE_ROOTS(at, size) ((void)(at), (void)(size))
#endif

#endif
