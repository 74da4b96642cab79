// SPDX-License-Identifier: MIT
//
// I9, Y13: an attached runtime that was closed, in a state that lives on. Its
// functions are still there: each raises or says "closed", and none crashes. A
// second close is a no-op, and the state can be given a new runtime. Where the
// host never closes it, lua_close does, and every task's clean-up runs.

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>

#include "check.h"

static char notes[64]; // what Lua notes, one letter each

static int note(lua_State *L) {
    strcat(notes, luaL_checkstring(L, 1));
    return 0;
}

static lua_State *new_state(void) {
    lua_State *L = luaL_newstate();
    CHECK(L);
    luaL_openlibs(L);
    lua_register(L, "note", note);
    *notes = '\0';
    return L;
}

static void do_lua(lua_State *L, const char *code) {
    if (luaL_dostring(L, code) == LUA_OK) return;
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
}

// One of each, some of them in use.
static const char things[] =
    "neap = require 'neap'\n"
    "loop = neap.loop()\n"
    "queue, full = neap.Queue(), neap.Queue(1)\n"
    "future, over = neap.Future(), neap.Future()\n"
    "over:set_result(1)\n"
    "server = assert(neap.listen('127.0.0.1', 0))\n"
    "a, b = neap.socketpair()\n"
    "c, d = neap.socketpair()\n"
    "e, f = neap.socketpair()\n"
    "neap.run(function() e:send 'one\\ntwo' assert(f:read() == 'one') end)\n"
    "task = neap.spawn({name = 'task'}, function()\n"
    "  local _ <close> = setmetatable({}, {__close = function()\n"
    "    note 'c' end})\n"
    "  neap.sleep(1000)\n"
    "end)\n"
    "failed = neap.spawn(error, 'failed')\n"
    "pcall(neap.run, neap.yield)\n"
    "neap.spawn(a.recv, a) neap.spawn(server.accept, server)\n"
    "full:put(1) neap.spawn(full.put, full, 2)\n"
    "neap.spawn(future.await, future)\n"
    "handle = neap.call_later(1000, note, 'X')\n"
    "future:on_done(note, 'X') task:on_done(note, 'd')\n"
    "loop:add_reader(c, note, 'X')\n"
    "generator = coroutine.wrap(function()\n"
    "  for i = 1, 9 do coroutine.yield(i) end end)\n"
    "generator()\n"
    "every = neap.every(1)\n"
    "watched = neap.Future()\n"
    "neap.run(function() completed = neap.as_completed {watched} end)\n"
    "channel = neap.Channel(1)\n"
    "thread = neap.thread(function() end)\n";

// Calls whatever there is with whatever there is, over and over.
static const char calls[] =
    "local values = {nil, 1, 0.001, 'localhost', {}, print, neap.sleep,\n"
    "  function() note 'X' end, task, failed, future, over, queue, full,\n"
    "  server, a, c, handle, loop, coroutine.create(note), completed,\n"
    "  watched, channel, thread, n = 24}\n"
    "local skip = {['coroutine.yield'] = true}\n"
    "local function try(f, ...)\n"
    "  pcall(f, ...)\n"
    "  coroutine.resume(coroutine.create(f), ...)\n"
    "end\n"
    "local function try_all(name, f, ...)\n"
    "  if skip[name] then return end\n"
    "  try(f, ...)\n"
    "  for i = 1, values.n do\n"
    "    local n = select('#', ...)\n"
    "    local args = table.pack(...)\n"
    "    args[n + 1] = values[i]\n"
    "    for j = 1, values.n do\n"
    "      args[n + 2] = values[j]\n"
    "      try(f, table.unpack(args, 1, n + 2))\n"
    "    end\n"
    "    args[n + 2] = nil\n"
    "    try(f, table.unpack(args, 1, n + 1))\n"
    "  end\n"
    "end\n"
    "for name, f in pairs(neap) do\n"
    "  if type(f) == 'function' then try_all(name, f) end end\n"
    "for name, f in pairs(coroutine) do\n"
    "  try_all('coroutine.' .. name, f) end\n"
    "for _, it in ipairs {task, failed, future, over, queue, full, server,\n"
    "    a, b, c, d, handle, loop, watched, channel, thread} do\n"
    "  tostring(it)\n"
    "  local methods = methods_of(it)\n"
    "  for name, f in pairs(methods) do try_all(name, f, it) end\n"
    "end\n"
    "try_all('every', every)\n"
    "collectgarbage()\n";

// debug.getmetatable shows what getmetatable hides.
static int methods_of(lua_State *L) {
    CHECK(lua_getmetatable(L, 1));
    CHECK(lua_getfield(L, -1, "__index") == LUA_TTABLE);
    return 1;
}

