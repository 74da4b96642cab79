// SPDX-License-Identifier: MIT
// Reader: functions that are called each time a descriptor is ready.
//
// asyncio's add_reader and its siblings. A reader stands in its descriptor's
// line as a task would; when it was called it stands there again, until it is
// removed. What is reported is a level, as asyncio has it: where the latch says
// "may be ready" the kernel is asked before the function is called.
//
// A Socket's number, or the Socket itself, uses the Socket's own entry. Other
// numbers are borrowed (borrow.h).
#include <assert.h>
#include <errno.h>

#include "bindings/borrow.h"
#include "bindings/callback.h"
#include "bindings/reader.h"

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

// ---- waiting and being called

// Stands in the line again, or is ready at once. A Socket that was watched by
// its number may be collected meanwhile, and its entry with it: so the table is
// asked, not the entry.
static bool stand_again(neapL_handle *handle) {
    neap_task *core = &handle->core;
    if (neap_fd_find(core->loop, handle->number) != handle->fd) return false;
    int rc = neapL_watch_again(core, handle->fd, (neap_dir)handle->dir);
    if (rc > 0) neap_task_ready(core, NEAP_WAKE_READY);
    return rc >= 0;
}

static void remove_reader(lua_State *L, neap_runtime *rt,
                          neapL_handle *handle) {
    handle->active = false;
    neap_task_term(&handle->core);
    lua_pushnil(L);
    enter(L, rt, key_of(handle->number, handle->dir));
    if (handle->borrowed) neapL_give_back(rt, handle->fd);
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
        bool ended = rt->limits.now.doomed; // with the one that broke a limit
        closed = handle->active && (ended || !stand_again(handle));
        lua_pop(rt->turner, 2);
    }
    if (closed) remove_reader(rt->turner, rt, handle);
}

// ---- methods of Loop

// The number at argument 2 of a Loop's method.
static int check_number(lua_State *L) {
    neapL_checkloop(L);
    int number = neapL_checkdescriptor(L, 2);
    luaL_argcheck(L, number >= 0, 2, "the socket is closed");
    return number;
}

static int refuse(lua_State *L, neapL_handle *handle, int rc) {
    int number = handle->number;
    remove_reader(L, neapL_rt(L), handle);
    luaL_where(L, 1);
    neapL_fail_watch(L, number, rc);
    lua_pop(L, 1); // the code
    lua_remove(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
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
    handle->dir = (uint8_t)dir;
    handle->number = number;
    neapL_anchor_reserve(L, rt, handle);
    lua_pushvalue(L, -1);
    enter(L, rt, key_of(number, dir));
    neapL_anchor(L, rt, -1);
    int rc = neapL_watch(&handle->core, number, dir, &handle->fd);
    if (rc < 0) return refuse(L, handle, rc);
    handle->borrowed = handle->fd->kind == NEAP_FD_BORROWED;
    if (rc > 0) neap_task_ready(&handle->core, NEAP_WAKE_READY);
    return 0;
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
    lua_newtable(L);
    rt->readers = luaL_ref(L, LUA_REGISTRYINDEX);
}

void neapL_readers_term(lua_State *L, neap_runtime *rt) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->readers);
    for (lua_pushnil(L); lua_next(L, -2);) {
        remove_reader(L, rt, lua_touserdata(L, -1));
        lua_pop(L, 1); // setting a present key to nil is allowed
    }
    lua_pop(L, 1);
}
