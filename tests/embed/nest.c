// SPDX-License-Identifier: MIT
//
// A host that owns a poll() loop and nests neap in it. The host has a source of
// its own, a pipe; each byte of it goes to Lua, where a task waits for it and
// another sleeps. Neither loop ever blocks the other.
//
// Where the backend has a descriptor, the host polls that. Where it has none
// (neap_poll_fd is -1), the host sleeps no longer than neap_due_ns says; what
// only the poller could tell (sockets, posts) is then looked for now and then.

#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { HOST, NEAP, LOOK_MS = 10 };

static const char script[] =
    "local neap = require 'neap'\n"
    "local queue, words, ticks = neap.Queue(), '', 0\n"
    "function feed(byte) if byte then queue:put(byte) else queue:close() end\n"
    "end\n"
    "local ticker = neap.spawn(function()\n"
    "  for i in neap.every(0.001) do ticks = i end\n"
    "end)\n"
    "neap.spawn(function()\n"
    "  for byte in queue:items() do words = words .. byte end\n"
    "  while ticks < 5 do neap.sleep(0.001) end\n"
    "  ticker:cancel()\n"
    "  print(assert(words == 'hello' and words))\n"
    "end)\n";

// How long poll may sleep, in its milliseconds.
static int timeout_ms(const neap_runtime *rt, int fd) {
    int64_t due_ns = neap_due_ns(rt);
    if (fd >= 0) return -1; // the descriptor tells
    if (due_ns < 0 || due_ns > LOOK_MS * 1000000) return LOOK_MS;
    return (int)((due_ns + 999999) / 1000000);
}

// What the host does with a byte of its own: it calls Lua, as any host does.
// Without one that was the end, and poll passes over the source from now on.
static int feed(lua_State *L, int source) {
    char byte;
    ssize_t n = read(source, &byte, 1);
    lua_getglobal(L, "feed");
    if (n == 1) lua_pushlstring(L, &byte, 1);
    if (lua_pcall(L, n == 1, 0, 0) != LUA_OK) lua_pop(L, 1);
    return n == 1 ? source : -1;
}

static int run(neap_runtime *rt, int source) {
    int left;
    do {
        int fd = neap_poll_fd(rt);
        struct pollfd fds[] = {[HOST] = {.fd = source, .events = POLLIN},
                               [NEAP] = {.fd = fd, .events = POLLIN}};
        if (poll(fds, 2, timeout_ms(rt, fd)) < 0) return -1;
        if (fds[HOST].revents) source = feed(neap_state(rt), source);
        left = neap_turn(rt, 0);
    } while (left > 0);
    return left;
}

int main(void) {
    int pair[2];
    neap_runtime *rt = neap_open(NULL);
    if (!rt || pipe(pair) < 0) return 1;
    if (luaL_dostring(neap_state(rt), script) != LUA_OK) return 1; // spawns
    if (write(pair[1], "hello", 5) != 5 || close(pair[1]) < 0) return 1;
    int rc = run(rt, pair[0]);
    if (neap_unseen(rt) > 0) rc = -1; // a task has failed
    neap_close(rt);
    close(pair[0]);
    return rc < 0;
}
