// SPDX-License-Identifier: MIT
// Scope: a node of the tree that says who is cancelled.
//
// A task is a scope, a group is one, a time-out is one with a deadline. Cancel
// is level-triggered, as trio's: in a cancelled scope every wait ends at once,
// until the scope is left, because Lua's pcall would swallow a single error.
//
// Which scope's cancel reaches into a scope, the outermost up to a shield, is
// kept in each node (`cause`): cancel sets it downwards, iteratively, and a new
// scope inherits it. So the check at a wait is one load. (Walking outwards at
// each wait made 20,000 nested groups cost 6.4 s instead of 10 ms.)
//
// Invariant: cause is the parent's, unless there is none or a shield; then it
// is the scope itself if that was cancelled, else NULL.
#ifndef NEAP_CORE_SCOPE_H
#define NEAP_CORE_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/list.h"

struct neap_task;

typedef struct neap_scope {
    neap_link link;            // in the ring of its parent's kids
    struct neap_scope *kids;   // the oldest scope opened within it, or NULL
    struct neap_scope *parent; // NULL: a root
    struct neap_task *task;    // who waits in it; NULL: only its kids do
    struct neap_scope *cause;  // whose cancel reaches it; NULL: nobody's
    uint32_t tag;              // for its owner alone
    uint8_t kind;              // for its owner alone
    bool cancelled;            // was itself cancelled
    bool shield;               // what is above does not reach in
} neap_scope;

// Opens a scope as the youngest child of `parent` (NULL: a root).
void neap_scope_open(neap_scope *scope, neap_scope *parent,
                     struct neap_task *task);

// Leaves it; its children must have been left before.
void neap_scope_close(neap_scope *scope);

// Cancels it and what is beneath, up to shields, and wakes every waiting task
// there. False: it was cancelled already.
bool neap_scope_cancel(neap_scope *scope);

// The shield goes up or down; what it lets in again is cancelled at once.
void neap_scope_shield(neap_scope *scope, bool shield);

// Puts a scope, with all beneath it, under another parent.
void neap_scope_move(neap_scope *scope, neap_scope *parent);

// Walks a tree in pre-order, children in the order in which they were opened:
// the node after `scope` beneath `root`, or NULL. With `skip` the children of
// `scope` are passed over.
neap_scope *neap_scope_next(const neap_scope *root, neap_scope *scope,
                            bool skip);

// The youngest of the innermost beneath `scope`: nothing stands beneath that
// one. `scope` itself where it has no kids.
neap_scope *neap_scope_leaf(neap_scope *scope);

// Walks a tree backwards, from its leaf: what stands beneath a scope comes
// before it. NULL after the root.
neap_scope *neap_scope_back(neap_scope *scope);

#endif
