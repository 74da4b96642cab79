// SPDX-License-Identifier: MIT
// Udp: datagram Sockets, over IP or at a path.
//
// A datagram comes and goes whole, so there is nothing to be in the middle of:
// several tasks may send, and several receive, served in their order as in
// accept. Nothing is taken before the call is sure to return it, so that no
// datagram is lost to a cancel.
//
// An empty datagram is a datagram, and nothing is the end: so these Sockets
// cannot be shut down, after which the kernel gives 0 bytes for ever.
//
// An error that an earlier datagram met (ICMP's "port unreachable", told to
// connected Sockets alone) is given once, by whatever comes next.
#include <errno.h>
#include <string.h>

#include "bindings/address.h"
#include "bindings/settings.h"
#include "bindings/socket.h"
#include "bindings/sys.h"

enum {
    SOCKET = 1, // index of the Socket on every stack here
    MAX = 2,    // of bytes, for receivers
    DATA = 2,   // for senders, and behind it the host and the port
    TO = 3
};

// A unix socket whose buffer is full tells only those who are connected to it
// when it has room again: others look so often. 1,000 calls a second cost 0.5 %
// of a core, and of ten datagrams a time (Linux's buffer) 10,000 go through.
#define ROOM_NS NEAP_MILLISECOND_NS

static neapL_socket *check_socket(lua_State *L) {
    return neapL_checksocket(L, SOCKET);
}

static struct msghdr message_of(neapL_address *address, struct iovec *bytes) {
    return (struct msghdr){.msg_name = address->size ? &address->any : NULL,
                           .msg_namelen = address->size,
                           .msg_iov = bytes,
                           .msg_iovlen = 1};
}

// ---- receiving

enum { // ctx of recv_k, or'ed
    WAITED = 1,
    NAMED = 2 // recv_from: the sender's name is wanted, too
};

// As much of the next datagram as `room` has place for.
static ssize_t take(neapL_socket *sock, struct msghdr *message) {
    if (!sock->fd.latch[NEAP_IN]) return -EAGAIN;
    ssize_t n = neap_sys_recvmsg(sock->fd.number, message);
    return neap_fd_learn(&sock->fd, NEAP_IN, n, 0);
}

// data [, host, port | , path] [, true]
static int push_datagram(lua_State *L, const struct msghdr *message, size_t n,
                         neapL_address *from) {
    lua_pushlstring(L, message->msg_iov->iov_base, n);
    int count = 1;
    if (from) {
        from->size = message->msg_namelen;
        count += neapL_pushaddress(L, from);
    }
    if (!(message->msg_flags & MSG_TRUNC)) return count;
    lua_pushboolean(L, 1);
    return count + 1;
}

// Who comes anew stands behind those who wait or were just woken.
static int recv_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_socket *sock = neapL_tosocket(L, SOCKET);
    bool named = ctx & NAMED;
    neapL_address from;
    ssize_t n = -EAGAIN;
    if (ctx & WAITED) sock->takers--;
    neapL_woken(L, status);
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    struct iovec room = {neapL_scratch(L), (size_t)lua_tointeger(L, MAX)};
    neapL_clearaddress(&from);
    struct msghdr message = message_of(&from, &room);
    if (ctx & WAITED || sock->takers == 0) n = take(sock, &message);
    if (n == -EAGAIN) {
        neapL_socket_queue(L, sock, NEAPL_RECV);
        return neapL_suspend(L, ctx | WAITED, recv_k);
    }
    neapL_socket_pass(sock);
    if (n < 0) return neapL_fail(L, (int)n, named ? "recv_from" : "recv");
    return push_datagram(L, &message, (size_t)n, named ? &from : NULL);
}

static int begin_recv(lua_State *L, lua_KContext ctx) {
    lua_Integer max = luaL_optinteger(L, MAX, NEAPL_SCRATCH_SIZE);
    luaL_argcheck(L, max >= 0, MAX, "negative count of bytes");
    if (max > NEAPL_SCRATCH_SIZE) max = NEAPL_SCRATCH_SIZE;
    lua_settop(L, SOCKET);
    lua_pushinteger(L, max);
    return neapL_begin(L, ctx, recv_k);
}

// sock:recv([max]) -> data [, true] | nil, message, code
int neapL_recv_datagram(lua_State *L) { return begin_recv(L, 0); }

// sock:recv_from([max]) -> data, host, port [, true] | data, path [, true] |
// nil, message, code
static int socket_recv_from(lua_State *L) {
    if (!neapL_is_datagram(check_socket(L)))
        return neapL_conclude(L, neapL_fail(L, -EOPNOTSUPP, "recv_from"));
    return begin_recv(L, NAMED);
}

// ---- peers

// A bare path, as recv_from gives it, is one where all names are paths.
static void prefix(lua_State *L, const neapL_socket *sock, int host) {
    if (sock->family != AF_UNIX || neapL_is_unix(L, host)) return;
    luaL_checkstring(L, host);
    lua_pushliteral(L, "unix:");
    lua_pushvalue(L, host);
    lua_concat(L, 2);
    lua_replace(L, host);
}

// The first address of the host that is of the Socket's family: 0, or -errno.
static int find_peer(lua_State *L, const neapL_socket *sock, int host,
                     neapL_address *address) {
    for (int nth = 0; neapL_getaddress(L, host, nth, address); nth++)
        if (address->any.sa_family == sock->family) return 0;
    return -EAFNOSUPPORT;
}

