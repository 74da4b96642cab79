// SPDX-License-Identifier: MIT
// Transfer: accept, recv and send, the operations of a Socket that may wait.
//
// Each is one continuation: the first try and every retry are the same
// function. With the latch down it waits without asking the kernel; with it up
// it tries. Whoever ends an operation with the latch still up wakes the next in
// line, because one edge may stand for many connections.
//
// Nothing is taken before the call is sure to return it: the Socket that accept
// returns is made first, and a cancel is looked for before each try. So neither
// a connection nor a byte is lost to a cancel.
#include <assert.h>
#include <errno.h>

#include "bindings/address.h"
#include "bindings/socket.h"
#include "bindings/stdio.h"
#include "bindings/sys.h"

enum {
    SOCKET = 1, // index of the Socket on every stack here
    DATA = 2,   // of what send sends
    RESULT = 3, // of what it returns
    PEER = 2,   // of the Socket that accept will return
    // Connections in a row that were gone before they were accepted; each takes
    // one from the backlog, so that only a broken kernel comes near.
    ABORTED_MAX = 64
};

static neapL_socket *check_socket(lua_State *L) {
    return neapL_checksocket(L, SOCKET);
}

// ---- waiting

void neapL_socket_wait(neapL_socket *sock, neap_dir dir, neapL_task *task) {
    int rc = neap_fd_wait(&sock->fd, dir, &task->core);
    assert(rc == 0); // it is ours, so it is watched already
    (void)rc;
}

void neapL_socket_queue(lua_State *L, neapL_socket *sock, neapL_doing doing) {
    neapL_task *task = neapL_waiting(L, doing);
    sock->takers++;
    neapL_socket_wait(sock, NEAP_IN, task);
}

bool neapL_socket_is_user(lua_State *L, const neapL_socket *sock,
                          neap_dir dir) {
    const neapL_task *task = neapL_current(L);
    return task && sock->user[dir] == task->id;
}

// ---- reading

// Two tasks that read one stream would get its bytes by chance.
static void check_reader(lua_State *L, neapL_socket *sock) {
    neap_runtime *rt = neapL_rt(L);
    uint64_t id = sock->user[NEAP_IN];
    neapL_task *task = id ? neapL_task_next(rt, NULL) : NULL;
    while (task && task->id != id) task = neapL_task_next(rt, task);
    if (!task) sock->user[NEAP_IN] = 0; // it was killed while it waited
    else {
        neapL_task_push(L, task);
        luaL_error(L, "%s is already being read by %s",
                   sock->foreign ? "stdin" : "socket", neapL_describe(L, -1));
    }
}

// The reader is noted while it waits and until it runs again, so that a recv
// in between is refused as well.
bool neapL_socket_read(lua_State *L, neapL_socket *sock, int status) {
    if (neapL_socket_is_user(L, sock, NEAP_IN)) sock->user[NEAP_IN] = 0;
    neapL_woken(L, status);
    if (!neapL_is_open(sock)) return false;
    if (sock->user[NEAP_IN]) check_reader(L, sock);
    return true;
}

int neapL_socket_await(lua_State *L, neapL_socket *sock, lua_KContext ctx,
                       lua_KFunction k) {
    neapL_task *task = neapL_waiting(L, NEAPL_RECV);
    sock->user[NEAP_IN] = task->id;
    if (sock->fd.latch[NEAP_IN]) return neapL_pause(L, NEAPL_RECV, ctx, k);
    neapL_stream_wait(sock, NEAP_IN, task);
    return neapL_suspend(L, ctx, k);
}

// ---- recv

// Made at the first read.
char *neapL_scratch(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    if (!rt->scratch) {
        rt->scratch = neap_alloc_new(&rt->alloc, NEAPL_SCRATCH_SIZE);
        if (!rt->scratch) luaL_error(L, "not enough memory");
    }
    return rt->scratch;
}

