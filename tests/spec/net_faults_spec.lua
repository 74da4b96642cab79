-- SPDX-License-Identifier: MIT
--
-- Sockets when system calls fail. Each script is run by a command of its own,
-- into which tests/spec/fault.c is preloaded: it makes the first calls of one
-- function fail. The numbers are those of SEMANTICS, group 6.

local sockets = require "tests.spec.sockets"
local shell = require "tests.spec.shell"

local library = sockets.build "fault"

teardown(sockets.clean)

-- What every script begins with: a function that prints a failure, and how
-- many descriptors were left open.
local prelude = ([[
  local neap = require "neap"
  local count = package.loadlib("%s", "luaopen_raw")().count
  local before = count()
  local function report(...)
    local ok, message, code = ...
    print(ok and "fine" or code, message, count() - before)
  end
]]):format(sockets.library)

local numbers = {
  EINTR = 4, EAGAIN = 11, ENOMEM = 12, EMFILE = 24, EPIPE = 32, EPROTO = 71,
  EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETUNREACH = 101, ECONNABORTED = 103,
  ECONNRESET = 104, ENOBUFS = 105, ETIMEDOUT = 110, ECONNREFUSED = 111,
  EHOSTUNREACH = 113, EISCONN = 106, ENFILE = 23, EACCES = 13,
  EAFNOSUPPORT = 97,
}

-- What the script prints while the first `times` calls of `call` fail so; or
-- those that come behind `skipped` others.
local function run(call, code, times, script, skipped)
  local fault = ("FAULT='%s %d %d %d'"):format(call, numbers[code], times,
    skipped or 0)
  local result = shell.command({"-e", prelude .. script}, "",
    table.concat({fault, "LD_PRELOAD=" .. library,
      "ASAN_OPTIONS=verify_asan_link_order=0", "timeout 20"}, " "))
  assert.equal("", result.err)
  assert.equal(0, result.status)
  return result.out
end

describe("accept:", function()
  local script = [[
    local listener = assert(neap.listen("127.0.0.1", 0))
    local _, port = listener:sockname()
    local client = assert(neap.connect("127.0.0.1", port))
    before = count()
    report(listener:accept())
    report(listener:accept())
  ]]

  it("connections that are gone are passed over in silence", function() -- N21
    local once = script:gsub("report%b()%s*$", "")
    for _, code in ipairs {"ECONNABORTED", "EPROTO"} do
      local out = run("accept4", code, 5, once)
      assert.equal("fine\t127.0.0.1\t1\n", out)
    end
  end)

  it("no more descriptors: an error, and then it goes on", function() -- N20
    for _, code in ipairs {"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"} do
      local out = run("accept4", code, 1, script)
      assert.matches("^" .. code .. "\taccept: [^\t]*\t0\n", out)
      assert.matches("\nfine\t127.0.0.1\t1\n$", out)
    end
  end)

  it("EINTR and EAGAIN are no failures", function() -- N21
    for _, code in ipairs {"EINTR", "EAGAIN"} do
      -- A swallowed edge does not come again: the second client brings one.
      local out = run("accept4", code, 1, [[
        local listener = assert(neap.listen("127.0.0.1", 0))
        local _, port = listener:sockname()
        local task = neap.spawn(listener.accept, listener)
        local clients = {}
        for i = 1, 2 do
          clients[i] = assert(neap.connect("127.0.0.1", port))
          neap.sleep(0)
        end
        print((task:await()) ~= nil)
      ]])
      assert.equal("true\n", out)
    end
  end)
end)

