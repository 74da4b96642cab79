// SPDX-License-Identifier: MIT
// Ready: wait_readable and wait_writable, for descriptors of other libraries.
//
// What they promise is a level: the kernel is asked before they return, so that
// an event which another task has used up meanwhile is no reason to return. A
// Socket stands in its own line, and passes the event on; other numbers are
// borrowed (borrow.h), and everybody who waits for one is woken.
//
// A device that the poller refuses (/dev/null) is ready at all times. So are
// files; but whoever waits for one expects more of it: that is a failure.
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "bindings/borrow.h"
#include "bindings/socket.h"
#include "bindings/sys.h"

enum {
    WHAT = 1, // the argument
    NUMBER,   // of the descriptor
    ENTRY     // what was borrowed for the wait; false: nothing
};

static bool is_file(int number) {
    struct stat about;
    int rc = neap_sys_fstat(number, &about);
    return rc < 0 || S_ISREG(about.st_mode) || S_ISDIR(about.st_mode);
}

static int fail_closed(lua_State *L) {
    if (neapL_test(L, WHAT, &neapL_socket_type)) return neapL_fail_closed(L);
    int number = (int)lua_tointeger(L, NUMBER);
    return neapL_fail_code(
        L, lua_pushfstring(L, "descriptor %d was closed", number), "closed");
}

// It is ready. The next in a Socket's line may see that, too.
static int succeed(lua_State *L, int number, neap_dir dir) {
    neap_fd *fd = neap_fd_find(&neapL_rt(L)->loop, number);
    if (fd && fd->kind != NEAP_FD_BORROWED) neap_fd_pass(fd, dir);
    lua_pushboolean(L, 1);
    return 1;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx);

// Stands in the line, or has nothing to wait for.
static int stand(lua_State *L, int number, neap_dir dir) {
    neap_fd *fd;
    neapL_task *task =
        neapL_waiting(L, dir == NEAP_IN ? NEAPL_READABLE : NEAPL_WRITABLE);
    int rc = neapL_watch(&task->core, number, dir, &fd);
    if (rc > 0 || (rc == -EPERM && !is_file(number)))
        return succeed(L, number, dir);
    if (rc < 0) return neapL_fail_watch(L, number, rc);
    if (fd->kind == NEAP_FD_BORROWED) lua_pushlightuserdata(L, fd);
    else lua_pushboolean(L, 0);
    lua_replace(L, ENTRY);
    return neapL_suspend(L, dir, wait_k);
}

// The entry goes back first: what comes then may raise.
static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    neap_dir dir = (neap_dir)ctx;
    int number = (int)lua_tointeger(L, NUMBER), rc = 0;
    bool waited = !lua_isnil(L, ENTRY);
    neap_fd *fd = lua_touserdata(L, ENTRY);
    if (fd) neapL_give_back(neapL_rt(L), fd);
    lua_pushnil(L);
    lua_replace(L, ENTRY);
    bool closed = neapL_woken(L, status) == NEAP_WAKE_CLOSED;
    if (waited && !closed) rc = neap_sys_ready(number, dir == NEAP_OUT);
    if (closed || rc == -EBADF) return fail_closed(L);
    if (rc < 0) return neapL_fail_watch(L, number, rc);
    return rc ? succeed(L, number, dir) : stand(L, number, dir);
}

static int begin(lua_State *L, neap_dir dir) {
    int number = neapL_checkdescriptor(L, WHAT);
    lua_settop(L, WHAT);
    if (number < 0) return neapL_conclude(L, neapL_fail_closed(L));
    lua_pushinteger(L, number);
    lua_pushnil(L);
    return neapL_begin(L, dir, wait_k);
}

// neap.wait_readable(fd) -> true | nil, message, code
static int wait_readable(lua_State *L) { return begin(L, NEAP_IN); }

// neap.wait_writable(fd): the same
static int wait_writable(lua_State *L) { return begin(L, NEAP_OUT); }

void neapL_open_ready(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {{"wait_readable", wait_readable},
                                         {"wait_writable", wait_writable},
                                         {NULL, NULL}};
    neapL_addfuncs(L, rt, functions);
}
