// SPDX-License-Identifier: MIT
// Collector: how the garbage of a state of our own is collected.
//
// Generational, as in lua. But each minor collection visits every coroutine,
// which sets it a bound on either side. Lua begins one when memory has grown by
// 20 %: of a small heap that is a few messages, so with some tasks about it
// waits for more, though not for so much that the processor's cache overflows.
// And of many tasks each takes milliseconds: then small steps of the
// incremental mode take their place.
//
// A script that chose the incremental mode keeps it, and a host's state is its
// own.
#ifndef NEAP_BINDINGS_COLLECTOR_H
#define NEAP_BINDINGS_COLLECTOR_H

#include "bindings/neap.h"

typedef enum neapL_collector {
    NEAPL_LEFT_ALONE, // incremental, or another's
    NEAPL_AS_IN_LUA,  // generational, at Lua's pace
    NEAPL_SPARSE      // generational, of a small heap with some tasks
} neapL_collector;

enum { NEAPL_CROWD = 10000 }; // tasks: a minor collection takes 3 ms and more

// Of a state that has just been made.
void neapL_collector_init(neap_runtime *rt);

// After a turn.
void neapL_collector_turn(neap_runtime *rt);

// As soon as so many tasks are alive.
void neapL_collector_crowd(neap_runtime *rt);

#endif
