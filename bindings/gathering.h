// SPDX-License-Identifier: MIT
// Gathering: how one task waits for several futures.
//
// A task stands in one line only, so for the others stand-ins are sent: a watch
// in the line of each future. A future's end tells its watch at once (no Lua
// runs): it goes over to the list of those that have ended, and when enough has
// happened whoever waits for the gathering is woken. The calls differ in what
// is enough, and in what they do then.
//
// What is gathered, each thing at its place (from 1), stands in a table, or as
// arguments on the stack of the call that was given it: first as it was given,
// then its future.
//
// Lifetime: what Lua holds is a handle, which holds that table, or the
// arguments' futures. It is a to-be-closed slot, or the closing value of a
// `for`; however the call ends, the watches leave their lines before the
// gathering goes. For those that nobody closed the handle's finalizer does the
// same. Lua may drop that, where there is no memory to call it, while futures
// know the watches still: so the gathering itself is the runtime's memory, and
// stays then until the state ends; for Futures may outlive the runtime.
#ifndef NEAP_BINDINGS_GATHERING_H
#define NEAP_BINDINGS_GATHERING_H

#include "bindings/task.h"

enum { // the stack of a call that gathers
    NEAPL_GATHERING = 1,
    NEAPL_LIST // the table; or the first of the arguments
};

typedef struct neapL_gathering neapL_gathering;

typedef struct neapL_watch {
    neap_task core;       // in the future's line, or in `ended`
    neapL_future *future; // what it watches; NULL: nothing (any more)
    int place;            // of that
    int index;            // its own, in the gathering
    bool made;            // an owner's call made the future: a task
} neapL_watch;

struct neapL_gathering {
    neap_link link;        // among the runtime's
    neap_list line;        // who waits for it
    neap_list ended;       // watches whose futures have ended, first one first
    neapL_watch *failed;   // the first whose future failed; NULL: none
    lua_CFunction finish;  // an owner's: what it does when it is over
    neap_scope cover;      // the shield under which an owner waits for the end
    int64_t deadline_ns;   // of its waits; NEAP_NEVER_NS: none
    int size;              // places
    int begun;             // of them, those that were given to a watch
    int count;             // watches
    int pending;           // of them, those whose futures have not ended
    int enough;            // it is over when so few are pending
    bool on_error;         // or when one has failed
    bool keeps;            // its error is raised even in a cancelled task
    bool spread;           // what is gathered stands on the stack
    bool lends;            // an iterator's: what ended is not seen until taken
    neapL_watch watches[]; // `count` of them
};

typedef struct neapL_gathering_handle {
    const neapL_type *type;
    neap_runtime *rt;           // whose the gathering is
    neapL_gathering *gathering; // NULL: it was closed, or never made
} neapL_gathering_handle;

// The gathering whose handle is at `index`; NULL: it has gone.
neapL_gathering *neapL_gathering_at(lua_State *L, int index);

// ---- what is to be gathered

// Whether the value at `index` is a Task, a Future or a function; the running
// task itself is refused.
bool neapL_is_gatherable(lua_State *L, int index);

// Replaces the list at argument 1 by a copy; its size.
int neapL_checklist(lua_State *L);

// ---- gathering

// A gathering of the list at index 1, which goes behind its handle; it watches
// at most `limit` at once, and nothing yet.
neapL_gathering *neapL_gathering_new(lua_State *L, int size, int limit);

// The gathering outlives the call, held by an iterator.
void neapL_gathering_lend(lua_State *L);

// The next place is given to a watch: the future that stands there in the
// table, or the function as a task.
void neapL_watch_next(lua_State *L, neapL_watch *watch);

// The same; what stood there was replaced by this future.
void neapL_watch_begin(neapL_watch *watch, neapL_future *future);

// The next of those that have ended, or NULL; its watch is free.
neapL_watch *neapL_gathering_take(neapL_gathering *gathering);

bool neapL_gathering_is_over(const neapL_gathering *gathering);

// Waits until it is over, or its deadline. As a return value only.
int neapL_gathering_wait(lua_State *L, lua_KContext ctx, lua_KFunction k);

// neapL_woken for a gathering of the call's own, whose watches leave their
// lines before an error is raised: if that ends a coroutine of the user's, its
// slots may never be closed.
neap_wake neapL_gathering_woken(lua_State *L, int status);

// The wait's gathering has gone: its state is being closed. Raises.
int neapL_gathering_forsake(lua_State *L, int status);

// Pushes what stands at a place; or the first result, or nil, of the ended
// future there. [-0, +1, -] [-0, +1, e]
void neapL_gathering_get(lua_State *L, int place);
void neapL_gathering_result(lua_State *L, int place);

// ---- owning: gather, settle, race, map

// Gathers up the arguments, all gatherable, for a call that owns them.
neapL_gathering *neapL_gather_arguments(lua_State *L);

// Waits until it is over, then calls `finish`. A cancel, or a deadlock, ends
// it and is raised. As a return value only.
int neapL_gathering_own(lua_State *L, lua_CFunction finish);

// Ends it: what still runs is cancelled and, under a shield, awaited; then
// raises the Cancelled if the task has one, or calls `finish`. The same, and
// raises the first failure's error. As return values only.
int neapL_gathering_end(lua_State *L, lua_CFunction finish);
int neapL_gathering_fail(lua_State *L);

#endif
