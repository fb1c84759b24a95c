-- The matrix, first table: what goes wrong, and what the host is to be told.
--
--   name        also the name of its function in crimes.lua
--   kind        of the error that the guilty task gets; none: it succeeds
--   signal, exit_code, message   more of that error
--   number      of the signal, where the host can send it as well
--   timed       only a time limit ends it
--   no_text     and yet no text that its value could be told by
--   around      what becomes of a pool of the task's own instead
--   in_process  a thread can do it without taking its host with it

return {
  { name = "SIGKILL", kind = "crash", signal = "SIGKILL", number = 9 },
  { name = "SIGSEGV", kind = "crash", signal = "SIGSEGV", number = 11 },
  { name = "abort", kind = "crash", signal = "SIGABRT", number = 6 },
  { name = "os.exit(0)", kind = "crash", exit_code = 0, in_process = true },
  { name = "os.exit(3)", kind = "crash", exit_code = 3, in_process = true },
  { name = "error", kind = "error", message = "it went wrong", in_process = true },
  { name = "error that cannot travel", kind = "error", message = "error object is",
    no_text = true, in_process = true },
  { name = "result that cannot travel", kind = "encode", message = "cannot send .*thread",
    is_result = true, in_process = true },
  { name = "out of memory", kind = "memory", message = "not enough memory",
    memory_limit = 24 << 20 },
  { name = "stack overflow", kind = "error", message = "stack overflow", in_process = true },
  { name = "endless loop in Lua", kind = "timeout", message = "timed out", timed = true,
    in_process = true },
  { name = "endless loop in C", kind = "timeout", message = "timed out", timed = true },
  { name = "descriptors closed",
    around = { kind = "error", message = "Bad file descriptor" } },
  { name = "fork and return", in_process = true },
  { name = "SIGSTOP", kind = "timeout", message = "timed out", number = 19, timed = true },
}
