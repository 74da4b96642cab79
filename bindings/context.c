// SPDX-License-Identifier: MIT
// Context: neap.context(), a table for each task that its children inherit.
//
// They inherit a snapshot, as with asyncio's contextvars; but no copy is made
// when a task is spawned: both sides go on with one table, and who is the first
// to write copies it then. So inheriting costs what looking the parent's up
// costs, and a task that has no context costs one nil.
//
// A slot at the bottom of the task's coroutine (task.c) holds the Context; or,
// until the task asks for it, the bare table that it inherited; or nil. A
// callback, of which one runs at a time, has its slot in the registry.
//
// Invariant: a table that two may refer to (`shared`) is never written again.
// Somebody else may have given it up, or copied it, in the meantime: then one
// copy too many is made. Counting would cost more.
#include <assert.h>
#include <math.h>

#include "bindings/task.h"

typedef struct neapL_context {
    const neapL_type *type;
    bool shared; // its table, or nil, is not its own: copied before a write
} neapL_context;

static const char slot = 'c'; // registry: that of the callback that runs

static const neapL_type context_type;

static neapL_context *check_context(lua_State *L) {
    return neapL_check(L, 1, &context_type);
}

// ---- the slot of what runs

void neapL_context_keep(lua_State *L, const neapL_task *task, int index) {
    if (!task->future.contexted || task->future.closing) return;
    neapL_task_getcontext(L, task);
    neapL_setextra(L, index, "context");
}

static void push_slot(lua_State *L, neap_runtime *rt) {
    neapL_task *task = rt->task;
    if (!task) lua_rawgetp(L, LUA_REGISTRYINDEX, &slot);
    else if (task->future.closing) {
        neapL_task_push(L, task);
        neapL_getextra(L, -1, "context");
        lua_remove(L, -2);
    } else neapL_task_getcontext(L, task);
}

static void set_slot(lua_State *L, neap_runtime *rt) {
    neapL_task *task = rt->task;
    if (!task) {
        neapL_context_enter(L, rt);
        return;
    }
    task->future.contexted = true;
    if (task->future.closing) {
        neapL_task_push(L, task);
        lua_insert(L, -2);
        neapL_setextra(L, -2, "context");
        lua_pop(L, 1);
    } else neapL_task_setcontext(L, task);
}

// Raises nothing: the key is there for good, with false where it is nothing.
void neapL_context_enter(lua_State *L, neap_runtime *rt) {
    rt->callback_contexted = lua_toboolean(L, -1);
    if (!rt->callback_contexted) lua_pop(L, 1), lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &slot);
}

void neapL_context_leave(lua_State *L, neap_runtime *rt) {
    lua_pushnil(L);
    neapL_context_enter(L, rt);
}

void neapL_context_pass(lua_State *L, neap_runtime *rt) {
    push_slot(L, rt);
    neapL_context *context = neapL_test(L, -1, &context_type);
    if (!context) return; // handed on as it was inherited
    context->shared = true;
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
}

// neap.context() -> the running task's Context
static int context_of(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    if (!rt->task && !rt->callback_group_id)
        return luaL_error(L, "there is no context outside of a task: "
                             "put it into neap.run(function() ... end)");
    push_slot(L, rt);
    if (neapL_test(L, -1, &context_type)) return 1;
    neapL_context *context = neapL_new(L, &context_type, 1);
    context->shared = true;
    if (lua_istable(L, -2)) {
        lua_pushvalue(L, -2);
        lua_setiuservalue(L, -2, 1);
    }
    lua_pushvalue(L, -1);
    set_slot(L, rt);
    return 1;
}

// ---- the values of the Context at index 1

static void push_copy(lua_State *L) {
    lua_newtable(L);
    int copy = lua_gettop(L), values = copy + 1;
    bool filled = lua_getiuservalue(L, 1, 1) == LUA_TTABLE;
    if (filled) lua_pushnil(L);
    while (filled && lua_next(L, values)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, copy);
    }
    lua_settop(L, copy);
}

// Pushes a table that is its own. A finalizer may have made one meanwhile.
static void push_own(lua_State *L, neapL_context *context) {
    if (context->shared) {
        push_copy(L);
        if (context->shared) lua_setiuservalue(L, 1, 1);
        else lua_pop(L, 1);
        context->shared = false;
    }
    lua_getiuservalue(L, 1, 1);
}

static int context_index(lua_State *L) {
    check_context(L);
    lua_settop(L, 2);
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) return lua_pushnil(L), 1;
    lua_insert(L, 2);
    lua_rawget(L, 2);
    return 1;
}

// Lua's own words, and the line of the assignment.
static void check_key(lua_State *L, int key) {
    if (lua_isnil(L, key)) luaL_error(L, "table index is nil");
    if (lua_type(L, key) == LUA_TNUMBER && isnan(lua_tonumber(L, key)))
        luaL_error(L, "table index is NaN");
}

static int context_newindex(lua_State *L) {
    neapL_context *context = check_context(L);
    lua_settop(L, 3);
    check_key(L, 2);
    push_own(L, context);
    lua_replace(L, 1);
    lua_rawset(L, 1);
    return 0;
}

// An iterator over the table that is its second upvalue.
static int iterate(lua_State *L) {
    lua_settop(L, 2);
    return lua_next(L, lua_upvalueindex(2)) ? 2 : (lua_pushnil(L), 1);
}

// Over the values as they are now: who writes meanwhile writes to a copy.
static int context_pairs(lua_State *L) {
    neapL_context *context = check_context(L);
    context->shared = true;
    lua_pushvalue(L, lua_upvalueindex(1)); // the runtime
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    lua_pushcclosure(L, iterate, 2);
    return 1;
}

static int context_tostring(lua_State *L) {
    check_context(L);
    lua_Integer count = 0;
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE)
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) count++;
    lua_pushfstring(L, "<Context %I value%s>", count, count == 1 ? "" : "s");
    return 1;
}

static const luaL_Reg context_meta[] = {{"__index", context_index},
                                        {"__newindex", context_newindex},
                                        {"__pairs", context_pairs},
                                        {"__tostring", context_tostring},
                                        {NULL, NULL}};

static const neapL_type context_type = {"neap.Context", sizeof(neapL_context),
                                        NULL, context_meta};

static const luaL_Reg functions[] = {{"context", context_of}, {NULL, NULL}};

void neapL_open_context(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &context_type);
    neapL_context_leave(L, rt); // no callback
    neapL_addfuncs(L, rt, functions);
}
