// SPDX-License-Identifier: MIT
// Tree: who stands where and waits for what, for people to read; and what a
// program may ask of a Task about that.
//
// The tree is that of the scopes: a task's runs and blocks stand beneath it, a
// run's tasks beneath that. It is walked by its own links, without recursion:
// 10^5 tasks that each spawned the next one are an ordinary program.
//
// Making words allocates, so that a finalizer could run in the middle of the
// walk and close a scope of a coroutine that nobody refers to. So the collector
// stands still meanwhile. Nothing else leaves the tree: no task runs.
#include <assert.h>
#include <string.h>

#include "bindings/block.h"

enum { // walk's stack
    RUNTIME = 1,
    STACKS, // whether every task's is wanted, too
    KNOWN   // table: object -> its words
};

enum {
    INDENT = 2,         // columns a level,
    INDENTED_MAX = 20,  // levels that are shown so; deeper ones by a number
    NESTED_MAX = 200,   // coroutines in one another: Lua's bound on C calls
    STAMP_NS = 1 << 24, // a unit of neapL_stamp
    TENTH_NS = 100000000
};

// ---- walking

neapL_task *neapL_task_of(neap_scope *scope) {
    if (scope->kind != NEAPL_SCOPE_TASK) return NULL;
    return NEAP_OWNER(scope, neapL_task, scope);
}

neapL_task *neapL_task_next(neap_runtime *rt, neapL_task *task) {
    if (!rt->root) return NULL; // the runtime is closed
    neap_scope *root = &rt->root->scope;
    neap_scope *scope = task ? &task->scope : root;
    while ((scope = neap_scope_next(root, scope, false)))
        if (neapL_task_of(scope)) return neapL_task_of(scope);
    return NULL;
}

// ---- what a task waits for

bool neapL_push_object(lua_State *L, const neapL_task *task) {
    bool awaits = task->future.doing == NEAPL_AWAIT;
    lua_Debug ar;
    if (task->core.state != NEAP_TASK_WAITING) return false;
    lua_State *co = neapL_waits_in(task);
    if (!lua_getstack(co, 0, &ar)) return false;
    for (int n = 1; lua_getlocal(co, &ar, n); n++) {
        lua_xmove(co, L, 1);
        const neapL_future *future = neapL_testfuture(L, -1);
        if (awaits ? future && neapL_is_pending(future)
                   : lua_rawlen(L, -1) > 0 && lua_isuserdata(L, -1))
            return true;
        if (awaits && neapL_gathering_push_pending(L, -1))
            return lua_remove(L, -2), true;
        lua_pop(L, 1);
        if (!awaits) break;
    }
    return false;
}

// Replaces the object on top by its words.
static void to_words(lua_State *L, int known) {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, known) == LUA_TNIL) {
        lua_pop(L, 1);
        luaL_tolstring(L, -1, NULL);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, known);
    }
    lua_remove(L, -2);
}

void neapL_describe_wait(lua_State *L, neapL_task *task, int known) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neapL_task_push(L, task);
    neapL_describe(L, -1);
    lua_remove(L, -2);
    if (!neapL_push_object(L, task)) return;
    to_words(L, known);
    lua_pushliteral(L, ": ");
    lua_insert(L, -2);
    lua_concat(L, 3);
}

static lua_Integer round_off(int64_t ns) {
    return (ns + TENTH_NS / 2) / TENTH_NS;
}

// For how long it has been waiting, in tenths of a second.
static lua_Integer tenths_of(const neapL_task *task) {
    const neap_loop *loop = task->core.loop;
    uint32_t now = (uint32_t)((uint64_t)neap_loop_time(loop) / STAMP_NS);
    return round_off((int64_t)(now - task->future.since) * STAMP_NS);
}

// ---- a line

// Before its function has begun, the task's own words say where that was.
static void push_site(lua_State *L, const neapL_task *task) {
    const char *site = neapL_spawned_at(L, task);
    lua_pushfstring(L, site ? ", spawned at %s" : "", site);
    lua_remove(L, -2);
}

// The task, what it waits for, since when, and where it was spawned; pushed.
static void push_task(lua_State *L, neapL_task *task) {
    neapL_describe_wait(L, task, KNOWN);
    int top = lua_gettop(L);
    if (task->core.state == NEAP_TASK_WAITING) {
        lua_Integer tenths = tenths_of(task);
        lua_pushfstring(L, ", for %I.%I s", tenths / 10, tenths % 10);
    }
    if (task->scope.cause) lua_pushliteral(L, ", cancelled");
    if (task->future.started) push_site(L, task);
    lua_concat(L, lua_gettop(L) - top + 1);
}

static neapL_group *group_of(const neap_scope *scope) {
    return NEAP_OWNER(scope, neapL_group, scope);
}

