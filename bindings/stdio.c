// SPDX-License-Identifier: MIT
// Stdio: reading and writing without ever blocking on what is not ours.
//
// O_NONBLOCK would be set for everybody who has the file open, the shell
// included. So the kernel is asked whether a descriptor is ready, and then read
// or written once:
//
// - A read takes what is there. Should another process take it in between, the
//   read waits for more, and the loop with it.
// - A write of PIPE_BUF bytes does not block in a pipe or a socket that is
//   ready. A terminal is ready when there is room for some bytes: the write
//   lasts until it has taken the others. One that was stopped (Ctrl-S) is not.
// - Files and /dev/null are ready at all times, and are never waited for. They
//   are read right here, 64 KiB at a time: as a rule the page cache has them;
//   else the loop is held up for the milliseconds that a disk takes. A thread
//   of the pool would cost each read more than the cache does.
//
// A broken pipe is a SIGPIPE, which ends the process as it ends `lua`; where
// the signal is ignored it is a failure.
//
// Invariant: `entry` is borrowed, or NULL; it is kept from wait to wait.
#define _POSIX_C_SOURCE 200809L
#include "bindings/stdio.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "bindings/borrow.h"
#include "bindings/sys.h"

#ifndef PIPE_BUF
#define PIPE_BUF _POSIX_PIPE_BUF // where it differs from file to file
#endif

typedef struct stdio {
    neapL_socket_handle handle; // of the next
    neapL_socket sock;          // what the methods see; sock.foreign is set
    neap_fd *entry;             // whose line is waited in; NULL: none yet
    int fault; // -errno of a wait, for the next attempt; 0: none
} stdio;

static int stdio_gc(lua_State *L);
static int stdin_tostring(lua_State *L);
static int stdout_tostring(lua_State *L);

static const luaL_Reg stdin_meta[] = {
    {"__gc", stdio_gc}, {"__tostring", stdin_tostring}, {NULL, NULL}};
static const luaL_Reg stdout_meta[] = {
    {"__gc", stdio_gc}, {"__tostring", stdout_tostring}, {NULL, NULL}};
static const luaL_Reg none[] = {{NULL, NULL}};

static const neapL_type types[] = {
    [NEAP_IN] = {"neap.Stdin", sizeof(stdio), none, stdin_meta},
    [NEAP_OUT] = {"neap.Stdout", sizeof(stdio), none, stdout_meta}};

neapL_socket *neapL_checkstream(lua_State *L, neap_dir dir) {
    neapL_socket *sock = neapL_testsocket(L, 1);
    if (sock) return sock;
    stdio *io = neapL_test(L, 1, &types[dir]);
    if (!io) return neapL_checksocket(L, 1); // for the message
    if (dir == NEAP_IN && neapL_rt(L)->config.flags & NEAP_HOST_STDIN)
        luaL_error(L, "stdin is read by the host (the prompt); use io.read");
    return &io->sock;
}

// ---- attempts

// 0: it may be tried; else why not.
static int look(stdio *io, neap_dir dir) {
    int rc = io->fault;
    io->fault = 0;
    if (rc == 0) rc = neap_sys_ready(io->sock.fd.number, dir == NEAP_OUT);
    io->sock.fd.latch[dir] = rc != 0;
    return rc == 0 ? -EAGAIN : rc < 0 ? rc : 0;
}

static ssize_t learn(stdio *io, neap_dir dir, ssize_t n) {
    if (n == -EAGAIN) io->sock.fd.latch[dir] = false;
    return n;
}

ssize_t neapL_stream_take(neapL_socket *sock, char *bytes, size_t size) {
    if (!sock->foreign) return neap_fd_recv(&sock->fd, bytes, size);
    stdio *io = NEAP_OWNER(sock, stdio, sock);
    int rc = look(io, NEAP_IN);
    if (rc < 0) return rc;
    if (size > NEAPL_SCRATCH_SIZE) size = NEAPL_SCRATCH_SIZE;
    return learn(io, NEAP_IN, neap_sys_read(sock->fd.number, bytes, size));
}

