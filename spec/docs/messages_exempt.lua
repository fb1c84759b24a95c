-- What sources say that needs no row in docs/when-things-go-wrong.md, each
-- with its reason. Lua patterns, searched in the text as it is in the source.
-- A new message belongs on the page, unless one of these reasons holds.

return {
  { why = "wrong use, told at the caller's line, that already says what was wanted and what came",
    "wanted ", " expected", "must be a number", "give chunk_size or n_splits", "is a number, got",
    "a range cannot be changed",
    "called with a dot", "n_splits needs a length", "unknown typecode", "a key is a string",
    "another class is called", "'step' is zero", "more numbers than can be counted",
    "cannot be negative", "cannot hold nil", "nan cannot be a key", "out of range",
    "outside of the string", "no such worker", "no such CPU", "what it holds is in 'value'",
    "retry_delay returned", "only a task can send messages", "is no whole number of elements",
    "elements from index", "does not fit", "has no integer representation",
    "the value is no number but a", "too long for a table", "'cpu_ids'" },
  { why = "the page has it as `corrupt message: TEXT at byte N`",
    "^the end is missing$", "^a number without end$", "^more values promised", "^values nested too deep$",
    "^a reference to what", "^a string to keep",
    "^a kept string", "^a class ", "^a key that is n",
    "^a table larger", "^a table smaller", "^more floats", "^an object that is no table$",
    "^an unknown tag$", "^too many values$", "^code missing$", "^a shared upvalue",
    "^code with another number", "^a table with the class of a userdata$" },
  { why = "the page has it as `cannot send PATH: TEXT`", "^light userdata$" },
  { why = "no message: a name that is looked up or an end of a line",
    "^success$", "%-%-help'", "^workerpool: line" },
  { why = "cannot be seen but by who changes this library", "^the worker was stopped$",
    "^the codec has been collected$", "^interrupted!$" },
}