// "group, 2 tasks"; pushed.
static void push_group(lua_State *L, const neapL_group *group) {
    lua_pushfstring(L, "group, %d task%s", (int)group->live,
                    group->live == 1 ? "" : "s");
}

// "timeout, 1.2 s left"; pushed.
static void push_timeout(lua_State *L, const neapL_block *block) {
    const neap_scope *scope = &block->deadline.scope;
    int64_t left_ns = block->until_ns - neap_loop_time(scope->task->loop);
    if (block->deadline.struck) lua_pushliteral(L, "timeout, over");
    else if (block->until_ns >= NEAP_NEVER_NS)
        lua_pushliteral(L, "timeout, endless");
    else {
        lua_Integer tenths = left_ns > 0 ? round_off(left_ns) : 0;
        lua_pushfstring(L, "timeout, %I.%I s left", tenths / 10, tenths % 10);
    }
}

// The same, with what was done to it, and the line that opened it.
static void push_block(lua_State *L, const neapL_block *block) {
    const neapL_group *group = block->group;
    if (group) push_group(L, group);
    else if (block->deadline.scope.shield) lua_pushliteral(L, "shield");
    else push_timeout(L, block);
    bool cancelled = group && block->deadline.scope.cancelled;
    lua_pushstring(L, cancelled ? ", cancelled" : "");
    if (block->line > 0)
        lua_pushfstring(L, ", %s:%d", block->source, block->line);
    else lua_pushliteral(L, "");
    lua_concat(L, 3);
}

// What the tree calls a scope that is no task's own. [-0, +1, m]
static void push_scope_words(lua_State *L, neap_scope *scope) {
    switch ((neapL_scope_kind)scope->kind) {
    case NEAPL_SCOPE_BLOCK: push_block(L, neapL_block_of(scope)); break;
    case NEAPL_SCOPE_GROUP:
        if (group_of(scope)->run == group_of(scope)) lua_pushliteral(L, "run");
        else push_group(L, group_of(scope)); // an orphan's, or a server's
        break;
    case NEAPL_SCOPE_COVER:
    case NEAPL_SCOPE_TASK: lua_pushliteral(L, "?"); break; // not asked for
    }
}

// Whether it has a line. The root, in which everything stands, has none; a
// cover is but a way to wait; and a group has that of its block. What stands
// beneath those is not indented for their sake.
static bool is_shown(const neap_scope *scope) {
    if (scope->kind == NEAPL_SCOPE_GROUP)
        return scope->parent && !group_of(scope)->block;
    return scope->kind != NEAPL_SCOPE_COVER;
}

static void push_blanks(lua_State *L, int depth) {
    char blanks[INDENT * INDENTED_MAX];
    int shown = depth < INDENTED_MAX ? depth : INDENTED_MAX;
    memset(blanks, ' ', sizeof blanks);
    lua_pushlstring(L, blanks, (size_t)(shown * INDENT));
}

static void push_line(lua_State *L, neap_scope *scope, int depth) {
    neapL_task *task = neapL_task_of(scope);
    push_blanks(L, depth);
    if (depth > INDENTED_MAX) lua_pushfstring(L, "[%d] ", depth);
    else lua_pushliteral(L, "");
    if (task) push_task(L, task);
    else push_scope_words(L, scope);
    lua_concat(L, 3);
}

// ---- stacks

// Adds a coroutine's to the text on top, a line each, indented. Where it is the
// one that we run in, our own function is left out.
static void add_stack(lua_State *L, lua_State *co, int depth) {
    luaL_traceback(L, co, NULL, co == L);
    const char *lines = strchr(lua_tostring(L, -1), '\n'); // behind a heading
    push_blanks(L, depth);
    const char *before = lua_pushfstring(L, "\n%s    ", lua_tostring(L, -1));
    luaL_gsub(L, lines ? lines : "", "\n\t", before);
    lua_replace(L, -4);
    lua_pop(L, 2);
    lua_concat(L, 2);
}

// Of the coroutines that a task is in, the one that resumed `inner`.
static lua_State *resumer_of(const neapL_task *task, const lua_State *inner) {
    const neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co = task->co, *next;
    if (task != rt->task) {
        while ((next = neapL_resumed_by(co)) && next != inner) co = next;
        return co;
    }
    const neapL_link *link = rt->link;
    for (co = rt->running; link && co != inner; link = link->up) co = link->L;
    return link ? link->L : task->co;
}

// Those of all coroutines that a task is in, the innermost first.
static void add_stacks(lua_State *L, neapL_task *task, int depth) {
    const neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co = task == rt->task ? rt->running : neapL_waits_in(task);
    for (int i = 0; i < NESTED_MAX; i++) {
        add_stack(L, co, depth);
        if (co == task->co) break;
        co = resumer_of(task, co);
    }
}

