// SPDX-License-Identifier: MIT
// Event: a flag, and the line of those who wait until it is set.
//
// Who waited when it was set has been woken with that, and goes on, even where
// it is cleared before they run.
//
// Invariant: nobody waits for an event that is set.
#include <assert.h>

#include "bindings/task.h"

typedef struct neapL_event {
    const neapL_type *type; // &event_type
    neap_list line;         // who waits for it
    bool set;               // it has happened
} neapL_event;

static const neapL_type event_type;

static neapL_event *check_event(lua_State *L) {
    return neapL_check(L, 1, &event_type);
}

// event:set(): wakes everybody who waits.
static int event_set(lua_State *L) {
    neapL_event *event = check_event(L);
    event->set = true;
    neap_task_wake_all(&event->line, NEAP_WAKE_READY);
    return 0;
}

// event:clear(): from now on one waits again.
static int event_clear(lua_State *L) {
    check_event(L)->set = false;
    return 0;
}

// event:is_set() -> bool
static int event_is_set(lua_State *L) {
    lua_pushboolean(L, check_event(L)->set);
    return 1;
}

static int happened_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    return 0;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_event *event = lua_touserdata(L, 1);
    neapL_woken(L, status);
    assert(!event->set || neap_list_empty(&event->line));
    if (event->set) return 0;
    neapL_task *task = neapL_waiting(L, NEAPL_EVENT);
    neap_task_wait(&task->core, &event->line);
    return neapL_suspend(L, ctx, happened_k);
}

// event:wait(): returns when it is set.
static int event_wait(lua_State *L) {
    check_event(L);
    return neapL_begin(L, 0, wait_k);
}

// "<Event set>", "<Event not set, 2 tasks waiting>"
static int event_tostring(lua_State *L) {
    const neapL_event *event = check_event(L);
    lua_pushstring(L, event->set ? "<Event set" : "<Event not set");
    neapL_add_line(L, &event->line, "task");
    lua_pushliteral(L, ">");
    lua_concat(L, 2);
    return 1;
}

// neap.Event(): not set
static int event_new(lua_State *L) {
    neapL_event *event = neapL_new(L, &event_type, 0);
    neap_list_init(&event->line);
    return 1;
}

static const luaL_Reg event_methods[] = {
    {"set", event_set},   {"clear", event_clear}, {"is_set", event_is_set},
    {"wait", event_wait}, {NULL, NULL},
};

static const luaL_Reg event_meta[] = {{"__tostring", event_tostring},
                                      {NULL, NULL}};

static const neapL_type event_type = {"neap.Event", sizeof(neapL_event),
                                      event_methods, event_meta};

static const luaL_Reg event_funcs[] = {{"Event", event_new}, {NULL, NULL}};

void neapL_open_event(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &event_type);
    neapL_addfuncs(L, rt, event_funcs);
}
