// SPDX-License-Identifier: MIT
// Chain: the scopes of a user's coroutine, from one resume to the next.
//
// A coroutine's scopes stand beneath the innermost scope of whoever resumes it.
// When it yields a value with some open, they must not cover its consumer: they
// are put beneath the task's own scope, where a cancel of the task still finds
// them, and back when somebody, perhaps another task, resumes it. What strikes
// meanwhile is met at its next wait.
//
// A chain is kept in a weak table under its coroutine, and collected with it:
// then its scopes are dropped. If the task ends first it drops them, which the
// chain sees by the number of its outermost block's opening.
#include <assert.h>

#include "bindings/block.h"

typedef struct chain {
    const neapL_type *type;
    neap_scope *inner; // the innermost
    neapL_block *top;  // the outermost; NULL: the coroutine runs, none are kept
    uint64_t id;       // of the top's opening
} chain;

static const neapL_type chain_type;

static bool is_kept(const chain *kept) {
    return kept->top && kept->top->id == kept->id;
}

// The coroutine itself, as a key; it runs nothing.
static void push_key(lua_State *L, lua_State *co) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    luaL_checkstack(co, 1, NULL);
    lua_pushthread(co);
    lua_xmove(co, L, 1);
}

static chain *find(lua_State *L, const neap_runtime *rt, lua_State *co) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->chains);
    push_key(L, co);
    lua_rawget(L, -2);
    chain *kept = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return kept && kept->type ? kept : NULL;
}

static chain *add(lua_State *L, neap_runtime *rt, lua_State *co) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->chains);
    push_key(L, co);
    chain *kept = neapL_new(L, &chain_type, 0);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    rt->chain_count++;
    return kept;
}

static neapL_block *top_of(neap_scope *scope, const neap_scope *outer) {
    while (scope->parent != outer) scope = scope->parent;
    assert(scope->kind == NEAPL_SCOPE_BLOCK);
    return neapL_block_of(scope);
}

// Puts the chain beneath another scope. Tasks of its groups which a cancel has
// reached where it was may have been woken for it: they stay cancelled.
static void move(lua_State *L, const chain *kept, neap_scope *parent) {
    neap_scope *top = &kept->top->deadline.scope, *scope = kept->inner;
    neap_scope *cause = top->parent->cause, *end = top->parent;
    for (; cause && scope != end; scope = scope->parent) {
        neapL_group *group = neapL_block_of(scope)->group;
        if (!group || group->scope.cause != cause) continue;
        neapL_push_cancelled_by(L, cause);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
        neap_scope_cancel(&group->scope);
    }
    neap_scope_move(top, parent);
}

void neapL_chain_keep(lua_State *L, lua_State *co, neap_scope *outer) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *task = rt->task;
    chain *kept = find(L, rt, co);
    if (!kept) kept = add(L, rt, co);
    kept->inner = task->core.inner;
    kept->top = top_of(kept->inner, outer);
    kept->id = kept->top->id;
    task->core.inner = outer;
    move(L, kept, &task->scope);
}

// Groups beneath `root` whose tasks spawned in one run do so in another.
static void change_run(neap_scope *root, const neapL_group *from,
                       neapL_group *to) {
    neap_scope *scope = root;
    for (; scope; scope = neap_scope_next(root, scope, false)) {
        neapL_group *group = NEAP_OWNER(scope, neapL_group, scope);
        if (scope->kind == NEAPL_SCOPE_GROUP && group->run == from)
            group->run = to;
    }
}

// The group of a block that another task takes over is that one's to leave, and
// of that one's run, which outlives it.
static void take_over(const chain *kept, neapL_task *task) {
    neap_scope *scope = kept->inner, *end = task->core.inner;
    neapL_group *run = neapL_group_of(task)->run;
    for (; scope != end; scope = scope->parent) {
        neapL_group *group = neapL_block_of(scope)->group;
        scope->task = &task->core;
        if (!group) continue;
        group->owner = task;
        if (group->run != run) change_run(&group->scope, group->run, run);
    }
}

// The task belongs to a group of the chain, which would stand beneath itself.
static bool holds(const chain *kept, const neapL_task *task) {
    const neap_scope *top = &kept->top->deadline.scope, *scope = kept->inner;
    bool lives = false;
    for (; scope != top->parent; scope = scope->parent) {
        const neapL_block *block = neapL_block_of((neap_scope *)scope);
        lives |= block->group && block->group->live > 0;
    }
    if (!lives) return false;
    for (scope = &task->scope; scope && scope != top;) scope = scope->parent;
    return scope != NULL;
}

const char *neapL_chain_restore(lua_State *L, lua_State *co) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *task = rt->task;
    if (rt->chain_count == 0 || !rt->root) return NULL; // none, or closed
    chain *kept = find(L, rt, co);
    if (!kept || !is_kept(kept)) return NULL;
    if (!task) return "it has scopes open, and no task runs here";
    if (holds(kept, task))
        return "it has a group open that this task belongs to";
    move(L, kept, task->core.inner);
    take_over(kept, task);
    task->core.inner = kept->inner;
    kept->top = NULL;
    return NULL;
}

static void drop(lua_State *L, chain *kept) {
    if (!is_kept(kept)) return; // dropped with its task
    neap_scope *outer = kept->top->deadline.scope.parent;
    neapL_blocks_drop(L, kept->inner, outer);
    kept->top = NULL;
}

void neapL_chain_drop(lua_State *L, lua_State *co) {
    const neap_runtime *rt = neapL_rt(L);
    chain *kept = rt->root ? find(L, rt, co) : NULL; // NULL: closed
    if (kept) drop(L, kept);
}

// ---- collected with its coroutine, which another finalizer may resume: then
// it gets another chain

static int chain_gc(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    chain *kept = lua_touserdata(L, 1);
    rt->chain_count--;
    kept->type = NULL;
    if (rt->root) drop(L, kept);
    return 0;
}

static const luaL_Reg chain_methods[] = {{NULL, NULL}};
static const luaL_Reg chain_meta[] = {{"__gc", chain_gc}, {NULL, NULL}};
static const neapL_type chain_type = {"neap.chain", sizeof(chain),
                                      chain_methods, chain_meta};

void neapL_open_chain(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &chain_type);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    rt->chains = luaL_ref(L, LUA_REGISTRYINDEX);
}
