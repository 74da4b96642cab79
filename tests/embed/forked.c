// SPDX-License-Identifier: MIT
//
// N36: after fork the runtime is the parent's. The child leaves it alone, does
// not even close it (they share what the kernel watches), and opens a new one;
// or it becomes another program: neap's descriptors are closed on exec.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int in_child(void) {
    neap_runtime *rt = neap_open(NULL);
    if (!rt) return 2;
    int rc = neap_dostring(rt,
                           "local neap = require 'neap'\n"
                           "local a, b = neap.socketpair()\n"
                           "neap.spawn(function() b:send('child') end)\n"
                           "assert(a:recv() == 'child')\n"
                           "neap.sleep(0.001)",
                           "=child");
    neap_close(rt);
    return rc < 0 ? 3 : 0;
}

// Runs the child and waits for it: its exit status.
static int fork_child(lua_State *L) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(in_child()); // not exit: that is the parent's
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
}

// Another program has none of our descriptors but the standard ones.
static int exec_child(lua_State *L) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c",
              "for fd in 3 4 5 6 7 8 9; do\n"
              "  if { true >&$fd; } 2> /dev/null; then exit 1; fi\n"
              "done",
              (char *)NULL);
        _exit(2);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
}

int main(void) {
    for (int fd = 3; fd < 10; fd++) close(fd); // what the test runner left
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    neap_poll_fd(rt);
    lua_register(L, "fork_child", fork_child);
    lua_register(L, "exec_child", exec_child);
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local a, b = neap.socketpair()\n"
                        "local server = neap.listen('127.0.0.1', 0)\n"
                        "local waiting = neap.spawn(a.recv, a)\n"
                        "neap.sleep(0.001)\n"
                        "assert(fork_child() == 0)\n"
                        "assert(exec_child() == 0)\n"
                        "b:send('parent') -- it still hears\n"
                        "assert(waiting:await() == 'parent')\n"
                        "neap.sleep(0.001)",
                        "=parent") == 0);
    neap_close(rt);
    return 0;
}
