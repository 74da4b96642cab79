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

// ---- errors: a list in the registry, under the group's address

static void add_error(lua_State *L, const neapL_group *group, int index) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, group) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, group);
    }
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

// Takes the list away and pushes it, or nil: how many there are.
static lua_Integer take_errors(lua_State *L, const neapL_group *group) {
    int kind = lua_rawgetp(L, LUA_REGISTRYINDEX, group);
    if (kind != LUA_TTABLE) return 0;
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, group);
    return (lua_Integer)lua_rawlen(L, -1);
}

void neapL_group_report(lua_State *L, neapL_group *group) {
    lua_Integer count = take_errors(L, group);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        group->rt->unseen++;
        neapL_report_error(L, group->rt, NULL, NULL);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

enum { LISTED_MAX = 10 }; // errors that an ErrorGroup's message lists

// The list on top becomes an ErrorGroup.
static void join_errors(lua_State *L, lua_Integer count) {
    int list = lua_gettop(L);
    luaL_Buffer words;
    luaL_buffinit(L, &words);
    lua_pushfstring(L, "%I errors in a group:", (LUAI_UACINT)count);
    luaL_addvalue(&words);
    for (lua_Integer i = 1; i <= count && i <= LISTED_MAX; i++) {
        lua_rawgeti(L, list, i);
        const char *error = neapL_errorstring(L, -1);
        lua_pushfstring(L, "\n\t%I. %s", (LUAI_UACINT)i, error);
        lua_replace(L, -3);
        lua_pop(L, 1);
        luaL_addvalue(&words);
    }
    if (count > LISTED_MAX) luaL_addstring(&words, "\n\t...");
    luaL_pushresult(&words);
    neapL_pusherror(L, "ErrorGroup", lua_tostring(L, -1));
    lua_pushvalue(L, list);
    lua_setfield(L, -2, "errors");
    lua_replace(L, list);
    lua_settop(L, list);
}

// The list on top (nil: none) becomes what the errors come to: nil, the one,
// or all. Their __tostring may do anything: the group is gone by now.
static void sum_up(lua_State *L) {
    if (lua_isnil(L, -1)) return;
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    if (count > 1) join_errors(L, count);
    else {
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
}

// ---- cancelling

static void cancel(lua_State *L, neapL_block *block, const char *reason) {
    lua_pushstring(L, reason);
    neapL_scope_cancel(L, &block->deadline.scope);
}

void neapL_group_failed(lua_State *L, neapL_group *group, int index) {
    add_error(L, group, index);
    cancel(L, group->block, "another task of the group failed");
}

// ---- leaving: index 1 holds the Group, 2 the error of its code (nil: none),
// and behind it stand the code's results

enum { GROUP = 1, ERROR };

enum { // how it is left: the context of the continuation
    AT_CLOSE,
    AT_WAIT,
    AT_RETURN, // of the function that neap.group called
    ROUND = 4  // or'ed: it has let the others go first
};

static int leave_k(lua_State *L, int status, lua_KContext ctx);

// The group goes; tasks that nobody can wait for here are left to whoever can.
// Its errors, or nil, are pushed; that of its code becomes what it is outside:
// true, if it is the group's own cancel.
static bool close_group(lua_State *L, neapL_block *block) {
    neapL_group *group = block->group;
    take_errors(L, group);
    if (group->live > 0) neapL_group_orphan(L, group);
    else neapL_group_close(L, group);
    return neapL_block_leave(L, block, ERROR);
}

static int left(lua_State *L, neapL_block *block, lua_KContext mode) {
    neapL_task *task = neapL_block_task(block);
    lua_pushvalue(L, ERROR);
    int raised = lua_gettop(L);
    bool own = close_group(L, block);
    neap_scope *cause = task->core.inner->cause;
    sum_up(L);
    if (!lua_isnil(L, -1)) lua_replace(L, ERROR);
    else if (lua_isnil(L, ERROR) && cause) {
        neapL_push_cancelled_by(L, cause);
        lua_replace(L, ERROR);
    } else if (own && mode == AT_RETURN) return 0; // swallowed
    if (lua_isnil(L, ERROR))
        return lua_settop(L, raised - 1), raised - 1 - ERROR;
    if (mode == AT_CLOSE && lua_rawequal(L, ERROR, raised)) return 0;
    return neapL_reraise(L);
}

// Who waits in vain for tasks that wait for it cancels them; if they are stuck
// all the same they are ended.
static void meet_deadlock(lua_State *L, neapL_block *block) {
    if (block->deadline.scope.cancelled) {
        neapL_kill_beneath(L, &block->group->scope);
        return;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
    add_error(L, block->group, -1);
    lua_pop(L, 1);
    cancel(L, block, "deadlock");
}

// Raising a cancel of a scope around is leaving by a wait: it lets the others
// go first, once.
static bool must_yield(lua_State *L, const neapL_block *block,
                       lua_KContext ctx) {
    return !(ctx & ROUND) && lua_isnil(L, ERROR) &&
           block->deadline.scope.parent->cause;
}

static int leave_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_block *block = neapL_block_find(L, GROUP, &group_type);
    neapL_group *group = block->group;
    if (neapL_wake_of(L, status) == NEAP_WAKE_STUCK) meet_deadlock(L, block);
    bool waits = group->live > 0;
    if (!neapL_may_wait(L) || (!waits && !must_yield(L, block, ctx))) {
        if (group->cover.parent) neapL_uncover(&group->cover);
        return left(L, block, ctx & ~(lua_KContext)ROUND);
    }
    neapL_task *task = neapL_waiting(L, NEAPL_GROUP_END);
    if (!group->cover.parent) neapL_cover(&group->cover, &task->core);
    if (waits) neap_task_wait(&task->core, &group->line);
    else neap_task_yield(&task->core);
    return neapL_suspend(L, ctx | ROUND, leave_k);
}

// The code of the group ended, perhaps with an error.
static int leave(lua_State *L, neapL_block *block, lua_KContext mode) {
    bool failed = !lua_isnil(L, ERROR);
    if (neapL_block_tidy(L, block)) {
        if (!failed) add_error(L, block->group, -1);
        failed = true;
        lua_pop(L, 1);
    }
    neap_scope *scope = &block->deadline.scope;
    if (!lua_isnil(L, ERROR) && !neapL_is_cancel_of(L, scope, ERROR))
        add_error(L, block->group, ERROR);
    if (failed && !scope->cause)
        cancel(L, block, "the code of the group failed");
    return leave_k(L, LUA_OK, mode);
}

// ---- opening

static neapL_block *open_group(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_block *block = neapL_block_push(L, NEAP_NEVER_NS, &group_type);
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
    neapL_block_called(L, block, status);
    if (block) return leave(L, block, AT_RETURN);
    return lua_isnil(L, ERROR) ? lua_gettop(L) - ERROR : neapL_reraise(L);
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
    return block ? leave(L, block, AT_CLOSE) : 0;
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
