-- What becomes of the tasks of a map call that fail: they are tried again, take their
-- place among the results as an error or a value, or end the call.

local core = require "workerpool.core"
local errors = require "workerpool.errors"
local kinds = require "workerpool.kinds"
local mixin = require "workerpool.mixin"

local Failures = {}

-- ---- the caller's functions ---------------------------------------------------------

--- The first error counts. It is raised when the call next takes a step. Lua lets
--- code raise nil and false, too.
function Failures:fail(err)
  self.error = self.error or err or tostring(err)
end

function Failures:heed(ok, ...)
  if ok then return ... end
  local thrown = ...
  self:fail(thrown)
  if errors.is_interrupt(thrown) then error(thrown, 0) end
end

--- Calls a function of the caller's. What it raises ends this call and nothing else:
--- who has waited for the event at hand may have waited for another task.
function Failures:ask(f, ...)
  return self:heed(pcall(f, ...))
end

function Failures:delay_after(attempt)
  local delay = self.opts.retry_delay
  if type(delay) == "number" then return delay end
  local seconds = self:ask(delay, attempt)
  if seconds == nil then return 0 end
  if type(seconds) == "number" and seconds == seconds then return seconds end
  self:fail(("%s: retry_delay returned %s; wanted a number of seconds")
    :format(self.title, kinds.got(seconds)))
  return 0
end

-- ---- one task -----------------------------------------------------------------------

function Failures:attempt_of(index)
  return (self.attempts[index] or 0) + 1
end

function Failures:may_try_again(err)
  return err.attempt <= self.opts.retries or type(self.opts.on_error) ~= "string"
end

-- False when there is nothing to try it with: it could not be sent, or its
-- arguments can be read by workers only.
function Failures:try_again(index, err, args)
  if not args then return false end
  self.attempts[index] = err.attempt
  self.repeated = self.repeated + 1
  self:note_done(-1)
  self.sink:withhold(self, index)
  self.waiting:put {
    index = index, args = args, due = core.now() + self:delay_after(err.attempt),
  }
  return true
end

--- Decides on a failed task.
---@param index integer
---@param err table with its attempt
---@param args? table what it can be tried again with, if it can
function Failures:decide(index, err, args)
  if self.over then return end
  if err.attempt <= self.opts.retries and self:try_again(index, err, args) then return end
  self.attempts[index] = nil
  local policy = self.opts.on_error
  self.failed = self.failed + 1
  if policy == "raise" then return self:fail(err) end
  if policy == "collect" then return self.sink:place(self, index, err) end
  local action, value = self:ask(policy, err)
  if action == "retry" and self:try_again(index, err, args) then
    self.failed = self.failed - 1
  elseif action == "skip" then
    return self.sink:place(self, index, value)
  elseif action == nil or action == "raise" or action == "retry" then
    self:fail(err)
  else
    self:fail(('%s: on_error returned %s; wanted "retry", "skip" or "raise"')
      :format(self.title, kinds.got(action)))
  end
end

--- The same for one that no parcel has or will have.
function Failures:settle_alone(index, err)
  err.attempt = self:attempt_of(index)
  self:note_done(1)
  self:decide(index, err, nil)
end

-- Arguments, by index, of those that may be tried again.
function Failures:arguments_of(failures, tag_index, w)
  local arguments = {}
  for index, err in pairs(failures) do
    err = errors.from(err, index, w)
    err.attempt = self:attempt_of(index)
    failures[index] = err
    arguments[index] = self:may_try_again(err) and self.crew:arguments_at(index - tag_index) or nil
  end
  return arguments
end

--- The same for those that the sink has met among `count` tasks in the event at hand,
--- in their order, up to one that ends the call. Their parcel begins with task
--- `tag_index`, and they at the offset `first`. The arguments are read again from there,
--- all of them before the caller's own functions, in which other events may come.
function Failures:settle_failures(tag_index, first, count, w)
  local failures = self.failures
  self.failures = {}
  local arguments = self:arguments_of(failures, tag_index, w)
  self.crew:release()
  for index = tag_index + first, tag_index + first + count - 1 do
    if self.over or self.error then return end
    if failures[index] then self:decide(index, failures[index], arguments[index]) end
  end
end

-- Gives a class of calls these methods. It has the fields title, crew, opts, sink,
-- attempts, waiting, failures, failed and repeated, and the method note_done.
return mixin(Failures)
