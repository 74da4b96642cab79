// SPDX-License-Identifier: MIT
// Socket: its life, its names and its options (see socket.h). What may wait is
// in transfer.c and udp.c; where Sockets come from, in listen.c.
//
// Every method of a closed Socket gives nil, "socket is closed", "closed".
// Closing deregisters first and then closes, so that no event of the old file
// can reach the next one of the same number.
#define _GNU_SOURCE
#include "bindings/socket.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>

#include "bindings/address.h"
#include "bindings/sys.h"

// Raises where argument 1 is none; a closed one is one.
static neapL_socket *check_socket(lua_State *L) {
    return neapL_checksocket(L, 1);
}

int neapL_fail_closed(lua_State *L) {
    return neapL_fail_code(L, "socket is closed", "closed");
}

// ---- life

neapL_socket *neapL_tosocket(lua_State *L, int index) {
    const neapL_socket_handle *handle = lua_touserdata(L, index);
    neap_runtime *rt = handle->rt;
    bool lives = rt->root && handle->sock; // else it was finalized, or all is
    return lives ? handle->sock : rt->closed_socket;
}

neapL_socket *neapL_testsocket(lua_State *L, int arg) {
    bool is = neapL_test(L, arg, &neapL_socket_type) != NULL;
    return is ? neapL_tosocket(L, arg) : NULL;
}

neapL_socket *neapL_checksocket(lua_State *L, int arg) {
    neapL_check(L, arg, &neapL_socket_type);
    return neapL_tosocket(L, arg);
}

static void init(neapL_socket *sock) {
    *sock = (neapL_socket){.fd.number = -1, .limit = NEAPL_LIMIT};
    neap_list_init(&sock->senders);
    neap_list_init(&sock->link);
}

neapL_socket *neapL_socket_new(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    if (rt->closing) luaL_error(L, "the runtime is closing");
    neapL_socket_handle *handle = neapL_new(L, &neapL_socket_type, 0);
    handle->rt = rt;
    handle->sock = neap_alloc_new(&rt->alloc, sizeof *handle->sock);
    if (!handle->sock) luaL_error(L, "not enough memory");
    init(handle->sock);
    neap_list_append(&rt->sockets, &handle->sock->link);
    return handle->sock;
}

static void release(neap_runtime *rt, neapL_socket *sock) {
    neap_list_unlink(&sock->link);
    neap_alloc_free(&rt->alloc, sock, sizeof *sock);
}

// The caller's `number` is ours from here on, whatever comes of it.
int neapL_socket_open(neapL_socket *sock, neap_runtime *rt, int number,
                      neap_fd_kind kind) {
    assert(!neapL_is_open(sock));
    int rc = neap_fd_open(&sock->fd, &rt->loop, number, kind);
    if (rc < 0) neap_sys_close(number);
    return rc;
}

// Removes the path of a listener, unless another file has taken its place.
static void remove_path(neapL_socket *sock) {
    neapL_address name;
    struct stat about;
    neapL_clearaddress(&name);
    int rc = neap_sys_getname(sock->fd.number, false, &name.any, &name.size);
    if (rc == 0) rc = neap_sys_lstat(name.local.sun_path, &about);
    bool ours =
        rc == 0 && about.st_ino == sock->inode && about.st_dev == sock->device;
    if (ours) neap_sys_unlink(name.local.sun_path);
    sock->inode = 0;
}

// Where its number was closed behind our back there is nothing left to close.
static void close_fd(neapL_socket *sock) {
    bool settled;
    if (sock->inode && neapL_is_open(sock)) remove_path(sock);
    int number = neap_fd_close(&sock->fd, &settled);
    if (number >= 0) neap_sys_close(number);
    neap_task_wake_all(&sock->senders, NEAP_WAKE_CLOSED);
}

void neapL_socket_close(lua_State *L, int index) {
    neapL_socket *sock = neapL_tosocket(L, index);
    bool is_read = sock->user[NEAP_IN] != 0; // it returns what it has by then
    close_fd(sock);
    if (!is_read) neapL_buffer_drop(&sock->in);
}

void neapL_close_sockets(neap_runtime *rt) {
    for (size_t row = 0; row < rt->loop.fds.size; row++) {
        neap_fd *fd = rt->loop.fds.rows[row];
        if (!fd || fd->kind == NEAP_FD_BORROWED) continue;
        close_fd(NEAP_OWNER(fd, neapL_socket, fd));
    }
    neapL_buffers_drop(rt);
}

// sock:close(): true, also when it is closed already.
static int socket_close(lua_State *L) {
    check_socket(L);
    neapL_socket_close(L, 1);
    lua_pushboolean(L, 1);
    return 1;
}

// Quietly, since nobody is there to be told.
static int socket_toclose(lua_State *L) {
    check_socket(L);
    neapL_socket_close(L, 1);
    return 0;
}

// No reader will come for what it holds. The poller may know it still.
static int socket_gc(lua_State *L) {
    neapL_socket_handle *handle = lua_touserdata(L, 1);
    neapL_socket *sock = handle->sock;
    if (!sock || !handle->rt->root) return 0; // it has gone with the runtime
    neapL_socket_close(L, 1);
    neapL_buffer_drop(&sock->in);
    if (!sock->fd.polled) release(handle->rt, sock);
    handle->sock = NULL;
    return 0;
}

void neapL_sockets_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->sockets))
        release(rt, NEAP_OWNER(rt->sockets.next, neapL_socket, link));
}

