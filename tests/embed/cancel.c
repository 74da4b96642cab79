// SPDX-License-Identifier: MIT
//
// C21. A cancel from another thread is a post: it comes with the next turn,
// never in the middle of a slice, and the task's clean-up runs on the
// runtime's thread.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>

#include "check.h"

static neap_runtime *rt;
static pthread_t home; // the runtime's thread

// What was posted: cancels the global `task` with a reason.
static void cancel(void *reason) {
    CHECK(pthread_equal(pthread_self(), home));
    const char *code = "local reason = ...\n"
                       "assert(not neap.current())\n"
                       "assert(task:cancel(reason) and not ended)";
    lua_State *L = neap_state(rt);
    CHECK(luaL_loadstring(L, code) == LUA_OK);
    lua_pushstring(L, reason);
    CHECK(lua_pcall(L, 1, 0, 0) == LUA_OK);
}

static void *post(void *reason) {
    CHECK(!pthread_equal(pthread_self(), home));
    CHECK(neap_post(rt, cancel, reason) == 0);
    return NULL;
}

// Lua: go() starts the thread and waits, in C, until it has posted.
static int go(lua_State *L) {
    static char reason[] = "from afar";
    pthread_t thread;
    (void)L;
    CHECK(pthread_create(&thread, NULL, post, reason) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

int main(void) {
    home = pthread_self();
    rt = neap_open(NULL);
    CHECK(rt);
    lua_register(neap_state(rt), "go", go);
    const char *code = "neap = require 'neap'\n"
                       "task = neap.spawn(function()\n"
                       "  local mark <close> = setmetatable({}, {__close =\n"
                       "    function() ended = true end})\n"
                       "  go()\n"
                       "  assert(not ended, 'posted, and not done yet')\n"
                       "  neap.sleep(60)\n"
                       "end)\n"
                       "local ok, e = pcall(task.await, task)\n"
                       "assert(not ok and e.reason == 'from afar')\n"
                       "assert(ended and task:cancelled())";
    int rc = neap_dostring(rt, code, "=cancel");
    if (rc < 0) fprintf(stderr, "%s\n", neap_error(rt));
    CHECK(rc == 0);
    neap_close(rt);
    return 0;
}
