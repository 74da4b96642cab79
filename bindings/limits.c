// SPDX-License-Identifier: MIT
// Limits: the hook that counts instructions, and what happens to the doomed.
//
// A count hook comes every so many instructions of a coroutine, and keeps its
// count from one resume to the next. So it is set once, and a coroutine can
// hide fewer than that in all: what it costs to make one is counted instead.
//
// The error is raised by lua_error with the very words of a memory error, which
// Lua then takes it for: no message handler is called. Called from a hook a
// handler would run with hooks off, and xpcall(f, function() while true do end
// end) would never come back. In finalizers hooks are off, too, so those of
// scripts are not called where there is a budget.
//
// Invariant: outside of slices, and of what neapL_limits_begin has begun,
// nothing is counted and nobody doomed: a host's own code is its own affair.
#include "bindings/limits.h"

#include <assert.h>
#include <lualib.h>
#include <stdio.h>

#include "bindings/runtime.h"

enum {
    // Instructions from one call of the hook to the next: at 100 the calls take
    // a tenth of the time that counting takes. A coroutine could hide so many,
    // and is charged for them when it begins.
    STEP = 100,
    DEPTH_MAX = 16 // C functions between the code that was doomed and its line
};

static const char trace_key = 't'; // registry: traceback of the doomed

static void on_count(lua_State *L, lua_Debug *ar);

// The hook comes at each `count` instructions of co; 0: never. A signal may
// have put another one in its place, or do so now: that goes there again.
static void set_hook(neap_runtime *rt, lua_State *co, int count) {
    lua_Hook hook = count ? on_count : NULL;
    bool same = lua_gethook(co) == hook;
    if (same && (!hook || lua_gethookcount(co) == count)) return;
    lua_sethook(co, hook, LUA_MASKCOUNT, count);
    if (rt->interruption.hooked == co) neapL_hook_again(rt);
}

// ---- the doomed

// "app.lua:12: " of what L runs; "" where it is no Lua code.
static void write_where(lua_State *L, char *where, size_t size) {
    lua_Debug ar;
    *where = '\0';
    for (int level = 0; level < DEPTH_MAX; level++) {
        if (!lua_getstack(L, level, &ar)) return;
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline < 0) continue; // a C function, such as pcall
        snprintf(where, size, "%s:%d: ", ar.short_src, ar.currentline);
        return;
    }
}

// Also called in the middle of an allocation: nothing here needs memory.
void neapL_doom(neap_runtime *rt, lua_State *L, const char *words) {
    neapL_limits *it = &rt->limits;
    char where[LUA_IDSIZE + 16] = "";
    assert(it->now.counting && !it->now.doomed);
    it->now.doomed = true;
    it->traced = false;
    rt->waitable = NULL;
    if (it->now.task)
        it->now.task->future.doomed = it->now.task->future.exposed = true;
    if (L) write_where(L, where, sizeof where);
    if (rt->running) set_hook(rt, rt->running, 1);
    for (neapL_link *link = rt->link; link; link = link->up)
        set_hook(rt, link->L, 1);
    snprintf(it->verdict, sizeof it->verdict, "%s%s", where, words);
}

int neapL_strike(lua_State *L) {
    lua_pushliteral(L, "not enough memory");
    return lua_error(L);
}

void neapL_push_verdict(lua_State *L, neap_runtime *rt) {
    lua_pushstring(L, rt->limits.verdict);
    if (rt->limits.traced) lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
    else lua_pushnil(L);
}

int neapL_convict(lua_State *L, neapL_task *task, int index) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_pop(L, 1);
    neapL_push_verdict(L, rt);
    neapL_setextra(L, index, "traceback");
    task->future.doomed = false;
    if (L == task->co) rt->waitable = L;
    return LUA_ERRRUN;
}

// ---- instructions

static bool is_spent(const neap_runtime *rt) {
    uint64_t budget = rt->config.instruction_budget;
    return budget && rt->limits.now.spent >= budget;
}

static void doom_spender(neap_runtime *rt, lua_State *L) {
    char words[NEAPL_VERDICT_SIZE];
    snprintf(words, sizeof words,
             "the instruction budget is spent: %llu from one wait to the next",
             (unsigned long long)rt->config.instruction_budget);
    neapL_doom(rt, L, words);
}

// Of a runtime with no budget, the hook is there for the doomed alone.
static void on_count(lua_State *L, lua_Debug *ar) {
    neap_runtime *rt = neapL_find(L);
    neapL_stretch *now = &rt->limits.now;
    (void)ar;
    if (!now->counting) return;
    bool spent = is_spent(rt);
    now->spent += STEP;
    if (!now->doomed && !spent) {
        set_hook(rt, L, rt->limits.hook || rt->unwinding ? STEP : 0);
        return;
    }
    set_hook(rt, L, 1);
    if (!now->doomed) {
        doom_spender(rt, L);
        luaL_traceback(L, L, NULL, 0);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
        rt->limits.traced = true;
    }
    neapL_strike(L);
}

void neapL_limits_resume(neap_runtime *rt, lua_State *co) {
    neapL_stretch *now = &rt->limits.now;
    if (!now->counting) return;
    if (rt->limits.hook && lua_status(co) == LUA_OK) { // it has not begun
        if (!now->doomed && is_spent(rt)) doom_spender(rt, rt->running);
        now->spent += STEP;
    }
    if (now->doomed) set_hook(rt, co, 1);
    else if (rt->limits.hook) set_hook(rt, co, STEP);
}

void neapL_limits_unwind(neap_runtime *rt, lua_State *co) {
    if (rt->limits.now.counting)
        set_hook(rt, co, rt->limits.now.doomed ? 1 : STEP);
}

