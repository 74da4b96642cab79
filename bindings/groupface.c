// SPDX-License-Identifier: MIT
// Groupface: neap.group: tasks that end before the block that spawned them.
//
// A group is a block (the scope of the code that opened it) with a group of
// tasks beneath. Leaving it cancels the tasks if the code failed, and waits for
// them under a shield; a task that fails cancels the block with all the others.
// What comes out is, in this order: errors that are no cancels, of code and
// tasks; else the Cancelled of a scope around; else nothing but what g:cancel
// did: code that it interrupted goes on unwinding, because __close cannot
// swallow an error, and neap.group(fn) can.
#include <assert.h>

#include "bindings/block.h"

static const neapL_type group_type;

// ---- cancelling

static void cancel(lua_State *L, neapL_block *block, const char *reason) {
    neapL_scope_stop(L, &block->deadline.scope, reason);
}

// Protected, with a group and an error.
static int keep_error(lua_State *L) {
    const neapL_group *group = lua_touserdata(L, 1);
    bool forced = neapL_iserror(L, 2, &neapL_ended); // by a deadlock
    if (!forced) neapL_errors_add(L, group, 2, false);
    return 0;
}

void neapL_group_failed(lua_State *L, neapL_group *group, int index) {
    index = lua_absindex(L, index);
    lua_pushcfunction(L, keep_error);
    lua_pushlightuserdata(L, group);
    lua_pushvalue(L, index);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        group->starved = true;
    }
    cancel(L, group->block, "another task of the group failed");
}

// ---- leaving: index 1 holds the Group, 2 the error of its code (or nil), and
// behind it stand the code's results

enum { GROUP = 1, ERROR };

enum { // how it is left: the context of the continuation
    AT_CLOSE,
    AT_WAIT,
    AT_RETURN,  // of the function that neap.group called
    MODES = 3,  // a mask of these; or'ed to it:
    ROUND = 4,  // it has let the others go first
    FAILED = 8, // the code failed, with the error
};

static int leave_k(lua_State *L, int status, lua_KContext ctx);

// Tasks that nobody can wait for are left to whoever can: the task's end, or
// what closes this coroutine. Elsewhere that is an error.
static void let_go(lua_State *L, neapL_group *group, bool failed) {
    const neap_runtime *rt = group->rt;
    if (!failed && !rt->unwinding && !rt->closing) {
        neapL_push_refusal(L);
        neapL_errors_add(L, group, -1, false);
        lua_pop(L, 1);
    }
}

// An error of its tasks could not be kept: this one stands in for it.
static void add_starved(lua_State *L, const neapL_group *group) {
    lua_pushliteral(L, "not enough memory");
    neapL_errors_add(L, group, -1, true);
    lua_pop(L, 1);
}

// The group goes, and the scope. What it comes to takes the place of the error:
// true where there is one. An own cancel is swallowed where that can be. The
// errors are put into words last: their __tostring may do anything.
static bool close_group(lua_State *L, neapL_block *block, lua_KContext mode) {
    neapL_task *task = neapL_block_task(block);
    neapL_group *group = block->group;
    bool failed = mode & FAILED, live = group->live > 0;
    if (group->starved) add_starved(L, group);
    if (live) let_go(L, group, failed);
    bool errors = neapL_errors_take(L, group);
    if (live) neapL_group_orphan(L, group);
    else neapL_group_close(L, group);
    bool own = neapL_block_leave(L, block, ERROR);
    neap_scope *cause = task->core.inner->cause;
    if (errors) neapL_errors_sum(L);
    if (!errors && !failed && cause) neapL_push_cancelled_by(L, cause);
    if (errors || (!failed && cause)) return lua_replace(L, ERROR), true;
    lua_pop(L, 1); // nil
    return failed && !(own && (mode & MODES) == AT_RETURN);
}

static int left(lua_State *L, neapL_block *block, lua_KContext mode) {
    int results = (mode & FAILED) ? 0 : lua_gettop(L) - ERROR;
    lua_pushvalue(L, ERROR);
    int raised = lua_gettop(L);
    bool raises = close_group(L, block, mode);
    lua_settop(L, raised);
    if (!raises) return lua_settop(L, raised - 1), results;
    bool same = (mode & FAILED) && lua_rawequal(L, ERROR, raised);
    return same && (mode & MODES) == AT_CLOSE ? 0 : neapL_reraise(L);
}

// Who waits in vain for tasks that wait for it cancels them; if they are stuck
// all the same they are ended.
static void meet_deadlock(lua_State *L, neapL_block *block) {
    if (block->deadline.scope.cancelled) {
        neapL_kill_beneath(L, &block->group->scope);
        return;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
    neapL_errors_add(L, block->group, -1, false);
    lua_pop(L, 1);
    cancel(L, block, "deadlock");
}

// Raising a cancel of a scope around is leaving by a wait: it lets the others
// go first, once.
static bool must_yield(const neapL_block *block, lua_KContext ctx) {
    return !(ctx & (ROUND | FAILED)) && block->deadline.scope.parent->cause;
}

static int leave_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    neapL_group *group = block->group;
    if (neapL_wake_of(L, status) == NEAP_WAKE_STUCK) meet_deadlock(L, block);
    bool waits = group->live > 0;
    if (!neapL_may_wait(L) || (!waits && !must_yield(block, ctx))) {
        if (group->cover.parent) neapL_uncover(&group->cover);
        return left(L, block, ctx);
    }
    neapL_task *task = neapL_waiting(L, NEAPL_GROUP_END);
    if (!group->cover.parent) neapL_cover(&group->cover, &task->core);
    if (waits) neap_task_wait(&task->core, &group->line);
    else neap_task_yield(&task->core);
    return neapL_suspend(L, ctx | ROUND, leave_k);
}

