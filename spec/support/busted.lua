-- Starts busted in the interpreter that runs this file. The `busted` program
-- starts under whatever `lua` is (5.1 on many systems) and passes its
-- arguments on to another interpreter unquoted and through a shell.
require "busted.runner" { standalone = false }