// What a read left over goes first.
static int take_unread(lua_State *L, neapL_socket *sock, size_t max) {
    size_t unread = neapL_unread(sock->in);
    neapL_buffer_take(L, &sock->in, max < unread ? max : unread, 0);
    return 1;
}

static int recv_k(lua_State *L, int status, lua_KContext max) {
    neapL_socket *sock = neapL_tosocket(L, SOCKET);
    if (!neapL_socket_read(L, sock, status)) return neapL_fail_closed(L);
    if (max == 0) return lua_pushliteral(L, ""), 1;
    if (sock->in) return take_unread(L, sock, (size_t)max);
    char *bytes = neapL_scratch(L);
    ssize_t n = -EAGAIN;
    if (sock->fd.latch[NEAP_IN])
        n = neapL_stream_take(sock, bytes, (size_t)max);
    if (n == -EAGAIN) return neapL_socket_await(L, sock, max, recv_k);
    neapL_spend(neapL_rt(L), n);
    neap_fd_pass(&sock->fd, NEAP_IN);
    if (n < 0) return neapL_fail(L, (int)n, "recv");
    if (n == 0) return lua_pushnil(L), 1; // end of stream
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

// sock:recv([max]) -> bytes | nil (end of stream) | nil, message, code
static int socket_recv(lua_State *L) {
    const neapL_socket *sock = neapL_checkstream(L, NEAP_IN);
    lua_Integer max = luaL_optinteger(L, 2, NEAPL_SCRATCH_SIZE);
    luaL_argcheck(L, max >= 0, 2, "negative count of bytes");
    if (sock->listening)
        return neapL_conclude(L, neapL_fail(L, -ENOTCONN, "recv"));
    if (neapL_is_datagram(sock)) return neapL_recv_datagram(L);
    lua_settop(L, SOCKET);
    if (max > NEAPL_SCRATCH_SIZE) max = NEAPL_SCRATCH_SIZE;
    return neapL_begin(L, (lua_KContext)max, recv_k);
}

// ---- send

// What was sent of the string cannot be taken back: the stream ends here.
static void silence(neapL_socket *sock) {
    if (sock->foreign) return; // others write there, too
    sock->mute = true;
    if (neapL_is_open(sock)) neap_sys_shutdown(sock->fd.number, SHUT_WR);
}

// The sender is done: the next in line is it, whoever calls before that runs.
static void hand_over(neapL_socket *sock) {
    sock->user[NEAP_OUT] = 0;
    sock->halfway = false;
    if (neap_list_empty(&sock->senders)) return;
    neap_task *next = neap_task_first(&sock->senders);
    sock->user[NEAP_OUT] = NEAPL_CORE_TASK(next)->id;
    neap_task_wake(next, NEAP_WAKE_READY);
}

// Stands behind the sender, whose end will wake it.
static int await_turn(lua_State *L, neapL_socket *sock, lua_KFunction k) {
    neapL_task *task = neapL_waiting(L, NEAPL_SEND);
    neap_task_wait(&task->core, &sock->senders);
    return neapL_suspend(L, 0, k);
}

// A wait that is refused, because nobody can wait here, breaks the string off.
static neapL_task *await_room(lua_State *L, neapL_socket *sock, size_t sent) {
    sock->mute = sent > 0 && !sock->foreign;
    neapL_task *task = neapL_waiting(L, NEAPL_SEND);
    sock->mute = false;
    sock->halfway = sent > 0;
    sock->user[NEAP_OUT] = task->id;
    neapL_stream_wait(sock, NEAP_OUT, task);
    return task;
}

// As much of DATA as there is room for, from `*sent` on: 0 (it is through),
// -EAGAIN, or another -errno.
static int push_bytes(lua_State *L, neapL_socket *sock, size_t *sent) {
    size_t size;
    const char *bytes = lua_tolstring(L, DATA, &size);
    while (*sent < size) {
        bool spent = sock->foreign && neapL_is_spent(L); // a file takes all
        if (!sock->fd.latch[NEAP_OUT] || spent) return -EAGAIN;
        ssize_t n = neapL_stream_give(sock, bytes + *sent, size - *sent);
        if (n < 0) return (int)n;
        *sent += (size_t)n;
        neapL_spend(neapL_rt(L), n);
    }
    return 0;
}

// ctx counts the bytes that the kernel has. Between waits the sender stays the
// sender; a cancel in the middle of a string ends the stream.
static int send_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_socket *sock = neapL_tosocket(L, SOCKET);
    size_t sent = (size_t)ctx;
    bool mine = neapL_socket_is_user(L, sock, NEAP_OUT);
    bool broken_off = mine && neapL_is_raising(L, status);
    if (broken_off && sent > 0) silence(sock);
    if (broken_off) hand_over(sock);
    neapL_woken(L, status);
    if (!neapL_is_open(sock)) return neapL_fail_closed(L);
    if (!mine && !sock->mute && sock->user[NEAP_OUT])
        return await_turn(L, sock, send_k);
    int rc = sock->mute ? -EPIPE : push_bytes(L, sock, &sent);
    if (rc == -EAGAIN) {
        await_room(L, sock, sent);
        return neapL_suspend(L, (lua_KContext)sent, send_k);
    }
    if (mine) hand_over(sock);
    neap_fd_pass(&sock->fd, NEAP_OUT);
    if (sock->mute)
        return neapL_fail_code(L, "socket is shut for sending", "closed");
    if (rc < 0 && sent > 0) silence(sock);
    if (rc < 0) return neapL_fail(L, rc, "send");
    lua_pushvalue(L, RESULT);
    return 1;
}

