// SPDX-License-Identifier: MIT
// Reader: functions that are called each time a descriptor is ready.
//
// asyncio's add_reader and its siblings. A reader stands in its descriptor's
// line as a task would; when it was called it stands there again, until it is
// removed. What is reported is a level, as asyncio has it: where the latch says
// "may be ready" the kernel is asked before the function is called.
//
// A Socket's number, or the Socket itself, uses the Socket's own entry. Other
// numbers are borrowed: an entry of their own, freed with its last reader.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/callback.h"
#include "bindings/reader.h"
#include "bindings/socket.h"
#include "core/sys.h"

// The table of readers has them by number and direction.
static lua_Integer key_of(int number, unsigned dir) {
    return (lua_Integer)number * 2 + dir;
}

// The reader of a number in one direction, or NULL.
static neapL_handle *find(lua_State *L, int number, unsigned dir) {
    neap_runtime *rt = neapL_find(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->readers);
    lua_rawgeti(L, -1, key_of(number, dir));
    neapL_handle *handle = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return handle;
}

// Enters the handle on top, which is popped; or nil, to take one out.
static void enter(lua_State *L, neap_runtime *rt, lua_Integer key) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->readers);
    lua_insert(L, -2);
    lua_rawseti(L, -2, key);
    lua_pop(L, 1);
}

// ---- borrowed entries

// A fresh entry for a number that is not ours; NULL and -errno: there is none.
static neap_fd *borrow(neap_runtime *rt, int number, int *rc) {
    neap_fd *fd = neap_alloc_new(&rt->alloc, sizeof *fd);
    if (!fd) return *rc = -ENOMEM, NULL;
    *rc = neap_fd_open(fd, &rt->loop, number, NEAP_FD_BORROWED);
    if (*rc == 0) return fd;
    neap_alloc_free(&rt->alloc, fd, sizeof *fd);
    return NULL;
}

// With its last reader gone a borrowed entry goes. One that the poller might
// still report stays until the runtime ends. The entry may be retired, and its
// number with it: the other reader is found by the number that both were given.
static void give_back(lua_State *L, neap_runtime *rt,
                      const neapL_handle *handle) {
    neap_fd *fd = handle->fd;
    const neapL_handle *other = find(L, handle->number, !handle->dir);
    if (!handle->borrowed || (other && other->fd == fd)) return;
    bool settled;
    neap_fd_close(fd, &settled);
    if (settled) neap_alloc_free(&rt->alloc, fd, sizeof *fd);
    else neap_list_append(&rt->unsettled, &fd->line[NEAP_IN]);
}

// ---- waiting and being called

// A Socket that was watched by its number may be collected meanwhile, and its
// entry with it: so the table is asked, not the entry.
static bool is_watched(const neapL_handle *handle) {
    return neap_fd_find(handle->core.loop, handle->number) == handle->fd;
}

// Stands in the line, or is ready at once where the descriptor is.
static int stand(neapL_handle *handle) {
    neap_fd *fd = handle->fd;
    neap_dir dir = (neap_dir)handle->dir;
    bool maybe = fd->kind != NEAP_FD_BORROWED && fd->latch[dir];
    if (maybe && neap_sys_ready(fd->number, dir == NEAP_OUT) > 0)
        return neap_task_ready(&handle->core, NEAP_WAKE_READY), 0;
    fd->latch[dir] = false;
    return neap_fd_wait(fd, dir, &handle->core);
}

static void remove_reader(lua_State *L, neap_runtime *rt,
                          neapL_handle *handle) {
    handle->active = false;
    neap_task_term(&handle->core);
    lua_pushnil(L);
    enter(L, rt, key_of(handle->number, handle->dir));
    give_back(L, rt, handle);
    neapL_unanchor(L, rt, handle); // the last to touch it
}

void neapL_reader_slice(neap_runtime *rt, neap_task *reader) {
    neapL_handle *handle = NEAP_OWNER(reader, neapL_handle, core);
    assert(handle->active && handle->fd);
    bool closed = reader->wake == NEAP_WAKE_CLOSED;
    if (!closed) {
        lua_rawgeti(rt->turner, LUA_REGISTRYINDEX, rt->anchors);
        lua_rawgetp(rt->turner, -1, handle); // it may remove itself
        neapL_handle_call(rt, handle);
        closed = handle->active && (!is_watched(handle) || stand(handle) < 0);
        lua_pop(rt->turner, 2);
    }
    if (closed) remove_reader(rt->turner, rt, handle);
}

