// SPDX-License-Identifier: MIT
// Origin: what a state on another thread has from the runtime it works for.
//
// A new state there looks for modules where this one does, and what it prints
// or reports is heard here: it is sent over, and this runtime's output and
// report functions are called on this thread. It has memory of its own: the
// host's allocator belongs to this thread.
//
// Counted, since a thread may outlive the runtime: then nobody hears.
#ifndef NEAP_BINDINGS_ORIGIN_H
#define NEAP_BINDINGS_ORIGIN_H

#include "bindings/neapL.h"

typedef struct neapL_origin {
    atomic_int holders;
    neap_runtime *rt;   // for its own thread alone
    neap_inbox *inbox;  // the way there
    neap_config config; // for states elsewhere
    char *path, *cpath; // package's
} neapL_origin;

// Of the runtime of L. NULL: no memory. [-0, +0, e]
neapL_origin *neapL_origin_open(lua_State *L, neap_runtime *rt);

neapL_origin *neapL_origin_hold(neapL_origin *origin);
void neapL_origin_release(neapL_origin *origin);

// package.path and cpath of L are still what they were.
bool neapL_origin_is_true(lua_State *L, const neapL_origin *origin);

// A runtime for work elsewhere, which must be closed before the origin is
// released; from any thread, which from then on is its own. NULL: no memory, or
// no descriptor.
neap_runtime *neapL_origin_furnish(neapL_origin *origin);

#endif
