/*
** Linked into the build of `make cover` with --wrap=_exit: a worker that
** leaves by _exit first writes its line counts.
*/
void __gcov_dump(void);
void __real__exit(int code) __attribute__((noreturn));
void __wrap__exit(int code) __attribute__((noreturn));

__attribute__((visibility("hidden"))) void __wrap__exit(int code) {
  __gcov_dump();
  __real__exit(code);
}
