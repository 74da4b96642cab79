// SPDX-License-Identifier: MIT
// Block: nodes, handles, and the ways out of a scope (see block.h).
//
// Entering and leaving never wait and never raise Cancelled. Which error comes
// out of a block is decided here: the Cancelled of a scope that has been left
// means nothing outside of it.
#include "bindings/block.h"
#include "bindings/report.h"

#include <assert.h>
#include <string.h>

static const char guard = 'g'; // second upvalue of those that raise again

enum { SITE_DEPTH_MAX = 3 }; // C functions between the call and its line

// ---- nodes

static neapL_block *take(neap_runtime *rt) {
    neapL_block *block = rt->free_blocks;
    if (block) {
        rt->free_blocks = block->free;
        return block;
    }
    block = neap_alloc_new(&rt->alloc, sizeof *block);
    if (!block) return NULL;
    block->next = rt->blocks;
    rt->blocks = block;
    return block;
}

static void give(neap_runtime *rt, neapL_block *block) {
    assert(block->id);
    block->id = 0;
    block->free = rt->free_blocks;
    rt->free_blocks = block;
}

void neapL_blocks_term(neap_runtime *rt) {
    while (rt->blocks) {
        neapL_block *block = rt->blocks;
        rt->blocks = block->next;
        neap_alloc_free(&rt->alloc, block, sizeof *block);
    }
    rt->free_blocks = NULL;
}

// ---- opening

// A finalizer runs in the middle of anything, of the leaving of a scope, too.
static bool in_finalizer(lua_State *L) {
    lua_Debug ar;
    if (lua_isyieldable(L)) return false;
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "n", &ar);
        if (ar.name && strcmp(ar.name, "__gc") == 0) return true;
    }
    return false;
}

// A coroutine that neap did not resume would leave its scopes to whoever did.
// NULL: clean-up of a task that is being ended, where nothing can wait.
static neapL_task *check_task(lua_State *L, const neap_runtime *rt) {
    if (rt->unwinding && (rt->closing || !rt->task)) return NULL;
    if (rt->closing) luaL_error(L, "the runtime is closing");
    if (!rt->task)
        luaL_error(L, "cannot open a scope outside of a task: "
                      "put it into neap.run(function() ... end)");
    if (L != rt->running && !rt->unwinding)
        luaL_error(L, "cannot open a scope here: the coroutine was resumed by "
                      "a function that neap did not replace");
    if (in_finalizer(L)) luaL_error(L, "cannot open a scope in a finalizer");
    return rt->task;
}

neapL_block *neapL_block_open(lua_State *L, int64_t duration_ns) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *opener = check_task(L, rt);
    if (!opener) return NULL;
    neap_task *task = &opener->core;
    neapL_block *block = take(rt);
    if (!block) return luaL_error(L, "not enough memory"), NULL;
    block->id = ++rt->last_block_id;
    block->co = L;
    block->group = NULL;
    block->guards = block->raised = false;
    block->line = 0;
    block->until_ns = neapL_deadline(rt, duration_ns);
    block->opened_ns = duration_ns < NEAP_NEVER_NS
                           ? block->until_ns - duration_ns
                           : neap_loop_time(&rt->loop);
    if (neap_deadline_open(&block->deadline, task->inner, task,
                           block->until_ns) < 0) {
        give(rt, block);
        return luaL_error(L, "not enough memory"), NULL;
    }
    block->deadline.scope.kind = NEAPL_SCOPE_BLOCK;
    task->inner = &block->deadline.scope;
    return block;
}

static void note_site(lua_State *L, neapL_block *block) {
    lua_Debug ar;
    for (int level = 1; level <= SITE_DEPTH_MAX; level++) {
        if (!lua_getstack(L, level, &ar)) return;
        lua_getinfo(L, "Sl", &ar);
        block->line = ar.currentline;
        memcpy(block->source, ar.short_src, sizeof block->source);
        if (block->line > 0) return;
    }
}

// The handle comes first: no block stays open without one.
neapL_block *neapL_block_hold(lua_State *L, int64_t duration_ns,
                              const neapL_type *type) {
    neapL_block_handle *handle = neapL_new(L, type, 0);
    neapL_block *block = neapL_block_open(L, duration_ns);
    handle->rt = neapL_rt(L);
    handle->block = block;
    if (block) handle->id = block->id;
    return block;
}

neapL_block *neapL_block_push(lua_State *L, int64_t duration_ns,
                              const neapL_type *type) {
    neapL_block *block = neapL_block_hold(L, duration_ns, type);
    if (block) note_site(L, block);
    return block;
}

neapL_block *neapL_block_find(lua_State *L, int arg, const neapL_type *type) {
    const neapL_block_handle *handle = neapL_check(L, arg, type);
    neapL_block *block = handle->block;
    if (!handle->rt->root) return NULL; // it was closed
    return block && handle->id == block->id ? block : NULL;
}

// ---- in words

const char *neapL_block_words(lua_State *L, const neapL_block *block) {
    const char *kind = block->group                   ? "group"
                       : block->deadline.scope.shield ? "shield"
                                                      : "time-out";
    if (block->line > 0)
        return lua_pushfstring(L, "the %s opened at %s:%d", kind, block->source,
                               block->line);
    return lua_pushfstring(L, "a %s", kind);
}

// ---- leaving

// The outermost of those open inside it, or NULL where it is not around the
// task's innermost scope at all.
static neap_scope *find_inside(neapL_block *block) {
    neap_scope *scope = block->deadline.scope.task->inner;
    while (scope && scope->parent != &block->deadline.scope)
        scope = scope->parent;
    return scope;
}