// ---- the walk

// The scope after this one, or NULL; `depth` becomes its, counted in lines.
static neap_scope *step(const neap_scope *root, neap_scope *scope, int *depth) {
    neap_scope *next = neap_scope_next(root, scope, false);
    if (!next) return NULL;
    if (next->parent == scope) {
        *depth += is_shown(scope);
        return next;
    }
    while (scope->parent != next->parent) {
        scope = scope->parent;
        *depth -= is_shown(scope);
    }
    return next;
}

static void add_scope(luaL_Buffer *text, neap_scope *scope, int depth) {
    lua_State *L = text->L;
    neapL_task *task = neapL_task_of(scope);
    if (!is_shown(scope)) return;
    push_line(L, scope, depth);
    if (task && lua_toboolean(L, STACKS)) add_stacks(L, task, depth);
    luaL_addvalue(text);
    luaL_addchar(text, '\n');
}

// How many there are; and a callback stands in no tree, but it may be what
// holds the loop up.
static void add_heading(luaL_Buffer *text, const neap_runtime *rt) {
    lua_State *L = text->L;
    lua_pushfstring(L, "%d task%s\n", (int)rt->alive,
                    rt->alive == 1 ? "" : "s");
    luaL_addvalue(text);
    if (!rt->callback_group_id || !rt->running) return;
    lua_pushliteral(L, "callback, running");
    add_stack(L, rt->running, 0);
    luaL_addvalue(text);
    luaL_addchar(text, '\n');
}

// Protected: the tree as a string. With stacks it is a message, which ends
// without a newline.
static int walk(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, RUNTIME);
    neap_scope *root = &rt->root->scope, *scope = root;
    bool stacks = lua_toboolean(L, STACKS);
    luaL_Buffer text;
    int depth = 0;
    lua_newtable(L);
    luaL_buffinit(L, &text);
    if (stacks) add_heading(&text, rt);
    while ((scope = step(root, scope, &depth))) add_scope(&text, scope, depth);
    if (stacks) luaL_buffsub(&text, 1);
    luaL_pushresult(&text);
    return 1;
}

int neapL_push_tree(lua_State *L, neap_runtime *rt, bool stacks) {
    bool collects = lua_gc(L, LUA_GCISRUNNING);
    lua_gc(L, LUA_GCSTOP);
    lua_pushcfunction(L, walk);
    lua_pushlightuserdata(L, rt);
    lua_pushboolean(L, stacks);
    int status = lua_pcall(L, 2, 1, 0);
    if (collects) lua_gc(L, LUA_GCRESTART);
    return status;
}

// neap.tree() -> all tasks in words
static int tree(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    if (!rt->root) return lua_pushliteral(L, ""), 1; // the runtime is closed
    return neapL_push_tree(L, rt, false) == LUA_OK ? 1 : lua_error(L);
}

// ---- what a Task says of itself

static neapL_task *check_pending(lua_State *L) {
    neapL_task *task = neapL_check(L, 1, &neapL_task_type);
    return neapL_is_pending(&task->future) ? task : NULL;
}

// task:parent() -> the Task whose run or group it belongs to, or nil
static int task_parent(lua_State *L) {
    const neapL_task *task = check_pending(L);
    neapL_task *owner = task ? neapL_group_of(task)->owner : NULL;
    if (owner) neapL_task_push(L, owner);
    else lua_pushnil(L);
    return 1;
}

// task:spawned_at() -> "app.lua:12", or nil
static int task_spawned_at(lua_State *L) {
    const neapL_task *task = check_pending(L);
    if (!task) neapL_getextra(L, 1, "spawned_at"); // of one that failed
    else neapL_spawned_at(L, task);
    return 1;
}

// task:waits() -> "sleeping", the object or nil, seconds; nil: it does not wait
static int task_waits(lua_State *L) {
    const neapL_task *task = check_pending(L);
    if (!task || task->core.state != NEAP_TASK_WAITING)
        return lua_pushnil(L), 1;
    lua_pushstring(L, neapL_doings[task->future.doing]);
    if (!neapL_push_object(L, task)) lua_pushnil(L);
    lua_pushnumber(L, (lua_Number)tenths_of(task) / 10);
    return 3;
}

static const luaL_Reg methods[] = {{"parent", task_parent},
                                   {"spawned_at", task_spawned_at},
                                   {"waits", task_waits},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"tree", tree}, {NULL, NULL}};

void neapL_open_tree(lua_State *L, neap_runtime *rt) {
    neapL_addmethods(L, rt, &neapL_task_type, methods);
    neapL_addfuncs(L, rt, functions);
}