// ---- methods of Loop

// The number at argument 2 of a Loop's method: a Socket's, or an integer.
static int check_number(lua_State *L) {
    neapL_checkloop(L);
    const neapL_socket *sock = neapL_test(L, 2, &neapL_socket_type);
    if (sock && sock->fd.number < 0)
        luaL_argerror(L, 2, "the socket is closed");
    if (sock) return sock->fd.number;
    if (!lua_isinteger(L, 2))
        luaL_typeerror(L, 2, "Socket or descriptor number");
    lua_Integer number = lua_tointeger(L, 2);
    luaL_argcheck(L, number >= 0 && number < 1 << 24, 2,
                  "a descriptor's number expected");
    return (int)number;
}

static neap_fd *check_fd(lua_State *L, neap_runtime *rt, int number) {
    neap_fd *fd = neap_fd_find(&rt->loop, number);
    int rc = 0;
    if (!fd) fd = borrow(rt, number, &rc);
    if (!fd)
        luaL_error(L, "cannot watch descriptor %d: %s", number,
                   rc == -EPERM ? "it is a file, which is always ready"
                                : strerror(-rc));
    return fd;
}

// loop:add_reader(fd, fn, ...): replaces the one that is there.
static int add(lua_State *L, neap_dir dir) {
    neap_runtime *rt = neapL_rt(L);
    if (rt->closing) return luaL_error(L, "the runtime is closed");
    int number = check_number(L);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    neapL_handle *old = find(L, number, dir);
    if (old) remove_reader(L, rt, old);
    neapL_handle *handle = neapL_handle_new(L, 3, NEAPL_READER);
    lua_pushvalue(L, 2); // the Socket lives as long as its reader
    lua_setiuservalue(L, -2, NEAPL_HANDLE_LAST);
    handle->fd = check_fd(L, rt, number);
    handle->borrowed = handle->fd->kind == NEAP_FD_BORROWED;
    handle->dir = (uint8_t)dir;
    handle->number = number;
    neapL_anchor(L, rt, -1);
    lua_pushvalue(L, -1);
    enter(L, rt, key_of(number, dir));
    int rc = stand(handle);
    if (rc == 0) return 0;
    remove_reader(L, rt, handle);
    return luaL_error(L, "cannot watch descriptor %d: %s", number,
                      strerror(-rc));
}

static int add_reader(lua_State *L) { return add(L, NEAP_IN); }
static int add_writer(lua_State *L) { return add(L, NEAP_OUT); }

// loop:remove_reader(fd) -> whether there was one
static int take_out(lua_State *L, neap_dir dir) {
    neapL_handle *handle = find(L, check_number(L), dir);
    if (handle) remove_reader(L, neapL_rt(L), handle);
    lua_pushboolean(L, handle != NULL);
    return 1;
}

static int drop_reader(lua_State *L) { return take_out(L, NEAP_IN); }
static int drop_writer(lua_State *L) { return take_out(L, NEAP_OUT); }

const luaL_Reg neapL_reader_methods[] = {{"add_reader", add_reader},
                                         {"remove_reader", drop_reader},
                                         {"add_writer", add_writer},
                                         {"remove_writer", drop_writer},
                                         {NULL, NULL}};

// ---- beginning and end

void neapL_readers_init(lua_State *L, neap_runtime *rt) {
    neap_list_init(&rt->unsettled);
    lua_newtable(L);
    rt->readers = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void free_unsettled(neap_runtime *rt) {
    while (!neap_list_empty(&rt->unsettled)) {
        neap_link *link = rt->unsettled.next;
        neap_list_unlink(link);
        neap_fd *fd = NEAP_OWNER(link, neap_fd, line[NEAP_IN]);
        neap_alloc_free(&rt->alloc, fd, sizeof *fd);
    }
}

void neapL_readers_term(lua_State *L, neap_runtime *rt) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->readers);
    for (lua_pushnil(L); lua_next(L, -2);) {
        remove_reader(L, rt, lua_touserdata(L, -1));
        lua_pop(L, 1); // setting a present key to nil is allowed
    }
    lua_pop(L, 1);
    free_unsettled(rt);
}