// The code of the group ended, perhaps with an error.
static int leave(lua_State *L, neapL_block *block, lua_KContext mode) {
    neap_scope *scope = &block->deadline.scope;
    bool untidy = neapL_block_tidy(L, block), failed = mode & FAILED;
    if (untidy && !failed) neapL_errors_add(L, block->group, -1, false);
    if (untidy) lua_pop(L, 1);
    if (failed && !neapL_is_cancel_of(L, scope, ERROR))
        neapL_errors_add(L, block->group, ERROR, true);
    if ((failed || untidy) && !scope->cause)
        cancel(L, block, "the code of the group failed");
    return leave_k(L, LUA_OK, mode);
}

// ---- opening

static neapL_block *open_group(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_block *block = neapL_block_push(L, NEAP_NEVER_NS, &group_type);
    if (!block) return luaL_error(L, "the runtime is closing"), NULL;
    neap_scope *scope = &block->deadline.scope;
    neapL_group *group = neapL_group_open(rt, scope, rt->task);
    if (!group) {
        neapL_blocks_drop(L, scope, scope->parent);
        luaL_error(L, "not enough memory");
    }
    group->run = neapL_group_of(rt->task)->run;
    group->block = block;
    block->group = group;
    return block;
}

static int called_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    (void)ctx;
    bool failed = neapL_block_called(L, block, status);
    if (block) return leave(L, block, AT_RETURN | (failed ? FAILED : 0));
    return failed ? neapL_reraise(L) : lua_gettop(L) - ERROR;
}

// neap.group(fn, ...) -> fn's results; it is called with the Group in front
// neap.group() -> Group, to be closed
static int group_new(lua_State *L) {
    if (lua_gettop(L) == 0) {
        open_group(L);
        return 1;
    }
    luaL_checktype(L, 1, LUA_TFUNCTION);
    neapL_block *block = open_group(L);
    lua_pushvalue(L, -1);
    lua_insert(L, 2); // the function's first argument
    lua_insert(L, 1);
    return neapL_block_call(L, block, called_k);
}

// ---- methods

// group:spawn(fn, ...) or group:spawn({ name = }, fn, ...) -> Task
static int group_spawn(lua_State *L) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    int fn = lua_istable(L, 2) ? 3 : 2;
    if (fn == 3) neapL_checknames(L, 2, " name ");
    luaL_checktype(L, fn, LUA_TFUNCTION);
    if (!block)
        return luaL_error(L, "cannot spawn: the group is over (spawn in it "
                             "before its block is left)");
    if (block->deadline.scope.cancelled)
        return luaL_error(L, "cannot spawn: the group was cancelled");
    lua_remove(L, 1);
    return neapL_spawn_with(L, block->group, fn - 1);
}

// group:cancel([reason]) -> whether it was not over
static int group_cancel(lua_State *L) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    lua_settop(L, 2);
    if (block) neapL_scope_cancel(L, &block->deadline.scope);
    lua_pushboolean(L, block != NULL);
    return 1;
}

static int waited_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    return 0;
}

// group:wait(): leaves it
static int group_wait(lua_State *L) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    lua_settop(L, GROUP);
    if (!block) return neapL_begin(L, 0, waited_k);
    if (block->group->live > 0) neapL_waiting(L, NEAPL_GROUP_END); // or raises
    lua_pushnil(L);
    return leave(L, block, AT_WAIT);
}

static int group_close(lua_State *L) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    lua_settop(L, ERROR);
    bool failed = !lua_isnil(L, ERROR); // error(nil) cannot be told
    return block ? leave(L, block, AT_CLOSE | (failed ? FAILED : 0)) : 0;
}

// "<Group 3 tasks>", "<Group cancelled, 1 task>", "<Group over>"
static int group_tostring(lua_State *L) {
    const neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    if (!block) return lua_pushliteral(L, "<Group over>"), 1;
    lua_Integer live = block->group->live;
    lua_pushfstring(L, "<Group %s%I task%s>",
                    block->deadline.scope.cancelled ? "cancelled, " : "",
                    (LUAI_UACINT)live, live == 1 ? "" : "s");
    return 1;
}

static const luaL_Reg group_methods[] = {{"spawn", group_spawn},
                                         {"cancel", group_cancel},
                                         {"wait", group_wait},
                                         {NULL, NULL}};

static const luaL_Reg group_meta[] = {
    {"__close", group_close}, {"__tostring", group_tostring}, {NULL, NULL}};

static const neapL_type group_type = {"neap.Group", sizeof(neapL_block_handle),
                                      group_methods, group_meta};

static const luaL_Reg guards[] = {{"group", group_new}, {NULL, NULL}};

void neapL_open_group(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &group_type);
    neapL_addguards(L, rt, guards);
}
