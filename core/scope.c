// SPDX-License-Identifier: MIT
// Scope: opening, leaving and cancelling, all without recursion (see scope.h).
//
// A chain of 10^5 nested scopes is an ordinary program here, so the tree is
// walked by its own links. Assumption: nothing is opened or left during a walk;
// cancelling only marks and wakes, and runs nobody.
#include "core/scope.h"

#include <assert.h>

#include "core/task.h"

static neap_scope *cause_of(neap_scope *scope) {
    neap_scope *parent = scope->parent;
    if (!scope->shield && parent && parent->cause) return parent->cause;
    return scope->cancelled ? scope : NULL;
}

static neap_scope *owner(neap_link *link) {
    return NEAP_OWNER(link, neap_scope, link);
}

static void enter(neap_scope *scope, neap_scope *parent) {
    neap_list_init(&scope->link);
    scope->parent = parent;
    if (!parent) return;
    if (parent->kids) neap_list_append(&parent->kids->link, &scope->link);
    else parent->kids = scope;
}

static void leave(neap_scope *scope) {
    neap_scope *parent = scope->parent, *next = owner(scope->link.next);
    if (parent && parent->kids == scope)
        parent->kids = next == scope ? NULL : next;
    neap_list_unlink(&scope->link);
    scope->parent = NULL;
}

void neap_scope_open(neap_scope *scope, neap_scope *parent,
                     struct neap_task *task) {
    assert(scope != parent);
    *scope = (neap_scope){.task = task};
    enter(scope, parent);
    scope->cause = cause_of(scope);
}

void neap_scope_close(neap_scope *scope) {
    assert(!scope->kids);
    leave(scope);
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

// Sets the cause, and wakes the task if it waits in this very scope.
static void mark(neap_scope *scope, neap_scope *cause) {
    assert(scope->cause != cause);
    scope->cause = cause;
    neap_task *task = scope->task;
    bool waits = task && task->inner == scope;
    if (cause && waits && task->state == NEAP_TASK_WAITING)
        neap_task_wake(task, NEAP_WAKE_CANCEL);
}

// Something has changed at `root`: what is beneath hears of it. Where nothing
// changes, nothing does further down.
static void spread(neap_scope *root) {
    neap_scope *scope = root;
    while (scope) {
        neap_scope *cause = cause_of(scope);
        bool changed = scope->cause != cause;
        if (changed) mark(scope, cause);
        scope = neap_scope_next(root, scope, !changed);
    }
    assert(root->cause == cause_of(root));
}

bool neap_scope_cancel(neap_scope *scope) {
    assert(scope->cause == cause_of(scope));
    if (scope->cancelled) return false;
    scope->cancelled = true;
    spread(scope);
    return true;
}

void neap_scope_shield(neap_scope *scope, bool shield) {
    assert(scope->cause == cause_of(scope));
    scope->shield = shield;
    spread(scope);
}

void neap_scope_move(neap_scope *scope, neap_scope *parent) {
    assert(scope != parent);
    leave(scope);
    enter(scope, parent);
    spread(scope);
}