ssize_t neapL_stream_give(neapL_socket *sock, const char *bytes, size_t size) {
    if (!sock->foreign) return neap_fd_send(&sock->fd, bytes, size);
    stdio *io = NEAP_OWNER(sock, stdio, sock);
    fflush(stdout); // what io.write holds goes before
    int rc = look(io, NEAP_OUT);
    if (rc < 0) return rc;
    if (size > PIPE_BUF) size = PIPE_BUF;
    return learn(io, NEAP_OUT, neap_sys_write(sock->fd.number, bytes, size));
}

// ---- waiting

// What neapL_watch gives. The entry of the last wait serves again, unless the
// number was closed since, or has come again.
static int watch(stdio *io, neap_dir dir, neap_task *task) {
    neap_fd *fd = io->entry;
    int rc = -EBADF;
    if (fd && fd->number >= 0) rc = neapL_watch_again(task, fd, dir);
    if (rc >= 0) return rc;
    io->entry = NULL;
    if (fd) neapL_give_back(neapL_of_loop(task->loop), fd);
    rc = neapL_watch(task, io->sock.fd.number, dir, &fd);
    if (rc >= 0 && fd->kind == NEAP_FD_BORROWED) io->entry = fd;
    return rc;
}

// With the latch up it is the others' turn, and no more. Whatever the end of a
// wait is, an attempt will tell.
void neapL_stream_wait(neapL_socket *sock, neap_dir dir, neapL_task *task) {
    if (!sock->foreign) {
        neapL_socket_wait(sock, dir, task);
        return;
    }
    stdio *io = NEAP_OWNER(sock, stdio, sock);
    int rc = sock->fd.latch[dir] ? 1 : watch(io, dir, &task->core);
    sock->fd.latch[dir] = true;
    if (rc < 0) io->fault = rc;
    if (rc != 0) neap_task_yield(&task->core);
}

// ---- the objects

static int stdio_gc(lua_State *L) {
    stdio *io = lua_touserdata(L, 1);
    neapL_buffer_drop(&io->sock.in);
    return 0;
}

static int stdin_tostring(lua_State *L) {
    lua_pushliteral(L, "<stdin>");
    return 1;
}

static int stdout_tostring(lua_State *L) {
    lua_pushliteral(L, "<stdout>");
    return 1;
}

static void add(lua_State *L, neap_runtime *rt, neap_dir dir) {
    static const int numbers[] = {STDIN_FILENO, STDOUT_FILENO};
    neapL_newtype(L, rt, &types[dir]);
    luaL_getmetatable(L, types[dir].name);
    lua_getfield(L, -1, "__index");
    if (dir == NEAP_OUT) neapL_add_sending(L, rt);
    else {
        neapL_add_receiving(L, rt);
        neapL_add_streams(L, rt);
    }
    lua_pop(L, 2);
    stdio *io = neapL_new(L, &types[dir], 0);
    io->handle.rt = rt;
    io->handle.sock = &io->sock;
    io->sock.foreign = true;
    io->sock.limit = SIZE_MAX; // who types at us is no stranger
    io->sock.fd.number = numbers[dir];
    io->sock.fd.kind = NEAP_FD_PACKET;
    io->sock.fd.latch[dir] = true;
    neap_list_init(&io->sock.fd.line[NEAP_IN]);
    neap_list_init(&io->sock.fd.line[NEAP_OUT]);
    neap_list_init(&io->sock.senders);
    lua_setfield(L, -2, dir == NEAP_IN ? "stdin" : "stdout");
}

void neapL_open_stdio(lua_State *L, neap_runtime *rt) {
    add(L, rt, NEAP_IN);
    add(L, rt, NEAP_OUT);
}
