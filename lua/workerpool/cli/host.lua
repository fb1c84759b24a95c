-- What the command line needs from the program that it runs in. The real
-- thing is in src/main.c; under an interpreter without it (for debugging the
-- command line itself) there are no signals, and no environment to change.

local ok, host = pcall(require, "workerpool.host")
if ok then return host end

return {
  interrupted = function() return nil end,
  is_heard = function() return true end,
  setenv = function() return nil, "this interpreter cannot change its environment" end,
}