describe("connect:", function()
  local script = [[
    local listener = assert(neap.listen("127.0.0.1", 0))
    local _, port = listener:sockname()
    before = count()
    report(neap.connect("127.0.0.1", port))
    report(neap.connect("127.0.0.1", port))
  ]]

  it("fails in words, and leaves no descriptor", function() -- N22
    for _, code in ipairs {"ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT",
      "ECONNREFUSED", "EADDRNOTAVAIL", "ENOBUFS", "EACCES", "EAGAIN"} do
      local out = run("connect", code, 1, script)
      assert.matches("^" .. code .. "\t127.0.0.1:%d+: [^\t]*\t0\n", out)
      assert.matches("\nfine\tnil\t1\n$", out)
    end
  end)

  it("goes on in the background after EINTR", function() -- N22
    local out = run("connect", "EINTR", 1, script)
    assert.equal("fine\tnil\t1\nfine\tnil\t2\n", out)
  end)

  it("fails in words when it turns out later, too", function() -- N22
    for _, code in ipairs {"ETIMEDOUT", "EHOSTUNREACH", "ECONNRESET"} do
      local out = run("connect", code, 1, script, 1)
      assert.matches("^" .. code .. "\t127.0.0.1:%d+: [^\t]*\t0\n", out)
      assert.matches("\nfine\tnil\t1\n$", out)
    end
  end)

  it("may hear twice that it is connected", function()
    local out = run("connect", "EISCONN", 1, script, 1)
    assert.equal("fine\tnil\t1\nfine\tnil\t2\n", out)
  end)

  it("without a descriptor, or the family", function() -- N22
    for _, code in ipairs {"EMFILE", "ENFILE", "EAFNOSUPPORT"} do
      local out = run("socket", code, 1, [[
        report(neap.connect("::1", 1))
      ]])
      assert.matches("^" .. code .. "\t%[::1%]:1: [^\t]*\t0\n", out)
    end
  end)
end)

describe("listen:", function()
  it("each step that fails names the address", function() -- N25
    for call, code in pairs {socket = "EMFILE", bind = "EACCES",
      listen = "EADDRINUSE"} do
      local out = run(call, code, 1, [[report(neap.listen("127.0.0.1", 0))]])
      assert.matches("^" .. code .. "\t127.0.0.1:0: [^\t]*\t0\n", out)
    end
  end)
end)

describe("recv and send:", function()
  local script = [[
    local a, b = neap.socketpair()
    before = count()
    a:send "x"
    report(b:recv())
  ]]

  it("what the kernel says is said", function()
    for _, code in ipairs {"ECONNRESET", "ETIMEDOUT", "ENOMEM"} do
      local out = run("recv", code, 1, script)
      assert.matches("^" .. code .. "\trecv: [^\t]*\t0\n", out)
    end
    for _, code in ipairs {"EPIPE", "ECONNRESET", "ENOBUFS"} do
      local out = run("send", code, 1, [[
        local a, b = neap.socketpair()
        before = count()
        report(a:send "x")
        b:close()
      ]])
      assert.matches("^" .. code .. "\tsend: [^\t]*\t0\n", out)
    end
  end)

  it("EINTR is no failure", function()
    assert.equal("fine\tnil\t0\n", run("recv", "EINTR", 3, script))
    assert.equal("fine\tnil\t0\n", run("send", "EINTR", 3, script))
  end)
end)

describe("datagrams:", function()
  local script = [[
    local a = assert(neap.udp("127.0.0.1", 0))
    before = count()
    local sent, message, code = a:send_to("x", a:sockname())
    if not sent then return report(sent, message, code) end
    report(a:recv_from())
    report(a:send_to("y", a:sockname())) -- it is as good as before
  ]]

  it("what the kernel says is said, and all goes on", function() -- N29
    for _, code in ipairs {"ECONNREFUSED", "EHOSTUNREACH", "ENOMEM"} do
      local out = run("recvmsg", code, 1, script)
      assert.matches("^" .. code .. "\trecv_from: [^\t]*\t0\n" ..
        "fine\tnil\t0\n$", out)
      out = run("sendmsg", code, 1, script)
      assert.matches("^" .. code .. "\t127.0.0.1:%d+: [^\t]*\t0\n$", out)
    end
  end)

  it("EINTR is no failure", function()
    for _, call in ipairs {"recvmsg", "sendmsg"} do
      assert.matches("^fine\t127.0.0.1\t0\nfine\tnil\t0\n$",
        run(call, "EINTR", 3, script))
    end
  end)

  it("where there is no room the sender waits", function() -- N12
    local out = run("sendmsg", "EAGAIN", 3, [[
      local a = assert(neap.udp("unix:@neap.fault"))
      local start = neap.time()
      report(a:send_to("x", a:sockname()))
      print(neap.time() - start > 0.002)
    ]])
    assert.equal("fine\tnil\t1\ntrue\n", out)
  end)

  it("each step that fails names the address", function() -- N25
    for call, code in pairs {socket = "EMFILE", bind = "EACCES"} do
      local out = run(call, code, 1, [[report(neap.udp("127.0.0.1", 0))]])
      assert.matches("^" .. code .. "\t127.0.0.1:0: [^\t]*\t0\n", out)
    end
  end)
end)
