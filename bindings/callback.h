// SPDX-License-Identifier: MIT
// Callback: a function that the loop calls, once or at each readiness.
//
// A callback stands in the same deque, heap and lines as a task does; the
// resume hook tells them apart by kind. Its userdata, which Lua sees as a
// Handle, holds the function and its arguments as user values, so that none
// needs a table. A pending one is anchored in the runtime's table of anchors;
// one in a future's line, in that future, so that both are collected together.
#ifndef NEAP_BINDINGS_CALLBACK_H
#define NEAP_BINDINGS_CALLBACK_H

#include "bindings/task.h"

typedef struct neapL_handle {
    const neapL_type *type;
    neap_task core;    // what the loop runs
    neap_fd *fd;       // a reader's descriptor; else NULL
    uint64_t group_id; // where its spawns go
    int count;         // arguments, from user value ARGS on
    int number;        // a reader's: of its descriptor
    int line;          // of the call that made it; -1: unknown
    uint8_t dir;       // a reader's direction
    bool borrowed;     // its fd is its own to give back, and no Socket's
    bool with_future;  // called with the future it waited for, last
    bool active;       // was neither called (once) nor cancelled
    bool contexted;    // the last user value is the context it inherits
    bool cancelled;    // by handle:cancel() or neap_close, before it was called
} neapL_handle;

enum { // user values
    NEAPL_HANDLE_FN = 1,
    NEAPL_HANDLE_SITE, // the function whose line made it
    NEAPL_HANDLE_LAST, // the future it waits for; nil: none
    NEAPL_HANDLE_ARGS  // the first argument
};

extern const neapL_type neapL_handle_type;

// A handle for the function at `arg` and the arguments behind it; pushed.
neapL_handle *neapL_handle_new(lua_State *L, int arg, int kind);

// Where the Handle at `index` was made: "app.lua:12", or NULL. [-0, +1, m]
const char *neapL_handle_site(lua_State *L, int index);

// neap.call_soon (fn, ...) -> Handle; refused where the runtime is closing.
int neapL_call_soon(lua_State *L);

// Calls it, protected, in the runtime's thread for callbacks.
void neapL_handle_call(neap_runtime *rt, neapL_handle *handle);

// Takes it out of everything; false: it was called or cancelled before.
bool neapL_handle_cancel(lua_State *L, neap_runtime *rt, neapL_handle *handle);

#endif
