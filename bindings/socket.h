// SPDX-License-Identifier: MIT
// Socket: a descriptor of ours as a Lua value.
//
// What Lua holds is a handle. The Socket itself, which the poller and the core
// know by its address, is the runtime's memory, for two reasons: Lua may drop a
// finalizer (where there is no memory to call it), and the poller may know an
// address for longer than Lua does (its number was closed behind our back while
// the file is still open elsewhere). Such a Socket stays until the runtime
// ends. A handle that outlives the runtime stands for one that is closed.
//
// Who is in the middle of a recv or a send is noted by task id, which cannot
// dangle as a pointer could. A second recv is an error; a second send waits in
// a line of its own until the first is whole, and is then made the sender.
//
// Invariant: fd.number is -1 before it is opened and once it is closed; on a
// stream, tasks stand in `senders` only while user[NEAP_OUT] is the id of
// another.
#ifndef NEAP_BINDINGS_SOCKET_H
#define NEAP_BINDINGS_SOCKET_H

#include <sys/types.h>

#include "bindings/format.h"
#include "bindings/task.h"

// What every recv and send looks at stands first, in two cache lines.
typedef struct neapL_socket {
    neap_fd fd;        // descriptor, lines and latches
    uint64_t user[2];  // id of the task inside recv, send; 0: none
    bool listening;    // all that it can do is accept
    bool blocking;     // adopted: accept could block, so it looks first
    bool mute;         // shut for sending
    bool halfway;      // the kernel has a part of what is being sent
    bool foreign;      // no Socket, but what stdio.c makes
    uint8_t family;    // of a datagram Socket's addresses; 0: a stream
    uint32_t takers;   // tasks that wait in accept or for a datagram, or
                       // were just woken
    neapL_buffer *in;  // what was taken and not asked for; NULL: nothing
    size_t limit;      // of a search for a line end or a delimiter
    neap_list senders; // tasks whose send has not begun yet, or whose
                       // datagram has no room
    dev_t device;      // of the path to be removed at close
    ino_t inode;       // of it; 0: there is none
    neap_link link;    // among the runtime's
} neapL_socket;

typedef struct neapL_socket_handle {
    const neapL_type *type; // &neapL_socket_type, or one of stdio.c's
    neap_runtime *rt;       // whose the Socket is
    neapL_socket *sock;     // or NULL: there never was one
} neapL_socket_handle;

extern const neapL_type neapL_socket_type;

// The Socket whose handle is at `index`.
neapL_socket *neapL_tosocket(lua_State *L, int index);

// The same where there is one, else NULL; or raises.
neapL_socket *neapL_testsocket(lua_State *L, int arg);
neapL_socket *neapL_checksocket(lua_State *L, int arg);

struct neapL_address;
struct neapL_settings;

// A Socket that is closed as yet. [-0, +1, m]
neapL_socket *neapL_socket_new(lua_State *L);

// Gives it a descriptor: 0, or -errno, and then the descriptor is closed.
int neapL_socket_open(neapL_socket *sock, neap_runtime *rt, int number,
                      neap_fd_kind kind);

// Closes the Socket at `index` and wakes who waits on it. Again: nothing.
void neapL_socket_close(lua_State *L, int index);

// "<Socket 7 127.0.0.1:4000 to 127.0.0.1:80>" [-0, +1, m]
void neapL_socket_describe(lua_State *L, const neapL_socket *sock);

// nil, "socket is closed", "closed"
int neapL_fail_closed(lua_State *L);

static inline bool neapL_is_open(const neapL_socket *sock) {
    return sock->fd.number >= 0;
}

static inline bool neapL_is_datagram(const neapL_socket *sock) {
    return sock->family != 0;
}

// ---- binding (listen.c)

// A descriptor of that type (SOCK_STREAM, SOCK_DGRAM) with that name, or
// -errno. A path that nobody has any more is taken over.
int neapL_bound(const struct neapL_address *address, int type,
                const struct neapL_settings *set);

// The path is the Socket's to remove at close.
void neapL_remember_path(neapL_socket *sock,
                         const struct neapL_address *address);

// ---- reading (transfer.c)

// The running task is in the middle of this direction's operation.
bool neapL_socket_is_user(lua_State *L, const neapL_socket *sock, neap_dir dir);

// The head of a continuation that reads: raises if it was cancelled, or another
// task reads. False: the Socket is closed.
bool neapL_socket_read(lua_State *L, neapL_socket *sock, int status);

// Waits for bytes, or lets others go first if there may be some already.
int neapL_socket_await(lua_State *L, neapL_socket *sock, lua_KContext ctx,
                       lua_KFunction k);

// ---- waiting (transfer.c)

// Begins the task's wait for a direction; a cancelled one ends at once.
void neapL_socket_wait(neapL_socket *sock, neap_dir dir, neapL_task *task);

// The same for those who take in turns, and are counted as takers until they
// run again.
void neapL_socket_queue(lua_State *L, neapL_socket *sock, neapL_doing doing);

// After taking: the next in line may try, if there is something to try for.
void neapL_socket_pass(neapL_socket *sock);

// A task that waits in `co` is about to be ended from outside: if it does so in
// accept, recv or send, the Socket is left to the next in line.
void neapL_socket_forsake(lua_State *co, const neapL_task *task);

// What all reads of a runtime go through, NEAPL_SCRATCH_SIZE bytes. Raises
// where there is no memory.
char *neapL_scratch(lua_State *L);

// recv([max]) and send(data) of a datagram Socket (udp.c).
int neapL_recv_datagram(lua_State *L);
int neapL_send_datagram(lua_State *L);

// Adds the methods of datagram Sockets alone to the table on top, and udp to
// the module table on top (udp.c).
void neapL_add_datagrams(lua_State *L, neap_runtime *rt);
void neapL_add_udp(lua_State *L, neap_runtime *rt);

// Adds methods to the table on top: accept; recv; send and write.
void neapL_add_accept(lua_State *L, neap_runtime *rt);
void neapL_add_receiving(lua_State *L, neap_runtime *rt);
void neapL_add_sending(lua_State *L, neap_runtime *rt);

// The same with read, read_until and lines (stream.c).
void neapL_add_streams(lua_State *L, neap_runtime *rt);

// Adds connect to the module table on top (connect.c).
void neapL_add_connect(lua_State *L, neap_runtime *rt);

// ---- the end of the runtime

// Closes all Sockets; frees them: their handles stay, as closed ones.
void neapL_close_sockets(neap_runtime *rt);
void neapL_sockets_term(neap_runtime *rt);

#endif
