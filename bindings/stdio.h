// SPDX-License-Identifier: MIT
// Stdio: neap.stdin and neap.stdout, streams on descriptors of others.
//
// Each is a Socket in all that its methods see (stream.c, transfer.c), but for
// where bytes come from and go to, and for whose line is waited in: that of a
// borrowed entry. Its own neap_fd has the number and the latch, and is unknown
// to loop and poller.
#ifndef NEAP_BINDINGS_STDIO_H
#define NEAP_BINDINGS_STDIO_H

#include "bindings/socket.h"

// The stream at argument 1 for a method that reads (writes): a Socket, or
// neap.stdin (neap.stdout). Raises where it is neither.
neapL_socket *neapL_checkstream(lua_State *L, neap_dir dir);

// As neap_fd_recv and neap_fd_send, of any stream.
ssize_t neapL_stream_take(neapL_socket *sock, char *bytes, size_t size);
ssize_t neapL_stream_give(neapL_socket *sock, const char *bytes, size_t size);

// Begins the task's wait for a direction of any stream; a cancelled one ends at
// once.
void neapL_stream_wait(neapL_socket *sock, neap_dir dir, neapL_task *task);

#endif
