// SPDX-License-Identifier: MIT
// Timeout: scopes around a piece of code: timeout, move_on_after, shield.
//
// A time-out's scope is cancelled when its time has come; what then comes out
// of it as its own Cancelled, and no scope further out is cancelled, has timed
// out: a Timeout, or false of move_on_after. Code that swallowed the Cancelled
// has its way. A shield keeps out what is cancelled around it.
#include "bindings/block.h"

static const neapL_type timeout_type;

// The error object; how long it was. [-0, +1, m]
static void push_timeout(lua_State *L, int64_t span_ns) {
    lua_pushfstring(L, "timed out after %f s", (lua_Number)span_ns / 1e9);
    neapL_pusherror(L, &neapL_timed_out, lua_tostring(L, -1));
    lua_remove(L, -2);
}

static int64_t span_of(const neapL_block *block) {
    return block->until_ns - block->opened_ns;
}

// ---- around a function

// timeout and shield put their block into a to-be-closed slot, index 1: an
// error passes through with its stack whole. Results stand behind the slot.
static int passed_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    return lua_gettop(L) - 1;
}

// Index 1 is free; the function and its arguments stand behind it. Where a
// runtime that closes runs clean-up, nothing can wait, and no scope is needed.
static int call_inside(lua_State *L, int64_t duration_ns, bool shields) {
    neapL_block *block = neapL_block_hold(L, duration_ns, &timeout_type);
    if (block && shields) neap_scope_shield(&block->deadline.scope, true);
    lua_replace(L, 1);
    if (block) lua_toclose(L, 1);
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, passed_k);
    return passed_k(L, LUA_OK, 0);
}

// neap.timeout(s, fn, ...) -> fn's results, or raises a Timeout
// neap.timeout(s) -> Timeout, to be closed
static int timeout(lua_State *L) {
    int64_t duration_ns = neapL_checkseconds(L, 1);
    if (lua_gettop(L) > 1) {
        luaL_checktype(L, 2, LUA_TFUNCTION);
        return call_inside(L, duration_ns, false);
    }
    neapL_block_push(L, duration_ns, &timeout_type);
    return 1;
}

// neap.shield(fn, ...) -> fn's results: no cancel from outside reaches it
static int shield(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushnil(L);
    lua_insert(L, 1);
    return call_inside(L, NEAP_NEVER_NS, true);
}

// move_on_after catches the error: index 1 holds the number of its block's
// opening, 2 the error, and behind it stand the results.

enum { OPENING = 1, ERROR };

static int moved_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_block *block = (neapL_block *)ctx; // NOLINT: as it was given
    bool open = block->id == (uint64_t)lua_tointeger(L, OPENING), own = false;
    bool failed = neapL_block_called(L, open ? block : NULL, status);
    if (open) {
        if (neapL_block_tidy(L, block)) {
            if (!failed) lua_copy(L, -1, ERROR);
            failed = true;
            lua_pop(L, 1);
        }
        own = neapL_block_leave(L, block, ERROR);
    }
    if (own) return lua_pushboolean(L, 0), 1;
    if (failed) return neapL_reraise(L);
    lua_pushboolean(L, 1);
    lua_replace(L, ERROR);
    return lua_gettop(L) - 1;
}

static int called_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    lua_pushboolean(L, 1);
    lua_replace(L, 1);
    return lua_gettop(L);
}

// neap.move_on_after(s, fn, ...) -> true and fn's results, or false
static int move_on_after(lua_State *L) {
    int64_t duration_ns = neapL_checkseconds(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    neapL_block *block = neapL_block_open(L, duration_ns);
    if (!block) {
        lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, called_k);
        return called_k(L, LUA_OK, 0);
    }
    lua_pushinteger(L, (lua_Integer)block->id);
    lua_replace(L, OPENING);
    return neapL_block_call(L, block, moved_k);
}

// ---- as a value to be closed

// t:reschedule(s) -> whether it had not struck; s from now
static int timeout_reschedule(lua_State *L) {
    neapL_block *block = neapL_block_find(L, 1, &timeout_type);
    int64_t duration_ns = neapL_checkseconds(L, 2);
    const neapL_block_handle *handle = lua_touserdata(L, 1);
    if (!block && !handle->struck)
        return luaL_error(L, "cannot reschedule: the time-out was left");
    if (block && !block->deadline.struck) {
        block->until_ns = neapL_deadline(neapL_rt(L), duration_ns);
        neap_deadline_move(&block->deadline, block->until_ns);
    } else block = NULL;
    lua_pushboolean(L, block != NULL);
    return 1;
}

static int timeout_close(lua_State *L) {
    neapL_block *block = neapL_block_find(L, 1, &timeout_type);
    neapL_block_handle *handle = lua_touserdata(L, 1);
    lua_settop(L, ERROR); // nil: none
    if (!block) return 0; // dropped with its coroutine, or closed before
    bool untidy = neapL_block_tidy(L, block) && lua_isnil(L, ERROR);
    int64_t span_ns = span_of(block);
    handle->struck = block->deadline.struck;
    lua_pushvalue(L, ERROR);
    int outside = lua_gettop(L);
    bool own = neapL_block_leave(L, block, outside);
    if (untidy) return lua_settop(L, ERROR + 1), lua_error(L);
    if (own) push_timeout(L, span_ns);
    else if (lua_rawequal(L, ERROR, outside)) return 0;
    return lua_error(L);
}

// "<Timeout 1.5 s left>", "<Timeout struck>", "<Timeout over>"
static int timeout_tostring(lua_State *L) {
    const neapL_block *block = neapL_block_find(L, 1, &timeout_type);
    const neapL_block_handle *handle = lua_touserdata(L, 1);
    bool struck = block ? block->deadline.struck : handle->struck;
    if (struck) lua_pushliteral(L, "<Timeout struck>");
    else if (!block) lua_pushliteral(L, "<Timeout over>");
    else if (block->until_ns == NEAP_NEVER_NS)
        lua_pushliteral(L, "<Timeout without end>");
    else {
        int64_t left_ns = block->until_ns - neap_loop_time(&neapL_rt(L)->loop);
        lua_pushfstring(L, "<Timeout %f s left>", (lua_Number)left_ns / 1e9);
    }
    return 1;
}

static const luaL_Reg timeout_methods[] = {{"reschedule", timeout_reschedule},
                                           {NULL, NULL}};

static const luaL_Reg timeout_meta[] = {
    {"__close", timeout_close}, {"__tostring", timeout_tostring}, {NULL, NULL}};

static const neapL_type timeout_type = {
    "neap.Timeout", sizeof(neapL_block_handle), timeout_methods, timeout_meta};

static int is_timeout(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, neapL_iserror(L, 1, &neapL_timed_out));
    return 1;
}

static const luaL_Reg guards[] = {{"move_on_after", move_on_after},
                                  {NULL, NULL}};

static const luaL_Reg functions[] = {{"timeout", timeout},
                                     {"shield", shield},
                                     {"is_timeout", is_timeout},
                                     {NULL, NULL}};

void neapL_open_timeout(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &timeout_type);
    neapL_addguards(L, rt, guards);
    neapL_addfuncs(L, rt, functions);
}
