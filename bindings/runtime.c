// SPDX-License-Identifier: MIT
// Runtime: how one begins: neap_open and neap_attach.
//
// A state of our own is made with the host's allocator or the arena, and the
// runtime's structure beside it. Attached, the structure is a userdata of the
// host's state, whose finalizer ends the runtime when the state is closed, and
// which outlives neap_close, because functions of ours still refer to it.
//
// Everything that may raise is called protected: no host sees a Lua error.
#include "bindings/runtime.h"

#include <assert.h>
#include <errno.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/callback.h"
#include "bindings/reader.h"
#include "bindings/threads.h"

static const char runtime_key = 'r'; // registry: the runtime

#define GRACE_NS (5 * NEAP_SECOND_NS) // default of config.grace_ns

neap_runtime *neapL_find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runtime_key);
    neap_runtime *rt = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return rt;
}

NEAPL_SELDOM
static void resume_other(neap_runtime *rt, neap_task *task) {
    neapL_leave_slice(rt);
    if (task->kind == NEAPL_CALLBACK) neapL_callback_slice(rt, task);
    else if (task->kind == NEAPL_READER) neapL_reader_slice(rt, task);
    else if (task->kind == NEAPL_OVERDUE) neapL_overdue_slice(rt);
    else if (task->kind == NEAPL_ATTEMPT) neapL_attempt_slice(task);
    else neapL_host_slice(rt, task);
    rt->loop.current = NULL; // it may be gone
}

// The one step that runs user code ends here.
void neapL_slice(neap_task *task) {
    neap_runtime *rt = neapL_of_loop(task->loop);
    if (task->kind == NEAPL_TASK) neapL_task_slice(rt, NEAPL_CORE_TASK(task));
    else resume_other(rt, task);
}

static void end(neap_task *task) {
    neapL_task_end(neapL_of_loop(task->loop), NEAPL_CORE_TASK(task));
}

// Copies what the host's version of the structure has.
static void configure(neap_runtime *rt, const neap_config *config) {
    rt->config.size = sizeof rt->config;
    if (config) {
        size_t size = config->size;
        if (size > sizeof rt->config) size = sizeof rt->config;
        memcpy(&rt->config, config, size);
    }
    if (rt->config.grace_ns <= 0) rt->config.grace_ns = GRACE_NS;
}

// The resume hook that does what the configuration asks for.
static neap_resume slice_of(const neap_runtime *rt) {
    if (rt->limits.any) return neapL_limited_slice;
    bool debug = rt->config.flags & NEAP_DEBUG_MODE;
    return debug ? neapL_debug_slice : neapL_slice;
}

// What needs no Lua. The allocator has been set.
static int init_loop(neap_runtime *rt) {
    neap_list_init(&rt->groups);
    neap_list_init(&rt->calls);
    neap_list_init(&rt->sockets);
    neap_list_init(&rt->gathering);
    neap_list_init(&rt->seats);
    neap_list_init(&rt->codes);
    neap_list_init(&rt->buffers);
    neap_list_init(&rt->failed);
    neap_list_init(&rt->forevers);
    neap_list_init(&rt->borrowing);
    neap_list_init(&rt->futures);
    rt->interruption.thread = pthread_self();
    int rc = neap_loop_init(&rt->loop, &rt->alloc, slice_of(rt));
    if (rc < 0) return rc;
    rt->loop.end = end;
    rt->loop.is_virtual = rt->config.flags & NEAP_VIRTUAL_CLOCK;
    rt->loop.seed = rt->config.seed;
    if (rt->config.pool_size > 0)
        rt->loop.pool_size =
            rt->config.pool_size < 2 ? 2 : rt->config.pool_size;
    if (rt->config.timer_slack_ns > 0)
        rt->loop.slack_ns = rt->config.timer_slack_ns;
    rt->root = rt->group = neapL_group_open(rt, NULL, NULL);
    if (rt->root) return 0;
    neap_inbox_close(rt->loop.inbox);
    neap_loop_term(&rt->loop);
    return -ENOMEM;
}

// print for hosts that have an output function, which gets a line at a time.
static int print(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    int count = lua_gettop(L);
    size_t size;
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
    const char *bytes = lua_tolstring(L, -1, &size);
    rt->config.output(rt->config.output_ud, bytes, size);
    return 0;
}

static void replace_print(lua_State *L, neap_runtime *rt) {
    if (!rt->config.output) return;
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, print, 1);
    lua_setglobal(L, "print");
}

// Whatever is drawn in a run that is to be had again comes from its seed.
static void seed_random(lua_State *L, uint64_t seed) {
    lua_getglobal(L, LUA_MATHLIBNAME);
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}

// A state of our own gets its libraries and lua's choice of collector.
static void furnish(lua_State *L, neap_runtime *rt) {
    neapL_open_warn(L);
    luaL_openlibs(L);
    if (rt->config.seed) seed_random(L, rt->config.seed);
    neapL_collector_init(rt);
    neapL_open_exit(L, rt);
}

// Lua makes the metatable of its large buffers' boxes when it first needs one,
// and never again: half made, for want of memory, it would refuse them all.
static void open_buffers(lua_State *L) {
    luaL_Buffer buffer;
    luaL_buffinitsize(L, &buffer, LUAL_BUFFERSIZE + 1);
    luaL_pushresultsize(&buffer, 0);
    lua_pop(L, 1);
}