// sock:send(data) -> true | nil, message, code: when the kernel has all of it
static int socket_send(lua_State *L) {
    const neapL_socket *sock = neapL_checkstream(L, NEAP_OUT);
    luaL_checkstring(L, DATA);
    if (sock->listening)
        return neapL_conclude(L, neapL_fail(L, -ENOTCONN, "send"));
    if (neapL_is_datagram(sock)) return neapL_send_datagram(L);
    lua_settop(L, DATA);
    lua_pushboolean(L, 1); // RESULT
    return neapL_begin(L, 0, send_k);
}

// sock:write(...) -> sock | nil, message, code: strings and numbers, one send
static int socket_write(lua_State *L) {
    const neapL_socket *sock = neapL_checkstream(L, NEAP_OUT);
    int count = lua_gettop(L) - SOCKET;
    for (int arg = DATA; arg < DATA + count; arg++) luaL_checkstring(L, arg);
    int rc = sock->listening           ? -ENOTCONN
             : neapL_is_datagram(sock) ? -EOPNOTSUPP
                                       : 0;
    if (rc < 0) return neapL_conclude(L, neapL_fail(L, rc, "write"));
    lua_concat(L, count);
    lua_pushvalue(L, SOCKET); // RESULT
    return neapL_begin(L, 0, send_k);
}

// ---- accept

// 1: accept will not block; 0, and then the latch is down, or -errno.
static int look(neapL_socket *listener) {
    if (!listener->blocking) return 1;
    int rc = neap_sys_ready(listener->fd.number, false);
    if (rc == 0) listener->fd.latch[NEAP_IN] = false;
    return rc;
}

// One connection from the backlog, or -errno. Those that were gone before they
// could be taken are passed over.
static int take(neapL_socket *listener, neapL_address *peer) {
    int number = -EAGAIN;
    for (int i = 0; i < ABORTED_MAX && listener->fd.latch[NEAP_IN]; i++) {
        int rc = look(listener);
        if (rc <= 0) return rc < 0 ? rc : -EAGAIN;
        neapL_clearaddress(peer);
        number = neap_fd_accept(&listener->fd, &peer->any, &peer->size);
        if (number != -ECONNABORTED && number != -EPROTO) return number;
    }
    return number;
}

