// SPDX-License-Identifier: MIT
// Errors: 0 or -errno inside, three values or an error object in Lua.
//
// A failure of input or output is no error: it is nil, a message that names
// what it concerns, and a code. Misuse raises, in Lua's own words. What is
// raised as a thing of its own (Cancelled, QueueClosed) is a table with a
// message, and its class is its metatable, which the registry has under the
// class's address: asking for it compares two tables.
#include <errno.h>
#include <string.h>

#include "bindings/neapL.h"

const neapL_class neapL_cancelled = {"Cancelled", "cancelled"},
                  neapL_timed_out = {"Timeout", "timed out"},
                  neapL_error_group = {"ErrorGroup", "several errors"},
                  neapL_queue_closed = {"QueueClosed", "queue is closed"},
                  neapL_deadlocked = {"Deadlock", "deadlock"},
                  neapL_ended = {"Ended",
                                 "the task was ended: its run is over"};

#define NAMED(name) \
    { name, #name }

static const struct {
    int number;
    const char *name;
} errno_names[] = {
    NAMED(EACCES),       NAMED(EADDRINUSE),   NAMED(EADDRNOTAVAIL),
    NAMED(EAFNOSUPPORT), NAMED(EAGAIN),       NAMED(EALREADY),
    NAMED(EBADF),        NAMED(ECONNABORTED), NAMED(ECONNREFUSED),
    NAMED(ECONNRESET),   NAMED(EDESTADDRREQ), NAMED(EFAULT),
    NAMED(EHOSTUNREACH), NAMED(EINPROGRESS),  NAMED(EINTR),
    NAMED(EINVAL),       NAMED(EIO),          NAMED(EISCONN),
    NAMED(EISDIR),       NAMED(ELOOP),        NAMED(EMFILE),
    NAMED(EMSGSIZE),     NAMED(ENAMETOOLONG), NAMED(ENETDOWN),
    NAMED(ENETUNREACH),  NAMED(ENFILE),       NAMED(ENOBUFS),
    NAMED(ENOENT),       NAMED(ENOMEM),       NAMED(ENOPROTOOPT),
    NAMED(ENOTCONN),     NAMED(ENOTDIR),      NAMED(ENOTSOCK),
    NAMED(EOPNOTSUPP),   NAMED(EPERM),        NAMED(EPIPE),
    NAMED(EPROTO),       NAMED(EPROTOTYPE),   NAMED(EROFS),
    NAMED(ETIMEDOUT),
};

const char *neapL_errno_name(int rc) {
    int number = rc < 0 ? -rc : rc;
    for (size_t i = 0; i < sizeof errno_names / sizeof *errno_names; i++)
        if (errno_names[i].number == number) return errno_names[i].name;
    return "EUNKNOWN";
}

int neapL_fail_code(lua_State *L, const char *message, const char *code) {
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushstring(L, code);
    return 3;
}

int neapL_fail(lua_State *L, int rc, const char *what) {
    lua_pushnil(L);
    if (what) lua_pushfstring(L, "%s: %s", what, strerror(-rc));
    else lua_pushstring(L, strerror(-rc));
    lua_pushstring(L, neapL_errno_name(rc));
    return 3;
}

static int error_tostring(lua_State *L) {
    lua_settop(L, 1);
    lua_getfield(L, 1, "message");
    return 1;
}

static void push_metatable(lua_State *L, const neapL_class *class) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, class) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "neap.Error");
    lua_setfield(L, -2, "__name");
    lua_createtable(L, 0, 2);
    lua_pushstring(L, class->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, class->message);
    lua_setfield(L, -2, "message");
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, class);
}

void neapL_setclass(lua_State *L, const neapL_class *class) {
    push_metatable(L, class);
    lua_setmetatable(L, -2);
}

enum { FIELDS = 3 }; // a message, and what a class adds

void neapL_pusherror(lua_State *L, const neapL_class *class,
                     const char *message) {
    luaL_checkstack(L, FIELDS, NULL);
    lua_createtable(L, 0, message ? FIELDS : 1);
    if (message) {
        lua_pushstring(L, message);
        lua_setfield(L, -2, "message");
    }
    neapL_setclass(L, class);
}

bool neapL_iserror(lua_State *L, int arg, const neapL_class *class) {
    if (lua_type(L, arg) != LUA_TTABLE || !lua_getmetatable(L, arg))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, class);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

const neapL_class *neapL_class_of(lua_State *L, int arg) {
    static const neapL_class *const classes[] = {
        &neapL_cancelled,    &neapL_timed_out,  &neapL_error_group,
        &neapL_queue_closed, &neapL_deadlocked, &neapL_ended};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (neapL_iserror(L, arg, classes[i])) return classes[i];
    return NULL;
}
