// SPDX-License-Identifier: MIT
// Borrow: entries of descriptors that are not ours (see borrow.h).
//
// Invariant: each entry stands in the runtime's list; one without users is
// there only because the poller might still report it.
#include "bindings/borrow.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/socket.h"
#include "bindings/sys.h"

typedef struct borrowed {
    neap_fd fd;     // what the core knows of it
    neap_link link; // in the runtime's list
    uint32_t users; // readers and waits that will give it back
} borrowed;

enum { NUMBER_MAX = 1 << 24 }; // above what any kernel gives out

int neapL_checkdescriptor(lua_State *L, int arg) {
    const neapL_socket *sock = neapL_testsocket(L, arg);
    if (sock) return sock->fd.number;
    if (!lua_isinteger(L, arg))
        luaL_typeerror(L, arg, "Socket or descriptor number");
    lua_Integer number = lua_tointeger(L, arg);
    luaL_argcheck(L, number >= 0 && number < NUMBER_MAX, arg,
                  "a descriptor's number expected");
    return (int)number;
}

// ---- entries

static void drop(neap_runtime *rt, borrowed *entry) {
    neap_list_unlink(&entry->link);
    neap_alloc_free(&rt->alloc, entry, sizeof *entry);
}

static neap_fd *make(neap_runtime *rt, int number, int *rc) {
    borrowed *entry = neap_alloc_new(&rt->alloc, sizeof *entry);
    if (!entry) return *rc = -ENOMEM, NULL;
    neap_list_append(&rt->borrowing, &entry->link);
    *rc = neap_fd_open(&entry->fd, &rt->loop, number, NEAP_FD_BORROWED);
    if (*rc == 0) return &entry->fd;
    drop(rt, entry);
    return NULL;
}

// The entry of a number, with one more user; NULL and -errno: there is none.
static neap_fd *borrow(neap_runtime *rt, int number, int *rc) {
    neap_fd *fd = neap_fd_find(&rt->loop, number);
    if (!fd) fd = make(rt, number, rc);
    if (fd && fd->kind == NEAP_FD_BORROWED)
        NEAP_OWNER(fd, borrowed, fd)->users++;
    return fd;
}

void neapL_give_back(neap_runtime *rt, neap_fd *fd) {
    borrowed *entry = NEAP_OWNER(fd, borrowed, fd);
    bool settled;
    assert(fd->kind == NEAP_FD_BORROWED && entry->users > 0);
    if (--entry->users > 0) return;
    neap_fd_close(fd, &settled);
    if (settled) drop(rt, entry);
}

void neapL_borrowed_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->borrowing)) {
        borrowed *entry = NEAP_OWNER(rt->borrowing.next, borrowed, link);
        bool settled;
        neap_fd_close(&entry->fd, &settled);
        drop(rt, entry);
    }
}

// ---- waiting

// A Socket is ready with bytes that a read left over, or, where its latch says
// "may be ready", if the kernel says so; or cannot say (it has no memory): the
// edge would be lost, and whoever tries will be told.
static bool is_ready(const neap_fd *fd, neap_dir dir) {
    const neapL_socket *sock = NEAP_OWNER(fd, const neapL_socket, fd);
    if (dir == NEAP_IN && neapL_unread(sock->in) > 0) return true;
    return fd->latch[dir] && neap_sys_ready(fd->number, dir == NEAP_OUT) != 0;
}

// A borrowed entry is armed, and reports in the next turn if it is ready.
int neapL_watch_again(neap_task *task, neap_fd *fd, neap_dir dir) {
    if (fd->kind != NEAP_FD_BORROWED && is_ready(fd, dir)) return 1;
    fd->latch[dir] = false;
    return neap_fd_wait(fd, dir, task);
}

// An entry that cannot be armed speaks of a file that is gone: whoever waits
// there is told, and where the number has come again (-ENOENT) a new entry is
// made.
int neapL_watch(neap_task *task, int number, neap_dir dir, neap_fd **fd) {
    neap_runtime *rt = neapL_of_loop(task->loop);
    int rc = -ENOENT;
    for (int i = 0; i < 2 && rc == -ENOENT; i++) {
        bool settled;
        *fd = borrow(rt, number, &rc);
        if (!*fd) return rc;
        rc = neapL_watch_again(task, *fd, dir);
        if (rc >= 0) return rc;
        neap_fd_close(*fd, &settled);
        neapL_give_back(rt, *fd);
        *fd = NULL;
    }
    return rc;
}

int neapL_fail_watch(lua_State *L, int number, int rc) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot watch descriptor %d: %s", number,
                    rc == -EPERM ? "it is a file, which is always ready"
                                 : strerror(-rc));
    lua_pushstring(L, neapL_errno_name(rc));
    return 3;
}
