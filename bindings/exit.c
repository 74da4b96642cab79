// SPDX-License-Identifier: MIT
// Exit: os.exit in states that neap_open made.
//
// os.exit(code) ends the process at once. os.exit(code, true) never returns
// either: it closes the to-be-closed variables of the calling coroutine and of
// those that resumed it, innermost first, then those of every other task. No
// wait is possible in any of them, so that nothing can hold it up. Then it ends
// the other threads, then the state.
//
// All of it happens on the caller's own C stack. Closing the running thread is
// what lua_close does to the main one; nothing returns into the others.
#include <lualib.h>
#include <stdlib.h>

#include "bindings/runtime.h"

static const char who[] = "os.exit";

// Of the coroutines that are active; not the task's own, nor the main thread,
// whose turn comes.
static void unwind(lua_State *co, neap_runtime *rt) {
    bool body = rt->task && rt->task->co == co;
    if (!body && co != rt->L) neapL_unwind(rt->L, co, who);
}

void neapL_close_inside(lua_State *L, neap_runtime *rt) {
    neapL_link *link = rt->link;
    neapL_task *task = rt->task;
    rt->closing = true;
    rt->waitable = NULL;
    rt->turner = rt->L;
    neap_inbox_close(rt->loop.inbox); // other threads run on
    neapL_cfutures_term(rt);
    unwind(L, rt);
    for (; link; link = link->up) unwind(link->L, rt);
    if (task) neapL_task_unwind(rt->L, task, who);
    rt->task = NULL;
    neapL_close_tasks(rt);
    neapL_calls_close(rt);
    neapL_workers_close(rt->workers);
    rt->workers = NULL;
}

static int os_exit(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    int code = EXIT_SUCCESS;
    if (!lua_isboolean(L, 1)) code = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    else if (!lua_toboolean(L, 1)) code = EXIT_FAILURE;
    if (lua_toboolean(L, 2)) {
        neapL_close_inside(L, rt);
        lua_close(rt->L);
    }
    exit(code);
}

static const luaL_Reg functions[] = {{"exit", os_exit}, {NULL, NULL}};

void neapL_open_exit(lua_State *L, neap_runtime *rt) {
    if (lua_getglobal(L, LUA_OSLIBNAME) == LUA_TTABLE)
        neapL_addfuncs(L, rt, functions);
    lua_pop(L, 1);
}
