// SPDX-License-Identifier: MIT
// Probe: what probe.c and starve.c share.
#ifndef NEAP_TESTS_PROBE_H
#define NEAP_TESTS_PROBE_H

#include "bindings/parcel.h"

// Adds the type of counters, which cross by reference, to a state.
void probe_openlibs(lua_State *L);

// probe.starve(code): the code, run in a state of its own, gives values; they
// go to another state, again and again, each time with another allocation that
// fails. Returns how many did. Raises where something leaks or cannot go on.
int probe_starve(lua_State *L);

#endif
