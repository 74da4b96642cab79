// SPDX-License-Identifier: MIT
//
// A host whose loop is libuv's, with neap nested in it: libuv polls neap's
// descriptor, and the host takes a turn when there is something to do. A neap
// on the poll backend has no descriptor: there a timer says when.
//
// Links: libuv

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <stdio.h>
#include <uv.h>

enum { LOOK_MS = 10 }; // without a descriptor: how often sockets are looked at

typedef struct nested {
    neap_runtime *rt;
    uv_loop_t loop;
    uv_poll_t readable; // neap's descriptor,
    uv_timer_t due;     // or, without one, when a turn has something to do
    uv_timer_t beat;    // the host's own affair
} nested;

static const char script[] = "local neap = require 'neap'\n"
                             "local beats = neap.Queue()\n"
                             "function beat(n) beats:put(n) end\n"
                             "neap.spawn(function()\n"
                             "  local sum = 0\n"
                             "  for _ = 1, 3 do sum = sum + beats:get() end\n"
                             "  neap.sleep(0.01)\n"
                             "  print('three beats, sum ' .. sum)\n"
                             "end)\n";

static void turn(nested *it);

static void on_due(uv_timer_t *due) { turn(due->data); }

static void on_readable(uv_poll_t *readable, int status, int events) {
    (void)status, (void)events;
    turn(readable->data);
}

// Where there is no descriptor: from now until there is something to do.
static void arm(nested *it) {
    int64_t due_ns = neap_due_ns(it->rt);
    uint64_t due_ms = LOOK_MS;
    if (due_ns >= 0 && due_ns < LOOK_MS * 1000000)
        due_ms = (uint64_t)(due_ns + 999999) / 1000000;
    if (neap_poll_fd(it->rt) < 0) uv_timer_start(&it->due, on_due, due_ms, 0);
}

static void close_one(uv_handle_t *handle, void *arg) {
    (void)arg;
    uv_close(handle, NULL);
}

// When neap has no task left the host waits for nothing more, either.
static void turn(nested *it) {
    if (neap_turn(it->rt, 0) > 0) arm(it);
    else uv_walk(&it->loop, close_one, NULL);
}

static void nest(nested *it) {
    int fd = neap_poll_fd(it->rt);
    it->readable.data = it->due.data = it;
    uv_timer_init(&it->loop, &it->due);
    arm(it);
    if (fd < 0) return;
    uv_poll_init(&it->loop, &it->readable, fd);
    uv_poll_start(&it->readable, UV_READABLE, on_readable);
}

// The host calls Lua as it would without neap: protected.
static void on_beat(uv_timer_t *beat) {
    nested *it = beat->data;
    lua_State *L = neap_state(it->rt);
    lua_getglobal(L, "beat");
    lua_pushinteger(L, 14);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
    arm(it); // a task may be ready now
}

int main(void) {
    nested it = {.rt = neap_open(NULL)};
    if (!it.rt || uv_loop_init(&it.loop) < 0) return 1;
    lua_State *L = neap_state(it.rt);
    if (luaL_dostring(L, script) != LUA_OK) return 1; // spawns: nothing runs
    uv_timer_init(&it.loop, &it.beat);
    it.beat.data = &it;
    uv_timer_start(&it.beat, on_beat, 1, 1);
    nest(&it);
    uv_run(&it.loop, UV_RUN_DEFAULT);
    int unseen = neap_unseen(it.rt); // tasks that failed
    neap_close(it.rt);
    return uv_loop_close(&it.loop) < 0 || unseen > 0;
}