static void use_what_is_closed(void) {
    lua_State *L = new_state();
    lua_register(L, "methods_of", methods_of);
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    neap_poll_fd(rt); // arms the alarm, which is gone afterwards
    do_lua(L, things);
    CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
    CHECK(strcmp(notes, "cd") == 0);
    do_lua(L, "local function refused(f, ...)\n"
              "  local ok, e = pcall(f, ...)\n"
              "  assert(not ok and tostring(e):find 'clos', e)\n"
              "end\n"
              "refused(neap.spawn, print)\n"
              "refused(neap.run, print)\n"
              "refused(neap.sleep, 1)\n"
              "refused(neap.call_soon, print)\n"
              "refused(loop.call_soon_threadsafe, loop, print)\n"
              "refused(neap.socketpair)\n"
              "refused(loop.run_forever, loop)\n"
              "refused(neap.gather, print)\n"
              "refused(neap.offload, function() end)\n"
              "local _, message, code = a:recv()\n"
              "assert(message == 'socket is closed' and code == 'closed')\n"
              "assert(select('#', f:read()) == 3) -- what was unread is gone\n"
              "assert(task:cancelled() and not task:cancel())\n"
              "assert(#neap.tasks() == 0 and not neap.current())\n"
              "assert(neap.time() and handle:cancelled())\n"
              "assert(generator() == 2) -- coroutines go on\n"
              "watched:set_result(1) -- in whose line the iterator stands\n"
              "assert(require 'string' == string)");
    do_lua(L, calls);
    CHECK(strcmp(notes, "cd") == 0);
    neap_close(rt); // nothing is left to do
    lua_close(L);
}

// What the host itself calls is refused as well.
static void call_what_is_closed(void) {
    lua_State *L = new_state();
    neap_runtime *rt = neap_attach(L, NULL);
    neap_close(rt);
    lua_pushcfunction(L, note);
    lua_pushliteral(L, "X");
    CHECK(neap_spawn(rt, 1, NULL, NULL) == -ECANCELED);
    CHECK(neap_run(rt) == -1);
    CHECK_WORDS(neap_error(rt), "closed");
    CHECK(neap_turn(rt, 0) == -ECANCELED);
    CHECK(neap_dostring(rt, "note 'X'", "=X") == -1);
    CHECK(lua_gettop(L) == 0 && *notes == '\0');
    lua_close(L);
}

// A new runtime in the same state: what is left of the old one does not matter.
static void attach_again(void) {
    lua_State *L = new_state();
    lua_register(L, "methods_of", methods_of);
    neap_runtime *old = neap_attach(L, NULL);
    CHECK(old);
    do_lua(L, things);
    do_lua(L, "old = neap");
    CHECK(neap_turn(old, 0) == 1);
    neap_close(old);
    *notes = '\0';
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt && rt != old && neap_attach(L, NULL) == rt);
    do_lua(L, "neap = require 'neap'\n"
              "assert(neap ~= old)\n"
              "assert(not pcall(old.spawn, print))\n"
              "assert(neap.run(function()\n"
              "  neap.sleep(0.001)\n"
              "  return coroutine.wrap(function()\n"
              "    neap.sleep(0.001) coroutine.yield(42) end)()\n"
              "end) == 42)\n"
              "neap.run(function()\n"
              "  assert(not pcall(old.sleep, 0))\n"
              "  assert(generator() == 2)\n"
              "  watched:set_result(1)\n"
              "  local ok, e = pcall(neap.offload, function() end, channel)\n"
              "  assert(not ok and e:find 'the channel is gone', e)\n"
              "  assert(select(2, a:recv()) == 'socket is closed')\n"
              "  assert(not pcall(task.await, task))\n"
              "end)");
    neap_close(old);
    CHECK(neap_dostring(rt, "neap.sleep(0.001)", "=again") == 0);
    lua_close(L);
}

// Y13: lua_close runs every task's clean-up; finalizers find all closed.
static void close_the_state(void) {
    lua_State *L = new_state();
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    do_lua(L, things);
    do_lua(L, "neap.spawn(function()\n"
              "  pcall(neap.sleep, 1000)\n"
              "  note 'p'\n"
              "  a:send('x') queue:put(1)\n"
              "end)\n"
              "old = setmetatable({}, {__gc = function()\n"
              "  pcall(neap.spawn, note, 'X') pcall(neap.socketpair)\n"
              "  pcall(queue.get, queue) a:close() note 'g' end})");
    CHECK(neap_turn(rt, 0) == 1);
    lua_close(L);
    CHECK(strchr(notes, 'c') && strchr(notes, 'p') && strchr(notes, 'g'));
    CHECK(!strchr(notes, 'X'));
}

// Nobody calls neap_close, and nothing was ever run.
static void close_at_once(void) {
    lua_State *L = new_state();
    CHECK(neap_attach(L, NULL));
    do_lua(L, "require 'neap'.spawn(note, 'X')"); // was not begun
    lua_close(L);
    CHECK(*notes == '\0');
}

int main(void) {
    use_what_is_closed();
    call_what_is_closed();
    attach_again();
    close_the_state();
    close_at_once();
    return 0;
}
