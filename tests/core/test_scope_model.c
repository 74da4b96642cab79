// SPDX-License-Identifier: MIT
// Scope against a model: whose cancel reaches whom, asked afresh each time.
//
// A random tree in which scopes are opened, left, moved, cancelled, shielded;
// after each step the cause of every scope must be the one that the model,
// which walks outwards from each, finds. Beside it, each scope has a task that
// waits in it: the cancel that reaches the scope, and only that, wakes it.
#include "tests/core/fake.h"
#include "tests/core/invariant.h"

enum {
    NODES = 60,
    STEPS = 30000,
    ROOT = 0 // never left
};

typedef struct node {
    neap_scope scope;
    neap_task task; // waits in the scope until a cancel wakes it
    int parent;     // its index; -1: the root
    int kids;       // opened within it
    bool open;      // it is in the tree
    bool cancelled; // by itself
    bool shield;
} node;

typedef struct world {
    node nodes[NODES];
    neap_loop *loop;
} world;

// The outermost cancelled one up to a shield, or -1.
static int model_cause(const world *w, int i) {
    int cause = -1;
    for (; i >= 0; i = w->nodes[i].shield ? -1 : w->nodes[i].parent)
        if (w->nodes[i].cancelled) cause = i;
    return cause;
}

static void wait_again(node *n) {
    if (n->task.state == NEAP_TASK_WAITING) return;
    neap_task_term(&n->task);
    if (!n->scope.cause) neap_task_wait(&n->task, NULL);
}

static void open_node(world *w, int i, int parent) {
    node *n = &w->nodes[i];
    *n = (node){.parent = parent, .open = true};
    neap_task_init(&n->task, w->loop, 0);
    if (parent >= 0) w->nodes[parent].kids++;
    neap_scope_open(&n->scope, parent < 0 ? NULL : &w->nodes[parent].scope,
                    &n->task);
    n->task.inner = &n->scope;
    wait_again(n);
}

static void close_node(world *w, int i) {
    node *n = &w->nodes[i];
    if (n->kids > 0) return;
    neap_task_term(&n->task);
    neap_scope_close(&n->scope);
    if (n->parent >= 0) w->nodes[n->parent].kids--;
    n->open = false;
}

static int random_open(const world *w) {
    int i = rand() % NODES;
    while (!w->nodes[i].open) i = (i + 1) % NODES;
    return i;
}

static void cancel(node *n) {
    assert_int_equal(neap_scope_cancel(&n->scope), !n->cancelled);
    n->cancelled = true;
}

static bool is_beneath(const world *w, int i, int above) {
    while (i >= 0 && i != above) i = w->nodes[i].parent;
    return i == above;
}

static void move(world *w, int i, int parent) {
    node *n = &w->nodes[i];
    if (is_beneath(w, parent, i)) return;
    w->nodes[n->parent].kids--;
    w->nodes[parent].kids++;
    n->parent = parent;
    neap_scope_move(&n->scope, &w->nodes[parent].scope);
}

static void random_step(world *w) {
    int i = rand() % NODES, kind = rand() % 16;
    node *n = &w->nodes[i];
    if (!n->open) open_node(w, i, random_open(w));
    else if (kind < 6 && i != ROOT) close_node(w, i);
    else if (kind < 7) cancel(n);
    else if (kind < 10 && i != ROOT) move(w, i, random_open(w));
    else neap_scope_shield(&n->scope, n->shield = rand() % 2);
}

// The walk meets every open scope once; the walk back meets them in reverse.
static void check_walks(world *w) {
    neap_scope *met[NODES], *root = &w->nodes[ROOT].scope;
    int count = 0, open = 0;
    for (int i = 0; i < NODES; i++) open += w->nodes[i].open;
    for (neap_scope *at = root; at; at = neap_scope_next(root, at, false)) {
        assert_true(count < open);
        met[count++] = at;
    }
    assert_int_equal(count, open);
    for (neap_scope *at = neap_scope_leaf(root); at; at = neap_scope_back(at))
        assert_ptr_equal(at, met[--count]);
    assert_int_equal(count, 0);
}

// Woken is whom a cancel has reached, and nobody else.
static void compare(world *w) {
    assert_true(scopes_hold(&w->nodes[ROOT].scope));
    for (int i = 0; i < NODES; i++) {
        const node *n = &w->nodes[i];
        if (!n->open) continue;
        int cause = model_cause(w, i);
        assert_ptr_equal(n->scope.cause,
                         cause < 0 ? NULL : &w->nodes[cause].scope);
        if (n->scope.cause)
            assert_int_not_equal(n->task.state, NEAP_TASK_WAITING);
        if (n->task.state != NEAP_TASK_READY) continue;
        assert_int_equal(n->task.wake, NEAP_WAKE_CANCEL);
    }
}

// Whose scope is not cancelled (any more) waits.
static void settle(world *w) {
    for (int i = 0; i < NODES; i++)
        if (w->nodes[i].open) wait_again(&w->nodes[i]);
}

static void forget_all_cancels(world *w) {
    for (int pass = 0; pass < NODES; pass++)
        for (int i = 0; i < NODES; i++)
            if (w->nodes[i].open) close_node(w, i);
    open_node(w, ROOT, -1);
}

static void scopes_behave_as_a_walk_outwards_says(void **state) {
    stage *on = *state;
    static world w;
    w.loop = &on->loop;
    open_node(&w, ROOT, -1);
    srand(4);
    for (int step = 0; step < STEPS; step++) {
        if (step % 500 == 499) forget_all_cancels(&w);
        random_step(&w);
        compare(&w);
        check_walks(&w);
        settle(&w);
    }
    forget_all_cancels(&w);
    close_node(&w, ROOT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(scopes_behave_as_a_walk_outwards_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
