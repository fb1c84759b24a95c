-- A program that called wp_serve without being a server waited for ever; wp_open and
-- wp_attach left what they had not made undefined, for who cleans up; a start method
-- that is none was taken for fork, and a parcel could have more tasks than numbers.

local helper = require "spec.support.helper"

describe("a C host that calls what it should not", function()
  helper.guard()

  it("is told", function()
    local done = helper.run({ helper.compile("spec/support/fixtures/slips.c") })
    assert.are.equal([[
attach to nothing: invalid argument
no main function: invalid argument
no such method: invalid argument
no program: invalid argument
no word of it: invalid argument
more tasks than can be counted: invalid argument
as many as can be: success
serve, as a worker: invalid argument
exit 0, signal 0
receive, as a server: invalid argument
reply, as a server: invalid argument
send, as a server: invalid argument
exit 0, signal 0
]], done.stdout)
    assert.are.same({ 0, "" }, { done.status, done.stderr })
  end)
end)