static void refuse(lua_State *L, neapL_block *block) {
    neapL_task_push(L, neapL_block_task(block));
    const char *task = neapL_describe(L, lua_gettop(L));
    luaL_error(L,
               "%s cannot be left here: it belongs to another coroutine, of "
               "%s; leave it where it was opened",
               neapL_block_words(L, block), task);
}

// Its task may be one that is being closed from outside.
static bool is_ours(lua_State *L, const neapL_block *block) {
    const neapL_task *task = neapL_block_task(block);
    bool runs = task == neapL_current(L) || task->future.closing;
    return runs && L == block->co;
}

bool neapL_block_tidy(lua_State *L, neapL_block *block) {
    neap_task *task = block->deadline.scope.task;
    if (!is_ours(L, block)) refuse(L, block);
    if (task->inner == &block->deadline.scope) return false;
    neap_scope *inside = find_inside(block);
    if (!inside) refuse(L, block);
    neapL_block_words(L, block);
    lua_pushliteral(L, " was left before ");
    if (inside->kind != NEAPL_SCOPE_BLOCK) lua_pushliteral(L, "a wait");
    else neapL_block_words(L, neapL_block_of(inside));
    lua_pushliteral(L, " inside it: leave that one first (write "
                       "`local t <close> =`)");
    lua_concat(L, 4);
    neapL_blocks_drop(L, task->inner, &block->deadline.scope);
    return true;
}

void neapL_block_forsake(neap_scope *scope) {
    neapL_block *block = neapL_block_of(scope);
    neap_runtime *rt = neapL_of_loop(scope->task->loop);
    neap_deadline_close(&block->deadline);
    give(rt, block);
}

void neapL_block_close(lua_State *L, neapL_block *block) {
    neap_scope *scope = &block->deadline.scope;
    if (scope->cancelled) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, scope);
    }
    while (scope->kids) // groups of waits that were cut off: the task's end
        neap_scope_move(scope->kids, &neapL_block_task(block)->scope);
    neapL_block_forsake(scope);
}

bool neapL_block_leave(lua_State *L, neapL_block *block, int arg) {
    neap_scope *scope = &block->deadline.scope, *cause = scope->parent->cause;
    bool own = scope->cancelled && neapL_is_cancel_by(L, scope, arg);
    assert(scope->task->inner == scope);
    scope->task->inner = scope->parent;
    neapL_block_close(L, block);
    if (!own || !cause) return own;
    neapL_push_cancelled_by(L, cause);
    lua_replace(L, arg);
    return false;
}

// ---- never left

static void drop(lua_State *L, neap_scope *scope) {
    if (scope->kind != NEAPL_SCOPE_BLOCK) {
        neap_scope_close(scope); // a cover, whose wait is over with it
        return;
    }
    neapL_block *block = neapL_block_of(scope);
    if (block->group) neapL_group_orphan(L, block->group);
    neapL_block_close(L, block);
}

// Their handles, and their coroutine's chain, find them no more: what runs
// meanwhile, a report or a finalizer, may not drop them as well.
static void disown(neap_scope *inner, const neap_scope *outer) {
    neap_runtime *rt = neapL_of_loop(outer->task->loop);
    for (; inner != outer; inner = inner->parent)
        if (inner->kind == NEAPL_SCOPE_BLOCK)
            neapL_block_of(inner)->id = ++rt->last_block_id;
}

void neapL_blocks_drop(lua_State *L, neap_scope *inner, neap_scope *outer) {
    neap_task *task = outer->task;
    bool within = task->inner == inner;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    disown(inner, outer);
    while (inner != outer) {
        neap_scope *parent = inner->parent;
        if (within) task->inner = parent;
        drop(L, inner);
        inner = parent;
    }
}

// ---- a function called inside

int neapL_block_call(lua_State *L, neapL_block *block, lua_KFunction k) {
    int nargs = lua_gettop(L) - 2;
    block->guards = true;
    lua_pushcfunction(L, neapL_guard_traceback);
    lua_insert(L, 2);
    lua_KContext ctx = (lua_KContext)block;
    return k(L, lua_pcallk(L, nargs, LUA_MULTRET, 2, ctx, k), ctx);
}

// A call that returns all results leaves no room above them.
bool neapL_block_called(lua_State *L, const neapL_block *block, int status) {
    bool failed = status != LUA_OK && status != LUA_YIELD;
    if (!failed && !lua_checkstack(L, LUA_MINSTACK)) {
        failed = true;
        lua_settop(L, 2);
        lua_pushliteral(L, "too many results");
    }
    if (!failed) lua_pushnil(L);
    else if (!block || !block->raised) neapL_forget_guarded(L);
    lua_replace(L, 2);
    if (failed) lua_settop(L, 2);
    return failed;
}

int neapL_reraise(lua_State *L) {
    lua_settop(L, 2);
    return lua_error(L);
}

void neapL_addguards(lua_State *L, neap_runtime *rt, const luaL_Reg *funcs) {
    assert(lua_istable(L, -1));
    lua_pushlightuserdata(L, rt);
    lua_pushlightuserdata(L, (void *)(size_t)&guard);
    luaL_setfuncs(L, funcs, 2);
}

bool neapL_is_guard(lua_State *L, lua_Debug *ar) {
    lua_getinfo(L, "f", ar);
    bool found = lua_getupvalue(L, -1, 2) != NULL;
    bool is = found && lua_touserdata(L, -1) == &guard;
    lua_pop(L, found ? 2 : 1);
    return is;
}
