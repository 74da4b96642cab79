// SPDX-License-Identifier: MIT
// Names: the addresses of a host and a service.
//
// A literal, a path or "localhost" is known at once. Anything else is a job of
// the pool: the task waits for it, outside; a cancel leaves it alone, and what
// it finds then is dropped.
#ifndef NEAP_BINDINGS_NAMES_H
#define NEAP_BINDINGS_NAMES_H

#include "bindings/address.h"
#include "bindings/task.h"

typedef struct neapL_names {
    const neapL_type *type;
    neap_list line;            // the task that asked
    struct lookup *asked;      // the job, then its answer; NULL: a literal
    lua_KFunction next;        // goes on with the addresses
    const neapL_address *list; // the addresses; who knows how many to try
    int count;                 // first first
    neapL_address literal[2];  // of them, where nobody was asked
} neapL_names;

// Asks for the host at index 1 and the port or service at index 2, which is the
// port's number afterwards, and pushes the Names; then goes on with `next`,
// whose ctx is their index. Or fails: nil, message, code. Misuse raises. May
// wait: as a return value only.
int neapL_names_ask(lua_State *L, lua_KFunction next);

#endif
