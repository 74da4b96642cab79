// SPDX-License-Identifier: MIT
// Connect: a Socket that somebody has to answer.
//
// The attempt and every retry are one function. After a wake it asks the kernel
// to connect again, not for SO_ERROR: the second call tells "connected", "not
// yet" and "failed" apart, so that a spurious wake cannot pass for success.
//
// The descriptor is registered when the attempt is under way, because a fresh
// TCP socket reports OUT and HUP, and is closed at once when the attempt failed
// or was cancelled: no stray connection can complete on it.
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "bindings/address.h"
#include "bindings/settings.h"
#include "bindings/socket.h"
#include "core/sys.h"

enum { // of connect's stack
    HOST = 1,
    PORT,    // nothing for a path
    NODELAY, // a boolean
    SOCKET
};

// The backlog of a unix socket is full and tells nobody when it has room again:
// connect looks so often. Nobody sees 5 ms, and 200 calls a second cost 0.1 %.
#define FULL_NS (5 * NEAP_MILLISECOND_NS)

// 0: connected; -EINPROGRESS: on its way; else it failed and is closed.
static int begin(lua_State *L, neapL_socket *sock,
                 const neapL_address *address) {
    int family = address->any.sa_family;
    int number = neap_sys_socket(family, SOCK_STREAM);
    if (number < 0) return number;
    int rc = 0;
    if (family != AF_UNIX && lua_toboolean(L, NODELAY))
        rc = neap_sys_setopt(number, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == 0) rc = neap_sys_connect(number, &address->any, address->size);
    if (rc < 0 && rc != -EINPROGRESS) return neap_sys_close(number), rc;
    int opened = neapL_socket_open(sock, neapL_rt(L), number, NEAP_FD_STREAM);
    return opened < 0 ? opened : rc;
}

// The first call, or the one that asks. Linux says "connected" once by 0, then
// and elsewhere by EISCONN.
static int attempt(lua_State *L, neapL_socket *sock,
                   const neapL_address *address) {
    if (!neapL_is_open(sock)) return begin(L, sock, address);
    int rc = neap_sys_connect(sock->fd.number, &address->any, address->size);
    if (rc == -EISCONN) return 0;
    if (rc == -EALREADY || rc == -EINPROGRESS) return -EINPROGRESS;
    if (rc < 0) neapL_socket_close(L, SOCKET);
    return rc;
}

static void await_room(neap_runtime *rt, neapL_task *task) {
    assert(!task->core.timer.armed);
    neap_task_wait_outside(&task->core, NULL);
    neap_task_arm(&task->core, neapL_deadline(rt, FULL_NS));
}

// ctx counts the addresses of the host that are done with.
static int connect_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_socket *sock = lua_touserdata(L, SOCKET);
    if (neapL_is_raising(L, status)) neapL_socket_close(L, SOCKET);
    neapL_woken(L, status);
    neapL_task *task = neapL_waiting(L, NEAPL_CONNECT);
    neapL_address address;
    int rc = -EADDRNOTAVAIL;
    for (; neapL_getaddress(L, HOST, (int)ctx, &address); ctx++) {
        rc = attempt(L, sock, &address);
        bool full = rc == -EAGAIN && address.any.sa_family == AF_UNIX;
        if (rc == 0) return 1;
        if (rc == -EINPROGRESS) neapL_socket_wait(sock, NEAP_OUT, task);
        else if (full) await_room(neapL_rt(L), task);
        else continue;
        return neapL_suspend(L, ctx, connect_k);
    }
    return neapL_fail(L, rc, neapL_pushtarget(L, HOST));
}

// neap.connect(host, port [, options]) -> Socket | nil, message, code
static int net_connect(lua_State *L) {
    neapL_address address;
    neapL_settings settings;
    neapL_checksettings(L, &settings);
    int failed = neapL_checkaddress(L, HOST, &address);
    if (failed) return failed;
    const char *host = lua_tostring(L, HOST);
    luaL_argcheck(L, *host && strcmp(host, "*") != 0, HOST,
                  "there is no host to connect to");
    lua_settop(L, PORT);
    lua_pushboolean(L, settings.nodelay);
    neapL_socket_new(L)->limit = settings.limit;
    return neapL_begin(L, 0, connect_k);
}

void neapL_add_connect(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {{"connect", net_connect},
                                         {NULL, NULL}};
    neapL_addfuncs(L, rt, functions);
}