// ---- stretches

static neapL_stretch begin(neap_runtime *rt, neapL_task *task) {
    neapL_stretch outer = rt->limits.now;
    outer.waitable = rt->waitable;
    rt->limits.now = (neapL_stretch){.counting = true, .task = task};
    rt->limits.refused = 0;
    return outer;
}

neapL_stretch neapL_limits_begin(neap_runtime *rt) {
    return rt->limits.any ? begin(rt, NULL) : rt->limits.now;
}

void neapL_limits_end(neap_runtime *rt, const neapL_stretch *outer) {
    if (!rt->limits.any) return;
    rt->waitable = outer->waitable;
    rt->limits.now = *outer;
}

// The doomed has unwound to where `top` values are left: its error is pushed.
static int convict_call(lua_State *L, neap_runtime *rt, int top) {
    lua_settop(L, top);
    neapL_push_verdict(L, rt);
    lua_pop(L, 1); // the traceback
    return LUA_ERRRUN;
}

// lua_pcall on an account of its own, where no slice's is open.
static int call_apart(lua_State *L, neap_runtime *rt, int nargs, int handler) {
    lua_State *running = rt->running;
    int top = lua_gettop(L) - nargs - 1;
    neapL_stretch outer = begin(rt, NULL);
    rt->running = L;
    int status = lua_pcall(L, nargs, 1, handler);
    if (rt->limits.now.doomed) status = convict_call(L, rt, top);
    rt->running = running;
    neapL_limits_end(rt, &outer);
    return status;
}

int neapL_limited_pcall(lua_State *L, int nargs, int handler) {
    neap_runtime *rt = neapL_find(L);
    if (!rt->limits.any) return lua_pcall(L, nargs, 1, handler);
    bool lent = !lua_gethook(L);
    if (lent) set_hook(rt, L, STEP);
    int status = rt->limits.now.counting ? lua_pcall(L, nargs, 1, handler)
                                         : call_apart(L, rt, nargs, handler);
    if (lent) set_hook(rt, L, 0);
    return status;
}

// Where its code runs; NULL: it runs none of a script's.
static lua_State *coroutine_of(neap_runtime *rt, neap_task *core) {
    if (core->kind == NEAPL_TASK) return NEAPL_CORE_TASK(core)->co;
    bool calls = core->kind == NEAPL_CALLBACK || core->kind == NEAPL_READER;
    return calls ? rt->caller : NULL;
}

// The words of the doomed are taken up in its slice; what it held is garbage.
void neapL_limited_slice(neap_task *core) {
    neap_runtime *rt = neapL_of_loop(core->loop);
    lua_State *L = coroutine_of(rt, core);
    bool debug = rt->config.flags & NEAP_DEBUG_MODE;
    if (L) begin(rt, core->kind == NEAPL_TASK ? NEAPL_CORE_TASK(core) : NULL);
    if (L && rt->limits.hook) set_hook(rt, L, STEP);
    if (debug) neapL_debug_slice(core);
    else neapL_slice(core);
    bool doomed = rt->limits.now.doomed;
    rt->limits.now = (neapL_stretch){.counting = false};
    if (!doomed || !rt->limits.under.fn) return;
    neapL_leave_slice(rt);
    lua_gc(rt->turner, LUA_GCCOLLECT);
}

// ---- beginning

void neapL_limits_init(neap_runtime *rt) {
    neapL_limits *it = &rt->limits;
    if (rt->config.instruction_budget) it->hook = on_count;
    it->any = it->hook || it->under.fn;
}

// A finalizer that stands in the metatable is not seen, as Lua has it of one
// that comes later. The key's place is kept meanwhile: nothing can fail.
static int set_finalizing(lua_State *L) {
    lua_pushliteral(L, "__gc");
    lua_insert(L, -2); // below the finalizer
    lua_pushvalue(L, -2);
    lua_pushnil(L);
    lua_rawset(L, 2);
    lua_pushvalue(L, 2);
    lua_setmetatable(L, 1);
    lua_rawset(L, 2);
    return lua_settop(L, 1), 1;
}

// setmetatable(table, metatable): as Lua's, the second upvalue, but for that.
static int set_metatable(lua_State *L) {
    lua_CFunction stock = lua_tocfunction(L, lua_upvalueindex(2));
    if (!lua_istable(L, 1) || !lua_istable(L, 2)) return stock(L);
    bool closed = luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL;
    lua_settop(L, 2); // more than that it passes over
    lua_pushliteral(L, "__gc");
    bool finalizes = lua_rawget(L, 2) != LUA_TNIL;
    return closed || !finalizes ? stock(L) : set_finalizing(L);
}

static int refuse_hook(lua_State *L) {
    return luaL_error(L, "debug.sethook: this runtime counts instructions "
                         "(instruction_budget), and has the hook for that");
}

// Only where the globals are ours to change.
static void replace(lua_State *L, neap_runtime *rt) {
    lua_pushlightuserdata(L, rt);
    lua_getglobal(L, "setmetatable");
    lua_pushcclosure(L, set_metatable, 2);
    lua_setglobal(L, "setmetatable");
    lua_getglobal(L, LUA_DBLIBNAME);
    lua_pushcfunction(L, refuse_hook);
    lua_setfield(L, -2, "sethook");
    lua_pop(L, 1);
}

void neapL_open_limits(lua_State *L, neap_runtime *rt) {
    neapL_limits *it = &rt->limits;
    if (it->hook && rt->owns_state) replace(L, rt);
    if (!it->under.fn) return;
    lua_State *asker = lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &it->asker);
    it->asker = asker;
}