// Protected: all that needs Lua. The runtime is the argument.
static int init_state(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, rt); // first: what is replaced below looks for it
    lua_rawsetp(L, LUA_REGISTRYINDEX, &runtime_key);
    if (rt->owns_state) furnish(L, rt);
    open_buffers(L);
    lua_newtable(L);
    rt->anchors = luaL_ref(L, LUA_REGISTRYINDEX);
    neapL_threads_init(L, rt);
    neapL_readers_init(L, rt);
    rt->caller = lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &rt->caller); // rt anchors itself
    neapL_openmodule(L, rt);
    if (rt->owns_state || !(rt->config.flags & NEAP_STOCK_COROUTINES)) {
        neapL_open_coroutine(L, rt);
        neapL_open_require(L, rt);
    }
    replace_print(L, rt);
    neapL_open_limits(L, rt);
    return 0;
}

// The room on the main thread's stack stays there: a turn needs none.
static int init(neap_runtime *rt, lua_State *L) {
    rt->L = rt->turner = L;
    rt->error = "";
    neapL_limits_init(rt);
    if (!lua_checkstack(L, 3 * LUA_MINSTACK)) return -ENOMEM;
    int rc = init_loop(rt);
    if (rc < 0) return rc;
    lua_pushcfunction(L, init_state);
    lua_pushlightuserdata(L, rt);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return 0;
    lua_pop(L, 1);
    return -ENOMEM;
}

// ---- a state of our own

// With the configuration read and everything else zero.
static neap_runtime *allocate(const neap_config *config) {
    neap_runtime blank = {.owns_state = true}, *rt;
    configure(&blank, config);
    neap_allocator allocator = blank.config.allocator;
    void *ud = blank.config.allocator_ud;
    rt = allocator ? allocator(ud, NULL, 0, sizeof *rt) : malloc(sizeof *rt);
    return rt ? memcpy(rt, &blank, sizeof blank) : NULL;
}

static void release(neap_runtime *rt) {
    neap_allocator allocator = rt->config.allocator;
    void *ud = rt->config.allocator_ud;
    neap_arena_term(&rt->arena);
    if (allocator) allocator(ud, rt, sizeof *rt, 0);
    else free(rt);
}

// Undoes what neap_open did as far as it came.
static neap_runtime *give_up(neap_runtime *rt, lua_State *L) {
    rt->closing = true;
    if (L) lua_close(L);
    if (rt->root) neapL_runtime_term(rt);
    release(rt);
    return NULL;
}

neap_runtime *neap_open(const neap_config *config) {
    neap_runtime *rt = allocate(config);
    if (!rt) return NULL;
    neap_arena_init(&rt->arena);
    rt->alloc = (neap_alloc){neap_arena_alloc, &rt->arena};
    rt->host_allocates = rt->config.allocator != NULL;
    if (rt->host_allocates)
        rt->alloc = (neap_alloc){rt->config.allocator, rt->config.allocator_ud};
    neapL_limit_memory(rt);
    lua_State *L = lua_newstate(rt->alloc.fn, rt->alloc.ud);
    if (!L || init(rt, L) < 0) return give_up(rt, L);
    return rt;
}

// ---- the host's state

// From inside by a stock os.exit(code, true) in a task: nothing returns into
// the loop, and all that can be done is to run clean-up.
void neapL_close_with_state(neap_runtime *rt) {
    lua_State *running = rt->running ? rt->running : rt->L;
    if (rt->closing) return;
    if (rt->root && rt->busy) neapL_close_inside(running, rt);
    else neap_close(rt);
}

// The state is being closed. What was made since is finalized already; Futures,
// in whose lines watches may stand, are touched no more.
static int finalize(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_close_with_state(rt);
    if (rt->closing) neapL_gatherings_term(rt); // else it never began
    return 0;
}

// Protected: the structure as a userdata, anchored in the registry.
static int make_userdata(lua_State *L) {
    neap_runtime *rt = lua_newuserdatauv(L, sizeof *rt, 0);
    memset(rt, 0, sizeof *rt);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, finalize);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, -1));
    *(neap_runtime **)lua_touserdata(L, 1) = rt;
    return 0;
}

static lua_State *main_thread(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main;
}

neap_runtime *neap_attach(lua_State *L, const neap_config *config) {
    if (!lua_checkstack(L, LUA_MINSTACK)) return NULL;
    neap_runtime *rt = neapL_find(L);
    if (rt && rt->root) return rt; // not closed
    lua_pushcfunction(L, make_userdata);
    lua_pushlightuserdata(L, &rt);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) return lua_pop(L, 1), NULL;
    configure(rt, config);
    rt->config.allocator = NULL; // the state has one
    rt->config.memory_limit = 0; // and the host counts what it gives
    rt->alloc.fn = lua_getallocf(L, &rt->alloc.ud);
    rt->host_allocates = true;
    if (init(rt, main_thread(L)) == 0) return rt;
    if (rt->root) neapL_runtime_term(rt);
    return NULL;
}

// ---- the end

void neap_close(neap_runtime *rt) {
    if (!rt || !rt->root) return; // never opened, or closed
    lua_State *L = rt->L;
    if (rt->busy) {
        neapL_set_words(rt, "neap_close was called from inside the runtime");
        return;
    }
    rt->busy++;
    neapL_wind_up(rt);
    if (rt->owns_state) lua_close(L);
    neapL_runtime_term(rt);
    rt->busy--;
    if (rt->owns_state) release(rt);
}
