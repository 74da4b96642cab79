// SPDX-License-Identifier: MIT
// Scope: opening, leaving and cancelling, all without recursion (see scope.h).
//
// A chain of 10^5 nested scopes is an ordinary program here, so the tree is
// walked by its own links. Assumption: nothing is opened or left during a walk;
// cancelling only marks and wakes, and runs nobody.
#include "core/scope.h"

#include <assert.h>

#include "core/task.h"

static bool inherited(const neap_scope *scope) {
    return !scope->shield && scope->parent && scope->parent->effective;
}

static bool is_consistent(const neap_scope *scope) {
    return scope->effective == (scope->cancelled || inherited(scope));
}

static neap_scope *owner(neap_link *link) {
    return NEAP_OWNER(link, neap_scope, link);
}

void neap_scope_open(neap_scope *scope, neap_scope *parent,
                     struct neap_task *task) {
    assert(scope != parent);
    *scope = (neap_scope){.parent = parent, .task = task};
    neap_list_init(&scope->link);
    scope->effective = inherited(scope);
    if (!parent) return;
    if (parent->kids) neap_list_append(&parent->kids->link, &scope->link);
    else parent->kids = scope;
}

void neap_scope_close(neap_scope *scope) {
    assert(!scope->kids);
    neap_scope *parent = scope->parent, *next = owner(scope->link.next);
    if (parent && parent->kids == scope)
        parent->kids = next == scope ? NULL : next;
    neap_list_unlink(&scope->link);
    scope->parent = NULL;
}

neap_scope *neap_scope_next(const neap_scope *root, neap_scope *scope,
                            bool skip) {
    assert(root && scope);
    if (!skip && scope->kids) return scope->kids;
    while (scope != root) {
        neap_scope *next = owner(scope->link.next);
        if (next != scope->parent->kids) return next;
        scope = scope->parent;
    }
    return NULL;
}

neap_scope *neap_scope_leaf(neap_scope *scope) {
    assert(scope);
    while (scope->kids) scope = owner(scope->kids->link.prev);
    return scope;
}

neap_scope *neap_scope_back(neap_scope *scope) {
    neap_scope *parent = scope->parent;
    assert(!parent || parent->kids);
    if (!parent || parent->kids == scope) return parent;
    return neap_scope_leaf(owner(scope->link.prev));
}

// Sets the mark, and wakes the task if it waits in this very scope.
static void mark(neap_scope *scope) {
    assert(!scope->effective);
    scope->effective = true;
    neap_task *task = scope->task;
    if (task && task->inner == scope && task->state == NEAP_TASK_WAITING)
        neap_task_wake(task, NEAP_WAKE_CANCEL);
}

// Marks `root` and what inherits from it; what is marked, or behind a shield,
// is passed over with all beneath it.
static void spread(neap_scope *root) {
    neap_scope *scope = root;
    while (scope) {
        bool reached = !scope->effective && (scope == root || inherited(scope));
        if (reached) mark(scope);
        scope = neap_scope_next(root, scope, !reached);
    }
    assert(is_consistent(root));
}

bool neap_scope_cancel(neap_scope *scope) {
    assert(is_consistent(scope));
    if (scope->cancelled) return false;
    scope->cancelled = true;
    spread(scope);
    return true;
}

// Takes back what `root` and those beneath inherited and do so no more.
static void withdraw(neap_scope *root) {
    neap_scope *scope = root;
    while (scope) {
        bool stays = scope->cancelled || inherited(scope);
        bool changed = scope->effective && !stays;
        if (changed) scope->effective = false;
        scope = neap_scope_next(root, scope, !changed);
    }
    assert(is_consistent(root));
}

void neap_scope_shield(neap_scope *scope, bool shield) {
    assert(is_consistent(scope));
    scope->shield = shield;
    if (inherited(scope) && !scope->effective) spread(scope);
    else withdraw(scope);
}

bool neap_scope_check(const neap_scope *root) {
    neap_scope *scope = (neap_scope *)(size_t)root; // the walk writes nothing
    for (; scope; scope = neap_scope_next(root, scope, false))
        if (!is_consistent(scope)) return false;
    return true;
}
