-- Workers that die one after the other before they have done anything are not
-- worth another start; not so soon while there is one that has come through.

local MOST, MOST_WITH_A_SOUND_ONE = 3, 30

local FalseStarts = { __name = "workerpool.FalseStarts" }
FalseStarts.__index = FalseStarts

--- Does anybody know how it ended? Not after its server has been killed, nor where
--- the host takes the news of all deaths.
---@param ending table
function FalseStarts.is_known(ending)
  return ending.signal or ending.exit_code or ending.timeout
end

function FalseStarts.new()
  return setmetatable({
    in_a_row = 0,
    n_started = 0, -- workers, ever
    number = {},   -- of each worker: it was the n-th to be started
    seen = 0,      -- n_started when the last one was counted
  }, FalseStarts)
end

function FalseStarts:started(w)
  self.n_started = self.n_started + 1
  self.number[w] = self.n_started
end

--- A worker has come through.
function FalseStarts:forget()
  self.in_a_row = 0
end

-- A server that is killed takes with it what it has started, and what it knew of
-- how that ended. All that were on their way then are one false start.
function FalseStarts:went_with_another(w, ending)
  return not self.is_known(ending) and self.number[w] <= self.seen
end

--- Counts one; true when that is enough.
---@param w integer
---@param ending table
---@param has_sound boolean another worker has come through
---@return boolean
function FalseStarts:is_enough(w, ending, has_sound)
  if self:went_with_another(w, ending) then return false end
  self.seen = self.n_started
  self.in_a_row = self.in_a_row + 1
  return self.in_a_row >= (has_sound and MOST_WITH_A_SOUND_ONE or MOST)
end

return FalseStarts