// Woken in vain, the next in line would lose its place. The kernel is asked
// only while somebody waits.
void neapL_socket_pass(neapL_socket *sock) {
    neap_fd *fd = &sock->fd;
    bool waited = !neap_list_empty(&fd->line[NEAP_IN]);
    if (waited && fd->latch[NEAP_IN] && !neap_sys_ready(fd->number, false))
        fd->latch[NEAP_IN] = false;
    neap_fd_pass(fd, NEAP_IN);
}

enum { FRESH, WAITED }; // ctx of accept_k

// Who comes anew stands behind those who wait or were just woken.
static int accept_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_socket *listener = neapL_tosocket(L, SOCKET);
    neapL_address peer;
    int number = -EAGAIN;
    if (ctx == WAITED) listener->takers--;
    neapL_woken(L, status);
    if (!neapL_is_open(listener)) return neapL_fail_closed(L);
    if (ctx == WAITED || listener->takers == 0) number = take(listener, &peer);
    if (number == -EAGAIN) {
        neapL_socket_queue(L, listener, NEAPL_ACCEPT);
        return neapL_suspend(L, WAITED, accept_k);
    }
    if (number >= 0)
        number = neapL_socket_open(neapL_tosocket(L, PEER), neapL_rt(L), number,
                                   NEAP_FD_STREAM);
    neapL_socket_pass(listener);
    if (number < 0) return neapL_fail(L, number, "accept");
    return 1 + neapL_pushaddress(L, &peer);
}

// sock:accept() -> Socket, host, port | Socket, path | nil, message, code
static int socket_accept(lua_State *L) {
    const neapL_socket *listener = check_socket(L);
    if (!neapL_is_open(listener))
        return neapL_conclude(L, neapL_fail_closed(L));
    if (!listener->listening)
        return neapL_conclude(L, neapL_fail(L, -EINVAL, "accept"));
    lua_settop(L, SOCKET);
    neapL_socket_new(L)->limit = listener->limit; // PEER
    return neapL_begin(L, FRESH, accept_k);
}

// ---- ended from outside

static void forsake_sending(neapL_socket *sock, const neapL_task *task) {
    if (neapL_is_datagram(sock) || sock->user[NEAP_OUT] != task->id) return;
    if (sock->halfway) silence(sock);
    hand_over(sock);
}

// In line, or just woken for what the next one may take.
static void forsake_taking(neapL_socket *sock) {
    assert(sock->takers > 0);
    sock->takers--;
    if (neapL_is_open(sock)) neap_fd_pass(&sock->fd, NEAP_IN);
}

// The continuation will not run. Its Socket is the first value of its frame.
void neapL_socket_forsake(lua_State *co, const neapL_task *task) {
    unsigned doing = task->future.doing;
    bool takes = doing == NEAPL_ACCEPT || doing == NEAPL_RECV;
    lua_Debug frame;
    if (!neapL_is_waiting(co) || (!takes && doing != NEAPL_SEND)) return;
    lua_getstack(co, 0, &frame);
    lua_getlocal(co, &frame, SOCKET);
    neapL_socket *sock = neapL_tosocket(co, -1);
    lua_pop(co, 1);
    if (!takes) forsake_sending(sock, task);
    else if (doing == NEAPL_ACCEPT || neapL_is_datagram(sock))
        forsake_taking(sock);
    else if (sock->user[NEAP_IN] == task->id) sock->user[NEAP_IN] = 0;
}

static const luaL_Reg accepting[] = {{"accept", socket_accept}, {NULL, NULL}};
static const luaL_Reg receiving[] = {{"recv", socket_recv}, {NULL, NULL}};
static const luaL_Reg sending[] = {
    {"send", socket_send}, {"write", socket_write}, {NULL, NULL}};

void neapL_add_accept(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, accepting);
}

void neapL_add_receiving(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, receiving);
}

void neapL_add_sending(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, sending);
}