// sock:shutdown([dir]): "send", "recv" or "both". Who waits to send is told.
static int socket_shutdown(lua_State *L) {
    static const char *const directions[] = {"recv", "send", "both", NULL};
    neapL_socket *sock = check_socket(L);
    int how = luaL_checkoption(L, 2, "both", directions); // SHUT_RD is 0 ...
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    if (neapL_is_datagram(sock)) return neapL_fail(L, -EOPNOTSUPP, "shutdown");
    int rc = neap_sys_shutdown(sock->fd.number, how);
    if (rc < 0) return neapL_fail(L, rc, "shutdown");
    if (how != SHUT_RD) {
        sock->mute = true;
        neap_task_wake_all(&sock->fd.line[NEAP_OUT], NEAP_WAKE_READY);
    }
    lua_pushboolean(L, 1);
    return 1;
}

// ---- names

// sock:fd() -> its number
static int socket_fd(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    lua_pushinteger(L, sock->fd.number);
    return 1;
}

static int push_end(lua_State *L, bool peer) {
    const neapL_socket *sock = check_socket(L);
    neapL_address name;
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    neapL_clearaddress(&name);
    int rc = neap_sys_getname(sock->fd.number, peer, &name.any, &name.size);
    if (rc < 0) return neapL_fail(L, rc, peer ? "peername" : "sockname");
    return neapL_pushaddress(L, &name);
}

// sock:sockname() -> host, port | path | nil (it has no name)
static int socket_sockname(lua_State *L) { return push_end(L, false); }

// sock:peername(): the same of the other end
static int socket_peername(lua_State *L) { return push_end(L, true); }

// Pushes " 127.0.0.1:80" or, of the peer, " to 127.0.0.1:80"; or "".
static void push_part(lua_State *L, const neapL_socket *sock, bool peer) {
    neapL_address name;
    neapL_clearaddress(&name);
    int rc = neap_sys_getname(sock->fd.number, peer, &name.any, &name.size);
    const char *words = rc < 0 ? "" : neapL_pushname(L, &name);
    if (!*words) lua_pushliteral(L, "");
    else lua_pushfstring(L, peer ? " to %s" : " %s", words);
}

void neapL_socket_describe(lua_State *L, const neapL_socket *sock) {
    if (!neapL_is_open(sock)) {
        lua_pushliteral(L, "<Socket closed>");
        return;
    }
    int top = lua_gettop(L);
    push_part(L, sock, false);
    const char *name = lua_tostring(L, -1);
    if (sock->listening) lua_pushliteral(L, " listening");
    else push_part(L, sock, true);
    lua_pushfstring(L, "<Socket %d%s%s>", sock->fd.number, name,
                    lua_tostring(L, -1));
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

static int socket_tostring(lua_State *L) {
    neapL_socket_describe(L, check_socket(L));
    return 1;
}

// ---- options

// Values go to the kernel as they are: what it makes of a size (Linux doubles
// it) is its own affair.
typedef struct option {
    const char *name;
    int level, number; // of setsockopt
    bool flag;         // a boolean; else a count of bytes
} option;

static const option options[] = {
    {"broadcast", SOL_SOCKET, SO_BROADCAST, true},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, true},
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, true},
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF, false},
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, true},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT, true},
    {"sndbuf", SOL_SOCKET, SO_SNDBUF, false},
};

enum { OPTION_COUNT = sizeof options / sizeof *options };

// The option named by argument 2; an unknown name raises, with all that are.
static const option *check_option(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    luaL_Buffer known;
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strcmp(options[i].name, name) == 0) return &options[i];
    luaL_buffinit(L, &known);
    for (int i = 0; i < OPTION_COUNT; i++) {
        luaL_addchar(&known, ' ');
        luaL_addstring(&known, options[i].name);
    }
    luaL_pushresult(&known);
    luaL_argerror(L, 2,
                  lua_pushfstring(L, "unknown option '%s'; known:%s", name,
                                  lua_tostring(L, -1)));
    return NULL;
}

// sock:setopt(name, value) -> true | nil, message, code
static int socket_setopt(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    const option *found = check_option(L);
    lua_Integer value = lua_toboolean(L, 3);
    luaL_checktype(L, 3, found->flag ? LUA_TBOOLEAN : LUA_TNUMBER);
    if (!found->flag) {
        value = luaL_checkinteger(L, 3);
        luaL_argcheck(L, 0 <= value && value <= INT_MAX, 3, "out of range");
    }
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    int rc = neap_sys_setopt(sock->fd.number, found->level, found->number,
                             (int)value);
    if (rc < 0) return neapL_fail(L, rc, found->name);
    lua_pushboolean(L, 1);
    return 1;
}

// ---- the type; transfer.c adds the methods that may wait

static const luaL_Reg methods[] = {{"close", socket_close},
                                   {"shutdown", socket_shutdown},
                                   {"fd", socket_fd},
                                   {"sockname", socket_sockname},
                                   {"peername", socket_peername},
                                   {"setopt", socket_setopt},
                                   {NULL, NULL}};

static const luaL_Reg meta[] = {{"__gc", socket_gc},
                                {"__close", socket_toclose},
                                {"__tostring", socket_tostring},
                                {NULL, NULL}};

const neapL_type neapL_socket_type = {
    "neap.Socket", sizeof(neapL_socket_handle), methods, meta};

void neapL_open_socket(lua_State *L, neap_runtime *rt) {
    rt->closed_socket = lua_newuserdatauv(L, sizeof(neapL_socket), 0);
    init(rt->closed_socket);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &rt->closed_socket);
    neapL_newtype(L, rt, &neapL_socket_type);
    luaL_getmetatable(L, neapL_socket_type.name);
    lua_getfield(L, -1, "__index");
    neapL_add_accept(L, rt);
    neapL_add_receiving(L, rt);
    neapL_add_sending(L, rt);
    neapL_add_datagrams(L, rt);
    neapL_add_streams(L, rt);
    lua_pop(L, 2);
}