// As neapL_checkaddress, for somebody to send to.
static int check_peer(lua_State *L, const neapL_socket *sock, int host,
                      neapL_address *address) {
    prefix(L, sock, host);
    int failed = neapL_checkaddress(L, host, address);
    if (failed) return failed;
    const char *name = lua_tostring(L, host);
    luaL_argcheck(L, *name && strcmp(name, "*") != 0, host,
                  "there is no host to send to");
    int rc = find_peer(L, sock, host, address);
    return rc < 0 ? neapL_fail(L, rc, neapL_pushtarget(L, host)) : 0;
}

// sock:connect(host, port) -> true | nil, message, code: whom send sends to,
// and recv receives from
static int socket_connect(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    neapL_address peer;
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    if (!neapL_is_datagram(sock)) return neapL_fail(L, -EISCONN, "connect");
    int host = SOCKET + 1;
    int failed = check_peer(L, sock, host, &peer);
    if (failed) return failed;
    int rc = neap_sys_connect(sock->fd.number, &peer.any, peer.size);
    if (rc < 0) return neapL_fail(L, rc, neapL_pushtarget(L, host));
    lua_pushboolean(L, 1);
    return 1;
}

// ---- sending

// The latch says nothing of a unix socket: it may be another peer that had no
// room.
static ssize_t give(lua_State *L, neapL_socket *sock, neapL_address *to) {
    size_t size;
    const char *data = lua_tolstring(L, DATA, &size);
    struct iovec bytes = {(void *)data, size};
    struct msghdr message = message_of(to, &bytes);
    if (!sock->fd.latch[NEAP_OUT] && sock->family != AF_UNIX) return -EAGAIN;
    ssize_t n = neap_sys_sendmsg(sock->fd.number, &message);
    return neap_fd_learn(&sock->fd, NEAP_OUT, n, 0);
}

// Who is not connected must not wait for events: its own vain attempt is one.
static void await_room(lua_State *L, neapL_socket *sock, bool named) {
    neapL_task *task = neapL_waiting(L, NEAPL_SEND);
    if (sock->family == AF_UNIX && named) {
        neap_task_wait_outside(&task->core, &sock->senders);
        neap_task_arm(&task->core, neapL_deadline(neapL_rt(L), ROOM_NS));
    } else neapL_socket_wait(sock, NEAP_OUT, task);
}

// ctx: whether TO names the peer; else it is the one of connect.
static int send_k(lua_State *L, int status, lua_KContext named) {
    neapL_socket *sock = neapL_tosocket(L, SOCKET);
    neapL_address to = {0};
    neapL_woken(L, status);
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    if (named) (void)find_peer(L, sock, TO, &to);
    ssize_t n = give(L, sock, &to);
    if (n == -EAGAIN) {
        await_room(L, sock, named);
        return neapL_suspend(L, named, send_k);
    }
    neap_fd_pass(&sock->fd, NEAP_OUT);
    if (n < 0)
        return neapL_fail(L, (int)n, named ? neapL_pushtarget(L, TO) : "send");
    lua_pushboolean(L, 1);
    return 1;
}

// sock:send(data) -> true | nil, message, code: to whom it is connected
int neapL_send_datagram(lua_State *L) {
    lua_settop(L, DATA);
    return neapL_begin(L, false, send_k);
}

// sock:send_to(data, host, port) -> true | nil, message, code
static int socket_send_to(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    neapL_address to;
    luaL_checkstring(L, DATA);
    if (!neapL_is_open(sock)) return neapL_conclude(L, neapL_fail_closed(L));
    if (!neapL_is_datagram(sock))
        return neapL_conclude(L, neapL_fail(L, -EOPNOTSUPP, "send_to"));
    int failed = check_peer(L, sock, TO, &to);
    if (failed) return neapL_conclude(L, failed);
    lua_settop(L, TO + 1);
    return neapL_begin(L, true, send_k);
}

void neapL_add_datagrams(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg methods[] = {{"connect", socket_connect},
                                       {"recv_from", socket_recv_from},
                                       {"send_to", socket_send_to},
                                       {NULL, NULL}};
    neapL_addfuncs(L, rt, methods);
}

// ---- making

// Any host and any port, where there are none.
static void fill_in(lua_State *L, int host) {
    lua_settop(L, host + 1);
    if (lua_isnil(L, host)) {
        lua_pushliteral(L, "*");
        lua_replace(L, host);
    }
    if (!lua_isnil(L, host + 1) || neapL_is_unix(L, host)) return;
    lua_pushinteger(L, 0);
    lua_replace(L, host + 1);
}

// neap.udp([host [, port [, options]]]) -> Socket | nil, message, code
static int net_udp(lua_State *L) {
    neapL_address address;
    neapL_settings settings;
    neapL_checksettings(L, &settings);
    fill_in(L, 1);
    int failed = neapL_checkaddress(L, 1, &address);
    if (failed) return failed;
    neapL_socket *sock = neapL_socket_new(L);
    int rc = neapL_bound(&address, SOCK_DGRAM, &settings);
    if (rc >= 0) rc = neapL_socket_open(sock, neapL_rt(L), rc, NEAP_FD_PACKET);
    if (rc < 0) return neapL_fail(L, rc, neapL_pushtarget(L, 1));
    sock->family = (uint8_t)address.any.sa_family;
    neapL_remember_path(sock, &address);
    return 1;
}

void neapL_add_udp(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {
        {"udp", net_udp},
        {NULL, NULL},
    };
    neapL_addfuncs(L, rt, functions);
}
