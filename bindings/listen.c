// SPDX-License-Identifier: MIT
// Listen: Sockets that need nobody's answer: listen, socketpair, socket(fd).
//
// The Socket is made before its descriptor, so that nothing can raise while a
// descriptor has no owner. Where a step fails, the descriptor is closed before
// the failure is told.
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "bindings/address.h"
#include "bindings/settings.h"
#include "bindings/socket.h"
#include "bindings/sys.h"

// ---- names

// A path that somebody left behind: a socket that nobody has any more.
static bool is_stale(const neapL_address *address, int type) {
    struct stat about;
    const char *path = address->local.sun_path;
    if (!*path || neap_sys_lstat(path, &about) < 0) return false;
    if (!S_ISSOCK(about.st_mode)) return false;
    int probe = neap_sys_socket(AF_UNIX, type);
    if (probe < 0) return false;
    int rc = neap_sys_connect(probe, &address->any, address->size);
    neap_sys_close(probe);
    return rc == -ECONNREFUSED;
}

static int bind_number(int number, const neapL_address *address, int type) {
    int rc = neap_sys_bind(number, &address->any, address->size);
    bool local = address->any.sa_family == AF_UNIX;
    if (rc != -EADDRINUSE || !local || !is_stale(address, type)) return rc;
    neap_sys_unlink(address->local.sun_path);
    return neap_sys_bind(number, &address->any, address->size);
}

// What connections are to inherit stands at the listener (Linux passes
// TCP_NODELAY on), so that accept need not set it. Two datagram sockets with
// SO_REUSEADDR would share a port: TCP's are kept apart all the same.
static int set_options(int number, int family, int type,
                       const neapL_settings *set) {
    bool stream = type == SOCK_STREAM;
    int rc = 0;
    if (family == AF_UNIX) return 0;
    if (stream) rc = neap_sys_setopt(number, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && set->reuseport)
        rc = neap_sys_setopt(number, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && stream && set->nodelay)
        rc = neap_sys_setopt(number, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == 0 && family == AF_INET6)
        rc = neap_sys_setopt(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return rc;
}

int neapL_bound(const neapL_address *address, int type,
                const neapL_settings *set) {
    int family = address->any.sa_family;
    int number = neap_sys_socket(family, type);
    if (number < 0) return number;
    int rc = set_options(number, family, type, set);
    if (rc == 0) rc = bind_number(number, address, type);
    if (rc < 0) neap_sys_close(number);
    return rc < 0 ? rc : number;
}

// Ours as long as it is this very file.
void neapL_remember_path(neapL_socket *sock, const neapL_address *address) {
    struct stat about;
    const char *path = address->local.sun_path;
    bool local = address->any.sa_family == AF_UNIX;
    if (!local || !*path || neap_sys_lstat(path, &about) < 0) return;
    sock->device = about.st_dev;
    sock->inode = about.st_ino;
}

// ---- listen

// A descriptor that listens, or -errno.
static int open_listener(const neapL_address *address,
                         const neapL_settings *set) {
    int number = neapL_bound(address, SOCK_STREAM, set);
    if (number < 0) return number;
    int rc = neap_sys_listen(number, set->backlog);
    if (rc < 0) neap_sys_close(number);
    return rc < 0 ? rc : number;
}

// neap.listen(host, port [, options]) -> Socket | nil, message, code
static int net_listen(lua_State *L) {
    neapL_address address;
    neapL_settings settings;
    neapL_checksettings(L, &settings);
    int failed = neapL_checkaddress(L, 1, &address);
    if (failed) return failed;
    neapL_socket *sock = neapL_socket_new(L);
    int rc = open_listener(&address, &settings);
    if (rc >= 0) rc = neapL_socket_open(sock, neapL_rt(L), rc, NEAP_FD_PACKET);
    if (rc < 0) return neapL_fail(L, rc, neapL_pushtarget(L, 1));
    sock->listening = true;
    sock->limit = settings.limit;
    neapL_remember_path(sock, &address);
    return 1;
}

// ---- socketpair

// neap.socketpair([options]) -> Socket, Socket | nil, message, code
static int net_socketpair(lua_State *L) {
    size_t limit = neapL_checklimit(L, 1);
    neapL_socket *ends[2] = {neapL_socket_new(L), neapL_socket_new(L)};
    neap_runtime *rt = neapL_rt(L);
    int pair[2], top = lua_gettop(L);
    ends[0]->limit = ends[1]->limit = limit;
    int rc = neap_sys_socketpair(pair);
    if (rc < 0) return neapL_fail(L, rc, "socketpair");
    rc = neapL_socket_open(ends[0], rt, pair[0], NEAP_FD_STREAM);
    if (rc < 0) neap_sys_close(pair[1]);
    else rc = neapL_socket_open(ends[1], rt, pair[1], NEAP_FD_STREAM);
    if (rc == 0) return 2;
    neapL_socket_close(L, top - 1);
    return neapL_fail(L, rc, "socketpair");
}

// ---- adopting

// Whose addresses a datagram socket has: 0, or -errno.
static int look_at_family(int number, neapL_socket *sock) {
    neapL_address name;
    neapL_clearaddress(&name);
    int rc = neap_sys_getname(number, false, &name.any, &name.size);
    if (rc == 0) sock->family = (uint8_t)name.any.sa_family;
    return rc;
}

// What it is: 0, or -errno where it is neither of streams nor of datagrams.
static int look_at(int number, neapL_socket *sock) {
    int type, accepts;
    int rc = neap_sys_getopt(number, SOL_SOCKET, SO_TYPE, &type);
    if (rc < 0) return rc;
    if (type == SOCK_DGRAM) return look_at_family(number, sock);
    if (type != SOCK_STREAM) return -EPROTOTYPE;
    rc = neap_sys_getopt(number, SOL_SOCKET, SO_ACCEPTCONN, &accepts);
    sock->listening = rc == 0 && accepts;
    return rc;
}

// neap.socket(fd [, options]) -> Socket | nil, message, code. The descriptor is
// neap's from then on; on a failure it stays the caller's.
static int net_socket(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    lua_Integer number = luaL_checkinteger(L, 1);
    luaL_argcheck(L, 0 <= number && number <= INT_MAX, 1, "no descriptor");
    size_t limit = neapL_checklimit(L, 2);
    lua_settop(L, 2);
    neapL_socket *sock = neapL_socket_new(L);
    int fd = (int)number, rc = look_at(fd, sock);
    const char *what = lua_pushfstring(L, "descriptor %d", fd);
    if (rc == 0 && neap_fd_find(&rt->loop, fd)) {
        what = lua_pushfstring(L, "%s: in use by neap already", what);
        return neapL_fail_code(L, what, "EBUSY");
    }
    bool packets = sock->listening || neapL_is_datagram(sock);
    if (rc == 0)
        rc = neap_fd_open(&sock->fd, &rt->loop, fd,
                          packets ? NEAP_FD_PACKET : NEAP_FD_STREAM);
    if (rc < 0) return neapL_fail(L, rc, what);
    sock->blocking = neap_sys_blocks(fd) != 0;
    sock->limit = limit;
    lua_pushvalue(L, 3);
    return 1;
}

void neapL_open_listen(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {{"listen", net_listen},
                                         {"socketpair", net_socketpair},
                                         {"socket", net_socket},
                                         {NULL, NULL}};
    neapL_addfuncs(L, rt, functions);
    neapL_add_connect(L, rt);
    neapL_add_udp(L, rt);
}
