---@meta
-- The classes that are made in C (src/bind_shared_*.c), for editors and for
-- docs/reference.md. Where a time in seconds is nil, a wait has no end; 0 does
-- not wait. Raised errors name the class, and what came and was wanted.

---@class workerpool.Lockable
local Lockable = {}

--- Waits until the lock is free and takes it. An error when this process has it.
---@return true
---@return "owner died"? note, when its last owner was killed; told once
function Lockable:lock() end

---@param seconds? number 0
---@return boolean taken
---@return "owner died"? note
function Lockable:try_lock(seconds) end

--- Gives it back; an error when this process does not have it.
function Lockable:unlock() end

--- Calls f(self, note) with the lock, whatever happens in it, and returns what
--- f returns.
---@param f fun(object: any, note?: "owner died"): ...
---@return any ...
function Lockable:with_lock(f) end

--- Takes the lock for a variable that is to be closed:
--- `local guard <close> = object:guard()`.
---@return any guard
---@return "owner died"? note
function Lockable:guard() end

---@class workerpool.Lock: workerpool.Lockable

---@class workerpool.Array: workerpool.Lockable
---@field [integer] number counted from 1; bounds, type and range are checked
local Array = {}

---@param i integer
---@return number
function Array:get(i) end

---@param i integer
---@param v number
function Array:set(i, v) end

--- Adds, atomically.
---@param i integer
---@param v number
---@return number new value
function Array:add(i, v) end

--- Stores the lesser of what is there and v, atomically.
---@param i integer
---@param v number
---@return number new value
function Array:min(i, v) end

--- Stores the greater of what is there and v, atomically.
---@param i integer
---@param v number
---@return number new value
function Array:max(i, v) end

--- Stores `new` where `old` is, atomically.
---@param i integer
---@param old number
---@param new number
---@return boolean stored
---@return number seen, what was there
function Array:cas(i, old, new) end

--- A view of elements first … last of the same memory, which travels, too.
---@param first integer
---@param last? integer
---@return workerpool.Array
function Array:slice(first, last) end

---@param v number
---@param first? integer
---@param last? integer
function Array:fill(v, first, last) end

---@param first? integer
---@param last? integer
---@return number
function Array:sum(first, last) end

---@param first? integer
---@param last? integer
---@return number[]
function Array:totable(first, last) end

--- The raw bytes.
---@param first? integer
---@param last? integer
---@return string
function Array:tostring(first, last) end

--- Copies all elements of a list, an Array or a string of raw bytes to `at` …
---@param from number[]|workerpool.Array|string
---@param at? integer 1
function Array:copy_from(from, at) end

--- For the generic for: index and element.
---@param first? integer
---@param last? integer
---@return fun(): integer?, number?
function Array:each(first, last) end

--- Sleeps while element i is v, until it is notified of a change.
---@param i integer
---@param v number
---@param seconds? number
---@return boolean changed; false when time is up
function Array:wait(i, v, seconds) end

--- Wakes those who wait for element i.
---@param i integer
---@param count? integer all
---@return integer woken
function Array:notify(i, count) end

---@return string letter of the type
function Array:typecode() end

---@class workerpool.Value: workerpool.Lockable
---@field value number
local Value = {}

---@return number
function Value:get() end

---@param v number
function Value:set(v) end

---@param v number
---@return number new value
function Value:add(v) end

---@param v number
---@return number new value
function Value:min(v) end

---@param v number
---@return number new value
function Value:max(v) end

---@param old number
---@param new number
---@return boolean stored
---@return number seen
function Value:cas(old, new) end

---@param v number
---@param seconds? number
---@return boolean changed
function Value:wait(v, seconds) end

---@param count? integer
---@return integer woken
function Value:notify(count) end

---@return string letter of the type
function Value:typecode() end

---@class workerpool.Event
local Event = {}

--- Wakes all who wait; it stays set until clear.
function Event:set() end

--- Waits begin anew.
function Event:clear() end

---@return boolean
function Event:is_set() end

---@param seconds? number
---@return boolean is_set
function Event:wait(seconds) end

---@class workerpool.Semaphore
local Semaphore = {}

--- Takes a permit. Permits of a killed process come back, with a note.
---@param seconds? number
---@return boolean taken
---@return "owner died"? note
function Semaphore:acquire(seconds) end

---@param n? integer 1
function Semaphore:release(n) end

---@return integer free permits
function Semaphore:value() end

---@class workerpool.Barrier
local Barrier = {}

--- Waits until all have come: the number of this arrival, from 1; or false and
--- "timeout".
---@param seconds? number
---@return integer|false arrival
---@return "timeout"? note
function Barrier:wait(seconds) end

---@return integer
function Barrier:parties() end

---@return integer how many wait now, the killed not counted
function Barrier:waiting() end

---@class workerpool.Queue
local Queue = {}

--- Waits for room. An error when the queue is closed, and for a value that is
--- larger than the queue.
---@param v any whatever can travel, but nil
---@param seconds? number
---@return boolean put
---@return "timeout"? note
function Queue:put(v, seconds) end

--- Waits for a value.
---@param seconds? number
---@return any value; nil: see note
---@return "timeout"|"closed"|nil note
function Queue:get(seconds) end

---@param v any
---@return boolean put
---@return "full"? note
function Queue:try_put(v) end

---@return any value; nil: see note
---@return "empty"|"closed"|nil note
function Queue:try_get() end

--- For the generic for: values, until the queue is closed and empty.
---@return fun(): any
function Queue:each() end

--- No more is put; what is there can be taken.
function Queue:close() end

---@return boolean
function Queue:is_closed() end

---@return integer values at most
---@return integer bytes at most, together
function Queue:capacity() end

---@return integer processes that were killed while they used it
function Queue:deaths() end

---@class workerpool.Dict
---@field [string|number|boolean] any
local Dict = {}

---@param key string|number|boolean
---@param default? any
---@return any
function Dict:get(key, default) end

--- Stores a value; nil deletes. An error when the dict is full, but with
--- seconds it waits for room.
---@param key string|number|boolean
---@param v any
---@param seconds? number
---@return boolean stored
---@return "timeout"? note
function Dict:set(key, v, seconds) end

---@param key string|number|boolean
---@return boolean
function Dict:has(key) end

--- Stores a value unless the key is there.
---@param key string|number|boolean
---@param v any
---@return boolean is_new
function Dict:add(key, v) end

---@param key string|number|boolean
---@return boolean was_there
function Dict:delete(key) end

--- Adds to a number, atomically; what is not there is 0.
---@param key string|number|boolean
---@param by? number 1
---@return number new value
function Dict:incr(key, by) end

--- Stores f(value) in place of value, with the dict locked; nil deletes.
---@param key string|number|boolean
---@param f fun(value: any): any
---@return any value
function Dict:update(key, f) end

---@return (string|number|boolean)[]
function Dict:keys() end

---@return table
function Dict:totable() end

--- Deletes all.
function Dict:clear() end

---@return integer keys at most
---@return integer bytes at most
function Dict:capacity() end

---@return integer processes that were killed while they changed it
function Dict:deaths() end
