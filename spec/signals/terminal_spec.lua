-- Ctrl-C as people send it: on a terminal, which shows what is left of the bar
-- and is then the shell's again.
-- timeout: 120

local helper = require "spec.support.helper"

local server, n_servers

local function tmux(arguments)
  return helper.run("tmux -L " .. server .. " -f /dev/null " .. arguments)
end

-- A terminal of 80 by 20 with a shell that runs a program, and then goes on.
local function terminal(source, program)
  local path = helper.write(helper.tmpdir() .. "/program.lua", source)
  n_servers = (n_servers or 0) + 1
  server = ("workerpool-signals-%d-%d"):format(helper.pid(), n_servers)
  local line = ("trap '' INT; export LC_ALL=C.UTF-8 %s; old=$(stty -g); "
    .. "(trap - INT; exec %s %s); status=$?; "
    .. "[ \"$old\" = \"$(stty -g)\" ] && echo terminal as before; echo status $status; sleep 60")
    :format(helper.lua_env, program, path)
  tmux("new-session -d -x 80 -y 20 " .. helper.quote(line))
end

local function screen()
  local lines = {}
  for line in tmux("capture-pane -p").stdout:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

local function screen_with(pattern)
  local lines
  local found = helper.eventually(function()
    lines = screen()
    return table.concat(lines, "\n"):find(pattern)
  end, 20)
  assert(found, "not on the screen: " .. pattern .. "\n" .. table.concat(lines, "\n"))
  return lines
end

local BAR = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local function nap(x) core.sleep(0.02) return x end
  local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
  %s
  pool:map(nap, workerpool.range(5000), { progress_bar = true })]]

local programs = { helper.host .. " run" }
if not helper.sanitized then programs[2] = helper.lua end

for i, program in ipairs(programs) do
  describe("Ctrl-C on a terminal, " .. (i == 1 and "workerpool run" or "lua"), function()
    helper.guard()
    after_each(function() tmux("kill-server") end)

    it("leaves the bar as it was, says why it ended, and the terminal as before", function()
      terminal(BAR:format(""), program)
      screen_with("[1-9]%d*/5000")
      tmux("send-keys C-c")
      local lines = screen_with("status")
      assert.matches("%d+/5000 .*stopped: interrupted", lines[1])
      if i == 1 then
        assert.are.same({ "terminal as before", "status 130" }, { lines[2], lines[3] })
      else
        assert.matches("^lua5.4: .*interrupted!", lines[2])
        assert.matches("\nterminal as before\nstatus 1\n", table.concat(lines, "\n"))
      end
    end)

    it("twice, while the first waits for an ending, ends at once", function()
      terminal(BAR:format([[
        local slow <close> = setmetatable({}, { __close = function()
          io.stderr:write("ending\n")
          while true do core.sleep(100) end
        end })]]), program)
      screen_with("[1-9]%d*/5000")
      tmux("send-keys C-c")
      screen_with("\nending")
      tmux("send-keys C-c")
      local lines = table.concat(screen_with("status"), "\n")
      assert.matches("terminal as before\nstatus 130\n", lines)
    end)
  end)
end

describe("Ctrl-Z on a terminal", function()
  helper.guard()
  after_each(function() tmux("kill-server") end)

  it("stops all, and all goes on after it", function()
    terminal(BAR:format(""):gsub("5000", "100"), "bash -mc '" .. helper.host
      .. " run $0; echo stopped; sleep 1; fg >/dev/null; echo and done'")
    screen_with("[1-9]%d*/100")
    tmux("send-keys C-z")
    local lines = table.concat(screen_with("and done"), "\n")
    assert.matches("stopped\n.*100/100", lines)
  end)
end)
